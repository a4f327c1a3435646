"""Features of paths, compositions and pairs: what must not change them, and what they must see."""

from __future__ import annotations

import numpy as np
import pytest

from ionbridge.datasets.structures import MigrationPath, Structure, parse_formula
from ionbridge.exceptions import ConfigurationError, DataError

pytest.importorskip("pymatgen", reason="needs the extra 'materials'")

from ionbridge.applications.screening.composition_features import composition_features, ion_features
from ionbridge.applications.screening.elements import bond_valence_radius, formal_charges
from ionbridge.applications.screening.features import PRIOR, anion_family, barrier_features, barrier_table
from ionbridge.applications.screening.path_features import path_features
from ionbridge.applications.screening.property_tables import pair_features, voltage_table_of_pairs


def path(lattice: np.ndarray | None = None, shift: float = 0.0, ion: str = "Li") -> MigrationPath:
    """An ion between two oxygens and past a metal."""
    lattice = np.eye(3) * 6.0 if lattice is None else lattice
    cartesian = np.array([[0.0, 2.0, 0.0], [3.0, 2.1, 0.0], [0.0, 0.0, 2.0], [3.0, 3.0, 3.0]])
    way = np.array([[0.2, 0.0, 0.0], [1.5, 0.0, 0.0], [2.9, 0.0, 0.0]])
    inverse = np.linalg.inv(lattice)
    host = Structure(lattice, ("O", "O", "O", "Fe"), cartesian @ inverse + shift)
    return MigrationPath(host, ion, way @ inverse + shift, "p", "TEST")


def test_a_shift_or_another_cell_of_the_same_crystal_changes_nothing() -> None:
    first = path_features(path())
    sheared = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, -1.0, 1.0]]) @ (np.eye(3) * 6.0)
    for other in (path(shift=0.37), path(lattice=sheared)):
        assert path_features(other) == pytest.approx(first, abs=1e-6)


def test_distances_are_those_of_the_crystal() -> None:
    found = path_features(path())
    assert found["hop_length"] == pytest.approx(2.7)
    assert found["cation_1_min"] == pytest.approx(np.linalg.norm([0.1, 3.0, 3.0]), abs=1e-6)
    assert found["anion_1_min"] <= found["anion_1_mean"] <= found["anion_1_max"]


def test_a_larger_ion_finds_the_same_bottleneck_narrower() -> None:
    assert path_features(path(ion="K"))["bottleneck_ratio"] < path_features(path())["bottleneck_ratio"]
    assert path_features(path(ion="K"))["valence_max"] > path_features(path())["valence_max"]


@pytest.mark.parametrize(
    ("text", "element", "charge"),
    [
        ("LiFePO4", "Fe", 2),
        ("FePO4", "Fe", 3),
        ("LiCoO2", "Co", 3),
        ("MgTb2Se4", "Tb", 3),
        ("Li3PS4", "S", -2),
    ],
    ids=["LFP", "FP", "LCO", "selenide", "thiophosphate"],
)
def test_formal_charges(text: str, element: str, charge: float) -> None:
    assert formal_charges(dict(parse_formula(text).amounts))[element] == pytest.approx(charge)


def test_bond_valence_radius_of_lithium_and_oxygen() -> None:
    assert bond_valence_radius("Li", "O") == pytest.approx(1.466, abs=0.1)  # tabulated by Brese and O'Keeffe


def test_composition_statistics_leave_the_ion_out() -> None:
    formula = parse_formula("LiFePO4")
    with_ion, host = composition_features(formula), composition_features(formula, "Li")
    assert host["Z_least"] == 8
    assert with_ion["Z_least"] == 3
    assert host["share_O"] == pytest.approx(4 / 6)
    assert host == composition_features(parse_formula("Na4Fe4P4O16"), "Na")
    assert ion_features("Mg")["ion_charge"] == 2


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("LiFePO4", "polyanion"),
        ("LiCoO2", "oxide"),
        ("MgCr2S4", "chalcogenide"),
        ("Na3AlF6", "fluoride"),
        ("Li3PS4", "chalcogenide"),
        ("Li3N", "other"),
        ("Fe2(MoO4)3", "polyanion"),
        ("MoO3", "oxide"),
        ("LiNiVO4", "oxide"),
        ("LiNi0.99B0.01O2", "oxide"),
    ],
    ids=[
        "LFP",
        "LCO",
        "spinel",
        "cryolite",
        "LPS",
        "nitride",
        "molybdate",
        "octahedra",
        "vanadate",
        "dopant",
    ],
)
def test_families(text: str, family: str) -> None:
    assert anion_family(parse_formula(text)) == family


def test_prior_is_the_last_column_in_logarithms() -> None:
    table = barrier_table([path(), path(ion="Na")], np.array([0.5, np.nan]))
    assert table.names[-1] == PRIOR
    np.testing.assert_allclose(table.X[:, -1], np.log(0.5))
    assert table.without_prior().names == tuple(barrier_features(path()))
    with pytest.raises(ConfigurationError, match="positive energies"):
        barrier_table([path()], np.array([-1.0]))


def test_pairs_must_insert() -> None:
    found = pair_features(parse_formula("FePO4"), parse_formula("LiFePO4"), "Li")
    assert found["inserted"] == pytest.approx(1 / 6)
    with pytest.raises(DataError, match="must hold more Li"):
        pair_features(parse_formula("LiFePO4"), parse_formula("FePO4"), "Li")
    table = voltage_table_of_pairs(["FePO4", "CoO2"], ["LiFePO4", "NaCoO2"], ["Li", "Na"])
    assert table.groups.tolist() == ["Fe1 O4 P1", "Co1 O2"]
