"""The feature store from the command line: what is in it, what a dataset holds, and how two differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ConfigError
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.inventory import Inventory, read_inventory
from models.store.dataset import Catalogue, Dataset, StoredHistory, inventory_of, select, verify
from models.store.feature_store import FeatureStore
from models.telemetry.event_log import EventLog
from models.telemetry.samples import utc


def parse_date(text: str, option: str) -> int:
    """Return UTC milliseconds of a date or time, which is UTC where it has no offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError("command line", option, text, "a date, as 2013-04-24") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def contents(store: FeatureStore) -> dict[str, Any]:
    """Return what a store holds: per fingerprint its days and files, and the datasets that were used."""
    schemas = []
    for fingerprint in store.fingerprints():
        files = store.window_files(fingerprint)
        days = [f.day_ms for f in files]
        schemas.append(
            {
                "fingerprint": fingerprint,
                "features": len(store.schema(fingerprint).feature_names),
                "from": utc(min(days)) if days else None,
                "until": utc(max(days) + DAY_MS) if days else None,
                "files": len(files),
                "bytes": sum((store.folder / f.path).stat().st_size for f in files),
            }
        )
    return {"windows": schemas, "datasets": [_named(d) for d in Catalogue(store).all()]}


def _named(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.digest,
        "fingerprint": dataset.fingerprint,
        "from": utc(dataset.from_ms),
        "until": utc(dataset.until_ms),
        "files": len(dataset.windows) + len(dataset.events),
    }


def define(store: FeatureStore, fleet: Fleet, span: tuple[str, str], fingerprint: str | None) -> Dataset:
    """Name what the store holds of a time range, and keep the name."""
    dataset = select(
        store, fleet.name, parse_date(span[0], "--from"), parse_date(span[1], "--until"), fingerprint
    )
    Catalogue(store).keep(dataset)
    return dataset


def describe(store: FeatureStore, fleet: Fleet, dataset: Dataset) -> dict[str, Any]:
    """Return what a dataset holds, having checked every file: windows, machines, outcomes, gaps."""
    verify(store, dataset)
    inventory = inventory_of(store, dataset)
    history = StoredHistory(store, dataset, fleet)
    windows, missing, values = 0, 0, 0
    days: list[int] = []
    for part in history.until(dataset.until_ms):
        history.keys(part)
        windows += len(part)
        chosen = part.values[:, history.wanted]
        missing, values = missing + int(np.isnan(chosen).sum()), values + chosen.size
        days.append(int(part.end_ms[0] - 1) // DAY_MS)
    happened = [e.code or e.kind for e in EventLog(history.events).outcomes]
    return {
        **_named(dataset),
        "assets": len(history.assets),
        "windows": windows,
        "missing_share": missing / values if values else None,
        "days_without_windows": (max(days) - min(days) + 1 - len(set(days))) if days else 0,
        "outcomes": len(happened),
        "inventory": {key: sizes_of(history.assets, inventory, key) for key in inventory.keys},
        "outcomes_by_code": {code: happened.count(code) for code in sorted(set(happened))},
    }


def sizes_of(assets: Iterable[str], inventory: Inventory, key: str) -> dict[str, int]:
    """Return how many of these machines each segment by ``key`` has; ``fleet`` if it is not known."""
    return dict(sorted(Counter(map(inventory.segments_by(key), assets)).items()))


def inventorise(store: FeatureStore, fleet: Fleet, path: Path) -> dict[str, Any]:
    """Take what a CSV file says of the machines into the store; return what is known now."""
    store.keep_inventory(read_inventory(path, fleet))
    known = store.read_inventory(store.inventory_files()[-1])
    values = {key: {m[key] for m in known.machines.values() if key in m} for key in known.keys}
    sizes = {key: len(found) for key, found in values.items()}
    return {"fleet": fleet.name, "machines": len(known.machines), "segments": sizes}


def prune(store: FeatureStore, before_ms: int, *, force: bool) -> dict[str, Any]:
    """Delete the windows and events of the days that end by ``before_ms``.

    Raises ConfigError, and deletes nothing, if a dataset stands on them, unless ``force`` is given: what
    was trained on such a dataset could not be trained again.
    """
    files = [f for name in store.fingerprints() for f in store.window_files(name)] + store.event_files()
    old = [f for f in files if f.day_ms + DAY_MS <= before_ms]
    gone = {f.path for f in old}
    hurt = [d.digest[:16] for d in Catalogue(store).all() if gone.intersection(d.windows + d.events)]
    if hurt and not force:
        expected = f"a date before datasets {', '.join(hurt)}, or --force: they could not be read again"
        raise ConfigError("command line", "--before", utc(before_ms), expected)
    return {"files": len(old), "bytes": store.drop(old), "datasets_lost": hurt}


def difference(store: FeatureStore, one: Dataset, other: Dataset) -> dict[str, Any]:
    """Return how two datasets differ: in their questions, their features and their files."""
    query = {
        name: [getattr(one, name), getattr(other, name)]
        for name in ("fleet", "fingerprint", "from_ms", "until_ms", "inventory")
        if getattr(one, name) != getattr(other, name)
    }
    first, second = (store.schema(d.fingerprint).feature_names for d in (one, other))
    return {
        "same": one.digest == other.digest,
        "query": query,
        "features_only_in_first": _only(first, second),
        "features_only_in_second": _only(second, first),
        "files_only_in_first": _only((*one.windows, *one.events), (*other.windows, *other.events)),
        "files_only_in_second": _only((*other.windows, *other.events), (*one.windows, *one.events)),
    }


def _only(these: Sequence[str], others: Sequence[str]) -> list[str]:
    known = set(others)
    return [name for name in these if name not in known]
