"""`load_cells`: cells for lifetime prediction from whatever a user has: folders of sets, or cycler files.

Reading each of them is the datasets room.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
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
from ionbridge.exceptions import DataError, InsufficientDataError, IonBridgeWarning

__all__ = ["evaluate", "load_cells", "prediction_table", "require_distinct"]

EXTRACTS: dict[str, Callable[[Path], CyclingSet]] = {
    "matr": readers.read_matr,
    "cycle_features": readers.read_cycle_features,
    "calb_nmc": readers.read_calb_nmc,
    "calce_cs2": readers.read_calce_cs2,
    "hnei": readers.read_hnei,
    "nasa_capacity": readers.read_nasa_capacity,
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
        If a path is none of these, a cell stands twice, or no cell is left.

    Notes
    -----
    Files of the same name in several folders are told apart by the names of their folders.
    """
    records: list[CyclingRecord] = []
    names = Counter(Path(path).stem for path in map(str, paths) if Path(path).is_file())
    for path in paths:
        folder, split = _folder_and_split(str(path))
        if folder.is_dir():
            cells = _read_folder(folder)
            cells = cells.split(split) if split else cells
            records += cells.where(chemistry=chemistry).records if chemistry else cells.records
        elif folder.suffix == ".json" and folder.with_suffix(".npz").exists():
            records.append(load_record(folder))
        else:
            if folder.is_file() and folder.stat().st_size == 0:
                raise DataError(f"{folder} is empty; export it again.")
            domain = Domain(folder.stem, chemistry=chemistry) if chemistry else None
            record = read_record(folder, nominal_capacity=nominal_capacity, domain=domain)
            if names[folder.stem] > 1:
                record = replace(record, cell_id=f"{folder.resolve().parent.name}/{record.cell_id}")
            records.append(record)
    if not records:
        raise DataError(
            f"no cell of chemistry {chemistry!r} in {[str(p) for p in paths]}; check the name and the paths."
        )
    require_distinct(records)
    return tuple(records)


def require_distinct(records: Sequence[CyclingRecord]) -> None:
    """Refuse a cell that stands twice: a model would be judged on what it has learned.

    Raises
    ------
    DataError
        If two records hold the same measured capacities.
    """
    seen: dict[tuple[bytes, bytes], str] = {}
    for record in records:
        key = (record.cycle_numbers.tobytes(), record.discharge_capacity.tobytes())
        if key in seen:
            raise DataError(
                f"cells {seen[key]!r} and {record.cell_id!r} hold the same measurements; name each cell once, "
                "also between the cells and their source."
            )
        seen[key] = record.cell_id


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
    ``n_out_of_domain``. Censored cells are left out. Cells that the model was trained on are
    warned about.

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
    trained = set(zip(model.reference_ids_, model.reference_lives_.tolist(), strict=True))
    n_seen = sum((r.cell_id, r.observed_life) in trained for r in known)
    if n_seen:
        warnings.warn(
            f"{n_seen} of {len(known)} cells were among those the model was trained on; on new cells its errors are "
            "larger.",
            IonBridgeWarning,
            stacklevel=2,
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
