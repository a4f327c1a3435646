"""Profiles and series from files: units of headers, signs, and what is wrong with a file."""

import numpy as np
import pytest

from ionbridge.datasets.profiles import drive_cycle, read_cell_series, read_profile
from ionbridge.exceptions import ConfigurationError, DataError, UnknownNameError

TIME = np.arange(0, 600, 10.0)
CURRENT = np.where((TIME // 100) % 2 == 0, -2.0, 0.0)
VOLTAGE = 3.3 + 0.03 * CURRENT


def write(path, **columns):
    lines = [",".join(columns)]
    lines += [",".join(f"{value:.9g}" for value in row) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path


HEADERS = {
    "brackets": {"time [s]": TIME, "current [A]": CURRENT},
    "milli": {"Time [ms]": TIME * 1000, "Current [mA]": CURRENT * 1000},
    "minutes": {"time [min]": TIME / 60, "I [A]": CURRENT},
    "suffixes": {"time_s": TIME, "current_A": CURRENT},
    "round": {"Time (s)": TIME, "Current (A)": CURRENT},
    "slash": {"Elapsed time / s": TIME, "Current / A": CURRENT},
    "bdf": {"Test Time / s": TIME, "Current / A": CURRENT, "Voltage / V": VOLTAGE},
}


@pytest.mark.parametrize("columns", HEADERS.values(), ids=HEADERS)
def test_units_of_headers_are_converted(tmp_path, columns):
    profile = read_profile(write(tmp_path / "a.csv", **columns), capacity=2.0)
    assert profile.time == pytest.approx(TIME, abs=1e-6)
    assert profile.current == pytest.approx(CURRENT)


def test_semicolons_and_decimal_commas_are_understood(tmp_path):
    path = write(tmp_path / "a.csv", **{"time [s]": TIME, "current [A]": CURRENT + 0.5})
    path.write_text(path.read_text().replace(",", ";").replace(".", ","))
    assert read_profile(path).current == pytest.approx(CURRENT + 0.5)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("")
    with pytest.raises(DataError, match="cannot be read"):
        read_profile(path)


def test_c_rates_need_a_capacity(tmp_path):
    path = write(tmp_path / "a.csv", **{"time [s]": TIME, "c_rate [1/h]": CURRENT / 2})
    assert read_profile(path, capacity=2.0).current == pytest.approx(CURRENT)
    with pytest.raises(DataError, match="give the 'capacity'"):
        read_profile(path)


def test_the_temperature_of_the_file_becomes_kelvin(tmp_path):
    path = write(
        tmp_path / "a.csv", **{"time [s]": TIME, "current [A]": CURRENT, "temperature [degC]": TIME * 0 + 5}
    )
    assert read_profile(path).ambient_temperature == pytest.approx(278.15)
    assert read_profile(path, ambient_temperature=300.0).ambient_temperature == 300.0


def test_a_measured_series_has_its_voltage(tmp_path):
    path = write(tmp_path / "a.csv", **{"time [s]": TIME, "current [A]": CURRENT, "voltage [V]": VOLTAGE})
    one = read_cell_series(path, capacity=2.0, initial_soc=0.5, chemistry="LFP")
    assert one.origin == "experiment"
    assert not one.has_temperature
    assert one.voltage == pytest.approx(VOLTAGE)


PROBLEMS = {
    "mA as A": ("divide by 1000", {"time [s]": TIME, "current [A]": CURRENT * 1000}, {"capacity": 2.0}),
    "sign": ("wrong sign", {"time [s]": TIME, "current [A]": -CURRENT, "voltage [V]": VOLTAGE}, {}),
    "unsorted": ("does not rise: row", {"time [s]": TIME[::-1], "current [A]": CURRENT}, {}),
    "no current": ("no column for current", {"time [s]": TIME, "power [W]": CURRENT}, {}),
    "empty cell": (
        "must be a number",
        {"time [s]": TIME, "current [A]": np.where(TIME == 50, np.nan, CURRENT)},
        {},
    ),
}


@pytest.mark.parametrize(("text", "columns", "options"), PROBLEMS.values(), ids=PROBLEMS)
def test_wrong_files_are_refused(tmp_path, text, columns, options):
    with pytest.raises(DataError, match=text):
        read_profile(write(tmp_path / "a.csv", **columns), **options)


def test_a_discharge_counted_positive_is_turned_round_on_request(tmp_path):
    path = write(tmp_path / "a.csv", **{"time [s]": TIME, "current [A]": -CURRENT, "voltage [V]": VOLTAGE})
    assert read_profile(path, sign="discharge_positive").current == pytest.approx(CURRENT)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_profile(tmp_path / "none.csv")


def test_a_series_without_voltage_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", **{"time [s]": TIME, "current [A]": CURRENT})
    with pytest.raises(DataError, match="has no voltage"):
        read_cell_series(path, capacity=2.0)


@pytest.mark.parametrize("name", ["US06", "UDDS", "WLTC", "car_current"])
def test_drive_cycles_are_scaled_and_discharge(data_folder, name):
    profile = drive_cycle(name, 2.0, peak_c_rate=2.0, path=data_folder)
    assert np.abs(profile.current).max() <= 4.0 + 1e-9
    assert np.abs(profile.current).max() > 3.8
    assert name == "car_current" or profile.charge[-1] < 0
    twice = drive_cycle(name, 2.0, peak_c_rate=2.0, n_repeats=2, path=data_folder)
    assert twice.duration == pytest.approx(2 * profile.duration, abs=0.1)


def test_unknown_drive_cycles_and_rates_are_refused(data_folder):
    with pytest.raises(UnknownNameError, match="US06"):
        drive_cycle("US6", 2.0, path=data_folder)
    with pytest.raises(ConfigurationError, match="'peak_c_rate'"):
        drive_cycle("US06", 2.0, peak_c_rate=0, path=data_folder)
    with pytest.raises(DataError, match="capacity"):
        drive_cycle("US06", -1, path=data_folder)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("time [s],current [A]\n0,1\n", "a.csv must have at least two rows"),
        (
            "time [s],current [A]\n0,1\n5,\n",
            "row 3, column 'current .A.' must be a number; got an empty cell",
        ),
        ("time [s],current [furlong]\n0,1\n5,1\n", "a.csv, column 'current .furlong.': cannot convert"),
        ("time [s],current [A],temperature [degC]\n0,1,298\n5,1,298\n", "looks like kelvin"),
        ("PK\0\0", "is not a text file"),
    ],
    ids=["one_row", "empty_cell", "unit", "kelvin", "binary"],
)
def test_files_that_are_not_in_order_name_the_place(tmp_path, text, match):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=match):
        read_profile(path)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_sign_of_a_smooth_current_is_checked(tmp_path, sign):
    current = 2.0 * np.sin(TIME / 60)
    path = write(
        tmp_path / "a.csv",
        **{"time [s]": TIME, "current [A]": sign * current, "voltage [V]": 3.3 + 0.03 * current},
    )
    if sign > 0:
        assert read_profile(path).current == pytest.approx(current)
    else:
        with pytest.raises(DataError, match="falls where the current rises"):
            read_profile(path)
