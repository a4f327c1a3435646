"""Write a `StepModel` as a co-simulation FMU of FMI 2.0 or 3.0: description, C sources and a compiled library.

The C of the step is made by `c_code`, the library by `compiler`; the frame around both is in ``c/``.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np

from ionbridge.applications.cell_rom.export.c_code import c_function, c_number
from ionbridge.applications.cell_rom.export.compiler import compile_library
from ionbridge.applications.cell_rom.export.fmu_description import build_description, model_description
from ionbridge.applications.cell_rom.export.step_model import StepModel
from ionbridge.exceptions import ConfigurationError
from ionbridge.plugins import import_extra

__all__ = ["FmiVersion", "write_fmu"]

FmiVersion = Literal["2.0", "3.0"]

_HEADERS = {
    "2.0": ("fmi2Functions.h", "fmi2FunctionTypes.h", "fmi2TypesPlatform.h"),
    "3.0": ("fmi3Functions.h", "fmi3FunctionTypes.h", "fmi3PlatformTypes.h"),
}
_SPACE = uuid.UUID("7d0c6a5e-3f0b-5d53-9a4e-6f2f5d9f7c11")  # of the identifiers of exported models
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # equal models give equal files


def write_fmu(
    model: StepModel,
    path: Path,
    *,
    fmi_version: FmiVersion = "2.0",
    binary: bool = True,
    step_size: float = 1.0,
) -> Path:
    """Write a model as an FMU for co-simulation.

    Inputs are held during a communication step, which may have any length; steps longer than the model's
    `max_step` are divided. The sources are part of the FMU, so that it can be built for other platforms.

    Parameters
    ----------
    path : of the ``.fmu`` file.
    fmi_version : of the Functional Mock-up Interface.
    binary : whether a library for this platform is compiled and put in.
    step_size : proposed to the simulator [s].

    Raises
    ------
    ConfigurationError
        If no C compiler is found or it fails, or the FMU does not pass validation.
    MissingExtraError
        If FMPy, which brings the headers of FMI and validates, is not installed.
    """
    fmpy = import_extra("fmpy", "export")
    path = Path(path)
    if path.suffix != ".fmu":
        raise ConfigurationError(f"the file of an FMU must end in '.fmu'; got {path.name!r}.")
    if fmi_version not in _HEADERS:
        raise ConfigurationError(f"'fmi_version' must be one of {sorted(_HEADERS)}; got {fmi_version!r}.")
    contents = _contents(model, fmi_version, step_size, Path(str(fmpy.__file__)).parent / "c-code")
    if binary:
        folder = fmpy.platform if fmi_version == "2.0" else fmpy.platform_tuple
        name = f"binaries/{folder}/{model.name}{fmpy.sharedLibraryExtension}"
        contents[name] = _compiled(contents, fmi_version, fmpy.sharedLibraryExtension)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem}.unfinished.fmu")
    try:
        _pack(contents, unfinished)
        problems = import_extra("fmpy.validation", "export").validate_fmu(str(unfinished))
        if problems:
            raise ConfigurationError(f"the FMU is not valid: {'; '.join(map(str, problems[:3]))}")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _contents(model: StepModel, fmi_version: str, step_size: float, headers: Path) -> dict[str, bytes]:
    """Everything but the library, by path in the FMU."""
    own = files("ionbridge.applications.cell_rom.export") / "c"
    main = f"fmi{fmi_version[0]}.c"
    step = c_function(model.initial_graph, "cell_initial") + c_function(model.step_graph, "cell_step")
    token = str(uuid.uuid5(_SPACE, hashlib.sha256((model.name + step).encode()).hexdigest()))
    contents: dict[str, bytes] = {
        "modelDescription.xml": _xml(model_description(model, fmi_version, token, main, step_size)),
        "sources/model.h": _model_header(model, token, step).encode(),
        "sources/cell.h": (own / "cell.h").read_bytes(),
        f"sources/{main}": (own / main).read_bytes(),
        "resources/card.json": (json.dumps(dict(model.details), indent=2) + "\n").encode(),
        "documentation/index.html": _documentation(model).encode(),
    }
    if fmi_version == "3.0":
        contents["sources/buildDescription.xml"] = _xml(build_description(model, main))
    for name in _HEADERS[fmi_version]:
        contents[f"sources/{name}"] = (headers / name).read_bytes()
    return contents


def _model_header(model: StepModel, token: str, step: str) -> str:
    """The C header of one model: counts, start values, and the step."""
    stop = [signal.name for signal in model.outputs].index(model.stop_output) if model.stop_output else -1
    numbers = {
        "N_INPUTS": len(model.inputs),
        "N_OUTPUTS": len(model.outputs),
        "N_PARAMETERS": len(model.parameters),
        "N_STATES": len(model.states),
        "STOP_OUTPUT": stop,
        "MAX_STEP": c_number(model.max_step),
        "MODEL_NAME": json.dumps(model.name),
        "MODEL_GUID": json.dumps(token),
        "STOP_REASON": json.dumps(f"{model.stop_output} became false"),
    }
    currents = ", ".join("1" if signal.unit == "A" else "0" for signal in model.inputs)
    return "\n".join(
        [
            f"/* {model.name}: written by ionbridge {version('ionbridge')}. {model.description} */",
            "#include <math.h>",
            *(f"#define {name} {value}" for name, value in numbers.items()),
            f"static const double INPUT_START[N_INPUTS] = {{{_starts(model.inputs)}}};",
            f"static const int INPUT_IS_CURRENT[N_INPUTS] = {{{currents}}};",
            f"static const double PARAMETER_START[N_PARAMETERS] = {{{_starts(model.parameters)}}};",
            step,
        ]
    )


def _starts(signals: Any) -> str:
    return ", ".join(c_number(signal.start) for signal in signals)


def _compiled(contents: Mapping[str, bytes], fmi_version: str, extension: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, content in contents.items():
            if name.startswith("sources/"):
                (root / Path(name).name).write_bytes(content)
        library = root / f"library{extension}"
        compile_library(root / f"fmi{fmi_version[0]}.c", library)
        return library.read_bytes()


def _pack(contents: Mapping[str, bytes], path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, _TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def _xml(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _documentation(model: StepModel) -> str:
    """A page for people: what goes in and out, and in which range the model was trained."""
    from html import escape

    rows = []
    for kind in ("inputs", "parameters", "outputs", "states"):
        for signal in getattr(model, kind):
            limits = " to ".join(
                f"{v:g}" if np.isfinite(v) else "-" for v in (signal.minimum, signal.maximum)
            )
            cells = (kind[:-1], signal.name, signal.unit, limits, signal.description)
            rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return (
        f"<!doctype html><html><head><meta charset='utf-8'><title>{escape(model.name)}</title></head><body>"
        f"<h1>{escape(model.name)}</h1><p>{escape(model.description)}</p><p>Inputs are held during a communication "
        "step. Positive current charges the cell; set <code>current_sign</code> to -1 where positive current "
        "discharges it. <code>resources/card.json</code> tells what the model was trained on.</p>"
        "<table border='1' cellpadding='4'><tr><th></th><th>name</th><th>unit</th><th>range</th><th>meaning</th></tr>"
        f"{''.join(rows)}</table></body></html>\n"
    )
