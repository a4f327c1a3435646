"""Where folders of published cycling data are looked for when no path is given.

Fetching them is `ionbridge.datasets.download`.
"""

from __future__ import annotations

import os
from pathlib import Path

from ionbridge.exceptions import DataError

__all__ = ["data_folder"]


def data_folder(name: str, path: str | Path | None = None) -> Path:
    """Folder of the data set `name`.

    Parameters
    ----------
    name : of the folder.
    path : the folder itself, or the folder that holds it. None looks into the folder of the
        environment variable ``IONBRIDGE_DATA``, then into ``../shared/data`` seen from the working
        directory.

    Raises
    ------
    DataError
        If there is no such folder.
    """
    if path is not None:
        tried = [Path(path) / name, Path(path)]
    else:
        root = os.environ.get("IONBRIDGE_DATA")
        tried = [Path(root) / name] if root else [Path("..") / "shared" / "data" / name]
    for folder in tried:
        if folder.is_dir():
            return folder
    raise DataError(
        f"no folder of the data set {name!r}: looked at {', '.join(map(str, tried))}. Give its path, or set the "
        "environment variable IONBRIDGE_DATA to the folder that holds it."
    )
