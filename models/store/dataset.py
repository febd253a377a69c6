"""A dataset: files of the feature store and a question to them, named by a digest over both."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.errors import ModelError
from models.event_time import DAY_MS
from models.features.evidence import running_column, seen_columns
from models.features.expectation import identity_of
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.fleet.inventory import NOTHING, Inventory
from models.store.feature_store import FeatureStore, StoredFile, file_sha256
from models.telemetry.samples import Event, Int32, Int64, utc
from models.telemetry.window_keys import WindowKeys


class Dataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The windows of one fingerprint that end in (from, until], and the events in it, as files hold them.

    ``inventory`` is the file that says what the machines are, empty if nobody said it. A file's name holds
    the beginning of its SHA-256, so that the digest is over the content, too.
    """

    fleet: str
    fingerprint: str
    from_ms: int
    until_ms: int
    windows: tuple[str, ...]
    events: tuple[str, ...]
    inventory: str = ""

    @property
    def digest(self) -> str:
        """The dataset's name: the SHA-256 of its JSON."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


def select(
    store: FeatureStore, fleet: str, from_ms: int, until_ms: int, fingerprint: str | None = None
) -> Dataset:
    """Choose what a store holds of (from, until].

    Raises ModelError if that is nothing, or windows of several schemas of which none was named.
    """
    found = {f: _within(store.window_files(f), from_ms, until_ms) for f in store.fingerprints()}
    there = {f: files for f, files in found.items() if files and fingerprint in (None, f)}
    span = f"{utc(from_ms)} to {utc(until_ms)}"
    if not there:
        of_what = f"fingerprint {fingerprint}" if fingerprint else "any fingerprint"
        raise ModelError(f"{store.folder}: no windows of {of_what} from {span}: land or backfill them first")
    if len(there) > 1:
        raise ModelError(
            f"{store.folder}: the feature schema changes from {span}: {_spans(there)}; "
            "train on one of them: narrow the range, or name its fingerprint"
        )
    ((name, files),) = there.items()
    return Dataset(
        fleet=fleet,
        fingerprint=name,
        from_ms=from_ms,
        until_ms=until_ms,
        windows=tuple(f.path for f in files),
        events=tuple(f.path for f in _within(store.event_files(), from_ms, until_ms)),
        inventory=next(reversed(store.inventory_files()), ""),
    )


def verify(store: FeatureStore, dataset: Dataset) -> None:
    """Raise ModelError that names the first file which is gone, or is not what it was."""
    known = {f.path: f for f in (*store.window_files(dataset.fingerprint), *store.event_files())}
    for path in (*dataset.windows, *dataset.events):
        if path not in known:
            raise ModelError(
                f"{store.folder / path}: no such file: it is part of dataset {dataset.digest[:16]}"
            )
        if file_sha256(store.folder / path) != known[path].sha256:
            raise ModelError(f"{store.folder / path}: damaged: its content is not what was landed")
    inventory_of(store, dataset)


def inventory_of(store: FeatureStore, dataset: Dataset) -> Inventory:
    """Return what was known of the machines when the dataset was named."""
    return store.read_inventory(dataset.inventory) if dataset.inventory else NOTHING


class Catalogue:
    """Datasets that were used, by the beginning of their digest, in one folder of a store."""

    def __init__(self, store: FeatureStore) -> None:
        self.folder = store.folder / "datasets"

    def keep(self, dataset: Dataset) -> None:
        """Keep a dataset under its digest."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{dataset.digest}.json").write_bytes(msgspec.json.encode(dataset) + b"\n")

    def find(self, digest: str) -> Dataset:
        """Return the one dataset whose digest begins so; ModelError if there is none, or several."""
        found = [p for p in self._paths() if digest and p.stem.startswith(digest)]
        if len(found) != 1:
            there = ", ".join(p.stem[:16] for p in self._paths()) or "none"
            wrong = f"ambiguous: matches {len(found)} digests" if found else "unknown"
            raise ModelError(f"dataset {digest!r}: {wrong}; there are {there}")
        return self._read(found[0])

    def all(self) -> list[Dataset]:
        """Return every dataset, in order of digest."""
        return [self._read(path) for path in self._paths()]

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.json"))

    def _read(self, path: Path) -> Dataset:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Dataset)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: not a dataset: {error}") from error


