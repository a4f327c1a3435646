"""Crystals from text, problems by entry, ordering of partial occupancies, hops that percolate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ionbridge.datasets.structures import (
    MigrationPath,
    Structure,
    cif_blocks,
    find_hops,
    percolating_paths,
    read_structure,
    read_structures,
    structure_from_text,
)
from ionbridge.exceptions import DataError

pytest.importorskip("pymatgen", reason="needs the extra 'materials'")

POSCAR = """rock salt
1.0
4.0 0.0 0.0
0.0 4.0 0.0
0.0 0.0 4.0
Li F
1 1
direct
0.0 0.0 0.0
0.5 0.5 0.5
"""
CIF = """data_test
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Li1 Li 0.0 0.0 0.0 {first}
F1 F 0.5 0.5 0.5 1.0
"""


def chain(n_lithium: int = 1) -> Structure:
    """Lithium every 3 Å along x, 8 Å apart along y and z."""
    x = np.arange(n_lithium) / n_lithium
    lattice = np.diag([3.0 * n_lithium, 8.0, 8.0])
    fractional = [*([v, 0.0, 0.0] for v in x), [0.0, 0.5, 0.5]]
    return Structure(lattice, ("Li",) * n_lithium + ("O",), np.array(fractional), "chain")


def test_poscar_and_cif_agree() -> None:
    first, problems = structure_from_text(POSCAR, "POSCAR_LiF", ion="Li")
    second, more = structure_from_text(CIF.format(first="1.0"), "LiF.cif", ion="Li")
    assert not problems
    assert not more
    assert first is not None
    assert first == second
    assert Structure.from_dict(first.to_dict()) == first


@pytest.mark.parametrize(
    ("text", "name", "ion", "found"),
    [
        (POSCAR, "POSCAR", "Na", "atoms of the mobile ion Na"),
        (POSCAR.replace("0.5 0.5 0.5", "0.1 0.0 0.0"), "POSCAR", "Li", "at least 0.7 Å apart"),
        (CIF.format(first="0.5"), "a.cif", "Li", "partially occupied"),
        ("nonsense", "b.cif", "Li", "a readable CIF or POSCAR"),
    ],
    ids=["no ion", "overlap", "occupancy", "damaged"],
)
def test_bad_entries_are_reported_by_name(text: str, name: str, ion: str, found: str) -> None:
    structure, problems = structure_from_text(text, name, ion=ion)
    assert structure is None
    assert [p.file for p in problems] == [name]
    assert found in str(problems[0])


def test_a_bad_file_does_not_lose_the_folder(tmp_path: Path) -> None:
    (tmp_path / "POSCAR").write_text(POSCAR)
    (tmp_path / "broken.cif").write_text("nothing")
    found = read_structures(tmp_path, ion="Li")
    assert len(found) == 1
    assert found.left_out == ("broken.cif",)
    with pytest.raises(DataError, match="does not exist"):
        read_structures(tmp_path / "none")


def test_every_data_block_of_a_cif_is_an_entry(tmp_path: Path) -> None:
    first, second = CIF.format(first="1.0"), CIF.format(first="1.0").replace("Li1 Li", "Na1 Na")
    remarks = "# exported\ndata_global\n_publ_section_title\n;\ndata_in_text _cell_length_a\n;\n"
    (tmp_path / "two.cif").write_text(remarks + first + second.replace("data_test", "data_sodium"))
    (tmp_path / "one.cif").write_text(remarks + first)
    found = read_structures(tmp_path)
    assert [s.name for s in found] == ["one", "two#test", "two#sodium"]
    assert "Na" in found[2].elements
    assert [p.severity for p in found.problems] == ["warning"]
    assert "two#test, two#sodium" in str(found.problems[0])
    assert read_structures(tmp_path, ion="Na").left_out == ("one.cif", "two#test.cif")
    with pytest.raises(DataError, match="2 data blocks"):
        read_structure(tmp_path / "two.cif")


def test_blocks_of_one_name_are_told_apart() -> None:
    twice = CIF.format(first="1.0") * 2
    assert [name for name, _ in cif_blocks(twice)] == ["test", "test2"]


@pytest.mark.parametrize(("how", "n_lithium"), [("dominant", 1), ("order", 1)], ids=["dominant", "order"])
def test_partial_occupancies_are_ordered_on_request(how: str, n_lithium: int) -> None:
    structure, problems = structure_from_text(CIF.format(first="0.6"), "a.cif", ion="Li", disorder=how)  # type: ignore[arg-type]
    assert structure is not None
    assert [p.severity for p in problems] == ["warning"]
    share = len(structure.sites("Li")) / len(structure.sites("F"))
    assert share == pytest.approx({"dominant": 1.0, "order": 0.6}[how], abs=0.15)
    assert n_lithium


def test_a_chain_percolates_in_one_direction() -> None:
    hops = find_hops(chain(2), "Li", longest=4.0)
    assert [round(hop.length, 3) for hop in hops] == [3.0]
    assert hops[0].dimensions == 1
    assert hops[0].count == 2


def test_percolating_paths_leave_the_moving_ions_out() -> None:
    paths = percolating_paths(chain(2), "Li")
    assert len(paths) == 1
    assert paths[0].length == pytest.approx(3.0)
    assert len(paths[0].host) == 1
    with pytest.raises(DataError, match="holds no Na"):
        percolating_paths(chain(), "Na")


def test_hops_do_not_depend_on_the_cell() -> None:
    assert percolating_paths(chain(3), "Li")[0].length == pytest.approx(
        percolating_paths(chain(1), "Li")[0].length
    )


def test_path_across_the_cell() -> None:
    host = Structure(np.eye(3) * 5.0, ("O",), np.zeros((1, 3)))
    path = MigrationPath(host, "Li", np.array([[0.9, 0.5, 0.5], [0.1, 0.5, 0.5]]), "p")
    assert path.length == pytest.approx(1.0)
    assert path.host_formula == "O1"
    np.testing.assert_allclose(path.resampled(3)[1], [5.0, 2.5, 2.5])
