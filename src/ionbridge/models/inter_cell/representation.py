"""How a cell becomes a vector: change since a base cycle, level at the base cycle, principal axes.

Everything here happens once a cell; pairs of cells are formed by `network.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ionbridge.exceptions import ConfigurationError, ShapeError
from ionbridge.models.base import FloatArray

__all__ = ["CellEncoding", "cell_features"]

LEVEL_WEIGHT = 0.5  # of the level at the base cycle against the changes since then


def cell_features(X: FloatArray, base_cycle: int | None, compression: float | None) -> list[FloatArray]:
    """Split each cell into blocks of features, each of shape (n_cells, n_block_features).

    Parameters
    ----------
    X : shape (n_cells, n_features), or curves of shape (n_cells, n_channels, n_cycles, n_points)
        with every channel scaled to about one.
    base_cycle : place of the base cycle on the axis of cycles, for curves.
    compression : changes much smaller than this stay linear, much larger ones become logarithms
        (an inverse hyperbolic sine); None leaves them as they are.

    Returns
    -------
    For curves, a block of changes and a block of levels for every channel; else one block.

    Raises
    ------
    ShapeError, ConfigurationError
    """
    if X.ndim == 2:
        return [X]
    if X.ndim != 4:
        raise ShapeError(
            "'X' of inter-cell learning must have shape (n_cells, n_features) or "
            f"(n_cells, n_channels, n_cycles, n_points); got {X.shape}."
        )
    if base_cycle is None or not -X.shape[2] <= base_cycle < X.shape[2]:
        raise ConfigurationError(
            f"'base_cycle' must be a place among the {X.shape[2]} cycles of the curves; got {base_cycle}."
        )
    change = X - X[:, :, [base_cycle]]
    if compression is not None:
        change = np.arcsinh(change / compression) * compression
    blocks = []
    for channel in range(X.shape[1]):
        blocks.append(change[:, channel].reshape(len(X), -1))
        blocks.append(X[:, channel, base_cycle].reshape(len(X), -1))
    return blocks


@dataclass(frozen=True, eq=False)
class CellEncoding:
    """Linear map from the features of a cell to a short vector, the same for every cell.

    Weights trained from such vectors by gradients are the same as from the features themselves,
    as long as no principal axis of the training cells is left out: the first layer of a network
    only ever sees the span of its training cells.

    Parameters
    ----------
    base_cycle, compression : as of `cell_features`.
    mean : shape (n_features,)
    projection : shape (n_features, n_components)
    """

    base_cycle: int | None
    compression: float | None
    mean: FloatArray
    projection: FloatArray

    @classmethod
    def fit(
        cls,
        X: FloatArray,
        *,
        base_cycle: int | None,
        compression: float | None,
        n_components: int,
    ) -> CellEncoding:
        """Learn scale and principal axes from training cells.

        Curves are scaled block by block, so that the shape of a curve is kept; features of a table
        are scaled one by one. The result has a total variance of `n_components`.

        Parameters
        ----------
        X : see `cell_features`.
        n_components : length of the vectors.
        """
        blocks = cell_features(X, base_cycle, compression)
        features = np.concatenate(blocks, axis=1)
        mean = features.mean(axis=0)
        if X.ndim == 2:
            spread = features.std(axis=0)
            scale = _inverse(spread, np.abs(mean))
        else:
            weights = [1.0, LEVEL_WEIGHT] * (len(blocks) // 2)
            scale = np.concatenate(
                [
                    np.full(b.shape[1], w * _inverse(np.sqrt(b.var(axis=0).mean()), np.abs(b).mean()))
                    for b, w in zip(blocks, weights, strict=True)
                ]
            )
        centred = (features - mean) * scale
        axes, total = _principal_axes(centred, n_components)
        return cls(
            base_cycle, compression, mean, scale[:, None] * axes * np.sqrt(axes.shape[1] / max(total, 1e-30))
        )

    def encode(self, X: FloatArray) -> FloatArray:
        """Encode cells, shape (n_cells, n_components)."""
        features = np.concatenate(cell_features(X, self.base_cycle, self.compression), axis=1)
        return (features - self.mean) @ self.projection


def _inverse(spread: FloatArray | float, size: FloatArray | float) -> FloatArray:
    """One over `spread`, zero where it is negligible beside `size`."""
    spread = np.asarray(spread, dtype=float)
    is_constant = spread <= 1e-9 * np.maximum(size, 1e-300)
    return np.where(is_constant, 0.0, 1.0 / np.where(is_constant, 1.0, spread))


def _principal_axes(centred: FloatArray, n_components: int) -> tuple[NDArray[np.float64], float]:
    """Axes of largest variance, shape (n_features, n_components), and the variance along all of them."""
    if centred.shape[1] > centred.shape[0]:
        values, vectors = np.linalg.eigh(centred @ centred.T)
        order = np.argsort(values)[::-1][:n_components]
        kept = values[order] > 1e-10 * max(values.max(), 1e-300)
        axes = np.zeros((centred.shape[1], len(order)))
        axes[:, kept] = centred.T @ vectors[:, order[kept]] / np.sqrt(values[order[kept]])
    else:
        values, vectors = np.linalg.eigh(centred.T @ centred)
        axes = vectors[:, np.argsort(values)[::-1][:n_components]]
    if axes.shape[1] < n_components:
        axes = np.pad(axes, ((0, 0), (0, n_components - axes.shape[1])))
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    axes = axes * np.where(signs == 0, 1.0, signs)
    return axes, float((centred @ axes).var(axis=0).sum())
