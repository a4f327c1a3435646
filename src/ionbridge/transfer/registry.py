"""Strategies by their registered names."""

from __future__ import annotations

from typing import Any

from ionbridge import plugins
from ionbridge.exceptions import ConfigurationError
from ionbridge.transfer.base import AbstractStrategy

__all__ = ["make_strategy", "strategy_names"]


def strategy_names() -> list[str]:
    """Names of every registered strategy and baseline."""
    return plugins.names("ionbridge.strategies")


def make_strategy(name: str, **settings: Any) -> AbstractStrategy:
    """Build the strategy registered as `name` with its settings.

    Raises
    ------
    UnknownNameError
        If no strategy has this name.
    ConfigurationError
        If it does not take one of the settings.
    """
    factory = plugins.load("ionbridge.strategies", name)
    try:
        return factory(**settings)
    except TypeError as error:
        raise ConfigurationError(
            f"strategy {name!r} does not take the settings {sorted(settings)}: {error}"
        ) from error
