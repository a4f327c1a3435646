"""`StudyDesign`: validation and the JSON round trip."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionbridge.exceptions import ConfigurationError
from ionbridge.studies import StudyDesign

MINIMAL = {"output": "density", "inputs": ["roll_gap", "solid_content"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"inputs": []}, "'inputs' .* must not be empty", id="no inputs"),
        pytest.param({"inputs": "roll_gap"}, "'inputs' .* must be a list", id="text for a list"),
        pytest.param({"inputs": ["density"]}, "must not be among 'inputs'", id="output as input"),
        pytest.param({"strategies": ["auto", "auto"]}, "must not repeat", id="repeated strategy"),
        pytest.param({"strategies": ["mean"]}, "must not share names", id="baseline as strategy"),
        pytest.param({"target_sizes": [1]}, "'target_sizes' .* at least 2 or 'all'", id="size too small"),
        pytest.param({"target_sizes": ["some"]}, "'target_sizes' .* got 'some'", id="size is a word"),
        pytest.param({"source_sizes": [True]}, "'source_sizes' .* got True", id="size is a bool"),
        pytest.param({"n_splits": 1}, "'n_splits' .* at least 2; got 1", id="one split"),
        pytest.param({"n_seeds": 1.5}, "'n_seeds' .* whole number", id="fraction of a seed"),
        pytest.param({"random_state": -1}, "'random_state' .* at least 0", id="negative seed"),
        pytest.param({"test_fraction": 1.0}, "'test_fraction' .* between 0 and 1", id="everything held out"),
        pytest.param({"level": 90}, "'level' .* between 0 and 1; got 90", id="level in percent"),
        pytest.param({"settings": {"x": {}}}, r"'settings' .* names \['x'\]", id="settings of nobody"),
        pytest.param({"splits": 3}, r"unknown keys \['splits'\]", id="unknown key"),
    ],
)
def test_bad_fields_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        StudyDesign.from_dict(MINIMAL | change)


def test_missing_fields_are_named() -> None:
    with pytest.raises(ConfigurationError, match=r"needs the keys \['inputs'\]"):
        StudyDesign.from_dict({"output": "density"})


@given(
    sizes=st.lists(st.one_of(st.integers(2, 99), st.just("all")), min_size=1, max_size=4, unique=True),
    n_splits=st.integers(2, 99),
    level=st.floats(0.01, 0.99),
    group=st.none() | st.just("batch_id"),
)
def test_json_round_trip(sizes: list, n_splits: int, level: float, group: str | None) -> None:
    design = StudyDesign(
        **MINIMAL,
        target_sizes=tuple(sizes),
        n_splits=n_splits,
        level=level,
        group=group,
        settings={"auto": {"power": 2}},
    )
    assert StudyDesign.from_dict(json.loads(json.dumps(design.to_dict()))) == design
