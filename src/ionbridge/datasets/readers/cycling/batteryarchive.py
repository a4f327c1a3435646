"""Reader of BatteryArchive: pairs of ``*_timeseries.csv`` and ``*_cycle_data.csv`` of SNL, UL-PUR, HNEI and others.

Column names and the meaning of the parts of a file name as documented on batteryarchive.org.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.cycling.collection import CyclingSet
from ionbridge.datasets.cycling.end_of_life import end_of_life
from ionbridge.datasets.cycling.formats import CellInfo, CyclerFormat
from ionbridge.datasets.cycling.reading import read_record
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.datasets.problems import Problem, TableError
from ionbridge.exceptions import ConfigurationError, DataError

__all__ = [
    "FORMAT",
    "describe",
    "read_batteryarchive",
    "read_batteryarchive_cycles",
    "read_batteryarchive_folder",
]

_NAME = re.compile(
    r"(?P<laboratory>[A-Za-z-]+)_(?:(?P<serial>[A-Za-z]+\d+[\w-]*?)_)?(?P<format>18650|21700|pouch|prismatic)"
    r"_(?P<cathode>[A-Za-z_]+?)_(?P<temperature>-?\d+)C_(?P<window>[\d.]+-[\d.]+)"
    r"_(?P<charge>[\d.]+)-(?P<discharge>[\d.]+)C?_(?P<replicate>.+)"
)
# Rated capacities [Ah] as stated by the publishers of each study.
_NOMINAL = {
    ("SNL", "LFP"): 1.1,
    ("SNL", "NCA"): 3.2,
    ("SNL", "NMC"): 3.0,
    ("UL-PUR", "NCA"): 3.4,
    ("HNEI", "NMC+LCO"): 2.8,
}


def describe(path: Path) -> CellInfo:
    """Read a file name such as ``SNL_18650_LFP_25C_0-100_0.5-1C_a_timeseries.csv``."""
    cell_id = re.sub(r"_(timeseries|cycle_data)$", "", path.stem)
    parts = _NAME.fullmatch(cell_id)
    if parts is None:
        return CellInfo(cell_id=cell_id)
    cathode = parts["cathode"].upper().replace("_", "+").replace("-", "+")
    charge, discharge = float(parts["charge"]), float(parts["discharge"])
    protocol = f"{charge:g}C charge, {discharge:g}C discharge, {parts['window']} % of charge"
    return CellInfo(
        cell_id=cell_id,
        domain=Domain(
            f"{cathode} ({parts['laboratory']})",
            chemistry=f"{cathode}/graphite",
            process=protocol,
            format=parts["format"],
            origin="experiment",
        ),
        nominal_capacity=_NOMINAL.get((parts["laboratory"].upper(), cathode)),
        temperature=float(parts["temperature"]) + 273.15,
        protocol=protocol,
        metadata={
            "group": parts["laboratory"],
            "cathode": cathode,
            "charge_rate": charge,
            "discharge_rate": discharge,
            "charge_window": parts["window"],
            "replicate": parts["replicate"],
        },
    )


FORMAT = CyclerFormat(
    name="batteryarchive",
    suffixes=(".csv",),
    sign="charge_positive",
    columns={
        "time": {"Test_Time (s)": "s"},
        "datetime": {"Date_Time": "1"},
        "current": {"Current (A)": "A"},
        "voltage": {"Voltage (V)": "V"},
        "temperature": {"Cell_Temperature (C)": "degC", "Environment_Temperature (C)": "degC"},
        "cycle": {"Cycle_Index": "1"},
    },
    describe=describe,
    citation="batteryarchive.org",
)
_CYCLES = {
    "Cycle_Index": "cycle_number",
    "Discharge_Capacity (Ah)": "discharge_capacity",
    "Charge_Capacity (Ah)": "charge_capacity",
    "Discharge_Energy (Wh)": "discharge_energy",
    "Charge_Energy (Wh)": "charge_energy",
    "Min_Voltage (V)": "voltage_min",
    "Max_Voltage (V)": "voltage_max",
}


def read_batteryarchive(path: str | Path, **options: Any) -> CyclingRecord:
    """Read one cell.

    Parameters
    ----------
    path : ``*_timeseries.csv``.
    **options : as in `ionbridge.datasets.cycling.read_record`.

    Raises
    ------
    DataError
        If it is not such a file; `TableError` lists rows and columns.
    """
    return read_record(path, reader=FORMAT, **options)


def read_batteryarchive_cycles(
    path: str | Path, *, nominal_capacity: float | None = None, threshold: float = 0.8
) -> CyclingRecord:
    """Read the small ``*_cycle_data.csv`` alone: capacities and energies, no curves.

    Parameters
    ----------
    path : the file.
    nominal_capacity : [Ah]; by default that of the study in the file name.
    threshold : share of the nominal capacity at which life ends.

    Raises
    ------
    DataError
        If the file is missing or is another one.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist; check the path.")
    try:
        frame = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read as CSV: {error}. Fetch it again.") from error
    needed = ("Cycle_Index", "Discharge_Capacity (Ah)")
    problems = [
        Problem("error", path.name, "this column", "Fetch the file again.", 1, c)
        for c in needed
        if c not in frame
    ]
    for column in [c for c in _CYCLES if c in frame]:
        numbers = pd.to_numeric(frame[column], errors="coerce")
        for row in frame.index[numbers.isna() & frame[column].notna()][:5]:
            value = repr(frame[column][row])
            problems.append(
                Problem("error", path.name, "a number", "Correct the cell.", int(row) + 2, column, value)
            )
    if problems:
        raise TableError(problems)
    info = describe(path)
    nominal = nominal_capacity or info.nominal_capacity
    if nominal is None:
        raise ConfigurationError(
            f"the name {path.name!r} does not tell the nominal capacity; give 'nominal_capacity'."
        )
    cycles = frame[[c for c in _CYCLES if c in frame]].rename(columns=_CYCLES)
    cycles = cycles.drop_duplicates("cycle_number").sort_values("cycle_number")
    life = end_of_life(cycles["cycle_number"], cycles["discharge_capacity"], nominal, threshold)
    return CyclingRecord(
        cell_id=info.cell_id,
        domain=info.domain or Domain(info.cell_id, chemistry="unknown"),
        nominal_capacity=nominal,
        cycles=cycles,
        protocol=info.protocol,
        temperature=info.temperature,
        end_of_life_threshold=threshold,
        end_of_life_cycle=life.cycle,
        last_cycle=life.last_cycle,
        life_definition=life.definition,
        metadata=info.metadata,
        provenance=Provenance(str(path), reader="cycling_batteryarchive", citation=FORMAT.citation),
    )


def read_batteryarchive_folder(folder: str | Path, **options: Any) -> CyclingSet:
    """Read all cells of a folder; of a pair of files the time series, else the cycle data.

    Parameters
    ----------
    folder : with the CSV files.
    **options : as in `ionbridge.datasets.cycling.read_record`.

    Raises
    ------
    DataError
        If there is none.
    """
    folder = Path(folder)
    series = sorted(folder.glob("*_timeseries.csv"))
    known = {path.name.removesuffix("_timeseries.csv") for path in series}
    alone = [
        path
        for path in sorted(folder.glob("*_cycle_data.csv"))
        if path.name.removesuffix("_cycle_data.csv") not in known
    ]
    if not series and not alone:
        raise DataError(f"no *_timeseries.csv or *_cycle_data.csv in {folder}; check the folder.")
    kept = {key: options[key] for key in ("nominal_capacity", "threshold") if key in options}
    records = [read_batteryarchive(path, **options) for path in series]
    records += [read_batteryarchive_cycles(path, **kept) for path in alone]
    return CyclingSet(tuple(sorted(records, key=lambda r: r.cell_id)), folder.name)
