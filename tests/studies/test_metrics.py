"""Metrics against hand-computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ionbridge.exceptions import ShapeError
from ionbridge.studies.metrics import evaluate, metric_label

Y = np.array([1.0, 2.0, 4.0])


def test_metrics_of_a_known_case() -> None:
    found = evaluate(Y, np.array([1.1, 2.0, 3.0]), np.array([1.0, 2.1, 2.0]), np.array([1.2, 2.2, 4.0]))
    assert found["mape"] == pytest.approx((10 + 0 + 25) / 3)
    assert found["rmse"] == pytest.approx(math.sqrt((0.01 + 1) / 3))
    assert found["mae"] == pytest.approx(1.1 / 3)
    assert found["r2"] == pytest.approx(1 - 1.01 / (14 / 3))
    assert found["coverage"] == pytest.approx(2 / 3)
    assert found["width"] == pytest.approx((0.2 + 0.1 + 2) / 3)


def test_undefined_metrics_are_nan_and_infinite_intervals_cover() -> None:
    y = np.zeros(2)
    found = evaluate(y, y, np.full(2, -np.inf), np.full(2, np.inf))
    assert math.isnan(found["mape"])
    assert math.isnan(found["r2"])
    assert found["coverage"] == 1
    assert found["width"] == np.inf


def test_lengths_must_agree() -> None:
    with pytest.raises(ShapeError, match="got 3, 3, 3 and 2"):
        evaluate(Y, Y, Y, Y[:2])


def test_labels_carry_units() -> None:
    assert metric_label("mape", "g/cm^3") == "MAPE [%]"
    assert metric_label("rmse", "g/cm^3") == "RMSE [g/cm^3]"
