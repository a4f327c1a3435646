"""Repeated random splits of target rows, nested over training sizes.

Which sizes and how many splits is decided in `design.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ionbridge.exceptions import InsufficientDataError
from ionbridge.studies.design import Size

__all__ = ["Split", "nested_rows", "repeated_splits", "splits_sha256"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """One division of the rows.

    Parameters
    ----------
    index : number of the split.
    test : rows held out, the same for every training size.
    train : the other rows in random order; a smaller training set is a beginning of a larger one.
    """

    index: int
    test: IntArray
    train: IntArray

    def rows(self, size: Size) -> IntArray:
        """Training rows of a given size."""
        return self.train if size == "all" else self.train[:size]


def repeated_splits(
    n_rows: int,
    n_splits: int,
    *,
    test_fraction: float = 0.3,
    min_test_rows: int = 3,
    random_state: int = 0,
    groups: Sequence[Hashable] | None = None,
) -> list[Split]:
    """Draw random splits; split number i does not depend on how many there are.

    Parameters
    ----------
    n_rows : rows to divide.
    test_fraction, min_test_rows : at least so many rows are held out.
    groups : shape (n_rows,); rows with an equal entry stay on the same side.

    Raises
    ------
    InsufficientDataError
        If fewer than 2 training rows, or fewer than 2 groups, would remain.
    """
    labels = np.arange(n_rows) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    n_groups = len(np.unique(labels))
    if n_groups < 2:
        raise InsufficientDataError(
            f"a split needs at least 2 groups of rows; got {n_groups}. Leave 'group' out, or choose another column."
        )
    n_test = max(min_test_rows, round(test_fraction * n_rows))
    splits = []
    for index in range(n_splits):
        random = np.random.default_rng([random_state, index])
        order = random.permutation(n_groups)
        sizes = np.bincount(labels)[order]
        n_held_out = min(int(np.searchsorted(np.cumsum(sizes), n_test)) + 1, n_groups - 1)
        is_test = np.isin(labels, order[:n_held_out])
        train = random.permutation(np.flatnonzero(~is_test))
        if len(train) < 2:
            raise InsufficientDataError(
                f"{n_rows} rows in {n_groups} groups leave {len(train)} to learn from when {n_test} are held out; "
                "measure more rows, or lower 'test_fraction' and 'min_test_rows'."
            )
        splits.append(Split(index, np.flatnonzero(is_test), train))
    return splits


def splits_sha256(splits: Sequence[Split]) -> str:
    """Hash of which rows stand where in every split, hexadecimal; equal on every machine.

    Two studies with the same hash held out the same rows, and learned from the same rows in the same order.
    """
    digest = hashlib.sha256(b"ionbridge splits 1")
    for split in splits:
        for rows in (split.test, split.train):
            digest.update(np.array([len(rows), *rows], dtype="<i8").tobytes())
    return digest.hexdigest()


def nested_rows(n_rows: int, size: Size, random_state: int, seed: int) -> IntArray:
    """Choose `size` of the source rows, sorted; a smaller choice is part of a larger one."""
    order = np.random.default_rng([random_state, seed, n_rows]).permutation(n_rows)
    return np.arange(n_rows) if size == "all" else np.sort(order[:size])
