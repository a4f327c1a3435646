"""Series on disk: one npz file of numbers and one JSON file of words a series, or one pair for a whole set.

No pickle is written or read; a file that was altered is refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.profiles.series import CellSeries, CellSeriesSet
from ionbridge.exceptions import DataError

__all__ = ["load_cell_series", "load_series_set", "save_cell_series", "save_series_set"]

SERIES_FORMAT = "ionbridge-cell-series/1"
SET_FORMAT = "ionbridge-cell-series-set/1"


def save_cell_series(series: CellSeries, path: str | Path) -> Path:
    """Write ``path`` (suffix .json) and the npz file of the same name beside it.

    Returns
    -------
    Path of the JSON file.
    """
    return _save(_json_path(path), series.arrays(), {"format": SERIES_FORMAT, **series.header()})


def load_cell_series(path: str | Path) -> CellSeries:
    """Read what `save_cell_series` wrote.

    Raises
    ------
    DataError
        If a file is missing, altered or of another format.
    """
    path = _json_path(path)
    header, arrays = _load(path, SERIES_FORMAT)
    return _series(path, arrays, header)


def save_series_set(series: CellSeriesSet | Sequence[CellSeries], path: str | Path) -> Path:
    """Write a whole set as one JSON and one npz file.

    Returns
    -------
    Path of the JSON file.
    """
    whole = series if isinstance(series, CellSeriesSet) else CellSeriesSet(tuple(series))
    arrays = {f"{i}/{name}": values for i, item in enumerate(whole) for name, values in item.arrays().items()}
    header = {
        "format": SET_FORMAT,
        "name": whole.name,
        "notes": list(whole.notes),
        "series": [item.header() for item in whole],
    }
    return _save(_json_path(path), arrays, header)


def load_series_set(path: str | Path) -> CellSeriesSet:
    """Read what `save_series_set` wrote.

    Raises
    ------
    DataError
        If a file is missing, altered or of another format.
    """
    path = _json_path(path)
    header, arrays = _load(path, SET_FORMAT)
    try:
        parts: list[dict[str, NDArray[Any]]] = [{} for _ in header["series"]]
        for key, values in arrays.items():
            number, _, name = key.partition("/")
            parts[int(number)][name] = values
        series = tuple(_series(path, part, item) for part, item in zip(parts, header["series"], strict=True))
        return CellSeriesSet(series, header["name"], tuple(header["notes"]))
    except (KeyError, IndexError, TypeError) as error:
        raise DataError(f"{path} is incomplete: {error}. Save the set again.") from error


def _series(path: Path, arrays: dict[str, NDArray[Any]], header: dict[str, Any]) -> CellSeries:
    try:
        return CellSeries.from_parts(arrays, header)
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} is incomplete: {error}. Save the series again.") from error


def _json_path(path: str | Path) -> Path:
    path = Path(path)
    return (
        path.with_suffix(".json") if path.suffix in (".json", ".npz") else path.with_name(path.name + ".json")
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(content)
    os.replace(partial, path)


def _save(path: Path, arrays: dict[str, NDArray[Any]], header: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    numbers = path.with_suffix(".npz")
    header = {**header, "arrays": numbers.name, "arrays_sha256": hashlib.sha256(content).hexdigest()}
    _write(numbers, content)
    _write(path, json.dumps(header, indent=1, allow_nan=False).encode())
    return path


def _load(path: Path, expected: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; check the path.") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} is not JSON in UTF-8: {error}. Save it again.") from error
    found = header.get("format") if isinstance(header, dict) else None
    if found != expected:
        raise DataError(f"{path} must have the format {expected!r}; got {found!r}. Check which file it is.")
    numbers = path.with_name(Path(str(header.get("arrays"))).name)
    if not numbers.is_file():
        raise DataError(f"{numbers} does not exist; it belongs beside {path.name}.")
    content = numbers.read_bytes()
    if hashlib.sha256(content).hexdigest() != header.get("arrays_sha256"):
        raise DataError(f"{numbers} was altered since it was saved; restore it or save again.")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            return header, {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{numbers} cannot be read: {error}. Save again.") from error
