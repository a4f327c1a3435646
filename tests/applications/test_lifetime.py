"""Lifetime prediction: features, stage of life, few-cell transfer, intervals, trajectories, models."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ionbridge.applications.lifetime import (
    CURVE_FEATURES,
    FadeShapes,
    InterCellTransfer,
    LifeIntervals,
    LifeStage,
    LifetimeModel,
    StageTransfer,
    curve_features,
    cycle_summaries,
    discharge_curves,
    evaluate,
    fit_life_stage,
    join_features,
    knee_fraction,
    load_cells,
    prediction_table,
)
from ionbridge.applications.lifetime.features import log_life_stage
from ionbridge.applications.lifetime.strategies import Bounded, LifetimeAuto
from ionbridge.datasets.base import Domain
from ionbridge.datasets.cycling import CurveSet, CyclingRecord, CyclingSet, save_set
from ionbridge.exceptions import (
    ConfigurationError,
    DataError,
    InsufficientDataError,
    IonBridgeWarning,
    ShapeError,
)
from ionbridge.models.inter_cell import InterCellRegressor
from ionbridge.models.state import from_state, to_state
from ionbridge.transfer import TransferProblem, make_strategy

GRID = np.linspace(3.6, 2.0, 40)
QUICK_NETWORK = InterCellRegressor(n_hidden=8, epochs=40, n_members=2, learning_rate=1e-2, weight_decay=0.1)


def cell(life: float, name: str = "a", *, chemistry: str = "LFP", stored: int | None = None) -> CyclingRecord:
    """A cell that fades linearly from 1.1 of nominal to 0.8 at `life`, faster at low voltage."""
    number = np.arange(1.0, (int(life) if stored is None else stored) + 1)
    health = 1.1 - 0.3 * number / life
    shape = np.linspace(0, 1, len(GRID)) ** 2
    curves = 2.0 * health[:, None] * shape + 0.05 * number[:, None] / life * np.sin(np.pi * shape)
    return CyclingRecord(
        cell_id=f"{name}{life:g}",
        domain=Domain(name, chemistry=f"{chemistry}/graphite"),
        nominal_capacity=2.0,
        cycles=pd.DataFrame(
            {"cycle_number": number, "discharge_capacity": 2.0 * health, "charge_time": 3600 * health}
        ),
        curves={
            "discharge_capacity_on_voltage": CurveSet("discharge_capacity", "voltage", GRID, number, curves)
        },
        temperature=298.0,
        end_of_life_cycle=float(life),
        last_cycle=max(float(life), number[-1]),
    )


LIVES = np.array([150, 180, 220, 260, 320, 400, 480, 560, 700, 850])
CELLS = tuple(cell(life) for life in LIVES)


def test_curve_features_follow_the_fade() -> None:
    features = curve_features(CELLS, "full")
    assert features.names == CURVE_FEATURES["full"]
    assert features.values.shape == (10, 12)
    variance = features.take(["log_variance"])[:, 0]
    assert np.corrcoef(variance, np.log(LIVES))[0, 1] < -0.99
    np.testing.assert_allclose(features.take(["slope"])[:, 0], -0.3 / LIVES, rtol=0.05)
    assert curve_features(CELLS, "variance").values.shape == (10, 1)


def test_discharge_curves_are_scaled_and_use_nothing_later() -> None:
    cycles = (5, 10, 50)
    curves = discharge_curves(CELLS, cycles, n_points=8)
    assert curves.shape == (10, 1, 3, 8)
    cut = discharge_curves([r.first_cycles(52) for r in CELLS], cycles, n_points=8)
    np.testing.assert_array_equal(curves, cut)
    assert curves[0, 0, 0].max() < 1.2


def test_cycle_summaries_scale_charges_only() -> None:
    table = cycle_summaries(CELLS, 20)
    assert table.take(["discharge_capacity_median"]).max() < 1.2
    assert table.take(["charge_time_median"]).min() > 3000
    np.testing.assert_allclose(table.take(["discharge_capacity_trend"])[:, 0], -6.0 / LIVES, rtol=1e-6)
    joined = join_features(table, curve_features(CELLS, "variance"))
    assert joined.values.shape[1] == table.values.shape[1] + 1
    with pytest.raises(ConfigurationError, match="no feature"):
        joined.column("nonsense")


def test_life_stage_of_a_linear_fade_is_exact() -> None:
    stages = np.array([log_life_stage(r, 20) for r in CELLS])
    np.testing.assert_allclose(20 * np.exp(stages), LIVES, rtol=0.03)
    stage = fit_life_stage(CELLS, 20)
    assert stage.spread < 0.1
    with pytest.raises(InsufficientDataError, match="windows"):
        fit_life_stage(CELLS[:1], 20)


def problem(k: int) -> tuple[TransferProblem, np.ndarray, np.ndarray]:
    target = [cell(life, "t", chemistry="NMC") for life in LIVES * 2]
    X = cycle_summaries([*CELLS, *target], 20).values
    X_source, X_target, y = X[:10], X[10:], LIVES * 2.0
    made = TransferProblem(
        X_source, LIVES.astype(float), X_target[:k], y[:k], np.ones(X.shape[1], dtype=bool)
    )
    return made, X_target[k:], y[k:]


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("kind", ["stage", "inter_cell"])
def test_few_cell_strategies_keep_the_contract(kind: str, k: int) -> None:
    given, X, _ = problem(k)
    strategy = StageTransfer() if kind == "stage" else InterCellTransfer(QUICK_NETWORK)
    strategy.fit_problem(given)
    folds = strategy.predict_folds(X)
    assert strategy.out_of_fold_.shape == (k,)
    assert folds.shape == (k, len(X))
    assert np.isfinite(folds).all()
    assert (folds > 0).all()
    np.testing.assert_array_equal(from_state(to_state(strategy)).predict(X), strategy.predict(X))


@pytest.mark.parametrize("k", [2, 4])
def test_stage_out_of_fold_is_what_a_fit_without_the_cell_says(k: int) -> None:
    given, _, _ = problem(k)
    stage = StageTransfer().fit_problem(given)
    keep = np.arange(1, k)
    part = TransferProblem(
        given.X_source, given.y_source, given.X_target[keep], given.y_target[keep], given.shared
    )
    alone = StageTransfer().fit_problem(part)
    without = alone.predict(given.X_target[:1]) * 1.0
    weight = stage.trust_ / alone.trust_
    assert stage.out_of_fold_[0] == pytest.approx(without[0], rel=0.2 * max(1.0, abs(1.0 - weight)))


def test_a_cell_at_its_end_has_the_life_it_has_seen() -> None:
    given, _, _ = problem(2)
    X = given.X_target[:1].copy()
    X[:, -1], X[:, -2] = 0.0, 1.0
    strategy = StageTransfer(stage=LifeStage()).fit_problem(given)
    strategy.trust_ = 1.0
    assert strategy.predict(X)[0] == pytest.approx(20.0)


def test_auto_from_one_cell_and_from_more() -> None:
    given, X, y = problem(1)
    auto = LifetimeAuto().fit_problem(given)
    assert type(auto.strategy_) is StageTransfer
    members = {"stage": StageTransfer(), "mean": make_strategy("mean")}
    given, X, y = problem(4)
    auto = LifetimeAuto(members=members).fit_problem(given)
    assert set(auto.strategy_.errors_) == set(members)
    assert auto.predict(X).shape == y.shape


def test_bounded_predictions_stay_near_known_lives() -> None:
    given, X, _ = problem(4)
    strategy = Bounded(make_strategy("linear"), factor=1.1).fit_problem(given)
    assert strategy.predict(X * 100).max() <= 1.1 * given.y_target.max()


def test_intervals_with_one_cell_are_finite_and_wide() -> None:
    given, X, _ = problem(1)
    stage = StageTransfer().fit_problem(given)
    lower, upper = LifeIntervals.from_fitted(stage, given.y_target).interval(stage, X)
    assert np.isfinite(upper).all()
    assert (np.log(upper / lower) > 1.0).all()
    with pytest.raises(ConfigurationError, match="level"):
        LifeIntervals.from_fitted(stage, given.y_target).interval(stage, X, 1.5)


def test_knee_is_found_and_absent() -> None:
    x = np.linspace(0, 1, 51)
    bent = 1 - 0.3 * x - np.maximum(x - 0.7, 0) * 2.3
    knees = knee_fraction(np.stack([bent, 1 - x]))
    assert knees[0] == pytest.approx(0.7, abs=0.03)
    assert np.isnan(knees[1])
    with pytest.raises(ShapeError, match="n_points"):
        knee_fraction(x)


def test_trajectory_falls_to_the_end_of_life() -> None:
    shapes = FadeShapes.from_records(CELLS)
    path = shapes.trajectory(1.1, 500.0, 400.0, 620.0)
    assert path.cycles[-1] == 620.0
    alive = path.cycles <= 500.0
    assert np.isnan(path.mean[~alive]).all()
    assert path.mean[alive][-1] == pytest.approx(0.8, abs=0.01)
    assert (np.diff(path.mean[alive]) <= 0).all()
    assert (path.lower <= path.upper).all()
    assert (path.lower <= path.mean)[alive].all()
    assert (path.upper >= path.mean)[alive].all()
    assert path.lower[-1] == pytest.approx(0.8)
    assert shapes.trajectory(1.1, 500.0, 400.0, np.inf).cycles[-1] == 500.0
    mean, lower, upper = path.health_at(250)
    assert lower <= mean <= upper
    assert mean == pytest.approx(0.95, abs=0.02)
    with pytest.raises(InsufficientDataError, match="90 %"):
        FadeShapes.from_records([cell(500, stored=100)])


SETTINGS = {"strategy": "gaussian_process", "columns": ("discharge_capacity",)}


@pytest.mark.filterwarnings("default::ionbridge.exceptions.IonBridgeWarning")
def test_model_predicts_flags_and_round_trips() -> None:
    model = LifetimeModel(**SETTINGS).fit(CELLS)
    new = [cell(300, "n", stored=30), cell(300, "m", chemistry="NMC", stored=30)]
    prediction = model.predict(new)
    assert prediction.life.mean[0] == pytest.approx(300, rel=0.1)
    assert prediction.life.in_domain.tolist() == [True, False]
    assert "NMC/graphite" in prediction.life.reasons[1]
    assert len(prediction.trajectories) == 2
    assert len(prediction_table(prediction)) == 2
    json.dumps(prediction.to_dict())
    again = from_state(to_state(model)).predict(new)
    np.testing.assert_array_equal(again.life.mean, prediction.life.mean)
    with pytest.warns(IonBridgeWarning, match="10 of 10 cells were among those"):
        table, figures = evaluate(model, CELLS)
    assert figures["mape"] < 10
    assert len(table) == 10


def test_model_needs_cells_that_failed() -> None:
    with pytest.raises(InsufficientDataError, match="cycled to their end"):
        LifetimeModel().fit(CELLS[:2])
    with pytest.raises(InsufficientDataError, match="nothing to compare"):
        evaluate(LifetimeModel(**SETTINGS).fit(CELLS), [])


@pytest.mark.parametrize(
    ("records", "match"),
    [
        pytest.param([cell(500, stored=3)], "at least 5", id="too-few-cycles"),
        pytest.param([CELLS[0], cell(500, stored=8)], "at least 12", id="too-few-curves"),
    ],
)
def test_too_short_cells_are_named(records: list[CyclingRecord], match: str) -> None:
    with pytest.raises(DataError, match=match):
        cycle_summaries(records, 20) if "5" in match else curve_features(records)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match=r"lacks the column\(s\) \['voltage_mean'\]"):
        cycle_summaries(CELLS, 20, columns=["charge_time", "voltage_mean"])


@pytest.mark.filterwarnings("default::ionbridge.exceptions.IonBridgeWarning")
def test_command_line_trains_predicts_and_evaluates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ionbridge.cli import lifetime

    monkeypatch.setenv("IONBRIDGE_LIBRARY", str(tmp_path / "library"))
    folder = str(save_set(CyclingSet(CELLS, "cells", {"some": (CELLS[0].cell_id,)}), tmp_path / "cells"))
    assert len(load_cells([f"{folder}:some"])) == 1
    with pytest.raises(DataError, match=r"set\.json"):
        load_cells([tmp_path])
    run = CliRunner().invoke
    trained = run(
        lifetime.command, ["train", folder, "--name", "m", "--strategy", "gaussian_process", "--json"]
    )
    assert trained.exit_code == 0, trained.output
    out = tmp_path / "lives.csv"
    predicted = run(
        lifetime.command, ["predict", "m", folder, "--at", "100", "--out", str(out), "--json", "-q"]
    )
    assert predicted.exit_code == 0, predicted.output
    assert len(json.loads(predicted.stdout)["mean"]) == 10
    assert "health_at_100" in out.read_text().splitlines()[0]
    told = run(lifetime.command, ["evaluate", "m", folder, "--json", "-q"])
    assert json.loads(told.stdout)["n_cells"] == 10


def data() -> Path:
    folder = Path(os.environ.get("IONBRIDGE_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the public data sets are not here; set IONBRIDGE_DATA")
    return folder


@pytest.mark.slow
def test_tasks_on_public_data() -> None:
    from ionbridge.applications.lifetime import hust_task, kshot_tasks, matr_task

    folder = data()
    task = matr_task(folder)
    assert (len(task.y_train), len(task.y_test)) == (41, 42)
    task = hust_task(20, folder)
    assert (len(task.y_train), len(task.y_test)) == (55, 22)
    for one in kshot_tasks(("TJU_NMC_NCA", "CALCE_LCO"), folder).values():
        known, rest = one.split(2, 0)
        assert len(known) == 2
        assert not set(known) & set(rest)
