"""`Structure`: an ordered periodic crystal as plain arrays, and its bridge to pymatgen.

Reading files is `reading.py`, partial occupancies are `disorder.py`, paths of ions `migration.py`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.structures.formulas import ELEMENTS, Formula
from ionbridge.datasets.structures.geometry import cell_heights
from ionbridge.exceptions import DataError, ShapeError
from ionbridge.plugins import import_extra

__all__ = ["Structure"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Structure:
    """An ordered crystal.

    Two structures are equal if their content is (`sha256`); names do not count.

    Parameters
    ----------
    lattice : shape (3, 3) [Å]; one lattice vector a row.
    elements : one symbol an atom.
    fractional : shape (n_atoms, 3) [-]; coordinates of the atoms.
    name : of the entry, for tables and messages.
    domain, provenance : where it comes from.
    """

    lattice: FloatArray
    elements: tuple[str, ...]
    fractional: FloatArray
    name: str = ""
    domain: Domain = field(default=Domain("unnamed"), repr=False)
    provenance: Provenance = field(default=Provenance("memory"), repr=False)

    def __post_init__(self) -> None:
        lattice = np.array(self.lattice, dtype=float)
        fractional = np.array(self.fractional, dtype=float).reshape(-1, 3)
        elements = tuple(str(e) for e in self.elements)
        cell_heights(lattice)
        if len(elements) != len(fractional):
            raise ShapeError(
                f"'fractional' of structure {self.name!r} must have one row an element ({len(elements)}); "
                f"got {len(fractional)}."
            )
        unknown = sorted(set(elements) - set(ELEMENTS))
        if unknown or not elements:
            raise DataError(
                f"structure {self.name!r} must hold atoms of known elements; got {unknown or 'none'}."
            )
        if not np.isfinite(fractional).all():
            raise DataError(f"coordinates of structure {self.name!r} must be finite; check its file.")
        lattice.flags.writeable = fractional.flags.writeable = False
        object.__setattr__(self, "lattice", lattice)
        object.__setattr__(self, "fractional", fractional)
        object.__setattr__(self, "elements", elements)

    def __len__(self) -> int:
        return len(self.elements)

    def __eq__(self, other: object) -> bool:
        return self.sha256 == other.sha256 if isinstance(other, Structure) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.sha256)

    @cached_property
    def sha256(self) -> str:
        """Hash of lattice (1e-5 Å), elements and coordinates (1e-6), hexadecimal; key of caches."""
        digest = hashlib.sha256(np.round(self.lattice, 5).tobytes())
        digest.update(" ".join(self.elements).encode())
        wrapped = np.round(self.fractional - np.floor(self.fractional), 6) % 1.0
        digest.update((wrapped + 0.0).tobytes())
        return digest.hexdigest()

    @property
    def formula(self) -> Formula:
        """Amounts of the elements in the cell."""
        amounts = {element: float(n) for element, n in Counter(self.elements).items()}
        return Formula("".join(f"{e}{n:g}" for e, n in amounts.items()), amounts)

    @property
    def volume(self) -> float:
        """Volume of the cell [Å³]."""
        return float(abs(np.linalg.det(self.lattice)))

    def sites(self, element: str) -> NDArray[np.int64]:
        """Atoms that are `element`, shape (n_sites,)."""
        return np.flatnonzero(np.array(self.elements) == element)

    def without(self, *atoms: int) -> Structure:
        """The same crystal with vacancies at `atoms`."""
        kept = [i for i in range(len(self)) if i not in atoms]
        elements = tuple(self.elements[i] for i in kept)
        return Structure(
            self.lattice, elements, self.fractional[kept], self.name, self.domain, self.provenance
        )

    def to_pymatgen(self) -> Any:
        """The same as `pymatgen.core.Structure`.

        Raises
        ------
        MissingExtraError
            If pymatgen is not installed.
        """
        core = import_extra("pymatgen.core", "materials")
        return core.Structure(self.lattice, list(self.elements), self.fractional)

    @classmethod
    def from_pymatgen(
        cls,
        structure: Any,
        name: str = "",
        domain: Domain | None = None,
        provenance: Provenance | None = None,
    ) -> Structure:
        """Take an ordered `pymatgen.core.Structure`; oxidation states are dropped.

        Raises
        ------
        DataError
            If sites are partially occupied; `order_sites` decides what to do about them.
        """
        if not structure.is_ordered:
            raise DataError(
                f"structure {name!r} has partially occupied sites; order it (disorder='order' or 'dominant') or "
                "leave it out."
            )
        elements = tuple(_symbol(site.specie) for site in structure)
        return cls(
            np.array(structure.lattice.matrix),
            elements,
            np.array(structure.frac_coords),
            name,
            domain or Domain("unnamed"),
            provenance or Provenance("pymatgen"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "lattice_angstrom": self.lattice.tolist(),
            "elements": list(self.elements),
            "fractional": self.fractional.tolist(),
            "name": self.name,
            "domain": self.domain.to_dict(),
            "provenance": self.provenance.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Structure:
        """Inverse of `to_dict`."""
        return cls(
            np.array(values["lattice_angstrom"], dtype=float),
            tuple(values["elements"]),
            np.array(values["fractional"], dtype=float),
            values.get("name", ""),
            Domain.from_dict(values["domain"]),
            Provenance.from_dict(values["provenance"]),
        )


def _symbol(specie: Any) -> str:
    """Element of a pymatgen species; deuterium counts as hydrogen."""
    element = getattr(specie, "element", specie)
    return "H" if str(element) in ("D", "T") else str(element)
