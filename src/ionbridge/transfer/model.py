"""`TransferModel`: a fitted strategy with the names, units, intervals and limits around it.

Learning from rows is the strategies' business; judging them over many splits is the studies'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from ionbridge.datasets import Table
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, ShapeError
from ionbridge.models import ApplicabilityDomain, FloatArray, JackknifePlus, Prediction
from ionbridge.quantities import Quantity
from ionbridge.transfer.base import AbstractStrategy, TransferProblem
from ionbridge.transfer.baselines import TargetOnly
from ionbridge.transfer.registry import make_strategy

__all__ = ["TransferModel"]

MIN_TARGET_ROWS = 3


class TransferModel(BaseEstimator):
    """Predicts one quantity of the target domain from others, and says how sure it is.

    Parameters
    ----------
    inputs : quantities the model takes, in column order.
    output : quantity it predicts.
    strategy : registered name, or an unfitted strategy.
    level : nominal coverage of the intervals.
    random_state : seed of the strategy.

    Attributes
    ----------
    strategy_ : the fitted strategy.
    calibrator_ : source of the intervals.
    applicability_ : what the target training rows cover.
    X_target_, y_target_ : shapes (n_target_rows, n_inputs) and (n_target_rows,); training rows
        in house units, kept for explanations and proposals.
    X_source_, y_source_ : the same of the source, or None; inputs the source lacks are NaN.
    source_domain_, target_domain_ : dicts of the domains, or None.
    data_sha256_ : dict of str to str; hashes of the tables.
    cv_mape_, cv_mape_target_only_ : out-of-sample mean absolute percentage error on the target
        training rows, of this model and of a Gaussian process of the target alone [%]; where an
        output is zero, the mean absolute error over the mean absolute output.
    """

    def __init__(
        self,
        inputs: Sequence[Quantity] = (),
        output: Quantity | None = None,
        strategy: str | AbstractStrategy = "auto",
        level: float = 0.9,
        random_state: int = 0,
    ):
        self.inputs = inputs
        self.output = output
        self.strategy = strategy
        self.level = level
        self.random_state = random_state

    def fit(
        self,
        target: Table,
        source: Table | None = None,
        source_model: Any = None,
        group: str | None = None,
    ) -> Self:
        """Adapt to the target.

        Parameters
        ----------
        target : table with every input and the output.
        source : table with the output and at least one of the inputs; None to learn from the
            target alone or from `source_model`.
        source_model : result of the strategy's `prepare_source`, or a model fitted before
            (`adapted.FittedSource`), whose inputs must come first among these, in its order.
        group : label column of the target; rows with the same label (replicates of one condition)
            are left out together when errors and intervals are found.

        Raises
        ------
        InsufficientDataError
            With fewer than three target rows.
        DataError
            If a needed value is missing, or a column constant in the target tells nothing.
        """
        output = self._checked_output()
        names = [q.name for q in self.inputs]
        X_target, y_target = _rows(target, names, output.name)
        if len(y_target) < MIN_TARGET_ROWS:
            raise InsufficientDataError(
                f"a model of {output.name!r} needs at least {MIN_TARGET_ROWS} complete target rows; got "
                f"{len(y_target)}. Measure more rows, or use the strategy 'source_only' on the source table alone."
            )
        if np.ptp(y_target) == 0:
            raise DataError(
                f"every target row has the same {output.name} ({y_target[0]:g}); there is nothing to learn. "
                "Check the column, or add rows that differ."
            )
        X_source, y_source, shared = _source_rows(source, names, output.name)
        known = getattr(source_model, "inputs", None) if source is None else None
        if known is not None:
            shared = np.isin(names, [q.name for q in known])
            self._check_order(known)
        problem = TransferProblem(
            X_source[:, shared],
            y_source,
            X_target,
            y_target,
            shared,
            source_model,
            self.random_state,
            None if group is None else target.column(group),
        )
        made = make_strategy(self.strategy) if isinstance(self.strategy, str) else clone(self.strategy)
        if "random_state" in made.get_params():
            made.set_params(random_state=self.random_state)
        self.strategy_ = made.fit_problem(problem)
        self.calibrator_ = JackknifePlus.from_fitted(self.strategy_, y_target)
        limits = [(q.low, q.high) for q in self.inputs]
        self.applicability_ = ApplicabilityDomain.from_rows(X_target, names, limits)
        self.X_target_, self.y_target_ = X_target, y_target
        self.X_source_: FloatArray | None = X_source if source is not None else None
        self.y_source_: FloatArray | None = y_source if source is not None else None
        self.target_domain_ = target.domain.to_dict()
        self.source_domain_ = (
            getattr(getattr(source_model, "model", None), "target_domain_", None)
            if source is None
            else source.domain.to_dict()
        )
        self.data_sha256_ = {"target": target.sha256} | ({} if source is None else {"source": source.sha256})
        self.cv_mape_ = _mape(y_target, self.strategy_.out_of_fold_)
        alone = TargetOnly(random_state=self.random_state).fit(X_target, y_target, groups=problem.groups)
        self.cv_mape_target_only_ = _mape(y_target, alone.out_of_fold_)
        return self

    def _checked_output(self) -> Quantity:
        if self.output is None or not self.inputs:
            raise ConfigurationError(
                "TransferModel needs 'inputs' (a sequence of Quantity) and 'output' (a Quantity)."
            )
        if self.output.name in {q.name for q in self.inputs}:
            raise ConfigurationError(
                f"the output {self.output.name!r} is also listed in 'inputs'; leave it out there."
            )
        if not 0.0 < self.level < 1.0:
            raise ConfigurationError(f"'level' must lie between 0 and 1, such as 0.9; got {self.level}.")
        return self.output

    def _check_order(self, known: Sequence[Quantity]) -> None:
        names, first = [q.name for q in self.inputs], [q.name for q in known]
        if names[: len(first)] != first:
            raise ConfigurationError(
                f"'inputs' of TransferModel must begin with those of the source model, {first}; got {names}."
            )

    def predict_mean(self, X: FloatArray) -> FloatArray:
        """Central prediction, shape (n_rows,), for inputs (n_rows, n_inputs) in house units."""
        check_is_fitted(self, "strategy_")
        return self.strategy_.predict(X)

    def predict(self, rows: Table | pd.DataFrame | FloatArray, level: float | None = None) -> Prediction:
        """Predict with intervals and the judgement of the domain of applicability.

        Parameters
        ----------
        rows : table, data frame with the input names as columns, or array of shape
            (n_rows, n_inputs), the latter two in house units.
        level : nominal coverage; None means the model's own.

        Raises
        ------
        ShapeError, UnknownNameError, DataError
        """
        check_is_fitted(self, "strategy_")
        X = self.input_values(rows)
        level = self.level if level is None else level
        mean = self.strategy_.predict(X)
        lower, upper = self.calibrator_.interval(self.strategy_, X, level)
        in_domain, reasons = self.applicability_.check(X)
        output = self._checked_output()
        return Prediction(output.name, output.unit, mean, lower, upper, level, in_domain, reasons)

    def input_values(self, rows: Table | pd.DataFrame | FloatArray) -> FloatArray:
        """Inputs as an array of shape (n_rows, n_inputs), checked."""
        names = [q.name for q in self.inputs]
        if isinstance(rows, Table):
            return rows.complete(names).values(names)
        if isinstance(rows, pd.DataFrame):
            missing = [n for n in names if n not in rows.columns]
            if missing:
                raise DataError(
                    f"the input columns {missing} are missing; the model needs {names} in house units."
                )
            rows = rows[names].to_numpy(dtype=float)
        X = np.asarray(rows, dtype=float)
        if X.ndim != 2 or X.shape[1] != len(names):
            raise ShapeError(
                f"inputs must have shape (n_rows, {len(names)}) in the order {names}; got {X.shape}."
            )
        if not np.isfinite(X).all():
            row, column = np.argwhere(~np.isfinite(X))[0]
            raise DataError(
                f"input {names[column]!r} of row {row} is missing or infinite; fill it or leave the row out."
            )
        return X


def _rows(table: Table, names: list[str], output: str) -> tuple[FloatArray, FloatArray]:
    complete = table.complete([*names, output])
    return complete.values(names), complete.column(output)


def _source_rows(
    source: Table | None, names: list[str], output: str
) -> tuple[FloatArray, FloatArray, np.ndarray]:
    """Source inputs with NaN in the columns it lacks, its outputs, and which columns it has."""
    if source is None:
        return np.zeros((0, len(names))), np.zeros(0), np.ones(len(names), dtype=bool)
    shared = np.array([n in source.names for n in names])
    if not shared.any():
        raise DataError(
            f"the source table ({source.provenance.source}) has none of the inputs {names}; map its columns with "
            "'columns', or name inputs that both tables have."
        )
    present = [n for n, has in zip(names, shared, strict=True) if has]
    values, y = _rows(source, present, output)
    X = np.full((len(y), len(names)), np.nan)
    X[:, shared] = values
    return X, y, shared


def _mape(y: FloatArray, predicted: FloatArray) -> float:
    """Mean absolute percentage error; where an output is zero, relative to the mean output [%]."""
    error = np.abs(predicted - y)
    return float(100.0 * (np.mean(error / np.abs(y)) if np.all(y != 0) else error.sum() / np.abs(y).sum()))
