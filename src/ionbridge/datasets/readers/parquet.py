"""Reader of Parquet files, streamed in batches.

Headers and cells are understood by `ionbridge.datasets.columns` and `cells`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ionbridge.datasets.ingest import CHUNK_ROWS, RawChunk
from ionbridge.datasets.reading import table_from_source
from ionbridge.datasets.table import Table
from ionbridge.exceptions import DataError
from ionbridge.plugins import import_extra

__all__ = ["ParquetSource", "open_source", "read"]

_LARGE = 32 * 2**20


class ParquetSource:
    """Rows of a Parquet file; a `RowSource`.

    Parameters
    ----------
    path : the file.

    Raises
    ------
    DataError
        If it is not a Parquet file.
    """

    percent_columns: frozenset[int] = frozenset()

    def __init__(self, path: Path) -> None:
        parquet = import_extra("pyarrow.parquet", "files")
        arrow = import_extra("pyarrow", "files")
        self.file = path.name
        self.is_large = path.stat().st_size > _LARGE
        self.decimal = "."
        self.header_row: int | None = None
        self.notes: list[str] = []
        try:
            self._file = parquet.ParquetFile(path)
        except arrow.ArrowException as error:
            raise DataError(
                f"{path.name} is not a readable Parquet file: {error}. Write it again."
            ) from error
        self.header = [
            name for name in self._file.schema_arrow.names if not name.startswith("__index_level_")
        ]

    def chunks(self) -> Iterator[RawChunk]:
        """Yield the rows, `CHUNK_ROWS` at a time, and close the file."""
        start = 1
        with self._file as file:
            for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=self.header):
                rows = np.arange(start, start + batch.num_rows)
                start += batch.num_rows
                yield RawChunk(rows, [_cells(column) for column in batch.columns])


def _cells(column: Any) -> Any:
    from pyarrow import types

    if types.is_floating(column.type) or types.is_integer(column.type):
        return np.array(column.to_numpy(zero_copy_only=False), dtype=float)
    return column.to_pylist()


def open_source(path: Path, sheet: str | None = None) -> ParquetSource:
    """Open a Parquet file for reading or checking; it has no sheets, so `sheet` must be None."""
    if sheet is not None:
        raise DataError(f"'sheet' is for workbooks; {path.name} is a Parquet file. Leave it out.")
    return ParquetSource(path)


def read(path: str | Path, **options: Any) -> Table:
    """Read a Parquet file.

    Parameters
    ----------
    path : the file.
    **options : as in `ionbridge.datasets.read_table`.

    Raises
    ------
    TableError
        With every problem found.
    """
    return table_from_source(path, open_source, reader="parquet", **options)
