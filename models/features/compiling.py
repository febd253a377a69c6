"""Compiled functions, whose machine code later processes load from a cache on disk."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

Compiled = TypeVar("Compiled", bound=Callable[..., Any])


def compiled(function: Compiled) -> Compiled:
    """Compile a function at its first call, or load it, if no source that it may be made of has changed.

    If neither the package's folder nor the user's can be written, every process compiles for itself.
    """
    found: Any = numba.njit(error_model="numpy")(function)
    with contextlib.suppress(RuntimeError):  # no folder can be written
        found._cache = _SourceKeyedCache(function)
    return cast(Compiled, found)


class _SourceKeyedCache(FunctionCache):
    """Numba's cache, keyed by more than the function's own file: what it calls is compiled into it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        stamp = sources_digest(Path(function.__code__.co_filename).parent)
        self._cache_file = _Index(self._cache_path, self._impl.filename_base, stamp)  # type: ignore[no-untyped-call]


class _Index(IndexDataCacheFile):
    """The files of one function: what other sources wrote, naming classes that are gone, counts as none."""

    def _load_index(self) -> dict[Any, str]:
        try:
            return cast("dict[Any, str]", super()._load_index())  # type: ignore[no-untyped-call]
        except (AttributeError, ImportError, EOFError, pickle.UnpicklingError):
            return {}


@functools.cache
def sources_digest(folder: Path) -> str:
    """Return a SHA-256 over the modules of a package and of those it lies in: what compiled code may call."""
    total = hashlib.sha256()
    for path in _sources(folder):
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    while (folder / "__init__.py").exists():
        yield from sorted(folder.glob("*.py"))
        folder = folder.parent
