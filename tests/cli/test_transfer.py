"""From two files to a saved model and back: transfer, predict, explain, study, models, data."""

from __future__ import annotations

import csv
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from ionbridge.execution import SerialExecutor
from ionbridge.library import ModelLibrary
from ionbridge.studies import pipeline

from .conftest import Run, electrodes, write_table

FAST = ("--no-study", "--strategy", "output_calibration")


@pytest.fixture
def model(run: Run, source: Path, target: Path) -> str:
    """Name of a saved model."""
    done = run("transfer", source, target, "--predict", "density", *FAST, "--save", "nmc-density", "-q")
    assert done.code == 0, done.err
    return "nmc-density"


def test_transfer_prints_finding_report_and_model(run: Run, source: Path, target: Path) -> None:
    done = run("transfer", source, target, "--predict", "density", *FAST)
    assert done.code == 0
    assert "12 target rows are predicted with a MAPE of" in done.out
    assert "saved model: graphite-to-nmc-density" in done.err
    assert Path("graphite-to-nmc/report.html").stat().st_size > 10_000
    assert ModelLibrary().names(shipped=False) == ("graphite-to-nmc-density",)


def test_transfer_as_json(run: Run, source: Path, target: Path) -> None:
    done = run("transfer", source, target, "--predict", "density", *FAST, "--no-save", "--out", "r", "--json")
    found = done.json
    assert found["inputs"] == ["roll_gap", "solid_content"]
    assert found["outputs"] == ["density"]
    assert found["saved_models"] == []
    assert found["report"] == "r/report.html"
    assert found["models"]["density"]["cv_mape_percent"] < 10
    assert found["target"]["n_rows"] == 12
    assert ModelLibrary().names(shipped=False) == ()


def test_transfer_with_its_study(run: Run, source: Path, target: Path) -> None:
    done = run("transfer", source, target, "--predict", "density", "--strategy", "output_calibration",
               "--executor", "serial", "--no-save")  # fmt: skip
    assert done.code == 0
    assert done.out.startswith("Transfer to density ")
    assert "Mean MAPE [%]" in done.out
    assert "output_calibration" in done.out
    assert "gaussian_process" in done.out


QUICK = ("--strategy", "output_calibration", "--executor", "serial", "--no-save")


