"""How a stack is trained: the values shared by all members, and what training returns.

What differs between members (rows, seeds, learning rates, frozen parts) are arguments of
`train_stack`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ionbridge.exceptions import ConfigurationError
from ionbridge.models.engine.base import Float32Array
from ionbridge.models.engine.losses import AbstractLoss, make_loss

__all__ = ["TrainedStack", "TrainingSettings"]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Settings common to all members of a stack.

    Parameters
    ----------
    epochs : passes over the training rows.
    batch_size : rows a step [rows]; None uses all rows in every step.
    loss : ``"mse"``, ``"mape"``, ``"huber"``, ``"gaussian_nll"`` or a loss of your own.
    schedule : learning rate over the epochs: constant, or falling to zero along a cosine.
    weight_decay : strength of the pull of every trainable parameter towards zero,
        ``weight_decay / 2 * sum(parameter**2)`` added to the mean loss.
    patience : epochs without a better validation loss after which a member stops and its best
        parameters are restored; None trains all epochs.
    check_every : epochs between two looks at the validation loss.
    device : ``"cpu"``, ``"cuda"`` or ``"auto"`` (CUDA where it is available).
    chunk_size : members trained at once; None lets the engine choose (64 on a CPU, whose cache
        they should fit, 512 on CUDA).
    beta_1, beta_2, epsilon : constants of Adam [1]_.

    References
    ----------
    .. [1] Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm 1.
       doi:10.48550/arXiv.1412.6980
    """

    epochs: int = 250
    batch_size: int | None = 32
    loss: str | AbstractLoss = "mse"
    schedule: Literal["constant", "cosine"] = "constant"
    weight_decay: float = 0.0
    patience: int | None = None
    check_every: int = 1
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    chunk_size: int | None = None
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("epochs", "check_every"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name in ("batch_size", "patience", "chunk_size"):
            value = getattr(self, name)
            _require(value is None or value >= 1, name, "at least 1, or None", value)
        for name in ("beta_1", "beta_2"):
            _require(0 <= getattr(self, name) < 1, name, "at least 0 and below 1", getattr(self, name))
        _require(self.weight_decay >= 0, "weight_decay", "at least 0", self.weight_decay)
        _require(self.epsilon > 0, "epsilon", "above 0", self.epsilon)
        _require(self.schedule in ("constant", "cosine"), "schedule", "'constant' or 'cosine'", self.schedule)
        _require(self.device in ("cpu", "cuda", "auto"), "device", "'cpu', 'cuda' or 'auto'", self.device)
        if self.patience is not None:
            expected = f"at most 'epochs' ({self.epochs}) for early stopping"
            _require(self.check_every <= self.epochs, "check_every", expected, self.check_every)
        make_loss(self.loss)


@dataclass(frozen=True, slots=True)
class TrainedStack:
    """What `train_stack` returns.

    Parameters
    ----------
    parameters : shape (n_members, n_parameters); the best ones where early stopping was asked for.
    loss_history : shape (n_members, n_epochs)
        Mean training loss of each epoch, as seen before each step; NaN after a member stopped.
    validation_history : shape (n_members, n_checks); empty without validation rows.
    stopped_epoch : shape (n_members,); number of epochs each member was trained.
    best_epoch : shape (n_members,); epochs after which `parameters` were reached.
    """

    parameters: Float32Array
    loss_history: Float32Array
    validation_history: Float32Array
    stopped_epoch: NDArray[np.int64]
    best_epoch: NDArray[np.int64]


def _require(valid: bool, name: str, expected: str, received: object) -> None:
    if not valid:
        raise ConfigurationError(f"'{name}' of TrainingSettings must be {expected}; got {received!r}.")
