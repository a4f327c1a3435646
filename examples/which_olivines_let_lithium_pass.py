# %% [markdown]
"""Which olivines let lithium pass most easily, when only a few of them have been calculated?

Two families of crystals are built from published prototypes by exchanging elements: layered oxides and
spinels, all of them calculated, and olivines, of which five are known. A model learned from both ranks the
other olivines; the calculations that it proposes are run, and it learns from them: the closed loop. The
engine is the bond-valence method, which takes a second a crystal; with `ChgnetBarrier` in its place the
same lines run nudged elastic bands, minutes each. It needs the extras `materials` and `report`.
"""

# %%
import os
import tempfile
from pathlib import Path

import numpy as np

from ionbridge.applications.screening.entries import EntrySet, limiting_path, path_entry
from ionbridge.applications.screening.loop import close_loop
from ionbridge.applications.screening.report import write_screening_report
from ionbridge.applications.screening.screen import Goal
from ionbridge.physics.materials import BondValenceBarrier, prototype, run_batch, substituted

SMOKE_TEST = "SMOKE_TEST" in os.environ
OUT = Path(os.environ.get("EXAMPLE_OUT", "olivines"))
RESOLUTION = 0.5 if SMOKE_TEST else 0.4  # of the grid of energies [Å]
OXIDE_METALS = ["Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Al", "Ga", "In"]
OLIVINE_METALS = ["Mg", "Mn", "Fe", "Co", "Ni", "Zn", "Cd", "Ca"]
CENTRES = ["P", "As"] if SMOKE_TEST else ["P", "As", "V"]

# %% [markdown]
# Crystals by exchange of elements; cells are scaled by the radii of the new ones.

# %%
oxides = [substituted(prototype("LiCoO2"), {"Co": m}, f"Li{m}O2") for m in OXIDE_METALS]
if not SMOKE_TEST:
    oxides += [substituted(prototype("LiMn2O4"), {"Mn": m}, f"Li{m}2O4") for m in OXIDE_METALS]
olivines = [
    substituted(prototype("LiFePO4"), {"Fe": m, "P": c}, f"Li{m}{c}O4")
    for c in CENTRES
    for m in OLIVINE_METALS
]

# %% [markdown]
# Every calculation is kept on disk: run this file again and it starts where it stopped.

# %%
engine = BondValenceBarrier(ion="Li", resolution=RESOLUTION)
cache = Path(tempfile.mkdtemp()) if SMOKE_TEST else OUT / "runs"
done = run_batch(engine, {s.name: s for s in [*oxides, *olivines[:5]]}, cache=cache, progress=not SMOKE_TEST)
values = {name: result.values["migration_barrier"] for name, result in done.results.items()}
for name, failure in done.failures.items():
    print(f"not calculated: {name} ({failure})")

# %% [markdown]
# Rank the olivines by the chance of a barrier below the median of the known ones, and run four more
# calculations.

# %%
source = EntrySet(
    tuple(path_entry(limiting_path(s, "Li"), s) for s in oxides if s.name in values),
    values={s.name: values[s.name] for s in oxides if s.name in values},
    label="oxides",
)
candidates = EntrySet(tuple(path_entry(limiting_path(s, "Li"), s) for s in olivines), label="olivines")
known = {s.name: values[s.name] for s in olivines[:5]}
goal = Goal("migration_barrier", float(np.median(list(known.values()))))
result, rounds = close_loop(
    candidates, known, goal, source,
    engine=engine, n_runs=4, batch=2, rescale=False, cache=cache,
)  # fmt: skip

print(
    result.table[["name", "value", "lower", "upper", "probability"]].head(10).round(2).to_string(index=False)
)
for turn in rounds:
    found = ", ".join(f"{name} {value:.2f} eV" for name, value in turn.values.items())
    print(f"round {turn.number}: {found}; {turn.n_hits} hits known, {turn.expected_hits:.1f} more expected")
print(result.model.verdict_.sentence)
print("report:", write_screening_report(result, OUT, rounds))
