"""Entries of a screening: crystals or formulas with their features, read in parallel, problems named by entry.

Reading crystals is `ionbridge.datasets.structures`, the features themselves are the modules beside this one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ionbridge.applications.screening.elements import PROPERTIES, element_index, property_table
from ionbridge.applications.screening.features import (
    FeatureTable,
    anion_family,
    barrier_features,
    formula_features,
)
from ionbridge.datasets.base import Domain
from ionbridge.datasets.columns import read_header
from ionbridge.datasets.problems import Problem
from ionbridge.datasets.structures import (
    Formula,
    MigrationPath,
    MigrationSet,
    Structure,
    check_formulas,
    find_hops,
    parse_formula,
    read_structures,
)
from ionbridge.exceptions import ConfigurationError, DataError, IonBridgeError
from ionbridge.execution import Failure, SerialExecutor, run_tasks
from ionbridge.physics.materials import CHARGES, vacancy_path
from ionbridge.quantities import convert, quantity

__all__ = [
    "Entry",
    "EntrySet",
    "common_features",
    "feature_table",
    "limiting_path",
    "plain_formula",
    "read_candidates",
    "read_known",
    "read_source",
]

FloatArray = NDArray[np.float64]
_NARROW = ("migration_barrier", "average_voltage")  # quantities that do not span decades
_FAR = 30.0  # a value so many times off the median of the others is suspected of another unit
_ENOUGH_TO_COMPARE = 4
CHUNK = 20  # entries a task: large enough to be worth a process, small enough for a smooth progress bar
MIN_HEIGHT = 8.0  # Å; features look 7 Å around a path
MOST_ATOMS = 2000
_SUFFIXES = (".cif", ".vasp", ".poscar", ".contcar")
_FORMULA, _NAME, _ION = (
    ("formula", "composition"),
    ("name", "id", "sample_id", "entry"),
    ("ion", "working_ion", "mobile_ion"),
)


@dataclass(frozen=True, eq=False)
class Entry:
    """One material of a screening.

    Parameters
    ----------
    name : of the entry.
    ion : element that moves.
    formula : reduced formula.
    group : host composition, which twins share; groups stay together in validation.
    features : numbers by name.
    structure : the crystal; None for a formula.
    path : the hop that limits percolation; None for a formula.
    """

    name: str
    ion: str
    formula: str
    group: str
    features: Mapping[str, float]
    structure: Structure | None = None
    path: MigrationPath | None = None


@dataclass(frozen=True)
class EntrySet:
    """Entries that can be used, what is known of them, and what was wrong with the others.

    Parameters
    ----------
    entries : in the order of the input.
    problems : one a finding; ``error`` where an entry was left out.
    values : known numbers by entry name [house unit].
    label : where the entries come from.
    """

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()
    values: Mapping[str, float] | None = None
    label: str = ""

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the entries."""
        return tuple(entry.name for entry in self.entries)

    @property
    def n_left_out(self) -> int:
        """How many inputs had an error."""
        return len({(p.file, p.row) for p in self.problems if p.severity == "error"})


def feature_table(
    entries: Sequence[Entry],
    output: str,
    values: Mapping[str, float] | None = None,
    names: Sequence[str] | None = None,
    label: str = "unnamed",
) -> FeatureTable:
    """Features of entries, with what is known of them.

    Parameters
    ----------
    entries : at least one.
    output : name of the quantity.
    values : known numbers by entry name [house unit].
    names : columns; None for those that all entries have.
    label : of the domain.

    Raises
    ------
    DataError
        If there is no entry, or a column is missing.
    """
    if not entries:
        raise DataError("there is no usable entry; see the problems that were listed.")
    names = common_features(entries) if names is None else names
    formulas = [parse_formula(entry.formula) for entry in entries]
    known = values or {}
    return FeatureTable.from_rows(
        output,
        [{name: entry.features[name] for name in names} for entry in entries],
        entries=[entry.name for entry in entries],
        groups=[entry.group for entry in entries],
        labels={
            "ion": [entry.ion for entry in entries],
            "family": [anion_family(formula) for formula in formulas],
            "host": [entry.group for entry in entries],
            "elements": [" ".join(formula.amounts) for formula in formulas],
        },
        y=np.array([known.get(entry.name, np.nan) for entry in entries], dtype=float),
        domain=Domain(label),
    )


