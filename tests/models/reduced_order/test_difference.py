"""What measured series differ by: learned by state of charge and current, two levels of fidelity in training."""

from dataclasses import replace

import numpy as np
import pytest

from ionbridge.datasets.profiles import CellSeries, Profile
from ionbridge.exceptions import InsufficientDataError
from ionbridge.models.reduced_order import (
    FEATURES,
    CellROM,
    CorrectedByMeasurement,
    MeasuredDifference,
    ReducedCell,
    correction_network,
    make_correction,
    train_rom,
)
from ionbridge.models.state import from_state, to_state
from tests.models.reduced_order.cells import made_up_cell


def rows(rates: tuple[float, ...], n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    features = np.zeros((n * len(rates), len(FEATURES)))
    features[:, FEATURES.index("soc")] = np.tile(np.linspace(1, 0, n), len(rates))
    features[:, FEATURES.index("rate")] = np.repeat(rates, n)
    return features, np.repeat(np.arange(len(rates)), n)


def truth(features: np.ndarray) -> np.ndarray:
    soc, rate = features[:, FEATURES.index("soc")], features[:, FEATURES.index("rate")]
    return 0.01 * np.sin(6 * soc) + (0.008 + 0.01 * soc) * rate


def test_two_rates_tell_of_others() -> None:
    features, groups = rows((-0.1, -2.0))
    found = MeasuredDifference.fit(features, truth(features), groups)
    unseen, _ = rows((-0.5, -1.0, 1.0))
    assert np.abs(found.predict(unseen) - truth(unseen)).max() < 3e-3


def test_nothing_missing_leaves_nothing() -> None:
    features, groups = rows((-0.5, -1.0))
    found = MeasuredDifference.fit(features, np.zeros(len(features)), groups)
    assert np.abs(found.predict(features)).max() < 1e-9


def test_no_rows_are_refused() -> None:
    with pytest.raises(InsufficientDataError, match="at least one measured row"):
        MeasuredDifference.fit(np.zeros((0, len(FEATURES))), np.zeros(0), np.zeros(0, dtype=np.int64))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_correction_is_the_regressor_and_survives_saving(dtype: str) -> None:
    features, groups = rows((-0.1, -2.0))
    difference = MeasuredDifference.fit(features, truth(features), groups)
    limits = np.full(len(FEATURES), -10.0), np.full(len(FEATURES), 10.0)
    regressor = CorrectedByMeasurement(None, *limits, difference)
    again = from_state(to_state(regressor))
    correction = make_correction(again, *limits, dtype)
    assert correction is not None
    found = correction(np.ascontiguousarray(features.T, dtype=dtype))
    assert found.dtype == np.dtype(dtype)
    assert np.abs(found - regressor.predict(features)).max() < 1e-6


def discharged(cell: ReducedCell, rate: float, origin: str, more: float = 0.0) -> CellSeries:
    profile = Profile.constant_current(-rate * cell.capacity, 0.8 * 3600 / rate, period=40.0 / rate)
    run = CellROM(cell).simulate(profile, 0.95, stop_at_limits=False).series
    lower = more * np.asarray(run.current) / cell.capacity
    return replace(run, voltage=run.voltage + lower, origin=origin, states={})  # type: ignore[arg-type]


def test_measured_series_are_a_fidelity_of_their_own() -> None:
    cell = made_up_cell()
    simulated = [discharged(cell, rate, "simulation") for rate in (0.2, 0.5, 1.0, 1.5, 2.0, 3.0)]
    measured = [discharged(cell, rate, "experiment", 0.03) for rate in (0.25, 2.0)]
    network = correction_network(epochs=4, n_folds=2)
    rom = train_rom([*simulated, *measured], {cell.name: cell}, network=network, max_points=40)
    assert isinstance(rom.residual, CorrectedByMeasurement)
    unseen = discharged(cell, 1.0, "experiment", 0.03)
    run = rom.simulate(unseen.profile, 0.95, stop_at_limits=False).series
    assert np.sqrt(np.mean((run.voltage - unseen.voltage) ** 2)) < 0.01
    assert rom.band is not None
    pooled = train_rom(
        [*simulated, *measured], {cell.name: cell}, network=network, max_points=40, weights=[1.0] * 8
    )
    assert not isinstance(pooled.residual, CorrectedByMeasurement)
