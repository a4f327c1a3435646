"""Diffusivity and conductivity from short molecular dynamics with CHGNet, with block-averaged error bars.

Barriers of single hops are `barrier.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from ionbridge.datasets.structures import Structure
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, ShapeError
from ionbridge.physics.base import Reference
from ionbridge.physics.materials.base import AbstractMaterialEngine, KnownBias, _Found
from ionbridge.physics.materials.paths import supercell
from ionbridge.physics.materials.potential import (
    SOFTENING,
    calculator,
    chgnet_seconds,
    quiet_engine,
    to_atoms,
)
from ionbridge.physics.materials.relaxation import CHARGES

__all__ = ["Arrhenius", "ChgnetDiffusivity", "block_diffusivity", "fit_arrhenius", "nernst_einstein"]

FloatArray = NDArray[np.float64]
BOLTZMANN = 1.380649e-23  # J/K, exact
ELEMENTARY_CHARGE = 1.602176634e-19  # C, exact
_LEVEL = 0.9
HE = Reference(
    "He2018",
    "He, Zhu, Epstein and Mo, Statistical variances of diffusional properties from ab initio molecular dynamics "
    "simulations, npj Computational Materials 4 (2018) 18",
    "10.1038/s41524-018-0074-y",
)


def nernst_einstein(
    diffusivity: FloatArray | float, number_density: float, charge: int, temperature: float
) -> FloatArray | float:
    """Conductivity of independent carriers, ``n q² D / (k T)`` [mS/cm].

    Parameters
    ----------
    diffusivity : [m²/s]
    number_density : carriers in a volume [1/m³].
    charge : of a carrier [e].
    temperature : [K]
    """
    per_metre = number_density * (charge * ELEMENTARY_CHARGE) ** 2 * diffusivity / (BOLTZMANN * temperature)
    return per_metre * 10.0  # S/m to mS/cm


def block_diffusivity(
    positions: FloatArray, interval: float, n_blocks: int = 4
) -> tuple[float, float, FloatArray]:
    """Self-diffusion coefficient from the mean square displacement in blocks of a run.

    In each block the displacement is averaged over all starting times and particles; its slope between
    a tenth and a half of the block, over 2 × 3, is the diffusivity of the block.

    Parameters
    ----------
    positions : shape (n_frames, n_particles, 3) [Å]; not wrapped into the cell.
    interval : time between frames [fs].
    n_blocks : blocks that the run is cut into.

    Returns
    -------
    diffusivity : mean over the blocks [m²/s].
    uncertainty : half-width of its 90 % interval, from the scatter of the blocks [m²/s].
    blocks : shape (n_blocks,) [m²/s]

    Raises
    ------
    ShapeError
        If `positions` has another shape.
    InsufficientDataError
        With fewer than 20 frames a block, or fewer than two blocks.
    """
    positions = np.asarray(positions, dtype=float)
    if positions.ndim != 3 or positions.shape[2] != 3:
        raise ShapeError(f"'positions' must have shape (n_frames, n_particles, 3); got {positions.shape}.")
    if n_blocks < 2 or len(positions) < 20 * n_blocks:
        raise InsufficientDataError(
            f"{n_blocks} blocks need at least 2 blocks and {20 * n_blocks} frames; got {len(positions)} frames. "
            "Run longer, or store more frames."
        )
    blocks = np.array([_slope(part, interval) for part in np.array_split(positions, n_blocks)])
    spread = blocks.std(ddof=1) / np.sqrt(n_blocks)
    half = float(student_t.ppf(0.5 + _LEVEL / 2, n_blocks - 1) * spread)
    return float(blocks.mean()), half, blocks


def _slope(positions: FloatArray, interval: float) -> float:
    """Diffusivity of one block [m²/s]; one Å²/fs is 1e-5 m²/s."""
    n_frames = len(positions)
    lags = np.unique(np.linspace(max(1, n_frames // 10), n_frames // 2, 12).astype(int))
    square = [((positions[lag:] - positions[:-lag]) ** 2).sum(axis=2).mean() for lag in lags]
    return float(np.polyfit(lags * interval, square, 1)[0] / 6.0 * 1e-5)


@dataclass(frozen=True, slots=True)
class Arrhenius:
    """Straight line of the logarithm of a diffusivity over the inverse temperature.

    Parameters
    ----------
    activation_energy : [eV]
    prefactor : [m²/s]
    """

    activation_energy: float
    prefactor: float

    def at(self, temperature: float) -> float:
        """Diffusivity at a temperature [K] in m²/s."""
        return float(
            self.prefactor * np.exp(-self.activation_energy * ELEMENTARY_CHARGE / (BOLTZMANN * temperature))
        )


def fit_arrhenius(temperatures: Sequence[float], diffusivities: Sequence[float]) -> Arrhenius:
    """Fit the line through diffusivities [m²/s] at two or more temperatures [K].

    Raises
    ------
    InsufficientDataError
        With fewer than two temperatures.
    DataError
        If a diffusivity is not positive: no motion was seen, so there is no rate to fit.
    """
    if len(set(temperatures)) < 2:
        raise InsufficientDataError(
            f"an Arrhenius line needs 2 temperatures or more; got {list(temperatures)}."
        )
    if min(diffusivities) <= 0:
        raise DataError(f"diffusivities must be positive; got {list(diffusivities)}. Run hotter or longer.")
    inverse = ELEMENTARY_CHARGE / (BOLTZMANN * np.asarray(temperatures, dtype=float))
    slope, intercept = np.polyfit(inverse, np.log(diffusivities), 1)
    return Arrhenius(float(-slope), float(np.exp(intercept)))


@dataclass(frozen=True)
class ChgnetDiffusivity(AbstractMaterialEngine):
    """Diffusivity and Nernst-Einstein conductivity of one ion at one temperature.

    Canonical dynamics (stochastic velocity rescaling) in a supercell; the drift of all other atoms is taken
    off; error bars are the scatter of blocks of the run. Correlation between carriers is neglected.

    Parameters
    ----------
    ion : element that moves.
    temperature : [K]; high, because a run lasts picoseconds.
    n_steps, n_equilibration : steps that count, and steps before them.
    timestep : [fs]
    min_height : of the supercell [Å].
    n_blocks : for the error bars.
    random_state : seed of the velocities.

    References
    ----------
    .. [1] He et al., npj Computational Materials 4 (2018) 18: how much can be learned from how many jumps.
       doi:10.1038/s41524-018-0074-y
    """

    ion: str = "Li"
    temperature: float = 1000.0
    n_steps: int = 5000
    n_equilibration: int = 500
    timestep: float = 2.0
    min_height: float = 8.0
    n_blocks: int = 4
    random_state: int = 0

    name: ClassVar[str] = "chgnet_diffusivity"
    takes: ClassVar[str] = "structure"
    output_names: ClassVar[tuple[str, ...]] = ("diffusion_coefficient", "ionic_conductivity")
    packages: ClassVar[tuple[str, ...]] = ("chgnet", "ase")
    biases: ClassVar[tuple[KnownBias, ...]] = (
        KnownBias(
            "diffusion_coefficient",
            1.0,
            10.0,
            "Barriers that are too low make ions too fast; runs of picoseconds resolve only diffusivities above "
            "about 1e-10 m²/s.",
            SOFTENING,
        ),
        KnownBias("ionic_conductivity", 1.0, 10.0, "As the diffusivity; correlation is neglected.", HE),
    )

    def __post_init__(self) -> None:
        if self.ion not in CHARGES:
            raise ConfigurationError(
                f"'ion' of ChgnetDiffusivity must be one of {sorted(CHARGES)}; got {self.ion!r}."
            )
        if self.n_steps < 20 * self.n_blocks or self.temperature <= 0 or self.timestep <= 0:
            raise ConfigurationError(
                f"ChgnetDiffusivity needs at least {20 * self.n_blocks} steps, and a positive temperature and timestep; "
                f"got {self.n_steps}, {self.temperature} K and {self.timestep} fs."
            )

    def cost(self, subject: Structure) -> float:
        """Expected processor time [s]."""
        large, _ = supercell(subject, self.min_height)
        return chgnet_seconds(len(large), self.n_steps + self.n_equilibration)

    def _run(self, subject: Structure) -> _Found:
        if self.ion not in subject.elements:
            raise DataError(
                f"{subject.name or 'the structure'} holds no {self.ion}; it holds "
                f"{', '.join(sorted(set(subject.elements)))}. Name the mobile ion that it has."
            )
        large, _ = supercell(subject, self.min_height)
        with quiet_engine():
            frames, every = self._trajectory(to_atoms(large))
        moving = large.sites(self.ion)
        others = np.setdiff1d(np.arange(len(large)), moving)
        if len(others):
            frames = frames - frames[:, others].mean(axis=1, keepdims=True)
        diffusivity, uncertainty, blocks = block_diffusivity(
            frames[:, moving], every * self.timestep, self.n_blocks
        )
        density = len(moving) / (large.volume * 1e-30)
        to_conductivity = float(nernst_einstein(1.0, density, CHARGES[self.ion], self.temperature))
        notes: tuple[str, ...] = ()
        if diffusivity <= uncertainty:
            notes = (
                f"no diffusion was resolved in {self.n_steps * self.timestep / 1000:g} ps: the value is at most "
                f"{max(diffusivity, 0.0) + uncertainty:.1e} m²/s",
            )
        travelled = np.sqrt(((frames[-1, moving] - frames[0, moving]) ** 2).sum(axis=1).mean())
        details: dict[str, Any] = {
            "temperature_K": self.temperature,
            "blocks_m2_per_s": blocks.tolist(),
            "root_mean_square_displacement_angstrom": float(travelled),
            "n_atoms": len(large),
        }
        values = {
            "diffusion_coefficient": max(diffusivity, 0.0),
            "ionic_conductivity": max(diffusivity, 0.0) * to_conductivity,
        }
        uncertainties = {
            "diffusion_coefficient": uncertainty,
            "ionic_conductivity": uncertainty * to_conductivity,
        }
        return values, uncertainties, details, notes

    def _trajectory(self, atoms: Any) -> tuple[FloatArray, int]:
        """Unwrapped positions, shape (n_frames, n_atoms, 3) [Å], and steps between frames."""
        from ase import units
        from ase.md.bussi import Bussi
        from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary

        rng = np.random.RandomState(self.random_state)  # what ASE takes
        atoms.calc = calculator()
        MaxwellBoltzmannDistribution(atoms, temperature_K=self.temperature, rng=rng)
        Stationary(atoms)
        dynamics = Bussi(
            atoms, self.timestep * units.fs, temperature_K=self.temperature, taut=100 * units.fs, rng=rng
        )
        dynamics.run(self.n_equilibration)
        every = max(1, self.n_steps // 1000)
        frames: list[FloatArray] = []
        dynamics.attach(lambda: frames.append(atoms.get_positions()), interval=every)
        dynamics.run(self.n_steps)
        return np.array(frames), every
