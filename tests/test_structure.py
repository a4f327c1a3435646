"""The house rules that a machine can check: direction of imports, laziness, names, docstrings.

Behaviour is tested in the folder of each room.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import ionbridge

PACKAGE = Path(ionbridge.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FILE_IDS = [str(path.relative_to(PACKAGE)) for path in FILES]
PROJECT = PACKAGE.parents[1]
PYTHON_FILES = sorted(
    path for folder in ("src", "tests", "examples", "benchmarks") for path in (PROJECT / folder).rglob("*.py")
)

# Each room may import itself, the rooms before it, and the root modules.
ROOMS = (
    "quantities",
    "datasets",
    "physics",
    "models",
    "transfer",
    "studies",
    "library",
    "applications",
    "orchestrator",
    "cli",
    "studio",
)
ROOT_MODULES = ("exceptions", "plugins", "execution", "__version__")
NOT_IN_COMMANDS = ("numpy", "scipy", "sklearn", "torch", "pandas", "matplotlib", "shap")


def module_name(path: Path) -> str:
    """Turn ``.../ionbridge/models/base.py`` into ``ionbridge.models.base``."""
    parts = ("ionbridge", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(path: Path) -> Iterator[str]:
    """Yield the full name of everything `path` imports, wherever in the file it does so."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, node.module] if node.module else base
            yield from (".".join([*base, alias.name]) for alias in node.names)


def room_of(name: str) -> str:
    """Room or root module that the full `name` belongs to; empty for the top of the package."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after running `code`."""
    program = f"import sys\n{code}\nsys.stderr.write(chr(10).join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {line.partition(".")[0] for line in done.stderr.splitlines()}


@pytest.mark.parametrize("path", FILES, ids=FILE_IDS)
def test_imports_point_downward(path: Path) -> None:
    own = room_of(module_name(path))
    wrong = []
    for name in imported_modules(path):
        if not name.startswith("ionbridge."):
            continue
        room = room_of(name)
        if own in ROOMS:
            allowed = room in ROOT_MODULES or (room in ROOMS and ROOMS.index(room) <= ROOMS.index(own))
        else:
            allowed = room in ROOT_MODULES
        if not allowed:
            wrong.append(name)
    assert not wrong, f"{own or 'the package'} may not import {wrong}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "applications").rglob("*.py")), ids=lambda p: p.stem)
def test_applications_do_not_import_each_other(path: Path) -> None:
    parts = path.relative_to(PACKAGE / "applications").parts
    own = parts[0].removesuffix(".py")
    others = {
        name
        for name in imported_modules(path)
        if name.startswith("ionbridge.applications.") and name.split(".")[2] != own
    }
    assert not others or own == "__init__"


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli").rglob("*.py")), ids=lambda p: p.stem)
def test_commands_contain_no_science(path: Path) -> None:
    wrong = [name for name in imported_modules(path) if name.partition(".")[0] in NOT_IN_COMMANDS]
    assert not wrong, f"{path.name} imports {wrong}: move the work into a library function"


def test_import_of_the_package_loads_nothing_heavy() -> None:
    heavy = {"torch", "pandas", "sklearn", "scipy", "numpy", "pybamm", "pint", "matplotlib", "click"}
    assert not loaded_after("import ionbridge") & heavy


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["transfer", "--help"], ["models", "--help"], ["data", "validate", "--help"]],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "from ionbridge.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as stop:\n    assert not stop.code, stop.code"
    )
    assert not loaded_after(code) & {"torch", "pandas", "sklearn", "scipy", "numpy", "pint", "matplotlib"}


@pytest.mark.parametrize("path", FILES, ids=FILE_IDS)
def test_exported_names_exist(path: Path) -> None:
    module = importlib.import_module(module_name(path))
    exported = list(getattr(module, "__all__", []))
    missing = [name for name in exported if not hasattr(module, name)]
    assert not missing, f"{module.__name__}.__all__ names {missing}, which do not exist"
    assert len(exported) == len(set(exported)), "a name stands twice in __all__"


@pytest.mark.parametrize(
    "room", [path.parent for path in FILES if path.name == "__init__.py"], ids=lambda p: p.name
)
def test_packages_say_what_is_public(room: Path) -> None:
    text = (room / "__init__.py").read_text(encoding="utf-8")
    imports_something = any(
        isinstance(n, ast.ImportFrom) and n.module != "__future__" for n in ast.parse(text).body
    )
    assert not imports_something or "__all__" in text


@pytest.mark.parametrize("group", ["readers", "simulators", "strategies", "models"])
def test_entry_points_resolve(group: str) -> None:
    entries = [e for e in entry_points(group=f"ionbridge.{group}") if e.dist and e.dist.name == "ionbridge"]
    assert entries, f"nothing is registered in ionbridge.{group}; is the package installed?"
    broken = {}
    for entry in entries:
        try:
            assert callable(entry.load())
        except Exception as error:
            broken[entry.name] = f"{entry.value}: {type(error).__name__}: {error}"
    assert not broken


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_files_open_with_a_docstring(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name == "__init__.py" and not text.strip():
        return
    if path.parts[-2:-1] == ("examples",) or text.startswith("# %%"):
        assert text.lstrip().startswith(("# %%", '"""'))
        return
    assert ast.get_docstring(ast.parse(text)), f"{path} has no module docstring"


@pytest.mark.parametrize("path", FILES, ids=FILE_IDS)
def test_public_names_are_documented(path: Path) -> None:
    module = importlib.import_module(module_name(path))
    bare = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            bare.append(node.name)
        if isinstance(node, ast.ClassDef):
            bare += undocumented_methods(getattr(module, node.name), node)
    assert not bare, f"{module.__name__} has no docstring for {bare}"


def undocumented_methods(owner: type, node: ast.ClassDef) -> list[str]:
    """Public methods defined in `node` that neither have nor inherit a docstring."""
    defined = [
        item.name for item in node.body if isinstance(item, ast.FunctionDef) and not item.name.startswith("_")
    ]
    return [f"{node.name}.{name}" for name in defined if not inspect.getdoc(getattr(owner, name))]


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.name == "utils.py"], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_no_large_drawer_of_helpers(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 150


def test_no_pickle_anywhere() -> None:
    wrong = {
        str(path.relative_to(PACKAGE)): name
        for path in FILES
        for name in imported_modules(path)
        if name.partition(".")[0] in {"pickle", "joblib", "dill", "cloudpickle", "shelve"}
    }
    assert not wrong
