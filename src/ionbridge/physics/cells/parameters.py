"""`CellParameters`: what a reduced model needs to know of a cell, as plain numbers and sampled functions.

Named sets are `sets.py`, BPX files `bpx.py`; simulating a cell is `simulation.py`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.exceptions import ConfigurationError
from ionbridge.physics.base import Constant
from ionbridge.physics.cells.changes import CHANGES, multiplied, split_changes
from ionbridge.physics.cells.sets import CELL_SETS, find_set
from ionbridge.physics.cells.sources import REFERENCES
from ionbridge.plugins import import_extra

__all__ = [
    "CellParameters",
    "ElectrodeParameters",
    "ThermalParameters",
    "cell_parameters",
    "parameter_values",
]

Array = NDArray[np.float64]
FARADAY = 96485.33212
GAS_CONSTANT = 8.314462618
_WARM = 20.0  # distance of the two temperatures from which activation energies are taken [K]
_ENDS = np.geomspace(2e-4, 0.05, 100)
_GRID = np.concatenate([_ENDS, np.linspace(0.0515, 0.9485, 599), 1 - _ENDS[::-1]])


@dataclass(frozen=True, eq=False)
class ElectrodeParameters:
    """One porous electrode of a cell.

    Parameters
    ----------
    thickness : [m].
    particle_radius : [m].
    porosity, active_fraction : volume fractions [-].
    maximum_concentration : of lithium in the particles [mol/m^3].
    conductivity : of the solid in the electrode, as PyBaMM's Bruggeman exponent of the solid makes it [S/m].
    bruggeman : exponent of the porosity by which transport in the electrolyte is slowed [-].
    stoichiometry_at_0, stoichiometry_at_100 : at 0 and 100 % state of charge [-].
    stoichiometry : grid of the sampled functions, shape (n_grid,) [-].
    ocp : open-circuit potential against lithium on the grid, shape (n_grid,) [V].
    entropic_change : its derivative with temperature, shape (n_grid,) [V/K].
    diffusivity : in the particles at the reference temperature, shape (n_grid,) [m^2/s].
    diffusivity_activation_energy : [J/mol]; 0 where the set has none.
    exchange_current_density : at the reference temperature and the initial electrolyte, shape (n_grid,) [A/m^2].
    exchange_current_activation_energy : [J/mol].
    capacity : between the two limits [Ah].
    """

    thickness: float
    particle_radius: float
    porosity: float
    active_fraction: float
    maximum_concentration: float
    conductivity: float
    bruggeman: float
    stoichiometry_at_0: float
    stoichiometry_at_100: float
    stoichiometry: Array
    ocp: Array
    entropic_change: Array
    diffusivity: Array
    diffusivity_activation_energy: float
    exchange_current_density: Array
    exchange_current_activation_energy: float
    capacity: float

    @property
    def specific_area(self) -> float:
        """Surface of the particles in a volume of electrode [1/m]."""
        return 3 * self.active_fraction / self.particle_radius

    @property
    def diffusion_time(self) -> float:
        """Squared radius over the median diffusivity between the limits [s]."""
        low, high = sorted((self.stoichiometry_at_0, self.stoichiometry_at_100))
        inside = (self.stoichiometry >= low) & (self.stoichiometry <= high)
        return float(self.particle_radius**2 / np.median(self.diffusivity[inside]))

    def stoichiometry_at(self, soc: ArrayLike) -> Array:
        """Mean stoichiometry at a state of charge, shape of `soc` [-]."""
        soc = np.asarray(soc, dtype=float)
        return self.stoichiometry_at_0 + soc * (self.stoichiometry_at_100 - self.stoichiometry_at_0)

    def ocp_at(self, stoichiometry: ArrayLike) -> Array:
        """Open-circuit potential by linear interpolation of the grid, shape of `stoichiometry` [V]."""
        return np.interp(np.asarray(stoichiometry, dtype=float), self.stoichiometry, self.ocp)


@dataclass(frozen=True)
class ThermalParameters:
    """The cell as one thermal mass.

    Parameters
    ----------
    heat_capacity : [J/K].
    cooling : heat lost per kelvin above the surroundings [W/K].
    volume : [m^3].
    surface : that is cooled [m^2].
    """

    heat_capacity: float
    cooling: float
    volume: float
    surface: float

    @property
    def time_constant(self) -> float:
        """Heat capacity over cooling [s]."""
        return self.heat_capacity / self.cooling


@dataclass(frozen=True, eq=False)
class CellParameters:
    """A cell: where its parameters come from, and what a reduced model needs of them.

    Made by `cell_parameters`. Two of them are equal if their `key` is.

    Parameters
    ----------
    name : of the parameter set or of the BPX file.
    chemistry : of the positive electrode; empty where a BPX file does not tell.
    nominal_capacity : what C-rates refer to [Ah].
    capacity : between 0 and 100 % state of charge at rest [Ah].
    voltage_window : cut-off voltages [V].
    negative, positive : the electrodes.
    separator_thickness : [m].
    separator_porosity, separator_bruggeman : volume fraction and exponent, as of the electrodes [-].
    electrode_area : of all electrode pairs [m^2].
    electrolyte_concentration : at rest [mol/m^3].
    electrolyte_diffusivity : at rest, at the reference temperature [m^2/s].
    electrolyte_conductivity : the same [S/m].
    electrolyte_activation_energy : of the conductivity [J/mol]; 0 where the set has none.
    transference_number : of the cation [-].
    thermodynamic_factor : of the salt at rest [-].
    contact_resistance : [Ohm].
    reference_temperature : [K].
    thermal : None where the set has no thermal parameters.
    changes : structural changes of this cell against the set.
    bpx : content of the BPX file; empty for a named set.
    constants : numbers added to the set, with their sources.
    citations : how to cite the set.
    notes : what anyone who uses the set must know.
    """

    name: str
    chemistry: str
    nominal_capacity: float
    capacity: float
    voltage_window: tuple[float, float]
    negative: ElectrodeParameters
    positive: ElectrodeParameters
    separator_thickness: float
    separator_porosity: float
    separator_bruggeman: float
    electrode_area: float
    electrolyte_concentration: float
    electrolyte_diffusivity: float
    electrolyte_conductivity: float
    electrolyte_activation_energy: float
    transference_number: float
    thermodynamic_factor: float
    contact_resistance: float
    reference_temperature: float
    thermal: ThermalParameters | None
    changes: tuple[tuple[str, float], ...] = ()
    bpx: str = field(default="", repr=False)
    constants: tuple[Constant, ...] = ()
    citations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, tuple[tuple[str, float], ...]]:
        """What the parameters are made from: name, content of a BPX file, structural and live changes."""
        return self.name, self.bpx, self.changes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellParameters) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> tuple[Any, ...]:
        """Carry only the origin to another process; the numbers are made again there."""
        return _restored, self.key

    def open_circuit_voltage(self, soc: ArrayLike) -> Array:
        """Voltage at rest at the reference temperature, shape of `soc` [V]."""
        positive = self.positive.ocp_at(self.positive.stoichiometry_at(soc))
        return np.asarray(positive - self.negative.ocp_at(self.negative.stoichiometry_at(soc)))


def cell_parameters(name_or_path: str | Path, **changes: float) -> CellParameters:
    """Parameters of a named cell or of a BPX file.

    Parameters
    ----------
    name_or_path : a chemistry (``LCO``, ``LFP``, ``NMC``, ``NCA``, ``Na-ion``), a parameter set of
        PyBaMM (see `CELL_SETS`), or the path of a BPX file (``.json``).
    **changes : factors on parameters and added values, see `CHANGES`.

    Raises
    ------
    UnknownNameError
        If the cell or a change is not known.
    ConfigurationError
        If a change is outside its limits, or the changed cell reaches no equilibrium.
    DataError
        If a BPX file is missing, is not JSON or lacks fields; the message names them.
    MissingExtraError
        If PyBaMM is not installed.
    """
    live, structural = split_changes(changes)
    items = tuple(sorted({**live, **structural}.items()))
    path = Path(name_or_path)
    if path.suffix.lower() == ".json" or path.is_file():
        from ionbridge.physics.cells.bpx import read_bpx

        return _made(path.stem, read_bpx(path), items)
    return _made(find_set(str(name_or_path)).name, "", items)


def parameter_values(cell: CellParameters) -> Any:
    """A fresh `pybamm.ParameterValues` of the cell with all its changes; the caller may alter it."""
    return _values(*cell.key).copy()


@lru_cache(maxsize=256)
def _made(name: str, bpx: str, changes: tuple[tuple[str, float], ...]) -> CellParameters:
    return _read(name, bpx, changes, _values(name, bpx, changes))


_restored = _made


@lru_cache(maxsize=64)
def _values(name: str, bpx: str, changes: tuple[tuple[str, float], ...]) -> Any:
    """Build PyBaMM's parameter values: the set, what it lacks, and the changes."""
    pybamm = import_extra("pybamm", "cells")
    if bpx:
        from ionbridge.physics.cells.bpx import values_of_bpx

        values = values_of_bpx(bpx)
    else:
        values = pybamm.ParameterValues(name)
        added = {key: float(item) for key, item in CELL_SETS[name].added.items()}
        values.update(added, check_already_exists=False)
    if (
        "Cell heat capacity [J.K-1.m-3]" not in values
        and "Negative current collector thickness [m]" in values
    ):
        heat = values.evaluate(
            pybamm.LithiumIonParameters().therm.rho_c_p_eff(values["Reference temperature [K]"])
        )
        values.update({"Cell heat capacity [J.K-1.m-3]": float(heat)}, check_already_exists=False)
    factors = dict(changes)
    for change, factor in factors.items():
        for key in CHANGES[change].keys:
            if key in values:
                values[key] = multiplied(values[key], factor)
    apply_radius_and_contact(values, factors)
    return values


