"""`ionbridge rom generate`: what it tells, writes, resumes and refuses."""

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


WRONG = {
    "cell": (("NiMH",), "unknown cell 'NiMH'"),
    "profile": (("LFP", "--profiles", "none"), "unknown kind of profile 'none'"),
    "parameter": (("LFP", "--vary", "difusivity=1:2"), "unknown cell parameter 'difusivity'"),
    "range": (("LFP", "--c-rate", "fast"), "expected LOW:HIGH"),
    "vary": (("LFP", "--vary", "1:2"), "expected PARAMETER=LOW:HIGH"),
    "percent": (("LFP", "--soc", "50:100"), "state of charge is a fraction"),
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
