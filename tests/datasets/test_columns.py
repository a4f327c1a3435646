"""What headers, maps and column files mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from ionbridge.datasets import ColumnSettings, read_column_file
from ionbridge.datasets.columns import match_columns, read_header
from ionbridge.exceptions import ConfigurationError, DataError
from ionbridge.quantities import Quantity


@pytest.mark.parametrize(
    ("header", "name", "unit"),
    [
        ("comma_gap_um", "comma_gap", "um"),
        ("comma_gap", "comma_gap", None),
        ("Comma Gap [µm]", "comma_gap", "µm"),
        ("Comma Gap (um)", "comma_gap", "um"),
        ("Comma Gap / µm", "comma_gap", "µm"),
        ("Comma gap, µm", "comma_gap", "µm"),
        ("Comma gap in mm", "comma_gap", "mm"),
        ("comma_gap_um [µm]", "comma_gap", "µm"),
        ("COMMA_GAP_UM", "comma_gap", "UM"),
        ("density_g_cm3", "density", "g_cm3"),
        ("Density [g cm⁻³]", "density", "g cm⁻³"),
        ("coat_weight_gsm", "coating_weight", "gsm"),
        ("web_speed_m_min", "web_speed", "m_min"),
        ("porosity_pct", "porosity", "pct"),
        ("Porosity %", "porosity", "%"),
        ("Porosity (after)", "porosity_after_calendering", None),
        ("Porosity (after) [%]", "porosity_after_calendering", "%"),
        ("drying_temperature_c", "drying_temperature", "c"),
        ("roll temperature (°C)", "roll_temperature", "°C"),
        ("c_rate [C]", "c_rate", "C"),
        ("N/P ratio", "np_ratio", None),
        ("CC/AM", "collector_contact_active_material", None),
        ("Sample No.", "sample_id", None),
        ("cell_id", "cell_id", None),
    ],
)
def test_headers(header: str, name: str, unit: str | None):
    found = read_header(header)
    assert found is not None
    assert (found[0].name, found[1]) == (name, unit)


@pytest.mark.parametrize("header", ["", "µm", "[um]", "Rollenspalt [µm]", "voltage at the end of time"])
def test_unknown_headers(header: str):
    assert read_header(header) is None


def test_explicit_map():
    settings = ColumnSettings(
        {"S": "roll_gap [mm]", "thing": None, "other": "ignore", "W_um": "comma_gap"}, ("x",)
    )
    columns, problems = match_columns(["S", "thing", "other", "W_um", "x", "density"], settings, file="a.csv")
    assert not problems
    assert [(c.header, c.quantity.name, c.unit, c.is_unit_stated) for c in columns] == [
        ("S", "roll_gap", "mm", True),
        ("W_um", "comma_gap", "um", True),
        ("density", "density", "g/cm^3", False),
    ]


@pytest.mark.parametrize(
    ("headers", "settings", "match"),
    [
        pytest.param(
            ["rollgap_x"],
            ColumnSettings(),
            r"unknown header.*nearest: .*roll_gap.*--map 'rollgap_x=roll_gap.*\[um\]' or --ignore 'rollgap_x'",
            id="unknown",
        ),
        pytest.param(
            ["a"], ColumnSettings({"a": "rol_gap [um]"}), "unknown quantity 'rol_gap", id="unknown in map"
        ),
        pytest.param(["roll_gap [K]"], ColumnSettings(), "unit 'K'.*converts to um", id="wrong unit"),
        pytest.param(["roll_gap [blah]"], ColumnSettings(), "unit 'blah'.*unknown unit", id="unknown unit"),
        pytest.param(
            ["roll_gap_um", "Calender gap [um]"],
            ColumnSettings(),
            "'roll_gap_um', 'Calender gap \\[um\\]' that all mean roll_gap",
            id="two for one",
        ),
        pytest.param(["roll_gap", "roll_gap"], ColumnSettings(), "the header 2 times", id="repeated"),
        pytest.param(["roll_gap", ""], ColumnSettings(), "column '#2'.*without a header", id="no header"),
        pytest.param(
            ["roll_gap"],
            ColumnSettings({"rol_gap": "roll_gap"}),
            "no such column.*nearest: roll_gap",
            id="map",
        ),
        pytest.param(["roll_gap"], ColumnSettings(ignore=("zzz",)), "no such column", id="ignore"),
    ],
)
def test_header_problems(headers: list[str], settings: ColumnSettings, match: str):
    _, problems = match_columns(headers, settings, file="a.csv", row=1)
    assert len(problems) == 1
    assert problems[0].row == 1
    with pytest.raises(ValueError, match=match):
        raise ValueError(str(problems[0]))


def test_all_header_problems_are_listed_at_once():
    _, problems = match_columns(["abc", "roll_gap [K]", "def"], ColumnSettings(), file="a.csv")
    assert [problem.column for problem in problems] == ["abc", "roll_gap [K]", "def"]


def test_units_in_a_row_of_their_own():
    columns, problems = match_columns(
        ["comma_gap", "porosity", "roll_gap_um"], ColumnSettings(), file="a", units=["[mm]", "%", "mm"]
    )
    assert [(c.quantity.name, c.unit) for c in columns][:2] == [("comma_gap", "mm"), ("porosity", "%")]
    assert "the same unit in both places" in str(problems[0])


COLUMN_FILE = """
ignore = ["note"]
[quantity.press_force]
unit = "bar"
description = "Pressure of the press."
low = 0
[columns]
"P set" = "press_force [bar]"
"S" = "ignore"
"""


def test_column_file_defines_quantities(tmp_path: Path):
    path = tmp_path / "columns.toml"
    path.write_text(COLUMN_FILE)
    settings = ColumnSettings.from_any(path, ["x"])
    assert settings.ignore == ("note", "x")
    columns, problems = match_columns(["P set", "S", "note", "x", "press_force_kpa"], settings, file="a.csv")
    assert [column.quantity.name for column in columns] == ["press_force", "press_force"]
    assert columns[1].conversion(200.0) == pytest.approx(2.0)
    assert "all mean press_force" in str(problems[0])


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        pytest.param("[colums]\n", ConfigurationError, r"unknown key\(s\) \['colums'\]", id="unknown key"),
        pytest.param("[columns]\na = 1\n", ConfigurationError, "must map headers to text", id="not text"),
        pytest.param("ignore = 'a'\n", ConfigurationError, "'ignore' .* must be a list", id="ignore"),
        pytest.param("quantity = 3\n", ConfigurationError, "must be tables", id="quantity"),
        pytest.param(
            "[quantity.a]\nunits='um'\n", ConfigurationError, r"unknown key\(s\) \['units'\]", id="definition"
        ),
        pytest.param(
            "[quantity.roll_gap]\nunit='mm'\n", ConfigurationError, "already in the catalogue", id="known"
        ),
        pytest.param("a = \n", DataError, "cannot be read as TOML", id="not TOML"),
    ],
)
def test_bad_column_files(tmp_path: Path, text: str, error: type[Exception], match: str):
    path = tmp_path / "columns.toml"
    path.write_text(text)
    with pytest.raises(error, match=match):
        read_column_file(path)


def test_missing_column_file(tmp_path: Path):
    with pytest.raises(DataError, match=r"columns\.toml does not exist"):
        read_column_file(tmp_path / "columns.toml")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        pytest.param({"columns": 3}, "'columns' must be a mapping", id="columns"),
        pytest.param({"columns": None, "ignore": "abc"}, "'ignore' must be a list", id="ignore"),
        pytest.param(
            {"columns": None, "definitions": {"a": Quantity("b", "um", "")}},
            "must have its own name",
            id="name",
        ),
    ],
)
def test_bad_settings(arguments: dict, match: str):
    with pytest.raises(ConfigurationError, match=match):
        ColumnSettings.from_any(**arguments)
