"""Properties of elements as one cached table, formal charges by simple rules, bond-valence radii.

The numbers are pymatgen's; what is made of them is in the feature modules beside this one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.structures import ELEMENTS
from ionbridge.plugins import import_extra

__all__ = [
    "BOND_SOFTNESS",
    "PROPERTIES",
    "bond_valence_radius",
    "element_index",
    "formal_charges",
    "ionic_radius",
    "property_table",
]

FloatArray = NDArray[np.float64]

PROPERTIES: tuple[str, ...] = (
    "Z",
    "X",
    "atomic_mass",
    "atomic_radius",
    "average_ionic_radius",
    "row",
    "group",
    "mendeleev_no",
    "ionization_energy",
    "electron_affinity",
    "melting_point",
    "molar_volume",
    "max_oxidation_state",
    "min_oxidation_state",
)
BOND_SOFTNESS = 0.37  # [Å]; Brese and O'Keeffe, Acta Crystallographica B 47 (1991) 192

_INDEX = MappingProxyType({element: i for i, element in enumerate(ELEMENTS)})
_HALOGENS = ("F", "Cl", "Br", "I")
_CHALCOGENS = ("O", "S", "Se", "Te")
_FIXED: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("H", "Li", "Na", "K", "Rb", "Cs", "Ag"), 1.0),
        **dict.fromkeys(("Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd"), 2.0),
        **dict.fromkeys(("B", "Al", "Ga", "In", "Sc", "Y"), 3.0),
        **dict.fromkeys(
            ["La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu"], 3.0
        ),
        **dict.fromkeys(("C", "Si", "Ge", "Zr", "Hf", "Th"), 4.0),
        **dict.fromkeys(("P", "Ta", "As"), 5.0),
    }
)


def element_index(elements: Iterable[str]) -> NDArray[np.int64]:
    """Rows of `property_table`, shape (n_elements,)."""
    return np.array([_INDEX[element] for element in elements], dtype=np.int64)


@lru_cache(maxsize=1)
def property_table() -> FloatArray:
    """Properties of the elements, shape (97, 14), columns `PROPERTIES`; unknown values are the median.

    Raises
    ------
    MissingExtraError
        If pymatgen is not installed.
    """
    core = import_extra("pymatgen.core", "materials")
    table = np.full((len(ELEMENTS), len(PROPERTIES)), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of each property that an element lacks
        for row, symbol in enumerate(ELEMENTS):
            element = core.Element(symbol)
            for column, name in enumerate(PROPERTIES):
                value = getattr(element, name, None)
                table[row, column] = np.nan if value is None else float(value)
    return np.where(np.isfinite(table), table, np.nanmedian(table, axis=0))


@lru_cache(maxsize=1)
def _radii() -> FloatArray:
    """Crystal radii of cations and anions, shape (97, 2) [Å]; the atomic radius where unknown."""
    core = import_extra("pymatgen.core", "materials")
    table = property_table()
    radii = np.empty((len(ELEMENTS), 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row, symbol in enumerate(ELEMENTS):
            element = core.Element(symbol)
            other = table[row, PROPERTIES.index("atomic_radius")]
            radii[row] = [
                float(element.average_cationic_radius) or other,
                float(element.average_anionic_radius) or other,
            ]
    return radii


def ionic_radius(elements: Iterable[str], charges: Iterable[float]) -> FloatArray:
    """Crystal radius of each ion, shape (n_ions,) [Å]: Shannon's, averaged over charges by pymatgen."""
    negative = np.array([charge < 0 for charge in charges], dtype=int)
    return _radii()[element_index(elements), negative]


@lru_cache(maxsize=50_000)
def bond_valence_radius(first: str, second: str) -> float:
    """Length of a bond of valence one [Å].

    References
    ----------
    .. [1] O'Keeffe and Brese, Atom sizes and bond lengths in molecules and crystals, JACS 113 (1991)
       3226, eq. 2. doi:10.1021/ja00009a002
    """
    module = import_extra("pymatgen.analysis.bond_valence", "materials")
    core = import_extra("pymatgen.core", "materials")
    parameters = module.BV_PARAMS
    try:
        a, b = parameters[core.Element(first)], parameters[core.Element(second)]
    except KeyError:
        return float(ionic_radius([first], [1.0])[0] + ionic_radius([second], [-1.0])[0])
    r1, r2, c1, c2 = a["r"], b["r"], a["c"], b["c"]
    return float(r1 + r2 - r1 * r2 * (c1**0.5 - c2**0.5) ** 2 / (c1 * r1 + c2 * r2))


def formal_charges(amounts: Mapping[str, float]) -> dict[str, float]:
    """Charge of each element: anions and main-group cations by rule, transition metals by balance.

    Elements of variable charge share what is left to neutrality equally, between 0 and 7. It is
    a rule of thumb for features, no assignment of oxidation states.

    Parameters
    ----------
    amounts : atoms of each element.
    """
    oxidised = "O" in amounts or "F" in amounts
    charges: dict[str, float] = {}
    anions = [e for e in amounts if e in _HALOGENS or e == "O"]
    for element in anions:
        charges[element] = -2.0 if element == "O" else -1.0
    for element in ("S", "Se", "Te", "N"):
        if element in amounts:
            charges[element] = _soft_anion(element, amounts, oxidised)
    if not any(charge < 0 for charge in charges.values()):  # intermetallics: the most electronegative
        electronegativity = property_table()[:, PROPERTIES.index("X")]
        most = max(amounts, key=lambda e: electronegativity[_INDEX[e]])
        charges[most] = -3.0 if most in ("P", "As", "Sb", "Bi") else -2.0
    free = []
    for element in amounts:
        if element in charges:
            continue
        if element in _FIXED:
            charges[element] = _FIXED[element]
        else:
            free.append(element)
    total = sum(charges[e] * amounts[e] for e in charges)
    n_free = sum(amounts[e] for e in free)
    for element in free:
        charges[element] = float(np.clip(-total / n_free, 0.0, 7.0))
    return charges


def _soft_anion(element: str, amounts: Mapping[str, float], oxidised: bool) -> float:
    """Charge of S, Se, Te or N: the centre of an oxo-anion if oxygen surrounds it, else an anion."""
    surrounded = oxidised and amounts.get("O", 0.0) >= 2.5 * amounts[element]
    if element == "N":
        return 5.0 if surrounded else -3.0
    if surrounded and "P" not in amounts:
        return 6.0
    return -2.0
