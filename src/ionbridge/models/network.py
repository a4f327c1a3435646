"""Neural network regressor: an ensemble, with its cross-fitted twins, trained as one stack.

The training itself is the batched engine in `engine/`; starting from a source model is
`transfer/networks.py`.
"""

from __future__ import annotations

import numbers
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError
from ionbridge.models.base import AbstractCrossFittedRegressor, FloatArray
from ionbridge.models.engine import StackedMLP, TrainingSettings
from ionbridge.models.engine.ensemble import (
    CrossFitTask,
    NetworkEnsemble,
    Scaling,
    Space,
    cross_fit,
    draw_folds,
    group_rows,
    out_of_fold,
)

__all__ = ["NetworkRegressor", "choose_space", "fit_networks"]

Dataset = tuple[ArrayLike, ArrayLike] | tuple[ArrayLike, ArrayLike, NDArray[Any] | None]


class NetworkRegressor(AbstractCrossFittedRegressor):
    """Ensemble of small perceptrons; the members of every fold are trained along with the final ones.

    Parameters
    ----------
    hidden : widths of the hidden layers.
    activation : ``"relu"``, ``"tanh"`` or ``"silu"``.
    loss : ``"mse"``, ``"mape"`` (needs the raw space), ``"huber"`` or ``"gaussian_nll"``.
    space : what the networks learn: log(y), z-scored (``"log"``); z-scored y (``"standard"``);
        y as it is (``"raw"``). ``"auto"`` takes log for positive y, raw for the MAPE loss,
        else standard. Inputs are z-scored always.
    epochs, batch_size, schedule, weight_decay, patience, device : see `TrainingSettings`.
    learning_rate : first (or constant) step size of Adam.
    validation_fraction : part of each member's rows kept from training, for `patience`.
    n_members : networks in the ensemble; their mean, taken in the learned space, is the prediction.
    n_folds : folds for `out_of_fold_`, at most one a row; 0 leaves the folds out, then
        `out_of_fold_` is NaN.
    random_state : seed.

    Attributes
    ----------
    ensemble_ : all trained networks and their scaling.
    fold_, out_of_fold_ : see `AbstractCrossFittedRegressor`.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (64, 64),
        *,
        activation: str = "silu",
        loss: str = "mse",
        space: Literal["auto", "log", "standard", "raw"] = "auto",
        epochs: int = 250,
        batch_size: int | None = 32,
        learning_rate: float = 3e-3,
        schedule: Literal["constant", "cosine"] = "cosine",
        weight_decay: float = 1e-3,
        validation_fraction: float = 0.0,
        patience: int | None = None,
        n_members: int = 5,
        n_folds: int = 5,
        random_state: int | np.random.RandomState | None = 0,
        device: Literal["cpu", "cuda", "auto"] = "cpu",
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.loss = loss
        self.space = space
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.n_members = n_members
        self.n_folds = n_folds
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: ArrayLike, groups: NDArray[Any] | None = None) -> Self:
        """Fit to inputs of shape (n_rows, n_features) and outputs of shape (n_rows,).

        Rows with the same label in `groups`, shape (n_rows,), are left out together.

        Raises
        ------
        InsufficientDataError
            If there are fewer than 2 rows.
        DataError
            If the log space is asked for and an output is not positive.
        ConfigurationError, UnknownNameError
            If a setting is not valid.
        """
        fit_networks([self], [(X, y, groups)])
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict, shape (n_rows,) [y]."""
        check_is_fitted(self, "ensemble_")
        return self.ensemble_.predict(validate_data(self, X, reset=False, dtype=np.float64), slice(0, 1))[0]

    def predict_folds(self, X: ArrayLike) -> FloatArray:
        """Predict by every leave-out ensemble, shape (n_folds, n_rows) [y]; row f belongs to fold f."""
        check_is_fitted(self, "ensemble_")
        return self.ensemble_.predict(validate_data(self, X, reset=False, dtype=np.float64), slice(1, None))

    def _settings(self) -> TrainingSettings:
        return TrainingSettings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            loss=self.loss,
            schedule=self.schedule,
            weight_decay=self.weight_decay,
            patience=self.patience,
            device=self.device,
        )

    def _task(self, X: ArrayLike, y: ArrayLike, groups: NDArray[Any] | None = None) -> CrossFitTask:
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        y = np.asarray(y, dtype=float)
        if len(y) < 2:
            raise InsufficientDataError(
                f"NetworkRegressor needs at least 2 rows; got n_samples = {len(y)}. Measure more rows."
            )
        if not isinstance(self.n_members, numbers.Integral) or self.n_members < 1:
            raise ConfigurationError(f"'n_members' must be an integer of at least 1; got {self.n_members!r}.")
        if not 0.0 <= self.validation_fraction < 1.0:
            raise ConfigurationError(
                f"'validation_fraction' must be at least 0 and below 1; got {self.validation_fraction}."
            )
        seed = int(check_random_state(self.random_state).randint(2**31))
        fold = draw_folds(len(y), self.n_folds, seed, groups)
        space = choose_space(self.space, self.loss, y)
        return CrossFitTask(X, y, fold, Scaling.of_rows(X, y, group_rows(fold), space), seed)

    def _stack_key(self) -> Hashable:
        module = (self.n_features_in_, tuple(self.hidden), self.activation)
        return (
            module,
            self._settings(),
            int(self.n_members),
            float(self.learning_rate),
            float(self.validation_fraction),
        )


