"""Any torch module as a stacked module, by `torch.func` and automatic differentiation.

The perceptron has a faster form of its own in `mlp.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ionbridge.exceptions import ConfigurationError
from ionbridge.models.engine.base import (
    AbstractBoundStack,
    AbstractStackedModule,
    Float32Array,
    ParameterBlock,
)

__all__ = ["StackedFunction", "StackedTorchModule"]

StackedForward = Callable[[Mapping[str, Tensor], Tensor], Tensor]


class StackedFunction(AbstractStackedModule):
    """A stacked module given by a function, for architectures that gain from a stacked form.

    Parameters
    ----------
    forward : computes outputs (n_members, n_rows, n_outputs) from the blocks, each of shape
        (n_members, *shape), and inputs of shape (n_members, n_rows, ...).
    shapes : block name to shape, for one member.
    initialise_member : draws the blocks of one member from a numpy generator.
    n_input_axes : axes of one input row.
    """

    def __init__(
        self,
        forward: StackedForward,
        shapes: Mapping[str, tuple[int, ...]],
        initialise_member: Callable[[np.random.Generator], Mapping[str, np.ndarray]],
        *,
        n_input_axes: int = 1,
    ) -> None:
        self.blocks = ParameterBlock.layout(shapes)
        self.n_input_axes = n_input_axes
        self._forward, self._initialise_member = forward, initialise_member

    def initialise(self, seeds: Sequence[int]) -> Float32Array:
        """Draw initial parameters, shape (n_members, n_parameters), each row from its own seed."""
        parameters = np.empty((len(seeds), self.n_parameters), dtype=np.float32)
        for row, seed in zip(parameters, seeds, strict=True):
            drawn = self._initialise_member(np.random.default_rng([0, int(seed)]))
            for block in self.blocks:
                row[block.place] = np.asarray(drawn[block.name]).reshape(-1)
        return parameters

    def bind(
        self, parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor], trainable: frozenset[str]
    ) -> AbstractBoundStack:
        """Tie the architecture to memory; see `AbstractStackedModule.bind`."""
        return _AutogradStack(self._forward, parameters, gradients, trainable)


class StackedTorchModule(AbstractStackedModule):
    """Copies of an ordinary torch module, stacked by `torch.func.vmap`.

    Parameters
    ----------
    module : maps inputs (n_rows, ...) to outputs (n_rows, n_outputs). Layers that keep running
        statistics (batch normalisation) are refused: rows of other members would leak in.
    n_input_axes : axes of one input row.
    """

    def __init__(self, module: nn.Module, *, n_input_axes: int = 1) -> None:
        running = [name for name, _ in module.named_buffers()]
        if running:
            raise ConfigurationError(
                f"StackedTorchModule cannot stack a module with buffers ({running}); use layers without "
                "running statistics, such as GroupNorm or LayerNorm."
            )
        self._module = copy.deepcopy(module)
        self.blocks = ParameterBlock.layout(
            {name: tuple(values.shape) for name, values in module.named_parameters()}
        )
        self.n_input_axes = n_input_axes

    def initialise(self, seeds: Sequence[int]) -> Float32Array:
        """Draw initial parameters by each layer's ``reset_parameters``, shape (n_members, n_parameters)."""
        rows = []
        with torch.random.fork_rng(devices=[]):
            for seed in seeds:
                torch.manual_seed(int(seed))
                for layer in self._module.modules():
                    reset = getattr(layer, "reset_parameters", None)
                    if callable(reset):
                        reset()
                values = [p.detach().reshape(-1) for p in self._module.parameters()]
                rows.append(torch.cat(values).cpu().numpy().astype(np.float32))
        return np.stack(rows)

    def bind(
        self, parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor], trainable: frozenset[str]
    ) -> AbstractBoundStack:
        """Tie the architecture to memory; see `AbstractStackedModule.bind`."""

        def call(blocks: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
            return functional_call(self._module, dict(blocks), (inputs,))

        return _AutogradStack(vmap(call, randomness="different"), parameters, gradients, trainable)


class _AutogradStack(AbstractBoundStack):
    """A stacked function differentiated by torch, its gradients accumulated in place."""

    def __init__(
        self,
        forward: StackedForward,
        parameters: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        trainable: frozenset[str],
    ) -> None:
        self._forward = forward
        self._leaves = {
            name: values.detach().requires_grad_(name in trainable) for name, values in parameters.items()
        }
        for name in trainable:
            self._leaves[name].grad = gradients[name]
        self._gradients = [gradients[name] for name in trainable]

    def forward(self, inputs: Tensor) -> Tensor:
        self._outputs = self._forward(self._leaves, inputs)
        return self._outputs.detach()

    def backward(self, output_gradients: Tensor) -> None:
        torch._foreach_zero_(self._gradients)
        self._outputs.backward(output_gradients)
