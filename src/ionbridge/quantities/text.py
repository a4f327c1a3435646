"""How names and units are compared and written as text.

Pure string functions without any knowledge of which quantities exist.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["key_of_name", "key_of_unit", "pretty_unit", "unit_ending"]


def key_of_name(text: str) -> str:
    """Reduce a name to what counts in comparisons: letters and digits in lower case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())


def key_of_unit(text: str, *, keep_case: bool = True) -> str:
    """Reduce a unit to the form of `unit_spellings`: ``mg/cm²``, ``mg_per_cm2`` → ``mg_cm2``."""
    text = unicodedata.normalize("NFKC", text.strip()).replace("μ", "u").replace("°", "deg")
    inverse = re.match(r"(1\s*/|per(?![A-Za-z]))", text, flags=re.IGNORECASE)
    text = re.sub(
        r"(?<![A-Za-z])per(?![A-Za-z])", "_", text[inverse.end() if inverse else 0 :], flags=re.IGNORECASE
    )
    text = ("per_" if inverse else "") + re.sub(r"[\s/*·^_.]+", "_", text).strip("_")
    return text if keep_case else text.casefold()


def unit_ending(unit: str) -> str:
    """Ending of a column name for a unit: ``g/cm^3`` → ``g_per_cm3``; empty where the name says it all."""
    if unit in ("1", "C_rate"):
        return ""
    text = unit.replace("%", "_pct" if unit[0] != "%" else "pct")
    text = re.sub(r"^1/", "per_", text)
    return text.replace("/", "_per_").replace("^", "").replace("*", "_")


_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def pretty_unit(unit: str) -> str:
    """Write a unit as printed on axes: ``g/cm^3`` → ``g/cm³``; dimensionless is ``-``."""
    if unit == "1":
        return "-"
    text = re.sub(r"(?:\^|\*\*)(-?\d+)", lambda found: found[1].translate(_SUPERSCRIPTS), unit)
    text = re.sub(r"\bu(?=[mgALVs]\b)", "µ", text)
    text = text.replace("*", "·").replace("degC", "°C").replace("Ohm", "Ω").replace("angstrom", "Å")
    return text.replace("C_rate", "C")
