"""The stacked network of inter-cell learning: two encoders, one shared linear head, all pairs at once.

What is learned from the outputs (squared error, censoring, weights of the branches) is `loss.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ionbridge.models.engine import StackedFunction
from ionbridge.models.inter_cell.loss import n_pair_outputs

__all__ = ["inter_cell_module", "inter_outputs", "intra_outputs", "reference_codes"]

Blocks = Mapping[str, Tensor]


def inter_cell_module(n_inputs: int, n_hidden: int, n_rows: int) -> StackedFunction:
    """Build the network whose outputs are one intra value and `n_rows` inter values a row (and padding).

    With the encoded cells ``z``, the shared head ``(w, v)`` and ``tanh`` throughout:

    * intra: ``w · g(z) + v · z + b`` predicts the life of a cell from itself,
    * inter: ``w · h(z_i - z_j) + v · (z_i - z_j)`` predicts the difference of two lives.

    ``g`` and ``h`` have two layers each; ``h`` has no biases and so is odd: exchanging two cells
    turns the sign of the answer, and a cell does not differ from itself. Its first layer is
    linear in both cells and is computed once a cell.

    Parameters
    ----------
    n_inputs : length of an encoded cell.
    n_hidden : width of every layer.
    n_rows : largest number of rows in a step; column j + 1 of the outputs is row j as reference.
    """
    shapes: dict[str, tuple[int, ...]] = {
        "intra0.weight": (n_inputs, n_hidden),
        "intra0.bias": (n_hidden,),
        "intra1.weight": (n_hidden, n_hidden),
        "intra1.bias": (n_hidden,),
        "inter0.weight": (n_inputs, n_hidden),
        "inter1.weight": (n_hidden, n_hidden),
        "head.hidden": (n_hidden,),
        "head.linear": (n_inputs,),
        "head.bias": (1,),
    }

    def draw(generator: np.random.Generator) -> dict[str, np.ndarray]:
        drawn = {name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()}
        for name in ("intra0.weight", "intra1.weight", "inter0.weight", "inter1.weight"):
            drawn[name] = generator.normal(0.0, shapes[name][0] ** -0.5, shapes[name]).astype(np.float32)
        drawn["head.hidden"] = generator.normal(0.0, 0.5 * n_hidden**-0.5, n_hidden).astype(np.float32)
        return drawn

    def forward(blocks: Blocks, inputs: Tensor) -> Tensor:
        intra = intra_outputs(blocks, inputs)
        inter = _all_pairs(blocks, inputs)
        missing = n_pair_outputs(n_rows) - 1 - inter.shape[-1]
        return functional.pad(torch.cat([intra[..., None], inter], dim=-1), (0, missing))

    return StackedFunction(forward, shapes, draw)


def intra_outputs(blocks: Blocks, z: Tensor) -> Tensor:
    """Intra branch, shape (n_members, n_rows), of encoded cells (n_members, n_rows, n_inputs)."""
    hidden = torch.tanh(torch.baddbmm(blocks["intra0.bias"][:, None], z, blocks["intra0.weight"]))
    hidden = torch.tanh(torch.baddbmm(blocks["intra1.bias"][:, None], hidden, blocks["intra1.weight"]))
    own = torch.bmm(hidden, blocks["head.hidden"][..., None]) + torch.bmm(z, blocks["head.linear"][..., None])
    return own[..., 0] + blocks["head.bias"]


def reference_codes(blocks: Blocks, z: Tensor) -> tuple[Tensor, Tensor]:
    """First inter layer and linear part of the head, (n_members, n_rows, n_hidden) and (n_members, n_rows)."""
    return torch.bmm(z, blocks["inter0.weight"]), torch.bmm(z, blocks["head.linear"][..., None])[..., 0]


def inter_outputs(blocks: Blocks, differences: Tensor) -> Tensor:
    """Nonlinear inter branch, (n_members, n_pairs), of first-layer differences (n_members, n_pairs, n_hidden)."""
    hidden = torch.tanh(torch.bmm(torch.tanh(differences), blocks["inter1.weight"]))
    return torch.bmm(hidden, blocks["head.hidden"][..., None])[..., 0]


@lru_cache(maxsize=64)
def _triangle(n_rows: int) -> tuple[Tensor, Tensor]:
    first, second = torch.triu_indices(n_rows, n_rows, offset=1)
    return first, second


def _all_pairs(blocks: Blocks, z: Tensor) -> Tensor:
    """Predicted difference of row i to row j, shape (n_members, n_rows, n_rows); half of it is computed."""
    n_members, n_rows = z.shape[:2]
    code, linear = reference_codes(blocks, z)
    first, second = (index.to(z.device) for index in _triangle(n_rows))
    differences = code.index_select(1, first) - code.index_select(1, second)
    place = first * n_rows + second
    upper = z.new_zeros(n_members, n_rows * n_rows).index_copy(1, place, inter_outputs(blocks, differences))
    upper = upper.view(n_members, n_rows, n_rows)
    return upper - upper.transpose(1, 2) + linear[:, :, None] - linear[:, None, :]
