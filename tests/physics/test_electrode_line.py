"""The electrode line: mass balance, monotony, limits, scatter, labels."""

import numpy as np
import pandas as pd
import pytest

from ionbridge.exceptions import ConfigurationError, DataError, ShapeError, UnknownNameError
from ionbridge.physics import ElectrodeLine
from ionbridge.physics.base import AbstractSimulator

COMPOSITION = {"graphite": 94.0, "silicon_graphite": 12.0, "nmc": 94.0}
SOLIDS = {"graphite": 35.0, "silicon_graphite": 28.0, "nmc": 60.0}
CHEMISTRIES = sorted(COMPOSITION)


def settings(chemistry: str, n_rows: int = 1, **changed) -> pd.DataFrame:
    columns = {
        ElectrodeLine(chemistry).composition: COMPOSITION[chemistry],
        "solid_content": SOLIDS[chemistry],
        "coating_speed": 0.3,
        "comma_gap": 200.0,
        "roll_speed": 0.27,
        "roll_gap": 60.0,
        **changed,
    }
    return pd.DataFrame({name: np.broadcast_to(value, n_rows) for name, value in columns.items()}).astype(
        float
    )


def run(chemistry: str, noise: bool = False, random_state: int = 0, **changed) -> pd.DataFrame:
    n_rows = max((np.size(value) for value in changed.values()), default=1)
    line = ElectrodeLine(chemistry)
    return line.simulate(settings(chemistry, n_rows, **changed), random_state, noise).frame


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_mass_is_conserved_from_the_wet_film_to_the_roll(chemistry):
    gaps = np.linspace(5, 200, 9)
    frame = run(chemistry, roll_gap=gaps)
    per_area = 0.1 * frame["density"] * frame["coating_thickness"]
    assert per_area.to_numpy() == pytest.approx(np.full(9, per_area[0]))  # calendering moves no mass
    active = 0.9 if chemistry == "silicon_graphite" else COMPOSITION[chemistry] / 100
    assert frame["mass_loading"].to_numpy() == pytest.approx(active * per_area.to_numpy())


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_solids_fill_what_the_pores_leave(chemistry):
    frame = run(chemistry, roll_gap=np.linspace(5, 200, 9))
    solid = frame["density"] / (1 - frame["porosity"])
    assert solid.to_numpy() == pytest.approx(np.full(9, solid[0]))
    densest = {"graphite": 2.26, "silicon_graphite": 2.33, "nmc": 4.7}[chemistry]
    assert 1.4 < solid[0] < densest


def test_solid_density_by_hand():
    frame = run("graphite")
    by_hand = 1 / (0.94 / 2.26 + 0.06 / 1.45)
    assert frame["density"][0] / (1 - frame["porosity"][0]) == pytest.approx(by_hand)


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_density_rises_as_the_roll_gap_narrows_and_loading_as_the_comma_gap_opens(chemistry):
    calendered = run(chemistry, roll_gap=np.linspace(1, 200, 40))
    assert (np.diff(calendered["density"]) <= 0).all()
    assert (np.diff(calendered["electrode_thickness"]) >= 0).all()
    coated = run(chemistry, comma_gap=np.linspace(50, 400, 40))
    assert (np.diff(coated["mass_loading"]) > 0).all()
    assert (
        np.diff(run(chemistry, solid_content=SOLIDS[chemistry] + np.arange(-4.0, 5.0))["mass_loading"]) > 0
    ).all()


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_wet_film_is_between_half_and_all_of_the_gap(chemistry):
    line = ElectrodeLine(chemistry)
    frame = run(chemistry, comma_gap=np.array([50.0, 400.0]))
    columns = {"solid_content": np.full(2, SOLIDS[chemistry] / 100)}
    solid = frame["density"].to_numpy() / (1 - frame["porosity"].to_numpy())
    slurry = 1 / (
        columns["solid_content"] / solid + (1 - columns["solid_content"]) / float(line.recipe.solvent_density)
    )
    per_area = frame["density"] * frame["coating_thickness"]
    ratio = per_area / (frame["comma_gap"] * slurry * columns["solid_content"])
    assert ratio.between(0.5, 1.0).all()


