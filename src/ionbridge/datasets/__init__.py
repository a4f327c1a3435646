"""Data of one domain: tables of quantities with units, origin, licence and provenance.

Readers of file formats and public data sets are in `readers/`; models are one room up.
"""

from ionbridge.datasets.base import Domain, Origin, Provenance
from ionbridge.datasets.columns import ColumnSettings, read_column_file
from ionbridge.datasets.describe import describe_table
from ionbridge.datasets.new_rows import NewRows, read_new_rows
from ionbridge.datasets.problems import Problem, TableError, format_problems
from ionbridge.datasets.profiles import CellSeries, CellSeriesSet, Profile
from ionbridge.datasets.reading import read_table, validate_file
from ionbridge.datasets.table import Table
from ionbridge.datasets.template import write_template

__all__ = [
    "CellSeries",
    "CellSeriesSet",
    "ColumnSettings",
    "Domain",
    "NewRows",
    "Origin",
    "Problem",
    "Profile",
    "Provenance",
    "Table",
    "TableError",
    "describe_table",
    "format_problems",
    "read_column_file",
    "read_new_rows",
    "read_table",
    "validate_file",
    "write_template",
]
