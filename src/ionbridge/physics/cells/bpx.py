"""Cells in the Battery Parameter eXchange format (BPX): reading, checking, naming what is missing.

The format is validated by the `bpx` package and turned into parameters by PyBaMM.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from ionbridge.exceptions import DataError
from ionbridge.plugins import import_extra

__all__ = ["bpx_notes", "read_bpx", "values_of_bpx"]

_OPTIONAL = {
    "Negative electrode OCP entropic change [V.K-1]": 0.0,
    "Positive electrode OCP entropic change [V.K-1]": 0.0,
    "Contact resistance [Ohm]": 0.0,
}
"""What a BPX file may leave out, and what stands for it then."""


def read_bpx(path: str | Path) -> str:
    """Read and validate a BPX file.

    Returns
    -------
    Its content as canonical JSON.

    Raises
    ------
    DataError
        If the file is missing, is not JSON, or a field is missing or wrong; every such field is named.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; expected a BPX file (.json). Check the path.") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path.name} is not JSON: {error}. Export the BPX file again.") from error
    _parsed(content, path.name)
    return json.dumps(content, sort_keys=True)


def values_of_bpx(content: str) -> Any:
    """Parameter values of PyBaMM from the content that `read_bpx` returns; with a lumped heat capacity if it can be had."""
    pybamm = import_extra("pybamm", "cells")
    try:
        with warnings.catch_warnings():  # remarks on older versions of the format
            warnings.simplefilter("ignore")
            values = pybamm.ParameterValues.create_from_bpx_obj(json.loads(content))
    except Exception as error:
        raise DataError(
            f"PyBaMM cannot use the BPX file: {' '.join(str(error).split())}. Check its fields."
        ) from error
    values.update({k: v for k, v in _OPTIONAL.items() if k not in values}, check_already_exists=False)
    cell = json.loads(content)["Parameterisation"].get("Cell", {})
    density, heat = cell.get("Density [kg.m-3]"), cell.get("Specific heat capacity [J.K-1.kg-1]")
    if density is not None and heat is not None:
        values.update(
            {"Cell heat capacity [J.K-1.m-3]": float(density) * float(heat)}, check_already_exists=False
        )
    return values


def bpx_notes(content: str) -> tuple[str, ...]:
    """What was assumed because the file leaves it out."""
    parts = json.loads(content)["Parameterisation"]
    sides = [
        name
        for name in ("Negative electrode", "Positive electrode")
        if "Entropic change coefficient [V.K-1]" not in parts.get(name, {})
    ]
    return (f"no entropic change in the BPX file, taken as 0: {', '.join(sides)}",) if sides else ()


def _parsed(content: Any, file: str) -> Any:
    if not isinstance(content, dict) or "Header" not in content:
        raise DataError(
            f"{file} is not a BPX file: it has no 'Header'. Expected Header and Parameterisation."
        )
    try:
        with warnings.catch_warnings():  # bpx calls old names of pyparsing, and remarks on older versions
            warnings.simplefilter("ignore")
            bpx = import_extra("bpx", "cells")
            return bpx.parse_bpx_obj(json.loads(json.dumps(content)))
    except ValueError as error:  # pydantic's ValidationError is one
        raise DataError(f"{file} is not a valid BPX file: {_problems(error)}") from error


def _problems(error: ValueError) -> str:
    """List every field that is missing or wrong."""
    details = getattr(error, "errors", None)
    if details is None:
        return str(error)
    missing, wrong = [], []
    for item in details():
        place = " > ".join(str(part) for part in item["loc"] if not str(part).startswith("Parameterisation"))
        if item["type"] == "missing":
            missing.append(place)
        else:
            wrong.append(f"{place}: {item['msg']}")
    texts = []
    if missing:
        texts.append(f"missing: {'; '.join(sorted(set(missing)))}")
    if wrong:
        texts.append(f"wrong: {'; '.join(sorted(set(wrong)))}")
    return f"{'. '.join(texts)}. Add or correct these fields (bpxstandard.com)."
