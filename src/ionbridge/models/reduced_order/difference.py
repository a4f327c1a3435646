"""`MeasuredDifference`: what measured series differ by from a model, as a function of state of charge and current.

Networks learn the rest (`rom.py`); this is for one or a few measured series, too few for a network.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ionbridge.exceptions import InsufficientDataError
from ionbridge.models.reduced_order.stepping import FEATURES

__all__ = ["CorrectedByMeasurement", "MeasuredDifference", "fit_difference"]

Array = NDArray[np.floating[Any]]
_RATE, _SOC = FEATURES.index("rate"), FEATURES.index("soc")
_ROWS = 200  # of a series that count: neighbouring samples err alike
_NOISE = 3e-3  # [V]
_LEVELS = (0.003, 0.01, 0.03)  # of the part without current [V]
_SLOPES = (0.003, 0.01, 0.03)  # of the part in proportion to the current [V per C]
_LENGTHS = (0.02, 0.03, 0.05, 0.1, 0.2)  # over which both change [-]


@dataclass(frozen=True, eq=False)
class MeasuredDifference:
    """Voltage a(z) + b(z) I that a model lacks, z the state of charge and I the C-rate.

    The first part is an error of the open-circuit voltage, the second one of resistances. Both have
    a normal prior around zero, so that they shrink where nothing was measured; its three numbers
    maximise the evidence of the measured series [1]_.

    Parameters
    ----------
    centres : shape (n_centres,); of the Gaussian bumps in the state of charge [-].
    width : of the bumps [-].
    level : shape (1 + n_centres,) [V]; a constant and the heights of the bumps of a.
    slope : shape (1 + n_centres,) [V per C]; of b.

    References
    ----------
    .. [1] Rasmussen and Williams, Gaussian processes for machine learning (2006), eqs. 2.11 and 5.8.
       The difference of two levels of fidelity as a process of its own: Kennedy and O'Hagan,
       Biometrika 87 (2000) 1, eq. 1. doi:10.1093/biomet/87.1.1
    """

    centres: Array
    width: float
    level: Array
    slope: Array

    @classmethod
    def fit(cls, features: Array, missing: Array, groups: NDArray[np.int64]) -> MeasuredDifference:
        """Learn from rows of measured series.

        Parameters
        ----------
        features : shape (n_rows, n_features), see `FEATURES`.
        missing : shape (n_rows,) [V]; measured voltage minus the model's.
        groups : shape (n_rows,); rows of one series share a label.

        Raises
        ------
        InsufficientDataError
            If there is no row.
        """
        if len(missing) == 0:
            raise InsufficientDataError("MeasuredDifference needs at least one measured row; got none.")
        kept = np.concatenate([_spread(np.flatnonzero(groups == g)) for g in np.unique(groups)])
        X, y = features[kept], missing[kept]
        best, found = -np.inf, None
        for length in _LENGTHS:
            centres = np.arange(-0.1, 1.1 + length, length)
            design = _design(X[:, _SOC], X[:, _RATE], centres, length)
            half = design.shape[1] // 2
            for level, slope in itertools.product(_LEVELS, _SLOPES):
                # a constant of half the size of what varies: most errors of a cell have one sign
                scale = np.concatenate([[0.5 * level], np.full(half - 1, level), [0.5 * slope]])
                scale = np.concatenate([scale, np.full(half - 1, slope)])
                evidence, weight = _posterior(design * scale, y)
                if evidence > best:
                    best, weight = evidence, weight * scale
                    found = cls(centres, length, weight[:half], weight[half:])
        assert found is not None
        return found

    def predict(self, X: Array) -> Array:
        """Difference at features (n_rows, n_features), shape (n_rows,) [V]."""
        return self(X.T)

    def __call__(self, features: Any) -> Any:
        """Difference of shape (n_rows,) [V] from features of shape (n_features, n_rows)."""
        # one product a row: exporters record this
        away = (features[_SOC][:, None] - self.centres.astype(features.dtype)) / self.width
        bumps = np.exp(-0.5 * away * away)
        level = bumps @ self.level[1:].astype(features.dtype) + float(self.level[0])
        slope = bumps @ self.slope[1:].astype(features.dtype) + float(self.slope[0])
        return level + slope * features[_RATE]


@dataclass(frozen=True, eq=False)
class CorrectedByMeasurement:
    """A correction learned of simulations plus what measured series differ by: two levels of fidelity.

    Parameters
    ----------
    source : fitted regressor; None for none.
    low, high : shape (n_features,); limits of what the source has seen, to which its inputs are clipped.
    difference : what is added.
    """

    source: Any
    low: Array
    high: Array
    difference: MeasuredDifference

    def predict(self, X: Array) -> Array:
        """Correction at features (n_rows, n_features), shape (n_rows,) [V]."""
        base = 0.0 if self.source is None else self.source.predict(np.clip(X, self.low, self.high))
        return np.asarray(base + self.difference.predict(X))


def _spread(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(_ROWS, len(rows))).round().astype(int))]


def _design(soc: Array, rate: Array, centres: Array, width: float) -> Array:
    bumps = np.exp(-0.5 * ((soc[:, None] - centres) / width) ** 2)
    base = np.column_stack([np.ones(len(soc)), bumps])
    return np.concatenate([base, rate[:, None] * base], axis=1)


def _posterior(design: Array, y: Array) -> tuple[float, Array]:
    """Log evidence of `y`, and mean of weights with a standard normal prior, shape (n_columns,)."""
    precision = design.T @ design / _NOISE**2 + np.eye(design.shape[1])
    weight = np.linalg.solve(precision, design.T @ y / _NOISE**2)
    left = y - design @ weight
    evidence = -0.5 * (float(left @ left) / _NOISE**2 + float(weight @ weight))
    return evidence - 0.5 * float(np.linalg.slogdet(precision)[1]), weight


def fit_difference(
    source: Any, low: Array, high: Array, features: Array, missing: Array, groups: NDArray[np.int64]
) -> CorrectedByMeasurement:
    """Fit a `MeasuredDifference` to what `source` leaves over of `missing`."""
    base = 0.0 if source is None else source.predict(np.clip(features, low, high))
    difference = MeasuredDifference.fit(features, missing - base, groups)
    return CorrectedByMeasurement(source, np.asarray(low), np.asarray(high), difference)
