"""Splits: disjoint, nested, grouped, reproducible."""

from __future__ import annotations

import numpy as np
import pytest

from ionbridge.exceptions import InsufficientDataError
from ionbridge.studies.splits import nested_rows, repeated_splits, splits_sha256


def test_test_rows_are_never_training_rows_and_sizes_are_nested() -> None:
    for split in repeated_splits(30, 5):
        assert len(split.test) == 9
        assert sorted([*split.test, *split.train]) == list(range(30))
        assert set(split.rows(5)) < set(split.rows(10)) < set(split.rows("all"))


def test_splits_are_reproducible_and_do_not_depend_on_their_number() -> None:
    few, many = repeated_splits(20, 2, random_state=4), repeated_splits(20, 6, random_state=4)
    for a, b in zip(few, many, strict=False):
        np.testing.assert_array_equal(a.train, b.train)
    other = repeated_splits(20, 2, random_state=5)
    assert any(list(a.train) != list(b.train) for a, b in zip(few, other, strict=True))


def test_a_group_never_stands_on_both_sides() -> None:
    groups = np.repeat(["a", "b", "c", "d", "e"], [3, 5, 2, 4, 6])
    for split in repeated_splits(20, 10, groups=groups.tolist()):
        assert not set(groups[split.test]) & set(groups[split.train])
        assert len(split.test) >= 6


@pytest.mark.parametrize(
    ("n_rows", "groups", "message"),
    [
        pytest.param(4, None, "4 rows in 4 groups leave 1", id="too few rows"),
        pytest.param(6, ["a"] * 6, "needs at least 2 groups", id="one group"),
    ],
)
def test_too_few_rows_are_refused(n_rows: int, groups: list | None, message: str) -> None:
    with pytest.raises(InsufficientDataError, match=message):
        repeated_splits(n_rows, 2, groups=groups)


def test_source_rows_are_nested_over_sizes() -> None:
    small, large = nested_rows(40, 5, 0, 0), nested_rows(40, 20, 0, 0)
    assert set(small) < set(large)
    np.testing.assert_array_equal(nested_rows(40, "all", 0, 0), np.arange(40))


def test_the_hash_of_splits_names_every_row_and_its_place() -> None:
    splits = repeated_splits(12, 3)
    assert splits_sha256(splits) == splits_sha256(repeated_splits(12, 3))
    assert splits_sha256(splits) == "113a320296cc747b073a3cc8790763d770ba596cb638ee9e06537e0a49a5099e"
    others = (repeated_splits(12, 4), repeated_splits(13, 3), repeated_splits(12, 3, random_state=1))
    assert len({splits_sha256(s) for s in (splits, *others)}) == 4
