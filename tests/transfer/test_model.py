"""`TransferModel`: names, units, intervals and limits around a strategy."""

import numpy as np
import pandas as pd
import pytest

from ionbridge.datasets import Domain, Table
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, ShapeError
from ionbridge.models.state import from_state, to_state
from ionbridge.quantities import quantity
from ionbridge.transfer import TransferModel
from ionbridge.transfer.model import _mape

INPUTS = ("comma_gap", "roll_gap", "solid_content")


def table(n_rows, factor=1.0, seed=0, columns=INPUTS, name="lab"):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "comma_gap": rng.uniform(100, 300, n_rows),
            "roll_gap": rng.uniform(20, 120, n_rows),
            "solid_content": rng.uniform(30, 45, n_rows),
        }
    )
    frame["density"] = factor * (1.8 - 0.006 * frame.roll_gap + 0.01 * (frame.solid_content - 38))
    frame["density"] *= np.exp(0.02 * rng.normal(size=n_rows))
    return Table.from_frame(frame[[*columns, "density"]], domain=Domain(name))


def model(strategy="hierarchical_gp", **settings):
    return TransferModel(tuple(quantity(n) for n in INPUTS), quantity("density"), strategy, **settings)


def test_predicts_with_intervals_and_limits():
    fitted = model().fit(table(15, 2.0, 1), table(60))
    fresh = table(50, 2.0, 2)
    said = fitted.predict(fresh)
    truth = fresh.column("density")
    assert said.quantity == "density"
    assert np.mean(np.abs(said.mean / truth - 1)) < 0.05
    assert np.mean((said.lower <= truth) & (truth <= said.upper)) > 0.8
    assert said.in_domain.mean() > 0.7
    far = fitted.predict(np.array([[200.0, 900.0, 38.0]]))
    assert not far.in_domain[0]
    assert "roll_gap" in far.reasons[0]


def test_source_without_one_input_is_used():
    source = table(60, columns=("roll_gap", "solid_content"))
    fitted = model().fit(table(12, 2.0, 1), source)
    assert fitted.strategy_.shared_.tolist() == [False, True, True]
    assert np.isnan(fitted.X_source_[:, 0]).all()


def test_round_trip_without_pickle():
    fitted = model("auto").fit(table(10, 2.0, 1), table(40))
    again = from_state(to_state(fitted))
    fresh = table(5, 2.0, 2)
    for one, other in zip(
        (fitted.predict(fresh).mean, fitted.predict(fresh).upper),
        (again.predict(fresh).mean, again.predict(fresh).upper),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_frames_and_arrays_mean_the_same():
    fitted = model().fit(table(10, 2.0, 1), table(40))
    fresh = table(4, 2.0, 3)
    X = fresh.values(INPUTS)
    frame = pd.DataFrame(X, columns=list(INPUTS))[["solid_content", "roll_gap", "comma_gap"]]
    np.testing.assert_array_equal(fitted.predict(fresh).mean, fitted.predict(X).mean)
    np.testing.assert_array_equal(fitted.predict(frame).mean, fitted.predict(X).mean)


@pytest.mark.parametrize("n_rows", [1, 2])
def test_too_few_target_rows(n_rows):
    with pytest.raises(InsufficientDataError, match=f"at least 3 complete target rows; got {n_rows}"):
        model().fit(table(n_rows, 2.0), table(30))


def test_constant_output():
    frame = table(6).frame.copy()
    frame["density"] = 1.5
    with pytest.raises(DataError, match=r"same density \(1.5\)"):
        model().fit(Table.from_frame(frame, domain=Domain("lab")), table(30))


def test_error_in_percent_stays_finite_where_an_output_is_zero():
    assert _mape(np.array([0.0, 2.0, 4.0]), np.array([0.3, 2.0, 4.0])) == pytest.approx(5.0)
    assert _mape(np.array([1.0, 2.0]), np.array([1.1, 2.2])) == pytest.approx(10.0)


def test_training_rows_beyond_the_plausible_range_are_inside_the_domain():
    frame = table(12, 2.0, 1).frame.copy()
    frame["roll_gap"] += 1000.0
    rows = Table.from_frame(frame, domain=Domain("lab"))
    assert model("gaussian_process").fit(rows).predict(rows).in_domain.all()


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        pytest.param(np.ones((2, 2)), ShapeError, r"\(n_rows, 3\)", id="width"),
        pytest.param(np.array([[1.0, np.nan, 2.0]]), DataError, "'roll_gap' of row 0", id="nan"),
        pytest.param(pd.DataFrame({"roll_gap": [1.0]}), DataError, "comma_gap.*missing", id="column"),
    ],
)
def test_bad_inputs(rows, error, message):
    fitted = model().fit(table(10, 2.0, 1), table(40))
    with pytest.raises(error, match=message):
        fitted.predict(rows)


def test_output_among_the_inputs():
    both = TransferModel((quantity("density"),), quantity("density"))
    with pytest.raises(ConfigurationError, match="also listed in 'inputs'"):
        both.fit(table(10))
