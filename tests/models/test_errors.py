from __future__ import annotations

import pytest

from models import errors
from models.errors import ChillcastError, ConfigError

RAISED_ON_PURPOSE = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)
]


@pytest.mark.parametrize("kind", RAISED_ON_PURPOSE)
def test_every_error_has_the_one_root_and_says_what_to_do(kind: type[Exception]) -> None:
    assert issubclass(kind, ChillcastError)
    assert kind.__doc__


def test_the_root_catches_nothing_else() -> None:
    assert ChillcastError.__bases__ == (Exception,)


def test_a_configuration_error_names_source_key_value_and_what_was_expected() -> None:
    error = ConfigError("fleet.toml", "sampling.hop_s", "1h", "a whole number above 0")
    assert str(error) == "fleet.toml: sampling.hop_s = '1h': expected a whole number above 0"
    assert (error.source, error.key, error.value) == ("fleet.toml", "sampling.hop_s", "1h")
    assert error.expected == "a whole number above 0"


def test_a_value_of_several_lines_stays_on_one() -> None:
    assert "\n" not in str(ConfigError("fleet.toml", "name", "a\nb", "one line"))
