"""Domain of applicability: whether an input resembles what a model has seen.

Declared limits, then the range of the training rows, then the distance to the nearest of them.
Intervals are believed only for inputs that pass all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from ionbridge.exceptions import InsufficientDataError
from ionbridge.models.base import FloatArray

__all__ = ["ApplicabilityDomain"]


@dataclass(frozen=True)
class ApplicabilityDomain:
    """What the training rows cover.

    Parameters
    ----------
    names : one name a column, for the reasons.
    rows : shape (n_rows, n_features); distinct training inputs divided by `scale`.
    scale : shape (n_features,)
    low, high : shape (n_features,); range of the training rows with its margin.
    declared_low, declared_high : shape (n_features,); plausible range of each quantity, infinite where
        none, widened where training rows lie outside it.
    n_neighbours : how many nearest rows the distance is averaged over.
    threshold : largest distance that counts as inside [-].
    """

    names: tuple[str, ...]
    rows: FloatArray
    scale: FloatArray
    low: FloatArray
    high: FloatArray
    declared_low: FloatArray
    declared_high: FloatArray
    n_neighbours: int
    threshold: float

    @classmethod
    def from_rows(
        cls,
        X: FloatArray,
        names: Sequence[str],
        declared: Sequence[tuple[float | None, float | None]] | None = None,
    ) -> ApplicabilityDomain:
        """Describe training inputs `X`, shape (n_rows, n_features).

        The margin beyond the range is the gap expected between the extremes of so few rows and
        those of the population, ``range / (n_rows - 1)``; the distance threshold comes from the
        distances of the training rows to each other, wider the fewer they are.

        Raises
        ------
        InsufficientDataError
            With fewer than two rows.
        """
        X = np.asarray(X, dtype=float)
        if len(X) < 2:
            raise InsufficientDataError(f"a domain of applicability needs at least 2 rows; got {len(X)}.")
        low, high = X.min(axis=0), X.max(axis=0)
        width = high - low
        scale = np.where(X.std(axis=0) > 0, X.std(axis=0), np.maximum(1e-3 * np.abs(low), 1e-12))
        rows = np.unique(X / scale, axis=0)  # replicates are one place: they say nothing about distances
        n_rows = len(rows)
        margin = width / max(n_rows - 1, 1) + 1e-9 * np.maximum(np.abs(low), np.abs(high))
        n_neighbours = max(1, min(3, n_rows - 1))
        distance = cdist(rows, rows)
        np.fill_diagonal(distance, np.inf if n_rows > 1 else 0.0)
        own = np.sort(distance, axis=1)[:, :n_neighbours].mean(axis=1)
        threshold = float(np.quantile(own, 0.99) * (1.25 + 2.0 / n_rows)) + 1e-9
        limits = declared or [(None, None)] * X.shape[1]
        return cls(
            names=tuple(names),
            rows=rows,
            scale=scale,
            low=low - margin,
            high=high + margin,
            declared_low=np.minimum([-np.inf if a is None else a for a, _ in limits], low),
            declared_high=np.maximum([np.inf if b is None else b for _, b in limits], high),
            n_neighbours=n_neighbours,
            threshold=threshold,
        )

    def check(self, X: FloatArray) -> tuple[np.ndarray, tuple[str, ...]]:
        """Judge inputs `X`, shape (n_rows, n_features).

        Returns
        -------
        in_domain : shape (n_rows,), bool
        reasons : one text a row, empty where inside.
        """
        X = np.asarray(X, dtype=float)
        reasons = tuple(self._reason(x, d) for x, d in zip(X, self.distance(X), strict=True))
        return np.array([not r for r in reasons], dtype=bool), reasons

    def distance(self, X: FloatArray) -> FloatArray:
        """Mean distance to the nearest training rows, shape (n_rows,) [standard deviations]."""
        found = np.empty(len(X))
        for start in range(0, len(X), _BLOCK):
            block = slice(start, start + _BLOCK)
            all_rows = cdist(X[block] / self.scale, self.rows)
            k = min(self.n_neighbours, all_rows.shape[1])
            found[block] = np.partition(all_rows, k - 1, axis=1)[:, :k].mean(axis=1)
        return found

    def _reason(self, x: FloatArray, distance: float) -> str:
        found = []
        for j, name in enumerate(self.names):
            if not self.declared_low[j] <= x[j] <= self.declared_high[j]:
                found.append(
                    f"{name} = {x[j]:.4g} lies outside its plausible range "
                    f"{self.declared_low[j]:.4g} to {self.declared_high[j]:.4g}"
                )
            elif not self.low[j] <= x[j] <= self.high[j]:
                found.append(
                    f"{name} = {x[j]:.4g} lies outside the training rows "
                    f"({self.low[j]:.4g} to {self.high[j]:.4g} with margin)"
                )
        if not found and distance > self.threshold:
            found.append(
                f"no similar training row: distance {distance:.2f}, inside is up to {self.threshold:.2f}"
            )
        return "; ".join(found)


_BLOCK = 4096  # rows whose distances to all training rows are held at a time
