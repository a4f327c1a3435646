"""The space in which outputs are learned: logarithmic for positive quantities, else z-scored.

Inputs are standardised by the models themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ionbridge.exceptions import ConfigurationError
from ionbridge.models.base import FloatArray

__all__ = ["OutputSpace", "Space"]

Space = Literal["auto", "log", "linear"]


@dataclass(frozen=True, slots=True)
class OutputSpace:
    """Maps outputs to a standardised working space and back.

    Parameters
    ----------
    is_log : whether the logarithm is taken first.
    center, scale : location and spread in the working space.
    limit : largest magnitude in standard deviations that `inverse` lets through, so that a model
        that extrapolates far does not give a value no material has.
    """

    is_log: bool
    center: float
    scale: float
    limit: float = 15.0

    @classmethod
    def from_outputs(cls, y: FloatArray, space: Space = "auto") -> OutputSpace:
        """Choose the space from outputs `y`, shape (n_rows,).

        Raises
        ------
        ConfigurationError
            If ``space="log"`` and an output is not positive.
        """
        if space not in ("auto", "log", "linear"):
            raise ConfigurationError(f"'space' must be 'auto', 'log' or 'linear'; got {space!r}.")
        is_positive = bool(np.all(y > 0))
        if space == "log" and not is_positive:
            raise ConfigurationError(
                f"'space' = 'log' needs positive outputs; got a minimum of {np.min(y):.4g}. Use 'auto' or 'linear'."
            )
        is_log = space == "log" or (space == "auto" and is_positive)
        z = np.log(y) if is_log else y
        scale = float(np.std(z))
        floor = 1e-6 * max(1.0, abs(float(np.mean(z))))
        return cls(is_log, float(np.mean(z)), scale if scale > floor else 1.0)

    def forward(self, y: FloatArray) -> FloatArray:
        """Outputs to working space."""
        z = np.log(y) if self.is_log else np.asarray(y, dtype=float)
        return (z - self.center) / self.scale

    def forward_clipped(self, y: FloatArray) -> FloatArray:
        """`forward` for predictions, which may stray where the logarithm does not exist."""
        floor = np.exp(self.center - self.limit * self.scale)
        return self.forward(np.maximum(y, floor) if self.is_log else y)

    def inverse(self, z: FloatArray) -> FloatArray:
        """Working space to outputs (the median, where the space is logarithmic)."""
        z = np.clip(z, -self.limit, self.limit) * self.scale + self.center
        return np.exp(np.minimum(z, 700.0)) if self.is_log else z