def apply_radius_and_contact(values: Any, factors: dict[str, Any]) -> None:
    """Enter the changes that are not plain factors, in place; factors may be numbers or symbols.

    A particle radius times f equals a diffusivity over f² and an exchange-current density over f at
    the unchanged radius: the particle equation and the flux per volume of electrode are the same.
    """
    for side in ("negative", "positive"):
        radius = factors.get(f"{side}_particle_radius")
        if radius is not None:
            for key, power in (
                ("particle diffusivity [m2.s-1]", 2),
                ("electrode exchange-current density [A.m-2]", 1),
            ):
                name = f"{side.capitalize()} {key}"
                values[name] = multiplied(values[name], 1 / radius**power)
    resistance = factors.get("contact_resistance")
    if resistance is not None:
        values["Contact resistance [Ohm]"] = values["Contact resistance [Ohm]"] + resistance


def _read(name: str, bpx: str, changes: tuple[tuple[str, float], ...], values: Any) -> CellParameters:
    """Turn parameter values into plain numbers."""
    pybamm = import_extra("pybamm", "cells")
    parameters = pybamm.LithiumIonParameters()
    limits = _stoichiometry_limits(name, values)
    area = float(values.evaluate(parameters.A_cc))
    reference = float(values["Reference temperature [K]"])
    concentration = float(values.evaluate(parameters.c_e_init))
    radii = dict(changes)
    negative = _electrode("negative", values, parameters.n, limits[:2], area, radii)
    positive = _electrode("positive", values, parameters.p, limits[:1:-1], area, radii)
    at_rest = pybamm.Scalar(concentration), pybamm.Scalar(reference)
    conductivity = _number(values, parameters.kappa_e(*at_rest))
    warm = np.array(_number(values, parameters.kappa_e(at_rest[0], pybamm.Scalar(reference + _WARM))))
    known = CELL_SETS.get(name) if not bpx else None
    return CellParameters(
        name=name,
        chemistry=known.chemistry if known else "",
        nominal_capacity=float(values["Nominal cell capacity [A.h]"]),
        capacity=negative.capacity,
        voltage_window=(
            float(values["Lower voltage cut-off [V]"]),
            float(values["Upper voltage cut-off [V]"]),
        ),
        negative=negative,
        positive=positive,
        separator_thickness=float(values["Separator thickness [m]"]),
        separator_porosity=float(values["Separator porosity"]),
        separator_bruggeman=float(values["Separator Bruggeman coefficient (electrolyte)"]),
        electrode_area=area,
        electrolyte_concentration=concentration,
        electrolyte_diffusivity=_number(values, parameters.D_e(*at_rest)),
        electrolyte_conductivity=conductivity,
        electrolyte_activation_energy=_activation_energy(np.array(conductivity), warm, reference),
        transference_number=_number(values, parameters.t_plus(*at_rest)),
        thermodynamic_factor=_number(values, parameters.thermodynamic_factor(*at_rest)),
        contact_resistance=float(values.get("Contact resistance [Ohm]", 0.0)),
        reference_temperature=reference,
        thermal=_thermal(values) if known is None or known.has_thermal else None,
        changes=changes,
        bpx=bpx,
        constants=tuple(known.added.values()) if known else (),
        citations=(str(REFERENCES[name]),) if name in REFERENCES and known else (),
        notes=known.notes if known else _bpx_notes(bpx),
    )


