"""Parameters of cells: every named set, BPX files, and what is wrong with them."""

import copy
import json
import pickle

import numpy as np
import pytest

from ionbridge.datasets import Profile
from ionbridge.exceptions import ConfigurationError, DataError, UnknownNameError

pytest.importorskip("pybamm")

from ionbridge.physics.cells import CELL_SETS, CHEMISTRIES, cell_parameters, parameter_values, simulate

# chemistry, nominal capacity [Ah], lower and upper voltage [V]
KNOWN = {
    "Ai2020": ("LCO", 2.28, (3.0, 4.2)),
    "Marquis2019": ("LCO", 0.680616, (3.105, 4.1)),
    "Prada2013": ("LFP", 2.3, (2.0, 3.6)),
    "Chen2020": ("NMC", 5.0, (2.5, 4.2)),
    "OKane2022": ("NMC", 5.0, (2.5, 4.2)),
    "NCA_Kim2011": ("NCA", 0.43, (2.7, 4.2)),
    "Chayambuka2022": ("Na-ion", 0.003, (2.0, 4.2)),
}


@pytest.mark.parametrize(("name", "known"), KNOWN.items(), ids=KNOWN)
def test_named_sets_are_read(name, known):
    cell = cell_parameters(name)
    assert (cell.chemistry, cell.nominal_capacity, cell.voltage_window) == known
    assert cell.negative.capacity == pytest.approx(cell.positive.capacity, rel=1e-3)
    assert 0.8 < cell.capacity / cell.nominal_capacity < 1.4
    assert cell.citations
    for electrode in (cell.negative, cell.positive):
        for sampled in ("ocp", "entropic_change", "diffusivity", "exchange_current_density"):
            values = getattr(electrode, sampled)
            assert values.shape == electrode.stoichiometry.shape
            assert np.isfinite(values).all()
        assert (electrode.diffusivity > 0).all()
        assert electrode.particle_radius < 2e-5


@pytest.mark.parametrize("name", KNOWN)
def test_the_voltage_at_rest_meets_the_limits(name):
    cell = cell_parameters(name)
    assert cell.open_circuit_voltage([0.0, 1.0]) == pytest.approx(cell.voltage_window, abs=1e-3)


def test_names_of_chemistries_lead_to_sets():
    assert set(CHEMISTRIES.values()) <= set(CELL_SETS) == set(KNOWN)
    assert cell_parameters("lfp") is cell_parameters("Prada2013")
    with pytest.raises(UnknownNameError, match="Prada2013"):
        cell_parameters("Prada2014")


def test_what_is_added_to_a_set_has_its_source():
    cell = cell_parameters("LFP")
    assert {item.basis for item in cell.constants} == {"published", "assumed"}
    assert all(item.reference.text and item.where for item in cell.constants)
    assert cell.thermal.heat_capacity == pytest.approx(77.7, abs=0.1)


def test_a_set_without_thermal_parameters_is_isothermal_only():
    cell = cell_parameters("Na-ion")
    profile = Profile.from_c_rate(-1, cell.nominal_capacity, n_points=50)
    with pytest.raises(ConfigurationError, match="pass thermal='isothermal'"):
        simulate(cell, profile, "SPM")
    assert simulate(cell, profile, "SPM", thermal="isothermal", states=(), initial_soc=0.9).voltage[0] > 3.5


def test_parameters_travel_by_their_origin():
    cell = cell_parameters("LFP", positive_particle_radius=2.0, negative_thickness=1.1)
    again = pickle.loads(pickle.dumps(cell))
    assert again == cell
    assert hash(again) == hash(cell)
    assert cell != cell_parameters("LFP")
    assert len(pickle.dumps(cell)) < 1000
    assert cell.positive.particle_radius == pytest.approx(2 * cell_parameters("LFP").positive.particle_radius)


def test_changes_outside_their_limits_are_refused():
    with pytest.raises(ConfigurationError, match=r"'negative_thickness' .* must be 0.2 to 5"):
        cell_parameters("LFP", negative_thickness=50)


