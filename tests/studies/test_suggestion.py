"""Proposals meet what was asked, stay where the model may be believed, or say why they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ionbridge.datasets import Domain, Table
from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.quantities import quantity
from ionbridge.quantities.base import Quantity
from ionbridge.studies.suggestion import Suggestions, next_experiments, suggest
from ionbridge.transfer import TransferModel

INPUTS = ("comma_gap", "roll_gap", "solid_content")


def truth(frame: pd.DataFrame) -> dict[str, pd.Series]:
    return {
        "density": 2.4 - 0.01 * (frame.roll_gap - 60) + 0.02 * (frame.solid_content - 50),
        "mass_loading": 0.12 * frame.comma_gap * frame.solid_content / 50,
    }


def fitted(output: str, strategy: str = "gaussian_process") -> TransferModel:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "comma_gap": rng.uniform(100, 300, 40),
            "roll_gap": rng.uniform(20, 120, 40),
            "solid_content": rng.uniform(45, 60, 40),
        }
    )
    frame[output] = truth(frame)[output] * np.exp(0.01 * rng.normal(size=40))
    table = Table.from_frame(frame, domain=Domain("nmc"))
    return TransferModel(tuple(map(quantity, INPUTS)), quantity(output), strategy).fit(table)


@pytest.fixture(scope="module")
def density() -> TransferModel:
    return fitted("density")


@pytest.fixture(scope="module")
def both(density) -> dict[str, TransferModel]:
    return {"density": density, "mass_loading": fitted("mass_loading")}


def proposed(found: Suggestions) -> dict[str, np.ndarray]:
    frame = pd.DataFrame(found.X, columns=[q.name for q in found.inputs])
    return {name: values.to_numpy() for name, values in truth(frame).items()}


def test_a_value_is_met_by_distinct_proposals_inside_the_data(density):
    found = suggest(density, {"density": 2.5})
    assert len(found) == 5
    np.testing.assert_allclose(proposed(found)["density"], 2.5, rtol=0.03)
    np.testing.assert_allclose(found.predictions["density"].mean, 2.5, rtol=0.01)
    assert found.in_domain.all()
    assert found.is_reachable
    assert found.messages == ()
    assert (found.score > 0.5).all()
    widths = np.ptp(density.X_target_, axis=0)
    gaps = [np.abs((a - b) / widths).max() for i, a in enumerate(found.X) for b in found.X[:i]]
    assert min(gaps) > 0.05


def test_a_range_is_met_with_a_margin(density):
    found = suggest(density, {"density": (2.4, 2.7)}, n_suggestions=2)
    assert ((found.predictions["density"].mean > 2.4) & (found.predictions["density"].mean < 2.7)).all()
    assert (found.score > 0.8).all()


@pytest.mark.parametrize(("goal", "sign"), [("max", 1), ("min", -1)])
def test_extremes_go_to_the_edge_but_not_beyond_the_data(density, goal, sign):
    found = suggest(density, {"density": goal}, n_suggestions=1)
    assert sign * found.predictions["density"].mean[0] >= np.quantile(sign * density.y_target_, 0.9)
    assert found.in_domain.all()
    assert 0 <= found.score[0] <= 1


def test_several_outputs_are_met_at_once(both):
    found = suggest(both, {"density": 2.5, "mass_loading": (22, 26)}, n_suggestions=2)
    assert found.is_reachable
    np.testing.assert_allclose(proposed(found)["density"], 2.5, rtol=0.03)
    assert ((proposed(found)["mass_loading"] > 21) & (proposed(found)["mass_loading"] < 27)).all()
    assert set(found.predictions) == {"density", "mass_loading"}
    frame = found.to_frame()
    assert {"comma_gap", "density", "density_lower", "mass_loading_upper", "score", "in_domain"} <= set(frame)
    assert found.to_dict()["predictions"]["density"]["unit"] == quantity("density").unit


def test_only_the_asked_outputs_count(both):
    assert set(suggest(both, {"density": 2.5}, n_suggestions=1).predictions) == {"density"}


def test_bounds_and_fixed_inputs_are_kept(density):
    found = suggest(density, {"density": 2.5}, {"roll_gap": (40, 50)}, {"comma_gap": 200.0}, n_suggestions=3)
    assert (found.X[:, 0] == 200.0).all()
    assert ((found.X[:, 1] >= 40) & (found.X[:, 1] <= 50)).all()


def test_settings_are_round_numbers(density):
    for found in (suggest(density, {"density": 2.5}, n_suggestions=2), next_experiments(density, 2)):
        np.testing.assert_array_equal(found.X[:, :2], np.round(found.X[:, :2], 1))
        np.testing.assert_array_equal(found.X[:, 2], np.round(found.X[:, 2], 2))


def test_equal_seeds_give_equal_proposals(density):
    one, other = (suggest(density, {"density": 2.5}, n_suggestions=2, random_state=7) for _ in range(2))
    np.testing.assert_array_equal(one.X, other.X)


def test_a_target_out_of_reach_is_said_with_the_closest_value(density):
    found = suggest(density, {"density": 9.0}, n_suggestions=2)
    assert not found.is_reachable
    assert "density = 9 g/cm" in found.messages[0]
    closest = float(found.messages[0].partition("prediction is ")[2].split()[0].rstrip("."))
    assert 2.7 < closest < 3.3
    assert found.score[0] < 0.01


def test_targets_that_exclude_each_other_are_said(density):
    twin = TransferModel(density.inputs, quantity("mass_loading"), "gaussian_process")
    twin.__dict__.update({k: v for k, v in vars(density).items() if k.endswith("_")})
    twin.output = quantity("mass_loading")
    found = suggest(
        {"density": density, "mass_loading": twin}, {"density": 2.2, "mass_loading": 2.8}, n_suggestions=1
    )
    assert not found.is_reachable
    assert "alone but not together" in found.messages[0]


def test_fewer_proposals_than_asked_for_are_explained(density):
    found = suggest(
        density, {"density": 2.5}, fixed={"comma_gap": 200.0, "solid_content": 52.0}, n_suggestions=4
    )
    assert len(found) < 4
    assert any("of 4 proposals" in message for message in found.messages)


def test_levels_without_unit_stay_whole():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"roll_gap": rng.uniform(20, 120, 30), "calendering_speed_level": rng.integers(1, 4, 30)}
    )
    frame["density"] = 2 + 0.1 * frame.calendering_speed_level - 0.002 * frame.roll_gap
    level = quantity("calendering_speed_level")
    assert level.kind == "code"
    model = TransferModel((quantity("roll_gap"), level), quantity("density"), "gaussian_process")
    model.fit(Table.from_frame(frame))
    found = suggest(model, {"density": 2.15}, n_suggestions=2)
    assert (found.X[:, 1] == np.round(found.X[:, 1])).all()
    rows = next_experiments(model, 3).X
    assert (rows[:, 1] == np.round(rows[:, 1])).all()


def test_next_experiments_fill_gaps_inside_the_bounds(both):
    model = both["density"]
    kept = model.X_target_[:, 1] < 70  # nothing was measured at wide roll gaps
    gap = TransferModel(model.inputs, model.output, "gaussian_process").fit(
        Table.from_frame(pd.DataFrame(model.X_target_, columns=INPUTS).assign(density=model.y_target_)[kept])
    )
    found = next_experiments({"density": gap}, 3, {"roll_gap": (20, 120)})
    assert len(found) == 3
    assert (found.X[:, 1] > 70).sum() >= 2
    assert found.score[0] == 1
    assert (np.diff(found.score) <= 0).all()
    assert len(np.unique(found.X.round(3), axis=0)) == 3
    assert set(next_experiments(both, 2).predictions) == {"density", "mass_loading"}


BAD = {
    "unknown output": (
        {"targets": {"densty": 2.5}},
        UnknownNameError,
        "unknown output 'densty'; nearest known: density",
    ),
    "unknown bound": (
        {"bounds": {"roll_gpa": (1, 2)}},
        UnknownNameError,
        "unknown input 'roll_gpa'; nearest known: roll_gap",
    ),
    "unknown fixed": ({"fixed": {"colour": 1.0}}, UnknownNameError, "unknown input 'colour'"),
    "no target": ({"targets": {}}, ConfigurationError, "at least one output"),
    "empty range": ({"targets": {"density": (3, 2)}}, ConfigurationError, "low < high"),
    "word": ({"targets": {"density": "high"}}, ConfigurationError, "'max' or 'min'; got 'high'"),
    "not a number": ({"targets": {"density": float("nan")}}, ConfigurationError, "must be a number"),
    "reversed bounds": (
        {"bounds": {"roll_gap": (80, 20)}},
        ConfigurationError,
        "low not above high; got 80 and 20",
    ),
    "one bound": ({"bounds": {"roll_gap": 80}}, ConfigurationError, r"must be \(low, high\)"),
    "impossible bounds": (
        {"bounds": {"roll_gap": (-50, 20)}},
        ConfigurationError,
        "leave its physical limits",
    ),
    "fixed outside": (
        {"bounds": {"roll_gap": (20, 80)}, "fixed": {"roll_gap": 90.0}},
        ConfigurationError,
        "fixed at 90, outside its bounds 20 to 80",
    ),
    "impossible fixed": (
        {"fixed": {"roll_gap": -5.0}},
        ConfigurationError,
        r"fixed value -5 of roll_gap \[µm\] lies outside its physical limits",
    ),
    "fixed nan": ({"fixed": {"roll_gap": float("nan")}}, ConfigurationError, "must be a number"),
    "all fixed": ({"fixed": dict.fromkeys(INPUTS, 50.0)}, ConfigurationError, "no input is left to vary"),
    "none asked": ({"n_suggestions": 0}, ConfigurationError, "'n_suggestions' must be at least 1"),
}


@pytest.mark.parametrize(("arguments", "error", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_named(density, arguments, error, message):
    with pytest.raises(error, match=message):
        suggest(density, **{"targets": {"density": 2.5}, **arguments})


def test_models_must_be_given_and_fitted(density):
    with pytest.raises(ConfigurationError, match="at least one fitted model"):
        suggest({}, {"density": 2.5})
    with pytest.raises(ConfigurationError, match="is not fitted"):
        suggest(TransferModel(density.inputs, density.output), {"density": 2.5})
    with pytest.raises(ConfigurationError, match="'n' must lie between"):
        next_experiments(density, 0)


def test_infinite_intervals_still_give_proposals(density):
    class Unsure:
        inputs, output = density.inputs, Quantity("density", "g/cm**3", "density")
        X_target_, y_target_ = density.X_target_, density.y_target_
        predict_mean = staticmethod(density.predict_mean)

        def predict(self, rows, level=None):
            said = density.predict(rows, level=level)
            return replace(said, lower=said.mean - np.inf, upper=said.mean + np.inf)

    found = suggest(Unsure(), {"density": 2.5}, n_suggestions=1)
    assert abs(found.predictions["density"].mean[0] - 2.5) < 0.1
    assert len(next_experiments(Unsure(), 2)) == 2
