"""Guarded opening of MATLAB files: version 5 through scipy, version 7.3 (HDF5) through h5py.

What is in them is known by `matr_mat.py` and `xjtu.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ionbridge.exceptions import DataError
from ionbridge.plugins import import_extra

__all__ = ["numbers", "open_hdf5", "open_version_5"]


def open_hdf5(path: Path) -> Any:
    """Open a MATLAB 7.3 file with h5py (extra ``cyclers``); the caller closes it.

    Raises
    ------
    DataError
        If it is missing or not HDF5.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist; check the path.")
    library = import_extra("h5py", "cyclers")
    try:
        return library.File(path, "r")
    except OSError as error:
        raise DataError(f"{path.name} is not a MATLAB 7.3 (HDF5) file: {error}. Fetch it again.") from error


def open_version_5(path: Path) -> dict[str, Any]:
    """Read a MATLAB file up to version 7 with structures as objects.

    Raises
    ------
    DataError
        If it is missing or not such a file.
    """
    from scipy.io import loadmat

    if not path.is_file():
        raise DataError(f"{path} does not exist; check the path.")
    try:
        content: dict[str, Any] = loadmat(path, squeeze_me=True, struct_as_record=False)
    except Exception as error:  # scipy raises many kinds on foreign files
        raise DataError(
            f"{path.name} is not a MATLAB file of version 5 to 7: {error}. Fetch it again."
        ) from error
    return content


def numbers(values: Any) -> NDArray[np.float64]:
    """Flatten whatever MATLAB stored to shape (n,)."""
    return np.asarray(values, dtype=float).ravel()
