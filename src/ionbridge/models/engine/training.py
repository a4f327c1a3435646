"""Training many small networks as one computation: `train_stack`.

Checks the arguments, deals members out to stacks of cache size and collects the results; the
training loop of one stack is `stack.py`, architectures are `mlp.py` and `torch_module.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ionbridge.exceptions import ConfigurationError, ConvergenceError, InsufficientDataError, ShapeError
from ionbridge.models.engine.base import AbstractStackedModule
from ionbridge.models.engine.losses import make_loss
from ionbridge.models.engine.runtime import choose_device, single_thread
from ionbridge.models.engine.settings import TrainedStack, TrainingSettings
from ionbridge.models.engine.stack import MemberPlan, train_chunk

__all__ = ["predict_stack", "train_stack"]

CHUNK_SIZE = {"cpu": 64, "cuda": 512}
PREDICTED_ROWS = 512  # rows at once, whose hidden layers stay in the cache
ROW_MULTIPLE = 64  # full tiles only, so that a row's outputs do not depend on its place among the rows


def train_stack(
    module: AbstractStackedModule,
    X: ArrayLike | Tensor,
    y: ArrayLike | Tensor,
    *,
    seeds: Sequence[int],
    settings: TrainingSettings | None = None,
    learning_rate: ArrayLike = 1e-3,
    train_mask: ArrayLike | None = None,
    validation_mask: ArrayLike | None = None,
    initial: ArrayLike | None = None,
    trainable: ArrayLike | None = None,
    anchor: ArrayLike | None = None,
    anchor_strength: ArrayLike = 0.0,
) -> TrainedStack:
    """Train one member for each seed, all of them together.

    A member's result depends on its own seed, rows and settings, not on which other members are
    trained with it nor on the size of the chunks, up to the rounding of float32.

    Parameters
    ----------
    module : the architecture of every member.
    X : shape (n_rows, ...) shared by all members, or (n_members, n_rows, ...)
    y : shape (n_rows,) shared by all members, (n_members, n_rows), or (n_members or 1, n_rows, n_targets)
    seeds : one a member; decides its initial parameters and the order of its rows.
    learning_rate : scalar or shape (n_members,)
    train_mask : shape (n_rows,) or (n_members, n_rows), bool
        Rows each member learns from; None takes all rows that are not validation rows.
    validation_mask : likewise; rows on which training is stopped early, never learned from.
    initial : shape (n_members, n_parameters); None draws them from the seeds.
    trainable : shape (n_parameters,) or (n_members, n_parameters), bool; frozen where False.
    anchor : shape (n_members, n_parameters)
        Where `anchor_strength` pulls the parameters to (L2-SP [1]_): the initial ones if None.
    anchor_strength : scalar, (n_members,) or (n_members, n_parameters)
        ``strength / 2 * (parameter - anchor)**2`` is added to the mean loss.

    Raises
    ------
    ShapeError, ConfigurationError
        If the arguments do not fit together.
    InsufficientDataError
        If a member has no row to learn from.
    ConvergenceError
        If the parameters of a member are no longer finite after training, or its validation
        loss never was.

    References
    ----------
    .. [1] Li, Grandvalet and Davoine, Explicit inductive bias for transfer learning with
       convolutional networks (2018), eq. 2. doi:10.48550/arXiv.1802.01483
    """
    settings = TrainingSettings() if settings is None else settings
    plan = _plan(module, X, y, seeds, settings, learning_rate, train_mask, validation_mask)
    plan.initial = (
        module.initialise(plan.seeds.tolist()) if initial is None else _rows(initial, "initial", plan, module)
    )
    if trainable is not None:
        plan.trainable = np.broadcast_to(
            _rows(trainable, "trainable", plan, module, one=True), plan.initial.shape
        )
    _plan_penalty(plan, module, anchor, anchor_strength, settings.weight_decay)
    device = choose_device(settings.device)
    chunk_size = settings.chunk_size or CHUNK_SIZE[device.type]
    order = np.lexsort((plan.n_train, plan.learning_rate, -plan.n_batches))
    results = []
    with single_thread():
        for start in range(0, len(order), chunk_size):
            results.append(
                train_chunk(module, plan.take(order[start : start + chunk_size]), settings, device)
            )
    return _collect(results, order)


def predict_stack(
    module: AbstractStackedModule, parameters: ArrayLike, X: ArrayLike | Tensor, *, device: str = "cpu"
) -> NDArray[np.float32]:
    """Compute outputs, shape (n_members, n_rows, n_outputs).

    Parameters
    ----------
    parameters : shape (n_members, n_parameters)
    X : shape (n_rows, ...) shared by all members, or (n_members, n_rows, ...)
    """
    rows = torch.as_tensor(np.ascontiguousarray(parameters, dtype=np.float32)).to(choose_device(device))
    if rows.ndim != 2 or rows.shape[1] != module.n_parameters:
        raise ShapeError(
            f"'parameters' must have shape (n_members, {module.n_parameters}); got {tuple(rows.shape)}."
        )
    blocks = {b.name: rows[:, b.place].reshape(-1, *b.shape) for b in module.blocks}
    inputs = _tensor(X).to(rows.device)
    is_shared = inputs.ndim == 1 + module.n_input_axes
    n_rows, outputs = inputs.shape[0 if is_shared else 1], []
    inputs = inputs[None] if is_shared else inputs
    with torch.no_grad(), single_thread():
        bound = module.bind(blocks, {}, frozenset())
        for start in range(0, n_rows, PREDICTED_ROWS):
            batch = inputs[:, start : start + PREDICTED_ROWS]
            count = batch.shape[1]
            if count % ROW_MULTIPLE:
                padding = batch.new_zeros(len(batch), ROW_MULTIPLE - count % ROW_MULTIPLE, *batch.shape[2:])
                batch = torch.cat([batch, padding], dim=1)
            batch = batch.expand(len(rows), *batch.shape[1:])
            outputs.append(bound.forward(batch)[:, :count].clone())
    return torch.cat(outputs, dim=1).cpu().numpy()


def _tensor(values: ArrayLike | Tensor) -> Tensor:
    if isinstance(values, Tensor):
        return values.to(torch.float32)
    return torch.as_tensor(np.ascontiguousarray(values, dtype=np.float32))


def _plan(
    module: AbstractStackedModule,
    X: ArrayLike | Tensor,
    y: ArrayLike | Tensor,
    seeds: Sequence[int],
    settings: TrainingSettings,
    learning_rate: ArrayLike,
    train_mask: ArrayLike | None,
    validation_mask: ArrayLike | None,
) -> MemberPlan:
    inputs, targets, is_shared = _checked_arrays(module, _tensor(X), _tensor(y), n_members := len(seeds))
    n_rows = targets.shape[1]
    validation = _mask(validation_mask, "validation_mask", n_members, n_rows, default=False)
    train = _mask(train_mask, "train_mask", n_members, n_rows, default=True)
    train = train & ~validation if train_mask is None else train
    if (train & validation).any():
        raise ConfigurationError(
            "'train_mask' and 'validation_mask' of train_stack share rows; separate them."
        )
    n_train = train.sum(axis=1)
    if not n_train.all():
        raise InsufficientDataError(
            f"member {int(np.argmin(n_train))} of train_stack has no row to learn from; check 'train_mask'."
        )
    if settings.patience is not None and not validation.any(axis=1).all():
        raise ConfigurationError(
            "early stopping ('patience') needs validation rows for every member; pass 'validation_mask'."
        )
    rates = np.broadcast_to(np.asarray(learning_rate, dtype=float), (n_members,)).copy()
    if not (rates > 0).all():
        raise ConfigurationError(f"'learning_rate' of train_stack must be above 0; got {rates.min()}.")
    return MemberPlan(
        inputs=inputs,
        targets=targets,
        inputs_shared=is_shared,
        train=train,
        validation=validation,
        seeds=np.asarray(seeds, dtype=np.int64),
        learning_rate=rates,
        n_batches=np.ones_like(n_train)
        if settings.batch_size is None
        else -(-n_train // settings.batch_size),
        n_train=n_train,
        loss=make_loss(settings.loss),
    )


def _checked_arrays(
    module: AbstractStackedModule, inputs: Tensor, targets: Tensor, n_members: int
) -> tuple[Tensor, Tensor, bool]:
    """Give targets all three axes (member, row, target), and say whether members share the inputs."""
    if n_members == 0:
        raise ConfigurationError("'seeds' of train_stack must name at least one member; got none.")
    is_shared = inputs.ndim == 1 + module.n_input_axes
    if not is_shared and (inputs.ndim != 2 + module.n_input_axes or len(inputs) != n_members):
        raise ShapeError(
            f"'X' of train_stack must have {1 + module.n_input_axes} axes (rows shared by all members) or "
            f"{2 + module.n_input_axes} with {n_members} members first; got shape {tuple(inputs.shape)}."
        )
    n_rows = inputs.shape[0 if is_shared else 1]
    given = tuple(targets.shape)
    targets = targets[None, :, None] if targets.ndim == 1 else targets
    targets = targets[..., None] if targets.ndim == 2 else targets
    if targets.ndim != 3 or targets.shape[1] != n_rows or targets.shape[0] not in (1, n_members):
        raise ShapeError(
            f"'y' of train_stack must have shape ({n_rows},), ({n_members}, {n_rows}) or that with a last axis "
            f"of targets; got {given}."
        )
    return inputs, targets, is_shared


def _mask(
    values: ArrayLike | None, name: str, n_members: int, n_rows: int, *, default: bool
) -> NDArray[np.bool_]:
    mask = np.full(n_rows, default) if values is None else np.asarray(values)
    if mask.dtype != bool or mask.shape not in ((n_rows,), (n_members, n_rows)):
        raise ShapeError(
            f"'{name}' of train_stack must be boolean of shape ({n_rows},) or ({n_members}, {n_rows}); "
            f"got {mask.dtype} of shape {mask.shape}."
        )
    return np.broadcast_to(mask, (n_members, n_rows))


def _rows(
    values: ArrayLike, name: str, plan: MemberPlan, module: AbstractStackedModule, *, one: bool = False
) -> NDArray:
    array, expected = np.asarray(values), (len(plan.seeds), module.n_parameters)
    if array.shape != expected and not (one and array.shape == expected[1:]):
        raise ShapeError(f"'{name}' of train_stack must have shape {expected}; got {array.shape}.")
    return array


def _plan_penalty(
    plan: MemberPlan,
    module: AbstractStackedModule,
    anchor: ArrayLike | None,
    anchor_strength: ArrayLike,
    weight_decay: float,
) -> None:
    """Merge weight decay and the pull towards the anchor into one quadratic penalty."""
    strength = np.asarray(anchor_strength, dtype=np.float32)
    if (strength < 0).any():
        raise ConfigurationError(
            f"'anchor_strength' of train_stack must not be negative; got {strength.min()}."
        )
    if not strength.any() and weight_decay == 0.0:
        return
    strength = strength[:, None] if strength.ndim == 1 else strength
    shape = plan.initial.shape
    try:
        strength = np.broadcast_to(strength, shape)
    except ValueError as error:
        raise ShapeError(
            f"'anchor_strength' of train_stack must be a scalar or have shape ({shape[0]},) or {shape}; "
            f"got {np.shape(anchor_strength)}."
        ) from error
    centre = plan.initial if anchor is None else _rows(anchor, "anchor", plan, module)
    plan.penalty = (strength + weight_decay).astype(np.float32)
    plan.centre = (strength * centre / np.maximum(plan.penalty, np.finfo(np.float32).tiny)).astype(np.float32)


def _collect(results: Sequence[TrainedStack], order: NDArray[np.int64]) -> TrainedStack:
    back = np.argsort(order)

    def merged(name: str) -> NDArray:
        parts = [getattr(result, name) for result in results]
        if parts[0].ndim == 2:  # a chunk whose members all stopped early has a shorter history
            width = max(part.shape[1] for part in parts)
            parts = [np.pad(p, ((0, 0), (0, width - p.shape[1])), constant_values=np.nan) for p in parts]
        return np.concatenate(parts)[back]

    trained = TrainedStack(
        parameters=merged("parameters"),
        loss_history=merged("loss_history"),
        validation_history=merged("validation_history"),
        stopped_epoch=merged("stopped_epoch"),
        best_epoch=merged("best_epoch"),
    )
    is_lost = ~np.isfinite(trained.parameters).all(axis=1) | (trained.best_epoch == 0)
    lost = np.flatnonzero(is_lost)
    if len(lost):
        raise ConvergenceError(
            f"training diverged for {len(lost)} of {len(order)} members (first: {lost[0]}); lower "
            "'learning_rate', or check the inputs and outputs for extreme values."
        )
    return trained
