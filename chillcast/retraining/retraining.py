"""Looking whether a fleet's model is to be trained again, and going on with what was begun."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import msgspec

from chillcast.models.aliases import notice
from chillcast.models.entrants import days_of
from chillcast.models.modelling import Models
from chillcast.pipeline.home import at_work
from chillcast.retraining.memory import Memory, MemoryFile, Run, memory_of
from chillcast.retraining.retraining_config import RetrainingConfig
from chillcast.retraining.steps import Steps, fingerprint_of
from chillcast.retraining.triggers import Fired, Look
from models.errors import ChillcastError, UnavailableError
from models.event_time import DAY_MS
from models.registry.bundle import read_index
from models.registry.manifest import read_manifest
from streams.access.audit import Deed
from streams.access.roles import Person
from streams.stores.case_reader import seen_ms
from streams.stores.store import Reader

_LOUD = ("refused", "lost", "undecided", "failed")
changed = msgspec.structs.replace


@dataclass(frozen=True)
class Retraining:
    """The retrainings of one fleet, on record as done ``by`` somebody or the service."""

    models: Models
    config: RetrainingConfig
    by: Person
    alarm: Callable[[str], None]

    @property
    def file(self) -> MemoryFile:
        """What is remembered."""
        return memory_of(self.models.settings.home_path, self.models.fleet.name)

    def look(self, asked: str = "") -> Memory:
        """Look once: begin a retraining if there is a trigger, or one was ``asked`` for; go on with it.

        Returns what is remembered then. Raises ConfigError if another process looks after the same fleet.
        A registry or broker that is away is an alarm, and the step is tried again when it is next looked.
        What is asked for while another one is under way is an alarm as well, and begins nothing.
        """
        home, name = self.models.settings.home_path, self.models.fleet.name
        with at_work(home, f"retraining-{name}"), closing(self.models.resources.open_reader()) as reader:
            now_ms = seen_ms(reader, self.models.resources.clock.now_ms())
            try:
                for text in notice(self.models, self.by):
                    self.alarm(text)
                self._begin(reader, now_ms, asked)
                self._go_on(now_ms)
            except UnavailableError as error:
                self.alarm(f"retraining of {name} waits: {error}")
            return self.file.read()

    def _begin(self, reader: Reader, now_ms: int, asked: str) -> None:
        memory = self.file.read()
        if (run := memory.present) is not None:
            if asked:
                about = f"retraining {run.number} of {self.models.fleet.name}"
                self.alarm(f"{about} is under way: nothing begins for {asked!r}")
            return
        fired = [Fired("asked", asked)] if asked else self._look_at(reader, memory, now_ms)
        if fired and not asked and (rests := self._rests(memory, now_ms)):
            self._pass_over(memory, f"{'; '.join(f'{one.trigger}: {one.why}' for one in fired)}", rests)
            return
        if fired:
            first, why = fired[0], "; ".join(one.why for one in fired)
            run = Run(number=memory.next_number, trigger=first.trigger, why=why, as_of_ms=now_ms)
            self._steps(now_ms).say(run, "trigger retraining", first.trigger, why)
            segments = {*memory.segments, *(name for one in fired for name in one.segments)}
            self.file.write(changed(memory, present=run, segments=tuple(sorted(segments)), passed_over=""))

    def _look_at(self, reader: Reader, memory: Memory, now_ms: int) -> list[Fired]:
        models, champion = self.models, self.models.champion()
        folder = models.promoted_folder(champion)
        manifest, wanted = read_manifest(folder), self.config.segments
        slice_ = manifest.lineage.get("slice", "")
        by_us = max((run.ended_ms for run in memory.over if run.version == champion.version), default=0)
        # The clock of a replay is not that of the past that it plays.
        promoted_ms = champion.promoted_ms if champion.promoted_ms <= now_ms else by_us
        learnt_ms = days_of(slice_)[1] if slice_ else promoted_ms
        look = Look(
            fleet=models.fleet,
            reader=reader,
            store=models.resources.feature_store,
            now_ms=now_ms,
            since_ms=max(memory.learnt_ms, learnt_ms),
            champion_ms=promoted_ms,
            fingerprint=fingerprint_of(models),
            seen=manifest.feature_names,
            segments=frozenset({*memory.segments, *read_index(folder).members}),
            by=wanted.levels if wanted else (),
        )
        return look.fired(self.config.triggers)

    def _rests(self, memory: Memory, now_ms: int) -> str:
        """Say until when nothing begins; empty if it may."""
        last = memory.over[-1] if memory.over else None
        if last is None or now_ms - last.as_of_ms >= self.config.rest_days * DAY_MS:
            return ""
        return f"retraining {last.number} began less than {self.config.rest_days} days ago"

    def _pass_over(self, memory: Memory, fired: str, why: str) -> None:
        """Put on record, once, what triggers and is left alone."""
        if why != memory.passed_over:
            about = f"retraining of {self.models.fleet.name}"
            self.models.resources.audit.write(
                self.by, Deed("trigger retraining", about, "skipped", f"{why}: {fired}")
            )
            self.file.write(changed(memory, passed_over=why))

    def _go_on(self, now_ms: int) -> None:
        """Do the steps that can be done, and remember each; what fails leaves the champion, and an alarm."""
        steps, memory = self._steps(now_ms), self.file.read()
        while (run := memory.present) is not None:
            try:
                after = steps.after(run)
            except UnavailableError:
                raise
            except (ChillcastError, OSError) as error:
                after = steps.over(run, "failed", f"at step {run.step}: {error}")
            if after == run:
                return
            memory = self._remembered(memory, after)
            if after.step == run.step == "shadowed" and not after.result:
                return

    def _remembered(self, memory: Memory, run: Run) -> Memory:
        learnt_ms = run.as_of_ms if run.step == "trained" else memory.learnt_ms
        memory = changed(memory, present=run, learnt_ms=learnt_ms)
        if run.result:
            memory = memory.ended(run)
        self.file.write(memory)
        if run.result:
            shutil.rmtree(self.file.folder_of(run), ignore_errors=True)
        if run.result in _LOUD:
            self.alarm(f"retraining {run.number} of {self.models.fleet.name}: {run.result}: {run.text}")
        elif run.step == "won" and not run.result and self.config.promotion.by == "person":
            command = f"chillcast models promote {run.version} --reason …"
            self.alarm(
                f"version {run.version} of {self.models.fleet.name} has won: {command}, or on the page"
            )
        return memory

    def _steps(self, now_ms: int) -> Steps:
        return Steps(self.models, self.config, self.file, self.by, now_ms)
