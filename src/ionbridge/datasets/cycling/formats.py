"""`CyclerFormat`: a file format of a cycler as data: which header is which channel in which unit.

Reading the cells is `text_files.py` and `sheet_files.py`; choosing a format is `reading.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.cycling.cleaning import clean_series
from ionbridge.datasets.cycling.series import TimeSeries
from ionbridge.datasets.cycling.signs import SignConvention, charging_positive
from ionbridge.datasets.problems import Problem, TableError
from ionbridge.exceptions import DataError
from ionbridge.quantities.units import conversion

__all__ = ["CellInfo", "CyclerFormat", "RawColumns", "key_of_header", "series_from_columns"]

HOUSE_UNITS = {
    "time": "s",
    "restarting_time": "s",
    "current": "A",
    "voltage": "V",
    "temperature": "K",
    "internal_resistance": "mOhm",
}
COUNTS = ("cycle", "step")
TEXTS = ("state", "datetime")
ROLES = (*HOUSE_UNITS, *COUNTS, *TEXTS)
CLOCK = "clock"
"""Unit of a time written as ``26:03:04.5`` or ``1d 02:03:04``."""


@dataclass(frozen=True)
class CellInfo:
    """What the name of a file, or its data set, says of the cell.

    Parameters
    ----------
    cell_id, protocol : text; empty where unknown.
    domain : None where unknown.
    nominal_capacity : [Ah]; None where unknown.
    temperature : [K]; NaN where unknown.
    metadata : further plain values.
    """

    cell_id: str = ""
    domain: Domain | None = None
    nominal_capacity: float | None = None
    temperature: float = float("nan")
    protocol: str = ""
    metadata: Mapping[str, str | float | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class CyclerFormat:
    """One file format.

    Parameters
    ----------
    name : as registered, without ``cycling_``.
    columns : by role, the unit by header. Roles: ``time``, ``restarting_time`` (starts anew with a
        step or cycle), ``datetime``, ``current``, ``voltage``, ``temperature``,
        ``internal_resistance``, ``cycle``, ``step``, ``state``. Case, spaces and underscores of
        headers do not count; of several headers the first that is present is taken.
    sign : of the current in the file.
    states : direction by text of the column ``state``: 1 charge, -1 discharge, 0 rest.
    suffixes : of files that may have this format.
    describe : cell of a path.
    licence, citation : of a public data set; empty for a cycler.
    required : roles without which a file is not of this format.
    times : roles that tell the time, the best first.
    loaders : for binary files, what turns one into a DataFrame with these headers, by suffix.

    Raises
    ------
    DataError
        If a role is unknown.
    """

    name: str
    columns: Mapping[str, Mapping[str, str]]
    sign: SignConvention = "charge_positive"
    states: Mapping[str, int] = field(default_factory=dict)
    suffixes: tuple[str, ...] = (".csv", ".txt")
    describe: Callable[[Path], CellInfo] | None = None
    licence: str = ""
    citation: str = ""
    required: tuple[str, ...] = ("current", "voltage")
    times: tuple[str, ...] = ("time", "datetime", "restarting_time")
    loaders: Mapping[str, Callable[[Path], pd.DataFrame]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.columns) - set(ROLES))
        if unknown:
            raise DataError(f"format {self.name!r} has unknown role(s) {unknown}; expected some of {ROLES}.")

    def match(self, header: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Position and unit of each role to be read; empty if the header is not of this format."""
        positions: dict[str, int] = {}
        for index, text in enumerate(header):
            positions.setdefault(key_of_header(text), index)
        found: dict[str, tuple[int, str]] = {}
        for role, candidates in self.columns.items():
            for text, unit in candidates.items():
                if key_of_header(text) in positions:
                    found[role] = (positions[key_of_header(text)], unit)
                    break
        needed = (*self.required, *(("state",) if self.sign == "unsigned" else ()))
        if any(role not in found for role in needed) or not any(role in found for role in self.times):
            return {}
        best = next(role for role in self.times if role in found)  # others would only cost time to read
        return {role: place for role, place in found.items() if role == best or role not in self.times}

    def missing(self, header: Sequence[str]) -> str:
        """Say which roles a header lacks, with the headers that would do."""
        keys = {key_of_header(text) for text in header}
        texts = []
        for role in ("time", *self.required):
            names = [
                name
                for part in (self.times if role == "time" else (role,))
                for name in self.columns.get(part, {})
            ]
            if not keys & {key_of_header(name) for name in names}:
                texts.append(f"{role} ({' or '.join(repr(name) for name in names[:4])})")
        return ", ".join(texts)


def key_of_header(text: str) -> str:
    """Reduce a header to what counts: no case, no spaces, underscores or byte-order mark."""
    return "".join(c for c in text.casefold() if not c.isspace() and c not in "_\ufeff\"'")


@dataclass
class RawColumns:
    """The columns of one file that have a role.

    Parameters
    ----------
    file : name, for messages.
    values : by role, shape (n_samples,): numbers, or text for roles of text and clock times.
    units : by role.
    headers : by role, as in the file.
    rows : shape (n_samples,); row of each sample in the file, as its user sees it.
    """

    file: str
    values: dict[str, NDArray[Any]]
    units: dict[str, str]
    headers: dict[str, str]
    rows: NDArray[np.int64]


