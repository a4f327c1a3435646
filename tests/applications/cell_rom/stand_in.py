"""A small made-up cell in the form in which reduced-order models are exported."""

from __future__ import annotations

from typing import Any

import numpy as np

from ionbridge.applications.cell_rom.export import Signal, StepModel

CAPACITY = 2.0  # [Ah]
RATES = np.array([1e-3, 8e-3, 6e-2])  # of diffusion modes [1/s]
GRID = np.linspace(0.0, 1.0, 41)
OCV = 3.2 + 0.4 * GRID + 0.15 * np.tanh(12 * (GRID - 0.9)) - 0.3 * np.exp(-25 * GRID)


def stand_in() -> StepModel:
    """A cell of 2 Ah: diffusion modes, heat, hysteresis, a table, Butler-Volmer and a network."""
    rng = np.random.default_rng(0)
    w1, b1 = rng.normal(0, 0.5, (4, 8)), rng.normal(0, 0.1, 8)
    w2 = rng.normal(0, 0.01, (8, 1))

    def step(state: Any, inputs: Any, dt: Any) -> tuple[Any, Any]:
        soc, modes, temperature, hysteresis = state[0], state[1:4], state[4], state[5]
        current, ambient = inputs[0], inputs[1]
        rate = current / CAPACITY
        decay = np.exp(-RATES * dt)
        modes = modes * decay + (1 - decay) * rate * 0.02
        soc = soc + rate * dt / 3600
        hysteresis = hysteresis + (np.tanh(5 * rate) - hysteresis) * (1 - np.exp(-np.abs(rate) * dt / 90))
        surface = np.clip(soc + modes.sum(), 0.0, 1.0)
        kinetic = (
            2 * 8.314 * temperature / 96485 * np.arcsinh(rate / (2 * np.sqrt(surface * (1 - surface) + 0.05)))
        )
        features = np.stack([surface, rate, (temperature - 298.15) / 10, hysteresis])
        correction = (np.tanh(features @ w1 + b1) @ w2)[0]
        voltage = np.interp(surface, GRID, OCV) + kinetic + 0.01 * hysteresis + correction
        heat = current * (voltage - np.interp(surface, GRID, OCV))
        relax = np.exp(-dt / 800)
        temperature = ambient + (temperature - ambient) * relax + heat * 8.0 * (1 - relax)
        inside = (np.abs(rate) < 3) & (ambient > 263.0) & (ambient < 323.0)
        state = np.concatenate([np.stack([soc]), modes, np.stack([temperature, hysteresis])])
        return state, np.stack([voltage, temperature, soc, surface, np.where(inside, 1.0, 0.0)])

    def initial(parameters: Any) -> Any:
        return np.concatenate([parameters[:1], np.zeros(3), parameters[1:], np.zeros(1)])

    return StepModel(
        "stand_in",
        step,
        initial,
        states=(
            Signal("charge", description="State of charge"),
            *(Signal(f"mode_{i}") for i in range(3)),
            Signal("core_temperature_K", "K"),
            Signal("hysteresis"),
        ),
        inputs=(
            Signal("current_A", "A", "Positive charges the cell", 0.0, -6.0, 6.0),
            Signal("ambient_temperature_K", "K", start=298.15),
        ),
        outputs=(
            Signal("voltage_V", "V", "Terminal voltage", minimum=2.0, maximum=4.2),
            Signal("temperature_K", "K"),
            Signal("soc"),
            Signal("surface_stoichiometry"),
            Signal("is_in_trained_range", kind="boolean"),
        ),
        parameters=(
            Signal("initial_soc", start=0.5, minimum=0.0, maximum=1.0),
            Signal("initial_temperature_K", "K", start=298.15),
        ),
        max_step=30.0,
        description="A made-up cell",
        details={"chemistry": "none"},
    )


def profile(n: int = 200, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Time [s] in uneven steps, and current [A] with ambient temperature [K]."""
    rng = np.random.default_rng(seed)
    time = np.concatenate([[0.0], np.cumsum(rng.choice([0.5, 1.0, 10.0, 95.0], n - 1))])
    current = np.repeat(rng.uniform(-5, 5, n // 10 + 1), 10)[:n]
    return time, np.column_stack([current, 298.15 + 5 * np.sin(time / 900)])
