"""A `CellROM` as a `StepModel`: what goes in and out of it in a system simulator, with units and ranges.

The step itself is that of `ionbridge.models.reduced_order`; writing files is the work of the other modules.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ionbridge.applications.cell_rom.export.step_model import Signal, StepModel
from ionbridge.applications.cell_rom.export.tracing import Traced
from ionbridge.exceptions import ConfigurationError
from ionbridge.models.reduced_order import (
    CellROM,
    ElectrodeTable,
    NetworkCorrection,
    Stepper,
    SummedCorrection,
)
from ionbridge.models.reduced_order.stepping import STATE_NAMES

__all__ = ["identifier", "step_model"]

# temperature is held during a step: at 2C that costs up to 0.3 mV (with 30 s, up to 1 mV)
MAX_STEP = 10.0  # [s]
TEMPERATURE_ROOM = 5.0  # as `TrainedRange.reasons` [K]
_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0.0),
    "silu": lambda z: z * (0.5 * (1.0 + np.tanh(0.5 * z))),
    "identity": lambda z: z,
}


def identifier(name: str) -> str:
    """Turn the name of a model into a word of letters, digits and ``_``."""
    word = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    return word if word and not word[0].isdigit() else f"cell_{word}".rstrip("_")


def step_model(
    rom: CellROM, name: str = "", *, level: float = 0.9, details: Mapping[str, Any] | None = None
) -> StepModel:
    """Put a reduced-order model in the form in which it is exported.

    Parameters
    ----------
    name : of the exported model; that of its cell by default.
    level : coverage of the voltage band, where the model has one.
    details : about the model, ready for JSON, such as its card.

    Raises
    ------
    ConfigurationError
        If the learned part is not a network.
    """
    cell, step = rom.cell, _RomStep(rom, level)
    return StepModel(
        name=identifier(name or cell.name),
        step=step,
        initial=step.initial,
        states=tuple(
            Signal(f"state_{identifier(s)}", "K" if s == "temperature" else "1") for s in STATE_NAMES
        ),
        inputs=_inputs(rom),
        outputs=_outputs(rom, level),
        parameters=_parameters(rom),
        max_step=MAX_STEP,
        stop_output="is_in_voltage_window",
        description=f"Reduced-order model of {cell.name} ({cell.chemistry}, {cell.capacity:.3g} Ah), {rom.strategy}",
        details={**_about(rom), **(details or {})},
    )


def _inputs(rom: CellROM) -> tuple[Signal, ...]:
    trained = rom.trained
    rate = (-np.inf, np.inf) if trained is None else trained.rate
    warm = (-np.inf, np.inf) if trained is None else trained.temperature
    return (
        Signal(
            "current_A",
            "A",
            "Current, held during a step; positive charges the cell. The range is that of training",
            minimum=min(rate[0], 0.0) * rom.cell.capacity,
            maximum=max(rate[1], 0.0) * rom.cell.capacity,
        ),
        Signal(
            "ambient_temperature_K",
            "K",
            "Temperature around the cell. The range is that of training",
            start=float(np.clip(298.15, *warm)),
            minimum=warm[0],
            maximum=warm[1],
        ),
    )


def _outputs(rom: CellROM, level: float) -> tuple[Signal, ...]:
    low, high = rom.cell.voltage_window
    band = (
        f"Half-width of the {100 * level:g} % band of the voltage; only to be believed in the trained range"
    )
    signals = [
        Signal("voltage_V", "V", "Terminal voltage", minimum=low, maximum=high),
        Signal("temperature_K", "K", "Temperature of the cell"),
        Signal("soc", "1", "State of charge, 0 to 1"),
        Signal("negative_surface_stoichiometry", "1", "At the surface of the negative particles"),
        Signal("positive_surface_stoichiometry", "1", "At the surface of the positive particles"),
        Signal(
            "plating_margin_V",
            "V",
            "Negative electrode against electrolyte; below 0 metallic lithium can form",
        ),
        Signal("is_in_voltage_window", description=f"Voltage between {low:g} and {high:g} V", kind="boolean"),
        Signal(
            "is_in_trained_range", description="Current and temperatures are as in training", kind="boolean"
        ),
    ]
    return (*signals, *([Signal("voltage_half_width_V", "V", band)] if rom.band is not None else []))


def _parameters(rom: CellROM) -> tuple[Signal, ...]:
    signals = [
        Signal("initial_soc", "1", "State of charge at the beginning", 0.5, 0.0, 1.0),
        Signal(
            "initial_temperature_K", "K", "Temperature of the cell at the beginning", 298.15, 200.0, 400.0
        ),
    ]
    if rom.cell.hysteresis > 0:
        text = "Hysteresis at the beginning: -1 after a discharge, 1 after a charge"
        signals.append(Signal("initial_hysteresis", "1", text, rom.hysteresis, -1.0, 1.0))
    return tuple(signals)


def _about(rom: CellROM) -> dict[str, Any]:
    cell, trained = rom.cell, rom.trained
    return {
        "cell": cell.name,
        "chemistry": cell.chemistry,
        "capacity_Ah": cell.capacity,
        "voltage_window_V": list(cell.voltage_window),
        "strategy": rom.strategy,
        "trained_c_rate_per_h": None if trained is None else list(trained.rate),
        "trained_temperature_K": None if trained is None else list(trained.temperature),
        "calibrated_factors": dict(rom.factors),
        "figures": dict(rom.figures),
    }


class _RomStep:
    """The step of a model for one cell, with arrays or with recorders."""

    def __init__(self, rom: CellROM, level: float) -> None:
        self.rom = rom
        self.stepper = rom.stepper()
        found = self.stepper.correction
        network = found.source if isinstance(found, SummedCorrection) else found
        if network is not None and not isinstance(network, NetworkCorrection):
            raise ConfigurationError(
                f"the learned part of this model is a {type(rom.residual).__name__}, and only networks can be exported. "
                "Adapt again with a strategy of networks, such as fine_tuning, or with calibrated physics alone."
            )
        plain = None if network is None else _PlainNetwork(network)
        self.stepper.correction = plain
        if isinstance(found, SummedCorrection):
            self.stepper.correction = _PlainSum(plain, found)
        self.level = level

    def initial(self, parameters: Any) -> Any:
        """State of a cell at rest, shape (n_states,)."""
        rom = self.rom
        hysteresis = parameters[2:3] if rom.cell.hysteresis > 0 else np.full(1, rom.hysteresis)
        rest = np.zeros(len(STATE_NAMES) - 3)
        return np.concatenate([parameters[:1] + rom.soc_shift, parameters[1:2], hysteresis, rest])

    def __call__(self, state: Any, inputs: Any, dt: Any) -> tuple[Any, Any]:
        """New state (n_states,) and outputs (n_outputs,)."""
        rom, stepper = self.rom, self._recording(state) if isinstance(state, Traced) else self.stepper
        rate, ambient = inputs[0:1] / rom.cell.capacity, inputs[1:2]
        new, out = stepper.step(state.reshape(-1, 1), rate, ambient, np.reshape(dt, (1,)))
        low, high = rom.cell.voltage_window
        values = [
            out.voltage,
            new[1],
            new[0] - rom.soc_shift,
            _stoichiometry(rom.cell.negative, out.negative_surface_soc),
            _stoichiometry(rom.cell.positive, out.positive_surface_soc),
            out.negative_potential,
            np.where((out.voltage >= low) & (out.voltage <= high), 1.0, 0.0),
            np.where(self._is_trained(rate, ambient, new[1]), 1.0, 0.0),
        ]
        if rom.band is not None:
            features: Any = out.features.T
            values.append(rom.band.half_width(features, self.level))
        return new.reshape(-1), np.concatenate(values)

    def _is_trained(self, rate: Any, ambient: Any, temperature: Any) -> Any:
        trained = self.rom.trained
        if trained is None:
            return rate == rate
        room = 0.1 * max(trained.rate[1] - trained.rate[0], 0.1)
        inside = (rate >= trained.rate[0] - room) & (rate <= trained.rate[1] + room)
        low, high = trained.temperature[0] - TEMPERATURE_ROOM, trained.temperature[1] + TEMPERATURE_ROOM
        return inside & (ambient >= low) & (ambient <= high) & (temperature >= low) & (temperature <= high)

    def _recording(self, state: Traced) -> Stepper:
        """The stepper with tables that computed indices can be recorded on."""
        stepper: Any = copy.copy(self.stepper)
        stepper._sides = [(table, state.recorder.lift(values)) for table, values in stepper._sides]
        return stepper


def _stoichiometry(electrode: ElectrodeTable, soc: Any) -> Any:
    """As `ElectrodeTable.stoichiometry`, for arrays and recorders."""
    at_0, at_100 = electrode.stoichiometry_at_0, electrode.stoichiometry_at_100
    return at_0 + soc * (at_100 - at_0)


class _PlainSum:
    """A `SummedCorrection` in numpy."""

    def __init__(self, source: _PlainNetwork | None, summed: SummedCorrection) -> None:
        self.source, self.summed = source, summed

    def __call__(self, features: Any) -> Any:
        """Correction of shape (n_rows,) [V] from features of shape (n_features, n_rows)."""
        low, high = (np.asarray(v, dtype=float) for v in (self.summed.low, self.summed.high))
        added = self.summed.difference(np.clip(features, low, high))
        return added if self.source is None else self.source(features) + added


class _PlainNetwork:
    """A `NetworkCorrection` in numpy."""

    def __init__(self, network: NetworkCorrection) -> None:
        self.low, self.high = (np.asarray(v, dtype=float) for v in (network.low, network.high))
        self.layers = network.layers

    def __call__(self, features: Any) -> Any:
        """Correction of shape (n_rows,) [V] from features of shape (n_features, n_rows)."""
        h = np.clip(features, self.low, self.high).T[None]
        for layer in self.layers:
            h = _ACTIVATIONS[layer.activation](h @ layer.weight + layer.bias[:, None, :])
        return h.mean(axis=0)[:, 0]
