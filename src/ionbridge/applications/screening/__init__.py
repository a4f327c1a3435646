"""Screening of materials: features, models and transfer for barriers, voltages and conductivities.

Each name is imported when it is first used, so that a command pays only for what it needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ionbridge.applications.screening.composition_features import composition_features, ion_features
    from ionbridge.applications.screening.evaluation import transfer_verdict
    from ionbridge.applications.screening.features import (
        FeatureTable,
        anion_family,
        barrier_features,
        barrier_table,
        formula_features,
    )
    from ionbridge.applications.screening.model import PropertyModel, ScreeningPrediction
    from ionbridge.applications.screening.path_features import path_features
    from ionbridge.applications.screening.tasks import BARRIER_TASKS, FewShotTask, barrier_task, task_between

_LAZY = {
    "BARRIER_TASKS": "tasks",
    "FeatureTable": "features",
    "FewShotTask": "tasks",
    "PropertyModel": "model",
    "ScreeningPrediction": "model",
    "anion_family": "features",
    "barrier_features": "features",
    "barrier_table": "features",
    "barrier_task": "tasks",
    "composition_features": "composition_features",
    "formula_features": "features",
    "ion_features": "composition_features",
    "path_features": "path_features",
    "task_between": "tasks",
    "transfer_verdict": "evaluation",
}

__all__ = [
    "BARRIER_TASKS",
    "FeatureTable",
    "FewShotTask",
    "PropertyModel",
    "ScreeningPrediction",
    "anion_family",
    "barrier_features",
    "barrier_table",
    "barrier_task",
    "composition_features",
    "formula_features",
    "ion_features",
    "path_features",
    "task_between",
    "transfer_verdict",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        found = importlib.import_module(f"ionbridge.applications.screening.{_LAZY[name]}")
        return getattr(found, name)
    raise AttributeError(f"module 'ionbridge.applications.screening' has no attribute {name!r}")
