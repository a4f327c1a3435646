"""The engines themselves: quick ones on small crystals; known answers of CHGNet are slow tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ionbridge.datasets.structures import Structure
from ionbridge.exceptions import ConfigurationError, ConvergenceError, DataError, UnknownNameError
from ionbridge.physics.materials import (
    BondValenceBarrier,
    ChgnetBarrier,
    ChgnetDiffusivity,
    ChgnetRelaxation,
    ChgnetVoltage,
    InsertionPair,
    divacancy_path,
    metal,
    prototype,
    run_batch,
    vacancy_path,
)

from .stand_ins import layered

pytest.importorskip("pymatgen", reason="needs the extra 'materials'")
pytest.importorskip("chgnet", reason="needs the extra 'materials'")
pytest.importorskip("bvlain", reason="needs the extra 'materials'")

ENGINES = [
    BondValenceBarrier(),
    ChgnetBarrier(),
    ChgnetDiffusivity(),
    ChgnetRelaxation(),
    ChgnetVoltage(),
]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
def test_engines_declare_outputs_cost_and_bias(engine: object) -> None:
    assert engine.outputs  # type: ignore[attr-defined]
    assert all(q.unit for q in engine.outputs)  # type: ignore[attr-defined]
    assert {b.output for b in engine.biases} == set(engine.output_names)  # type: ignore[attr-defined]
    assert all(b.reference.text and b.low <= b.high for b in engine.biases)  # type: ignore[attr-defined]
    structure = layered()
    subjects = {
        "structure": structure,
        "insertion_pair": InsertionPair.emptied(structure, "Li"),
        "migration_path": vacancy_path(structure, 0, structure.fractional[0] + [1, 0, 0], min_height=5.0),
    }
    assert 0 < engine.cost(subjects[engine.takes]) < 1e5  # type: ignore[attr-defined]


def test_bond_valence_finds_the_easy_direction_of_olivine() -> None:
    result = BondValenceBarrier(resolution=0.4).run(prototype("LiFePO4"))
    assert result.values["migration_barrier"] < 1.0
    assert result.details["percolation_2d_eV"] > result.details["percolation_1d_eV"] + 1.0
    assert result.details["oxidation_states"]["Fe"] == [2]


@pytest.mark.parametrize(
    ("engine", "structure", "match"),
    [
        pytest.param(
            BondValenceBarrier(ion="Na"), layered(), "holds no Na; it holds Co, Li, O", id="no mobile ion"
        ),
        pytest.param(BondValenceBarrier(), layered(a=0.5), "nuclei are at least 0\\.6 Å apart", id="overlap"),
        pytest.param(
            ChgnetRelaxation(), layered(a=0.5), "nuclei are at least 0\\.6 Å apart", id="overlap chgnet"
        ),
        pytest.param(ChgnetDiffusivity(ion="Na"), layered(), "holds no Na", id="no mobile ion in dynamics"),
    ],
)
def test_bad_structures_are_refused(engine: object, structure: Structure, match: str) -> None:
    with pytest.raises(DataError, match=match):
        engine.run(structure)  # type: ignore[attr-defined]


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="'ion' of BondValenceBarrier must be one of"):
        BondValenceBarrier(ion="Fe")
    with pytest.raises(ConfigurationError, match=r"resolution of 0\.05 to 1 Å"):
        BondValenceBarrier(resolution=3.0)
    with pytest.raises(ConfigurationError, match="n_images and max_steps of at least 1"):
        ChgnetBarrier(n_images=0)
    with pytest.raises(UnknownNameError, match="unknown ion with a metal of reference 'Fe'"):
        metal("Fe")


def test_metal_relaxes_near_its_density() -> None:
    """Lithium: 21.6 Å³ an atom at room temperature (Kittel); PBE about 20.3."""
    result = ChgnetRelaxation(max_force=0.1).run(metal("Li"))
    assert result.values["cell_volume"] / 2 == pytest.approx(20.5, rel=0.06)
    relaxed = Structure.from_dict(result.details["structure"])
    assert relaxed.elements == ("Li", "Li")


def test_too_few_steps_do_not_pass_for_a_result() -> None:
    with pytest.raises(ConvergenceError, match="stopped after 1 steps"):
        ChgnetRelaxation(max_force=1e-4, max_steps=1).run(layered())


def test_pairs_are_checked() -> None:
    full = layered()
    pair = InsertionPair.emptied(full, "Li")
    assert pair.exchanged() == (3.0, 1.0)
    with pytest.raises(DataError, match="Swap them"):
        InsertionPair(pair.charged, full, "Li").exchanged()
    with pytest.raises(DataError, match="the hosts of the two states differ"):
        InsertionPair(full, layered(ion="Na"), "Li").exchanged()
    with pytest.raises(DataError, match="must hold Mg and a host"):
        InsertionPair.emptied(full, "Mg")


def _hop(structure: Structure, ion: str) -> tuple[int, np.ndarray]:
    """The shortest hop between two sites of the ion."""
    start = int(structure.sites(ion)[0])
    ends = [
        structure.fractional[i] + np.array(n) - 1 for i in structure.sites(ion) for n in np.ndindex(3, 3, 3)
    ]
    length = [np.linalg.norm((end - structure.fractional[start]) @ structure.lattice) for end in ends]
    return start, ends[int(np.argsort(length, kind="stable")[1])]


def _relaxed(name: str) -> Structure:
    return Structure.from_dict(ChgnetRelaxation().run(prototype(name)).details["structure"])


@pytest.mark.slow
def test_olivine_has_its_known_barrier(tmp_path: Path) -> None:
    """[010] in LiFePO4, 56 atoms: CHGNet 0.19 eV measured beforehand, density functional theory 0.27 eV."""
    cell = _relaxed("LiFePO4")
    fractional = np.vstack([cell.fractional, cell.fractional + np.eye(3)[1]]) / [1, 2, 1]
    doubled = Structure(cell.lattice * np.array([[1], [2], [1]]), cell.elements * 2, fractional, "LFP")
    path = vacancy_path(doubled, 0, doubled.fractional[0] + np.eye(3)[1] / 4, min_height=0.0)
    outcome = run_batch(ChgnetBarrier(n_images=3), {"LFP": path}, cache=tmp_path)
    assert outcome.results["LFP"].values["migration_barrier"] == pytest.approx(0.194, abs=0.03)


@pytest.mark.slow
def test_olivine_has_its_known_voltage() -> None:
    """3.43 V by CHGNet measured beforehand, 3.45 V in experiment."""
    pair = InsertionPair.emptied(prototype("LiFePO4"), "Li")
    assert ChgnetVoltage().run(pair).values["average_voltage"] == pytest.approx(3.43, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "expected"),
    [pytest.param(vacancy_path, 0.50, id="vacancy"), pytest.param(divacancy_path, 0.149, id="divacancy")],
)
def test_layered_oxide_has_its_known_barriers(build: object, expected: float) -> None:
    """LiCoO2: CHGNet 0.50 and 0.15 eV measured beforehand, density functional theory 0.67 and 0.30 eV."""
    structure = _relaxed("LiCoO2")
    path = build(structure, *_hop(structure, "Li"), min_height=7.0)  # type: ignore[operator]
    found = ChgnetBarrier(n_images=5).run(path).values["migration_barrier"]
    assert found == pytest.approx(expected, abs=0.06)
