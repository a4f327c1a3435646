"""Adapting a model that was fitted before, such as a saved one, without the rows it learned from.

Strategies and their contract are `base.py`; files of saved models belong to the library.
"""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

from ionbridge.datasets import Table
from ionbridge.exceptions import ConfigurationError, DataError
from ionbridge.models import FloatArray
from ionbridge.transfer.model import TransferModel

__all__ = ["FittedSource", "adapt_model"]


class FittedSource(BaseEstimator):
    """A fitted model in the place of what a strategy learns from source rows.

    Parameters
    ----------
    model : anything with ``inputs``, ``output`` and ``predict_mean``.
    """

    def __init__(self, model: Any = None):
        self.model = model

    @property
    def inputs(self) -> tuple[Any, ...]:
        """Quantities that the model takes, in order."""
        return tuple(self.model.inputs)

    def predict(self, X: FloatArray) -> FloatArray:
        """Predict, shape (n_rows,), for the inputs of the model in its order, in house units."""
        return self.model.predict_mean(X)


def adapt_model(
    fitted: Any,
    target: Table,
    *,
    more_inputs: tuple[str, ...] = (),
    strategy: str = "auto",
    level: float = 0.9,
    group: str | None = None,
    random_state: int = 0,
) -> TransferModel:
    """Adapt a fitted model to the rows of another domain.

    Parameters
    ----------
    fitted : model with ``inputs``, ``output`` and ``predict_mean``, such as a loaded `TransferModel`.
    target : table with all its inputs and its output.
    more_inputs : columns of the target that the model does not know.
    strategy : registered name of one that needs no source rows, such as ``auto``,
        ``hierarchical_gp`` or ``output_calibration``.
    level, group, random_state : as of `TransferModel`.

    Raises
    ------
    DataError
        If the target lacks a column.
    ConfigurationError
        If `fitted` cannot serve as a source.
    InsufficientDataError, UnsupportedInputsError
        From the strategy.
    """
    for name in ("inputs", "output", "predict_mean"):
        if not hasattr(fitted, name):
            raise ConfigurationError(
                f"'fitted' of adapt_model must predict one quantity from others ('{name}' is missing); got a "
                f"{type(fitted).__name__}."
            )
    missing = [q.name for q in (*fitted.inputs, fitted.output) if q.name not in target.names]
    if missing:
        raise DataError(
            f"table {target.domain.name!r} lacks {', '.join(missing)}, which the model takes or predicts; it has: "
            f"{', '.join(target.names)}. Add the columns."
        )
    known = {q.name for q in fitted.inputs}
    extra = tuple(target.quantity(name) for name in more_inputs if name not in known)
    model = TransferModel(
        (*fitted.inputs, *extra), fitted.output, strategy, level=level, random_state=random_state
    )
    return model.fit(target, source_model=FittedSource(fitted), group=group)
