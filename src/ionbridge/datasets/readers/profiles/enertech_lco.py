"""Reader of the discharges of an Enertech LCO pouch cell at 0.1, 0.5, 1 and 2C, the cell of Ai2020.

The swelling that was measured too is left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ionbridge.datasets.cycling.signs import charging_positive
from ionbridge.datasets.profiles.series import CellSeries, CellSeriesSet
from ionbridge.datasets.readers.cycling.extract import KELVIN, Extract, read_parquet

__all__ = ["read_enertech_lco"]

_EXTRACT = Extract(
    name="enertech_lco_ai2020",
    licence="BSD-3-Clause",
    citation="Ai et al., J. Electrochem. Soc. 167 (2020) 013512; Rieger et al., J. Electrochem. Soc. 163 (2016) A1566",
    notes=(
        "the current is nominal (C-rate times 2.28 Ah), not measured",
        "ambient temperature is that of the paper, 25 degC; the file holds the rise only, and none at 0.1C",
        "capacity is the charge of the slowest discharge, 0.1C to 3.0 V",
    ),
)
_AMBIENT = 25.0 + KELVIN


def read_enertech_lco(path: str | Path | None = None, *, period: float = 1.0) -> CellSeriesSet:
    """Read the folder ``enertech_lco_ai2020``: one series a C-rate, from full to empty.

    Parameters
    ----------
    path : its folder or the one above; see `ionbridge.datasets.cycling.locations.data_folder`.
    period : between samples [s]; those of the file are 1 s apart.

    Raises
    ------
    DataError
        If files or columns are missing.
    """
    folder = _EXTRACT.folder(path)
    columns = ["c_rate", "time_s", "current_A", "voltage_V", "temperature_rise_K"]
    table = read_parquet(folder / "discharge_wide.parquet", columns)
    rates = sorted(table["c_rate"].unique())
    slowest = table[table["c_rate"] == rates[0]]
    capacity = float(slowest["current_A"].iloc[0] * slowest["time_s"].iloc[-1] / 3600)
    series = []
    for rate in rates:
        rows = table[table["c_rate"] == rate]
        time = rows["time_s"].to_numpy(float)
        rise = rows["temperature_rise_K"].to_numpy(float)
        known = np.isfinite(rise)
        warmed = np.interp(time, time[known], rise[known]) if known.any() else np.zeros(time.size)
        measured = CellSeries(
            time=time,
            current=charging_positive(rows["current_A"].to_numpy(float), "discharge_positive"),
            voltage=rows["voltage_V"].to_numpy(float),
            temperature=_AMBIENT + warmed,
            ambient_temperature=_AMBIENT,
            origin="experiment",
            fidelity="laboratory",
            initial_soc=1.0,
            capacity=capacity,
            cell="Enertech SPB655060",
            chemistry="LCO",
            name=f"discharge {rate:g}C",
            status="lower_voltage_limit",
            has_temperature=bool(known.any()),
            provenance=_EXTRACT.provenance(folder),
        )
        series.append(measured if period == 1.0 else measured.resampled(period))
    return CellSeriesSet(tuple(series), "Enertech LCO of Ai2020", _EXTRACT.notes)
