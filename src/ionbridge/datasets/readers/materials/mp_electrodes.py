"""Reader of mp_electrodes: 5,133 insertion electrodes of the Materials Project, ten working ions.

Structures are not in the set; only formulas, voltages, capacities and volume changes are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.readers.materials.locations import file_of, folder_of
from ionbridge.datasets.structures import parse_formula
from ionbridge.datasets.table import Table
from ionbridge.exceptions import DataError

__all__ = ["read_mp_electrodes"]

VOLTAGES = (-0.5, 6.5)  # [V]; other values are failed calculations
_FILES = ("electrodes.csv.gz", "data_2019_12_03.csv")  # collected, as downloaded
_COLUMNS = {
    "battery_id": "sample_id",
    "formula_charge": "charged_formula",
    "formula_discharge": "discharged_formula",
    "working_ion": "mobile_ion",
    "average_voltage": "average_voltage [V]",
    "capacity_grav": "specific_capacity [mAh/g]",
    "capacity_vol": "volumetric_capacity [Ah/L]",
    "max_delta_volume": "relative_volume_change [1]",
    "host_formula": "host_formula",
    "chemical_system": "chemical_system",
}


def read_mp_electrodes(path: str | Path | None = None) -> Table:
    """Read the folder ``mp_electrodes``.

    Parameters
    ----------
    path : its folder or the one above; None as in `folder_of`.

    Returns
    -------
    Table with ``average_voltage`` (against the metal of the working ion) and formulas; the label
    ``host_formula`` is the same for twins that differ only in their ion. Rows outside -0.5 to 6.5 V
    are left out with a note.

    Raises
    ------
    DataError
        If the file or its columns are missing.
    """
    file = file_of(folder_of("mp_electrodes", path), _FILES, "table of insertion electrodes")
    frame = pd.read_csv(file)
    missing = [name for name in list(_COLUMNS)[:8] if name not in frame.columns]
    if missing:
        raise DataError(f"{file} lacks the columns {missing}; it is not the table of mp_electrodes.")
    usable = frame["average_voltage"].between(*VOLTAGES, inclusive="neither")
    n_left_out = int((~usable).sum())
    frame = frame[usable].reset_index(drop=True)
    formulas = [parse_formula(text) for text in frame["formula_discharge"]]
    ions = frame["working_ion"].tolist()
    frame["host_formula"] = [f.host(ion) for f, ion in zip(formulas, ions, strict=True)]
    frame["chemical_system"] = [
        "-".join(sorted(set(f.amounts) - {ion})) for f, ion in zip(formulas, ions, strict=True)
    ]
    frame = frame[list(_COLUMNS)]
    frame["max_delta_volume"] = frame["max_delta_volume"].where(np.isfinite(frame["max_delta_volume"]))
    return Table.from_frame(
        frame,
        columns=_COLUMNS,
        domain=Domain("mp_electrodes", chemistry="mixed", fidelity="DFT", origin="simulation"),
        provenance=Provenance(
            source=str(file),
            reader="materials_mp_electrodes",
            licence="CC-BY-4.0 (Materials Project)",
            citation="Materials Project, Jain et al., APL Materials 1 (2013) 011002, doi:10.1063/1.4812323",
            notes=(
                f"{n_left_out} rows with a voltage outside {VOLTAGES[0]} to {VOLTAGES[1]} V were left out",
            ),
        ),
    )
