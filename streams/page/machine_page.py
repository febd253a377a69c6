"""One machine as it is shown: its risk with all that happened, its sensors, its data, its past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.cases.case import Case
from models.fleet.fleet import Fleet
from models.fleet.site_times import SiteTimes
from models.risk.wording import span
from streams.page.machine_marks import OUTCOME, MachineMarks
from streams.page.marks import Marks
from streams.page.risk_chart import RiskChart
from streams.page.sensor_choice import Choice, behind, series_of
from streams.stores.case_reader import cases_of, entries_of
from streams.stores.planned_stops import stops_of
from streams.stores.store import Reader

SPANS_D = (7, 30, 90, 365)
_EXPLANATIONS_SHOWN, _EVENTS_SHOWN, _QUALITY_SHOWN = 14, 60, 40
_STOPS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class MachinePage:
    """Makes what the template of a machine shows of what was read of it."""

    reader: Reader
    fleet: Fleet
    times: SiteTimes
    now_ms: int

    def values(self, shown: dict[str, Any], choice: Choice) -> dict[str, Any]:
        """Return the values of the template."""
        asset = shown["asset"]
        events, cases = list(reversed(shown["events"])), cases_of(self.reader, asset)
        stops = stops_of(self.reader, asset)
        entries = entries_of(self.reader, asset, shown["from_ms"])
        marks = MachineMarks(self.times, shown).marks(entries, stops)
        chart = self.chart(shown, marks)
        return {
            **shown,
            "times": self.times,
            "now_ms": self.now_ms,
            "stops": [stop for stop in stops if stop.state(self.now_ms) != "cancelled"][:_STOPS_SHOWN],
            "chart": chart,
            "summary": chart.summary,
            "shutdowns": [event for event in events if event[1] == OUTCOME],
            "other_events": [event for event in events if event[1] != OUTCOME][:_EVENTS_SHOWN],
            "spans": SPANS_D,
            "rows": _EXPLANATIONS_SHOWN,
            "recent": span(self.fleet.sampling.recent_s),
            "cases": cases,
            **self._sensors(shown, cases, choice, marks),
            "told": shown["quality"][:_QUALITY_SHOWN],
            "labels": self._labels,
            "inventory": sorted(self.times.inventory.machines.get(asset, {}).items()),
        }

    def _sensors(
        self, shown: Mapping[str, Any], cases: Sequence[Case], choice: Choice, marks: Marks
    ) -> dict[str, Any]:
        """Return the charts of the sensors that are shown, and which there are to choose from."""
        told, zone = shown["explanations"], self.times.zone(shown["asset"])
        series = series_of(self.fleet, shown["readings"], told, span(self.fleet.sampling.recent_s))
        newest = [one.key for case in cases if case.is_open for one in case.evidence.sensors]
        keys = list(series) if choice.every else choice.keys or behind(series, told, newest)
        ends = shown["from_ms"], shown["until_ms"]
        drawn = [(series[key], series[key].draw(*ends, zone, marks)) for key in keys if key in series]
        return {
            "choice": choice,
            "sensors": drawn,
            "missing": [self._labels[key] for key in choice.keys if key not in series],
            "choosable": [(key, self._labels[key], key in keys) for key in self.fleet.point_keys],
            "zone": zone,
        }

    @property
    def _labels(self) -> Mapping[str, str]:
        return {point.key: point.label for point in self.fleet.points}

    def chart(self, shown: Mapping[str, Any], marks: Marks) -> RiskChart:
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
            marks,
            self.times.zone(asset),
            styles,
        )
