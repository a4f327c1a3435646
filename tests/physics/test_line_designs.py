"""The simulated data sets have the published sizes and ranges."""

import pytest

from ionbridge.exceptions import UnknownNameError
from ionbridge.physics import generate_published_tables, sample_design

PUBLISHED = {  # DESIGN: rows, composition [wt%], solid content [wt%], comma gap, roll gap [µm], its mean
    "graphite": (235, (91, 95.5), (22, 42), (100, 300), (1, 135), 70),
    "silicon_graphite": (53, (8, 15), (24, 32), (100, 300), (15, 102), 58),
    "nmc": (63, (85, 97.5), (42, 66), (50, 400), (20, 206), 62),
}


@pytest.fixture(scope="module")
def tables():
    return generate_published_tables(0)


@pytest.mark.parametrize("chemistry", sorted(PUBLISHED))
def test_sizes_and_ranges(tables, chemistry):
    n_rows, composition, solids, comma, roll, mean_roll = PUBLISHED[chemistry]
    frame = tables[chemistry].frame
    name = "silicon_fraction" if chemistry == "silicon_graphite" else "active_material_fraction"
    assert len(frame) == n_rows
    assert (frame[name].min(), frame[name].max()) == pytest.approx(composition)
    assert (frame["solid_content"].min(), frame["solid_content"].max()) == pytest.approx(solids)
    assert (frame["comma_gap"].min(), frame["comma_gap"].max()) == comma
    assert frame["roll_gap"].between(*roll).all()
    assert frame["roll_gap"].mean() == pytest.approx(mean_roll, rel=0.1)
    assert set(frame["roll_speed"]) == {0.27, 0.54}
    assert frame["porosity"].between(0.1, 0.75).all()
    assert frame.notna().all().all()


@pytest.mark.parametrize("chemistry", sorted(PUBLISHED))
def test_a_batch_is_one_slurry(tables, chemistry):
    frame = tables[chemistry].frame
    name = "silicon_fraction" if chemistry == "silicon_graphite" else "active_material_fraction"
    assert (frame.groupby("batch_id")[[name, "solid_content"]].nunique() == 1).all().all()
    assert frame.groupby("batch_id")["roll_gap"].nunique().min() > 3


def test_seeds_repeat_and_differ(tables):
    assert generate_published_tables(0)["nmc"].frame.equals(tables["nmc"].frame)
    assert not generate_published_tables(1)["nmc"].frame.equals(tables["nmc"].frame)


def test_other_sizes_and_unknown_chemistry():
    assert len(sample_design("nmc", n_rows=20)) == 20
    with pytest.raises(UnknownNameError, match="unknown chemistry"):
        sample_design("lfp")
