"""Stacked multilayer perceptron with gradients written by hand: the fast special case.

Any other architecture goes through `torch_module.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.models.engine.base import (
    AbstractBoundStack,
    AbstractStackedModule,
    Float32Array,
    ParameterBlock,
)

__all__ = ["ACTIVATIONS", "StackedMLP"]


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation function with its derivative.

    Parameters
    ----------
    apply : writes activation(first) to the second tensor; both may be the same.
    backward : writes gradient(first) to itself; the second is the saved tensor.
    saves_input : whether `backward` needs the pre-activation instead of the activation.
    floor : greatest lower bound of the function.
    """

    apply: Callable[[Tensor, Tensor], object]
    backward: Callable[[Tensor, Tensor], object]
    saves_input: bool
    floor: float


_aten = torch.ops.aten

ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(
        lambda z, out: torch.clamp_min(z, 0.0, out=out),
        lambda d, h: _aten.threshold_backward.grad_input(d, h, 0.0, grad_input=d),
        saves_input=False,
        floor=0.0,
    ),
    "tanh": Activation(
        lambda z, out: torch.tanh(z, out=out),
        lambda d, h: _aten.tanh_backward.grad_input(d, h, grad_input=d),
        saves_input=False,
        floor=-1.0,
    ),
    "silu": Activation(
        lambda z, out: _aten.silu.out(z, out=out),
        lambda d, z: _aten.silu_backward.grad_input(d, z, grad_input=d),
        saves_input=True,
        floor=-0.2785,  # minimum of z * sigmoid(z), at z = -1.2785
    ),
}


class StackedMLP(AbstractStackedModule):
    """Multilayer perceptrons of one shape, hidden layers ``activation(film(x @ weight + bias))``.

    Blocks of hidden layer ``i`` are ``hidden{i}.weight`` (n_in, n_out) and ``hidden{i}.bias``
    (n_out,), with FiLM also ``hidden{i}.scale`` and ``hidden{i}.shift`` (n_out,); then
    ``output.weight`` and ``output.bias``. An adapter layer is one more hidden layer, put behind
    trained ones by `with_adapter`.

    Parameters
    ----------
    n_inputs : features a row.
    hidden : widths of the hidden layers; empty for a linear model.
    n_outputs : outputs a row.
    activation : ``"relu"``, ``"tanh"`` or ``"silu"``, one for all hidden layers or one each.
    film : scale and shift every pre-activation (feature-wise linear modulation [1]_).

    References
    ----------
    .. [1] Perez et al., FiLM: visual reasoning with a general conditioning layer (2018), eq. 2.
       doi:10.48550/arXiv.1709.07871
    """

    n_input_axes = 1

    def __init__(
        self,
        n_inputs: int,
        hidden: Sequence[int] = (64, 64),
        n_outputs: int = 1,
        *,
        activation: str | Sequence[str] = "relu",
        film: bool = False,
    ) -> None:
        if n_inputs < 1 or n_outputs < 1 or any(width < 1 for width in hidden):
            raise ConfigurationError(
                "StackedMLP needs at least one input, one output and one unit in every hidden layer; got "
                f"n_inputs={n_inputs}, hidden={tuple(hidden)}, n_outputs={n_outputs}."
            )
        self.n_inputs, self.hidden, self.n_outputs = n_inputs, tuple(hidden), n_outputs
        names = (activation,) * len(self.hidden) if isinstance(activation, str) else tuple(activation)
        if len(names) != len(self.hidden):
            raise ConfigurationError(
                f"'activation' of StackedMLP must be one name or one a hidden layer ({len(self.hidden)}); got {names}."
            )
        for name in names:
            if name not in ACTIVATIONS:
                raise UnknownNameError.for_name(name, ACTIVATIONS, "activation")
        self.activations, self.film = names, film
        self.blocks = self._layout()

    def __repr__(self) -> str:
        sizes = "-".join(str(n) for n in (self.n_inputs, *self.hidden, self.n_outputs))
        return f"StackedMLP({sizes}, {'/'.join(self.activations)}{', film' if self.film else ''})"

    def _layout(self) -> tuple[ParameterBlock, ...]:
        shapes: dict[str, tuple[int, ...]] = {}
        n_in = self.n_inputs
        for i, width in enumerate(self.hidden):
            shapes[f"hidden{i}.weight"], shapes[f"hidden{i}.bias"] = (n_in, width), (width,)
            if self.film:
                shapes[f"hidden{i}.scale"] = shapes[f"hidden{i}.shift"] = (width,)
            n_in = width
        shapes["output.weight"], shapes["output.bias"] = (n_in, self.n_outputs), (self.n_outputs,)
        return ParameterBlock.layout(shapes)

    def initialise(self, seeds: Sequence[int]) -> Float32Array:
        """Draw weights uniformly with variance 2 / (n_in + n_out) (Glorot), biases zero, FiLM neutral."""
        parameters = np.zeros((len(seeds), self.n_parameters), dtype=np.float32)
        for row, seed in zip(parameters, seeds, strict=True):
            generator = np.random.default_rng([0, int(seed)])
            for block in self.blocks:
                if block.name.endswith("weight"):
                    limit = np.sqrt(6.0 / sum(block.shape))
                    drawn = generator.random(block.size, dtype=np.float32)
                    row[block.place] = (2.0 * drawn - 1.0) * np.float32(limit)
                elif block.name.endswith("scale"):
                    row[block.place] = 1.0
        return parameters

    def bind(
        self, parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor], trainable: frozenset[str]
    ) -> AbstractBoundStack:
        """Tie the architecture to memory; see `AbstractStackedModule.bind`."""
        return _BoundMLP(self, parameters, gradients, trainable)

    def with_adapter(self, parameters: Float32Array) -> tuple[StackedMLP, Float32Array]:
        """Put a ReLU adapter, as wide as the last hidden layer, between it and the output.

        The adapter starts as the identity, so that the deeper networks compute exactly what
        `parameters` compute: hidden units are shifted by their lower bound, which makes ReLU
        transparent, and the output bias takes the shift back.

        Parameters
        ----------
        parameters : shape (n_members, n_parameters)

        Raises
        ------
        ConfigurationError
            If there is no hidden layer to put the adapter behind.
        """
        deeper = self.deepened()
        old, place = self.split(parameters), f"hidden{len(self.hidden)}"
        rows = np.zeros((len(parameters), deeper.n_parameters), dtype=np.float32)
        new = deeper.split(rows)
        for name in old.keys() - {"output.bias"}:
            new[name][:] = old[name]
        floor = ACTIVATIONS[self.activations[-1]].floor
        new[f"{place}.weight"][:] = np.eye(self.hidden[-1])
        new[f"{place}.bias"][:] = -floor
        if self.film:
            new[f"{place}.scale"][:] = 1.0
        new["output.bias"][:] = old["output.bias"] + floor * old["output.weight"].sum(axis=1)
        return deeper, rows

    def deepened(self) -> StackedMLP:
        """Return the architecture with one more hidden layer (ReLU), as wide as the last one."""
        if not self.hidden:
            raise ConfigurationError(f"{self!r} has no hidden layer to put an adapter behind; give it one.")
        return StackedMLP(
            self.n_inputs,
            (*self.hidden, self.hidden[-1]),
            self.n_outputs,
            activation=(*self.activations, "relu"),
            film=self.film,
        )


