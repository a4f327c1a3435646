"""Models that come with ionbridge are found, read and used like one's own, and never changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hatchling.builders.wheel import WheelBuilder
from sklearn.linear_model import RidgeCV

from ionbridge.cli import main
from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.library import ModelLibrary, pretrained_root

PROJECT = Path(__file__).parents[2]
X = np.random.default_rng(0).normal(size=(10, 1))


def ridge(slope: float) -> RidgeCV:
    """A model small enough to ship."""
    return RidgeCV().fit(X, slope * X[:, 0])


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A folder of shipped models, as a generating script writes it."""
    folder = tmp_path / "pretrained"
    ModelLibrary(folder, "sqlite://", shipped=None).save(ridge(2.0), "tortuosity", licence="Apache-2.0")
    (folder / "README.md").write_text("what is here\n")
    return folder


@pytest.fixture
def library(tmp_path: Path, shipped: Path) -> ModelLibrary:
    return ModelLibrary(tmp_path / "models", shipped=shipped)


def test_shipped_models_are_found_after_ones_own(library: ModelLibrary) -> None:
    library.save(ridge(1.0), "own", parent="tortuosity")
    assert library.names() == ("own", "tortuosity")
    assert library.names(shipped=False) == ("own",)
    assert [card.name for card in library.list()] == ["own", "tortuosity"]
    assert [card.name for card in library.list(shipped=False)] == ["own"]
    assert [card.name for card in library.list(text="apache-2.0")] == ["tortuosity"]
    assert [library.is_shipped(name) for name in library.names()] == [False, True]
    assert [card.name for card in library.lineage("own")] == ["own", "tortuosity"]
    assert library.load("tortuosity").coef_ == pytest.approx(2.0, rel=0.2)
    with pytest.raises(UnknownNameError, match="tortuosity"):
        library.load("tortuosty")


def test_a_shipped_model_is_read_only(library: ModelLibrary, shipped: Path) -> None:
    for change in (library.delete, lambda name: library.annotate(name, notes="mine")):
        with pytest.raises(ConfigurationError, match=r"'tortuosity' comes with ionbridge and cannot be"):
            change("tortuosity")
    assert (shipped / "tortuosity" / "card.json").is_file()
    assert not (shipped / "index.sqlite").exists()


def test_an_own_model_of_the_same_name_is_used_until_it_is_deleted(library: ModelLibrary) -> None:
    card = library.save(ridge(5.0), "tortuosity")
    assert card.version == 1
    assert not library.is_shipped("tortuosity")
    assert [c.created for c in library.list()] == [card.created]
    assert library.load("tortuosity").coef_ == pytest.approx(5.0, rel=0.2)
    library.delete("tortuosity")
    assert library.load("tortuosity").coef_ == pytest.approx(2.0, rel=0.2)


def test_a_shipped_model_is_exported_and_imported_as_ones_own(library: ModelLibrary, tmp_path: Path) -> None:
    library.import_(library.export("tortuosity", tmp_path / "model.zip"))
    assert library.names(shipped=False) == ("tortuosity",)


def test_the_package_folder_holds_no_index_and_is_its_own_library() -> None:
    library = ModelLibrary(pretrained_root())
    assert library.names() == library.names(shipped=False)
    library.list()
    assert not list(pretrained_root().glob("index*"))


def test_every_shipped_model_loads_and_states_its_licence() -> None:
    library = ModelLibrary(pretrained_root())
    assert library.reindex() == ()
    for name in library.names():
        assert library.card(name).licence, f"{name}: its card states no licence"
        library.load(name)


def test_commands_mark_shipped_models(
    library: ModelLibrary, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IONBRIDGE_LIBRARY", str(library.root))
    monkeypatch.setattr("ionbridge.library.library.pretrained_root", lambda: shipped)
    library.save(ridge(1.0), "own")

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, list(arguments))
        return done.exit_code, done.output

    assert "tortuosity (shipped)" in run("models", "list")[1]
    assert "tortuosity" not in run("models", "list", "--own")[1]
    assert "cannot be changed" in run("models", "show", "tortuosity")[1]
    assert '"shipped": true' in run("models", "show", "tortuosity", "--json")[1]
    code, output = run("models", "delete", "own", "tortuosity", "--yes")
    assert code == 2
    assert "comes with ionbridge and cannot be deleted" in output
    assert "own" in library.names()


def test_the_wheel_holds_shipped_models(tmp_path: Path, shipped: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(PROJECT / name, tmp_path)
    package = tmp_path / "src" / "ionbridge"
    package.mkdir(parents=True)
    shutil.copy(PROJECT / "src" / "ionbridge" / "__init__.py", package)
    shutil.copytree(shipped, package / "library" / "pretrained")
    included = {file.distribution_path for file in WheelBuilder(str(tmp_path)).recurse_included_files()}
    for name in ("card.json", "weights.safetensors"):
        assert f"ionbridge/library/pretrained/tortuosity/{name}" in included
