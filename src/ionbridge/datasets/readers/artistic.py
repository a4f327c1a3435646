"""Readers of two ARTISTIC sets on calendering NMC: simulated mesostructures and measured porosity.

What the two have in common:

- ``roll_gap``: the calender gap, in both about 1 to 100 with the same machine zero;
- ``active_material_fraction``: 93 to 96 wt% simulated, 94 to 96 wt% measured;
- ``porosity_before_calendering``: 40 to 50 % simulated, 42 to 48.7 % measured.

The measured output, porosity after calendering, is not a column of the simulated set. There the
height of the box, ``thickness_after_calendering``, grows with the gap and falls with the porosity
before as the mass balance of a coating of constant thickness before does:
``1 - porosity_after = (1 - porosity_before) * thickness_before / thickness_after``. The source does
not state that thickness before, but about 120 µm reproduces the 14 measured porosities to a few
points. `read_mesostructures` therefore computes the porosity after calendering only for a stated
thickness. The measured coatings were 138 to 180 µm thick, so thicknesses of the two sets must not
be compared, nor must anything that scales with the size of the box.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ionbridge.datasets.base import Domain
from ionbridge.datasets.readers.published import PublishedTable
from ionbridge.datasets.table import Table
from ionbridge.exceptions import ConfigurationError
from ionbridge.quantities import quantity

__all__ = ["read_calendering", "read_mesostructures"]

_CITATION = "Duquesnoy et al., Journal of Power Sources 480 (2020) 229103, doi:10.1016/j.jpowsour.2020.229103"
_LICENCE = "CC-BY-NC-SA-4.0"

_MESOSTRUCTURES = PublishedTable(
    reader="artistic_mesostructures",
    file="raw_dataset.csv",
    columns={
        "Gap": "roll_gap [um]",
        "AM": "active_material_fraction [wt%]",
        "CBD": "carbon_binder_fraction [wt%]",
        "porous": "porosity_before_calendering [%]",
        "x": "microstructure_width [um]",
        "y": "microstructure_depth [um]",
        "z": "thickness_after_calendering [um]",
        "res": "voxel_size [um]",
        "tliq": "tortuosity_factor",
        "tsol": "tortuosity_factor_solid",
        "CC/AM": "collector_contact_active_material [%]",
        "CC/CBD": "collector_contact_binder [%]",
        "Active_Surface": "active_surface [%]",
    },
    domain=Domain(
        "NMC (ARTISTIC simulation)",
        chemistry="NMC111",
        process="calendering",
        fidelity="stochastic mesostructure",
        origin="simulation",
    ),
    licence=_LICENCE,
    citation=_CITATION,
    notes=("simulated, not measured", "box 50 x 50 um; its height is given to three digits"),
)

_CALENDERING = PublishedTable(
    reader="artistic_calendering",
    file="experimental.csv",
    columns={
        "nmc_mass_fraction": "active_material_fraction [1]",
        "solid_to_liquid_pct": "solid_content [%]",
        "calender_gap_um": "roll_gap [um]",
        "porosity_before": "porosity_before_calendering [1]",
        "thickness_before_um": "thickness_before_calendering [um]",
        "porosity_after": "porosity_after_calendering [1]",
        "porosity_after_sd": "porosity_sd [1]",
    },
    domain=Domain(
        "NMC (ARTISTIC measured)",
        chemistry="NMC111",
        process="calendering",
        fidelity="laboratory line",
        origin="experiment",
    ),
    licence=_LICENCE,
    citation=_CITATION,
    notes=(
        "another README of the source names the GPL as its licence",
        "4 coatings calendered at up to 6 gaps: rows of one coating are not independent",
    ),
)


def read_mesostructures(path: str | Path, thickness_before: float | None = None) -> Table:
    """Read ``raw_dataset.csv``: 440 simulated mesostructures of calendered NMC.

    Parameters
    ----------
    path : the file (``raw_validation.csv`` has the same form), or the folder that holds it.
    thickness_before : [µm]
        Coating thickness before calendering that is assumed for all rows; adds the column
        ``porosity_after_calendering`` by the mass balance in the module's docstring. About 120
        agrees with the measurements, the source states no value.

    Raises
    ------
    DataError
        If the file is missing or is another one.
    ConfigurationError
        If `thickness_before` leaves no solid room for the pores of some row.
    """
    table = _MESOSTRUCTURES.read(path)
    if thickness_before is None:
        return table
    before = table.column("porosity_before_calendering")
    after = 1 - (1 - before) * thickness_before / table.column("thickness_after_calendering")
    if not (after > 0).all():
        raise ConfigurationError(
            f"'thickness_before' of read_mesostructures must leave every row a porosity above 0; got {thickness_before} "
            "um. Use about 120."
        )
    name = "porosity_after_calendering"
    grown = replace(
        table,
        frame=table.frame.assign(**{name: after}),
        definitions={**table.definitions, name: quantity(name)},
    )
    notes = (
        *table.provenance.notes,
        f"{name} computed for {thickness_before:g} um before calendering (assumed)",
    )
    return replace(grown, provenance=replace(table.provenance, sha256=grown.sha256, notes=notes))


def read_calendering(path: str | Path) -> Table:
    """Read ``experimental.csv``: porosity of 14 NMC electrodes before and after calendering.

    Parameters
    ----------
    path : the file, or the folder that holds it.

    Raises
    ------
    DataError
        If the file is missing or is another one.
    """
    return _CALENDERING.read(path)
