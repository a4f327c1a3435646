"""Profiles and series from a user's files: CSV with units in its headers, BDF, and what cyclers export.

Cyclers' formats are read by the cycling room; published series have readers of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets.base import Provenance
from ionbridge.datasets.cycling import TimeSeries, detect_format, read_series
from ionbridge.datasets.cycling.signs import SignConvention, charging_positive
from ionbridge.datasets.profiles.checks import check_scale, check_sign
from ionbridge.datasets.profiles.profile import ROOM_TEMPERATURE, Profile
from ionbridge.datasets.profiles.series import CellSeries
from ionbridge.exceptions import DataError, IonBridgeError
from ionbridge.quantities.units import conversion

__all__ = ["read_cell_series", "read_profile"]

Array = NDArray[np.float64]
_UNITS = {"time": "s", "current": "A", "voltage": "V", "temperature": "K", "c_rate": "1/h"}
_NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "testtime", "elapsedtime", "t", "zeit"),
    "current": ("current", "i", "strom", "cellcurrent"),
    "c_rate": ("crate", "c-rate", "rate"),
    "voltage": ("voltage", "v", "u", "cellvoltage", "terminalvoltage", "spannung"),
    "temperature": (
        "ambienttemperature",
        "temperature",
        "celltemperature",
        "surfacetemperature",
        "temp",
        "t_amb",
        "temperaturet1",
    ),
}
_HEADER = re.compile(r"^\s*(?P<name>.*?)\s*(?:[\[\(/]\s*(?P<unit>[^\]\)]+?)\s*[\]\)]?)?\s*$")
_UNIT_WORDS = {
    "degc": "degC",
    "°c": "degC",
    "celsius": "degC",
    "sec": "s",
    "seconds": "s",
    "ah": "Ah",
    "c": "degC",
}
_SUFFIXES = {"_s": "s", "_ms": "ms", "_min": "min", "_h": "h", "_A": "A", "_mA": "mA", "_V": "V", "_mV": "mV",
             "_K": "K", "_degC": "degC", "_C": "degC"}  # fmt: skip


def read_profile(
    path: str | Path,
    *,
    capacity: float | None = None,
    sign: SignConvention = "charge_positive",
    ambient_temperature: float | None = None,
    name: str = "",
) -> Profile:
    """Read the current of a file as a profile.

    Parameters
    ----------
    path : CSV with a header such as ``time [s], current [A]`` (mA, ms, min, h and degC are converted;
        ``c_rate [1/h]`` in place of a current needs `capacity`), a BDF file, or a cycler's export.
    capacity : nominal [Ah]; where it is given, currents and times off by 1000 are refused.
    sign : of the current in a plain CSV; ``discharge_positive`` is turned round.
    ambient_temperature : [K]; None takes the file's temperature if it has one, else 298.15 K.
    name : by default that of the file.

    Raises
    ------
    DataError
        If the file is missing, has no time or current, is not in order, or, where it has a voltage,
        if that shows that the sign is wrong.
    TableError
        With row and column of cells that are not numbers.
    """
    series = _read(Path(path), capacity, sign)
    current = series.current
    owner = Path(path).name
    if capacity is not None:
        check_scale(series.time, current, capacity, owner)
    if "no voltage" not in series.flags:
        check_sign(current, series.voltage, owner)
    ambient: float | Array = ROOM_TEMPERATURE
    if ambient_temperature is not None:
        ambient = ambient_temperature
    elif series.temperature is not None:
        ambient = series.temperature
    return Profile(series.time, current, ambient, name or Path(path).stem, series.provenance)


def read_cell_series(
    path: str | Path,
    *,
    capacity: float,
    initial_soc: float = float("nan"),
    chemistry: str = "",
    cell: str = "",
    sign: SignConvention = "charge_positive",
    ambient_temperature: float | None = None,
    name: str = "",
) -> CellSeries:
    """Read a measured series: current, voltage and, where there is one, temperature.

    Parameters
    ----------
    path, sign : as in `read_profile`.
    capacity : of the cell [Ah].
    initial_soc : at the first sample [-]; NaN where unknown.
    chemistry, cell, name : of the cell and the series.
    ambient_temperature : [K]; None takes the first temperature of the file, else 298.15 K.

    Raises
    ------
    DataError
        As `read_profile`; also if there is no voltage.
    """
    series = _read(Path(path), capacity, sign)
    owner = Path(path).name
    if "no voltage" in series.flags:
        raise DataError(f"{owner} has no voltage; a measured series needs time, current and voltage.")
    check_scale(series.time, series.current, capacity, owner)
    check_sign(series.current, series.voltage, owner)
    measured = series.temperature
    if ambient_temperature is None:
        ambient_temperature = float(measured[0]) if measured is not None else ROOM_TEMPERATURE
    temperature = measured if measured is not None else np.full(len(series), ambient_temperature)
    return CellSeries(
        time=series.time,
        current=series.current,
        voltage=series.voltage,
        temperature=temperature,
        ambient_temperature=ambient_temperature,
        origin="experiment",
        fidelity="laboratory",
        initial_soc=initial_soc,
        capacity=capacity,
        cell=cell or owner,
        chemistry=chemistry,
        name=name or Path(path).stem,
        has_temperature=measured is not None,
        flags=series.flags,
        provenance=series.provenance,
    )


def _read(path: Path, capacity: float | None, sign: SignConvention) -> TimeSeries:
    """A plain CSV by its own headers, anything else by the cycling room."""
    if path.suffix.lower() in (".csv", ".txt") and path.is_file():
        try:
            style = detect_format(path)
        except DataError:
            return _read_plain(path, capacity, sign)
        return read_series(path, reader=style)
    return read_series(path)


def _read_plain(path: Path, capacity: float | None, sign: SignConvention) -> TimeSeries:
    frame = _plain_frame(path)
    found: dict[str, Array] = {}
    for header in frame.columns:
        role, unit = _role(str(header))
        if role and role not in found:
            values = _numbers(frame[header], str(header), path.name)
            found[role] = _converted(values, role, unit, str(header), path.name)
    if "current" not in found and "c_rate" in found:
        if capacity is None:
            raise DataError(
                f"{path.name} holds C-rates; give the 'capacity' [Ah] of the cell to turn them into A."
            )
        found["current"] = found["c_rate"] * capacity
    missing = [role for role in ("time", "current") if role not in found]
    if missing:
        raise DataError(
            f"{path.name} has no column for {' and '.join(missing)}; its columns are {list(map(str, frame.columns))}. "
            "Name them like 'time [s]' and 'current [A]', with their units."
        )
    _check_rising(found["time"], path.name)
    flags = () if "voltage" in found else ("no voltage",)
    return replace(
        TimeSeries(
            time=found["time"],
            current=charging_positive(found["current"], sign),
            voltage=found.get("voltage", np.zeros(len(frame))),
            temperature=found.get("temperature"),
            provenance=Provenance(source=str(path), reader="ionbridge.datasets.profiles.read_profile"),
        ),
        flags=flags,
    )


def _plain_frame(path: Path) -> pd.DataFrame:
    """Read a delimited text; the delimiter is the one that its header uses most."""
    with path.open("rb") as content:
        if b"\0" in content.read(4096):
            raise DataError(
                f"{path.name} is not a text file; expected a table such as CSV. Export it again as CSV."
            )
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        header = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    delimiter = max(("\t", ";", ",", "|"), key=header.count)
    try:
        frame = pd.read_csv(
            path,
            comment="#",
            sep=delimiter,
            decimal="," if delimiter == ";" else ".",
            skipinitialspace=True,
            encoding="utf-8-sig",
            encoding_errors="replace",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path.name} cannot be read as a table: {error}. Export it again as CSV.") from error
    if len(frame) < 2:
        raise DataError(f"{path.name} must have at least two rows below its header; got {len(frame)}.")
    return frame


def _check_rising(time: Array, file: str) -> None:
    order = np.flatnonzero(np.diff(time) <= 0)
    if order.size:
        raise DataError(
            f"the time in {file} does not rise: row {order[0] + 3} has {time[order[0] + 1]:g} s after "
            f"{time[order[0]]:g} s ({order.size} such rows). Sort the rows and remove copies."
        )


def _role(header: str) -> tuple[str, str]:
    """Role and unit of a header such as ``Current [mA]`` or ``current_mA``; empty where it has none."""
    unit = ""
    text = header.strip()
    for suffix, meant in _SUFFIXES.items():
        if text.endswith(suffix) and len(text) > len(suffix):
            text, unit = text[: -len(suffix)], meant
            break
    else:
        match = _HEADER.match(text)
        if match and match["name"]:
            text, unit = match["name"], (match["unit"] or "").strip()
    unit = _UNIT_WORDS.get(unit.casefold(), unit)
    key = "".join(c for c in text.casefold() if c.isalnum() or c == "-")
    for role, names in _NAMES.items():
        if key in {"".join(c for c in name if c.isalnum() or c == "-") for name in names}:
            return role, unit or _UNITS[role]
    return "", ""


def _converted(values: Array, role: str, unit: str, header: str, file: str) -> Array:
    """Values in the unit of their role; a unit that cannot be, and kelvin named degC, are refused."""
    try:
        converted = np.asarray(conversion(unit, _UNITS[role])(values), dtype=float)
    except IonBridgeError as error:
        raise DataError(f"{file}, column {header!r}: {error}") from error
    if unit == "degC" and np.median(values) > 200:
        raise DataError(
            f"{file}: column {header!r} must be in degC; its median is {np.median(values):g}, which looks like kelvin. "
            "Name the column with the unit K."
        )
    return converted


def _numbers(column: pd.Series, header: str, file: str) -> Array:
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(
            f"{file}: row {bad[0] + 2}, column {header!r} must be a number; got {_shown(column.iloc[bad[0]])}. Correct "
            "the cell or delete the row."
        )
    return values


def _shown(value: object) -> str:
    return "an empty cell" if pd.isna(value) else repr(value)  # type: ignore[call-overload]