def _bpx_notes(bpx: str) -> tuple[str, ...]:
    from ionbridge.physics.cells.bpx import bpx_notes

    return bpx_notes(bpx)


def _number(values: Any, symbol: Any) -> float:
    return float(np.ravel(values.process_symbol(symbol).evaluate())[0])


def _sampled(values: Any, symbol: Any, n_grid: int) -> Array:
    sampled = np.ravel(values.process_symbol(symbol).evaluate()).astype(float)
    return np.full(n_grid, sampled[0]) if sampled.size == 1 else sampled


def _stoichiometry_limits(name: str, values: Any) -> tuple[float, float, float, float]:
    """Stoichiometries (negative at 0 and 100 %, positive at 100 and 0 %)."""
    pybamm = import_extra("pybamm", "cells")
    try:
        with warnings.catch_warnings():  # the solver probes outside tables before it converges
            warnings.simplefilter("ignore")
            x_0, x_100, y_100, y_0 = pybamm.lithium_ion.get_min_max_stoichiometries(values)
    except (pybamm.SolverError, ValueError) as error:
        raise ConfigurationError(
            f"no equilibrium of {name!r} at its voltage limits: {error}. Check the changes of capacity-giving "
            "parameters (thickness, active fraction) or the stoichiometries of the BPX file."
        ) from error
    return float(x_0), float(x_100), float(y_100), float(y_0)


