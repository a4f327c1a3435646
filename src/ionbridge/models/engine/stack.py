"""The training loop of one stack of members, and the plan of what each member does.

Arguments are checked and stacks are formed in `training.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ionbridge.models.engine.base import (
    AbstractBoundStack,
    AbstractStackedModule,
    Float32Array,
    ParameterBuffer,
)
from ionbridge.models.engine.losses import AbstractLoss
from ionbridge.models.engine.runtime import adam_step
from ionbridge.models.engine.settings import TrainedStack, TrainingSettings

__all__ = ["MemberPlan", "train_chunk"]

KEPT_PERMUTATIONS = 4_000_000  # row numbers drawn ahead for one stack
COMPACT_BELOW = 0.75  # part of a stack still in training below which the rest is dropped


@dataclass
class MemberPlan:
    """What each member of a stack learns from, and how; arrays have one row a member.

    Parameters
    ----------
    inputs : shape (n_rows, ...) if `inputs_shared`, else (n_members, n_rows, ...)
    targets : shape (1 or n_members, n_rows, n_targets)
    train, validation : shape (n_members, n_rows), bool
    seeds, learning_rate, n_train, n_batches : shape (n_members,)
    initial, trainable, penalty, centre : shape (n_members, n_parameters); the last three may be
        None. The penalty is ``penalty / 2 * (parameter - centre)**2``.
    """

    inputs: Tensor
    targets: Tensor
    inputs_shared: bool
    train: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    seeds: NDArray[np.int64]
    learning_rate: NDArray[np.float64]
    n_train: NDArray[np.int64]
    n_batches: NDArray[np.int64]
    loss: AbstractLoss
    initial: Float32Array = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))
    trainable: NDArray[np.bool_] | None = None
    penalty: Float32Array | None = None
    centre: Float32Array | None = None

    def take(self, members: NDArray[np.int64]) -> MemberPlan:
        """Return the plan of some members."""
        names = ("train", "validation", "seeds", "learning_rate", "n_train", "n_batches", "initial")
        taken = {name: getattr(self, name)[members] for name in names}
        for name in ("trainable", "penalty", "centre"):
            values = getattr(self, name)
            taken[name] = None if values is None else values[members]
        index = torch.as_tensor(members)
        inputs = self.inputs if self.inputs_shared else self.inputs[index]
        targets = self.targets if len(self.targets) == 1 else self.targets[index]
        return replace(self, inputs=inputs, targets=targets, **taken)


class _Rows:
    """The rows of a stack on its device, fetched by row number of each member."""

    def __init__(self, plan: MemberPlan, device: torch.device) -> None:
        inputs, targets = plan.inputs.to(device), plan.targets.to(device)
        self._inputs = inputs if plan.inputs_shared else inputs.flatten(0, 1)
        self._targets = targets.flatten(0, 1)
        n_members, n_rows = plan.train.shape
        offsets = torch.arange(n_members, device=device)[:, None] * n_rows
        none = torch.zeros_like(offsets)
        self._input_offsets = none if plan.inputs_shared else offsets
        self._target_offsets = none if len(targets) == 1 else offsets

    def empty(self, n: int) -> tuple[Tensor, Tensor]:
        """Make room for inputs (n_members, n, ...) and targets (n_members, n, n_targets)."""
        n_members = len(self._target_offsets)
        inputs, targets = (
            values.new_empty(n_members, n, *values.shape[1:]) for values in (self._inputs, self._targets)
        )
        return inputs, targets

    def fetch(self, index: Tensor, inputs: Tensor, targets: Tensor) -> None:
        """Gather the rows `index` (n_members, n) into what `empty` returned."""
        for values, offsets, out in (
            (self._inputs, self._input_offsets, inputs),
            (self._targets, self._target_offsets, targets),
        ):
            torch.index_select(values, 0, (index + offsets).view(-1), out=out.view(-1, *values.shape[1:]))

    def keep(self, members: Tensor) -> None:
        """Drop the other members."""
        self._input_offsets = self._input_offsets[members]
        self._target_offsets = self._target_offsets[members]


def _padded(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of each member, padded with its first, shape (n_members, n_max); and how many are real."""
    counts = mask.sum(axis=1)
    rows = np.argsort(~mask, axis=1, kind="stable")[:, : counts.max()]
    real = np.arange(rows.shape[1]) < counts[:, None]
    return np.where(real, rows, rows[:, :1]), counts


