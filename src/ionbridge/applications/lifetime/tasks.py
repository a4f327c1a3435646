"""The named questions of lifetime prediction: official splits, and few target cells of another chemistry.

Reading the data is the datasets room; models are `members.py` and `strategies.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ionbridge.applications.lifetime.features import (
    STAGE_FEATURE,
    CellFeatures,
    curve_features,
    cycle_summaries,
    discharge_curves,
)
from ionbridge.applications.lifetime.inputs import CellInputs
from ionbridge.applications.lifetime.stage import LifeStage, fit_life_stage
from ionbridge.datasets.cycling import CyclingRecord, CyclingSet
from ionbridge.datasets.readers.cycling import (
    read_calb_nmc,
    read_calce_cs2,
    read_cycle_features,
    read_matr,
)
from ionbridge.exceptions import UnknownNameError

__all__ = [
    "KSHOT_TASKS",
    "KShotTask",
    "SplitTask",
    "calce_task",
    "hust_task",
    "kshot_task",
    "kshot_tasks",
    "matr_task",
]

FloatArray = NDArray[np.float64]
KSHOT_TASKS = ("TJU_NCA", "TJU_NMC", "TJU_NMC_NCA", "CALB_NMC", "CALCE_LCO")
TABLE_CYCLES = 20
CURVE_CYCLES = 50
OUTLIVED = 2.0


@dataclass(frozen=True, eq=False)
class SplitTask:
    """Training and test cells of one chemistry.

    Parameters
    ----------
    name : short.
    X_train, X_test : shape (n_cells, n_features)
    y_train, y_test : shape (n_cells,) [cycle]
    names : of the leading columns, the table of features.
    cell_shape : of the flat curves behind them; None where there are none.
    n_cycles : cycles seen.
    """

    name: str
    X_train: FloatArray
    y_train: FloatArray
    X_test: FloatArray
    y_test: FloatArray
    names: tuple[str, ...]
    cell_shape: tuple[int, ...] | None
    n_cycles: int


@dataclass(frozen=True, eq=False)
class KShotTask:
    """Many cells of the source chemistry, and a target chemistry of which few are known.

    Parameters
    ----------
    name : short.
    X_source, y_source : shape (n_source_cells, n_features), (n_source_cells,) [cycle]
    X_target, y_target : the same of the target; splits are drawn from it.
    names : of the columns; the last is `STAGE_FEATURE`.
    n_cycles : cycles seen.
    stage : life-stage curve of the source.
    n_left_out : target cells not used: censored, or at their end within twice the cycles seen.
    """

    name: str
    X_source: FloatArray
    y_source: FloatArray
    X_target: FloatArray
    y_target: FloatArray
    names: tuple[str, ...]
    n_cycles: int
    stage: LifeStage
    n_left_out: int

    def split(self, k: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw `k` known cells and the rest, as places in `y_target`."""
        order = np.random.default_rng([k, seed]).permutation(len(self.y_target))
        return np.sort(order[:k]), np.sort(order[k:])


def matr_task(folder: str | Path | None = None) -> SplitTask:
    """MATR with its official split: 41 training cells, 42 test cells (without MATR_b2c1), 100 cycles."""
    cells = read_matr(folder)
    train, test = cells.split("train"), cells.split("test")
    tables, curves = zip(
        *((curve_features(p.records), discharge_curves(p.records)) for p in (train, test)), strict=True
    )
    X = [np.hstack([t.values, c.reshape(len(c), -1)]) for t, c in zip(tables, curves, strict=True)]
    return SplitTask("matr1", X[0], train.lives, X[1], test.lives, tables[0].names, curves[0].shape[1:], 100)


def hust_task(n_cycles: int = 20, folder: str | Path | None = None) -> SplitTask:
    """HUST with the 55/22 split of the literature, charge features of the first cycles."""
    cells = read_cycle_features(folder)
    train, test = cells.split("hust_train"), cells.split("hust_test")
    tables = [cycle_summaries(p.records, n_cycles) for p in (train, test)]
    return SplitTask(
        f"hust{n_cycles}",
        tables[0].values,
        train.lives,
        tables[1].values,
        test.lives,
        tables[0].names,
        None,
        n_cycles,
    )


def kshot_task(name: str, folder: str | Path | None = None) -> KShotTask:
    """Build a task of transfer from LFP.

    Parameters
    ----------
    name : one of `KSHOT_TASKS`. The TJU targets use charge features of 20 cycles with MIT and HUST
        as source, the others discharge curves of 50 cycles with MATR as source.

    Raises
    ------
    UnknownNameError, DataError
    """
    return kshot_tasks([name], folder)[name]


def kshot_tasks(names: Sequence[str] = KSHOT_TASKS, folder: str | Path | None = None) -> dict[str, KShotTask]:
    """Build several tasks; the source is read once."""
    for name in names:
        if name not in KSHOT_TASKS:
            raise UnknownNameError.for_name(name, KSHOT_TASKS, "k-shot task")
    table = read_cycle_features(folder)
    lfp = table.where(chemistry="LFP", censored=False)
    stage = fit_life_stage(lfp.records, TABLE_CYCLES)
    tasks = {}
    if set(names) & {"CALB_NMC", "CALCE_LCO"}:
        matr = read_matr(folder)
    for name in names:
        if name.startswith("TJU"):
            target = table.split(name)
            tasks[name] = _task(name, lfp, target, TABLE_CYCLES, stage)
        else:
            target = read_calb_nmc(folder) if name == "CALB_NMC" else read_calce_cs2(folder)
            tasks[name] = _task(name, matr, target, CURVE_CYCLES, stage)
    return tasks


def calce_task(folder: str | Path | None = None) -> KShotTask:
    """LCO, of which four cells are public: only one and two known cells can be asked about."""
    return kshot_task("CALCE_LCO", folder)


def _task(name: str, source: CyclingSet, target: CyclingSet, n_cycles: int, stage: LifeStage) -> KShotTask:
    used = target.filter(lambda r: not r.is_censored and r.observed_life > OUTLIVED * n_cycles)
    make = _table if n_cycles == TABLE_CYCLES else _curve_table
    known, wanted = make(source.records, n_cycles), make(used.records, n_cycles)
    assert known.names == wanted.names
    assert known.names[-1] == STAGE_FEATURE
    return KShotTask(
        name,
        known.values,
        source.lives,
        wanted.values,
        used.lives,
        known.names,
        n_cycles,
        stage,
        len(target) - len(used),
    )


def _table(records: Sequence[CyclingRecord], n_cycles: int) -> CellFeatures:
    return cycle_summaries(records, n_cycles)


def _curve_table(records: Sequence[CyclingRecord], n_cycles: int) -> CellFeatures:
    return CellInputs(n_cycles, ("discharge_capacity",), with_curves=True).table(records)
