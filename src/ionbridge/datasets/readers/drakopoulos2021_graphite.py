"""Reader of the graphite half-cells of Drakopoulos et al. (2021), two campaigns of one line.

The file is a table derived from the published workbook; how to read it is data, see `published.py`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ionbridge.datasets.base import Domain
from ionbridge.datasets.readers.published import PublishedTable
from ionbridge.datasets.table import Table
from ionbridge.quantities import quantity

__all__ = ["read"]

_TABLE = PublishedTable(
    reader="drakopoulos2021_graphite",
    file="cells.csv",
    columns={
        "cell_id": "cell_id",
        "active_material_wt_pct": "active_material_fraction [wt%]",
        "cmc_wt_pct": "cmc_fraction [wt%]",
        "sbr_wt_pct": "sbr_fraction [wt%]",
        "carbon_wt_pct": "conductive_additive_fraction [wt%]",
        "solids_pct": "solid_content [wt%]",
        "coating_speed_m_min": "coating_speed [m/min]",
        "coating_gap_um": "comma_gap [um]",
        "drying_temperature_c": "drying_temperature [degC]",
        "calendered": "calendered",
        "active_mass_mg": "active_mass [mg]",
        "electrode_thickness_um": "electrode_thickness [um]",
        "porosity_pct": "porosity [%]",
        "d30_mAh_per_g": "specific_capacity_cycle_30 [mAh/g]",
    },
    domain=Domain(
        "graphite (Drakopoulos 2021)",
        chemistry="graphite",
        process="comma-bar coating, calendering",
        format="coin half-cell",
        fidelity="laboratory line",
        origin="experiment",
    ),
    licence="CC-BY-4.0",
    citation="Drakopoulos et al., Cell Reports Physical Science 2 (2021) 100683, doi:10.1016/j.xcrp.2021.100683; "
    "data doi:10.17632/4dh2h3tsf4.1",
    notes=(
        "transcribed from a derived table, not from the original workbook; values rounded to 3-4 decimals",
        "calendered and porosity are known for the prospective campaign (ASC-) only",
        "solid content looks like one constant a series, not a measurement of each slurry",
        "capacities at cycle 30 above 372 mAh/g exceed graphite's theory (mass error); those near 0 are failed cells",
    ),
)


def read(path: str | Path) -> Table:
    """Read ``cells.csv``: 251 coin cells, one electrode each.

    The label column ``campaign`` is ``historical`` for cells AS-... and ``prospective`` for
    ASC-... .

    Parameters
    ----------
    path : the file, or the folder that holds it.

    Raises
    ------
    DataError
        If the file is missing or is another one.

    References
    ----------
    .. [1] Drakopoulos et al., Cell Reports Physical Science 2 (2021) 100683.
       doi:10.1016/j.xcrp.2021.100683
    """
    table = _TABLE.read(path)
    campaign = [
        "prospective" if cell.startswith("ASC-") else "historical" for cell in table.column("cell_id")
    ]
    frame = pd.concat([table.frame, pd.DataFrame({"campaign": campaign})], axis=1)
    grown = replace(table, frame=frame, definitions={**table.definitions, "campaign": quantity("campaign")})
    return replace(grown, provenance=replace(table.provenance, sha256=grown.sha256))
