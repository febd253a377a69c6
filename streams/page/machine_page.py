"""One machine as it is shown: its risk with all that happened, its sensors, its data, its past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.site_times import SiteTimes
from models.risk.wording import span
from streams.page.risk_chart import Marks, RiskChart
from streams.page.sensor_chart import sensor_series
from streams.stores.case_reader import cases_of
from streams.stores.store import Reader

SPANS_D = (7, 30, 90, 365)
_EXPLANATIONS_SHOWN, _SENSORS_SHOWN, _EVENTS_SHOWN, _QUALITY_SHOWN = 14, 6, 60, 40
_OUTCOME = "shutdown"


@dataclass(frozen=True, slots=True)
class MachinePage:
    """Makes what the template of a machine shows of what was read of it."""

    reader: Reader
    fleet: Fleet
    times: SiteTimes

    def values(self, shown: dict[str, Any]) -> dict[str, Any]:
        """Return the values of the template."""
        asset = shown["asset"]
        series = sensor_series(shown["explanations"], {s.key: s.unit for s in self.fleet.points})
        zone, ends = self.times.zone(asset), (shown["from_ms"], shown["until_ms"])
        events = list(reversed(shown["events"]))
        return {
            **shown,
            "times": self.times,
            "chart": self.chart(shown),
            "summary": self.chart(shown).summary,
            "shutdowns": [event for event in events if event[1] == _OUTCOME],
            "other_events": [event for event in events if event[1] != _OUTCOME][:_EVENTS_SHOWN],
            "spans": SPANS_D,
            "rows": _EXPLANATIONS_SHOWN,
            "recent": span(self.fleet.sampling.recent_s),
            "cases": cases_of(self.reader, asset),
            "sensors": [(one, one.draw(*ends, zone)) for one in series[:_SENSORS_SHOWN]],
            "more_sensors": [(one, one.draw(*ends, zone)) for one in series[_SENSORS_SHOWN:]],
            "told": shown["quality"][:_QUALITY_SHOWN],
            "labels": {point.key: point.label for point in self.fleet.points},
            "inventory": sorted(self.times.inventory.machines.get(asset, {}).items()),
        }

    def chart(self, shown: Mapping[str, Any]) -> RiskChart:
        """Return the chart of a machine's risk."""
        fleet, asset = self.fleet, shown["asset"]
        horizons = sorted(fleet.horizons_d)
        names = [*(f"{h:g} d" for h in horizons), "corrected"]
        columns = [shown["horizons"][f"{h:g}"] for h in horizons]
        rows = [
            (t, [*(column[i] for column in columns), adapted])
            for i, (t, _, adapted) in enumerate(shown["scores"])
        ]
        main = horizons.index(fleet.alerting.horizon_d)
        styles = {names[main]: "risk", "corrected": "adapted"}
        return RiskChart(
            shown["from_ms"],
            shown["until_ms"],
            names,
            rows,
            main,
            shown["threshold"],
            self._marks(shown),
            self.times.zone(asset),
            styles,
        )

    def _marks(self, shown: Mapping[str, Any]) -> Marks:
        asset, events = shown["asset"], shown["events"]

        def said(time_ms: int, words: str) -> tuple[int, str]:
            return time_ms, f"{self.times.said(asset, time_ms)}: {words}"

        doubts = {time_ms // DAY_MS * DAY_MS for told in shown["quality"] for time_ms in told["times"]}
        return Marks(
            shutdowns=[said(t, code) for t, kind, code in events if kind == _OUTCOME],
            repairs=[said(t, f"{kind} {code}".strip()) for t, kind, code in events if kind == "maintenance"],
            models=[said(t, f"model {model} from here on") for t, model in shown["models"]],
            cases=[
                (opened_ms, closed_ms or shown["until_ms"], f"case {name}")
                for opened_ms, closed_ms, name in shown["episodes"]
            ],
            quality=[said(t, "doubts about the data") for t in sorted(doubts)] if len(doubts) <= 40 else [],
        )
