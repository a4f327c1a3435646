"""Errors and warnings of ionbridge.

One root error, one root warning and a few leaves; every leaf also is the matching built-in
error. Nothing else lives here: messages are written where the fault is seen.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ConfigurationError",
    "ConvergenceError",
    "DataError",
    "InsufficientDataError",
    "IonBridgeError",
    "IonBridgeWarning",
    "MissingExtraError",
    "ModelFileError",
    "PluginError",
    "ShapeError",
    "UnitError",
    "UnknownNameError",
    "UnsupportedInputsError",
]


class IonBridgeError(Exception):
    """Root of every error that ionbridge raises on purpose."""


class IonBridgeWarning(UserWarning):
    """Root of every warning that ionbridge issues."""


class ShapeError(IonBridgeError, ValueError):
    """An array has the wrong number of dimensions or the wrong length."""


class UnitError(IonBridgeError, ValueError):
    """A unit is unknown or does not fit its quantity."""


class DataError(IonBridgeError, ValueError):
    """A file or table cannot be used; the message lists every problem found."""


class InsufficientDataError(IonBridgeError, ValueError):
    """There are too few rows for what was asked."""


class UnsupportedInputsError(IonBridgeError, ValueError):
    """A strategy cannot use inputs that only one of the domains has."""


class ConfigurationError(IonBridgeError, ValueError):
    """An argument, a setting or a combination of them is not valid."""


class ConvergenceError(IonBridgeError, RuntimeError):
    """A solver or an optimiser stopped without a usable answer."""


class ModelFileError(IonBridgeError, OSError):
    """A saved model is missing, incomplete, altered or of an unknown format."""


class PluginError(IonBridgeError, RuntimeError):
    """A plug-in is registered but cannot be loaded."""


class MissingExtraError(IonBridgeError, ImportError):
    """An optional dependency is not installed; the message gives the install command."""


class UnknownNameError(IonBridgeError, LookupError):
    """A name is not known; the message lists the nearest known ones."""

    @classmethod
    def for_name(cls, name: str, known: Iterable[str], kind: str, remedy: str = "") -> UnknownNameError:
        """Build the error for an unknown `name` of some `kind` (for example "quantity")."""
        known = sorted(set(known))
        nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"nearest known: {', '.join(nearest)}" if nearest else f"known: {', '.join(known[:12])}"
        return cls(f"unknown {kind} {name!r}; {hint}.{' ' + remedy if remedy else ''}")
