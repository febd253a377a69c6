"""Windows and their scores in one message: a MessagePack header with little-endian arrays."""

from __future__ import annotations

import msgspec
import numpy as np

from models.errors import RecordError
from models.features.kernel import Windows
from models.telemetry.samples import Float32, Float64, Int32, Int64
from streams.records import Readings, Scores
from streams.wire import validation as checks

_KEYS_BYTES = 4 + 8 + 4  # of a row: its asset, end and revision


class WindowBlock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Windows: ``asset`` int32, ``end_ms`` int64, ``revision`` int32, ``values`` float32 of (n, features).

    ``beside``: they are of a second kind of features, computed beside those that are scored.
    """

    fingerprint: str
    assets: list[str]
    asset: bytes
    end_ms: bytes
    revision: bytes
    values: bytes
    beside: bool = False


class ReadingBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Readings: ``window`` int32 of (k,), the rest float32 of (k, sensors)."""

    window: bytes
    sensors: list[str]
    value: bytes
    usual: bytes
    spread: bytes


class ScoreBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Scores: as `WindowBlock`, with ``risk`` float64 of (n, horizons) and ``adapted`` float64 of (n,).

    ``scored_by`` names the member of the model set for each of ``assets``; the fleet's if it is left out.
    ``evidence``, float64 of (n,), and ``readings`` may be left out.
    """

    model: str
    horizons_d: list[float]
    assets: list[str]
    asset: bytes
    end_ms: bytes
    revision: bytes
    risk: bytes
    adapted: bytes
    scored_by: list[str] = []
    evidence: bytes = b""
    readings: ReadingBlock | None = None


def cut_rows(record: Windows) -> int:
    """Return how many rows of windows, of which there is at least one, a message of ours may have."""
    return checks.rows_within(_KEYS_BYTES + 4 * record.values.shape[1], record.assets)


def pack_windows(record: Windows, rows: slice, fingerprint: str, *, beside: bool = False) -> bytes:
    """Return the given rows of windows as one message, which names their machines alone."""
    used, asset = np.unique(record.asset[rows], return_inverse=True)
    head = WindowBlock(
        fingerprint=fingerprint,
        assets=[record.assets[i] for i in used.tolist()],
        asset=asset.astype("<i4").tobytes(),
        end_ms=record.end_ms[rows].astype("<i8").tobytes(),
        revision=record.revision[rows].astype("<i4").tobytes(),
        values=record.values[rows].astype("<f4").tobytes(),
        beside=beside,
    )
    return msgspec.msgpack.encode(head)


def pack_scores(record: Scores) -> bytes:
    """Return scores as one message."""
    head = ScoreBlock(
        model=record.model,
        horizons_d=list(record.horizons_d),
        assets=list(record.assets),
        asset=record.asset.astype("<i4").tobytes(),
        end_ms=record.end_ms.astype("<i8").tobytes(),
        revision=record.revision.astype("<i4").tobytes(),
        risk=record.risk.astype("<f8").tobytes(),
        adapted=record.adapted.astype("<f8").tobytes(),
        scored_by=list(record.scored_by),
        evidence=b"" if record.evidence is None else record.evidence.astype("<f8").tobytes(),
        readings=None if record.readings is None else _reading_block(record.readings),
    )
    return msgspec.msgpack.encode(head)


def to_windows(head: WindowBlock, fingerprint: str) -> Windows:
    """Return checked windows; raises RecordError if they are of another feature schema."""
    if head.fingerprint != fingerprint:
        raise RecordError(f"fingerprint {checks.clip(head.fingerprint)!r}: the model expects {fingerprint!r}")
    asset, end_ms, revision = _keys(head)
    features = checks.rows_of(head.values, "<f4", "values") // len(asset)
    values = checks.array(head.values, "<f4", len(asset) * features, "values").astype(np.float32)
    return Windows(tuple(head.assets), asset, end_ms, revision, values.reshape(len(asset), features))


def to_scores(head: ScoreBlock) -> Scores:
    """Return checked scores; raises RecordError if lengths do not agree, or a risk is none."""
    asset, end_ms, revision = _keys(head)
    rows, horizons = len(asset), tuple(head.horizons_d)
    risk = checks.array(head.risk, "<f8", rows * len(horizons), "risk").astype(np.float64)
    adapted = checks.array(head.adapted, "<f8", rows, "adapted").astype(np.float64)
    risk = risk.reshape(rows, len(horizons))
    if not (((risk >= 0) & (risk <= 1)).all(axis=1) | np.isnan(risk).all(axis=1)).all():
        raise RecordError("risk: expected probabilities from 0 to 1, or NaN at every horizon if none is said")
    if len(head.scored_by) not in (0, len(head.assets)):
        raise RecordError(f"scored_by: {len(head.scored_by)} names for {len(head.assets)} assets")
    members = tuple(checks.clip(name) for name in head.scored_by)
    keys = tuple(head.assets), asset, end_ms, revision
    told = _evidence(head, rows), None if head.readings is None else _readings(head.readings, rows)
    return Scores(head.model, horizons, *keys, risk, adapted, members, *told)


def _evidence(head: ScoreBlock, rows: int) -> Float64 | None:
    if not head.evidence:
        return None
    evidence = checks.array(head.evidence, "<f8", rows, "evidence").astype(np.float64)
    if not ((evidence >= 0) & (evidence <= 1)).all():
        raise RecordError("evidence: expected shares from 0 to 1")
    return evidence


def _reading_block(record: Readings) -> ReadingBlock:
    return ReadingBlock(
        window=record.window.astype("<i4").tobytes(),
        sensors=list(record.sensors),
        value=record.value.astype("<f4").tobytes(),
        usual=record.usual.astype("<f4").tobytes(),
        spread=record.spread.astype("<f4").tobytes(),
    )


def _readings(head: ReadingBlock, rows: int) -> Readings:
    """Return checked readings of ``rows`` windows; raises RecordError if lengths do not agree."""
    count, sensors = checks.rows_of(head.window, "<i4", "window"), tuple(map(checks.clip, head.sensors))
    window = checks.array(head.window, "<i4", count, "window").astype(np.int32)
    if not ((window >= 0) & (window < rows)).all():
        raise RecordError(f"readings: window outside the {rows} that are scored")

    def column(data: bytes, name: str) -> Float32:
        found = checks.array(data, "<f4", count * len(sensors), name).astype(np.float32)
        return found.reshape(count, len(sensors))

    value, usual, spread = (column(getattr(head, name), name) for name in ("value", "usual", "spread"))
    return Readings(window, sensors, value, usual, spread)


def _keys(head: WindowBlock | ScoreBlock) -> tuple[Int32, Int64, Int32]:
    """Return the asset, window end and revision of each row, of which there is at least one."""
    rows = checks.rows_of(head.end_ms, "<i8", "end_ms")
    end_ms = checks.array(head.end_ms, "<i8", rows, "end_ms").astype(np.int64)
    revision = checks.array(head.revision, "<i4", rows, "revision").astype(np.int32)
    asset = checks.indices(head.asset, head.assets, rows)
    return asset, checks.times_in_range(end_ms, "end_ms"), revision
