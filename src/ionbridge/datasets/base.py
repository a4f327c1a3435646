"""What every dataset carries: its `Domain` and its `Provenance`.

The kinds of dataset (tables, cycling records, ...) are modules beside this one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Domain", "Origin", "Provenance"]

Origin = Literal["experiment", "simulation", "literature", "unknown"]


@dataclass(frozen=True, slots=True)
class Domain:
    """Where data comes from: the thing between which knowledge is transferred.

    Parameters
    ----------
    name : short label for tables and plots, such as ``graphite``.
    chemistry, process, format, fidelity : free text; empty where it does not apply.
    origin : experiment, simulation, literature or unknown.
    """

    name: str
    chemistry: str = ""
    process: str = ""
    format: str = ""
    fidelity: str = ""
    origin: Origin = "unknown"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Domain:
        """Inverse of `to_dict`."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a dataset was read from and under which terms.

    Parameters
    ----------
    source : file path, address or the name of the generator.
    sha256 : hash of the content (canonical columns and values), hexadecimal.
    reader : name of the reader or simulator.
    licence : SPDX identifier or free text; empty where unknown.
    citation : how to cite the data.
    notes : what the reader changed (unit conversions, columns left out, ...).
    """

    source: str
    sha256: str = ""
    reader: str = ""
    licence: str = ""
    citation: str = ""
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Provenance:
        """Inverse of `to_dict`."""
        return cls(**{**values, "notes": tuple(values.get("notes", ()))})
