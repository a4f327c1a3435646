"""What lifetime models make of records: curves, censored cells, conditions, averages, influences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from ionbridge.applications.lifetime import (
    CellInputs,
    CensoredTransfer,
    LifeIntervals,
    LifetimeModel,
    StageTransfer,
    TrainingConditions,
    plot_references,
    plot_trajectories,
)
from ionbridge.applications.lifetime.censoring import expected_log_life, likelihood_imputer
from ionbridge.applications.lifetime.inputs import curve_cycles, has_curves
from ionbridge.applications.lifetime.members import WithinFences, inter_cell_member
from ionbridge.applications.lifetime.mixture import WinsorizedAuto, weighted_median
from ionbridge.applications.lifetime.strategies import _agreement
from ionbridge.datasets.cycling import CyclingRecord
from ionbridge.exceptions import DataError, InsufficientDataError, ShapeError
from ionbridge.models import GaussianProcess
from ionbridge.models.state import from_state, to_state
from ionbridge.transfer import TransferProblem, make_strategy
from ionbridge.transfer.baselines import TargetOnly
from tests.applications.test_lifetime import CELLS, LIVES, QUICK_NETWORK, cell

GP = TargetOnly(GaussianProcess())


def censored(record: CyclingRecord, at: float) -> CyclingRecord:
    cut = record.first_cycles(at)
    return replace(cut, end_of_life_cycle=None, last_cycle=at)


def line(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, np.exp(6.0 + 0.5 * X[:, 0] + 0.1 * rng.normal(size=n))


def problem(X: np.ndarray, y: np.ndarray) -> TransferProblem:
    return TransferProblem(np.zeros((0, 2)), np.zeros(0), X, y, np.ones(2, dtype=bool))


def test_expected_log_life_is_the_mean_of_a_cut_normal() -> None:
    draws = np.random.default_rng(0).normal(6.0, 0.3, 200_000)
    for bound in (5.0, 6.0, 6.5):
        expected = draws[draws > bound].mean()
        got = expected_log_life(np.array([6.0]), np.array([bound]), 0.3)[0]
        assert got == pytest.approx(expected, abs=3e-3)  # three standard errors of 2,000 draws and more
    assert expected_log_life(np.array([6.0]), np.array([30.0]), 0.3)[0] == pytest.approx(30.0, abs=0.01)


def test_imputing_beats_leaving_out_and_calling_dead() -> None:
    X, truth = line(60)
    end = np.exp(6.1)
    flags = truth > end
    y = np.minimum(truth, end)
    X_new, y_new = line(200, seed=1)

    def error(fitted) -> float:
        return float(np.mean(np.abs(np.log(fitted.predict(X_new) / y_new))))

    imputed = CensoredTransfer(GP).fit_problem(problem(X, y), flags)
    left_out = GP.fit_problem(problem(X[~flags], y[~flags]))
    assert error(imputed) < error(left_out)
    assert error(imputed) < error(make_strategy("gaussian_process").fit_problem(problem(X, y)))
    assert (imputed.imputed_[flags] > y[flags]).all()
    np.testing.assert_array_equal(imputed.fold_ < 0, flags)
    np.testing.assert_array_equal(from_state(to_state(imputed)).predict(X), imputed.predict(X))


def test_lives_imputed_by_likelihood_beat_calling_dead() -> None:
    X, truth = line(30)
    flags = truth > np.exp(6.1)
    y = np.minimum(truth, np.exp(6.1))
    X_new, y_new = line(100, seed=1)
    imputer = likelihood_imputer().set_params(epochs=100, n_members=2)
    imputed = CensoredTransfer(GP, imputer, n_columns=1).fit_problem(problem(X, y), flags)
    dead = make_strategy("gaussian_process").fit_problem(problem(X, y))
    error = [np.abs(np.log(fitted.predict(X_new) / y_new)).mean() for fitted in (imputed, dead)]
    assert error[0] < error[1]
    assert (imputed.imputed_[flags] >= y[flags]).all()
    np.testing.assert_array_equal(imputed.imputed_[~flags], y[~flags])
    np.testing.assert_array_equal(from_state(to_state(imputed)).predict(X), imputed.predict(X))


def test_inputs_far_outside_count_as_at_the_fences() -> None:
    X, y = line(30)
    fitted = WithinFences(GaussianProcess()).fit(X, y)
    far = np.vstack([X.max(axis=0) * 100.0, X.max(axis=0) * 1e6])
    assert np.ptp(fitted.predict(far)) == 0.0
    np.testing.assert_array_equal(fitted.predict(X), GaussianProcess().fit(X, y).predict(X))
    assert fitted.predict_folds(X).shape == (fitted.fold_.max() + 1, len(X))
    rare = np.column_stack([X[:, 0], np.arange(30) == 7])
    np.testing.assert_array_equal(WithinFences(GaussianProcess()).fit(rare, y).seen(rare), rare)


def test_intervals_widen_where_members_disagree() -> None:
    X, y = line(30)
    members = {"gaussian_process": GP, "random_forest": TargetOnly("random_forest")}
    auto = WinsorizedAuto(members).fit_problem(problem(X, y))
    intervals = LifeIntervals.from_fitted(auto, y)
    assert auto.disagreement(X).shape == (30,)
    far = np.array([[8.0, 8.0]])
    assert auto.disagreement(far)[0] > 1.0
    width = [
        np.diff(np.log(np.ravel(part.interval(auto, far))))[0] for part in (intervals, intervals.calibrator)
    ]
    assert width[0] > 1.5 * width[1]


def test_nothing_is_imputed_where_every_cell_failed() -> None:
    X, y = line(12)
    fitted = CensoredTransfer(GP).fit_problem(problem(X, y), np.zeros(12, dtype=bool))
    np.testing.assert_array_equal(fitted.imputed_, y)
    assert np.isnan(fitted.spread_)


@pytest.mark.parametrize(
    ("flags", "error", "match"),
    [
        pytest.param(np.ones(5, dtype=bool), InsufficientDataError, "at least one known life", id="all"),
        pytest.param(np.zeros(4, dtype=bool), ShapeError, r"shape \(5,\)", id="length"),
        pytest.param(np.zeros(5), ShapeError, "boolean", id="kind"),
    ],
)
def test_bad_flags_are_refused(flags: np.ndarray, error: type, match: str) -> None:
    X, y = line(5)
    with pytest.raises(error, match=match):
        CensoredTransfer(GP).fit_problem(problem(X, y), flags)


def test_weighted_median() -> None:
    values = np.array([[1.0, 9.0], [2.0, 1.0], [9.0, 2.0]])
    weights = np.array([[0.2, 0.6], [0.2, 0.2], [0.6, 0.2]])
    np.testing.assert_array_equal(weighted_median(values, weights), [9.0, 9.0])
    np.testing.assert_array_equal(weighted_median(values, np.full((3, 2), 1 / 3)), [2.0, 2.0])


def test_no_member_goes_far_from_the_others() -> None:
    X, y = line(30)
    members = {"process": GP, "linear": make_strategy("linear"), "mean": make_strategy("mean")}
    average = WinsorizedAuto(members).fit_problem(problem(X, y))
    far = np.array([[40.0, 0.0]])  # the linear model says a factor of exp(20)
    said = np.array([m.predict(far)[0] for m in average.members_.values()])
    weights = np.array(list(average.weights_.values()))
    middle = weighted_median(np.log(said)[:, None], weights[:, None])[0]
    assert abs(np.log(average.predict(far)[0]) - middle) <= average.width_ * (1 + 1e-9)
    folds = average.predict_folds(X)
    assert folds.shape == (30, 30)
    np.testing.assert_allclose(np.diag(folds), average.out_of_fold_)
    np.testing.assert_array_equal(from_state(to_state(average)).predict(X), average.predict(X))


def test_the_stage_is_believed_as_far_as_known_cells_agree() -> None:
    explained = np.array([0.0, 0.5, 1.0])
    assert _agreement(explained, explained + 6.0) == pytest.approx(1.0)
    assert _agreement(explained, 6.0 - explained) == 0.0
    assert _agreement(explained[:1], np.array([6.0])) == 1.0
    assert _agreement(0.001 * explained, np.array([6.0, 6.3, 6.1])) == pytest.approx(1.0, abs=0.05)


def test_one_known_cell_and_many_alive_is_no_choice() -> None:
    target = [cell(300, "t"), *(censored(cell(life, "t"), 150.0) for life in (600, 700, 800))]
    model = LifetimeModel(curves=False, columns=("charge_time",)).fit(target, CELLS)
    assert type(model.strategy_.strategy_) is StageTransfer
    assert model.cv_mape_ > 0


def test_curves_are_used_where_all_cells_have_them() -> None:
    assert curve_cycles(100) == (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 98)
    assert curve_cycles(20) == (5, 10, 18)
    assert has_curves(CELLS[0], 20)
    assert not has_curves(CELLS[0], 10)
    bare = replace(CELLS[0], curves={})
    assert CellInputs.choose(CELLS, 20).with_curves
    assert not CellInputs.choose([*CELLS, bare], 20).with_curves
    table = CellInputs.choose(CELLS, 20).table(CELLS)
    assert table.names[1] == "log_variance"
    assert table.names[-1] == "log_life_stage"
    assert CellInputs.choose(CELLS, 20, ["charge_time"], False).table(CELLS).names[0] == "charge_time_median"


def test_model_learns_from_curves_and_from_cells_that_still_live() -> None:
    alive = [censored(cell(life, "alive"), 160.0) for life in (900, 1100)]
    model = LifetimeModel(strategy="gaussian_process").fit([*CELLS, *alive])
    assert model.inputs_.with_curves
    assert model.n_censored_ == 2
    assert (model.strategy_.imputed_[-2:] > 160).all()
    prediction = model.predict([cell(300, "n", stored=30)])
    assert prediction.life.mean[0] == pytest.approx(300, rel=0.15)
    assert len(prediction.references[0]) == 8
    assert not any("alive" in name for name in prediction.references[0])
    assert set(prediction.reference_lives[0]) <= set(LIVES)
    assert np.isnan(prediction.reference_answers).all()
    with pytest.raises(DataError, match="train without curves"):
        LifetimeModel(curves=True).fit([replace(r, curves={}) for r in CELLS])


@pytest.mark.slow
def test_auto_on_curves() -> None:
    alive = censored(cell(900, "alive"), 300.0)
    model = LifetimeModel(n_cycles=50).fit([alive, *(cell(life) for life in range(150, 900, 50))])
    assert model.uses_flat_curves_
    new = [cell(430, "n", stored=60)]
    assert model.predict(new).life.mean[0] == pytest.approx(430, rel=0.1)
    assert model.predict(new).reference_answers.shape == (1, 8)
    again = from_state(to_state(model))
    np.testing.assert_array_equal(again.predict(new).life.mean, model.predict(new).life.mean)


def test_answers_belong_to_their_known_cells() -> None:
    target = [CELLS[0], censored(cell(900, "alive"), 160.0), *CELLS[1:]]
    model = LifetimeModel(strategy="gaussian_process", curves=False, columns=("charge_time",)).fit(target)
    X = model.inputs_.table(target).values
    network = clone(QUICK_NETWORK).set_params(n_folds=2).fit(X, model.strategy_.imputed_)
    assert inter_cell_member(model.strategy_)[0] is None
    assert inter_cell_member(network)[0] is network
    model.strategy_ = network
    model.intervals_ = LifeIntervals.from_fitted(network, model.strategy_.out_of_fold_)
    new = [cell(300, "n", stored=30)]
    prediction = model.predict(new)
    report = network.report_references(model.inputs_.table(new).values)
    said = dict(zip((target[i].cell_id for i in report.cells), report.answers[0], strict=True))
    expected = [said.get(name, np.nan) for name in prediction.references[0]]
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(prediction.reference_answers[0], expected)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({}, None, id="alike"),
        pytest.param({"temperature": 320.0}, "temperature 320 K is outside", id="temperature"),
        pytest.param({"metadata": {"charge_rate": 6.0}}, "charge rate 6 C is outside", id="rate"),
        pytest.param({"metadata": {"charge_rate": float("nan")}}, None, id="rate-unknown"),
        pytest.param({"protocol": "drive cycle"}, "cycled like this: drive cycle", id="protocol"),
    ],
)
def test_cells_cycled_otherwise_are_told(change: dict, reason: str | None) -> None:
    known = [replace(r, protocol="1C / 1C", metadata={"charge_rate": 1.0}) for r in CELLS]
    conditions = TrainingConditions.from_records(known)
    found = conditions.reasons(replace(known[0], **change))
    assert (reason in found[0]) if reason else not found


def test_own_protocols_are_not_told() -> None:
    known = [replace(r, protocol=f"protocol {i}") for i, r in enumerate(CELLS)]
    assert TrainingConditions.from_records(known).protocols == ()


def test_figures_are_drawn(tmp_path: Path) -> None:
    model = LifetimeModel(strategy="gaussian_process", curves=False, columns=("charge_time",)).fit(CELLS)
    new = [cell(300, "n", stored=30), cell(500, "m", stored=30)]
    prediction = model.predict(new)
    for path in (
        plot_trajectories(prediction, new, tmp_path / "sub" / "lives.png"),
        plot_references(prediction, tmp_path / "why.png"),
    ):
        assert path.stat().st_size > 5000
    with pytest.raises(InsufficientDataError, match="no trajectories"):
        plot_trajectories(replace(prediction, trajectories=()), new, tmp_path / "none.png")