class _BoundMLP(AbstractBoundStack):
    """Perceptrons tied to memory; all products and activations write into reused scratch tensors."""

    def __init__(
        self,
        module: StackedMLP,
        parameters: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        trainable: frozenset[str],
    ) -> None:
        self._hidden = [
            _HiddenLayer(f"hidden{i}", ACTIVATIONS[name], parameters, gradients, trainable)
            for i, name in enumerate(module.activations)
        ]
        self._output = _OutputLayer(parameters, gradients, trainable)
        layers: list[_HiddenLayer | _OutputLayer] = [*self._hidden, self._output]
        n_frozen = next((i for i, layer in enumerate(layers) if layer.is_trainable), len(layers))
        for i, layer in enumerate(layers):
            layer.passes_down = i > n_frozen

    def forward(self, inputs: Tensor) -> Tensor:
        for layer in self._hidden:
            inputs = layer.forward(inputs)
        return self._output.forward(inputs)

    def backward(self, output_gradients: Tensor) -> None:
        gradient = self._output.backward(output_gradients)
        for layer in reversed(self._hidden):
            if gradient is None:
                return
            gradient = layer.backward(gradient)


class _Scratch:
    """Reused tensors, one for each use and number of rows."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._kept: dict[tuple[str, int, int], Tensor] = {}

    def get(self, use: str, n_rows: int, width: int) -> Tensor:
        key = (use, n_rows, width)
        if key not in self._kept:
            self._kept[key] = self._like.new_empty(len(self._like), n_rows, width)
        return self._kept[key]


class _HiddenLayer:
    def __init__(
        self,
        name: str,
        activation: Activation,
        parameters: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        trainable: frozenset[str],
    ) -> None:
        self.passes_down = True
        self._activation = activation
        self._keeps_input = activation.saves_input and bool(trainable)  # else it is overwritten
        self._weight = parameters[f"{name}.weight"]
        self._weight_transposed = self._weight.transpose(1, 2)
        self._bias = parameters[f"{name}.bias"].unsqueeze(1)
        self._has_film = f"{name}.scale" in parameters
        if self._has_film:
            self._scale = parameters[f"{name}.scale"].unsqueeze(1)
            self._shift = parameters[f"{name}.shift"].unsqueeze(1)
        self._gradients = {
            kind: gradients[f"{name}.{kind}"]
            for kind in ("weight", "bias", "scale", "shift")
            if f"{name}.{kind}" in trainable
        }
        self.is_trainable = bool(self._gradients)
        self._n_inputs, self._width = self._weight.shape[1:]
        self._scratch = _Scratch(self._weight)

    def forward(self, inputs: Tensor) -> Tensor:
        n_rows, scratch = inputs.shape[1], self._scratch
        self._inputs = inputs
        z = scratch.get("linear", n_rows, self._width)
        torch.baddbmm(self._bias, inputs, self._weight, out=z)
        if self._has_film:
            self._linear = z
            z = scratch.get("film", n_rows, self._width)
            torch.addcmul(self._shift, self._linear, self._scale, out=z)
        h = scratch.get("active", n_rows, self._width) if self._keeps_input else z
        self._activation.apply(z, h)
        self._saved = z
        return h

    def backward(self, gradient: Tensor) -> Tensor | None:
        """Overwrite `gradient`; return the gradient of the inputs where a layer below needs it."""
        self._activation.backward(gradient, self._saved)
        wanted = self._gradients
        if self._has_film:
            if "scale" in wanted:
                torch.sum(torch.mul(self._linear, gradient, out=self._linear), 1, out=wanted["scale"])
            if "shift" in wanted:
                torch.sum(gradient, 1, out=wanted["shift"])
            gradient.mul_(self._scale)
        if "weight" in wanted:
            torch.bmm(self._inputs.transpose(1, 2), gradient, out=wanted["weight"])
        if "bias" in wanted:
            torch.sum(gradient, 1, out=wanted["bias"])
        if not self.passes_down:
            return None
        below = self._scratch.get("below", gradient.shape[1], self._n_inputs)
        return torch.bmm(gradient, self._weight_transposed, out=below)


class _OutputLayer:
    def __init__(
        self, parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor], trainable: frozenset[str]
    ) -> None:
        self.passes_down = True
        self._weight = parameters["output.weight"]
        self._weight_transposed = self._weight.transpose(1, 2)
        self._bias = parameters["output.bias"].unsqueeze(1)
        self._gradients = {
            kind: gradients[f"output.{kind}"] for kind in ("weight", "bias") if f"output.{kind}" in trainable
        }
        self.is_trainable = bool(self._gradients)
        self._n_inputs, self._n_outputs = self._weight.shape[1:]
        self._scratch = _Scratch(self._weight)

    def forward(self, inputs: Tensor) -> Tensor:
        self._inputs = inputs
        n_rows = inputs.shape[1]
        outputs = self._scratch.get("outputs", n_rows, self._n_outputs)
        if self._n_outputs > 1:
            return torch.baddbmm(self._bias, inputs, self._weight, out=outputs)
        # a product and a sum are three times as fast as a matrix product with one column
        products = self._scratch.get("products", n_rows, self._n_inputs)
        torch.mul(inputs, self._weight_transposed, out=products)
        return torch.sum(products, 2, keepdim=True, out=outputs).add_(self._bias)

    def backward(self, gradient: Tensor) -> Tensor | None:
        wanted = self._gradients
        if "weight" in wanted:
            if self._n_outputs > 1:
                torch.bmm(self._inputs.transpose(1, 2), gradient, out=wanted["weight"])
            else:  # a row is faster than a column
                row = wanted["weight"].view(-1, 1, self._n_inputs)
                torch.bmm(gradient.transpose(1, 2), self._inputs, out=row)
        if "bias" in wanted:
            torch.sum(gradient, 1, out=wanted["bias"])
        if not self.passes_down:
            return None
        below = self._scratch.get("products", gradient.shape[1], self._n_inputs)
        if self._n_outputs > 1:
            return torch.bmm(gradient, self._weight_transposed, out=below)
        return torch.mul(gradient, self._weight_transposed, out=below)
