"""A pack: the boosters of many segments in one file, each found by its place and loaded when it is needed."""

from __future__ import annotations

import hashlib
import os
import threading
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import lightgbm as lgb
import msgspec
from cachetools import LRUCache

from models.errors import ModelError

_LEVEL = 1  # of zlib: a higher one saves 10 % of the bytes and takes three times as long
_PER_CHARACTER = 3  # bytes in memory for a character of a booster's text; measured by benchmarks/segments.py


class PackEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a booster lies: ``length`` bytes ``at`` an offset of the file, with this SHA-256.

    ``offset`` corrects its log-odds, as in `RiskModel`.
    """

    at: int
    length: int
    sha256: str
    offset: float


class Recent:
    """The boosters that were used last, up to ``most_bytes`` of estimated memory, and always the newest."""

    def __init__(self, most_bytes: int) -> None:
        self._held: LRUCache[str, tuple[lgb.Booster, int]] = LRUCache(most_bytes, lambda held: held[1])
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def nbytes(self) -> int:
        """Bytes of estimated memory of what is held; one that is larger than the room fills it."""
        return int(self._held.currsize)

    def booster(self, pack: Pack, name: str) -> lgb.Booster:
        """Return a booster of a pack, loaded if it is not held."""
        key = pack.entries[name].sha256
        with self._lock:
            if key not in self._held:
                text = pack.text(name)
                size = min(_PER_CHARACTER * len(text), int(self._held.maxsize))
                self._held[key] = lgb.Booster(model_str=text), size
            return self._held[key][0]


class Pack:
    """A file of boosters, open for reading; ``entries`` say where each lies, by the name of its segment."""

    def __init__(self, path: Path, entries: Mapping[str, PackEntry]) -> None:
        """Raise ModelError if there is no such file, or an entry points beyond its end."""
        self.path, self.entries = path, entries
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}") from error
        size = os.fstat(self._file.fileno()).st_size
        for name, entry in entries.items():
            if entry.at < 0 or entry.length < 0 or entry.at + entry.length > size:
                raise ModelError(f"{path}: {name}: lies beyond the {size} bytes of the file")

    def text(self, name: str) -> str:
        """Return the text of a booster; ModelError if its bytes are not what was packed."""
        entry = self.entries[name]
        data = os.pread(self._file.fileno(), entry.length, entry.at)
        found = hashlib.sha256(data).hexdigest()
        if found != entry.sha256:
            raise ModelError(f"{self.path}: {name}: sha256 {found[:12]}…: {entry.sha256[:12]}… was packed")
        try:
            return zlib.decompress(data).decode("ascii")
        except (zlib.error, UnicodeDecodeError) as error:
            raise ModelError(f"{self.path}: {name}: not a packed text: {error}") from error


def packed(booster: lgb.Booster) -> bytes:
    """Return a booster as it stands in a pack."""
    return zlib.compress(booster.model_to_string().encode("ascii"), _LEVEL)


def write_pack(path: Path, members: Iterable[tuple[str, bytes, float]]) -> Pack:
    """Write (name, packed booster, offset) one after another as they come, and open the pack."""
    entries, at = {}, 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for name, data, offset in members:
            sha256 = hashlib.sha256(data).hexdigest()
            entries[name] = PackEntry(at=at, length=len(data), sha256=sha256, offset=offset)
            at += file.write(data)
    return Pack(path, entries)
