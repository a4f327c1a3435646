"""Migration barrier of a path by CHGNet: relaxed ends, then a climbing-image nudged elastic band.

Building paths is `paths.py`; many barriers at once are `batch.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.structures import MigrationPath, minimum_image
from ionbridge.exceptions import ConfigurationError, ConvergenceError
from ionbridge.physics.materials.base import AbstractMaterialEngine, KnownBias, _Found
from ionbridge.physics.materials.potential import (
    SOFTENING,
    calculator,
    chgnet_seconds,
    quiet_engine,
    relax,
    to_atoms,
)

__all__ = ["ChgnetBarrier"]

FloatArray = NDArray[np.float64]
_COLLAPSED = 0.5  # of the hop: an ion that relaxed farther than this from its site has left it


@dataclass(frozen=True)
class ChgnetBarrier(AbstractMaterialEngine):
    """Highest energy along the way of an ion, over the energy at its start.

    Parameters
    ----------
    n_images : moving images between the ends.
    max_force : of the band at the end [eV/Å].
    end_force : of the relaxed ends [eV/Å].
    max_steps : of the band, and of the relaxation of each end.
    spring : constant of the band [eV/Å²].

    References
    ----------
    .. [1] Henkelman, Uberuaga and Jónsson, A climbing image nudged elastic band method for finding saddle
       points and minimum energy paths, J. Chem. Phys. 113 (2000) 9901. doi:10.1063/1.1329672
    """

    n_images: int = 5
    max_force: float = 0.1
    end_force: float = 0.05
    max_steps: int = 200
    spring: float = 1.0

    name: ClassVar[str] = "chgnet_barrier"
    takes: ClassVar[str] = "migration_path"
    output_names: ClassVar[tuple[str, ...]] = ("migration_barrier",)
    packages: ClassVar[tuple[str, ...]] = ("chgnet", "ase")
    biases: ClassVar[tuple[KnownBias, ...]] = (
        KnownBias(
            "migration_barrier",
            0.50,
            0.75,
            "CHGNet barriers usually lie 25 to 50 % below those of density functional theory, because the potential "
            "is too soft away from equilibrium; learn the offset from a few known barriers before using them.",
            SOFTENING,
        ),
    )

    def __post_init__(self) -> None:
        if self.n_images < 1 or self.max_steps < 1 or min(self.max_force, self.end_force, self.spring) <= 0:
            raise ConfigurationError(
                "ChgnetBarrier needs n_images and max_steps of at least 1 and positive forces and spring; got "
                f"{self.n_images}, {self.max_steps}, {self.max_force}, {self.end_force}, {self.spring}."
            )

    def cost(self, subject: MigrationPath) -> float:
        """Expected processor time [s]: some 40 steps for each end and 45 for the band."""
        return chgnet_seconds(len(subject.host) + 1, 2 * 40 + 45 * self.n_images)

    def _run(self, subject: MigrationPath) -> _Found:
        with quiet_engine():
            ends, notes = self._relaxed_ends(subject)
            band = _seeded_band(subject, ends, self.n_images)
            energies, steps = self._optimise(band, subject.name)
        relative = energies - energies[0]
        if relative.argmax() in (0, len(relative) - 1):
            notes = (
                *notes,
                "the highest energy is that of an end: there is no barrier on top of the difference",
            )
        details = {
            "energies_eV": relative.round(5).tolist(),
            "reverse_barrier_eV": float(relative.max() - relative[-1]),
            "path_fractional": [
                image.get_scaled_positions(wrap=False)[-1].round(6).tolist() for image in band
            ],
            "n_atoms": len(band[0]),
            "n_steps": steps,
        }
        return {"migration_barrier": float(relative.max())}, {}, details, notes

    def _relaxed_ends(self, path: MigrationPath) -> tuple[list[Any], tuple[str, ...]]:
        """First and last image with the host relaxed around them, and what is odd about them."""
        from ase.calculators.singlepoint import SinglePointCalculator

        ends, notes = [], []
        for image, word in ((0, "start"), (-1, "end")):
            atoms = to_atoms(path.at(image))
            before = atoms.get_positions()[-1]
            energy, _ = relax(
                atoms,
                max_force=self.end_force,
                max_steps=self.max_steps,
                cell=False,
                what=f"the {word} of path {path.name!r}",
            )
            moved = float(np.linalg.norm(atoms.get_positions()[-1] - before))
            if moved > _COLLAPSED * path.length:
                notes.append(f"the {path.ion} ion relaxes {moved:.2f} Å away from the {word} of the path")
            forces = atoms.get_forces()
            atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
            ends.append(atoms)
        _, apart = minimum_image(
            path.host.lattice, (ends[1].get_scaled_positions() - ends[0].get_scaled_positions())[-1]
        )
        if apart < 0.2 * path.length and path.length > 0:
            raise ConvergenceError(
                f"both ends of path {path.name!r} relax to the same place ({float(apart):.2f} Å apart): there is no "
                "barrier between them. Choose other ends."
            )
        return ends, tuple(notes)

    def _optimise(self, band: list[Any], name: str) -> tuple[FloatArray, int]:
        """Relax the band, let its highest image climb, and return energies [eV] and steps."""
        from ase.mep import NEB
        from ase.optimize import FIRE

        for image in band[1:-1]:
            image.calc = calculator()
        steps = 0
        for climb, force in ((False, 4 * self.max_force), (True, self.max_force)):
            neb = NEB(
                band, k=self.spring, climb=climb, method="improvedtangent", allow_shared_calculator=True
            )
            optimiser = FIRE(neb, logfile=None)
            converged = optimiser.run(fmax=force, steps=self.max_steps - steps)
            steps += int(optimiser.nsteps)
            if steps >= self.max_steps:
                break
        energies = np.array([image.get_potential_energy() for image in band])
        if not converged or not np.isfinite(energies).all():
            left = float(np.linalg.norm(neb.get_forces().reshape(-1, 3), axis=1).max())
            raise ConvergenceError(
                f"the band of path {name!r} stopped after {self.max_steps} steps with a largest force of {left:.2f} "
                f"eV/Å; {self.max_force:g} was asked for. Its energies so far: {(energies - energies[0]).round(2)} eV. "
                "Allow more steps ('max_steps'), or accept a larger 'max_force'."
            )
        return energies, steps


def _seeded_band(path: MigrationPath, ends: list[Any], n_images: int) -> list[Any]:
    """Images between relaxed ends: the host in a straight line, the ion along the shape of the path."""
    lattice = path.host.lattice
    first, last = ends[0].get_positions(), ends[1].get_positions()
    step, _ = minimum_image(lattice, (last - first) @ np.linalg.inv(lattice))
    change = step @ lattice
    curve = path.resampled(n_images + 2)
    change[-1] = (curve[-1] - curve[0]) + _nearest(lattice, (last[-1] - curve[-1]) - (first[-1] - curve[0]))
    bend = curve - (curve[0] + np.linspace(0, 1, n_images + 2)[:, None] * (curve[-1] - curve[0]))
    band = [ends[0]]
    for i in range(1, n_images + 1):
        image = ends[0].copy()
        positions = first + change * i / (n_images + 1)
        positions[-1] += bend[i]
        image.set_positions(positions)
        band.append(image)
    final = ends[1].copy()
    final.set_positions(first + change)
    final.calc = ends[1].calc
    final.calc.atoms = final.copy()
    return [*band, final]


def _nearest(lattice: FloatArray, vector: FloatArray) -> FloatArray:
    """The shortest periodic image of a Cartesian vector, shape (3,) [Å]."""
    fractional, _ = minimum_image(lattice, vector @ np.linalg.inv(lattice))
    return np.asarray(fractional @ lattice)
