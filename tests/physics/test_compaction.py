"""Calendering: limits, closed forms and the gap equation itself."""

import numpy as np
import pytest

from ionbridge.physics.compaction import calendered_porosity, porosity_at_load, reduced_line_load

SOLID = np.array([40.0])  # µm of coating without pores
FOIL, INITIAL, MINIMUM, RECOVERY = 10.0, np.array([0.5]), 0.2, 0.05


def test_load_limits():
    assert porosity_at_load(np.array([0.0]), INITIAL, MINIMUM) == pytest.approx([0.5])
    assert porosity_at_load(np.array([50.0]), INITIAL, MINIMUM) == pytest.approx([0.2])
    assert porosity_at_load(np.array([np.log(2)]), INITIAL, MINIMUM) == pytest.approx([0.35])


def test_stiff_rolls_give_the_gap_and_the_recovery():
    gap = np.array([75.0])
    found = calendered_porosity(gap, SOLID, FOIL, INITIAL, MINIMUM, RECOVERY, roll_compliance=1e-6)
    thickness = SOLID / (1 - found)
    assert thickness == pytest.approx((gap - FOIL) * (1 + RECOVERY), rel=1e-5)


def test_solution_fulfils_the_gap_equation():
    gap, compliance = np.linspace(5, 80, 16), 25.0
    solid, initial = np.full(16, 40.0), np.full(16, 0.5)
    load = reduced_line_load(gap, solid, FOIL, initial, MINIMUM, RECOVERY, compliance)
    nip = solid / (1 - porosity_at_load(load, initial, MINIMUM)) / (1 + RECOVERY)
    assert FOIL + nip == pytest.approx(gap + compliance * load, rel=1e-12)


@pytest.mark.parametrize("gap", [90.0, 300.0], ids=["as thick as the electrode", "wide open"])
def test_a_wide_gap_leaves_the_coating_alone(gap):
    found = calendered_porosity(np.array([gap]), SOLID, FOIL, INITIAL, MINIMUM, RECOVERY, 25.0)
    assert found == pytest.approx(INITIAL)


def test_a_purely_elastic_squeeze_is_not_permanent():
    # 90 µm electrode, 80 µm coating: 80/1.05 + 10 = 86.2 µm between the rolls needs no permanent compaction.
    assert calendered_porosity(
        np.array([87.0]), SOLID, FOIL, INITIAL, MINIMUM, RECOVERY, 25.0
    ) == pytest.approx(INITIAL)


def test_porosity_falls_with_narrower_gap_stiffer_rolls_and_thicker_coating():
    gap = np.linspace(1, 100, 50)
    ones = np.ones(50)
    porosity = calendered_porosity(gap, 40 * ones, FOIL, 0.5 * ones, MINIMUM, RECOVERY, 25.0)
    assert (np.diff(porosity) >= 0).all()
    assert porosity.min() > MINIMUM
    stiff = calendered_porosity(gap, 40 * ones, FOIL, 0.5 * ones, MINIMUM, RECOVERY, 12.0)
    assert (stiff <= porosity).all()
    thick = calendered_porosity(gap, 50 * ones, FOIL, 0.5 * ones, MINIMUM, RECOVERY, 25.0)
    assert (thick <= porosity).all()
