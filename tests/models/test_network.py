"""The network regressor: scikit-learn's rules, spaces, folds, and many fitted as one stack."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, IonBridgeError
from ionbridge.models.network import NetworkRegressor, fit_networks


def rows(n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.uniform([90.0, 20.0, 100.0], [96.0, 40.0, 300.0], size=(n_rows, 3))
    return X, 0.02 * X[:, 2] * (X[:, 1] / 30.0) ** 1.5 * (X[:, 0] / 93.0)


def small(**settings: object) -> NetworkRegressor:
    return NetworkRegressor(
        **{"hidden": (16,), "epochs": 40, "n_members": 2, "n_folds": 3, "learning_rate": 0.01} | settings
    )


@parametrize_with_checks([NetworkRegressor((8,), epochs=60, n_members=2, n_folds=2, learning_rate=0.02)])
def test_scikit_learn_rules(estimator, check):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*SCIPY_ARRAY_API.*")
        check(estimator)


@pytest.mark.parametrize(
    ("space", "loss"),
    [("auto", "mse"), ("log", "huber"), ("standard", "mse"), ("raw", "mape"), ("auto", "gaussian_nll")],
)
def test_every_space_learns(space, loss):
    X, y = rows(60)
    model = small(space=space, loss=loss, epochs=150).fit(X[:40], y[:40])
    error = np.mean(np.abs(model.predict(X[40:]) / y[40:] - 1.0))
    trivial = np.mean(np.abs(y[:40].mean() / y[40:] - 1.0))
    assert error < 0.4 * trivial


@pytest.mark.parametrize("activation", ["relu", "tanh", "silu"])
def test_out_of_fold_predictions_come_from_the_fold_that_left_the_row_out(activation):
    X, y = rows(10)
    model = small(activation=activation).fit(X, y)
    by_fold = model.predict_folds(X)
    assert by_fold.shape == (3, 10)
    np.testing.assert_allclose(model.out_of_fold_, by_fold[model.fold_, np.arange(10)], rtol=1e-12)
    changed = y.copy()
    changed[model.fold_ == 1] *= 3.0
    other = small(activation=activation).fit(X, changed)
    np.testing.assert_allclose(other.predict_folds(X)[1], by_fold[1], rtol=1e-5)


def test_many_networks_fitted_together_equal_those_fitted_alone():
    datasets = [rows(n_rows, seed) for seed, n_rows in enumerate([7, 12, 9])]
    together = fit_networks([small(random_state=s) for s in range(3)], datasets)
    alone = [small(random_state=s).fit(*dataset) for s, dataset in enumerate(datasets)]
    X, _ = rows(5, seed=9)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-3)
        np.testing.assert_allclose(one.out_of_fold_, other.out_of_fold_, rtol=1e-3)


def test_different_settings_are_fitted_together_too():
    X, y = rows(9)
    models = [small(), small(loss="huber"), small(hidden=(4, 4)), small(n_folds=0)]
    fit_networks(models, [(X, y)] * 4)
    assert [len(m.predict_folds(X)) for m in models] == [3, 3, 3, 0]
    assert np.isnan(models[3].out_of_fold_).all()


def test_early_stopping_and_held_out_rows():
    X, y = rows(40)
    model = small(validation_fraction=0.2, patience=5, epochs=300).fit(X, y)
    assert np.mean(np.abs(model.predict(X) / y - 1.0)) < 0.1


def test_a_prediction_does_not_depend_on_the_rows_beside_it():
    X, y = rows(30)
    model = small().fit(X, y)
    many = np.tile(X, (50, 1))
    np.testing.assert_allclose(model.predict(many)[7], model.predict(X[7:8])[0], rtol=1e-12)


def test_log_predictions_far_outside_stay_within_reason():
    X, y = rows(20)
    model = small().fit(X, y)
    far = model.predict(X * 1e4)
    assert (far <= 3.0 * y.max() ** 2 / y.min() * (1 + 1e-9)).all()


def test_constant_columns_and_outputs_are_learned():
    X, y = rows(8)
    X[:, 1] = 5.0
    assert np.isfinite(small().fit(X, y).predict(X)).all()
    np.testing.assert_allclose(small(epochs=100).fit(X, np.full(8, 2.5)).predict(X), 2.5, rtol=0.2)


@pytest.mark.parametrize(
    ("settings", "y", "error", "match"),
    [
        ({"space": "log"}, [-1.0, 2.0, 3.0], DataError, "positive outputs; the smallest is -1.0"),
        ({"space": "logarithm"}, [1.0, 2.0, 3.0], ConfigurationError, "'space' must be"),
        ({"space": "log", "loss": "mape"}, [1.0, 2.0, 3.0], ConfigurationError, "needs space 'raw'"),
        ({"n_members": 0}, [1.0, 2.0, 3.0], ConfigurationError, "'n_members'"),
        ({"validation_fraction": 1.0}, [1.0, 2.0, 3.0], ConfigurationError, "'validation_fraction'"),
        ({}, [1.0], InsufficientDataError, "n_samples = 1"),
    ],
    ids=["negative", "space", "mape", "members", "fraction", "one row"],
)
def test_bad_settings_say_what_to_do(settings, y, error, match):
    X, _ = rows(len(y))
    with pytest.raises(error, match=match) as caught:
        small(**settings).fit(X, y)
    assert isinstance(caught.value, IonBridgeError)
