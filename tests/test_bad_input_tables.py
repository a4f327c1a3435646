"""Bad and awkward table files, one row each: what a user is told, or that it just works.

The same files are fed to the validator, which lists everything and never raises, and to the
reader, which refuses errors and lets warnings pass.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from ionbridge.datasets import TableError, read_table, validate_file
from ionbridge.exceptions import DataError

GOOD = "sample,comma_gap_um,density_g_cm3\nS1,100,1.2\nS2,150,1.3\nS3,200,1.4\n"


class Case(NamedTuple):
    """A file and what is said about it; no pattern means that nothing is."""

    text: str | bytes
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    suffix: str = ".csv"


CASES = {
    "good": Case(GOOD),
    "wrong unit": Case(
        GOOD.replace("comma_gap_um", "comma_gap [K]"),
        (r"row 1, column 'comma_gap \[K\]': found unit 'K'; .* converts to um.*--map",),
    ),
    "unknown unit": Case(
        GOOD.replace("comma_gap_um", "Comma gap [parsec_ish]"),
        (r"unknown unit 'parsec_ish'.*Correct the header",),
    ),
    "values in another unit": Case(
        GOOD.replace("100,", "0.1,").replace("150,", "0.15,").replace("200,", "0.2,"),
        (),
        (r"3 of 3 values outside.*look like mm: use --map 'comma_gap_um=comma_gap \[mm\]'",),
    ),
    "percent without a unit": Case(
        "sample,porosity\nS1,45\nS2,50\n", (), (r"look like %: use --map 'porosity=porosity \[%\]'",)
    ),
    "degC without a unit": Case(
        "sample,drying_temperature\nS1,80\nS2,60\n", (), (r"look like degC: use --map .*\[degC\]'",)
    ),
    "unknown column": Case(
        GOOD.replace("comma_gap_um", "comma_gab_x"),
        (
            r"column 'comma_gab_x': found an unknown header; .*nearest: comma_gap.*--map 'comma_gab_x=comma_gap \[um\]'",
        ),
    ),
    "two columns for one quantity": Case(
        "comma_gap_um,Coating gap [mm]\n100,0.1\n200,0.2\n",
        (r"all mean comma_gap.*--ignore 'Coating gap \[mm\]'",),
    ),
    "repeated header": Case("density,density\n1,1.2\n1.3,1.1\n", ("the header 2 times",)),
    "column without a header": Case(
        "density,,comma_gap_um\n1,2,100\n1.3,1,200\n", ("column '#2'.*without a header",)
    ),
    "unit in the cell": Case(
        GOOD.replace("150", '"12,5 mm"'),
        (r"row 3, column 'comma_gap_um': found '12,5 mm'; .*unit into the header",),
    ),
    "n/a": Case(GOOD.replace("150", "n/a"), (r"row 3, .*found 'n/a'; .*Leave the cell empty",)),
    "below the limit": Case(GOOD.replace("150", "<10"), (r"found '<10'; .*beyond the limit",)),
    "thousands": Case(
        GOOD.replace("150", '"1,150.5"'), (r"found '1,150.5'; .*without marks between thousands",)
    ),
    "underscore": Case(GOOD.replace("150", "1_50"), (r"found '1_50'",)),
    "mixed decimal marks": Case(
        "sample;comma_gap_um\nS1;100,5\nS2;150.5\nS3;200,5\n", (r"found '150.5'; .*Decimal marks are mixed",)
    ),
    "infinite": Case(GOOD.replace("150", "inf"), ("an infinite value",)),
    "zero density": Case(GOOD.replace("1.3", "0"), ("found 0; expected a value above zero for density",)),
    "outside the range": Case(GOOD.replace("150", "9999"), (), ("found 9999 um; expected 10 to 1000 um",)),
    "empty and NaN": Case(
        GOOD.replace("150", "").replace("1.4", "NaN"),
        (),
        (r"comma_gap_um': found 1 empty cell.*row 3", r"density_g_cm3': found 1 empty cell.*row 4"),
    ),
    "copied rows": Case(GOOD + "S1,100,1.2\n", (), ("row 5: found an exact copy of row 2",)),
    "constant column": Case(
        re.sub(r"1\.[234]\n", "1.2\n", GOOD), (), (r"density_g_cm3': found the same value in every row",)
    ),
    "long and short rows": Case(
        GOOD + "S4,210\nS5,1,2,3\n", ("row 5: found 2 cells", "row 6: found 4 cells")
    ),
    "decimal commas in a comma file": Case(
        "sample,comma_gap_um,density_g_cm3\nS1,100,1,2\nS2,150,1,3\n",
        ("row 2: found 4 cells.*decimal commas", "row 3"),
    ),
    "several at once": Case(
        "sample,abc,comma_gap_um\nS1,1,x\nS2,2,y\nS3,3,\n",
        ("'abc'", "row 2, .*found 'x'", "row 3, .*found 'y'"),
        ("row 4, .*1 empty cell",),
    ),
    "nothing": Case("", ("no rows",)),
    "blank": Case("\n\n;;;\n", ("no rows",)),
    "header only": Case("sample,density\n", ("no rows; expected at least one row",)),
    "no header": Case("100,1.2\n150,1.3\n", (r"numbers instead of names \(100, 1.2",)),
    "semicolons and decimal commas": Case(
        "Probe;Comma Gap [µm]\n".replace("Probe", "sample") + "S1;100,5\nS2;200\n"
    ),
    "Windows-1252": Case("sample;Comma Gap [µm]\nS1;100,5\nS2;200\n".encode("cp1252")),
    "UTF-16": Case("sample\tComma Gap [µm]\nS1\t100,5\nS2\t200\n".encode("utf-16")),
    "UTF-8 with mark": Case(GOOD.encode("utf-8-sig")),
    "an image": Case(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x01\x02", ("is not a text file",)),
    "zeros": Case(b"\x00" * 64, ("is not a text file",)),
    "a picture called xlsx": Case(b"\x89PNG\r\n", ("not an Excel workbook",), suffix=".xlsx"),
    "text called parquet": Case("density\n1\n", ("not a readable Parquet file",), suffix=".parquet"),
    "old Excel": Case(b"\xd0\xcf\x11\xe0", (r"Save the old Excel workbook as \.xlsx",), suffix=".xls"),
}


def write(folder: Path, case: Case) -> Path:
    path = folder / f"nmc{case.suffix}"
    path.write_bytes(case.text if isinstance(case.text, bytes) else case.text.encode())
    return path


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_validate_lists_everything(tmp_path: Path, case: Case):
    path = write(tmp_path, case)
    for severity, patterns in (("error", case.errors), ("warning", case.warnings)):
        found = [str(problem) for problem in validate_file(path) if problem.severity == severity]
        assert len(found) == len(patterns), "\n".join(found)
        for pattern, text in zip(patterns, found, strict=True):
            assert re.search(pattern, text), text
            assert "nmc" in text


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_read_refuses_errors_and_keeps_warnings(tmp_path: Path, case: Case):
    path = write(tmp_path, case)
    if case.errors:
        with pytest.raises(DataError, match=case.errors[0]):
            read_table(path)
    else:
        assert len(read_table(path).warnings) == len(case.warnings)


def test_a_thousand_errors_make_a_short_message(tmp_path: Path):
    path = tmp_path / "nmc.csv"
    path.write_text("sample,density\n" + "".join(f"S{i},x{i}\n" for i in range(1000)))
    with pytest.raises(TableError) as caught:
        read_table(path)
    assert len(caught.value.problems) == 1000
    assert len(str(caught.value).splitlines()) == 22
    assert "... and 980 more." in str(caught.value)


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_a_few_rows_are_a_table(tmp_path: Path, n_rows: int):
    path = tmp_path / "nmc.csv"
    path.write_text("".join(GOOD.splitlines(keepends=True)[: n_rows + 1]))
    assert len(read_table(path)) == n_rows
