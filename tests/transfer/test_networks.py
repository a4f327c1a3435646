"""Network transfer: its forms start where they should, freeze what they should, and share sources."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from ionbridge.exceptions import ConfigurationError
from ionbridge.models.network import NetworkRegressor
from ionbridge.transfer import SOURCE, TARGET, TransferProblem, fit_many
from ionbridge.transfer.networks import (
    NetworkTransfer,
    film_adapter,
    fine_tuning,
    frozen_adapter,
    head_retraining,
    prepare_sources,
    published_recipe,
)

FACTORIES = [published_recipe, frozen_adapter, head_retraining, fine_tuning, film_adapter]
QUICK = {"hidden": (8, 8), "source_epochs": 30, "epochs": 10, "n_folds": 3, "n_members": 2}


def problem(
    n_target: int = 9, seed: int = 0, factor: float = 3.0, with_source: bool = True
) -> TransferProblem:
    generator = np.random.default_rng(seed)
    X = generator.uniform(-1, 1, (60 + n_target, 3))
    y = np.exp(0.4 * X[:, 0] - 0.3 * X[:, 1] + 0.2 * X[:, 0] * X[:, 2])
    y[60:] *= factor
    return TransferProblem(
        X_source=X[:60] if with_source else X[:0],
        y_source=y[:60] if with_source else y[:0],
        X_target=X[60:],
        y_target=y[60:],
        shared=np.ones(3, dtype=bool),
        random_state=seed,
    )


@pytest.mark.parametrize("make", FACTORIES, ids=lambda make: make.__name__)
def test_without_source_it_is_the_target_only_network(make):
    strategy, rows = make(**QUICK), problem(with_source=False)
    fitted = clone(strategy).fit_problem(rows)
    settings = strategy.get_params()
    baseline = NetworkRegressor(
        **{name: settings[name] for name in NetworkRegressor().get_params() if name in settings}
        | {
            "epochs": settings["source_epochs"],
            "learning_rate": settings["source_learning_rate"],
            "schedule": settings["source_schedule"],
            "batch_size": settings["source_batch_size"],
        }
    ).fit(rows.X_target, rows.y_target)
    np.testing.assert_array_equal(fitted.predict(rows.X_target), baseline.predict(rows.X_target))
    np.testing.assert_array_equal(fitted.out_of_fold_, baseline.out_of_fold_)


@pytest.mark.parametrize("make", FACTORIES, ids=lambda make: make.__name__)
def test_only_the_parts_that_adapt_change(make):
    strategy, rows = make(**QUICK), problem()
    source = strategy.prepare_source(rows.X_source, rows.y_source, 0).ensemble_
    adapted = strategy.fit_problem(rows).ensemble_
    old, new = source.module.split(source.weights[0]), adapted.module.split(adapted.weights[0])
    frozen = strategy.kind != "fine_tuning"
    for name in ("hidden0.weight", "hidden1.bias"):
        assert np.array_equal(old[name], new[name]) == frozen
    assert not np.array_equal(old["output.weight"], new["output.weight"])
    assert adapted.module.hidden == ((8, 8, 8) if strategy.kind in ("adapter", "new_layer") else (8, 8))


@pytest.mark.parametrize("make", FACTORIES[1:], ids=lambda make: make.__name__)
def test_adaptation_starts_from_the_calibrated_source_prediction(make):
    rows = problem(factor=3.0)
    strategy = make(**QUICK | {"learning_rate": 1e-9, "source_epochs": 150, "n_folds": 0})
    source = strategy.prepare_source(rows.X_source, rows.y_source, 0)
    fitted = strategy.fit_problem(rows)
    ratio = fitted.predict(rows.X_target) / source.predict(rows.X_target)
    np.testing.assert_allclose(ratio, 3.0, rtol=0.1)


def test_published_recipe_is_the_published_one():
    settings = published_recipe().get_params()
    expected = {
        "kind": "new_layer",
        "activation": "relu",
        "loss": "mape",
        "space": "raw",
        "n_members": 1,
        "epochs": 250,
        "source_epochs": 250,
        "validation_fraction": 0.1,
        "schedule": "constant",
        "source_schedule": "constant",
        "weight_decay": 0.0,
        "anchor_strength": 0.0,
    }
    assert {name: settings[name] for name in expected} == expected


def test_sources_prepared_together_alone_or_within_fit_are_the_same():
    problems = [problem(seed=s) for s in (0, 1)]
    strategy = frozen_adapter(**QUICK)
    together = prepare_sources(strategy, [(p.X_source, p.y_source) for p in problems], [0, 1])
    for rows, shared in zip(problems, together, strict=True):
        alone = strategy.prepare_source(rows.X_source, rows.y_source, rows.random_state)
        np.testing.assert_allclose(shared.predict(rows.X_target), alone.predict(rows.X_target), rtol=1e-4)
        given = TransferProblem(
            X_source=rows.X_source[:0],
            y_source=rows.y_source[:0],
            X_target=rows.X_target,
            y_target=rows.y_target,
            shared=rows.shared,
            source_model=alone,
            random_state=rows.random_state,
        )
        by_model, by_rows = clone(strategy).fit_problem(given), clone(strategy).fit_problem(rows)
        np.testing.assert_allclose(by_model.predict(rows.X_target), by_rows.predict(rows.X_target), rtol=1e-4)


def test_forms_trained_alike_share_their_source_and_the_recipe_does_not():
    assert frozen_adapter().source_key() == film_adapter().source_key() == head_retraining().source_key()
    assert published_recipe().source_key() != frozen_adapter().source_key()


def test_related_source_helps():
    rows = [problem(n_target=6, seed=s) for s in range(3)]
    alone = [problem(n_target=6, seed=s, with_source=False) for s in range(3)]
    test = [problem(n_target=40, seed=s) for s in range(10, 13)]
    settings = {"hidden": (16, 16), "n_members": 2, "n_folds": 0, "source_epochs": 150, "epochs": 50}

    def error(problems: list[TransferProblem]) -> float:
        fitted = fit_many(frozen_adapter(**settings), problems)
        pairs = zip(fitted, test, strict=True)
        return float(np.mean([np.mean(np.abs(f.predict(t.X_target) / t.y_target - 1)) for f, t in pairs]))

    assert error(rows) < 0.5 * error(alone)


@pytest.mark.parametrize("y", [-2.0, 0.0], ids=["negative", "zero"])
def test_outputs_without_a_logarithm_are_learned_from_a_source_that_has_one(y):
    rows = problem()
    rows.y_target[0] = y
    fitted = frozen_adapter(**QUICK).fit_problem(rows)
    assert fitted.ensemble_.scaling.space == "standard"
    assert np.isfinite(fitted.predict(rows.X_target)).all()


@pytest.mark.parametrize(
    ("strategy", "source", "match"),
    [
        (NetworkTransfer("adaptor"), None, "'kind' of NetworkTransfer must be one of .* got 'adaptor'"),
        (frozen_adapter(), "a GP", "needs a fitted NetworkRegressor .* got str"),
    ],
    ids=["kind", "source model"],
)
def test_bad_settings_say_what_to_do(strategy, source, match):
    rows = problem()
    with pytest.raises(ConfigurationError, match=match):
        strategy.fit(rows.X_target, rows.y_target, np.full(9, TARGET), source_model=source)


def test_domains_may_be_given_row_by_row():
    rows = problem()
    X, y = np.vstack([rows.X_source, rows.X_target]), np.concatenate([rows.y_source, rows.y_target])
    domain = np.repeat([SOURCE, TARGET], [60, 9])
    fitted = head_retraining(**QUICK).fit(X, y, domain)
    np.testing.assert_allclose(
        fitted.predict(X), head_retraining(**QUICK).fit_problem(rows).predict(X), rtol=1e-5
    )
