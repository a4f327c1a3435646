"""Readers of published series: counts, signs, capacities and curves at rest against the files' own figures."""

import numpy as np
import pytest

from ionbridge.datasets.profiles import (
    check_scale,
    check_sign,
    open_circuit_from_rests,
    open_circuit_from_slow,
)
from ionbridge.datasets.readers.profiles import (
    read_a123_lfp_esc,
    read_dmegc_nmc,
    read_enertech_lco,
    read_nasa_rw26,
)
from ionbridge.exceptions import ConfigurationError

# reader, options, number of series, chemistry, lowest and highest capacity [Ah]
SETS = {
    "a123": (read_a123_lfp_esc, {"temperatures_degC": [-25, 25]}, 2, "LFP", (2.0, 2.1)),
    "enertech": (read_enertech_lco, {}, 4, "LCO", (2.3, 2.4)),
    "dmegc": (read_dmegc_nmc, {"tests": ["ocv", "ref", "random_walk"], "cells": [2]}, 52, "NMC", (2.7, 2.8)),
    "nasa": (read_nasa_rw26, {"parts": ("reference", "random_walk"), "max_series": 3}, 6, "", (2.0, 2.2)),
}


@pytest.mark.parametrize(("reader", "options", "n_series", "chemistry", "capacity"), SETS.values(), ids=SETS)
def test_published_series_are_read(data_folder, reader, options, n_series, chemistry, capacity):
    found = reader(data_folder, **options)
    assert len(found) == n_series
    for item in found:
        assert item.origin == "experiment"
        assert item.chemistry == chemistry
        assert capacity[0] < item.capacity < capacity[1]
        assert item.provenance.licence
        assert item.provenance.citation
        assert -0.01 < item.soc.min() <= item.soc.max() < 1.01
        check_scale(item.time, item.current, item.capacity, item.name)
        check_sign(item.current, item.voltage, item.name)


def test_a_slow_discharge_ends_the_test_of_the_lfp_cell(data_folder):
    dynamic, discharge, charge = read_a123_lfp_esc(
        data_folder, temperatures_degC=[25], parts=("dynamic", "discharge", "charge")
    )
    assert dynamic.soc[-1] == pytest.approx(discharge.initial_soc, abs=0.015)  # counters against 1 s samples
    assert discharge.soc[-1] == pytest.approx(0.0, abs=0.01)
    assert charge.total_charge > 1.9
    curve = open_circuit_from_rests(dynamic)
    assert curve.direction == "discharge"
    assert curve.at(0.5) == pytest.approx(3.295, abs=0.005)


def test_curves_at_rest_of_the_slow_discharges(data_folder):
    lco = open_circuit_from_slow(read_enertech_lco(data_folder)[0])
    assert lco.at([0.0, 1.0]) == pytest.approx([3.0, 4.18], abs=0.01)
    nmc = open_circuit_from_slow(read_dmegc_nmc(data_folder, tests=["ocv"], cells=[1])[0])
    assert np.all(np.diff(nmc.voltage) > -0.002)


def test_only_measured_temperatures_count_as_measured(data_folder):
    found = read_enertech_lco(data_folder, period=20.0)
    assert [item.has_temperature for item in found] == [False, True, True, True]
    assert found[3].temperature.max() > 305


WRONG = {
    "temperature": (read_a123_lfp_esc, {"temperatures_degC": [20]}, "no test at 20 degC"),
    "part": (read_a123_lfp_esc, {"parts": ["all"]}, "'parts' may hold"),
    "test": (read_dmegc_nmc, {"tests": ["1C"]}, "'tests' may hold"),
    "cell": (read_dmegc_nmc, {"cells": [5]}, "'cells' may hold"),
    "nasa": (read_nasa_rw26, {"parts": ("rest",)}, "'parts' may hold"),
}


@pytest.mark.parametrize(("reader", "options", "text"), WRONG.values(), ids=WRONG)
def test_what_is_not_there_is_refused(data_folder, reader, options, text):
    with pytest.raises(ConfigurationError, match=text):
        reader(data_folder, **options)
