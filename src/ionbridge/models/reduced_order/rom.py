"""`CellROM`: a reduced cell with a learned correction, ready to run profiles.

The step is `stepping.py`, physical numbers are `cell.py`; adapting a model to another cell is the
cell-ROM application on top of the transfer room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.profiles import CellSeries, Profile, check_scale
from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError
from ionbridge.execution import one_thread
from ionbridge.models.network import NetworkRegressor
from ionbridge.models.reduced_order.bands import TrainedRange, VoltageBand
from ionbridge.models.reduced_order.calibration import counted_points, initial_socs
from ionbridge.models.reduced_order.cell import ReducedCell
from ionbridge.models.reduced_order.correction import make_correction
from ionbridge.models.reduced_order.difference import fit_difference
from ionbridge.models.reduced_order.rollout import Batch, forced, rollout
from ionbridge.models.reduced_order.stepping import FEATURES, Stepper

__all__ = ["CellROM", "RomRun", "TrainingRows", "correction_network", "train_rom", "training_rows"]

Array = NDArray[np.floating[Any]]
_KEPT = ("voltage", "negative_surface_soc", "positive_surface_soc", "soc", "negative_potential", "features")


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Points of series as rows for a correction.

    Parameters
    ----------
    features : shape (n_rows, n_features), see `FEATURES`.
    missing : shape (n_rows,) [V]; measured voltage minus the physical one.
    voltage : shape (n_rows,) [V]; measured.
    series, point : shape (n_rows,); where each row comes from.
    """

    features: Array
    missing: Array
    voltage: Array
    series: NDArray[np.int64]
    point: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.missing)


