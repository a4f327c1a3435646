"""Reader of em619: 619 migration barriers of the literature with linear paths and MACE-NEB priors.

The relaxed images are not published; every path is five positions on a straight line.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
_RAW = {"train": "RAW-Em-5-images-TRAIN.json", "test": "RAW-Em-5-images-TEST.json"}
_N_IMAGES = 5
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
    """Read the folder ``em619``: collected, or the JSON files of the authors as downloaded.

    The authors' files hold paths, barriers and the split, but no barriers of MACE and no predictions.

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
    if not (folder / "barriers.csv").is_file() and (folder / _RAW["train"]).is_file():
        return _read_raw(folder)
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
        paths.append(_path(entry, family, domain))
    values = {new: table[old].to_numpy(dtype=float) for old, new in _VALUES.items() if old in table.columns}
    splits = {str(label): np.flatnonzero((table["split"] == label).to_numpy()) for label in ("train", "test")}
    return MigrationSet(tuple(paths), values, splits, _NOTES)


def _path(entry: Mapping[str, Any], family: str, domain: Domain) -> MigrationPath:
    name = str(entry["sys_name"])
    lattice, fractional = (np.array(entry[key], dtype=float) for key in ("lattice", "frac"))
    host = Structure(lattice, tuple(entry["elements"]), fractional, name, domain, _PROVENANCE)
    return MigrationPath(host, entry["mobile_ion"], np.array(entry["path_frac"]), name, family)


def _read_raw(folder: Path) -> MigrationSet:
    """Read the authors' JSON: the first five atoms of an entry are the images of the ion, the others its host."""
    domain = Domain("em619", chemistry="mixed", fidelity="DFT-NEB", origin="literature")
    paths: list[MigrationPath] = []
    barriers: list[float] = []
    splits: dict[str, NDArray[np.int64]] = {}
    for label, file in _RAW.items():
        entries = _json_of(folder / file)
        splits[label] = np.arange(len(paths), len(paths) + len(entries))
        for number, entry in enumerate(entries, start=1):
            try:
                atoms = entry["atoms"]
                found = {
                    "sys_name": entry["sys_name"],
                    "lattice": atoms["lattice_mat"],
                    "elements": atoms["elements"][_N_IMAGES:],
                    "frac": atoms["coords"][_N_IMAGES:],
                    "mobile_ion": atoms["elements"][0],
                    "path_frac": atoms["coords"][:_N_IMAGES],
                }
                is_path = len(set(atoms["elements"][:_N_IMAGES])) == 1 and not atoms["cartesian"]
                paths.append(_path(found, str(entry["class"]), domain))
                barriers.append(float(entry["target"]))
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise DataError(
                    f"entry {number} of {folder / file} is not one of em619: {error!r}."
                ) from error
            if not is_path:
                raise DataError(
                    f"entry {number} of {folder / file} must begin with {_N_IMAGES} images of one ion in fractional "
                    f"coordinates; it begins with {', '.join(atoms['elements'][:_N_IMAGES])}."
                )
    return MigrationSet(tuple(paths), {"migration_barrier": np.array(barriers)}, splits, _NOTES)


def _json_of(file: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read as JSON: {error}. Fetch it again.") from error
    if not isinstance(found, list):
        raise DataError(f"{file} must hold a list of entries; it holds a {type(found).__name__}.")
    return found


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    if not file.exists():
        raise DataError(f"{file} does not exist; expected one JSON object a path.")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise DataError(f"line {number} of {file} is not JSON; the file is damaged.") from error
