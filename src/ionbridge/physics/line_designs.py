"""Designs of whole data sets on the electrode line: slurries, coatings and calendering runs as in a laboratory.

Sizes and ranges are those of Fernandez et al. 2025; the relations are in `electrode_line.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.datasets import Table
from ionbridge.exceptions import UnknownNameError
from ionbridge.physics.electrode_line import Chemistry, ElectrodeLine
from ionbridge.quantities import convert, quantity

__all__ = ["DESIGNS", "LineDesign", "generate_published_tables", "sample_design"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class LineDesign:
    """How one data set was laid out.

    Parameters
    ----------
    n_rows : electrodes.
    n_slurries : batches; composition and solid content are constant in a batch.
    composition, solid_content : lowest and highest value [-]; mass fractions.
    coating_speeds, comma_gaps, roll_speeds : the settings in use [m/min], [µm], [m/min].
    roll_gap : lowest and highest value [µm].
    squeeze : lowest and highest ratio of the roll gap to the thickness of the incoming electrode [-];
        above 1 the electrode passes almost uncalendered. Chosen here so that the mean roll gap is near
        the published one (70, 58 and 62 µm).
    """

    n_rows: int
    n_slurries: int
    composition: tuple[float, float]
    solid_content: tuple[float, float]
    coating_speeds: tuple[float, ...]
    comma_gaps: tuple[float, ...]
    roll_speeds: tuple[float, ...]
    roll_gap: tuple[float, float]
    squeeze: tuple[float, float]


DESIGNS: Mapping[str, LineDesign] = MappingProxyType(
    {
        "graphite": LineDesign(
            n_rows=235,
            n_slurries=16,
            composition=(0.91, 0.955),
            solid_content=(0.22, 0.42),
            coating_speeds=(0.3,),
            comma_gaps=(100.0, 150.0, 200.0, 250.0, 250.0, 300.0, 300.0),
            roll_speeds=(0.27, 0.54),
            roll_gap=(1.0, 135.0),
            squeeze=(0.0, 1.6),
        ),
        "silicon_graphite": LineDesign(
            n_rows=53,
            n_slurries=6,
            composition=(0.08, 0.15),
            solid_content=(0.24, 0.32),
            coating_speeds=(0.3,),
            comma_gaps=(100.0, 150.0, 200.0, 250.0, 300.0, 300.0),
            roll_speeds=(0.27, 0.54),
            roll_gap=(15.0, 102.0),
            squeeze=(0.2, 1.4),
        ),
        "nmc": LineDesign(
            n_rows=63,
            n_slurries=8,
            composition=(0.85, 0.975),
            solid_content=(0.42, 0.66),
            coating_speeds=(0.2, 0.3, 0.5, 1.0),
            comma_gaps=(50.0, 100.0, 150.0, 200.0, 300.0, 400.0),
            roll_speeds=(0.27, 0.54),
            roll_gap=(20.0, 206.0),
            squeeze=(0.3, 1.0),
        ),
    }
)


def sample_design(chemistry: Chemistry, random_state: int = 0, n_rows: int | None = None) -> pd.DataFrame:
    """Draw the inputs of one data set.

    Slurries are spread evenly over the ranges (a Latin hypercube), each is coated at a few comma gaps,
    and each coating is calendered to several roll gaps.

    Parameters
    ----------
    n_rows : electrodes; None for the published number.

    Returns
    -------
    one column for every input of `ElectrodeLine`, house units, and the label ``batch_id`` (slurry).
    """
    if chemistry not in DESIGNS:
        raise UnknownNameError.for_name(chemistry, DESIGNS, "chemistry")
    design, line = DESIGNS[chemistry], ElectrodeLine(chemistry)
    rng = np.random.default_rng([random_state, *chemistry.encode()])
    n_rows = design.n_rows if n_rows is None else n_rows
    slurry = np.sort(rng.permutation(np.arange(n_rows) % design.n_slurries))
    composition = np.round(_spread(design.composition, design.n_slurries, rng), 3)[slurry]
    solid_content = np.round(_spread(design.solid_content, design.n_slurries, rng), 3)[slurry]
    coating = _coatings(slurry, rng)
    frame = pd.DataFrame(
        {
            "batch_id": [f"slurry {number + 1}" for number in slurry],
            line.composition: convert(composition, "1", quantity(line.composition).unit),
            "solid_content": convert(solid_content, "1", quantity("solid_content").unit),
            "coating_speed": rng.choice(design.coating_speeds, size=coating.max() + 1)[coating],
            "comma_gap": _levels(design.comma_gaps, coating.max() + 1, rng)[coating],
            "roll_speed": rng.choice(design.roll_speeds, size=coating.max() + 1)[coating],
            "roll_gap": 500.0,
        }
    )
    incoming = line.simulate(frame, noise=False).column("electrode_thickness")
    squeeze = rng.uniform(*design.squeeze, size=n_rows)
    frame["roll_gap"] = np.clip(np.round(squeeze * incoming), *design.roll_gap)
    return frame


def generate_published_tables(random_state: int = 0) -> dict[str, Table]:
    """Simulate the three published data sets.

    Returns
    -------
    ``graphite`` (235 rows), ``silicon_graphite`` (53) and ``nmc`` (63), each a `Table` whose domain has
    the origin ``simulation``.
    """
    return {
        chemistry: ElectrodeLine(chemistry).simulate(  # type: ignore[arg-type]
            sample_design(chemistry, random_state),  # type: ignore[arg-type]
            random_state=random_state,
        )
        for chemistry in DESIGNS
    }


def _spread(bounds: tuple[float, float], n: int, rng: np.random.Generator) -> FloatArray:
    """One value in each of n equal parts of the range, both ends included, in random order."""
    low, high = bounds
    inner = (np.arange(n) + rng.uniform(size=n)) / n
    inner[0], inner[-1] = 0.0, 1.0
    return np.asarray(low + (high - low) * rng.permutation(inner))


def _levels(levels: tuple[float, ...], n: int, rng: np.random.Generator) -> FloatArray:
    """`n` settings in which every level is used about equally often."""
    return rng.permutation(np.resize(np.asarray(levels), n))


def _coatings(
    slurry: NDArray[np.int64], rng: np.random.Generator, n_per_coating: int = 4
) -> NDArray[np.int64]:
    """Number the coating of each row: about `n_per_coating` electrodes of one slurry share one."""
    coating = np.empty_like(slurry)
    n_found = 0
    for batch in np.unique(slurry):
        rows = np.flatnonzero(slurry == batch)
        n_coatings = max(1, round(len(rows) / n_per_coating))
        coating[rows] = n_found + rng.permutation(np.arange(len(rows)) % n_coatings)
        n_found += n_coatings
    return coating
