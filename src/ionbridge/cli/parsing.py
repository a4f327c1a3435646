"""Types of option values: lists of names, sizes of training sets, settings with units.

Only text becomes values here; whether a name or a unit is known is asked of `ionbridge.quantities`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import click
from click.shell_completion import CompletionItem

from ionbridge import plugins
from ionbridge.exceptions import UnitError

__all__ = [
    "FOLDER",
    "GOAL",
    "LEVEL",
    "MODEL",
    "NAMES",
    "RANGE",
    "SETTING",
    "SIZES",
    "STRATEGIES",
    "STRATEGY",
]

FOLDER = click.Path(file_okay=False, path_type=Path)
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
    """``NAME=VALUE`` or ``'NAME=VALUE unit'`` as (name, value); the value in the house unit.

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
        return name, _in_house_unit(name, float(found[1]), found[2])


class _Range(click.ParamType):
    """``NAME=LOW:HIGH`` or ``'NAME=LOW:HIGH unit'`` as (name, (low, high)) in the house unit."""

    name = "NAME=LOW:HIGH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(rf"\s*(\w+)\s*=\s*({_NUMBER})\s*:\s*({_NUMBER})\s*(.*)", value)
        if not found:
            self.fail(f"expected {self.name}, such as roll_gap=20:80; got {value!r}.", param, ctx)
        name, unit = found[1], found[4]
        low, high = (_in_house_unit(name, float(text), unit) for text in (found[2], found[3]))
        if low >= high:
            self.fail(f"the lower bound of {name} must be below the upper one; got {value!r}.", param, ctx)
        return name, (low, high)


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


def _in_house_unit(name: str, value: float, unit: str) -> float:
    from ionbridge.quantities import catalogue, convert, edge_unit, quantity

    unit = unit.strip()
    if unit:
        return float(convert(value, unit, quantity(name).unit))
    item = catalogue().get(name)
    if item is not None and item.unit != "1" and edge_unit(item) != item.unit:
        raise UnitError(
            f"{name} may be meant in {edge_unit(item)} or {item.unit}; say which, for example "
            f"'{name}={value:g} {edge_unit(item)}'."
        )
    return value


NAMES, SIZES = _Names(), _Sizes()
STRATEGY, STRATEGIES = _Strategy(), _Strategies()
SETTING, GOAL, RANGE = _Setting(), _Setting("max", "min", takes_ranges=True), _Range()
MODEL = _Model()
