"""Slurry and wet film: known answers."""

import numpy as np
import pytest

from ionbridge.physics.slurry import (
    consistency,
    flow_index,
    mixture_density,
    slurry_density,
    wet_film_ratio,
)


def test_mixture_of_equal_volumes_has_the_mean_density():
    # 1 cm³ of 1 g/cm³ and 1 cm³ of 3 g/cm³: 4 g in 2 cm³.
    found = mixture_density([np.array([0.25]), np.array([0.75])], [1.0, 3.0])
    assert found == pytest.approx([2.0])


@pytest.mark.parametrize(("solids", "expected"), [(0.0, 1.0), (1.0, 2.0), (0.5, 4 / 3)])
def test_slurry_density_lies_between_solvent_and_solids(solids, expected):
    assert slurry_density(np.array([solids]), np.array([2.0]), 1.0) == pytest.approx([expected])


def test_dilute_slurry_follows_einstein():
    # The first order of Krieger and Dougherty is 1 + 2.5 φ whatever the maximum fraction is.
    found = consistency(np.array([1e-6]), 1.0, 0.6)
    assert (found[0] - 1) / 1e-6 == pytest.approx(2.5, rel=1e-4)


def test_newtonian_comma_bar_leaves_two_thirds_of_the_gap():
    found = wet_film_ratio(
        gap=np.array([2e-4]),
        speed=np.array([5e-3]),
        index=np.array([1.0]),
        slurry_consistency=np.array([1.0]),
        density=np.array([1200.0]),
        bar_radius=0.03,
        head=0.0,
    )
    assert found == pytest.approx([2 / 3])


def test_head_adds_the_poiseuille_flow():
    gap, speed, viscosity, density, radius, head = 2e-4, 5e-3, 3.0, 1200.0, 0.03, 0.02
    found = wet_film_ratio(
        np.array([gap]),
        np.array([speed]),
        np.array([1.0]),
        np.array([viscosity]),
        np.array([density]),
        radius,
        head,
    )
    flow = gap**3 * (density * 9.81 * head) / (12 * viscosity * np.sqrt(2 * radius * gap))  # m²/s
    assert found == pytest.approx([2 / 3 + flow / speed / gap])


def test_shear_thinning_grows_with_solids_and_thickens_the_film():
    index = flow_index(np.array([0.0, 0.2, 0.4]), 0.6, 0.9)
    assert index[0] == 1
    assert (np.diff(index) < 0).all()
    ratio = wet_film_ratio(
        np.full(3, 2e-4), np.full(3, 5e-3), index, np.ones(3), np.full(3, 1200.0), 0.03, 0.0
    )
    assert (np.diff(ratio) > 0).all()
