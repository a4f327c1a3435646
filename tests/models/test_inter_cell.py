"""Inter-cell learning: pairs, censoring, references, saving."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, ShapeError
from ionbridge.models import jackknife_plus_interval
from ionbridge.models.inter_cell import CellEncoding, InterCellRegressor
from ionbridge.models.inter_cell.aggregation import aggregate, choose_references, reference_weights
from ionbridge.models.inter_cell.loss import PairLoss
from ionbridge.models.inter_cell.network import inter_cell_module
from ionbridge.models.state import from_state, to_state

QUICK = {"n_hidden": 8, "epochs": 60, "n_members": 2, "n_folds": 3, "learning_rate": 1e-2}


def cells(n_cells: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_cells, 4))
    return X, np.exp(6.0 + 0.4 * X[:, 0] - 0.2 * X[:, 1] + 0.02 * rng.normal(size=n_cells))


def curves(n_cells: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    fade = np.exp(rng.normal(scale=0.5, size=n_cells))
    cycle, point = np.linspace(0, 1, 5), np.linspace(0, 1, 8)
    X = point - 0.02 * fade[:, None, None] * cycle[:, None] * np.sin(3 * point)
    return X[:, None], 500.0 / fade


def test_learns_a_table_better_than_the_mean() -> None:
    X, y = cells()
    model = InterCellRegressor(**QUICK).fit(X[:20], y[:20])
    error = np.abs(np.log(model.predict(X[20:]) / y[20:])).mean()
    assert error < 0.4 * np.abs(np.log(y[20:] / np.exp(np.log(y[:20]).mean()))).mean()
    assert model.out_of_fold_.shape == (20,)
    assert model.predict_folds(X[20:]).shape == (3, 10)


def test_learns_curves_and_their_flat_form_alike() -> None:
    X, y = curves()
    shaped = InterCellRegressor(base_cycle=0, compression=0.01, **QUICK).fit(X, y)
    flat = InterCellRegressor(base_cycle=0, compression=0.01, cell_shape=(1, 5, 8), **QUICK)
    flat.fit(X.reshape(len(X), -1), y)
    np.testing.assert_allclose(flat.predict(X.reshape(len(X), -1)), shaped.predict(X))
    assert np.abs(np.log(shaped.out_of_fold_ / y)).mean() < 0.5 * np.abs(np.log(y / y.mean())).mean()


def test_inter_branch_is_odd_and_zero_for_a_cell_itself() -> None:
    X, y = cells()
    model = InterCellRegressor(**QUICK).fit(X, y)
    difference = model.differences(X, X)
    np.testing.assert_allclose(difference, -difference.T, atol=1e-5)
    np.testing.assert_allclose(np.diag(difference), 0.0, atol=1e-5)


def test_order_of_cells_to_predict_changes_nothing() -> None:
    X, y = cells()
    model = InterCellRegressor(**QUICK).fit(X, y)
    np.testing.assert_allclose(model.predict(X[::-1])[::-1], model.predict(X), rtol=1e-5)


def test_censored_cells_pull_predictions_up_but_are_not_taken_for_dead() -> None:
    X, y = cells(40)
    long = y > np.quantile(y, 0.6)
    seen = np.where(long, 0.5 * y, y)
    kwargs = {**QUICK, "epochs": 60}
    dead = InterCellRegressor(**kwargs).fit(X, seen).predict(X)
    honest = InterCellRegressor(**kwargs).fit(X, seen, is_censored=long)
    assert np.abs(np.log(honest.predict(X) / y)).mean() < np.abs(np.log(dead / y)).mean()
    assert (honest.fold_[long] == -1).all()
    assert np.isnan(honest.out_of_fold_[long]).all()
    assert not np.isin(honest.references_, np.flatnonzero(long)).any()


def test_loss_gradient_is_that_of_its_likelihood() -> None:
    torch.manual_seed(0)
    outputs = torch.randn(1, 4, 6, dtype=torch.float64)
    t, event = torch.randn(1, 4, dtype=torch.float64), torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    y = torch.stack([t, event.double()], dim=-1)
    weights = torch.tensor([[0.4, 0.3, 0.3, 0.0]], dtype=torch.float64)[..., None]
    loss = PairLoss(0.7, 0.4, 4)

    def total(out: torch.Tensor) -> torch.Tensor:
        def cost(error: torch.Tensor, i: bool, j: bool) -> torch.Tensor:
            if i and j:
                return 0.0 * error
            if i or j:
                return -2 * 0.16 * torch.special.log_ndtr((error if i else -error) / 0.4)
            return error**2

        value = out.sum() * 0.0
        for i in range(3):
            w = weights[0, i, 0]
            value = value + 0.3 * w * cost(out[0, i, 0] - t[0, i], bool(event[0, i]), False)
            for j in range(3):
                if i != j:
                    error = out[0, i, 1 + j] - (t[0, i] - t[0, j])
                    value = value + 0.7 * w / 2 * cost(error, bool(event[0, i]), bool(event[0, j]))
        return value

    out = outputs.clone().requires_grad_()
    total(out).backward()
    gradient = loss.gradient(outputs, y, weights)
    diagonal = torch.arange(4)
    gradient[:, diagonal, diagonal + 1] = 0.0  # a cell beside itself: the network is zero there
    torch.testing.assert_close(gradient, out.grad)


def test_all_pairs_equal_pairs_one_by_one() -> None:
    module = inter_cell_module(3, 4, 6)
    weights = torch.as_tensor(module.initialise([1]))
    blocks = {b.name: weights[:, b.place].reshape(1, *b.shape) for b in module.blocks}
    z = torch.randn(1, 6, 3, generator=torch.Generator().manual_seed(0))
    outputs = module.bind(blocks, {}, frozenset()).forward(z)
    pair = module.bind(blocks, {}, frozenset()).forward(z[:, [1, 4]])
    torch.testing.assert_close(outputs[0, 1, 1 + 4], pair[0, 0, 2])
    torch.testing.assert_close(outputs[0, 4, 0], pair[0, 1, 0])


def test_encoding_keeps_distances_up_to_scale() -> None:
    X, _ = curves()
    encoding = CellEncoding.fit(X, base_cycle=0, compression=None, n_components=19)
    z = encoding.encode(X)
    assert z.shape == (20, 19)
    assert z.var(axis=0).sum() == pytest.approx(19)


def test_references_cover_and_are_weighted() -> None:
    z = np.array([[0.0], [0.1], [5.0], [9.0]])
    assert set(choose_references(z, np.arange(4), 3, 0)) >= {2, 3}
    residual = np.array([[0.1, 1.0, np.nan], [0.1, -1.0, np.nan]])
    weights = reference_weights(residual)
    assert weights[0] > weights[1]
    assert weights.sum() == pytest.approx(1)
    answers = np.array([[1.0, 2.0, 9.0]])
    assert aggregate(answers, weights, "median")[0] == 2.0
    chosen = np.array([[True, True, False]])
    assert aggregate(answers, np.ones(3), "mean", chosen)[0] == pytest.approx(1.5)


def test_report_of_references() -> None:
    X, y = cells()
    for aggregation in ("median", "mean", "weighted"):
        model = InterCellRegressor(aggregation=aggregation, reference_choice="similar", **QUICK).fit(X, y)
        report = model.report_references(X[:3])
        np.testing.assert_allclose(report.weights.sum(axis=1), 1.0)
        assert report.answers.shape == (3, len(report.cells))


def test_saves_without_pickle_and_gives_intervals() -> None:
    X, y = cells()
    model = InterCellRegressor(**QUICK).fit(X, y)
    again = from_state(to_state(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    lower, upper = jackknife_plus_interval(model, y, X)
    assert (lower < upper).all()


def test_same_seed_same_model() -> None:
    X, y = cells()
    first, second = (InterCellRegressor(**QUICK).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(first.predict(X), second.predict(X))


@pytest.mark.parametrize(
    ("settings", "change", "error", "match"),
    [
        pytest.param({"aggregation": "best"}, None, ConfigurationError, "aggregation", id="aggregation"),
        pytest.param({"reference_choice": "x"}, None, ConfigurationError, "reference_choice", id="choice"),
        pytest.param({"prediction_share": 2.0}, None, ConfigurationError, "prediction_share", id="share"),
        pytest.param({"n_hidden": 0}, None, ConfigurationError, "n_hidden", id="width"),
        pytest.param({}, "nan", DataError, "missing features", id="missing"),
        pytest.param({}, "shape", ShapeError, "n_cells", id="shape"),
        pytest.param({}, "censored", InsufficientDataError, "known life", id="all-censored"),
        pytest.param({"cell_shape": (1, 2, 3)}, None, ShapeError, "cells of shape", id="cell-shape"),
    ],
)
def test_bad_input_is_refused(settings: dict, change: str | None, error: type, match: str) -> None:
    X, y = cells(8)
    flags = None
    if change == "nan":
        X[0, 0] = np.nan
    if change == "shape":
        X = X[..., None]
    if change == "censored":
        flags = np.ones(8, dtype=bool)
    with pytest.raises(error, match=match):
        InterCellRegressor(**{**QUICK, **settings}).fit(X, y, is_censored=flags)
