"""`ionbridge data get`: listing, licence, errors; transfers are tested with the library function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ionbridge.datasets import download as module

from .conftest import Run


def test_sources_are_listed(run: Run) -> None:
    outcome = run("data", "get")
    assert outcome.code == 0
    assert "matr" in outcome.out
    assert "by hand" in outcome.out
    sources = run("data", "get", "--json").json["sources"]
    assert {source["name"] for source in sources} >= {"matr", "tju", "calce"}


def test_licence_is_shown_and_must_be_accepted(run: Run) -> None:
    outcome = run("data", "get", "tju")
    assert outcome.code == 2
    assert "CC-BY-4.0" in outcome.err
    assert "--accept-licence" in outcome.err


def test_files_are_fetched_into_the_folder(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def fake(source: Any, folder: Path, **settings: Any) -> list[Path]:
        calls.append((source.name, folder, settings))
        return [folder / "a.zip"]

    monkeypatch.setattr(module, "download", fake)
    outcome = run("data", "get", "tju", "--into", "here", "--accept-licence", "--json")
    assert outcome.code == 0
    assert outcome.json["files"] == ["here/a.zip"]
    assert calls == [("tju", Path("here"), {"accept_licence": True, "progress": False})]


@pytest.mark.parametrize(
    ("name", "match"), [("mater", "nearest known: matr"), ("snl", "choose the cells there")]
)
def test_errors_are_one_line(run: Run, name: str, match: str) -> None:
    outcome = run("data", "get", name, "--accept-licence", "--quiet")
    assert outcome.code == 2
    assert match in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
