"""The one seam through which independent work runs: local processes, this process, or a Dask cluster.

Results stream to an append-only store, so that a run can be interrupted and resumed. What the
tasks compute is none of this module's business; choosing their size is the caller's.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from ionbridge.exceptions import ConfigurationError, DataError, IonBridgeError
from ionbridge.plugins import import_extra

__all__ = [
    "Failure",
    "RunInterruptedError",
    "SerialExecutor",
    "TaskStore",
    "available_cores",
    "one_thread",
    "open_executor",
    "progress_shown",
    "run_tasks",
    "watched",
]

logger = logging.getLogger(__name__)

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_MAX_IN_FLIGHT = 10_000  # futures handed to a parallel executor at a time; bounds memory, not speed
_GRACE_SECONDS = 3.0  # for a worker to end when asked to, and for the threads around it
_POLL_SECONDS = 0.2  # how soon a cancellation is seen while tasks run elsewhere


class RunInterruptedError(IonBridgeError, RuntimeError):
    """A batch was stopped before its end; what was finished is in its store."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What stands in the results for a task that raised.

    Parameters
    ----------
    key : of the task.
    error : name of the exception's class.
    reason : its message.
    n_attempts : how often the task was tried.
    """

    key: str
    error: str
    reason: str
    n_attempts: int = 1

    def __str__(self) -> str:
        """Return one line for tables and logs."""
        return f"{self.error}: {self.reason}"


class SerialExecutor(Executor):
    """Run every task at once in this process; the same interface as the parallel executors."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `function` now and return a finished future."""
        future: Future[Any] = Future()
        try:
            with one_thread():
                future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread inside the block: small arrays are slower, often far slower, with more.

    Blocks may be nested and as small as one fit: the inner ones cost nothing.
    """
    if getattr(_limited, "depth", 0):
        yield
        return
    torch = sys.modules.get("torch")
    n_threads = torch.get_num_threads() if torch else 1
    _limited.depth = 1
    try:
        with _thread_pools("torch" in sys.modules, "scipy.linalg" in sys.modules).limit(limits=1):
            if torch and n_threads != 1:
                torch.set_num_threads(1)
            yield
    finally:
        _limited.depth = 0
        if torch and n_threads != 1:
            torch.set_num_threads(n_threads)


@lru_cache(maxsize=4)
def _thread_pools(*loaded: bool) -> Any:
    """Find the thread pools of the libraries loaded so far; finding them takes milliseconds."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


_limited = threading.local()


