"""The command line: one file per command, each parses, calls one library function, prints.

No science lives here, and importing it loads click alone.
"""

from __future__ import annotations

from ionbridge.cli.app import main

__all__ = ["main"]
