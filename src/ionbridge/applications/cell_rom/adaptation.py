"""Carrying a reduced-order model to another cell: physics first, then the correction, chosen by profile.

Each way is one row of `STRATEGIES`; the networks and the Gaussian process are those of the transfer room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ionbridge.datasets.profiles import CellSeries
from ionbridge.exceptions import ConfigurationError, InsufficientDataError, UnknownNameError
from ionbridge.models import GaussianProcess
from ionbridge.models.folds import assign_folds
from ionbridge.models.reduced_order import (
    CellROM,
    CorrectedByMeasurement,
    ReducedCell,
    TrainedRange,
    TrainingRows,
    VoltageBand,
    calibrate,
    correction_network,
    fit_difference,
    training_rows,
)
from ionbridge.models.reduced_order.calibration import DEFAULT_FACTORS
from ionbridge.transfer.networks import NetworkTransfer

__all__ = ["STRATEGIES", "Adaptation", "AdaptationOptions", "adapt", "out_of_profile_errors"]

Array = NDArray[np.float64]
Physics = Literal["given", "calibrated", "none", "flat"]
_LEAST_ERROR = 2e-4  # smaller errors are alike [V]
N_BLOCKS = 4  # parts that a single series is cut into, each left out in turn
FEWEST_PROFILES = 3  # that the blocks of one or two series stand for in a voltage band
GP_ROWS = 300
CALIBRATED_SERIES = 8  # evenly spread over those given; more do not sharpen a handful of numbers


@dataclass(frozen=True)
class Adaptation:
    """One way to make a model of the target cell.

    Parameters
    ----------
    description : for tables and help texts.
    physics : the cell's numbers as given, calibrated to the series, without overpotentials
        (``none``), or without any physics (``flat``: the network learns the raw voltage).
    correction : what is learned beyond: nothing, the source's correction as it is, a network from
        scratch, a form of `NetworkTransfer`, or a Gaussian process or a `MeasuredDifference` on top
        of the source's correction.
    needs_series : whether target series are needed at all.
    """

    description: str
    physics: Physics
    correction: str = ""
    needs_series: bool = True

    @property
    def needs_source(self) -> bool:
        """Whether a source model is needed."""
        return self.correction not in ("", "scratch")


STRATEGIES: Mapping[str, Adaptation] = MappingProxyType(
    {
        "physics": Adaptation("the given parameters alone", "given", needs_series=False),
        "zero_shot": Adaptation("the source's correction on the given parameters", "given", "source", False),
        "calibration": Adaptation("a few physical numbers fitted", "calibrated"),
        "calibrated_source": Adaptation(
            "a few numbers fitted, the source's correction kept", "calibrated", "source"
        ),
        "head": Adaptation("calibrated, then the output layer retrained", "calibrated", "head"),
        "adapter": Adaptation(
            "calibrated, then frozen networks with an adapter layer", "calibrated", "adapter"
        ),
        "fine_tuning": Adaptation(
            "calibrated, then all layers, held to the source (L2-SP)", "calibrated", "fine_tuning"
        ),
        "residual_gp": Adaptation(
            "calibrated, source's correction, Gaussian process on the rest", "calibrated", "gp"
        ),
        "measured_difference": Adaptation(
            "source's correction plus a difference by state of charge and current", "given", "difference"
        ),
        "calibrated_scratch": Adaptation("calibrated, then networks without source", "calibrated", "scratch"),
        "scratch": Adaptation(
            "networks on voltage minus own open-circuit voltage, no source", "none", "scratch"
        ),
        "scratch_raw": Adaptation("networks on the raw voltage, no source", "flat", "scratch"),
    }
)
"""Ways to adapt, by name; ``auto`` chooses among those in `AUTO_MEMBERS`."""
AUTO_MEMBERS = (
    "physics",
    "zero_shot",
    "calibration",
    "calibrated_source",
    "measured_difference",
    "head",
    "fine_tuning",
    "calibrated_scratch",
    "scratch",
)


@dataclass(frozen=True)
class AdaptationOptions:
    """Settings shared by all strategies.

    Parameters
    ----------
    factors : physical numbers that calibration fits, see `ionbridge.models.reduced_order.FACTORS`.
    prior_spread : of their logarithms; names left out keep the default.
    shift_soc : whether calibration also fits the state of charge at the start (measured series).
    hysteresis : state at the start of every series, -1 to 1.
    max_points : rows of a series.
    epochs : of the networks on the target.
    random_state : seed.
    """

    factors: tuple[str, ...] = DEFAULT_FACTORS
    prior_spread: Mapping[str, float] | None = None
    shift_soc: bool = False
    hysteresis: float = 0.0
    max_points: int = 200
    epochs: int = 60
    random_state: int = 0


@dataclass(frozen=True, eq=False)
class _SourcePlusGP:
    """The source's correction plus a Gaussian process on what it leaves over."""

    source: Any
    process: GaussianProcess

    def predict(self, X: Array) -> Array:
        base = np.zeros(len(X)) if self.source is None else self.source.predict(X)
        return np.asarray(base + self.process.predict(X))


