"""Tasks on the simulated electrode line: graphite to NMC and to silicon-graphite, as published.

The measured set behind the published figures is not public; the simulation has its sizes and ranges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from importlib.resources import as_file, files
from types import MappingProxyType

from ionbridge.applications.electrodes.task import ElectrodeTask
from ionbridge.datasets import Domain, Table, read_table
from ionbridge.physics import ElectrodeLine, generate_published_tables
from ionbridge.quantities import Quantity

__all__ = ["DEMO_SEED", "LINE_TASKS", "demo_tables"]

DEMO_SEED = 0
_CITATION = (
    "Fernandez, Saravanan, Omongos et al., Transfer learning assessment of small datasets relating manufacturing "
    "parameters with electrochemical energy cell component properties, npj Adv. Manuf. 2 (2025), "
    "doi:10.1038/s44334-025-00024-1"
)
_PROCESS = ("solid_content", "coating_speed", "comma_gap", "roll_speed", "roll_gap")
_ASSUMPTIONS = ("simulated rows with the published sizes and ranges, not the measured rows",)

# Published single-split MAPE [%]: the source model as it is, and after the published recipe.
_PUBLISHED: Mapping[tuple[str, str], tuple[float, float]] = MappingProxyType(
    {
        ("nmc", "density"): (56.1, 8.1),
        ("nmc", "mass_loading"): (70.8, 10.6),
        ("silicon_graphite", "density"): (78.8, 14.5),
        ("silicon_graphite", "mass_loading"): (45.0, 3.7),
    }
)
_COMPOSITION = Quantity(
    "composition_slot",
    "wt%",
    "The varied component: graphite or NMC, or silicon in silicon-graphite. One input for different things.",
    low=0,
    high=100,
)


@lru_cache(maxsize=1)
def _tables() -> dict[str, Table]:
    return generate_published_tables(DEMO_SEED)


def demo_tables() -> dict[str, Table]:
    """Read the embedded tables: ``graphite`` (235 rows), ``silicon_graphite`` (53) and ``nmc`` (63).

    They are simulated with `ionbridge.physics.ElectrodeLine` and ship with the package.
    """
    folder = files("ionbridge.applications.electrodes") / "data"
    tables = {}
    for chemistry in ("graphite", "silicon_graphite", "nmc"):
        line = ElectrodeLine(chemistry)
        with as_file(folder / f"{chemistry}.csv") as path:
            tables[chemistry] = read_table(
                path, domain=line.domain, licence="Apache-2.0", citation="; ".join(line.citations)
            )
    return tables


def _published(chemistry: str, output: str) -> dict[str, float]:
    source_only, recipe = _PUBLISHED[chemistry, output]
    return {"source_only": source_only, "published_recipe": recipe}


def _task(chemistry: str, output: str) -> ElectrodeTask:
    composition = "silicon_fraction" if chemistry == "silicon_graphite" else "active_material_fraction"
    only_target = chemistry == "silicon_graphite"
    return ElectrodeTask(
        name=f"line_{chemistry}_{output}",
        question=f"Does a graphite line help to predict the {output.replace('_', ' ')} of {chemistry.replace('_', '-')}?",
        source=_tables()["graphite"],
        target=_tables()[chemistry],
        inputs=(composition, *_PROCESS),
        output=output,
        citation=_CITATION,
        assumptions=(
            *_ASSUMPTIONS,
            *(["the silicon fraction is an input that only the target has"] if only_target else []),
        ),
        published_mape=_published(chemistry, output),
    )


def _with_slot(table: Table) -> Table:
    """Rename the composition, whatever it is, to the one slot that the published networks have."""
    name = "silicon_fraction" if "silicon_fraction" in table.frame else "active_material_fraction"
    frame = table.frame.rename(columns={name: _COMPOSITION.name})
    definitions = {
        **{n: table.quantity(n) for n in table.names if n != name},
        _COMPOSITION.name: _COMPOSITION,
    }
    domain: Domain = table.domain
    return Table.from_frame(frame, domain=domain, provenance=table.provenance, definitions=definitions)


def _published_layout(output: str) -> ElectrodeTask:
    return ElectrodeTask(
        name=f"line_silicon_graphite_{output}_published_layout",
        question=f"The published recipe for the {output.replace('_', ' ')} of silicon-graphite, inputs as published.",
        source=_with_slot(_tables()["graphite"]),
        target=_with_slot(_tables()["silicon_graphite"]),
        inputs=(_COMPOSITION.name, *_PROCESS),
        output=output,
        citation=_CITATION,
        assumptions=(*_ASSUMPTIONS, "graphite and silicon wt% share one input, as in the published networks"),
        published_mape=_published("silicon_graphite", output),
        strategies=("source_only", "published_recipe"),
    )


LINE_TASKS: Mapping[str, Callable[[], ElectrodeTask]] = MappingProxyType(
    {
        **{
            f"line_{chemistry}_{output}": partial(_task, chemistry, output)
            for chemistry, output in _PUBLISHED
        },
        **{
            f"line_silicon_graphite_{output}_published_layout": partial(_published_layout, output)
            for output in ("density", "mass_loading")
        },
    }
)
