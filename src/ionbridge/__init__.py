"""ionbridge: carry what a data-rich domain taught a model over to a data-poor one.

Only the names a first program needs; each is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "Domain": "ionbridge.datasets",
    "Prediction": "ionbridge.models",
    "Table": "ionbridge.datasets",
    "TransferModel": "ionbridge.transfer",
    "quantity": "ionbridge.quantities",
    "read_table": "ionbridge.datasets",
    "run_study": "ionbridge.studies",
    "transfer_tables": "ionbridge.studies",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'ionbridge' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
