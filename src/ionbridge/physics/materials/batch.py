"""Many runs of one engine: in parallel, resumable, cached on disk; a failing run is recorded, not fatal.

What one run does is decided by the engine.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ionbridge.exceptions import ConfigurationError
from ionbridge.execution import Failure, SerialExecutor, run_tasks
from ionbridge.physics.materials.base import AbstractMaterialEngine, EngineResult, Subject

__all__ = ["BatchOutcome", "default_cache", "run_batch"]

logger = logging.getLogger(__name__)


def default_cache() -> Path:
    """Return the folder of finished engine runs: ``$IONBRIDGE_CACHE``, else the user's cache folder."""
    chosen = os.environ.get("IONBRIDGE_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "ionbridge" / "engines"


@dataclass(frozen=True)
class BatchOutcome:
    """What became of the subjects of a batch.

    Parameters
    ----------
    results : by the caller's key; only runs that ended well.
    failures : by the caller's key; error and reason of the others.
    n_cached : results that were already on disk.
    cpu_seconds : processor time of the results, whenever they were computed [s].
    """

    results: dict[str, EngineResult]
    failures: dict[str, Failure]
    n_cached: int
    cpu_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "results": {key: result.to_dict() for key, result in self.results.items()},
            "failures": {key: str(failure) for key, failure in self.failures.items()},
            "n_cached": self.n_cached,
            "cpu_seconds": self.cpu_seconds,
        }


def run_batch(
    engine: AbstractMaterialEngine,
    subjects: Mapping[str, Subject],
    *,
    executor: Executor | None = None,
    cache: Path | None = None,
    progress: bool = False,
    cancel: threading.Event | None = None,
) -> BatchOutcome:
    """Run `engine` on every subject.

    Parameters
    ----------
    engine : with its settings.
    subjects : by a key of the caller's, such as a name; equal subjects are computed once.
    executor : of `ionbridge.execution.open_executor`; None for this process.
    cache : folder of finished runs, one file for each engine and settings; None for `default_cache`.
        Runs that it holds are not repeated; failed ones are tried again by the next call.
    progress : whether to show a progress bar.
    cancel : set it from another thread to stop.

    Raises
    ------
    RunInterruptedError
        On Ctrl-C or `cancel`; finished runs are kept, and the same call goes on.
    """
    if not isinstance(engine, AbstractMaterialEngine):
        raise ConfigurationError(
            f"'engine' of run_batch must be a material engine; got {type(engine).__name__}."
        )
    folder = default_cache() if cache is None else Path(cache)
    identity = engine.identity()
    store = folder / f"{engine.name}-{identity[:16]}.jsonl"
    known = _known_keys(store)
    hashes = {key: subject.sha256 for key, subject in subjects.items()}
    tasks: dict[str, tuple[Any, ...]] = {hashes[key]: (engine, subject) for key, subject in subjects.items()}
    found = run_tasks(
        _run_one,
        tasks,
        executor=SerialExecutor() if executor is None else executor,
        store=store,
        identity=identity,
        progress=progress,
        label=engine.name,
        cancel=cancel,
    )
    results, failures = {}, {}
    for key, sha in hashes.items():
        outcome = found[sha]
        if isinstance(outcome, Failure):
            failures[key] = outcome
        else:
            results[key] = EngineResult.from_dict(outcome)
    distinct = [outcome for outcome in found.values() if not isinstance(outcome, Failure)]
    return BatchOutcome(
        results, failures, len(known & set(tasks)), sum(outcome["cpu_seconds"] for outcome in distinct)
    )


def _run_one(engine: AbstractMaterialEngine, subject: Any) -> dict[str, Any]:
    return engine.run(subject).to_dict()


def _known_keys(store: Path) -> set[str]:
    """Keys of finished runs in a store, without reading their results."""
    if not store.exists():
        return set()
    import json

    keys = set()
    for line in store.read_text("utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if "result" in record:
            keys.add(record["key"])
    return keys
