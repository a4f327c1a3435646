"""Parameters of a cell that may be varied by name, and how a variation enters PyBaMM's parameters.

Most are inputs of a built model: changing them costs nothing. The others need the model built anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ionbridge.exceptions import ConfigurationError, UnknownNameError

__all__ = ["CHANGES", "Change", "check_changes", "split_changes"]


@dataclass(frozen=True)
class Change:
    """One parameter that may be varied.

    Parameters
    ----------
    name : ours.
    description : what it is.
    unit : ``1`` for a factor on the cell's own value, else the unit of an added value.
    low, high : values that make sense.
    keys : PyBaMM's parameters that a factor multiplies; empty where `models.py` does it.
    is_structural : whether the model must be built anew.
    """

    name: str
    description: str
    unit: str = "1"
    low: float = 0.01
    high: float = 100.0
    keys: tuple[str, ...] = ()
    is_structural: bool = False

    @property
    def neutral(self) -> float:
        """The value that changes nothing."""
        return 1.0 if self.unit == "1" else 0.0


def _sides(name: str, text: str, key: str, low: float, high: float, structural: bool) -> list[Change]:
    return [
        Change(f"{side}_{name}", f"factor on {text} of the {side} electrode", "1", low, high,
               (f"{side.capitalize()} {key}",), structural)
        for side in ("negative", "positive")
    ]  # fmt: skip


_ALL = (
    *_sides("diffusivity", "the diffusivity in the particles", "particle diffusivity [m2.s-1]", 1e-3, 1e3, False),
    *_sides(
        "exchange_current",
        "the exchange-current density",
        "electrode exchange-current density [A.m-2]",
        1e-3,
        1e3,
        False,
    ),
    Change("negative_particle_radius", "factor on the particle radius of the negative electrode", "1", 0.1, 10.0),
    Change("positive_particle_radius", "factor on the particle radius of the positive electrode", "1", 0.1, 10.0),
    Change(
        "electrolyte_diffusivity",
        "factor on the diffusivity of the electrolyte",
        keys=("Electrolyte diffusivity [m2.s-1]",),
    ),
    Change(
        "electrolyte_conductivity",
        "factor on the conductivity of the electrolyte",
        keys=("Electrolyte conductivity [S.m-1]",),
    ),
    Change("contact_resistance", "added resistance of contacts", "Ohm", 0.0, 10.0),
    Change(
        "heat_transfer",
        "factor on the heat transfer to the surroundings",
        keys=("Total heat transfer coefficient [W.m-2.K-1]",),
    ),
    Change("heat_capacity", "factor on the heat capacity of the cell", keys=("Cell heat capacity [J.K-1.m-3]",)),
    *_sides("thickness", "the thickness", "electrode thickness [m]", 0.2, 5.0, True),
    *_sides("porosity", "the porosity", "electrode porosity", 0.2, 3.0, True),
    *_sides(
        "active_fraction", "the volume fraction of active material", "electrode active material volume fraction",
        0.2, 1.6, True,
    ),
    Change("separator_thickness", "factor on the thickness of the separator", "1", 0.2, 5.0,
           ("Separator thickness [m]",), True),
    Change("electrode_area", "factor on the area of the electrodes", "1", 1e-3, 1e4, ("Electrode height [m]",), True),
)  # fmt: skip
CHANGES: Mapping[str, Change] = MappingProxyType({item.name: item for item in _ALL})
"""Every parameter that may be varied, by name."""


def check_changes(changes: Mapping[str, float]) -> dict[str, float]:
    """Changes as plain floats, in alphabetical order; those that change nothing are left out.

    Raises
    ------
    UnknownNameError
        If a name is not one of `CHANGES`.
    ConfigurationError
        If a value is outside its limits.
    """
    checked = {}
    for name in sorted(changes):
        if name not in CHANGES:
            raise UnknownNameError.for_name(name, CHANGES, "cell parameter")
        item, value = CHANGES[name], float(changes[name])
        if not (np.isfinite(value) and item.low <= value <= item.high):
            unit = "" if item.unit == "1" else f" {item.unit}"
            raise ConfigurationError(
                f"{name!r} ({item.description}) must be {item.low:g} to {item.high:g}{unit}; got {changes[name]}."
            )
        if value != item.neutral:
            checked[name] = value
    return checked


def split_changes(changes: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Checked changes in two parts: those a built model takes as inputs, and those it is built with."""
    checked = check_changes(changes)
    live = {name: value for name, value in checked.items() if not CHANGES[name].is_structural}
    return live, {name: value for name, value in checked.items() if CHANGES[name].is_structural}


def multiplied(value: Any, factor: Any) -> Any:
    """A number or a function of PyBaMM, multiplied by a number or symbol."""
    if callable(value):
        return _Product(value, factor)
    return value * factor


class _Product:
    """A function times a factor; a class, so that PyBaMM finds the arguments of the function."""

    def __init__(self, function: Callable[..., Any], factor: Any) -> None:
        self.function, self.factor = function, factor
        self.__name__ = getattr(function, "__name__", "function")

    def __call__(self, *args: Any) -> Any:
        return self.function(*args) * self.factor
