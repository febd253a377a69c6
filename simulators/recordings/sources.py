"""What a path stands for: one file, or many of a folder, a glob, a zip or a tar, read one after the other."""

from __future__ import annotations

import glob
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from models.errors import RecordingError

_TABLES = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".pq")
_PACKED = (".zip", ".tar", ".tar.gz", ".tgz")
_BROKEN = (
    *(OSError, EOFError, NotImplementedError, zlib.error, lzma.LZMAError),
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile),
)
_ENCRYPTED = 0x1  # among the flags of a file in a zip


@dataclass(frozen=True)
class Source:
    """One file: ``name`` is its path from where the recording lies, ``shown`` how errors name it."""

    name: str
    shown: str
    _open: Callable[[], BinaryIO]

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it, unpacked; RecordingError names it if it is broken, also while it is read."""
        try:
            with self._open() as file:
                yield cast(BinaryIO, gzip.GzipFile(fileobj=file)) if _ends(self.name, ".gz") else file
        except _BROKEN as error:
            raise RecordingError(f"{self.shown}: not a whole file: {error}") from error

    @property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet table, by its name."""
        return _ends(self.name.lower().removesuffix(".gz"), ".parquet", ".pq")


@dataclass(frozen=True)
class Sources:
    """All files of a recording, in the order of their names."""

    shown: str
    files: tuple[Source, ...]
    single: bool

    def chosen(self, globs: Sequence[str], others: Sequence[str]) -> list[Source]:
        """Return the tables that match any of ``globs``, or, if there are none, all but ``others``.

        Raises RecordingError if nothing is left.
        """
        if self.single:
            return list(self.files)
        found = [file for file in self.files if _is_table(file.name)]
        found = [file for file in found if (_any(file.name, globs) if globs else not _any(file.name, others))]
        if not found:
            what = f"that is like {', '.join(globs)}" if globs else f"({', '.join(_TABLES)}, or these as .gz)"
            raise RecordingError(f"{self.shown}: no table {what}; recording.files says which to read")
        return found


def exists(path: Path) -> bool:
    """Return whether there is anything at a path, or a glob."""
    return path.exists() or bool(_globbed(path))


def sources_at(path: Path) -> Sources:
    """Return what a path, or a glob, stands for; RecordingError if there is nothing."""
    if path.is_dir():
        return Sources(
            str(path), tuple(_plain(p, path) for p in sorted(path.rglob("*")) if p.is_file()), single=False
        )
    if path.is_file():
        if _ends(path.name, *_PACKED):
            return Sources(str(path), tuple(_members(path)), single=False)
        return Sources(str(path), (_plain(path, path.parent),), single=True)
    files = [Path(name) for name in _globbed(path)]
    if not files:
        raise RecordingError(f"{path}: no such file or folder")
    return Sources(str(path), tuple(_plain(p, Path()) for p in files if p.is_file()), single=False)


def beside(path: Path, pattern: str) -> list[Source]:
    """Return the files like ``pattern`` in a recording's folder or zip; RecordingError if there are none."""
    folder = path if path.is_dir() or _ends(path.name, *_PACKED) else path.parent
    found = [file for file in sources_at(folder).files if _any(file.name, (pattern,))]
    if not found and folder != path.parent:
        return beside(path.parent / "_", pattern)
    if not found:
        raise RecordingError(f"{folder}: no file like {pattern!r}")
    return found


def _globbed(path: Path) -> list[str]:
    return sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(str(path)) else []  # noqa: PTH207


def _plain(path: Path, root: Path) -> Source:
    name = path.relative_to(root) if path.is_relative_to(root) else path
    return Source(name.as_posix(), str(path), lambda: path.open("rb"))


def _members(path: Path) -> Iterator[Source]:
    try:
        if _ends(path.name, ".zip"):
            with zipfile.ZipFile(path) as packed:
                names = sorted(i.filename for i in packed.infolist() if not i.is_dir())
        else:
            with tarfile.open(path) as tar:
                names = sorted(member.name for member in tar if member.isfile())
    except _BROKEN as error:
        raise RecordingError(f"{path}: not a whole archive: {error}") from error
    for name in names:
        if not _hidden(name):
            opened = _of_zip if _ends(path.name, ".zip") else _of_tar
            yield Source(name, f"{path}: {name}", lambda name=name, opened=opened: opened(path, name))  # type: ignore[misc]


def _of_zip(path: Path, name: str) -> BinaryIO:
    packed = zipfile.ZipFile(path)
    if packed.getinfo(name).flag_bits & _ENCRYPTED:
        raise RecordingError(f"{path}: {name}: it is encrypted: unpack it, and name the folder")
    return cast(BinaryIO, packed.open(name))


def _of_tar(path: Path, name: str) -> BinaryIO:
    file = tarfile.open(path).extractfile(name)  # noqa: SIM115  (closed with what is read from it)
    return cast(BinaryIO, file) if file else io.BytesIO()


def _is_table(name: str) -> bool:
    return _ends(name.lower().removesuffix(".gz"), *_TABLES) and not _hidden(name)


def _ends(name: str, *endings: str) -> bool:
    """Return whether a name has one of the endings, in whichever case."""
    return name.lower().endswith(endings)


def _hidden(name: str) -> bool:
    """Return whether a file is of the system that packed it, as `__MACOSX/._2019-01-01.csv`."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _any(name: str, globs: Sequence[str]) -> bool:
    """Return whether a name, or its end after any folder, is like one of the globs."""
    return any(fnmatchcase(name, g) or fnmatchcase(name, f"*/{g}") for g in globs)
