"""Which known cells a new one is compared with, and how their answers become one.

The answers themselves come from `network.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ionbridge.models.base import FloatArray

__all__ = ["AGGREGATIONS", "REFERENCE_CHOICES", "aggregate", "choose_references", "reference_weights"]

AGGREGATIONS = ("median", "mean", "weighted")
REFERENCE_CHOICES = ("spread", "similar")


def choose_references(
    z: FloatArray, candidates: NDArray[np.int64], n_references: int, seed: int
) -> NDArray[np.int64]:
    """Pick references that cover the candidates: at random first, then the farthest from those picked.

    Parameters
    ----------
    z : shape (n_cells, n_components); encoded cells.
    candidates : shape (n_candidates,); places of the cells to pick from.

    Returns
    -------
    shape (min(n_references, n_candidates),), sorted.
    """
    if len(candidates) <= n_references:
        return np.sort(candidates)
    points = z[candidates]
    picked = [int(np.random.default_rng(seed).integers(len(candidates)))]
    distance = np.full(len(candidates), np.inf)
    while len(picked) < n_references:
        distance = np.minimum(distance, ((points - points[picked[-1]]) ** 2).sum(axis=1))
        picked.append(int(distance.argmax()))
    return np.sort(candidates[picked])


def reference_weights(residual: FloatArray) -> FloatArray:
    """Weight each reference by how well it predicted cells that were left out, shape (n_references,).

    Parameters
    ----------
    residual : shape (n_cells, n_references); NaN where a pair was not left out.
        Prediction of a cell through a reference, minus its truth.

    Returns
    -------
    Inverse mean square, shrunk by half towards that of all references; sums to one.
    """
    count = np.isfinite(residual).sum(axis=0)
    square = np.where(np.isfinite(residual), residual, 0.0) ** 2
    overall = square.sum() / max(count.sum(), 1)
    each = np.where(count > 0, square.sum(axis=0) / np.maximum(count, 1), overall)
    weights = 1.0 / (0.5 * each + 0.5 * overall + 1e-12)
    return weights / weights.sum()


def aggregate(
    answers: FloatArray, weights: FloatArray, kind: str, chosen: NDArray[np.bool_] | None = None
) -> FloatArray:
    """Combine the answers of all references, shape (..., n_cells).

    Parameters
    ----------
    answers : shape (..., n_cells, n_references)
    weights : shape (n_references,); used by ``"weighted"``.
    kind : one of `AGGREGATIONS`.
    chosen : shape (n_cells, n_references); the references each cell is compared with; None for all.
    """
    if chosen is not None:
        answers = np.where(chosen, answers, np.nan)
    if kind == "median":
        return np.median(answers, axis=-1) if chosen is None else np.nanmedian(answers, axis=-1)
    used = weights if kind == "weighted" else np.ones_like(weights)
    share = np.where(np.isfinite(answers), used, 0.0)
    return np.nansum(answers * share, axis=-1) / share.sum(axis=-1)
