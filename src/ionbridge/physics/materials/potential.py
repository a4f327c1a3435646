"""CHGNet as an ASE calculator: one model a process, silent, computing only what is asked for.

What is done with energies and forces (relaxing, paths, dynamics) is in the modules beside this one.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.structures import Structure
from ionbridge.exceptions import ConvergenceError, DataError
from ionbridge.physics.base import Reference
from ionbridge.plugins import import_extra

__all__ = [
    "CHGNET",
    "SOFTENING",
    "calculator",
    "chgnet_seconds",
    "from_atoms",
    "quiet_engine",
    "relax",
    "to_atoms",
]

FloatArray = NDArray[np.float64]

CHGNET = Reference(
    "Deng2023",
    "Deng et al., CHGNet as a pretrained universal neural network potential for charge-informed atomistic "
    "modelling, Nature Machine Intelligence 5 (2023) 1031",
    "10.1038/s42256-023-00716-3",
)
SOFTENING = Reference(
    "Deng2025",
    "Deng et al., Systematic softening in universal machine learning interatomic potentials, "
    "npj Computational Materials 11 (2025) 9",
    "10.1038/s41524-024-01500-6",
)
_SECONDS_PER_ATOM = 2.5e-3  # one energy and its forces on one core, measured for 28 to 112 atoms
_STRESS_FACTOR = 1.6
_SHORTEST = 0.6  # Å; no two nuclei of a crystal are nearer (H-H is 0.74)


def chgnet_seconds(n_atoms: int, n_calls: float, stress: bool = False) -> float:
    """Processor time of `n_calls` evaluations of `n_atoms` atoms [s]."""
    return n_atoms * n_calls * _SECONDS_PER_ATOM * (_STRESS_FACTOR if stress else 1.0)


@contextlib.contextmanager
def quiet_engine() -> Iterator[None]:
    """Silence what pymatgen, ASE and CHGNet print or warn about that users cannot act on."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # torch: CHGNet 0.4.2 makes a tensor of volumes that carry gradients
        warnings.filterwarnings("ignore", "Converting a tensor with requires_grad", UserWarning)
        # pymatgen: electronegativity of noble gases, fractional coordinates rounded in CIFs
        warnings.filterwarnings("ignore", category=UserWarning, module="pymatgen")
        warnings.filterwarnings("ignore", category=FutureWarning, module="(ase|pymatgen|chgnet)")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="(ase|pymatgen|chgnet)")
        # spglib 2.8, called by pymatgen
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        yield


@lru_cache(maxsize=1)
def _model() -> Any:
    module = import_extra("chgnet.model.model", "materials")
    with quiet_engine():
        model = module.CHGNet.load(use_device="cpu", verbose=False)
        model.graph_converter.set_isolated_atom_response("error")
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


@lru_cache(maxsize=1)
def _calculator_class() -> Any:
    base = import_extra("ase.calculators.calculator", "materials")
    adaptor = import_extra("pymatgen.io.ase", "materials").AseAtomsAdaptor

    class ChgnetCalculator(base.Calculator):  # type: ignore[name-defined]
        """Energy and forces [eV, eV/Å], and stress [eV/Å³] only where a cell is relaxed."""

        implemented_properties = ("energy", "free_energy", "forces", "stress")

        def __init__(self, task: str) -> None:
            super().__init__()
            self.task = task

        def calculate(
            self, atoms: Any = None, properties: Any = None, system_changes: Any = base.all_changes
        ) -> None:
            super().calculate(atoms, properties, system_changes)
            model = _model()
            structure = adaptor.get_structure(atoms)
            found = model.predict_graph(model.graph_converter(structure), task=self.task)
            energy = float(found["e"]) * len(structure)
            self.results = {"energy": energy, "free_energy": energy, "forces": np.asarray(found["f"], float)}
            if "s" in found:
                from ase.units import GPa

                stress = np.asarray(found["s"], float) * GPa
                self.results["stress"] = stress.ravel()[[0, 4, 8, 5, 2, 1]]

    return ChgnetCalculator


def calculator(stress: bool = False) -> Any:
    """Make an `ase.calculators.calculator.Calculator` of CHGNet 0.3.0.

    Parameters
    ----------
    stress : whether stresses are needed too; they cost 60 % more.

    Raises
    ------
    MissingExtraError
        If chgnet, ase or pymatgen is not installed.
    """
    _model()
    return _calculator_class()("efs" if stress else "ef")


def to_atoms(structure: Structure) -> Any:
    """The same as `ase.Atoms`, periodic, without a calculator.

    Raises
    ------
    DataError
        If two atoms overlap.
    """
    ase = import_extra("ase", "materials")
    atoms = ase.Atoms(
        symbols=list(structure.elements),
        cell=structure.lattice,
        scaled_positions=structure.fractional,
        pbc=True,
    )
    from ase.neighborlist import neighbor_list

    i, j, distance = neighbor_list("ijd", atoms, _SHORTEST)
    if len(distance):
        nearest = int(np.argmin(distance))
        raise DataError(
            f"atoms {int(i[nearest])} ({structure.elements[i[nearest]]}) and {int(j[nearest])} "
            f"({structure.elements[j[nearest]]}) of {structure.name or 'a structure'} are {distance[nearest]:.2f} Å "
            f"apart; nuclei are at least {_SHORTEST} Å apart. Remove one, or order the partial occupancies."
        )
    return atoms


def from_atoms(atoms: Any, like: Structure) -> Structure:
    """A `Structure` of `ase.Atoms`, with name and origin of another."""
    return Structure(
        np.asarray(atoms.cell[:]),
        tuple(atoms.get_chemical_symbols()),
        atoms.get_scaled_positions(wrap=False),
        like.name,
        like.domain,
        like.provenance,
    )


def relax(atoms: Any, *, max_force: float, max_steps: int, cell: bool, what: str) -> tuple[float, int]:
    """Move atoms (and the cell) in place until forces are small.

    Parameters
    ----------
    atoms : `ase.Atoms`; keeps a calculator.
    max_force : largest force on an atom at the end [eV/Å].
    max_steps : of the optimiser.
    cell : whether the cell relaxes too.
    what : named in errors.

    Returns
    -------
    energy [eV], number of steps.

    Raises
    ------
    ConvergenceError
        If forces are still larger after `max_steps`, or an energy is not finite.
    """
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    atoms.calc = calculator(stress=cell)
    optimiser = FIRE(FrechetCellFilter(atoms) if cell else atoms, logfile=None)
    converged = optimiser.run(fmax=max_force, steps=max_steps)
    energy = float(atoms.get_potential_energy())
    if not converged or not np.isfinite(energy):
        force = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
        raise ConvergenceError(
            f"relaxing {what} stopped after {max_steps} steps with a largest force of {force:.2f} eV/Å; "
            f"{max_force:g} was asked for. Allow more steps, or look at the structure: atoms may be too close."
        )
    return energy, int(optimiser.nsteps)
