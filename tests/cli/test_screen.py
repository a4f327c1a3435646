"""The command `ionbridge screen`: text, JSON, errors in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pymatgen", reason="needs the extra 'materials'")
pytest.importorskip("matplotlib", reason="needs the extra 'report'")

from click.testing import CliRunner

from ionbridge.cli import main

from ..physics.materials.stand_ins import layered

METALS = ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Formulas of sodium phosphates, some known, and lithium phosphates as source."""
    (tmp_path / "candidates.csv").write_text(
        "formula\n" + "".join(f"Na{m}PO4\nNa2{m}SiO4\n" for m in METALS) + "NaQq\n"
    )
    rows = "".join(f"Na{m}PO4,{2.5 + 0.2 * i}\n" for i, m in enumerate(METALS))
    (tmp_path / "known.csv").write_text("formula,average_voltage_V\n" + rows)
    rows = "".join(f"Li{m}PO4,{2.8 + 0.2 * i}\nLi2{m}SiO4,{2.6 + 0.2 * i}\n" for i, m in enumerate(METALS))
    (tmp_path / "source.csv").write_text("formula,average_voltage_V\n" + rows)
    return tmp_path


def _run(*arguments: object) -> object:
    return CliRunner().invoke(
        main, ["screen", *map(str, arguments), "--executor", "serial", "--strategy", "linear"]
    )


def test_ranking_verdict_and_proposals_are_printed(files: Path) -> None:
    result = _run(
        files / "candidates.csv", files / "known.csv", "--predict", "average_voltage", "--source", files / "source.csv",
        "--above", 3.2, "--out", files / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "average voltage > 3.2 V: 16 candidates, 8 known, 16 source materials" in result.output
    assert "The strategy 'linear' ignores the source" in " ".join(result.output.split())
    assert "Worth calculating next" in result.output
    assert "row 18" in result.output
    assert (files / "out" / "report.html").is_file()


def test_json_holds_everything(files: Path) -> None:
    result = _run(
        files / "candidates.csv", files / "known.csv", "--predict", "average_voltage", "--above", 3.2,
        "--out", files / "out", "--json", "-q",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    payload = json.loads(result.stdout)
    assert payload["goal"] == {"quantity": "average_voltage", "unit": "V", "threshold": 3.2, "below": False}
    assert len(payload["candidates"]) == 16
    assert payload["problems"][0]["row"] == 18
    assert payload["verdict"]["value"] == "cannot tell"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--above", 3], "a screening needs known values", id="nothing to learn from"),
        pytest.param([], "got neither", id="no goal"),
        pytest.param(["--above", 3, "--below", 4], "got both", id="two goals"),
        pytest.param(["--above", "nan"], "must be a finite number", id="no number"),
        pytest.param(["--above", 3, "--predict", "voltige"], "unknown quantity", id="unknown quantity"),
        pytest.param(["--above", 3, "--ion", "Lo"], "'ion' must be one of", id="unknown ion"),
    ],
)
def test_errors_are_one_line(files: Path, arguments: list[object], message: str) -> None:
    given = arguments if "--predict" in arguments else [*arguments, "--predict", "average_voltage"]
    result = _run(files / "candidates.csv", *given, "--out", files / "out")
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_closed_loop_runs_an_engine_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("bvlain", reason="needs the extra 'materials'")
    folder = tmp_path / "c"
    folder.mkdir()
    for i in range(8):
        layered(2.75 + 0.03 * i).to_pymatgen().to(filename=str(folder / f"c{i}.cif"))
    known = "".join(f"c{i},{1.3 - 0.05 * i}\n" for i in range(5))
    (tmp_path / "known.csv").write_text(f"name,migration_barrier_eV\n{known}")
    arguments = [
        folder, tmp_path / "known.csv", "--ion", "Li", "--below", 1.0, "--run", 2, "--batch", 1,
        "--engine", "bond-valence", "--out", tmp_path / "out", "--json", "-q",
    ]  # fmt: skip
    payload = json.loads(_run(*arguments).stdout)
    assert [len(turn["names"]) for turn in payload["rounds"]] == [1, 1]
    assert payload["n_known"] == 7
    assert payload["rounds"][0]["calibration"]["source"] == "overlap"
    again = json.loads(_run(*arguments).stdout)
    assert all(turn["n_cached"] == 1 for turn in again["rounds"])
    assert again["candidates"] == payload["candidates"]
    rows = (tmp_path / "out" / "runs.csv").read_text().splitlines()
    assert rows[0] == "round,name,engine_value_eV,used_value_eV,failure,notes"
    assert len(rows) == 3


def test_formulas_cannot_be_run(files: Path) -> None:
    result = _run(
        files / "candidates.csv", files / "known.csv", "--predict", "average_voltage", "--above", 3, "--run", 1,
        "--out", files / "out",
    )  # fmt: skip
    assert result.exit_code == 2
    assert "needs its crystal" in result.output


def test_stopping_a_loop_says_where_its_runs_are(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ionbridge.applications.screening import loop

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "close_loop_files", stopped)
    result = _run(
        files / "candidates.csv", files / "known.csv", "--predict", "average_voltage", "--above", 3, "--run", 1,
        "--out", files / "out",
    )  # fmt: skip
    assert result.exit_code == 130
    assert "run the same command again to go on" in " ".join(result.output.split())


def test_a_taken_name_is_said_before_the_work(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IONBRIDGE_LIBRARY", str(files / "library"))
    arguments = [
        files / "candidates.csv", files / "known.csv", "--predict", "average_voltage", "--above", 3.2,
        "--out", files / "out", "--save", "mine",
    ]  # fmt: skip
    assert _run(*arguments).exit_code == 0
    again = _run(*arguments)
    assert again.exit_code == 2
    assert "already a model 'mine'" in again.output
