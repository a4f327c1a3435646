"""The catalogue is data: it must be complete, consistent and convertible."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.quantities import Quantity, catalogue, edge_unit, find_quantity, house_units, quantity
from ionbridge.quantities.catalogue import quantity_from_mapping
from ionbridge.quantities.text import key_of_name
from ionbridge.quantities.units import conversion


def test_catalogue_covers_the_first_fields():
    known = catalogue()
    assert len(known) >= 100
    assert {"comma_gap", "fibre_diameter", "cycle_life", "ionic_conductivity", "open_circuit_voltage"} <= set(
        known
    )


@pytest.mark.parametrize("item", catalogue().values(), ids=lambda item: item.name)
def test_entry_is_complete(item: Quantity):
    assert item.description.endswith(".")
    assert item.iri.startswith("https://w3id.org/")
    assert item.unit in house_units()
    if item.kind == "number":
        assert item.low is not None
        assert item.high is not None
        assert conversion(edge_unit(item), item.unit) is not None
    if item.positive:
        assert item.low is not None
        assert item.low > 0
    if item.kind == "label":
        assert item.unit == "1"


def test_every_house_unit_is_used():
    assert set(house_units()) == {item.unit for item in catalogue().values()}


def test_no_spelling_means_two_quantities():
    owner: dict[str, str] = {}
    for item in catalogue().values():
        for spelling in (item.name, *item.aliases):
            assert owner.setdefault(key_of_name(spelling), item.name) == item.name


def test_terms_of_the_ontology_and_private_ones():
    assert quantity("porosity").iri == "https://w3id.org/emmo#EMMO_3a6578ac_aee0_43b9_9bc6_1eb208c8c9a9"
    assert quantity("coating_speed").iri == "https://w3id.org/ionbridge#coating_speed"


def test_unknown_name_lists_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown quantity 'rol_gap'; nearest known: .*roll_gap"):
        quantity("rol_gap")


def test_an_alias_is_not_a_name_but_is_recognised():
    with pytest.raises(UnknownNameError, match="Did you mean 'comma_gap'"):
        quantity("Coating Gap")


@pytest.mark.parametrize("text", ["comma_gap", "Comma Gap", "COMMA-GAP", "coating gap"])
def test_find_quantity_ignores_case_spaces_and_punctuation(text: str):
    found = find_quantity(text)
    assert found is not None
    assert found.name == "comma_gap"


def test_find_quantity_looks_at_own_definitions_first():
    own = Quantity("my_gap", "um", "Mine.", aliases=("comma gap",))
    assert find_quantity("Comma Gap", {"my_gap": own}) is own
    assert find_quantity("nothing like it") is None


@pytest.mark.parametrize(
    ("values", "match"),
    [
        pytest.param({"unit": "um", "colour": "red"}, r"unknown key\(s\) \['colour'\]", id="unknown key"),
        pytest.param({}, "needs a 'unit'", id="no unit"),
        pytest.param({"unit": "um", "low": "0"}, "'low' .* must be a number", id="text limit"),
        pytest.param({"unit": "um", "low": 2, "high": 1}, "'low' .* must be below", id="limits"),
        pytest.param({"unit": 1}, "'unit' .* must be text", id="unit not text"),
        pytest.param({"unit": "um", "kind": "input"}, "'kind' .* must be", id="kind"),
    ],
)
def test_bad_definitions_are_refused(values: dict, match: str):
    with pytest.raises(ConfigurationError, match=match):
        quantity_from_mapping("my_setting", values, "my.toml")


def test_labels_of_axes():
    assert quantity("roll_gap").label == "roll gap [µm]"
    assert quantity("density").label == "density [g/cm³]"
    assert quantity("porosity").label == "porosity [-]"


def test_import_is_light():
    code = "import sys, ionbridge.quantities; print([m for m in ('pint', 'numpy', 'tomllib', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
