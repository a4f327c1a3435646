"""Designs of experiments: what they cover; runs that resume; failures that stay on record."""

import json

import numpy as np
import pytest

from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.execution import Failure

pytest.importorskip("pybamm")

from ionbridge.physics.cells import DesignOfExperiments, generate, load_generated
from ionbridge.physics.cells import generation as module

SMALL = DesignOfExperiments(
    "LFP", n_runs=6, model="SPM", profiles=("discharge", "charge"), changes={"positive_diffusivity": (0.5, 2.0)},
    thermal="isothermal", period=60.0,
)  # fmt: skip


def test_a_hypercube_covers_its_ranges_evenly():
    design = DesignOfExperiments("LFP", n_runs=40, changes={"contact_resistance": (0.0, 0.01)})
    runs = design.runs()
    temperature = np.array([run.temperature for run in runs])
    low, high = design.temperature
    assert np.histogram(temperature, bins=10, range=(low, high))[0].tolist() == [4] * 10
    rates = np.array([run.c_rate for run in runs])
    assert np.histogram(np.log(rates), bins=4, range=np.log(design.c_rate))[0].tolist() == [10] * 4
    assert [run.kind for run in runs[:5]] == ["discharge", "charge", "pulses", "random_cycle", "discharge"]
    assert all(run.initial_soc <= 0.4 for run in runs if run.kind == "charge")
    assert all(0 <= run.changes["contact_resistance"] <= 0.01 for run in runs)
    assert runs == design.runs()
    assert runs != DesignOfExperiments("LFP", n_runs=40, random_state=1).runs()


def test_a_grid_is_the_product_of_its_levels():
    design = DesignOfExperiments("LFP", n_runs=54, method="grid", profiles=("discharge", "pulses"))
    runs = design.runs()
    assert len(runs) == 54
    assert len({(r.c_rate, r.temperature, r.kind) for r in runs}) == 18
    with pytest.raises(ConfigurationError, match="the grid has 54 runs"):
        DesignOfExperiments("LFP", n_runs=50, method="grid", profiles=("discharge", "pulses")).runs()


def test_designs_come_back_from_json():
    assert DesignOfExperiments.from_dict(json.loads(json.dumps(SMALL.to_dict()))) == SMALL


WRONG = {
    "kind": (UnknownNameError, "random_cycle", dict(profiles=("random",))),
    "range": (ConfigurationError, "'c_rate'", dict(c_rate=(3.0, 0.2))),
    "celsius": (ConfigurationError, "add 273.15", dict(temperature=(5, 45))),
    "percent": (ConfigurationError, "fraction", dict(initial_soc=(50, 100))),
    "change": (UnknownNameError, "positive_diffusivity", dict(changes={"diffusivity": (1, 2)})),
    "model": (ConfigurationError, "'model'", dict(model="P2D")),
    "none": (ConfigurationError, "at least one run", dict(n_runs=0)),
    "duration": (ConfigurationError, "'duration'", dict(duration=1.0)),
}


@pytest.mark.parametrize(("error", "text", "given"), WRONG.values(), ids=WRONG)
def test_wrong_designs_are_refused(error, text, given):
    with pytest.raises(error, match=text):
        DesignOfExperiments("LFP", **given)


def test_runs_are_carried_out_stored_and_not_repeated(tmp_path, monkeypatch):
    result = generate(SMALL, tmp_path, progress=False)
    assert len(result.series) == 6
    assert not result.failures
    assert {item.status for item in result.series} == {"lower_voltage_limit", "upper_voltage_limit"}
    stored = load_generated(tmp_path)
    assert [item.header() for item in stored] == [item.header() for item in result.series]
    assert DesignOfExperiments.from_dict(json.loads((tmp_path / "design.json").read_text())) == SMALL
    monkeypatch.setattr(module, "simulate", None)
    again = generate(SMALL, tmp_path, progress=False)
    assert (again.series[3].voltage == result.series[3].voltage).all()


def test_failed_runs_are_recorded_with_their_reason(tmp_path, monkeypatch):
    whole = module.simulate

    def fails_hot(cell, profile, *args, **kwargs):
        if profile.ambient_temperature > 300:
            raise module.IonBridgeError("too hot for this test")
        return whole(cell, profile, *args, **kwargs)

    monkeypatch.setattr(module, "simulate", fails_hot)
    result = generate(SMALL, tmp_path, progress=False)
    assert len(result.series) + len(result.failures) == 6
    assert result.failures
    assert all("too hot" in item.reason for item in result.failures)
    assert json.loads((tmp_path / "failures.json").read_text())[0]["reason"].endswith("too hot for this test")
    told = result.to_dict()
    assert told["n_failed"] == len(result.failures) == len(told["failures"])
    assert "failed" in result.series.notes[0]


def test_a_task_that_breaks_is_a_failure_of_its_runs(tmp_path):
    runs = SMALL.runs()
    found = module._collect(
        SMALL, tmp_path, {"0-1": (SMALL, runs[:2])}, {"0-1": Failure("0-1", "OSError", "gone")}
    )
    assert [item.reason for item in found.failures] == ["OSError: gone"] * 2


def test_another_design_does_not_write_into_the_same_folder(tmp_path):
    design = DesignOfExperiments("LFP", n_runs=1, model="SPM", thermal="isothermal", period=60.0)
    generate(design, tmp_path, progress=False)
    with pytest.raises(ConfigurationError, match="another run"):
        generate(
            DesignOfExperiments("LFP", n_runs=2, model="SPM", thermal="isothermal", period=60.0), tmp_path
        )


def test_an_unknown_cell_is_told_at_once(tmp_path):
    with pytest.raises(UnknownNameError, match="cell"):
        generate(DesignOfExperiments("NiMH", n_runs=1), tmp_path)
