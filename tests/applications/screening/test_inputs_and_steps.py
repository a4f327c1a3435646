"""Bad known values, names that differ from files, chances beside intervals, and the step of liquid electrolytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pymatgen", reason="needs the extra 'materials'")

from ionbridge.applications.screening.entries import EntrySet, formula_entry, read_candidates, read_known
from ionbridge.applications.screening.features import FeatureTable
from ionbridge.applications.screening.model import PropertyModel
from ionbridge.applications.screening.property_tables import electrolyte_features
from ionbridge.applications.screening.screen import Goal, screen_files
from ionbridge.applications.screening.steps import electrolyte_to_conductivity
from ionbridge.datasets.structures import crystal_name
from ionbridge.exceptions import ConfigurationError, DataError
from ionbridge.transfer.baselines import TargetOnly

from ...physics.materials.stand_ins import layered

METALS = ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu")


def _known(folder: Path, *rows: str, header: str = "name,migration_barrier_eV") -> Path:
    file = folder / "known.csv"
    file.write_text("\n".join(["# a remark", header, *rows]) + "\n")
    return file


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param("bad,-0.3", "migration_barrier from 0 to 10 eV", id="negative"),
        pytest.param("bad,576", "found '576'", id="meV below a header of eV"),
        pytest.param("bad,abc", "expected a number", id="text"),
        pytest.param("bad,inf", "expected a number", id="infinite"),
    ],
)
def test_impossible_values_are_left_out(tmp_path: Path, row: str, message: str) -> None:
    values, _, problems = read_known(_known(tmp_path, "good,0.4", "", row), "migration_barrier")
    assert values == {"good": 0.4}
    assert problems[0].severity == "error"
    assert problems[0].row == 5  # as an editor counts, with the remark and the empty line
    assert message in str(problems[0])


def test_repeats_and_values_far_from_the_others_are_named(tmp_path: Path) -> None:
    file = _known(tmp_path, "a,0.5", "b,0.6", "c,0.4", "d,0.005", "a,0.9")
    values, _, problems = read_known(file, "migration_barrier")
    assert values["a"] == 0.5
    assert [problem.severity for problem in problems] == ["warning", "warning"]
    assert "one value of a" in str(problems[0])
    assert "0.005 of d" in str(problems[1])


def test_only_impossible_values_say_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no usable number .*Check its sign and unit"):
        read_known(_known(tmp_path, "a,500", "b,600"), "migration_barrier")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        pytest.param("Li0.5CoO2.cif", "Li0.5CoO2", id="ending"),
        pytest.param("Li0.5CoO2", "Li0.5CoO2", id="a dot is no ending"),
        pytest.param("LiCoO2/POSCAR", "LiCoO2", id="folder of a bare POSCAR"),
        pytest.param("POSCAR.LiCoO2", "POSCAR.LiCoO2", id="POSCAR with a name"),
        pytest.param("POSCAR", "", id="no folder"),
    ],
)
def test_names_of_crystals(file: str, name: str) -> None:
    assert crystal_name(file) == name


def test_folders_of_bare_poscars_are_different_entries(tmp_path: Path) -> None:
    for metal in ("Co", "Ni"):
        (tmp_path / metal).mkdir()
        layered().to_pymatgen().to(filename=str(tmp_path / metal / "POSCAR"))
    assert set(read_candidates(tmp_path, ion="Li").names) == {"Co", "Ni"}


def _files(folder: Path) -> Path:
    rows = "".join(f"c{i},Na{m}PO4\n" for i, m in enumerate(METALS))
    (folder / "candidates.csv").write_text("name,formula\n" + rows)
    return folder / "candidates.csv"


def test_known_values_by_formula_find_named_candidates(tmp_path: Path) -> None:
    rows = [f"{m}NaO4P,{2.5 + 0.2 * i}" for i, m in enumerate(METALS[:6])]
    known = _known(tmp_path, *rows, header="formula,average_voltage_V")
    goal = Goal("average_voltage", 3.0, below=False)
    result = screen_files(_files(tmp_path), goal, known, strategy=TargetOnly("linear"))
    assert set(result.known) == {f"c{i}" for i in range(6)}
    # six residuals are fewer than a 90 % interval needs: chance and interval are of the same distribution
    p, open_rows = result.prediction, result.table["known"].isna()
    for row in result.table[open_rows].to_dict("records"):
        assert (row["probability"] > 0.95) == (row["lower"] > 3.0)
    assert (p.lower < p.upper).all()


def test_known_values_of_nobody_are_an_error(tmp_path: Path) -> None:
    known = _known(tmp_path, "foo,3.0", header="name,average_voltage_V")
    with pytest.raises(ConfigurationError, match=r"no value of .*known.csv belongs to a candidate"):
        screen_files(_files(tmp_path), Goal("average_voltage", 3.0, below=False), known)


def test_a_source_in_another_unit_is_suspected(tmp_path: Path) -> None:
    from ionbridge.applications.screening.screen import screen

    target = EntrySet(tuple(formula_entry(f"Na{m}PO4", f"Na{m}PO4", "Na") for m in METALS))
    texts = [f"Li{m}PO4" for m in METALS]
    source = EntrySet(
        tuple(formula_entry(t, t, "Li") for t in texts),
        (),
        {t: 0.01 + 0.001 * i for i, t in enumerate(texts)},
    )
    known = {f"Na{m}PO4": 2.5 + 0.2 * i for i, m in enumerate(METALS[:6])}
    goal = Goal("average_voltage", 3.0, below=False)
    result = screen(target, known, goal, source, strategy="source_only")
    assert any("check that both are in the unit" in note for note in result.notes)


def test_a_threshold_is_a_number() -> None:
    with pytest.raises(ConfigurationError, match="must be a finite number"):
        Goal("migration_barrier", float("nan"))


@pytest.fixture(scope="module")
def conductivities() -> PropertyModel:
    """A made-up rule of two solvents: conductivity rises with temperature and the share of EC."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([1, 1], 60)
    T, c = rng.uniform(260, 330, 60), rng.uniform(0.2, 2.0, 60)
    solvents = ("EC", "EMC")
    names, X = electrolyte_features(shares, c, T, np.zeros(60, bool), np.full(60, "w"), solvents)
    y = np.exp(2.0 + shares[:, 0] - 1500.0 * (1 / T - 1 / 298.15))
    doi = np.array([f"doi {i % 6}" for i in range(60)])
    salt = np.full(60, "LiPF6")
    table = FeatureTable("ionic_conductivity", names, X, tuple(map(str, range(60))), doi, {"salt": salt}, y)
    return PropertyModel(TargetOnly("linear")).fit(table)


