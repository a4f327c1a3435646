"""The `Quantity` value: a named physical variable.

The list of known quantities is the data file `catalogue.toml`; looking one up is `catalogue.py`;
converting units is `units.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ionbridge.exceptions import ConfigurationError
from ionbridge.quantities.text import pretty_unit

__all__ = ["Quantity"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One physical variable as ionbridge stores it.

    Parameters
    ----------
    name : the one name used in code, files and models, such as ``roll_gap``.
    unit : house unit in pint syntax, such as ``um``; ``1`` for dimensionless.
    description : one sentence.
    symbol : as printed on axes, such as ``ρ``.
    low, high : plausible range in the house unit; None where there is no limit.
    positive : every valid value is above zero, so that logarithms are allowed.
    kind : ``number``, or ``code`` for a level without a unit (machine setting 1, 2, 3),
        or ``label`` for text that identifies a row and is never an input.
    aliases : other spellings found in tables, matched without case, spaces and punctuation.
    iri : BattINFO / EMMO term, or a private ``ionbridge:`` term where none exists.
    """

    name: str
    unit: str
    description: str
    symbol: str = ""
    low: float | None = None
    high: float | None = None
    positive: bool = False
    kind: Literal["number", "code", "label"] = "number"
    aliases: tuple[str, ...] = ()
    iri: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name != self.name.lower():
            raise ConfigurationError(
                f"'name' of Quantity must be a lower-case identifier such as 'roll_gap'; got {self.name!r}."
            )
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ConfigurationError(
                f"'low' of Quantity {self.name!r} must be below 'high'; got {self.low} and {self.high}."
            )

    @property
    def label(self) -> str:
        """Axis label with unit, such as ``roll gap [µm]``."""
        return f"{self.name.replace('_', ' ')} [{pretty_unit(self.unit)}]"
