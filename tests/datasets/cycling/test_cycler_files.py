"""Files in the formats of cyclers and public sets, generated here, read back and compared.

The published originals are large or behind a licence; column names are those the readers cite.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ionbridge.datasets import TableError
from ionbridge.datasets.cycling import cycler_formats, detect_format, read_cells, read_record, read_series
from ionbridge.datasets.readers import cycling as readers
from ionbridge.exceptions import DataError, MissingExtraError, UnknownNameError
from tests.datasets.cycling.stand_ins import NOMINAL, half_cycles

CAPACITIES = [1.0, 0.95, 0.9]


def frame() -> pd.DataFrame:
    channels = pd.DataFrame(half_cycles(CAPACITIES))
    kind = np.sign(channels["current"])
    channels["step"] = (kind.diff().fillna(0) != 0).cumsum() + 1
    channels["kind"] = kind
    channels["temperature"] = 25.0 + 5 * (kind < 0)
    channels["date"] = pd.Timestamp("2024-01-31 12:00") + pd.to_timedelta(channels["time"], unit="s")
    start = channels.groupby("step")["time"].transform("min")
    channels["step_time"] = channels["time"] - start
    channels["cycle_time"] = channels["time"] - channels.groupby("cycle")["time"].transform("min")
    return channels


def clock(seconds: pd.Series) -> list[str]:
    return [f"{int(s // 3600)}:{int(s % 3600 // 60):02d}:{s % 60:06.3f}" for s in seconds]


def write_bdf(path: Path) -> None:
    f = frame()
    pd.DataFrame(
        {
            "Test Time / s": f["time"],
            "Current / A": f["current"],
            "Voltage / V": f["voltage"],
            "Cycle Count / 1": f["cycle"],
            "Ambient Temperature / degC": f["temperature"],
        }
    ).to_csv(path, index=False)


def write_bdf_parquet(path: Path) -> None:
    f = frame()
    pd.DataFrame(
        {
            "test_time_second": f["time"],
            "current_ampere": f["current"].astype("float32"),
            "voltage_volt": f["voltage"],
            "cycle_count": f["cycle"].astype("int32"),
            "ambient_temperature_celsius": f["temperature"],
        }
    ).to_parquet(path)


def arbin_frame() -> pd.DataFrame:
    f = frame()
    return pd.DataFrame(
        {
            "Data_Point": np.arange(len(f)) + 1,
            "Test_Time(s)": f["time"],
            "Date_Time": f["date"],
            "Step_Index": f["step"],
            "Cycle_Index": f["cycle"].astype(int),
            "Current(A)": f["current"],
            "Voltage(V)": f["voltage"],
            "Internal_Resistance(Ohm)": np.where(f["kind"] > 0, 0.02, 0.0),
            "Aux_Temperature_1 (C)": f["temperature"],
        }
    )


def write_arbin(path: Path) -> None:
    arbin_frame().to_csv(path, index=False)


def write_arbin_workbook(path: Path) -> None:
    """Samples split over two sheets behind an Info sheet, as Arbin does when a sheet is full."""
    table = arbin_frame()
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"TEST REPORT": ["a", "b"]}).to_excel(book, sheet_name="Info", index=False)
        table.iloc[:300].to_excel(book, sheet_name="Channel_1-006_1", index=False)
        table.iloc[300:].to_excel(book, sheet_name="Channel_1-006_2", index=False)
        pd.DataFrame({"Cycle_Index": [1], "Discharge_Capacity(Ah)": [1.0]}).to_excel(
            book, sheet_name="Statistics_1-006", index=False
        )


def write_neware(path: Path) -> None:
    f = frame()
    states = f["kind"].map({1.0: "CCCV Chg", -1.0: "CC DChg", 0.0: "Rest"})
    pd.DataFrame(
        {
            "DataPoint": np.arange(len(f)) + 1,
            "Cycle Index": f["cycle"].astype(int),
            "Step Index": f["step"],
            "Step Type": states,
            "Time": clock(f["step_time"]),
            "Total Time": clock(f["time"]),
            "Current(A)": f["current"],
            "Voltage(V)": f["voltage"],
            "Date": f["date"].dt.strftime("%Y-%m-%d %H:%M:%S"),
            "T1(℃)": f["temperature"],
        }
    ).to_csv(path, index=False)


def write_neware_unsigned(path: Path) -> None:
    """Old export: magnitude of the current in mA, step times that start anew, tab-separated."""
    f = frame()
    pd.DataFrame(
        {
            "Record ID": np.arange(len(f)) + 1,
            "Cycle ID": f["cycle"].astype(int),
            "Status": f["kind"].map({1.0: "CCCV_Chg", -1.0: "CC_DChg", 0.0: "Rest"}),
            "Time(h:min:s.ms)": clock(f["step_time"]),
            "Current(mA)": 1000 * f["current"].abs(),
            "Voltage(V)": f["voltage"],
            "T1(℃)": f["temperature"],
        }
    ).to_csv(path, index=False, sep="\t")


def write_biologic(path: Path) -> None:
    """A preamble, Windows-1252, tabs and decimal commas."""
    f = frame()
    header = "time/s\tcontrol/V/mA\tEcell/V\t<I>/mA\tcycle number\tTemperature/°C\tNs"
    lines = ["EC-Lab ASCII FILE", "Nb header lines : 6", "", "Comments : température", "Cycle\tNs\t1"]
    rows = [
        "\t".join([*(f"{value:.9E}".replace(".", ",") for value in row), "3"])
        for row in np.column_stack(
            [f["time"], f["current"], f["voltage"], 1000 * f["current"], f["cycle"], f["temperature"]]
        )
    ]
    path.write_bytes("\r\n".join([*lines, header, *rows, ""]).encode("cp1252"))


def write_maccor(path: Path) -> None:
    f = frame()
    table = pd.DataFrame(
        {
            "Rec#": np.arange(len(f)) + 1,
            "Cyc#": f["cycle"].astype(int),
            "Step": f["step"],
            "Test (Sec)": f["time"],
            "Amps": f["current"].abs(),
            "Volts": f["voltage"],
            "State": f["kind"].map({1.0: "C", -1.0: "D", 0.0: "R"}),
            "Temp 1": f["temperature"],
        }
    )
    path.write_text("Today's Date\t31/01/2024\tFilename:\tx.001\n" + table.to_csv(index=False, sep="\t"))


def write_batteryarchive(path: Path) -> None:
    f = frame()
    pd.DataFrame(
        {
            "Date_Time": f["date"],
            "Test_Time (s)": f["time"],
            "Cycle_Index": f["cycle"],
            "Current (A)": f["current"],
            "Voltage (V)": f["voltage"],
            "Charge_Capacity (Ah)": 0.0,
            "Environment_Temperature (C)": 25.0,
            "Cell_Temperature (C)": f["temperature"],
        }
    ).to_csv(path, index=False)


def write_hust(path: Path) -> None:
    f = frame()
    pd.DataFrame(
        {
            "Status": "x",
            "Cycle number": f["cycle"].astype(int),
            "Current (mA)": 1000 * f["current"],
            "Voltage (V)": f["voltage"],
            "Capacity (mAh)": 0.0,
            "Time (s)": f["cycle_time"],
        }
    ).to_csv(path, index=False)


def write_tju(path: Path) -> None:
    f = frame()
    pd.DataFrame(
        {
            "time/s": f["time"],
            "Ecell/V": f["voltage"],
            "<I>/mA": 1000 * f["current"],
            "Q discharge/mA.h": 0.0,
            "cycle number": f["cycle"],
        }
    ).to_csv(path, index=False)


def write_rwth(path: Path) -> None:
    f = frame()
    table = pd.DataFrame(
        {
            "Zeit": f["date"].dt.strftime("%Y-%m-%d %H:%M:%S.%f"),
            "Programmdauer": 1000 * f["time"],
            "Strom": f["current"],
            "Spannung": f["voltage"],
            "Temperatur": f["temperature"],
            "Zyklus": f["cycle"],
        }
    ).to_csv(index=False)
    header, rest = table.split("\n", 1)
    path.write_text(f"{header}\n,ms,A,V,C,\n{rest}")


FILES: list[tuple[str, str, Callable[[Path], None]]] = [
    ("bdf", "cell.csv", write_bdf),
    ("bdf", "cell.bdf", write_bdf),
    ("bdf", "cell.bdf.parquet", write_bdf_parquet),
    ("arbin", "CS2_35_8_17_10.csv", write_arbin),
    ("arbin", "CS2_35_8_17_10.xlsx", write_arbin_workbook),
    ("neware", "cell.csv", write_neware),
    ("neware", "old.txt", write_neware_unsigned),
    ("biologic", "cell.mpt", write_biologic),
    ("maccor", "cell.txt", write_maccor),
    ("batteryarchive", "SNL_18650_LFP_25C_0-100_0.5-1C_a_timeseries.csv", write_batteryarchive),
    ("hust", "1-1.csv", write_hust),
    ("tju", "CY25-05_1-#1.csv", write_tju),
    ("rwth_csv", "=ISEA=epSanyo002=ZYK=Zyk.csv", write_rwth),
]


@pytest.mark.parametrize(("name", "file", "write"), FILES, ids=[f"{n}-{f}" for n, f, _ in FILES])
def test_every_format_is_recognised_and_read(
    tmp_path: Path, name: str, file: str, write: Callable[[Path], None]
) -> None:
    path = tmp_path / file
    write(path)
    assert detect_format(path).name == name
    record = read_record(path, nominal_capacity=NOMINAL)
    assert record.discharge_capacity == pytest.approx(CAPACITIES, rel=2e-3)
    assert record.column("charge_capacity") == pytest.approx(CAPACITIES, rel=1e-2)
    assert record.cycle_numbers.tolist() == [1, 2, 3]
    assert record.provenance.reader == f"cycling_{name}"
    current = record.curve("discharge_current_on_capacity").values[:, 50]
    assert current == pytest.approx([-1, -1, -1], rel=1e-3)
    if name not in ("hust", "tju"):
        assert record.column("temperature_max") == pytest.approx(3 * [303.15])


def test_arbin_resistance_is_kept_in_milliohm(tmp_path: Path) -> None:
    write_arbin(tmp_path / "cell.csv")
    record = readers.read_arbin(tmp_path / "cell.csv", nominal_capacity=1.0)
    assert record.column("internal_resistance") == pytest.approx([20, 20, 20])


def test_names_of_files_tell_the_cell(tmp_path: Path) -> None:
    path = tmp_path / "SNL_18650_LFP_25C_0-100_0.5-1C_a_timeseries.csv"
    write_batteryarchive(path)
    record = readers.read_batteryarchive(path)
    assert (record.cell_id, record.chemistry) == ("SNL_18650_LFP_25C_0-100_0.5-1C_a", "LFP/graphite")
    assert (record.nominal_capacity, record.temperature) == (1.1, 298.15)
    assert record.metadata["discharge_rate"] == 1.0
    folder = tmp_path / "Dataset_1_NCA_battery"
    folder.mkdir()
    write_tju(folder / "CY45-025_1-#12.csv")
    record = readers.read_tju(folder / "CY45-025_1-#12.csv")
    assert (record.cell_id, record.temperature) == ("TJU_NCA_CY45-025_1-#12", 318.15)
    assert record.metadata["charge_rate"] == 0.25
    assert record.nominal_capacity == 3.5
    write_hust(tmp_path / "1-1.csv")
    assert readers.read_hust(tmp_path / "1-1.csv").cell_id == "HUST_1-1"


@pytest.mark.parametrize(
    ("name", "chemistry", "nominal"),
    [
        ("UL-PUR_N10-EX1_18650_NCA_23C_0-100_0.5-0.5C_a", "NCA/graphite", 3.4),
        ("HNEI_18650_NMC_LCO_25C_0-100_0.5-1.5C_a", "NMC+LCO/graphite", 2.8),
        ("SNL_18650_NMC_15C_20-80_0.5-3C_b", "NMC/graphite", 3.0),
    ],
)
def test_batteryarchive_names(name: str, chemistry: str, nominal: float) -> None:
    info = readers.batteryarchive.describe(Path(f"{name}_timeseries.csv"))
    assert info.domain is not None
    assert (info.cell_id, info.domain.chemistry, info.nominal_capacity) == (name, chemistry, nominal)


def test_batteryarchive_pairs(tmp_path: Path) -> None:
    write_batteryarchive(tmp_path / "SNL_18650_LFP_25C_0-100_0.5-1C_a_timeseries.csv")
    table = pd.DataFrame(
        {"Cycle_Index": np.arange(1, 51), "Discharge_Capacity (Ah)": np.linspace(1.1, 0.8, 50)}
    )
    for replicate in "ab":
        table.to_csv(tmp_path / f"SNL_18650_LFP_25C_0-100_0.5-1C_{replicate}_cycle_data.csv", index=False)
    cells = readers.read_batteryarchive_folder(tmp_path)
    assert [len(record.cycles) for record in cells] == [3, 50]
    assert cells.records[1].end_of_life_cycle == 37  # 1.1 - 36 * 0.3 / 49 is the first below 0.88
    path = tmp_path / "SNL_18650_LFP_25C_0-100_0.5-1C_b_cycle_data.csv"
    path.write_text("Cycle_Index,Discharge_Capacity (Ah)\n1,1.1\n2,oops\n")
    with pytest.raises(TableError, match=r"row 3, column 'Discharge_Capacity \(Ah\)'.*'oops'"):
        readers.read_batteryarchive_cycles(path)
    with pytest.raises(DataError, match=r"no \*_timeseries"):
        readers.read_batteryarchive_folder(tmp_path / "none")


def test_calce_joins_workbooks_by_date(tmp_path: Path) -> None:
    folder = tmp_path / "CS2_35"
    folder.mkdir()
    write_arbin(folder / "CS2_35_10_15_10.csv")
    write_arbin_workbook(folder / "CS2_35_9_7_10.xlsx")
    assert [p.name for p in readers.calce.files_by_date(folder)] == [
        "CS2_35_9_7_10.xlsx",
        "CS2_35_10_15_10.csv",
    ]
    record = readers.read_calce(folder)
    assert (record.cell_id, record.nominal_capacity) == ("CALCE_CS2_35", 1.1)
    assert record.cycle_numbers.tolist() == [1, 2, 3, 4, 5, 6]
    assert record.discharge_capacity == pytest.approx(2 * CAPACITIES, rel=2e-3)


def test_folder_of_files_becomes_a_set(tmp_path: Path) -> None:
    for name in "ab":
        write_bdf(tmp_path / f"{name}.csv")
    cells = read_cells(tmp_path, name="two", pattern="*.csv", nominal_capacity=1.0)
    assert cells.ids == ("a", "b")
    with pytest.raises(DataError, match="no files like"):
        read_cells(tmp_path, pattern="*.xyz")


# ---------------------------------------------------------------- MATLAB


def matr_file(path: Path, n_cells: int = 2, n_cycles: int = 6) -> None:
    """A batch as published: references to groups of references, texts as character codes."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        counter = iter(range(10**6))

        def stored(values: np.ndarray) -> object:
            return file.create_dataset(f"#refs#/{next(counter)}", data=values).ref

        rows = {"summary": [], "cycles": [], "policy_readable": [], "cycle_life": []}
        for cell in range(n_cells):
            summary = file.create_group(f"#refs#/s{cell}")
            capacity = np.linspace(1.08, 1.0, n_cycles)
            capacity[0] = 0.0
            for name, values in {
                "cycle": np.arange(n_cycles),
                "QDischarge": capacity,
                "QCharge": capacity,
                "IR": np.full(n_cycles, 0.016),
                "Tavg": np.full(n_cycles, 32.0),
                "Tmax": np.full(n_cycles, 35.0),
                "Tmin": np.full(n_cycles, 30.0),
                "chargetime": np.full(n_cycles, 10.0),
            }.items():
                summary[name] = values[None, :].astype(float)
            cycles = file.create_group(f"#refs#/c{cell}")
            curves = [stored(np.linspace(0, q or 1e-9, 1000)[None, :]) for q in capacity]
            cycles.create_dataset("Qdlin", data=np.array(curves, dtype=object)[:, None], dtype=h5py.ref_dtype)
            rows["summary"].append(summary.ref)
            rows["cycles"].append(cycles.ref)
            rows["policy_readable"].append(
                stored(np.array([[ord(c)] for c in "4C(80%)-4C"], dtype=np.uint16))
            )
            rows["cycle_life"].append(stored(np.array([[np.nan if cell else 900.0]])))
        for name, references in rows.items():
            data = np.array(references, dtype=object)[:, None]
            file.create_dataset(f"batch/{name}", data=data, dtype=h5py.ref_dtype)


