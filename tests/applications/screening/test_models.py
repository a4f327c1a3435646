"""Models, strategies, tasks and steps of materials screening on small made-up tables."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pymatgen", reason="needs the extra 'materials'")

from ionbridge.applications.screening.evaluation import (
    bootstrap_interval,
    few_shot_errors,
    group_folds,
    top_share_precision,
    transfer_verdict,
)
from ionbridge.applications.screening.features import PRIOR, FeatureTable
from ionbridge.applications.screening.model import PropertyModel
from ionbridge.applications.screening.steps import (
    STEPS,
    barrier_to_diffusivity,
    diffusivity_to_conductivity,
)
from ionbridge.applications.screening.strategies import (
    Blend,
    CalibratedPrior,
    PriorValue,
    SourceOffset,
    WeightedPooling,
    screening_auto,
)
from ionbridge.applications.screening.tasks import FewShotTask, barrier_task, task_between
from ionbridge.exceptions import ConfigurationError, InsufficientDataError, UnknownNameError
from ionbridge.models import from_state, to_state
from ionbridge.quantities import quantity
from ionbridge.transfer import TransferProblem
from ionbridge.transfer.baselines import TargetOnly


def made_up(n_rows: int = 60, seed: int = 0, factor: float = 1.0, prior: bool = True) -> FeatureTable:
    """Barriers that follow two of four features, in groups of three rows, with a noisy prior."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    y = factor * np.exp(0.5 * X[:, 0] + 0.3 * X[:, 1] - 0.5 + 0.05 * rng.normal(size=n_rows))
    names = ("a", "b", "c", "d") + ((PRIOR,) if prior else ())
    if prior:
        X = np.column_stack([X, np.log(y) + 0.2 * rng.normal(size=n_rows)])
    groups = np.array([f"host {seed} {i // 3}" for i in range(n_rows)])
    ions = np.array(["Li" if (i // 3) % 2 else "Na" for i in range(n_rows)])
    return FeatureTable(
        "migration_barrier",
        names,
        X,
        tuple(f"e{i}" for i in range(n_rows)),
        groups,
        {"ion": ions, "host": groups},
        y,
    )


def small_auto(prior: bool = True) -> Blend:
    """`screening_auto` with few trees."""
    auto = screening_auto(prior)
    for member in auto.members.values():
        if "n_trees" in member.get_params():
            member.set_params(n_trees=10)
        if "model__regressor__n_estimators" in member.get_params():
            member.set_params(model__regressor__n_estimators=10)
    return auto


def problem(target: FeatureTable, source: FeatureTable | None = None) -> TransferProblem:
    """The arrays of two tables."""
    shape = target.X.shape[1]
    return TransferProblem(
        np.zeros((0, shape)) if source is None else source.X,
        np.zeros(0) if source is None else source.y,
        target.X,
        target.y,
        np.ones(shape, dtype=bool),
        groups=target.groups,
    )


@pytest.mark.parametrize(
    "strategy",
    [
        PriorValue(),
        PriorValue(clipped_share=0.0),
        CalibratedPrior(),
        SourceOffset(n_trees=10),
        WeightedPooling(n_trees=10),
        small_auto(),
    ],
    ids=["prior", "prior_as_it_is", "calibrated_prior", "source_offset", "weighted_pooling", "auto"],
)
def test_strategies_keep_groups_together_and_can_be_saved(strategy: object) -> None:
    target, source = made_up(24, 1), made_up(60, 2)
    strategy.fit_problem(problem(target, source))  # type: ignore[attr-defined]
    fold = strategy.fold_  # type: ignore[attr-defined]
    assert len(fold) == len(strategy.out_of_fold_) == 24  # type: ignore[attr-defined]
    assert np.isfinite(strategy.predict_folds(target.X)).all()  # type: ignore[attr-defined]
    if not isinstance(strategy, Blend):
        assert all(len(set(fold[target.groups == g])) == 1 for g in np.unique(target.groups))
    again = from_state(to_state(strategy))
    np.testing.assert_allclose(again.predict(target.X), strategy.predict(target.X))  # type: ignore[attr-defined]


def test_an_offset_is_learned_and_shrunk() -> None:
    target, source = made_up(30, 1, factor=3.0), made_up(90, 2)
    made = SourceOffset(n_trees=20).fit_problem(problem(target, source))
    fixed = SourceOffset(0.0, n_trees=20).fit_problem(problem(target, source))
    error, without = (np.abs(np.log(m.predict(target.X) / target.y)).mean() for m in (made, fixed))
    assert error < 0.5 * without
    few = PriorValue(offset_sd=0.2).fit_problem(problem(made_up(3, 1, factor=1.0)))
    assert abs(few.offset_) < 0.3


def test_a_prior_that_went_astray_is_clipped() -> None:
    target = made_up(30, 1)
    astray = target.X.copy()
    astray[:, -1] = np.log(1e4)
    found = PriorValue(offset_sd=0.0).fit_problem(problem(target, made_up(30, 2))).predict(astray)
    assert found.max() < 1.5 * target.y.max()
    as_it_is = PriorValue(offset_sd=0.0, clipped_share=0.0).fit_problem(problem(target))
    np.testing.assert_allclose(as_it_is.predict(astray), 1e4)


def test_the_source_tells_how_a_prior_errs() -> None:
    def squared(table: FeatureTable) -> FeatureTable:
        X = table.X.copy()
        X[:, -1] *= 2.0
        return FeatureTable(
            table.quantity, table.names, X, table.entries, table.groups, table.labels, table.y
        )

    target, source, new = squared(made_up(6, 1)), squared(made_up(90, 2)), squared(made_up(60, 3))
    made = CalibratedPrior().fit_problem(problem(target, source))
    error, raw = (np.abs(z - np.log(new.y)).mean() for z in (np.log(made.predict(new.X)), new.X[:, -1]))
    assert error < 0.6 * raw
    order = np.argsort(new.X[:, -1])
    assert np.all(np.diff(made.predict(new.X)[order]) >= 0)


def test_a_blend_drops_what_misleads_once_rows_show_it() -> None:
    target, source = made_up(60, 1), made_up(60, 2)
    wrong = FeatureTable(
        source.quantity,
        source.names,
        source.X,
        source.entries,
        source.groups,
        source.labels,
        source.y[::-1] * 9.0,
    )
    blend = Blend({"source": SourceOffset(0.0, n_trees=10), "prior": PriorValue()}, prior_rows=5.0)
    blend.fit_problem(problem(target, wrong))
    assert blend.weights_["source"] < 0.1
    assert sum(blend.weights_.values()) == pytest.approx(1.0)
    kept = Blend({"source": SourceOffset(0.0, n_trees=10), "prior": PriorValue()}, prior_rows=np.inf)
    assert kept.fit_problem(problem(target, wrong)).weights_ == pytest.approx({"source": 0.5, "prior": 0.5})


def test_a_blend_without_source_rows_is_that_of_the_target() -> None:
    target = made_up(24, 1)
    blend = small_auto().fit_problem(problem(target))
    assert "weighted_pooling" not in blend.members_
    assert np.isfinite(blend.predict(target.X)).all()


def test_model_predicts_with_intervals_chances_and_flags() -> None:
    train, new = made_up(90, 1), made_up(90, 5)
    model = PropertyModel(small_auto()).fit(train, made_up(60, 2))
    new.labels["ion"][0] = "Ca"
    found = model.predict(new)
    inside = (found.prediction.lower <= new.y) & (new.y <= found.prediction.upper)
    assert 0.8 <= inside.mean() <= 1.0
    assert "ion Ca is not among the training rows" in found.flags[0]
    assert not found.prediction.in_domain[0]
    assert any("host" in flag for flag in found.flags[1])
    chance = found.probability_below(0.5)
    assert np.all((chance > 0) & (chance < 1))
    np.testing.assert_allclose(chance + found.probability_above(0.5), 1.0)
    assert np.mean((chance > 0.5) == (new.y < 0.5)) > 0.7
    best = found.ranking("low", 0.5)[:9]
    assert new.y[best].mean() < new.y.mean()
    assert model.output.unit == "eV"
    again = from_state(to_state(model))
    np.testing.assert_allclose(again.predict(new).prediction.mean, found.prediction.mean)


def test_model_refuses_what_it_cannot_learn_from() -> None:
    table = made_up(12)
    with pytest.raises(InsufficientDataError, match="at least 3 known target rows; got 0"):
        PropertyModel().fit(table.with_values(np.full(12, np.nan)))
    with pytest.raises(ConfigurationError, match="same columns"):
        PropertyModel().fit(table, table.without_prior())
    model = PropertyModel(TargetOnly("mean")).fit(table)
    with pytest.raises(ConfigurationError, match="the model learned from 5"):
        model.predict(table.without_prior())


def test_source_rows_of_target_hosts_are_left_out() -> None:
    table = made_up(30, 1)
    task = task_between("t", table, np.ones(30, dtype=bool), table.labels["ion"] == "Na")
    with pytest.raises(InsufficientDataError, match="0 source"):
        task_between(
            "t", table.subset(np.arange(30)), np.isin(table.groups, table.groups), np.ones(30, dtype=bool)
        )
    assert not np.isin(task.source.groups, task.target.groups).any()


def test_draws_are_nested_and_keep_hosts_apart() -> None:
    task = FewShotTask("t", made_up(30, 2), made_up(60, 1))
    few, test = task.draw(5, 3)
    more, same = task.draw(20, 3)
    assert set(few) < set(more)
    np.testing.assert_array_equal(test, same)
    assert not np.isin(task.target.groups[more], task.target.groups[test]).any()
    with pytest.raises(InsufficientDataError, match="asked for 50"):
        task.draw(50, 3)


def test_errors_of_a_few_shot_task() -> None:
    task = FewShotTask("t", made_up(60, 2), made_up(60, 1))
    found = few_shot_errors(task, {"auto": small_auto(), "mean": TargetOnly("mean")}, 10, 0)
    assert found["auto"]["mae"] < found["mean"]["mae"]
    assert 0.0 <= found["auto"]["coverage"] <= 1.0


@pytest.mark.parametrize(
    ("transfer", "value"),
    [
        ([0.5, 0.52, 0.49, 0.5], "helps"),
        ([2.0, 2.1, 1.9, 2.0], "hurts"),
        ([0.7, 1.4, 1.2, 0.8], "no difference"),
    ],
    ids=["helps", "hurts", "no difference"],
)
def test_verdicts(transfer: list[float], value: str) -> None:
    found = transfer_verdict(transfer, [1.0, 1.0, 1.0, 1.0], 0.5)
    assert found.value == value
    assert found.lower <= found.change <= found.upper


def test_figures_of_merit() -> None:
    low, high = bootstrap_interval(np.array([0.1, 0.2, 0.3, 0.4]))
    assert 0.1 <= low < 0.25 < high <= 0.4
    good = np.array([True] * 2 + [False] * 18)
    assert top_share_precision(np.linspace(1, 0, 20), good) == 1.0
    groups = np.repeat(["a", "b", "c", "d"], 3)
    for train, test in group_folds(groups, 2):
        assert not set(groups[train]) & set(groups[test])


def test_unknown_task() -> None:
    with pytest.raises(UnknownNameError, match="oxide_to_polyanion"):
        barrier_task("oxide_to_polyanions", made_up())


def test_diffusivity_and_conductivity_of_known_values() -> None:
    diffusivity = barrier_to_diffusivity(0.3, 300.0, 3.0)
    expected = 1e13 * 9e-20 * np.exp(-0.3 / (8.617333262e-5 * 300.0))
    assert diffusivity == pytest.approx(expected)
    conductivity = diffusivity_to_conductivity(1e-12, 2e28, 1.0, 300.0)
    assert conductivity == pytest.approx(10 * 2e28 * 1.602176634e-19**2 * 1e-12 / (1.380649e-23 * 300.0))
    hotter = barrier_to_diffusivity(0.3, [300.0, 600.0], 3.0)
    assert np.log(hotter[1] / hotter[0]) == pytest.approx(0.3 / 8.617333262e-5 * (1 / 300 - 1 / 600))
    with pytest.raises(ConfigurationError, match="must be positive"):
        barrier_to_diffusivity(0.3, 0.0)
    with pytest.raises(ConfigurationError, match="must not be negative"):
        diffusivity_to_conductivity(-1.0, 1e28)


def test_steps_name_quantities_of_the_catalogue() -> None:
    for step in STEPS:
        for name in (*step.inputs, *step.outputs):
            assert name in ("structure", "solvent_shares") or quantity(name).name == name
