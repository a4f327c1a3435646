"""Conversion between units: our own pint definitions and spellings, and one affine map per pair.

Which unit a quantity is stored in is said by the catalogue; which unit a column of a file has is
decided by `ionbridge.datasets.columns`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ionbridge.exceptions import UnitError
from ionbridge.quantities.catalogue import catalogue, edge_unit, unit_spellings
from ionbridge.quantities.text import key_of_unit, unit_ending

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ionbridge.quantities.base import Quantity

__all__ = [
    "Conversion",
    "canonical_unit",
    "conversion",
    "convert",
    "find_unit",
    "is_convertible",
    "to_edge_unit",
]

# pint reads `cycle` as a turn (2π), `C` as coulomb and has no wt%; see also `_pint_text`.
_DEFINITIONS = (
    "percent = 0.01 = pct",
    "weight_percent = 0.01",
    "volume_percent = 0.01",
    "cycle = [battery_cycle]",
    "C_rate = 1 / hour",
    "atom = []",
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
# Shares as German and English laboratories write them: Gew.-%, Ma.-%, m-%, wt. %.
_SHARES = {
    "wt%": re.compile(r"(?:wt|w|weight|mass|masse|massen|ma|m|gew|gewichts)\.?[\s_-]*%", re.IGNORECASE),
    "vol%": re.compile(r"(?:vol|v|volume|volumen)\.?[\s_-]*%", re.IGNORECASE),
}


class Conversion(NamedTuple):
    """An affine map ``converted = value * factor / divisor + offset``.

    Powers of ten are kept as an exact divisor where possible, so that 45.1 % is 0.451 and not
    0.45100000000000001.
    """

    factor: float
    divisor: float
    offset: float

    def __call__(self, values: ArrayLike) -> NDArray[Any]:
        """Convert values of any shape; always returns a new array of floats."""
        import numpy as np

        result = np.array(values, dtype=float)
        for operation, operand in (
            (np.multiply, self.factor),
            (np.divide, self.divisor),
            (np.add, self.offset),
        ):
            if operand != (0.0 if operation is np.add else 1.0):
                operation(result, operand, out=result)
        return result


_IDENTITY = Conversion(1.0, 1.0, 0.0)


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry(on_redefinition="ignore", autoconvert_offset_to_baseunit=True)
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry


def _pint_text(text: str) -> str:
    """Rewrite a unit as people and files spell it into pint syntax."""
    text = unicodedata.normalize("NFC", text).translate(_SUPERSCRIPTS).strip()
    text = (
        text.replace("µ", "u")
        .replace("μ", "u")
        .replace("Ω", "ohm")
        .replace("Ω", "ohm")
        .replace("Å", "angstrom")
    )
    text = re.sub(r"°\s*C|deg\s?C|℃", "degC", text)
    text = re.sub(r"°\s*F|℉", "degF", text)
    text = text.replace("°", "degree").replace("−", "-").replace("·", "*").replace("×", "*").replace("⋅", "*")
    text = re.sub(r"(?:wt\.?|w|mass)[ _-]?%", "weight_percent", text, flags=re.IGNORECASE)
    text = re.sub(r"vol\.?[ _-]?%", "volume_percent", text, flags=re.IGNORECASE)
    text = text.replace("%", "percent").replace("Ohm", "ohm")
    text = re.sub(r"(?<=[A-Za-z0-9])\.(?=[A-Za-z])", "*", text)  # mol.m-3
    text = re.sub(r"([A-Za-z])\^?([+-]?\d+)", r"\1**\2", text)  # cm2, m^-3
    return re.sub(r"(?<=[A-Za-z0-9)])\s+(?=[A-Za-z(])", "*", text)  # mg cm-2


@lru_cache(maxsize=1)
def _known_spellings() -> dict[str, str]:
    spellings = dict(unit_spellings())
    for unit in (*(item.unit for item in catalogue().values()), *unit_spellings().values()):
        for spelling in (unit, key_of_unit(unit), key_of_unit(unit_ending(unit))):
            spellings.setdefault(spelling, unit)
    return spellings


def find_unit(text: str) -> str | None:
    """Recognise a unit by spelling alone, such as ``µm``, ``m_per_min`` or ``g_cm3``.

    Returns the spelling that `convert` understands, or None. Does not load pint.
    """
    spellings, text = _known_spellings(), text.strip()
    candidates = [text, key_of_unit(text)]
    if text in (text.lower(), text.upper()):  # mixed case has a meaning: mPa is not MPa
        candidates.append(key_of_unit(text, keep_case=False))
    for candidate in candidates:
        if candidate in spellings:
            return spellings[candidate]
    return next((unit for unit, share in _SHARES.items() if share.fullmatch(text)), None)


@lru_cache(maxsize=1024)
def canonical_unit(text: str, house_unit: str = "1") -> str:
    """Return the unit that `text` means, for a quantity stored in `house_unit`.

    The quantity decides what a bare ``C`` is: a C-rate, degrees Celsius, or coulomb.

    Raises
    ------
    UnitError
        If nothing known is spelled like this.
    """
    text = text.strip()
    if text in ("C", "c") and house_unit in ("C_rate", "K"):
        return "C_rate" if house_unit == "C_rate" else "degC"
    if text == house_unit:
        return text
    found = find_unit(text)
    if found is not None:
        return found
    try:
        _parse(text)
    except UnitError as error:
        raise UnitError(
            f"unknown unit {text!r}; expected something like {house_unit!r}. Write units as 'um', 'm/min', "
            "'g/cm^3', 'mg/cm^2', '%', 'wt%', 'degC', 'C_rate' or '1' for none."
        ) from error
    return text


@lru_cache(maxsize=1024)
def _parse(text: str) -> Any:
    if text in ("", "-", "1"):
        return _registry().dimensionless
    try:
        parsed = _registry().parse_units(_pint_text(text))
    except Exception as error:  # pint raises many kinds, from tokenizer errors to AttributeError
        raise UnitError(f"unknown unit {text!r}.") from error
    return parsed


@lru_cache(maxsize=1024)
def conversion(from_unit: str, to_unit: str) -> Conversion:
    """Return the affine map from one unit to another.

    Raises
    ------
    UnitError
        If a unit is unknown or the two measure different things.
    """
    if from_unit == to_unit:
        return _IDENTITY
    first, second = _parse(canonical_unit(from_unit, to_unit)), _parse(canonical_unit(to_unit, from_unit))
    registry = _registry()
    if first.dimensionality != second.dimensionality:
        raise UnitError(
            f"cannot convert {from_unit!r} to {to_unit!r}: one is {first.dimensionality or 'dimensionless'}, the other "
            f"{second.dimensionality or 'dimensionless'}. Give the column the unit it was measured in."
        )
    offset = float(registry.Quantity(0.0, first).to(second).magnitude)
    if offset:
        span = 2.0**20  # exact in floats; keeps the rounding of the difference below 1e-12
        factor = round((float(registry.Quantity(span, first).to(second).magnitude) - offset) / span, 12)
        return Conversion(factor, 1.0, round(offset, 9))
    return _exact(float(registry.Quantity(1.0, first).to(second).magnitude))


def _exact(factor: float) -> Conversion:
    if factor >= 1 or not factor:
        nearest = float(round(factor))
        return Conversion(nearest if abs(nearest - factor) < 1e-12 * factor else factor, 1.0, 0.0)
    divisor = float(round(1 / factor))
    if abs(divisor * factor - 1) < 1e-12:
        return Conversion(1.0, divisor, 0.0)
    return Conversion(factor, 1.0, 0.0)


def convert(values: ArrayLike, from_unit: str, to_unit: str) -> NDArray[Any]:
    """Convert values of any shape from one unit to another; call it once for a whole column.

    Parameters
    ----------
    values : any shape [from_unit]
    from_unit, to_unit : as in the catalogue or as people write them, such as ``g/cm3`` or ``°C``.

    Returns
    -------
    Array of the same shape [to_unit], always a copy.

    Raises
    ------
    UnitError
        If a unit is unknown or the two measure different things.
    """
    return conversion(from_unit, to_unit)(values)


def to_edge_unit(item: Quantity, values: ArrayLike) -> NDArray[Any]:
    """Convert values of any shape from the house unit to `edge_unit`, without the noise of the last digits.

    Parameters
    ----------
    values : any shape [house unit of `item`]
    """
    unit = edge_unit(item)
    converted = convert(values, item.unit, unit)
    return converted.round(9) if unit != item.unit else converted


def is_convertible(from_unit: str, to_unit: str) -> bool:
    """Whether both units are known and measure the same kind of thing."""
    try:
        conversion(from_unit, to_unit)
    except UnitError:
        return False
    return True
