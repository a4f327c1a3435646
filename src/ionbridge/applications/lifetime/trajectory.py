"""Capacity from now to the end of life with a band, knee, and state of health at a given cycle.

The shape of the fade comes from cells with whole lives, its length from the predicted life; no
network is involved, and the band is honest about both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.datasets.cycling import CyclingRecord, running_median
from ionbridge.exceptions import InsufficientDataError, ShapeError

__all__ = ["FadeShapes", "Trajectory", "knee_fraction"]

FloatArray = NDArray[np.float64]
N_GRID = 51
MIN_COVERED = 0.9  # part of its life a cell must have stored
N_DRAWS = 200
NO_KNEE = 1.2  # late fade over early fade below which there is no knee


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Predicted state of health of one cell.

    Parameters
    ----------
    cycles : shape (n_cycles,) [cycle]; up to the upper bound of the life.
    mean, lower, upper : shape (n_cycles,) [-]; capacity over nominal, band at `level`. The mean is NaN
        behind the predicted life, and the band stops at the threshold of the end of life: what a
        dead cell does is not predicted.
    knee, knee_lower, knee_upper : [cycle]; NaN where most known cells have no knee.
    level : nominal coverage of the band.
    """

    cycles: FloatArray
    mean: FloatArray
    lower: FloatArray
    upper: FloatArray
    knee: float
    knee_lower: float
    knee_upper: float
    level: float

    def health_at(self, cycle: float) -> tuple[float, float, float]:
        """State of health at a cycle: mean, lower and upper bound [-]; NaN outside the trajectory."""
        mean, lower, upper = (
            float(np.interp(cycle, self.cycles, values, left=np.nan, right=np.nan))
            for values in (self.mean, self.lower, self.upper)
        )
        return mean, lower, upper


@dataclass(frozen=True, eq=False)
class FadeShapes:
    """Shapes of fade of cells with whole lives, from 1 at the start of life to 0 at its end.

    Parameters
    ----------
    shapes : shape (n_cells, 51); over equal parts of the life.
    knees : shape (n_cells,); part of the life at which each bends, NaN for none.
    threshold : state of health at the end of life [-].
    """

    shapes: FloatArray
    knees: FloatArray
    threshold: float

    @classmethod
    def from_records(cls, records: Sequence[CyclingRecord]) -> FadeShapes:
        """Collect the shapes of cells that store 90 % of their life.

        Raises
        ------
        InsufficientDataError
            If there is none.
        """
        grid, shapes = np.linspace(0.0, 1.0, N_GRID), []
        for record in records:
            life = record.end_of_life_cycle
            if life is None or record.cycle_numbers[-1] < MIN_COVERED * life:
                continue
            known = np.isfinite(record.discharge_capacity)
            health = running_median(record.state_of_health[known], 5)
            end = record.end_of_life_threshold
            number = np.append(record.cycle_numbers[known], life)
            order = number <= life
            part, values = number[order] / life, np.append(health, end)[order]
            first = float(np.median(values[:3]))
            if len(values) > 10 and first > end + 0.02:
                shape = np.interp(grid, part, (values - end) / (first - end))
                shapes.append(np.clip(shape, 0.0, 1.2))
        if not shapes:
            raise InsufficientDataError(
                "no cell stores its capacity for 90 % of its life; trajectories need at least one such cell."
            )
        shapes_ = np.stack(shapes)
        return cls(shapes_, knee_fraction(shapes_), float(records[0].end_of_life_threshold))

    def trajectory(
        self,
        first_health: float,
        life: float,
        lower: float,
        upper: float,
        *,
        level: float = 0.9,
        random_state: int = 0,
    ) -> Trajectory:
        """Stretch the known shapes to a predicted life.

        Parameters
        ----------
        first_health : capacity of the first cycles over nominal [-].
        life, lower, upper : predicted life and its interval at `level` [cycle].
        random_state : seed of the 200 draws of life and shape that make the band.
        """
        rng = np.random.default_rng(random_state)
        cycles = _cycles_until(life, upper)
        width = _log_width(life, lower, upper, level)
        lives = np.maximum(life * np.exp(width * rng.standard_normal(N_DRAWS)), 2.0)
        chosen = rng.integers(len(self.shapes), size=N_DRAWS)
        grid = np.linspace(0.0, 1.0, N_GRID)
        drop = first_health - self.threshold
        draws = np.stack(
            [
                self.threshold + drop * np.interp(cycles / n, grid, self.shapes[c], right=np.nan)
                for n, c in zip(lives, chosen, strict=True)
            ]
        )
        draws = np.where(np.isfinite(draws), draws, self.threshold)
        tail = 50.0 * (1.0 - level)
        band = np.percentile(draws, [tail, 100.0 - tail], axis=0)
        mean = self.threshold + drop * np.interp(cycles / life, grid, np.median(self.shapes, axis=0))
        mean = np.minimum.accumulate(mean)
        is_alive = cycles <= max(life, 2.0)
        low_edge, high_edge = np.minimum(band[0], mean), np.maximum(band[1], mean)
        knees = lives * self.knees[chosen]
        knee, low, high = (np.nan,) * 3
        if np.isfinite(self.knees).mean() >= 0.5:
            knee = float(life * np.nanmedian(self.knees))
            low, high = (float(v) for v in np.nanpercentile(knees, [tail, 100.0 - tail]))
        mean = np.where(is_alive, mean, np.nan)
        return Trajectory(cycles, mean, low_edge, high_edge, knee, low, high, level)