def choose_space(space: str, loss: str, y: FloatArray) -> Space:
    """Resolve ``"auto"`` and check that outputs `y` (n_rows,) and `loss` allow the space.

    Raises
    ------
    DataError
        If the log space is asked for and an output is not positive.
    ConfigurationError
        If the space is unknown, or the loss is a percentage of scaled outputs.
    """
    if space == "auto":
        return "raw" if loss == "mape" else "log" if bool((y > 0).all()) else "standard"
    if space not in ("log", "standard", "raw"):
        raise ConfigurationError(f"'space' must be 'auto', 'log', 'standard' or 'raw'; got {space!r}.")
    if loss == "mape" and space != "raw":
        raise ConfigurationError(
            f"loss 'mape' is a percentage of y itself and needs space 'raw'; got {space!r}. "
            "In space 'log' the loss 'mse' has the same aim."
        )
    if space == "log" and not (y > 0).all():
        raise DataError(
            f"space 'log' needs positive outputs; the smallest is {y.min()}. Use space 'standard' or 'auto'."
        )
    return space  # type: ignore[return-value]


def fit_networks(
    regressors: Sequence[NetworkRegressor], datasets: Sequence[Dataset]
) -> Sequence[NetworkRegressor]:
    """Fit each regressor to its dataset, all those of equal architecture and settings as one stack.

    Results do not depend on which regressors are fitted together beyond floating-point rounding.

    Parameters
    ----------
    regressors : fitted in place.
    datasets : one a regressor: inputs (n_rows, n_features), outputs (n_rows,) and, where rows belong
        together, their group labels (n_rows,).

    Returns
    -------
    `regressors`
    """
    stacks: dict[Hashable, list[tuple[NetworkRegressor, CrossFitTask]]] = defaultdict(list)
    for regressor, dataset in zip(regressors, datasets, strict=True):
        task = regressor._task(*dataset)
        stacks[regressor._stack_key()].append((regressor, task))
    for members in stacks.values():
        first = members[0][0]
        module = StackedMLP(
            first.n_features_in_,
            tuple(first.hidden),
            2 if first.loss == "gaussian_nll" else 1,
            activation=first.activation,
        )
        ensembles = cross_fit(
            module,
            [task for _, task in members],
            settings=first._settings(),
            n_members=int(first.n_members),
            learning_rate=float(first.learning_rate),
            validation_fraction=float(first.validation_fraction),
        )
        for (regressor, task), ensemble in zip(members, ensembles, strict=True):
            _finish(regressor, task, ensemble)
    return regressors


def _finish(regressor: Any, task: CrossFitTask, ensemble: NetworkEnsemble) -> None:
    regressor.ensemble_ = ensemble
    regressor.fold_ = task.fold
    regressor.out_of_fold_ = out_of_fold(ensemble, task.X, task.fold)
