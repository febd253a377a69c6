"""One root error; each class says what the operator should do."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 20


class ChillcastError(Exception):
    """Root of every error that chillcast raises on purpose; its text is for an operator, in one line."""


class ConfigError(ChillcastError):
    """A setting or fleet file is wrong: correct the named key and start again.

    >>> str(ConfigError("fleet.toml", "hop_s", -1, "an integer above 0"))
    'fleet.toml: hop_s = -1: expected an integer above 0'
    """

    _text = "{source}: {key} = {value!r}: expected {expected}"

    def __init__(self, source: str, key: str, value: object, expected: str) -> None:
        super().__init__(self._text.format(source=source, key=key, value=value, expected=expected))
        self.source, self.key, self.value, self.expected = source, key, value, expected
        self.faults: tuple[ConfigError, ...] = (self,)


class MissingKeyError(ConfigError):
    """A key that has no default is not there: add it.

    >>> str(MissingKeyError("fleet.toml", "sensors[3].low", None, "a number"))
    'fleet.toml: sensors[3].low is missing: expected a number'
    """

    _text = "{source}: {key} is missing: expected {expected}"


class UnknownKeyError(ConfigError):
    """A key is not known: correct its name, or leave it out. Its value is not shown: it may be a secret.

    >>> str(UnknownKeyError("fleet.toml", "sensors[3].hihg", 1, "did you mean high?"))
    'fleet.toml: sensors[3].hihg is not known: did you mean high?'
    """

    _text = "{source}: {key} is not known: {expected}"


class FaultyConfigError(ConfigError):
    """Several keys are wrong: correct each of them and start again; the text has a line for each, at most 20.

    >>> low, high = (ConfigError("fleet.toml", key, "x", "a number") for key in ("low", "high"))
    >>> print(FaultyConfigError([low, high]))
    fleet.toml: low = 'x': expected a number
    fleet.toml: high = 'x': expected a number
    """

    def __init__(self, faults: Sequence[ConfigError]) -> None:
        first = faults[0]
        super().__init__(first.source, first.key, first.value, first.expected)
        lines = [str(fault) for fault in faults[:_SHOWN]]
        if len(faults) > _SHOWN:
            lines.append(f"{first.source}: {len(faults) - _SHOWN} more keys are wrong")
        self.args, self.faults = ("\n".join(lines),), tuple(faults)


class RecordingError(ChillcastError):
    """A recording cannot be read: mend the named file, row or column, or the fleet file's mapping."""


class RecordError(ChillcastError):
    """One record on a topic cannot be understood: it is dead-lettered with this reason."""


class ModelError(ChillcastError):
    """A model cannot be trained, loaded or trusted: the last good one stays in place."""


class StateError(ChillcastError):
    """What a stage remembered is gone or damaged, and cannot be had from the log: decide as the text says."""


class RefusedError(ChillcastError):
    """A command makes sense, but not for the case as it stands: look at that, and ask again."""


class ForbiddenError(ChillcastError):
    """Whoever asks has not the right to: ask somebody who has, or who gives roles."""


class UnavailableError(ChillcastError):
    """A broker, store or registry does not answer: it is retried with a visible alarm."""


def shown(address: str) -> str:
    """Return an address as people may see it: without the credentials before its host, and its query.

    >>> shown("http://me:secret@influx:8086/?token=secret")
    'http://influx:8086/'
    >>> shown("sqlite:////home/me@work/mlflow.db")
    'sqlite:////home/me@work/mlflow.db'
    """
    scheme, mark, rest = address.partition("://")
    if not mark or rest.startswith("/"):
        return address
    return scheme + mark + rest.rpartition("@")[2].partition("?")[0]
