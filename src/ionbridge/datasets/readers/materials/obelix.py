"""Reader of OBELiX: room-temperature conductivity of 599 solid lithium electrolytes, with some crystals.

Thirty-seven values are only known to lie below a limit; they are marked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.problems import Problem
from ionbridge.datasets.readers.materials.locations import file_of, folder_of
from ionbridge.datasets.structures import Formula, StructureSet, check_formulas, read_structures
from ionbridge.datasets.structures.disorder import Disorder
from ionbridge.exceptions import DataError

__all__ = ["SolidElectrolyteSet", "read_obelix", "read_obelix_structures"]

_NEEDED = ("ID", "Reduced Composition", "sigma_S_cm", "split", "Family", "Space group #")
_MEASURED = "Ionic conductivity (S cm-1)"  # a number, or ``<1E-10``
_CELL = ("a", "b", "c", "alpha", "beta", "gamma")


@dataclass(frozen=True)
class SolidElectrolyteSet:
    """Conductivities of solid lithium electrolytes at room temperature.

    Parameters
    ----------
    entries : identifiers; those of the CIF files.
    formulas : shape (n_rows,)
    conductivity : shape (n_rows,) [S/cm]
    is_limit : shape (n_rows,), bool; the conductivity is only known to be below the value.
    family, doi : shape (n_rows,)
    space_group : shape (n_rows,); international number.
    volume : shape (n_rows,) [Å³ per formula atom], NaN where the cell or Z is unknown.
    splits : rows of the published ``train`` and ``test``.
    problems : rows that could not be used.
    provenance, domain : where the rows come from.
    """

    entries: tuple[str, ...]
    formulas: tuple[Formula, ...]
    conductivity: NDArray[np.float64]
    is_limit: NDArray[np.bool_]
    family: NDArray[np.str_]
    doi: NDArray[np.str_]
    space_group: NDArray[np.float64]
    volume: NDArray[np.float64]
    splits: dict[str, NDArray[np.int64]]
    problems: tuple[Problem, ...]
    provenance: Provenance
    domain: Domain

    def __len__(self) -> int:
        return len(self.entries)


def read_obelix(path: str | Path | None = None) -> SolidElectrolyteSet:
    """Read the folder ``obelix``: ``obelix.csv``, or ``all.csv``, ``train.csv`` and ``test.csv`` as downloaded.

    Parameters
    ----------
    path : its folder or the one above; None as in `folder_of`.

    Raises
    ------
    DataError
        If the file or its columns are missing.
    """
    folder = folder_of("obelix", path)
    file = file_of(folder, ("obelix.csv", "all.csv"), "table of OBELiX")
    frame = pd.read_csv(file) if file.name == "obelix.csv" else _collected(folder)
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing:
        raise DataError(f"{file} lacks the columns {missing}; it is not the table of OBELiX.")
    column = "True Composition" if "True Composition" in frame.columns else "Reduced Composition"
    texts = frame[column].fillna(frame["Reduced Composition"]).astype(str).tolist()
    formulas, problems = check_formulas(texts, file.name, column)
    sigma = pd.to_numeric(frame["sigma_S_cm"], errors="coerce").to_numpy(dtype=float)
    usable = np.array([f is not None for f in formulas]) & np.isfinite(sigma) & (sigma > 0)
    rows = np.flatnonzero(usable)
    kept = [f for f, good in zip(formulas, usable, strict=True) if good and f is not None]
    part = frame.iloc[rows]
    per_cell = np.array([f.n_atoms for f in kept])
    split = part["split"].astype(str).to_numpy(dtype=str)
    return SolidElectrolyteSet(
        tuple(part["ID"].astype(str)),
        tuple(kept),
        sigma[rows],
        _truth(part.get("censored"), len(rows)),
        part["Family"].fillna("").astype(str).to_numpy(dtype=str),
        part["DOI"].fillna("").astype(str).to_numpy(dtype=str) if "DOI" in part else np.full(len(rows), ""),
        pd.to_numeric(part["Space group #"], errors="coerce").to_numpy(dtype=float),
        _volumes(part) / per_cell,
        {label: np.flatnonzero(split == label) for label in ("train", "test")},
        tuple(problems),
        Provenance(
            source=str(file),
            reader="materials_obelix",
            licence="CC-BY-4.0",
            citation="Therrien et al., Digital Discovery (2026), doi:10.1039/d5dd00441a",
        ),
        Domain("obelix", chemistry="solid Li electrolytes", origin="experiment"),
    )


def read_obelix_structures(path: str | Path | None = None, disorder: Disorder = "refuse") -> StructureSet:
    """Read the crystals of OBELiX; most have partially occupied sites, so say what to do about them.

    Raises
    ------
    DataError
        If the archive is missing.
    MissingExtraError
        If pymatgen is not installed.
    """
    folder = folder_of("obelix", path)
    archive = file_of(folder, ("cifs.zip", "all_cifs.zip"), "archive of crystals")
    return read_structures(archive, ion="Li", disorder=disorder)


def _collected(folder: Path) -> pd.DataFrame:
    """The downloaded table with conductivities as numbers, limits marked, and the published split."""
    frame = pd.read_csv(folder / "all.csv")
    missing = [name for name in ("ID", _MEASURED) if name not in frame.columns]
    if missing:
        raise DataError(f"{folder / 'all.csv'} lacks the columns {missing}; it is not the table of OBELiX.")
    text = frame[_MEASURED].astype(str).str.strip()
    frame["censored"] = text.str.startswith("<")
    frame["sigma_S_cm"] = pd.to_numeric(text.str.lstrip("<"), errors="coerce")
    frame["split"] = ""
    for label in ("train", "test"):
        part = pd.read_csv(file_of(folder, (f"{label}.csv",), f"published {label} rows"))
        frame.loc[frame["ID"].isin(part["ID"]), "split"] = label
    return frame


def _truth(column: pd.Series | None, n_rows: int) -> NDArray[np.bool_]:
    if column is None:
        return np.zeros(n_rows, dtype=bool)
    return column.astype(str).str.lower().isin(["true", "1"]).to_numpy()


def _volumes(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Volume of the cell [Å³], NaN where a length or an angle is missing."""
    values = frame.reindex(columns=list(_CELL)).apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    a, b, c = values[:, :3].T
    cosines = np.cos(np.radians(values[:, 3:])).T
    with np.errstate(invalid="ignore"):
        return a * b * c * np.sqrt(1.0 + 2.0 * np.prod(cosines, axis=0) - (cosines**2).sum(axis=0))
