"""`read_series`, `read_record` and `read_cells`: from files of cyclers to series, records and sets.

Formats are declared in `ionbridge.datasets.readers.cycling`, one small file each, and registered as
``cycling_NAME`` in the group ``ionbridge.readers``.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ionbridge import plugins
from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.cycling.collection import CyclingSet
from ionbridge.datasets.cycling.formats import CellInfo, CyclerFormat, RawColumns, series_from_columns
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.datasets.cycling.series import TimeSeries, join_series
from ionbridge.datasets.cycling.sheet_files import (
    columns_from_frame,
    parquet_header,
    read_parquet,
    read_workbook,
    workbook_headers,
)
from ionbridge.datasets.cycling.summary import CurveGrid, record_from_series
from ionbridge.datasets.cycling.text_files import read_head, read_text
from ionbridge.exceptions import DataError, UnknownNameError

__all__ = ["cycler_formats", "detect_format", "read_cells", "read_record", "read_series"]

logger = logging.getLogger(__name__)
PREFIX = "cycling_"
_WORKBOOKS = (".xlsx", ".xlsm")
_PARQUETS = (".parquet", ".pq")
_PICKLES = (".pkl", ".pickle", ".joblib")


def cycler_formats() -> dict[str, CyclerFormat]:
    """Every registered format of a cycler, by name; imports their modules."""
    found: dict[str, CyclerFormat] = {}
    for name in plugins.names("ionbridge.readers"):
        if name.startswith(PREFIX):
            module = importlib.import_module(plugins.load("ionbridge.readers", name).__module__)
            style = getattr(module, "FORMAT", None)
            if isinstance(style, CyclerFormat):
                found[style.name] = style
    return found


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix.lower() in _PICKLES:
        raise DataError(
            f"{path.name} is a pickle; reading one can run any program it contains, so it is refused. Convert it to "
            "CSV with its publisher's script on a machine you can afford to lose, then read the CSV."
        )
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"{path} {kind}; expected a file of a cycler. Check the path.")
    return path


def detect_format(path: str | Path) -> CyclerFormat:
    """Find the format of a file by its headers: of those that fit, the one that explains most columns.

    Raises
    ------
    DataError
        If none fits; the message says what the nearest one lacks.
    """
    path = _existing(path)
    suffix = path.suffix.lower()
    formats = cycler_formats().values()
    for style in formats:
        if suffix in style.loaders:
            return style
    if suffix in _WORKBOOKS:
        headers = workbook_headers(path)
    elif suffix in _PARQUETS:
        headers = [parquet_header(path)]
    else:
        headers = [cells for _, _, cells in read_head(path).headers()]
    best: tuple[int, CyclerFormat] | None = None
    for style in formats:
        if suffix not in style.suffixes:
            continue
        n_matched = max((len(style.match(header)) for header in headers), default=0)
        if n_matched and (best is None or n_matched > best[0]):
            best = (n_matched, style)
    if best is None:
        names = ", ".join(style.name for style in formats if suffix in style.suffixes) or "none"
        shown = max(headers, key=len, default=[])[:8]
        raise DataError(
            f"{path.name} is of no known cycler format; its widest row is {shown}. Formats of {suffix!r} files: {names}. "
            "Export time, current and voltage, for example in the Battery Data Format ('Test Time / s', 'Current / A', "
            "'Voltage / V')."
        )
    return best[1]


def _format_named(name: str) -> CyclerFormat:
    formats = cycler_formats()
    key = name.removeprefix(PREFIX)
    if key not in formats:
        raise UnknownNameError.for_name(name, formats, "cycler format")
    return formats[key]


def _columns(path: Path, style: CyclerFormat) -> RawColumns:
    suffix = path.suffix.lower()
    if suffix in style.loaders:
        return columns_from_frame(path.name, style.loaders[suffix](path), style)
    if suffix in _WORKBOOKS:
        return read_workbook(path, style)
    if suffix in _PARQUETS:
        return read_parquet(path, style)
    return read_text(path, style)


def read_series(path: str | Path, *, reader: str | CyclerFormat | None = None) -> TimeSeries:
    """Read one file of a cycler.

    Parameters
    ----------
    path : text, workbook or Parquet, as the format allows.
    reader : name of a format, or one of your own; None finds it by the headers.

    Raises
    ------
    TableError
        With row and column of what cannot be read.
    DataError
        If the file is missing, of no known format, or cannot be cleaned.
    """
    path = _existing(path)
    if isinstance(reader, CyclerFormat):
        style = reader
    else:
        style = detect_format(path) if reader is None else _format_named(reader)
    provenance = Provenance(
        source=str(path), reader=f"{PREFIX}{style.name}", licence=style.licence, citation=style.citation
    )
    series = series_from_columns(_columns(path, style), style, provenance)
    logger.info("read %d samples of %s as %s", len(series), path, style.name)
    return series


def _info(path: Path, reader: str | CyclerFormat | None) -> CellInfo:
    style = reader if isinstance(reader, CyclerFormat) else None
    if isinstance(reader, str):
        style = _format_named(reader)
    return style.describe(path) if style is not None and style.describe is not None else CellInfo()


def read_record(
    paths: str | Path | Sequence[str | Path],
    *,
    reader: str | CyclerFormat | None = None,
    cell_id: str | None = None,
    domain: Domain | None = None,
    nominal_capacity: float | None = None,
    threshold: float = 0.8,
    protocol: str = "",
    temperature: float | None = None,
    metadata: Mapping[str, str | float | bool] | None = None,
    grid: CurveGrid | None = None,
) -> CyclingRecord:
    """Read the files of one cell, in the given order, and sum them up.

    What is not given is taken from the name of the first file where its format knows how, else from
    the data; see `record_from_series`.

    Parameters
    ----------
    paths : one or several files.
    reader : as in `read_series`.
    cell_id : by default the name of the first file.
    domain, nominal_capacity, threshold, protocol, temperature, metadata, grid : as in `record_from_series`.
    """
    files = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    if not files:
        raise DataError("'paths' of read_record must name at least one file; got none.")
    style = reader if reader is not None else detect_format(_existing(files[0]))
    info = _info(files[0], style)
    series = join_series([read_series(path, reader=style) for path in files])
    return record_from_series(
        series,
        cell_id=cell_id or info.cell_id or files[0].stem,
        domain=domain or info.domain,
        nominal_capacity=nominal_capacity if nominal_capacity is not None else info.nominal_capacity,
        threshold=threshold,
        protocol=protocol or info.protocol,
        temperature=info.temperature if temperature is None else temperature,
        metadata={**info.metadata, **(metadata or {})},
        grid=grid,
    )


def read_cells(
    paths: str | Path | Iterable[str | Path], *, name: str = "", pattern: str = "*", **options: Any
) -> CyclingSet:
    """Read one cell a file.

    Parameters
    ----------
    paths : a folder, or files.
    name : of the set.
    pattern : which files of a folder, such as ``*_timeseries.csv``.
    **options : as in `read_record`, for all cells.

    Raises
    ------
    DataError
        If there is no file, or one cannot be read.
    """
    if isinstance(paths, str | Path) and Path(paths).is_dir():
        files = sorted(path for path in Path(paths).glob(pattern) if path.is_file())
    else:
        files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    if not files:
        raise DataError(f"no files like {pattern!r} in {paths}; check the folder.")
    return CyclingSet(tuple(read_record(path, **options) for path in files), name)
