"""`read_structures`: a folder of CIF or POSCAR files into ordered crystals, problems named by entry.

A bad entry never loses the others. Published sets have their own readers in `readers/materials/`.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ionbridge.datasets.base import Domain, Provenance
from ionbridge.datasets.problems import Problem
from ionbridge.datasets.structures.checks import check_structure
from ionbridge.datasets.structures.disorder import Disorder, order_sites
from ionbridge.datasets.structures.structure import Structure
from ionbridge.exceptions import DataError, IonBridgeError, MissingExtraError
from ionbridge.plugins import import_extra

__all__ = [
    "StructureSet",
    "cif_blocks",
    "crystal_name",
    "read_structure",
    "read_structures",
    "structure_from_text",
]

_SUFFIXES = (".cif", ".vasp", ".poscar", ".contcar")
_BLOCK = re.compile(r"data_(\S*)", re.IGNORECASE)


@dataclass(frozen=True)
class StructureSet:
    """Crystals that could be read, and what was wrong with the others.

    Parameters
    ----------
    structures : in the order of the files.
    problems : one a finding; ``error`` where the entry is left out, ``warning`` where it is kept.
    """

    structures: tuple[Structure, ...]
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.structures)

    def __iter__(self) -> Iterator[Structure]:
        return iter(self.structures)

    def __getitem__(self, row: int) -> Structure:
        return self.structures[row]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of the entries that were left out, once each."""
        return tuple(dict.fromkeys(p.file for p in self.problems if p.severity == "error"))


def read_structures(
    path: str | Path | Iterable[str | Path],
    *,
    ion: str | None = None,
    disorder: Disorder = "refuse",
    domain: Domain | None = None,
) -> StructureSet:
    """Read all CIF and POSCAR files of a folder, a zip archive, or the files given.

    Every data block of a CIF that holds a crystal is an entry; where a file holds several, they are called
    ``FILE#BLOCK`` and a warning names them.

    Parameters
    ----------
    path : folder, ``.zip``, one file, or several.
    ion : element that must be there; None to accept any crystal.
    disorder : what to do about partially occupied sites; see `order_sites`.
    domain : where the crystals come from; named after the folder by default.

    Raises
    ------
    DataError
        If there is no such file, or none that is a crystal.
    MissingExtraError
        If pymatgen is not installed.
    """
    texts = list(_texts(path))
    if not texts:
        raise DataError(
            f"{path} holds no crystal; expected files ending in {', '.join(_SUFFIXES)} or named POSCAR."
        )
    label = Path(path).stem if isinstance(path, (str, Path)) else "structures"
    found: list[Structure] = []
    problems: list[Problem] = []
    for file, whole in texts:
        entries = _entries(whole, file)
        if len(entries) > 1:
            problems.append(_several(file, entries))
        for name, text in entries:
            structure, of_entry = structure_from_text(
                text, name, ion=ion, disorder=disorder, domain=domain or Domain(label)
            )
            problems += of_entry
            if structure is not None:
                found.append(structure)
    return StructureSet(tuple(found), tuple(problems))


def read_structure(path: str | Path, *, ion: str | None = None, disorder: Disorder = "refuse") -> Structure:
    """Read one crystal.

    Raises
    ------
    DataError
        If it cannot be used; the message lists why.
    """
    found = read_structures(path, ion=ion, disorder=disorder)
    if len(found) != 1:
        raise DataError(
            "; ".join(str(p) for p in found.problems) or f"{path} holds {len(found)} crystals, not one."
        )
    return found[0]


def structure_from_text(
    text: str,
    name: str,
    *,
    ion: str | None = None,
    disorder: Disorder = "refuse",
    domain: Domain | None = None,
) -> tuple[Structure | None, tuple[Problem, ...]]:
    """Read one crystal from the text of a CIF (`name` ends in ``.cif``) or of a POSCAR.

    Returns
    -------
    structure, problems : None where an error makes the entry unusable.
    """
    notes: tuple[str, ...] = ()
    try:
        raw = _parsed(text, name)
        ordered, note = order_sites(raw, disorder, name)
        notes = (note,) if note else ()
        provenance = Provenance(
            source=name, sha256=sha256(text.encode()).hexdigest(), reader="structures", notes=notes
        )
        structure = Structure.from_pymatgen(ordered, crystal_name(name), domain, provenance)
    except MissingExtraError:
        raise
    except IonBridgeError as error:
        return None, (Problem("error", name, "a crystal with whole occupancies", str(error)),)
    except Exception as error:  # pymatgen raises whatever a damaged file leads it to
        remedy = "Check or export the file again."
        value = f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else 'no message'}"
        return None, (Problem("error", name, "a readable CIF or POSCAR", remedy, value=value),)
    problems = [Problem("warning", name, "whole occupancies", note, value="disorder") for note in notes]
    problems += check_structure(structure, ion, name)
    usable = not any(problem.severity == "error" for problem in problems)
    return (structure if usable else None), tuple(problems)


