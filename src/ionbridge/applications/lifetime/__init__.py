"""Early prediction of cycle life: features, models, few-cell transfer between chemistries, intervals."""

from ionbridge.applications.lifetime.cells import evaluate, load_cells, prediction_table, require_distinct
from ionbridge.applications.lifetime.censoring import CensoredTransfer
from ionbridge.applications.lifetime.conditions import TrainingConditions
from ionbridge.applications.lifetime.features import (
    CURVE_FEATURES,
    FEATURE_NOTES,
    CellFeatures,
    curve_features,
    cycle_summaries,
    discharge_curves,
    join_features,
)
from ionbridge.applications.lifetime.inputs import CellInputs
from ionbridge.applications.lifetime.intervals import LifeIntervals
from ionbridge.applications.lifetime.model import LifetimeModel, LifetimePrediction
from ionbridge.applications.lifetime.plots import plot_references, plot_trajectories
from ionbridge.applications.lifetime.stage import LifeStage, fit_life_stage
from ionbridge.applications.lifetime.strategies import InterCellTransfer, LifetimeAuto, StageTransfer
from ionbridge.applications.lifetime.tasks import (
    KSHOT_TASKS,
    KShotTask,
    SplitTask,
    hust_task,
    kshot_task,
    kshot_tasks,
    matr_task,
)
from ionbridge.applications.lifetime.trajectory import FadeShapes, Trajectory, knee_fraction

__all__ = [
    "CURVE_FEATURES",
    "FEATURE_NOTES",
    "KSHOT_TASKS",
    "CellFeatures",
    "CellInputs",
    "CensoredTransfer",
    "FadeShapes",
    "InterCellTransfer",
    "KShotTask",
    "LifeIntervals",
    "LifeStage",
    "LifetimeAuto",
    "LifetimeModel",
    "LifetimePrediction",
    "SplitTask",
    "StageTransfer",
    "TrainingConditions",
    "Trajectory",
    "curve_features",
    "cycle_summaries",
    "discharge_curves",
    "evaluate",
    "fit_life_stage",
    "hust_task",
    "join_features",
    "knee_fraction",
    "kshot_task",
    "kshot_tasks",
    "load_cells",
    "matr_task",
    "plot_references",
    "plot_trajectories",
    "prediction_table",
    "require_distinct",
]
