"""Strategies for ageing: exponents that carry over, honesty without a source, few rows, saving."""

from __future__ import annotations

import numpy as np
import pytest

from ionbridge.applications.cell_rom.ageing_strategies import RateLawInputs, SensitivityGP
from ionbridge.exceptions import ConfigurationError
from ionbridge.models import GaussianProcess
from ionbridge.models.state import from_state, to_state

EXPONENTS = np.array([1.0, 0.5, -0.7, 0.0])
OTHERS = np.array([1.1, 0.5, -0.9, 0.0])


def _rows(n: int, exponents: np.ndarray, seed: int, energy: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Three rates and a temperature [K]; outputs that are products of powers and an Arrhenius factor."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([10 ** rng.uniform(-0.5, 0.5, (n, 3)), rng.uniform(278, 318, n)])
    return X, 0.1 * np.prod(X[:, :3] ** exponents[:3], axis=1) * np.exp(energy * (1 - 298 / X[:, 3]))


def _fit(strategy: str, n_target: int = 6, with_source: bool = True) -> tuple[RateLawInputs, float]:
    """Fitted strategy and its mean absolute percentage error on new rows [%]."""
    X_target, y_target = _rows(n_target, OTHERS, 1, 5.0)
    X_source, y_source = _rows(60, EXPONENTS, 0) if with_source else (X_target[:0], y_target[:0])
    model = RateLawInputs(strategy, reciprocal=(3,)).fit(
        np.vstack([X_source, X_target]),
        np.append(y_source, y_target),
        np.array(["source"] * len(y_source) + ["target"] * n_target),
    )
    X, y = _rows(50, OTHERS, 2, 5.0)
    return model, float(100 * np.mean(np.abs(model.predict(X) / y - 1)))


@pytest.mark.parametrize(("strategy", "n_target"), [("sensitivity_gp", 4), ("auto", 4), ("auto", 6)])
def test_exponents_of_the_source_carry_over(strategy, n_target):
    _, error = _fit(strategy, n_target)
    _, alone = _fit("gaussian_process", n_target)
    assert error < 10
    assert error < 0.7 * alone


def test_with_few_rows_the_source_is_trusted():
    assert isinstance(_fit("auto", 4)[0].strategy_, SensitivityGP)


def test_without_a_source_it_is_the_target_only_process():
    X, y = _rows(8, OTHERS, 1)
    strategy = SensitivityGP().fit(X, y)
    assert np.array_equal(strategy.predict(X), GaussianProcess().fit(X, y).predict(X))
    _, error = _fit("auto", 8, with_source=False)
    assert np.isfinite(error)


def test_a_prepared_source_gives_the_same():
    X_source, y_source = _rows(60, EXPONENTS, 0)
    X, y = _rows(6, OTHERS, 1, 5.0)
    strategy = RateLawInputs("auto", reciprocal=(3,))
    again = strategy.fit(X, y, source_model=strategy.prepare_source(X_source, y_source))
    assert again.predict(X) == pytest.approx(_fit("auto", 6)[0].predict(X), rel=1e-6)


@pytest.mark.parametrize("strategy", ["auto", "sensitivity_gp"])
def test_saved_strategies_predict_the_same(strategy):
    model, _ = _fit(strategy)
    X, _ = _rows(5, OTHERS, 3)
    again = from_state(to_state(model))
    assert np.array_equal(again.predict(X), model.predict(X))
    assert np.array_equal(again.predict_folds(X), model.predict_folds(X))


def test_inputs_below_zero_are_refused():
    X, y = _rows(6, OTHERS, 1)
    with pytest.raises(ConfigurationError, match="must be above zero"):
        RateLawInputs("linear", reciprocal=(3,)).fit(-X, y)