def test_matr_batches(tmp_path: Path) -> None:
    path = tmp_path / "2017-05-12_batchdata_updated_struct_errorcorrect.mat"
    matr_file(path)
    cells = readers.read_matr_mat(path)
    assert cells.ids == ("MATR_b1c0", "MATR_b1c1")
    first = cells["MATR_b1c0"]
    assert first.cycle_numbers.tolist() == [1, 2, 3, 4, 5]
    assert first.end_of_life_cycle == 900
    assert cells["MATR_b1c1"].is_censored
    assert first.metadata["charge_policy"] == "4C(80%)-4C"
    assert first.column("internal_resistance")[0] == pytest.approx(16)
    assert first.column("charge_time")[0] == pytest.approx(600)
    assert first.curve("discharge_capacity_on_voltage").values.shape == (5, 1000)


def test_matr_cells_continued_in_the_second_batch_are_joined(tmp_path: Path) -> None:
    one, two = tmp_path / "2017-05-12_batchdata.mat", tmp_path / "2017-06-30_batchdata.mat"
    matr_file(one, n_cells=1)
    matr_file(two, n_cells=8)
    cells = readers.read_matr_mat([one, two])
    assert "MATR_b2c7" not in cells.ids
    assert len(cells["MATR_b1c0"].cycles) == 10
    assert cells["MATR_b1c0"].end_of_life_cycle == 900 + 662
    assert "continued as MATR_b2c7 after cycle 5" in cells["MATR_b1c0"].flags


