"""One root error; each class says what the operator should do."""


class ChillcastError(Exception):
    """Root of every error that chillcast raises on purpose; its text is one line for an operator."""


class ConfigError(ChillcastError):
    """A setting or fleet file is wrong: correct the named key and start again.

    >>> str(ConfigError("fleet.toml", "hop_s", -1, "an integer above 0"))
    'fleet.toml: hop_s = -1: expected an integer above 0'
    """

    def __init__(self, source: str, key: str, value: object, expected: str) -> None:
        super().__init__(f"{source}: {key} = {value!r}: expected {expected}")
        self.source, self.key, self.value, self.expected = source, key, value, expected


class RecordingError(ChillcastError):
    """A recording cannot be read: mend the named file, row or column, or the fleet file's mapping."""


class RecordError(ChillcastError):
    """One record on a topic cannot be understood: it is dead-lettered with this reason."""


class ModelError(ChillcastError):
    """A model cannot be trained, loaded or trusted: the last good one stays in place."""


class StateError(ChillcastError):
    """What a stage remembered is gone or damaged, and cannot be had from the log: decide as the text says."""


class UnavailableError(ChillcastError):
    """A broker, store or registry does not answer: it is retried with a visible alarm."""
