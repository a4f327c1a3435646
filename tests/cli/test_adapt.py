"""Adapting a saved model on the command line keeps its lineage."""

from __future__ import annotations

from pathlib import Path

from ionbridge.library import ModelLibrary

from .conftest import Run

FAST = ("--no-study", "--strategy", "output_calibration", "-q")


def test_a_saved_model_is_adapted_and_named_as_the_parent(run: Run, source: Path, target: Path) -> None:
    first = run("transfer", source, source, "--predict", "density", *FAST, "--save", "graphite")
    assert first.code == 0, first.err
    arguments = ("adapt", "graphite", target, "--strategy", "output_calibration")
    done = run(*arguments, "--save", "nmc")
    assert done.code == 0, done.err
    assert "MAPE out of sample" in done.out
    library = ModelLibrary()
    assert [card.name for card in library.lineage("nmc")] == ["nmc", "graphite"]
    assert library.card("nmc").parent_sha256
    assert run("predict", "nmc", source).code == 0
    assert "already a saved model 'nmc'" in run(*arguments, "--save", "nmc").err
    assert "cannot replace its parent" in run(*arguments, "--save", "graphite", "--overwrite").err
    assert run(*arguments, "--save", "nmc", "--overwrite", "--json").json["version"] == 2
    assert run("explain", "nmc").code == 0
    assert run("suggest", "nmc", "--next-experiments", "-n", "2").code == 0
