"""The lifetime model that comes with ionbridge says that it is simulated, and predicts the example file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ionbridge.applications.lifetime import load_cells
from ionbridge.library import ModelLibrary, pretrained_root

NAME = "simulated-lifetime"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "data" / "simulated_nmc_cell.csv"
EXAMPLE_LIFE = 1276  # cycles, as scripts/make_pretrained_lifetime.py says when it writes the file


def test_card_says_that_it_is_simulated(tmp_path):
    card = ModelLibrary(tmp_path).card(NAME)
    assert "SIMULATED, not measured" in card.notes
    assert card.licence == "Apache-2.0"
    assert card.target.origin == "simulation"
    assert {"test_mape", "test_coverage"} <= set(card.metrics)


def test_it_is_small():
    files = list((pretrained_root() / NAME).iterdir())
    assert sum(path.stat().st_size for path in files) < 3e6


def test_it_predicts_the_example_file(tmp_path):
    model = ModelLibrary(tmp_path).load(NAME)
    cells = load_cells([EXAMPLE], chemistry="NMC/graphite")
    prediction = model.predict(cells)
    assert prediction.life.lower[0] < prediction.life.mean[0] < prediction.life.upper[0]
    assert prediction.life.lower[0] < EXAMPLE_LIFE < prediction.life.upper[0]
    assert prediction.life.in_domain[0]


@pytest.mark.parametrize("chemistry", ["LMO/LTO"])
def test_other_chemistries_are_flagged(tmp_path, chemistry):
    model = ModelLibrary(tmp_path).load(NAME)
    prediction = model.predict(load_cells([EXAMPLE], chemistry=chemistry))
    assert not prediction.life.in_domain[0]
    assert "chemistry" in prediction.life.reasons[0]
