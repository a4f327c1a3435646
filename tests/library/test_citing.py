"""Publications are found where they are stated, through everything that a model is made of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ionbridge.datasets import Domain, Provenance, Table
from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.library import cite
from ionbridge.physics import ElectrodeLine
from ionbridge.quantities import quantity
from ionbridge.studies import study_tables
from ionbridge.transfer import TransferModel

OWN = "Somebody, Some data (2024), doi:10.1/x"


def table(n_rows: int, seed: int) -> Table:
    gap = np.random.default_rng(seed).uniform(20, 80, n_rows)
    frame = pd.DataFrame({"roll_gap": gap, "density": 2 - gap / 100})
    return Table.from_frame(frame, domain=Domain("x"), provenance=Provenance("x", citation=OWN))


def texts(thing: object) -> str:
    return "\n".join(entry.text for entry in cite(thing))


@pytest.mark.parametrize(
    ("strategy", "author"),
    [("hierarchical_gp", "Kennedy and O'Hagan"), ("multitask_gp", "Bonilla"), ("fine_tuning", "Kingma and Ba"),
     ("auto", "Rasmussen and Williams")],
)  # fmt: skip
def test_a_strategy_names_its_publications(strategy: str, author: str) -> None:
    assert author in texts(strategy)


def test_a_fitted_model_names_what_it_is_made_of() -> None:
    model = TransferModel((quantity("roll_gap"),), quantity("density"), "output_calibration")
    found = cite(model.fit(table(12, 1), table(20, 0)))
    by_author = {entry.text.split()[0]: entry for entry in found}
    assert {"Kennedy", "Rasmussen", "Foygel"} <= set(by_author)
    assert by_author["Kennedy"].used_by == ("transfer.hierarchical_gp.HierarchicalGP",)
    assert "doi:10." in by_author["Foygel"].text or "(2021)" in by_author["Foygel"].text


def test_a_study_names_its_data_and_how_it_was_judged() -> None:
    studies = study_tables(table(20, 0), table(12, 1), outputs="density", strategies=("output_calibration",),
                           baselines=("mean", "linear"), target_sizes=("all",), n_splits=2)  # fmt: skip
    found = cite(studies["density"])
    assert found[0].text == OWN
    assert found[0].used_by == ("source data", "target data")
    assert any(entry.text.startswith("Nadeau and Bengio") for entry in found)


def test_a_simulator_names_the_sources_of_its_constants() -> None:
    assert "Meyer" in texts(ElectrodeLine())


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="hierarchical_gp"):
        cite("hierarchical_gpp")
    with pytest.raises(ConfigurationError, match="got a int"):
        cite(3)
