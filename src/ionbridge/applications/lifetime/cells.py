"""`load_cells`: cells for lifetime prediction from whatever a user has: folders of sets, or cycler files.

Reading each of them is the datasets room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from ionbridge.applications.lifetime.model import LifetimeModel, LifetimePrediction
from ionbridge.datasets.base import Domain
from ionbridge.datasets.cycling import (
    CyclingRecord,
    CyclingSet,
    load_record,
    load_set,
    read_record,
)
from ionbridge.datasets.readers import cycling as readers
from ionbridge.exceptions import DataError, InsufficientDataError

__all__ = ["evaluate", "load_cells", "prediction_table"]

EXTRACTS: dict[str, Callable[[Path], CyclingSet]] = {
    "matr": readers.read_matr,
    "cycle_features": readers.read_cycle_features,
    "calb_nmc": readers.read_calb_nmc,
    "calce_cs2": readers.read_calce_cs2,
    "rwth_nmc": readers.read_rwth_nmc,
}


def load_cells(
    paths: Sequence[str | Path],
    *,
    chemistry: str | None = None,
    nominal_capacity: float | None = None,
) -> tuple[CyclingRecord, ...]:
    """Read cells.

    Parameters
    ----------
    paths : each a folder of a collected set (`EXTRACTS`, with an optional ``:split``), a folder or
        a file written by `save_set` or `save_record`, or a file of a cycler, one cell a file.
    chemistry : keep these cells only, such as ``LFP``; for cycler files, what they are.
    nominal_capacity : of cells in cycler files [Ah]; None estimates it.

    Raises
    ------
    DataError
        If a path is none of these, or no cell is left.
    """
    records: list[CyclingRecord] = []
    for path in paths:
        folder, split = _folder_and_split(str(path))
        if folder.is_dir():
            cells = _read_folder(folder)
            cells = cells.split(split) if split else cells
            records += cells.where(chemistry=chemistry).records if chemistry else cells.records
        elif folder.suffix == ".json" and folder.with_suffix(".npz").exists():
            records.append(load_record(folder))
        else:
            domain = Domain(folder.stem, chemistry=chemistry) if chemistry else None
            records.append(read_record(folder, nominal_capacity=nominal_capacity, domain=domain))
    if not records:
        raise DataError(
            f"no cell of chemistry {chemistry!r} in {[str(p) for p in paths]}; check the name and the paths."
        )
    return tuple(records)


def _folder_and_split(text: str) -> tuple[Path, str]:
    if Path(text).exists():
        return Path(text), ""
    folder, _, split = text.rpartition(":")
    return (Path(folder), split) if folder and Path(folder).is_dir() else (Path(text), "")


def _read_folder(folder: Path) -> CyclingSet:
    if (folder / "set.json").is_file():
        return load_set(folder)
    name = folder.resolve().name
    if name not in EXTRACTS:
        raise DataError(
            f"folder {folder} is neither a saved set (no set.json) nor one of {sorted(EXTRACTS)}; save it with "
            "ionbridge.datasets.cycling.save_set, or name the cycler files one by one."
        )
    return EXTRACTS[name](folder)


def prediction_table(prediction: LifetimePrediction) -> pd.DataFrame:
    """One row a cell: life with interval, knee, judgement, nearest training cells."""
    life = prediction.life
    knee = [t.knee for t in prediction.trajectories] or [float("nan")] * len(life.mean)
    return pd.DataFrame(
        {
            "cell_id": prediction.cell_ids,
            "life_cycles": life.mean,
            "lower_cycles": life.lower,
            "upper_cycles": life.upper,
            "knee_cycle": knee,
            "in_domain": life.in_domain,
            "reason": life.reasons,
            "nearest_cells": [", ".join(ids[:3]) for ids in prediction.references],
        }
    )


def evaluate(model: LifetimeModel, records: Sequence[CyclingRecord]) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compare predictions with the lives of cells that were cycled to the end.

    Returns
    -------
    One row a cell; and ``rmse`` [cycle], ``mape`` [%], ``coverage`` [-], ``n_cells``,
    ``n_out_of_domain``. Censored cells are left out.

    Raises
    ------
    InsufficientDataError
        If every cell is censored.
    """
    known = [r for r in records if not r.is_censored]
    if not known:
        raise InsufficientDataError(
            "none of the cells was cycled to its end; there is nothing to compare with."
        )
    prediction = model.predict(known)
    table = prediction_table(prediction)
    truth = pd.Series([r.observed_life for r in known], index=table.index, dtype=float)
    table.insert(1, "observed_cycles", truth)
    error = table["life_cycles"] - truth
    inside = truth.between(table["lower_cycles"], table["upper_cycles"])
    return table, {
        "rmse": float((error**2).mean() ** 0.5),
        "mape": float(100.0 * (error / truth).abs().mean()),
        "coverage": float(inside.mean()),
        "n_cells": float(len(known)),
        "n_out_of_domain": float((~table["in_domain"]).sum()),
    }
