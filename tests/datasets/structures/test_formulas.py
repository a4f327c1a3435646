"""Formulas: amounts, host compositions, and errors that say where a typo is."""

from __future__ import annotations

import pytest

from ionbridge.datasets.structures import check_formulas, parse_formula
from ionbridge.exceptions import DataError


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("LiFePO4", {"Li": 1, "Fe": 1, "P": 1, "O": 4}),
        ("Li6.5La3(ZrO4)3", {"Li": 6.5, "La": 3, "Zr": 3, "O": 12}),
        ("Fe₂O₃", {"Fe": 2, "O": 3}),
        ("[Ca(OH)2]2", {"Ca": 2, "O": 4, "H": 4}),
        ("Li10GeP2S12*", {"Li": 10, "Ge": 1, "P": 2, "S": 12}),
    ],
    ids=["plain", "brackets", "subscripts", "nested", "star"],
)
def test_amounts(text: str, amounts: dict[str, float]) -> None:
    assert dict(parse_formula(text).amounts) == pytest.approx(amounts)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("LiFePO4Xq", r"'Xq' is not an element \(character 8"),
        ("Li(PO4", "a bracket is not closed"),
        ("LiPO4)", "never opened"),
        ("4Li", "an amount stands before any element"),
        ("", "a formula is empty"),
        ("Li?O", r"'\?' cannot stand in a formula"),
    ],
    ids=["element", "open", "close", "amount", "empty", "sign"],
)
def test_typos_say_where(text: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        parse_formula(text)


def test_twins_share_their_host() -> None:
    assert parse_formula("LiFePO4").host("Li") == parse_formula("Na4(FePO4)4").host("Na") == "Fe1 O4 P1"
    assert parse_formula("LiFePO4").chemical_system == "Fe-Li-O-P"


def test_a_typo_costs_its_own_row_only() -> None:
    formulas, problems = check_formulas(["LiCoO2", "LiCoo2", "NaCoO2"], "list.csv")
    assert [f is None for f in formulas] == [False, True, False]
    assert [(p.file, p.row, p.severity) for p in problems] == [("list.csv", 3, "error")]
