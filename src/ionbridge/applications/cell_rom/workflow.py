"""From files to a model and back, one function a command: train, adapt, simulate, export, evaluate.

The parts are in the other modules of this package; nothing is printed here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ionbridge.applications.cell_rom.adaptation import AdaptationOptions, adapt
from ionbridge.applications.cell_rom.inputs import Sign, cells_of, load_cell, load_series
from ionbridge.applications.cell_rom.results import (
    SeriesErrors,
    TransferVerdict,
    evaluate,
    judge,
    plot_run,
    run_columns,
    stop_reason,
)
from ionbridge.datasets.profiles import CellSeries, read_profile
from ionbridge.exceptions import ConfigurationError
from ionbridge.library import Metric, ModelCard, ModelLibrary
from ionbridge.models.reduced_order import CellROM, ReducedCell, RomRun, train_rom

__all__ = [
    "Evaluation",
    "MadeModel",
    "SimulatedFile",
    "adapt_model",
    "evaluate_model",
    "export_model",
    "simulate_file",
    "train_model",
]

ZERO_DEGC = 273.15
LONGEST_STEP = 10.0
"""Longer steps of a file are divided [s]; as in exported models."""


@dataclass(frozen=True, eq=False)
class MadeModel:
    """A model that was trained or adapted, and what is to be told of it.

    Parameters
    ----------
    rom : the model.
    told : figures by name, with units.
    verdict : whether the source helped; None where that was not asked.
    """

    rom: CellROM
    told: dict[str, Any]
    verdict: TransferVerdict | None = None

    def save(self, name: str, *, parent: str | None = None, overwrite: bool = False) -> ModelCard:
        """Save the model with its card in the library."""
        return ModelLibrary().save(
            self.rom,
            name,
            metrics={
                key.replace("_mV", ""): Metric(value, unit="mV" if "_mV" in key else "")
                for key, value in self.rom.figures.items()
                if np.isfinite(value)
            },
            verdict="" if self.verdict is None else self.verdict.text,
            parent=parent,
            tags=("cell-rom", self.rom.cell.chemistry),
            overwrite=overwrite,
        )


def _require_model(model: Any) -> CellROM:
    if not isinstance(model, CellROM):
        raise ConfigurationError(
            f"this command needs a reduced-order model of a cell; got a {type(model).__name__}. 'ionbridge rom train' "
            "makes one, and 'ionbridge models list --text cell-rom' shows those there are."
        )
    return model


def train_model(
    paths: Sequence[Path],
    *,
    cell_name: str | None = None,
    capacity: float | None = None,
    initial_soc: float | None = None,
    sign: Sign = "charge_positive",
    weight: float | None = None,
    points: int = 200,
    seed: int = 0,
) -> MadeModel:
    """Train a model from generated and measured series.

    Parameters
    ----------
    cell_name : parameter set or BPX file of series that name none.
    capacity, initial_soc, sign : of measured files, as for `load_series`.
    weight : of measured series in one network, simulated ones having 1; None for a level of fidelity
        of their own, see `train_rom`.
    points : of a series that are learned from.

    Raises
    ------
    DataError, ConfigurationError, InsufficientDataError
        As `load_series`, `cells_of` and `train_rom`.
    """
    given = None if cell_name is None else load_cell(cell_name, capacity=capacity)
    series = _series(paths, given, capacity, initial_soc, sign)
    series, cells = cells_of(series, given, cell_name)
    weights = None if weight is None else [weight if s.origin == "experiment" else 1.0 for s in series]
    rom = train_rom(series, cells, weights=weights, max_points=points, random_state=seed)
    told = {
        "cell": rom.cell.name,
        "series": len(series),
        "of them measured": sum(item.origin == "experiment" for item in series),
        "error of the physics alone [mV]": rom.figures.get("rmse_physics_mV"),
        "error on left-out profiles [mV]": rom.figures.get("rmse_out_of_profile_mV"),
    }
    return MadeModel(rom, told)


def _series(
    paths: Sequence[Path], cell: Any, capacity: float | None, initial_soc: float | None, sign: Sign
) -> list[CellSeries]:
    return load_series(
        paths,
        capacity=capacity if capacity is not None or cell is None else cell.capacity,
        cell="" if cell is None else cell.name,
        chemistry="" if cell is None else cell.chemistry,
        sign=sign,
        initial_soc=float("nan") if initial_soc is None else initial_soc,
    )


def adapt_model(
    source: Any,
    paths: Sequence[Path],
    *,
    cell_name: str,
    ocv: Path | None = None,
    hysteresis: float = 0.0,
    capacity: float | None = None,
    initial_soc: float | None = None,
    sign: Sign = "charge_positive",
    strategy: str = "auto",
    epochs: int = 60,
    seed: int = 0,
    judged: bool = True,
    progress: Callable[[str], None] | None = None,
) -> MadeModel:
    """Adapt a model to a few series of another cell.

    Parameters
    ----------
    source : a `CellROM`.
    cell_name : parameter set or BPX file of the target cell.
    ocv, hysteresis, capacity : measured on it, as for `load_cell`.
    strategy : as for `adapt`.
    epochs : of networks on the target.
    judged : whether it is compared with ways that use no source.

    Raises
    ------
    DataError, ConfigurationError, InsufficientDataError, UnknownNameError
        As `load_cell`, `load_series` and `adapt`.
    """
    source = _require_model(source)
    cell = load_cell(cell_name, open_circuit_voltage=ocv, capacity=capacity, hysteresis=hysteresis)
    series = _series(paths, cell, capacity, initial_soc, sign)
    measured = any(item.origin == "experiment" for item in series)
    options = AdaptationOptions(shift_soc=measured, epochs=epochs, random_state=seed)
    rom = adapt(source, cell, series, strategy, options, progress=progress)
    verdict = judge(rom, source, cell, series, options, progress=progress) if judged else None
    told = {
        "cell": rom.cell.name,
        "series": len(series),
        "strategy": rom.strategy,
        "error on left-out profiles [mV]": rom.figures.get("out_of_profile_rmse_mV"),
        **{f"factor on {name.replace('_', ' ')} [-]": value for name, value in rom.factors.items()},
    }
    return MadeModel(rom, told, verdict)


@dataclass(frozen=True, eq=False)
class SimulatedFile:
    """What a model says about a profile of a file.

    Parameters
    ----------
    run : of the model.
    told : summary by name, with units; ``stop_reason`` is empty where the profile ran to its end.
    """

    run: RomRun
    told: dict[str, Any]

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Everything as columns, see `run_columns`."""
        return run_columns(self.run)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the profile lies outside what the model has seen; empty where it does not."""
        return self.run.reasons

    def plot(self, path: Path, title: str = "") -> Path:
        """Draw the run, see `plot_run`."""
        return plot_run(self.run, path, title=title)


def simulate_file(
    model: Any,
    path: Path,
    *,
    initial_soc: float,
    initial_degC: float | None = None,
    ambient_degC: float | None = None,
    sign: Sign = "charge_positive",
    level: float = 0.9,
    stop_at_limits: bool = True,
) -> SimulatedFile:
    """Run the current of a file through a model.

    Parameters
    ----------
    initial_soc : [-]
    initial_degC : temperature of the cell; None takes that around it.
    ambient_degC : around the cell; None takes that of the file, or 25.
    sign : what a positive current does in the file.

    Raises
    ------
    DataError
        If the file is not in order, or the profile leaves the voltage window at once.
    """
    rom = _require_model(model)
    ambient = None if ambient_degC is None else ambient_degC + ZERO_DEGC
    profile = read_profile(path, capacity=rom.cell.capacity, sign=sign, ambient_temperature=ambient)
    profile = profile.refined(LONGEST_STEP)
    run = rom.simulate(
        profile,
        initial_soc,
        initial_temperature=None if initial_degC is None else initial_degC + ZERO_DEGC,
        level=level,
        stop_at_limits=stop_at_limits,
    )
    series = run.series
    told = {
        "profile": profile.name,
        "status": series.status,
        "stop_reason": stop_reason(run, profile.duration, rom.cell.voltage_window),
        "simulated_s": series.duration,
        "lowest_voltage_V": float(series.voltage.min()),
        "highest_voltage_V": float(series.voltage.max()),
        "highest_temperature_degC": float(series.temperature.max()) - ZERO_DEGC,
        "final_soc": float(series.soc[-1]),
        "lowest_plating_margin_V": float(series.states["plating_margin"].min()),
        "level": level if run.lower is not None else None,
        "in_domain": run.in_domain,
    }
    return SimulatedFile(run, told)


def export_model(
    model: Any,
    path: Path,
    *,
    name: str = "",
    card: ModelCard | None = None,
    fmi_version: Literal["2.0", "3.0"] = "2.0",
    binary: bool = True,
    form: Literal["profile", "step"] = "profile",
    precision: Literal["double", "float"] = "double",
    level: float = 0.9,
    checked: bool = True,
) -> dict[str, Any]:
    """Write a model as an FMU (``.fmu``) or an ONNX graph (``.onnx``), and run it against the model.

    Parameters
    ----------
    name : of the exported model.
    card : of the saved model; goes into the file.
    fmi_version, binary : of an FMU, see `write_fmu`.
    form, precision : of an ONNX graph, see `write_onnx_profile` and `write_onnx_step`.
    level : coverage of the voltage band.
    checked : whether the file is run.

    Returns
    -------
    what is to be told, by name; ``largest difference [V]`` where the file was run.

    Raises
    ------
    ConfigurationError
        If the file has another ending, no C compiler is found, or the learned part cannot be exported.
    """
    from ionbridge.applications.cell_rom import export

    rom = _require_model(model)
    if path.suffix not in (".fmu", ".onnx"):
        raise ConfigurationError(f"the file of an export must end in '.fmu' or '.onnx'; got {path.name!r}.")
    details = {} if card is None else {"card": card.to_dict()}
    step = export.step_model(rom, name, level=level, details=details)
    told: dict[str, Any] = {"file": str(path)}
    if path.suffix == ".fmu":
        export.write_fmu(step, path, fmi_version=fmi_version, binary=binary)
        told["format"] = f"FMI {fmi_version} co-simulation" + ("" if binary else ", sources only")
    else:
        write = export.write_onnx_profile if form == "profile" else export.write_onnx_step
        write(step, path, precision=precision)
        told["format"] = f"ONNX, one {form}, {precision} precision"
    told |= {
        "inputs": ", ".join(signal.name for signal in step.inputs),
        "parameters": ", ".join(signal.name for signal in step.parameters),
        "outputs": ", ".join(signal.name for signal in step.outputs),
        "size [kB]": path.stat().st_size / 1e3,
    }
    if checked and (binary or path.suffix == ".onnx"):
        time, inputs = check_profile(rom)
        told["largest difference [V]"] = export.largest_differences(step, path, time, inputs)["voltage_V"]
    return told


def check_profile(rom: CellROM) -> tuple[np.ndarray, np.ndarray]:
    """A profile that exported files are compared on: ten minutes of steps around zero at 1C.

    Returns
    -------
    time, shape (n_points,) [s], and inputs, shape (n_points, 2): current [A] and ambient temperature [K].
    """
    rng = np.random.default_rng(0)
    time = np.concatenate([[0.0], np.cumsum(np.tile([0.5, 1.0, 5.0, 10.0], 36))])
    current = np.repeat(rng.uniform(-1, 1, 37), 4)[: len(time)] * rom.cell.capacity
    warm = 298.15 if rom.trained is None else float(np.clip(298.15, *rom.trained.temperature))
    return time, np.column_stack([current, np.full(len(time), warm)])


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Errors of a model on series that it has not seen.

    Parameters
    ----------
    errors : one a series.
    runs, series : what was simulated and what is known.
    notes : what a reader of the errors must know.
    """

    errors: list[SeriesErrors]
    runs: list[RomRun] = field(default_factory=list)
    series: list[CellSeries] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    @property
    def headers(self) -> list[str]:
        """Headers of `rows`."""
        return [
            "series",
            "points",
            "RMSE [mV]",
            "largest [mV]",
            "temperature RMSE [K]",
            "in the band [-]",
            "in_domain",
            "reasons",
        ]

    @property
    def rows(self) -> list[list[Any]]:
        """One row a series."""
        return [
            [
                e.series,
                e.n_points,
                e.rmse_mV,
                e.largest_mV,
                e.temperature_rmse_K,
                e.coverage,
                "yes" if e.in_domain else "no",
                e.reasons,
            ]
            for e in self.errors
        ]

    @property
    def summary(self) -> dict[str, Any]:
        """Means over the series; None where nothing is known."""

        def mean(values: list[float]) -> float | None:
            known = [value for value in values if np.isfinite(value)]
            return float(np.mean(known)) if known else None

        return {
            "mean RMSE [mV]": mean([e.rmse_mV for e in self.errors]),
            "mean temperature RMSE [K]": mean([e.temperature_rmse_K for e in self.errors]),
            "mean coverage of the band [-]": mean([e.coverage for e in self.errors]),
            "series outside the trained range": sum(not e.in_domain for e in self.errors),
        }

    def plot(self, folder: Path, title: str = "") -> list[Path]:
        """Draw each series beside its simulation to a PNG in `folder`."""
        return [
            plot_run(run, folder / f"{number:03d}.png", measured=known, title=f"{title}: {known.name}")
            for number, (run, known) in enumerate(zip(self.runs, self.series, strict=True), start=1)
        ]


def evaluate_model(
    model: Any,
    paths: Sequence[Path],
    *,
    capacity: float | None = None,
    initial_soc: float | None = None,
    sign: Sign = "charge_positive",
    level: float = 0.9,
) -> Evaluation:
    """Compare a model with series of files and folders.

    Parameters
    ----------
    capacity, initial_soc, sign : of measured files; by default the capacity of the model's cell.

    Raises
    ------
    DataError
        If the series are not in order.
    """
    rom = _require_model(model)
    series = _series(paths, rom.cell, capacity, initial_soc, sign)
    errors, runs = evaluate(rom, series, level=level)
    return Evaluation(errors, runs, series, _other_chemistries(rom.cell, series))


def _other_chemistries(cell: ReducedCell, series: Sequence[CellSeries]) -> tuple[str, ...]:
    others = [known for known in series if known.chemistry and known.chemistry != cell.chemistry]
    if not others or not cell.chemistry:
        return ()
    return (
        f"{len(others)} of {len(series)} series are of {', '.join(sorted({known.chemistry for known in others}))}, the "
        f"model is of {cell.chemistry}: `ionbridge rom adapt` makes a model of the other cell.",
    )
