"""Blocks: rows of telemetry of one or many assets in one message, the form in which a fleet fits a broker.

A block of 60 rows is decoded in the time that one named sample in JSON takes.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from models.errors import RecordError
from models.event_time import LATEST_MS
from models.fleet.fleet import Fleet
from models.telemetry.samples import Int32, Int64, Samples, Values, value_type
from streams.wire import validation as checks


class Block(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The MessagePack map of a block; fields it does not know are ignored, for the sake of newer senders.

    ``values`` is float32, or float64, told by its length, of (rows, sensors) in the order of the fleet file,
    NaN if missing. ``asset`` is int32 (rows,) into ``assets``, left out if there is only one. Times are
    ``time_ms``, int64 (rows,), or ``start_ms`` and ``step_ms`` for regular ones. All numbers are
    little-endian. ``arrived_ms`` is the event time at which a replayed source had these rows; nothing is
    computed from it.
    """

    schema: str
    rows: int
    assets: list[str]
    values: bytes
    asset: bytes | None = None
    time_ms: bytes | None = None
    start_ms: int | None = None
    step_ms: int | None = None
    arrived_ms: int | None = None


def to_block(samples: Samples, schema: str, arrived_ms: int | None = None) -> Block:
    """Return the block of at least one row."""
    return Block(
        schema=schema,
        rows=len(samples),
        assets=list(samples.assets),
        asset=samples.asset.astype("<i4").tobytes() if len(samples.assets) > 1 else None,
        time_ms=samples.time_ms.astype("<i8").tobytes(),
        values=np.ascontiguousarray(samples.values, samples.values.dtype.newbyteorder("<")).tobytes(),
        arrived_ms=arrived_ms,
    )


def to_samples(block: Block, fleet: Fleet, kin: Sequence[Fleet] = ()) -> tuple[Samples, tuple[str, ...]]:
    """Return the rows of a block, infinite values missing, and what of it could not be used.

    A block may be in the schema of one of ``kin``; sensors that it does not have are missing then.

    Assets that no row is of are left out: nothing was heard of them.
    Raises RecordError if nothing can be used: another schema, a stranger among the assets, lengths that
    do not agree, an implausible time, no finite value.
    """
    sender = next((one for one in kin if one.schema == block.schema), fleet)
    _check_head(block, fleet, sender)
    values = _values(block, sender)
    if sender.schema != fleet.schema:
        values = _projected(values, sender, fleet)
    (assets, asset), time_ms = _assets(block), _times(block)
    problems = clear_infinite(values)
    if not np.isfinite(values).any():
        raise RecordError(f"none of {values.size} values is finite")
    return Samples(assets, asset, time_ms, values), problems


def _values(block: Block, fleet: Fleet) -> Values:
    """Return (rows, sensors) the values, in the type that the fleet needs."""
    size = block.rows * len(fleet.sensors)
    kind = "<f8" if len(block.values) == 8 * size else "<f4"
    values = checks.array(block.values, kind, size, "values")
    with np.errstate(over="ignore"):
        return values.astype(value_type(fleet.sensors)).reshape(block.rows, len(fleet.sensors))


def _projected(values: Values, sender: Fleet, fleet: Fleet) -> Values:
    """Return the values of the fleet's sensors; of one that the sender has not, or in another unit, NaN."""
    place = {(sensor.key, sensor.unit): i for i, sensor in enumerate(sender.sensors)}
    out = np.full((len(values), len(fleet.sensors)), np.nan, value_type(fleet.sensors))
    for i, sensor in enumerate(fleet.sensors):
        if (at := place.get((sensor.key, sensor.unit))) is not None:
            out[:, i] = values[:, at]
    return out


def clear_infinite(values: Values) -> tuple[str, ...]:
    """Make infinite values missing, in place, and say how many there were."""
    infinite = np.isinf(values)
    if not infinite.any():
        return ()
    values[infinite] = np.nan
    return (f"values: {int(infinite.sum())} infinite, taken as missing",)


def _check_head(block: Block, fleet: Fleet, sender: Fleet) -> None:
    if block.schema != sender.schema:
        raise RecordError(f"schema {checks.clip(block.schema)!r}: fleet {fleet.name} has {fleet.schema!r}")
    if not 0 < block.rows <= checks.MAX_BYTES:
        raise RecordError(f"rows {block.rows}: expected 1 to {checks.MAX_BYTES}")
    if not block.assets:
        raise RecordError("assets: expected at least one name")
    for name in block.assets:
        checks.known_asset(name, fleet)


def _assets(block: Block) -> tuple[tuple[str, ...], Int32]:
    """Return the names that have a row, and (rows,) which of them each is of."""
    names = tuple(block.assets)
    if block.asset is None:
        if len(names) > 1:
            raise RecordError(f"asset is left out: expected int32 for each row, as there are {len(names)}")
        return names, np.zeros(block.rows, np.int32)
    asset = checks.indices(block.asset, names, block.rows)
    used, index = np.unique(asset, return_inverse=True)
    if len(used) == len(names):
        return names, asset
    return tuple(names[i] for i in used.tolist()), index.astype(np.int32)


def _times(block: Block) -> Int64:
    if block.time_ms is not None:
        time_ms = checks.array(block.time_ms, "<i8", block.rows, "time_ms").astype(np.int64)
        return checks.times_in_range(time_ms, "time_ms")
    if block.start_ms is None or block.step_ms is None:
        raise RecordError("time_ms is left out: expected it, or start_ms and step_ms")
    if abs(block.step_ms) >= LATEST_MS:
        raise RecordError(f"step_ms {block.step_ms}: expected milliseconds between two rows")
    checks.time_in_range(block.start_ms, "start_ms")
    checks.time_in_range(block.start_ms + block.step_ms * (block.rows - 1), "start_ms + step_ms × (rows − 1)")
    return block.start_ms + block.step_ms * np.arange(block.rows, dtype=np.int64)
