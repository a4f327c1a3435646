"""The documentation agrees with the code: generated pages, commands, links between files.

Whether the site builds is checked by `make docs`.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PAGES = [*sorted((PROJECT / "docs").rglob("*.md")), PROJECT / "README.md", PROJECT / "CONTRIBUTING.md"]


def generator() -> ModuleType:
    """Import ``docs/generate.py``, which is not part of the package."""
    spec = importlib.util.spec_from_file_location("generate_docs", PROJECT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date() -> None:
    stale = [
        path.name
        for path, text in generator().pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run: python docs/generate.py"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_commands_and_options_in_the_text_exist(path: Path) -> None:
    """Every ``$ ionbridge ...`` line names a command, and only options that it has."""
    reference = (PROJECT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    helps = dict(
        re.findall(r"^#+ (ionbridge[^\n]*)\n\n```text\n(.*?)```", reference, flags=re.MULTILINE | re.DOTALL)
    )
    for line in re.findall(r"^\$ (ionbridge .*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
        words = line.split()
        command = " ".join(words[:3]) if " ".join(words[:3]) in helps else " ".join(words[:2])
        assert command in helps, line
        for option in re.findall(r"(?<=\s)(--[a-z-]+)", line):
            assert option in helps[command], f"{command} has no option {option}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_relative_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if not (path.parent / link).exists()]
    assert not missing


def test_offline_site() -> None:
    settings = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "font: false" in settings
    assert not re.search(r"extra_(css|javascript):.*https?:", settings, flags=re.DOTALL)
