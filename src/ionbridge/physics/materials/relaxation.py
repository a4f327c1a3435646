"""Relaxed crystals and insertion voltages by CHGNet.

Barriers are `barrier.py`, diffusivities `dynamics.py`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ionbridge.datasets.structures import Structure
from ionbridge.exceptions import ConfigurationError, DataError, UnknownNameError
from ionbridge.physics.base import Reference
from ionbridge.physics.materials.base import AbstractMaterialEngine, KnownBias, _Found
from ionbridge.physics.materials.potential import (
    CHGNET,
    chgnet_seconds,
    from_atoms,
    quiet_engine,
    relax,
    to_atoms,
)

__all__ = ["CHARGES", "METALS", "ChgnetRelaxation", "ChgnetVoltage", "InsertionPair", "metal"]

# ion: lattice and first guess of its constants [Å]; all are relaxed before use
METALS: dict[str, tuple[str, float, float]] = {
    "Li": ("bcc", 3.49, 0.0), "Na": ("bcc", 4.29, 0.0), "K": ("bcc", 5.33, 0.0), "Rb": ("bcc", 5.59, 0.0),
    "Cs": ("bcc", 6.14, 0.0), "Mg": ("hcp", 3.21, 5.21), "Zn": ("hcp", 2.66, 4.95), "Ca": ("fcc", 5.58, 0.0),
    "Sr": ("fcc", 6.08, 0.0), "Al": ("fcc", 4.05, 0.0), "Y": ("hcp", 3.65, 5.73),
}  # fmt: skip
CHARGES = {"Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Mg": 2, "Zn": 2, "Ca": 2, "Sr": 2, "Al": 3, "Y": 3}
KITTEL = Reference("Kittel2005", "Kittel, Introduction to Solid State Physics, 8th ed. (2005), table 1.3")


def metal(ion: str) -> Structure:
    """Elemental metal of an ion at room temperature, unrelaxed.

    Raises
    ------
    UnknownNameError
        If there is none in the table.

    References
    ----------
    .. [1] Kittel, Introduction to Solid State Physics, 8th edition (2005), chapter 1, table 3.
    """
    if ion not in METALS:
        raise UnknownNameError.for_name(ion, METALS, "ion with a metal of reference")
    kind, a, c = METALS[ion]
    if kind == "hcp":
        lattice = np.array([[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, c]])
        places = np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]])
    elif kind == "bcc":
        lattice, places = a * np.eye(3), np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
    else:
        lattice = a * np.eye(3)
        places = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Structure(lattice, (ion,) * len(places), places, f"{ion} metal")


@dataclass(frozen=True)
class InsertionPair:
    """Two states of an insertion electrode.

    Parameters
    ----------
    discharged : with more of the ion.
    charged : the same host with less of it, or none.
    ion : element that is inserted.
    """

    discharged: Structure
    charged: Structure
    ion: str

    @classmethod
    def emptied(cls, discharged: Structure, ion: str) -> InsertionPair:
        """The pair whose charged state has lost every `ion`.

        Raises
        ------
        DataError
            If there is no such ion, or nothing else.
        """
        kept = [i for i, element in enumerate(discharged.elements) if element != ion]
        if len(kept) in (0, len(discharged)):
            raise DataError(
                f"{discharged.name or 'the structure'} must hold {ion} and a host; it holds "
                f"{', '.join(sorted(set(discharged.elements)))}. Name the mobile ion that it has."
            )
        elements = tuple(discharged.elements[i] for i in kept)
        charged = Structure(discharged.lattice, elements, discharged.fractional[kept], discharged.name)
        return cls(discharged, charged, ion)

    @cached_property
    def sha256(self) -> str:
        """Hash of both states and the ion, hexadecimal."""
        return hashlib.sha256(
            f"{self.discharged.sha256} {self.charged.sha256} {self.ion}".encode()
        ).hexdigest()

    def exchanged(self) -> tuple[float, float]:
        """Ions given up by one discharged cell, and charged cells that hold as much host [-].

        Raises
        ------
        DataError
            If the hosts differ, or the charged state does not hold less of the ion.
        """
        full, empty = self.discharged.formula, self.charged.formula
        if full.host(self.ion) != empty.host(self.ion):
            raise DataError(
                f"the hosts of the two states differ: {full.host(self.ion)} and {empty.host(self.ion)}. Give two "
                "states of one electrode."
            )
        host = sum(n for e, n in full.amounts.items() if e != self.ion)
        scale = host / sum(n for e, n in empty.amounts.items() if e != self.ion)
        n_ions = full.amounts.get(self.ion, 0.0) - scale * empty.amounts.get(self.ion, 0.0)
        if n_ions <= 0:
            raise DataError(
                f"the discharged state must hold more {self.ion} than the charged one; got {full.text} and "
                f"{empty.text}. Swap them."
            )
        return n_ions, scale


@dataclass(frozen=True)
class ChgnetRelaxation(AbstractMaterialEngine):
    """Crystal of lowest energy near a given one.

    Parameters
    ----------
    max_force : at the end [eV/Å].
    max_steps : of the optimiser.
    cell : whether the cell relaxes too.
    """

    max_force: float = 0.05
    max_steps: int = 300
    cell: bool = True

    name: ClassVar[str] = "chgnet_relaxation"
    takes: ClassVar[str] = "structure"
    output_names: ClassVar[tuple[str, ...]] = ("cell_volume",)
    packages: ClassVar[tuple[str, ...]] = ("chgnet", "ase")
    biases: ClassVar[tuple[KnownBias, ...]] = (
        KnownBias("cell_volume", 0.97, 1.05, "Volumes follow PBE, some 0 to 5 % above experiment.", CHGNET),
    )

    def cost(self, subject: Structure) -> float:
        """Expected processor time [s] of some 40 steps."""
        return chgnet_seconds(len(subject), 40, stress=self.cell)

    def _run(self, subject: Structure) -> _Found:
        with quiet_engine():
            atoms = to_atoms(subject)
            energy, steps = relax(
                atoms, max_force=self.max_force, max_steps=self.max_steps, cell=self.cell, what=subject.name
            )
        relaxed = from_atoms(atoms, subject)
        details = {
            "energy_eV": energy,
            "energy_per_atom_eV": energy / len(subject),
            "n_steps": steps,
            "structure": relaxed.to_dict(),
        }
        return {"cell_volume": relaxed.volume}, {}, details, ()


@dataclass(frozen=True)
class ChgnetVoltage(AbstractMaterialEngine):
    """Mean voltage between two states of an insertion electrode, against the metal of the ion.

    ``V = -[E(discharged) - E(charged) - n E(metal)] / (n z)``, all three relaxed.

    Parameters
    ----------
    max_force, max_steps : of the relaxations [eV/Å], [-].

    References
    ----------
    .. [1] Aydinol et al., Ab initio study of lithium intercalation in metal oxides and metal dichalcogenides,
       Phys. Rev. B 56 (1997) 1354, eq. 8. doi:10.1103/PhysRevB.56.1354
    """

    max_force: float = 0.05
    max_steps: int = 300

    name: ClassVar[str] = "chgnet_voltage"
    takes: ClassVar[str] = "insertion_pair"
    output_names: ClassVar[tuple[str, ...]] = ("average_voltage",)
    packages: ClassVar[tuple[str, ...]] = ("chgnet", "ase")
    biases: ClassVar[tuple[KnownBias, ...]] = (
        KnownBias(
            "average_voltage",
            0.9,
            1.1,
            "Energies follow PBE+U with the corrections of the Materials Project; voltages usually lie within "
            "0.3 V of measured ones where the charged state keeps its structure.",
            CHGNET,
        ),
    )

    def cost(self, subject: InsertionPair) -> float:
        """Expected processor time [s] of three relaxations of some 40 steps."""
        return chgnet_seconds(len(subject.discharged) + len(subject.charged) + 4, 40, stress=True)

    def _run(self, subject: InsertionPair) -> _Found:
        n_ions, scale = subject.exchanged()
        relaxation = ChgnetRelaxation(self.max_force, self.max_steps)
        states = {
            "discharged": relaxation.run(subject.discharged),
            "charged": relaxation.run(subject.charged),
            "metal": relaxation.run(metal(subject.ion)),
        }
        full, empty = states["discharged"].details["energy_eV"], states["charged"].details["energy_eV"]
        reference = states["metal"].details["energy_per_atom_eV"]
        charge = CHARGES[subject.ion]
        voltage = -(full - scale * empty - n_ions * reference) / (n_ions * charge)
        swelling = (
            states["discharged"].values["cell_volume"] / (scale * states["charged"].values["cell_volume"]) - 1
        )
        notes: tuple[str, ...] = ()
        if abs(swelling) > 0.15:
            notes = (
                f"the volume changes by {100 * swelling:.0f} % between the states: the charged structure may not exist",
            )
        details: dict[str, Any] = {
            "n_ions": n_ions,
            "volume_change": swelling,
            "energies_eV": {"discharged": full, "charged": empty, "metal_per_atom": reference},
        }
        return {"average_voltage": float(voltage)}, {}, details, notes


def _check_tables() -> None:
    if set(METALS) != set(CHARGES):
        raise ConfigurationError("METALS and CHARGES must name the same ions.")


_check_tables()