def test_faster_rolls_leave_the_electrode_slightly_thicker():
    slow, fast = run("nmc", roll_speed=np.array([0.27, 0.54]))["coating_thickness"]
    assert slow < fast < 1.01 * slow


def test_chemistries_differ_as_their_materials_do():
    density = {c: run(c, roll_gap=20.0)["density"][0] for c in CHEMISTRIES}
    assert density["nmc"] > 1.5 * density["graphite"]
    assert density["graphite"] > density["silicon_graphite"]


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_scatter_is_seeded_moderate_and_unbiased(chemistry):
    n_rows = 400
    exact = run(chemistry, comma_gap=np.full(n_rows, 200.0))
    solids = np.linspace(-1, 1, n_rows) * 1e-3 + SOLIDS[chemistry]  # every row another slurry
    one = run(chemistry, noise=True, solid_content=solids)
    again = run(chemistry, noise=True, solid_content=solids)
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(run(chemistry, noise=True, random_state=1, solid_content=solids))
    relative = one["mass_loading"] / exact["mass_loading"] - 1
    assert abs(relative.mean()) < 0.01
    assert 0.02 < relative.std() < 0.08
    assert one["porosity"].between(0.02, 0.8).all()


def test_one_slurry_shares_its_deviation():
    together = run("graphite", noise=True, comma_gap=np.full(200, 200.0))["mass_loading"]
    apart = run("graphite", noise=True, solid_content=35 + np.linspace(-1, 1, 200) * 1e-3)["mass_loading"]
    assert together.std() < 0.85 * apart.std()


def test_table_says_that_it_is_simulated():
    line = ElectrodeLine("nmc")
    table = line.simulate(settings("nmc"))
    assert table.domain.origin == "simulation"
    assert table.domain.chemistry == "nmc"
    assert "simulated, not measured" in table.provenance.notes
    assert "Meyer" in table.provenance.citation
    assert table.quantity("roll_gap").unit == "um"


def test_labels_are_carried_and_other_columns_left_out():
    frame = settings("graphite", 2).assign(batch_id=["a", "b"], humidity=40.0)
    table = ElectrodeLine().simulate(frame)
    assert list(table.frame["batch_id"]) == ["a", "b"]
    assert "humidity" not in table.frame


def test_every_constant_has_a_source():
    for chemistry in CHEMISTRIES:
        line = ElectrodeLine(chemistry)
        assert isinstance(line, AbstractSimulator)
        assert all(c.reference.text and c.where and np.isfinite(c.value) for c in line.constants)
        assert len(line.citations) >= 8


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"roll_gap": 900.0}, DataError, "roll_gap: row 0 is 900, allowed 1 to 500"),
        ({"comma_gap": np.nan}, DataError, "comma_gap: row 0 is nan"),
        ({"solid_content": 0.35}, DataError, "solid_content: row 0 is 0.35, allowed 20 to 45"),
        (
            {"active_material_fraction": 99.5, "roll_gap": 0.0},
            DataError,
            "active_material_fraction.*roll_gap",
        ),
    ],
    ids=["too wide", "missing", "fraction for percent", "two at once"],
)
def test_inputs_outside_the_limits_are_refused(changed, error, message):
    with pytest.raises(error, match=message):
        ElectrodeLine().simulate(settings("graphite", **changed))


def test_missing_columns_and_uneven_lengths_are_refused():
    frame = settings("graphite")
    with pytest.raises(DataError, match="missing: \\['roll_gap'\\]"):
        ElectrodeLine().simulate(frame.drop(columns="roll_gap"))
    with pytest.raises(ShapeError, match="same shape"):
        ElectrodeLine().simulate({**frame.to_dict("list"), "roll_gap": [50.0, 60.0]})
    with pytest.raises(ConfigurationError, match="must be a Table"):
        ElectrodeLine().simulate([1.0])
    with pytest.raises(UnknownNameError, match="unknown chemistry 'grafite'; nearest known: graphite"):
        ElectrodeLine("grafite")
