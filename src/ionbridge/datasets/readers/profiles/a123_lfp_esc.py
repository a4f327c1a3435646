"""Reader of the dynamic tests of an A123 LFP cell, -25 to 45 degC, from the ESC toolbox of G. Plett.

The tests that close each run, in slow discharge and charge, are read from the same file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from ionbridge.datasets.cycling.signs import charging_positive
from ionbridge.datasets.profiles.series import CellSeries, CellSeriesSet
from ionbridge.datasets.readers.cycling.extract import KELVIN, Extract, read_parquet
from ionbridge.exceptions import ConfigurationError, DataError

__all__ = ["read_a123_lfp_esc"]

Part = Literal["dynamic", "discharge", "charge"]
_SCRIPTS: dict[Part, int] = {"dynamic": 1, "discharge": 2, "charge": 3}
_EXTRACT = Extract(
    name="a123_lfp_esc",
    licence="MIT in the mirror; CC BY-NC-SA 4.0 in the original: treat as non-commercial",
    citation="Plett, ESC toolbox (University of Colorado Colorado Springs), dynamic data of an A123 26650 cell",
    notes=(
        "temperature is the set point of the chamber: the cell's own was not measured",
        "capacity is the net charge taken out by the dynamic test and the slow discharge after it",
        "the slow discharge and charge that close a test were done at 25 degC",
    ),
)
_COLUMNS = [
    "time_s",
    "step",
    "current_A",
    "voltage_V",
    "charge_Ah",
    "discharge_Ah",
    "temp_C",
    "script",
    "max_rate_x10",
]


def read_a123_lfp_esc(
    path: str | Path | None = None,
    *,
    temperatures_degC: Sequence[float] | None = None,
    parts: Sequence[Part] = ("dynamic",),
) -> CellSeriesSet:
    """Read the folder ``a123_lfp_esc``: one series a temperature and part, 1 s a sample.

    Parameters
    ----------
    path : its folder or the one above; see `ionbridge.datasets.cycling.locations.data_folder`.
    temperatures_degC : of the chamber, some of -25, -15, -5, 5, 15, 25, 35, 45; None for all.
    parts : ``dynamic`` (rest, 12 min at C/2, then half-hours of a drive cycle until empty),
        ``discharge`` (slowly to 2.0 V) and ``charge`` (C/3 to 3.6 V).

    Raises
    ------
    DataError
        If files or columns are missing.
    ConfigurationError
        If a temperature or part does not exist.
    """
    unknown = [part for part in parts if part not in _SCRIPTS]
    if unknown:
        raise ConfigurationError(f"'parts' may hold {', '.join(_SCRIPTS)}; got {unknown[0]!r}.")
    table = read_parquet(_EXTRACT.folder(path) / "dynamic.parquet", _COLUMNS)
    known = sorted(table["temp_C"].unique())
    wanted = known if temperatures_degC is None else list(temperatures_degC)
    missing = [t for t in wanted if t not in known]
    if missing:
        raise ConfigurationError(
            f"no test at {missing[0]:g} degC; there are {', '.join(f'{t:g}' for t in known)}."
        )
    series = []
    for celsius in wanted:
        rows = table[table["temp_C"] == celsius]
        capacity = sum(_net_discharge(rows[rows["script"] == script]) for script in (1, 2))
        series += [_series(rows, part, float(celsius), capacity, path) for part in parts]
    return CellSeriesSet(tuple(series), "A123 LFP, ESC dynamic tests", _EXTRACT.notes)


def _net_discharge(rows: pd.DataFrame) -> float:
    """Charge taken out less charge put in, by the counters of the cycler [Ah]."""
    if rows.empty:
        raise DataError("a123_lfp_esc: a part of a test is missing. Fetch the data set again.")
    gained = rows["discharge_Ah"].to_numpy(float) - rows["charge_Ah"].to_numpy(float)
    return float(gained[-1] - gained[0])


def _series(
    rows: pd.DataFrame, part: Part, celsius: float, capacity: float, path: str | Path | None
) -> CellSeries:
    full = rows
    rows = rows[rows["script"] == _SCRIPTS[part]]
    current = charging_positive(rows["current_A"].to_numpy(float), "discharge_positive") + 0.0
    ambient = (celsius if part == "dynamic" else 25.0) + KELVIN
    soc = {
        "dynamic": 1.0,
        "discharge": 1 - _net_discharge(full[full["script"] == 1]) / capacity,
        "charge": 0.0,
    }[part]
    rate = rows["max_rate_x10"].iloc[0] / 10
    return CellSeries(
        time=np.round(rows["time_s"].to_numpy(float) - float(rows["time_s"].iloc[0])),
        current=current,
        voltage=rows["voltage_V"].to_numpy(float),
        temperature=np.full(len(rows), ambient),
        ambient_temperature=ambient,
        origin="experiment",
        fidelity="laboratory",
        initial_soc=soc,
        capacity=capacity,
        cell="A123 26650",
        chemistry="LFP",
        name=f"{part} {celsius:g} degC, up to {rate:g}C",
        has_temperature=False,
        provenance=_EXTRACT.provenance(_EXTRACT.folder(path)),
    )