def cif_blocks(text: str) -> list[tuple[str, str]]:
    """Name and text of each data block of a CIF that holds a crystal; blocks of remarks alone are passed over.

    A block without a name gets its number, a name that comes again too. What stands above the first block
    belongs to none.
    """
    blocks: list[tuple[str, list[str]]] = []
    crystals: set[int] = set()
    in_text = False
    for line in text.splitlines(keepends=True):
        if line.startswith(";"):
            in_text = not in_text
        header = None if in_text else _BLOCK.match(line)
        if header is not None:
            blocks.append((header[1], []))
        if blocks:
            blocks[-1][1].append(line)
            if not in_text and line.lstrip().lower().startswith("_cell_length_a"):
                crystals.add(len(blocks))
    found: dict[str, str] = {}
    for number, (name, lines) in enumerate(blocks, 1):
        if number in crystals:
            found[name if name and name not in found else f"{name}{number}"] = "".join(lines)
    return list(found.items())


def _entries(text: str, file: str) -> list[tuple[str, str]]:
    """Name and text of each crystal of a file: itself, or the blocks of a CIF that holds several."""
    if Path(file).suffix.lower() != ".cif":
        return [(file, text)]
    blocks = cif_blocks(text)
    if len(blocks) < 2:
        return [(file, text)]
    path = Path(file)
    return [(str(path.with_name(f"{path.stem}#{_plain(block)}{path.suffix}")), own) for block, own in blocks]


def _plain(block: str) -> str:
    return block.replace("/", "_").replace("\\", "_")


def _several(file: str, entries: list[tuple[str, str]]) -> Problem:
    names = [crystal_name(name) for name, _ in entries]
    shown = f"{', '.join(names[:6])}{', ...' if len(names) > 6 else ''}"
    remedy = f"Each is an entry of its own: {shown}. Give known values by these names."
    return Problem("warning", file, "one crystal a file", remedy, value=f"{len(names)} data blocks")


def crystal_name(file: str) -> str:
    """Name of the crystal in a file: without a known ending; of its folder where it is only called POSCAR.

    Dots of a formula stay: ``Li0.5CoO2`` is ``Li0.5CoO2``. Empty for a bare POSCAR without a folder.
    """
    path = Path(file)
    name = path.name
    if path.suffix.lower() in _SUFFIXES:
        name = name[: -len(path.suffix)]
    return path.parent.name if name.upper() in ("POSCAR", "CONTCAR") else name


def _parsed(text: str, name: str) -> Any:
    """Let pymatgen read the text; its warnings about rounding and labels are not the user's."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        if Path(name).suffix.lower() == ".cif":
            cif = import_extra("pymatgen.io.cif", "materials")
            parser = cif.CifParser.from_str(text, occupancy_tolerance=1.05)
            return parser.parse_structures(primitive=False, check_occu=True)[0]
        vasp = import_extra("pymatgen.io.vasp", "materials")
        return vasp.Poscar.from_str(text).structure


def _texts(path: str | Path | Iterable[str | Path]) -> Iterator[tuple[str, str]]:
    """Yield name and text of every crystal file, in order of names."""
    if not isinstance(path, (str, Path)):
        for one in path:
            yield from _texts(one)
        return
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist; expected a folder, a zip archive or a file of crystals.")
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file() and _is_crystal(p.name))
        for file in files:
            yield str(file.relative_to(path)), file.read_text(encoding="utf-8", errors="replace")
    elif path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            for name in sorted(n for n in archive.namelist() if _is_crystal(Path(n).name)):
                yield name, archive.read(name).decode("utf-8", errors="replace")
    else:
        name = path.name if crystal_name(path.name) else f"{path.resolve().parent.name}/{path.name}"
        yield name, path.read_text(encoding="utf-8", errors="replace")


def _is_crystal(name: str) -> bool:
    if name.startswith("."):
        return False
    return name.lower().endswith(_SUFFIXES) or name.upper().startswith(("POSCAR", "CONTCAR"))