def common_features(*sets: Sequence[Entry]) -> tuple[str, ...]:
    """Names of the features that all entries have, in order.

    Raises
    ------
    DataError
        If there is none: some are crystals, others formulas.
    """
    common: set[str] | None = None
    for entry in (entry for entries in sets for entry in entries):
        common = set(entry.features) if common is None else common & set(entry.features)
    if not common:
        raise DataError("the entries have no feature in common; give either crystals or formulas, not both.")
    return tuple(sorted(common))


def limiting_path(structure: Structure, ion: str, min_height: float = MIN_HEIGHT) -> MigrationPath:
    """Path of the longest hop that the ion needs to travel through the crystal, in a supercell with a vacancy.

    Raises
    ------
    DataError
        If the crystal does not hold the ion, or its sites are more than 6 Å apart.
    """
    hops = find_hops(structure, ion)
    if not hops:
        raise DataError(
            f"the {ion} sites of {structure.name} are more than 6 Å apart: there is no hop to describe."
        )
    hop = next((hop for hop in hops if hop.dimensions > 0), hops[-1])
    end = structure.fractional[hop.end] + np.array(hop.shift, dtype=float)
    return vacancy_path(structure, hop.start, end, min_height=min_height, max_atoms=MOST_ATOMS, n_points=5)


def path_entry(path: MigrationPath, structure: Structure | None = None) -> Entry:
    """Entry of a path, with the features of path, host and ion."""
    features = barrier_features(path)
    shown = path.formula if structure is None else structure.formula
    return Entry(path.name, path.ion, plain_formula(shown), path.host_formula, features, structure, path)


def formula_entry(name: str, text: str, ion: str) -> Entry:
    """Entry of a formula, with the features of composition and ion.

    Raises
    ------
    DataError
        If the formula cannot be read, or does not hold the ion.
    """
    formula = parse_formula(text)
    if ion not in formula.amounts:
        raise DataError(
            f"formula {text!r} holds no {ion}; expected the mobile ion among {', '.join(formula.amounts)}. Name the ion "
            "in a column 'ion', or with --ion."
        )
    return Entry(name, ion, plain_formula(formula), formula.host(ion), formula_features(formula, ion))


def plain_formula(formula: Formula) -> str:
    """Smallest whole amounts, electropositive elements first: ``LiFePO4``."""
    amounts = parse_formula(formula.reduced.replace(" ", "")).amounts
    X = property_table()[element_index(amounts), PROPERTIES.index("X")]
    order = sorted(zip(X, amounts, strict=True))
    return "".join(f"{e}{'' if amounts[e] == 1 else format(amounts[e], 'g')}" for _, e in order)


