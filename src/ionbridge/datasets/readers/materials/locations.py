"""Where the folders of published materials data are looked for.

Fetching the original sources is `ionbridge.datasets.download`.
"""

from __future__ import annotations

from pathlib import Path

from ionbridge.datasets.cycling.locations import data_folder
from ionbridge.exceptions import DataError

__all__ = ["file_of", "folder_of"]


def folder_of(name: str, path: str | Path | None = None) -> Path:
    """Folder of the data set `name`.

    Parameters
    ----------
    path : the folder itself, or the one that holds it; None looks into the folder of the environment
        variable ``IONBRIDGE_DATA``, then into ``../shared/data``.

    Raises
    ------
    DataError
        If there is no such folder.
    """
    return data_folder(name, path)


def file_of(folder: Path, names: tuple[str, ...], what: str) -> Path:
    """First of the files `names` that stands in the folder: the collected one, or the one as downloaded.

    Raises
    ------
    DataError
        If there is none.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder} holds no {what}; expected the file {' or '.join(names)}.")
