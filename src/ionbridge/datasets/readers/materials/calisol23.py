"""Reader of CALiSol-23: conductivity of liquid electrolytes of lithium salts from 27 publications.

One publication's values are about a hundred times too low; they are reported and left out.
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
from ionbridge.exceptions import DataError

__all__ = ["ElectrolyteSet", "odd_sources", "read_calisol23"]

_FILES = ("calisol23.csv.gz", "calisol23.xlsx")  # collected, as downloaded
_SALTS = {"LiN(CF3SO2)2": "LiTFSI"}  # two names of one salt
_FIRST = ("doi", "k", "T", "c", "salt", "c units", "solvent ratio type")
FACTOR = 20.0  # a source this far from the others at like conditions has a unit wrong
_FEWEST = 5


@dataclass(frozen=True)
class ElectrolyteSet:
    """Conductivities of liquid electrolytes.

    Parameters
    ----------
    conductivity : shape (n_rows,) [mS/cm]
    temperature : shape (n_rows,) [K]
    concentration : shape (n_rows,); [mol/kg] where `is_molal`, else [mol/L].
    is_molal : shape (n_rows,), bool
    salt, doi, basis : shape (n_rows,); salt, publication, and whether solvent shares are by weight (``w``),
        volume (``v``) or amount (``mol``).
    solvents : names of the columns of `shares`.
    shares : shape (n_rows, n_solvents) [-]; they sum to one.
    problems : what was left out, and why.
    provenance, domain : where the rows come from.
    """

    conductivity: NDArray[np.float64]
    temperature: NDArray[np.float64]
    concentration: NDArray[np.float64]
    is_molal: NDArray[np.bool_]
    salt: NDArray[np.str_]
    doi: NDArray[np.str_]
    basis: NDArray[np.str_]
    solvents: tuple[str, ...]
    shares: NDArray[np.float64]
    problems: tuple[Problem, ...]
    provenance: Provenance
    domain: Domain

    def __len__(self) -> int:
        return len(self.conductivity)


def read_calisol23(path: str | Path | None = None, keep_odd_sources: bool = False) -> ElectrolyteSet:
    """Read the folder ``calisol23``.

    Parameters
    ----------
    path : its folder or the one above; None as in `folder_of`.
    keep_odd_sources : whether sources whose unit seems wrong are kept (they are reported anyway).

    Raises
    ------
    DataError
        If the file or its columns are missing.
    """
    file = file_of(folder_of("calisol23", path), _FILES, "table of CALiSol-23")
    frame = pd.read_excel(file) if file.suffix == ".xlsx" else pd.read_csv(file)
    missing = [name for name in _FIRST if name not in frame.columns]
    if missing:
        raise DataError(f"{file} lacks the columns {missing}; it is not the table of CALiSol-23.")
    solvents = tuple(name for name in frame.columns if name not in (*_FIRST, "suspect_units"))
    shares = frame[list(solvents)].fillna(0.0).to_numpy(dtype=float)
    total = shares.sum(axis=1)
    number = frame[["k", "T", "c"]].to_numpy(dtype=float)
    salt = np.array([_SALTS.get(str(s).strip(), str(s).strip()) for s in frame["salt"]])
    problems = []
    usable = np.isfinite(number).all(axis=1) & (number[:, 0] > 0) & (number[:, 2] > 0) & (total > 0)
    if not usable.all():
        problems.append(
            Problem(
                "warning",
                file.name,
                "a positive conductivity, temperature and concentration, and a solvent",
                f"{int((~usable).sum())} rows are left out.",
                column="k",
                value="missing or non-positive values",
            )
        )
    doi = frame["doi"].astype(str).to_numpy(dtype=str)
    odd = odd_sources(number[usable, 0], number[usable, 1], number[usable, 2], salt[usable], doi[usable])
    for source, ratio in odd.items():
        problems.append(
            Problem(
                "warning",
                file.name,
                "conductivities in mS/cm like those of other sources at the same conditions",
                f"The {int((doi == source).sum())} rows of this source "
                + ("are kept." if keep_odd_sources else "are left out; check its unit in the publication."),
                column="doi",
                value=f"{source}, a factor of {ratio:.3g} off",
            )
        )
    if not keep_odd_sources:
        usable &= ~np.isin(doi, list(odd))
    rows = np.flatnonzero(usable)
    return ElectrolyteSet(
        conductivity=number[rows, 0],
        temperature=number[rows, 1],
        concentration=number[rows, 2],
        is_molal=(frame["c units"].astype(str).str.strip() == "mol/kg").to_numpy()[rows],
        salt=salt[rows],
        doi=doi[rows],
        basis=frame["solvent ratio type"].astype(str).str.strip().to_numpy(dtype=str)[rows],
        solvents=solvents,
        shares=shares[rows] / total[rows, None],
        problems=tuple(problems),
        provenance=Provenance(
            source=str(file),
            reader="materials_calisol23",
            licence="CC-BY-4.0",
            citation="CALiSol-23, Scientific Data 11 (2024), doi:10.1038/s41597-024-03575-8",
        ),
        domain=Domain("calisol23", chemistry="liquid electrolytes", origin="literature"),
    )


def odd_sources(
    conductivity: NDArray[np.float64],
    temperature: NDArray[np.float64],
    concentration: NDArray[np.float64],
    salt: NDArray[np.str_],
    source: NDArray[np.str_],
) -> dict[str, float]:
    """Sources whose conductivities are far from those of all others at like conditions.

    Each row is compared with the median of other sources within 10 K and a factor of 1.5 in
    concentration of the same salt; a source whose median ratio is beyond a factor of 20 is odd.

    Parameters
    ----------
    conductivity : shape (n_rows,) [mS/cm]
    temperature : shape (n_rows,) [K]
    concentration : shape (n_rows,)
    salt, source : shape (n_rows,)

    Returns
    -------
    median ratio by source [-].
    """
    log_k = np.log(conductivity)
    cell = np.column_stack([np.round(temperature / 10.0), np.round(np.log(concentration) / np.log(1.5))])
    keys = np.array([f"{s} {a:g} {b:g}" for s, (a, b) in zip(salt, cell, strict=True)])
    ratios: dict[str, list[float]] = {}
    for key in np.unique(keys):
        rows = np.flatnonzero(keys == key)
        sources = np.unique(source[rows])
        medians = {s: float(np.median(log_k[rows][source[rows] == s])) for s in sources}
        if len(sources) < 3:  # of two sources that differ nobody can tell which is wrong
            continue
        for one in sources:
            others = float(np.median([m for s, m in medians.items() if s != one]))
            ratios.setdefault(str(one), []).append(medians[one] - others)
    return {
        one: float(np.exp(np.median(found)))
        for one, found in sorted(ratios.items())
        if len(found) >= _FEWEST and abs(np.median(found)) > np.log(FACTOR)
    }
