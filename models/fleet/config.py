"""Tables of configuration files, checked against their type; errors speak in the words of the file."""

from __future__ import annotations

import dataclasses
import difflib
import json
import pathlib
import tomllib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast, dataclass_transform

import pydantic.dataclasses
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from models.errors import ConfigError, FaultyConfigError, MissingKeyError, UnknownKeyError
from models.fleet.shape import Path, Shape, follow, shape_of, words

T = TypeVar("T")
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_TABLE = ConfigDict(
    strict=True,
    extra="forbid",
    allow_inf_nan=False,  # numbers are handed on as JSON, which has no word for these
    validate_by_name=True,
    defer_build=True,
)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(dataclasses.field,))
def table(cls: type[T]) -> type[T]:
    """Make a class a table of a configuration file: a frozen dataclass that is checked when it is made.

    A key that it does not have is refused, and so is a value of another type; a whole number is a number.
    """
    return cast(type[T], pydantic.dataclasses.dataclass(cls, frozen=True, kw_only=True, config=_TABLE))


def means(text: str) -> FieldInfo:
    """Say of a key what it means; the documentation lists it with these words."""
    return cast(FieldInfo, Field(description=text))


def expects(text: str) -> FieldInfo:
    """Say what a value has to be, if limits do not say it well, or a validator of its own decides."""
    return cast(FieldInfo, Field(json_schema_extra={"expected": text}))


def read_toml(path: pathlib.Path, kind: str) -> dict[str, Any]:
    """Parse a TOML file; ConfigError names it, and says that it is no readable ``kind`` file, or no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "file", str(path), f"a readable {kind} file ({error})") from error
    except (ValueError, RecursionError) as error:  # also of numbers and nesting that nobody means
        raise ConfigError(str(path), "file", str(path), f"TOML ({error})") from error


def read_table(raw: Any, kind: type[T], source: str, within: str = "") -> T:
    """Return ``raw``, as TOML or JSON was parsed, as a ``kind``: a class that is a `table`.

    ``source`` names the file in errors, ``within`` the key at which ``raw`` stands in it. Raises ConfigError
    with the key, its value and what was expected; FaultyConfigError if several keys are wrong.

    >>> @table
    ... class Sampling:
    ...     hop_s: int
    >>> read_table({"hop_s": "1h"}, Sampling, "fleet.toml")
    Traceback (most recent call last):
    ...
    models.errors.ConfigError: fleet.toml: hop_s = '1h': expected a whole number
    """
    text = json.dumps(raw, default=str)  # dates: JSON writes them as TOML does
    try:
        return TypeAdapter(kind).validate_json(text, by_alias=True, by_name=False)
    except ValidationError as error:
        found = faults(error, kind)
        refuse([named(fault, source, _joined(within, fault.key)) for fault in found], error)
        raise


def table_json(given: object) -> bytes:
    """Return a table as JSON that `read_table` reads again, under the names of the file."""
    return TypeAdapter(type(given)).dump_json(given, by_alias=True)


def refuse(found: Sequence[ConfigError], cause: Exception | None = None) -> None:
    """Raise the fault that was found, or all of them as one error; return if there is none."""
    if found:
        raise found[0] if len(found) == 1 else FaultyConfigError(found) from cause


def faults(error: ValidationError, kind: type) -> list[ConfigError]:
    """Return what a validation says, an error for each wrong key; no source yet.

    A key that is missing since it is misspelt is one fault: that it is not known.
    """
    shape, found, meant = shape_of(kind), dict[Path, ConfigError](), set[Path]()
    for details in error.errors(include_url=False):
        path, below = follow(shape, details["loc"])
        found.setdefault(path, _fault(details, path, below))
        if details["type"] in _UNKNOWN:
            meant.add((*path[:-1], nearest(str(path[-1]), below["properties"]) or ""))
    missing = {path for path, fault in found.items() if isinstance(fault, MissingKeyError)}
    return [f for path, f in found.items() if path not in missing & meant and not _says_more(found, path)]


def named(fault: ConfigError, source: str, key: str) -> ConfigError:
    """Return the same fault with another source and key."""
    return type(fault)(source, key, fault.value, fault.expected)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return which of the known names was meant, None if none is near.

    >>> nearest("lo", ["low", "high"])
    'low'
    """
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def suggestion(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Say which of the known names was meant, or all of them if none is near; each with the prefix.

    >>> suggestion("lo", ["low", "high"]), suggestion("colour", ["low", "high"])
    ('did you mean low?', 'known are low, high')
    """
    names = list(known)
    near, every = nearest(name, names), ", ".join(prefix + name for name in names)
    return f"did you mean {prefix}{near}?" if near else f"known are {every}"


def _fault(details: ErrorDetails, path: Path, shape: Shape) -> ConfigError:
    kind, key = details["type"], _written(path)
    if kind in _UNKNOWN:
        return UnknownKeyError("", key, details["input"], suggestion(str(path[-1]), shape["properties"]))
    if kind == "missing":
        return MissingKeyError("", key, None, words(shape))
    expected = "a finite number" if kind == "finite_number" else words(shape)
    return ConfigError("", key or "file", details["input"], expected)


def _says_more(found: Iterable[Path], path: Path) -> bool:
    """Return whether there is a fault below ``path``: it is why that is wrong, too."""
    return any(len(other) > len(path) and other[: len(path)] == path for other in found)


def _written(path: Path) -> str:
    """Return a path as it would be written: ``sensors[3].low``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _joined(within: str, key: str) -> str:
    return key if not within else within if key == "file" else f"{within}.{key}"
