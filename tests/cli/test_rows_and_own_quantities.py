"""Commands on saved models: rows with gaps, how rows are counted, quantities beyond the catalogue."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from ionbridge.cli.findings import save_models
from ionbridge.datasets import Table
from ionbridge.library import ModelLibrary

from .conftest import Run, electrodes, write_table

FAST = ("--no-study", "--strategy", "output_calibration")
COLUMNS = """
[quantity.plate_length]
unit = "mm"
description = "length of the heating plate"
"""


@pytest.fixture
def own_model(run: Run, tmp_path: Path) -> str:
    """Name of a saved model with an input that the catalogue does not know."""
    for name, n_rows, scale in (("s.csv", 30, 1.0), ("t.csv", 12, 1.5)):
        columns = electrodes(n_rows, scale, n_rows)
        columns["plate_length_mm"] = 10 * columns.pop("solid_content_wt%")
        write_table(tmp_path / name, columns)
    Path("c.toml").write_text(COLUMNS, encoding="utf-8")
    done = run(
        "transfer",
        "s.csv",
        "t.csv",
        "--predict",
        "density",
        *FAST,
        "--columns",
        "c.toml",
        "--save",
        "own",
        "-q",
    )
    assert done.code == 0, done.err
    return "own"


def test_models_bring_their_own_quantities(run: Run, own_model: str) -> None:
    Path("new.csv").write_text("roll_gap_um,plate_length_cm\n30,35\n40,36\n", encoding="utf-8")
    done = run("predict", own_model, "new.csv", "--json")
    assert done.code == 0, done.err
    assert done.json["rows"] == 2
    found = run("suggest", own_model, "--target", "density=max", "--bounds", "plate_length=32:40 cm",
                "--fix", "roll_gap=0.03 mm", "-n", "1", "--out", "w.csv", "--json")  # fmt: skip
    assert found.code == 0, found.err
    with Path("w.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert 320 <= float(row["plate_length_mm"]) <= 400
    assert float(row["roll_gap_um"]) == 30
    wrong = run("suggest", own_model, "--target", "density=max", "--fix", "plate_lenght=3 cm")
    assert wrong.code == 2
    assert "plate_length" in wrong.err


def test_models_of_the_same_property_are_refused(run: Run, own_model: str) -> None:
    done = run("suggest", own_model, own_model, "--target", "density=max")
    assert done.code == 2
    assert "both predict density; name one model" in done.err


def test_incomplete_rows_are_named_or_skipped(run: Run, own_model: str) -> None:
    text = "# line 2\nroll_gap_um,plate_length_mm\n30,350\n\n,360\n40,370\n"
    Path("new.csv").write_text(text, encoding="utf-8")
    done = run("predict", own_model, "new.csv")
    assert done.code == 2
    assert "roll_gap: row 5 (rows of the file)" in done.err
    assert "--skip-incomplete" in done.err
    assert "on_missing" not in done.err
    done = run("predict", own_model, "new.csv", "--skip-incomplete", "--out", "p.csv")
    assert done.code == 0, done.err
    assert "1 of 3 rows lack an input" in done.out
    with Path("p.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == ["1", "2", "3"]
    assert [bool(row["density_mean_g_per_cm3"]) for row in rows] == [True, False, True]
    assert rows[1]["reason"] == "no value of roll_gap"
    assert rows[1]["in_domain"] == ""


def test_explained_rows_are_counted_from_one(run: Run, own_model: str) -> None:
    Path("new.csv").write_text("roll_gap_um,plate_length_mm\n30,350\n40,370\n", encoding="utf-8")
    assert run("explain", own_model, "new.csv", "--row", "2", "--out", "e").code == 0
    with Path("e/shapley_values.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == ["1", "1", "2", "2"]
    assert [row["value"] for row in rows if row["row"] == "2" and row["input"] == "roll_gap"] == ["40.0"]
    done = run("explain", own_model, "new.csv", "--row", "3")
    assert done.code == 2
    assert "--row 3 is beyond the 2 rows" in done.err


def test_cards_carry_the_licences_of_the_data(run: Run, own_model: str) -> None:
    library = ModelLibrary()
    tables = []
    for licence in ("CC-BY-4.0", ""):
        table = Table.from_frame(pd.DataFrame({"roll_gap": [30.0, 40.0]}))
        tables.append(replace(table, provenance=replace(table.provenance, licence=licence)))
    outcome = SimpleNamespace(
        models={"density": library.load(own_model)},
        studies={"density": None},
        sentences={"density": "fine"},
        source=tables[0],
        target=tables[1],
    )
    save_models(outcome, {"density": "copy"}, overwrite=False)  # type: ignore[arg-type]
    assert library.card("copy").licence == "source data: CC-BY-4.0"
