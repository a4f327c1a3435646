"""Chemical formulas: parsing with errors that say where, host compositions and chemical systems.

Crystal structures are `structure.py`; statistics of element properties are the screening's features.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

from ionbridge.exceptions import DataError

__all__ = ["ELEMENTS", "Formula", "parse_formula"]

ELEMENTS: tuple[str, ...] = tuple(
    [
        "H",
        "He",
        "Li",
        "Be",
        "B",
        "C",
        "N",
        "O",
        "F",
        "Ne",
        "Na",
        "Mg",
        "Al",
        "Si",
        "P",
        "S",
        "Cl",
        "Ar",
        "K",
        "Ca",
        "Sc",
        "Ti",
        "V",
        "Cr",
        "Mn",
        "Fe",
        "Co",
        "Ni",
        "Cu",
        "Zn",
        "Ga",
        "Ge",
        "As",
        "Se",
        "Br",
        "Kr",
        "Rb",
        "Sr",
        "Y",
        "Zr",
        "Nb",
        "Mo",
        "Tc",
        "Ru",
        "Rh",
        "Pd",
        "Ag",
        "Cd",
        "In",
        "Sn",
        "Sb",
        "Te",
        "I",
        "Xe",
        "Cs",
        "Ba",
        "La",
        "Ce",
        "Pr",
        "Nd",
        "Pm",
        "Sm",
        "Eu",
        "Gd",
        "Tb",
        "Dy",
        "Ho",
        "Er",
        "Tm",
        "Yb",
        "Lu",
        "Hf",
        "Ta",
        "W",
        "Re",
        "Os",
        "Ir",
        "Pt",
        "Au",
        "Hg",
        "Tl",
        "Pb",
        "Bi",
        "Po",
        "At",
        "Rn",
        "Fr",
        "Ra",
        "Ac",
        "Th",
        "Pa",
        "U",
        "Np",
        "Pu",
        "Am",
        "Cm",
        "Bk",
        "Cf",
    ]
)
_KNOWN = frozenset(ELEMENTS)
_TOKEN = re.compile(r"(?P<element>[A-Z][a-z]?)|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<number>\d*\.?\d+)")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


@dataclass(frozen=True)
class Formula:
    """Amounts of elements.

    Parameters
    ----------
    text : as it was written.
    amounts : atoms of each element, in the order of first mention [-].
    """

    text: str
    amounts: Mapping[str, float]

    @property
    def n_atoms(self) -> float:
        """Sum of the amounts [-]."""
        return sum(self.amounts.values())

    @property
    def reduced(self) -> str:
        """Smallest whole amounts, elements in alphabetical order, such as ``Fe1 O4 P1``."""
        return _reduced(dict(self.amounts))

    @property
    def chemical_system(self) -> str:
        """Elements in alphabetical order, such as ``Fe-O-P``."""
        return "-".join(sorted(self.amounts))

    def host(self, ion: str) -> str:
        """Reduced formula without `ion`: what twins share that differ only in their mobile ion."""
        rest = {element: amount for element, amount in self.amounts.items() if element != ion}
        return _reduced(rest) if rest else self.reduced

    def fraction(self, element: str) -> float:
        """Share of the atoms that are `element` [-]."""
        return self.amounts.get(element, 0.0) / self.n_atoms


def _reduced(amounts: dict[str, float]) -> str:
    scaled = {element: round(amount, 6) for element, amount in amounts.items()}
    for factor in (1, 2, 3, 4, 5, 6, 8, 10, 12, 20, 100, 1000):
        whole = {element: amount * factor for element, amount in scaled.items()}
        if all(abs(amount - round(amount)) < 1e-3 * factor**0.5 for amount in whole.values()):
            counts = {element: round(amount) for element, amount in whole.items()}
            if all(counts.values()):
                divisor = gcd(*counts.values())
                return " ".join(f"{e}{counts[e] // divisor}" for e in sorted(counts))
    return " ".join(f"{e}{scaled[e]:g}" for e in sorted(scaled))


@lru_cache(maxsize=100_000)
def parse_formula(text: str) -> Formula:
    """Read a formula such as ``LiFePO4``, ``Li6.5La3(ZrO4)3`` or ``Fe₂O₃``.

    Raises
    ------
    DataError
        If a symbol is not an element, a bracket is not closed, or nothing is left; the message
        says where, and names the nearest element.
    """
    cleaned = str(text).strip().translate(_SUBSCRIPTS).replace(" ", "").replace("*", "").replace("_", "")
    if not cleaned:
        raise DataError("a formula is empty; expected elements and amounts such as 'LiFePO4'.")
    amounts = _parse(cleaned, str(text))
    amounts = {element: amount for element, amount in amounts.items() if amount > 0}
    if not amounts:
        raise DataError(f"formula {text!r} holds no atoms; expected elements and amounts such as 'LiFePO4'.")
    return Formula(str(text), amounts)


def _parse(cleaned: str, text: str) -> dict[str, float]:
    stack: list[dict[str, float]] = [{}]
    last: dict[str, float] = {}
    position = 0
    while position < len(cleaned):
        match = _TOKEN.match(cleaned, position)
        if match is None:
            raise _error(text, cleaned, position, f"{cleaned[position]!r} cannot stand in a formula")
        kind = match.lastgroup
        if kind == "number":
            if not last:
                raise _error(text, cleaned, position, "an amount stands before any element")
            for element, amount in last.items():
                stack[-1][element] += amount * (float(match.group()) - 1.0)
            last = {}
        elif kind == "open":
            stack.append({})
            last = {}
        elif kind == "close":
            if len(stack) == 1:
                raise _error(text, cleaned, position, "a bracket is closed that was never opened")
            last = stack.pop()
            for element, amount in last.items():
                stack[-1][element] = stack[-1].get(element, 0.0) + amount
        else:
            symbol = _symbol(match.group("element"), text, cleaned, position)
            last = {symbol: 1.0}
            stack[-1][symbol] = stack[-1].get(symbol, 0.0) + 1.0
            position += len(symbol)
            continue
        position = match.end()
    if len(stack) > 1:
        raise _error(text, cleaned, len(cleaned), "a bracket is not closed")
    return stack[0]


def _symbol(found: str, text: str, cleaned: str, position: int) -> str:
    if found in _KNOWN:
        return found
    raise _error(text, cleaned, position, f"{found!r} is not an element", found)


def _error(text: str, cleaned: str, position: int, why: str, found: str = "") -> DataError:
    near = difflib.get_close_matches(found, ELEMENTS, n=3, cutoff=0.5) if found else []
    hint = f" Nearest elements: {', '.join(near)}." if near else ""
    return DataError(
        f"formula {text!r}: {why} (character {position + 1} of {cleaned!r}); expected elements and amounts such as "
        f"'LiFePO4'.{hint}"
    )
