"""Well-known crystals from published space groups and coordinates, for tests, examples and checks of engines.

No measured property is stored here, only where atoms sit.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from ionbridge.datasets import Domain, Provenance
from ionbridge.datasets.structures import Structure
from ionbridge.exceptions import UnknownNameError
from ionbridge.plugins import import_extra

__all__ = ["PROTOTYPES", "prototype", "substituted"]

# name: space group, cell (a, b, c [Å], alpha, beta, gamma [deg]), sites (element, x, y, z), source
_Site = tuple[str, float, float, float]
PROTOTYPES: dict[str, tuple[str, tuple[float, ...], tuple[_Site, ...], str]] = {
    "LiFePO4": (
        "Pnma",
        (10.334, 6.010, 4.693, 90, 90, 90),
        (
            ("Li", 0.0, 0.0, 0.0), ("Fe", 0.2822, 0.25, 0.9747), ("P", 0.0948, 0.25, 0.4182),
            ("O", 0.0968, 0.25, 0.7428), ("O", 0.4571, 0.25, 0.2060), ("O", 0.1656, 0.0465, 0.2848),
        ),
        "Streltsov et al., Acta Crystallographica B 49 (1993) 147",
    ),
    "LiCoO2": (
        "R-3m",
        (2.816, 2.816, 14.054, 90, 90, 120),
        (("Li", 0.0, 0.0, 0.5), ("Co", 0.0, 0.0, 0.0), ("O", 0.0, 0.0, 0.2604)),
        "Orman and Wiseman, Acta Crystallographica C 40 (1984) 12",
    ),
    "NaCoO2": (
        "R-3m",
        (2.889, 2.889, 15.609, 90, 90, 120),
        (("Na", 0.0, 0.0, 0.0), ("Co", 0.0, 0.0, 0.5), ("O", 0.0, 0.0, 0.2305)),
        "Takahashi et al., Journal of Physics: Condensed Matter 15 (2003) 3725",
    ),
    "LiMn2O4": (
        "Fd-3m:2",
        (8.248, 8.248, 8.248, 90, 90, 90),
        (("Li", 0.125, 0.125, 0.125), ("Mn", 0.5, 0.5, 0.5), ("O", 0.2632, 0.2632, 0.2632)),
        "Thackeray et al., Materials Research Bulletin 18 (1983) 461",
    ),
    "LiTiS2": (
        "P-3m1",
        (3.455, 3.455, 6.195, 90, 90, 120),
        (("Li", 0.0, 0.0, 0.5), ("Ti", 0.0, 0.0, 0.0), ("S", 1 / 3, 2 / 3, 0.25)),
        "Dahn et al., Canadian Journal of Physics 58 (1980) 207",
    ),
}  # fmt: skip


@lru_cache(maxsize=16)
def prototype(name: str) -> Structure:
    """Build one of the `PROTOTYPES`, unrelaxed.

    Raises
    ------
    UnknownNameError
        If there is none of this name.
    MissingExtraError
        If pymatgen is not installed.
    """
    if name not in PROTOTYPES:
        raise UnknownNameError.for_name(name, PROTOTYPES, "prototype")
    group, cell, sites, source = PROTOTYPES[name]
    core = import_extra("pymatgen.core", "materials")
    made = core.Structure.from_spacegroup(
        group, core.Lattice.from_parameters(*cell), [s[0] for s in sites], [s[1:] for s in sites]
    )
    return Structure.from_pymatgen(
        made, name, Domain(name, origin="literature"), Provenance(source, reader="prototype")
    )


def substituted(structure: Structure, elements: Mapping[str, str], name: str = "") -> Structure:
    """Exchange elements, and scale the cell by the change of the mean bond length that their radii suggest.

    A guess to start a relaxation or a quick screening from, not a relaxed crystal.

    Parameters
    ----------
    structure : to start from.
    elements : old to new symbol.
    name : of the new one; by default its formula.

    Raises
    ------
    UnknownNameError
        If `structure` lacks an element that is to be exchanged.
    """
    missing = [old for old in elements if old not in structure.elements]
    if missing:
        raise UnknownNameError.for_name(
            missing[0], structure.elements, f"element of {structure.name or 'the structure'}"
        )
    core = import_extra("pymatgen.core", "materials")

    def mean_bond(symbols: tuple[str, ...]) -> float:
        """Radius of an average ion and of oxide, 1.4 Å [Å]."""
        return sum(float(core.Element(s).average_ionic_radius) + 1.4 for s in symbols) / len(symbols)

    new = tuple(elements.get(symbol, symbol) for symbol in structure.elements)
    factor = mean_bond(new) / mean_bond(structure.elements)
    if not name:
        name = "".join(f"{e}{new.count(e)}" for e in dict.fromkeys(new))
    origin = Provenance(f"{structure.provenance.source}, {dict(elements)}", reader="substituted")
    return Structure(structure.lattice * factor, new, structure.fractional, name, structure.domain, origin)
