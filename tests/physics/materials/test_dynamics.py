"""Diffusivity of random walks, the Nernst-Einstein relation and Arrhenius lines: known answers."""

from __future__ import annotations

import numpy as np
import pytest

from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, ShapeError
from ionbridge.physics.materials import (
    ChgnetDiffusivity,
    block_diffusivity,
    fit_arrhenius,
    nernst_einstein,
)


def test_random_walk_has_the_diffusivity_it_was_made_with() -> None:
    """Steps of variance s² a coordinate every dt give D = s² / (2 dt)."""
    rng = np.random.default_rng(0)
    step, interval = 0.1, 10.0
    walk = np.cumsum(rng.normal(0, step, (4000, 60, 3)), axis=0)
    expected = step**2 / (2 * interval) * 1e-5
    found, half, blocks = block_diffusivity(walk, interval)
    assert found == pytest.approx(expected, rel=0.15)
    assert abs(found - expected) < 2 * half
    assert blocks.shape == (4,)


def test_error_bars_of_diffusivity_cover() -> None:
    """Nominally 90 %: the interval of four blocks holds the true value most of the time."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(60):
        walk = np.cumsum(rng.normal(0, 0.1, (400, 20, 3)), axis=0)
        found, half, _ = block_diffusivity(walk, 10.0)
        held += abs(found - 5e-9) <= half
    assert 0.75 <= held / 60 <= 1.0


def test_too_short_or_misshapen_runs_are_refused() -> None:
    with pytest.raises(InsufficientDataError, match="80 frames; got 50"):
        block_diffusivity(np.zeros((50, 4, 3)), 1.0)
    with pytest.raises(ShapeError, match=r"n_frames, n_particles, 3"):
        block_diffusivity(np.zeros((50, 4)), 1.0)


def test_nernst_einstein_of_a_superionic_conductor() -> None:
    """LGPS-like: 1.9e28 Li/m³ and D = 2e-12 m²/s at 300 K conduct about 2.4 mS/cm."""
    assert nernst_einstein(2e-12, 1.9e28, 1, 300.0) == pytest.approx(2.36, rel=0.01)
    assert nernst_einstein(2e-12, 1.9e28, 2, 300.0) == pytest.approx(4 * 2.36, rel=0.01)


def test_arrhenius_line_is_recovered() -> None:
    temperatures = np.array([600.0, 800.0, 1000.0])
    line = fit_arrhenius(temperatures, 1e-7 * np.exp(-0.3 / (8.617333e-5 * temperatures)))
    assert line.activation_energy == pytest.approx(0.3, rel=1e-5)
    assert line.at(300.0) == pytest.approx(1e-7 * np.exp(-0.3 / (8.617333e-5 * 300)), rel=1e-4)
    with pytest.raises(InsufficientDataError, match="2 temperatures"):
        fit_arrhenius([300.0], [1e-9])
    with pytest.raises(DataError, match="must be positive"):
        fit_arrhenius([300.0, 400.0], [0.0, 1e-9])


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="'ion' of ChgnetDiffusivity must be one of"):
        ChgnetDiffusivity(ion="Fe")
    with pytest.raises(ConfigurationError, match="at least 80 steps"):
        ChgnetDiffusivity(n_steps=10)
