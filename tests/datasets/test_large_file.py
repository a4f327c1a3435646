"""Large files are read in pieces: memory stays bounded whatever their size.

`IONBRIDGE_LARGE_FILE_MB` sets the size of the generated file; 1024 takes about ten minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SIZE = int(os.environ.get("IONBRIDGE_LARGE_FILE_MB", "2")) * 2**20
ROW = "S{0},{1}.523847,{2}.182736,1.2{3}8471,0.{4}91827\n"

SCRIPT = """
import resource, sys, time
from ionbridge.datasets import read_table, validate_file
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
validate_file(sys.argv[1])  # loads every module
start, before = time.process_time(), peak()
problems = validate_file(sys.argv[2])
print(len(problems), peak() - before, time.process_time() - start)
start, before = time.process_time(), peak()
table = read_table(sys.argv[2])
print(len(table), peak() - before, time.process_time() - start)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    path = tmp_path_factory.mktemp("large") / "large.csv"
    block = "".join(ROW.format(i % 7, 100 + i % 800, 50 + i % 31, i % 10, 30 + i % 40) for i in range(10_000))
    n_blocks = max(SIZE // len(block), 3)
    with path.open("w") as file:
        file.write("sample,comma_gap_um,roll_gap_um,density_g_cm3,porosity\n")
        for _ in range(n_blocks):
            file.write(block)
    return path, n_blocks * 10_000


def test_memory_is_bounded(large: tuple[Path, int], tmp_path: Path):
    path, n_rows = large
    small = tmp_path / "small.csv"
    small.write_text("sample,comma_gap_um,roll_gap_um,density_g_cm3,porosity_pct\nS1,100,50,1.2,33\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(small), str(path)], capture_output=True, text=True, check=True
    )
    checked, read = (list(map(float, line.split())) for line in done.stdout.splitlines())
    millions = n_rows / 1e6
    assert checked[0] > 0
    assert checked[1] < 80 + 40 * millions  # MiB: chunks of text, then 20 bytes a row to find copies
    assert read[0] == n_rows
    assert read[1] < 80 + 250 * millions  # and 4 numbers and a label a row
