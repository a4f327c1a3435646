"""Percolation barriers from bond-valence site energies: seconds a crystal, right in direction, rough in height.

Energies from a learned potential are `barrier.py`.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ionbridge.datasets.structures import Structure
from ionbridge.exceptions import ConfigurationError, DataError
from ionbridge.physics.base import Reference
from ionbridge.physics.materials.base import AbstractMaterialEngine, KnownBias, _Found
from ionbridge.physics.materials.potential import to_atoms
from ionbridge.physics.materials.relaxation import CHARGES
from ionbridge.plugins import import_extra

__all__ = ["BondValenceBarrier", "oxidation_states"]

ADAMS = Reference(
    "Adams2011",
    "Adams and Rao, High power lithium ion battery materials by computational design, "
    "physica status solidi a 208 (2011) 1746",
    "10.1002/pssa.201001116",
)
_SECONDS_PER_VOLUME = 4e-3  # s/Å³ at a resolution of 0.25 Å


@dataclass(frozen=True)
class BondValenceBarrier(AbstractMaterialEngine):
    """Lowest energy at which the ion can travel through the whole crystal, from bvlain.

    The framework is rigid, all ions of the moving element are taken out, and no two of them meet: use it to
    rank and to see in how many directions the ion can go, not as a number beside density functional theory.

    Parameters
    ----------
    ion : element that moves.
    resolution : of the grid [Å].
    cutoff : highest energy that counts as passable [eV].

    References
    ----------
    .. [1] Adams and Rao, physica status solidi a 208 (2011) 1746. doi:10.1002/pssa.201001116
    .. [2] Chen, Wong and Adams, SoftBV, Acta Crystallographica B 75 (2019) 18.
       doi:10.1107/S2052520618015718
    """

    ion: str = "Li"
    resolution: float = 0.25
    cutoff: float = 5.0

    name: ClassVar[str] = "bond_valence"
    takes: ClassVar[str] = "structure"
    output_names: ClassVar[tuple[str, ...]] = ("migration_barrier",)
    packages: ClassVar[tuple[str, ...]] = ("bvlain", "pymatgen")
    biases: ClassVar[tuple[KnownBias, ...]] = (
        KnownBias(
            "migration_barrier",
            0.8,
            2.5,
            "Bond-valence site energies overestimate where the framework would relax or vacancies help (twice the "
            "barrier of a single vacancy in LiCoO2); the easiest direction is usually right.",
            ADAMS,
        ),
    )

    def __post_init__(self) -> None:
        if self.ion not in CHARGES:
            raise ConfigurationError(
                f"'ion' of BondValenceBarrier must be one of {sorted(CHARGES)}; got {self.ion!r}."
            )
        if not 0.05 <= self.resolution <= 1.0 or self.cutoff <= 0:
            raise ConfigurationError(
                "BondValenceBarrier needs a resolution of 0.05 to 1 Å and a positive cutoff; got "
                f"{self.resolution} Å and {self.cutoff} eV."
            )

    def cost(self, subject: Structure) -> float:
        """Expected processor time [s]."""
        return 0.05 + subject.volume * _SECONDS_PER_VOLUME * (0.25 / self.resolution) ** 3

    def _run(self, subject: Structure) -> _Found:
        if self.ion not in subject.elements:
            raise DataError(
                f"{subject.name or 'the structure'} holds no {self.ion}; it holds "
                f"{', '.join(sorted(set(subject.elements)))}. Name the mobile ion that it has."
            )
        to_atoms(subject)  # refuses overlapping atoms
        with _quiet():
            decorated, guessed = oxidation_states(subject)
            lain = import_extra("bvlain", "materials").Lain(verbose=False)
            lain.read_structure(decorated, oxi_check=False)
            try:
                lain.bvse_distribution(
                    mobile_ion=f"{self.ion}{CHARGES[self.ion]}+", r_cut=10.0, resolution=self.resolution
                )
            except KeyError as error:
                raise DataError(
                    f"there are no bond-valence parameters for {self.ion} in {subject.name or 'this structure'} with the "
                    f"oxidation states {_states(decorated)} (missing: {error}). Use another engine."
                ) from error
            energies = lain.percolation_barriers(encut=self.cutoff)
        found = [float(energies[f"E_{n}D"]) for n in (1, 2, 3)]
        if not np.isfinite(found[0]):
            raise DataError(
                f"{self.ion} percolates in no direction of {subject.name or 'this structure'} below {self.cutoff:g} eV. "
                "Raise 'cutoff', or leave the structure out."
            )
        notes = ("oxidation states were guessed from the composition",) if guessed else ()
        details: dict[str, Any] = {
            f"percolation_{n}d_eV": value if np.isfinite(value) else None
            for n, value in zip((1, 2, 3), found, strict=True)
        }
        details["oxidation_states"] = _states(decorated)
        return {"migration_barrier": found[0]}, {}, details, notes


def oxidation_states(structure: Structure) -> tuple[Any, bool]:
    """Give each atom a whole oxidation state.

    Bond-valence sums decide; where they do not, the most common states that balance the composition.

    Returns
    -------
    `pymatgen.core.Structure` with oxidation states, and whether they come from the composition alone.

    Raises
    ------
    DataError
        If no states balance the charges.
    """
    core = import_extra("pymatgen.analysis.bond_valence", "materials")
    with _quiet():
        plain = structure.to_pymatgen().get_reduced_structure("niggli")
        try:
            return core.BVAnalyzer(forbidden_species=["O-", "P3-"]).get_oxi_state_decorated_structure(
                plain
            ), False
        except ValueError:
            guesses = plain.composition.oxi_state_guesses(max_sites=-1)
    if not guesses:
        raise DataError(
            f"no oxidation states balance {plain.composition.reduced_formula} ({structure.name or 'a structure'}); "
            "check its composition, or use another engine."
        )
    plain.add_oxidation_state_by_element({element: round(state) for element, state in guesses[0].items()})
    return plain, True


def _states(decorated: Any) -> dict[str, list[int]]:
    """Oxidation states by element, for messages and records."""
    found: dict[str, set[int]] = {}
    for site in decorated:
        found.setdefault(site.specie.symbol, set()).add(int(site.specie.oxi_state))
    return {element: sorted(states) for element, states in sorted(found.items())}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # bvlain 0.25 uses the old name scipy.ndimage.measurements, and patterns that are not raw strings
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="bvlain")
        warnings.filterwarnings("ignore", category=SyntaxWarning)
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="bvlain")
        # spglib 2.8, called by pymatgen
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module="pymatgen")
        yield
