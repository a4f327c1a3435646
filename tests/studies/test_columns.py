"""Choosing inputs: what serves is taken, what does not is named with its reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ionbridge.datasets import Table
from ionbridge.exceptions import ConfigurationError, DataError, UnknownNameError
from ionbridge.studies.columns import InputChoice, choose_inputs
from ionbridge.transfer import make_strategy
from tests.studies.stand_ins import STRATEGIES, make_table

SOURCE, TARGET = make_table(12, seed=1), make_table(10, shift=0.4, seed=2)


def choose(source: Table = SOURCE, target: Table = TARGET, **settings: Any) -> InputChoice:
    return choose_inputs(
        source,
        target,
        **{"outputs": ["density"], "inputs": None, "strategy": make_strategy("auto")} | settings,
    )


def with_columns(table: Table, **columns: Any) -> Table:
    return Table.from_frame(pd.DataFrame({**table.frame, **columns}), domain=table.domain)


def test_settings_are_chosen_and_labels_and_outputs_are_not() -> None:
    assert choose() == InputChoice(("roll_gap", "solid_content"), ())


def test_results_need_to_be_named() -> None:
    porosity = np.linspace(0.3, 0.4, 10)
    target = with_columns(TARGET, porosity=porosity)
    assert choose(target=target).names == ("roll_gap", "solid_content")
    assert "being results themselves: porosity" in choose(target=target).notes[0]
    named = choose(target=target, inputs=["porosity", "roll_gap"])
    assert named.names == ("porosity", "roll_gap")


def test_the_coating_is_a_setting_of_calendering_only() -> None:
    more = {"coating_weight": np.linspace(100, 200, 10), "density_after_calendering": np.linspace(2, 3, 10)}
    target = with_columns(TARGET, **more)
    source = with_columns(SOURCE, density_after_calendering=np.linspace(1, 2, 12))
    assert "coating_weight" not in choose(target=target).names
    assert "coating_weight" in choose(source, target, outputs=["density_after_calendering"]).names


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        pytest.param(
            np.full(10, 0.5), "roll_speed is left out: it is the same in every target row", id="constant"
        ),
        pytest.param(
            [np.nan] * 5 + [0.1, 0.2, 0.3, 0.4, 0.5], "50 % of its target values are missing", id="gaps"
        ),
    ],
)
def test_columns_that_tell_nothing_are_left_out(column: Any, reason: str) -> None:
    choice = choose(target=with_columns(TARGET, roll_speed=column))
    assert choice.names == ("roll_gap", "solid_content")
    assert reason in choice.notes[0]


def test_a_target_only_column_is_used_where_the_strategy_can() -> None:
    target = with_columns(TARGET, roll_speed=np.linspace(0.1, 0.5, 10))
    assert "roll_speed" in choose(target=target).names
    refused = choose(target=target, strategy=STRATEGIES["source_line"])
    assert "roll_speed" not in refused.names
    assert "the source lacks it" in refused.notes[0]


def test_a_source_only_column_is_noted() -> None:
    choice = choose(source=with_columns(SOURCE, roll_speed=np.linspace(0.1, 0.5, 12)))
    assert choice.notes == ("only the source has roll_speed; the target's model cannot use them.",)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        pytest.param(
            {"outputs": ["densty"]}, UnknownNameError, "nearest known: density", id="misspelt output"
        ),
        pytest.param({"inputs": []}, ConfigurationError, "'inputs' must be a list", id="no inputs"),
        pytest.param({"inputs": "roll_gap"}, ConfigurationError, "got 'roll_gap'", id="text for a list"),
        pytest.param({"inputs": ["sample_id"]}, ConfigurationError, "is text in the target", id="label"),
        pytest.param({"inputs": ["density"]}, ConfigurationError, "both 'inputs' and 'outputs'", id="output"),
        pytest.param(
            {"inputs": ["rol_gap"]}, UnknownNameError, "nearest known: roll_gap", id="misspelt input"
        ),
    ],
)
def test_bad_requests_are_refused(settings: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        choose(**settings)


def test_tables_without_a_common_input_are_refused() -> None:
    source = SOURCE.select(["density", "sample_id"])
    with pytest.raises(DataError, match="no column that varies and is complete is in both tables"):
        choose(source=source)
    with pytest.raises(UnknownNameError, match="the source table has none of the inputs"):
        choose(source=source, inputs=["roll_gap"])
