"""Shapley values equal their definition, for every kind of model, and say how they were found."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression

from ionbridge.exceptions import ConfigurationError, DataError, ShapeError
from ionbridge.quantities.base import Quantity
from ionbridge.studies import explanation as module
from ionbridge.studies.explanation import compare_importance, explain, explain_source, representative_rows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4))
Y = X[:, 0] * X[:, 1] + np.sin(X[:, 2])
QUANTITIES = tuple(Quantity(f"q{j}", "um", "test") for j in range(4))
DENSITY = Quantity("density", "g/cm**3", "test")


def by_definition(predict: Any, x: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Average marginal contribution over every order of the inputs; written without coalitions' weights."""
    d = len(x)
    total = np.zeros(d)
    for order in itertools.permutations(range(d)):
        rows = background.copy()
        before = predict(rows).mean()
        for j in order:
            rows[:, j] = x[j]
            after = predict(rows).mean()
            total[j] += after - before
            before = after
    return total / math.factorial(d)


MODELS = {
    "forest": RandomForestRegressor(5, random_state=0).fit(X, Y).predict,
    "gaussian process": GaussianProcessRegressor(optimizer=None, alpha=1e-3).fit(X, Y).predict,
    "interactions": lambda Z: Z[:, 0] * Z[:, 1] * Z[:, 2] - Z[:, 3] ** 2,
    "constant": lambda Z: np.full(len(Z), 3.0),
}


@pytest.mark.parametrize("predict", MODELS.values(), ids=MODELS)
def test_values_equal_the_definition(predict):
    found = explain(predict, X[:3], background=X, max_background=5)
    expected = np.array([by_definition(predict, x, found.background) for x in X[:3]])
    np.testing.assert_allclose(found.values, expected, atol=1e-10)
    np.testing.assert_allclose(found.predictions, predict(X[:3]), atol=1e-10)
    assert found.method == "exact"
    assert "exact" in found.description


@pytest.mark.slow  # shap compiles its kernels for several seconds on first use
def test_values_equal_those_of_the_shap_package():
    shap = module._shap()
    found = explain(MODELS["forest"], X, background=X)
    masker = shap.maskers.Independent(found.background, max_samples=len(found.background))
    expected = shap.ExactExplainer(MODELS["forest"], masker)(X, silent=True)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-9)
    np.testing.assert_allclose(found.base_values, expected.base_values, atol=1e-9)


def test_linear_models_have_a_closed_form():
    model = LinearRegression().fit(X, Y)
    found = explain(model, X, background=X)
    np.testing.assert_allclose(found.values, model.coef_ * (X - X.mean(axis=0)), atol=1e-10)


def test_equal_rows_are_predicted_once_and_in_batches(monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 50)
    sizes = []

    def predict(rows):
        assert len(np.unique(rows, axis=0)) == len(rows)
        sizes.append(len(rows))
        return rows.sum(axis=1)

    levels = np.round(X)
    explain(predict, levels, background=levels, max_background=6)
    assert max(sizes) <= 50
    assert sum(sizes) < 12 * 16 * 6 / 2


@pytest.mark.slow  # shap compiles its kernels for several seconds on first use
def test_many_inputs_are_explained_approximately_and_said_so():
    wide = RNG.normal(size=(4, 14))
    found = explain(lambda Z: Z @ np.arange(14.0), wide, background=wide)
    np.testing.assert_allclose(found.values, np.arange(14.0) * (wide - wide.mean(axis=0)), atol=1e-8)
    np.testing.assert_allclose(found.predictions, wide @ np.arange(14.0), atol=1e-8)
    assert found.method == "permutation"
    assert "approximate" in found.description


@pytest.mark.parametrize(("n_features", "expected"), [(2, 64), (4, 32), (6, 8), (9, 8), (40, 8)])
def test_the_background_shrinks_as_coalitions_multiply(n_features, expected):
    assert module._default_background(n_features) == expected


