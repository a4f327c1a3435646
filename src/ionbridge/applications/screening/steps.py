"""Steps for the orchestrator: from structures and formulas to barriers, voltages and conductivities.

Plain functions from quantities to quantities; each names its inputs and outputs in `STEPS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ionbridge.applications.screening.features import FeatureTable, barrier_table
from ionbridge.applications.screening.model import PropertyModel, ScreeningPrediction
from ionbridge.applications.screening.property_tables import electrolyte_features, voltage_table_of_pairs
from ionbridge.datasets.structures import Structure, percolating_paths
from ionbridge.exceptions import ConfigurationError, DataError
from ionbridge.models import Prediction

__all__ = [
    "STEPS",
    "Step",
    "barrier_to_diffusivity",
    "diffusivity_to_conductivity",
    "electrolyte_to_conductivity",
    "formulas_to_voltage",
    "structure_to_barrier",
]

FloatArray = NDArray[np.float64]

BOLTZMANN_EV = 8.617333262e-5  # [eV/K]; CODATA 2018
BOLTZMANN = 1.380649e-23  # [J/K]; CODATA 2018
ELEMENTARY_CHARGE = 1.602176634e-19  # [C]; CODATA 2018
_SOLVENT = "solvent "  # columns of shares in a table of electrolytes
ATTEMPT_FREQUENCY = 1e13  # [1/s]; a usual phonon frequency, good to a factor of three


@dataclass(frozen=True, slots=True)
class Step:
    """One function from quantities to quantities.

    Parameters
    ----------
    name : of the step.
    function : what is called.
    inputs, outputs : names of quantities of the catalogue, ``structure`` for a crystal, ``solvent_shares`` for parts by solvent.
    cost_seconds : usual processor time an entry [s].
    error : what is known of its error, in words.
    """

    name: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    cost_seconds: float
    error: str


def structure_to_barrier(
    structure: Structure, ion: str, model: PropertyModel, level: float = 0.9
) -> Prediction:
    """Barrier of the path that carries `ion` through a crystal: the highest of the hops it needs.

    Parameters
    ----------
    structure : with the ion on its sites.
    model : fitted to barriers without a prior column.

    Returns
    -------
    one row, `migration_barrier` [eV].

    Raises
    ------
    DataError
        If the crystal holds no such ion, or no hop is short enough.
    """
    paths = percolating_paths(structure, ion)
    if not paths:
        raise DataError(
            f"structure {structure.name!r} has no hop of {ion} up to 6 Å; give the path yourself."
        )
    found = model.predict(barrier_table(paths), level).prediction
    worst = int(np.argmax(found.mean))
    part = slice(worst, worst + 1)
    return Prediction(
        found.quantity,
        found.unit,
        found.mean[part],
        found.lower[part],
        found.upper[part],
        found.level,
        found.in_domain[part],
        (found.reasons[worst],),
    )


def barrier_to_diffusivity(
    barrier: ArrayLike,
    temperature: ArrayLike = 298.15,
    hop_distance: ArrayLike = 3.0,
    attempt_frequency: float = ATTEMPT_FREQUENCY,
    dimensions: int = 3,
) -> FloatArray:
    """Diffusivity of uncorrelated hops [m²/s], ``D = ν a² exp(-E/kT) · z / (2 d)`` with z = 2 d neighbours.

    Parameters
    ----------
    barrier : migration barrier [eV].
    temperature : [K]
    hop_distance : [Å]
    attempt_frequency : [1/s]
    dimensions : in which the hops lead, 1 to 3.

    Raises
    ------
    ConfigurationError
        If a temperature, distance or number of dimensions is not positive.

    References
    ----------
    .. [1] Mehrer, Diffusion in Solids (2007), eqs. 4.29 and 6.4.
    """
    T, a = np.asarray(temperature, dtype=float), np.asarray(hop_distance, dtype=float) * 1e-10
    if np.any(T <= 0) or np.any(a <= 0) or attempt_frequency <= 0 or dimensions not in (1, 2, 3):
        raise ConfigurationError(
            "temperature [K], hop distance [Å] and frequency must be positive, dimensions 1 to 3; got "
            f"{temperature!r}, {hop_distance!r}, {attempt_frequency!r} and {dimensions!r}."
        )
    rate = attempt_frequency * np.exp(-np.asarray(barrier, dtype=float) / (BOLTZMANN_EV * T))
    return np.asarray(a**2 * rate)  # 2 d neighbours over 2 d


def diffusivity_to_conductivity(
    diffusivity: ArrayLike,
    ion_density: ArrayLike,
    charge: float = 1.0,
    temperature: ArrayLike = 298.15,
) -> FloatArray:
    """Ionic conductivity [mS/cm] of independent ions (Nernst and Einstein), ``σ = n q² D / (k T)``.

    Parameters
    ----------
    diffusivity : [m²/s]
    ion_density : mobile ions per volume [1/m³].
    charge : of the ion [e].
    temperature : [K]

    Raises
    ------
    ConfigurationError
        If a value is negative, or a temperature not positive.

    References
    ----------
    .. [1] Mehrer, Diffusion in Solids (2007), eq. 11.49 with a Haven ratio of one.
    """
    D, n, T = (np.asarray(x, dtype=float) for x in (diffusivity, ion_density, temperature))
    if np.any(D < 0) or np.any(n < 0) or np.any(T <= 0):
        raise ConfigurationError(
            "diffusivity [m²/s] and ion density [1/m³] must not be negative, temperature [K] must be positive."
        )
    siemens_per_metre = n * (charge * ELEMENTARY_CHARGE) ** 2 * D / (BOLTZMANN * T)
    return np.asarray(10.0 * siemens_per_metre)


def formulas_to_voltage(
    charged: Sequence[str], discharged: Sequence[str], ions: Sequence[str], model: PropertyModel
) -> ScreeningPrediction:
    """Mean insertion voltages of formula pairs, `average_voltage` [V against the metal of the ion].

    Raises
    ------
    DataError
        If a formula cannot be read or a pair is no insertion.
    """
    return model.predict(voltage_table_of_pairs(charged, discharged, ions))


def electrolyte_to_conductivity(
    solvent_shares: Mapping[str, ArrayLike],
    concentration: ArrayLike,
    temperature: ArrayLike,
    model: PropertyModel,
    *,
    salt: str = "LiPF6",
    is_molal: bool = False,
    basis: Literal["w", "v", "mol"] = "w",
) -> ScreeningPrediction:
    """Conductivity of liquid electrolytes from composition and temperature, `ionic_conductivity` [mS/cm].

    Parameters
    ----------
    solvent_shares : parts by name of a solvent, such as ``{"EC": 0.3, "EMC": 0.7}``; scalars or shape (n_rows,);
        they are scaled to a sum of one.
    concentration : of the salt, scalar or shape (n_rows,) [mol/m³]; [mol/kg] where `is_molal`.
    temperature : scalar or shape (n_rows,) [K]
    model : `PropertyModel` fitted to a table of `electrolyte_table`; it knows its solvents.
    salt : name; one that the model has not seen is flagged.
    is_molal : whether `concentration` counts per kilogram of solvent.
    basis : of the shares: by weight (``w``), volume (``v``) or amount (``mol``).

    Raises
    ------
    ConfigurationError
        If a solvent is none of the model's, shares are negative or all zero, or a concentration or temperature
        is not positive.
    """
    solvents = [n.removeprefix(_SOLVENT) for n in model.feature_names_ if n.startswith(_SOLVENT)]
    unknown = sorted(set(solvent_shares) - set(solvents))
    if unknown or not solvent_shares:
        raise ConfigurationError(
            f"'solvent_shares' must name solvents of the model, {', '.join(solvents) or 'which has none'}; got "
            f"{', '.join(unknown) or 'nothing'}. Leave the others out."
        )
    if basis not in ("w", "v", "mol"):
        raise ConfigurationError(f"'basis' must be 'w', 'v' or 'mol'; got {basis!r}.")
    given = [np.asarray(solvent_shares.get(name, 0.0), dtype=float) for name in solvents]
    c, T, *columns = np.broadcast_arrays(
        np.atleast_1d(np.asarray(concentration, dtype=float)), np.asarray(temperature, dtype=float), *given
    )
    shares = np.column_stack(columns)
    total = shares.sum(axis=1)
    if not (np.all(shares >= 0) and np.all(total > 0) and np.all(c > 0) and np.all(T > 0)):
        raise ConfigurationError(
            "solvent shares must not be negative nor all zero, concentration and temperature [K] must be positive; got "
            f"{dict(solvent_shares)!r}, {concentration!r} and {temperature!r}."
        )
    n_rows = len(c)
    names, X = electrolyte_features(
        shares / total[:, None],
        c if is_molal else c / 1000.0,
        T,
        np.full(n_rows, is_molal),
        np.full(n_rows, basis),
        solvents,
    )
    rows = tuple(f"row {i}" for i in range(n_rows))
    labels = {"salt": np.full(n_rows, salt)}
    y = np.full(n_rows, np.nan)
    return model.predict(FeatureTable("ionic_conductivity", names, X, rows, np.array(rows), labels, y))


STEPS: tuple[Step, ...] = (
    Step(
        "structure_to_barrier",
        structure_to_barrier,
        ("structure", "mobile_ion"),
        ("migration_barrier",),
        0.05,
        "mean absolute error about 0.29 eV on unseen hosts",
    ),
    Step(
        "barrier_to_diffusivity",
        barrier_to_diffusivity,
        ("migration_barrier", "cell_temperature", "hop_distance"),
        ("diffusion_coefficient",),
        1e-5,
        "a factor of three from the attempt frequency, and of exp(ΔE/kT) from the barrier",
    ),
    Step(
        "diffusivity_to_conductivity",
        diffusivity_to_conductivity,
        ("diffusion_coefficient", "mobile_ion_density", "cell_temperature"),
        ("ionic_conductivity",),
        1e-5,
        "correlations left out: a factor of two or so",
    ),
    Step(
        "formulas_to_voltage",
        formulas_to_voltage,
        ("charged_formula", "discharged_formula", "mobile_ion"),
        ("average_voltage",),
        0.005,
        "mean absolute error about 0.5 V on unseen hosts of a known ion",
    ),
    Step(
        "electrolyte_to_conductivity",
        electrolyte_to_conductivity,
        ("solvent_shares", "electrolyte_concentration", "cell_temperature", "salt"),
        ("ionic_conductivity",),
        0.005,
        "its intervals come from whole publications left out; salts and solvents it has not seen are flagged",
    ),
)
