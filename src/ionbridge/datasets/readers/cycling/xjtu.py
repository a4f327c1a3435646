"""Reader of XJTU (55 NMC cells): one MATLAB file a cell, with a structure a cycle.

Field names (``data``: ``relative_time_min``, ``current_A``, ``voltage_V``, ``temperature_C``,
``description``) as documented with Zenodo record 10963339.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.cycling.cleaning import clean_series
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.datasets.cycling.series import TimeSeries
from ionbridge.datasets.cycling.summary import record_from_series
from ionbridge.datasets.problems import Problem, TableError
from ionbridge.datasets.readers.cycling.matlab import numbers, open_version_5
from ionbridge.exceptions import DataError

__all__ = ["read_xjtu", "read_xjtu_series"]

_FIELDS = ("relative_time_min", "current_A", "voltage_V")


def read_xjtu_series(path: str | Path) -> TimeSeries:
    """Read the samples of one cell; time goes on from cycle to cycle.

    Parameters
    ----------
    path : such as ``2C_battery-1.mat``.

    Raises
    ------
    DataError
        If it is not such a file.
    TableError
        If a cycle lacks a field or its fields differ in length; the row is the number of the cycle.
    """
    path = Path(path)
    content = open_version_5(path)
    if "data" not in content:
        names = [name for name in content if not name.startswith("__")]
        raise DataError(
            f"{path.name} has no variable 'data'; it has {names}. Expected a file of the XJTU set."
        )
    cycles = np.atleast_1d(content["data"])
    parts: dict[str, list[Any]] = {"time": [], "current": [], "voltage": [], "temperature": [], "cycle": []}
    start = 0.0
    for number, cycle in enumerate(cycles, start=1):
        columns = _fields(path.name, number, cycle)
        seconds = 60 * columns["relative_time_min"]
        parts["time"].append(seconds - seconds[0] + start)
        parts["current"].append(columns["current_A"])
        parts["voltage"].append(columns["voltage_V"])
        parts["temperature"].append(columns["temperature_C"] + 273.15)
        parts["cycle"].append(np.full(seconds.size, float(number)))
        start = float(parts["time"][-1][-1]) + 1e-3
    channels = {name: np.concatenate(values) for name, values in parts.items()}
    provenance = Provenance(
        str(path),
        reader="cycling_xjtu",
        licence="CC-BY-4.0",
        citation="Wang et al., Nature Communications 15 (2024) 4332; Zenodo 10963339",
    )
    return clean_series(channels, provenance=provenance)


def _fields(file: str, number: int, cycle: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in _FIELDS:
        if not hasattr(cycle, name):
            raise TableError([Problem("error", file, "this field", "Fetch the file again.", number, name)])
        columns[name] = numbers(getattr(cycle, name))
    length = columns["voltage_V"].size
    columns["temperature_C"] = numbers(getattr(cycle, "temperature_C", np.full(length, np.nan)))
    for name, values in columns.items():
        if values.size != length or not length:
            raise TableError(
                [
                    Problem(
                        "error",
                        file,
                        f"{length or 'some'} samples, as many as voltage_V",
                        "Fetch the file again.",
                        number,
                        name,
                        f"{values.size} samples",
                    )
                ]
            )
    return columns


def read_xjtu(path: str | Path, **options: Any) -> CyclingRecord:
    """Read one cell.

    Parameters
    ----------
    path : such as ``2C_battery-1.mat``.
    **options : as in `ionbridge.datasets.cycling.record_from_series`.

    Raises
    ------
    DataError
        If it is not such a file.
    """
    path = Path(path)
    protocol = f"batch {path.stem.partition('_battery')[0]} of the XJTU set"
    defaults: dict[str, Any] = {
        "cell_id": f"XJTU_{path.stem}",
        "domain": Domain("NMC (XJTU)", "NMC/graphite", process=protocol, format="18650", origin="experiment"),
        "nominal_capacity": 2.0,
        "protocol": protocol,
        "metadata": {"group": "XJTU", "cathode": "NMC"},
    }
    return record_from_series(read_xjtu_series(path), **{**defaults, **options})
