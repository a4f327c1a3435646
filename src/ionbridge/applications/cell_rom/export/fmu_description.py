"""The ``modelDescription.xml`` of FMI 2.0 and 3.0, and the ``buildDescription.xml`` of FMI 3.0.

Only what is said about a model is written here; packing and compiling is the work of `fmu`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from ionbridge.applications.cell_rom.export.step_model import Signal, StepModel

__all__ = ["build_description", "model_description"]

_BASE_UNITS = {
    "V": {"kg": "1", "m": "2", "s": "-3", "A": "-1"},
    "A": {"A": "1"},
    "K": {"K": "1"},
    "s": {"s": "1"},
    "Ah": {"A": "1", "s": "1", "factor": "3600"},
    "W": {"kg": "1", "m": "2", "s": "-3"},
}
_LOG_CATEGORIES = ("logStatusWarning", "logStatusError")
# value references; those of one kind are counted up, as in c/cell.h
_REFERENCES = {"inputs": 1000, "outputs": 2000, "parameters": 3000, "states": 4000}
_CAUSALITY = {"inputs": "input", "outputs": "output", "parameters": "parameter", "states": "local"}
_SIGN = Signal(
    "current_sign", "1", "1: positive current charges the cell; -1: it discharges it", 1.0, -1.0, 1.0
)


@dataclass(frozen=True)
class _Variable:
    """A variable of the FMU: its signal, reference and causality."""

    signal: Signal
    reference: int
    causality: str

    @property
    def attributes(self) -> dict[str, str]:
        """What FMI 2.0 and 3.0 call alike."""
        continuous = self.signal.kind == "real"
        found = {"name": self.signal.name, "valueReference": str(self.reference), "causality": self.causality}
        if self.signal.description:
            found["description"] = self.signal.description
        found["variability"] = (
            "fixed" if self.causality == "parameter" else ("continuous" if continuous else "discrete")
        )
        if self.causality in ("output", "local"):
            found["initial"] = "calculated"
        elif self.causality == "parameter":
            found["initial"] = "exact"
        return found

    @property
    def value(self) -> dict[str, str]:
        """Unit, limits and start."""
        signal, found = self.signal, {}
        has_start = self.causality in ("input", "parameter")
        if signal.kind == "boolean":
            return {"start": "true" if signal.start else "false"} if has_start else {}
        if signal.unit in _BASE_UNITS:
            found["unit"] = signal.unit
            if signal.unit == "K":
                found["displayUnit"] = "degC"
        if has_start:  # limits of outputs would be read as promises
            if np.isfinite(signal.minimum):
                found["min"] = repr(float(signal.minimum))
            if np.isfinite(signal.maximum):
                found["max"] = repr(float(signal.maximum))
            found["start"] = repr(float(signal.start))
        return found


def _variables(model: StepModel) -> Iterator[_Variable]:
    for kind, first in _REFERENCES.items():
        for i, signal in enumerate(getattr(model, kind)):
            yield _Variable(signal, first + i, _CAUSALITY[kind])
    yield _Variable(_SIGN, 5000, "parameter")
    if model.stop_output:
        text = f"Whether the simulation ends when {model.stop_output} becomes false"
        yield _Variable(Signal("stop_at_limits", description=text, kind="boolean"), 5001, "parameter")


def model_description(
    model: StepModel, fmi_version: str, token: str, source: str, step_size: float
) -> Element:
    """Describe a model.

    Parameters
    ----------
    fmi_version : "2.0" or "3.0".
    token : identifies the model; the library only answers to it.
    source : name of the C file.
    step_size : proposed to the simulator [s].

    References
    ----------
    .. [1] Functional Mock-up Interface Specification 2.0.4, section 2.2, and 3.0.1, section 2.4. fmi-standard.org
    """
    is_2 = fmi_version == "2.0"
    root = Element(
        "fmiModelDescription",
        {
            "fmiVersion": fmi_version,
            "modelName": model.name,
            "guid" if is_2 else "instantiationToken": token,
            "description": model.description,
            "generationTool": f"ionbridge {version('ionbridge')}",
            "variableNamingConvention": "flat",
        },
    )
    _co_simulation(root, model.name, source, is_2)
    _units(root, model)
    categories = SubElement(root, "LogCategories")
    for name in _LOG_CATEGORIES:
        SubElement(categories, "Category", name=name)
    SubElement(root, "DefaultExperiment", startTime="0", stepSize=repr(float(step_size)))
    listed = SubElement(root, "ModelVariables")
    if not is_2:
        SubElement(
            listed,
            "Float64",
            name="time",
            valueReference="0",
            causality="independent",
            variability="continuous",
            unit="s",
        )
    for variable in _variables(model):
        if is_2:
            entry = SubElement(listed, "ScalarVariable", variable.attributes)
            SubElement(entry, "Real" if variable.signal.kind == "real" else "Boolean", variable.value)
        else:
            kind = "Float64" if variable.signal.kind == "real" else "Boolean"
            SubElement(listed, kind, {**variable.attributes, **variable.value})
    _structure(root, model, is_2)
    return root


def _co_simulation(root: Element, name: str, source: str, is_2: bool) -> None:
    can: tuple[str, ...] = ("canHandleVariableCommunicationStepSize",)
    if is_2:
        can += ("canNotUseMemoryManagementFunctions", "canGetAndSetFMUstate", "canSerializeFMUstate")
    else:
        can += ("canGetAndSetFMUState", "canSerializeFMUState")
    element = SubElement(root, "CoSimulation", {"modelIdentifier": name, **dict.fromkeys(can, "true")})
    if is_2:
        SubElement(SubElement(element, "SourceFiles"), "File", name=source)


def _units(root: Element, model: StepModel) -> None:
    used = {variable.signal.unit for variable in _variables(model)} | {"s"}
    units = SubElement(root, "UnitDefinitions")
    for name, base in _BASE_UNITS.items():
        if name in used:
            unit = SubElement(units, "Unit", name=name)
            SubElement(unit, "BaseUnit", base)
            if name == "K":
                SubElement(unit, "DisplayUnit", name="degC", factor="1", offset="-273.15")


def _structure(root: Element, model: StepModel, is_2: bool) -> None:
    """Name the outputs, and everything that is computed at the beginning."""
    structure = SubElement(root, "ModelStructure")
    numbered = list(enumerate(_variables(model), start=1))
    outputs = [(i, v) for i, v in numbered if v.causality == "output"]
    if is_2:
        listed, first = SubElement(structure, "Outputs"), SubElement(structure, "InitialUnknowns")
        for i, _ in outputs:
            SubElement(listed, "Unknown", index=str(i))
            SubElement(first, "Unknown", index=str(i))
        return
    for _, variable in outputs:
        SubElement(structure, "Output", valueReference=str(variable.reference))
    for _, variable in outputs:
        SubElement(structure, "InitialUnknown", valueReference=str(variable.reference))


def build_description(model: StepModel, source: str) -> Element:
    """Describe how the sources of an FMU of FMI 3.0 are compiled."""
    root = Element("fmiBuildDescription", fmiVersion="3.0")
    build = SubElement(root, "BuildConfiguration", modelIdentifier=model.name)
    file_set = SubElement(build, "SourceFileSet", language="C99")
    SubElement(file_set, "SourceFile", name=source)
    return root
