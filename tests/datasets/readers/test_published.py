"""Readers of public tables, and the contract that every registered reader of them keeps.

The files are not part of the project; without them these tests are skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ionbridge import plugins
from ionbridge.datasets import Table, read_table
from ionbridge.datasets.readers.artistic import read_mesostructures
from ionbridge.exceptions import ConfigurationError, DataError

DATA = Path(os.environ.get("IONBRIDGE_DATA", Path(__file__).parents[4] / "shared" / "data"))

# reader, folder, file, rows, numbers that a model may use
PUBLISHED = {
    "drakopoulos2021_graphite": ("drakopoulos2021_graphite", "cells.csv", 251),
    "wmg_graphite": ("wmg_ultrasound_calendering", "anode_pairs.csv", 30),
    "wmg_nmc622": ("wmg_ultrasound_calendering", "cathode_pairs.csv", 18),
    "warwick_nmc622": ("warwick_nmc622_calendering", "conditions.csv", 18),
    "artistic_mesostructures": ("artistic_insilico_mesostructures", "raw_dataset.csv", 440),
    "artistic_calendering": ("artistic_calendering_porosity", "experimental.csv", 14),
}
FORMATS = {"delimited", "excel", "parquet"}
built_in = sorted(set(plugins.names("ionbridge.readers")) - FORMATS)


def read(name: str) -> Table:
    folder = DATA / PUBLISHED[name][0]
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here; set IONBRIDGE_DATA to the folder of the data sets")
    return read_table(folder, reader=name)


def test_every_registered_reader_has_a_row_here():
    assert set(PUBLISHED) <= set(built_in)


@pytest.mark.contract
@pytest.mark.parametrize("name", PUBLISHED)
def test_contract(name: str, tmp_path: Path):
    table = read(name)
    folder, file, n_rows = PUBLISHED[name]
    assert len(table) == n_rows
    assert table == read_table(DATA / folder / file, reader=name)  # folder or file
    assert table.domain.name
    assert table.domain.chemistry
    assert table.domain.origin in ("experiment", "simulation")
    assert table.provenance.licence
    assert "doi:" in table.provenance.citation
    assert table.provenance.sha256 == table.sha256
    assert table.provenance.reader == name
    assert table.provenance.notes
    assert not [problem for problem in table.warnings if "plausible range" in problem.value]
    assert np.isfinite(table.values(table.number_names)).any(axis=0).all()
    table.to_csv(tmp_path / "copy.csv")
    assert read_table(tmp_path / "copy.csv") == table


@pytest.mark.contract
@pytest.mark.parametrize("name", PUBLISHED)
def test_contract_wrong_path(name: str, tmp_path: Path):
    with pytest.raises(DataError, match="expected the data set's folder or its file"):
        read_table(tmp_path, reader=name)
    other = tmp_path / "other.csv"
    other.write_text("sample,density\nS1,1.2\n")
    with pytest.raises(DataError, match="no such column"):
        read_table(other, reader=name)


def test_campaigns_of_drakopoulos():
    table = read("drakopoulos2021_graphite")
    campaign = table.column("campaign")
    assert [(campaign == c).sum() for c in ("historical", "prospective")] == [143, 108]
    assert np.isnan(table.column("calendered")[campaign == "historical"]).all()
    assert np.isin(table.column("calendered")[campaign == "prospective"], [0, 1]).all()
    assert table.column("porosity")[campaign == "prospective"].max() < 0.61
    assert table.column("drying_temperature").min() == pytest.approx(333.15)


@pytest.mark.parametrize("name", ["wmg_graphite", "wmg_nmc622", "warwick_nmc622"])
def test_calendering_conserves_mass(name: str):
    """Density times thickness is the same before and after, which holds without the collector only."""
    table = read(name)
    before = table.column("thickness_before_calendering") * table.column("density_before_calendering")
    after = table.column("thickness_after_calendering") * table.column("density_after_calendering")
    assert after == pytest.approx(before, rel=1e-6 if name.startswith("wmg") else 0.05)


def test_calendering_sets_share_their_names():
    shared = {"thickness_before_calendering", "density_before_calendering", "density_after_calendering"}
    wmg, warwick = read("wmg_nmc622"), read("warwick_nmc622")
    assert shared <= set(read("wmg_graphite").names)
    assert shared | {"coating_weight", "roll_gap"} <= set(wmg.names) & set(warwick.names)
    assert any("S_C_16" in note for note in wmg.provenance.notes)


def test_artistic_sets_share_inputs_and_porosity():
    measured = read("artistic_calendering")
    simulated = read_mesostructures(DATA / PUBLISHED["artistic_mesostructures"][0], thickness_before=120)
    shared = (
        "roll_gap",
        "active_material_fraction",
        "porosity_before_calendering",
        "porosity_after_calendering",
    )
    assert set(shared) <= set(simulated.names) & set(measured.names)
    low, high = measured.column(shared[-1]).min(), measured.column(shared[-1]).max()
    assert simulated.column(shared[-1]).min() > low - 0.05
    assert simulated.column(shared[-1]).max() < high + 0.05
    assert simulated.domain.origin == "simulation"


def test_assumed_thickness_must_leave_pores():
    read("artistic_mesostructures")
    with pytest.raises(ConfigurationError, match="Use about 120"):
        read_mesostructures(DATA / PUBLISHED["artistic_mesostructures"][0], thickness_before=200)
