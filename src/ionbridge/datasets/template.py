"""Empty files with the right headers, for people to fill in.

Reading them back is `read_table`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from ionbridge.datasets.table import header_of
from ionbridge.exceptions import ConfigurationError
from ionbridge.plugins import import_extra
from ionbridge.quantities import Quantity, convert, edge_unit, pretty_unit, quantity

__all__ = ["write_template"]


def write_template(
    path: str | Path, names: Iterable[str], *, definitions: Mapping[str, Quantity] | None = None
) -> Path:
    """Write an empty CSV file or Excel workbook for these quantities.

    Headers carry units as people use them (°C, %). A CSV file explains every column in comment
    lines above the header, which `read_table` skips; a workbook does so in a second sheet.

    Parameters
    ----------
    path : ends in ``.csv`` or ``.xlsx``; an existing file is overwritten.
    names : quantities, one a column.
    definitions : quantities beyond the catalogue, by name.

    Returns
    -------
    The path.

    Raises
    ------
    UnknownNameError
        If a quantity is not known.
    ConfigurationError
        If the suffix is another one, or a name is given twice.
    """
    path, names = Path(path), list(names)
    if not names or len(set(names)) != len(names):
        raise ConfigurationError(
            f"'names' of write_template must be different quantities, at least one; got {names}."
        )
    items = [(definitions or {}).get(name) or quantity(name) for name in names]
    if path.suffix.lower() == ".csv":
        _write_csv(path, items)
    elif path.suffix.lower() == ".xlsx":
        _write_workbook(path, items)
    else:
        raise ConfigurationError(f"'path' of write_template must end in .csv or .xlsx; got {path.name!r}.")
    return path


def plausible_range(item: Quantity, unit: str | None = None) -> tuple[float | None, float | None]:
    """Limits of a quantity in `unit`, by default the one people use."""
    unit = unit or edge_unit(item)

    def limit(value: float | None) -> float | None:
        return None if value is None else float(f"{float(convert(value, item.unit, unit)):.6g}")

    return limit(item.low), limit(item.high)


def _explanation(item: Quantity) -> list[str]:
    """Header, meaning, unit, lowest and highest plausible value."""
    header = header_of(item, edge_unit(item))
    if item.kind == "label":
        return [header, item.description, "text", "", ""]
    low, high = ("" if value is None else f"{value:g}" for value in plausible_range(item))
    unit = "code" if item.kind == "code" else pretty_unit(edge_unit(item))
    return [header, item.description, unit, low, high]


def _write_csv(path: Path, items: list[Quantity]) -> None:
    rows = [_explanation(item) for item in items]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(
            "# Fill in one row a sample below the header; leave a cell empty where a value is missing.\n"
        )
        for header, description, unit, low, high in rows:
            limits = f" Plausible: {low or '...'} to {high or '...'}." if low or high else ""
            file.write(f"# {header} [{unit}]: {description}{limits}\n")
        csv.writer(file, lineterminator="\n").writerow([row[0] for row in rows])


def _write_workbook(path: Path, items: list[Quantity]) -> None:
    openpyxl = import_extra("openpyxl", "files")
    rows = [_explanation(item) for item in items]
    book = openpyxl.Workbook()
    data = book.active
    data.title = "data"
    data.append([row[0] for row in rows])
    data.freeze_panes = "A2"
    guide = book.create_sheet("columns")
    guide.append(["header", "meaning", "unit", "lowest plausible", "highest plausible"])
    for header, description, unit, low, high in rows:
        guide.append([header, description, unit, float(low) if low else None, float(high) if high else None])
    for sheet in (data, guide):
        for column in sheet.columns:
            width = max(len(str(cell.value or "")) for cell in column)
            sheet.column_dimensions[column[0].column_letter].width = min(width + 2, 80)
        for cell in sheet[1]:
            cell.font = openpyxl.styles.Font(bold=True)
    book.save(path)
