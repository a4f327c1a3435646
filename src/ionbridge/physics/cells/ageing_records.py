"""`ageing_record`: a simulated cell cycled to its end of life, as a laboratory would record it.

Indicators that no cycler measures are in `ageing.py`; learning from records is the applications room.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets import Domain, Provenance
from ionbridge.datasets.cycling import CurveGrid, CyclingRecord, TimeSeries, end_of_life, record_from_series
from ionbridge.exceptions import ConvergenceError, InsufficientDataError
from ionbridge.physics.cells.ageing import AgeingCell, AgeingConditions, AgeingRun
from ionbridge.physics.cells.ageing_parameters import AGEING_SETS
from ionbridge.physics.cells.sign import flip_current

__all__ = ["ageing_record", "ageing_series", "write_bdf"]

FloatArray = NDArray[np.float64]

N_SAMPLED = 24  # first cycles that are recorded sample by sample, with side reactions at their own rate
FACTORS = ((0.0, 4.0), (60.0, 10.0), (150.0, 25.0))  # from this cycle on, one counts for as many
VOLTAGE_NOISE = 2e-4  # V, standard deviation of a sample
GAIN_NOISE = 2e-4  # of the current, standard deviation from cycle to cycle
SAMPLE_SECONDS = 60.0
LOWEST_HEALTH = 0.78


def ageing_series(
    cell: AgeingCell, conditions: AgeingConditions, n_cycles: int = N_SAMPLED, random_state: int = 0
) -> TimeSeries:
    """Time series of the first cycles, with the noise of a cycler.

    Parameters
    ----------
    cell : built.
    conditions : how it is cycled; discharges go to the lower voltage.
    n_cycles : charges with the discharge that follows.
    random_state : seed of the noise.

    Raises
    ------
    ConvergenceError
        If the solver finds no solution.
    """
    run = AgeingRun(cell, conditions, is_full=True)
    return _recorded(run, conditions, n_cycles, np.random.default_rng(random_state))


def _recorded(
    run: AgeingRun, conditions: AgeingConditions, n_cycles: int, rng: np.random.Generator
) -> TimeSeries:
    parts: list[FloatArray] = []
    now = 0.0
    run.sample_seconds = SAMPLE_SECONDS
    for cycle in range(1, n_cycles + 1):
        run.cycle(1.0)
        gain = 1.0 + GAIN_NOISE * rng.standard_normal()
        for step, (inputs, solution) in enumerate(run.steps, start=1):
            time = np.concatenate(solution.all_ts) - solution.t[0]
            states = np.concatenate(solution.all_ys, axis=1)
            voltage, current = run.equations.samples(states, inputs)
            voltage = voltage + VOLTAGE_NOISE * rng.standard_normal(len(time))
            labels = np.full((2, len(time)), [[cycle], [step]])
            parts.append(np.vstack([now + time, flip_current(current) * gain, voltage, labels]))
            now += time[-1] + 1.0
    run.sample_seconds = None
    table = np.concatenate(parts, axis=1)
    kept = np.append(True, np.diff(table[0]) > 0)
    time, current, voltage, number, step_of = table[:, kept]
    return TimeSeries(
        time,
        current,
        voltage,
        temperature=np.full(len(time), conditions.temperature),
        cycle=number,
        step=step_of,
        provenance=Provenance(
            source="ionbridge.physics.cells.ageing_series",
            notes=("simulated by PyBaMM, not measured", *run.cell.assumptions),
        ),
    )


def ageing_record(
    cell: AgeingCell,
    conditions: AgeingConditions,
    cell_id: str,
    *,
    max_cycles: float = 3000.0,
    n_sampled: int = N_SAMPLED,
    random_state: int = 0,
) -> CyclingRecord:
    """Cycle a cell until it has lost a fifth of its capacity, and sum up what a cycler would have seen.

    The first cycles are sampled at the steps of the solver and summed up by `record_from_series`
    like any file; of later ones, simulated with accelerated side reactions, the capacity is kept.

    Parameters
    ----------
    cell : built.
    conditions : how it is cycled; discharges go to the lower voltage.
    cell_id : its name.
    max_cycles : then the test ends, and the record is censored.
    n_sampled : first cycles that are sampled.
    random_state : seed of the noise.

    Raises
    ------
    ConvergenceError
        If the solver finds no solution in the sampled cycles.
    InsufficientDataError
        If the cell does not last through them.
    """
    rng = np.random.default_rng(random_state)
    run = AgeingRun(cell, conditions, is_full=True)
    series = _recorded(run, conditions, n_sampled, rng)
    record = record_from_series(
        series,
        cell_id=cell_id,
        domain=Domain(
            cell_id,
            chemistry=AGEING_SETS[cell.chemistry].chemistry,
            process="constant current, constant voltage",
            fidelity=f"PyBaMM {cell.model}",
            origin="simulation",
        ),
        temperature=conditions.temperature,
        metadata={"charge_rate": conditions.charge_rate, "discharge_rate": conditions.discharge_rate},
        grid=CurveGrid(n_voltage=100, n_capacity=50, max_cycle=n_sampled),
    )
    if record.end_of_life_cycle is not None:
        raise InsufficientDataError(
            f"cell {cell_id!r} reaches its end of life within the {n_sampled} cycles that are sampled; milder "
            "conditions are needed."
        )
    numbers, capacities = _later(run, record.nominal_capacity, n_sampled, max_cycles, rng)
    later = pd.DataFrame({"cycle_number": numbers, "discharge_capacity": capacities})
    table = pd.concat([record.cycles, later], ignore_index=True)
    life = end_of_life(
        table["cycle_number"], table["discharge_capacity"], record.nominal_capacity, interpolate=True
    )
    return replace(
        record,
        cycles=table,
        end_of_life_cycle=life.cycle,
        last_cycle=life.last_cycle,
        life_definition=life.definition,
        flags=(*record.flags, "simulated by PyBaMM, not measured"),
    )


def _later(
    run: AgeingRun, nominal_capacity: float, n_sampled: int, max_cycles: float, rng: np.random.Generator
) -> tuple[list[float], list[float]]:
    """Numbers and capacities of accelerated cycles until the end of life, or until the solver gives up."""
    numbers: list[float] = []
    capacities: list[float] = []
    number = float(n_sampled)
    while number < max_cycles and (not capacities or capacities[-1] > LOWEST_HEALTH * nominal_capacity):
        factor = [f for start, f in FACTORS if start <= number][-1]
        try:
            discharged = run.cycle(factor)
        except ConvergenceError:
            break
        number += factor
        numbers.append(number)
        capacities.append(discharged * (1.0 + GAIN_NOISE * rng.standard_normal()))
    return numbers, capacities


def write_bdf(series: TimeSeries, path: str | Path) -> Path:
    """Write a time series with temperature, cycles and steps as a CSV file in the Battery Data Format."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        "Test Time / s": (series.time, 1),
        "Current / A": (series.current, 4),
        "Voltage / V": (series.voltage, 4),
        "Cycle Count / 1": (series.cycle, 0),
        "Step Count / 1": (series.step, 0),
        "Ambient Temperature / degC": (
            None if series.temperature is None else series.temperature - 273.15,
            2,
        ),
    }
    text = {
        name: [f"{v:.{digits}f}" for v in values]
        for name, (values, digits) in columns.items()
        if values is not None
    }
    temporary = path.with_name(f".{path.name}.part")
    pd.DataFrame(text).to_csv(temporary, index=False)
    temporary.replace(path)
    return path
