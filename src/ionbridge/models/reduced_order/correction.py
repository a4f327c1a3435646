"""Learned part of the voltage: networks folded into plain layers, or any fitted regressor.

Training is `rom.py` and the transfer room; the step that calls a correction is `stepping.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from ionbridge.exceptions import ConfigurationError
from ionbridge.models.engine.ensemble import NetworkEnsemble
from ionbridge.models.reduced_order.difference import CorrectedByMeasurement, MeasuredDifference

__all__ = ["DenseLayer", "NetworkCorrection", "RegressorCorrection", "SummedCorrection", "make_correction"]

Array = NDArray[np.floating[Any]]
_BLOCK = 2048  # rows at once: their hidden layers stay in the cache of the processor
_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "tanh": torch.tanh_,
    "relu": torch.relu_,
    "silu": lambda z: z.mul_(torch.sigmoid(z)),
    "identity": lambda z: z,
}


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """One layer of all members: activation(x @ weight + bias).

    Parameters
    ----------
    weight : shape (n_members, n_in, n_out)
    bias : shape (n_members, n_out)
    activation : ``tanh``, ``relu``, ``silu`` or ``identity``.
    """

    weight: Array
    bias: Array
    activation: str


class NetworkCorrection:
    """Mean of an ensemble of perceptrons, scaling folded into the weights.

    Inputs are first clipped to what the networks have seen, so that a profile outside cannot
    call forth more than they learned at its edge.

    Parameters
    ----------
    ensemble : trained in the standard or raw space; its final group is used.
    low, high : shape (n_features,); limits that inputs are clipped to.
    dtype : of the computation.
    """

    def __init__(
        self, ensemble: NetworkEnsemble, low: Array, high: Array, dtype: DTypeLike = np.float64
    ) -> None:
        if ensemble.scaling.space == "log":
            raise ConfigurationError(
                "a correction of the voltage has both signs; train its networks with space='standard'."
            )
        self.low, self.high = (np.asarray(v, dtype=dtype)[:, None] for v in (low, high))
        self.layers = [
            DenseLayer(layer.weight.astype(dtype), layer.bias.astype(dtype), layer.activation)
            for layer in folded_layers(ensemble)
        ]
        first, *middle, last = self.layers
        n_members = len(first.weight)
        # features stay in rows: all members' first layers are one matrix, their last ones one sum
        self._first = (
            torch.from_numpy(np.concatenate([w.T for w in first.weight]).copy()),
            torch.from_numpy(first.bias.reshape(-1, 1)),
        )
        self._middle = [
            (
                torch.from_numpy(layer.weight.transpose(0, 2, 1).copy()),
                torch.from_numpy(layer.bias[..., None]),
            )
            for layer in middle
        ]
        self._last = torch.from_numpy((last.weight[:, :, 0] / n_members).reshape(-1))
        self._constant = float(last.bias.mean())

    def __call__(self, features: Array) -> Array:
        """Correction of shape (n_rows,) [V] from features of shape (n_features, n_rows)."""
        found = np.empty(features.shape[1], dtype=self.low.dtype)
        n_members = len(self.layers[0].weight)
        for start in range(0, len(found), _BLOCK):
            part = features[:, start : start + _BLOCK]
            x = torch.from_numpy(np.clip(part, self.low, self.high))
            h = _ACTIVATIONS[self.layers[0].activation](torch.addmm(self._first[1], self._first[0], x))
            h = h.view(n_members, -1, x.shape[1])
            for layer, (weight, bias) in zip(self.layers[1:], self._middle, strict=False):
                h = _ACTIVATIONS[layer.activation](torch.baddbmm(bias, weight, h))
            found[start : start + _BLOCK] = (self._last @ h.view(-1, x.shape[1])).numpy()
        return found + found.dtype.type(self._constant)


def folded_layers(ensemble: NetworkEnsemble) -> list[DenseLayer]:
    """Layers of the final group of `ensemble`, with input and output scaling and FiLM folded in."""
    module, scaling = ensemble.module, ensemble.scaling
    blocks = {k: np.asarray(v, dtype=np.float64) for k, v in module.split(ensemble.weights[0]).items()}
    mean, scale = scaling.input_mean[0], scaling.input_scale[0]
    layers = []
    for i, activation in enumerate(module.activations):
        weight, bias = blocks[f"hidden{i}.weight"], blocks[f"hidden{i}.bias"]
        if f"hidden{i}.scale" in blocks:
            factor = blocks[f"hidden{i}.scale"]
            weight, bias = weight * factor[:, None, :], bias * factor + blocks[f"hidden{i}.shift"]
        if i == 0:
            weight = weight / scale[:, None]
            bias = bias - np.einsum("i,mio->mo", mean, weight)
        layers.append(DenseLayer(weight, bias, activation))
    size, shift = scaling.output_scale[0], scaling.output_mean[0]
    weight, bias = blocks["output.weight"][..., :1] * size, blocks["output.bias"][..., :1] * size + shift
    return [*layers, DenseLayer(weight, bias, "identity")]


class RegressorCorrection:
    """Any fitted regressor as a correction; slower than networks and not for export.

    Parameters
    ----------
    regressor : with ``predict`` on rows (n_rows, n_features).
    low, high : shape (n_features,); limits that inputs are clipped to.
    """

    def __init__(self, regressor: Any, low: Array, high: Array) -> None:
        self.regressor, self.low, self.high = regressor, np.asarray(low)[:, None], np.asarray(high)[:, None]

    def __call__(self, features: Array) -> Array:
        """Correction of shape (n_rows,) [V] from features of shape (n_features, n_rows)."""
        clipped = np.clip(features, self.low, self.high)
        return np.asarray(self.regressor.predict(clipped.T), dtype=features.dtype)


class SummedCorrection:
    """A learned correction of a lower fidelity plus the difference to measured series.

    Parameters
    ----------
    source : of the lower fidelity; None for none.
    difference : what is added.
    low, high : shape (n_features,); limits that inputs of the difference are clipped to.
    dtype : of the computation.
    """

    def __init__(
        self,
        source: NetworkCorrection | RegressorCorrection | None,
        difference: MeasuredDifference,
        low: Array,
        high: Array,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.source, self.difference = source, difference
        self.low, self.high = (np.asarray(v, dtype=dtype)[:, None] for v in (low, high))

    def __call__(self, features: Array) -> Array:
        """Correction of shape (n_rows,) [V] from features of shape (n_features, n_rows)."""
        added: Array = self.difference(np.clip(features, self.low, self.high))
        return added if self.source is None else self.source(features) + added


def make_correction(
    residual: Any, low: Array, high: Array, dtype: DTypeLike = np.float64
) -> NetworkCorrection | RegressorCorrection | SummedCorrection | None:
    """Turn a fitted regressor or strategy into a correction; None stays None."""
    if residual is None:
        return None
    if isinstance(residual, CorrectedByMeasurement):
        source = make_correction(residual.source, residual.low, residual.high, dtype)
        assert not isinstance(source, SummedCorrection)
        return SummedCorrection(source, residual.difference, low, high, dtype)
    ensemble = getattr(residual, "ensemble_", None)
    if isinstance(ensemble, NetworkEnsemble):
        return NetworkCorrection(ensemble, low, high, dtype)
    return RegressorCorrection(residual, low, high)
