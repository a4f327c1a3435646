"""Every registered strategy, and every registered model, is saved and loaded with identical predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ionbridge import plugins
from ionbridge.datasets import Domain, Table
from ionbridge.exceptions import ConfigurationError
from ionbridge.library import ModelLibrary
from ionbridge.models.state import State, from_state, to_state
from ionbridge.quantities import quantity
from ionbridge.transfer import TransferModel, make_strategy

INPUTS = tuple(quantity(name) for name in ("comma_gap", "roll_gap"))
pytestmark = pytest.mark.contract


def table(n_rows: int, factor: float, name: str) -> Table:
    rng = np.random.default_rng(n_rows)
    frame = pd.DataFrame(
        {"comma_gap": rng.uniform(100, 300, n_rows), "roll_gap": rng.uniform(20, 120, n_rows)}
    )
    frame["density"] = factor * (1.8 - 0.006 * frame.roll_gap) * np.exp(0.02 * rng.normal(size=n_rows))
    return Table.from_frame(frame, domain=Domain(name))


def quick(name: str):
    """A strategy as registered, with fewer steps where it is made of networks."""
    strategy = make_strategy(name)
    short = {"n_epochs": 5, "n_members": 2, "n_steps": 20, "max_epochs": 5}
    return strategy.set_params(**{k: v for k, v in short.items() if k in strategy.get_params(deep=False)})


@pytest.mark.parametrize("name", plugins.names("ionbridge.strategies"))
def test_a_strategy_is_saved_and_loaded_with_identical_predictions(name, tmp_path):
    model = TransferModel(INPUTS, quantity("density"), quick(name)).fit(
        table(8, 2.0, "nmc"), table(20, 1.0, "graphite")
    )
    library = ModelLibrary(tmp_path)
    card = library.save(model, "saved", verdict="not judged", licence="CC0-1.0")
    loaded = library.load("saved")
    fresh = table(6, 2.0, "nmc").values([q.name for q in INPUTS])
    before, after = model.predict(fresh), loaded.predict(fresh)
    for bound in ("mean", "lower", "upper", "in_domain"):
        np.testing.assert_array_equal(getattr(after, bound), getattr(before, bound))
    np.testing.assert_array_equal(loaded.strategy_.predict_folds(fresh), model.strategy_.predict_folds(fresh))
    assert (loaded.cv_mape_, loaded.data_sha256_) == (model.cv_mape_, model.data_sha256_)
    assert (card.source.name, card.target.name) == ("graphite", "nmc")
    assert card.n_rows == {"target": 8, "source": 20}
    assert library.card("saved") == card
    assert [c.name for c in library.list(quantity="density", chemistry="nmc")] == ["saved"]


@pytest.mark.parametrize("name", plugins.names("ionbridge.models"))
def test_a_model_is_rebuilt_with_identical_predictions(name):
    rows = table(16, 1.0, "graphite")
    X, y = rows.values([q.name for q in INPUTS]), rows.column("density")
    made = plugins.load("ionbridge.models", name)()
    short = {"n_epochs": 5, "n_members": 2, "max_epochs": 5}
    made.set_params(**{k: v for k, v in short.items() if k in made.get_params(deep=False)})
    fitted = made.fit(X, y)
    state = to_state(fitted)
    again = from_state(State(state.config, dict(state.arrays)))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(again.predict_folds(X), fitted.predict_folds(X))


def test_a_strategy_that_holds_code_is_refused(tmp_path):
    model = TransferModel(INPUTS, quantity("density"), "mean").fit(table(8, 2.0, "nmc"))
    model.strategy_.helper_ = lambda x: x
    with pytest.raises(ConfigurationError, match=r"cannot save strategy_\.helper_ of type builtins:function"):
        ModelLibrary(tmp_path).save(model, "saved")
