"""One suite that every registered strategy and baseline passes."""

import numpy as np
import pytest
from sklearn.base import clone

from ionbridge.exceptions import DataError, InsufficientDataError, ShapeError, UnsupportedInputsError
from ionbridge.transfer import SOURCE, TARGET, TransferProblem, fit_many, make_strategy, strategy_names
from ionbridge.transfer.auto import Auto, default_members

pytestmark = pytest.mark.contract
NAMES = strategy_names()
NETWORKS = {"network", "published_recipe", "frozen_adapter", "head_retraining", "fine_tuning", "film_adapter"}


def small(name, **settings):
    """The registered strategy, trained briefly where it is made of networks."""
    strategy = make_strategy(name, **settings)
    short = {k: 3 for k in strategy.get_params() if k.split("__")[-1] in ("epochs", "source_epochs")}
    return strategy.set_params(**short)


def rows(n_source=30, n_target=9, seed=0, n_features=3):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n_source + n_target + 40, n_features))
    y = np.exp(1.0 + X @ np.linspace(0.5, 1.0, n_features) + 0.02 * rng.normal(size=len(X)))
    y[n_source:] *= 1.5
    used, test = slice(0, n_source + n_target), slice(n_source + n_target, None)
    return X[used], y[used], np.repeat([SOURCE, TARGET], [n_source, n_target]), X[test], y[test]


@pytest.mark.parametrize("name", NAMES)
def test_fitted_attributes_and_shapes(name):
    X, y, domain, X_test, _ = rows()
    fitted = small(name).fit(X, y, domain)
    assert fitted.out_of_fold_.shape == (9,)
    assert fitted.fold_.shape == (9,)
    assert fitted.predict(X_test).shape == (40,)
    folds = fitted.predict_folds(X_test)
    assert folds.shape[1] == 40
    assert fitted.fold_.max() < len(folds)
    assert np.isfinite(fitted.predict(X_test)).all()


@pytest.mark.parametrize("name", NAMES)
def test_out_of_fold_is_what_the_leave_out_models_say(name):
    X, y, domain, _, _ = rows()
    fitted = small(name).fit(X, y, domain)
    X_target = X[domain == TARGET]
    said = fitted.predict_folds(X_target)[fitted.fold_, np.arange(9)]
    np.testing.assert_allclose(said, fitted.out_of_fold_, rtol=2e-3)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"source_only", "auto"}))
def test_groups_are_left_out_together(name):
    X, y, domain, _, _ = rows()
    labels = np.array(["a", "b", "c"])[np.arange(len(y)) % 3]
    fitted = small(name).fit(X, y, domain, groups=labels)
    pairs = set(zip(fitted.fold_.tolist(), labels[domain == TARGET].tolist(), strict=True))
    assert len({label for _, label in pairs}) == 3
    assert len(pairs) == 3, "a group is spread over several folds"
    said = fitted.predict_folds(X[domain == TARGET])[fitted.fold_, np.arange(9)]
    np.testing.assert_allclose(said, fitted.out_of_fold_, rtol=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_two_fits_equal_the_last(name):
    X, y, domain, X_test, _ = rows()
    once = small(name).fit(X, y, domain)
    twice = small(name).fit(*rows(seed=1)[:3]).fit(X, y, domain)
    np.testing.assert_allclose(once.predict(X_test), twice.predict(X_test), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_fitting_many_equals_fitting_each(name):
    problems = [TransferProblem.from_rows(*rows(seed=s)[:3], random_state=s) for s in (0, 1)]
    X_test = rows()[3]
    together = fit_many(small(name), problems)
    for fitted, problem in zip(together, problems, strict=True):
        alone = clone(small(name)).fit_problem(problem)
        np.testing.assert_allclose(fitted.predict(X_test), alone.predict(X_test), rtol=2e-3)


@pytest.mark.parametrize(
    "name", ["mean", "linear", "random_forest", "gradient_boosting", "gaussian_process", "network"]
)
def test_baselines_never_look_at_the_source(name):
    X, y, domain, X_test, _ = rows()
    other = np.where(domain == SOURCE, 7.0 + y[::-1], y)
    fitted, again = small(name).fit(X, y, domain), small(name).fit(X, other, domain)
    np.testing.assert_array_equal(fitted.predict(X_test), again.predict(X_test))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"source_only"}))
def test_without_source_there_is_a_target_only_model(name):
    X, y, domain, X_test, y_test = rows()
    is_target = domain == TARGET
    fitted = small(name).fit(X[is_target], y[is_target])
    assert fitted.predict(X_test).shape == y_test.shape


