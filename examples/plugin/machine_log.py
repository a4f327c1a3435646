"""A complete reader: the log of a calender that writes ``name=value`` pairs, one pass a line."""

from pathlib import Path

import pandas as pd

from ionbridge.datasets import Domain, Provenance, Table
from ionbridge.exceptions import DataError

UNITS = {"gap": "roll_gap [mm]", "v": "roll_speed [m/min]", "T": "roll_temperature [degC]"}


def read(path, *, domain=None):
    """Read a log; its columns are known, so there is nothing to map."""
    rows = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        try:
            rows.append({name: float(value) for name, value in (pair.split("=") for pair in line.split())})
        except ValueError as error:
            raise DataError(
                f"{path}, row {number}: expected pairs such as gap=0.05; got {line!r}."
            ) from error
    return Table.from_frame(
        pd.DataFrame(rows),
        columns=UNITS,
        domain=domain or Domain(Path(path).stem, process="calendering", origin="experiment"),
        provenance=Provenance(source=str(path), reader="mlog"),
    )
