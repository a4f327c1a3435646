"""Assignment of rows to folds, shared by every cross-fitted model."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["assign_folds"]


def assign_folds(
    n_rows: int, n_folds: int, random_state: int = 0, groups: np.ndarray | None = None
) -> np.ndarray:
    """Assign rows to folds of about equal size at random.

    Parameters
    ----------
    n_rows : number of rows.
    n_folds : wanted folds; fewer where there are fewer rows or groups, never fewer than two.
    random_state : seed.
    groups : shape (n_rows,); rows with the same label (replicates, one batch) share a fold. A
        single group tells nothing about new ones and is split by rows.

    Returns
    -------
    shape (n_rows,), integers from 0.
    """
    rng = check_random_state(random_state)
    if groups is not None:
        labels, member = np.unique(groups, return_inverse=True)
        if len(labels) > 1:
            n_folds = max(2, min(n_folds, len(labels)))
            order = rng.permutation(len(labels))
            order = order[np.argsort(-np.bincount(member)[order], kind="stable")]
            size, fold_of = np.zeros(n_folds), np.zeros(len(labels), dtype=np.int64)
            for label in order:  # largest groups first, each to the fold that is smallest so far
                fold_of[label] = np.argmin(size)
                size[fold_of[label]] += np.bincount(member)[label]
            return fold_of[member]
    n_folds = max(2, min(n_folds, n_rows))
    return rng.permutation(np.arange(n_rows) % n_folds)