def adapt(
    source: CellROM | None,
    cell: ReducedCell,
    series: Sequence[CellSeries],
    strategy: str = "auto",
    options: AdaptationOptions | None = None,
    *,
    band: bool = True,
    progress: Callable[[str], None] | None = None,
) -> CellROM:
    """Make a model of `cell` from a source model and a few series.

    Parameters
    ----------
    source : model of another cell; None where only strategies without a source are wanted.
    cell : the target's own open-circuit voltage, capacity and physical numbers.
    series : of the target, simulated or measured.
    strategy : a name of `STRATEGIES`, or ``auto``: the strategy with the smallest error on series
        that were left out, or a simpler one within one standard error of it. With fewer than three
        series only strategies that do not retrain networks are tried.
    band : whether the model gets a voltage band, for which everything is done once more without each
        fold of the series; ``auto`` always has one.
    progress : called with the name of each strategy that is tried.

    Raises
    ------
    UnknownNameError
        If the strategy is not known.
    ConfigurationError
        If it needs a source and there is none.
    InsufficientDataError
        If it needs series and there is none.
    """
    options = AdaptationOptions() if options is None else options
    if strategy == "auto":
        return _choose(source, cell, series, options, progress)
    way = _way(strategy, source, series)
    if progress is not None:
        progress(strategy)
    whole = [np.ones(len(s), dtype=bool) for s in series]
    rom, _ = _adapted(way, strategy, source, cell, series, whole, options)
    if not series or not band:
        return rom
    errors = out_of_profile_errors(source, cell, series, strategy, options)
    return _with_band(rom, *errors, len(series))


def _way(strategy: str, source: CellROM | None, series: Sequence[CellSeries]) -> Adaptation:
    if strategy not in STRATEGIES:
        raise UnknownNameError.for_name(strategy, [*STRATEGIES, "auto"], "strategy of adaptation")
    way = STRATEGIES[strategy]
    if way.needs_source and source is None:
        raise ConfigurationError(
            f"strategy {strategy!r} needs a source model; give one, or use 'calibrated_scratch'."
        )
    if way.needs_series and not series:
        raise InsufficientDataError(
            f"strategy {strategy!r} needs series of the target; without any use 'zero_shot'."
        )
    return way


def _physics(
    way: Adaptation,
    cell: ReducedCell,
    series: Sequence[CellSeries],
    masks: Sequence[NDArray[np.bool_]],
    options: AdaptationOptions,
    known: dict[int, tuple[ReducedCell, dict[str, float], float]],
    fold: int,
) -> tuple[ReducedCell, dict[str, float], float]:
    """Cell of this strategy, its calibrated factors and the shift of the state of charge."""
    if way.physics == "calibrated" and (options.factors or options.shift_soc):
        if fold not in known:
            used = [k for k, mask in enumerate(masks) if mask.any()]
            used = [
                used[i]
                for i in np.unique(np.linspace(0, len(used) - 1, CALIBRATED_SERIES).round().astype(int))
            ]
            found, result = calibrate(
                cell,
                [series[k] for k in used],
                options.factors,
                prior_spread=options.prior_spread or {},
                shift_soc=options.shift_soc,
                hysteresis=options.hysteresis,
                masks=[masks[k] for k in used],
            )
            known[fold] = found, result.factors, result.soc_shift
        return known[fold]
    if way.physics in ("calibrated", "given"):
        return cell, {}, 0.0
    return cell.without_overpotential(flat=way.physics == "flat"), {}, 0.0


