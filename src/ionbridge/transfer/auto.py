"""The automatic strategy: an average of models, weighted by their out-of-sample errors."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone

from ionbridge.execution import watched
from ionbridge.models import FloatArray, Forest, GaussianProcess
from ionbridge.models.cross_fitted import gradient_boosting
from ionbridge.models.folds import assign_folds
from ionbridge.transfer.base import AbstractStrategy, Needs, TransferProblem
from ionbridge.transfer.baselines import TargetOnly
from ionbridge.transfer.hierarchical_gp import HierarchicalGP, output_calibration
from ionbridge.transfer.source_feature import SourceFeature
from ionbridge.transfer.source_only import SourceOnly

__all__ = ["Auto", "default_members"]


def default_members() -> dict[str, AbstractStrategy]:
    """The models that `Auto` averages: with and without the source, from rigid to flexible.

    Every target-only family that users know stands among them, so that `auto` is never far behind
    one that happens to suit the data.
    """
    return {
        "hierarchical_gp": HierarchicalGP(),
        "hierarchical_gp_no_trend": HierarchicalGP(linear=False),
        "hierarchical_gp_linear_space": HierarchicalGP(space="linear"),
        "output_calibration": output_calibration(),
        "gaussian_process": TargetOnly(GaussianProcess(linear=False)),
        "gaussian_process_trend": TargetOnly(GaussianProcess()),
        "source_feature": SourceFeature(),
        "linear": TargetOnly("linear"),
        "random_forest": TargetOnly(Forest(n_trees=50)),
        "gradient_boosting": TargetOnly(gradient_boosting(n_trees=50, learning_rate=0.15)),
        "source_only": SourceOnly(),
        "mean": TargetOnly("mean"),
    }


class Auto(AbstractStrategy):
    """Average of several strategies and target-only models.

    Weights are proportional to ``(out-of-sample error)^-power``, the error being the mean absolute
    percentage error (the mean absolute error where outputs are not all positive). The
    out-of-sample prediction of each row uses weights found without that row, so that `auto` is
    judged as honestly as its members.

    Parameters
    ----------
    members : strategies by name; None means `default_members`.
    power : how sharply the weights follow the errors; None means ``2 sqrt(n)`` of n target rows (or groups
        of rows), between 4 and 16, since the errors of more rows can be trusted more.
    random_state : seed handed to every member.

    Attributes
    ----------
    weights_ : dict of str to float; weight of each member.
    errors_ : dict of str to float; out-of-sample error of each member [% or y].
    members_ : dict of str to fitted strategy, those with a weight above 0.1 %.
    """

    needs: ClassVar[Needs] = "source model"
    supports_target_only_inputs: ClassVar[bool] = True

    def __init__(
        self,
        members: Mapping[str, AbstractStrategy] | None = None,
        power: float | None = None,
        random_state: int = 0,
    ):
        self.members = members
        self.power = power
        self.random_state = random_state

    def source_key(self) -> Hashable:
        """One set of source models for all members."""
        return ("auto", tuple((n, m.source_key()) for n, m in self._members().items()))

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> Any:
        """Prepare what each member needs, once for equal needs; a dict by member name."""
        by_key: dict[Hashable, Any] = {}
        prepared = {}
        for name, member in self._members().items():
            key = member.source_key()
            if key not in by_key:
                by_key[key] = member.prepare_source(X, y, random_state)
            prepared[name] = by_key[key]
        return prepared

    def _members(self) -> Mapping[str, AbstractStrategy]:
        return default_members() if self.members is None else self.members

    def _fit(self, problem: TransferProblem) -> None:
        source = problem.source_model
        if source is None and len(problem.y_source):
            source = self.prepare_source(problem.X_source, problem.y_source, problem.random_state)
        fitted = {}
        for name, member in watched(self._members().items(), "models"):
            own = source.get(name) if isinstance(source, Mapping) else source
            part = replace(problem, source_model=None if member.needs == "nothing" else own)
            if member.needs == "nothing" or part.has_source:
                fitted[name] = clone(member).fit_problem(part)
        self._weigh(fitted, problem)

    def _weigh(self, fitted: dict[str, AbstractStrategy], problem: TransferProblem) -> None:
        """Weights from the out-of-sample errors; of each row's own average, from all others."""
        y = problem.y_target
        n_rows = len(y)
        out_of_fold = np.stack([m.out_of_fold_ for m in fitted.values()])
        error = np.abs(out_of_fold - y)
        if np.all(y > 0):
            error = 100.0 * error / y
        self.is_log_ = bool(np.all(y > 0) and np.all(out_of_fold > 0))
        self.errors_ = dict(zip(fitted, error.mean(axis=1).tolist(), strict=True))
        fold = assign_folds(n_rows, n_rows, problem.random_state, problem.groups)
        n_groups = len(np.unique(fold))
        power = float(np.clip(2 * np.sqrt(n_groups), 4, 16)) if self.power is None else self.power
        weights = _weights(error.mean(axis=1), power)
        alike = (fold[:, None] == fold[None, :]).astype(float)  # rows that are left out together
        n_others = n_rows - alike.sum(axis=0)
        without = _weights((error.sum(axis=1, keepdims=True) - error @ alike) / n_others, power)
        kept = weights > 1e-3
        names = [name for name, keep in zip(fitted, kept, strict=True) if keep]
        self.weights_ = dict(zip(names, (weights[kept] / weights[kept].sum()).tolist(), strict=True))
        self.members_ = {name: fitted[name] for name in names}
        self.fold_weights_ = without[kept] / without[kept].sum(axis=0)
        self.fold_ = np.arange(n_rows)
        self.out_of_fold_ = self._inverse((self.fold_weights_ * self._forward(out_of_fold[kept])).sum(axis=0))

    def _forward(self, y: FloatArray) -> FloatArray:
        return np.log(np.maximum(y, np.finfo(float).tiny)) if self.is_log_ else y

    def _inverse(self, z: FloatArray) -> FloatArray:
        return np.exp(z) if self.is_log_ else z

    def _predict(self, X: FloatArray) -> FloatArray:
        parts = np.stack([self._forward(m.predict(X)) for m in self.members_.values()])
        return self._inverse(np.array(list(self.weights_.values())) @ parts)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        total = np.zeros((len(self.fold_), len(X)))
        for weight, member in zip(self.fold_weights_, self.members_.values(), strict=True):
            total += weight[:, None] * self._forward(member.predict_folds(X)[member.fold_])
        return self._inverse(total)


def _weights(error: FloatArray, power: float) -> FloatArray:
    """Normalised weights along the first axis from errors of the same shape."""
    relative = error / np.maximum(error.min(axis=0), 1e-12)
    weights = np.maximum(relative, 1.0) ** -power
    return weights / weights.sum(axis=0)
