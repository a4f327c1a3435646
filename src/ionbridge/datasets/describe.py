"""Summary of a table: what is in every column, at a glance.

What is wrong with it is `validation.py`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ionbridge.datasets.table import Table
from ionbridge.datasets.validation import outside_range
from ionbridge.quantities import pretty_unit

__all__ = ["describe_table"]


def describe_table(table: Table) -> pd.DataFrame:
    """Summarise every column.

    Parameters
    ----------
    table : any number of rows.

    Returns
    -------
    One row a column of the table, indexed by name: ``kind``, ``unit``, ``n`` (values that are
    there), ``missing``, ``distinct``, ``min``, ``median``, ``max`` [unit; NaN for labels] and
    ``outside_range`` (values outside the plausible range).
    """
    rows = {}
    for name in table.names:
        item, column = table.quantity(name), table.column(name)
        is_label = item.kind == "label"
        present = (
            column[np.array([bool(text) for text in column], dtype=bool)]
            if is_label
            else column[~np.isnan(column)]
        )
        has_numbers = not is_label and len(present) > 0
        rows[name] = {
            "kind": item.kind,
            "unit": pretty_unit(item.unit) if item.kind == "number" else "",
            "n": len(present),
            "missing": len(column) - len(present),
            "distinct": len(set(present.tolist())),
            "min": float(present.min()) if has_numbers else np.nan,
            "median": float(np.median(present)) if has_numbers else np.nan,
            "max": float(present.max()) if has_numbers else np.nan,
            "outside_range": 0 if is_label else int(outside_range(present, item).sum()),
        }
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "quantity"
    return frame