def training_rows(
    cell: ReducedCell,
    series: Sequence[CellSeries],
    max_points: int = 200,
    *,
    soc_shift: float = 0.0,
    hysteresis: float = 0.0,
    weights: Sequence[float] | None = None,
) -> TrainingRows:
    """What physics leaves over at some points of each series, states following the known temperatures.

    Parameters
    ----------
    max_points : rows of a series, evenly spread over its settled points.
    soc_shift : added to the state of charge at the start [-].
    hysteresis : state at the start, -1 to 1.
    weights : of each series; one of weight 2 gives twice the rows.

    Raises
    ------
    InsufficientDataError
        If there is no series.
    """
    if not series:
        raise InsufficientDataError("training needs at least one series; got none.")
    stepper, parts = Stepper(cell), []
    socs = initial_socs(cell, series) + soc_shift
    counts = (
        [max_points] * len(series) if weights is None else [max(2, round(max_points * w)) for w in weights]
    )
    order = np.argsort([len(s) for s in series])
    for chunk in np.array_split(order, -(-len(order) // 16)):  # series of similar length side by side
        group = [series[k] for k in chunk]
        batch = Batch.of(group, cell.capacity)
        temperature = np.stack(
            [np.pad(s.temperature, (0, len(batch.dt) - len(s)), mode="edge") for s in group], axis=1
        )
        states = forced(stepper, batch, socs[chunk], temperature, hysteresis)
        for place, k in enumerate(chunk):
            point = counted_points(series[k], counts[k])
            out = stepper.outputs(states[:, point, place], batch.rate[point, place])
            missing = series[k].voltage[point] - out.physical_voltage
            parts.append((k, out.features.T, missing, series[k].voltage[point], point))
    parts.sort(key=lambda part: int(part[0]))
    return TrainingRows(
        np.concatenate([p[1] for p in parts]),
        np.concatenate([p[2] for p in parts]),
        np.concatenate([p[3] for p in parts]),
        np.concatenate([np.full(len(p[2]), p[0], dtype=np.int64) for p in parts]),
        np.concatenate([p[4] for p in parts]),
    )


@dataclass(frozen=True, eq=False)
class RomRun:
    """What a model says about one profile.

    Parameters
    ----------
    series : voltage, temperature and states; ends where a voltage limit stopped it.
    lower, upper : shape (n_points,) [V]; band at `level`, None where the model has none.
    level : nominal coverage.
    in_domain : whether currents and temperatures are those the model has seen; bands are not to
        be believed where they are not.
    reasons : why not.
    """

    series: CellSeries
    lower: Array | None
    upper: Array | None
    level: float
    in_domain: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class CellROM:
    """A reduced-order model of one cell.

    Parameters
    ----------
    cell : its physical numbers.
    residual : fitted regressor or strategy that gives the correction [V] from `FEATURES`; None for none.
    low, high : shape (n_features,); what the correction has seen.
    trained : range of currents and temperatures.
    band : of the voltage, from out-of-profile errors; None where there are none.
    strategy : how it was made, for cards and tables.
    soc_shift : found by calibration, added to the state of charge at the start [-].
    hysteresis : state of the hysteresis at the start, -1 (discharged into) to 1 (charged into).
    factors : calibrated factors on the physical numbers, for the card.
    figures : out-of-profile errors and the like, for the card.
    """

    cell: ReducedCell
    residual: Any = None
    low: Array = field(default_factory=lambda: np.full(len(FEATURES), -np.inf))
    high: Array = field(default_factory=lambda: np.full(len(FEATURES), np.inf))
    trained: TrainedRange | None = None
    band: VoltageBand | None = None
    strategy: str = "physics"
    soc_shift: float = 0.0
    hysteresis: float = 0.0
    factors: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)

    def stepper(self, dtype: DTypeLike = np.float64) -> Stepper:
        """The step function; `Stepper.step_arrays` and its `correction.layers` hold all its numbers."""
        return Stepper(self.cell, make_correction(self.residual, self.low, self.high, dtype), dtype)

    @property
    def target_domain_(self) -> Domain:
        """The cell that the model is of, for its card."""
        return Domain(self.cell.name, chemistry=self.cell.chemistry)

    def for_cell(self, cell: ReducedCell, strategy: str = "zero_shot") -> CellROM:
        """The same correction on another cell; what was measured on the old cell is dropped."""
        return replace(self, cell=cell, strategy=strategy, band=None, soc_shift=0.0, factors={}, figures={})

    def simulate(
        self,
        profile: Profile,
        initial_soc: float = 1.0,
        *,
        initial_temperature: float | None = None,
        level: float = 0.9,
        stop_at_limits: bool = True,
    ) -> RomRun:
        """Run one profile from rest; see `simulate_many`."""
        temperatures = None if initial_temperature is None else [initial_temperature]
        return self.simulate_many(
            [profile],
            [initial_soc],
            initial_temperatures=temperatures,
            level=level,
            stop_at_limits=stop_at_limits,
        )[0]

    def simulate_many(
        self,
        profiles: Sequence[Profile],
        initial_soc: ArrayLike = 1.0,
        *,
        initial_temperatures: ArrayLike | None = None,
        level: float = 0.9,
        stop_at_limits: bool = True,
    ) -> list[RomRun]:
        """Run profiles side by side from rest.

        Parameters
        ----------
        initial_soc : one for all, or one a profile [-].
        initial_temperatures : of the cell [K], one a profile; None for those around it.
        level : nominal coverage of the band.
        stop_at_limits : end where the voltage leaves the cell's window, as the status of the series says.

        Raises
        ------
        DataError
            If a current or time is off by 1000, or a profile leaves the voltage window at once.
        ConfigurationError
            If a state of charge is not between 0 and 1.
        """
        soc = self._checked(profiles, initial_soc)
        batch = Batch.of(profiles, self.cell.capacity)
        start = (
            batch.ambient[0]
            if initial_temperatures is None
            else np.asarray(initial_temperatures, dtype=float)
        )
        stepper = self.stepper()
        with one_thread(), np.errstate(over="ignore"):
            kept = rollout(stepper, batch, soc + self.soc_shift, start, self.hysteresis, _KEPT)
        return [self._run(p, k, kept, float(soc[k]), level, stop_at_limits) for k, p in enumerate(profiles)]

    def voltages(
        self,
        profiles: Sequence[Profile],
        initial_soc: ArrayLike = 1.0,
        dtype: DTypeLike = np.float32,
        tolerance: float = 0.1,
    ) -> tuple[Array, Array, NDArray[np.int64]]:
        """Voltage and temperature alone, as fast as possible, without stopping at the voltage limits.

        Parameters
        ----------
        dtype : of the computation.
        tolerance : of the temperature under which a voltage is taken, see `rollout` [K].

        Returns
        -------
        voltage [V] and temperature [K], each of shape (n_points, n_profiles), and real points of
        each profile (n_profiles,); beyond them values repeat the end.
        """
        soc = self._checked(profiles, initial_soc)
        batch = Batch.of(profiles, self.cell.capacity)
        with one_thread(), np.errstate(over="ignore"):
            kept = rollout(
                self.stepper(dtype),
                batch,
                soc + self.soc_shift,
                batch.ambient[0],
                self.hysteresis,
                tolerance=tolerance,
            )
        return kept["voltage"], kept["temperature"], batch.n_points

    def _checked(self, profiles: Sequence[Profile], initial_soc: ArrayLike) -> Array:
        if not profiles:
            raise InsufficientDataError("a reduced-order model needs at least one profile to run; got none.")
        soc = np.broadcast_to(np.asarray(initial_soc, dtype=float), (len(profiles),)).copy()
        if not ((soc >= 0) & (soc <= 1)).all():
            bad = float(soc[~((soc >= 0) & (soc <= 1))][0])
            hint = " State of charge is a fraction, not percent." if 1 < bad <= 100 else ""
            raise ConfigurationError(f"'initial_soc' must be 0 to 1; got {bad:g}.{hint}")
        for profile in profiles:
            check_scale(profile.time, profile.current, self.cell.capacity, f"profile {profile.name!r}")
        return soc

    def _run(
        self, profile: Profile, k: int, kept: Mapping[str, Array], soc: float, level: float, stops: bool
    ) -> RomRun:
        n = len(profile.time)
        voltage = np.asarray(kept["voltage"][:n, k], dtype=float)
        low, high = self.cell.voltage_window
        status = "completed"
        outside = np.flatnonzero(~((voltage >= low) & (voltage <= high)))
        if stops and len(outside):
            n, status = int(outside[0]), "lower_voltage_limit"
            status = "upper_voltage_limit" if voltage[outside[0]] > high else status
        if n < 2:
            raise DataError(
                f"profile {profile.name!r} takes the cell out of its voltage window ({low:g} to {high:g} V) at once: "
                f"{voltage[n]:.3f} V at its {('first', 'second')[n]} point, after {profile.time[n]:g} s. Start from another state of charge, or lower the current."
            )
        end = float(profile.time[n] if status != "completed" else profile.time[n - 1])
        temperature = np.asarray(kept["temperature"][:n, k], dtype=float)
        ambient = profile.ambient_temperature
        features = kept["features"][:, :n, k].T
        reasons = (
            () if self.trained is None else self.trained.reasons(profile, self.cell.capacity, temperature)
        )
        series = CellSeries(
            time=profile.time[:n],
            current=profile.current[:n],
            voltage=voltage[:n],
            temperature=temperature,
            ambient_temperature=ambient[:n] if isinstance(ambient, np.ndarray) else ambient,
            states={name: np.asarray(v, dtype=float) for name, v in self._states(kept, n, k).items()},
            origin="simulation",
            fidelity="ROM",
            initial_soc=soc,
            capacity=self.cell.capacity,
            cell=self.cell.name,
            chemistry=self.cell.chemistry,
            name=profile.name,
            status=status,  # type: ignore[arg-type]
            end_time=end,
            flags=reasons,
            provenance=Provenance(source=f"reduced-order model of {self.cell.name} ({self.strategy})"),
        )
        half = None if self.band is None else self.band.half_width(np.asarray(features, dtype=float), level)
        return RomRun(
            series,
            None if half is None else series.voltage - half,
            None if half is None else series.voltage + half,
            level,
            not reasons,
            reasons,
        )

    def _states(self, kept: Mapping[str, Array], n: int, k: int) -> dict[str, Array]:
        states = {"plating_margin": kept["negative_potential"][:n, k]}
        for side in ("negative", "positive"):
            table = getattr(self.cell, side)
            states[f"{side}_stoichiometry"] = table.stoichiometry(kept["soc"][:n, k])
            states[f"{side}_surface_stoichiometry"] = table.stoichiometry(kept[f"{side}_surface_soc"][:n, k])
        return states


def correction_network(random_state: int = 0, **settings: Any) -> NetworkRegressor:
    """The network that corrections are made of by default: small and cheap, two members."""
    chosen: dict[str, Any] = {
        "hidden": (32, 32),
        "activation": "relu",
        "space": "standard",
        "epochs": 60,
        "batch_size": 256,
        "learning_rate": 5e-3,
        "weight_decay": 1e-4,
        "n_members": 2,
        "n_folds": 0,
    }
    return NetworkRegressor(random_state=random_state, **(chosen | settings))


def train_rom(
    series: Sequence[CellSeries],
    cells: Mapping[str, ReducedCell],
    *,
    network: NetworkRegressor | None = None,
    max_points: int = 200,
    weights: Sequence[float] | None = None,
    n_folds: int = 5,
    random_state: int = 0,
) -> CellROM:
    """Train a correction on series of one or several cells, simulated, measured or both.

    Parameters
    ----------
    series : each names its cell.
    cells : physical numbers by the name of the cell; the first is the cell of the model.
    network : that learns; `correction_network` by default. Its folds are whole series.
    max_points : rows of a series.
    weights : of each series, by which trusted (measured) ones count more, all in one network. With
        None, measured series among simulated ones are a higher level of fidelity: the network learns
        the simulations, and a `MeasuredDifference` what the measured ones differ by.
    n_folds : of the series, for the voltage band.

    Raises
    ------
    InsufficientDataError
        If there are fewer than 2 series.
    DataError
        If a series is of a cell that `cells` does not name.
    """
    if len(series) < 2:
        raise InsufficientDataError(f"train_rom needs at least 2 series; got {len(series)}.")
    missing = sorted({s.cell for s in series} - set(cells))
    if missing:
        raise DataError(
            f"'cells' of train_rom must name the cell of every series; {missing} are not in {list(cells)}."
        )
    is_measured = np.array([item.origin == "experiment" for item in series])
    parts, first = [], next(iter(cells.values()))
    for name, cell in cells.items():
        own = [k for k, s in enumerate(series) if s.cell == name]
        if own:
            chosen = None if weights is None else [weights[k] for k in own]
            parts.append((own, training_rows(cell, [series[k] for k in own], max_points, weights=chosen)))
    features = np.concatenate([rows.features for _, rows in parts])
    left = np.concatenate([rows.missing for _, rows in parts])
    groups = np.concatenate([np.asarray(own)[rows.series] for own, rows in parts])
    measured = is_measured[groups]
    # two levels of fidelity: the network learns the lower one, and the measured series what differs
    has_levels = weights is None and is_measured.any() and (~is_measured).sum() >= 2
    used = ~measured if has_levels else np.ones(len(left), dtype=bool)
    regressor = correction_network(random_state, n_folds=n_folds) if network is None else network
    regressor.fit(features[used], left[used], groups[used])
    low, high = features[used].min(axis=0), features[used].max(axis=0)
    error = np.full(len(left), np.nan)
    error[used] = left[used] - regressor.out_of_fold_
    residual: Any = regressor
    figures = {"rmse_physics_mV": 1e3 * float(np.sqrt(np.mean(left**2)))}
    if has_levels:
        residual = fit_difference(regressor, low, high, features[measured], left[measured], groups[measured])
        error[measured] = _measured_errors(
            regressor, low, high, features[measured], left[measured], groups[measured]
        )
    known, band = np.isfinite(error), None
    judged = known & measured if (known & measured).any() else known
    if judged.any() and known[used].all():
        band = VoltageBand.of_errors(error[judged], features[judged], groups[judged])
        figures["rmse_out_of_profile_mV"] = 1e3 * float(np.sqrt(np.mean(error[judged] ** 2)))
    return CellROM(
        cell=first,
        residual=residual,
        low=features.min(axis=0),
        high=features.max(axis=0),
        trained=_trained_range(series, cells),
        band=band,
        strategy="source",
        figures=figures,
    )


def _measured_errors(
    source: Any, low: Array, high: Array, features: Array, missing: Array, groups: NDArray[np.int64]
) -> Array:
    """Errors on each measured series, the difference learned from the others, (n_rows,) [V]; NaN for a single one."""
    error = np.full(len(missing), np.nan)
    for out in (groups == g for g in np.unique(groups)):
        if not out.all():
            found = fit_difference(source, low, high, features[~out], missing[~out], groups[~out])
            error[out] = missing[out] - found.predict(features[out])
    return error


def _trained_range(series: Sequence[CellSeries], cells: Mapping[str, ReducedCell]) -> TrainedRange:
    ranges = [TrainedRange.of([s], cells[s.cell].capacity) for s in series]
    return TrainedRange(
        (min(r.rate[0] for r in ranges), max(r.rate[1] for r in ranges)),
        (min(r.temperature[0] for r in ranges), max(r.temperature[1] for r in ranges)),
    )
