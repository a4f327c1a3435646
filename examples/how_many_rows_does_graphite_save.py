# %% [markdown]
"""How many NMC electrodes need not be made, because graphite electrodes were?

A line has made 235 graphite electrodes with different settings, and starts with NMC. Density after
calendering is needed for the energy density of the cell. How many NMC electrodes must be made before
the settings can be chosen by a model, with and without the graphite table?

The tables are simulated (`ionbridge.physics.ElectrodeLine`).
"""

# %%
import os
from pathlib import Path

from ionbridge.applications.electrodes import demo_tables
from ionbridge.studies import StudyDesign, run_study
from ionbridge.studies.plots import learning_curves, save_figure

SMOKE_TEST = "SMOKE_TEST" in os.environ
tables = demo_tables()
source, target = tables["graphite"], tables["nmc"]
print(f"{len(source)} rows of {source.domain.name}, {len(target)} rows of {target.domain.name}")

# %% [markdown]
# The verdict is about the first strategy, so it is named before anything is computed. The settings of
# the line are the inputs; thickness and porosity are results and would give the answer away.

# %%
design = StudyDesign(
    output="density",
    inputs=(
        "active_material_fraction",
        "solid_content",
        "coating_speed",
        "comma_gap",
        "roll_speed",
        "roll_gap",
    ),
    strategies=("hierarchical_gp", "source_only"),
    baselines=("mean", "linear", "gaussian_process"),
    target_sizes=(5, "all") if SMOKE_TEST else (5, 10, 15, 20, 30, "all"),
    n_splits=2 if SMOKE_TEST else 20,
)
result = run_study(source, target, design)

# %% [markdown]
# One sentence for each number of NMC electrodes [-]; errors are the MAPE of density [%].

# %%
for finding in result.verdict().sizes:
    print(finding.sentence)

# %% [markdown]
# The learning curves. Where they meet, the graphite table stops paying.

# %%
folder = Path(os.environ.get("EXAMPLE_OUT", "example-output"))
folder.mkdir(parents=True, exist_ok=True)
print(save_figure(learning_curves(result), folder, "rows_saved")[1])
