"""Where the folders of published materials data are looked for.

Fetching the original sources is `ionbridge.datasets.download`.
"""

from __future__ import annotations

from pathlib import Path

from ionbridge.datasets.cycling.locations import data_folder

__all__ = ["folder_of"]


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