class _Order:
    """In which order each member sees its rows, drawn from its own generator."""

    def __init__(self, plan: MemberPlan, epochs: int, device: torch.device) -> None:
        self._rows, self._counts = _padded(plan.train)
        self._generators = [np.random.default_rng([1, int(seed)]) for seed in plan.seeds]
        self._is_fixed = int(plan.n_batches.max()) == 1
        self._ahead = max(1, min(epochs, KEPT_PERMUTATIONS // self._rows.size))
        self._device = device
        self._drawn: Tensor | None = None

    def epoch(self, number: int) -> Tensor:
        """Row numbers in the order of this epoch, shape (n_members, n_max)."""
        if self._is_fixed:
            if self._drawn is None:
                self._drawn = torch.as_tensor(self._rows, device=self._device)
            return self._drawn
        place = number % self._ahead
        if place == 0:
            drawn = np.repeat(self._rows[None], self._ahead, axis=0)
            for member, (generator, count) in enumerate(zip(self._generators, self._counts, strict=True)):
                drawn[:, member, :count] = generator.permuted(drawn[:, member, :count], axis=1)
            self._drawn = torch.as_tensor(drawn, device=self._device)
        assert self._drawn is not None
        return self._drawn[place]

    @property
    def is_fixed(self) -> bool:
        """Whether every epoch is one batch in the same order."""
        return self._is_fixed

    def keep(self, members: NDArray[np.int64]) -> None:
        """Drop the other members."""
        self._counts = self._counts[members]
        n_max = int(self._counts.max())
        self._rows = self._rows[members, :n_max]
        self._generators = [self._generators[m] for m in members]
        if self._drawn is not None:
            self._drawn = self._drawn[..., torch.as_tensor(members, device=self._device), :n_max]


@dataclass(frozen=True)
class _Segment:
    """Consecutive members that share every optimiser step."""

    learning_rate: float
    n_batches: int
    tensors: tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]
    step: Tensor


@dataclass(frozen=True)
class _Batch:
    """One place in an epoch: some consecutive rows of the first `n_members` members.

    The tensors are views of the stack's own, which every epoch fills anew.
    """

    n_members: int
    inputs: Tensor
    targets: Tensor
    scale: Tensor
    outputs: Tensor
    bound: AbstractBoundStack
    segments: list[_Segment]


class _Stack:
    """Parameters, gradients and moments of the members in training; rebuilt when some are dropped.

    Members are sorted by falling number of batches, so that those which take part in a given
    step are the first ones.
    """

    def __init__(
        self,
        module: AbstractStackedModule,
        plan: MemberPlan,
        rows: _Rows,
        settings: TrainingSettings,
        device: torch.device,
    ) -> None:
        self._module, self._settings, self._device = module, settings, device
        self._loss, self._rows = plan.loss, rows
        layout = module.blocks
        self._parameters = ParameterBuffer.from_rows(layout, plan.initial, device)
        self._first = ParameterBuffer(layout, len(plan.seeds), device)
        self._second = ParameterBuffer(layout, len(plan.seeds), device)
        self._load(plan, 0)

    def _load(self, plan: MemberPlan, epochs_done: int) -> None:
        self.n_members = len(plan.seeds)
        self._gradients = ParameterBuffer(self._module.blocks, self.n_members, self._device)
        self._masks: dict[str, Tensor] = {}
        self._penalties: dict[str, tuple[Tensor, Tensor]] = {}
        self._trainable = [b.name for b in self._module.blocks if self._is_trainable(plan, b.place)]
        for block in self._module.blocks:
            if block.name in self._trainable:
                self._load_block(plan, block.name, block.place, block.shape)
        counts = plan.train.sum(axis=1)
        n_max = int(counts.max())
        size = self._settings.batch_size or n_max
        place = np.arange(n_max)
        is_real, first = place < counts[:, None], (place // size) * size
        in_batch = np.minimum(counts[:, None], first + size) - first
        self._weights = self._tensor(np.where(is_real, 1.0 / np.maximum(in_batch, 1), 0.0)[..., None])
        self._means = self._tensor(is_real / counts[:, None])
        self._inputs, self._targets = self._rows.empty(n_max)
        self._scale = self._loss.row_scale(torch.ones_like(self._targets), self._weights)
        n_outputs = self._targets.shape[-1] * self._loss.n_outputs_per_target
        self._outputs = self._targets.new_zeros(self.n_members, n_max, n_outputs)
        self._batches = self._make_batches(plan, counts, size, epochs_done)

    def _make_batches(
        self, plan: MemberPlan, counts: NDArray[np.int64], size: int, epochs_done: int
    ) -> list[_Batch]:
        segments = self._segments(plan, self._trainable, epochs_done)
        bound: dict[int, AbstractBoundStack] = {}  # shared by batches, so that they share scratch memory
        batches = []
        for k in range(int(plan.n_batches.max())):
            n = int((plan.n_batches > k).sum())
            rows = slice(k * size, min((k + 1) * size, int(counts[:n].max())))
            if n not in bound:
                parameters, gradients = self._parameters.part(0, n), self._gradients.part(0, n)
                bound[n] = self._module.bind(parameters, gradients, frozenset(self._trainable))
            inputs, targets, scale, outputs = (
                values[:n, rows] for values in (self._inputs, self._targets, self._scale, self._outputs)
            )
            taking_part = [segment for segment in segments if segment.n_batches > k]
            batches.append(_Batch(n, inputs, targets, scale, outputs, bound[n], taking_part))
        return batches

    def _tensor(self, values: NDArray) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(values, dtype=np.float32), device=self._device)

    @staticmethod
    def _is_trainable(plan: MemberPlan, place: slice) -> bool:
        return plan.trainable is None or bool(plan.trainable[:, place].any())

    def _load_block(self, plan: MemberPlan, name: str, place: slice, shape: tuple[int, ...]) -> None:
        def tensor(values: NDArray) -> Tensor:
            return self._tensor(values[:, place]).view(-1, *shape)

        if plan.trainable is not None and not plan.trainable[:, place].all():
            self._masks[name] = tensor(plan.trainable)
        if plan.penalty is not None and plan.centre is not None and plan.penalty[:, place].any():
            self._penalties[name] = tensor(plan.penalty), tensor(plan.centre)

    def _segments(self, plan: MemberPlan, trainable: list[str], epochs_done: int) -> list[_Segment]:
        keys = list(zip(plan.learning_rate.tolist(), plan.n_batches.tolist(), strict=True))
        starts = [i for i, key in enumerate(keys) if i == 0 or key != keys[i - 1]]
        buffers = (self._parameters, self._gradients, self._first, self._second)
        segments = []
        for start, stop in zip(starts, [*starts[1:], len(keys)], strict=True):
            if stop - start == len(keys) and len(trainable) == len(self._module.blocks):
                tensors = tuple([buffer.flat] for buffer in buffers)
            else:
                tensors = tuple([buffer.blocks[n][start:stop] for n in trainable] for buffer in buffers)
            rate, n_batches = keys[start]
            step = torch.tensor(float(n_batches * epochs_done), device=self._device)
            segments.append(_Segment(rate, n_batches, tensors, step))  # type: ignore[arg-type]
        return segments

    def load_rows(self, index: Tensor) -> None:
        """Put the rows of an epoch, shape (n_members, n_max), in place."""
        self._rows.fetch(index, self._inputs, self._targets)
        self._scale.copy_(self._loss.row_scale(self._targets, self._weights))

    def train_epoch(self, rate_factor: float) -> Tensor:
        """Make one pass; return the mean loss of each member as seen before each step, (n_members,)."""
        settings = self._settings
        for batch in self._batches:
            outputs = batch.bound.forward(batch.inputs)
            batch.outputs.copy_(outputs)
            batch.bound.backward(self._loss.gradient(outputs, batch.targets, batch.scale))
            if self._penalties or self._masks:
                self._regularise(batch.n_members)
            for segment in batch.segments:
                segment.step.add_(1.0)
                adam_step(
                    *segment.tensors,
                    segment.step,
                    learning_rate=segment.learning_rate * rate_factor,
                    beta_1=settings.beta_1,
                    beta_2=settings.beta_2,
                    epsilon=settings.epsilon,
                )
        return (self._loss.values(self._outputs, self._targets) * self._means).sum(1)

    def _regularise(self, n_members: int) -> None:
        for name, (strength, centre) in self._penalties.items():
            gradient = self._gradients.blocks[name][:n_members]
            distance = self._parameters.blocks[name][:n_members] - centre[:n_members]
            gradient.addcmul_(distance, strength[:n_members])
        for name, mask in self._masks.items():
            self._gradients.blocks[name][:n_members].mul_(mask[:n_members])

    def evaluate(self, inputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Return the weighted loss of every member, shape (n_members,)."""
        with torch.no_grad():
            outputs = self._batches[0].bound.forward(inputs)
        return (self._loss.values(outputs, targets) * weights).sum(1)

    def rows(self) -> Tensor:
        """Return the parameters now, shape (n_members, n_parameters)."""
        return self._parameters.to_rows()

    def keep(self, members: Tensor, plan: MemberPlan, epochs_done: int) -> None:
        """Drop the other members; `plan` is already that of the kept ones."""
        self._parameters = self._parameters.select(members)
        self._first, self._second = self._first.select(members), self._second.select(members)
        self._load(plan, epochs_done)


class _EarlyStopping:
    """Best parameters of each member so far, by validation loss, and which members are done."""

    def __init__(self, plan: MemberPlan, rows: _Rows, stack: _Stack, device: torch.device) -> None:
        index, counts = _padded(plan.validation)
        self.inputs, self.targets = rows.empty(index.shape[1])
        rows.fetch(torch.as_tensor(index, device=device), self.inputs, self.targets)
        weights = (np.arange(index.shape[1]) < counts[:, None]) / counts[:, None]
        self.weights = torch.as_tensor(weights.astype(np.float32), device=device)
        n_members = len(plan.seeds)
        self.best = stack.rows()
        self.best_loss = torch.full((n_members,), math.inf, device=device)
        self.best_epoch = torch.zeros(n_members, dtype=torch.int64, device=device)
        self.last_epoch = torch.zeros(n_members, dtype=torch.int64, device=device)
        self.active = torch.arange(n_members, device=device)
        self.is_running = torch.ones(n_members, dtype=torch.bool, device=device)

    def check(self, stack: _Stack, epoch: int, patience: int) -> Tensor:
        """Note this epoch's losses of all members; those already stopped get NaN."""
        losses = stack.evaluate(self.inputs, self.targets, self.weights)
        active, running = self.active, self.is_running[self.active]
        better = running & (losses < self.best_loss[active])
        if bool(better.any()):
            members = active[better]
            self.best[members] = stack.rows()[better]
            self.best_loss[members] = losses[better]
            self.best_epoch[members] = epoch
        self.last_epoch[active[running]] = epoch
        self.is_running[active] &= epoch - self.best_epoch[active] < patience
        noted = torch.full_like(self.best_loss, math.nan)
        noted[active[running]] = losses[running]
        return noted

    def keep(self, places: Tensor) -> None:
        """Drop members of the stack; `places` are positions in it."""
        self.active = self.active[places]
        self.inputs, self.targets = self.inputs[places], self.targets[places]
        self.weights = self.weights[places]


def train_chunk(
    module: AbstractStackedModule, plan: MemberPlan, settings: TrainingSettings, device: torch.device
) -> TrainedStack:
    """Train the members of one stack to the end; see `train_stack`."""
    n_members = len(plan.seeds)
    rows, order = _Rows(plan, device), _Order(plan, settings.epochs, device)
    stack = _Stack(module, plan, rows, settings, device)
    stopping = _EarlyStopping(plan, rows, stack, device) if settings.patience is not None else None
    active = torch.arange(n_members, device=device)
    losses: list[Tensor] = []
    checks: list[Tensor] = []
    is_loaded = False
    with torch.enable_grad():
        for epoch in range(settings.epochs):
            if not (is_loaded and order.is_fixed):
                stack.load_rows(order.epoch(epoch))
                is_loaded = True
            noted = torch.full((n_members,), math.nan, device=device)
            noted[active] = stack.train_epoch(_rate_factor(settings, epoch))
            losses.append(noted)
            if stopping is None or (epoch + 1) % settings.check_every:
                continue
            checks.append(stopping.check(stack, epoch + 1, settings.patience or 0))
            running = stopping.is_running[active]
            n_running = int(running.sum())
            if n_running == 0:
                break
            if n_running <= COMPACT_BELOW * stack.n_members:
                places = running.nonzero().flatten()
                kept = places.cpu().numpy()
                plan = plan.take(kept)
                rows.keep(places)
                order.keep(kept)
                stopping.keep(places)
                stack.keep(places, plan, epoch + 1)
                active, is_loaded = active[places], False
    return _result(stack, stopping, losses, checks, n_members)


def _rate_factor(settings: TrainingSettings, epoch: int) -> float:
    if settings.schedule == "constant":
        return 1.0
    return 0.5 * (1.0 + math.cos(math.pi * epoch / settings.epochs))


def _result(
    stack: _Stack,
    stopping: _EarlyStopping | None,
    losses: list[Tensor],
    checks: list[Tensor],
    n_members: int,
) -> TrainedStack:
    history = torch.stack(losses, dim=1).cpu().numpy()
    if stopping is None:
        epochs = np.full(n_members, history.shape[1], dtype=np.int64)
        return TrainedStack(
            parameters=stack.rows().cpu().numpy(),
            loss_history=history,
            validation_history=np.empty((n_members, 0), dtype=np.float32),
            stopped_epoch=epochs,
            best_epoch=epochs.copy(),
        )
    stopped = stopping.last_epoch.cpu().numpy()
    history[np.arange(history.shape[1]) >= stopped[:, None]] = np.nan
    return TrainedStack(
        parameters=stopping.best.cpu().numpy(),
        loss_history=history,
        validation_history=torch.stack(checks, dim=1).cpu().numpy(),
        stopped_epoch=stopped,
        best_epoch=stopping.best_epoch.cpu().numpy(),
    )
