"""When a case is opened, and for how long it stands."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.event_time import DAY_MS
from models.fleet.config import means, table
from models.fleet.kinds import Positive, PositiveNumber, Share


@table
class Alerting:
    """When a case is opened.

    A case opens when the risk over ``horizon_d`` was at or above the threshold in ``raise_count`` of the last
    ``raise_among`` windows, ``of`` in the file, that are looked at; it closes once the risk stayed below
    ``clear_ratio`` of the threshold for ``clear_d``, or with the outcome, after which none opens for
    ``cooldown_d``. It stands for ``case_d``, which may be longer than the horizon that the risk is about; a
    risk that is still as high then opens another.
    """

    horizon_d: Annotated[PositiveNumber, means("the horizon that is alerted on, one of `horizons_d`")]
    raise_count: Annotated[Positive, means("a case opens when so many risks reach the threshold")] = 3
    raise_among: Annotated[Positive, Field(alias="of"), means("out of the last so many")] = 4
    every_s: Annotated[
        Positive | None,
        means("look only at windows whose end is a multiple of it: risks of neighbouring ones are alike"),
    ] = None
    clear_ratio: Annotated[
        Share, means("it closes once the risk stayed below this share of the threshold")
    ] = 0.5
    clear_d: Annotated[float, Field(ge=0), means("for so many days: a dip closes nothing")] = 2.0
    cooldown_d: Annotated[
        float,
        Field(ge=0),
        means("for so many days after an outcome no case opens"),
    ] = 2.0
    continues_d: Annotated[
        float,
        Field(ge=0),
        means("for so many days after its end a case that opens again is the same case, with its history"),
    ] = 14.0
    case_d: Annotated[
        PositiveNumber | None,
        means(
            "for so many days a case stands: an outcome within them was announced, and without one it was a "
            "false alarm; by default `horizon_d`"
        ),
    ] = None
    confirmed_by: Annotated[
        tuple[str, ...],
        means("codes of maintenance events that say a fault was found: they explain a case without outcome"),
    ] = ("corrective",)
    false_alarms_per_asset_year: Annotated[
        PositiveNumber, means("the budget from which the threshold is learnt")
    ] = 1.0
    budget_of: Annotated[
        Literal["unexplained", "all"],
        means("whether the budget counts only cases that nothing explains, or all without outcome"),
    ] = "unexplained"
    least_evidence: Annotated[
        float,
        Field(ge=0, le=1),
        means(
            "no risk is said of a window in which less than this share of what the model looks at has a "
            "value: it neither opens nor clears a case"
        ),
    ] = 0.3
    daily_share: Annotated[
        Share | None, means("instead: alert the riskiest of the fleet each day, this share of it")
    ] = None

    def looks_at(self, end_ms: int) -> bool:
        """Return whether a window, by its end, decides about cases."""
        return self.every_s is None or end_ms % (1000 * self.every_s) == 0

    @property
    def case_ms(self) -> float:
        """How long a case stands."""
        return (self.case_d or self.horizon_d) * DAY_MS
