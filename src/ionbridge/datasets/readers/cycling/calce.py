"""Reader of CALCE: folders ``CS2_35`` and so on, each with many Arbin workbooks named by date.

Workbooks are read by `arbin.py`; this file knows their order and the cells.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ionbridge.datasets.base import Domain
from ionbridge.datasets.cycling.reading import read_record
from ionbridge.datasets.cycling.record import CyclingRecord
from ionbridge.datasets.readers.cycling.arbin import FORMAT
from ionbridge.exceptions import DataError

__all__ = ["files_by_date", "read_calce"]

_DATE = re.compile(r"_(\d{1,2})_(\d{1,2})_(\d{2,4})[A-Za-z]?$")
_NOMINAL = {"CS2": 1.1, "CX2": 1.35}


def files_by_date(folder: Path) -> list[Path]:
    """Arbin files of one cell, in the order of the date in their names (month, day, year)."""

    def date(path: Path) -> tuple[int, int, int, str]:
        found = _DATE.search(path.stem)
        if found is None:
            return (0, 0, 0, path.name)
        month, day, year = (int(text) for text in found.groups())
        return (year % 100, month, day, path.name)

    files = [
        p for p in folder.iterdir() if p.suffix.lower() in FORMAT.suffixes and not p.name.startswith("~$")
    ]
    return sorted(files, key=date)


def read_calce(path: str | Path, **options: Any) -> CyclingRecord:
    """Read one cell from its folder, or from one workbook.

    Parameters
    ----------
    path : folder named after the cell, such as ``CS2_35``, or a file.
    **options : as in `ionbridge.datasets.cycling.read_record`.

    Raises
    ------
    DataError
        If the folder holds no such files.
    """
    path = Path(path)
    files = files_by_date(path) if path.is_dir() else [path]
    if not files:
        raise DataError(f"no Arbin workbook or CSV in {path}; expected files such as CS2_35_8_17_10.xlsx.")
    name = path.name if path.is_dir() else _DATE.sub("", path.stem)
    protocol = "CCCV 0.5C to 4.2 V, CV to 0.05 A; discharge to 2.7 V"
    defaults: dict[str, Any] = {
        "cell_id": f"CALCE_{name}",
        "domain": Domain(
            "LCO (CALCE)", "LCO/graphite", process=protocol, format="prismatic", origin="experiment"
        ),
        "nominal_capacity": _NOMINAL.get(name[:3].upper()),
        "protocol": protocol,
        "metadata": {"group": "CALCE", "cathode": "LCO"},
    }
    return read_record(files, reader=FORMAT, **{**defaults, **options})
