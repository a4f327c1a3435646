"""`OpenCircuitCurve`: the voltage of a cell at rest over its state of charge, taken from measured series.

From the ends of rests, or from a discharge slow enough; hysteresis shows as two curves of other direction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.datasets.profiles.checks import require_vector
from ionbridge.datasets.profiles.series import CellSeries
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError

__all__ = ["OpenCircuitCurve", "open_circuit_from_rests", "open_circuit_from_slow"]

Array = NDArray[np.float64]
Direction = Literal["discharge", "charge", "unknown"]


@dataclass(frozen=True, eq=False)
class OpenCircuitCurve:
    """Voltage at rest over state of charge; linear between the points, constant outside.

    Parameters
    ----------
    soc : shape (n_points,), rising strictly [-].
    voltage : shape (n_points,) [V].
    direction : the current before: ``discharge`` lies below ``charge`` in a cell with hysteresis.
    method : ``rests`` or ``slow``.
    note : conditions.
    """

    soc: Array
    voltage: Array
    direction: Direction = "unknown"
    method: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        soc = require_vector(self.soc, "soc", "OpenCircuitCurve")
        voltage = require_vector(self.voltage, "voltage", "OpenCircuitCurve", soc.size)
        if soc.size < 2 or not np.all(np.diff(soc) > 0):
            raise DataError("'soc' of OpenCircuitCurve must have at least two points that rise strictly.")
        object.__setattr__(self, "soc", soc)
        object.__setattr__(self, "voltage", voltage)

    def at(self, soc: ArrayLike) -> Array:
        """Voltage at a state of charge, shape of `soc` [V]."""
        return np.interp(np.asarray(soc, dtype=float), self.soc, self.voltage)


def open_circuit_from_rests(
    series: CellSeries | Iterable[CellSeries],
    *,
    rest: float = 240.0,
    limit_c_rate: float = 0.005,
    direction: Direction | None = None,
) -> OpenCircuitCurve:
    """Points of the last sample of each rest.

    Parameters
    ----------
    series : with a known initial state of charge and capacity.
    rest : shortest rest that counts [s].
    limit_c_rate : current below which the cell rests [1/h].
    direction : keep rests after this direction of current only; None keeps all.

    Raises
    ------
    InsufficientDataError
        If there are fewer than two such rests.
    """
    points: list[tuple[float, float]] = []
    seen: set[str] = set()
    for item in [series] if isinstance(series, CellSeries) else series:
        _require_soc(item)
        for start, stop in _rests(item, limit_c_rate):
            if item.time[stop] - item.time[start] < rest:
                continue
            way = _direction_before(item, start)
            if direction is None or way == direction:
                points.append((float(item.soc[stop]), float(item.voltage[stop])))
                seen |= {way} - {"unknown"}
    soc, voltage = _merged(points)
    if soc.size < 2:
        raise InsufficientDataError(
            f"found {soc.size} rests of at least {rest:g} s below {limit_c_rate:g}C; two are needed. Give a shorter "
            "'rest', or take a slow discharge (open_circuit_from_slow)."
        )
    found: Direction = direction or (seen.pop() if len(seen) == 1 else "unknown")  # type: ignore[assignment]
    return OpenCircuitCurve(soc, voltage, found, "rests", f"last sample of rests of at least {rest:g} s")


def open_circuit_from_slow(
    series: CellSeries, *, n_points: int = 201, resistance: float = 0.0
) -> OpenCircuitCurve:
    """A slow discharge or charge as a curve, less the drop over a resistance.

    Parameters
    ----------
    series : at C/10 or slower in one direction, with a known initial state of charge and capacity.
    n_points : of the curve, evenly over the charge passed.
    resistance : of the cell [Ohm]; its drop is taken out.

    Raises
    ------
    ConfigurationError
        If the current changes its direction or is faster than C/9.
    """
    _require_soc(series)
    flowing = np.abs(series.current) > 1e-4 * series.capacity
    current = series.current[flowing]
    if current.size < 10 or np.any(np.sign(current) != np.sign(current[0])):
        raise ConfigurationError(
            f"{series.name!r} must be one slow discharge or charge; its current changes direction."
        )
    rate = float(np.median(np.abs(current)) / series.capacity)
    if rate > 1 / 9:
        raise ConfigurationError(
            f"{series.name!r} runs at {rate:.2g}C; a curve at rest needs C/10 or slower."
        )
    soc, voltage = series.soc[flowing], (series.voltage - resistance * series.current)[flowing]
    order = np.argsort(soc, kind="stable")
    soc, voltage = soc[order], voltage[order]
    soc, first = np.unique(soc, return_index=True)
    grid = np.linspace(soc[0], soc[-1], n_points)
    direction: Direction = "charge" if current[0] > 0 else "discharge"
    return OpenCircuitCurve(grid, np.interp(grid, soc, voltage[first]), direction, "slow", f"at {rate:.3g}C")


def _require_soc(series: CellSeries) -> None:
    if not (np.isfinite(series.initial_soc) and np.isfinite(series.capacity)):
        raise DataError(
            f"{series.name!r} has no initial state of charge or capacity; both are needed to place its voltages. Give "
            "them when reading the series."
        )


def _rests(series: CellSeries, limit_c_rate: float) -> list[tuple[int, int]]:
    """First and last sample of each run of samples without current."""
    still = np.abs(series.current) <= limit_c_rate * series.capacity
    edges = np.flatnonzero(np.diff(np.concatenate([[False], still, [False]]).astype(int)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _direction_before(series: CellSeries, start: int) -> Direction:
    """Direction of the charge passed in the ten minutes before a rest."""
    window = (series.time < series.time[start]) & (series.time >= series.time[start] - 600)
    passed = float(series.current[window].sum())
    if abs(passed) == 0:
        return "unknown"
    return "charge" if passed > 0 else "discharge"


def _merged(points: list[tuple[float, float]], distance: float = 2e-3) -> tuple[Array, Array]:
    """Points in order; those nearer than `distance` in state of charge become their mean."""
    groups: list[list[tuple[float, float]]] = []
    for point in sorted(points):
        if groups and point[0] - groups[-1][-1][0] < distance:
            groups[-1].append(point)
        else:
            groups.append([point])
    means = np.array([np.mean(group, axis=0) for group in groups]).reshape(-1, 2)
    return means[:, 0], means[:, 1]
