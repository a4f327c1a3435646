"""Run exported files with FMPy and ONNX Runtime, and compare them with the model in numpy.

Writing the files is the work of `fmu` and `onnx`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ionbridge.applications.cell_rom.export.step_model import StepModel
from ionbridge.exceptions import ConfigurationError, ConvergenceError
from ionbridge.plugins import import_extra

__all__ = ["largest_differences", "run_fmu", "run_onnx"]

Array = NDArray[np.float64]


def run_fmu(path: Path, time: Array, inputs: dict[str, Array], **parameters: float) -> dict[str, Array]:
    """Run an FMU with FMPy, one communication step an interval.

    Parameters
    ----------
    path : FMU with a library for this platform.
    time : shape (n_points,) [s], rising.
    inputs : by name, shape (n_points,); each value is held until the next time.
    parameters : by name, set before the start.

    Returns
    -------
    outputs by name, shape (n_points,): at the beginning, then at the end of each interval.

    Raises
    ------
    ConvergenceError
        If the FMU reports an error.
    """
    fmpy = import_extra("fmpy", "export")
    description = fmpy.read_model_description(str(path))
    references = {variable.name: variable.valueReference for variable in description.modelVariables}
    outputs = [variable for variable in description.modelVariables if variable.causality == "output"]
    is_2 = description.fmiVersion == "2.0"
    folder = fmpy.extract(str(path))
    try:
        fmu = fmpy.instantiate_fmu(folder, description, "CoSimulation")
        set_real, get_real = (fmu.setReal, fmu.getReal) if is_2 else (fmu.setFloat64, fmu.getFloat64)
        wires = [references[name] for name in inputs]
        columns = np.column_stack([np.asarray(values, dtype=float) for values in inputs.values()])

        def read() -> list[float]:
            return [float(get_real([variable.valueReference])[0]) for variable in outputs]

        if parameters:
            set_real([references[name] for name in parameters], list(map(float, parameters.values())))
        set_real(wires, columns[0].tolist())
        if is_2:
            fmu.setupExperiment(startTime=float(time[0]))
        fmu.enterInitializationMode()
        fmu.exitInitializationMode()
        rows = [read()]
        for start, end, row in zip(time[:-1], time[1:], columns[:-1], strict=True):
            set_real(wires, row.tolist())
            fmu.doStep(currentCommunicationPoint=float(start), communicationStepSize=float(end - start))
            rows.append(read())
        fmu.terminate()
        fmu.freeInstance()
    except Exception as error:
        raise ConvergenceError(f"the FMU {path} stopped: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table = np.array(rows)
    return {variable.name: table[:, i] for i, variable in enumerate(outputs)}


def run_onnx(path: Path, time: Array, inputs: dict[str, Array], **parameters: float) -> dict[str, Array]:
    """Run an ONNX graph of a step or of a profile with ONNX Runtime.

    Parameters
    ----------
    time, inputs, parameters : as for `run_fmu`; a graph of a step starts from the start values.

    Returns
    -------
    outputs by name, as from `run_fmu`.
    """
    runtime = import_extra("onnxruntime", "export")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    metadata = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    real = np.float64 if session.get_inputs()[-1].type == "tensor(double)" else np.float32
    held = {name: np.concatenate([values[:1], values[:-1]]).astype(real) for name, values in inputs.items()}
    held["dt_s"] = np.diff(time, prepend=time[0]).astype(real)
    names = [signal["name"] for signal in metadata["outputs"]]
    if metadata["form"] == "profile":
        starts = {signal["name"]: signal["start"] for signal in metadata["parameters"]} | parameters
        given = {**held, **{name: np.array(value, dtype=real) for name, value in starts.items()}}
        return {name: np.asarray(v, float) for name, v in zip(names, session.run(names, given), strict=True)}
    if parameters:
        raise ConfigurationError("a graph of a step has no parameters; give it another state to start from.")
    state, rows = np.array(metadata["initial_state"], dtype=real), []
    for k in range(len(time)):
        row = {name: np.array(values[k]) for name, values in held.items()}
        state, *found = session.run(["new_state", *names], {"state": state, **row})
        rows.append([float(value) for value in found])
    table = np.array(rows)
    return {name: table[:, i] for i, name in enumerate(names)}


def largest_differences(
    model: StepModel, path: Path, time: Array, inputs: Array, **parameters: float
) -> dict[str, float]:
    """Compare an exported file with the model on one profile.

    Parameters
    ----------
    path : ``.fmu`` or ``.onnx``.
    time : shape (n_points,) [s]; for ONNX, with steps of at most `max_step` of the model.
    inputs : shape (n_points, n_inputs).

    Returns
    -------
    largest absolute difference by output, in the unit of the output.
    """
    columns = {signal.name: np.asarray(inputs, float)[:, i] for i, signal in enumerate(model.inputs)}
    run = run_fmu if Path(path).suffix == ".fmu" else run_onnx
    theirs = run(Path(path), np.asarray(time, float), columns, **parameters)
    ours = model.simulate(time, inputs, **parameters)
    return {name: float(np.abs(theirs[name] - ours[name]).max()) for name in ours}