class StoredHistory:
    """A dataset as a history: windows day by day, of which only the wanted features are read.

    The others are NaN. Within a day rows are in order of window end and asset, each window once, as it was
    first scored (revision 0): what late samples mended later was not known then.
    """

    def __init__(
        self, store: FeatureStore, dataset: Dataset, fleet: Fleet, extra: Sequence[str] = ()
    ) -> None:
        """Read what training, evidence and the rule for running look at, and the ``extra`` features."""
        self.store, self.dataset, self.fleet = store, dataset, fleet
        self.expectation = store.expectation(dataset.fingerprint)
        self.schema = FeatureSchema(fleet, identity_of(self.expectation))
        if self.schema.fingerprint != dataset.fingerprint:
            raise ModelError(
                f"dataset {dataset.digest[:16]}: fingerprint {dataset.fingerprint}: "
                f"fleet {fleet.name} has {self.schema.fingerprint}; use the fleet file it was landed with, "
                "or backfill again"
            )
        self.assets: list[str] = []
        self.events: list[Event] = []
        named = self.schema.matching((*fleet.training.features, *extra))
        running = [] if fleet.running is None else [running_column(self.schema, fleet.running)]
        self.wanted = np.unique([*named, *seen_columns(self.schema), *running])
        self._index: dict[str, int] = {}
        self._known = sorted({e for f in _files(dataset.events) for e in store.read_events(f)})
        self._days = itertools.groupby(_files(dataset.windows), key=lambda f: f.day_ms)
        self._ahead: tuple[int, list[StoredFile]] | None = None

    def until(self, end_ms: int, emit_s: int | None = None) -> Iterator[Windows]:
        """Yield the windows of every day that ends at or before ``end_ms``; call again to go on.

        ``emit_s``: only those whose end is a multiple of it.
        """
        for day_ms, files in self._take(end_ms):
            self._learn_events(day_ms + DAY_MS)
            windows = self._read(files, (emit_s or 1) * 1000)
            if len(windows):
                yield windows
        self._learn_events(end_ms)

    def keys(self, windows: Windows) -> WindowKeys:
        """Return the keys of windows, each asset with the same number throughout this history."""
        for name in windows.assets:
            if name not in self._index:
                self._index[name] = len(self.assets)
                self.assets.append(name)
        table = np.array([self._index[name] for name in windows.assets], np.int32)
        return WindowKeys(self.assets, table[windows.asset], windows.end_ms)

    @property
    def all_events(self) -> list[Event]:
        """The events of the whole dataset, whatever was read so far: for judging, never for learning."""
        return [e for e in self._known if self.dataset.from_ms <= e.time_ms <= self.dataset.until_ms]

    def _learn_events(self, until_ms: int) -> None:
        self.events = [e for e in self.all_events if e.time_ms <= until_ms]

    def _take(self, end_ms: int) -> Iterator[tuple[int, list[StoredFile]]]:
        while True:
            if self._ahead is None:
                day = next(self._days, None)
                self._ahead = (day[0], list(day[1])) if day else None
            if self._ahead is None or self._ahead[0] + DAY_MS > end_ms:
                return
            now, self._ahead = self._ahead, None
            yield now

    def _read(self, files: Sequence[StoredFile], step_ms: int) -> Windows:
        names = [self.schema.names[i] for i in self.wanted]
        table = pa.concat_tables(self.store.read_windows(f, names) for f in files)
        end_ms: Int64 = table["end_ms"].to_numpy()
        kept = (table["revision"].to_numpy() == 0) & (end_ms % step_ms == 0)
        kept &= (end_ms > self.dataset.from_ms) & (end_ms <= self.dataset.until_ms)
        assets, asset = _encoded(table["asset"])
        rows = np.flatnonzero(kept)
        rows = rows[np.lexsort((asset[rows], end_ms[rows]))]
        same = (np.diff(end_ms[rows]) == 0) & (np.diff(asset[rows]) == 0)
        rows = rows[np.append(np.ones(min(len(rows), 1), bool), ~same)]
        values = np.full((len(rows), len(self.schema)), np.nan, np.float32)
        for i, name in zip(self.wanted.tolist(), names, strict=True):
            values[:, i] = table[name].to_numpy()[rows]
        return Windows(assets, asset[rows], end_ms[rows], np.zeros(len(rows), np.int32), values)


def _encoded(column: pa.ChunkedArray) -> tuple[tuple[str, ...], Int32]:
    """Return the names in order, and each row's index into them."""
    names = sorted(pc.unique(column).to_pylist())
    codes = pc.index_in(column, pa.array(names, pa.string())).combine_chunks()
    return tuple(names), codes.to_numpy(zero_copy_only=False).astype(np.int32)


def _files(paths: Sequence[str]) -> Iterator[StoredFile]:
    return (StoredFile.at(path) for path in paths)


def _within(files: Sequence[StoredFile], from_ms: int, until_ms: int) -> list[StoredFile]:
    return [f for f in files if f.day_ms < until_ms and f.day_ms + DAY_MS > from_ms]


def _spans(found: dict[str, list[StoredFile]]) -> str:
    return "; ".join(
        f"{name} from {utc(files[0].day_ms)[:10]} to {utc(files[-1].day_ms)[:10]}"
        for name, files in found.items()
    )
