"""Write a `StepModel` as ONNX: one graph for a step, and one that runs a whole profile.

Both are checked by the ONNX checker; running them is the work of any ONNX runtime.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ionbridge.applications.cell_rom.export.graph import Graph, Node
from ionbridge.applications.cell_rom.export.step_model import Signal, StepModel
from ionbridge.exceptions import ConfigurationError
from ionbridge.plugins import import_extra

__all__ = ["Precision", "write_onnx_profile", "write_onnx_step"]

Precision = Literal["double", "float"]

OPSET = 17  # of 2022: runtimes of the last years read it
IR_VERSION = 8
_SAME = {
    "negative": "Neg",
    "absolute": "Abs",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "sin": "Sin",
    "cos": "Cos",
    "tanh": "Tanh",
    "sign": "Sign",
    "floor": "Floor",
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "power": "Pow",
    "maximum": "Max",
    "minimum": "Min",
    "equal": "Equal",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "logical_and": "And",
    "logical_or": "Or",
    "logical_not": "Not",
    "where": "Where",
    "matmul": "MatMul",
}


def write_onnx_step(model: StepModel, path: Path, *, precision: Precision = "double") -> Path:
    """Write one step: ``state`` (n_states,), every input and ``dt_s`` to ``new_state`` and every output.

    Inputs and outputs have their names, with units, and shape (); ``initial_state`` and what the entries
    of the state mean stand in the metadata.

    Parameters
    ----------
    path : of the ``.onnx`` file.
    precision : of the numbers. With ``"float"``, the charge of long profiles drifts by rounding.

    Raises
    ------
    MissingExtraError
        If onnx is not installed.
    """
    writer = _Writer(precision)
    names = _step_nodes(writer, model)
    inputs = [writer.info("state", (len(model.states),)), *(writer.info(s.name, ()) for s in model.inputs)]
    outputs = [
        writer.info("new_state", (len(model.states),)),
        *(writer.info(s.name, ()) for s in model.outputs),
    ]
    for source, target in zip(names, ["new_state", *(s.name for s in model.outputs)], strict=True):
        writer.node("Identity", [source], target)
    start = model.initial_graph.evaluate(parameters=model.parameter_values())["state"]
    details = {"initial_state": start.tolist(), "form": "step"}
    return _save(writer, model, [*inputs, writer.info("dt_s", ())], outputs, path, details)


def write_onnx_profile(model: StepModel, path: Path, *, precision: Precision = "double") -> Path:
    """Write the simulation of a whole profile, of any length, as one graph.

    It takes ``dt_s`` and every input, of shape (n_points,), and every parameter, of shape (); it returns every
    output, of shape (n_points,). Row k holds the outputs after inputs k were held for ``dt_s[k]``; with
    ``dt_s[0] = 0`` the first row is the beginning. Steps are not divided: keep ``dt_s`` at most
    ``max_step_s`` of the metadata.

    Parameters
    ----------
    path : of the ``.onnx`` file.
    precision : as for `write_onnx_step`.

    Raises
    ------
    MissingExtraError
        If onnx is not installed.
    """
    body = _Writer(precision)
    names = _step_nodes(body, model)
    row = [body.info("state", (len(model.states),)), *(body.info(s.name, ()) for s in model.inputs)]
    made = [body.info(name, ()) for name in names]
    made[0] = body.info(names[0], (len(model.states),))
    helper = body.onnx.helper
    inner = helper.make_graph(body.nodes, "step", [*row, body.info("dt_s", ())], made, body.constants)
    writer = _Writer(precision, prefix="p")
    parameters = writer.joined([signal.name for signal in model.parameters])
    start = writer.graph(model.initial_graph, {"parameters": parameters})["state"]
    rows = [*(f"{s.name}" for s in model.inputs), "dt_s"]
    writer.nodes.append(
        helper.make_node(
            "Scan",
            [start, *rows],
            ["final_state", *(s.name for s in model.outputs)],
            num_scan_inputs=len(rows),
            body=inner,
        )
    )
    inputs = [
        *(writer.info(name, ("n_points",)) for name in rows),
        *(writer.info(s.name, ()) for s in model.parameters),
    ]
    outputs = [writer.info(s.name, ("n_points",)) for s in model.outputs]
    outputs.append(writer.info("final_state", (len(model.states),)))
    return _save(writer, model, inputs, outputs, path, {"form": "profile"})


def _step_nodes(writer: _Writer, model: StepModel) -> list[str]:
    """Write the step on ``state``, the inputs by name and ``dt_s``; return names of new state and outputs."""
    inputs = writer.joined([signal.name for signal in model.inputs])
    made = writer.graph(model.step_graph, {"state": "state", "inputs": inputs, "dt": "dt_s"})
    outputs = [
        writer.node("Gather", [made["outputs"], writer.integers(i, ())]) for i in range(len(model.outputs))
    ]
    return [writer.node("Identity", [made["new_state"]]), *outputs]


def _save(
    writer: _Writer,
    model: StepModel,
    inputs: list[Any],
    outputs: list[Any],
    path: Path,
    details: Mapping[str, Any],
) -> Path:
    helper, onnx = writer.onnx.helper, writer.onnx
    graph = helper.make_graph(writer.nodes, model.name, inputs, outputs, writer.constants)
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="ionbridge",
        doc_string=model.description,
    )
    groups = {
        "states": model.states,
        "inputs": model.inputs,
        "outputs": model.outputs,
        "parameters": model.parameters,
    }
    metadata = {name: json.dumps([_described(s) for s in signals]) for name, signals in groups.items()}
    metadata |= {key: json.dumps(value) for key, value in {**details, "card": dict(model.details)}.items()}
    metadata["max_step_s"] = json.dumps(model.max_step if np.isfinite(model.max_step) else None)
    helper.set_model_props(made, metadata)
    onnx.checker.check_model(made, full_check=True)
    path = Path(path)
    if path.suffix != ".onnx":
        raise ConfigurationError(f"the file of an ONNX graph must end in '.onnx'; got {path.name!r}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.SerializeToString())
    return path


def _described(signal: Signal) -> dict[str, Any]:
    limits = [value if np.isfinite(value) else None for value in (signal.minimum, signal.maximum)]
    return {
        "name": signal.name,
        "unit": signal.unit,
        "description": signal.description,
        "start": signal.start,
        "range": limits,
    }


class _Writer:
    """Collects ONNX nodes and constants; results are known by generated names."""

    def __init__(self, precision: Precision, prefix: str = "v") -> None:
        if precision not in ("double", "float"):
            raise ConfigurationError(f"'precision' must be 'double' or 'float'; got {precision!r}.")
        self.onnx = import_extra("onnx", "export")
        import_extra("onnx.checker", "export")
        self.dtype = np.float64 if precision == "double" else np.float32
        self.type = self.onnx.TensorProto.DOUBLE if precision == "double" else self.onnx.TensorProto.FLOAT
        self.prefix = prefix
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def info(self, name: str, shape: tuple[Any, ...]) -> Any:
        """Describe an input or output."""
        return self.onnx.helper.make_tensor_value_info(name, self.type, list(shape))

    def node(self, kind: str, inputs: Sequence[str], output: str = "", **settings: Any) -> str:
        """Add a node and return the name of its result."""
        output = output or f"{self.prefix}{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [output], **settings))
        return output

    def constant(self, value: Any) -> str:
        """Add an array of its own type and return its name; scalars stay scalars."""
        name = f"{self.prefix}c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def reals(self, value: Any) -> str:
        """Add real numbers and return their name."""
        return self.constant(np.asarray(value, dtype=self.dtype))

    def integers(self, values: Any, shape: tuple[int, ...] = (-1,)) -> str:
        """Add integers and return their name."""
        return self.constant(np.asarray(values, dtype=np.int64).reshape(shape))

    def joined(self, names: Sequence[str]) -> str:
        """Put scalars together to an array."""
        one = self.integers([1])
        return self.node("Concat", [self.node("Reshape", [name, one]) for name in names], axis=0)

    def graph(self, graph: Graph, given: Mapping[str, str]) -> dict[str, str]:
        """Write all nodes of a graph; return the names of its outputs."""
        names: dict[int, str] = {number: given[key] for key, number in graph.inputs.items()}
        for number, node in enumerate(graph.nodes):
            if node.operation != "input":
                names[number] = self._written(node, graph, names)
        return {key: names[number] for key, number in graph.outputs.items()}

    def _written(self, node: Node, graph: Graph, names: Mapping[int, str]) -> str:
        inputs = [names[i] for i in node.inputs]
        if node.operation == "constant":
            value = np.asarray(node.settings["value"])
            kind = {"real": self.dtype, "boolean": np.bool_, "integer": np.int64}[node.kind]
            return self.constant(value.astype(kind))
        if node.operation in _SAME:
            return self.node(_SAME[node.operation], inputs)
        method: Callable[..., str] = getattr(self, "_" + node.operation)
        return method(node, inputs, graph)

    def _as_real(self, node: Node, inputs: list[str], graph: Graph) -> str:
        return self.node("Cast", inputs, to=self.type)

    def _as_integer(self, node: Node, inputs: list[str], graph: Graph) -> str:
        return self.node("Cast", inputs, to=self.onnx.TensorProto.INT64)

    def _isfinite(self, node: Node, inputs: list[str], graph: Graph) -> str:
        zero = self.node("Sub", [inputs[0], inputs[0]])  # NaN where the value is not finite
        return self.node("Not", [self.node("IsNaN", [zero])])

    def _log1p(self, node: Node, inputs: list[str], graph: Graph) -> str:
        """log(u) x / (u - 1) with u = 1 + x rounded, and x where u is 1: exact near zero."""
        x, one = inputs[0], self.reals(1.0)
        above = self.node("Add", [x, one])
        ratio = self.node("Div", [x, self.node("Sub", [above, one])])
        logarithm = self.node("Mul", [self.node("Log", [above]), ratio])
        return self.node("Where", [self.node("Equal", [above, one]), x, logarithm])

    def _expm1(self, node: Node, inputs: list[str], graph: Graph) -> str:
        """2 t / (1 - t) with t = tanh(x / 2), exact near zero; exp(x) - 1 above 1."""
        x, one, two = inputs[0], self.reals(1.0), self.reals(2.0)
        t = self.node("Tanh", [self.node("Div", [x, two])])
        near = self.node("Div", [self.node("Mul", [t, two]), self.node("Sub", [one, t])])
        far = self.node("Sub", [self.node("Exp", [x]), one])
        return self.node("Where", [self.node("Greater", [x, one]), far, near])

    def _sinh(self, node: Node, inputs: list[str], graph: Graph) -> str:
        """sign(x) (e + e / (e + 1)) / 2 with e = exp(|x|) - 1."""
        e = self._expm1(node, [self.node("Abs", inputs)], graph)
        ratio = self.node("Div", [e, self.node("Add", [e, self.reals(1.0)])])
        half = self.node("Mul", [self.node("Add", [e, ratio]), self.reals(0.5)])
        return self.node("Mul", [self.node("Sign", inputs), half])

    def _cosh(self, node: Node, inputs: list[str], graph: Graph) -> str:
        both = self.node("Exp", inputs), self.node("Exp", [self.node("Neg", inputs)])
        return self.node("Mul", [self.node("Add", both), self.reals(0.5)])

    def _arcsinh(self, node: Node, inputs: list[str], graph: Graph) -> str:
        """sign(x) log1p(|x| + x² / (1 + sqrt(1 + x²))): runtimes offer Asinh in single precision only."""
        size, one = self.node("Abs", inputs), self.reals(1.0)
        square = self.node("Mul", [size, size])
        root = self.node("Sqrt", [self.node("Add", [square, one])])
        excess = self.node("Div", [square, self.node("Add", [root, one])])
        logarithm = self._log1p(node, [self.node("Add", [size, excess])], graph)
        return self.node("Mul", [self.node("Sign", inputs), logarithm])

    def _sum(self, node: Node, inputs: list[str], graph: Graph) -> str:
        return self.node("ReduceSum", [inputs[0], self.integers([node.settings["axis"]])], keepdims=0)

    def _max(self, node: Node, inputs: list[str], graph: Graph) -> str:
        return self.node("ReduceMax", inputs, axes=[node.settings["axis"]], keepdims=0)

    def _reshape(self, node: Node, inputs: list[str], graph: Graph) -> str:
        return self.node("Reshape", [inputs[0], self.integers(list(node.shape))])

    def _flat(self, name: str) -> str:
        return self.node("Reshape", [name, self.integers([-1])])

    def _gather(self, node: Node, inputs: list[str], graph: Graph) -> str:
        places = self.integers(node.settings["indices"], node.shape)
        return self.node("Gather", [self._flat(inputs[0]), places], axis=0)

    def _concatenate(self, node: Node, inputs: list[str], graph: Graph) -> str:
        return self.node("Concat", [self._flat(name) for name in inputs], axis=0)

    def _count_below(self, node: Node, inputs: list[str], graph: Graph) -> str:
        """Count the true comparisons with all entries of the table."""
        column = self.node("Reshape", [inputs[1], self.integers([*node.shape, 1])])
        how = "LessOrEqual" if node.settings["right"] else "Less"
        below = self.node("Cast", [self.node(how, [inputs[0], column])], to=self.onnx.TensorProto.INT64)
        return self.node("ReduceSum", [below, self.integers([-1])], keepdims=0)

    def _take(self, node: Node, inputs: list[str], graph: Graph) -> str:
        places = self.node("Cast", [inputs[1]], to=self.onnx.TensorProto.INT64)
        return self.node("Gather", [inputs[0], places], axis=0)
