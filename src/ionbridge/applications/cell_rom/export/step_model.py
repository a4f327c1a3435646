"""A cell as one pure step: what an exporter needs to know, and its own simulation to compare with.

How the step is written in C or ONNX is the work of the other modules; models of cells live elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ionbridge.applications.cell_rom.export.graph import Graph
from ionbridge.applications.cell_rom.export.tracing import trace
from ionbridge.exceptions import ConfigurationError, ShapeError

__all__ = ["Signal", "StepModel"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """One number that enters or leaves a step.

    Parameters
    ----------
    name : with its unit where it has one, as ``current_A``.
    unit : ``"V"``, ``"A"``, ``"K"``, ``"s"``, ``"Ah"`` or ``"1"``.
    description : one line.
    start : value at the beginning; not used for outputs.
    minimum, maximum : range in which the model was trained or that is physically possible.
    kind : boolean outputs are 0 or 1 inside a step.
    """

    name: str
    unit: str = "1"
    description: str = ""
    start: float = 0.0
    minimum: float = -math.inf
    maximum: float = math.inf
    kind: Literal["real", "boolean"] = "real"

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ConfigurationError(
                f"'name' of a signal must be a word of letters, digits and _; got {self.name!r}."
            )


@dataclass(frozen=True)
class StepModel:
    """A cell model in the form in which it is exported.

    Parameters
    ----------
    name : an identifier.
    step : ``step(state, inputs, dt)`` with arrays of shapes (n_states,), (n_inputs,) and (),
        returns the new state and the outputs at the end of the step, for inputs that are held during
        it. With ``dt = 0`` it returns the same state and the outputs now. Written in numpy without
        branching on values.
    initial : ``initial(parameters)`` returns the state for parameters of shape (n_parameters,).
    states, inputs, outputs, parameters : what the entries mean.
    max_step : longer steps are divided into equal ones [s].
    stop_output : boolean output that is false once the cell has left its limits; empty for none.
    description : one line.
    details : about the model, ready for JSON; kept in what is exported.
    """

    name: str
    step: Callable[..., tuple[Any, Any]]
    initial: Callable[..., Any]
    states: tuple[Signal, ...]
    inputs: tuple[Signal, ...]
    outputs: tuple[Signal, ...]
    parameters: tuple[Signal, ...]
    max_step: float = math.inf
    stop_output: str = ""
    description: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ConfigurationError(f"'name' of a step model must be an identifier; got {self.name!r}.")
        names = [s.name for group in (self.states, self.inputs, self.outputs, self.parameters) for s in group]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"signals of step model {self.name!r} have the same name: {twice}.")
        if self.stop_output and self.stop_output not in [s.name for s in self.outputs if s.kind == "boolean"]:
            raise ConfigurationError(f"'stop_output' must be a boolean output; got {self.stop_output!r}.")

    @cached_property
    def step_graph(self) -> Graph:
        """The step: ``state, inputs, dt`` to ``new_state, outputs``."""

        def run(state: Any, inputs: Any, dt: Any) -> dict[str, Any]:
            new_state, outputs = self.step(state, inputs, dt)
            return {"new_state": new_state, "outputs": outputs}

        graph = trace(run, {"state": (len(self.states),), "inputs": (len(self.inputs),), "dt": ()})
        self._check(graph, "new_state", len(self.states))
        self._check(graph, "outputs", len(self.outputs))
        return graph

    @cached_property
    def initial_graph(self) -> Graph:
        """The beginning: ``parameters`` to ``state``."""
        graph = trace(
            lambda parameters: {"state": self.initial(parameters)},
            {"parameters": (len(self.parameters),)},
        )
        self._check(graph, "state", len(self.states))
        return graph

    def _check(self, graph: Graph, name: str, n: int) -> None:
        shape = graph.nodes[graph.outputs[name]].shape
        if shape != (n,):
            raise ShapeError(f"{name!r} of step model {self.name!r} must have shape ({n},); got {shape}.")

    def n_substeps(self, dt: float) -> int:
        """Into how many equal ones a step of `dt` [s] is divided."""
        return max(1, math.ceil(dt / self.max_step - 1e-9)) if math.isfinite(self.max_step) else 1

    def simulate(self, time: Array, inputs: Array, **parameters: float) -> dict[str, Array]:
        """Simulate a profile in numpy.

        Parameters
        ----------
        time : shape (n_points,) [s], rising.
        inputs : shape (n_points, n_inputs); each row is held until the next time.
        parameters : by name; the others take their start values.

        Returns
        -------
        shape (n_points,) each, by name of the output: at the beginning, then at the end of each interval.

        Raises
        ------
        ShapeError
            If the shapes do not fit.
        """
        time, inputs = np.asarray(time, dtype=float), np.asarray(inputs, dtype=float)
        if inputs.shape != (len(time), len(self.inputs)):
            raise ShapeError(
                f"'inputs' of simulate must have shape ({len(time)}, {len(self.inputs)}); got {inputs.shape}."
            )
        state = np.asarray(self.initial(self.parameter_values(**parameters)), dtype=float)
        rows = [np.asarray(self.step(state, inputs[0], np.float64(0.0))[1], dtype=float)]
        for row, dt in zip(inputs[:-1], np.diff(time), strict=True):
            n = self.n_substeps(float(dt))
            for _ in range(n):
                state, outputs = self.step(state, row, np.float64(dt / n))
            rows.append(np.asarray(outputs, dtype=float))
        table = np.stack(rows)
        return {signal.name: table[:, i] for i, signal in enumerate(self.outputs)}

    def parameter_values(self, **given: float) -> Array:
        """Parameters as an array, shape (n_parameters,); those not given have their start values."""
        from ionbridge.exceptions import UnknownNameError

        known = [signal.name for signal in self.parameters]
        for name in given:
            if name not in known:
                raise UnknownNameError.for_name(name, known, "parameter of the model")
        return np.array([given.get(signal.name, signal.start) for signal in self.parameters], dtype=float)
