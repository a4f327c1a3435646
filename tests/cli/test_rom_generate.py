"""`ionbridge rom generate`: what it tells, writes, resumes and refuses."""

import json

import pytest

pytest.importorskip("pybamm")

from ionbridge.datasets.profiles import load_series_set

FAST = (
    "--runs",
    2,
    "--model",
    "SPM",
    "--profiles",
    "discharge,charge",
    "--isothermal",
    "--executor",
    "serial",
)


def test_series_are_written_beside_their_design(run, tmp_path):
    told = run("rom", "generate", "LFP", *FAST, "--json").json
    assert (told["n_runs"], told["n_series"], told["n_failed"]) == (2, 2, 0)
    series = load_series_set(tmp_path / "LFP-series" / "series")
    assert [item.chemistry for item in series] == ["LFP", "LFP"]
    again = run("rom", "generate", "LFP", *FAST)
    assert "simulated time [h]" in again.out


EMPTY_CELL = ("--profiles", "discharge", "--soc", "0:0", "--c-rate", "3:3", "--out", "runs")


def test_runs_that_all_fail_give_exit_code_1_with_reasons_and_where_they_are(run, tmp_path):
    done = run("rom", "generate", "LFP", *FAST, *EMPTY_CELL)
    assert done.code == 1
    assert "(1 more like it)" in done.err
    assert "error: not one of 2 runs gave a series; failures.json and runs.jsonl in runs hold" in done.err
    assert "series.json" not in done.err
    assert len(json.loads((tmp_path / "runs" / "failures.json").read_text())) == 2
    told = run("rom", "generate", "LFP", *FAST, *EMPTY_CELL, "--json")
    assert (told.code, told.json["n_failed"]) == (1, 2)


WRONG = {
    "cell": (("NiMH",), "unknown cell 'NiMH'"),
    "profile": (("LFP", "--profiles", "none"), "unknown kind of profile 'none'"),
    "parameter": (("LFP", "--vary", "difusivity=1:2"), "unknown cell parameter 'difusivity'"),
    "range": (("LFP", "--c-rate", "fast"), "expected LOW:HIGH"),
    "vary": (("LFP", "--vary", "1:2"), "expected PARAMETER=LOW:HIGH"),
    "percent": (("LFP", "--soc", "50:100"), "state of charge is a fraction"),
    "below": (("LFP", "--temperature=-60:20"), "within -50 to 85 degC; got -60:20"),
    "falling": (("LFP", "--temperature", "45:5"), "must be LOW:HIGH within"),
    "kelvin": (("LFP", "--temperature", "278:318"), "Kelvin? Subtract 273.15"),
    "file": (("none.json",), "none.json does not exist"),
}


@pytest.mark.parametrize(("arguments", "text"), WRONG.values(), ids=WRONG)
def test_wrong_requests_are_one_line_and_exit_code_2(run, arguments, text):
    done = run("rom", "generate", *FAST, *arguments, "--out", "runs")
    assert done.code == 2
    assert text in done.err
    assert done.err.count("\n") == 1


def test_a_cell_without_thermal_parameters_is_told_at_once(run, tmp_path):
    done = run("rom", "generate", "Na-ion", "--runs", "2", "--model", "SPM", "--out", "runs")
    assert done.code == 2
    assert "'Chayambuka2022' have no heat capacity" in done.err
    assert "--isothermal" in done.err
    assert not (tmp_path / "runs" / "runs.jsonl").exists()
