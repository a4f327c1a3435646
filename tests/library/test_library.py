"""Models are kept whole, found again, and refused when their files are not what was saved."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save
from sklearn.base import BaseEstimator
from sklearn.linear_model import RidgeCV

import ionbridge.library.store as store
from ionbridge.datasets.base import Domain
from ionbridge.exceptions import ConfigurationError, ModelFileError, UnknownNameError
from ionbridge.library import Metric, ModelCard, ModelLibrary, default_root
from ionbridge.quantities.base import Quantity

GAP = Quantity(
    "roll_gap", "um", "gap of the calender rolls", aliases=("calender gap",), iri="https://example.org/gap"
)
DENSITY = Quantity("density", "g/cm**3", "density after calendering", positive=True)


class StandIn(BaseEstimator):
    """Has the attributes of a transfer model that a card is made from."""

    def __init__(
        self, inputs: Any = (GAP,), output: Any = DENSITY, strategy: str = "pooled", random_state: int = 3
    ):
        self.inputs = inputs
        self.output = output
        self.strategy = strategy
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> StandIn:
        self.strategy_ = RidgeCV().fit(X, y)
        self.X_target_, self.y_target_ = X, y
        self.X_source_ = self.y_source_ = None
        self.source_domain_ = Domain("graphite", chemistry="graphite", origin="simulation")
        self.target_domain_ = Domain("nmc", chemistry="NMC622", origin="experiment")
        self.data_sha256_ = {"target": "ab12"}
        self.cv_mape_, self.cv_mape_target_only_ = 2.5, 4.0
        return self

    def predict_mean(self, X: Any) -> Any:
        return self.strategy_.predict(X)


X = np.random.default_rng(0).normal(size=(10, 1))


@pytest.fixture(autouse=True)
def stand_in_module(monkeypatch):
    module = ModuleType("ionbridge.stand_in")
    module.StandIn = StandIn
    monkeypatch.setitem(sys.modules, "ionbridge.stand_in", module)
    monkeypatch.setattr(StandIn, "__module__", "ionbridge.stand_in")


@pytest.fixture
def model() -> StandIn:
    return StandIn().fit(X, 2 * X[:, 0] + 1)


@pytest.fixture
def library(tmp_path) -> ModelLibrary:
    return ModelLibrary(tmp_path / "models", shipped=None)


def test_a_loaded_model_predicts_the_same(library, model):
    library.save(model, "nmc")
    again = ModelLibrary(library.root, shipped=None).load("nmc")
    assert np.array_equal(again.predict_mean(X), model.predict_mean(X))
    assert again.inputs == (GAP,)
    assert sorted(p.name for p in (library.root / "nmc").iterdir()) == ["card.json", "weights.safetensors"]


def test_the_card_tells_what_the_model_knows(library, model):
    card = library.save(
        model,
        "nmc",
        metrics={"rmse": (0.1, 0.02), "r2": 0.9},
        verdict="helps",
        licence="CC-BY-4.0",
        tags=["pilot"],
    )
    assert card == library.card("nmc")
    assert card.inputs == (GAP,)
    assert card.outputs == (DENSITY,)
    assert card.source.name == "graphite"
    assert card.n_rows == {"target": 10}
    assert card.seed == 3
    assert card.metrics["rmse"] == Metric(0.1, 0.02)
    assert card.metrics["cv_mape"] == Metric(2.5, unit="%")
    assert (card.strategy, card.version, card.tags) == ("pooled", 1, ("pilot",))


def test_any_estimator_that_can_be_taken_apart_is_kept(library):
    library.save(RidgeCV().fit(X, X[:, 0]), "plain")
    assert np.array_equal(library.load("plain").predict(X), RidgeCV().fit(X, X[:, 0]).predict(X))
    assert library.card("plain").strategy == "RidgeCV"


def test_card_round_trips_with_infinite_metrics_and_is_strict():
    card = ModelCard(
        "a", inputs=(GAP,), metrics={"x": Metric(float("inf"))}, target=Domain("nmc"), tags=("t",)
    )
    assert ModelCard.from_json(card.to_json()) == card
    for change, message in [
        ({"colour": 1}, r"unknown \['colour'\]"),
        ({"format": 9}, "format 9"),
        ({"inputs": [{"name": "Bad Name"}]}, "not valid"),
    ]:
        with pytest.raises(ModelFileError, match=message):
            ModelCard.from_dict({**card.to_dict(), **change})
    assert str(Metric(1.23456, 0.111, "%")) == "1.235 ± 0.11 %"


def test_a_bad_metric_is_named(library, model):
    with pytest.raises(ConfigurationError, match="metric 'rmse' must be a number"):
        library.save(model, "nmc", metrics={"rmse": "good"})


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../up", "a/b", "a\\b", "/etc", "-x", "con", "a.", "a b", "x" * 101, "é", "NUL.txt"],
)
def test_names_cannot_leave_the_library(library, model, name):
    for use in (lambda: library.save(model, name), lambda: library.load(name), lambda: library.delete(name)):
        with pytest.raises(ConfigurationError, match="'name' of a model must be"):
            use()


def test_overwriting_must_be_asked_for_and_counts_up(library, model):
    library.save(model, "nmc")
    with pytest.raises(ConfigurationError, match="already a model 'nmc'"):
        library.save(model, "nmc")
    assert library.save(model, "nmc", overwrite=True).version == 2
    assert len(library.list()) == 1


def test_a_failed_save_leaves_the_old_model_and_no_litter(library, model, monkeypatch):
    library.save(model, "nmc")
    model.strategy_ = lambda: None
    with pytest.raises(ConfigurationError, match="cannot save strategy_"):
        library.save(model, "nmc", overwrite=True)
    monkeypatch.setattr(store, "_write", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        library.save(StandIn().fit(X, X[:, 0]), "nmc", overwrite=True)
    assert sorted(p.name for p in library.root.iterdir()) == [".lock", "index.sqlite", "nmc"]
    assert library.load("nmc").random_state == 3


def change_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


WEIGHTS, CARD = "weights.safetensors", "card.json"
DAMAGES = {
    "weights missing": (WEIGHTS, Path.unlink, "weights.safetensors: the weights are missing"),
    "weights truncated": (
        WEIGHTS,
        lambda p: p.write_bytes(p.read_bytes()[:50]),
        "truncated, damaged or edited",
    ),
    "weights empty": (WEIGHTS, lambda p: p.write_bytes(b""), "truncated, damaged or edited"),
    "one byte changed": (WEIGHTS, change_byte, "truncated, damaged or edited"),
    "card missing": (CARD, Path.unlink, "card.json: the card is missing"),
    "card truncated": (
        CARD,
        lambda p: p.write_text(p.read_text()[:100]),
        "card.json: card is not valid JSON",
    ),
    "card binary": (CARD, lambda p: p.write_bytes(b"\xff\xfe\x00"), "not UTF-8"),
    "card a list": (CARD, lambda p: p.write_text("[]"), "must be a JSON object"),
    "card edited": (
        CARD,
        lambda p: p.write_text(p.read_text().replace("graphite", "silicon")),
        "was changed after",
    ),
}


@pytest.mark.parametrize(("file", "damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_found_named_and_the_remedy_given(library, model, file, damage, message):
    library.save(model, "nmc")
    damage(library.root / "nmc" / file)
    with pytest.raises(ModelFileError, match=rf"nmc.*{message}.*(Restore|Name)"):
        library.load("nmc")
    library.list()
    library.delete("nmc")
    assert library.names() == ()


def test_foreign_weights_with_a_fitting_hash_are_refused(library, model, tmp_path):
    card = library.save(model, "nmc")
    path = library.root / "nmc" / WEIGHTS
    path.write_bytes(b"not safetensors")
    forged = replace(card, files={WEIGHTS: store.file_sha256(path)})
    (library.root / "nmc" / CARD).write_text(forged.to_json())
    with pytest.raises(ModelFileError, match="not the weights of an ionbridge model"):
        library.load("nmc")


def test_a_copied_folder_must_be_renamed_properly(library, model):
    library.save(model, "nmc")
    shutil.copytree(library.root / "nmc", library.root / "other")
    with pytest.raises(ModelFileError, match="the card belongs to model 'nmc'"):
        library.load("other")


def test_unknown_models_name_the_nearest(library, model):
    library.save(model, "nmc-density")
    with pytest.raises(UnknownNameError, match="nearest known: nmc-density"):
        library.load("nmc-densty")
    with pytest.raises(UnknownNameError, match="unknown model 'nobody'"):
        library.save(model, "child", parent="nobody")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["a", "b"]),
        ({"quantity": "roll_gap"}, ["a", "b"]),
        ({"quantity": "porosity"}, []),
        ({"chemistry": "nmc"}, ["a", "b"]),
        ({"chemistry": "100%"}, []),
        ({"strategy": "auto"}, ["b"]),
        ({"text": "Calender PILOT"}, ["a"]),
        ({"text": "calender", "strategy": "auto"}, ["b"]),
    ],
    ids=str,
)
def test_models_are_found(library, model, query, found):
    library.save(model, "a", tags=["pilot"])
    library.save(StandIn(strategy="auto").fit(X, X[:, 0]), "b", notes="second")
    assert sorted(card.name for card in library.list(**query)) == found


def test_the_folder_is_the_truth(library, model, tmp_path):
    library.save(model, "a")
    library.save(model, "b")
    shutil.rmtree(library.root / "a")
    other = ModelLibrary(tmp_path / "elsewhere")
    other.save(model, "c")
    shutil.copytree(other.root / "c", library.root / "c")
    assert {card.name for card in library.list()} == {"b", "c"}
    (library.root / "index.sqlite").unlink()
    assert {card.name for card in ModelLibrary(library.root, shipped=None).list(quantity="density")} == {
        "b",
        "c",
    }
    (library.root / "c" / CARD).write_text("{}")
    assert ModelLibrary(library.root, shipped=None).reindex() == ("c",)


def test_a_damaged_index_is_built_anew(library, model):
    library.save(model, "a")
    (library.root / "index.sqlite").write_bytes(b"garbage" * 1000)
    assert [card.name for card in ModelLibrary(library.root, shipped=None).list()] == ["a"]


def test_two_libraries_can_share_one_index(tmp_path, model):
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    first, second = (ModelLibrary(tmp_path / name, url, shipped=None) for name in "12")
    first.save(model, "a")
    second.save(model, "a")
    second.delete("a")
    assert [card.name for card in first.list()] == ["a"]
    assert second.list() == ()
    with sqlite3.connect(tmp_path / "shared.sqlite") as connection:
        assert connection.execute("select count(*) from models").fetchone() == (1,)
    connection.close()
    with pytest.raises(ConfigurationError, match="'index_url' must be"):
        ModelLibrary(tmp_path / "3", "nonsense")


def test_models_are_compared_side_by_side(library, model):
    library.save(model, "a", metrics={"rmse": (0.1, 0.02)})
    library.save(model, "b")
    frame = library.compare(["a", "b"])
    assert list(frame.index) == ["a", "b"]
    assert frame.loc["a", "rmse"] == 0.1
    assert np.isnan(frame.loc["b", "rmse"])
    assert frame.loc["b", "cv_mape [%]"] == 2.5


def test_lineage_follows_the_parents_that_are_kept(library, model):
    library.save(model, "source")
    library.save(model, "child", parent="source")
    library.save(model, "grandchild", parent="child")
    assert [card.name for card in library.lineage("grandchild")] == ["grandchild", "child", "source"]
    assert library.card("child").parent_sha256 == library.card("source").files[WEIGHTS]
    library.delete("source")
    assert [card.name for card in library.lineage("grandchild")] == ["grandchild", "child"]


def test_notes_can_be_changed_without_touching_the_weights(library, model):
    library.save(model, "a")
    card = library.annotate("a", notes="checked", tags=["line 2"])
    assert (card.notes, card.tags) == ("checked", ("line 2",))
    assert library.load("a").random_state == 3
    assert len(library.list(text="checked")) == 1


def test_an_exported_model_is_a_crate_and_comes_back(library, model, tmp_path):
    library.save(model, "a", licence="CC-BY-4.0")
    path = library.export("a", tmp_path / "out" / "a.zip")
    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read("ro-crate-metadata.json"))
        members = set(archive.namelist())
    entities = {entity["@id"]: entity for entity in metadata["@graph"]}
    assert metadata["@context"] == "https://w3id.org/ro/crate/1.1/context"
    assert entities["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert {part["@id"] for part in entities["./"]["hasPart"]} == members - {"ro-crate-metadata.json"}
    assert {"name", "description", "datePublished", "license"} <= set(entities["./"])
    references = [value["@id"] for e in entities.values() for value in e.values() if isinstance(value, dict)]
    assert set(references) - {"https://w3id.org/ro/crate/1.1"} <= set(entities)
    other = ModelLibrary(tmp_path / "other")
    assert other.import_(path).name == "a"
    assert other.import_(path, name="b").files == library.card("a").files
    assert np.array_equal(other.load("b").predict_mean(X), model.predict_mean(X))
    with pytest.raises(ConfigurationError, match="already a model 'a'"):
        other.import_(path)
    assert other.import_(path, overwrite=True).version == 2


def rewrite(path: Path, extra: dict[str, bytes] | None = None, drop: str = "", change: str = "") -> None:
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist() if name != drop}
    if change:
        content[change] = content[change][:-10] + b"x" * 10
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**content, **(extra or {})}.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: rewrite(p, {"../evil.txt": b"x"}), "holds exactly"),
        (lambda p: rewrite(p, {"/tmp/evil.txt": b"x"}), "holds exactly"),
        (lambda p: rewrite(p, drop=WEIGHTS), "holds exactly"),
        (lambda p: rewrite(p, change=WEIGHTS), "truncated, damaged or edited"),
        (lambda p: p.write_bytes(p.read_bytes()[:-40]), "not a readable zip file"),
        (lambda p: p.write_bytes(b""), "not a readable zip file"),
        (Path.unlink, "does not exist"),
    ],
    ids=["parent folder", "absolute path", "incomplete", "altered", "truncated", "empty", "missing"],
)
def test_a_bad_crate_is_refused_and_leaves_nothing(library, model, tmp_path, change, message):
    library.save(model, "a")
    path = library.export("a", tmp_path / "a.zip")
    change(path)
    with pytest.raises(ModelFileError, match=message):
        library.import_(path, name="b")
    assert library.names() == ("a",)
    assert {path.name for path in library.root.glob(".*")} <= {".lock"}
    assert not (library.root.parent / "evil.txt").exists()


def test_the_default_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("IONBRIDGE_LIBRARY", str(tmp_path / "mine"))
    assert default_root() == tmp_path / "mine"
    assert ModelLibrary().root == tmp_path / "mine"
    monkeypatch.delenv("IONBRIDGE_LIBRARY")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_root() == tmp_path / "ionbridge" / "models"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be created"):
        ModelLibrary(tmp_path / "file" / "models")


def test_a_folder_that_is_no_model_is_neither_deleted_nor_replaced(tmp_path: Path) -> None:
    library = ModelLibrary(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "data.csv").write_text("a\n1\n")
    for action in (
        lambda: library.delete("raw"),
        lambda: library.save(StandIn().fit(X, X[:, 0]), "raw", overwrite=True),
    ):
        with pytest.raises(ConfigurationError, match=r"not a saved model.*left as it is"):
            action()
    assert (tmp_path / "raw" / "data.csv").read_text() == "a\n1\n"


def test_a_locked_index_is_kept_and_named(library, model, monkeypatch):
    library.save(model, "a")
    monkeypatch.setattr("ionbridge.library.index._WAIT", 0.05)
    connection = sqlite3.connect(library.root / "index.sqlite", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        other = ModelLibrary(library.root, shipped=None)
        assert other.load("a").output == DENSITY
        with pytest.raises(ConfigurationError, match=r"locked by another process.*try again"):
            other.list()
        other.save(model, "b")
    finally:
        connection.execute("ROLLBACK")
        connection.close()
    assert {card.name for card in other.list()} == {"a", "b"}


def test_an_index_that_cannot_be_written_is_kept_in_memory(library, model):
    library.save(model, "a")
    address = f"sqlite:///file:{library.root / 'index.sqlite'}?mode=ro&uri=true"
    reader = ModelLibrary(library.root, address, shipped=None)
    assert reader.load("a").output == DENSITY
    assert [card.name for card in reader.list(quantity="density")] == ["a"]


def test_a_state_nested_too_deeply_is_refused(library, model):
    card, folder = library.save(model, "a"), library.root / "a"
    weights = save({}, metadata={"ionbridge_state": "[" * 100_000})
    (folder / "weights.safetensors").write_bytes(weights)
    files = {"weights.safetensors": store.file_sha256(folder / "weights.safetensors")}
    (folder / CARD).write_text(replace(card, files=files).to_json())
    with pytest.raises(ModelFileError, match="not the weights of an ionbridge model"):
        library.load("a")
    with pytest.raises(ModelFileError, match="not valid JSON"):
        ModelCard.from_json("[" * 100_000)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Électrode (Größe 2)", "Electrode-Grosse-2"),
        ("正極", ""),
        ("graphite → NMC", "graphite-to-NMC"),
        ("nul", "model-nul"),
        ("-x-", "x"),
    ],
)
def test_any_text_becomes_a_name(text: str, name: str) -> None:
    assert store.plain_model_name(text) == name


def test_a_name_in_other_letters_is_refused_with_one_that_works(library, model) -> None:
    with pytest.raises(ConfigurationError, match="Try for example 'Electrode-2'"):
        library.save(model, "Électrode 2")
    with pytest.raises(ConfigurationError, match="Try for example 'nmc-density'"):
        library.save(model, "正極")


def test_savers_at_the_same_time_never_share_a_version(library, model) -> None:
    with ThreadPoolExecutor(8) as pool:
        cards = list(pool.map(lambda _: library.save(model, "a", overwrite=True), range(8)))
    assert sorted(card.version for card in cards) == list(range(1, 9))
    assert library.card("a").version == 8

    def first(_: int) -> bool:
        try:
            library.save(model, "b")
        except ConfigurationError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(first, range(8))) == 1
