"""Profiles: what they hold, what they refuse, how they are made, scaled, joined and resampled."""

import numpy as np
import pytest

from ionbridge.datasets import Profile
from ionbridge.datasets.profiles import check_scale, check_sign, random_cycle
from ionbridge.exceptions import ConfigurationError, DataError, ShapeError

RAMP = Profile([0.0, 10.0, 20.0], [0.0, -2.0, -2.0])

WRONG = {
    "unsorted": (DataError, "must rise strictly; point 2", dict(time=[0, 2, 1], current=[0, 1, 2])),
    "copy": (DataError, "must rise strictly; point 1", dict(time=[0, 0, 1], current=[0, 1, 2])),
    "lengths": (ShapeError, r"'current' of Profile must have shape", dict(time=[0, 1], current=[1, 2, 3])),
    "nan": (
        DataError,
        "'current' of Profile must be finite; point 1",
        dict(time=[0, 1], current=[1, np.nan]),
    ),
    "single": (DataError, "at least two points", dict(time=[0], current=[1])),
    "celsius": (
        DataError,
        "25 looks like degC: add 273.15",
        dict(time=[0, 1], current=[1, 1], ambient_temperature=25),
    ),
    "matrix": (ShapeError, "'time' of Profile", dict(time=[[0, 1]], current=[1, 1])),
}


@pytest.mark.parametrize(("error", "text", "given"), WRONG.values(), ids=WRONG)
def test_wrong_profiles_are_refused(error, text, given):
    with pytest.raises(error, match=text):
        Profile(**given)


def test_time_starts_at_zero_and_arrays_cannot_be_changed():
    profile = Profile([5.0, 6.0], [1.0, 1.0])
    assert profile.time[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        profile.current[0] = 3


def test_charge_counts_up_when_charging():
    profile = Profile.constant_current(2.0, 3600, period=60)
    assert profile.charge[-1] == pytest.approx(2.0)
    assert Profile.from_c_rate(-1, 2.3, depth=1.0).charge[-1] == pytest.approx(-2.3)


def test_knots_leave_out_what_lies_on_a_line_and_nothing_else():
    assert Profile.constant_current(1.0, 100, period=1).knots()[0].size == 2
    pulses = Profile.pulses(-1.0, n_pulses=3)
    times, values = pulses.knots()
    assert times.size == 2 + 4 * 3
    assert np.allclose(np.interp(pulses.time, times, values), pulses.current)


def test_steps_become_ramps_of_ten_milliseconds():
    profile = Profile.from_steps([1.0, -1.0], [10.0, 10.0], period=5)
    assert np.diff(profile.time).min() == pytest.approx(0.01)
    assert profile.duration == 20
    with pytest.raises(DataError, match="step 2"):
        Profile.from_steps([1.0, -1.0], [10.0, 0.0])


def test_parts_follow_each_other_with_their_temperatures():
    both = RAMP.at_temperature(280.0).followed_by(RAMP.scaled(-1))
    assert both.duration == pytest.approx(40.01)
    assert both.ambient_temperature_at([0.0, 40.0]) == pytest.approx([280.0, 298.15])
    assert both.current[-1] == 2


def test_resampling_keeps_the_ends():
    again = RAMP.resampled(3.0)
    assert again.time[-1] == 20
    assert again.current == pytest.approx(RAMP.current_at(again.time))
    with pytest.raises(ConfigurationError, match="'period'"):
        RAMP.resampled(0)


SCALES = {
    "mA": ("divide by 1000", [0, 3600], [-2300, -2300]),
    "kA": ("multiply by 1000", [0, 3600], [-0.0013, -0.0013]),
    "ms": ("time is in ms", [0, 3_600_000 * 50], [-2.3, -2.3]),
}


@pytest.mark.parametrize(("text", "time", "current"), SCALES.values(), ids=SCALES)
def test_units_off_by_a_thousand_are_refused(text, time, current):
    with pytest.raises(DataError, match=text):
        check_scale(np.array(time, float), np.array(current, float), 2.3, "test")


def test_a_usual_profile_passes_the_check_of_units():
    profile = Profile.from_c_rate(-3, 2.3)
    check_scale(profile.time, profile.current, 2.3, "test")


def test_the_sign_is_judged_by_the_answer_of_the_voltage():
    current = np.tile([0.0, -2.0, -2.0, 0.0, 1.0, 1.0], 4)
    voltage = 3.3 + 0.02 * current
    check_sign(current, voltage, "test")
    with pytest.raises(DataError, match=r"wrong sign.*--sign discharge_positive"):
        check_sign(-current, voltage, "test")
    falling = np.linspace(4.2, 3.0, 50)
    with pytest.raises(DataError, match="positive throughout"):
        check_sign(np.full(50, 2.0), falling, "test")


def test_random_cycles_stay_below_their_peak_and_repeat_with_their_seed():
    one, two = (random_cycle(2.0, 600, peak_c_rate=2.0, random_state=7) for _ in range(2))
    assert np.abs(one.current).max() <= 4.0
    assert one.duration == pytest.approx(600)
    assert (one.current == two.current).all()


def test_refined_divides_long_steps_and_keeps_points():
    profile = Profile(
        np.array([0.0, 4.0, 29.0, 50.0]),
        np.array([1.0, -1.0, 2.0, 2.0]),
        np.array([280.0, 290.0, 300.0, 300.0]),
    )
    fine = profile.refined(10.0)
    assert np.diff(fine.time).max() <= 10.0
    assert set(profile.time.tolist()) <= set(fine.time.tolist())
    assert fine.current == pytest.approx(profile.current_at(fine.time))
    assert fine.ambient_temperature == pytest.approx(profile.ambient_temperature_at(fine.time))
    assert profile.refined(25.0) is profile
    with pytest.raises(ConfigurationError, match="above 0 s"):
        profile.refined(0.0)