@pytest.mark.parametrize(
    ("name", "baseline"),
    [
        ("hierarchical_gp", "gaussian_process"),
        ("residual_gp", "gaussian_process"),
        ("source_feature", "linear"),
    ],
)
def test_no_source_equals_the_named_baseline(name, baseline):
    X, y, domain, X_test, _ = rows()
    X, y = X[domain == TARGET], y[domain == TARGET]
    np.testing.assert_allclose(
        make_strategy(name).fit(X, y).predict(X_test), make_strategy(baseline).fit(X, y).predict(X_test)
    )


@pytest.mark.parametrize("name", NAMES)
def test_inputs_that_only_the_target_has_are_used_or_refused(name):
    X, y, domain, _, _ = rows()
    X[domain == SOURCE, 1] = np.nan
    strategy = small(name)
    if strategy.supports_target_only_inputs:
        assert np.isfinite(strategy.fit(X, y, domain).predict(X[domain == TARGET])).all()
    else:
        with pytest.raises(UnsupportedInputsError, match="inputs that the source lacks"):
            strategy.fit(X, y, domain)


@pytest.mark.parametrize("name", NAMES)
def test_too_few_target_rows_are_refused(name):
    X, y, domain, _, _ = rows(n_target=1)
    strategy = small(name)
    if strategy.min_target_rows > 1:
        with pytest.raises(InsufficientDataError, match="target rows; got 1"):
            strategy.fit(X, y, domain)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_width_is_refused(name):
    X, y, domain, X_test, _ = rows()
    fitted = small(name).fit(X, y, domain)
    with pytest.raises(ShapeError, match=r"\(n_rows, 3\)"):
        fitted.predict(X_test[:, :2])


@pytest.mark.parametrize("name", ["auto", "hierarchical_gp", "multitask_gp", "source_feature"])
def test_related_source_helps_at_few_rows(name):
    error, alone = [], []
    for seed in range(3):
        X, y, domain, X_test, y_test = rows(n_target=5, seed=seed)
        error.append(np.mean(np.abs(make_strategy(name).fit(X, y, domain).predict(X_test) / y_test - 1)))
        baseline = make_strategy("gaussian_process").fit(X, y, domain)
        alone.append(np.mean(np.abs(baseline.predict(X_test) / y_test - 1)))
    assert np.mean(error) < 0.7 * np.mean(alone)


def test_shuffled_source_does_not_look_helpful_to_auto():
    alone = Auto(members={n: m for n, m in default_members().items() if m.needs == "nothing"})
    gains = []
    for seed in range(4):
        X, y, domain, X_test, y_test = rows(n_target=12, seed=seed)
        rng = np.random.default_rng(seed)
        y[domain == SOURCE] = rng.permutation(y[domain == SOURCE])
        with_source = make_strategy("auto").fit(X, y, domain).predict(X_test)
        without = alone.fit(X, y, domain).predict(X_test)
        gains.append(1 - np.mean(np.abs(with_source / y_test - 1)) / np.mean(np.abs(without / y_test - 1)))
    assert np.mean(gains) < 0.05


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        pytest.param(lambda X, y, d: (X[0], y, d), ShapeError, "n_rows, n_features", id="one row as vector"),
        pytest.param(lambda X, y, d: (X, y[:-1], d[:-1]), ShapeError, "one entry a row", id="short y"),
        pytest.param(
            lambda X, y, d: (X, y, np.where(d == SOURCE, "lab", d)), ValueError, "only 'source'", id="label"
        ),
        pytest.param(
            lambda X, y, d: (X, np.where(y == y[3], np.nan, y), d), DataError, "first row 3", id="nan in y"
        ),
        pytest.param(
            lambda X, y, d: (X[:30], y[:30], d[:30]), InsufficientDataError, "no target row", id="no target"
        ),
    ],
)
def test_bad_rows_are_named(change, error, message):
    X, y, domain, _, _ = rows()
    with pytest.raises(error, match=message):
        TransferProblem.from_rows(*change(X, y, domain))


def test_rows_may_come_in_any_order():
    X, y, domain, X_test, _ = rows()
    order = np.argsort(np.random.default_rng(0).random(30))
    order = np.concatenate([order, np.arange(30, len(y))])
    one = make_strategy("hierarchical_gp").fit(X, y, domain).predict(X_test)
    other = make_strategy("hierarchical_gp").fit(X[order], y[order], domain[order]).predict(X_test)
    np.testing.assert_allclose(one, other, rtol=1e-3)
