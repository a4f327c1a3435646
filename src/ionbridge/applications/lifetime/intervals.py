"""Intervals for lives, also where one or two cells were cycled to the end.

With enough cells these are the jackknife+ intervals of the models room.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from ionbridge.applications.lifetime.censoring import CensoredTransfer
from ionbridge.applications.lifetime.mixture import WinsorizedAuto
from ionbridge.exceptions import ConfigurationError
from ionbridge.models import FloatArray, JackknifePlus
from ionbridge.models.conformal import SupportsLeaveOut

__all__ = ["LifeIntervals"]

PRIOR_CELLS = 4.0


@dataclass(frozen=True)
class LifeIntervals:
    """Intervals of life from out-of-sample residuals of its logarithm.

    With fewer cells than jackknife+ needs at the level asked for, a Student-t interval is given
    whose variance is that of the residuals, shrunk towards `prior_spread` as if four more cells
    had had residuals of that size.

    Where the members of an average (`WinsorizedAuto`) are further apart than for nine in ten
    left-out cells, the interval is wider in proportion.

    Parameters
    ----------
    calibrator : residuals of the training cells.
    prior_spread : standard deviation of log-life expected before any residual is seen [-].
    """

    calibrator: JackknifePlus
    prior_spread: float = 0.35

    @classmethod
    def from_fitted(
        cls, fitted: SupportsLeaveOut, y: FloatArray, prior_spread: float = 0.35
    ) -> LifeIntervals:
        """Collect residuals of `fitted` on its training lives `y`, shape (n_cells,)."""
        return cls(JackknifePlus.from_fitted(fitted, y), prior_spread)

    def interval(
        self, fitted: SupportsLeaveOut, X: FloatArray, level: float = 0.9
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper bound at `level`, each of shape (n_cells,) [cycle].

        Raises
        ------
        ConfigurationError
            If `level` is not between 0 and 1.
        """
        if not 0.0 < level < 1.0:
            raise ConfigurationError(f"'level' must lie between 0 and 1, such as 0.9; got {level}.")
        residual = self.calibrator.residual
        n_cells = len(residual)
        if n_cells >= np.ceil(level * (n_cells + 1)) and n_cells >= 2:
            lower, upper = self.calibrator.interval(fitted, X, level)
            return _widened(fitted, X, lower, upper)
        freedom = PRIOR_CELLS + n_cells
        variance = (PRIOR_CELLS * self.prior_spread**2 + np.sum(residual**2)) / freedom
        half = student_t.ppf(0.5 + 0.5 * level, freedom) * np.sqrt(variance)
        middle = fitted.predict(X)
        return middle * np.exp(-half), middle * np.exp(half)


def _widened(
    fitted: SupportsLeaveOut, X: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds moved away from the prediction, in logarithms, where models disagree unusually."""
    average = fitted.strategy_ if isinstance(fitted, CensoredTransfer) else fitted
    if not isinstance(average, WinsorizedAuto):
        return lower, upper
    factor = np.maximum(average.disagreement(X), 1.0)
    middle = average.predict(X)
    return middle * (lower / middle) ** factor, middle * (upper / middle) ** factor
