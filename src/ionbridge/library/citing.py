"""`cite`: the publications that a model, a study or a strategy rests on, read from where they are stated.

A publication is registered by standing under ``References`` in the docstring of what uses it, or as the
`Reference` of a simulator's constant; nothing is listed here.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ionbridge.exceptions import ConfigurationError

__all__ = ["Citation", "cite"]

_JUDGING = ("ionbridge.studies.verdict", "ionbridge.models.conformal")
_EXPLAINING = "ionbridge.studies.explanation"
_ROOMS = ("models", "transfer", "physics", "applications", "studies.explanation", "studies.verdict")
_ENTRY = re.compile(r"^\s*\.\. \[\d+\]\s*(.*)$")


@dataclass(frozen=True)
class Citation:
    """A publication or data set, and what rests on it.

    Parameters
    ----------
    text : authors, title, journal, equation, DOI, as stated.
    used_by : dotted names of the functions and classes; the role (``source``, ``target``) of data.
    """

    text: str
    used_by: tuple[str, ...]


def cite(thing: Any) -> tuple[Citation, ...]:
    """List what `thing` rests on: data first, then methods in alphabetical order.

    Parameters
    ----------
    thing : fitted model or estimator, `StudyResult`, `TransferOutcome`, simulator, or the registered
        name of a strategy.

    Raises
    ------
    UnknownNameError
        If a name is not that of a strategy.
    ConfigurationError
        If nothing is known about objects of this kind.
    """
    data, modules, stated = _parts(thing)
    found: dict[str, list[str]] = {text: list(users) for text, users in stated.items()}
    for module in modules:
        for text, user in _of_module_and_imports(module):
            users = found.setdefault(text, [])
            if user not in users:
                users.append(user)
    methods = (Citation(text, tuple(sorted(users))) for text, users in sorted(found.items()))
    return (*(Citation(text, users) for text, users in data.items()), *methods)


def _parts(thing: Any) -> tuple[dict[str, tuple[str, ...]], list[str], dict[str, list[str]]]:
    """Citations of data, modules that were used, and references stated by constants."""
    from ionbridge.physics.base import AbstractSimulator
    from ionbridge.studies import StudyResult, TransferOutcome
    from ionbridge.transfer import make_strategy

    if isinstance(thing, str):
        return {}, _modules_of([make_strategy(thing)]), {}
    if isinstance(thing, StudyResult):
        roles = {role: thing.facts[role]["provenance"] for role in ("source", "target")}
        strategies = [make_strategy(name) for name in thing.design.names if _is_registered(name)]
        return _data(roles), [*_JUDGING, *_modules_of(strategies)], {}
    if isinstance(thing, TransferOutcome):
        roles = {role: getattr(thing, role).provenance.to_dict() for role in ("source", "target")}
        modules = _modules_of(thing.models.values())
        modules += list(_JUDGING) if any(thing.studies.values()) else []
        modules += [_EXPLAINING] if thing.explanations else []
        studied = [s for study in thing.studies.values() if study for s in _parts(study)[1]]
        return _data(roles), [*modules, *studied], {}
    if isinstance(thing, AbstractSimulator):
        stated: dict[str, list[str]] = {}
        for constant in getattr(thing, "constants", ()):
            stated.setdefault(str(constant.reference), []).append(constant.name)
        return {}, _modules_of([thing]), stated
    if hasattr(thing, "get_params"):
        return {}, _modules_of([thing]), {}
    raise ConfigurationError(
        f"cite() knows models, studies, outcomes of a transfer, simulators and names of strategies; got a "
        f"{type(thing).__name__}."
    )


def _is_registered(name: str) -> bool:
    from ionbridge.transfer import strategy_names

    return name in strategy_names()


def _data(provenances: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for role, provenance in provenances.items():
        if provenance["citation"]:
            text = str(provenance["citation"])
            found[text] = (*found.get(text, ()), f"{role} data")
    return found


def _modules_of(things: Iterable[Any]) -> list[str]:
    """Modules of ionbridge that the classes inside fitted or unfitted objects come from."""
    found: dict[str, None] = {}
    seen: set[int] = set()
    open_: list[Any] = list(things)
    while open_:
        thing = open_.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, Mapping):
            open_ += list(thing.values())
        elif isinstance(thing, (list, tuple)):
            open_ += [item for item in thing if not isinstance(item, (str, int, float))]
        elif type(thing).__module__.startswith("ionbridge."):
            found[type(thing).__module__] = None
            names = [n for n in getattr(type(thing), "__slots__", ()) if hasattr(thing, n)]
            open_ += list(getattr(thing, "__dict__", {}).values()) + [getattr(thing, n) for n in names]
    return list(found)


def _of_module_and_imports(name: str) -> Iterator[tuple[str, str]]:
    """Publications of a module and of the modules of computing that it imports, with their users."""
    seen, open_ = set(), [name]
    while open_:
        module = open_.pop()
        if module in seen:
            continue
        seen.add(module)
        references, imported = _read(module)
        yield from references
        open_ += [other for other in imported if other.startswith(tuple(f"ionbridge.{r}" for r in _ROOMS))]


@lru_cache(maxsize=512)
def _read(module: str) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """References in the docstrings of a module, and the modules that define what it imports."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return (), ()
    with open(spec.origin, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    references, imported = [], []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ionbridge"):
            imported += [_defining_module(node.module, alias.name) for alias in node.names]
    for node, path in _documented(tree, module):
        for text in _entries(ast.get_docstring(node) or ""):
            references.append((text, path))
    return tuple(references), tuple(imported)


def _documented(tree: ast.Module, module: str) -> Iterator[tuple[Any, str]]:
    short = module.removeprefix("ionbridge.")
    open_: list[tuple[Any, str]] = [(tree, short)]
    while open_:
        node, path = open_.pop(0)
        yield node, path
        for child in node.body:
            if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
                open_.append((child, f"{path}.{child.name}"))


def _defining_module(module: str, name: str) -> str:
    """Where a name imported from a package is really defined."""
    found = getattr(importlib.import_module(module), name, None)
    if inspect.ismodule(found):
        return found.__name__
    return getattr(found, "__module__", None) or module


def _entries(docstring: str) -> Iterator[str]:
    """Entries of the section ``References``, each in one line."""
    _, heading, section = docstring.partition("References\n----------\n")
    if not heading:
        return
    text: list[str] = []
    for line in section.splitlines():
        start = _ENTRY.match(line)
        if start or not line.strip():
            if text:
                yield " ".join(text)
            text = []
        if start:
            text = [start[1].strip()]
        elif text:
            text.append(line.strip())
    if text:
        yield " ".join(text)
