"""What a person names on the command line or in a script, made into cells and series.

Reading single files is the work of `ionbridge.datasets.profiles`; models are not touched here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from ionbridge.datasets.profiles import CellSeries, load_cell_series, load_series_set, read_cell_series
from ionbridge.exceptions import ConfigurationError, DataError
from ionbridge.models.reduced_order import ReducedCell
from ionbridge.physics.cells import cell_parameters

__all__ = ["cells_of", "load_cell", "load_series", "read_open_circuit_voltage"]

Sign = Literal["charge_positive", "discharge_positive"]


def load_cell(
    name_or_path: str,
    *,
    open_circuit_voltage: Path | None = None,
    capacity: float | None = None,
    hysteresis: float = 0.0,
    changes: Mapping[str, float] | None = None,
) -> ReducedCell:
    """Reduce a parameter set or BPX file to what a model needs, with measured numbers where given.

    Parameters
    ----------
    name_or_path : a name of `ionbridge.physics.cells.CELL_SETS` or a BPX file.
    open_circuit_voltage : CSV with ``soc`` and ``voltage_V``, measured on the cell itself.
    capacity : measured [Ah].
    hysteresis : half the gap between the open-circuit voltages of charge and discharge [V].
    changes : factors on parameters, as for `cell_parameters`.

    Raises
    ------
    UnknownNameError
        If there is neither a set nor a file of this name.
    DataError
        If a file is not in order.
    """
    cell = ReducedCell.from_parameters(cell_parameters(name_or_path, **(changes or {})))
    if open_circuit_voltage is not None:
        soc, voltage = read_open_circuit_voltage(open_circuit_voltage)
        return cell.with_open_circuit_voltage(soc, voltage, capacity=capacity, hysteresis=hysteresis)
    if hysteresis:
        cell = replace(cell, hysteresis=hysteresis)
    return cell if capacity is None else cell.adjusted(capacity=capacity / cell.capacity)


def read_open_circuit_voltage(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read state of charge [-] and voltage [V], each of shape (n_points,), sorted by state of charge.

    Raises
    ------
    DataError
        If there are no such columns, or values are missing.
    """
    try:
        frame = pd.read_csv(path, sep=None, engine="python", skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as a table ({error}); expected columns soc and voltage_V."
        ) from error
    names = {str(name).strip().lower().replace(" ", "_"): name for name in frame.columns}
    wanted = [
        next((names[n] for n in group if n in names), None)
        for group in (("soc",), ("voltage_v", "ocv_v", "voltage_[v]"))
    ]
    if None in wanted:
        raise DataError(
            f"{path} must have the columns soc (0 to 1) and voltage_V; got {', '.join(map(str, frame.columns))}."
        )
    table = frame[wanted].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(bad):
        raise DataError(
            f"{path}: row {bad[0] + 2} must hold two numbers; delete or correct it ({len(bad)} such rows)."
        )
    table = table[np.argsort(table[:, 0])]
    return table[:, 0], table[:, 1]


def load_series(
    paths: Sequence[Path | str],
    *,
    capacity: float | None = None,
    cell: str = "",
    chemistry: str = "",
    sign: Sign = "charge_positive",
    initial_soc: float = float("nan"),
    ambient_temperature: float | None = None,
) -> list[CellSeries]:
    """Read series: folders that ``ionbridge rom generate`` wrote, and files of measured series.

    Parameters
    ----------
    capacity : of the measured cell [Ah]; needed for files.
    cell, chemistry : of the measured cell.
    sign : of the current in plain CSV files.
    initial_soc : at the start of each file [-]; NaN takes it from the first voltage.
    ambient_temperature : around the measured cell [K]; None takes that of the file.

    Raises
    ------
    DataError
        If a path holds no series, or a file is not in order.
    ConfigurationError
        If a measured file is given without `capacity`.
    """
    found: list[CellSeries] = []
    for path in map(Path, paths):
        stored = _stored(path)
        if stored is not None:
            found.extend(stored)
            continue
        files = _measured_files(path)
        if capacity is None:
            raise ConfigurationError(
                f"{path} holds measured series; give the 'capacity' of the cell in Ah, so that currents off by 1000 are "
                "noticed and rates are known."
            )
        found.extend(
            read_cell_series(
                file,
                capacity=capacity,
                initial_soc=initial_soc,
                chemistry=chemistry,
                cell=cell,
                sign=sign,
                ambient_temperature=ambient_temperature,
            )
            for file in files
        )
    if not found:
        raise DataError(f"there are no series in {', '.join(map(str, paths))}.")
    return found


def _measured_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in (".csv", ".txt") and p.is_file())
    if not files:
        raise DataError(f"{path} holds neither generated series nor CSV files of measured ones.")
    return files


def _stored(path: Path) -> list[CellSeries] | None:
    """Series that ionbridge stored in a file or folder; None where there are none."""
    if path.is_dir():
        parts = [_stored(item) for item in sorted(path.glob("*.json"))]
        found = [series for part in parts if part is not None for series in part]
        return found or None
    if path.suffix != ".json" or not path.is_file():
        return None
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{path} is not JSON in UTF-8: {error}.") from error
    name = str(header.get("format", "")) if isinstance(header, dict) else ""
    if name.startswith("ionbridge-cell-series-set/"):
        return list(load_series_set(path))
    return [load_cell_series(path)] if name.startswith("ionbridge-cell-series/") else None


def cells_of(
    series: Sequence[CellSeries], given: ReducedCell | None = None, given_name: str | None = None
) -> tuple[list[CellSeries], dict[str, ReducedCell]]:
    """Find the physical numbers of the cell of each series.

    Series of cells with changed parameters are cells of their own and get a name that tells.

    Parameters
    ----------
    given : the cell of series that name no parameter set, such as measured ones.
    given_name : set or BPX file that `given` was made from; changed parameters of series are applied to it.

    Returns
    -------
    the series with the names of their cells, and the cells by name; unchanged ones first.

    Raises
    ------
    ConfigurationError
        If a series names no parameter set and `given` is None.
    """
    from ionbridge.physics.cells import CELL_SETS

    named: list[CellSeries] = []
    cells: dict[str, ReducedCell] = {}
    for item in series:
        if item.cell in CELL_SETS:
            changed = ", ".join(f"{name} x {factor:.4g}" for name, factor in sorted(item.changes.items()))
            name = f"{item.cell} ({changed})" if changed else item.cell
            if name not in cells:
                cells[name] = load_cell(item.cell, changes=item.changes)
        elif given is not None:
            name = given.name
            if item.changes and given_name is not None:
                name += f" ({', '.join(f'{k} x {factor:.4g}' for k, factor in sorted(item.changes.items()))})"
                if name not in cells:
                    cells[name] = load_cell(given_name, changes=item.changes)
            else:
                cells.setdefault(name, given)
        else:
            raise ConfigurationError(
                f"series {item.name!r} is of cell {item.cell!r}, which is no known parameter set; name the cell: a set "
                f"({', '.join(list(CELL_SETS)[:4])}, ...) or a BPX file."
            )
        named.append(replace(item, cell=name))
    if series and all("(" in name for name in cells):  # the model is of the cell as it is, not of a variant
        own = series[0].cell
        base = load_cell(own, changes={}) if own in CELL_SETS else given
        if base is not None:
            cells[base.name] = base
    return named, dict(sorted(cells.items(), key=lambda pair: "(" in pair[0]))
