"""A computation on small arrays as a list of operations that numpy, C and ONNX can all carry out.

Graphs are made by `tracing`; nothing in here knows of batteries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINARY", "COMPARISONS", "LOGICAL", "UNARY", "Graph", "Kind", "Node", "apply"]

Kind = Literal["real", "boolean", "integer"]
Array = NDArray[Any]

UNARY: dict[str, Callable[..., Any]] = {
    "negative": np.negative,
    "absolute": np.abs,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "arcsinh": np.arcsinh,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "sign": np.sign,
    "floor": np.floor,
}
BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
}
COMPARISONS: dict[str, Callable[..., Any]] = {
    "equal": np.equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}
LOGICAL: dict[str, Callable[..., Any]] = {"logical_and": np.logical_and, "logical_or": np.logical_or}


@dataclass(frozen=True)
class Node:
    """One operation.

    Parameters
    ----------
    operation : a key of the tables of this module, or one of: ``input``, ``constant``,
        ``as_real`` (of truth values and
        integers), ``as_integer`` (cut off), ``logical_not``, ``isfinite``, ``where``, ``matmul`` (two matrices), ``sum`` and ``max`` (over
        `axis`), ``reshape``, ``gather`` (static `indices` into the flattened array), ``concatenate``
        (flattened arrays), ``count_below`` (how many entries of a sorted row lie below each value,
        `right`: at or below), ``take`` (entries of a row at computed places).
    inputs : numbers of the nodes it reads.
    shape : of its result.
    kind : of its result.
    settings : `axis`, `indices`, `right`, or the `value` of a constant.
    """

    operation: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    kind: Kind = "real"
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of entries of the result."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Graph:
    """Operations in the order in which they are carried out.

    Parameters
    ----------
    nodes : each reads only nodes before it.
    inputs : numbers of the input nodes, by the name of the input.
    outputs : numbers of the nodes that are returned, by the name of the output.
    """

    nodes: tuple[Node, ...]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]

    def evaluate(self, **values: Array | float) -> dict[str, Array]:
        """Carry the operations out with numpy, in double precision.

        Parameters
        ----------
        values : by input name, each of the shape of its input.

        Returns
        -------
        array by output name.
        """
        by_node = {self.inputs[name]: np.asarray(value, dtype=float) for name, value in values.items()}
        results: list[Array] = []
        for number, node in enumerate(self.nodes):
            if node.operation == "input":
                results.append(by_node[number])
            else:
                results.append(apply(node, [results[i] for i in node.inputs]))
        return {name: results[number] for name, number in self.outputs.items()}


def apply(node: Node, given: Sequence[Array]) -> Array:
    """Carry one operation out with numpy.

    Parameters
    ----------
    given : results of the nodes that it reads.
    """
    settings = node.settings
    for table in (UNARY, BINARY, COMPARISONS, LOGICAL):
        if node.operation in table:
            return np.asarray(table[node.operation](*given))
    simple: dict[str, Callable[[], Any]] = {
        "constant": lambda: settings["value"],
        "as_real": lambda: given[0].astype(float),
        "as_integer": lambda: given[0].astype(np.int64),
        "logical_not": lambda: np.logical_not(given[0]),
        "isfinite": lambda: np.isfinite(given[0]),
        "where": lambda: np.where(*given),
        "matmul": lambda: given[0] @ given[1],
        "sum": lambda: given[0].sum(axis=settings["axis"]),
        "max": lambda: given[0].max(axis=settings["axis"]),
        "reshape": lambda: given[0].reshape(node.shape),
        "gather": lambda: given[0].reshape(-1)[settings["indices"]].reshape(node.shape),
        "concatenate": lambda: np.concatenate([part.reshape(-1) for part in given]),
        "count_below": lambda: np.searchsorted(given[0], given[1], "right" if settings["right"] else "left"),
        "take": lambda: given[0][given[1].astype(int)],
    }
    return np.asarray(simple[node.operation]())