def test_electrolytes_conduct_better_when_warm(conductivities: PropertyModel) -> None:
    found = electrolyte_to_conductivity(
        {"EC": 3.0, "EMC": 7.0}, 1000.0, np.array([263.15, 298.15, 318.15]), conductivities
    )
    expected = np.exp(2.3 - 1500.0 * (1 / np.array([263.15, 298.15, 318.15]) - 1 / 298.15))
    np.testing.assert_allclose(found.prediction.mean, expected, rtol=0.15)
    assert found.prediction.unit == "mS/cm"
    assert found.prediction.in_domain.all()
    odd = electrolyte_to_conductivity({"EC": 1.0}, 1000.0, 298.15, conductivities, salt="LiFSI")
    assert "salt LiFSI is not among the training rows" in odd.prediction.reasons[0]


@pytest.mark.parametrize(
    ("shares", "c", "T", "message"),
    [
        pytest.param({"water": 1.0}, 1000.0, 298.15, "EC, EMC; got water", id="unknown solvent"),
        pytest.param({}, 1000.0, 298.15, "got nothing", id="no solvent"),
        pytest.param({"EC": 0.0}, 1000.0, 298.15, "nor all zero", id="no share"),
        pytest.param({"EC": 1.0}, -1.0, 298.15, "must be positive", id="negative concentration"),
        pytest.param({"EC": 1.0}, 1000.0, 0.0, "must be positive", id="no temperature"),
    ],
)
def test_wrong_electrolytes_are_refused(
    conductivities: PropertyModel, shares: dict[str, float], c: float, T: float, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        electrolyte_to_conductivity(shares, c, T, conductivities)
