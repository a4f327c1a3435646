"""What strategies on a Gaussian process of the source share: the process itself, fitted once for all of them.

What each makes of it is its own module; the process is the models room.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

from ionbridge.models import FloatArray, GaussianProcess
from ionbridge.models.output_space import Space
from ionbridge.transfer.base import AbstractStrategy, Needs

__all__ = ["AbstractOnSourceProcess"]


class AbstractOnSourceProcess(AbstractStrategy):
    """A strategy whose source model is a `GaussianProcess` in working space `space`."""

    needs: ClassVar[Needs] = "source model"
    space: Space = "auto"

    def source_key(self) -> Hashable:
        """Strategies with the same working space share the Gaussian process of the source."""
        return ("gaussian_process", self.space)

    def prepare_source(self, X: FloatArray, y: FloatArray, random_state: int = 0) -> Any:
        """Fit a `GaussianProcess` to the source rows."""
        return GaussianProcess(space=self.space, random_state=random_state).fit(X, y)
