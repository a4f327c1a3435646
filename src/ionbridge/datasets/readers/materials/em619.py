"""Reader of em619: 619 migration barriers of the literature with linear paths and MACE-NEB priors.

The relaxed images are not published; every path is five positions on a straight line.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.readers.materials.locations import folder_of
from ionbridge.datasets.structures import MigrationPath, MigrationSet, Structure
from ionbridge.exceptions import DataError

__all__ = ["read_em619"]

_NEEDED = ("sys_name", "structure_class", "mobile_ion", "barrier_eV", "split")
_VALUES = {
    "barrier_eV": "migration_barrier",
    "mace_neb_relax_eV": "mace_barrier",
    "mace_neb_norelax_eV": "mace_barrier_unrelaxed",
    "devi_model3_pred_eV": "published_prediction",
}
_PROVENANCE = Provenance(
    source="em619",
    reader="materials_em619",
    licence="MIT",
    citation="Devi, Butler and Sai Gautam, npj Computational Materials (2026), doi:10.1038/s41524-026-01972-8",
    notes=("barriers are of mixed functionals: 545 GGA, 45 GGA+U, 19 SCAN, 10 LDA",),
)
_NOTES = (
    "49 of the 60 published test rows share a host composition with training rows; split by `hosts` to see "
    "what a new host costs",
    "images lie on a straight line; curved paths are not seen",
)


def read_em619(path: str | Path | None = None) -> MigrationSet:
    """Read the folder ``em619``.

    Parameters
    ----------
    path : its folder or the one above; None as in `folder_of`.

    Returns
    -------
    MigrationSet with ``migration_barrier``, ``mace_barrier``, ``mace_barrier_unrelaxed`` and
    ``published_prediction`` (test rows only), all [eV]; splits ``train`` and ``test`` of the authors.

    Raises
    ------
    DataError
        If files or columns are missing, or a path does not belong to its row.
    """
    folder = folder_of("em619", path)
    table = pd.read_csv(folder / "barriers.csv")
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        raise DataError(
            f"{folder / 'barriers.csv'} lacks the columns {missing}; it is not the table of em619."
        )
    entries = list(_entries(folder / "paths.jsonl.gz"))
    if len(entries) != len(table):
        raise DataError(
            f"{folder} must hold one path a row: {len(table)} rows, {len(entries)} paths. Fetch it again."
        )
    domain = Domain("em619", chemistry="mixed", fidelity="DFT-NEB", origin="literature")
    paths = []
    for row, (entry, name, family) in enumerate(
        zip(entries, table["sys_name"], table["structure_class"], strict=True)
    ):
        if entry["sys_name"] != name:
            raise DataError(
                f"path {row + 1} of {folder} is of {entry['sys_name']!r}, its row of barriers.csv of {name!r}; the "
                "files belong to different versions."
            )
        host = Structure(
            np.array(entry["lattice"], dtype=float),
            tuple(entry["elements"]),
            np.array(entry["frac"], dtype=float),
            str(name),
            domain,
            _PROVENANCE,
        )
        paths.append(
            MigrationPath(host, entry["mobile_ion"], np.array(entry["path_frac"]), str(name), family)
        )
    values = {new: table[old].to_numpy(dtype=float) for old, new in _VALUES.items() if old in table.columns}
    splits = {str(label): np.flatnonzero((table["split"] == label).to_numpy()) for label in ("train", "test")}
    return MigrationSet(tuple(paths), values, splits, _NOTES)


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    if not file.exists():
        raise DataError(f"{file} does not exist; expected one JSON object a path.")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise DataError(f"line {number} of {file} is not JSON; the file is damaged.") from error
