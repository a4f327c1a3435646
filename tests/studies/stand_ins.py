"""Small strategies and tables whose behaviour is known, for the tests of this room."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ionbridge.datasets import Domain, Table
from ionbridge.transfer import AbstractStrategy, TransferProblem


class _LeaveOneOut(AbstractStrategy):
    """Base of the stand-ins: fits a line by ridge regression, with true leave-one-out."""

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def _solve(self, X, y):
        A = np.column_stack([np.ones(len(X)), X])
        return np.linalg.solve(A.T @ A + 1e-3 * np.eye(A.shape[1]), A.T @ y)

    def _fit(self, problem: TransferProblem) -> None:
        offset = self._offset(problem)
        X, y = problem.X_target, problem.y_target - offset(problem.X_target)
        self.offset_ = offset
        self.weights_ = self._solve(X, y)
        left = [np.arange(len(y)) != i for i in range(len(y))]
        self.fold_weights_ = np.array([self._solve(X[keep], y[keep]) for keep in left])
        self.fold_ = np.arange(len(y))
        self.out_of_fold_ = np.diag(self._predict_folds(X)).copy()

    def _predict(self, X):
        return self.offset_(X) + np.column_stack([np.ones(len(X)), X]) @ self.weights_

    def _predict_folds(self, X):
        return self.offset_(X) + self.fold_weights_ @ np.column_stack([np.ones(len(X)), X]).T


class TargetLine(_LeaveOneOut):
    """A baseline: a line through the target rows."""

    needs = "nothing"

    def _offset(self, problem):
        return _zero


class SourceLine(_LeaveOneOut):
    """A strategy: a line through the source rows, corrected by a line."""

    needs = "source model"

    def source_key(self):
        return "source line"

    def prepare_source(self, X, y, random_state=0):
        return self._solve(X, y)

    def _offset(self, problem):
        model = problem.source_model
        if model is None:
            model = self.prepare_source(problem.X_source, problem.y_source)
        return _Line(model)


class Broken(_LeaveOneOut):
    """A strategy that fails."""

    needs = "source data"

    def _offset(self, problem):
        raise ArithmeticError("diverged")


class Demanding(SourceLine):
    """A strategy that needs many rows."""

    min_target_rows = 8


def _zero(X):
    return np.zeros(len(X))


class _Line:
    def __init__(self, weights) -> None:
        self.weights = weights

    def __call__(self, X):
        return np.column_stack([np.ones(len(X)), X]) @ self.weights


STRATEGIES = {"source_line": SourceLine(), "line": TargetLine(), "broken": Broken(), "demanding": Demanding()}


def make_table(n_rows: int, shift: float = 0.0, seed: int = 0) -> Table:
    """Electrodes whose density follows a curved law; `shift` is added in the target."""
    random = np.random.default_rng(seed)
    gap, solid = random.uniform(20, 100, n_rows), random.uniform(30, 60, n_rows)
    shape = np.sin(gap / 12) + solid / 60
    frame = pd.DataFrame(
        {
            "roll_gap": gap,
            "solid_content": solid,
            "density": 2 + shift + 0.5 * shape + random.normal(0, 0.01, n_rows),
            "sample_id": [f"batch {i // 3}" for i in range(n_rows)],
        }
    )
    name = "target" if shift else "source"
    return Table.from_frame(frame, domain=Domain(name, chemistry=name, origin="simulation"))
