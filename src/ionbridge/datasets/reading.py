"""`read_table` and `validate_file`: from a path to a `Table` or to a list of problems.

Formats are modules in `readers/`; what columns mean is `columns.py`.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ionbridge import plugins
from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.columns import Columns, ColumnSettings
from ionbridge.datasets.ingest import RowSource, ingest, problems_of, require_no_errors
from ionbridge.datasets.problems import Problem
from ionbridge.datasets.table import Table
from ionbridge.exceptions import ConfigurationError, DataError, IonBridgeError
from ionbridge.quantities import Quantity

__all__ = ["read_table", "reader_of", "table_from_source", "validate_file"]

logger = logging.getLogger(__name__)

Opener = Callable[[Path, str | None], RowSource]

_READER_OF_SUFFIX = {
    ".csv": "delimited",
    ".tsv": "delimited",
    ".txt": "delimited",
    ".dat": "delimited",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def reader_of(path: str | Path) -> str:
    """Name of the reader for the suffix of `path`.

    A suffix beyond CSV, Excel and Parquet is looked up among the registered readers by its own
    name: ``run.bdf`` is read by the reader registered as ``bdf``.

    Raises
    ------
    DataError
        If no reader knows the suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix in _READER_OF_SUFFIX:
        return _READER_OF_SUFFIX[suffix]
    if suffix[1:] in plugins.names("ionbridge.readers"):
        return suffix[1:]
    old = " Save the old Excel workbook as .xlsx." if suffix in (".xls", ".xlsb", ".ods") else ""
    raise DataError(
        f"no reader knows files like {Path(path).name!r} (suffix {suffix!r}); expected "
        f"{', '.join(_READER_OF_SUFFIX)}.{old} Or name a reader: reader='delimited'."
    )


def read_table(
    path: str | Path,
    *,
    columns: Columns | str | Path | None = None,
    ignore: Iterable[str] = (),
    domain: Domain | None = None,
    sheet: str | None = None,
    reader: str | None = None,
    definitions: Mapping[str, Quantity] | None = None,
    licence: str = "",
    citation: str = "",
) -> Table:
    """Read a file into a checked table in house units.

    Parameters
    ----------
    path : a CSV, Excel or Parquet file, or what the named reader expects.
    columns : header → ``quantity [unit]`` (None leaves a column out), or the path of a column file.
    ignore : headers that are left out.
    domain : where the rows come from; by default named after the file.
    sheet : sheet of a workbook; the first one by default.
    reader : name of a registered reader; by default chosen by suffix.
    definitions : quantities beyond the catalogue, by name.
    licence, citation : stored in the provenance.

    Raises
    ------
    TableError
        With every problem found.
    DataError
        If the file is missing or of an unknown kind.
    """
    options = {
        "columns": columns,
        "ignore": ignore,
        "domain": domain,
        "sheet": sheet,
        "definitions": definitions,
        "licence": licence,
        "citation": citation,
    }
    name = reader if reader is not None else reader_of(_existing(path))
    function = plugins.load("ionbridge.readers", name)
    given = {key: value for key, value in options.items() if value}
    if domain is not None and not _accepts(function, "domain"):
        return function(_existing(path), **_checked(name, function, given)).with_domain(domain)
    return function(_existing(path), **_checked(name, function, given))


def _checked(name: str, function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    refused = [key for key in given if key != "domain" and not _accepts(function, key)]
    if refused:
        raise ConfigurationError(
            f"reader {name!r} knows its file and takes no {refused}; leave them out, or read the file as a plain "
            "table with reader='delimited'."
        )
    return {key: value for key, value in given.items() if _accepts(function, key)}


def _accepts(function: Callable[..., Any], argument: str) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return any(p.kind is p.VAR_KEYWORD or p.name == argument for p in parameters)


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if path.exists():
        return path
    folder = path.parent
    if not folder.is_dir():
        raise DataError(f"{path} does not exist, nor does the folder {folder}. Check the path.")
    nearest = difflib.get_close_matches(
        path.name, [entry.name for entry in folder.iterdir()], n=3, cutoff=0.4
    )
    hint = f"nearest in that folder: {', '.join(nearest)}" if nearest else "nothing there is called alike"
    raise DataError(f"{path} does not exist; {hint}. Check the path.")


def table_from_source(
    path: str | Path,
    open_source: Opener,
    *,
    reader: str,
    columns: Columns | str | Path | None = None,
    ignore: Iterable[str] = (),
    domain: Domain | None = None,
    sheet: str | None = None,
    definitions: Mapping[str, Quantity] | None = None,
    licence: str = "",
    citation: str = "",
    notes: tuple[str, ...] = (),
) -> Table:
    """Read one file through an opened source; what every reader of a file format ends in.

    Parameters
    ----------
    path : the file.
    open_source : opens it as rows.
    reader : name stored in the provenance.
    notes : stored in the provenance.

    The other parameters are those of `read_table`.
    """
    path = _existing(path)
    settings = ColumnSettings.from_any(columns, ignore, definitions)
    ingested = ingest(_opened(open_source, path, sheet), settings)
    require_no_errors(ingested.problems)
    left_out = [
        *settings.ignore,
        *(header for header, value in settings.columns.items() if value in (None, "ignore")),
    ]
    if left_out:
        notes = (*notes, f"columns left out: {', '.join(left_out)}")
    provenance = Provenance(source=str(path), reader=reader, licence=licence, citation=citation, notes=notes)
    table = Table.from_ingested(ingested, domain or Domain(path.stem), provenance)
    logger.info(
        "read %d rows of %s from %s (%d warnings)", len(table), table.names, path, len(table.warnings)
    )
    return table


def _opened(open_source: Opener, path: Path, sheet: str | None) -> RowSource:
    if path.is_dir():
        raise DataError(f"{path} is a folder; give the file itself, or name the reader of this data set.")
    try:
        return open_source(path, sheet)
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error}. Check the path and the rights.") from error


def validate_file(
    path: str | Path,
    *,
    columns: Columns | str | Path | None = None,
    ignore: Iterable[str] = (),
    sheet: str | None = None,
    reader: str | None = None,
    definitions: Mapping[str, Quantity] | None = None,
) -> list[Problem]:
    """List everything that is wrong or odd about a file; empty where it is fine.

    Never raises on bad content. Files of any size are checked in bounded memory.

    Parameters
    ----------
    path, columns, ignore, sheet, reader, definitions : as in `read_table`.
    """
    file = Path(path).name
    try:
        settings = ColumnSettings.from_any(columns, ignore, definitions)
        name = reader if reader is not None else reader_of(_existing(path))
        function = plugins.load("ionbridge.readers", name)
        opener = getattr(importlib.import_module(function.__module__), "open_source", None)
        if opener is None:
            return list(function(_existing(path)).warnings)
        return ingest(_opened(opener, _existing(path), sheet), settings, keep=False).problems
    except DataError as error:
        return problems_of(error, file)
    except IonBridgeError as error:
        return [Problem("error", file, "usable settings", str(error))]