def series_from_columns(raw: RawColumns, style: CyclerFormat, provenance: Provenance) -> TimeSeries:
    """Turn the columns of a file into a time series: units, sign, time from the start, cleaning.

    Raises
    ------
    TableError
        If a time, date or state cannot be understood; with row and column.
    DataError
        If the recording cannot be cleaned.
    """
    channels: dict[str, Any] = {}
    for role, unit in HOUSE_UNITS.items():
        if role in raw.values and "time" not in role:
            channels[role] = conversion(raw.units[role], unit)(raw.values[role].astype(float, copy=False))
    for role in COUNTS:
        if role in raw.values:
            channels[role] = raw.values[role]
    flags: tuple[str, ...] = ()
    sign, direction = style.sign, None
    if style.states and "state" in raw.values:
        direction = _direction(raw, style, must_be_known=sign == "unsigned")
        if sign != "unsigned" and (direction < 0).any() and not (channels["current"] < 0).any():
            sign, flags = "unsigned", ("current without a sign: directions taken from the states",)
    try:
        channels["current"] = charging_positive(channels["current"], sign, direction)
        channels["time"] = _time(raw, style.times)
        return clean_series(channels, rows=raw.rows, provenance=provenance, flags=flags)
    except TableError:
        raise
    except DataError as error:
        raise DataError(f"{raw.file}: {error}") from error


def _time(raw: RawColumns, roles: Sequence[str]) -> NDArray[np.float64]:
    """Seconds since the first sample; from the best of the columns that tell the time."""
    role = next(role for role in roles if role in raw.values)
    values = raw.values[role]
    if role == "datetime" or raw.units[role] == CLOCK:
        seconds = _parsed_time(raw, role)
    else:
        seconds = np.asarray(conversion(raw.units[role], "s")(values.astype(float, copy=False)), dtype=float)
    if role == "restarting_time":
        step = np.diff(seconds, prepend=seconds[:1])
        seconds = np.cumsum(np.where(step < 0, np.maximum(seconds, 0.0), step))
    if role == "datetime":
        seconds = seconds - seconds[np.isfinite(seconds)][:1]
    return seconds


def _parsed_time(raw: RawColumns, role: str) -> NDArray[np.float64]:
    texts = pd.Series(raw.values[role])
    empty = texts.isna() | (texts.astype(str).str.strip() == "")
    if raw.units[role] == CLOCK:
        plain = pd.to_numeric(texts, errors="coerce")  # a few exports hold seconds here
        cleaned = texts.astype(str).str.strip().str.replace(r"^(\d+)-(?=\d+:)", r"\1d ", regex=True)
        parsed = pd.to_timedelta(cleaned.where(~empty), errors="coerce")
        seconds = parsed.dt.total_seconds().where(plain.isna(), plain).to_numpy(dtype=float)
        expected = "a time such as 26:03:04.5"
    else:
        parsed = _dates(texts.where(~empty))
        since: Any = parsed - pd.Timestamp(1970, 1, 1)  # type: ignore[operator]
        seconds = since.dt.total_seconds().to_numpy(dtype=float)
        expected = "a date and time such as 2024-01-31 12:00:00"
    bad = np.flatnonzero(np.isnan(seconds) & ~empty.to_numpy())
    if bad.size:
        raise TableError(
            [
                _problem(
                    raw, role, int(position), expected, "Correct the cell, or export the time in seconds."
                )
                for position in bad[:20]
            ]
        )
    return np.asarray(seconds, dtype=float)


def _dates(texts: pd.Series) -> pd.Series:
    """Parse dates: ISO first, then month first as cyclers from the United States write them."""
    kinds = ("ISO8601", "%m/%d/%Y %H:%M:%S.%f", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p")
    best = pd.to_datetime(texts, format=kinds[0], errors="coerce")
    for kind in kinds[1:]:
        if best.notna().any():
            break
        best = pd.to_datetime(texts, format=kind, errors="coerce")
    return best


def _direction(raw: RawColumns, style: CyclerFormat, must_be_known: bool) -> NDArray[np.float64]:
    """Direction of the current from the column of states."""
    known = {key_of_header(text): way for text, way in style.states.items()}
    codes, texts = pd.factorize(pd.Series(raw.values["state"], dtype=object).fillna(""))
    ways = np.array([known.get(key_of_header(str(text)), np.nan) for text in texts], dtype=float)
    direction: NDArray[np.float64] = ways[codes]
    unknown = np.isnan(direction) & (np.abs(raw.values["current"].astype(float)) > 0)
    if unknown.any() and must_be_known:
        remedy = f"Known states: {', '.join(style.states)}."
        position = int(np.flatnonzero(unknown)[0])
        raise TableError(
            [_problem(raw, "state", position, "a state that tells charge from discharge", remedy)]
        )
    return np.nan_to_num(direction)


def _problem(raw: RawColumns, role: str, position: int, expected: str, remedy: str) -> Problem:
    return Problem(
        "error",
        raw.file,
        expected,
        remedy,
        int(raw.rows[position]),
        raw.headers[role],
        repr(raw.values[role][position]),
    )
