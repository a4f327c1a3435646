"""Errors of predictions and quality of intervals, each a number a person can read.

Comparing two methods by them is `verdict.py`.
"""

from __future__ import annotations

import numpy as np

from ionbridge.exceptions import ShapeError
from ionbridge.models import FloatArray

__all__ = ["METRICS", "evaluate", "mean_absolute_percentage_error", "metric_label"]

METRICS = ("mape", "rmse", "mae", "r2", "coverage", "width")

_LABELS = {"mape": "MAPE", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "coverage": "coverage", "width": "width"}


def mean_absolute_percentage_error(y: FloatArray, predicted: FloatArray) -> float:
    """MAPE [%]; NaN where an observed value is zero, because it then means nothing."""
    return float("nan") if np.any(y == 0) else float(100 * np.mean(np.abs((predicted - y) / y)))


def evaluate(y: FloatArray, mean: FloatArray, lower: FloatArray, upper: FloatArray) -> dict[str, float]:
    """Compute every metric of one trial.

    Parameters
    ----------
    y, mean, lower, upper : shape (n_test_rows,) [y]
        Observed and predicted values, and the interval, which may be infinite.

    Returns
    -------
    ``mape`` [%], ``rmse`` and ``mae`` [y], ``r2`` [-] (NaN where the observed values do not
    vary), ``coverage`` [-], the fraction of rows inside their interval, and ``width`` [y], the
    mean width of the intervals.
    """
    if not len(y) == len(mean) == len(lower) == len(upper):
        raise ShapeError(
            "'y', 'mean', 'lower' and 'upper' must have one value a row; "
            f"got {len(y)}, {len(mean)}, {len(lower)} and {len(upper)}."
        )
    error = mean - y
    total = float(np.sum((y - np.mean(y)) ** 2))
    return {
        "mape": mean_absolute_percentage_error(y, mean),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mae": float(np.mean(np.abs(error))),
        "r2": 1 - float(np.sum(error**2)) / total if total > 0 else float("nan"),
        "coverage": float(np.mean((lower <= y) & (y <= upper))),
        "width": float(np.mean(upper - lower)),
    }


def metric_label(metric: str, unit: str = "") -> str:
    """Axis label of a metric, with its unit."""
    unit = {"mape": "%", "r2": "-", "coverage": "-"}.get(metric, unit)
    return f"{_LABELS[metric]} [{unit}]"
