"""The steps of a retraining: each may be done again, and what it made before is taken up, not made twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from chillcast.models.gating import gate
from chillcast.models.modelling import Models
from chillcast.models.promoting import finish, has_other_features
from chillcast.models.shadowing import judge_shadow
from chillcast.retraining.memory import MemoryFile, Result, Run, Step
from chillcast.retraining.retraining_config import RetrainingConfig
from chillcast.retraining.training_process import is_made, train_apart
from chillcast.training.enrolment import BUNDLE, DOCUMENTS
from chillcast.training.training_config import TrainingConfig
from models.evaluation.comparison import Pairing
from models.event_time import DAY_MS
from models.features.expectation import identity_of
from models.features.schema import FeatureSchema
from models.registry.gate import SLICE
from models.registry.manifest import bundle_sha256
from models.registry.promotion import CHALLENGER, CHAMPION, Role
from models.store.dataset import Catalogue, Dataset, select
from streams.access.audit import Deed
from streams.access.roles import Person

changed = msgspec.structs.replace


@dataclass(frozen=True)
class Steps:
    """What is done in each step of a run; `after` returns the run as it is then, itself if it has to wait."""

    models: Models
    config: RetrainingConfig
    file: MemoryFile
    by: Person
    now_ms: int

    def after(self, run: Run) -> Run:
        """Do the next step of a run; a run that has a result is over."""
        steps: Mapping[Step, Callable[[Run], Run]] = {
            "triggered": self._name,
            "named": self._train,
            "trained": self._register,
            "registered": self._gate,
            "passed": self._shadow,
            "shadowed": self._judge,
            "won": self._promote,
        }
        return steps[run.step](run)

    def over(self, run: Run, result: Result, text: str) -> Run:
        """Return a run that is over, on record."""
        self.say(run, "retraining", result, text)
        return changed(run, result=result, text=text, ended_ms=self.now_ms)

    def say(self, run: Run, action: str, result: str, detail: str) -> None:
        """Put a step on record, before it is remembered: one that is done again stands there twice."""
        about = f"retraining {run.number} of {self.models.fleet.name}"
        self.models.resources.audit.write(self.by, Deed(action, about, result, detail))

    def _name(self, run: Run) -> Run:
        store, dataset = self.models.resources.feature_store, self._selected(run)
        Catalogue(store).keep(dataset)
        files = f"{len(dataset.windows)} files of windows, {len(dataset.events)} of events"
        self.say(run, "name dataset", "done", f"dataset {dataset.digest[:16]}: {files}")
        return changed(run, step="named", dataset=dataset.digest)

    def _train(self, run: Run) -> Run:
        found, folder = self._selected(run).digest, self.file.folder_of(run)
        if found != run.dataset:
            self.say(run, "train model", "skipped", f"the data have changed: {found[:16]}; named anew")
            return changed(run, step="triggered", dataset="")
        config = self._asked(run, run.dataset)
        if is_made(folder, config):
            self.say(run, "train model", "skipped", "its bundle is there")
        else:
            self.say(run, "train model", "asked", f"dataset {run.dataset[:16]}")
            train_apart(self.models, config, folder, self.config.limits)
            self.say(run, "train model", "done", f"bundle {bundle_sha256(folder / BUNDLE)[:16]}")
        return changed(run, step="trained")

    def _register(self, run: Run) -> Run:
        folder, registry = self.file.folder_of(run), self.models.registry
        sha256 = bundle_sha256(folder / BUNDLE)
        there = [v.version for v in registry.versions(self.models.fleet.name) if v.sha256 == sha256]
        version = (
            there[0]
            if there
            else registry.register(self.models.fleet.name, folder / BUNDLE, folder / DOCUMENTS)
        )
        result = "skipped" if there else "done"
        self.say(run, "register model", result, f"version {version}, bundle {sha256[:16]}")
        return changed(run, step="registered", version=version)

    def _gate(self, run: Run) -> Run:
        against, verdict = self.models.champion().version, gate(self.models, run.version)
        if has_other_features(self.models, run.version):
            verdict = verdict.without(SLICE)  # which the shadow is for
        if run.version == against:
            return self.over(run, "promoted", f"version {run.version} is champion already")
        self.say(run, "gate", "passed" if verdict.passed else "refused", verdict.words)
        if not verdict.passed:
            text = f"version {run.version} does not pass the gate: {verdict.objections}"
            return self.over(run, "refused", f"{text}; version {against} stays")
        return changed(run, step="passed", against=against)

    def _shadow(self, run: Run) -> Run:
        if not self._has(CHALLENGER, run.version):
            reason = f"retraining {run.number}: {run.trigger}: {run.why}"
            self.models.promote(run.version, reason=reason, shadow=True, by=self.by)
        else:
            self.say(run, "promote model", "skipped", f"version {run.version} is in the shadow already")
        return changed(run, step="shadowed", shadowed_ms=self.now_ms)

    def _judge(self, run: Run) -> Run:
        ended = self._decided(run)
        if ended is not None:
            return ended
        fares = self._fares(run)
        if fares is None:
            return run
        judged, policy = changed(run, fares=fares), self.config.promotion
        enough = fares.windows >= policy.windows and fares.outcomes >= policy.outcomes
        if enough and fares.verdict == "better":
            self.say(run, "judge shadow", "won", in_words(fares))
            return changed(judged, step="won")
        if enough and fares.verdict == "worse":
            return self._given_up(judged, "lost", in_words(fares))
        if self.now_ms - run.shadowed_ms > policy.within_days * DAY_MS:
            return self._given_up(judged, "undecided", f"after {policy.within_days} days {in_words(fares)}")
        return judged

    def _promote(self, run: Run) -> Run:
        ended = self._decided(run)
        if ended is not None or self.config.promotion.by == "person":
            return ended or run
        said = in_words(run.fares) if run.fares else ""
        reason = f"retraining {run.number}: {run.trigger}: {run.why}; in the shadow {said}"
        self.models.promote(run.version, reason=reason, by=self.by)
        return self.over(run, "promoted", f"version {run.version} took the place of {run.against}")

    def _decided(self, run: Run) -> Run | None:
        """Return a run that somebody has decided meanwhile, None if nobody has."""
        if self._has(CHAMPION, run.version):
            who = self.models.champion().who
            return self.over(run, "promoted", f"version {run.version} was promoted by {who}")
        now, challenger = self.models.champion().version, self.models.promotions.last(CHALLENGER)
        if now != run.against:
            return self.over(run, "overtaken", f"version {now} became champion meanwhile")
        if challenger is not None and challenger.version != run.version:
            return self.over(run, "overtaken", f"version {challenger.version} became challenger meanwhile")
        return None

    def _given_up(self, run: Run, result: Result, text: str) -> Run:
        """End a shadow: that is to have the champion as challenger, which is not scored twice."""
        if self._has(CHALLENGER, run.version):
            reason = f"ends the shadow of version {run.version}: {result}"
            self.models.promote(run.against, reason=reason, shadow=True, by=self.by)
        return self.over(run, result, f"version {run.version}: {text}; version {run.against} stays")

    def _has(self, role: Role, version: str) -> bool:
        """Return whether a version has a role; a promotion that was cut off is brought to its end."""
        last = self.models.promotions.last(role)
        if last is None or last.version != version:
            return False
        if last != self.models.promotions.newest(role):
            finish(self.models, last, self.by)
        return True

    def _fares(self, run: Run) -> Pairing | None:
        """Return how a challenger fares, None if no broker has heard of it."""
        models = self.models
        if not models.has_topic(models.topics.shadow):
            return None
        return asyncio.run(judge_shadow(models.settings, models.fleet, run.version)).pairing

    def _selected(self, run: Run) -> Dataset:
        wanted, store = self._asked(run), self.models.resources.feature_store
        span = wanted.from_ms, wanted.until_ms
        return select(store, self.models.fleet.name, *span, wanted.data.fingerprint)

    def _asked(self, run: Run, dataset: str | None = None) -> TrainingConfig:
        return self.config.asked(self.models.fleet, run.as_of_ms, fingerprint_of(self.models), dataset)


def fingerprint_of(models: Models) -> str:
    """Return the fingerprint of the features that the fleet file and the champion's expectation give."""
    return FeatureSchema(models.fleet, identity_of(models.expectation())).fingerprint


def in_words(fares: Pairing) -> str:
    """Say how a challenger fares.

    >>> in_words(Pairing(verdict="better", windows=9, assets=3, outcomes=2, challenger_log_loss=0.1,
    ...     champion_log_loss=0.2, difference=-0.1, low=-0.12, high=-0.08))
    'better: log-loss 0.1 against 0.2, difference -0.1 (-0.12 to -0.08), 9 windows, 2 before an outcome'
    """
    if fares.difference is None:
        return "undecided: no label is known yet"
    bounds = f" ({fares.low:.3g} to {fares.high:.3g})" if fares.low is not None else ""
    losses = f"log-loss {fares.challenger_log_loss:.3g} against {fares.champion_log_loss:.3g}"
    many = f"{fares.windows} windows, {fares.outcomes} before an outcome"
    return f"{fares.verdict}: {losses}, difference {fares.difference:.3g}{bounds}, {many}"
