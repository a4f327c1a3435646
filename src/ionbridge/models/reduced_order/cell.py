"""`ReducedCell`: what a reduced-order model knows of one cell, in chemistry-relative numbers.

How its state moves is `stepping.py`; which of its numbers are fitted to data is `calibration.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from ionbridge.exceptions import ConfigurationError, DataError, ShapeError
from ionbridge.physics.cells import CellParameters, ElectrodeParameters

__all__ = ["FACTORS", "REFERENCE_TEMPERATURE", "ElectrodeTable", "ReducedCell"]

Array = NDArray[np.float64]
FARADAY = 96485.33212
GAS_CONSTANT = 8.314462618
REFERENCE_TEMPERATURE = 298.15
N_TABLE = 2048

FACTORS: dict[str, str] = {
    "resistance": "factor on the ohmic resistance",
    "kinetics": "factor on both exchange currents",
    "diffusivity_negative": "factor on the diffusivity in the negative particles",
    "diffusivity_positive": "factor on the diffusivity in the positive particles",
    "electrolyte": "factor on the polarisation of the electrolyte",
    "electrolyte_time": "factor on the time constant of that polarisation",
    "capacity": "factor on the capacity",
    "hysteresis": "factor on the hysteresis voltage",
    "resistance_energy": "factor on the activation energy of the resistances",
    "heat_capacity": "factor on the heat capacity",
    "cooling": "factor on the cooling",
}
"""Numbers of a cell that `ReducedCell.adjusted` may multiply, and what they are."""


@dataclass(frozen=True, eq=False)
class ElectrodeTable:
    """One electrode over its own state of charge, 0 and 1 at the cell's limits.

    Parameters
    ----------
    start, end : state of charge of the first and last entry [-]; the table is evenly spaced.
    potential : shape (n_table,) [V]; open-circuit potential against lithium.
    entropic_change : shape (n_table,) [V/K].
    log_exchange_rate : shape (n_table,); logarithm of the exchange current over the capacity [1/h].
    diffusion_time : squared particle radius over diffusivity at 298.15 K [s].
    diffusivity_energy, exchange_energy : activation energies [J/mol].
    stoichiometry_at_0, stoichiometry_at_100 : lithium content at the cell's limits [-].
    """

    start: float
    end: float
    potential: Array
    entropic_change: Array
    log_exchange_rate: Array
    diffusion_time: float
    diffusivity_energy: float
    exchange_energy: float
    stoichiometry_at_0: float = 0.0
    stoichiometry_at_100: float = 1.0

    def stoichiometry(self, soc: ArrayLike) -> Array:
        """Lithium content at an own state of charge, shape of `soc` [-]."""
        soc = np.asarray(soc, dtype=float)
        return np.asarray(
            self.stoichiometry_at_0 + soc * (self.stoichiometry_at_100 - self.stoichiometry_at_0)
        )

    @property
    def soc(self) -> Array:
        """State of charge of the entries, shape (n_table,) [-]."""
        return np.linspace(self.start, self.end, len(self.potential))

    @classmethod
    def from_parameters(cls, electrode: ElectrodeParameters, area: float, capacity: float) -> ElectrodeTable:
        """Sample an electrode of a full-order model.

        Parameters
        ----------
        area : of all electrode pairs [m^2].
        capacity : of the cell [Ah].
        """
        at_0, at_100 = electrode.stoichiometry_at_0, electrode.stoichiometry_at_100
        ends = (electrode.stoichiometry[[0, -1]] - at_0) / (at_100 - at_0)
        soc = np.linspace(ends.min(), ends.max(), N_TABLE)
        content = np.clip(
            at_0 + soc * (at_100 - at_0), electrode.stoichiometry[0], electrode.stoichiometry[-1]
        )

        def sampled(values: Array) -> Array:
            return np.asarray(PchipInterpolator(electrode.stoichiometry, values)(content))

        surface = electrode.specific_area * electrode.thickness * area
        exchange = np.maximum(
            electrode.exchange_current_density, 1e-6 * electrode.exchange_current_density.max()
        )
        return cls(
            start=float(soc[0]),
            end=float(soc[-1]),
            potential=sampled(electrode.ocp),
            entropic_change=sampled(electrode.entropic_change),
            log_exchange_rate=sampled(np.log(exchange * surface / capacity)),
            diffusion_time=electrode.diffusion_time,
            diffusivity_energy=electrode.diffusivity_activation_energy,
            exchange_energy=electrode.exchange_current_activation_energy,
            stoichiometry_at_0=at_0,
            stoichiometry_at_100=at_100,
        )


@dataclass(frozen=True, eq=False)
class ReducedCell:
    """A cell as reduced-order models see it: rates in C, states of charge, volts per C.

    Parameters
    ----------
    name, chemistry : for tables, plots and cards.
    capacity : between 0 and 100 % state of charge [Ah].
    voltage_window : lower and upper limit [V].
    negative, positive : the electrodes.
    resistance : ohmic, times capacity [V per C] at 298.15 K.
    resistance_energy : activation energy of `resistance` and of `electrolyte` [J/mol].
    electrolyte : polarisation of the electrolyte at rest in the current, times capacity [V per C].
    electrolyte_time : time constant of that polarisation [s].
    hysteresis : half the gap between charge and discharge at rest [V]; 0 for none.
    hysteresis_rate : how fast the gap changes side, per unit of state of charge passed [-].
    heat_capacity : [J/K]; 0 keeps the cell at the temperature around it.
    cooling : [W/K].
    """

    name: str
    chemistry: str
    capacity: float
    voltage_window: tuple[float, float]
    negative: ElectrodeTable
    positive: ElectrodeTable
    resistance: float
    resistance_energy: float
    electrolyte: float
    electrolyte_time: float
    hysteresis: float = 0.0
    hysteresis_rate: float = 50.0
    heat_capacity: float = 0.0
    cooling: float = 0.0

    def __post_init__(self) -> None:
        for name in ("capacity", "electrolyte_time"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(
                    f"{name!r} of ReducedCell must be above 0; got {getattr(self, name)}."
                )
        for name in ("resistance", "electrolyte", "hysteresis", "heat_capacity", "cooling"):
            if not getattr(self, name) >= 0:
                raise ConfigurationError(
                    f"{name!r} of ReducedCell must not be negative; got {getattr(self, name)}."
                )
        if not self.voltage_window[0] < self.voltage_window[1]:
            raise ConfigurationError(
                f"'voltage_window' of ReducedCell must be (lower, upper) [V]; got {self.voltage_window}."
            )

    @classmethod
    def from_parameters(cls, parameters: CellParameters) -> ReducedCell:
        """Reduce a parameter set or BPX file to what the model needs.

        The resistance and the polarisation of the electrolyte are those of a uniform reaction and a
        linear concentration [1]_.

        References
        ----------
        .. [1] Marquis, Sulzer, Timms, Please and Chapman, An asymptotic derivation of a single
           particle model with electrolyte, J. Electrochem. Soc. 166 (2019) A3693, eqs. 76-80.
           doi:10.1149/2.0341915jes
        """
        p, capacity = parameters, parameters.capacity
        lengths = np.array([p.negative.thickness, p.separator_thickness, p.positive.thickness])
        pores = np.array([p.negative.porosity, p.separator_porosity, p.positive.porosity])
        exponents = [p.negative.bruggeman, p.separator_bruggeman, p.positive.bruggeman]
        paths = lengths / np.power(pores, exponents)
        length = float(paths @ [1 / 3, 1, 1 / 3])
        per_rate = capacity / p.electrode_area  # current density [A/m^2] at 1C
        solid = (
            p.negative.thickness / p.negative.conductivity + p.positive.thickness / p.positive.conductivity
        ) / 3
        part = 1.0 - p.transference_number
        gradient = part * per_rate * length / (FARADAY * p.electrolyte_diffusivity)
        thermal = 2 * GAS_CONSTANT * p.reference_temperature / FARADAY
        salt = float(lengths @ pores * paths.sum())  # pore length times resisting length [m^2]
        return cls(
            name=p.name,
            chemistry=p.chemistry,
            capacity=capacity,
            voltage_window=p.voltage_window,
            negative=ElectrodeTable.from_parameters(p.negative, p.electrode_area, capacity),
            positive=ElectrodeTable.from_parameters(p.positive, p.electrode_area, capacity),
            resistance=per_rate * (length / p.electrolyte_conductivity + solid)
            + p.contact_resistance * capacity,
            resistance_energy=p.electrolyte_activation_energy,
            electrolyte=thermal * part * p.thermodynamic_factor * gradient / p.electrolyte_concentration,
            electrolyte_time=salt / (np.pi**2 * p.electrolyte_diffusivity),
            heat_capacity=p.thermal.heat_capacity if p.thermal else 0.0,
            cooling=p.thermal.cooling if p.thermal else 0.0,
        )

    def open_circuit_voltage(self, soc: ArrayLike) -> Array:
        """Voltage at rest at 298.15 K, shape of `soc` [V]."""
        soc = np.asarray(soc, dtype=float)
        positive = np.interp(soc, self.positive.soc, self.positive.potential)
        return np.asarray(positive - np.interp(soc, self.negative.soc, self.negative.potential))

    def soc_at(self, voltage: float) -> float:
        """State of charge at rest at a `voltage` [V], 0 to 1; the limits where it lies outside."""
        soc = np.linspace(0.0, 1.0, 4001)
        curve = np.maximum.accumulate(self.open_circuit_voltage(soc))
        return float(np.interp(voltage, curve, soc))

    def with_open_circuit_voltage(
        self,
        soc: ArrayLike,
        voltage: ArrayLike,
        *,
        capacity: float | None = None,
        hysteresis: float = 0.0,
        name: str = "",
    ) -> ReducedCell:
        """Replace the open-circuit voltage by a measured one; the positive electrode takes the difference.

        Parameters
        ----------
        soc : shape (n_points,), rising from 0 to 1 [-].
        voltage : shape (n_points,) [V]; between charge and discharge.
        capacity : measured [Ah]; None keeps it.
        hysteresis : half the gap between charge and discharge [V].

        Raises
        ------
        ShapeError
            If the two lengths differ.
        DataError
            If the states of charge do not rise from about 0 to about 1.
        """
        s, v = np.asarray(soc, dtype=float), np.asarray(voltage, dtype=float)
        if s.ndim != 1 or s.shape != v.shape:
            raise ShapeError(
                f"'soc' and 'voltage' of with_open_circuit_voltage must have one shape (n_points,); got {s.shape} "
                f"and {v.shape}."
            )
        if not (np.diff(s) > 0).all() or s[0] > 0.02 or s[-1] < 0.98 or s[0] < -0.5 or s[-1] > 1.5:
            raise DataError(
                f"'soc' of with_open_circuit_voltage must rise from 0 to 1; got {s[0]:.3g} to {s[-1]:.3g}. State of "
                "charge is a fraction, not percent; the whole range must be measured."
            )
        grid = self.positive.soc
        inside = (grid >= s[0]) & (grid <= s[-1])
        measured = PchipInterpolator(s, v)(np.clip(grid, s[0], s[-1]))
        potential = measured + np.interp(grid, self.negative.soc, self.negative.potential)
        shape = self.positive.potential
        for side, at in (
            (grid < s[0], np.argmax(inside)),
            (grid > s[-1], len(grid) - 1 - np.argmax(inside[::-1])),
        ):
            potential[side] = potential[at] + shape[side] - shape[at]
        positive = replace(self.positive, potential=potential)
        capacity = self.capacity if capacity is None else float(capacity)
        scale = capacity / self.capacity
        return replace(
            self,
            name=name or self.name,
            positive=positive,
            capacity=capacity,
            hysteresis=hysteresis,
            heat_capacity=self.heat_capacity * scale,
            cooling=self.cooling * scale,
        )

    def lumped(self, soc: ArrayLike, voltage: ArrayLike, *, capacity: float | None = None) -> ReducedCell:
        """A cell known by its terminals only: one open-circuit voltage, at the surface of one mean particle.

        The negative electrode keeps its diffusion and kinetics but no potential; the plating margin
        means nothing then. Beyond the measured range the curve goes on with its slope at the end,
        at most 40 V per unit of state of charge.

        Parameters
        ----------
        soc : shape (n_points,), rising from about 0 to about 1 [-].
        voltage : shape (n_points,) [V].
        capacity : measured [Ah]; None keeps it.
        """
        s, v = np.asarray(soc, dtype=float), np.asarray(voltage, dtype=float)
        if s.ndim != 1 or s.shape != v.shape:
            raise ShapeError(
                f"'soc' and 'voltage' of lumped must have one shape (n_points,); got {s.shape} and {v.shape}."
            )
        if not (np.diff(s) > 0).all() or not (s[0] < 0.05 and s[-1] > 0.95 and np.ptp(s) < 2):
            raise DataError(
                f"'soc' of lumped must rise from 0 to 1; got {s[0]:.3g} to {s[-1]:.3g}. State of charge is a fraction, "
                "not percent; the whole range must be measured."
            )
        grid = np.linspace(-0.3, 1.3, N_TABLE)
        potential = np.interp(grid, s, v)
        first = float(np.clip((v[1] - v[0]) / (s[1] - s[0]), 0.0, 40.0))
        last = float(np.clip((v[-1] - v[-2]) / (s[-1] - s[-2]), 0.0, 40.0))
        potential += first * np.minimum(grid - s[0], 0.0) + last * np.maximum(grid - s[-1], 0.0)

        def on_grid(table: ElectrodeTable, values: Array) -> Array:
            return np.interp(grid, table.soc, values)

        sides = {
            side: replace(
                table,
                start=-0.3,
                end=1.3,
                potential=potential if side == "positive" else np.zeros(N_TABLE),
                entropic_change=on_grid(table, table.entropic_change),
                log_exchange_rate=on_grid(table, table.log_exchange_rate),
            )
            for side, table in (("negative", self.negative), ("positive", self.positive))
        }
        return replace(
            self,
            capacity=self.capacity if capacity is None else float(capacity),
            negative=sides["negative"],
            positive=sides["positive"],
        )

    def without_overpotential(self, *, flat: bool = False) -> ReducedCell:
        """The cell as open-circuit voltage at the particle surfaces alone; nothing is physical with `flat`.

        With `flat` the open-circuit voltage is a constant too, so that a correction learns the raw voltage.
        """
        middle = float(self.open_circuit_voltage(0.5))
        sides: dict[str, Any] = {}
        for side in ("negative", "positive"):
            table: ElectrodeTable = getattr(self, side)
            level = middle if side == "positive" else 0.0
            sides[side] = replace(
                table,
                log_exchange_rate=table.log_exchange_rate + 60.0,
                potential=np.full_like(table.potential, level) if flat else table.potential,
            )
        return replace(self, resistance=0.0, electrolyte=0.0, hysteresis=0.0, **sides)

    def adjusted(self, **factors: float) -> ReducedCell:
        """Multiply some numbers of the cell, see `FACTORS`.

        Raises
        ------
        ConfigurationError
            If a name is not one of `FACTORS` or a factor is not above 0.
        """
        for name, factor in factors.items():
            if name not in FACTORS or not factor > 0:
                raise ConfigurationError(
                    f"ReducedCell.adjusted takes factors above 0 on {list(FACTORS)}; got {name}={factor}."
                )
        plain = {
            name: getattr(self, name) * factors[name]
            for name in FACTORS
            if name in factors and hasattr(self, name)
        }
        electrodes: dict[str, Any] = {}
        for side in ("negative", "positive"):
            table: ElectrodeTable = getattr(self, side)
            electrodes[side] = replace(
                table,
                diffusion_time=table.diffusion_time / factors.get(f"diffusivity_{side}", 1.0),
                log_exchange_rate=table.log_exchange_rate + np.log(factors.get("kinetics", 1.0)),
            )
        return replace(self, **plain, **electrodes)
