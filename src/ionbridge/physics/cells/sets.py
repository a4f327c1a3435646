"""Named cells: which parameter set of PyBaMM stands for which chemistry, and what is added to it.

Reading a set into plain numbers is `parameters.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ionbridge.exceptions import UnknownNameError
from ionbridge.physics.base import Constant
from ionbridge.physics.cells.sources import LFP_THERMAL

__all__ = ["CELL_SETS", "CHEMISTRIES", "CellSet", "find_set"]


@dataclass(frozen=True)
class CellSet:
    """A parameter set of PyBaMM and what must be known to use it.

    Parameters
    ----------
    name : in PyBaMM.
    chemistry : of the positive electrode.
    cell : what was parametrised.
    has_thermal : whether a lumped thermal model can be computed.
    added : parameters that PyBaMM's set lacks, by PyBaMM's name.
    notes : what anyone who uses it must know.
    """

    name: str
    chemistry: str
    cell: str
    has_thermal: bool = True
    added: Mapping[str, Constant] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


_SETS = (
    CellSet("Ai2020", "LCO", "Enertech SPB655060 pouch, 2.28 Ah"),
    CellSet("Marquis2019", "LCO", "Kokam SLPB78205130H pouch, scaled to 0.68 Ah"),
    CellSet(
        "Prada2013",
        "LFP",
        "A123 ANR26650 cylinder, 2.3 Ah",
        added=MappingProxyType(LFP_THERMAL),
        notes=(
            "thermal parameters added from other sources; diffusivities do not depend on temperature",
            "open-circuit potentials from Chen2020 (graphite) and Afshar2017 (LFP), without hysteresis",
        ),
    ),
    CellSet("Chen2020", "NMC", "LG M50 21700 cylinder, 5 Ah"),
    CellSet("OKane2022", "NMC", "LG M50 21700 cylinder, 5 Ah, with degradation parameters"),
    CellSet("NCA_Kim2011", "NCA", "pouch of NREL, 0.43 Ah"),
    CellSet(
        "Chayambuka2022",
        "Na-ion",
        "sodium half of 3 mAh: hard carbon and NVPF",
        has_thermal=False,
        notes=("the set has no thermal parameters: isothermal only",),
    ),
)
CELL_SETS: Mapping[str, CellSet] = MappingProxyType({item.name: item for item in _SETS})
CHEMISTRIES: Mapping[str, str] = MappingProxyType(
    {
        "LCO": "Ai2020",
        "LFP": "Prada2013",
        "NMC": "Chen2020",
        "NCA": "NCA_Kim2011",
        "Na-ion": "Chayambuka2022",
        "sodium-ion": "Chayambuka2022",
    }
)
"""Default set of each chemistry."""


def find_set(name: str) -> CellSet:
    """The set of a chemistry (``LFP``) or of this name (``Prada2013``); case does not count.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    known = {key.casefold(): value for key, value in (*CHEMISTRIES.items(), *((n, n) for n in CELL_SETS))}
    if name.casefold() not in known:
        raise UnknownNameError.for_name(
            name, (*CHEMISTRIES, *CELL_SETS), "cell", "Give one of these, or the path of a BPX file (.json)."
        )
    return CELL_SETS[known[name.casefold()]]
