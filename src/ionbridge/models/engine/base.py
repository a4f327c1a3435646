"""Contract of a stacked module: many small networks of one architecture, computed together.

Architectures are `mlp.py` (fast special case) and `torch_module.py` (anything else); the
training loop is `training.py`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ionbridge.exceptions import ConfigurationError, ShapeError

__all__ = [
    "AbstractBoundStack",
    "AbstractStackedModule",
    "Float32Array",
    "ParameterBlock",
    "ParameterBuffer",
]

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ParameterBlock:
    """One named parameter of a module: its shape and its place in a member's parameter row."""

    name: str
    shape: tuple[int, ...]
    start: int

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def place(self) -> slice:
        """Columns of this block in an array of shape (n_members, n_parameters)."""
        return slice(self.start, self.start + self.size)

    @staticmethod
    def layout(shapes: Mapping[str, tuple[int, ...]]) -> tuple[ParameterBlock, ...]:
        """Lay the named shapes out one after the other."""
        blocks, start = [], 0
        for name, shape in shapes.items():
            blocks.append(ParameterBlock(name, tuple(shape), start))
            start += blocks[-1].size
        return tuple(blocks)


class AbstractBoundStack(ABC):
    """A stacked module tied to the memory of its parameters and gradients."""

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """Compute outputs (n_members, n_rows, n_outputs) of inputs (n_members, n_rows, ...).

        The result may be overwritten by the next call.
        """

    @abstractmethod
    def backward(self, output_gradients: Tensor) -> None:
        """Write the gradients of all trainable blocks, for the inputs of the last `forward`."""


class AbstractStackedModule(ABC):
    """An architecture of which many members are computed at once.

    Attributes
    ----------
    blocks : the parameters of one member, in the order of its parameter row.
    n_input_axes : number of axes of one input row (1 for a vector of features, 2 for a
        multi-channel signal, ...).
    """

    blocks: tuple[ParameterBlock, ...]
    n_input_axes: int

    @abstractmethod
    def initialise(self, seeds: Sequence[int]) -> Float32Array:
        """Draw initial parameters, shape (n_members, n_parameters), each row from its own seed."""

    @abstractmethod
    def bind(
        self, parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor], trainable: frozenset[str]
    ) -> AbstractBoundStack:
        """Tie the architecture to memory.

        Parameters
        ----------
        parameters, gradients : block name to tensor of shape (n_members, *block.shape), contiguous.
        trainable : names of the blocks whose gradients `backward` must write.
        """

    @final
    @property
    def n_parameters(self) -> int:
        """Number of parameters of one member."""
        return sum(block.size for block in self.blocks)

    @final
    def split(self, parameters: NDArray) -> dict[str, NDArray]:
        """View rows of shape (..., n_parameters) as blocks of shape (..., *block.shape)."""
        if parameters.shape[-1] != self.n_parameters:
            raise ShapeError(
                f"'parameters' must have {self.n_parameters} values a member for {self!r}; "
                f"got shape {parameters.shape}."
            )
        lead = parameters.shape[:-1]
        return {b.name: parameters[..., b.place].reshape(*lead, *b.shape) for b in self.blocks}

    @final
    def mask(self, *names: str) -> NDArray[np.bool_]:
        """Mark the parameters of the named blocks, shape (n_parameters,)."""
        known = {block.name: block for block in self.blocks}
        unknown = sorted(set(names) - set(known))
        if unknown:
            raise ConfigurationError(
                f"blocks {unknown} are not part of this module; its blocks are {list(known)}."
            )
        marked = np.zeros(self.n_parameters, dtype=bool)
        for name in names:
            marked[known[name].place] = True
        return marked


class ParameterBuffer:
    """One flat buffer with the parameters of a stack, contiguous block by block.

    At the boundary a stack is an array (n_members, n_parameters). Inside, every block of all
    members lies together: matrix products then write gradients in place (a strided target
    costs a copy, 1.5 to 5 times the product itself) and one fused optimiser call still covers
    everything.
    """

    def __init__(self, blocks: tuple[ParameterBlock, ...], n_members: int, device: torch.device) -> None:
        self._layout = blocks
        self.n_members = n_members
        self.flat = torch.zeros(n_members * sum(b.size for b in blocks), device=device)
        self.blocks: dict[str, Tensor] = {}
        start = 0
        for block in blocks:
            stop = start + n_members * block.size
            self.blocks[block.name] = self.flat[start:stop].view(n_members, *block.shape)
            start = stop

    @classmethod
    def from_rows(
        cls, blocks: tuple[ParameterBlock, ...], rows: NDArray | Tensor, device: torch.device
    ) -> Self:
        """Copy an array of shape (n_members, n_parameters)."""
        buffer = cls(blocks, len(rows), device)
        rows = torch.as_tensor(rows)
        for block in blocks:
            buffer.blocks[block.name].copy_(rows[:, block.place].reshape(-1, *block.shape))
        return buffer

    def to_rows(self) -> Tensor:
        """Return a copy of shape (n_members, n_parameters)."""
        return torch.cat([self.blocks[b.name].reshape(self.n_members, -1) for b in self._layout], dim=1)

    def select(self, members: Tensor) -> ParameterBuffer:
        """Copy the given members into a new buffer."""
        chosen = ParameterBuffer(self._layout, len(members), self.flat.device)
        for name, values in self.blocks.items():
            torch.index_select(values, 0, members, out=chosen.blocks[name])
        return chosen

    def part(self, start: int, stop: int) -> dict[str, Tensor]:
        """View the blocks of members `start` to `stop`."""
        return {name: values[start:stop] for name, values in self.blocks.items()}

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        return iter(self.blocks.items())
