# %% [markdown]
"""Which roll gap gives an NMC electrode of 2.2 g/cm³, when the slurry is already mixed?

The inverse question: a model is adapted from graphite to NMC on 15 electrodes, then asked for
settings, and for what should be measured next.

The tables are simulated (`ionbridge.physics.ElectrodeLine`).
"""

# %%
import os

from ionbridge.applications.electrodes import demo_tables
from ionbridge.studies.suggestion import next_experiments, suggest
from ionbridge.transfer import TransferModel

SMOKE_TEST = "SMOKE_TEST" in os.environ
tables = demo_tables()
source, target = tables["graphite"], tables["nmc"].take(range(0, 60, 4))

# %%
settings = (
    "active_material_fraction",
    "solid_content",
    "coating_speed",
    "roll_speed",
    "comma_gap",
    "roll_gap",
)
strategy = "output_calibration" if SMOKE_TEST else "auto"
model = TransferModel([target.quantity(name) for name in settings], target.quantity("density"), strategy)
model.fit(target, source)
print(f"out-of-sample MAPE: {model.cv_mape_:.1f} % with graphite, {model.cv_mape_target_only_:.1f} % without")

# %% [markdown]
# The slurry is mixed and the speeds are set. Comma gap and roll gap [µm] may be chosen within what was
# made before.

# %%
given = {
    "active_material_fraction": 92.0,  # wt%
    "solid_content": 55.0,  # wt%
    "coating_speed": 0.5,  # m/min
    "roll_speed": 0.54,  # m/min
}
found = suggest(model, {"density": 2.2}, fixed=given, n_suggestions=1 if SMOKE_TEST else 3)
prediction = found.predictions["density"]
for row, mean, lower, upper in zip(found.X, prediction.mean, prediction.lower, prediction.upper, strict=True):
    chosen = [(q.label, v) for q, v in zip(found.inputs, row, strict=True) if q.name not in given]
    named = ", ".join(f"{label} {value:.1f}" for label, value in chosen)
    print(f"{named}: density {mean:.2f} g/cm³, 90 % interval {lower:.2f} to {upper:.2f}")
print(*found.messages)

# %% [markdown]
# Not sure enough? These three electrodes would teach the model most.

# %%
for row in next_experiments(model, n=3).X:
    print(", ".join(f"{q.label} {value:.1f}" for q, value in zip(model.inputs, row, strict=True)))
