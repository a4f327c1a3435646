"""Exported reduced-order cell models beside the model in Python: largest differences, and speed.

An FMU (FMI 2.0 and 3.0, run by FMPy) and ONNX graphs (double and single precision, run by ONNX Runtime) answer the
same profiles as `CellROM.simulate`. Accuracy of the model itself is the subject of `cell_rom.py`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from _common import cpu_seconds, data_folder, parse_arguments, print_table, write_results

from ionbridge.applications.cell_rom.export import (
    run_fmu,
    run_onnx,
    step_model,
    write_fmu,
    write_onnx_profile,
)
from ionbridge.datasets.profiles import Profile, drive_cycle, random_cycle
from ionbridge.exceptions import UnknownNameError
from ionbridge.library import ModelLibrary, pretrained_root
from ionbridge.models.reduced_order import CellROM, ReducedCell, train_rom
from ionbridge.physics.cells import DesignOfExperiments, cell_parameters, generate

SHIPPED = "lco-rom"
ASKED = 1e-4  # [V]
TEMPERATURES = (283.15, 298.15, 313.15)
Columns = dict[str, np.ndarray]
Run = Callable[..., Columns]


def a_model(seed: int) -> CellROM:
    """The shipped model of an LCO cell; where there is none, one of eight SPMe simulations."""
    try:
        rom: CellROM = ModelLibrary(pretrained_root(), shipped=None).load(SHIPPED)
        return rom
    except UnknownNameError:
        design = DesignOfExperiments("LCO", 8, model="SPMe", cycle_period=10.0, random_state=seed)
        with tempfile.TemporaryDirectory() as folder:
            series = generate(design, folder, progress=False).series
        return train_rom(
            list(series), {"Ai2020": ReducedCell.from_parameters(cell_parameters("LCO"))}, max_points=80
        )


def profiles(rom: CellROM, smoke: bool) -> list[Profile]:
    """Random cycles, and drive cycles where the data are, each current held for its second."""
    capacity = rom.cell.capacity
    duration = 300.0 if smoke else 1800.0
    found = [
        random_cycle(capacity, duration, peak_c_rate=2.0, ambient_temperature=warm, random_state=k)
        for k, warm in enumerate(TEMPERATURES)
    ]
    if not smoke and data_folder() is not None:
        for name in ("US06", "UDDS", "WLTC"):
            cycle = drive_cycle(name, capacity, peak_c_rate=2.0)
            found.append(Profile.from_steps(cycle.current[:-1], np.diff(cycle.time), period=1.0, name=name))
    return found


def held(profile: Profile) -> tuple[Columns, np.ndarray]:
    """Mean current of each interval and ambient temperature; and points at which the current did not jump."""
    mean = np.append(0.5 * (profile.current[1:] + profile.current[:-1]), 0.0)
    still = np.append(False, np.diff(profile.current) == 0)
    return {"current_A": mean, "ambient_temperature_K": profile.ambient_temperature_at(profile.time)}, still


def compare(rom: CellROM, path: Path, cases: Sequence[Profile], run: Run) -> tuple[float, float, float]:
    """Largest difference of voltage [V] and temperature [K], and seconds of profile per CPU-second."""
    volts, kelvins, spent = 0.0, 0.0, 0.0
    for profile in cases:
        ours = rom.simulate(profile, 0.6, stop_at_limits=False).series
        columns, still = held(profile)
        warm = float(columns["ambient_temperature_K"][0])
        start = cpu_seconds()
        theirs = run(path, profile.time, columns, initial_soc=0.6, initial_temperature_K=warm)
        spent += cpu_seconds() - start
        volts = max(volts, float(np.abs(theirs["voltage_V"] - ours.voltage)[still].max()))
        kelvins = max(kelvins, float(np.abs(theirs["temperature_K"] - ours.temperature)[still].max()))
    return volts, kelvins, sum(p.duration for p in cases) / spent


def main(arguments: Sequence[str] | None = None) -> int:
    """Export, run and compare; return 1 if a file in double precision is off by more than asked."""
    options = parse_arguments(__doc__ or "", arguments)
    rom = a_model(options.seed)
    cases = profiles(rom, options.smoke)
    model = step_model(rom)
    start = cpu_seconds()
    for profile in cases:
        rom.simulate(profile, 0.6, stop_at_limits=False)
    seconds = sum(p.duration for p in cases)
    rows: list[list[object]] = [["Python, one at a time", "", 0.0, 0.0, seconds / (cpu_seconds() - start)]]
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for label, key, path, run in (
            ("FMU, FMI 2.0", "fmu", write_fmu(model, root / "two.fmu"), run_fmu),
            ("FMU, FMI 3.0", "fmu3", write_fmu(model, root / "three.fmu", fmi_version="3.0"), run_fmu),
            ("ONNX, double", "onnx", write_onnx_profile(model, root / "double.onnx"), run_onnx),
            (
                "ONNX, single",
                "onnx_float",
                write_onnx_profile(model, root / "single.onnx", precision="float"),
                run_onnx,
            ),
        ):
            volts, kelvins, speed = compare(rom, path, cases, run)
            rows.append([label, ASKED, volts, kelvins, speed])
            figures |= {
                f"{key}_max_abs_V": volts,
                f"{key}_max_abs_K": kelvins,
                f"{key}_size_kB": path.stat().st_size / 1e3,
            }
            figures[f"{key}_profile_s_per_cpu_s"] = speed
    headers = ["form", "asked [V]", "largest difference [V]", "temperature [K]", "profile-s per CPU-s"]
    print_table(
        headers, rows, f"{rom.cell.name}: {len(cases)} profiles, {seconds:.0f} s, against CellROM.simulate"
    )
    write_results(options.out, figures, seed=options.seed, smoke=options.smoke, model=rom.strategy)
    return int(max(figures["fmu_max_abs_V"], figures["fmu3_max_abs_V"], figures["onnx_max_abs_V"]) > ASKED)


if __name__ == "__main__":
    sys.exit(main())
