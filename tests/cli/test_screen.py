"""The command `ionbridge screen`: text, JSON, errors in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pymatgen", reason="needs the extra 'materials'")
pytest.importorskip("matplotlib", reason="needs the extra 'report'")

from click.testing import CliRunner

from ionbridge.cli import main

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
        main, ["screen", *map(str, arguments), "--executor", "serial", "--strategy", "pooled"]
    )


def test_ranking_verdict_and_proposals_are_printed(files: Path) -> None:
    result = _run(
        files / "candidates.csv", files / "known.csv", "--predict", "average_voltage", "--source", files / "source.csv",
        "--above", 3.2, "--out", files / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "average voltage > 3.2 V: 16 candidates, 8 known, 16 source materials" in result.output
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
        pytest.param([], "either --below VALUE or --above VALUE", id="no goal"),
        pytest.param(["--above", 3, "--below", 4], "either --below VALUE or --above VALUE", id="two goals"),
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
