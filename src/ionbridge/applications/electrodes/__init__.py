"""Electrode manufacturing: the named transfer tasks and the embedded demonstration tables.

Simulation of the line is the physics room, strategies and studies are their own rooms.
"""

from ionbridge.applications.electrodes.line_tasks import demo_tables
from ionbridge.applications.electrodes.task import ElectrodeTask
from ionbridge.applications.electrodes.tasks import available_tasks, data_folder, load_task, task_names

__all__ = ["ElectrodeTask", "available_tasks", "data_folder", "demo_tables", "load_task", "task_names"]
