"""Coverage of the intervals and the gate in front of them."""

import numpy as np
import pytest

from ionbridge.exceptions import ConfigurationError, InsufficientDataError
from ionbridge.models import (
    ApplicabilityDomain,
    CrossFitted,
    GaussianProcess,
    JackknifePlus,
    jackknife_plus_interval,
)


def sample(n_rows, seed, n_features=2):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n_rows, n_features))
    return X, np.exp(X @ np.ones(n_features) + 0.1 * rng.normal(size=n_rows))


@pytest.mark.parametrize("n_rows", [6, 15, 40])
def test_coverage_of_90_percent_intervals(n_rows):
    inside = []
    for seed in range(25):
        X, y = sample(n_rows + 100, seed)
        fitted = GaussianProcess().fit(X[:n_rows], y[:n_rows])
        lower, upper = jackknife_plus_interval(fitted, y[:n_rows], X[n_rows:], 0.9)
        inside.append(np.mean((lower <= y[n_rows:]) & (y[n_rows:] <= upper)))
    assert 0.83 <= np.mean(inside) <= 0.98


def test_jackknife_plus_equals_its_definition():
    X, y = sample(20, 0)
    y = y - 2.0  # not all positive: linear space
    fitted = CrossFitted(n_folds=20).fit(X, y)
    X_new = sample(7, 1)[0]
    lower, upper = jackknife_plus_interval(fitted, y, X_new, 0.8)
    residual = np.abs(y - fitted.out_of_fold_)
    said = fitted.predict_folds(X_new)[fitted.fold_]
    rank = int(np.ceil(0.8 * 21))
    np.testing.assert_allclose(
        upper, np.maximum(np.sort(said + residual[:, None], axis=0)[rank - 1], fitted.predict(X_new))
    )
    np.testing.assert_allclose(
        lower, np.minimum(-np.sort(residual[:, None] - said, axis=0)[rank - 1], fitted.predict(X_new))
    )


def test_intervals_widen_with_the_level():
    X, y = sample(30, 0)
    fitted = GaussianProcess().fit(X, y)
    calibrator = JackknifePlus.from_fitted(fitted, y)
    widths = [
        np.mean(np.subtract(*calibrator.interval(fitted, X, level)[::-1])) for level in (0.5, 0.8, 0.95)
    ]
    assert widths == sorted(widths)


@pytest.mark.parametrize("level", [0.0, 1.0, 90])
def test_levels_out_of_range_are_refused(level):
    X, y = sample(10, 0)
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        jackknife_plus_interval(GaussianProcess().fit(X, y), y, X, level)


def test_rows_like_the_training_rows_pass_and_shifted_ones_do_not():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    domain = ApplicabilityDomain.from_rows(X, ["a", "b", "c", "d"])
    inside, _ = domain.check(rng.uniform(-1, 1, size=(200, 4)))
    shifted, reasons = domain.check(rng.normal(size=(200, 4)) + 8.0)
    assert inside.mean() > 0.97
    assert shifted.sum() == 0
    assert "a = " in reasons[0]


def test_a_hole_inside_the_range_is_seen():
    angle = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    inside, reasons = ApplicabilityDomain.from_rows(ring, ["a", "b"]).check(np.zeros((1, 2)))
    assert not inside[0]
    assert "no similar training row" in reasons[0]


def test_declared_limits_come_first():
    X = np.linspace(0.1, 0.9, 9)[:, None]
    domain = ApplicabilityDomain.from_rows(X, ["porosity"], [(0.0, 1.0)])
    inside, reasons = domain.check(np.array([[0.5], [1.2]]))
    assert inside.tolist() == [True, False]
    assert "plausible range 0 to 1" in reasons[1]


def test_constant_columns_are_allowed():
    X = np.column_stack([np.linspace(0, 1, 10), np.full(10, 3.0)])
    domain = ApplicabilityDomain.from_rows(X, ["a", "b"])
    inside, _ = domain.check(np.array([[0.5, 3.0], [0.5, 4.0]]))
    assert inside.tolist() == [True, False]


def test_replicates_do_not_close_the_domain():
    X = np.repeat(np.random.default_rng(0).uniform(0, 1, (20, 2)), 4, axis=0)
    inside, _ = ApplicabilityDomain.from_rows(X, ["a", "b"]).check(X + 0.01)
    assert inside.mean() > 0.9


def test_long_batches_give_the_same_as_short_ones():
    X, y = sample(30, 0)
    fitted = GaussianProcess().fit(X, y)
    calibrator = JackknifePlus.from_fitted(fitted, y)
    many = np.tile(X, (100, 1))
    np.testing.assert_allclose(
        calibrator.interval(fitted, many, 0.9)[1], np.tile(calibrator.interval(fitted, X, 0.9)[1], 100)
    )


def test_one_row_is_no_domain():
    with pytest.raises(InsufficientDataError, match="at least 2 rows"):
        ApplicabilityDomain.from_rows(np.ones((1, 2)), ["a", "b"])


def test_widths_follow_the_value_only_where_logarithms_make_sense():
    class Fitted:
        fold_ = np.arange(30)
        out_of_fold_ = np.linspace(3.0, 4.0, 30)

        def predict(self, X):
            return np.asarray(X)

        def predict_folds(self, X):
            return np.tile(np.asarray(X), (30, 1))

    y = Fitted.out_of_fold_ + np.where(np.arange(30) % 2, 0.2, -0.2)
    values = np.array([1.0, 4.0])
    low, high = JackknifePlus.from_fitted(Fitted(), y, may_use_logarithms=False).interval(Fitted(), values)
    np.testing.assert_allclose(high - low, 0.4, atol=1e-9)
    low, high = JackknifePlus.from_fitted(Fitted(), y).interval(Fitted(), values)
    np.testing.assert_allclose((high - low)[1] / (high - low)[0], 4.0, rtol=1e-6)