def _adapted(
    way: Adaptation,
    name: str,
    source: CellROM | None,
    cell: ReducedCell,
    series: Sequence[CellSeries],
    masks: Sequence[NDArray[np.bool_]],
    options: AdaptationOptions,
    known: dict[int, tuple[ReducedCell, dict[str, float], float]] | None = None,
    fold: int = -1,
) -> tuple[CellROM, TrainingRows | None]:
    """Adapt to the points of `series` that `masks` allow; also return the rows of all points.

    Calibrations are kept in `known` by `fold`: strategies that differ in the correction share them.
    """
    base = source if source is not None and way.needs_source else CellROM(cell)
    if base.cell.name != cell.name:
        base = _without_measured(base)
    if not series:
        return replace(base.for_cell(cell, name), hysteresis=options.hysteresis), None
    found, factors, shift = _physics(way, cell, series, masks, options, {} if known is None else known, fold)
    rows = training_rows(found, series, options.max_points, soc_shift=shift, hysteresis=options.hysteresis)
    used = np.concatenate([masks[k][rows.point[rows.series == k]] for k in range(len(series))])
    X, y, groups = rows.features[used], rows.missing[used], rows.series[used]
    residual = _correction(way, base, X, y, groups, options)
    own = TrainedRange.of(series, cell.capacity)
    rom = CellROM(
        cell=found,
        residual=residual,
        low=X.min(axis=0) if way.correction == "scratch" else np.minimum(X.min(axis=0), base.low),
        high=X.max(axis=0) if way.correction == "scratch" else np.maximum(X.max(axis=0), base.high),
        trained=_joined(own, base.trained if way.needs_source else None),
        strategy=name,
        soc_shift=shift,
        hysteresis=options.hysteresis,
        factors=factors,
    )
    return rom, rows


def _joined(own: TrainedRange, source: TrainedRange | None) -> TrainedRange:
    if source is None:
        return own
    return TrainedRange(
        (min(own.rate[0], source.rate[0]), max(own.rate[1], source.rate[1])),
        (min(own.temperature[0], source.temperature[0]), max(own.temperature[1], source.temperature[1])),
    )


def _correction(
    way: Adaptation, base: CellROM, X: Array, y: Array, groups: NDArray[np.int64], options: AdaptationOptions
) -> Any:
    if way.correction in ("", "source"):
        return base.residual
    if way.correction == "scratch":
        network = correction_network(options.random_state, epochs=4 * options.epochs, n_folds=0)
        return network.fit(X, y)
    base = _without_measured(base)
    if way.correction == "difference":
        return fit_difference(base.residual, base.low, base.high, X, y, groups)
    if way.correction == "gp":
        kept = np.unique(np.linspace(0, len(X) - 1, min(GP_ROWS, len(X))).round().astype(int))
        left = y if base.residual is None else y - base.residual.predict(X)
        return _SourcePlusGP(
            base.residual, GaussianProcess(linear=False).fit(X[kept], left[kept], groups[kept])
        )
    rates = {"head": 0.01, "adapter": 3e-3, "fine_tuning": 2e-3}
    strategy = NetworkTransfer(
        way.correction,  # type: ignore[arg-type]
        hidden=(32, 32),
        activation="relu",
        space="standard",
        n_members=2,
        epochs=options.epochs,
        learning_rate=rates[way.correction],
        batch_size=128,
        anchor_strength=1.0,
        n_folds=0,
        random_state=options.random_state,
    )
    return strategy.fit(X, y, source_model=base.residual)


def _without_measured(rom: CellROM) -> CellROM:
    """The model as its simulations taught it: what was measured on one cell is not passed on."""
    own = rom.residual
    if not isinstance(own, CorrectedByMeasurement):
        return rom
    return replace(rom, residual=own.source, low=own.low, high=own.high)


