"""Ensembles of networks with their cross-fitted twins: scaling, training as one stack, prediction.

The scikit-learn face is `models/network.py`; starting from a source model is
`transfer/networks.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ionbridge.models.base import FloatArray
from ionbridge.models.engine.base import Float32Array
from ionbridge.models.engine.mlp import StackedMLP
from ionbridge.models.engine.settings import TrainingSettings
from ionbridge.models.engine.training import predict_stack, train_stack
from ionbridge.models.folds import assign_folds

__all__ = [
    "CrossFitTask",
    "NetworkEnsemble",
    "Scaling",
    "Space",
    "cross_fit",
    "draw_folds",
    "group_rows",
    "out_of_fold",
    "to_space",
]

Space = Literal["log", "standard", "raw"]


@dataclass(frozen=True)
class Scaling:
    """How each group of networks sees inputs and outputs; group 0 is final, the others are folds.

    Parameters
    ----------
    space : networks learn log(y), y, or y as it is (``"raw"``, with mean 0 and scale 1).
    input_mean, input_scale : shape (n_groups, n_features)
    output_mean, output_scale : shape (n_groups,) of log(y) or y.
    output_limits : shape (n_groups, 2) of log(y) or y; predictions are clipped to them.
    """

    space: Space
    input_mean: FloatArray
    input_scale: FloatArray
    output_mean: FloatArray
    output_scale: FloatArray
    output_limits: FloatArray

    @classmethod
    def of_rows(cls, X: FloatArray, y: FloatArray, groups: NDArray[np.bool_], space: Space) -> Scaling:
        """Measure mean and standard deviation on the training rows of each group.

        Parameters
        ----------
        X : shape (n_rows, n_features)
        y : shape (n_rows,)
        groups : shape (n_groups, n_rows); the rows each group learns from.
        """
        t, n_groups = to_space(y, space), len(groups)
        limits = np.array([_limits(t[rows], space) for rows in groups])
        means, scales = zip(*(_moments(X[rows]) for rows in groups), strict=True)
        if space == "raw":
            output_mean, output_scale = np.zeros(n_groups), np.ones(n_groups)
        else:
            moments = [_moments(t[rows, None]) for rows in groups]
            output_mean = np.array([mean[0] for mean, _ in moments])
            output_scale = np.array([scale[0] for _, scale in moments])
        return cls(space, np.array(means), np.array(scales), output_mean, output_scale, limits)

    def inputs(self, X: FloatArray) -> FloatArray:
        """Scale inputs for every group, shape (n_groups, n_rows, n_features)."""
        return (X[None] - self.input_mean[:, None]) / self.input_scale[:, None]

    def outputs(self, y: FloatArray) -> FloatArray:
        """Scale outputs for every group, shape (n_groups, n_rows)."""
        return (to_space(y, self.space)[None] - self.output_mean[:, None]) / self.output_scale[:, None]


def to_space(y: FloatArray, space: Space) -> FloatArray:
    """Return log(y) in the log space, else y."""
    return np.log(y) if space == "log" else y


def _moments(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    mean, scale = values.mean(axis=0), values.std(axis=0)
    negligible = scale <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    return mean, np.where(negligible, 1.0, scale)


def _limits(t: FloatArray, space: Space) -> tuple[float, float]:
    if space != "log":
        return -np.inf, np.inf
    room = np.ptp(t) + np.log(3.0)  # exp() turns a long extrapolation into nonsense
    return float(t.min() - room), float(t.max() + room)


@dataclass(frozen=True, eq=False)
class NetworkEnsemble:
    """Trained networks: `n_members` final ones and as many for each fold.

    Parameters
    ----------
    hidden, activations, film : as of `StackedMLP`.
    weights : shape (n_groups, n_members, n_parameters); group 0 is final, group f + 1 left out fold f.
    scaling : how each group sees inputs and outputs.
    """

    hidden: tuple[int, ...]
    activations: tuple[str, ...]
    film: bool
    weights: Float32Array
    scaling: Scaling

    @property
    def module(self) -> StackedMLP:
        """The architecture; a second output (a variance) is left out of predictions."""
        n_inputs = self.scaling.input_mean.shape[1]
        one = StackedMLP(n_inputs, self.hidden, activation=tuple(self.activations), film=self.film)
        if self.weights.shape[-1] == one.n_parameters:
            return one
        return StackedMLP(n_inputs, self.hidden, 2, activation=tuple(self.activations), film=self.film)

    def predict(self, X: FloatArray, groups: slice = slice(None)) -> FloatArray:
        """Predict by the given groups, shape (n_groups, n_rows) [y]."""
        scaling = self.scaling
        outputs = self.member_outputs(X, groups) * scaling.output_scale[groups, None, None]
        outputs += scaling.output_mean[groups, None, None]
        limits = scaling.output_limits[groups]
        if scaling.space == "log":
            np.clip(outputs, limits[:, :1, None], limits[:, 1:, None], out=outputs)
        mean = outputs.mean(axis=1)
        return np.exp(mean) if scaling.space == "log" else mean

    def member_outputs(self, X: FloatArray, groups: slice = slice(None)) -> FloatArray:
        """Outputs of each network in scaled coordinates, shape (n_groups, n_members, n_rows)."""
        module, scaling = self.module, self.scaling
        outputs = np.empty((len(self.weights[groups]), self.weights.shape[1], len(X)))
        for g, (weights, mean, scale) in enumerate(
            zip(self.weights[groups], scaling.input_mean[groups], scaling.input_scale[groups], strict=True)
        ):
            outputs[g] = predict_stack(module, weights, (X - mean) / scale)[..., 0]
        return outputs


@dataclass(frozen=True)
class CrossFitTask:
    """One dataset for which an ensemble and its fold twins are trained.

    Parameters
    ----------
    X : shape (n_rows, n_features)
    y : shape (n_rows,)
    fold : shape (n_rows,); the fold each row is left out from; all -1 trains the final group alone.
    scaling : of every group.
    seed : of everything random.
    initial : shape (n_groups, n_members, n_parameters); None draws them.
    """

    X: FloatArray
    y: FloatArray
    fold: NDArray[np.int64]
    scaling: Scaling
    seed: int
    initial: Float32Array | None = field(default=None)


def draw_folds(n_rows: int, n_folds: int, seed: int, groups: NDArray[Any] | None = None) -> NDArray[np.int64]:
    """Deal rows to folds of nearly equal size; never more folds than rows; -1 everywhere for none.

    Rows with the same label in `groups`, shape (n_rows,), share a fold.
    """
    n_folds = min(n_folds, n_rows)
    if n_folds < 2:
        return np.full(n_rows, -1, dtype=np.int64)
    return assign_folds(n_rows, n_folds, seed, groups)


def group_rows(fold: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows that each group learns from, shape (n_groups, n_rows): all of them, then all but fold f."""
    return np.stack([np.ones(len(fold), dtype=bool), *(fold != f for f in range(int(fold.max()) + 1))])


