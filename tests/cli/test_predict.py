"""Predicted rows come back with their names and inputs; only the columns of the model are checked."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from ionbridge.library import ModelLibrary

from .conftest import Run, electrodes, write_table

FAST = ("--no-study", "--strategy", "output_calibration", "-q")


@pytest.fixture
def model(run: Run, source: Path, target: Path) -> str:
    """Name of a model of the density from roll gap and solid content."""
    done = run("transfer", source, target, "--predict", "density", *FAST, "--save", "m")
    assert done.code == 0, done.err
    return "m"


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


NEW = """Probe,sample_id,Roll gap [mm],solid_content_wt%,density_g_cm3,porosity,remark,row
,A-1,0.03,35,n/a,high,ok,7
12,A-2,0.04,36,,,"two, words",8
"""


def test_names_inputs_and_remarks_come_back(run: Run, model: str) -> None:
    Path("new.csv").write_text(NEW, encoding="utf-8")
    done = run("predict", model, "new.csv", "--out", "p.csv", "--json")
    assert done.code == 0, done.err
    first, second = rows_of("p.csv")
    assert list(first)[:9] == ["row", "Probe", "sample_id", "density_g_cm3", "porosity", "remark", "row (file)",
                               "roll_gap_mm", "solid_content_wt_pct"]  # fmt: skip
    assert (first["sample_id"], first["density_g_cm3"], first["roll_gap_mm"]) == ("A-1", "n/a", "0.03")
    assert (second["remark"], second["row (file)"], second["Probe"]) == ("two, words", "8", "12")
    assert done.json["labels"]["sample_id"] == ["A-1", "A-2"]
    assert done.json["inputs"] == {"roll_gap_mm": [0.03, 0.04], "solid_content_wt_pct": [35.0, 36.0]}
    assert "A-2" in run("predict", model, "new.csv").out


def test_predicting_a_file_of_predictions_works(run: Run, model: str) -> None:
    Path("new.csv").write_text(NEW, encoding="utf-8")
    assert run("predict", model, "new.csv", "--out", "p.csv").code == 0
    done = run("predict", model, "p.csv", "--out", "q.csv")
    assert done.code == 0, done.err
    again = rows_of("q.csv")
    assert [row["density_mean_g_per_cm3"] for row in again] == [
        row["density_mean_g_per_cm3"] for row in rows_of("p.csv")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Gap,solid_content_wt%\n30,35\n", r"has no column for roll_gap.*columns are: Gap, solid.*--map"),
        ("roll_gap_kg,solid_content_wt%\n30,35\n", "roll_gap"),
        ("roll_gap_um,solid_content_wt%\nthirty,35\n", "thirty"),
    ],
    ids=["missing", "wrong unit", "text"],
)
def test_the_columns_of_the_model_are_checked(run: Run, model: str, text: str, message: str) -> None:
    import re

    Path("new.csv").write_text(text, encoding="utf-8")
    done = run("predict", model, "new.csv")
    assert done.code == 2
    assert re.search(message, done.err)


def test_explained_rows_are_checked_before_anything_is_computed(
    run: Run, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ionbridge.studies.explanation.explain", lambda *_: pytest.fail("computed"))
    done = run("explain", model, "--row", "99", "--out", "e")
    assert done.code == 2
    assert "--row 99 is beyond the 12 rows" in done.err
    assert not Path("e").exists()


def test_temperatures_come_and_go_in_degrees_celsius(run: Run, tmp_path: Path) -> None:
    for name, n_rows in (("s.csv", 30), ("t.csv", 12)):
        columns = electrodes(n_rows, 1.0, n_rows)
        columns["drying_temperature_degC"] = 2 * columns.pop("roll_gap_um")
        write_table(tmp_path / name, columns)
    common = ("transfer", "s.csv", "t.csv", *FAST)
    assert run(*common, "--predict", "density", "--save", "d").code == 0
    hot = run(*common, "--predict", "drying_temperature", "--inputs", "density", "--save", "hot")
    assert hot.code == 0, hot.err
    Path("new.csv").write_text("drying_temperature_C,solid_content\n100.3,35\n", encoding="utf-8")
    assert run("predict", "d", "new.csv", "--json").json["inputs"]["drying_temperature_degC"] == [100.3]
    Path("new.csv").write_text("density\n1.7\n", encoding="utf-8")
    found = run("predict", "hot", "new.csv", "--json").json
    assert found["unit"] == "degC"
    assert 20 < found["mean"][0] < 200
    proposed = run("suggest", "d", "--target", "density=max", "-n", "1", "--out", "w.csv", "--json")
    assert proposed.code == 0, proposed.err
    (row,) = rows_of("w.csv")
    assert 30 < float(row["drying_temperature_degC"]) < 165
    found = proposed.json
    position = found["inputs"].index("drying_temperature")
    assert found["input_units"][position] == "degC"
    assert np.isclose(found["X"][0][position], float(row["drying_temperature_degC"]))


@pytest.mark.parametrize("command", ["predict", "explain", "suggest", "adapt"])
def test_models_of_another_kind_are_refused(run: Run, source: Path, command: str) -> None:
    ModelLibrary().save(RidgeCV().fit(np.eye(3), np.arange(3.0)), "other")
    more = {"predict": (source,), "suggest": ("--next-experiments",), "adapt": (source, "--save", "x")}
    done = run(command, "other", *more.get(command, ()))
    assert done.code == 2
    assert "model 'other' is a RidgeCV and predicts nothing from the columns of a table" in done.err
