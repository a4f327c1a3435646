"""`ionbridge ageing`: the commands on made-up histories; simulation itself is tested in tests/physics."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from ionbridge.cli.app import main
from tests.applications.cell_rom.test_ageing import _histories


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ageing")
    _histories("NMC", 30).save(folder / "nmc.json")
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", "lfp", "--set", "charge_rat=1"), "nearest known: charge_rate"),
        (("predict", "lfp"), "either a file of CONDITIONS or"),
        (("predict", "lfp", "--set", "charge_rate=50"), "must lie between 0.05 and 4"),
        (("predict", "lfp", "--set", "cell_temperature=25"), "say which"),
    ],
    ids=["unknown", "nothing", "too fast", "which unit"],
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