def read_candidates(
    path: str | Path,
    *,
    ion: str | None,
    disorder: Literal["refuse", "dominant", "order"] = "refuse",
    executor: Executor | None = None,
    progress: bool = False,
) -> EntrySet:
    """Read candidates and compute their features.

    Parameters
    ----------
    path : folder or zip archive of CIF and POSCAR files, one such file, or a CSV with a column ``formula``
        (and perhaps ``name`` and ``ion``).
    ion : element that moves; None only where a CSV names it.
    disorder : what to do about partially occupied sites: ``refuse``, ``dominant`` or ``order``.
    executor : of `open_executor`; None for this process.
    progress : whether to show a progress bar.

    Raises
    ------
    DataError
        If nothing can be read at all.
    ConfigurationError
        If `ion` is needed and not given, or is no ion that is known to move.
    """
    path = Path(path)
    if ion is not None and ion not in CHARGES:
        near = difflib.get_close_matches(ion, CHARGES, n=2, cutoff=0.4)
        raise ConfigurationError(
            f"'ion' must be one of {', '.join(CHARGES)}; got {ion!r}.{f' Did you mean {near[0]}?' if near else ''}"
        )
    if not path.exists():
        raise DataError(
            f"{path} does not exist; expected a folder of CIF or POSCAR files, or a CSV of formulas."
        )
    if path.suffix.lower() == ".csv":
        return _read_formulas(path, ion)
    if ion is None:
        raise ConfigurationError("crystals need the mobile ion; name it with --ion, such as --ion Li.")
    files = _crystal_files(path)
    tasks: dict[str, tuple[Any, ...]] = {
        f"{start:06d}": (files[start : start + CHUNK], ion, disorder) for start in range(0, len(files), CHUNK)
    }
    found = run_tasks(
        _read_chunk,
        tasks,
        executor=SerialExecutor() if executor is None else executor,
        progress=progress,
        label="candidates",
    )
    entries: list[Entry] = []
    problems: list[Problem] = []
    for key, outcome in found.items():
        if isinstance(outcome, Failure):
            problems += [
                Problem("error", file.name, "a readable crystal", str(outcome)) for file in tasks[key][0]
            ]
        else:
            entries += outcome[0]
            problems += outcome[1]
    return _unique(entries, problems, path.stem)


def _crystal_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.rglob("*") if p.is_file() and _is_crystal(p.name))
    if not files:
        raise DataError(
            f"{path} holds no crystal; expected files ending in {', '.join(_SUFFIXES)} or called POSCAR."
        )
    return files


def _is_crystal(name: str) -> bool:
    named = name.upper().startswith(("POSCAR", "CONTCAR"))
    return not name.startswith(".") and (named or name.lower().endswith(_SUFFIXES))


def _read_chunk(files: Sequence[Path], ion: str, disorder: Any) -> tuple[list[Entry], list[Problem]]:
    """Read and describe some crystals; runs in a worker process."""
    found = read_structures(files, ion=ion, disorder=disorder)
    entries, problems = [], list(found.problems)
    for structure in found:
        try:
            entries.append(path_entry(limiting_path(structure, ion), structure))
        except IonBridgeError as error:
            file = structure.provenance.source or structure.name
            problems.append(Problem("error", file, "a crystal through which the ion can hop", str(error)))
    return entries, problems


def _unique(entries: Iterable[Entry], problems: list[Problem], label: str) -> EntrySet:
    kept: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in kept:
            remedy = "The first one is used; rename or delete the other."
            problems.append(
                Problem("error", entry.name, "one entry of each name", remedy, value="a repeated name")
            )
        else:
            kept[entry.name] = entry
    return EntrySet(tuple(kept.values()), tuple(problems), None, label)


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, comment="#", encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as CSV: {error}. Save it as comma-separated text in UTF-8."
        ) from error
    if not len(table):
        raise DataError(f"{path} has no rows; expected one entry a line below a line of headers.")
    table = table.rename(columns=lambda header: str(header).strip())
    lines = _data_lines(path)
    table.index = pd.Index(lines if len(lines) == len(table) else range(2, len(table) + 2))
    return table


def _data_lines(path: Path) -> list[int]:
    """Numbers of the lines that hold rows, as an editor counts them; remarks and empty lines hold none."""
    text = path.read_text(encoding="utf-8-sig")
    full = [i for i, line in enumerate(text.splitlines(), 1) if line.partition("#")[0].strip()]
    return full[1:]  # below the header


def _column(table: pd.DataFrame, wanted: Sequence[str]) -> str | None:
    return next((c for c in table.columns if c.casefold().replace(" ", "_") in wanted), None)


