"""The published sets of materials: sizes, splits, groups, and the source whose unit is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
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


def _raw_em619(folder: Path, data_folder: Path) -> None:
    """The first and the last rows of em619 in the form of the authors' files."""
    found = read_em619(data_folder)
    for label, rows in (("TRAIN", found.splits["train"][:3]), ("TEST", found.splits["test"][:2])):
        entries = []
        for row in rows:
            path, host = found[row], found[row].host
            atoms = {
                "lattice_mat": host.lattice.tolist(),
                "coords": [*path.fractional.tolist(), *host.fractional.tolist()],
                "elements": [path.ion] * 5 + list(host.elements),
                "cartesian": False,
            }
            entries.append(
                {
                    "class": path.structure_class,
                    "sys_name": path.name,
                    "target": found.barriers[row],
                    "atoms": atoms,
                }
            )
        (folder / f"RAW-Em-5-images-{label}.json").write_text(json.dumps(entries))


def test_em619_as_downloaded(data_folder: Path, tmp_path: Path) -> None:
    whole = read_em619(data_folder)
    _raw_em619(tmp_path, data_folder)
    found = read_em619(tmp_path)
    assert {k: v.tolist() for k, v in found.splits.items()} == {"train": [0, 1, 2], "test": [3, 4]}
    assert found[0].sha256 == whole[int(whole.splits["train"][0])].sha256
    assert found.barriers[3] == whole.barriers[whole.splits["test"][0]]
    (tmp_path / "RAW-Em-5-images-TEST.json").write_text('[{"sys_name": "x"}]')
    with pytest.raises(DataError, match=r"entry 1 of .*TEST\.json is not one of em619"):
        read_em619(tmp_path)


def test_other_sets_as_downloaded(data_folder: Path, tmp_path: Path) -> None:
    whole = pd.read_csv(data_folder / "obelix" / "obelix.csv").head(40)
    raw = whole.drop(columns=["split", "censored", "sigma_S_cm"])
    raw.to_csv(tmp_path / "all.csv", index=False)
    for label in ("train", "test"):
        raw[whole["split"] == label].to_csv(tmp_path / f"{label}.csv", index=False)
    found = read_obelix(tmp_path)
    np.testing.assert_allclose(found.conductivity, whole["sigma_S_cm"])
    assert len(found.splits["train"]) == (whole["split"] == "train").sum()
    assert found.is_limit.sum() == whole["censored"].sum()
    electrodes = pd.read_csv(data_folder / "mp_electrodes" / "electrodes.csv.gz", nrows=20)
    electrodes.to_csv(tmp_path / "data_2019_12_03.csv", index=False)
    assert len(read_mp_electrodes(tmp_path)) == electrodes["average_voltage"].between(-0.5, 6.5).sum()
    pytest.importorskip("openpyxl", reason="needs the extra for spreadsheets")
    liquids = pd.read_csv(data_folder / "calisol23" / "calisol23.csv.gz", nrows=20)
    liquids.drop(columns="suspect_units").to_excel(tmp_path / "calisol23.xlsx", index=False)
    assert len(read_calisol23(tmp_path, keep_odd_sources=True)) == (liquids["k"] > 0).sum()


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
