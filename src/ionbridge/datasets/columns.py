"""Which column of a file is which quantity: headers with units, explicit maps, column files.

Reading the cells below the headers is `ingest.py`.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ionbridge.datasets.problems import Problem
from ionbridge.exceptions import ConfigurationError, DataError, UnitError
from ionbridge.quantities import Quantity, catalogue, find_quantity
from ionbridge.quantities.catalogue import quantity_from_mapping
from ionbridge.quantities.text import key_of_name
from ionbridge.quantities.units import Conversion, canonical_unit, conversion, find_unit

__all__ = ["Column", "ColumnSettings", "Columns", "match_columns", "read_column_file", "read_header"]

Columns = Mapping[str, str | None]
IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Column:
    """One column that is read.

    Parameters
    ----------
    header : as written in the file.
    index : position in the file, from 0.
    quantity : what the column means.
    unit : unit of the numbers in the file.
    is_unit_stated : False where `unit` is the house unit for want of a stated one.
    """

    header: str
    index: int
    quantity: Quantity
    unit: str
    is_unit_stated: bool = True

    @property
    def conversion(self) -> Conversion:
        """Map from the unit of the file to the house unit."""
        return conversion(self.unit, self.quantity.unit)


@dataclass(frozen=True)
class ColumnSettings:
    """How the user says that columns are to be read.

    Parameters
    ----------
    columns : header → ``quantity`` or ``quantity [unit]``; None or ``ignore`` leaves a column out.
    ignore : headers that are left out.
    definitions : quantities beyond the catalogue, by name.
    """

    columns: Columns = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    definitions: Mapping[str, Quantity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, item in self.definitions.items():
            if catalogue().get(name, item) != item:
                raise ConfigurationError(
                    f"quantity {name!r} is already in the catalogue; choose another name for your own, or leave it out "
                    "and use the catalogue's."
                )
            if name != item.name:
                raise ConfigurationError(f"definition {name!r} must have its own name; got {item.name!r}.")

    @classmethod
    def from_any(
        cls,
        columns: Columns | str | Path | None,
        ignore: Iterable[str] = (),
        definitions: Mapping[str, Quantity] | None = None,
    ) -> ColumnSettings:
        """Combine a mapping or the path of a column file with further settings."""
        if isinstance(ignore, str):
            raise ConfigurationError(f"'ignore' must be a list of headers; got the text {ignore!r}.")
        if isinstance(columns, str | Path):
            settings = read_column_file(columns)
            return cls(
                settings.columns,
                (*settings.ignore, *ignore),
                {**settings.definitions, **(definitions or {})},
            )
        if columns is not None and not isinstance(columns, Mapping):
            raise ConfigurationError(
                f"'columns' must be a mapping such as {{'S': 'roll_gap [um]'}} or the path of a TOML file; got {columns!r}."
            )
        return cls(dict(columns or {}), tuple(ignore), dict(definitions or {}))


def read_column_file(path: str | Path) -> ColumnSettings:
    """Read a column map from a TOML file.

    The file may hold ``ignore = [...]``, a table ``[columns]`` of ``"HEADER" = "quantity [unit]"``
    and tables ``[quantity.NAME]`` that define quantities beyond the catalogue.

    Raises
    ------
    DataError
        If the file is missing or is not TOML.
    ConfigurationError
        If it has unknown keys or values of the wrong type.
    """
    import tomllib

    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError(f"column file {path} does not exist; check the path.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(
            f"column file {path} cannot be read as TOML in UTF-8: {error}. Correct it."
        ) from error
    unknown = sorted(set(content) - {"columns", "ignore", "quantity"})
    if unknown:
        raise ConfigurationError(
            f"unknown key(s) {unknown} in {path}; expected some of ['columns', 'ignore', 'quantity']."
        )
    columns, ignore, quantities = (
        content.get("columns", {}),
        content.get("ignore", []),
        content.get("quantity", {}),
    )
    if not isinstance(columns, dict) or not all(isinstance(value, str) for value in columns.values()):
        raise ConfigurationError(f"[columns] of {path} must map headers to text such as 'roll_gap [um]'.")
    if not isinstance(ignore, list) or not all(isinstance(value, str) for value in ignore):
        raise ConfigurationError(f"'ignore' of {path} must be a list of headers; got {ignore!r}.")
    if not isinstance(quantities, dict) or not all(isinstance(value, dict) for value in quantities.values()):
        raise ConfigurationError(f"[quantity.NAME] of {path} must be tables.")
    definitions = {
        name: quantity_from_mapping(name, values, str(path)) for name, values in quantities.items()
    }
    return ColumnSettings(columns, tuple(ignore), definitions)


_BRACKETED = re.compile(r"^(?P<name>.*?)\s*[\[({](?P<unit>[^\[\](){}]*)[\])}]\s*$")
_SEPARATED = re.compile(r"^(?P<name>.+?)\s*(?:\s/\s*|\s+in\s+|,\s*|\s*\|\s*)(?P<unit>\S.*)$")


_PERCENT = re.compile(
    r"^(?P<name>.*?[^\s_])[\s_]*(?P<unit>(?:(?<![A-Za-z])(?:wt|vol|mass|gew|ma|m))?\.?[\s_-]*%)$",
    re.IGNORECASE,
)


def _split_stated(text: str) -> tuple[str, str] | None:
    """Split ``Comma Gap [µm]``, ``Comma Gap / µm``, ``Comma Gap in µm`` or ``Porosity %`` into name and unit."""
    found = _BRACKETED.match(text) or _SEPARATED.match(text) or _PERCENT.match(text)
    return (found["name"], found["unit"].strip()) if found and found["name"] else None


def _find(text: str, definitions: Mapping[str, Quantity]) -> Quantity | None:
    return find_quantity(text, definitions) if key_of_name(text) else None


def read_header(
    text: str, definitions: Mapping[str, Quantity] | None = None
) -> tuple[Quantity, str | None] | None:
    """Understand a header such as ``comma_gap_um``, ``Comma Gap [µm]`` or ``density_g_cm3``.

    Parameters
    ----------
    text : header as written.
    definitions : quantities beyond the catalogue.

    Returns
    -------
    The quantity and the unit as written (None where none is stated); None where nothing is known
    by this name.
    """
    definitions = definitions or {}
    text = unicodedata.normalize("NFC", text).strip()
    whole, stated = _find(text, definitions), _split_stated(text)
    if whole is not None and (stated is None or not _converts(stated[1], whole)):
        return whole, None  # also where the brackets belong to the name: Porosity (after)
    if stated is not None:
        named = _find(stated[0], definitions)
        if named is not None and (named.kind != "label" or _BRACKETED.match(text)):
            return named, stated[1]
        inner = read_header(stated[0], definitions) if _BRACKETED.match(text) else None
        if inner is not None:  # comma_gap_um [um]
            return inner[0], stated[1]
    if whole is not None:
        return whole, None
    words = re.split(r"[_\s]+", text)
    for n_words in range(len(words) - 1, 0, -1):
        named = _find(" ".join(words[:n_words]), definitions)
        ending = "_".join(words[n_words:])
        if named is not None and _is_unit_ending(ending, named):
            return named, ending
    return None


def _is_unit_ending(ending: str, item: Quantity) -> bool:
    return find_unit(ending) is not None or (ending in ("C", "c") and item.unit in ("K", "C_rate"))


def match_columns(
    headers: Sequence[str],
    settings: ColumnSettings,
    *,
    file: str,
    row: int | None = None,
    units: Sequence[str] | None = None,
) -> tuple[list[Column], list[Problem]]:
    """Decide what every column means, listing everything that is wrong with the headers.

    Parameters
    ----------
    headers : as written in the file.
    settings : the user's column map.
    file, row : named in the problems.
    units : units from a row of their own below the headers, one a column.

    Returns
    -------
    The columns that can be read, and the problems.
    """
    matcher = _Matcher(settings, file, row)
    columns = [
        matcher.match(index, header, units[index].strip() if units else "")
        for index, header in enumerate(headers)
    ]
    found = [column for column in columns if column is not None]
    matcher.check_map(headers)
    matcher.check_repeats(headers, found)
    return found, matcher.problems


class _Matcher:
    def __init__(self, settings: ColumnSettings, file: str, row: int | None) -> None:
        self.settings, self.file, self.row = settings, file, row
        self.problems: list[Problem] = []
        self.ignored = {header.strip() for header in settings.ignore}
        self.mapped = {header.strip(): value for header, value in settings.columns.items()}

    def _add(self, column: str, value: str, expected: str, remedy: str) -> None:
        self.problems.append(Problem("error", self.file, expected, remedy, self.row, column, value))

    def match(self, index: int, header: str, unit_row: str) -> Column | None:
        name = header.strip()
        wanted = self.mapped.get(name, "")
        if name in self.ignored or wanted is None or wanted.strip().lower() == IGNORE:
            return None
        read = read_header(wanted or name, self.settings.definitions) if wanted or name else None
        if read is None:
            self._unknown(index, name, wanted)
            return None
        item, unit = read
        if wanted and unit is None:  # {"Comma Gap [mm]": "comma_gap"} keeps the unit of the header
            unit = _stated_unit(name, item)
        return self._with_unit(Column(header, index, item, item.unit), unit, unit_row)

    def _unknown(self, index: int, name: str, wanted: str) -> None:
        if not name:
            self._add(
                f"#{index + 1}", "a column without a header", "a header", "Name the column or delete it."
            )
            return
        nearest = _nearest(wanted or name, self.settings.definitions)
        example = nearest[0] if nearest else catalogue()["roll_gap"]
        unit = f" [{example.unit}]" if example.kind == "number" else ""
        hint = f" (nearest: {', '.join(item.name for item in nearest)})" if nearest else ""
        self._add(
            name,
            f"unknown quantity {wanted!r}" if wanted else "an unknown header",
            f"a known quantity{hint}",
            f"Use --map '{name}={example.name}{unit}' or --ignore '{name}' "
            "(in Python: columns={header: 'quantity [unit]'}, ignore=[header]).",
        )

    def _with_unit(self, column: Column, unit: str | None, unit_row: str) -> Column | None:
        item = column.quantity
        if item.kind != "number":
            return column
        stated = unit if unit is not None else (unit_row.strip("[](){} ") or None)
        if stated is None:
            return Column(column.header, column.index, item, item.unit, is_unit_stated=False)
        try:
            spelled = canonical_unit(stated, item.unit)
            conversion(spelled, item.unit)
        except UnitError as error:
            self._add(
                column.header,
                f"unit {stated!r}",
                f"a unit of {item.name} that converts to {item.unit}",
                f"{str(error).rstrip('.')}. Correct the header or use --map '{column.header}=QUANTITY [UNIT]'.",
            )
            return None
        if unit is not None and unit_row and canonical_unit(unit_row.strip("[](){} "), item.unit) != spelled:
            self._add(
                column.header,
                f"unit {unit!r} in the header and {unit_row!r} below it",
                "the same unit in both places",
                "Correct one of them.",
            )
        return Column(column.header, column.index, item, spelled)

    def check_map(self, headers: Sequence[str]) -> None:
        present = {header.strip() for header in headers}
        for header in (*self.mapped, *sorted(self.ignored)):
            if header not in present:
                nearest = difflib.get_close_matches(header, sorted(present), n=3, cutoff=0.4)
                hint = f" (nearest: {', '.join(nearest)})" if nearest else ""
                self._add(
                    header,
                    "no such column",
                    f"a header of the file{hint}",
                    "Correct the header in the column map, or remove it from there.",
                )

    def check_repeats(self, headers: Sequence[str], found: Sequence[Column]) -> None:
        stripped = [header.strip() for header in headers if header.strip()]
        for header in dict.fromkeys(stripped):
            if stripped.count(header) > 1:
                self._add(
                    header,
                    f"the header {stripped.count(header)} times",
                    "it once",
                    "Rename or delete the others.",
                )
        by_name: dict[str, list[str]] = {}
        for column in found:
            by_name.setdefault(column.quantity.name, []).append(column.header.strip())
        for name, together in by_name.items():
            if len(set(together)) > 1:
                listed = ", ".join(repr(header) for header in together)
                self._add(
                    together[-1],
                    f"columns {listed} that all mean {name}",
                    f"one column for {name}",
                    f"Keep one and leave the others out with --ignore '{together[-1]}'.",
                )


def _stated_unit(header: str, item: Quantity) -> str | None:
    """Unit at the end of a header whose name is not that of a known quantity."""
    found = _BRACKETED.match(header)
    if found:
        return found["unit"].strip()
    words = re.split(r"[_\s]+", header.strip())
    for start in range(1, len(words)):
        ending = "_".join(words[start:])
        if _is_unit_ending(ending, item) and _converts(ending, item):
            return ending
    return None


def _converts(unit: str, item: Quantity) -> bool:
    try:
        conversion(canonical_unit(unit, item.unit), item.unit)
    except UnitError:
        return False
    return True


def _nearest(text: str, definitions: Mapping[str, Quantity]) -> list[Quantity]:
    split = _split_stated(text)
    key = key_of_name(split[0] if split else text)
    spellings: dict[str, Quantity] = {}
    for item in (*definitions.values(), *catalogue().values()):
        for spelling in (item.name, *item.aliases):
            spellings.setdefault(key_of_name(spelling), item)
    close = difflib.get_close_matches(key, spellings, n=5, cutoff=0.6)
    unique: dict[str, Quantity] = {spellings[match].name: spellings[match] for match in close}
    return list(unique.values())[:3]
