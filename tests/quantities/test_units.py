"""Conversion: the traps of pint, exact powers of ten, temperatures, spellings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionbridge.exceptions import UnitError
from ionbridge.quantities import convert, house_units, pretty_unit
from ionbridge.quantities.text import key_of_unit, unit_ending
from ionbridge.quantities.units import canonical_unit, conversion, find_unit, is_convertible

PAIRS = [
    ("mm", "um"),
    ("%", "1"),
    ("1", "wt%"),
    ("degC", "K"),
    ("degF", "K"),
    ("m/s", "m/min"),
    ("mg/cm^2", "g/m^2"),
    ("kg/m^3", "g/cm^3"),
    ("%/cycle", "1/cycle"),
    ("S/m", "mS/cm"),
    ("bar", "MPa"),
]


@pytest.mark.parametrize(
    ("value", "from_unit", "to_unit", "expected"),
    [
        (45.1, "%", "1", 0.451),
        (0.945, "1", "wt%", 94.5),
        (94.5, "%", "wt%", 94.5),
        (80, "°C", "K", 353.15),
        (212, "degF", "K", 373.15),
        (1, "%/cycle", "1/cycle", 0.01),
        (1, "C", "C_rate", 1),
        (2, "A/Ah", "C_rate", 2),
        (1200, "mol.m-3", "mol/L", 1.2),
        (5, "Ohm", "mOhm", 5000),
        (5, "mΩ", "mOhm", 5),
        (1.5, "mg cm⁻²", "g/m^2", 15),
        (2.5, "g/cm³", "kg/m^3", 2500),
        (6, "mm/s", "m/min", 0.36),
        (1, "mPa", "Pa", 0.001),
        (0.1, "µm", "nm", 100),
    ],
)
def test_convert(value: float, from_unit: str, to_unit: str, expected: float):
    assert convert(value, from_unit, to_unit) == pytest.approx(expected, rel=1e-12)


def test_percent_is_divided_exactly():
    assert float(convert(45.1, "%", "1")) == 45.1 / 100


def test_convert_keeps_the_shape_and_copies():
    values = np.ones((2, 3))
    same = convert(values, "um", "um")
    same[:] = 7
    assert values.max() == 1
    assert convert(values, "um", "mm").shape == (2, 3)
    assert convert([], "um", "mm").shape == (0,)


@pytest.mark.parametrize(
    ("from_unit", "to_unit", "match"),
    [
        pytest.param("um", "K", "cannot convert 'um' to 'K'", id="other dimension"),
        pytest.param("furlongs_per_cow", "um", "unknown unit 'furlongs_per_cow'", id="unknown"),
        pytest.param("C", "um", "cannot convert", id="coulomb is no length"),
        pytest.param("turn", "cycle", "cannot convert", id="a battery cycle is no turn"),
        pytest.param("1", "cycle", "cannot convert", id="a count of cycles is not dimensionless"),
    ],
)
def test_wrong_units_are_refused(from_unit: str, to_unit: str, match: str):
    with pytest.raises(UnitError, match=match):
        convert(1.0, from_unit, to_unit)
    assert not is_convertible(from_unit, to_unit)


@given(st.sampled_from(PAIRS), st.floats(1e-6, 1e6))
def test_conversion_inverts(pair: tuple[str, str], value: float):
    there = convert(value, *pair)
    assert float(convert(there, pair[1], pair[0])) == pytest.approx(value, rel=1e-9, abs=1e-9)


@given(st.sampled_from(PAIRS), st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2))
def test_conversion_keeps_order(pair: tuple[str, str], values: list[float]):
    low, high = convert(sorted(values), *pair)
    assert low <= high


@pytest.mark.parametrize("unit", house_units())
def test_every_house_unit_is_known_and_its_ending_reads_back(unit: str):
    assert conversion(canonical_unit(unit), unit)(2.0) == 2.0
    ending = unit_ending(unit)
    if ending:
        assert find_unit(ending) == unit
    assert pretty_unit(unit)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("um", "um"),
        ("UM", "um"),
        ("µm", "um"),
        ("g_cm3", "g/cm^3"),
        ("g/cm³", "g/cm^3"),
        ("g_per_cm3", "g/cm^3"),
        ("gsm", "g/m^2"),
        ("m_min", "m/min"),
        ("pct", "%"),
        ("wt_pct", "wt%"),
        ("°C", "degC"),
        ("MPa", "MPa"),
        ("kpa", "kPa"),
        ("per_cycle", "1/cycle"),
        ("mPa_s", "mPa*s"),
    ],
)
def test_spellings_are_found_without_pint(text: str, unit: str):
    assert find_unit(text) == unit


@pytest.mark.parametrize("text", ["mPa", "furlong", "sample"])
def test_spellings_that_are_not_guessed(text: str):
    assert find_unit(text) is None


def test_the_quantity_decides_what_a_bare_c_is():
    assert canonical_unit("C", "K") == "degC"
    assert canonical_unit("C", "C_rate") == "C_rate"


def test_key_of_unit_keeps_the_inverse():
    assert key_of_unit("1/cycle") == key_of_unit("per cycle") == "per_cycle"


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Gew.-%", "wt%"),
        ("Gew%", "wt%"),
        ("Ma.-%", "wt%"),
        ("m-%", "wt%"),
        ("M.-%", "wt%"),
        ("Vol.-%", "vol%"),
        ("mPas", "mPa*s"),
        ("mPa·s", "mPa*s"),
        ("Pas", "Pa*s"),
    ],
)
def test_german_spellings_are_known(text: str, unit: str):
    assert find_unit(text) == unit
