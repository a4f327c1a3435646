"""A synthetic cell whose charges, energies and curves are known in closed form.

It has no physics: the voltage is a straight line in the charge moved.
"""

from __future__ import annotations

import numpy as np

from ionbridge.datasets.cycling import TimeSeries

LOW, HIGH = 3.0, 4.2
NOMINAL = 1.0


def half_cycles(capacities: list[float], dt: float = 30.0, hold: float = 600.0) -> dict[str, np.ndarray]:
    """Channels of one cycle a capacity: CC charge, CV with falling current, rest, CC discharge, rest.

    The CC charge (0.5 A) brings all but the CV part, the discharge (1 A) brings `capacity` back.
    """
    pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    start = 0.0
    for number, capacity in enumerate(capacities, start=1):
        tail = np.linspace(0.5, 0.05, int(hold / dt) + 1)
        cv = float(np.sum(0.5 * (tail[1:] + tail[:-1]))) * dt / 3600
        n_charge = 100
        charge_time = np.linspace(0, (capacity - cv) / 0.5 * 3600, n_charge)
        discharge_time = np.linspace(0, capacity * 3600, 101)
        steps = [
            (charge_time, np.full(n_charge, 0.5), np.linspace(LOW, HIGH, n_charge)),
            (dt * np.arange(1, tail.size), tail[1:], np.full(tail.size - 1, HIGH)),
            (np.array([1e-3, 300.0]), np.zeros(2), np.full(2, HIGH - 0.01)),
            (1e-3 + discharge_time, np.full(101, -1.0), np.linspace(HIGH, LOW, 101)),
            (np.array([1e-3, 300.0]), np.zeros(2), np.full(2, LOW + 0.05)),
        ]
        for time, current, voltage in steps:
            pieces.append((start + time, current, voltage, np.full(time.size, float(number))))
            start = pieces[-1][0][-1]
        start += 1e-3
    names = ("time", "current", "voltage", "cycle")
    return {name: np.concatenate(part) for name, part in zip(names, zip(*pieces, strict=True), strict=True)}


def series(capacities: list[float], *, counted: bool = True, **settings: float) -> TimeSeries:
    """The same as a `TimeSeries`; without cycle numbers where not `counted`."""
    channels = half_cycles(capacities, **settings)
    if not counted:
        del channels["cycle"]
    return TimeSeries(**channels)
