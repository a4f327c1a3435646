"""Reader of the Warwick (WMG) design of experiments on calendering NMC622 at pilot scale.

Results of single cells (``cells.csv``) are not read here.
"""

from __future__ import annotations

from pathlib import Path

from ionbridge.datasets.base import Domain
from ionbridge.datasets.readers.published import PublishedTable
from ionbridge.datasets.table import Table

__all__ = ["read"]

_TABLE = PublishedTable(
    reader="warwick_nmc622",
    file="conditions.csv",
    columns={
        "experiment_id": "experiment_id",
        "electrode_id": "electrode_id",
        "loading_regime": "loading_regime",
        "target_coating_weight_gsm": "target_coating_weight [g/m^2]",
        "roll_temperature_c": "roll_temperature [degC]",
        "target_density_g_cm3": "target_density [g/cm^3]",
        "target_porosity_pct": "target_porosity [%]",
        "roll_gap_um": "roll_gap [um]",
        "number_of_passes": "number_of_passes",
        "pre_thickness_um": "thickness_before_calendering [um]",
        "pre_coating_weight_gsm": "coating_weight [g/m^2]",
        "pre_density_g_cm3": "density_before_calendering [g/cm^3]",
        "pre_porosity_pct": "porosity_before_calendering [%]",
        "pre_tensile_strength_kpa": "tensile_strength_before_calendering [kPa]",
        "cal_thickness_um": "thickness_after_calendering [um]",
        "cal_coating_weight_gsm": None,
        "cal_density_g_cm3": "density_after_calendering [g/cm^3]",
        "cal_porosity_pct": "porosity_after_calendering [%]",
        "cal_tensile_strength_kpa": "tensile_strength_after_calendering [kPa]",
        "rate_ratio_5C_over_0p2C_mean": "rate_capability",
        "rate_ratio_5C_over_0p2C_std": "rate_capability_sd",
    },
    domain=Domain(
        "NMC622 (Warwick)",
        chemistry="NMC622",
        process="calendering",
        format="half-cell",
        fidelity="pilot line",
        origin="experiment",
    ),
    licence="CC0-1.0",
    citation="Physical and electrochemical characteristics of calendered NMC622 electrodes at pilot-plant scale, "
    "Mendeley Data, doi:10.17632/wwhm2frfmy.1",
    notes=(
        "transcribed from a derived table; the licence is as a third party states it",
        "roll gap is the machine gap and includes foil and roll deflection",
        "coating_weight is measured before calendering; thickness is without collector (it equals weight over density)",
        "rate_capability is the capacity at 5C over that at 0.2C, mean of three half-cells",
    ),
)


def read(path: str | Path) -> Table:
    """Read ``conditions.csv``: 18 conditions (2 coating weights, 3 roll temperatures, 3 densities).

    Parameters
    ----------
    path : the file, or the folder that holds it.

    Raises
    ------
    DataError
        If the file is missing or is another one.
    """
    return _TABLE.read(path)
