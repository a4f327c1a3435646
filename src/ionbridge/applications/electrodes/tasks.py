"""The named transfer tasks of electrode manufacturing: list them, build one, or build all that can be.

What each asks is `line_tasks.py` and `measured_tasks.py`; running them is the studies room.
"""

from __future__ import annotations

import os
from pathlib import Path

from ionbridge.applications.electrodes.line_tasks import LINE_TASKS
from ionbridge.applications.electrodes.measured_tasks import MEASURED_TASKS
from ionbridge.applications.electrodes.task import ElectrodeTask
from ionbridge.exceptions import DataError, UnknownNameError

__all__ = ["available_tasks", "data_folder", "load_task", "task_names"]


def data_folder() -> Path | None:
    """Folder of the public data sets: ``IONBRIDGE_DATA``, else ``../shared/data`` beside a checkout; None if absent."""
    checkout = Path(__file__).resolve().parents[4]
    folder = Path(os.environ.get("IONBRIDGE_DATA", checkout.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


def task_names() -> list[str]:
    """Names of every task, measured first."""
    return [*MEASURED_TASKS, *LINE_TASKS]


def load_task(name: str, folder: str | Path | None = None) -> ElectrodeTask:
    """Build a task.

    Parameters
    ----------
    name : one of `task_names`.
    folder : of the public data sets; None for `data_folder`. Tasks on the simulated line need none.

    Raises
    ------
    UnknownNameError
        If there is no such task.
    DataError
        If its data are not there or cannot be used.
    """
    if name in LINE_TASKS:
        return LINE_TASKS[name]()
    if name not in MEASURED_TASKS:
        raise UnknownNameError.for_name(name, task_names(), "electrode task")
    folder = data_folder() if folder is None else Path(folder)
    if folder is None:
        raise DataError(
            f"task {name!r} needs the public data sets, which are not here; "
            "set the environment variable IONBRIDGE_DATA to their folder."
        )
    return MEASURED_TASKS[name](folder)


def available_tasks(folder: str | Path | None = None) -> tuple[dict[str, ElectrodeTask], dict[str, str]]:
    """Build every task that can be built.

    Returns
    -------
    tasks by name, and the reason for each that was skipped.
    """
    tasks, skipped = {}, {}
    for name in task_names():
        try:
            tasks[name] = load_task(name, folder)
        except (DataError, OSError) as error:
            skipped[name] = str(error)
    return tasks, skipped
