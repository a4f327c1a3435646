"""Vocabulary: named quantities, their units, plausible ranges and ontology terms.

Everything here is about single variables; rows of them are `ionbridge.datasets`.
"""

from ionbridge.quantities.base import Quantity
from ionbridge.quantities.catalogue import catalogue, edge_unit, find_quantity, house_units, quantity
from ionbridge.quantities.text import pretty_unit
from ionbridge.quantities.units import convert, to_edge_unit

__all__ = [
    "Quantity",
    "catalogue",
    "convert",
    "edge_unit",
    "find_quantity",
    "house_units",
    "pretty_unit",
    "quantity",
    "to_edge_unit",
]