def _electrode(
    side: str, values: Any, parameters: Any, limits: tuple[float, ...], area: float, changes: dict[str, float]
) -> ElectrodeParameters:
    pybamm = import_extra("pybamm", "cells")
    phase = parameters.prim
    reference = float(values["Reference temperature [K]"])
    maximum = float(values.evaluate(phase.c_max))
    stoichiometry = np.union1d(_GRID, limits)  # with the limits themselves: tables may jump there
    grid, cold = pybamm.Vector(stoichiometry), pybamm.Scalar(reference)
    warm = pybamm.Scalar(reference + _WARM)
    content = pybamm.Vector(stoichiometry * maximum)
    salt = pybamm.Scalar(float(values.evaluate(pybamm.LithiumIonParameters().c_e_init)))

    def sampled(symbol: Any) -> Array:
        return _sampled(values, symbol, stoichiometry.size)

    diffusivity, warm_diffusivity = (sampled(phase.D(content, t)) for t in (cold, warm))
    exchange, warm_exchange = (sampled(phase.j0(salt, content, t)) for t in (cold, warm))
    name, prefix = side.capitalize(), f"{side}_particle_radius"
    radius = changes.get(prefix, 1.0)
    active = float(values[f"{name} electrode active material volume fraction"])
    thickness = float(values[f"{name} electrode thickness [m]"])
    porosity = float(values[f"{name} electrode porosity"])
    at_0, at_100 = limits
    charge = abs(at_100 - at_0) * maximum * active * thickness * area * FARADAY / 3600
    return ElectrodeParameters(
        thickness=thickness,
        particle_radius=float(values[f"{name} particle radius [m]"]) * radius,
        porosity=porosity,
        active_fraction=active,
        maximum_concentration=maximum,
        conductivity=float(values[f"{name} electrode conductivity [S.m-1]"])
        * (1 - porosity) ** float(values.get(f"{name} electrode Bruggeman coefficient (electrode)", 0.0)),
        bruggeman=float(values[f"{name} electrode Bruggeman coefficient (electrolyte)"]),
        stoichiometry_at_0=at_0,
        stoichiometry_at_100=at_100,
        stoichiometry=stoichiometry,
        ocp=sampled(phase.U(grid, cold)),
        entropic_change=sampled(phase.dUdT(grid)),
        diffusivity=diffusivity * radius**2,
        diffusivity_activation_energy=_activation_energy(diffusivity, warm_diffusivity, reference),
        exchange_current_density=exchange * radius,
        exchange_current_activation_energy=_activation_energy(exchange, warm_exchange, reference),
        capacity=charge,
    )


def _activation_energy(cold: Array, warm: Array, reference: float) -> float:
    """Energy of the Arrhenius law through two temperatures [J/mol]."""
    ratio = float(np.median(np.log(warm / cold)))
    return GAS_CONSTANT * ratio / (1 / reference - 1 / (reference + _WARM))


def _thermal(values: Any) -> ThermalParameters | None:
    keys = (
        "Cell volume [m3]",
        "Cell cooling surface area [m2]",
        "Total heat transfer coefficient [W.m-2.K-1]",
    )
    if any(key not in values for key in (*keys, "Cell heat capacity [J.K-1.m-3]")):
        return None
    volume, surface, transfer = (float(values[key]) for key in keys)
    return ThermalParameters(
        heat_capacity=float(values["Cell heat capacity [J.K-1.m-3]"]) * volume,
        cooling=transfer * surface,
        volume=volume,
        surface=surface,
    )
