"""Early prediction of cycle life: features, models, few-cell transfer between chemistries, intervals."""

from ionbridge.applications.lifetime.features import (
    CURVE_FEATURES,
    FEATURE_NOTES,
    CellFeatures,
    curve_features,
    cycle_summaries,
    discharge_curves,
    join_features,
)
from ionbridge.applications.lifetime.intervals import LifeIntervals
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

__all__ = [
    "CURVE_FEATURES",
    "FEATURE_NOTES",
    "KSHOT_TASKS",
    "CellFeatures",
    "InterCellTransfer",
    "KShotTask",
    "LifeIntervals",
    "LifeStage",
    "LifetimeAuto",
    "SplitTask",
    "StageTransfer",
    "curve_features",
    "cycle_summaries",
    "discharge_curves",
    "fit_life_stage",
    "hust_task",
    "join_features",
    "kshot_task",
    "kshot_tasks",
    "matr_task",
]