def _cycles_until(life: float, upper: float) -> FloatArray:
    """Grid of 101 points to the predicted life, and 25 more to the upper bound where there is one [cycle]."""
    end = max(life, 2.0)
    cycles = np.linspace(1.0, end, 101)
    if not np.isfinite(upper) or upper <= end:
        return cycles
    return np.concatenate([cycles, np.linspace(end, upper, 26)[1:]])


def _log_width(life: float, lower: float, upper: float, level: float) -> float:
    """Standard deviation of log-life that an interval stands for; one factor of two where it is infinite."""
    from scipy.stats import norm

    if not (np.isfinite(lower) and np.isfinite(upper) and lower > 0):
        return float(np.log(2.0))
    return float(np.log(upper / lower) / (2.0 * norm.ppf(0.5 + 0.5 * level)))


def knee_fraction(shapes: ArrayLike) -> FloatArray:
    """Where each fade bends most: the best of all fits by two straight lines that meet [1]_.

    Parameters
    ----------
    shapes : shape (n_cells, n_points); on an equal grid from 0 to 1.

    Returns
    -------
    shape (n_cells,) [-]; NaN where the later line is less than 1.2 times as steep.

    Raises
    ------
    ShapeError
        If `shapes` is not two-dimensional.

    References
    ----------
    .. [1] Fermín-Cueto et al., Identification and machine learning prediction of knee-point and
       knee-onset in capacity degradation curves, Energy and AI 1 (2020) 100006, section 2.1.
    """
    y = np.asarray(shapes, dtype=float)
    if y.ndim != 2:
        raise ShapeError(
            f"'shapes' of knee_fraction must have shape (n_cells, n_points); got {y.shape}. "
            "For one cell pass shapes[None, :]."
        )
    x = np.linspace(0.0, 1.0, y.shape[1])
    best, knee = np.full(len(y), np.inf), np.full(len(y), np.nan)
    for place in x[(x > 0.05) & (x < 0.97)]:
        basis = np.column_stack([np.ones_like(x), x, np.maximum(x - place, 0.0)])
        coefficients, *_ = np.linalg.lstsq(basis, y.T, rcond=None)
        error = ((basis @ coefficients - y.T) ** 2).sum(axis=0)
        early, late = coefficients[1], coefficients[1] + coefficients[2]
        better = error < best
        bends = late < NO_KNEE * np.minimum(early, -1e-6)
        best = np.where(better, error, best)
        knee = np.where(better, np.where(bends, place, np.nan), knee)
    return knee
