"""Assignment of rows to folds, shared by every cross-fitted model."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["assign_folds"]


def assign_folds(n_rows: int, n_folds: int, random_state: int = 0) -> np.ndarray:
    """Assign rows to folds of equal size at random, shape (n_rows,), at most one fold a row."""
    n_folds = max(2, min(n_folds, n_rows))
    return check_random_state(random_state).permutation(np.arange(n_rows) % n_folds)
