"""What is told about models of cells: errors on known series, the verdict on a transfer, tables, plots.

Training, adapting and simulating is done elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ionbridge.applications.cell_rom.adaptation import (
    STRATEGIES,
    AdaptationOptions,
    out_of_profile_errors,
)
from ionbridge.datasets.profiles import CellSeries
from ionbridge.exceptions import InsufficientDataError
from ionbridge.models.reduced_order import CellROM, ReducedCell, RomRun, initial_socs
from ionbridge.plugins import import_extra

__all__ = [
    "SeriesErrors",
    "TransferVerdict",
    "evaluate",
    "judge",
    "plot_run",
    "run_columns",
    "stop_reason",
]

ZERO_DEGC = 273.15
_RIVALS = ("calibrated_scratch", "scratch", "calibration")


@dataclass(frozen=True)
class SeriesErrors:
    """How far a model is from one known series.

    Parameters
    ----------
    series : its name.
    n_points : that were compared, away from jumps of the current.
    rmse_mV, largest_mV : of the voltage.
    temperature_rmse_K : NaN where the temperature was not measured.
    coverage : share of voltages inside the band [-]; NaN where the model has none.
    in_domain : whether the profile lies in the trained range.
    reasons : why not.
    """

    series: str
    n_points: int
    rmse_mV: float
    largest_mV: float
    temperature_rmse_K: float
    coverage: float
    in_domain: bool
    reasons: str = ""


def evaluate(
    rom: CellROM, series: Sequence[CellSeries], *, level: float = 0.9
) -> tuple[list[SeriesErrors], list[RomRun]]:
    """Run the profiles of known series freely and compare, not stopping at the voltage limits.

    Where a series does not say its state of charge at the start, that of its first voltage is taken.

    Returns
    -------
    errors and runs, one a series.

    Raises
    ------
    InsufficientDataError
        If there is no series.
    """
    if not series:
        raise InsufficientDataError("evaluation needs at least one series; got none.")
    socs = np.clip(initial_socs(rom.cell, series), 0.0, 1.0)
    runs = rom.simulate_many(
        [item.profile for item in series],
        socs,
        initial_temperatures=[float(item.temperature[0]) for item in series],
        level=level,
        stop_at_limits=False,
    )
    return [_errors(item, run) for item, run in zip(series, runs, strict=True)], runs


def _errors(series: CellSeries, run: RomRun) -> SeriesErrors:
    kept = series.settled()
    kept = kept if kept.any() else np.ones(len(series), dtype=bool)
    error = (run.series.voltage - series.voltage)[kept]
    warm = (run.series.temperature - series.temperature)[kept]
    coverage = float("nan")
    if run.lower is not None and run.upper is not None:
        coverage = float(np.mean((series.voltage >= run.lower)[kept] & (series.voltage <= run.upper)[kept]))
    return SeriesErrors(
        series=series.name or series.cell,
        n_points=int(kept.sum()),
        rmse_mV=1e3 * float(np.sqrt(np.mean(error**2))),
        largest_mV=1e3 * float(np.abs(error).max()),
        temperature_rmse_K=float(np.sqrt(np.mean(warm**2))) if series.has_temperature else float("nan"),
        coverage=coverage,
        in_domain=run.in_domain,
        reasons="; ".join(run.reasons),
    )


@dataclass(frozen=True)
class TransferVerdict:
    """Whether a source helped, on profiles that were left out.

    Parameters
    ----------
    strategy : that made the model.
    rmse_mV : its error.
    rivals_mV : errors of ways without the source, by strategy.
    difference_mV, standard_error_mV : to the best of them; negative where transfer is better. The
        standard error is over left-out profiles and NaN where there is one.
    text : one sentence.
    """

    strategy: str
    rmse_mV: float
    rivals_mV: dict[str, float]
    difference_mV: float
    standard_error_mV: float
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return asdict(self)


def judge(
    rom: CellROM,
    source: CellROM,
    cell: ReducedCell,
    series: Sequence[CellSeries],
    options: AdaptationOptions | None = None,
    *,
    progress: Callable[[str], None] | None = None,
) -> TransferVerdict:
    """Compare an adapted model with ways that use no source, each on profiles that were left out.

    Parameters
    ----------
    rom : made by `adapt` from the other arguments.
    cell : as it was given to `adapt`.
    progress : called with the name of each strategy that is tried.
    """
    chosen = rom.strategy.removeprefix("auto (").removesuffix(")")
    errors = {}
    for name in dict.fromkeys((chosen, *_RIVALS)):
        if progress is not None:
            progress(name)
        error, _, groups = out_of_profile_errors(source, cell, series, name, options)
        errors[name] = 1e3 * _rmse_by_group(error, groups)
    rivals = {name: float(errors[name].mean()) for name in _RIVALS}
    best = min(rivals, key=lambda name: rivals[name])
    difference = errors[chosen] - errors[best]
    n = len(difference)
    spread = float(difference.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    mean = float(difference.mean())
    own = float(errors[chosen].mean())
    return TransferVerdict(
        chosen, own, rivals, mean, spread, _sentence(chosen, own, best, rivals[best], mean, spread, n)
    )


def _rmse_by_group(error: np.ndarray, groups: np.ndarray) -> np.ndarray:
    _, member = np.unique(groups, return_inverse=True)
    return np.sqrt(np.bincount(member, error**2) / np.bincount(member))


def _sentence(chosen: str, own: float, best: str, rival: float, mean: float, spread: float, n: int) -> str:
    figures = (
        f"{own:.1f} mV on {n} left-out profiles or blocks, against {rival:.1f} mV without the source ({best})"
    )
    if not STRATEGIES[chosen].needs_source:
        return f"Transfer makes no difference: the best way, {chosen}, uses nothing of the source; {figures}."
    paired = f"; difference {mean:+.1f} ± {spread:.1f} mV" if np.isfinite(spread) else ""
    if not np.isfinite(spread):
        return f"One profile or block cannot tell whether transfer helps: {figures}."
    if mean < -spread:
        return f"Transfer helps: {figures}{paired}."
    if mean > spread:
        return f"Transfer hurts: {figures}{paired}. Use the strategy {best}."
    return f"Transfer makes no difference beyond its standard error: {figures}{paired}."


def stop_reason(run: RomRun, asked: float, window: tuple[float, float]) -> str:
    """Say when and why a run ended before its profile; empty where it did not.

    Parameters
    ----------
    asked : length of the profile [s].
    window : lower and upper voltage limit of the cell [V].
    """
    series = run.series
    limits = {
        "lower_voltage_limit": f"fall below the lower limit of {window[0]:g} V",
        "upper_voltage_limit": f"rise above the upper limit of {window[1]:g} V",
    }
    if series.status not in limits:
        return ""
    return (
        f"stopped at {series.end_time:.6g} s of {asked:.6g} s: the voltage would {limits[series.status]} "
        f"({series.voltage[-1]:.3f} V at the last point)"
    )


def run_columns(run: RomRun) -> dict[str, list[Any]]:
    """Everything a run says as columns, with units in their names; temperatures in degrees Celsius."""
    series = run.series
    columns: dict[str, Any] = {
        "time_s": series.time,
        "current_A": series.current,
        "voltage_V": series.voltage,
    }
    if run.lower is not None and run.upper is not None:
        columns |= {"voltage_lower_V": run.lower, "voltage_upper_V": run.upper}
    columns["temperature_degC"] = series.temperature - ZERO_DEGC
    columns["ambient_temperature_degC"] = np.broadcast_to(series.ambient_temperature, len(series)) - ZERO_DEGC
    columns["soc"] = series.soc
    units = {"plating_margin": "_V", "open_circuit_voltage": "_V", "heat": "_W"}
    columns |= {f"{name}{units.get(name, '')}": values for name, values in series.states.items()}
    lists: dict[str, list[Any]] = {
        name: np.asarray(values, dtype=float).tolist() for name, values in columns.items()
    }
    lists["in_domain"] = [run.in_domain] * len(series)
    return lists


def plot_run(run: RomRun, path: Path, *, measured: CellSeries | None = None, title: str = "") -> Path:
    """Draw current, voltage with its band, and temperature over time to an image file.

    Parameters
    ----------
    measured : drawn beside the run.
    """
    figure_module = import_extra("matplotlib.figure", "report")
    figure = figure_module.Figure(figsize=(7, 6), layout="constrained")
    current, voltage, warm = figure.subplots(3, 1, sharex=True, height_ratios=(1, 2, 1))
    series = run.series
    long = series.duration > 2 * 3600
    unit, scale = ("h", 3600.0) if long else ("s", 1.0)
    time = series.time / scale
    current.plot(time, series.current, color="#8A8A8A", linewidth=1)
    current.set_ylabel("current [A]\n(positive charges)")
    if run.lower is not None and run.upper is not None:
        label = f"{100 * run.level:g} % band" + ("" if run.in_domain else " (outside the trained range)")
        voltage.fill_between(
            time, run.lower, run.upper, color="#56B4E9", alpha=0.35, linewidth=0, label=label
        )
    voltage.plot(time, series.voltage, color="#0072B2", linewidth=1.3, label="reduced-order model")
    if measured is not None:
        label = "measured" if measured.origin == "experiment" else measured.fidelity or "reference"
        known = (measured.time / scale, measured.voltage)
        voltage.plot(*known, color="#D55E00", linewidth=1, ls="--", label=label)
        if measured.has_temperature:
            warm.plot(
                measured.time / scale, measured.temperature - ZERO_DEGC, color="#D55E00", linewidth=1, ls="--"
            )
    if series.status != "completed":
        voltage.axvline(
            series.end_time / scale, color="#222222", linewidth=1, ls=":", label="voltage limit: stopped"
        )
    voltage.set_ylabel("voltage [V]")
    voltage.legend(fontsize="small", frameon=False)
    warm.plot(time, series.temperature - ZERO_DEGC, color="#0072B2", linewidth=1.3)
    warm.set_ylabel("temperature [°C]")
    warm.set_xlabel(f"time [{unit}]")
    for axes in (current, voltage, warm):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#E3E3E3", linewidth=0.6)
        axes.set_axisbelow(True)
    figure.align_ylabels()
    if title:
        current.set_title(title, fontsize=10)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path
