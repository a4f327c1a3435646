"""Feature tables of voltages, liquid electrolytes and solid electrolytes, made from published sets.

Barriers have their own in `features.py`; the tasks between families are `tasks.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.applications.screening.composition_features import composition_features, ion_features
from ionbridge.applications.screening.features import FeatureTable, anion_family
from ionbridge.datasets.base import Domain
from ionbridge.datasets.readers.materials import ElectrolyteSet, SolidElectrolyteSet
from ionbridge.datasets.structures import Formula, parse_formula
from ionbridge.datasets.table import Table
from ionbridge.exceptions import DataError, ShapeError

__all__ = [
    "electrolyte_features",
    "electrolyte_table",
    "pair_features",
    "solid_electrolyte_table",
    "solid_features",
    "voltage_table",
    "voltage_table_of_pairs",
]

FloatArray = NDArray[np.float64]

# Standard potentials of the metals [V against hydrogen], CRC Handbook of Chemistry and Physics, 97th edition,
# section 5 (Electrochemical series): a voltage is measured against the metal of the ion.
POTENTIALS = {
    "Li": -3.04,
    "Na": -2.71,
    "K": -2.93,
    "Rb": -2.98,
    "Cs": -3.03,
    "Mg": -2.37,
    "Ca": -2.87,
    "Zn": -0.76,
    "Al": -1.66,
    "Y": -2.37,
}


def pair_features(charged: Formula, discharged: Formula, ion: str) -> dict[str, float]:
    """Features of an insertion reaction from its two formulas.

    Parameters
    ----------
    charged, discharged : without and with the inserted ion.
    ion : inserted element.

    Raises
    ------
    DataError
        If the discharged formula holds no more of the ion than the charged one, per atom of the host.
    """
    rest_low = sum(n for e, n in charged.amounts.items() if e != ion)
    rest_high = sum(n for e, n in discharged.amounts.items() if e != ion)
    low = charged.amounts.get(ion, 0.0) / max(rest_low, 1e-9)
    high = discharged.amounts.get(ion, 0.0) / max(rest_high, 1e-9)
    if not high > low + 1e-9:
        raise DataError(
            f"{discharged.text!r} must hold more {ion} than {charged.text!r}, relative to the host; swap the formulas "
            "or name the inserted ion."
        )
    about_ion = ion_features(ion)
    charge = about_ion["ion_charge"]
    host = composition_features(charged, ion)
    d = host["share_d"] + host["share_f"]
    return {
        **about_ion,
        **host,
        **{
            f"full_{k}": v
            for k, v in composition_features(discharged).items()
            if k.endswith(("_mean", "_charge"))
        },
        "ion_metal_potential": POTENTIALS.get(ion, -2.5),
        "inserted": high - low,
        "ion_left": low,
        "ion_most": high,
        "inserted_charge": (high - low) * charge,
        "charge_per_metal": (high - low) * charge / d if d > 0 else 0.0,
        "has_metal": float(d > 0),
    }


def voltage_table(table: Table) -> FeatureTable:
    """Features of the insertion electrodes of `read_mp_electrodes`, groups by host composition."""
    ions = [str(ion) for ion in table.column("mobile_ion")]
    charged = [str(text) for text in table.column("charged_formula")]
    discharged = [str(text) for text in table.column("discharged_formula")]
    return voltage_table_of_pairs(
        charged,
        discharged,
        ions,
        y=table.column("average_voltage"),
        entries=[str(name) for name in table.column("sample_id")],
        domain=table.domain,
    )


def voltage_table_of_pairs(
    charged: Sequence[str],
    discharged: Sequence[str],
    ions: Sequence[str],
    *,
    y: FloatArray | None = None,
    entries: Sequence[str] | None = None,
    domain: Domain | None = None,
) -> FeatureTable:
    """Features of formula pairs, one a row.

    Raises
    ------
    DataError
        If a formula cannot be read or a pair is no insertion.
    """
    low = [parse_formula(text) for text in charged]
    high = [parse_formula(text) for text in discharged]
    rows = [pair_features(a, b, ion) for a, b, ion in zip(low, high, ions, strict=True)]
    hosts = [formula.host(ion) for formula, ion in zip(high, ions, strict=True)]
    return FeatureTable.from_rows(
        "average_voltage",
        rows,
        entries=discharged if entries is None else entries,
        groups=hosts,
        labels={"ion": ions, "host": hosts, "family": [anion_family(formula) for formula in high]},
        y=y,
        domain=domain,
    )


def electrolyte_features(
    shares: ArrayLike,
    concentration: ArrayLike,
    temperature: ArrayLike,
    is_molal: ArrayLike,
    basis: Sequence[str] | NDArray[np.str_],
    solvents: Sequence[str],
) -> tuple[tuple[str, ...], FloatArray]:
    """Features of liquid electrolytes, vectorised over rows.

    Parameters
    ----------
    shares : shape (n_rows, n_solvents) [-]; sum to one.
    concentration : shape (n_rows,); [mol/kg] where `is_molal`, else [mol/L].
    temperature : shape (n_rows,) [K]
    is_molal : shape (n_rows,), bool
    basis : shape (n_rows,); ``w``, ``v`` or ``mol``.
    solvents : names of the columns of `shares`.

    Returns
    -------
    names, X : X of shape (n_rows, n_features).

    Raises
    ------
    ShapeError
        If `shares` does not have one column a solvent.
    """
    shares = np.asarray(shares, dtype=float)
    if shares.ndim != 2 or shares.shape[1] != len(solvents):
        raise ShapeError(f"'shares' must have shape (n_rows, {len(solvents)}); got {shares.shape}.")
    c, T = np.asarray(concentration, dtype=float), np.asarray(temperature, dtype=float)
    basis = np.asarray(basis)
    columns = {
        "concentration": c,
        "root_concentration": np.sqrt(c),
        "log_concentration": np.log(c),
        "inverse_temperature": 1000.0 / T,
        "temperature": T,
        "concentration_over_temperature": c * 1000.0 / T,
        "is_molal": np.asarray(is_molal, dtype=float),
        "by_weight": (basis == "w").astype(float),
        "by_volume": (basis == "v").astype(float),
        "mixing": -(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=1),
        **{f"solvent {name}": column for name, column in zip(solvents, shares.T, strict=True)},
    }
    return tuple(columns), np.column_stack(list(columns.values()))


def electrolyte_table(found: ElectrolyteSet) -> FeatureTable:
    """Features of CALiSol-23, groups by publication (DOI)."""
    names, X = electrolyte_features(
        found.shares, found.concentration, found.temperature, found.is_molal, found.basis, found.solvents
    )
    return FeatureTable(
        "ionic_conductivity",
        names,
        X,
        tuple(f"row {i}" for i in range(len(found))),
        found.doi.astype(str),
        {"salt": found.salt.astype(str), "doi": found.doi.astype(str)},
        found.conductivity,
        found.domain,
    )


def solid_features(formula: Formula, space_group: float, volume: float, ion: str = "Li") -> dict[str, float]:
    """Features of a solid electrolyte from its formula, space group and volume.

    Parameters
    ----------
    space_group : international number; NaN where unknown.
    volume : of the cell per atom of the formula unit [Å³]; NaN where unknown.
    """
    return {
        **composition_features(formula, ion),
        "ion_share": formula.fraction(ion),
        "space_group": space_group if np.isfinite(space_group) else 0.0,
        "volume_per_formula_atom": volume if np.isfinite(volume) else 12.0,
    }


def solid_electrolyte_table(found: SolidElectrolyteSet, keep_limits: bool = False) -> FeatureTable:
    """Features of OBELiX, groups by composition; values known only as upper limits are left out.

    Conductivities are converted to mS/cm, the house unit.
    """
    rows = [
        solid_features(f, g, v)
        for f, g, v in zip(found.formulas, found.space_group, found.volume, strict=True)
    ]
    return FeatureTable.from_rows(
        "ionic_conductivity",
        rows,
        entries=found.entries,
        groups=[f.reduced for f in found.formulas],
        labels={"class": found.family.tolist(), "host": [f.host("Li") for f in found.formulas]},
        y=np.where(found.is_limit & ~np.bool_(keep_limits), np.nan, found.conductivity * 1e3),
        domain=found.domain,
    )
