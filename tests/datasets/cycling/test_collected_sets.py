"""The collected public sets: sizes, splits, labels and repairs that their READMEs promise."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ionbridge.datasets.cycling import CyclingSet, end_of_life
from ionbridge.datasets.readers import cycling as readers
from ionbridge.datasets.readers.cycling.cycle_features import FEATURES
from ionbridge.exceptions import ConfigurationError, DataError


@cache
def cells_of(name: str, folder: Path) -> CyclingSet:
    """Read each set once for all tests; records cannot be changed."""
    cells: CyclingSet = getattr(readers, f"read_{name}")(folder)
    return cells


@pytest.mark.parametrize(
    ("name", "n_cells", "n_censored", "chemistries"),
    [
        ("matr", 84, 0, {"LFP/graphite"}),
        ("cycle_features", 301, 30, {"LFP/graphite", "NCA/graphite", "NMC/graphite", "NMC+NCA/graphite"}),
        ("calce_cs2", 4, 0, {"LCO/graphite"}),
        ("calb_nmc", 27, 0, {"NMC/graphite"}),
        ("rwth_nmc", 48, 0, {"NMC/graphite"}),
        ("hnei", 14, 0, {"NMC-LCO/graphite"}),
        ("nasa_capacity", 34, 22, {"unknown"}),
    ],
)
def test_sets_are_read_whole(
    data_folder: Path, name: str, n_cells: int, n_censored: int, chemistries: set[str]
) -> None:
    cells = cells_of(name, data_folder)
    assert (len(cells), int(cells.is_censored.sum()), set(cells.chemistries)) == (
        n_cells,
        n_censored,
        chemistries,
    )
    assert cells.notes
    assert all(record.provenance.reader == f"cycling_{name}" for record in cells)


def test_matr_has_the_official_split_and_repaired_curves(data_folder: Path) -> None:
    cells = cells_of("matr", data_folder)
    assert {name: len(ids) for name, ids in cells.splits.items()} == {
        "primary_test": 43,
        "train": 41,
        "test": 42,
    }
    assert "MATR_b2c1" not in cells.splits["test"]
    raw = readers.read_matr(data_folder, repair=False)
    name = "discharge_capacity_on_voltage"
    assert np.nanmax(raw["MATR_b1c3"].curve(name).values) > 40
    for record in cells:
        values = record.curve(name).values
        assert values.shape == (99, 1000)
        assert values.min() > -0.05
        assert values.max() < 1.4
    assert any("cycles 12" in flag for flag in cells["MATR_b1c3"].flags)
    assert not raw["MATR_b1c3"].flags


def test_published_variance_model_is_reproduced(data_folder: Path) -> None:
    """Severson's one-feature model on the primary test gives RMSE 138 cycles, also on repaired curves."""
    cells = cells_of("matr", data_folder)

    def feature(part: CyclingSet) -> np.ndarray:
        curves = [record.curve("discharge_capacity_on_voltage").at([10, 100]) for record in part]
        return np.array([np.log10(np.var(c[1] - c[0])) for c in curves])

    train, test = cells.split("train"), cells.split("primary_test")
    slope, offset = np.polyfit(feature(train), np.log10(train.lives), 1)
    error = 10 ** (slope * feature(test) + offset) - test.lives
    assert np.sqrt(np.mean(error**2)) == pytest.approx(138, abs=1)


@pytest.mark.parametrize("name", ["calce_cs2", "cycle_features"])
def test_own_end_of_life_agrees_with_every_label_made_by_a_median(data_folder: Path, name: str) -> None:
    cells = cells_of(name, data_folder)
    labelled = cells.filter(lambda r: "median" in r.life_definition)
    assert len(labelled) >= 4
    for record in labelled:
        found = end_of_life(record.cycle_numbers, record.discharge_capacity, record.nominal_capacity)
        assert found.cycle == record.end_of_life_cycle, record.cell_id


def test_hust_split_of_the_literature(data_folder: Path) -> None:
    cells = cells_of("cycle_features", data_folder)
    assert (len(cells.split("hust_train")), len(cells.split("hust_test"))) == (55, 22)
    train, test = cells.split("hust_train").lives, cells.split("hust_test").lives
    dummy = np.exp(np.log(train).mean())
    assert np.sqrt(np.mean((dummy - test) ** 2)) == pytest.approx(416, abs=10)
    assert set(FEATURES) <= set(cells.records[0].cycles.columns)


def test_doubtful_cells_carry_flags(data_folder: Path) -> None:
    features = cells_of("cycle_features", data_folder)
    assert any("6% of the cycles" in flag for flag in features["MATR_b2c10"].flags)
    assert any("second check-up" in f for f in cells_of("rwth_nmc", data_folder)["RWTH_epSanyo018"].flags)
    assert any("set to missing" in f for f in cells_of("nasa_capacity", data_folder)["NASA_B0042"].flags)
    assert all("estimates" in record.flags[0] for record in cells_of("hnei", data_folder))


def test_signs_of_stored_currents(data_folder: Path) -> None:
    record = cells_of("calce_cs2", data_folder).records[0]
    assert record.curve("charge_current_on_capacity").values.min() > 0
    assert record.curve("discharge_current_on_capacity").values.max() < 0


def test_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"cells\.parquet does not exist"):
        readers.read_matr(tmp_path)
    monkeypatch.setenv("IONBRIDGE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="set the environment variable IONBRIDGE_DATA"):
        readers.read_matr()


def test_threshold_without_a_label(data_folder: Path) -> None:
    assert readers.read_rwth_nmc(data_folder, threshold=0.7).lives.min() > 1000
    with pytest.raises(ConfigurationError, match=r"0\.8 or 0\.7"):
        readers.read_rwth_nmc(data_folder, threshold=0.9)