def test_matlab_files_that_are_others(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    path = tmp_path / "2017-05-12_batch.mat"
    path.write_bytes(b"no such thing")
    with pytest.raises(DataError, match=r"not a MATLAB 7\.3"):
        readers.read_matr_mat(path)
    with pytest.raises(DataError, match="does not tell the batch"):
        readers.read_matr_mat(tmp_path / "x.mat")
    with pytest.raises(DataError, match="not a MATLAB file of version 5"):
        readers.read_xjtu(path)
    with pytest.raises(DataError, match="does not exist"):
        readers.read_xjtu(tmp_path / "y.mat")


def xjtu_file(path: Path, drop: str = "") -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    f = frame()
    cycles = []
    for _, part in f.groupby("cycle"):
        fields = {
            "relative_time_min": part["cycle_time"].to_numpy() / 60,
            "current_A": part["current"].to_numpy(),
            "voltage_V": part["voltage"].to_numpy(),
            "temperature_C": part["temperature"].to_numpy(),
            "description": "test",
        }
        cycles.append({key: value for key, value in fields.items() if key != drop})
    names = list(cycles[0])
    data = np.empty((1, len(cycles)), dtype=[(name, object) for name in names])
    for index, cycle in enumerate(cycles):
        data[0, index] = tuple(cycle[name] for name in names)
    savemat(path, {"data": data, "summary": np.zeros(1)})


def test_xjtu_structures(tmp_path: Path) -> None:
    path = tmp_path / "2C_battery-1.mat"
    xjtu_file(path)
    record = readers.read_xjtu(path, nominal_capacity=NOMINAL)
    assert record.discharge_capacity == pytest.approx(CAPACITIES, rel=2e-3)
    assert record.cell_id == "XJTU_2C_battery-1"
    xjtu_file(path, drop="current_A")
    with pytest.raises(TableError, match="row 1, column 'current_A'"):
        readers.read_xjtu(path)


# ---------------------------------------------------------------- binary files of other libraries


def test_neware_binary_through_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    f = frame()
    table = pd.DataFrame(
        {
            "Index": np.arange(len(f)),
            "Cycle": f["cycle"].astype(int),
            "Step": f["step"],
            "Status": f["kind"].map({1.0: "CCCV_Chg", -1.0: "CC_DChg", 0.0: "Rest"}).astype("category"),
            "Time": f["step_time"],
            "Voltage": f["voltage"],
            "Current(mA)": 1000 * f["current"],
            "Timestamp": f["date"],
        }
    )
    path = tmp_path / "cell.ndax"
    path.write_bytes(b"binary")
    library = types.SimpleNamespace(read=lambda name: table)
    monkeypatch.setitem(sys.modules, "NewareNDA", library)
    record = read_record(path, nominal_capacity=NOMINAL)
    assert record.discharge_capacity == pytest.approx(CAPACITIES, rel=2e-3)
    library.read = lambda name: {}["no such version"]
    with pytest.raises(DataError, match="Export it from BTS"):
        read_record(path)
    monkeypatch.setitem(sys.modules, "NewareNDA", None)
    with pytest.raises((MissingExtraError, ModuleNotFoundError), match=r"cyclers|NewareNDA"):
        read_record(path)


def test_biologic_binary_is_read_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    f = frame()
    table = np.zeros(
        len(f), dtype=[("time/s", "f8"), ("Ewe/V", "f4"), ("I/mA", "f8"), ("cycle number", "f8")]
    )
    table["time/s"], table["Ewe/V"] = f["time"], f["voltage"]
    table["I/mA"], table["cycle number"] = 1000 * f["current"], f["cycle"]
    np.save(tmp_path / "table.npy", table)
    (tmp_path / "galvani.py").write_text(
        "import numpy, pathlib\n"
        "class MPRfile:\n"
        "    def __init__(self, path):\n"
        "        self.data = numpy.load(pathlib.Path(path).with_name('table.npy'))\n"
    )
    path = tmp_path / "cell.mpr"
    path.write_bytes(b"binary")
    with pytest.raises(MissingExtraError, match="pip install galvani"):
        read_record(path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    record = read_record(path, nominal_capacity=NOMINAL)
    assert "galvani" not in sys.modules
    assert record.discharge_capacity == pytest.approx(CAPACITIES, rel=2e-3)
    (tmp_path / "table.npy").unlink()
    with pytest.raises(DataError, match=r"cannot be read by galvani.*as \.mpt"):
        read_record(path)


# ---------------------------------------------------------------- bad files


def test_pickles_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "1-1.pkl"
    path.write_bytes(b"\x80\x04.")
    with pytest.raises(DataError, match="can run any program"):
        readers.read_hust(path)


def changed(path: Path, row: int, column: str, text: str) -> None:
    table = pd.read_csv(path, dtype=str)
    table.loc[row - 2, column] = text
    table.to_csv(path, index=False)


@pytest.mark.parametrize(
    ("column", "text"), [("Current / A", "abc"), ("Voltage / V", "3,7"), ("Test Time / s", "12:00")]
)
def test_cells_that_are_no_numbers_are_named(tmp_path: Path, column: str, text: str) -> None:
    path = tmp_path / "cell.csv"
    write_bdf(path)
    changed(path, 17, column, text)
    with pytest.raises(TableError, match=f"cell.csv, row 17, column '{column}': found '{text}'"):
        read_series(path)


def test_cells_of_workbooks_are_named_with_their_sheet(tmp_path: Path) -> None:
    table = arbin_frame().astype({"Voltage(V)": object})
    table.loc[3, "Voltage(V)"] = "high"
    with pd.ExcelWriter(tmp_path / "cell.xlsx") as book:
        table.to_excel(book, sheet_name="Channel_1", index=False)
    with pytest.raises(TableError, match=r"sheet 'Channel_1', row 5, column 'Voltage\(V\)': found 'high'"):
        read_series(tmp_path / "cell.xlsx")


def test_times_and_states_that_cannot_be_understood_are_named(tmp_path: Path) -> None:
    path = tmp_path / "cell.csv"
    write_neware(path)
    changed(path, 9, "Total Time", "noon")
    with pytest.raises(TableError, match="row 9, column 'Total Time': found 'noon'"):
        read_series(path)
    write_maccor(tmp_path / "cell.txt")
    text = (tmp_path / "cell.txt").read_text().replace("\tD\t", "\tX\t")
    (tmp_path / "cell.txt").write_text(text)
    with pytest.raises(TableError, match=r"row \d+, column 'State': found 'X'.*Known states: C, D"):
        read_series(tmp_path / "cell.txt")


def test_rows_with_too_many_cells_are_named(tmp_path: Path) -> None:
    path = tmp_path / "cell.csv"
    write_bdf(path)
    lines = path.read_text().splitlines()
    lines[11] += ",1,2"
    path.write_text("\n".join(lines))
    with pytest.raises(TableError, match=r"row 12: found 7 cells; expected 5 as in the header"):
        read_series(path)


def test_file_cut_off_in_the_middle_is_read_and_flagged(tmp_path: Path) -> None:
    path = tmp_path / "cell.csv"
    write_bdf(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], lines[-1].split(",")[0]]) + "\n\n\n")
    series = read_series(path)
    assert series.flags == (f"samples without time, current or voltage dropped: rows {len(lines)}",)


