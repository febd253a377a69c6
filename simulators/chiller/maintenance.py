"""The maintenance policy: when machines are serviced, how much is found in time, how long repairs take."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.fleet.config import means, table

DayOfYear = Annotated[int, Field(ge=1, le=366)]
Hour = Annotated[float, Field(ge=0, le=24)]


@table
class Maintenance:
    """Each machine has its annual service on a day in [``service_from_day``, ``service_until_day``).

    ``found_share`` of the gradual faults are found and mended before they trip (those that stop short of harm
    are 0.35 of all). Planned work stops a machine from ``crew_from_h`` to ``crew_until_h``, UTC. The repair
    after a safety shutdown takes a log-normal time (median 12–13 h in OREDA 2009, for other machinery).
    """

    service_from_day: Annotated[
        DayOfYear, means("day of the year from which each machine has its annual service")
    ] = 20
    service_until_day: Annotated[DayOfYear, means("day of the year before which it has had it")] = 120
    found_share: Annotated[
        float, Field(ge=0, le=0.65), means("share of gradual faults found and mended before they trip")
    ] = 0.3
    crew_from_h: Annotated[Hour, means("hour, UTC, from which planned work stops a machine")] = 8.0
    crew_until_h: Annotated[Hour, means("hour, UTC, until which it does")] = 14.0
    repair_median_h: Annotated[
        float, Field(gt=0), means("median of the repair after a safety shutdown, which is log-normal")
    ] = 13.0
    repair_spread: Annotated[float, Field(ge=0), means("standard deviation of its logarithm")] = 0.6