def _folds(series: Sequence[CellSeries], seed: int) -> list[list[NDArray[np.bool_]]]:
    """For each fold, the points of each series that it leaves out: whole series, or with one or two a block of one."""
    if len(series) >= 3:
        fold = assign_folds(len(series), 5, seed)
        return [[np.full(len(s), fold[k] == f) for k, s in enumerate(series)] for f in range(fold.max() + 1)]
    block = [np.minimum(np.arange(len(s)) * N_BLOCKS // len(s), N_BLOCKS - 1) for s in series]
    return [
        [(b == f) & (k == j) for j, b in enumerate(block)]
        for k in range(len(series))
        for f in range(N_BLOCKS)
    ]


def out_of_profile_errors(
    source: CellROM | None,
    cell: ReducedCell,
    series: Sequence[CellSeries],
    strategy: str,
    options: AdaptationOptions | None = None,
    known: dict[int, tuple[ReducedCell, dict[str, float], float]] | None = None,
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Voltage errors on series (with fewer than three: on blocks) that were left out, each in turn.

    Everything is done anew without them, calibration included (`known` keeps those by fold, for
    the other strategies on the same series).

    Returns
    -------
    error : shape (n_rows,) [V]
    features : shape (n_rows, n_features)
    groups : shape (n_rows,); series or block of each row.
    """
    options = AdaptationOptions() if options is None else options
    way = _way(strategy, source, series)
    errors, features, groups = [], [], []
    for f, left_out in enumerate(_folds(series, options.random_state)):
        rom, rows = _adapted(way, strategy, source, cell, series, [~m for m in left_out], options, known, f)
        assert rows is not None
        out = np.concatenate([left_out[k][rows.point[rows.series == k]] for k in range(len(series))])
        X = rows.features[out]
        correction = rom.stepper().correction
        predicted = 0.0 if correction is None else correction(np.ascontiguousarray(X.T))
        errors.append(rows.missing[out] - predicted)
        features.append(X)
        groups.append(rows.series[out] + (0 if len(series) >= 3 else f * len(series)))
    return np.concatenate(errors), np.concatenate(features), np.concatenate(groups)


def _group_rmse(error: Array, groups: NDArray[np.int64]) -> Array:
    _, member = np.unique(groups, return_inverse=True)
    return np.sqrt(np.bincount(member, error**2) / np.bincount(member))


def _with_band(
    rom: CellROM, error: Array, features: Array, groups: NDArray[np.int64], n_series: int
) -> CellROM:
    rmse = _group_rmse(error, groups)
    return replace(
        rom,
        band=VoltageBand.of_errors(error, features, groups, max(n_series, FEWEST_PROFILES)),
        figures={**rom.figures, "out_of_profile_rmse_mV": 1e3 * float(rmse.mean())},
    )


def _may_choose(way: Adaptation, series: Sequence[CellSeries]) -> bool:
    """Whether the series can vouch for a strategy.

    Parts of one test share temperature and range: they cannot vouch for retrained networks. A
    difference by current needs two measured series.
    """
    if way.correction == "difference":
        return len(series) >= 2 and all(item.origin == "experiment" for item in series)
    return len(series) >= 3 or way.correction in ("", "source")


def _choose(
    source: CellROM | None,
    cell: ReducedCell,
    series: Sequence[CellSeries],
    options: AdaptationOptions,
    progress: Callable[[str], None] | None,
) -> CellROM:
    """The strategy of smallest out-of-profile error; a simpler one (earlier in the list) within one standard error."""
    if not series:
        return adapt(source, cell, series, "zero_shot" if source is not None else "physics", options)
    found: dict[str, tuple[Array, Array, NDArray[np.int64]]] = {}
    known: dict[int, tuple[ReducedCell, dict[str, float], float]] = {}
    for name in AUTO_MEMBERS:
        if not _may_choose(STRATEGIES[name], series):
            continue
        if STRATEGIES[name].needs_source and (source is None or source.residual is None):
            continue
        if progress is not None:
            progress(name)
        found[name] = out_of_profile_errors(source, cell, series, name, options, known)
    # the logarithm keeps one hard series from deciding alone
    rmse = {
        name: np.log(_LEAST_ERROR + _group_rmse(error, groups)) for name, (error, _, groups) in found.items()
    }
    best = min(rmse, key=lambda name: float(rmse[name].mean()))

    def is_as_good(name: str) -> bool:
        difference = rmse[name] - rmse[best]
        spread = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else 0.0
        return bool(difference.mean() <= spread)

    chosen = next(name for name in rmse if is_as_good(name))
    whole = [np.ones(len(s), dtype=bool) for s in series]
    rom, _ = _adapted(STRATEGIES[chosen], f"auto ({chosen})", source, cell, series, whole, options)
    tried = {
        f"out_of_profile_rmse_mV/{name}": 1e3 * float(_group_rmse(error, groups).mean())
        for name, (error, _, groups) in found.items()
    }
    return replace(
        _with_band(rom, *found[chosen], len(series)),
        figures={**tried, "out_of_profile_rmse_mV": tried[f"out_of_profile_rmse_mV/{chosen}"]},
    )
