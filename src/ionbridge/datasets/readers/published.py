"""`PublishedTable`: a public data set as data (columns, domain, licence), not as code.

Each data set is one small module beside this one; file formats are the other modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ionbridge.datasets.base import Domain
from ionbridge.datasets.readers.delimited import open_source
from ionbridge.datasets.reading import table_from_source
from ionbridge.datasets.table import Table
from ionbridge.exceptions import DataError

__all__ = ["PublishedTable"]


@dataclass(frozen=True)
class PublishedTable:
    """How to read one file of a public data set.

    Parameters
    ----------
    reader : registered name.
    file : name of the file in the folder of the data set.
    columns : header → ``quantity [unit]``; None leaves the column out.
    domain : where the rows come from.
    licence, citation : terms and source.
    notes : caveats that anyone who uses the table must know.
    """

    reader: str
    file: str
    columns: Mapping[str, str | None]
    domain: Domain
    licence: str
    citation: str
    notes: tuple[str, ...] = ()

    def read(self, path: str | Path) -> Table:
        """Read the file itself, or `file` in the folder `path`.

        Raises
        ------
        DataError
            If the file is not there.
        TableError
            If it is not the file this reader knows.
        """
        path = Path(path)
        if path.is_dir():
            path = path / self.file
        if not path.exists():
            raise DataError(
                f"{path} does not exist; expected the data set's folder or its file {self.file!r}."
            )
        return table_from_source(
            path,
            open_source,
            reader=self.reader,
            columns=self.columns,
            domain=self.domain,
            licence=self.licence,
            citation=self.citation,
            notes=self.notes,
        )
