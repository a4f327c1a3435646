"""Voltage bands of a reduced-order model: conformal over whole profiles, and the range it was trained in.

The out-of-profile errors that bands are made from come with training and adaptation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import t as student_t

from ionbridge.datasets.profiles import CellSeries, Profile
from ionbridge.exceptions import ConfigurationError
from ionbridge.models.reduced_order.stepping import FEATURES

__all__ = ["TrainedRange", "VoltageBand"]

Array = NDArray[np.float64]
_RATE, _STIFFNESS = FEATURES.index("rate"), FEATURES.index("stiffness")
_FLOOR = 5e-4  # errors are never taken to be smaller: full-order models of one cell differ by as much [V]


@dataclass(frozen=True)
class TrainedRange:
    """Currents and temperatures that a model has seen.

    Parameters
    ----------
    rate : lowest and highest C-rate [1/h]; negative discharges.
    temperature : lowest and highest, of the cell and around it [K].
    """

    rate: tuple[float, float]
    temperature: tuple[float, float]

    @classmethod
    def of(cls, series: Sequence[CellSeries], capacity: float) -> TrainedRange:
        """Measure the range of `series` of a cell of `capacity` [Ah]."""
        rates = [(float(s.current.min()), float(s.current.max())) for s in series]
        warm = [np.concatenate([s.temperature, np.atleast_1d(s.ambient_temperature)]) for s in series]
        return cls(
            (min(low for low, _ in rates) / capacity, max(high for _, high in rates) / capacity),
            (float(min(w.min() for w in warm)), float(max(w.max() for w in warm))),
        )

    def reasons(
        self, profile: Profile | CellSeries, capacity: float, temperature: Array | None = None
    ) -> tuple[str, ...]:
        """Say where a profile leaves the range by more than a tenth of it (5 K); empty where it does not."""
        rate, found = profile.current / capacity, []
        room = 0.1 * max(self.rate[1] - self.rate[0], 0.1)
        if rate.min() < self.rate[0] - room or rate.max() > self.rate[1] + room:
            found.append(
                f"current of {rate.min():.2f}C to {rate.max():.2f}C outside the trained {self.rate[0]:.2f}C to "
                f"{self.rate[1]:.2f}C"
            )
        parts = [np.atleast_1d(np.asarray(profile.ambient_temperature, dtype=float))]
        warm = np.concatenate(parts if temperature is None else [*parts, temperature])
        if warm.min() < self.temperature[0] - 5.0 or warm.max() > self.temperature[1] + 5.0:
            found.append(
                f"temperature of {warm.min() - 273.15:.1f} to {warm.max() - 273.15:.1f} degC outside the trained "
                f"{self.temperature[0] - 273.15:.1f} to {self.temperature[1] - 273.15:.1f} degC"
            )
        return tuple(found)


@dataclass(frozen=True, eq=False)
class VoltageBand:
    """Half-width of the voltage band: a scale that follows current and stiffness, times a conformal quantile.

    Parameters
    ----------
    coefficients : shape (3,) [V]; of 1, of the absolute C-rate and of the slope of the open-circuit voltage.
    scores : shape (n_scores,), rising; out-of-profile errors over the scale.
    weights : shape (n_scores,); every group counts alike, sum 1.
    n_groups : profiles that were left out in turn; where blocks of a few were, the number of profiles.
    """

    coefficients: Array
    scores: Array
    weights: Array
    n_groups: int

    @classmethod
    def of_errors(
        cls, error: Array, features: Array, groups: NDArray[np.int64], n_profiles: int | None = None
    ) -> VoltageBand:
        """Make the band from out-of-profile errors.

        Parameters
        ----------
        error : shape (n_rows,) [V].
        features : shape (n_rows, n_features)
        groups : shape (n_rows,); rows of one profile share a label.
        n_profiles : where groups are blocks of fewer profiles, their number: blocks of one profile
            share its temperature and range, and tell little of another.
        """
        basis = _basis(features)
        coefficients, _ = nnls(basis, np.abs(error))
        coefficients[0] = max(coefficients[0], _FLOOR)
        score = np.abs(error) / (basis @ coefficients)
        labels, member, counts = np.unique(groups, return_inverse=True, return_counts=True)
        order = np.argsort(score)
        weight = 1.0 / (len(labels) * counts[member])
        return cls(
            coefficients, score[order], weight[order], len(labels) if n_profiles is None else n_profiles
        )

    def quantile(self, level: float) -> float:
        """Score below which a new profile's points lie with probability `level` [-].

        A point of a new profile is exchangeable with points of the left-out profiles, one of each
        [1]_. Where there are too few profiles for that, a Student-t factor on the spread is used.

        References
        ----------
        .. [1] Dunn, Wasserman and Ramdas, Distribution-free prediction sets for two-layer
           hierarchical models, J. Am. Stat. Assoc. 118 (2023) 2491. doi:10.1080/01621459.2022.2060112
        """
        if not 0 < level < 1:
            raise ConfigurationError(f"'level' must lie between 0 and 1, such as 0.9; got {level}.")
        wanted = level * (self.n_groups + 1) / self.n_groups
        if wanted >= 1:
            spread = float(np.sqrt((self.weights * self.scores**2).sum()))
            factor = float(student_t.ppf(0.5 + 0.5 * level, max(self.n_groups - 1, 1)))
            return spread * factor * float(np.sqrt(1 + 1 / self.n_groups))
        total = np.cumsum(self.weights)
        return float(self.scores[min(int(np.searchsorted(total, wanted)), len(self.scores) - 1)])

    def half_width(self, features: Array, level: float = 0.9) -> Array:
        """Half-width at features (n_rows, n_features), shape (n_rows,) [V]."""
        width: Array = self.quantile(level) * (_basis(features) @ self.coefficients)
        return width  # no conversion: exporters record this


def _basis(features: Array) -> Array:
    slope = np.minimum(np.expm1(np.clip(features[:, _STIFFNESS], 0, 8)), 200.0)
    return np.stack([np.ones(len(features)), np.abs(features[:, _RATE]), slope / 50], axis=1)
