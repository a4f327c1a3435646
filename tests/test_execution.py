"""The executor seam: every kind of executor, resuming, cancelling and recording failures."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ionbridge.exceptions import ConfigurationError, DataError
from ionbridge.execution import (
    Failure,
    RunInterruptedError,
    SerialExecutor,
    one_thread,
    open_executor,
    progress_shown,
    run_tasks,
    watched,
)

TASKS = {f"task-{i}": (i,) for i in range(5)}


def square(value: int) -> int:
    if value < 0:
        raise ValueError(f"{value} is negative")
    return value * value


def thread_setting(_: int) -> str:
    return os.environ["OMP_NUM_THREADS"]


SQUARES = {f"task-{i}": i * i for i in range(5)}


def test_serial_executor_runs_every_task_in_order() -> None:
    with open_executor("serial") as executor:
        assert list(run_tasks(square, TASKS, executor=executor).items()) == list(SQUARES.items())


def test_local_processes_give_the_same_results_with_one_thread_each() -> None:
    with open_executor(n_workers=1) as executor:
        assert run_tasks(square, TASKS, executor=executor) == SQUARES
        assert run_tasks(thread_setting, {"a": (0,)}, executor=executor) == {"a": "1"}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # dask/distributed#7674: sockets of a closed cluster
def test_dask_cluster_by_address_gives_the_same_results() -> None:
    distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    settings = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(protocol="tcp", **settings) as cluster:
        assert cluster.scheduler_address.startswith("tcp://")
        with open_executor(cluster.scheduler_address) as executor:
            results = run_tasks(square, TASKS | {"bad": (-1,)}, executor=executor)
    assert results["bad"] == Failure("bad", "ValueError", "-1 is negative")
    assert {key: results[key] for key in TASKS} == SQUARES


@pytest.mark.parametrize(
    ("address", "n_workers", "message"),
    [
        pytest.param("http://x", None, "'tcp://host:port'", id="unknown scheme"),
        pytest.param("", None, "'address' of open_executor", id="empty"),
        pytest.param(None, 0, "at least 1", id="no workers"),
    ],
)
def test_bad_arguments_are_refused(address: str | None, n_workers: int | None, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message), open_executor(address, n_workers):
        pass


def test_a_failing_task_is_recorded_and_the_batch_goes_on(tmp_path) -> None:
    store = tmp_path / "tasks.jsonl"
    results = run_tasks(square, {"bad": (-2,), **TASKS}, executor=SerialExecutor(), store=store)
    assert results["bad"] == Failure("bad", "ValueError", "-2 is negative")
    assert {key: results[key] for key in TASKS} == SQUARES
    assert {"key": "bad", "failed": "ValueError: -2 is negative"} in map(
        json.loads, store.read_text().splitlines()
    )


def test_this_process_computes_with_one_thread_and_gets_its_threads_back() -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_a_task_is_retried() -> None:
    calls = []

    def fails_once(value: int) -> int:
        calls.append(value)
        if len(calls) == 1:
            raise OSError("busy")
        return value

    assert run_tasks(fails_once, {"a": (1,)}, executor=SerialExecutor(), retries=1) == {"a": 1}


def interrupt_at(stop: int, calls: list[int]):
    def work(value: int) -> int:
        if value == stop:
            raise KeyboardInterrupt
        calls.append(value)
        return value * value

    return work


def test_an_interrupted_run_resumes_where_it_stopped(tmp_path) -> None:
    store, calls = tmp_path / "tasks.jsonl", []
    with pytest.raises(RunInterruptedError, match=r"stopped after 3 of 5 tasks; run it again to resume"):
        run_tasks(interrupt_at(3, calls), TASKS, executor=SerialExecutor(), store=store)
    results = run_tasks(interrupt_at(-1, calls), TASKS, executor=SerialExecutor(), store=store)
    assert results == SQUARES
    assert calls == [0, 1, 2, 3, 4]


def test_cancelling_leaves_a_resumable_store(tmp_path) -> None:
    store, cancel = tmp_path / "tasks.jsonl", threading.Event()

    def work(value: int) -> int:
        if value == 1:
            cancel.set()
        return value * value

    with pytest.raises(RunInterruptedError, match="stopped after 2 of 5"):
        run_tasks(work, TASKS, executor=SerialExecutor(), store=store, cancel=cancel)
    assert run_tasks(square, TASKS, executor=SerialExecutor(), store=store) == SQUARES


def test_a_truncated_last_line_is_done_again(tmp_path) -> None:
    store = tmp_path / "tasks.jsonl"
    run_tasks(square, TASKS, executor=SerialExecutor(), store=store)
    store.write_bytes(store.read_bytes()[:-4])
    assert run_tasks(square, TASKS, executor=SerialExecutor(), store=store) == SQUARES
    assert len(store.read_text().splitlines()) == 1 + len(TASKS)


def test_a_damaged_line_is_reported(tmp_path) -> None:
    store = tmp_path / "tasks.jsonl"
    store.write_text('{"identity": ""}\nnonsense\n{"key": "a", "result": 1}\n')
    with pytest.raises(DataError, match=r"line 2 of .* was altered"):
        run_tasks(square, TASKS, executor=SerialExecutor(), store=store)


def test_a_store_of_another_run_is_refused(tmp_path) -> None:
    store = tmp_path / "tasks.jsonl"
    run_tasks(square, TASKS, executor=SerialExecutor(), store=store, identity="one")
    with pytest.raises(ConfigurationError, match="results of another run"):
        run_tasks(square, TASKS, executor=SerialExecutor(), store=store, identity="two")


def _die():
    os._exit(1)


def test_a_dead_worker_stops_the_run_instead_of_leaving_holes(tmp_path):
    with (
        pytest.raises(RunInterruptedError, match="a worker process died"),
        open_executor(n_workers=1) as executor,
    ):
        run_tasks(_die, {"a": (), "b": ()}, executor=executor, store=tmp_path / "store.jsonl")


def stubborn(started: str) -> None:
    """Ignore the polite request to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(started).write_text("")
    time.sleep(60)


def interrupted_while_working(started: Path) -> None:
    """Press Ctrl-C while a stubborn task runs."""
    with open_executor(n_workers=1) as executor:
        executor.submit(stubborn, str(started))
        while not started.exists():
            time.sleep(0.02)
        raise KeyboardInterrupt


def test_an_interrupt_ends_workers_that_do_not_listen(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("ionbridge.execution._GRACE_SECONDS", 0.3)
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted_while_working(tmp_path / "started")
    assert time.monotonic() - begin < 30
    assert not multiprocessing.active_children()


SCRIPT = """
import time
from ionbridge.execution import open_executor, run_tasks

if __name__ == "__main__":
    print("ready", flush=True)
    with open_executor(n_workers=2) as executor:
        run_tasks(time.sleep, {str(i): (60,) for i in range(4)} | {"b": (b"x" * 2**20,)}, executor=executor)
"""


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0])
def test_a_program_ends_soon_after_ctrl_c(tmp_path: Path, delay: float) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    program = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert program.stdout is not None
    program.stdout.readline()
    time.sleep(delay)
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does
    try:
        assert program.wait(30) != 0
    finally:
        program.stdout.close()
        program.kill()


def test_watched_loops_have_a_bar_where_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(watched([1, 2], "models")) == [1, 2]
    assert capsys.readouterr().err == ""
    with progress_shown():
        assert list(watched([1, 2], "models")) == [1, 2]
    assert "models: 100%" in capsys.readouterr().err
