"""The model of ageing: shapes of trajectories, transfer, intervals, library; on made-up histories."""

from __future__ import annotations

import numpy as np
import pytest

from ionbridge.applications.cell_rom.ageing import AgeingModel, evaluate_ageing
from ionbridge.applications.cell_rom.ageing_conditions import conditions_frame
from ionbridge.applications.cell_rom.ageing_indicators import AGEING_INDICATORS, indicator_table
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, UnknownNameError
from ionbridge.library import ModelLibrary
from ionbridge.physics.cells.ageing import AgeingConditions, AgeingHistory
from ionbridge.physics.cells.ageing_histories import AgeingHistories, ageing_design

NAMES = ("capacity_fade", "resistance_ratio", "crack_growth")


def _history(c: AgeingConditions, scale: float, n_cycles: float) -> AgeingHistory:
    n = np.linspace(0, n_cycles, 21)
    part = n / 500.0
    rate = scale * c.sei_rate**0.5 * np.exp((c.temperature - 298.15) / 20)
    values = {
        "capacity": 5 * (1 - 0.03 * rate * part**0.6),
        "resistance": 0.02 * np.exp(0.05 * rate * part),
        "sei_thickness": 5 + 20 * rate * part**0.5,
        "lithium_loss": 0.15 * rate * part**0.6,
        "plated_lithium": np.zeros_like(n),
        "loss_negative": 0.01 * c.loss_rate * part,
        "loss_positive": 0.001 * c.loss_rate * part,
        "crack_length": 20 + c.cracking_rate * c.discharge_rate**2 * part,
    }
    return AgeingHistory(c, n, n, values)


def _histories(
    chemistry: str, n: int, scale: float = 1.0, seed: int = 0, n_cycles: float = 500.0
) -> AgeingHistories:
    made = tuple(_history(c, scale, n_cycles) for c in ageing_design(n, random_state=seed))
    return AgeingHistories(chemistry, "SPM", 10.0, made)


@pytest.fixture(scope="module")
def model() -> AgeingModel:
    return AgeingModel(indicators=NAMES).fit(_histories("LFP", 8, 2.0, seed=1), _histories("NMC", 60))


@pytest.mark.parametrize(
    ("name", "exponent"), [("capacity_fade", 0.6), ("resistance_ratio", 1.0), ("sei_growth", 0.5)]
)
def test_trajectory_gives_back_a_power_of_the_cycles(name, exponent):
    history = _history(AgeingConditions(sei_rate=2.0), 1.0, 500)
    indicator = AGEING_INDICATORS[name]
    assert indicator.exponent(history, 500) == pytest.approx(exponent, abs=1e-6)
    end, part = np.array([indicator.log_end(history, 500)]), np.linspace(0, 1, 6)
    again = indicator.trajectory(end, np.array([exponent]), part)[0]
    assert again == pytest.approx(indicator.values(history, 500 * part), abs=1e-9)


def test_indicator_at_its_floor_has_a_finite_logarithm():
    table = indicator_table(_histories("NMC", 4), "plated_lithium", 500)
    assert np.isfinite(table.column("log_end")).all()


def test_transfer_predicts_unseen_histories(model):
    table = evaluate_ageing(model, _histories("LFP", 16, 2.0, seed=5)).set_index("indicator")
    alone = AgeingModel(strategy="gaussian_process", indicators=NAMES).fit(_histories("LFP", 8, 2.0, seed=1))
    without = evaluate_ageing(alone, _histories("LFP", 16, 2.0, seed=5)).set_index("indicator")
    assert table.loc["capacity_fade", "error_end"] < without.loc["capacity_fade", "error_end"]
    assert (table["coverage"] > 0.8).all()
    assert "helps" in model.verdict_
    assert "LFP" in model.target_domain_["name"]


def test_trajectories_start_new_and_stay_in_their_bands(model):
    found = model.predict([AgeingConditions()])
    assert found.mean["capacity_fade"][0, 0] == 0.0
    assert found.mean["resistance_ratio"][0, 0] == 1.0
    for name in NAMES:
        assert (found.lower[name] <= found.mean[name] + 1e-12).all()
        assert (found.upper[name] >= found.mean[name] - 1e-12).all()
        assert found.to_dict()["indicators"][name]["unit"] == AGEING_INDICATORS[name].quantity.unit


def test_conditions_outside_the_histories_are_flagged(model):
    found = model.predict([AgeingConditions(), AgeingConditions(temperature=330.0)])
    assert not found.in_domain[1]
    assert "cell_temperature" in found.reasons[1]


@pytest.mark.parametrize("cycles", [[600.0], [-1.0]], ids=["behind", "before"])
def test_no_extrapolation_along_cycles(model, cycles):
    with pytest.raises(ConfigurationError, match="between 0 and 500"):
        model.predict([AgeingConditions()], cycles)


def test_too_few_or_too_short_histories_are_refused():
    with pytest.raises(InsufficientDataError, match=r"at least 3 target histories.*got 2 of 2"):
        AgeingModel().fit(_histories("LFP", 2))
    with pytest.raises(InsufficientDataError, match="got 0 of 5"):
        AgeingModel().fit(_histories("LFP", 5, n_cycles=300))
    with pytest.raises(UnknownNameError, match="capacity_fade"):
        AgeingModel(indicators=("capacity_fad",)).fit(_histories("LFP", 5))


def test_all_indicators_without_any_plating():
    model = AgeingModel(n_cycles=400, strategy="sensitivity_gp").fit(
        _histories("LFP", 4), _histories("NMC", 12)
    )
    assert set(model.ends_) == set(AGEING_INDICATORS)
    assert np.isfinite(model.predict([AgeingConditions()]).mean["plated_lithium"]).all()


def test_saved_model_predicts_the_same(model, tmp_path):
    library = ModelLibrary(tmp_path)
    card = library.save(model, "ageing")
    assert card.target.chemistry == "LFP/graphite"
    assert len(card.outputs) == len(NAMES)
    again = library.load("ageing").predict([AgeingConditions(charge_rate=0.3)])
    assert again.to_dict() == model.predict([AgeingConditions(charge_rate=0.3)]).to_dict()


def test_too_short_histories_are_told_with_the_remedy():
    short = _histories("LFP", 4, n_cycles=100.0)
    with pytest.raises(InsufficientDataError, match="3 of them reach 100: ask for no more cycles"):
        AgeingModel(indicators=NAMES).fit(short)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("depth_of_discharge", 80.0, "row 1, column 'depth_of_discharge'.*percent"),
        ("cell_temperature", 25.0, "Is it in degC"),
        ("sei_rate", 1e4, "expected 0.01 to 100; got 10000"),
    ],
)
def test_conditions_beyond_the_limits_are_refused(model, column, value, message):
    frame = conditions_frame([AgeingConditions()]).assign(**{column: value})
    with pytest.raises(DataError, match=message):
        model.predict(frame)