def _read_formulas(path: Path, ion: str | None) -> EntrySet:
    """Entries of a CSV with one formula a row."""
    table = _read_csv(path)
    header = _column(table, _FORMULA)
    if header is None:
        raise DataError(f"{path} needs a column 'formula'; its columns are {', '.join(table.columns)}.")
    _, found = check_formulas(table[header].tolist(), path.name, header, first_row=0)
    problems = [replace(p, row=int(table.index[p.row or 0])) for p in found]
    bad_rows = {problem.row for problem in problems}
    named, ions = _column(table, _NAME), _column(table, _ION)
    entries = []
    for position in range(len(table)):
        row = int(table.index[position])
        if row in bad_rows:
            continue
        text = table[header].iloc[position].strip()
        name = table[named].iloc[position].strip() if named else text
        own = table[ions].iloc[position].strip() if ions else ""
        try:
            entries.append(formula_entry(name or text, text, own or _ion_of(text, ion)))
        except IonBridgeError as error:
            problems.append(
                Problem(
                    "error", path.name, "a formula with its mobile ion", str(error), row=row, column=header
                )
            )
    return _unique(entries, problems, path.stem)


def _ion_of(text: str, ion: str | None) -> str:
    """The ion given, or the only ion of a formula that is known to move."""
    if ion is not None:
        return ion
    present = [element for element in parse_formula(text).amounts if element in CHARGES]
    if len(present) != 1:
        raise DataError(
            f"formula {text!r} holds {len(present)} ions that may move ({', '.join(present) or 'none'}); expected one. "
            "Name it in a column 'ion', or with --ion."
        )
    return present[0]


