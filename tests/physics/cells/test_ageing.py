"""Ageing histories: equations against conservation and similarity, designs, generation, files."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("pybamm", reason="extra 'cells' is not installed")

from ionbridge.exceptions import ConfigurationError, ConvergenceError, DataError, UnknownNameError
from ionbridge.physics.cells.ageing import (
    NO_CONVERGENCE,
    AgeingCell,
    AgeingConditions,
    AgeingHistory,
    AgeingRun,
    ageing_cell,
)
from ionbridge.physics.cells.ageing_histories import (
    CONDITIONS,
    AgeingHistories,
    ageing_design,
    generate_histories,
    load_histories,
)
from ionbridge.physics.cells.ageing_parameters import AGEING_SETS, ageing_parameter_values

PYBAMM = "ignore::DeprecationWarning"


@pytest.fixture(scope="module")
def nmc() -> AgeingCell:
    return AgeingCell("NMC", compiled=False)


def _history(conditions: AgeingConditions, scale: float = 1.0, n_cycles: float = 500.0) -> AgeingHistory:
    n = np.linspace(0, n_cycles, 11)
    part = n / 500.0
    values = {
        "capacity": 5 - scale * np.sqrt(part),
        "resistance": 0.02 + 0.002 * scale * part,
        "sei_thickness": 5 + 20 * scale * np.sqrt(part),
        "lithium_loss": scale * np.sqrt(part),
        "plated_lithium": 0.1 * scale * part,
        "loss_negative": 0.01 * scale * part,
        "loss_positive": 0.001 * scale * part,
        "crack_length": 20 + scale * part,
    }
    return AgeingHistory(conditions, n, n, values)


@pytest.mark.parametrize(
    ("field", "value"),
    [("temperature", 25.0), ("depth_of_discharge", 80.0), ("charge_rate", -0.5), ("sei_rate", float("nan"))],
    ids=["degrees Celsius", "percent", "negative", "missing"],
)
def test_conditions_outside_their_limits_are_refused(field, value):
    with pytest.raises(ConfigurationError, match=f"'{field}' of AgeingConditions must lie between"):
        AgeingConditions(**{field: value})


def test_every_set_has_all_side_reactions():
    for chemistry in AGEING_SETS:
        values = ageing_parameter_values(chemistry)
        assert float(values["SEI growth activation energy [J.mol-1]"]) > 0
        assert "Lithium plating kinetic rate constant [m.s-1]" in values
    assert any("not fitted" in text for text in AGEING_SETS["LFP"].assumptions)


def test_unknown_chemistry_is_named():
    with pytest.raises(UnknownNameError, match="NMC"):
        ageing_parameter_values("NCM")


def test_a_history_ages_and_keeps_its_lithium(nmc):
    history = nmc.run(AgeingConditions(), equivalent_cycles=20, factor=10)
    assert history.stopped == ""
    assert history.equivalent_cycles[-1] >= 20
    assert np.all(np.diff(history.values["capacity"]) < 0)
    assert np.all(np.diff(history.values["sei_thickness"]) > 0)
    assert np.all(np.diff(history.values["crack_length"]) > 0)
    # what the particles lose bounds what the cell loses
    lost = history.values["capacity"][0] - history.values["capacity"][-1]
    assert 0 < lost < 1.2 * history.values["lithium_loss"][-1]
    assert history.values["lithium_loss"][-1] > history.values["plated_lithium"][-1] > 0


def test_current_and_capacity_at_rest_agree_with_the_parameter_set(nmc):
    history = nmc.run(AgeingConditions(), equivalent_cycles=1, factor=1)
    assert history.values["capacity"][0] == pytest.approx(5.1, abs=0.1)
    assert 0.9 <= history.equivalent_cycles[1] <= 1.0


def test_a_history_round_trips(nmc):
    history = _history(AgeingConditions(charge_rate=0.3))
    again = AgeingHistory.from_dict(json.loads(json.dumps(history.to_dict())))
    assert again.conditions == history.conditions
    assert np.array_equal(again.values["capacity"], history.values["capacity"])


def test_values_behind_the_end_are_missing():
    history = _history(AgeingConditions(), n_cycles=100)
    assert np.isnan(history.at("capacity", [101.0])[0])


def test_design_fills_the_box_and_repeats():
    design = ageing_design(20, ranges={"charge_rate": (0.1, 0.2)}, random_state=3)
    assert design == ageing_design(20, ranges={"charge_rate": (0.1, 0.2)}, random_state=3)
    assert all(0.1 <= c.charge_rate <= 0.2 for c in design)
    assert len({c.temperature for c in design}) == 20


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"n_histories": 0}, "at least 1"),
        ({"n_histories": 2, "ranges": {"speed": (0, 1)}}, "known: charge_rate"),
        ({"n_histories": 2, "ranges": {"temperature": (10, 40)}}, "two rising numbers"),
    ],
    ids=["none", "unknown", "degrees Celsius"],
)
def test_bad_designs_are_refused(arguments, match):
    with pytest.raises(ConfigurationError, match=match):
        ageing_design(**arguments)


def test_generation_resumes_and_records_failures(tmp_path, monkeypatch):
    calls = []

    class Cell:
        def run(self, conditions, *rest):
            calls.append(conditions)
            if conditions.charge_rate > 1:
                raise ArithmeticError("no solution")
            return _history(conditions)

    monkeypatch.setattr("ionbridge.physics.cells.ageing_histories.ageing_cell", lambda *_: Cell())
    conditions = (AgeingConditions(), AgeingConditions(charge_rate=2.0))
    made = generate_histories("NMC", conditions, store=tmp_path / "store")
    assert len(made) == 1
    assert made.failures == {"history 2": "ArithmeticError: no solution"}
    generate_histories("NMC", conditions, store=tmp_path / "store")
    assert len(calls) == 3  # only the failed one is tried again
    saved = load_histories(made.save(tmp_path / "made.json"))
    assert len(saved) == 1
    assert saved.failures == made.failures


@pytest.mark.parametrize(
    "settings",
    [{"equivalent_cycles": float("nan")}, {"equivalent_cycles": float("inf")}, {"factor": 0.0}],
    ids=["missing", "endless", "no factor"],
)
def test_generation_without_an_end_is_refused(settings):
    with pytest.raises(ConfigurationError, match="must be a number above zero"):
        generate_histories("NMC", [AgeingConditions()], **settings)


@pytest.mark.parametrize("failing_cycle", [1, 3])
def test_where_the_solver_fails_tighter_tolerances_are_tried(nmc, monkeypatch, failing_cycle):
    tried = []

    def cycle(run: AgeingRun, factor: float) -> float:
        tried.append(nmc._solvers.index(run._solver))
        if tried == [0] * failing_cycle:
            raise ConvergenceError(f"{NO_CONVERGENCE} (made up)")
        return nmc.nominal_capacity

    monkeypatch.setattr(AgeingRun, "cycle", cycle)
    monkeypatch.setattr(AgeingRun, "_discharge", lambda run: 0.0)
    monkeypatch.setattr(AgeingRun, "_charge", lambda run: None)
    monkeypatch.setattr(AgeingRun, "observed", lambda run: dict.fromkeys(_SEEN, 1.0))
    history = nmc.run(AgeingConditions(), 50.0)
    assert tried == [0] * failing_cycle + [1] * 5
    assert (history.stopped, history.equivalent_cycles[-1]) == ("", 50.0)


_SEEN = ("lithium", "capacity_negative", "capacity_positive", "sei_thickness", "plated_lithium")
_SEEN += ("loss_negative", "loss_positive", "crack_length", "voltage")


@pytest.mark.slow
def test_a_cold_and_hard_history_reaches_its_end():
    history = ageing_cell("LFP").run(AgeingConditions(charge_rate=1.0, temperature=278.15), 100.0)
    assert not history.stopped
    assert history.equivalent_cycles[-1] >= 100


@pytest.mark.parametrize("content", ["", "[]", '{"kind": "other"}'], ids=["empty", "list", "other"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DataError, match="cannot be read as ageing histories"):
        load_histories(tmp_path / "x.json")


def test_table_has_conditions_in_house_units():
    histories = AgeingHistories("LFP", "SPM", 10, tuple(_history(c) for c in ageing_design(4)))
    table = histories.table({}, 500)
    assert set(table.names) == {q.name for q in CONDITIONS.values()}
    assert table.column("cell_temperature").min() > 270
    assert table.domain.origin == "simulation"


@pytest.mark.slow
@pytest.mark.parametrize("chemistry", ["NMC", "LCO", "LFP"])
def test_acceleration_holds_to_one_percent_of_capacity(chemistry):
    cell = ageing_cell(chemistry)
    fast = cell.run(AgeingConditions(), 200, 10)
    slow = cell.run(AgeingConditions(), 200, 1, every=20)
    ends = [h.at("capacity", [200.0])[0] for h in (fast, slow)]
    assert ends[0] == pytest.approx(ends[1], rel=0.01)


@pytest.mark.slow
def test_reduced_model_with_another_radius_equals_a_rebuilt_one(monkeypatch):
    """The similarity by which the radius enters, against the radius itself."""
    from ionbridge.physics.cells import ageing_model

    radius = 1.2
    scaled = AgeingCell("NMC").run(AgeingConditions(particle_radius=radius), 20, 10)

    def rebuilt(chemistry):
        values = ageing_parameter_values(chemistry)
        values["Negative particle radius [m]"] = radius * values["Negative particle radius [m]"]
        return values

    monkeypatch.setattr(ageing_model, "ageing_parameter_values", rebuilt)
    direct = AgeingCell("NMC").run(AgeingConditions(), 20, 10)
    for name in scaled.values:
        assert scaled.values[name][-1] == pytest.approx(direct.values[name][-1], rel=2e-3), name


def test_a_simulated_recording_reads_like_one_of_a_cycler(nmc):
    from ionbridge.datasets.cycling import record_from_series
    from ionbridge.physics.cells.ageing_records import ageing_series

    series = ageing_series(nmc, AgeingConditions(), n_cycles=3)
    again = ageing_series(nmc, AgeingConditions(), n_cycles=3)
    assert np.array_equal(series.voltage, again.voltage)
    assert series.current[0] > 0  # it starts with a charge
    record = record_from_series(series, cell_id="cell")
    assert len(record.cycles) == 3
    assert record.discharge_capacity == pytest.approx(5.0, abs=0.15)
    assert not any("gap" in flag for flag in record.flags)


@pytest.mark.slow
def test_a_simulated_cell_is_cycled_to_its_end():
    from ionbridge.physics.cells.ageing_records import ageing_record

    harsh = AgeingConditions(sei_rate=40, cracking_rate=15, loss_rate=50)
    record = ageing_record(ageing_cell("NMC"), harsh, "cell", max_cycles=800)
    assert record.chemistry == "NMC/graphite"
    assert 50 < record.end_of_life_cycle < 800
    censored = ageing_record(ageing_cell("NMC"), AgeingConditions(), "cell", max_cycles=60)
    assert censored.is_censored
    assert censored.last_cycle >= 60
