"""Reader of four DMEGC INR18650 cells: slow discharge, three rates, pulses and 200 random walks.

The chemistry is NMC by the name of the type; the source says no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ionbridge.datasets.cycling.signs import charging_positive
from ionbridge.datasets.profiles.series import CellSeries, CellSeriesSet
from ionbridge.datasets.readers.cycling.extract import KELVIN, Extract, read_parquet
from ionbridge.exceptions import ConfigurationError

__all__ = ["read_dmegc_nmc"]

_EXTRACT = Extract(
    name="dmegc_inr18650_nmc",
    licence="MIT",
    citation="github Silencefrog9305/Digital-Twins-for-Battery-Using-CTA-MTL, files Exp25_R1 to R4",
    notes=(
        "INR is a name of the trade for NMC-type cells; the source states no more of the chemistry",
        "temperature is that of the surface; chamber at 25 degC",
        "capacity is the charge of the cell's own slow discharge, C/20 to 2.5 V",
        "the column charge_Ah of the collection is in coulomb and is not used",
    ),
)
TESTS = {
    "ocv": "slow discharge C/20",
    "Rt_c_2": "discharge 0.5C",
    "ref": "discharge 1C",
    "Rt_cx2": "discharge 2C",
    "pulse": "pulses 0.5C",
    "random_walk": "random walk",
}
_AMBIENT = 25.0 + KELVIN


def read_dmegc_nmc(
    path: str | Path | None = None,
    *,
    tests: Sequence[str] = tuple(TESTS),
    cells: Sequence[int] = (1, 2, 3, 4),
) -> CellSeriesSet:
    """Read the folder ``dmegc_inr18650_nmc``: one series a cell, test and run, 10 s a sample, from full.

    Parameters
    ----------
    path : its folder or the one above; see `ionbridge.datasets.cycling.locations.data_folder`.
    tests : some of ``ocv``, ``Rt_c_2`` (0.5C), ``ref`` (1C), ``Rt_cx2`` (2C), ``pulse``, ``random_walk``.
    cells : some of 1 to 4.

    Raises
    ------
    DataError
        If files or columns are missing.
    ConfigurationError
        If a test or cell does not exist.
    """
    for what, wanted, known in (("tests", tests, tuple(TESTS)), ("cells", cells, (1, 2, 3, 4))):
        unknown = [item for item in wanted if item not in known]
        if unknown:
            raise ConfigurationError(f"{what!r} may hold {', '.join(map(str, known))}; got {unknown[0]!r}.")
    folder = _EXTRACT.folder(path)
    table = read_parquet(
        folder / "all.parquet", ["cell", "test", "run", "time_s", "current_A", "voltage_V", "temp_C"]
    )
    series = []
    for cell in cells:
        rows = table[table["cell"] == cell]
        slow = rows[rows["test"] == "ocv"]
        capacity = float(
            np.trapezoid(slow["current_A"].to_numpy(float), slow["time_s"].to_numpy(float)) / 3600
        )
        for test in tests:
            for run, part in rows[rows["test"] == test].groupby("run", sort=True):
                series.append(_series(part, cell, test, int(str(run)), capacity, folder))
    return CellSeriesSet(tuple(series), "DMEGC INR18650", _EXTRACT.notes)


def _series(rows: pd.DataFrame, cell: int, test: str, run: int, capacity: float, folder: Path) -> CellSeries:
    rows = rows[~rows["time_s"].duplicated()]
    label = f"{TESTS[test]}{f' {run}' if test == 'random_walk' else ''}"
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
        cell=f"DMEGC INR18650 {cell}",
        chemistry="NMC",
        name=f"cell {cell}, {label}",
        status="completed" if test == "pulse" else "lower_voltage_limit",
        provenance=_EXTRACT.provenance(folder),
    )