def read_known(path: str | Path, output: str) -> tuple[dict[str, float], pd.DataFrame, tuple[Problem, ...]]:
    """Read the few known values: a CSV with a column ``name`` (or ``formula``) and one of the quantity.

    Parameters
    ----------
    path : the file. The header of the quantity may state a unit, such as ``barrier [meV]``.
    output : name of the quantity.

    Returns
    -------
    values by name [house unit], the table as text, problems.

    Raises
    ------
    DataError
        If a column is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist; expected a CSV with the columns 'name' and {output!r}.")
    table = _read_csv(path)
    key = _column(table, _NAME) or _column(table, _FORMULA)
    header, unit = _value_column(table, output, path)
    if key is None:
        raise DataError(
            f"{path} needs a column 'name' or 'formula'; its columns are {', '.join(table.columns)}."
        )
    values: dict[str, float] = {}
    problems = []
    for row, name, text in zip(table.index, table[key], table[header], strict=True):
        if not text.strip():
            continue
        place: dict[str, Any] = {"row": int(row), "column": header, "value": repr(text)}
        number = _number(text, unit, output)
        if number is None:
            remedy = "Correct the cell or leave it empty."
            problems.append(Problem("error", path.name, "a number", remedy, **place))
        elif not _plausible(number, output):
            problems.append(Problem("error", path.name, *_range_and_remedy(output, unit), **place))
        elif name.strip() in values:
            remedy = "The first one is used; delete the other."
            problems.append(Problem("warning", path.name, f"one value of {name.strip()}", remedy, **place))
        else:
            values[name.strip()] = number
    if not values:
        first = f" First: {problems[0]}" if problems else " All its cells are empty."
        raise DataError(f"{path} holds no usable number in column {header!r}.{first}")
    return values, table, (*problems, *_far_from_others(values, output, path.name))


def _number(text: str, unit: str, output: str) -> float | None:
    """Number of a cell [house unit]; None where it holds none."""
    try:
        number = float(convert(float(text), unit, quantity(output).unit))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _plausible(number: float, output: str) -> bool:
    item = quantity(output)
    return (item.low is None or number >= item.low) and (item.high is None or number <= item.high)


def _range_and_remedy(output: str, unit: str) -> tuple[str, str]:
    """What was expected of a value beyond the bounds of its quantity, and what to do."""
    item = quantity(output)
    low, high = ("any" if bound is None else f"{bound:g}" for bound in (item.low, item.high))
    expected = f"{output} from {low} to {high} {item.unit}"
    remedy = (
        f"It is left out. Check its sign and unit: it was read in {unit}; the header may name another, such as "
        f"'{output} [m{item.unit}]'."
    )
    return expected, remedy


def _far_from_others(values: Mapping[str, float], output: str, file: str) -> list[Problem]:
    """Warnings about values that look like another unit, of quantities that do not span decades."""
    if output not in _NARROW or len(values) < _ENOUGH_TO_COMPARE:
        return []
    middle = float(np.median(list(values.values())))
    found = []
    for name, value in values.items():
        if middle > 0 and value > 0 and max(value / middle, middle / value) > _FAR:
            remedy = "It is used as it is; check its unit."
            expected = f"a value less than a factor of {_FAR:g} from the median of the others, {middle:.3g}"
            problem = Problem("warning", file, expected, remedy, value=f"{value:.3g} of {name}")
            found.append(problem)
    return found


def _value_column(table: pd.DataFrame, output: str, path: Path) -> tuple[str, str]:
    """Header of the quantity and the unit of its numbers."""
    item = quantity(output)
    for header in table.columns:
        found = read_header(header)
        if found is not None and found[0].name == output:
            return header, found[1] or item.unit
    raise DataError(
        f"{path} needs a column of {output} [{item.unit}], such as '{output}_{item.unit}'; its columns are "
        f"{', '.join(table.columns)}."
    )


def read_source(
    path: str | Path,
    output: str,
    *,
    ion: str | None = None,
    executor: Executor | None = None,
    progress: bool = False,
) -> EntrySet:
    """Read the source: many materials of another family with known values.

    Parameters
    ----------
    path : a CSV of formulas with values; a folder of crystals with one CSV of values by name; or the folder
        ``em619`` of migration barriers.
    output : name of the quantity.
    ion : of crystals in a folder, and of formulas that hold several.

    Raises
    ------
    DataError
        If values are missing.
    """
    path = Path(path)
    if any((path / file).is_file() for file in ("paths.jsonl.gz", "RAW-Em-5-images-TRAIN.json")):
        from ionbridge.datasets.readers.materials.em619 import read_em619

        return migration_entries(read_em619(path), output, "em619")
    if path.is_dir():
        tables = sorted(path.glob("*.csv"))
        if len(tables) != 1:
            raise DataError(
                f"the source folder {path} needs one CSV of values beside its crystals; it has {len(tables)}."
            )
        values, _, problems = read_known(tables[0], output)
        read = read_candidates(path, ion=ion, executor=executor, progress=progress)
    else:
        values, _, problems = read_known(path, output)
        read = read_candidates(path, ion=ion)
    entries = tuple(entry for entry in read.entries if entry.name in values)
    if not entries:
        raise DataError(
            f"no entry of the source {path} has a value; names of the table must be those of the entries, such as "
            f"{', '.join(read.names[:3]) or 'none could be read'}."
        )
    return EntrySet(
        entries, (*read.problems, *problems), {e.name: values[e.name] for e in entries}, path.stem
    )


def migration_entries(
    paths: MigrationSet, output: str = "migration_barrier", label: str = "paths"
) -> EntrySet:
    """Entries of a set of paths, with what it knows of `output`; names are numbered where they repeat."""
    known = paths.value(output)
    entries, values = [], {}
    for i, path in enumerate(paths):
        if not np.isfinite(known[i]):
            continue
        made = path_entry(path)
        name = path.name if path.name not in values else f"{path.name} #{i + 1}"
        entries.append(Entry(name, made.ion, made.formula, made.group, made.features, made.structure, path))
        values[name] = float(known[i])
    return EntrySet(tuple(entries), (), values, label)
