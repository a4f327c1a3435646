"""Readers: one module a file format or public data set, registered as entry points.

Choosing among them is `ionbridge.datasets.read_table`; nothing is imported before it is needed.
"""

__all__: list[str] = []
