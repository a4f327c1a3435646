"""Errors in the words of the command line and as JSON; reports that say how they were made."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from ionbridge.cli.wording import for_terminal

from .conftest import Run, electrodes, write_table

FAST = ("--baselines", "mean,linear", "--splits", "2", "--executor", "serial")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("'n_splits' of StudyDesign must be a whole number", "--splits must be a whole number"),
        ("there is 'level' of a column", "there is 'level' of a column"),
        ("unknown quantity 'level'; known", "unknown quantity 'level'; known"),
        ("name fewer 'inputs'.", "name fewer --inputs."),
        ("fill them (in Python also: Table.complete(names, on_missing='drop')).", "fill them."),
        ("choose another name or pass overwrite=True.", "choose another name or add --overwrite."),
        ("stricter: group='batch_id' in Python, --group batch_id on the command line.",
         "stricter: --group batch_id."),
        ("measure more rows, or lower 'test_fraction' and 'min_test_rows'.", "measure more rows."),
    ],
)  # fmt: skip
def test_messages_speak_of_options(message: str, expected: str) -> None:
    assert for_terminal(message) == expected


def test_errors_under_json_are_json(run: Run, source: Path) -> None:
    done = run("models", "show", "no-such-model", "--json")
    assert done.code == 2
    assert done.err.startswith("error: unknown model")
    error = done.json["error"]
    assert (error["kind"], error["exit_code"]) == ("UnknownNameError", 2)
    assert error["message"].startswith("unknown model")
    assert run("transfer", "--json").json["error"]["kind"] == "MissingParameter"
    Path("bad.csv").write_text("roll_gap_um,density\n30,many\n", encoding="utf-8")
    found = run("transfer", source, "bad.csv", "--predict", "density", "--json").json["error"]
    assert found["problems"][0]["column"] == "density"


def test_one_unreadable_file_does_not_hide_the_others(run: Run, source: Path) -> None:
    Path("binary.csv").write_bytes(bytes(range(256)) * 40)
    done = run("data", "validate", source, "binary.csv", "missing.csv", "--json")
    assert done.code == 2
    files = done.json["files"]
    assert [file["is_usable"] for file in files] == [True, False, False]
    assert all(file["problems"] for file in files[1:])
    mapped = run("data", "validate", "binary.csv", "--map", "A=roll_gap", "--json")
    assert not mapped.json["files"][0]["is_usable"]


def test_a_study_refuses_too_few_rows(run: Run, source: Path, tmp_path: Path) -> None:
    few = write_table(tmp_path / "few.csv", electrodes(7, 1.5, 1))
    done = run("study", source, few, "--predict", "density", *FAST)
    assert done.code == 2
    assert "needs at least 8 complete target rows" in done.err
    assert "the target has 7" in done.err


def test_a_study_varies_the_source_and_says_how_it_was_made(run: Run, source: Path, tmp_path: Path) -> None:
    columns = electrodes(12, 1.5, 1)
    columns["Gap set"] = columns.pop("roll_gap_um")
    target = write_table(tmp_path / "nmc.csv", columns)
    arguments = ("study", source, target, "--predict", "density", "--target-map", "Gap set=roll_gap [um]",
                 "--strategies", "output_calibration", "--sizes", "5,8,all", "--source-sizes", "10,all", *FAST,
                 "--out", "s")  # fmt: skip
    done = run(*arguments)
    assert done.code == 0, done.err
    assert "the size 8 is the size 'all'" in done.err
    assert "Not run" not in done.out
    assert Path("s/density/figures/density_source_ablation.png").is_file()
    page = html.unescape(Path("s/density/report.html").read_text(encoding="utf-8"))
    assert f"ionbridge study {source} {target} --predict density --target-map 'Gap set=roll_gap [um]'" in page
    assert "# with columns, ignore, sheet and domain as on the command line" in page


def test_models_are_compared_in_readable_width(run: Run, source: Path, target: Path) -> None:
    for name in ("first", "second"):
        done = run("transfer", source, target, "--predict", "density", "--no-study", "--strategy",
                   "output_calibration", "--save", name, "--out", name)  # fmt: skip
        assert done.code == 0, done.err
    compared = run("models", "compare", "first", "second").out
    table = compared.split("\n\n")[0].splitlines()
    assert max(map(len, table)) <= 100
    assert "verdict:\n  first: No verdict" in compared


def test_cite_prints_what_a_strategy_rests_on(run: Run) -> None:
    done = run("cite", "hierarchical_gp")
    assert done.code == 0, done.err
    assert done.out.startswith("ionbridge ")
    assert "Kennedy and O'Hagan" in done.out
    assert run("cite", "hierarchical_gp", "--json").json["citations"][0]["used_by"]
    unknown = run("cite", "hierarchical")
    assert unknown.code == 2
    assert "hierarchical_gp" in unknown.err
