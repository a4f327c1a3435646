"""Losses of the engine with their gradients written out.

Regularisation towards zero or towards a source model is part of `training.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ionbridge.exceptions import ConfigurationError, UnknownNameError

__all__ = ["AbstractLoss", "GaussianNLL", "Huber", "MeanAbsolutePercentage", "MeanSquared", "make_loss"]

SMALLEST_OUTPUT = 1e-7  # Keras' guard against division by zero in its MAPE
LOG_VARIANCE_LIMIT = 10.0


class AbstractLoss(ABC):
    """A loss that is a mean over rows.

    Attributes
    ----------
    n_outputs_per_target : network outputs needed for each target column.
    """

    n_outputs_per_target: int = 1

    @abstractmethod
    def values(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Loss of each row, shape (n_members, n_rows).

        Parameters
        ----------
        outputs : shape (n_members, n_rows, n_outputs)
        y : shape (n_members, n_rows, n_targets)
        """

    @abstractmethod
    def row_scale(self, y: Tensor, weights: Tensor) -> Tensor:
        """What `gradient` needs of the rows, computed once an epoch; shape (n_members, n_rows, ...).

        Parameters
        ----------
        weights : shape (n_members, n_rows, 1)
            Weight of each row in its batch; zero for rows that only pad the stack.
        """

    @abstractmethod
    def gradient(self, outputs: Tensor, y: Tensor, scale: Tensor) -> Tensor:
        """Gradient of ``sum(weights * values)`` with respect to `outputs`, a new tensor.

        Parameters
        ----------
        scale : the rows' part of `row_scale`.
        """


class MeanSquared(AbstractLoss):
    """Mean squared error."""

    def values(self, outputs: Tensor, y: Tensor) -> Tensor:
        return (outputs - y).square().mean(-1)

    def row_scale(self, y: Tensor, weights: Tensor) -> Tensor:
        return weights * (2.0 / y.shape[-1])

    def gradient(self, outputs: Tensor, y: Tensor, scale: Tensor) -> Tensor:
        return torch.sub(outputs, y).mul_(scale)


class MeanAbsolutePercentage(AbstractLoss):
    """Mean absolute percentage error [%]."""

    def values(self, outputs: Tensor, y: Tensor) -> Tensor:
        return ((outputs - y) / y.abs().clamp(min=SMALLEST_OUTPUT)).abs().mean(-1).mul(100.0)

    def row_scale(self, y: Tensor, weights: Tensor) -> Tensor:
        return weights * (100.0 / y.shape[-1]) / y.abs().clamp_(min=SMALLEST_OUTPUT)

    def gradient(self, outputs: Tensor, y: Tensor, scale: Tensor) -> Tensor:
        return torch.sub(outputs, y).sign_().mul_(scale)


class Huber(AbstractLoss):
    """Squared error that grows linearly beyond `delta`."""

    def __init__(self, delta: float = 1.0) -> None:
        if delta <= 0:
            raise ConfigurationError(f"'delta' of Huber must be above 0; got {delta}.")
        self.delta = delta

    def values(self, outputs: Tensor, y: Tensor) -> Tensor:
        error = (outputs - y).abs()
        near = error.clamp(max=self.delta)
        return (near * (error - 0.5 * near)).mean(-1)

    def row_scale(self, y: Tensor, weights: Tensor) -> Tensor:
        return weights / y.shape[-1]

    def gradient(self, outputs: Tensor, y: Tensor, scale: Tensor) -> Tensor:
        return torch.sub(outputs, y).clamp_(-self.delta, self.delta).mul_(scale)


class GaussianNLL(AbstractLoss):
    """Negative log-likelihood of a normal distribution.

    The first half of the outputs are means, the second half logarithms of variances.
    """

    n_outputs_per_target = 2

    @staticmethod
    def _parts(outputs: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = outputs.chunk(2, dim=-1)
        return mean, log_variance.clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT)

    def values(self, outputs: Tensor, y: Tensor) -> Tensor:
        mean, log_variance = self._parts(outputs)
        return 0.5 * (log_variance + (mean - y).square() * torch.exp(-log_variance)).mean(-1)

    def row_scale(self, y: Tensor, weights: Tensor) -> Tensor:
        return weights / y.shape[-1]

    def gradient(self, outputs: Tensor, y: Tensor, scale: Tensor) -> Tensor:
        mean, log_variance = self._parts(outputs)
        precision, error = torch.exp(-log_variance), mean - y
        inside = outputs[..., y.shape[-1] :].abs() <= LOG_VARIANCE_LIMIT
        by_log_variance = 0.5 * (1.0 - error.square() * precision) * inside
        return torch.cat([error * precision, by_log_variance], dim=-1) * scale


LOSSES: dict[str, type[AbstractLoss]] = {
    "mse": MeanSquared,
    "mape": MeanAbsolutePercentage,
    "huber": Huber,
    "gaussian_nll": GaussianNLL,
}


def make_loss(loss: str | AbstractLoss) -> AbstractLoss:
    """Return the loss of this name, or `loss` itself.

    Raises
    ------
    UnknownNameError
        If the name is not known.
    """
    if isinstance(loss, AbstractLoss):
        return loss
    if loss not in LOSSES:
        raise UnknownNameError.for_name(str(loss), LOSSES, "loss")
    return LOSSES[loss]()
