"""Entry-point groups, their lazy loader and guarded imports of optional packages.

Built-ins and third-party plug-ins register through the same four groups; an object is imported
only when its name is looked up. The registered things themselves live in their own rooms.
"""

from __future__ import annotations

import importlib
import os
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Literal

from ionbridge.exceptions import MissingExtraError, PluginError, UnknownNameError

_KINDS = {
    "ionbridge.readers": "reader",
    "ionbridge.simulators": "simulator",
    "ionbridge.strategies": "strategy",
    "ionbridge.models": "model",
}

__all__ = ["Group", "distribution", "import_extra", "load", "names"]

Group = Literal["ionbridge.readers", "ionbridge.simulators", "ionbridge.strategies", "ionbridge.models"]


@cache
def _entries(group: str, only_built_in: bool) -> dict[str, EntryPoint]:
    found = {}
    for entry in entry_points(group=group):
        built_in = entry.dist is not None and entry.dist.name == "ionbridge"
        if built_in or (not only_built_in and entry.name not in found):
            found[entry.name] = entry
    return found


def _registered(group: Group) -> dict[str, EntryPoint]:
    return _entries(group, os.environ.get("IONBRIDGE_PLUGINS", "on").lower() == "off")


def names(group: Group) -> list[str]:
    """List the registered names of `group`, without importing any of them.

    With the environment variable ``IONBRIDGE_PLUGINS=off`` only built-ins are listed.
    """
    return sorted(_registered(group))


def distribution(group: Group, name: str) -> tuple[str, str] | None:
    """Name and version of the distribution that registers `name`; None where there is none."""
    entry = _registered(group).get(name)
    return (entry.dist.name, entry.dist.version) if entry is not None and entry.dist is not None else None


def load(group: Group, name: str) -> Any:
    """Import and return the object registered as `name` in `group`.

    Raises
    ------
    UnknownNameError
        If nothing is registered under `name`.
    PluginError
        If it is registered but its import fails; the message names the distribution.
    """
    registered = _registered(group)
    if name not in registered:
        raise UnknownNameError.for_name(name, registered, _KINDS[group])
    entry = registered[name]
    try:
        return entry.load()
    except MissingExtraError:
        raise
    except Exception as error:
        owner = entry.dist.name if entry.dist else "an unknown distribution"
        raise PluginError(
            f"plug-in {name!r} of group {group!r} ({entry.value}, from {owner}) cannot be loaded: "
            f"{type(error).__name__}: {error}. Update or uninstall {owner}."
        ) from error


def import_extra(module: str, extra: str) -> ModuleType:
    """Import an optional `module`, or say which extra brings it.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"{module!r} is not installed; run: pip install 'ionbridge[{extra}]'"
        ) from error
