"""Records and sets on disk: a JSON file for what is named, an npz file for what is numbered.

No pickle is written or read; a file that was altered is refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.cycling.collection import CyclingSet
from ionbridge.datasets.cycling.record import CurveSet, CyclingRecord
from ionbridge.exceptions import DataError

__all__ = ["load_record", "load_set", "save_record", "save_set"]

RECORD_FORMAT = "ionbridge-cycling-record/1"
SET_FORMAT = "ionbridge-cycling-set/1"


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(content)
    os.replace(partial, path)


def _json_path(path: str | Path) -> Path:
    """Path of the JSON file of a record; the suffix may be left out."""
    path = Path(path)
    if path.suffix in (".json", ".npz"):
        return path.with_suffix(".json")
    return path.with_name(path.name + ".json")


def _read_json(path: Path, expected: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; check the path.") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} is not JSON in UTF-8: {error}. Save it again.") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != expected:
        raise DataError(f"{path} must have the format {expected!r}; got {found!r}. Check which file it is.")
    return dict(content)


def save_record(record: CyclingRecord, path: str | Path) -> Path:
    """Write ``path`` (suffix .json) and the npz file of the same name beside it.

    Returns
    -------
    Path of the JSON file.
    """
    path = _json_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **dict(record.arrays()))
    content = buffer.getvalue()
    header = {
        "format": RECORD_FORMAT,
        **record.header(),
        "columns": [str(name) for name in record.cycles.columns],
        "curves": {
            name: {"quantity": curve.quantity, "axis": curve.axis, "note": curve.note}
            for name, curve in record.curves.items()
        },
        "arrays": path.with_suffix(".npz").name,
        "arrays_sha256": hashlib.sha256(content).hexdigest(),
    }
    _write(path.with_suffix(".npz"), content)
    _write(path, json.dumps(header, indent=1, allow_nan=False).encode())
    return path


def load_record(path: str | Path) -> CyclingRecord:
    """Read what `save_record` wrote.

    Parameters
    ----------
    path : the JSON file; its suffix may be left out.

    Raises
    ------
    DataError
        If a file is missing, altered or of another format.
    """
    path = _json_path(path)
    header = _read_json(path, RECORD_FORMAT)
    try:
        arrays = _read_arrays(path.with_name(Path(header["arrays"]).name), header["arrays_sha256"])
        cycles = pd.DataFrame({name: arrays[f"cycles/{name}"] for name in header["columns"]})
        curves = {
            name: CurveSet(
                grid=arrays[f"curves/{name}/grid"],
                cycles=arrays[f"curves/{name}/cycles"],
                values=arrays[f"curves/{name}/values"],
                **settings,
            )
            for name, settings in header["curves"].items()
        }
        temperature = header["temperature_K"]
        return CyclingRecord(
            cell_id=header["cell_id"],
            domain=Domain.from_dict(header["domain"]),
            nominal_capacity=header["nominal_capacity_Ah"],
            cycles=cycles,
            curves=curves,
            protocol=header["protocol"],
            temperature=float("nan") if temperature is None else temperature,
            end_of_life_threshold=header["end_of_life_threshold"],
            end_of_life_cycle=header["end_of_life_cycle"],
            last_cycle=header["last_cycle"],
            life_definition=header["life_definition"],
            metadata=header["metadata"],
            flags=tuple(header["flags"]),
            provenance=Provenance.from_dict(header["provenance"]),
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} is incomplete: {error}. Save the record again.") from error


def _read_arrays(path: Path, sha256: str) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise DataError(f"{path} does not exist; it belongs beside the JSON file of the record.")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise DataError(f"{path} was altered since it was saved; restore it or save the record again.")
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read: {error}. Save the record again.") from error


def save_set(cells: CyclingSet, folder: str | Path) -> Path:
    """Write a set into `folder`: ``set.json`` and one record a cell.

    Returns
    -------
    The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for index, record in enumerate(cells):
        safe = re.sub(r"[^A-Za-z0-9._+-]+", "_", record.cell_id).strip(".")
        files.append(save_record(record, folder / f"{index:04d}_{safe}.json").name)
    header = {
        "format": SET_FORMAT,
        "name": cells.name,
        "records": files,
        "splits": {name: list(ids) for name, ids in cells.splits.items()},
        "notes": list(cells.notes),
    }
    _write(folder / "set.json", json.dumps(header, indent=1).encode())
    return folder


def load_set(folder: str | Path) -> CyclingSet:
    """Read what `save_set` wrote.

    Raises
    ------
    DataError
        If a file is missing, altered or of another format.
    """
    folder = Path(folder)
    header = _read_json(folder / "set.json", SET_FORMAT)
    try:
        records = tuple(load_record(folder / Path(name).name) for name in header["records"])
        return CyclingSet(records, header["name"], header["splits"], tuple(header["notes"]))
    except (KeyError, TypeError) as error:
        raise DataError(f"{folder / 'set.json'} is incomplete: {error}. Save the set again.") from error
