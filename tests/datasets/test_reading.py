"""read_table and validate_file: which reader, which options, which message."""

from __future__ import annotations

from pathlib import Path

import pytest

from ionbridge.datasets import Domain, TableError, read_table, validate_file
from ionbridge.datasets.reading import reader_of
from ionbridge.exceptions import ConfigurationError, DataError, UnknownNameError

TEXT = "sample,S,thing\nS1,0.1,x\nS2,0.2,y\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "nmc.csv"
    path.write_text(TEXT)
    return path


def test_options_reach_the_table(path: Path):
    table = read_table(
        path,
        columns={"S": "roll_gap [mm]", "thing": None},
        licence="CC0-1.0",
        citation="Nobody",
        domain=Domain("NMC"),
    )
    assert table.column("roll_gap") == pytest.approx([100, 200])
    assert table.domain.name == "NMC"
    assert (table.provenance.licence, table.provenance.citation) == ("CC0-1.0", "Nobody")
    assert table.provenance.reader == "delimited"
    assert table.provenance.source == str(path)
    assert "columns left out: thing" in table.provenance.notes


def test_domain_is_named_after_the_file(path: Path):
    assert read_table(path, columns={"S": "roll_gap"}, ignore=["thing"]).domain == Domain("nmc")


def test_column_file(path: Path, tmp_path: Path):
    (tmp_path / "map.toml").write_text(
        'ignore = ["thing"]\n[quantity.squeeze]\nunit = "mm"\n[columns]\nS = "squeeze"\n'
    )
    table = read_table(path, columns=tmp_path / "map.toml")
    assert table.column("squeeze").tolist() == [0.1, 0.2]
    assert not validate_file(path, columns=tmp_path / "map.toml")


@pytest.mark.parametrize(
    ("name", "options", "error", "match"),
    [
        pytest.param(
            "nmk.csv", {}, DataError, r"does not exist; nearest in that folder: nmc\.csv", id="no file"
        ),
        pytest.param("no/nmc.csv", {}, DataError, "nor does the folder", id="no folder"),
        pytest.param("", {"reader": "delimited"}, DataError, "is a folder", id="folder"),
        pytest.param(
            "nmc.csv", {"reader": "delimitd"}, UnknownNameError, "nearest known: delimited", id="reader"
        ),
        pytest.param("nmc.csv", {"columns": 5}, ConfigurationError, "'columns' must be", id="columns"),
        pytest.param(
            "nmc.csv",
            {"reader": "wmg_graphite", "ignore": ["S"]},
            ConfigurationError,
            r"reader 'wmg_graphite' knows its file and takes no \['ignore'\]",
            id="options of a fixed reader",
        ),
    ],
)
def test_refusals(path: Path, name: str, options: dict, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        read_table(path.parent / name, **options)
    problems = validate_file(path.parent / name, **options) if "ignore" not in options else [None]
    assert problems


@pytest.mark.parametrize("name", ["a.xls", "a.ods", "a.doc", "a"])
def test_unknown_suffix(tmp_path: Path, name: str):
    (tmp_path / name).write_text("x")
    with pytest.raises(DataError, match=r"no reader knows files like"):
        read_table(tmp_path / name)
    assert "no reader knows" in str(validate_file(tmp_path / name)[0])


def test_suffix_of_a_plug_in(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ionbridge.plugins.names", lambda group: ["bdf"])
    assert reader_of("run.BDF") == "bdf"
    assert reader_of("run.csv") == "delimited"


def test_every_problem_is_in_the_error(path: Path):
    path.write_text("sample,comma_gap,abc\nS1,x,1\nS1,y,2\n")
    with pytest.raises(TableError) as caught:
        read_table(path)
    assert list(caught.value.problems) == validate_file(path)
    assert len(caught.value.problems) == 3
