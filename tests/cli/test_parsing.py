"""Option values: what text is accepted, and what is said about the rest."""

from __future__ import annotations

import click
import pytest

from ionbridge.cli.parsing import GOAL, NAMES, RANGE, SETTING, SIZES, STRATEGIES, STRATEGY, Stated, resolved
from ionbridge.exceptions import UnitError, UnknownNameError
from ionbridge.quantities import quantity


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (NAMES, "a, b,,c", ("a", "b", "c")),
        (SIZES, "5,10,all", (5, 10, "all")),
        (STRATEGY, "auto", "auto"),
        (STRATEGIES, "auto,pooled", ("auto", "pooled")),
        (SETTING, "comma_gap=150", ("comma_gap", 150.0)),
        (SETTING, "comma_gap = 0.15 mm", ("comma_gap", 150.0)),
        (SETTING, "comma_gap=1.5e2um", ("comma_gap", 150.0)),
        (GOAL, "density=1.5", ("density", 1.5)),
        (GOAL, "density=1500 kg/m^3", ("density", 1.5)),
        (GOAL, "mass_loading=max", ("mass_loading", "max")),
        (GOAL, "density=1400:1600 kg/m^3", ("density", (1.4, 1.6))),
        (RANGE, "roll_gap=20:80", ("roll_gap", (20.0, 80.0))),
        (RANGE, "roll_gap=0.02:0.08 mm", ("roll_gap", (20.0, 80.0))),
        (RANGE, "x=-1:.5 mm", ("x", Stated((-1.0, 0.5), "mm"))),
    ],
)
def test_good_values(kind: click.ParamType, text: str, value: object) -> None:
    assert _close(kind.convert(text, None, None), value)


def _close(found: object, expected: object) -> bool:
    if isinstance(expected, tuple):
        return isinstance(found, tuple) and all(map(_close, found, expected)) and len(found) == len(expected)
    return found == (pytest.approx(expected) if isinstance(expected, float) else expected)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (NAMES, " , ", "separated by commas"),
        (SIZES, "5,ten", "whole numbers or 'all'.*'ten'"),
        (SIZES, "5,-1", "whole numbers or 'all'"),
        (STRATEGY, "magic", "'magic' is none of: auto"),
        (STRATEGIES, "auto,magic", "'magic' is none of: auto"),
        (SETTING, "comma_gap", "expected NAME=VALUE"),
        (SETTING, "comma_gap=wide", "expected a number after 'comma_gap='; got 'wide'"),
        (SETTING, "comma_gap=max", "expected a number"),
        (GOAL, "density=big", "expected a number or one of max, min"),
        (RANGE, "roll_gap=20", "expected NAME=LOW:HIGH"),
        (RANGE, "roll_gap=80:20", "must be below"),
    ],
)
def test_bad_values(kind: click.ParamType, text: str, message: str) -> None:
    with pytest.raises(click.BadParameter, match=message):
        kind.convert(text, None, None)


def test_unknown_quantities_and_units_are_named() -> None:
    with pytest.raises(UnknownNameError, match="roll_gap"):
        resolved(dict([SETTING.convert("rol_gap=0.1 mm", None, None)]), {"roll_gap": quantity("roll_gap")})
    with pytest.raises(UnitError, match=r"comma_gap|kg"):
        SETTING.convert("comma_gap=1 kg", None, None)


def test_temperatures_need_their_unit() -> None:
    assert SETTING.convert("drying_temperature=80 degC", None, None)[1] == pytest.approx(353.15)
    with pytest.raises(UnitError, match="degC or K; say which"):
        SETTING.convert("drying_temperature=80", None, None)


def test_last_name_of_a_list_is_completed() -> None:
    context = click.Context(click.Command("study"))
    found = STRATEGIES.shell_complete(context, click.Option(["--strategies"]), "auto,hier")
    assert [item.value for item in found] == ["auto,hierarchical_gp"]
