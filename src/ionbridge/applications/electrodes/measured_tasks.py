"""Tasks on public measurements: other campaign, other chemistry, other plant, simulation to experiment.

The data are not part of ionbridge; each task reads them from a folder given by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from ionbridge.applications.electrodes.task import ElectrodeTask
from ionbridge.datasets import Table, read_table

__all__ = ["MEASURED_TASKS"]

_DRAKOPOULOS = "Drakopoulos et al., Cell Rep. Phys. Sci. 2 (2021) 100683, doi:10.1016/j.xcrp.2021.100683"
_WMG = "WMG ultrasound calendering data, doi:10.1016/j.jpowsour.2025.237919"
_WARWICK = "WMG pilot-plant calendering of NMC622, Mendeley Data doi:10.17632/wwhm2frfmy.1"
_ARTISTIC = "Duquesnoy et al., J. Power Sources 480 (2020) 229103, doi:10.1016/j.jpowsour.2020.229103"

_RECIPE = ("active_material_fraction", "cmc_fraction", "sbr_fraction", "conductive_additive_fraction")
_COATING = ("coating_speed", "comma_gap", "drying_temperature")

# Geometry of the Drakopoulos discs, by least squares on the 108 reported porosities; the residual of the
# solid fraction is 0.005. Component densities [g/cm³]: graphite, CMC, SBR, carbon black.
_DISC_AREA, _FOIL_THICKNESS = 1.7276, 7.71  # cm², µm
_DENSITIES = MappingProxyType(dict(zip(_RECIPE, (2.26, 1.6, 1.0, 1.9), strict=True)))

_GENERATED_THICKNESS = 120.0  # µm; see _artistic_porosity


def _derived(table: Table, frame: pd.DataFrame) -> Table:
    """Build a table with columns computed from those of `table`."""
    return Table.from_frame(
        frame,
        domain=table.domain,
        provenance=replace(table.provenance, notes=(*table.provenance.notes, "columns derived for a task")),
        definitions=table.definitions,
    )


def _coating_label(frame: pd.DataFrame, settings: tuple[str, ...]) -> pd.Series:
    """Number the distinct settings: discs of one coating are replicates, not independent rows."""
    number = frame.groupby(list(settings), sort=False).ngroup()
    return "coating " + (number + 1).astype(str)


def _drakopoulos(folder: Path) -> tuple[Table, Table]:
    """Historical and prospective campaign, with the label ``batch_id`` and the porosity of every disc."""
    table = read_table(folder / "drakopoulos2021_graphite" / "cells.csv", reader="drakopoulos2021_graphite")
    frame = table.frame.copy()
    frame["batch_id"] = _coating_label(frame, (*_RECIPE, *_COATING))
    solid_volume = sum(frame[name] / rho for name, rho in _DENSITIES.items())  # cm³ of 100 g
    coating_mass = frame["active_mass"] * 100 / frame["active_material_fraction"]  # mg
    height = 0.1 * _DISC_AREA * (frame["electrode_thickness"] - _FOIL_THICKNESS)  # 1e-3 cm³
    geometric = 1 - coating_mass * solid_volume / 100 / height
    frame["porosity"] = frame["porosity"].fillna(geometric)
    is_historical = frame["cell_id"].str.startswith("AS-")
    historical = _derived(table, frame[is_historical].drop(columns="calendered").reset_index(drop=True))
    prospective = _derived(table, frame[~is_historical].reset_index(drop=True))
    return (
        historical.with_domain(replace(table.domain, name="historical campaign")),
        prospective.with_domain(replace(table.domain, name="prospective campaign")),
    )


def _drakopoulos_active_mass(folder: Path) -> ElectrodeTask:
    historical, prospective = _drakopoulos(folder)
    return ElectrodeTask(
        name="drakopoulos_active_mass",
        question="Do last year's graphite coatings help to predict the active mass of this year's?",
        source=historical,
        target=prospective,
        inputs=(*_RECIPE, *_COATING),
        output="active_mass",
        group="batch_id",
        citation=_DRAKOPOULOS,
        assumptions=(
            "solid content is one number a campaign and left out",
            "discs with equal settings come from one coating and stay on one side of a split",
        ),
    )


def _drakopoulos_porosity(folder: Path) -> ElectrodeTask:
    historical, prospective = _drakopoulos(folder)
    return ElectrodeTask(
        name="drakopoulos_porosity",
        question="Do last year's graphite electrodes help to predict the porosity of this year's?",
        source=historical,
        target=prospective,
        inputs=(*_COATING, "active_mass", "calendered"),
        output="porosity",
        group="batch_id",
        citation=_DRAKOPOULOS,
        assumptions=(
            "the historical porosity is computed from mass and thickness by the geometry that reproduces the "
            "reported prospective porosities (residual 0.005)",
            "which historical electrodes were calendered is not known; only the target has this input",
            "discs with equal settings come from one coating and stay on one side of a split",
        ),
    )


def _wmg(folder: Path) -> tuple[Table, Table]:
    folder = folder / "wmg_ultrasound_calendering"
    graphite = read_table(folder / "anode_pairs.csv", reader="wmg_graphite")
    return graphite, read_table(folder / "cathode_pairs.csv", reader="wmg_nmc622")


def _wmg_graphite_to_nmc622(folder: Path) -> ElectrodeTask:
    graphite, nmc622 = _wmg(folder)
    return ElectrodeTask(
        name="wmg_graphite_to_nmc622",
        question="Does calendered graphite help to predict the density of calendered NMC622?",
        source=graphite,
        target=nmc622,
        inputs=("thickness_before_calendering", "density_before_calendering", "roll_gap", "web_speed"),
        output="density_after_calendering",
        citation=_WMG,
        assumptions=(
            "roll gap and speed of the graphite runs are coded levels, so only the target has these inputs",
            "the coat weight is left out: it is thickness times density, and three rows look mislabelled",
        ),
    )


def _wmg_levels(folder: Path) -> ElectrodeTask:
    graphite, nmc622 = _wmg(folder)
    frame = nmc622.frame.copy()
    by_coating = frame.groupby("coating_weight")["roll_gap"]
    frame["roll_gap_level"] = np.ceil(by_coating.rank(pct=True) * 3)
    return ElectrodeTask(
        name="wmg_graphite_to_nmc622_levels",
        question="The same with the roll gap as a level (1 narrow to 3 wide) that both chemistries have.",
        source=graphite,
        target=_derived(nmc622, frame),
        inputs=("thickness_before_calendering", "density_before_calendering", "roll_gap_level"),
        output="density_after_calendering",
        citation=_WMG,
        assumptions=(
            "level 1 to 3 of the NMC622 gap is its rank within a coat weight; in the graphite runs level 1 compacts "
            "most, so both count from narrow to wide",
        ),
    )


def _nmc622(folder: Path) -> tuple[Table, Table]:
    """NMC622 of two calendering campaigns under the same names."""
    path = folder / "warwick_nmc622_calendering" / "conditions.csv"
    return read_table(path, reader="warwick_nmc622"), _wmg(folder)[1]


_NMC622_SHARED = ("coating_weight", "roll_gap", "thickness_before_calendering", "density_before_calendering")
_NMC622_ASSUMPTIONS = (
    "the machine readings of the roll gap have different zeros in the two campaigns",
    "the WMG coat weight is the nominal class, and three of its rows look mislabelled",
)


def _warwick_to_wmg(folder: Path) -> ElectrodeTask:
    warwick, wmg = _nmc622(folder)
    return ElectrodeTask(
        name="nmc622_warwick_to_wmg",
        question="Does one NMC622 calendering campaign help to predict the density in another?",
        source=warwick,
        target=wmg,
        inputs=_NMC622_SHARED,
        output="density_after_calendering",
        citation=f"{_WARWICK}; {_WMG}",
        assumptions=(*_NMC622_ASSUMPTIONS, "roll temperature and passes of the source are not used"),
    )


def _wmg_to_warwick(folder: Path) -> ElectrodeTask:
    warwick, wmg = _nmc622(folder)
    return ElectrodeTask(
        name="nmc622_wmg_to_warwick",
        question="The same in the other direction, with roll temperature and passes known in the target alone.",
        source=wmg,
        target=warwick,
        inputs=(*_NMC622_SHARED, "roll_temperature", "number_of_passes"),
        output="density_after_calendering",
        citation=f"{_WARWICK}; {_WMG}",
        assumptions=_NMC622_ASSUMPTIONS,
    )


def _artistic_porosity(folder: Path) -> ElectrodeTask:
    """Simulated to measured porosity after calendering.

    The simulated structures carry the porosity before calendering and the height z after it. Solids
    are conserved, so porosity after = 1 − z₀ (1 − porosity before) / z. The height before is not
    stored; with z₀ = 120 µm the porosity at the narrowest gap no longer depends on that before.
    """
    simulated = read_table(
        folder / "artistic_insilico_mesostructures" / "raw_dataset.csv", reader="artistic_mesostructures"
    )
    measured = read_table(
        folder / "artistic_calendering_porosity" / "experimental.csv", reader="artistic_calendering"
    )
    frame = simulated.frame.copy()
    solid = _GENERATED_THICKNESS * (1 - frame["porosity_before_calendering"])
    frame["porosity_after_calendering"] = 1 - solid / frame["thickness_after_calendering"]
    return ElectrodeTask(
        name="artistic_simulation_to_experiment",
        question="Do 440 simulated NMC structures help to predict 14 measured porosities after calendering?",
        source=_derived(simulated, frame),
        target=measured,
        inputs=(
            "active_material_fraction",
            "roll_gap",
            "porosity_before_calendering",
            "thickness_before_calendering",
        ),
        output="porosity_after_calendering",
        citation=_ARTISTIC,
        assumptions=(
            "the 14 rows are four coatings at several gaps; a split interpolates between gaps of known coatings",
            "simulated porosity after calendering follows from height and conserved solids, 120 µm before",
            "the heights of the structures were generated from a regression on the same experiments, so the source "
            "has indirectly seen the target: a gain here is an upper bound",
        ),
    )


MEASURED_TASKS: Mapping[str, Callable[[Path], ElectrodeTask]] = MappingProxyType(
    {
        "drakopoulos_active_mass": _drakopoulos_active_mass,
        "drakopoulos_porosity": _drakopoulos_porosity,
        "wmg_graphite_to_nmc622": _wmg_graphite_to_nmc622,
        "wmg_graphite_to_nmc622_levels": _wmg_levels,
        "nmc622_warwick_to_wmg": _warwick_to_wmg,
        "nmc622_wmg_to_warwick": _wmg_to_warwick,
        "artistic_simulation_to_experiment": _artistic_porosity,
    }
)
