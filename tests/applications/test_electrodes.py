"""The named tasks of electrode manufacturing and the embedded tables."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ionbridge.applications.electrodes import (
    ElectrodeTask,
    available_tasks,
    data_folder,
    demo_tables,
    load_task,
    task_names,
)
from ionbridge.exceptions import DataError, UnknownNameError

PROJECT = Path(__file__).parents[2]
MEASURED = [name for name in task_names() if not name.startswith("line_")]
SIMULATED = [name for name in task_names() if name.startswith("line_")]

needs_data = pytest.mark.skipif(
    data_folder() is None, reason="needs the public data sets: set IONBRIDGE_DATA to their folder"
)


@pytest.mark.parametrize("name", [*SIMULATED, *(pytest.param(n, marks=needs_data) for n in MEASURED)])
def test_every_task_is_complete(name):
    task = load_task(name)
    assert task.name == name
    assert task.citation
    assert task.assumptions
    assert task.shared_inputs
    assert task.output not in task.inputs
    rows = task.target.complete([*task.inputs, task.output], on_missing="drop")
    assert len(rows) >= 14
    sources = task.source.complete([*task.shared_inputs, task.output], on_missing="drop")
    assert len(sources) >= 18
    assert np.all(rows.column(task.output) > 0)
    if task.group:
        assert task.target.frame[task.group].nunique() >= 10


@pytest.mark.parametrize(
    ("name", "n_source", "n_target"),
    [
        ("drakopoulos_active_mass", 143, 108),
        ("wmg_graphite_to_nmc622", 30, 18),
        ("nmc622_warwick_to_wmg", 18, 18),
        ("artistic_simulation_to_experiment", 440, 14),
        pytest.param("line_nmc_density", 235, 63, id="line_nmc_density"),
    ],
)
@needs_data
def test_rows(name, n_source, n_target):
    task = load_task(name)
    assert (len(task.source), len(task.target)) == (n_source, n_target)


@needs_data
def test_historical_porosity_follows_the_geometry_of_the_reported_one():
    task = load_task("drakopoulos_porosity")
    frame = task.target.frame
    volumes = {"active_material_fraction": 2.26, "cmc_fraction": 1.6, "sbr_fraction": 1.0}
    volumes["conductive_additive_fraction"] = 1.9
    solid = sum(frame[name] / rho for name, rho in volumes.items()) / 100
    mass = frame["active_mass"] * 100 / frame["active_material_fraction"]
    porosity = 1 - mass * solid / (0.1 * 1.7276 * (frame["electrode_thickness"] - 7.71))
    assert np.abs(porosity - frame["porosity"]).max() < 0.03
    assert task.source.frame["porosity"].between(0.05, 0.65).all()


@needs_data
def test_simulated_porosity_is_in_the_range_of_the_measured_one():
    task = load_task("artistic_simulation_to_experiment")
    simulated, measured = task.source.column(task.output), task.target.column(task.output)
    assert 0.2 < simulated.min() < simulated.max() < 0.4
    assert abs(np.median(simulated) - np.median(measured)) < 0.03
    assert np.corrcoef(task.source.column("roll_gap"), simulated)[0, 1] > 0.5


@needs_data
def test_gap_levels_count_from_narrow_to_wide():
    task = load_task("wmg_graphite_to_nmc622_levels")
    for table in (task.source, task.target):
        assert set(table.column("roll_gap_level")) == {1.0, 2.0, 3.0}
        gain = table.column("density_after_calendering") / table.column("density_before_calendering")
        by_level = pd.Series(gain).groupby(table.column("roll_gap_level")).mean()
        assert by_level[1] > by_level[3]


def test_absent_data_are_a_reason_not_an_error(tmp_path):
    tasks, skipped = available_tasks(tmp_path)
    assert sorted(tasks) == sorted(SIMULATED)
    assert sorted(skipped) == sorted(MEASURED)
    assert all(skipped.values())


def test_no_folder_at_all(monkeypatch):
    monkeypatch.setenv("IONBRIDGE_DATA", "/nowhere")
    assert data_folder() is None
    with pytest.raises(DataError, match="set the environment variable IONBRIDGE_DATA"):
        load_task("nmc622_warwick_to_wmg")


def test_unknown_task_and_missing_column():
    with pytest.raises(UnknownNameError, match="unknown electrode task 'line_nmc'"):
        load_task("line_nmc")
    table = demo_tables()["nmc"]
    with pytest.raises(DataError, match="needs the columns"):
        ElectrodeTask("x", "?", table, table, ("humidity",), "density")


def test_published_figures_stand_beside_the_simulation():
    assert load_task("line_nmc_density").published_mape == {"source_only": 56.1, "published_recipe": 8.1}
    layout = load_task("line_silicon_graphite_density_published_layout")
    assert set(layout.shared_inputs) == set(layout.inputs)
    assert load_task("line_silicon_graphite_density").shared_inputs == layout.inputs[1:]


def test_demo_tables_are_simulated_and_of_the_published_sizes():
    tables = demo_tables()
    assert {name: len(table) for name, table in tables.items()} == {
        "graphite": 235,
        "silicon_graphite": 53,
        "nmc": 63,
    }
    assert {table.domain.origin for table in tables.values()} == {"simulation"}
    folder = PROJECT / "src" / "ionbridge" / "applications" / "electrodes" / "data"
    assert all(
        p.read_text(encoding="utf-8").startswith("# simulated, not measured") for p in folder.glob("*.csv")
    )


def test_demo_tables_are_what_the_script_writes(tmp_path):
    spec = importlib.util.spec_from_file_location(
        "make_demo_tables", PROJECT / "scripts" / "make_demo_tables.py"
    )
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.main(["--folder", str(tmp_path)])
    for path in tmp_path.glob("*.csv"):
        fresh = pd.read_csv(path, comment="#")
        stored = pd.read_csv(script.FOLDER / path.name, comment="#")
        numbers = stored.select_dtypes("number").columns
        np.testing.assert_allclose(
            fresh[numbers], stored[numbers], rtol=2e-4
        )  # last digit may round otherwise
        assert fresh.drop(columns=numbers).equals(stored.drop(columns=numbers))
