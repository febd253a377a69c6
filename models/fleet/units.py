"""Units as people spell them, and how one becomes another."""

from __future__ import annotations

from collections.abc import Iterator

# kind, and value in the first unit of that kind = value × factor + offset
_UNITS: dict[str, tuple[str, float, float]] = {
    "degC": ("temperature", 1.0, 0.0),
    "degF": ("temperature", 5 / 9, -160 / 9),
    "K": ("temperature", 1.0, -273.15),
    "bar": ("pressure", 1.0, 0.0),
    "mbar": ("pressure", 1e-3, 0.0),
    "Pa": ("pressure", 1e-5, 0.0),
    "kPa": ("pressure", 1e-2, 0.0),
    "MPa": ("pressure", 10.0, 0.0),
    "psi": ("pressure", 0.0689475729, 0.0),
    "inH2O": ("pressure", 2.4908891e-3, 0.0),
    "L/s": ("flow", 1.0, 0.0),
    "L/min": ("flow", 1 / 60, 0.0),
    "m3/h": ("flow", 1 / 3.6, 0.0),
    "m3/s": ("flow", 1000.0, 0.0),
    "gal/min": ("flow", 0.0630901964, 0.0),
    "ft3/min": ("flow", 0.471947443, 0.0),
    "kW": ("power", 1.0, 0.0),
    "W": ("power", 1e-3, 0.0),
    "MW": ("power", 1e3, 0.0),
    "hp": ("power", 0.745699872, 0.0),
    "RT": ("power", 3.51685284, 0.0),
    "BTU/h": ("power", 2.93071070e-4, 0.0),
    "kWh": ("energy", 1.0, 0.0),
    "Wh": ("energy", 1e-3, 0.0),
    "MWh": ("energy", 1e3, 0.0),
    "MJ": ("energy", 1 / 3.6, 0.0),
    "GJ": ("energy", 1000 / 3.6, 0.0),
    "1": ("share", 1.0, 0.0),
    "%": ("share", 0.01, 0.0),
    "s": ("time", 1.0, 0.0),
    "min": ("time", 60.0, 0.0),
    "h": ("time", 3600.0, 0.0),
    "d": ("time", 86400.0, 0.0),
    "mm/s": ("speed", 1.0, 0.0),
    "m/s": ("speed", 1000.0, 0.0),
    "in/s": ("speed", 25.4, 0.0),
    "V": ("voltage", 1.0, 0.0),
    "mV": ("voltage", 1e-3, 0.0),
    "kV": ("voltage", 1e3, 0.0),
    "A": ("current", 1.0, 0.0),
    "mA": ("current", 1e-3, 0.0),
    "rpm": ("frequency", 1.0, 0.0),
    "Hz": ("frequency", 60.0, 0.0),
    "mm": ("length", 1.0, 0.0),
    "m": ("length", 1e3, 0.0),
    "um": ("length", 1e-3, 0.0),
    "in": ("length", 25.4, 0.0),
    "g": ("acceleration", 9.80665, 0.0),
    "m/s2": ("acceleration", 1.0, 0.0),
    "TB": ("data", 1.0, 0.0),
    "GB": ("data", 1e-3, 0.0),
    "B": ("data", 1e-12, 0.0),
}

_SPELLINGS = {
    "degC": "°C ℃ deg_c deg_C degree_celsius degrees_celsius celsius C",
    "degF": "°F ℉ deg_f deg_F degree_fahrenheit degrees_fahrenheit fahrenheit F",
    "K": "kelvin °K",
    "psi": "psig psia lbf/in2 PSI",
    "inH2O": "in.w.c. inwc in_wc inHg2O in.wg",
    "L/s": "l/s lps LPS",
    "L/min": "l/min lpm LPM",
    "m3/h": "m³/h m3/hr m³/hr cmh CMH",
    "m3/s": "m³/s",
    "gal/min": "gpm GPM usgpm",
    "ft3/min": "cfm CFM",
    "kW": "kw KW kilowatt kilowatts",
    "W": "watt watts",
    "RT": "ton tons TR",
    "BTU/h": "btu/h BTU/hr btu/hr",
    "kWh": "kwh KWH KWh",
    "%": "percent pct %RH %rh",
    "s": "sec seconds second",
    "min": "mins minute minutes",
    "h": "hr hrs hour hours",
    "d": "day days",
    "V": "volt volts",
    "A": "amp amps ampere amperes",
    "rpm": "RPM 1/min r/min",
    "Hz": "hz HZ",
    "um": "µm μm micron microns",
    "m/s2": "m/s²",
    "B": "byte bytes",
}
_BY_SPELLING = {word: unit for unit, words in _SPELLINGS.items() for word in words.split()} | {
    unit: unit for unit in _UNITS
}


def unit_named(text: str) -> str | None:
    """Return the unit that a spelling means; None if it is not known.

    >>> unit_named("°C"), unit_named("psig"), unit_named("furlong")
    ('degC', 'psi', None)
    """
    return _BY_SPELLING.get(text.strip().replace(" ", "_")) or _BY_SPELLING.get(text.strip().replace("Â", ""))


def conversion(from_: str, to: str) -> tuple[float, float] | None:
    """Return (scale, offset) with ``value in to = value × scale + offset``; None if there is no way.

    >>> conversion("degF", "degC") == (5 / 9, -160 / 9), conversion("bar", "kW")
    (True, None)
    """
    one, other = unit_named(from_), unit_named(to)
    if from_ == to:
        return 1.0, 0.0
    if one is None or other is None or _UNITS[one][0] != _UNITS[other][0]:
        return None
    _, factor, offset = _UNITS[one]
    _, other_factor, other_offset = _UNITS[other]
    return factor / other_factor, (offset - other_offset) / other_factor


def conversions(to: str) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield every other unit of the same kind with its (scale, offset) to ``to``.

    >>> [unit for unit, _ in conversions("°C")]
    ['degF', 'K']
    """
    own = unit_named(to)
    for unit in _UNITS:
        found = conversion(unit, to)
        if unit != own and found is not None:
            yield unit, found
