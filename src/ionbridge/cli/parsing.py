"""Types of option values: lists of names, sizes of training sets, settings with units.

Only text becomes values here; whether a name or a unit is known is asked of `ionbridge.quantities`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.shell_completion import CompletionItem

from ionbridge import plugins
from ionbridge.exceptions import UnitError, UnknownNameError

if TYPE_CHECKING:
    from ionbridge.quantities import Quantity

__all__ = [
    "FOLDER",
    "GOAL",
    "IMAGE",
    "LEVEL",
    "MODEL",
    "NAMES",
    "RANGE",
    "SETTING",
    "SIZES",
    "STRATEGIES",
    "STRATEGY",
    "Stated",
    "in_house_unit",
    "resolved",
]

FOLDER = click.Path(file_okay=False, path_type=Path)
_IMAGE_SUFFIXES = (".png", ".pdf", ".svg", ".jpg", ".tif", ".webp")
LEVEL = click.FloatRange(0, 1, min_open=True, max_open=True)

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


class _Names(click.ParamType):
    """Names separated by commas, as a tuple."""

    name = "a,b,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return _split(value)


class _Strategy(click.ParamType):
    """The registered name of a strategy, completed by the shell."""

    name = "strategy"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        known = plugins.names("ionbridge.strategies")
        if value not in known:
            self.fail(f"{value!r} is none of: {', '.join(known)}.", param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(n) for n in plugins.names("ionbridge.strategies") if n.startswith(incomplete)]


class _Strategies(click.ParamType):
    """Registered names of strategies, separated by commas; the last one is completed by the shell."""

    name = "strategy,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return tuple(STRATEGY.convert(name, param, ctx) for name in _split(value))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        return [
            CompletionItem(before + comma + item.value) for item in STRATEGY.shell_complete(ctx, param, last)
        ]


class _Sizes(click.ParamType):
    """Numbers of target training rows separated by commas; ``all`` for what a split leaves."""

    name = "5,10,all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        sizes: list[int | Literal["all"]] = []
        for part in _split(value):
            if part != "all" and not str(part).isdigit():
                self.fail(f"expected whole numbers or 'all', separated by commas; got {part!r}.", param, ctx)
            sizes.append("all" if part == "all" else int(part))
        return tuple(sizes)


class _Setting(click.ParamType):
    """``NAME=VALUE`` or ``'NAME=VALUE unit'`` as (name, value).

    The value is in the house unit, or `Stated` where the catalogue does not know the quantity.

    Parameters
    ----------
    words : texts that may stand in place of a number.
    takes_ranges : whether ``LOW:HIGH`` may, too.
    """

    def __init__(self, *words: str, takes_ranges: bool = False) -> None:
        self.words = words
        self.takes_ranges = takes_ranges
        self.name = "|".join(["NAME=VALUE", *(["LOW:HIGH"] if takes_ranges else []), *words])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        name, equals, text = (part.strip() for part in value.partition("="))
        if not equals or not name:
            self.fail(f"expected {self.name}; got {value!r}.", param, ctx)
        if text in self.words:
            return name, text
        if self.takes_ranges and ":" in text:
            return RANGE.convert(value, param, ctx)
        found = re.fullmatch(rf"({_NUMBER})\s*(.*)", text)
        if not found:
            choice = f" or one of {', '.join(self.words)}" if self.words else ""
            self.fail(f"expected a number{choice} after '{name}='; got {text!r}.", param, ctx)
        return name, _in_known_unit(name, float(found[1]), found[2])


class _Range(click.ParamType):
    """``NAME=LOW:HIGH`` or ``'NAME=LOW:HIGH unit'`` as (name, (low, high)), as for a setting."""

    name = "NAME=LOW:HIGH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(rf"\s*(\w+)\s*=\s*({_NUMBER})\s*:\s*({_NUMBER})\s*(.*)", value)
        if not found:
            self.fail(f"expected {self.name}, such as roll_gap=20:80; got {value!r}.", param, ctx)
        name, unit = found[1], found[4]
        low, high = float(found[2]), float(found[3])
        if low >= high:
            self.fail(f"the lower bound of {name} must be below the upper one; got {value!r}.", param, ctx)
        return name, _in_known_unit(name, (low, high), unit)


class _Image(click.Path):
    """A file that a plot can be drawn to."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if path.suffix.lower() not in _IMAGE_SUFFIXES:
            self.fail(
                f"expected a file that ends in {', '.join(_IMAGE_SUFFIXES)}; got {path.name!r}.", param, ctx
            )
        return path


class _Model(click.ParamType):
    """The name of a saved model, completed by the shell, or the folder of an exported one."""

    name = "model"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ionbridge.library import ModelLibrary

        return [CompletionItem(name) for name in ModelLibrary().names() if name.startswith(incomplete)]


def _split(value: Any) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    names = tuple(part.strip() for part in str(value).split(",") if part.strip())
    if not names:
        raise click.BadParameter(
            "expected names separated by commas, such as roll_gap,comma_gap; got nothing."
        )
    return names


@dataclass(frozen=True)
class Stated:
    """A number or a range in a unit, of a quantity that only the model may know.

    Parameters
    ----------
    value : as written.
    unit : as written; empty where none is.
    """

    value: float | tuple[float, float]
    unit: str

    def __str__(self) -> str:
        numbers = self.value if isinstance(self.value, tuple) else (self.value,)
        return f"{':'.join(f'{number:g}' for number in numbers)} {self.unit}".strip()


def in_house_unit(item: Quantity, stated: Stated) -> float | tuple[float, float]:
    """Convert what was stated to the house unit of a quantity.

    Raises
    ------
    UnitError
        If the unit measures something else, or is needed and not stated.
    """
    from ionbridge.quantities import convert, edge_unit

    if stated.unit:
        found = convert(stated.value, stated.unit, item.unit)
        return (float(found[0]), float(found[1])) if found.ndim else float(found)
    if item.unit != "1" and edge_unit(item) != item.unit:
        raise UnitError(
            f"{item.name} may be meant in {edge_unit(item)} or {item.unit}; say which, for example "
            f"'{item.name}={stated} {edge_unit(item)}'."
        )
    return stated.value


def resolved(pairs: Mapping[str, Any], known: Mapping[str, Quantity]) -> dict[str, Any]:
    """Convert what the catalogue does not know by the quantities of a model.

    Parameters
    ----------
    pairs : values by name, as the types of this module give them.
    known : quantities of the model by name.

    Raises
    ------
    UnknownNameError
        If a quantity is not known to the model either.
    """
    for name, value in pairs.items():
        if isinstance(value, Stated) and name not in known:
            raise UnknownNameError.for_name(
                name, known, "quantity of the model", "Name one of its quantities."
            )
    return {
        name: in_house_unit(known[name], value) if isinstance(value, Stated) else value
        for name, value in pairs.items()
    }


def _in_known_unit(name: str, value: float | tuple[float, float], unit: str) -> Any:
    """Convert to the house unit where the catalogue knows the quantity."""
    from ionbridge.quantities import catalogue

    stated = Stated(value, unit.strip())
    item = catalogue().get(name)
    return stated if item is None else in_house_unit(item, stated)


NAMES, SIZES = _Names(), _Sizes()
STRATEGY, STRATEGIES = _Strategy(), _Strategies()
SETTING, GOAL, RANGE = _Setting(), _Setting("max", "min", takes_ranges=True), _Range()
MODEL = _Model()
IMAGE = _Image(dir_okay=False, path_type=Path)