@pytest.fixture
def tiny_study(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the quick study quicker still."""
    quick = pipeline.quick_design

    def tiny(*args, **kwargs):
        few = {"n_splits": 2, "target_sizes": ("all",), "baselines": ("mean", "linear")}
        return dataclasses.replace(quick(*args, **kwargs), **few)

    monkeypatch.setattr(pipeline, "quick_design", tiny)


@pytest.mark.usefixtures("tiny_study")
def test_transfer_holds_groups_out_together(run: Run, source: Path, tmp_path: Path) -> None:
    columns = {**electrodes(12, 1.5, 1), "sample_id": np.array([f"b{i // 2}" for i in range(12)])}
    path = tmp_path / "batches.csv"
    rows = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    done = run("transfer", source, path, "--predict", "density", *QUICK, "--group", "sample_id", "--json")
    assert done.code == 0, done.err
    assert done.json["studies"]["density"]["design"]["group"] == "sample_id"
    assert "--group" not in done.err
    done = run("transfer", source, path, "--predict", "density", *QUICK, "--group", "sample", "--out", "x")
    assert done.code == 2
    assert "sample_id" in done.err


@pytest.mark.usefixtures("tiny_study")
def test_an_interrupted_transfer_goes_on(run: Run, source: Path, target: Path, monkeypatch) -> None:
    arguments = ("transfer", source, target, "--predict", "density", *QUICK, "--out", "r")
    submit, n_left = SerialExecutor.submit, [3]

    def stops(self, function, /, *args, **kwargs):
        n_left[0] -= 1
        if n_left[0] < 0:
            raise KeyboardInterrupt
        return submit(self, function, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(SerialExecutor, "submit", stops)
        done = run(*arguments)
    assert done.code == 130
    assert "resume from r/unfinished-study/density/tasks.jsonl" in done.err
    assert run(*arguments, "--seed", "1").code == 0  # another run does not stumble over it
    assert not Path("r/unfinished-study").exists()
    assert Path("r/report.html").exists()


def test_taken_names_are_refused_before_anything_is_computed(
    run: Run, model: str, source: Path, target: Path
) -> None:
    again = ("transfer", source, target, "--predict", "density", *FAST, "--save", model, "--out", "second")
    done = run(*again)
    assert done.code == 2
    assert "already a saved model nmc-density" in done.err
    assert not Path("second").exists()
    assert run(*again, "--overwrite").code == 0
    assert ModelLibrary().card(model).version == 2


def test_options_speak_about_the_file_that_has_the_column(run: Run, tmp_path: Path, source: Path) -> None:
    columns = electrodes(8, 1.5, 1)
    names = {"Gap_set": columns["roll_gap_um"] / 1000, "S": columns["solid_content_wt%"],
             "D": columns["density_g_cm3"], "Remarks": columns["density_g_cm3"]}  # fmt: skip
    target = write_table(tmp_path / "line2.csv", names)
    arguments = ("transfer", source, target, "--predict", "density", *FAST, "--no-save", "--json")
    done = run(*arguments, "--map", "Gap_set=roll_gap [mm]", "--map", "S=solid_content [wt%]", "--ignore", "Remarks",
               "--target-map", "D=density [g/cm^3]", "--target-name", "line 2", "--out", "r")  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["target"]["domain"]["name"] == "line 2"
    assert done.json["models"]["density"]["cv_mape_percent"] < 10
    done = run(*arguments, "--map", "Gap=roll_gap [mm]")
    assert done.code == 2
    assert "'Gap', which neither graphite.csv nor line2.csv has" in done.err


def test_column_files_name_columns_of_both_files(run: Run, tmp_path: Path, source: Path) -> None:
    columns = electrodes(8, 1.5, 1)
    target = write_table(
        tmp_path / "line2.csv", dict(zip(("G", "S", "density_g_cm3"), columns.values(), strict=True))
    )
    (tmp_path / "c.toml").write_text(
        'ignore = ["Shift leader"]\n[columns]\nG = "roll_gap [um]"\nS = "solid_content [wt%]"\n',
        encoding="utf-8",
    )
    done = run(
        "transfer",
        source,
        target,
        "--predict",
        "density",
        *FAST,
        "--no-save",
        "--columns",
        "c.toml",
        "--json",
    )
    assert done.code == 0, done.err
    assert done.json["inputs"] == ["roll_gap", "solid_content"]


@pytest.mark.parametrize(
    ("n_rows", "message"),
    [
        (0, "no rows"),
        (1, "at least 4 complete target rows.*the target has 1"),
        (2, "at least 4 complete target rows.*the target has 2"),
        (3, "at least 4 complete target rows"),
    ],
    ids=["no rows", "one", "two", "three"],
)
def test_too_few_target_rows(run: Run, tmp_path: Path, source: Path, n_rows: int, message: str) -> None:
    target = write_table(tmp_path / "few.csv", electrodes(n_rows, 1.5, 1))
    done = run("transfer", source, target, "--predict", "density", *FAST)
    assert done.code == 2
    assert re.search(message, done.err)
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_several_problems_are_listed_below_one_line(run: Run, tmp_path: Path, source: Path) -> None:
    target = tmp_path / "bad.csv"
    target.write_text(
        "roll_gap_um,solid_content_wt%,density_g_cm3\n20,thick,1.5\n30,35,abc\n", encoding="utf-8"
    )
    done = run("transfer", source, target, "--predict", "density", *FAST)
    assert done.code == 2
    assert done.err.startswith("error: 2 errors")
    assert "'thick'" in done.err or "thick" in done.err
    assert "row 2" in done.err
    assert "row 3" in done.err


def test_predict_prints_intervals_and_domain(run: Run, model: str, tmp_path: Path) -> None:
    new = write_table(
        tmp_path / "new.csv",
        {"Roll gap [mm]": [0.03, 0.9], "solid_content_wt%": [35, 40]},  # type: ignore[dict-item]
    )
    done = run("predict", model, new, "--out", "p.csv")
    assert done.code == 0, done.err
    assert "density_mean_g_per_cm3" in done.out
    assert "1 of 2 rows lie outside" in done.out
    with Path("p.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("row", "roll_gap_mm", "solid_content_wt_pct"),
        *("density_mean_g_per_cm3", "density_lower_g_per_cm3", "density_upper_g_per_cm3"),
        *("in_domain", "reason"),
    ]  # fmt: skip
    assert [row["in_domain"] for row in rows] == ["yes", "no"]
    assert float(rows[0]["density_lower_g_per_cm3"]) < float(rows[0]["density_mean_g_per_cm3"])
    assert rows[1]["reason"]


def test_predict_as_json(run: Run, model: str, tmp_path: Path) -> None:
    new = write_table(tmp_path / "new.csv", electrodes(3, 1.5, 5))
    found = run("predict", model, new, "--level", "0.8", "--json").json
    assert (found["quantity"], found["unit"], found["level"], found["rows"]) == ("density", "g/cm^3", 0.8, 3)
    assert all(
        low < mean < high
        for low, mean, high in zip(found["lower"], found["mean"], found["upper"], strict=True)
    )


def test_predict_names_missing_inputs(run: Run, model: str, tmp_path: Path) -> None:
    new = write_table(tmp_path / "new.csv", {"roll_gap_um": electrodes(3, 1, 0)["roll_gap_um"]})
    done = run("predict", model, new)
    assert done.code == 2
    assert "solid_content" in done.err
    assert done.err.count("\n") == 1


def test_explain_writes_figures_and_numbers(run: Run, model: str) -> None:
    done = run("explain", model, "--row", "2", "--json")
    assert done.code == 0, done.err
    found = done.json
    assert set(found["importance"]) == {"roll_gap", "solid_content"}
    assert set(found["source_importance"]) == {"roll_gap", "solid_content"}
    names = {Path(file).name for file in found["files"]}
    assert {
        "all_rows.png",
        "row_2.svg",
        "source_and_target.png",
        "shapley_values.csv",
        "explanation.json",
    } <= names
    assert all(Path(file).stat().st_size for file in found["files"])


def test_explain_given_rows(run: Run, model: str, tmp_path: Path) -> None:
    new = write_table(tmp_path / "new.csv", electrodes(3, 1.5, 5))
    done = run("explain", model, new)
    assert done.code == 0, done.err
    assert "mean |Shapley value| [g/cm³]" in done.out
    done = run("explain", model, new, "--row", "7")
    assert done.code == 2
    assert done.err.count("\n") == 1


def test_suggest_proposes_settings(run: Run, model: str) -> None:
    done = run("suggest", model, "--target", "density=2.5", "--bounds", "roll_gap=0.02:0.08 mm",
               "--fix", "solid_content=35", "-n", "2", "--out", "s.csv")  # fmt: skip
    assert done.code == 0, done.err
    assert "roll_gap [µm]" in done.out
    assert "density [g/cm³]" in done.out
    assert Path("s.csv").read_text(encoding="utf-8").startswith("roll_gap_um,solid_content_")
    again = run("predict", model, "s.csv", "--json").json
    assert again["mean"][0] == pytest.approx(2.5, rel=0.05)


def test_suggest_as_json(run: Run, model: str) -> None:
    found = run("suggest", model, "--target", "density=max", "-n", "1", "--json").json
    assert found["inputs"] == ["roll_gap", "solid_content"]
    assert len(found["X"]) == 1
    assert set(found["predictions"]["density"]) >= {"mean", "lower", "upper", "unit", "in_domain"}


def test_suggest_next_experiments(run: Run, model: str) -> None:
    found = run("suggest", model, "--next-experiments", "-n", "3", "--json").json
    assert len(found["X"]) == 3
    assert found["score"][0] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "either at least one --target"),
        (("--next-experiments", "--target", "density=1"), "either at least one --target"),
        (("--target", "porosity=0.3"), "unknown output 'porosity'"),
        (("--target", "density=1", "--bounds", "comma_gap=1:2"), "comma_gap"),
        (("--target", "density=1", "--target", "density=2"), "names 'density' 2 times"),
    ],
    ids=["no target", "both", "unknown output", "unknown input", "twice"],
)
def test_suggest_refuses(run: Run, model: str, options: tuple[str, ...], message: str) -> None:
    done = run("suggest", model, *options)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


STUDY = ("--strategies", "output_calibration", "--baselines", "mean,linear", "--sizes", "4,all", "--splits", "3",
         "--executor", "serial", "--out", "s")  # fmt: skip


def test_study_writes_report_and_resumes(run: Run, source: Path, target: Path) -> None:
    arguments = ("study", source, target, "--predict", "density", *STUDY)
    done = run(*arguments)
    assert done.code == 0, done.err
    assert done.out.startswith("Transfer to density")
    assert Path("s/density/report.html").exists()
    n_lines = Path("s/density/tasks.jsonl").read_text(encoding="utf-8").count("\n")
    again = run(*arguments, "--json")
    assert again.json["studies"]["density"]["verdict"]["strategy"] == "output_calibration"
    assert Path("s/density/tasks.jsonl").read_text(encoding="utf-8").count("\n") == n_lines
    assert run(*arguments, "--splits", "4").code == 2
    assert run(*arguments, "--splits", "4", "--restart").code == 0


def test_study_says_what_it_could_not_run(run: Run, source: Path, tmp_path: Path) -> None:
    target = write_table(
        tmp_path / "t.csv", {**electrodes(12, 1.5, 1), "comma_gap_um": electrodes(12, 1, 2)["roll_gap_um"]}
    )
    done = run("study", source, target, "--predict", "density", "--inputs", "roll_gap,comma_gap", *STUDY,
               "--strategies", "hierarchical_gp,output_calibration,pooled,frozen_adapter")  # fmt: skip
    assert done.code == 0, done.err


def test_models_commands(run: Run, model: str, tmp_path: Path) -> None:
    listed = run("models", "list", "--own", "--json").json["models"]
    assert [card["name"] for card in listed] == [model]
    assert model in run("models", "list", "--quantity", "density").out
    assert "no such model" in run("models", "list", "--own", "--quantity", "porosity").out
    shown = run("models", "show", model)
    assert "density [g/cm³]" in shown.out
    assert "12 target, 40 source" in shown.out
    assert run("models", "show", model, "--json").json["strategy"] == "output_calibration"
    assert run("models", "export", model, "m.zip").code == 0
    assert run("models", "import", "m.zip", "--name", "copy").out.startswith("imported: copy")
    compared = run("models", "compare", model, "copy")
    assert "copy" in compared.out
    assert len(run("models", "compare", model, "copy", "--json").json["models"]) == 2
    assert [card["name"] for card in run("models", "lineage", model, "--json").json["lineage"]] == [model]
    assert run("models", "delete", "copy").code == 2
    assert run("models", "delete", "copy", "--yes").out == "deleted: copy\n"
    assert ModelLibrary().names(shipped=False) == (model,)


def test_a_corrupted_model_is_refused(run: Run, model: str, tmp_path: Path) -> None:
    (weights,) = (tmp_path / "library" / model).glob("*.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    done = run("predict", model, write_table(tmp_path / "new.csv", electrodes(3, 1.5, 5)))
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert model in done.err


def test_data_validate(run: Run, source: Path, target: Path, tmp_path: Path) -> None:
    done = run("data", "validate", source, target)
    assert done.code == 0
    assert done.out.count("no problems found") == 2
    bad = tmp_path / "bad.csv"
    bad.write_text("roll_gap_um,Gap set\n20,1\nthick,2\n", encoding="utf-8")
    done = run("data", "validate", bad)
    assert done.code == 2
    assert "row 3" in done.out
    assert "Gap set" in done.out
    (found,) = run("data", "validate", bad, "--json").json["files"]
    assert not found["is_usable"]
    assert found["n_errors"] == 2
    assert {problem["row"] for problem in found["problems"]} >= {3}


def test_data_describe(run: Run, target: Path) -> None:
    done = run("data", "describe", target)
    assert "12 rows" in done.out
    assert "g/cm³" in done.out
    found = run("data", "describe", target, "--json").json
    assert [column["quantity"] for column in found["columns"]] == ["roll_gap", "solid_content", "density"]
    assert found["n_rows"] == 12


def test_data_template_is_read_back(run: Run) -> None:
    assert run("data", "template", "t.csv", "--quantities", "roll_gap,drying_temperature").code == 0
    assert "drying_temperature_degC" in Path("t.csv").read_text(encoding="utf-8")
    assert run("data", "template", "t.csv", "--quantities", "roll_gap").code == 2
    with Path("t.csv").open("a", encoding="utf-8") as file:
        file.write("30,80\n40,90\n")
    found = run("data", "describe", "t.csv", "--json").json
    assert found["columns"][1]["min"] == pytest.approx(353.15)


@pytest.mark.parametrize(
    ("source_file", "target_file", "options"),
    [
        ("anode_pairs.csv", "cathode_pairs.csv", ("--target-map", "roll_gap=roll_gap [um]")),
        ("cathode_pairs.csv", "anode_pairs.csv", ("--map", "web_speed_m_min=roll_speed [m/min]")),
    ],
    ids=["graphite to NMC622", "NMC622 to graphite"],
)
def test_measured_electrodes_end_to_end(
    run: Run, data_folder: Path, source_file: str, target_file: str, options: tuple[str, ...]
) -> None:
    folder = data_folder / "wmg_ultrasound_calendering"
    done = run("study", folder / source_file, folder / target_file, "--predict", "density_after_calendering",
               *STUDY, *options, "--json")  # fmt: skip
    assert done.code == 0, done.err
    verdict = done.json["studies"]["density_after_calendering"]["verdict"]
    assert verdict["value"] in {"helps", "no difference", "hurts"}
    done = run("transfer", folder / source_file, folder / target_file, "--predict", "density_after_calendering",
               *FAST, *options, "--save", "wmg", "--json")  # fmt: skip
    assert done.code == 0, done.err
    done = run("predict", "wmg", folder / target_file, "--json")
    assert done.code == 0, done.err
    assert all(0.5 < value < 5 for value in done.json["mean"])