def cross_fit(
    module: StackedMLP,
    tasks: Sequence[CrossFitTask],
    *,
    settings: TrainingSettings,
    n_members: int,
    learning_rate: float,
    validation_fraction: float = 0.0,
    trainable: NDArray[np.bool_] | None = None,
    anchor_strength: Float32Array | float = 0.0,
) -> list[NetworkEnsemble]:
    """Train the ensembles of all tasks, final and fold members alike, as one stack.

    Parameters
    ----------
    validation_fraction : part of each member's rows that is kept from training.
    trainable : shape (n_parameters,)
    anchor_strength : scalar or shape (n_parameters,)
        Pull towards the initial parameters, shared by the rows: each member gets this strength
        divided by its number of training rows, as a prior would.
    """
    groups = [group_rows(task.fold) for task in tasks]
    n_rows = max(len(task.y) for task in tasks)
    n_stack = sum(len(g) for g in groups) * n_members
    X = np.zeros((n_stack, n_rows, module.n_inputs), dtype=np.float32)
    y = np.ones((n_stack, n_rows), dtype=np.float32)
    train, validation = np.zeros((2, n_stack, n_rows), dtype=bool)
    seeds = np.empty(n_stack, dtype=np.int64)
    start, places = 0, []
    for task, rows in zip(tasks, groups, strict=True):
        count, place = len(task.y), slice(start, start + len(rows) * n_members)
        X[place, :count] = np.repeat(task.scaling.inputs(task.X), n_members, axis=0)
        y[place, :count] = np.repeat(task.scaling.outputs(task.y), n_members, axis=0)
        train[place, :count] = np.repeat(rows, n_members, axis=0)
        seeds[place] = np.random.SeedSequence([4, task.seed]).generate_state(len(rows) * n_members)
        places.append(place)
        start = place.stop
    if validation_fraction > 0.0:
        for member, seed in enumerate(seeds):
            _hold_out(train[member], validation[member], validation_fraction, int(seed))
    initial = None
    if tasks[0].initial is not None:
        initial = np.concatenate([_flat(task.initial, module) for task in tasks])
    strength = np.broadcast_to(np.asarray(anchor_strength, dtype=np.float32), (module.n_parameters,))
    trained = train_stack(
        module,
        X,
        y,
        seeds=seeds.tolist(),
        settings=settings,
        learning_rate=learning_rate,
        train_mask=train,
        validation_mask=validation,
        initial=initial,
        trainable=trainable,
        anchor_strength=strength / train.sum(axis=1, keepdims=True) if strength.any() else 0.0,
    )
    return [
        NetworkEnsemble(
            hidden=module.hidden,
            activations=module.activations,
            film=module.film,
            weights=trained.parameters[place].reshape(len(rows), n_members, -1),
            scaling=task.scaling,
        )
        for task, rows, place in zip(tasks, groups, places, strict=True)
    ]


def _flat(initial: Float32Array | None, module: StackedMLP) -> Float32Array:
    assert initial is not None
    return initial.reshape(-1, module.n_parameters)


def _hold_out(train: NDArray[np.bool_], validation: NDArray[np.bool_], fraction: float, seed: int) -> None:
    rows = np.flatnonzero(train)
    n_held = min(max(1, round(fraction * len(rows))), len(rows) - 1)
    held = np.random.default_rng([2, seed]).permutation(rows)[:n_held]
    train[held], validation[held] = False, True


def out_of_fold(ensemble: NetworkEnsemble, X: FloatArray, fold: NDArray[np.int64]) -> FloatArray:
    """Prediction of each row by the group that left it out, shape (n_rows,) [y]; NaN without folds."""
    predicted = np.full(len(X), np.nan)
    for f in range(int(fold.max()) + 1):
        rows = fold == f
        predicted[rows] = ensemble.predict(X[rows], slice(f + 1, f + 2))[0]
    return predicted