def test_the_values_of_pybamm_are_a_copy():
    values = parameter_values(cell_parameters("LFP"))
    values["Nominal cell capacity [A.h]"] = 99
    assert parameter_values(cell_parameters("LFP"))["Nominal cell capacity [A.h]"] == 2.3


ELECTRODE = {
    "Particle radius [m]": 4e-6,
    "Thickness [m]": 5.6e-5,
    "Diffusivity [m2.s-1]": 2.7e-14,
    "Diffusivity activation energy [J.mol-1]": 20000.0,
    "OCP [V]": "9.47 * exp(-81.4 * x) + 0.2 - 0.05 * x",
    "Conductivity [S.m-1]": 7.5,
    "Surface area per unit volume [m-1]": 4.9e5,
    "Porosity": 0.25,
    "Transport efficiency": 0.125,
    "Reaction rate constant [mol.m-2.s-1]": 5e-6,
    "Reaction rate constant activation energy [J.mol-1]": 55000.0,
    "Minimum stoichiometry": 0.01,
    "Maximum stoichiometry": 0.8,
    "Maximum concentration [mol.m-3]": 29730.0,
}
BPX = {
    "Header": {"BPX": "1.1.0", "Title": "cell of a test", "Model": "DFN"},
    "Parameterisation": {
        "Cell": {
            "Reference temperature [K]": 298.15,
            "External surface area [m2]": 0.0378,
            "Volume [m3]": 1.27e-4,
            "Number of electrode pairs connected in parallel to make a cell": 34,
            "Electrode area [m2]": 0.016808,
            "Nominal cell capacity [A.h]": 12.0,
            "Lower voltage cut-off [V]": 2.7,
            "Upper voltage cut-off [V]": 4.2,
            "Density [kg.m-3]": 1847.0,
            "Specific heat capacity [J.K-1.kg-1]": 913.0,
        },
        "Electrolyte": {
            "Cation transference number": 0.26,
            "Conductivity [S.m-1]": 1.0,
            "Diffusivity [m2.s-1]": 3e-10,
        },
        "Negative electrode": ELECTRODE,
        "Positive electrode": {
            **ELECTRODE,
            "OCP [V]": "4.35 - 0.85 * x",
            "Minimum stoichiometry": 0.3,
            "Maximum stoichiometry": 0.95,
            "Maximum concentration [mol.m-3]": 46200.0,
            "Thickness [m]": 5.2e-5,
        },
        "Separator": {"Thickness [m]": 2e-5, "Porosity": 0.47, "Transport efficiency": 0.32},
    },
}


def written(tmp_path, content):
    path = tmp_path / "cell.json"
    path.write_text(json.dumps(content))
    return path


def test_a_bpx_file_is_a_cell(tmp_path):
    cell = cell_parameters(written(tmp_path, BPX))
    assert cell.name == "cell"
    assert cell.nominal_capacity == 12.0
    assert cell.voltage_window == (2.7, 4.2)
    assert cell.thermal.heat_capacity == pytest.approx(1847 * 913 * 1.27e-4)
    series = simulate(
        cell,
        Profile.from_c_rate(-1, 12.0, n_points=60),
        "SPM",
        states=(),
        thermal="isothermal",
        initial_soc=0.9,
    )
    assert series.voltage[0] > series.voltage[-1] > 2.7
    assert series.chemistry == ""
    assert "entropic change" in cell.notes[0]


def without(*place):
    content = copy.deepcopy(BPX)
    part = content
    for key in place[:-1]:
        part = part[key]
    del part[place[-1]]
    return content


MISSING = {
    "field": (
        without("Parameterisation", "Negative electrode", "Porosity"),
        "missing: .*Negative electrode.*Porosity",
    ),
    "part": (without("Parameterisation", "Separator"), "missing: .*Separator"),
    "header": (without("Header"), "no 'Header'"),
}


@pytest.mark.parametrize(("content", "text"), MISSING.values(), ids=MISSING)
def test_what_a_bpx_file_lacks_is_named(tmp_path, content, text):
    with pytest.raises(DataError, match=text):
        cell_parameters(written(tmp_path, content))


def test_a_bpx_file_must_be_there_and_json(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        cell_parameters(tmp_path / "none.json")
    path = tmp_path / "bad.json"
    path.write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        cell_parameters(path)