def test_representative_rows_stand_for_all_and_never_change():
    rows = RNG.normal(size=(200, 3)) * [1.0, 100.0, 0.01]
    chosen = representative_rows(rows, 12)
    assert np.array_equal(chosen, representative_rows(rows, 12))
    assert len(set(chosen)) == 12
    np.testing.assert_allclose(
        rows[chosen].mean(axis=0) / rows.std(axis=0), rows.mean(axis=0) / rows.std(axis=0), atol=0.2
    )
    assert np.array_equal(representative_rows(rows[:5], 12), np.arange(5))
    assert len(representative_rows(np.ones((9, 2)), 4)) == 4
    assert representative_rows(np.arange(5000.0)[:, None], 3).max() > 3000


def transfer_model() -> Any:
    """The attributes of a fitted transfer model that an explanation needs."""
    source = X.copy()
    source[:, 3] = np.nan
    return SimpleNamespace(
        predict_mean=MODELS["interactions"],
        inputs=QUANTITIES,
        output=DENSITY,
        X_target_=X,
        X_source_=source,
        y_source_=np.exp(X[:, 0]),
        source_domain_={"name": "graphite"},
        target_domain_={"name": "nmc"},
    )


def test_a_transfer_model_is_explained_on_its_own_rows():
    found = explain(transfer_model())
    assert found.names == ("q0", "q1", "q2", "q3")
    assert (found.output, found.label) == (DENSITY, "nmc")
    frame = found.to_frame()
    assert len(frame) == 12 * 4
    assert frame.loc[5, "shapley_value"] == found.values[1, 1]
    assert set(frame["unit"]) == {"um"}
    assert found.to_dict()["importance"].keys() == set(found.names)
    importance = found.importance()
    assert list(importance) == sorted(importance, reverse=True)


def test_source_and_target_importance_are_compared():
    model = transfer_model()
    source = explain_source(model)
    assert source.names == ("q0", "q1", "q2")
    assert source.label == "graphite"
    assert source.importance().index[0] == "q0"
    table = compare_importance(source, explain(model))
    assert list(table.columns) == ["source", "target", "source_share", "target_share", "difference"]
    assert np.isnan(table.loc["q3", "source"])
    assert table["target_share"].sum() == pytest.approx(1.0)
    assert table["target"].is_monotonic_decreasing


def test_a_model_without_source_rows_has_no_source_explanation():
    assert explain_source(SimpleNamespace(X_source_=None, y_source_=None)) is None


def test_different_outputs_are_not_compared():
    model = transfer_model()
    found = explain(model)
    model.output = QUANTITIES[0]
    with pytest.raises(ConfigurationError, match=r"same output; got \['density', 'q0'\]"):
        compare_importance(explain(model), found)


def test_shap_can_draw_it():
    found = explain(transfer_model()).to_shap()
    assert found.feature_names[0] == "q0 [µm]"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": MODELS["constant"]}, ConfigurationError, "'X' must be given"),
        ({"model": MODELS["constant"], "X": X}, ConfigurationError, "'background' must be given"),
        ({"model": MODELS["constant"], "X": X[0], "background": X}, ShapeError, "'X' must have shape"),
        ({"model": MODELS["constant"], "X": X[:0], "background": X}, ShapeError, "at least one row"),
        (
            {"model": MODELS["constant"], "X": X, "background": X[:, :2]},
            ShapeError,
            "must have the 4 columns",
        ),
        ({"model": MODELS["constant"], "X": X * np.nan, "background": X}, DataError, "row 0, column 0"),
        (
            {"model": MODELS["constant"], "X": X, "background": X, "max_background": 0},
            ConfigurationError,
            "at least 1",
        ),
        ({"model": 3, "X": X, "background": X}, ConfigurationError, "must be a fitted model"),
        ({"model": lambda Z: Z, "X": X, "background": X}, DataError, "one finite value a row"),
    ],
    ids=[
        "no rows",
        "no background",
        "one row",
        "empty",
        "columns",
        "missing",
        "limit",
        "not a model",
        "wide output",
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        explain(**arguments)


def test_data_frames_are_read_by_the_model():
    model = transfer_model()
    model.input_values = lambda rows: rows[["q0", "q1", "q2", "q3"]].to_numpy()
    frame = pd.DataFrame(X, columns=["q0", "q1", "q2", "q3"])[["q3", "q1", "q2", "q0"]]
    np.testing.assert_array_equal(explain(model, frame[:2]).X, X[:2])
