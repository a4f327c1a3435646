"""Looking up quantities by name or by the spellings found in tables.

The quantities themselves are data: `catalogue.toml` beside this file. Units are converted by
`units.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ionbridge.exceptions import ConfigurationError, UnknownNameError
from ionbridge.quantities.base import Quantity
from ionbridge.quantities.text import key_of_name

__all__ = [
    "catalogue",
    "edge_unit",
    "find_quantity",
    "house_units",
    "quantity",
    "quantity_from_mapping",
    "unit_spellings",
]

_KEYS = frozenset(
    ("unit", "symbol", "low", "high", "positive", "kind", "aliases", "iri", "description", "edge_unit")
)


def quantity_from_mapping(name: str, values: Mapping[str, Any], where: str = "") -> Quantity:
    """Build a quantity from the keys of a TOML table, refusing unknown ones.

    Parameters
    ----------
    name : name of the quantity.
    values : keys of `Quantity`, and ``edge_unit``, which only the catalogue uses.
    where : file named in messages.

    Raises
    ------
    ConfigurationError
        If a key is unknown or a value is of the wrong type.
    """
    place = f"quantity {name!r}{f' of {where}' if where else ''}"
    unknown = sorted(set(values) - _KEYS)
    if unknown:
        raise ConfigurationError(f"unknown key(s) {unknown} of {place}; expected some of {sorted(_KEYS)}.")
    kind = values.get("kind", "number")
    if kind not in ("number", "code", "label"):
        raise ConfigurationError(f"'kind' of {place} must be 'number', 'code' or 'label'; got {kind!r}.")
    limits = {limit: values.get(limit) for limit in ("low", "high")}
    for limit, value in limits.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ConfigurationError(f"{limit!r} of {place} must be a number; got {value!r}.")
    texts = {text: values.get(text, "") for text in ("symbol", "description", "iri", "unit")}
    for text, value in texts.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"{text!r} of {place} must be text; got {value!r}.")
    if kind == "number" and not texts["unit"]:
        raise ConfigurationError(f"{place} needs a 'unit', such as 'um', or '1' for dimensionless.")
    return Quantity(
        name=name,
        unit=texts["unit"] or "1",
        description=texts["description"],
        symbol=texts["symbol"],
        low=None if limits["low"] is None else float(limits["low"]),
        high=None if limits["high"] is None else float(limits["high"]),
        positive=bool(values.get("positive", False)),
        kind=kind,
        aliases=tuple(values.get("aliases", ())),
        iri=texts["iri"] or f"ionbridge:{name}",
    )


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    import tomllib
    from importlib.resources import files

    text = files("ionbridge.quantities").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Quantity]:
    """Every quantity that ionbridge knows, by name, in the order of the catalogue."""
    prefixes = _data()["prefixes"]
    quantities = {}
    for name, values in _data()["quantity"].items():
        prefix, _, term = values.get("iri", f"ionbridge:{name}").partition(":")
        quantities[name] = quantity_from_mapping(name, {**values, "iri": prefixes[prefix] + term})
    return MappingProxyType(quantities)


def house_units() -> tuple[str, ...]:
    """Every unit in which numbers are stored inside ionbridge."""
    return tuple(_data()["house_units"])


def unit_spellings() -> Mapping[str, str]:
    """Loose spellings of units, as found at the end of column names, and what they mean."""
    return MappingProxyType(_data()["unit_spellings"])


def edge_unit(item: Quantity) -> str:
    """Unit in which people meet the quantity in templates and on pages, such as degC for K."""
    return str(_data()["quantity"].get(item.name, {}).get("edge_unit", item.unit))


def quantity(name: str) -> Quantity:
    """Look up a quantity by its exact name.

    Raises
    ------
    UnknownNameError
        If it is not in the catalogue; the message lists the nearest names.
    """
    known = catalogue()
    if name not in known:
        found = find_quantity(name) if isinstance(name, str) else None
        remedy = (
            f"Did you mean {found.name!r}?" if found else "List all with ionbridge.quantities.catalogue()."
        )
        raise UnknownNameError.for_name(str(name), known, "quantity", remedy)
    return known[name]


def _index(quantities: Iterable[Quantity]) -> dict[str, Quantity]:
    index: dict[str, Quantity] = {}
    for item in quantities:
        for spelling in (item.name, *item.aliases):
            other = index.setdefault(key_of_name(spelling), item)
            if other.name != item.name:
                raise ConfigurationError(
                    f"{spelling!r} names both {other.name!r} and {item.name!r}; remove one of the aliases."
                )
    return index


@lru_cache(maxsize=1)
def _catalogue_index() -> dict[str, Quantity]:
    return _index(catalogue().values())


def find_quantity(text: str, definitions: Mapping[str, Quantity] | None = None) -> Quantity | None:
    """Find a quantity by name or alias, without regard to case, spaces and punctuation.

    Parameters
    ----------
    text : name without a unit, such as ``Comma Gap``.
    definitions : further quantities; they are looked at first.

    Returns
    -------
    The quantity, or None where nothing is called like this.
    """
    key = key_of_name(text)
    if definitions:
        found = _index(definitions.values()).get(key)
        if found is not None:
            return found
    return _catalogue_index().get(key)
