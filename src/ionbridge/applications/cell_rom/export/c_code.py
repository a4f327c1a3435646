"""Write a `Graph` as a function in portable C99: plain loops in double precision, no allocation.

What surrounds the function (FMI, other interfaces) is not written here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from ionbridge.applications.cell_rom.export.graph import Graph, Node

__all__ = ["c_function", "c_number"]

_INLINE: dict[str, str] = {
    "negative": "-{0}",
    "absolute": "fabs({0})",
    "arcsinh": "asinh({0})",
    "sign": "(({0}) > 0.0) - (({0}) < 0.0)",
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "power": "pow({0}, {1})",
    "maximum": "{0} > {1} ? {0} : {1}",
    "minimum": "{0} < {1} ? {0} : {1}",
    "equal": "{0} == {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "as_integer": "trunc({0})",
    "logical_and": "{0} != 0.0 && {1} != 0.0",
    "logical_or": "{0} != 0.0 || {1} != 0.0",
    "logical_not": "{0} == 0.0",
    "isfinite": "isfinite({0}) != 0",
    "where": "{0} != 0.0 ? {1} : {2}",
}
_SAME_IN_C = ("exp", "log", "sqrt", "sin", "cos", "tanh", "sinh", "cosh", "expm1", "log1p", "floor")
_INLINE.update({name: name + "({0})" for name in _SAME_IN_C})


def c_number(value: float) -> str:
    """Write a number so that C reads the very same one back."""
    if not math.isfinite(value):
        return "NAN" if math.isnan(value) else ("INFINITY" if value > 0 else "-INFINITY")
    text = repr(float(value))
    return text if any(mark in text for mark in ".e") else text + ".0"


def c_function(graph: Graph, name: str) -> str:
    """Write ``static void NAME(const double *INPUT..., double *OUTPUT...)``.

    Parameters
    ----------
    name : of the function; also starts the names of its constants.

    Returns
    -------
    C source; needs ``<math.h>``. Truth values are 0.0 and 1.0.
    """
    writer = _Writer(graph, name)
    arguments = [f"const double *in_{key}" for key in graph.inputs]
    arguments += [f"double *out_{key}" for key in graph.outputs]
    body = [line for number in range(len(graph.nodes)) for line in writer.lines(number)]
    body += [line for key, number in graph.outputs.items() for line in writer.returned(key, number)]
    header = f"static void {name}({', '.join(arguments)}) {{"
    return "\n".join([*writer.constants, header, *("  " + line for line in body), "}", ""])


class _Writer:
    """Names of the results, and the statements that compute them."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.function = name
        self.constants: list[str] = []
        self._names: dict[int, str] = {number: f"in_{key}" for key, number in graph.inputs.items()}

    def lines(self, number: int) -> list[str]:
        """Statements of one node; none where it only names something else."""
        node = self.graph.nodes[number]
        if node.operation in ("input", "constant"):
            return []
        if node.operation in ("reshape", "as_real"):
            self._names[number] = self.name(node.inputs[0])
            return []
        self._names[number] = f"v{number}"
        method = getattr(self, "_" + node.operation, self._elementwise)
        statements = method(number, node)
        if statements[0].startswith(f"v{number}[0] = "):
            return [f"const double v{number}[1] = {{{statements[0].partition(' = ')[2][:-1]}}};"]
        return [f"double v{number}[{max(node.size, 1)}];", *statements]

    def returned(self, key: str, number: int) -> list[str]:
        """Statements that hand a result over to the caller."""
        shape = self.graph.nodes[number].shape
        return self.loop(shape, lambda at: f"out_{key}{at('')} = {self.read(number, at)};")

    def name(self, number: int) -> str:
        """Name of the array that holds the result of a node; constants are written when first used."""
        if number not in self._names:
            self._names[number] = f"{self.function}_c{number}"
            values = np.asarray(self.graph.nodes[number].settings["value"], dtype=float).reshape(-1)
            rows = [", ".join(map(c_number, values[i : i + 8])) for i in range(0, len(values), 8)]
            text = ",\n  ".join(rows)
            self.constants.append(
                f"static const double {self._names[number]}[{len(values)}] = {{\n  {text}\n}};"
            )
        return self._names[number]

    def read(self, number: int, at: _Index) -> str:
        """The entry of a node at an index, with broadcasting."""
        node = self.graph.nodes[number]
        if node.operation == "constant" and node.size == 1:
            value = float(np.asarray(node.settings["value"]).reshape(-1)[0])
            return c_number(value) if value >= 0 else f"({c_number(value)})"
        return f"{self.name(number)}{at(node.shape)}"

    def loop(self, shape: tuple[int, ...], statement: Callable[[_Index], str]) -> list[str]:
        """Loop over all entries of `shape`; `statement` gets a function that writes an index."""
        size = math.prod(shape)
        if size == 1:
            return [statement(_Index((), ()))]
        letters = [f"i{k}" for k in range(len(shape))]
        loops = " ".join(
            f"for (int {letter} = 0; {letter} < {n}; ++{letter})"
            for letter, n in zip(letters, shape, strict=True)
        )
        return [f"{loops} {statement(_Index(shape, tuple(letters)))}"]

    def _elementwise(self, number: int, node: Node) -> list[str]:
        formula = _INLINE[node.operation]
        return self.loop(
            node.shape,
            lambda at: f"v{number}{at('')} = {formula.format(*(self.read(i, at) for i in node.inputs))};",
        )

    def _matmul(self, number: int, node: Node) -> list[str]:
        left, right = (self.name(i) for i in node.inputs)
        inner, width = self.graph.nodes[node.inputs[0]].shape[1], node.shape[1]
        return [
            f"for (int i = 0; i < {node.shape[0]}; ++i) for (int j = 0; j < {width}; ++j) {{",
            "  double total = 0.0;",
            f"  for (int k = 0; k < {inner}; ++k) total += {left}[i * {inner} + k] * {right}[k * {width} + j];",
            f"  v{number}[i * {width} + j] = total;",
            "}",
        ]

    def _sum(self, number: int, node: Node) -> list[str]:
        return self._reduction(number, node, "total += x;")

    def _max(self, number: int, node: Node) -> list[str]:
        return self._reduction(number, node, "if (k == 0 || x > total) total = x;")

    def _reduction(self, number: int, node: Node, update: str) -> list[str]:
        given, axis = self.graph.nodes[node.inputs[0]].shape, node.settings["axis"]
        outer, n, inner = math.prod(given[:axis]), given[axis], math.prod(given[axis + 1 :])
        name = self.name(node.inputs[0])
        return [
            f"for (int i = 0; i < {outer}; ++i) for (int j = 0; j < {inner}; ++j) {{",
            "  double total = 0.0;",
            f"  for (int k = 0; k < {n}; ++k) {{ const double x = {name}[(i * {n} + k) * {inner} + j]; {update} }}",
            f"  v{number}[i * {inner} + j] = total;",
            "}",
        ]

    def _gather(self, number: int, node: Node) -> list[str]:
        indices, name = node.settings["indices"], self.name(node.inputs[0])
        steps = np.diff(indices)
        if len(indices) == 1:
            return [f"v{number}[0] = {name}[{indices[0]}];"]
        if (steps == steps[0]).all():
            return [
                f"for (int i = 0; i < {len(indices)}; ++i) v{number}[i] = {name}[{indices[0]} + i * {steps[0]}];"
            ]
        table = f"{self.function}_i{number}"
        self.constants.append(f"static const int {table}[{len(indices)}] = {{{_joined(indices)}}};")
        return [f"for (int i = 0; i < {len(indices)}; ++i) v{number}[i] = {name}[{table}[i]];"]

    def _concatenate(self, number: int, node: Node) -> list[str]:
        lines, start = [], 0
        for part in node.inputs:
            size = self.graph.nodes[part].size
            lines.append(f"for (int i = 0; i < {size}; ++i) v{number}[{start} + i] = {self.name(part)}[i];")
            start += size
        return lines

    def _count_below(self, number: int, node: Node) -> list[str]:
        table, values = (self.name(i) for i in node.inputs)
        n, compare = self.graph.nodes[node.inputs[0]].size, "<=" if node.settings["right"] else "<"
        return [
            f"for (int i = 0; i < {node.size}; ++i) {{",
            f"  int low = 0, high = {n};",
            f"  while (low < high) {{ const int middle = (low + high) / 2; if ({table}[middle] {compare} {values}[i]) "
            "low = middle + 1; else high = middle; }",
            f"  v{number}[i] = (double) low;",
            "}",
        ]

    def _take(self, number: int, node: Node) -> list[str]:
        values, places = (self.name(i) for i in node.inputs)
        return [f"for (int i = 0; i < {node.size}; ++i) v{number}[i] = {values}[(int) {places}[i]];"]


class _Index:
    """Writes the flat index of the running entry into arrays that are broadcast to the loop's shape."""

    def __init__(self, shape: tuple[int, ...], letters: tuple[str, ...]) -> None:
        self.shape = shape
        self.letters = letters

    def __call__(self, operand: tuple[int, ...] | str) -> str:
        """Index into an array of shape `operand`; of the loop's own shape for ``''``."""
        shape = self.shape if isinstance(operand, str) else operand
        padded = (1,) * (len(self.shape) - len(shape)) + shape[max(0, len(shape) - len(self.shape)) :]
        terms, stride = [], 1
        for letter, n in zip(reversed(self.letters), reversed(padded), strict=True):
            if n > 1:
                terms.append(letter if stride == 1 else f"{letter} * {stride}")
            stride *= n
        return f"[{' + '.join(reversed(terms)) or '0'}]"


def _joined(numbers: Iterable[int]) -> str:
    return ", ".join(str(int(n)) for n in numbers)
