"""Reader of MATR's own files: batches of LFP cells as MATLAB 7.3, read cell by cell.

Names inside (``batch/summary/QDischarge``, ``batch/cycles/Qdlin`` ...) as published at data.matr.io with
Severson et al. (2019); batches are told apart by the date in the file name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.cycling.collection import CyclingSet
from ionbridge.datasets.cycling.end_of_life import end_of_life
from ionbridge.datasets.cycling.record import CurveSet, CyclingRecord
from ionbridge.datasets.cycling.repair import bad_capacity_curves, repair_curves
from ionbridge.datasets.readers.cycling.matlab import numbers, open_hdf5
from ionbridge.exceptions import DataError

__all__ = ["CONTINUED", "iterate_matr_mat", "read_matr_mat"]

_BATCHES = {"2017-05-12": 1, "2017-06-30": 2, "2018-04-12": 3, "2019-01-24": 4}
_NOMINAL = 1.1
_GRID = np.linspace(3.6, 2.0, 1000)
_SUMMARY = {
    "QDischarge": ("discharge_capacity", 1.0, 0.0),
    "QCharge": ("charge_capacity", 1.0, 0.0),
    "IR": ("internal_resistance", 1000.0, 0.0),
    "Tavg": ("temperature_mean", 1.0, 273.15),
    "Tmax": ("temperature_max", 1.0, 273.15),
    "Tmin": ("temperature_min", 1.0, 273.15),
    "chargetime": ("charge_time", 60.0, 0.0),
}

CONTINUED = {
    "MATR_b1c0": ("MATR_b2c7", 662),
    "MATR_b1c1": ("MATR_b2c8", 981),
    "MATR_b1c2": ("MATR_b2c9", 1060),
    "MATR_b1c3": ("MATR_b2c15", 208),
    "MATR_b1c4": ("MATR_b2c16", 482),
}
"""Cells of batch 1 whose test went on in batch 2: name there, and cycles to add to the published life."""


def _batch_number(path: Path, batch: int | None) -> int:
    digits = path.stem.replace("_", "").replace("-", "")
    for date, number in _BATCHES.items():
        if date.replace("-", "") in digits:
            return batch or number
    if batch is None:
        raise DataError(
            f"the name {path.name!r} does not tell the batch; expected one of the dates {', '.join(_BATCHES)}, or give "
            "'batch'."
        )
    return batch


def iterate_matr_mat(
    path: str | Path, *, batch: int | None = None, max_cycle: float | None = None
) -> Iterator[CyclingRecord]:
    """Read a batch cell by cell; memory stays that of one cell.

    Cycle 0 of the files, which is not a regular one, is left out.

    Parameters
    ----------
    path : such as ``2017-05-12_batchdata_updated_struct_errorcorrect.mat``.
    batch : number of the batch; by default from the date in the name.
    max_cycle : no curves behind this cycle.

    Raises
    ------
    DataError
        If it is not such a file.
    """
    path = Path(path)
    number = _batch_number(path, batch)
    with open_hdf5(path) as file:
        if "batch" not in file or "summary" not in file["batch"]:
            raise DataError(f"{path.name} has no 'batch/summary'; expected a batch file of data.matr.io.")
        content = file["batch"]
        for index in range(content["summary"].shape[0]):
            yield _record(file, content, index, f"MATR_b{number}c{index}", path, max_cycle)


def _record(
    file: Any, content: Any, index: int, cell_id: str, path: Path, max_cycle: float | None
) -> CyclingRecord:
    summary = file[content["summary"][index, 0]]
    cycles = pd.DataFrame(
        {
            "cycle_number": numbers(summary["cycle"]),
            **{
                name: factor * numbers(summary[key]) + offset
                for key, (name, factor, offset) in _SUMMARY.items()
                if key in summary
            },
        }
    )
    cycles = cycles[(cycles["cycle_number"] > 0) & (cycles["discharge_capacity"] > 0)]
    policy = "".join(chr(int(c)) for c in numbers(file[content["policy_readable"][index, 0]]))
    label = numbers(file[content["cycle_life"][index, 0]])
    found = end_of_life(cycles["cycle_number"], cycles["discharge_capacity"], _NOMINAL)
    life = float(label[0]) if label.size and np.isfinite(label[0]) else None
    curves, flags = _curves(file, content, index, max_cycle)
    protocol = f"fast charge {policy}, CV to 3.6 V; 4C discharge to 2.0 V"
    return CyclingRecord(
        cell_id=cell_id,
        domain=Domain("LFP (MATR)", "LFP/graphite", process=protocol, format="18650", origin="experiment"),
        nominal_capacity=_NOMINAL,
        cycles=cycles,
        curves=curves,
        protocol=protocol,
        temperature=303.15,
        end_of_life_cycle=life,
        last_cycle=max(found.last_cycle, life or 0.0),
        life_definition="as published: first cycle below 0.88 Ah",
        metadata={"group": "MATR", "cathode": "LFP", "charge_policy": policy, "discharge_rate": 4.0},
        flags=flags,
        provenance=Provenance(
            str(path),
            reader="cycling_matr_mat",
            licence="CC-BY-4.0",
            citation="Severson et al., Nature Energy 4 (2019) 383, doi:10.1038/s41560-019-0356-8",
        ),
    )


def _curves(
    file: Any, content: Any, index: int, max_cycle: float | None
) -> tuple[dict[str, CurveSet], tuple[str, ...]]:
    references = file[content["cycles"][index, 0]]["Qdlin"]
    last = references.shape[0] - 1 if max_cycle is None else min(references.shape[0] - 1, int(max_cycle))
    wanted, rows = [], []
    for cycle in range(1, last + 1):
        row = numbers(file[references[cycle, 0]])
        if row.size == _GRID.size:
            wanted.append(float(cycle))
            rows.append(row.astype(np.float32))
    if not rows:
        return {}, ()
    curves = CurveSet("discharge_capacity", "voltage", _GRID, np.array(wanted), np.stack(rows))
    name = "discharge_capacity_on_voltage"
    repaired, flags = repair_curves(curves, bad_capacity_curves(curves.values, _NOMINAL), name)
    return {name: repaired}, flags


def read_matr_mat(
    paths: str | Path | Sequence[str | Path], *, max_cycle: float | None = 100, batch: int | None = None
) -> CyclingSet:
    """Read one or more batches and join the five cells that were continued from batch 1 in batch 2.

    Parameters
    ----------
    paths : batch files.
    max_cycle : no curves behind this cycle; None keeps all (about 4 MB a thousand cycles and cell).
    batch : number of the batch, for a single file whose name does not tell.

    Raises
    ------
    DataError
        If one is not such a file.
    """
    files = [paths] if isinstance(paths, str | Path) else list(paths)
    cells = {
        record.cell_id: record
        for path in files
        for record in iterate_matr_mat(path, batch=batch, max_cycle=max_cycle)
    }
    for first, (second, n_more) in CONTINUED.items():
        if first in cells and second in cells:
            cells[first] = _continued(cells[first], cells.pop(second), n_more)
    return CyclingSet(tuple(cells.values()), "MATR")


def _continued(first: CyclingRecord, second: CyclingRecord, n_more: int) -> CyclingRecord:
    """Append the cycles of the continued test; the life is counted as the publishers did."""
    end = float(first.cycle_numbers[-1])
    later = second.cycles.assign(cycle_number=second.cycle_numbers + end)
    cycles = pd.concat([first.cycles, later], ignore_index=True)
    if first.end_of_life_cycle is None:
        life = end_of_life(cycles["cycle_number"], cycles["discharge_capacity"], _NOMINAL).cycle
    else:
        life = first.end_of_life_cycle + n_more
    return replace(
        first,
        cycles=cycles,
        end_of_life_cycle=life,
        last_cycle=max(float(cycles["cycle_number"].iloc[-1]), life or 0.0),
        flags=(*first.flags, f"continued as {second.cell_id} after cycle {end:g}"),
    )
