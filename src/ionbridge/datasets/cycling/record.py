"""`CyclingRecord` and `CurveSet`: what is known of one cell that was charged and discharged many times.

Making them from time series is `summary.py`; collections of them are `collection.py`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.exceptions import DataError, ShapeError, UnknownNameError

__all__ = ["CurveSet", "CyclingRecord", "Metadata"]

Metadata = Mapping[str, str | float | bool]


def _frozen(values: ArrayLike, dtype: type[np.floating[Any]] | None = None) -> NDArray[Any]:
    """Copy an array so that nobody else can change it; float32 stays float32."""
    given = np.asarray(values)
    kind = dtype or (np.float32 if given.dtype == np.float32 else np.float64)
    array = np.array(given, dtype=kind)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class CurveSet:
    """One curve a cycle, all on the same grid.

    Parameters
    ----------
    quantity : what the values are, such as ``discharge_capacity``; house unit.
    axis : what the grid is, such as ``voltage``; house unit.
    grid : shape (n_points,), strictly rising or strictly falling.
    cycles : shape (n_cycles,), strictly rising cycle numbers.
    values : shape (n_cycles, n_points); NaN where not measured. float32 is kept as such.
    note : how the curves came about, where that matters.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other.
    DataError
        If the grid or the cycle numbers are not strictly monotonic.
    """

    quantity: str
    axis: str
    grid: NDArray[np.float64]
    cycles: NDArray[np.float64]
    values: NDArray[Any]
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", _frozen(self.grid, np.float64))
        object.__setattr__(self, "cycles", _frozen(self.cycles, np.float64))
        object.__setattr__(self, "values", _frozen(self.values))
        expected = (self.cycles.size, self.grid.size)
        if self.grid.ndim != 1 or self.cycles.ndim != 1 or self.values.shape != expected:
            raise ShapeError(
                f"'values' of CurveSet must have shape (n_cycles, n_points) = {expected}; got {self.values.shape}. "
                "Give one row a cycle number and one column a grid point."
            )
        steps = np.diff(self.grid)
        if not ((steps > 0).all() or (steps < 0).all()):
            raise DataError(
                "'grid' of CurveSet must rise or fall strictly; sort it and drop repeated points."
            )
        if not (np.diff(self.cycles) > 0).all():
            raise DataError(
                "'cycles' of CurveSet must rise strictly; sort the cycles and keep one curve of each."
            )

    def __len__(self) -> int:
        return len(self.cycles)

    def at(self, cycles: ArrayLike) -> NDArray[Any]:
        """Curves of the given cycle numbers, shape (n_cycles, n_points); NaN rows where there is none."""
        wanted = np.atleast_1d(np.asarray(cycles, dtype=float))
        rows = np.full((wanted.size, self.grid.size), np.nan, dtype=self.values.dtype)
        if len(self):
            place = np.minimum(np.searchsorted(self.cycles, wanted), len(self) - 1)
            found = self.cycles[place] == wanted
            rows[found] = self.values[place[found]]
        return rows

    def first_cycles(self, n: float) -> CurveSet:
        """Curves up to and including cycle number `n`."""
        kept = self.cycles <= n
        return replace(self, cycles=self.cycles[kept], values=self.values[kept])

    def on_grid(self, grid: ArrayLike) -> CurveSet:
        """Interpolate linearly on another grid of the same axis; NaN outside the present one.

        Parameters
        ----------
        grid : shape (n_points,), strictly monotonic.
        """
        wanted = np.asarray(grid, dtype=float)
        order = slice(None) if self.grid[0] <= self.grid[-1] else slice(None, None, -1)
        x, y = self.grid[order], self.values[:, order]
        right = np.clip(np.searchsorted(x, wanted), 1, max(x.size - 1, 1))
        weight = (wanted - x[right - 1]) / (x[right] - x[right - 1])
        values = y[:, right - 1] * (1 - weight) + y[:, right] * weight
        values[:, (wanted < x[0]) | (wanted > x[-1])] = np.nan
        return replace(self, grid=wanted, values=values.astype(self.values.dtype))


@dataclass(frozen=True, eq=False)
class CyclingRecord:
    """One cell: who it is, one row a cycle, curves, and when (or whether) its life ended.

    Parameters
    ----------
    cell_id : unique in its collection.
    domain : chemistry as ``cathode/anode``, format, process (the protocol in short), origin.
    nominal_capacity : [Ah].
    cycles : one row a cycle, numbers only; needs ``cycle_number`` (rising strictly) and
        ``discharge_capacity`` [Ah]. Known further columns: ``charge_capacity`` [Ah],
        ``discharge_energy``, ``charge_energy`` [Wh], ``internal_resistance`` [mOhm],
        ``charge_time`` [s], ``temperature_mean``, ``temperature_max`` [K]; others are features.
    curves : by name.
    protocol : how it was cycled, in words.
    temperature : [K] of the surroundings; NaN where unknown or not constant.
    end_of_life_threshold : share of the nominal capacity at which life ends.
    end_of_life_cycle : cycle at which it ended; None where it is only known to be later than
        `last_cycle`.
    last_cycle : end of the test; may lie behind the stored cycles. NaN takes the last stored one.
    life_definition : how `end_of_life_cycle` was found, in words.
    metadata : plain values, such as ``charge_rate`` [C_rate] or ``group``.
    flags : what was repaired, and caveats of this cell.
    provenance : where it comes from.

    Raises
    ------
    DataError
        If a value is not possible; the message names the cell and the field.
    """

    cell_id: str
    domain: Domain
    nominal_capacity: float
    cycles: pd.DataFrame
    curves: Mapping[str, CurveSet] = field(default_factory=dict)
    protocol: str = ""
    temperature: float = math.nan
    end_of_life_threshold: float = 0.8
    end_of_life_cycle: float | None = None
    last_cycle: float = math.nan
    life_definition: str = ""
    metadata: Metadata = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=lambda: Provenance(source=""))

    def __post_init__(self) -> None:
        object.__setattr__(self, "cycles", self._checked_cycles())
        object.__setattr__(self, "curves", dict(self.curves))
        object.__setattr__(self, "metadata", dict(self.metadata))
        object.__setattr__(self, "flags", tuple(self.flags))
        numbers = self.cycle_numbers
        if math.isnan(self.last_cycle):
            object.__setattr__(self, "last_cycle", float(numbers[-1]))
        life = self.end_of_life_cycle
        for name, is_good, expected in (
            ("cell_id", bool(self.cell_id), "a text that names the cell"),
            (
                "nominal_capacity",
                math.isfinite(self.nominal_capacity) and self.nominal_capacity > 0,
                "a number above zero in Ah",
            ),
            ("temperature", not self.temperature <= 0, "kelvin above zero, or NaN where unknown"),
            ("end_of_life_threshold", 0 < self.end_of_life_threshold < 1, "a share between 0 and 1"),
            ("end_of_life_cycle", life is None or life > 0, "a cycle number above zero, or None"),
            (
                "last_cycle",
                self.last_cycle >= numbers[-1],
                f"at least the last stored cycle, {numbers[-1]:g}",
            ),
        ):
            if not is_good:
                raise DataError(
                    f"{name!r} of cell {self.cell_id!r} must be {expected}; got {getattr(self, name)!r}."
                )

    def _checked_cycles(self) -> pd.DataFrame:
        who = f"'cycles' of cell {self.cell_id!r}"
        missing = {"cycle_number", "discharge_capacity"} - set(self.cycles.columns)
        if missing:
            raise DataError(
                f"{who} needs the column(s) {sorted(missing)}; got {[str(c) for c in self.cycles.columns]}."
            )
        if self.cycles.empty:
            raise DataError(f"{who} must have at least one row; got none. Leave the cell out.")
        try:
            frame = self.cycles.astype(float).reset_index(drop=True)
        except (TypeError, ValueError) as error:
            raise DataError(f"{who} must hold numbers only: {error}. Put text into 'metadata'.") from error
        steps = np.diff(frame["cycle_number"].to_numpy())
        if not (steps > 0).all():
            row = int(np.flatnonzero(~(steps > 0))[0]) + 1
            raise DataError(
                f"{who}, row {row}, column 'cycle_number': found {frame['cycle_number'][row]:g} after "
                f"{frame['cycle_number'][row - 1]:g}; expected rising numbers. Sort the cycles, keep one row of each."
            )
        return frame

    @property
    def is_censored(self) -> bool:
        """Whether the test ended before the end of life; then life is longer than `last_cycle`."""
        return self.end_of_life_cycle is None

    @property
    def chemistry(self) -> str:
        """Chemistry of the domain, ``cathode/anode``."""
        return self.domain.chemistry

    @property
    def observed_life(self) -> float:
        """Cycle of the end of life; for a censored cell its lower bound `last_cycle`."""
        return self.last_cycle if self.end_of_life_cycle is None else float(self.end_of_life_cycle)

    @property
    def cycle_numbers(self) -> NDArray[np.float64]:
        """Shape (n_cycles,)."""
        return self.column("cycle_number")

    @property
    def discharge_capacity(self) -> NDArray[np.float64]:
        """Shape (n_cycles,) [Ah]; NaN where not measured."""
        return self.column("discharge_capacity")

    @property
    def state_of_health(self) -> NDArray[np.float64]:
        """Discharge capacity over nominal capacity, shape (n_cycles,) [-]."""
        return self.discharge_capacity / self.nominal_capacity

    def column(self, name: str) -> NDArray[np.float64]:
        """One column of `cycles`, shape (n_cycles,).

        Raises
        ------
        UnknownNameError
            If there is none of this name.
        """
        if name not in self.cycles:
            known = [str(column) for column in self.cycles.columns]
            raise UnknownNameError.for_name(name, known, f"cycle column of {self.cell_id}")
        values: NDArray[np.float64] = self.cycles[name].to_numpy(dtype=float)
        return values

    def curve(self, name: str) -> CurveSet:
        """One set of curves.

        Raises
        ------
        UnknownNameError
            If there is none of this name.
        """
        if name not in self.curves:
            raise UnknownNameError.for_name(name, self.curves, f"curve set of {self.cell_id}")
        return self.curves[name]

    def first_cycles(self, n: float) -> CyclingRecord:
        """Keep what was measured up to and including cycle `n`; the life label stays.

        Raises
        ------
        DataError
            If no cycle is left.
        """
        kept = self.cycles[self.cycles["cycle_number"] <= n]
        if kept.empty:
            raise DataError(
                f"cell {self.cell_id!r} has no cycle up to {n:g}; its first is {self.cycle_numbers[0]:g}."
            )
        curves = {name: curve.first_cycles(n) for name, curve in self.curves.items()}
        return replace(self, cycles=kept, curves=curves)

    def with_flags(self, *flags: str) -> CyclingRecord:
        """Add flags that are not there yet."""
        return replace(self, flags=tuple(dict.fromkeys((*self.flags, *flags))))

    def header(self) -> dict[str, Any]:
        """Return everything but cycles and curves, JSON-ready."""
        return {
            "cell_id": self.cell_id,
            "domain": self.domain.to_dict(),
            "nominal_capacity_Ah": float(self.nominal_capacity),
            "protocol": self.protocol,
            "temperature_K": None if math.isnan(self.temperature) else float(self.temperature),
            "end_of_life_threshold": float(self.end_of_life_threshold),
            "end_of_life_cycle": None if self.end_of_life_cycle is None else float(self.end_of_life_cycle),
            "last_cycle": float(self.last_cycle),
            "life_definition": self.life_definition,
            "metadata": dict(self.metadata),
            "flags": list(self.flags),
            "provenance": self.provenance.to_dict(),
        }

    def arrays(self) -> Iterable[tuple[str, NDArray[Any]]]:
        """Yield cycles and curves as named arrays; what is stored and hashed."""
        for name in self.cycles.columns:
            yield f"cycles/{name}", self.cycles[name].to_numpy(dtype=float)
        for name, curve in self.curves.items():
            yield f"curves/{name}/grid", curve.grid
            yield f"curves/{name}/cycles", curve.cycles
            yield f"curves/{name}/values", curve.values

    @property
    def sha256(self) -> str:
        """Hash of identity, labels, cycles and curves; provenance and flags do not count."""
        header = {k: v for k, v in self.header().items() if k not in ("flags", "provenance")}
        digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
        for name, array in self.arrays():
            digest.update(f"{name}{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def equals(self, other: CyclingRecord) -> bool:
        """Whether two records have the same content, flags and provenance."""
        return self.header() == other.header() and self.sha256 == other.sha256