def test_unknown_files_say_what_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "cell.csv"
    path.write_text("a,b,c\n1,2,3\n")
    with pytest.raises(DataError, match=r"no known cycler format.*\['a', 'b', 'c'\].*Battery Data Format"):
        read_series(path)
    with pytest.raises(DataError, match=r"no header of format 'bdf'; missing: time \('Test Time / s'"):
        read_series(path, reader="bdf")
    with pytest.raises(UnknownNameError, match="nearest known: arbin"):
        read_series(path, reader="abrin")
    path.write_text("Test Time / s,Current / A,Voltage / V\n")
    with pytest.raises(DataError, match="no samples below"):
        read_series(path)
    path.write_bytes(b"\0\1\2")
    with pytest.raises(DataError, match="not a text file"):
        read_series(path)
    for missing, match in ((tmp_path, "is a folder"), (tmp_path / "x.csv", "does not exist")):
        with pytest.raises(DataError, match=match):
            read_series(missing)
    (tmp_path / "x.xlsx").write_bytes(b"no zip")
    with pytest.raises(DataError, match="cannot be opened as a workbook"):
        read_series(tmp_path / "x.xlsx")
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match="cannot be opened as Parquet"):
        read_series(tmp_path / "x.parquet")


def test_all_formats_are_registered() -> None:
    expected = {"arbin", "batteryarchive", "bdf", "biologic", "hust", "maccor", "neware", "rwth_csv", "tju"}
    assert expected <= set(cycler_formats())
