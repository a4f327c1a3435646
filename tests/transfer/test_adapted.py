"""A fitted model stands in for source rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ionbridge.datasets import Domain, Table
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError
from ionbridge.models.state import from_state, to_state
from ionbridge.quantities import quantity
from ionbridge.transfer import FittedSource, TransferModel, adapt_model

INPUTS = (quantity("roll_gap"), quantity("solid_content"))
DENSITY = quantity("density")


def table(n_rows: int, scale: float, seed: int, name: str) -> Table:
    rng = np.random.default_rng(seed)
    gap, solid = rng.uniform(20, 80, n_rows), rng.uniform(30, 45, n_rows)
    wave = 0.25 * np.sin(gap / 9)
    frame = pd.DataFrame({"solid_content": solid, "roll_gap": gap, "comma_gap": rng.uniform(50, 90, n_rows),
                          "density": scale * (1.6 + wave + 0.01 * solid) * rng.normal(1, 0.004, n_rows)})  # fmt: skip
    return Table.from_frame(frame, domain=Domain(name))


SOURCE, TARGET, NEW = table(60, 1.0, 0, "graphite"), table(6, 1.5, 1, "nmc"), table(40, 1.5, 2, "nmc")


@pytest.fixture(scope="module")
def fitted() -> TransferModel:
    return TransferModel(INPUTS, DENSITY, "gaussian_process").fit(SOURCE)


def error(model: TransferModel) -> float:
    return float(np.mean(np.abs(model.predict(NEW).mean / NEW.column("density") - 1)))


@pytest.mark.parametrize("strategy", ["output_calibration", "hierarchical_gp", "auto", "source_feature"])
def test_a_fitted_model_helps_like_its_rows(fitted: TransferModel, strategy: str) -> None:
    adapted = adapt_model(fitted, TARGET, strategy=strategy)
    alone = TransferModel(INPUTS, DENSITY, "gaussian_process").fit(TARGET)
    assert error(adapted) < 0.7 * error(alone)
    assert adapted.source_domain_ == SOURCE.domain.to_dict()
    again = from_state(to_state(adapted))
    np.testing.assert_array_equal(again.predict(NEW).mean, adapted.predict(NEW).mean)


def test_columns_that_only_the_target_has_can_be_added(fitted: TransferModel) -> None:
    adapted = adapt_model(fitted, TARGET, more_inputs=("comma_gap",), strategy="hierarchical_gp")
    assert [q.name for q in adapted.inputs] == ["roll_gap", "solid_content", "comma_gap"]
    assert adapted.strategy_.shared_.tolist() == [True, True, False]


def test_what_cannot_be_adapted_is_said(fitted: TransferModel) -> None:
    with pytest.raises(DataError, match="lacks solid_content, which the model takes"):
        adapt_model(fitted, TARGET.select(["roll_gap", "density"]))
    with pytest.raises(ConfigurationError, match="'inputs' is missing"):
        adapt_model(object(), TARGET)
    with pytest.raises(InsufficientDataError, match="needs the source rows themselves"):
        adapt_model(fitted, TARGET, strategy="pooled")
    with pytest.raises(ConfigurationError, match=r"NetworkRegressor as 'source_model'"):
        adapt_model(fitted, TARGET, strategy="fine_tuning")
    with pytest.raises(ConfigurationError, match="must begin with those of the source model"):
        TransferModel(INPUTS[::-1], DENSITY).fit(TARGET, source_model=FittedSource(fitted))
