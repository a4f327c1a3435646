"""Which columns of two tables can be inputs of a model, where the user does not say.

Reading tables is the work of `ionbridge.datasets`; running what was chosen is `pipeline.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ionbridge.datasets import Table
from ionbridge.exceptions import ConfigurationError, DataError, UnknownNameError
from ionbridge.transfer import AbstractStrategy

__all__ = ["InputChoice", "choose_inputs"]

# Measured on the finished electrode or cell: results that a setting cannot be predicted from.
# Whoever wants one of them as an input names it.
RESULTS = frozenset(
    {
        *("density", "density_after_calendering", "porosity", "porosity_after_calendering", "porosity_sd"),
        *("areal_capacity", "mass_loading_relative_sd"),
        *("electrode_thickness", "coating_thickness", "thickness_after_calendering", "thickness_relative_sd"),
        *("tortuosity", "tortuosity_factor", "tortuosity_factor_solid", "tortuosity_through_plane"),
        *(
            "bruggeman_coefficient",
            "transport_efficiency",
            "effective_diffusivity",
            "electronic_conductivity",
        ),
        *("active_surface", "collector_contact_active_material", "collector_contact_binder"),
        *("tensile_strength", "tensile_strength_after_calendering", "adhesion_strength"),
        *("capacity", "discharge_capacity", "specific_capacity", "specific_capacity_cycle_30"),
        *("rate_capability", "rate_capability_sd", "coulombic_efficiency", "internal_resistance"),
        *("energy_density", "specific_energy", "cycle_life", "remaining_useful_life", "knee_cycle"),
        *("state_of_health", "capacity_fade_rate"),
    }
)
# Measured on the coating: settings for calendering, results for everything before it.
COATING_RESULTS = frozenset({"mass_loading", "active_mass", "coating_weight"})
_MAX_MISSING = 0.2  # largest fraction of empty cells with which a column is still chosen


@dataclass(frozen=True)
class InputChoice:
    """Inputs, and why other columns are not among them.

    Parameters
    ----------
    names : chosen columns, in the order of the target table.
    notes : one sentence a reason.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...]


def choose_inputs(
    source: Table,
    target: Table,
    outputs: Sequence[str],
    inputs: Sequence[str] | None,
    strategy: AbstractStrategy,
) -> InputChoice:
    """Check the inputs the user named, or choose all that can serve.

    Chosen are the number columns of the target that are neither outputs nor results measured
    on the finished product, that vary and are nearly complete; columns that only the target has
    are among them if `strategy` can use those.

    Raises
    ------
    UnknownNameError
        If an output or an input is not a column where it is needed.
    ConfigurationError
        If an input is text, or is also an output.
    DataError
        If no column is left.
    """
    for name in outputs:
        for table, which in ((source, "source"), (target, "target")):
            if name not in table.number_names:
                known = [n for n in table.number_names if n in {*source.number_names, *target.number_names}]
                raise UnknownNameError.for_name(name, known, f"number column of the {which} table")
    if inputs is not None:
        return _checked(source, target, outputs, inputs)
    names, notes = [], []
    is_calendering = all(name.endswith("_after_calendering") for name in outputs)
    results_here = RESULTS if is_calendering else RESULTS | COATING_RESULTS
    results = [n for n in target.number_names if n in results_here and n not in outputs]
    if results:
        notes.append(
            f"not used as inputs, being results themselves: {', '.join(results)} (name them to use them)."
        )
    for name in target.number_names:
        if name in outputs or name in results_here:
            continue
        reason = _unfit(source, target, name, strategy)
        if reason:
            notes.append(f"{name} is left out: {reason}.")
        else:
            names.append(name)
    only_source = [n for n in source.number_names if n not in target.names and n not in results_here]
    if only_source:
        notes.append(f"only the source has {', '.join(only_source)}; the target's model cannot use them.")
    if not any(name in source.names for name in names):
        raise DataError(
            "no column that varies and is complete is in both tables; source has "
            f"{list(source.number_names)}, target has {list(target.number_names)}. Check the headers, or name 'inputs'."
        )
    return InputChoice(tuple(names), tuple(notes))


def _checked(source: Table, target: Table, outputs: Sequence[str], inputs: Sequence[str]) -> InputChoice:
    names = tuple(dict.fromkeys(inputs))
    if isinstance(inputs, str) or not names:
        raise ConfigurationError(
            f"'inputs' must be a list of column names, or None to choose them; got {inputs!r}."
        )
    for name in names:
        if name not in target.names:
            raise UnknownNameError.for_name(name, target.number_names, "column of the target table")
        if name not in target.number_names:
            raise ConfigurationError(f"the input {name!r} is text in the target table; inputs are numbers.")
        if name in outputs:
            raise ConfigurationError(f"{name!r} is among both 'inputs' and 'outputs'; leave it out of one.")
    if not any(name in source.number_names for name in names):
        raise UnknownNameError(
            f"the source table has none of the inputs {list(names)}; it has {list(source.number_names)}. "
            "Name at least one input that both tables have."
        )
    constant = [name for name in names if _is_constant(target, name)]
    notes = [
        f"{name} is the same in every target row, so its effect comes from the source alone."
        for name in constant
    ]
    return InputChoice(names, tuple(notes))


def _unfit(source: Table, target: Table, name: str, strategy: AbstractStrategy) -> str:
    """Why a column cannot be an input; empty where it can."""
    missing = float(np.mean(np.isnan(target.values(name))))
    if missing > _MAX_MISSING:
        return f"{100 * missing:.0f} % of its target values are missing"
    if _is_constant(target, name):
        return "it is the same in every target row"
    if name not in source.names:
        return (
            ""
            if strategy.supports_target_only_inputs
            else "the source lacks it and the strategy needs it there"
        )
    missing = float(np.mean(np.isnan(source.values(name))))
    return f"{100 * missing:.0f} % of its source values are missing" if missing > _MAX_MISSING else ""


def _is_constant(table: Table, name: str) -> bool:
    values = table.values(name)
    values = values[np.isfinite(values)]
    return len(values) == 0 or bool(np.ptp(values) <= 1e-12 * np.max(np.abs(values)))
