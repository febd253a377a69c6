"""Which version scores a window, and what it says: a function of the window's offset alone."""

from __future__ import annotations

from collections import Counter

import numpy as np

from models.alerting.said import said
from models.errors import ModelError
from models.features.evidence import Evidence
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.registry.promotion import CHALLENGER, CHAMPION
from models.risk.model_set import level_of
from streams.champions.assignments import Schedule
from streams.champions.model_pool import ROLES, Candidate, ModelPool
from streams.records import Assignment, Scores


class Scorer:
    """Scores windows with the champion of their offset, and beside it with the challenger.

    ``schedule`` is what was recorded of the partition. What is promoted later begins between batches.
    ``assignment`` is the champion's, None for one that was never recorded; there is a ``champion`` once a
    message was processed. Of a window that stands on too little no risk is said. Windows tell of which
    features they are: the champion is the last that was assigned before them among those who have these.
    """

    def __init__(self, fleet: Fleet, schema: FeatureSchema, pool: ModelPool, schedule: Schedule) -> None:
        self.fleet, self.schema, self.pool, self.schedule = fleet, schema, pool, schedule
        self.assignment: Assignment | None = None
        self.champion: Candidate | None = None
        self._rival: Assignment | None = None
        self._lacking: Assignment | None = None
        self._challenger: Candidate | None = None
        self._levels: Counter[str] = Counter()
        self._unsaid = 0
        self._evidence: dict[str, Evidence] = {}

    @property
    def named(self) -> Assignment | Candidate | None:
        """Whose scores these are, by name: another may stand in for a version that is lost."""
        return self.assignment or self.champion

    def begin(self, offset: int, *, seen: bool) -> list[Assignment]:
        """Let who is ready for a role begin at ``offset``; what was decided of messages seen still holds."""
        begun = []
        for role in ROLES:
            ready, now = self.pool.ready(role), self.schedule.at(offset, role)
            fixed = seen and (now is not None or role != CHAMPION)
            if ready is not None and not fixed and (now is None or not ready.is_of(now)):
                begun.append(ready.begins(role, offset))
                self.schedule.add(begun[-1])
        return begun

    def take_over(self, offset: int, fingerprint: str = "") -> bool:
        """Let whoever is to score the message at ``offset`` do so; return whether a champion took over.

        ``fingerprint`` is that of the windows in the message; without any the features stay what they are.
        """
        of = fingerprint or self.fingerprint
        assignment = self.schedule.at(offset, CHAMPION, of)
        installs = self.champion is None or assignment not in (self.assignment, self._lacking)
        if installs:
            installs = self._install(assignment, of)
        rival = self.schedule.at(offset, CHALLENGER)
        if rival != self._rival:
            self._rival, self._challenger = rival, self.pool.candidate(rival) if rival else None
        return installs

    def resume(self, assignment: Assignment) -> None:
        """Make the version of an assignment the champion again."""
        self.schedule.add(assignment)
        self._install(assignment)

    def schema_of(self, who: Candidate) -> FeatureSchema:
        """Return the schema of somebody's features."""
        return who.schema or self.schema

    @property
    def fingerprint(self) -> str:
        """The features that the champion scores; empty without one."""
        return self.schema_of(self.champion).fingerprint if self.champion else ""

    def shadows(self, fingerprint: str) -> bool:
        """Return whether the challenger scores windows of these features."""
        rival = self._challenger
        return rival is not None and self.schema_of(rival).fingerprint == fingerprint

    def score(self, windows: Windows) -> Scores:
        """Return what the champion says of windows."""
        if self.champion is None:
            raise ModelError("no champion: expected one that is ready before the first message")
        out = self._scores(self.champion, windows)
        self._levels.update(level_of(out.scored_by[code]) for code in windows.asset.tolist())
        self._unsaid += int(np.isnan(out.adapted).sum())
        return out

    def shadow(self, windows: Windows) -> Scores | None:
        """Return what the challenger says of the same windows, None if there is none."""
        rival, champion = self._challenger, self.champion
        if rival is None or champion is None or rival.version == champion.version:
            return None
        return self._scores(rival, windows)

    def take_levels(self) -> Counter[str]:
        """Return how many windows each level of the model set has scored since the last call."""
        out, self._levels = self._levels, Counter()
        return out

    def take_unsaid(self) -> int:
        """Return of how many of these windows no risk was said."""
        out, self._unsaid = self._unsaid, 0
        return out

    def _install(self, assignment: Assignment | None, fingerprint: str = "") -> bool:
        """Return whether somebody scores from now on who has these features; if not, all stays as it is."""
        found = self.pool.candidate(assignment) if assignment else self.pool.ready(CHAMPION)
        if found and fingerprint and self.champion and self.schema_of(found).fingerprint != fingerprint:
            self._lacking = assignment
            return False
        self.assignment, self.champion = assignment, found or self.champion
        return True

    def _scores(self, who: Candidate, windows: Windows) -> Scores:
        evidence = self._evidence_of(who).of(windows.values)
        risks = who.models.score(windows.assets, windows.asset, windows.values)
        risks = said(self.fleet.alerting, risks, evidence)
        keys = (windows.assets, windows.asset, windows.end_ms, windows.revision)
        plain, scored_by = risks[:, self.fleet.horizon], who.models.scored_by(windows.assets)
        return Scores(who.version, self.fleet.horizons_d, *keys, risks, plain, scored_by, evidence)

    def _evidence_of(self, who: Candidate) -> Evidence:
        if who.sha256 not in self._evidence:
            gains = who.models.fleet.gains()
            self._evidence[who.sha256] = Evidence.from_gains(self.schema_of(who), gains)
        return self._evidence[who.sha256]
