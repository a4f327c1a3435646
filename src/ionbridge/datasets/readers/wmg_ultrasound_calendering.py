"""Readers of the WMG calendering trials with ultrasound: graphite and NMC622, before and after.

The ultrasound signals themselves are not tables and are not read here.

In both files the thickness includes the current collector, as density times thickness shows: the
density is a whole number of g/m² over the thickness less 10 µm (graphite, copper) or 15 µm
(NMC622, aluminium), before and after calendering alike. That foil is subtracted, so that thickness
means the coating here as in the other calendering sets.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ionbridge.datasets.base import Domain
from ionbridge.datasets.readers.published import PublishedTable
from ionbridge.datasets.table import Table

__all__ = ["ALUMINIUM_FOIL", "COPPER_FOIL", "read_graphite", "read_nmc622"]

COPPER_FOIL = 10.0
"""Thickness of the collector of the graphite electrodes [µm], from mass balance over each pair."""

ALUMINIUM_FOIL = 15.0
"""Thickness of the collector of the NMC622 electrodes [µm], from mass balance over each pair."""

_BOTH = {
    "sample": "sample_id",
    "pre_thickness_um": "thickness_before_calendering [um]",
    "pre_density_g_cm3": "density_before_calendering [g/cm^3]",
    "post_thickness_um": "thickness_after_calendering [um]",
    "post_density_g_cm3": "density_after_calendering [g/cm^3]",
}
_LICENCE = "MIT (repository); CC-BY-4.0 (parent data)"
_CITATION = "doi:10.1016/j.jpowsour.2025.237919; data from github.com/hfarhaditolie/ETP-DNN and doi:10.17632/c62yn37d9h"

_GRAPHITE = PublishedTable(
    reader="wmg_graphite",
    file="anode_pairs.csv",
    columns={
        **_BOTH,
        "calendering_speed": "calendering_speed_level",
        "roll_gap_level": "roll_gap_level",
    },
    domain=Domain(
        "graphite (WMG)",
        chemistry="graphite",
        process="calendering",
        fidelity="pilot line",
        origin="experiment",
    ),
    licence=_LICENCE,
    citation=_CITATION,
    notes=("speed and roll gap are coded levels, not physical values",),
)

_NMC622 = PublishedTable(
    reader="wmg_nmc622",
    file="cathode_pairs.csv",
    columns={
        **_BOTH,
        "web_speed_m_min": "web_speed [m/min]",
        "coat_weight_gsm": "coating_weight [g/m^2]",
        "roll_gap": "roll_gap [um]",
    },
    domain=Domain(
        "NMC622 (WMG)", chemistry="NMC622", process="calendering", fidelity="pilot line", origin="experiment"
    ),
    licence=_LICENCE,
    citation=_CITATION,
    notes=(
        "the units of web speed (m/min) and roll gap (um, machine reading) are presumed",
        "coating_weight is the nominal class (141, 182, 218 g/m2); density times thickness gives 134 to 218",
        "S_C_16 to S_C_18 are labelled 218 g/m2, but their density and thickness give 183 to 185: "
        "suspected wrong label in the source, kept as it is",
    ),
)


def read_graphite(path: str | Path) -> Table:
    """Read ``anode_pairs.csv``: 30 graphite coatings before and after calendering.

    Parameters
    ----------
    path : the file, or the folder that holds it.

    Raises
    ------
    DataError
        If the file is missing or is another one.
    """
    return _without_foil(_GRAPHITE.read(path), COPPER_FOIL)


def read_nmc622(path: str | Path) -> Table:
    """Read ``cathode_pairs.csv``: 18 NMC622 coatings before and after calendering.

    Parameters
    ----------
    path : the file, or the folder that holds it.

    Raises
    ------
    DataError
        If the file is missing or is another one.
    """
    return _without_foil(_NMC622.read(path), ALUMINIUM_FOIL)


def _without_foil(table: Table, foil: float) -> Table:
    frame = table.frame.copy()
    for name in ("thickness_before_calendering", "thickness_after_calendering"):
        frame[name] -= foil
    thinner = replace(table, frame=frame)
    notes = (*table.provenance.notes, f"collector of {foil:g} um subtracted from thickness")
    return replace(thinner, provenance=replace(table.provenance, sha256=thinner.sha256, notes=notes))
