"""`ionbridge ageing`: the commands on made-up histories; simulation itself is tested in tests/physics."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from ionbridge.cli.app import main
from tests.applications.cell_rom.test_ageing import _histories


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ageing")
    _histories("NMC", 16).save(folder / "nmc.json")
    _histories("LFP", 6, 2.0, seed=1).save(folder / "lfp.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IONBRIDGE_LIBRARY", str(folder / "models"))
        arguments = ["adapt", str(folder / "nmc.json"), str(folder / "lfp.json"), "--name", "lfp"]
        result = CliRunner().invoke(main, ["ageing", *arguments, "--json"])
        assert result.exit_code == 0, result.stderr
        assert "helps" in json.loads(result.stdout)["verdict"]
        yield folder


@pytest.fixture(autouse=True)
def _library(folder, monkeypatch):
    monkeypatch.setenv("IONBRIDGE_LIBRARY", str(folder / "models"))


def _run(*arguments):
    return CliRunner().invoke(main, ["ageing", *map(str, arguments)])


def test_predict_one_cell_and_plot(folder):
    result = _run("predict", "lfp", "--set", "cell_temperature=35 degC", "--plot", folder / "a.png", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert len(found["indicators"]["capacity_fade"]["mean"][0]) == len(found["equivalent_cycles"])
    assert (folder / "a.png").stat().st_size > 10_000


def test_predict_rows_of_a_file(folder):
    names = ["charge_rate", "discharge_rate", "cell_temperature [degC]", "depth_of_discharge", "sei_rate"]
    names += ["plating_rate", "cracking_rate", "loss_rate", "particle_radius"]
    (folder / "c.csv").write_text(",".join(names) + "\n0.5,1,25,0.8,1,1,1,1,1\n1,1,35,0.8,1,1,1,1,1\n")
    result = _run("predict", "lfp", folder / "c.csv", "--out", folder / "out.csv")
    assert result.exit_code == 0, result.stderr
    assert len((folder / "out.csv").read_text().splitlines()) == 3


def test_evaluate(folder):
    result = _run("evaluate", "lfp", folder / "lfp.json", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["indicators"]["capacity_fade"]["n_histories"] == 6


def test_conditions_that_a_file_lacks_are_told_and_as_in_the_parameter_set(folder):
    (folder / "few.csv").write_text("cell,charge_rate,cell_temperature [degC]\nA,0.5,25\n")
    result = _run("predict", "lfp", folder / "few.csv", "--json")
    assert result.exit_code == 0, result.stderr
    assert "since few.csv lacks them: discharge_rate, depth_of_discharge" in result.stderr
    assert "not used: cell" in result.stderr
    alike = _run("predict", "lfp", "--set", "charge_rate=0.5", "--json")
    assert json.loads(result.stdout)["indicators"] == json.loads(alike.stdout)["indicators"]


BAD_FILES = {
    "percent": ("charge_rate,depth_of_discharge\n0.5,80\n", "row 2, column 'depth_of_discharge'.*percent"),
    "degC": ("charge_rate,cell_temperature [K]\n0.5,25\n", "column 'cell_temperature'.*Is it in degC"),
    "sign": ("charge_rate\n-0.5\n", "row 2, column 'charge_rate': found -0.5"),
    "hole": ("charge_rate,discharge_rate\n0.5,1\n1,\n", "lacks values.*discharge_rate: row 3"),
    "slip": ("charge_rate,discarge_rate\n0.5,1\n", "column 'discarge_rate': is it discharge_rate"),
    "others": ("a,b\n1,2\n", "no column of conditions; expected some of charge_rate"),
    "header": ("charge_rate\n", "found no rows"),
    "empty": ("", "found no rows"),
}


@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files_of_conditions_get_one_line_and_write_nothing(folder, tmp_path, text, message):
    (tmp_path / "bad.csv").write_text(text)
    result = _run("predict", "lfp", tmp_path / "bad.csv", "--out", tmp_path / "out.csv")
    assert result.exit_code == 2
    assert re.search(message, result.stderr)
    assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


BAD_HISTORIES = {
    "empty": "",
    "cut": '{"kind": "ionbridge ageing histories", "hist',
    "other": '{"a": 1}',
    "list": "[1, 2]",
    "fields": '{"kind": "ionbridge ageing histories", "format": 1}',
}


@pytest.mark.parametrize("text", BAD_HISTORIES.values(), ids=BAD_HISTORIES)
def test_bad_files_of_histories_get_one_line(folder, tmp_path, text):
    (tmp_path / "bad.json").write_text(text)
    result = _run("train", tmp_path / "bad.json", "--name", "bad")
    assert result.exit_code == 2
    assert "cannot be read as ageing histories" in result.stderr
    assert result.stderr.count("\n") == 1


def test_evaluation_on_known_or_foreign_histories_is_doubted(folder):
    assert "learned from 6 of these 6" in _run("evaluate", "lfp", folder / "lfp.json").stderr
    assert "the histories are of NMC ageing" in _run("evaluate", "lfp", folder / "nmc.json").stderr


def test_a_source_that_is_the_target_is_refused(folder):
    result = _run("adapt", folder / "lfp.json", folder / "lfp.json", "--name", "same")
    assert result.exit_code == 2
    assert "source and target share histories of LFP" in result.stderr


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_models_of_other_kinds_are_refused(folder, command):
    rest = ["--set", "charge_rate=1"] if command == "predict" else [folder / "lfp.json"]
    result = _run(command, "simulated-lifetime", *rest)
    assert result.exit_code == 2
    assert "is not a model of ageing" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", "lfp", "--set", "charge_rate=1", "--set", "charge_rate=2"), "more than once"),
        (("predict", "lfp", "--set", "charge_rate=1", "--plot", "a.xyz"), "ends in .png"),
        (("predict", "lfp", "--set", "charge_rat=1"), "nearest known: charge_rate"),
        (("predict", "lfp"), "either a file of CONDITIONS or"),
        (("predict", "lfp", "--set", "charge_rate=50"), "must lie between 0.05 and 4"),
        (("predict", "lfp", "--set", "cell_temperature=25"), "say which"),
    ],
    ids=["twice", "no image", "unknown", "nothing", "too fast", "which unit"],
)
def test_bad_requests_get_one_line(folder, arguments, message):
    result = _run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_generate_names_known_chemistries(tmp_path):
    pytest.importorskip("pybamm", reason="extra 'cells' is not installed")
    result = _run("generate", "NCM", "--out", tmp_path / "x.json", "--executor", "serial")
    assert result.exit_code == 2
    assert "NMC" in result.stderr
    assert not (tmp_path / "x.json").exists()


def test_a_recorded_cell_is_read_as_a_cycler_file(tmp_path):
    pytest.importorskip("pybamm", reason="extra 'cells' is not installed")
    from ionbridge.applications.lifetime import load_cells

    result = _run(
        "record", "NMC", "--cycles", 2, "--set", "discharge_rate=1.5", "--out", tmp_path / "cell.csv"
    )
    assert result.exit_code == 0, result.stderr
    (record,) = load_cells([tmp_path / "cell.csv"])
    assert len(record.cycles) == 2
    assert record.discharge_capacity[0] > 4.5
