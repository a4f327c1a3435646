"""The published sets of materials: sizes, splits, groups, and the source whose unit is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ionbridge.datasets.readers.materials import (
    read_calisol23,
    read_em619,
    read_mp_electrodes,
    read_obelix,
)
from ionbridge.datasets.readers.materials.calisol23 import odd_sources
from ionbridge.exceptions import DataError


def test_em619_and_its_split(data_folder: Path) -> None:
    found = read_em619(data_folder)
    assert (len(found), len(found.splits["train"]), len(found.splits["test"])) == (619, 559, 60)
    shared = np.isin(found.hosts[found.splits["test"]], found.hosts[found.splits["train"]])
    assert shared.sum() == 49
    published = found.value("published_prediction")[found.splits["test"]]
    assert np.abs(published - found.barriers[found.splits["test"]]).mean() == pytest.approx(0.2607, abs=1e-3)


def test_mp_electrodes_drops_failed_calculations(data_folder: Path) -> None:
    table = read_mp_electrodes(data_folder)
    assert len(table) == 5070
    assert table.column("average_voltage").min() > -0.5
    assert any("63 rows" in note for note in table.provenance.notes)


def test_calisol_reports_the_source_that_is_off_by_a_hundred(data_folder: Path) -> None:
    found = read_calisol23(data_folder)
    odd = [p for p in found.problems if p.column == "doi"]
    assert [p.value.partition(",")[0] for p in odd] == ["10.1007/s10008-002-0300-9"]
    assert not np.isin("10.1007/s10008-002-0300-9", found.doi)
    assert len(read_calisol23(data_folder, keep_odd_sources=True)) > len(found)
    np.testing.assert_allclose(found.shares.sum(axis=1), 1.0)


def test_obelix_and_its_split(data_folder: Path) -> None:
    found = read_obelix(data_folder)
    assert (len(found), int(found.is_limit.sum())) == (599, 37)
    assert {k: len(v) for k, v in found.splits.items()} == {"train": 478, "test": 121}
    assert not found.problems


def test_odd_sources_needs_two_others() -> None:
    rng = np.random.default_rng(0)
    n = 60
    temperature = np.repeat(np.arange(6) * 10.0 + 263.0, n // 6)
    source = np.tile(["a", "b", "c"], n // 3)
    k = np.exp(rng.normal(1.5, 0.1, n)) * np.where(source == "c", 0.01, 1.0)
    salt = np.full(n, "LiPF6")
    found = odd_sources(k, temperature, np.ones(n), salt, source)
    assert list(found) == ["c"]
    assert found["c"] == pytest.approx(0.01, rel=0.3)
    two = source != "b"
    assert not odd_sources(k[two], temperature[two], np.ones(n)[two], salt[two], source[two])


@pytest.mark.parametrize(
    "read", [read_em619, read_mp_electrodes, read_calisol23, read_obelix], ids=lambda f: f.__name__
)
def test_a_folder_without_files_is_an_error(read: object, tmp_path: Path) -> None:
    with pytest.raises((DataError, FileNotFoundError)):
        read(tmp_path)  # type: ignore[operator]
