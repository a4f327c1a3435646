"""Loss of inter-cell learning: both branches, and cells whose life is only known to be longer.

The outputs it judges come from `network.py`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ionbridge.exceptions import ConfigurationError
from ionbridge.models.engine import AbstractLoss

__all__ = ["PairLoss", "n_pair_outputs"]

N_TARGETS = 2  # life and whether it is censored


def n_pair_outputs(n_rows: int) -> int:
    """Outputs a row where at most `n_rows` rows are paired: one intra, one a partner, and padding."""
    return -(-(1 + n_rows) // N_TARGETS) * N_TARGETS


class PairLoss(AbstractLoss):
    """``(1 - inter_share) · intra + inter_share · inter`` with a Tobit likelihood for censored lives.

    Targets have two columns: the (scaled logarithm of the) life, and 1 where it is only a lower
    bound. A cell that had not failed contributes ``-log Φ((prediction - bound) / σ)`` instead of
    a squared error [1]_; a pair with one such cell is bounded on one side; a pair of two says
    nothing. Everything is scaled so that an uncensored row costs its squared error.

    Parameters
    ----------
    inter_share : weight of the inter branch, 0 to 1.
    residual_scale : σ, spread of the residuals in units of the targets.
    n_rows : largest number of rows in a step; decides the number of outputs.

    References
    ----------
    .. [1] Tobin, Estimation of relationships for limited dependent variables, Econometrica 26
       (1958) 24, eq. 6.
    """

    def __init__(self, inter_share: float = 0.5, residual_scale: float = 0.3, n_rows: int = 1) -> None:
        if not 0.0 <= inter_share <= 1.0:
            raise ConfigurationError(f"'inter_share' must lie between 0 and 1; got {inter_share}.")
        if residual_scale <= 0.0:
            raise ConfigurationError(f"'residual_scale' must be above 0; got {residual_scale}.")
        self.inter_share, self.residual_scale = inter_share, residual_scale
        self.n_outputs_per_target = n_pair_outputs(n_rows) // N_TARGETS

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PairLoss) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.inter_share, self.residual_scale, self.n_outputs_per_target))

    def row_scale(self, y: Tensor, weights: Tensor) -> Tensor:
        """Weights of the rows as they are; zero marks rows that are no partners either."""
        return weights.clone()

    def values(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Loss of the intra branch of each row, shape (n_members, n_rows): what the history shows."""
        error = outputs[..., 0] - y[..., 0]
        scale = self.residual_scale
        censored = -2.0 * scale**2 * torch.special.log_ndtr(error / scale)
        return torch.where(y[..., 1] > 0.5, censored, error.square())

    def gradient(self, outputs: Tensor, y: Tensor, scale: Tensor) -> Tensor:
        """Gradient of the weighted loss of both branches."""
        target, is_censored = y[..., 0], y[..., 1] > 0.5
        weight = scale[..., 0]
        total = torch.zeros_like(outputs)
        slope = self._slope(outputs[..., 0] - target, is_censored, torch.zeros_like(is_censored))
        total[..., 0] = slope * weight * (1.0 - self.inter_share)
        n_rows = target.shape[1]
        if n_rows < 2 or self.inter_share == 0.0:
            return total
        error = outputs[..., 1 : 1 + n_rows] - (target[:, :, None] - target[:, None, :])
        slope = self._slope(error, is_censored[:, :, None], is_censored[:, None, :])
        present = (weight > 0).to(slope.dtype)
        partners = (present.sum(1, keepdim=True) - 1.0).clamp(min=1.0)
        share = (weight / partners)[:, :, None] * present[:, None, :]
        total[..., 1 : 1 + n_rows] = slope * share * self.inter_share
        return total

    def _slope(self, error: Tensor, above: Tensor, below: Tensor) -> Tensor:
        """Derivative where the truth may lie above (`above`) or below (`below`) the target, or is the target."""
        scale = self.residual_scale
        slope = torch.where(above & below, 0.0, 2.0 * error)
        if not bool(above.any() | below.any()):
            return slope
        slope = torch.where(above & ~below, -2.0 * scale * _inverse_mills(error / scale), slope)
        return torch.where(below & ~above, 2.0 * scale * _inverse_mills(-error / scale), slope)


def _inverse_mills(value: Tensor) -> Tensor:
    """φ(value) / Φ(value) without underflow."""
    return torch.exp(-0.5 * value.square() - 0.5 * math.log(2.0 * math.pi) - torch.special.log_ndtr(value))
