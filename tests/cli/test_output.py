"""What commands print: numbers, tables, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ionbridge.cli.output import Console, format_number, format_pairs, format_table, to_plain, write_csv
from ionbridge.datasets.base import Domain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.23456, "1.23"),
        (12.3456, "12.3"),
        (1234.5, "1234"),
        (0.012345, "0.0123"),
        (9.996, "10.0"),
        (-0.5, "-0.500"),
        (1.5e-7, "1.50e-07"),
        (2.0e9, "2.00e+09"),
        (0.0, "0"),
        (7, "7"),
        (1234567, "1234567"),
        (None, "-"),
        (float("nan"), "-"),
        (float("inf"), "inf"),
        (True, "yes"),
        (False, "no"),
        ("auto", "auto"),
    ],
)
def test_numbers_have_three_significant_digits(value: object, text: str) -> None:
    assert format_number(value) == text


def test_tables_align_text_left_and_numbers_right() -> None:
    text = format_table(("strategy", "MAPE [%]"), [("auto", 4.512), ("mean", 21.0), ("network", None)])
    assert text.splitlines() == [
        "strategy  MAPE [%]",
        "--------  --------",
        "auto          4.51",
        "mean          21.0",
        "network          -",
    ]


def test_empty_table_is_its_header() -> None:
    assert format_table(("a", "b"), []).splitlines() == ["a  b", "-  -"]


def test_pairs_align_their_values() -> None:
    assert format_pairs({"rows": 3, "strategy": "auto"}) == "rows      3\nstrategy  auto"


def test_results_become_plain_json() -> None:
    domain = Domain("nmc", origin="experiment")
    plain = to_plain({"x": float("nan"), "y": (1, 2.5), "path": Path("a"), "domain": domain, 3: None})
    assert plain == {"x": None, "y": [1, 2.5], "path": "a", "domain": domain.to_dict(), "3": None}
    assert json.loads(json.dumps(plain)) == plain


def test_json_leaves_nothing_else_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(as_json=True)
    console.note("working")
    console.result({"a": 1}, "text")
    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": 1}
    assert err == "working\n"


def test_quiet_says_nothing_beside_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(verbosity=-1)
    console.note("working")
    console.result({}, "text")
    assert capsys.readouterr() == ("text\n", "")
    assert not console.progress


def test_csv_files_keep_full_precision(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.csv"
    write_csv(path, ["a", "in_domain"], [[0.1 + 0.2, True], [None, False]])
    assert path.read_text(encoding="utf-8").splitlines() == ["a,in_domain", "0.30000000000000004,yes", ",no"]
