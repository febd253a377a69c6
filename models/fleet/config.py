"""Tables of configuration files, checked against their type; errors speak in the words of the file."""

from __future__ import annotations

import math
import pathlib
import re
import tomllib
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from models.errors import ConfigError

T = TypeVar("T")
Path = tuple[str | int, ...]


class MissingKeyError(ConfigError):
    """A key that has no default is not there: add it.

    >>> str(MissingKeyError("fleet.toml", "sensors[3].low", "a number"))
    'fleet.toml: sensors[3].low is missing: expected a number'
    """

    def __init__(self, source: str, key: str, expected: str) -> None:
        super().__init__(source, key, None, expected)
        self.args = (f"{source}: {key} is missing: expected {expected}",)


def read_toml(path: pathlib.Path, kind: str) -> dict[str, Any]:
    """Parse a TOML file; ConfigError names it, and says that it is no readable ``kind`` file, or no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "file", str(path), f"a readable {kind} file ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), "file", str(path), f"TOML ({error})") from error


def read_table(raw: Any, table: type[T], source: str) -> T:
    """Return ``raw``, as TOML or JSON was parsed, as a ``table``: a msgspec.Struct that knows all its keys.

    ``source`` names the file in errors. Numbers have to be finite: they are handed on as JSON, which has no
    word for the others. Raises ConfigError with the key, its value and what was expected; MissingKeyError
    where the key is not there.

    >>> class Sampling(msgspec.Struct, forbid_unknown_fields=True):
    ...     hop_s: int
    >>> read_table({"hops": 1}, Sampling, "fleet.toml")
    Traceback (most recent call last):
    ...
    models.errors.ConfigError: fleet.toml: hops = 1: expected one of hop_s
    """
    try:
        found = msgspec.convert(raw, table)
    except msgspec.ValidationError as error:
        raise _Fault(raw, table, str(error)).located(source) from error
    for path, value in _numbers(raw):
        if not math.isfinite(value):
            raise ConfigError(source, _key(path), value, "a finite number")
    return found


class _Fault:
    """A message of msgspec, ``… field `x` - at `$.a[0].b` ``, and what it is about."""

    def __init__(self, raw: Any, table: type, message: str) -> None:
        self.raw, self.table, self.message = raw, table, message
        text, _, where = message.partition(" - at ")
        self.field = re.search(r"^Object .* field `(.*)`$", text)
        self.about_a_key = where.startswith("`key` in ")
        self.path = self._path(re.findall(r"\.(\w+)|\[(\d+|\.{3})\]", where))

    def located(self, source: str) -> ConfigError:
        holder = _type_at(inspect.type_info(self.table), self.path)
        if self.field is None:
            expected = _words(holder.key_type if isinstance(holder, inspect.DictType) else holder)
            value = self._culprit(self.path) if self.about_a_key else _value_at(self.raw, self.path)
            return ConfigError(source, _key(self.path) or "file", value, expected)
        path = (*self.path, self.field[1])
        if "missing" in self.message:
            return MissingKeyError(source, _key(path), _words(_type_at(holder, path[-1:])))
        known = ", ".join(_fields(holder))
        return ConfigError(source, _key(path), _value_at(self.raw, path), f"one of {known}")

    def _path(self, steps: list[tuple[str, str]]) -> Path:
        """Return the steps, with the key in place of each ``[...]``, which is all that msgspec says of it."""
        path: Path = ()
        for name, index in steps:
            step = self._culprit(path) if index == "..." else name or int(index)
            path = (*path, step)
        return path

    def _culprit(self, path: Path) -> str:
        """Return the first key of the mapping at ``path`` that alone has the same message."""
        mapping: dict[str, Any] = _value_at(self.raw, path)
        return next(key for key in mapping if self._is_said_of(path, {key: mapping[key]}))

    def _is_said_of(self, path: Path, mapping: dict[str, Any]) -> bool:
        try:
            msgspec.convert(_replaced(self.raw, path, mapping), self.table)
        except msgspec.ValidationError as error:
            return str(error) == self.message
        return False


def _key(path: Path) -> str:
    """Return a path as it would be written: ``sensors[3].low``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _value_at(raw: Any, path: Path) -> Any:
    for step in path:
        raw = raw[step]
    return raw


def _replaced(raw: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    copy = raw.copy()
    copy[path[0]] = _replaced(raw[path[0]], path[1:], value)
    return copy


def _numbers(raw: Any, path: Path = ()) -> Iterator[tuple[Path, float]]:
    if isinstance(raw, float):
        yield path, raw
    elif isinstance(raw, dict | list):
        for step, value in raw.items() if isinstance(raw, dict) else enumerate(raw):
            yield from _numbers(value, (*path, step))


def _type_at(found: inspect.Type, path: Path) -> inspect.Type:
    for step in path:
        found = _step(_plain(found), step)
    return _plain(found) if isinstance(_plain(found), inspect.StructType | inspect.DictType) else found


def _step(found: inspect.Type, step: str | int) -> inspect.Type:
    match found:
        case inspect.StructType():
            return _fields(found)[str(step)]
        case inspect.DictType():
            return found.value_type
        case inspect.VarTupleType() | inspect.ListType():
            return found.item_type
    raise TypeError(f"{found} has no {step}")


def _plain(found: inspect.Type) -> inspect.Type:
    """Return a type without what is only said about it, and without None."""
    match found:
        case inspect.Metadata():
            return _plain(found.type)
        case inspect.UnionType():
            types = [t for t in found.types if not isinstance(t, inspect.NoneType)]
            return _plain(types[0]) if len(types) == 1 else found
    return found


def _fields(found: inspect.Type) -> dict[str, inspect.Type]:
    return {f.encode_name: f.type for f in found.fields} if isinstance(found, inspect.StructType) else {}


def _words(found: inspect.Type) -> str:
    """Return what a value of this type is, for a person.

    >>> _words(inspect.type_info(tuple[float, ...]))
    'a list, each a number'
    """
    words = "a table"
    match found:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            words = (extra or {}).get("description") or _words(inner)
        case inspect.UnionType(types=types):
            words = " or ".join(_words(t) for t in types if not isinstance(t, inspect.NoneType))
        case inspect.IntType():
            words = f"a whole number{_limits(found)}"
        case inspect.FloatType():
            words = f"a number{_limits(found)}"
        case inspect.StrType(pattern=pattern):
            words = f"a text that matches {pattern}" if pattern else "a text"
        case inspect.BoolType():
            words = "true or false"
        case inspect.VarTupleType() | inspect.ListType():
            words = f"a list{_lengths(found)}, each {_words(found.item_type)}"
    return words


def _limits(found: inspect.IntType | inspect.FloatType) -> str:
    limits = {"above": found.gt, "at least": found.ge, "below": found.lt, "at most": found.le}
    said = [f" {word} {limit:g}" for word, limit in limits.items() if limit is not None]
    return " and".join(said)


def _lengths(found: inspect.VarTupleType | inspect.ListType) -> str:
    lengths = {"at least": found.min_length, "at most": found.max_length}
    said = [f" {word} {length}" for word, length in lengths.items() if length is not None]
    return " of" + " and".join(said) if said else ""
