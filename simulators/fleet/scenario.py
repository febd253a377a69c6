"""A scenario says which fleet to simulate: how many machines, when, in which climates, with which faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from models.errors import ConfigError
from models.fleet.config import means, read_table, read_toml, refuse, table
from models.fleet.kinds import Days
from simulators.chiller.faults import KINDS
from simulators.chiller.maintenance import Maintenance
from simulators.clock import DAY_S, Clock
from simulators.dirt.dirt import CLEAN, Dirt
from simulators.site.climate import Climate

Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, le=100)]


@table
class Scenario:
    """A simulated fleet; ``start`` is a day in UTC, ``faults`` are rates per chiller-year by kind.

    Plants are spread over ``climates`` by their shares. A fleet of fewer ``assets`` has the first of them.
    ``dirt`` is what happens to the telemetry on its way. ``dataclasses.replace`` makes a variant.
    """

    name: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,63}$"), means("as the file")]
    assets: Annotated[int, Field(gt=0, le=999_999), means("number of chillers, named `CH-0001` on")]
    days: Annotated[Days, means("length of the run")]
    start: Annotated[date, means("first day, UTC")]
    seed: Annotated[int, Field(ge=0), means("of all random numbers")]
    period_s: Annotated[Positive, means("seconds between samples; the fleet file must have the same")]
    climates: Annotated[tuple[Climate, ...], Field(min_length=1), means("every plant is in one of them")]
    faults: Annotated[
        dict[str, Rate],
        means("new faults per chiller-year, by kind; a sudden one strikes only a running chiller"),
    ] = field(default_factory=dict)
    dirt: Annotated[Dirt, means("what happens to the telemetry on its way")] = CLEAN
    maintenance: Annotated[Maintenance, means("service, planned work and repairs")] = Maintenance()
    noise: Annotated[
        float, Field(ge=0, le=100), means("multiplies the noise and the errors of all instruments")
    ] = 1.0
    nuisance_warnings: Annotated[Rate, means("alerts without a reason per chiller-year")] = 6.0

    @property
    def clock(self) -> Clock:
        """The calendar of this scenario."""
        return Clock(self.start, self.period_s)

    @property
    def range_ms(self) -> tuple[int, int]:
        """The beginning of its first day, and the end of its last."""
        return self.clock.start_ms(0), self.clock.start_ms(self.days)


def load_scenario(path: Path) -> Scenario:
    """Read and check a scenario file.

    Raises ConfigError with the file, the key, its value and what was expected.
    """
    raw = read_toml(path, "scenario")
    return parse_scenario(raw, str(path))


def parse_scenario(raw: dict[str, Any], source: str) -> Scenario:
    """Check the content of a scenario file; ``source`` names it in errors."""
    scenario = read_table(raw, Scenario, source)
    refuse([ConfigError(source, key, value, expected) for key, value, expected in _wrong(scenario)])
    return scenario


def _wrong(scenario: Scenario) -> Iterator[tuple[str, object, str]]:
    """Yield what the types allow but cannot be simulated: key, value and what is expected."""
    if DAY_S % scenario.period_s:
        yield "period_s", scenario.period_s, "a divisor of 86400, the seconds of a day"
    first, last = scenario.maintenance.service_from_day, scenario.maintenance.service_until_day
    if last <= first:
        yield "maintenance.service_until_day", last, f"above service_from_day = {first}"
    names = [climate.name for climate in scenario.climates]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield f"climates[{i}].name", name, "a name that no other climate has"
    for kind, rate in scenario.faults.items():
        if kind not in KINDS:
            yield f"faults.{kind}", rate, f"a kind of fault: {', '.join(KINDS)}"
