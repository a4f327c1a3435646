"""Kernel machine and Gaussian process against closed forms."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.utils.estimator_checks import parametrize_with_checks

from ionbridge.models import CrossFitted, Forest, GaussianProcess, KernelMachine, KernelPrior
from ionbridge.models.kernel_machine import _Objective


@parametrize_with_checks([GaussianProcess(), CrossFitted(n_folds=3), Forest(n_trees=10)])
def test_estimator_checks(estimator, check):
    check(estimator)


def problem(n_rows=14, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    y = np.sin(X[:, 0]) + 0.3 * X[:, -1] + 0.05 * rng.normal(size=n_rows)
    prior = KernelPrior(np.zeros(n_features), log_linear=-1.0)
    return X, y, np.ones((n_rows, 1)), np.array([1.0]), prior


@pytest.mark.parametrize("seed", range(3))
def test_gradient_of_the_posterior(seed):
    X, y, basis, variance, prior = problem(seed=seed)
    objective = _Objective(X, y, basis, variance, prior)
    at = objective.center + 0.3 * np.random.default_rng(seed).normal(size=len(objective.center))
    assert check_grad(lambda p: objective(p)[0], lambda p: objective(p)[1], at) < 1e-4


@pytest.mark.parametrize("fold", [np.arange(14), np.arange(14) % 5], ids=["one by one", "blocks"])
def test_leaving_out_equals_refitting_with_the_same_kernel(fold):
    X, y, basis, variance, prior = problem()
    machine = KernelMachine.fit(X, y, basis, variance, prior)
    k = machine.cross(X, basis)
    k[np.diag_indices_from(k)] += machine.noise**2 + 1e-9
    X_new = np.random.default_rng(9).normal(size=(5, 2))
    k_new = machine.cross(X_new, np.ones((5, 1)))
    folds = machine.predict_leave_out(X_new, np.ones((5, 1)), fold)
    for i in range(len(y)):
        kept = fold != fold[i]
        alpha = np.linalg.solve(k[np.ix_(kept, kept)], y[kept])
        np.testing.assert_allclose(k[i, kept] @ alpha, machine.leave_out(y, fold)[i], atol=1e-8)
        np.testing.assert_allclose(k_new[:, kept] @ alpha, folds[fold[i]], atol=1e-8)


def test_interpolates_a_smooth_function():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (60, 2))
    y = np.exp(X[:, 0]) * (2 + np.sin(2 * X[:, 1]))
    X_new = rng.uniform(-0.9, 0.9, (50, 2))
    expected = np.exp(X_new[:, 0]) * (2 + np.sin(2 * X_new[:, 1]))
    np.testing.assert_allclose(GaussianProcess().fit(X, y).predict(X_new), expected, rtol=0.02)


def test_units_of_inputs_do_not_matter():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 2, (20, 3))
    y = X.prod(axis=1)
    one = GaussianProcess().fit(X, y).predict(X)
    other = GaussianProcess().fit(X * [1e6, 1e-6, 1.0], y * 1e3).predict(X * [1e6, 1e-6, 1.0])
    np.testing.assert_allclose(other, 1e3 * one, rtol=1e-4)


def test_more_rows_than_the_limit_use_a_subset():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (150, 1))
    fitted = GaussianProcess(max_rows=90).fit(X, 2 + X[:, 0])
    assert (fitted.fold_ >= 0).sum() == 90
    np.testing.assert_allclose(fitted.predict(X), 2 + X[:, 0], rtol=0.02)


def test_forest_judges_groups_by_trees_that_never_saw_them():
    rng = np.random.default_rng(0)
    place = np.repeat(rng.uniform(0, 1, (8, 2)), 6, axis=0)
    noise = np.repeat(rng.normal(size=8), 6)  # of the group alone: nothing to learn from the inputs
    y = np.exp(0.5 * noise + 0.01 * rng.normal(size=48))
    groups = np.repeat(np.arange(8), 6)
    alone = Forest(n_trees=30).fit(place, y)
    together = Forest(n_trees=30).fit(place, y, groups)
    error = [np.mean(np.abs(np.log(f.out_of_fold_ / y))) for f in (alone, together)]
    assert error[0] < 0.1
    assert error[1] > 0.3
