"""`WinsorizedAuto`: the average of `Auto` for lives, in which no member can go far from the others.

Which members there are is `members.py` (one chemistry) and `strategies.py` (transfer).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np

from ionbridge.models import FloatArray
from ionbridge.transfer import AbstractStrategy, TransferProblem
from ionbridge.transfer.auto import Auto
from ionbridge.transfer.base import Needs

__all__ = ["WinsorizedAuto", "weighted_median"]

USUAL_SHARE = 0.9  # of the training cells, on which members disagree as much as usual
SMALLEST_WIDTH = 0.02  # of log-life: members closer than that agree


class WinsorizedAuto(AbstractStrategy):
    """Weighted mean of log-lives after pulling every member towards their median.

    Weights are those of `Auto`. A member whose log-life lies further from the (weighted) median
    than `width` times the median distance among the training cells counts as if it lay there: a
    linear model that extrapolates wildly for one cell moves the average no more than the next one.
    Width and power were chosen by nested cross-validation inside the MATR and HUST training cells.
    The weighted median needs some dozens of cells: of four, it is the member that was lucky.

    Parameters
    ----------
    members : strategies by name, as of `Auto`.
    power : how sharply the weights follow the errors, as of `Auto`.
    width : in median distances; 1.5 is about one standard deviation of normal ones.
    has_weighted_median : whether the members are pulled towards their weighted median; else to the plain one.
    random_state : seed handed to every member.

    Attributes
    ----------
    auto_ : the fitted average that gives members and weights.
    width_ : largest distance from the weighted median [log-life].
    usual_spread_ : standard deviation over the members that nine in ten left-out cells do not exceed [log-life].
    """

    needs: ClassVar[Needs] = "source data"
    supports_target_only_inputs: ClassVar[bool] = True

    def __init__(
        self,
        members: Mapping[str, AbstractStrategy],
        power: float = 4.0,
        width: float = 1.5,
        has_weighted_median: bool = True,
        random_state: int = 0,
    ):
        self.members = members
        self.power = power
        self.width = width
        self.has_weighted_median = has_weighted_median
        self.random_state = random_state

    def _made(self) -> Auto:
        return Auto(dict(self.members), self.power, self.random_state)

    def source_key(self) -> Hashable:
        """That of the average."""
        return ("winsorized", self._made().source_key())

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> Any:
        """Prepare what each member needs."""
        return self._made().prepare_source(X, y, random_state)

    @property
    def members_(self) -> dict[str, AbstractStrategy]:
        """Fitted members by name, those with a weight above 0.1 %."""
        return self.auto_.members_

    @property
    def weights_(self) -> dict[str, float]:
        """Weight of each of them."""
        return self.auto_.weights_

    @property
    def errors_(self) -> dict[str, float]:
        """Out-of-sample error of every member [%]."""
        return self.auto_.errors_

    def _fit(self, problem: TransferProblem) -> None:
        self.auto_ = self._made().fit_problem(problem)
        left_out = _log([m.out_of_fold_ for m in self.members_.values()])
        distance = np.abs(left_out - self._middle(left_out, self.auto_.fold_weights_))
        self.width_ = max(self.width * float(np.median(distance)), SMALLEST_WIDTH)
        spread = _spread(left_out, self.auto_.fold_weights_)
        self.usual_spread_ = max(float(np.quantile(spread, USUAL_SHARE)), SMALLEST_WIDTH)
        self.fold_ = self.auto_.fold_
        self.out_of_fold_ = self._average(left_out, self.auto_.fold_weights_)

    def _middle(self, log_lives: FloatArray, weights: FloatArray) -> FloatArray:
        return (
            weighted_median(log_lives, weights) if self.has_weighted_median else np.median(log_lives, axis=0)
        )

    def _average(self, log_lives: FloatArray, weights: FloatArray) -> FloatArray:
        middle = self._middle(log_lives, weights)
        pulled = np.clip(log_lives, middle - self.width_, middle + self.width_)
        return np.exp((weights * pulled).sum(axis=0))

    def disagreement(self, X: FloatArray) -> FloatArray:
        """How far the members are apart, in spreads that are usual for left-out cells, shape (n_cells,) [-]."""
        return _spread(*self._said(X)) / self.usual_spread_

    def _predict(self, X: FloatArray) -> FloatArray:
        return self._average(*self._said(X))

    def _said(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log-lives by the members and their weights, each of shape (n_members, n_cells)."""
        log_lives = _log([m.predict(X) for m in self.members_.values()])
        weights = np.array(list(self.weights_.values()))[:, None]
        return log_lives, np.broadcast_to(weights, log_lives.shape)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        parts = _log([m.predict_folds(X)[m.fold_] for m in self.members_.values()])
        weights = self.auto_.fold_weights_[:, :, None]
        return self._average(parts, np.broadcast_to(weights, parts.shape))


def weighted_median(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Lower weighted median along the first axis of `values`; `weights` have the same shape and sum to one."""
    order = np.argsort(values, axis=0)
    share = np.cumsum(np.take_along_axis(weights, order, axis=0), axis=0)
    place = (share >= 0.5 - 1e-12).argmax(axis=0)
    return np.take_along_axis(np.take_along_axis(values, order, axis=0), place[None], axis=0)[0]


def _spread(log_lives: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted standard deviation along the first axis."""
    mean = (weights * log_lives).sum(axis=0)
    return np.sqrt((weights * (log_lives - mean) ** 2).sum(axis=0))


def _log(lives: list[FloatArray]) -> FloatArray:
    return np.log(np.maximum(np.stack(lives), 1.0))