def _start_worker() -> None:
    """Give a worker process one computing thread, and leave Ctrl-C to its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for variable in _THREAD_VARIABLES:  # libraries that this worker has yet to load
        os.environ[variable] = "1"
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)  # libraries that came along with the main module
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@contextmanager
def open_executor(address: str | None = None, n_workers: int | None = None) -> Iterator[Executor]:
    """Open an executor for the length of a ``with`` block.

    Parameters
    ----------
    address : None for processes of this machine; ``"serial"`` for this process; ``"dask"`` for a
        Dask cluster started on this machine; ``"tcp://host:port"`` (or ``tls://``) for a running
        Dask cluster, which may itself have been started on SLURM with `dask-jobqueue`.
    n_workers : processes to start where this function starts them; None for one a core.

    Raises
    ------
    ConfigurationError
        If `address` has another form, or nothing answers there.
    MissingExtraError
        If an address of Dask is given and `distributed` is not installed.

    Notes
    -----
    Worker processes import the main module, so a script that opens local processes needs the
    usual ``if __name__ == "__main__":`` guard.
    """
    if n_workers is not None and n_workers < 1:
        raise ConfigurationError(f"'n_workers' of open_executor must be at least 1 or None; got {n_workers}.")
    if address is None:
        yield from _local_processes(n_workers)
    elif address == "serial":
        yield SerialExecutor()
    elif address == "dask" or address.startswith(("tcp://", "tls://")):
        yield from _dask_cluster(address, n_workers)
    else:
        raise ConfigurationError(
            "'address' of open_executor must be None (local processes), 'serial', 'dask' or "
            f"'tcp://host:port' of a Dask scheduler; got {address!r}."
        )


def _local_processes(n_workers: int | None) -> Iterator[Executor]:
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        max_workers=n_workers or available_cores(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
    )
    try:
        yield pool
    except BaseException:
        _stop_at_once(pool, before)
        raise
    else:
        pool.shutdown()


def _stop_at_once(pool: ProcessPoolExecutor, before: set[Any]) -> None:
    """End a pool without waiting for its tasks, which are lost anyway, and never wait for long.

    An interrupt may strike while a worker starts, before the pool knows it: every child that was not
    there `before` is ended. Otherwise the interpreter would wait for it on the way out, for good.
    """
    known = getattr(pool, "_processes", None) or {}
    processes = {*known.values(), *(set(multiprocessing.active_children()) - before)}
    manager = getattr(pool, "_executor_manager_thread", None)
    calls = getattr(pool, "_call_queue", None)
    pool.shutdown(wait=False, cancel_futures=True)
    for end in ("terminate", "kill"):
        deadline = time.monotonic() + _GRACE_SECONDS
        with suppress(ValueError):  # the pool itself has just let go of one
            for process in processes:
                if process.is_alive():
                    getattr(process, end)()
            for process in processes:
                process.join(max(0.0, deadline - time.monotonic()))
    if manager is not None:
        manager.join(_GRACE_SECONDS)
        if manager.is_alive() and calls is not None:  # still writing tasks that nobody reads any more
            calls._reader.close()
            manager.join(_GRACE_SECONDS)


def _dask_cluster(address: str, n_workers: int | None) -> Iterator[Executor]:
    distributed = import_extra("distributed", "cluster")
    try:
        client = (
            distributed.Client(n_workers=n_workers, threads_per_worker=1, dashboard_address=None)
            if address == "dask"
            else distributed.Client(address, timeout="10s", set_as_default=False)
        )
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"no Dask scheduler answers at {address!r} ({error}); start one with 'dask scheduler' and "
            "'dask worker', or leave 'address' out for local processes."
        ) from error
    with client:
        yield client.get_executor(pure=False)


def available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class TaskStore:
    """An append-only file of finished tasks, one JSON object a line.

    Parameters
    ----------
    path : the file; its folder is created.
    identity : text that says what the tasks are (a hash of design and data); a file that was
        written for another identity is refused.

    Raises
    ------
    ConfigurationError
        If the file belongs to another identity.
    DataError
        If a line other than the last is damaged.
    """

    def __init__(self, path: Path, identity: str = "") -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.results: dict[str, Any] = {}
        self._read(identity)
        self._file = self.path.open("ab")
        if not self.path.stat().st_size:
            self._append({"identity": identity})

    def _read(self, identity: str) -> None:
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        complete = content[: content.rfind(b"\n") + 1]
        if len(complete) < len(content):  # the last line was being written when the run stopped
            logger.info("the last line of %s is incomplete and is done again", self.path)
            os.truncate(self.path, len(complete))
        for number, line in enumerate(complete.splitlines(), start=1):
            try:
                record = json.loads(line)
                if "identity" in record:
                    self._check_identity(record["identity"], identity)
                elif "result" in record:
                    self.results[record["key"]] = record["result"]
            except (ValueError, KeyError, TypeError) as error:
                if isinstance(error, ConfigurationError):
                    raise
                raise DataError(
                    f"line {number} of {self.path} is not a finished task; the file was altered. "
                    "Delete it and run again."
                ) from error

    def _check_identity(self, found: str, expected: str) -> None:
        if found != expected:
            raise ConfigurationError(
                f"{self.path} holds results of another run (identity {found!r}, expected {expected!r}: design, "
                "data or versions differ). Choose another folder, or delete the file to start anew."
            )

    def _append(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()

    def add(self, key: str, outcome: Any) -> None:
        """Write one finished or failed task; a failed one is tried again by the next run."""
        if isinstance(outcome, Failure):
            self._append({"key": key, "failed": str(outcome)})
            return
        self._append({"key": key, "result": outcome})
        self.results[key] = outcome

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _MemoryStore:
    """Stands in for a `TaskStore` where nothing is kept."""

    path = None

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}

    def add(self, key: str, outcome: Any) -> None:
        self.results[key] = outcome

    def close(self) -> None:
        pass


def run_tasks(
    function: Callable[..., Any],
    tasks: Mapping[str, tuple[Any, ...]],
    *,
    executor: Executor,
    store: Path | None = None,
    identity: str = "",
    progress: bool = False,
    label: str = "tasks",
    cancel: threading.Event | None = None,
    retries: int = 0,
) -> dict[str, Any]:
    """Call `function` with the arguments of every task, and collect what it returns.

    Parameters
    ----------
    function : importable by worker processes; what it returns must be ready for JSON where a
        `store` is given.
    tasks : arguments by key; a key names its task for good.
    store : file that finished tasks are appended to. Tasks that it already holds are not run.
    identity : says what the tasks are; a store of another identity is refused.
    progress, label : whether to show a progress bar, and its text.
    cancel : set it from another thread to stop.
    retries : how often a task that raised is tried again.

    Returns
    -------
    result by key, in the order of `tasks`; a `Failure` for each task that raised, so that one
    failing task does not lose the others.

    Raises
    ------
    RunInterruptedError
        On Ctrl-C, when `cancel` is set or when a worker process dies; the store is kept and the
        same call resumes.
    """
    kept = TaskStore(store, identity) if store is not None else _MemoryStore()
    waiting = {key: args for key, args in tasks.items() if key not in kept.results}
    failures: dict[str, Failure] = {}
    try:
        with _progress_bar(len(tasks), len(tasks) - len(waiting), label, progress) as bar:
            for key, outcome in _finished(function, waiting, executor, cancel, retries):
                kept.add(key, outcome)
                if isinstance(outcome, Failure):
                    failures[key] = outcome
                    logger.warning("task %s failed: %s", key, outcome)
                bar.update()
    except KeyboardInterrupt as error:
        done = sum(key in kept.results for key in tasks)
        remedy = f"run it again to resume from {kept.path}" if kept.path else "nothing was kept"
        raise RunInterruptedError(f"stopped after {done} of {len(tasks)} {label}; {remedy}.") from error
    finally:
        kept.close()
    return {key: failures[key] if key in failures else kept.results[key] for key in tasks}


def _finished(
    function: Callable[..., Any],
    tasks: Mapping[str, tuple[Any, ...]],
    executor: Executor,
    cancel: threading.Event | None,
    retries: int,
) -> Iterator[tuple[str, Any]]:
    """Yield key and outcome of each task as it ends; KeyboardInterrupt when cancelled."""
    queue = [(key, 1) for key in reversed(list(tasks))]
    limit = 1 if isinstance(executor, SerialExecutor) else _MAX_IN_FLIGHT
    running: dict[Any, tuple[str, int]] = {}
    try:
        while queue or running:
            while queue and len(running) < limit:
                if cancel is not None and cancel.is_set():
                    raise KeyboardInterrupt
                key, attempt = queue.pop()
                running[_submit(executor, function, tasks[key])] = (key, attempt)
            ended, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            if cancel is not None and cancel.is_set() and not ended:
                raise KeyboardInterrupt
            for future in ended:
                key, attempt = running.pop(future)
                error = future.exception()
                if error is None:
                    yield key, future.result()
                elif isinstance(error, BrokenExecutor):
                    raise RunInterruptedError(
                        "a worker process died, often because memory ran out; finished work is kept where there is "
                        "a store. Run again to finish, with fewer workers if it repeats."
                    ) from error
                elif attempt <= retries:
                    queue.append((key, attempt + 1))
                else:
                    yield key, Failure(key, type(error).__name__, str(error), attempt)
    finally:
        for future in running:
            future.cancel()


def _submit(executor: Executor, function: Callable[..., Any], args: tuple[Any, ...]) -> Future[Any]:
    try:
        return executor.submit(function, *args)
    except RuntimeError as error:  # the pool broke because a worker died: a failure like any other
        future: Future[Any] = Future()
        future.set_exception(error)
        return future


_Item = TypeVar("_Item")
_shows_progress: ContextVar[bool] = ContextVar("shows_progress", default=False)


@contextmanager
def progress_shown(shown: bool = True) -> Iterator[None]:
    """Show a bar on stderr for every `watched` loop inside, such as over the models of an average."""
    token = _shows_progress.set(shown)
    try:
        yield
    finally:
        _shows_progress.reset(token)


def watched(items: Collection[_Item], label: str) -> Iterator[_Item]:
    """Iterate over `items`, with a bar inside `progress_shown`."""
    if not _shows_progress.get():
        yield from items
        return
    with _progress_bar(len(items), 0, label, True) as bar:
        for item in items:
            yield item
            bar.update()


def _progress_bar(total: int, initial: int, label: str, shown: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, initial=initial, desc=label, unit="task", disable=not shown, file=sys.stderr)
