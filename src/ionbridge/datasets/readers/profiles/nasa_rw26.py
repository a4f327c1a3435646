"""Reader of cell RW26 of NASA's randomized battery usage: random walks, reference discharges and pulses.

The cell ages over the test: each reference discharge gives the capacity of the steps after it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from ionbridge.datasets.cycling.signs import charging_positive
from ionbridge.datasets.profiles.series import CellSeries, CellSeriesSet
from ionbridge.datasets.readers.cycling.extract import KELVIN, Extract, read_parquet
from ionbridge.exceptions import ConfigurationError

__all__ = ["read_nasa_rw26"]

Part = Literal["reference", "pulses", "random_walk"]
_PARTS: tuple[Part, ...] = ("reference", "pulses", "random_walk")
_EXTRACT = Extract(
    name="nasa_rw26",
    licence="public (NASA); the mirror states none",
    citation="Bole, Kulkarni, Daigle, Randomized battery usage data set, NASA Prognostics Data Repository (2014)",
    notes=(
        "NASA states no chemistry (papers say LCO)",
        "temperature is that of the surface; the chamber was at 40 degC",
        "capacity is that of the last reference discharge, 1 A from 4.2 to 3.2 V: the cell ages over the set",
    ),
)
_AMBIENT = 40.0 + KELVIN
_MAX_GAP = 120.0
_STARTS = {
    "reference": "reference discharge",
    "pulses": "pulsed load (rest)",
    "random_walk": "discharge (random walk)",
}


def read_nasa_rw26(
    path: str | Path | None = None, *, parts: tuple[Part, ...] = ("reference",), max_series: int | None = None
) -> CellSeriesSet:
    """Read the folder ``nasa_rw26``: one series a discharge from full.

    Parameters
    ----------
    path : its folder or the one above; see `ionbridge.datasets.cycling.locations.data_folder`.
    parts : ``reference`` (14 discharges at 1 A), ``pulses`` (1 A pulses with rests of 20 min) and
        ``random_walk`` (random discharge steps from full until 3.2 V).
    max_series : of each part, the first so many; None for all.

    Raises
    ------
    DataError
        If files or columns are missing.
    ConfigurationError
        If a part does not exist.
    """
    unknown = [part for part in parts if part not in _PARTS]
    if unknown:
        raise ConfigurationError(f"'parts' may hold {', '.join(_PARTS)}; got {unknown[0]!r}.")
    folder = _EXTRACT.folder(path)
    table = read_parquet(
        folder / "rw26.parquet", ["step", "comment", "type", "time_s", "voltage_V", "current_A", "temp_C"]
    )
    runs = _runs(table)
    references = runs["reference"]
    capacities = np.array([_charge(run) for run in references])
    times = np.array([float(run["time_s"].iloc[0]) for run in references])
    series = []
    for part in parts:
        for number, run in enumerate(runs[part][:max_series]):
            last = max(int(np.searchsorted(times, float(run["time_s"].iloc[0]), side="right")) - 1, 0)
            series.append(_series(run, part, number, float(capacities[last]), folder))
    return CellSeriesSet(tuple(series), "NASA RW26", _EXTRACT.notes)


def _runs(table: pd.DataFrame) -> dict[str, list[pd.DataFrame]]:
    """Rows of each discharge from full, by part: steps between two charges belong together."""
    comment = table["comment"].astype(str)
    kind = np.select(
        [
            comment == "reference discharge",
            comment.str.startswith("pulsed load"),
            comment.str.contains("random walk\\)"),
        ],
        ["reference", "pulses", "random_walk"],
        default="",
    )
    is_charge = comment.str.startswith("charge (after").to_numpy()
    gap = np.diff(table["time_s"].to_numpy(float), prepend=-np.inf) > _MAX_GAP
    starts = np.concatenate([[True], (kind[1:] != kind[:-1])]) | is_charge | gap
    groups = np.cumsum(starts)
    runs: dict[str, list[pd.DataFrame]] = {part: [] for part in _PARTS}
    usable = (kind != "") & ~is_charge
    for _, rows in table[usable].groupby(groups[usable], sort=True):
        part = str(kind[table.index.get_loc(rows.index[0])])
        rows = rows[~rows["time_s"].duplicated()]
        if len(rows) >= 20 and rows["voltage_V"].iloc[0] > 3.9:
            runs[part].append(rows)
    return runs


def _charge(rows: pd.DataFrame) -> float:
    return float(np.trapezoid(rows["current_A"].to_numpy(float), rows["time_s"].to_numpy(float)) / 3600)


def _series(rows: pd.DataFrame, part: Part, number: int, capacity: float, folder: Path) -> CellSeries:
    return CellSeries(
        time=rows["time_s"].to_numpy(float),
        current=charging_positive(rows["current_A"].to_numpy(float), "discharge_positive") + 0.0,
        voltage=rows["voltage_V"].to_numpy(float),
        temperature=rows["temp_C"].to_numpy(float) + KELVIN,
        ambient_temperature=_AMBIENT,
        origin="experiment",
        fidelity="laboratory",
        initial_soc=1.0,
        capacity=capacity,
        cell="NASA RW26",
        chemistry="",
        name=f"{_STARTS[part]} {number}",
        provenance=_EXTRACT.provenance(folder),
    )
