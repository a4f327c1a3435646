"""Reader of BioLogic: ``.mpt`` text exported by EC-Lab, and ``.mpr`` through galvani in its own process.

Column names as EC-Lab writes them (``time/s``, ``Ecell/V``, ``<I>/mA``); positive current is
oxidation at the working electrode, which charges a full cell.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ionbridge.datasets.cycling.formats import CyclerFormat
from ionbridge.datasets.cycling.reading import read_record
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.exceptions import DataError, MissingExtraError

__all__ = ["COLUMNS", "FORMAT", "load_mpr", "read_biologic"]

_PROGRAM = "import sys, numpy, galvani; numpy.save(sys.argv[2], galvani.MPRfile(sys.argv[1]).data)"


def load_mpr(path: Path) -> pd.DataFrame:
    """Let galvani read a ``.mpr`` file in a separate process.

    galvani is under the GPL: it is never imported into this program, comes with none of its extras,
    and only hands over numbers.

    Raises
    ------
    MissingExtraError
        If galvani is not installed.
    DataError
        If it cannot read the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "data.npy"
        command = [sys.executable, "-c", _PROGRAM, str(path), str(target)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode and "No module named 'galvani'" in done.stderr:
            raise MissingExtraError(
                "reading .mpr needs 'galvani' (GPL); run: pip install galvani, or export the file from EC-Lab as .mpt."
            )
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise DataError(
                f"{path.name} cannot be read by galvani: {reason[0]}. Export it from EC-Lab as .mpt instead."
            )
        records = np.load(target, allow_pickle=False)
        return pd.DataFrame({name: records[name] for name in records.dtype.names})


COLUMNS = {
    "time": {"time/s": "s"},
    "current": {"<I>/mA": "mA", "I/mA": "mA", "<I>/A": "A", "I/A": "A"},
    "voltage": {"Ecell/V": "V", "Ewe-Ece/V": "V", "Ewe/V": "V", "<Ewe>/V": "V"},
    "temperature": {"Temperature/°C": "degC", "Temperature/C": "degC"},
    "cycle": {"cycle number": "1"},
    "step": {"Ns": "1"},
}

FORMAT = CyclerFormat(
    name="biologic",
    suffixes=(".mpt", ".txt"),
    sign="charge_positive",
    columns=COLUMNS,
    loaders={".mpr": load_mpr},
)


def read_biologic(path: str | Path, **options: Any) -> CyclingRecord:
    """Read one cell from a BioLogic file.

    Parameters
    ----------
    path : ``.mpt``, exported text, or ``.mpr``.
    **options : as in `ionbridge.datasets.cycling.read_record`.

    Raises
    ------
    DataError
        If it is not such a file; `TableError` lists rows and columns.
    """
    return read_record(path, reader=FORMAT, **options)
