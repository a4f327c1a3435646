"""Data of one domain: tables of quantities with units, origin, licence and provenance.

Readers of file formats and public data sets are in `readers/`; models are one room up.
"""

from ionbridge.datasets.base import Domain, Origin, Provenance
from ionbridge.datasets.columns import ColumnSettings, read_column_file
from ionbridge.datasets.problems import Problem, TableError, format_problems
from ionbridge.datasets.reading import read_table, validate_file
from ionbridge.datasets.table import Table

__all__ = [
    "ColumnSettings",
    "Domain",
    "Origin",
    "Problem",
    "Provenance",
    "Table",
    "TableError",
    "format_problems",
    "read_column_file",
    "read_table",
    "validate_file",
]
