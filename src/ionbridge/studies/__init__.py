"""Honest evaluation: splits, repeats, baselines, verdict, explanation, report.

Each name is imported when it is first used, so that a command pays only for what it needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ionbridge.studies.design import BASELINES, StudyDesign
    from ionbridge.studies.explanation import Explanation, explain
    from ionbridge.studies.metrics import evaluate
    from ionbridge.studies.pipeline import TransferOutcome, quick_design, study_tables, transfer_tables
    from ionbridge.studies.report import write_report
    from ionbridge.studies.result import StudyResult
    from ionbridge.studies.runner import run_study
    from ionbridge.studies.splits import Split, repeated_splits
    from ionbridge.studies.suggestion import Suggestions, next_experiments, suggest
    from ionbridge.studies.verdict import SizeVerdict, Verdict, judge

_LAZY = {
    "BASELINES": "design",
    "Explanation": "explanation",
    "SizeVerdict": "verdict",
    "Split": "splits",
    "StudyDesign": "design",
    "StudyResult": "result",
    "Suggestions": "suggestion",
    "TransferOutcome": "pipeline",
    "Verdict": "verdict",
    "evaluate": "metrics",
    "explain": "explanation",
    "judge": "verdict",
    "next_experiments": "suggestion",
    "quick_design": "pipeline",
    "repeated_splits": "splits",
    "run_study": "runner",
    "study_tables": "pipeline",
    "suggest": "suggestion",
    "transfer_tables": "pipeline",
    "write_report": "report",
}

__all__ = [
    "BASELINES",
    "Explanation",
    "SizeVerdict",
    "Split",
    "StudyDesign",
    "StudyResult",
    "Suggestions",
    "TransferOutcome",
    "Verdict",
    "evaluate",
    "explain",
    "judge",
    "next_experiments",
    "quick_design",
    "repeated_splits",
    "run_study",
    "study_tables",
    "suggest",
    "transfer_tables",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"ionbridge.studies.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'ionbridge.studies' has no attribute {name!r}")
