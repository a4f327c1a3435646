"""`TrainingConditions`: what the training cells were and how they were cycled, to tell cells unlike them.

How far the features of a cell are from those of the training cells is `ionbridge.models.applicability`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ionbridge.datasets.cycling import CyclingRecord

__all__ = ["TrainingConditions"]

TEMPERATURE_MARGIN = 5.0  # K beyond the training cells
RATE_MARGIN = 0.2  # of a rate beyond the training cells
RATES = ("charge_rate", "discharge_rate")
ROUNDING = 1e-6  # share of a rate
NOT_NAMED = ("", "unknown")
CELLS_A_PROTOCOL = 2.0  # with fewer cells a protocol, every cell is expected to have its own


@dataclass(frozen=True)
class TrainingConditions:
    """Chemistries, temperatures, rates and protocols of the training cells of the target.

    Parameters
    ----------
    chemistries : sorted.
    temperatures : lowest and highest [K]; empty where unknown.
    rates : lowest and highest [C_rate] by name, of those that are known.
    protocols : in words, sorted; empty where nearly every cell had its own.
    """

    chemistries: tuple[str, ...]
    temperatures: tuple[float, ...]
    rates: dict[str, tuple[float, float]]
    protocols: tuple[str, ...]

    @classmethod
    def from_records(cls, records: Sequence[CyclingRecord]) -> Self:
        """Collect them."""
        temperatures = [r.temperature for r in records if math.isfinite(r.temperature)]
        rates = {}
        for name in RATES:
            known = [value for r in records if (value := _rate(r, name)) is not None]
            if known:
                rates[name] = (min(known), max(known))
        protocols = sorted({r.protocol for r in records if r.protocol})
        if len(protocols) * CELLS_A_PROTOCOL > len(records):
            protocols = []
        return cls(
            tuple(sorted({r.chemistry for r in records if r.chemistry not in NOT_NAMED})),
            (min(temperatures), max(temperatures)) if temperatures else (),
            rates,
            tuple(protocols),
        )

    def reasons(self, record: CyclingRecord) -> list[str]:
        """Say why a cell is unlike the training cells; empty where nothing speaks against it."""
        found = []
        if record.chemistry in NOT_NAMED and self.chemistries:
            found.append(f"its chemistry is not named; training cells were {', '.join(self.chemistries)}")
        elif self.chemistries and not any(_is_like(record.chemistry, known) for known in self.chemistries):
            found.append(f"chemistry {record.chemistry} is not among {list(self.chemistries)}")
        if self.temperatures and math.isfinite(record.temperature):
            low, high = self.temperatures[0] - TEMPERATURE_MARGIN, self.temperatures[1] + TEMPERATURE_MARGIN
            if not low <= record.temperature <= high:
                found.append(f"temperature {record.temperature:.0f} K is outside {low:.0f} to {high:.0f} K")
        for name, (lowest, highest) in self.rates.items():
            value = _rate(record, name)
            low, high = lowest * (1 - RATE_MARGIN), highest * (1 + RATE_MARGIN)
            if value is not None and not low * (1 - ROUNDING) <= value <= high * (1 + ROUNDING):
                found.append(f"{name.replace('_', ' ')} {value:g} C is outside {low:.3g} to {high:.3g} C")
        if self.protocols and record.protocol and record.protocol not in self.protocols:
            found.append(f"no training cell was cycled like this: {record.protocol}")
        return found


def _is_like(chemistry: str, known: str) -> bool:
    """Whether two chemistries agree in what both name: ``NMC`` leaves the anode open."""
    parts = [name.casefold().split("/") for name in (chemistry, known)]
    return all(a == b for a, b in zip(*parts, strict=False))


def _rate(record: CyclingRecord, name: str) -> float | None:
    value = record.metadata.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None
