"""Text files as laboratories export them: delimiters, decimal marks, encodings, comments, rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ionbridge.datasets import TableError, read_table, validate_file
from ionbridge.datasets.readers.delimited import detect_dialect, detect_encoding
from ionbridge.exceptions import DataError

ROWS = "Sample;Comma Gap [µm];Density [g/cm³]\nS1;100,5;1,2\nS2;200;1,35\n"
EXPECTED = [[100.5, 1.2], [200.0, 1.35]]
NAMES = ["comma_gap", "density"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ROWS, id="semicolon, decimal comma"),
        pytest.param(ROWS.replace(",", "."), id="semicolon, decimal point"),
        pytest.param(ROWS.replace(";", "\t"), id="tab, decimal comma"),
        pytest.param(ROWS.replace(",", ".").replace(";", "\t"), id="tab, decimal point"),
        pytest.param(ROWS.replace(",", ".").replace(";", ","), id="comma"),
        pytest.param(ROWS.replace(",", ".").replace(";", " | "), id="bar with spaces"),
        pytest.param(
            'Sample,Comma Gap [µm],Density [g/cm³]\nS1,"100,5","1,2"\nS2,200,"1,35"\n', id="quoted commas"
        ),
        pytest.param(
            '"Sample";"Comma gap, µm";"Density, g/cm³"\nS1;100,5;1,2\nS2;200;1,35\n', id="comma in header"
        ),
        pytest.param(ROWS.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(ROWS.rstrip("\n"), id="no last line end"),
        pytest.param(ROWS.replace("\n", ";\n"), id="trailing delimiter"),
        pytest.param("# made on line 2\n# by nobody\n\n" + ROWS, id="comments above"),
        pytest.param(ROWS.replace("S2", "\n# second day\n;;\nS2"), id="blank and comment between"),
        pytest.param(
            "Sample;Comma Gap;Density\n;[µm];[g/cm³]\nS1;100,5;1,2\nS2;200;1,35\n", id="row of units"
        ),
        pytest.param("Sample;Comma Gap;Density\nS1;1,005e2;+1,2\nS2;2E2;1,35\n", id="exponents and signs"),
    ],
)
def test_just_works(tmp_path: Path, text: str):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert read_table(path).values(NAMES).tolist() == EXPECTED


@pytest.mark.parametrize(
    ("encoding", "noted"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
        ("latin-1", "cp1252"),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, noted: str):
    path = tmp_path / "a.csv"
    path.write_bytes(ROWS.encode(encoding))
    table = read_table(path)
    assert table.values(NAMES).tolist() == EXPECTED
    notes = " ".join(table.provenance.notes)
    assert (f"decoded as {noted}" in notes) if noted else ("decoded" not in notes)


@pytest.mark.parametrize(
    ("encoding", "header", "comment"),
    [
        (
            "gb18030",
            "辊隙",
            "这是一个用来测试的中文说明，里面有很多常见的汉字，我们在实验室里测量了电极的厚度和密度。",
        ),
        ("shift_jis", "ロール間隙", "これは試験のための日本語の説明です。電極の厚さと密度を測定しました。"),
        (
            "cp1251",
            "зазор валков",
            "это пояснение на русском языке, мы измерили толщину и плотность электродов",
        ),
    ],
)
def test_other_scripts_with_a_map(tmp_path: Path, encoding: str, header: str, comment: str):
    path = tmp_path / "a.csv"
    path.write_bytes("\n".join([f"# {comment}", header, *map(str, range(30, 60))]).encode(encoding))
    assert len(read_table(path, columns={header: "roll_gap [um]"})) == 30


def test_foreign_byte_behind_the_sample(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"sample,comma_gap\n" + b"S1,100\n" * 60_000 + "S°,100\n".encode("cp1252"))
    assert detect_encoding(path) == "cp1252"


@pytest.mark.parametrize(
    ("lines", "dialect"),
    [
        (["a;b", "1,5;2,5"], (";", ",")),
        (["a,b", "1,2"], (",", ".")),
        (["a;b", "1;2"], (";", ".")),
        (["a", "1,5", "2,5"], ("\x1f", ",")),
        (["a", "1.5"], ("\x1f", ".")),
        (["a;b"], (";", ".")),
        (["name, first;b, c", "x;1,5"], (";", ",")),
        ([], (",", ".")),
    ],
)
def test_dialects(lines: list[str], dialect: tuple[str, str]):
    found = detect_dialect(lines)
    assert found == dialect


@pytest.mark.parametrize(
    ("text", "row", "match"),
    [
        pytest.param("# c\n\nsample,density\nS1,1\n\nS2,x\n", 6, "found 'x'", id="blank lines count"),
        pytest.param('sample,density\n"two\nlines",1\nS2,x\n', 4, "found 'x'", id="line end in a cell"),
        pytest.param(
            "sample,density\nS1,1,2\nS2,1\n", 2, "3 cells.*expected 2.*decimal commas", id="long row"
        ),
        pytest.param("sample,density,comma_gap\nS1,1\nS2,1,100\n", 2, "2 cells.*expected 3", id="short row"),
        pytest.param("sample,density\nS1,1\n# note\n#1,x\n", 4, "found 'x'", id="a sample called #1 is data"),
    ],
)
def test_rows_are_numbered_as_in_the_file(tmp_path: Path, text: str, row: int, match: str):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(TableError, match=match) as caught:
        read_table(path)
    assert [problem.row for problem in caught.value.problems if problem.severity == "error"] == [row]


def test_open_quotation_mark(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('sample,density\n"S1,1\n' + "S2,1\n" * 40_000)
    with pytest.raises(DataError, match=r"before row .*quotation mark"):
        read_table(path)


def test_sheet_is_refused(tmp_path: Path):
    (tmp_path / "a.csv").write_text(ROWS)
    with pytest.raises(DataError, match="'sheet' is for workbooks"):
        read_table(tmp_path / "a.csv", sheet="x")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.binary(max_size=200), st.text(alphabet="ab1,;.\n\t#\"' µ-e", max_size=80).map(str.encode))
)
def test_checking_never_raises(tmp_path: Path, content: bytes):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert any(problem.severity == "error" for problem in validate_file(path))


def test_quoted_headers_may_have_line_breaks(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('"Comma Gap\r\n[µm]",Density\r\n100,1.2\r\n200,x\r\n', encoding="utf-8", newline="")
    (problem,) = [p for p in validate_file(path) if p.severity == "error"]
    assert (problem.row, problem.column) == (4, "Density")
    path.write_text('"Comma Gap\n[mm]",Density\n0.1,1.2\n0.2,1.3\n', encoding="utf-8")
    assert read_table(path, columns={"Comma Gap [mm]": "comma_gap [mm]"}).values(["comma_gap"])[0, 0] == 100.0


def test_headers_that_never_end_are_named(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('"comma_gap_um\n' + "100\n" * 30, encoding="utf-8")
    with pytest.raises(DataError, match="quotation mark that is not closed"):
        read_table(path)


@pytest.mark.parametrize(
    ("body", "n_warnings"),
    [
        pytest.param("1,200;1,25\n1,300;1,35\n", 0, id="decimal commas elsewhere"),
        pytest.param("0,200;1\n1,300;2\n", 0, id="leading zero"),
        pytest.param("1,200;1\n1,350;2\n", 1, id="may be thousands"),
        pytest.param("1,200;1,300\n350;2\n", 2, id="both columns"),
    ],
)
def test_commas_that_may_stand_between_thousands(tmp_path: Path, body: str, n_warnings: int):
    path = tmp_path / "a.csv"
    path.write_text("comma_gap_mm;density\n" + body, encoding="utf-8")
    found = [p for p in validate_file(path) if "between thousands" in p.remedy]
    assert [p.severity for p in found] == ["warning"] * n_warnings
    if found:
        assert found[0].row == 2
        assert "read as 1.200" in found[0].remedy
