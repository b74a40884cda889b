"""The table of docs/architecture.md, held against every import in the package."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "earthwire"
MAY_IMPORT = {
    "traces": set(),
    "fault_models": {"traces"},
    "grounding": {"traces", "fault_models"},
    "config": {"fault_models"},
    "pages": set(),
    "report": {"traces", "fault_models", "grounding", "pages"},
    "proxy": {"traces", "fault_models", "config", "pages"},
    "cli": {"traces", "fault_models", "grounding", "config", "pages", "report", "proxy"},
}
PURE_PARTS = ("traces", "fault_models", "grounding", "config", "pages", "report")
ACTING_MODULES = {
    "asyncio",
    "multiprocessing",
    "random",
    "secrets",
    "select",
    "signal",
    "socket",
    "subprocess",
    "threading",
    "time",
    "aiohttp",
    "httptools",
    "uvloop",
}
ACTING_CALLS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "os.urandom", "uuid.uuid4"}
"""Clocks and randomness of modules that are otherwise pure."""

NUMPY_RANDOM = {"BitGenerator", "Generator", "Philox", "SeedSequence", "default_rng"}
"""What of `numpy.random` belongs to a generator that is passed on; everything else is global state."""

HEAVY_MODULES = ("numpy", "scipy", "sklearn", "pandas", "pyarrow", "aiohttp", "uvloop", "htpy")
START_MODULES_MAX = 529
"""Bound on the modules that the command line loads before it knows its command: one a command, what all share, and
their folders."""

MODULES = sorted(PACKAGE.rglob("*.py"))
PURE_MODULES = [path for path in MODULES if path.relative_to(PACKAGE).parts[0] in PURE_PARTS]


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import, wherever in the module it stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def test_the_table_is_the_one_of_the_architecture_page() -> None:
    rows = {}
    for line in (PACKAGE.parent / "docs" / "architecture.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0].strip("`/") in MAY_IMPORT:
            part = cells[0].strip("`/")
            named = {name.strip(" `") for name in cells[2].split(",")} - {""}
            rows[part] = set(MAY_IMPORT) - {part} if named == {"everything"} else named
    assert rows == MAY_IMPORT


def test_every_part_of_the_package_is_in_the_table() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent != PACKAGE], ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0]
    allowed = MAY_IMPORT[part] | {part}
    ours = [(line, name.split(".")) for line, name in imports_of(path) if name.startswith("earthwire.")]
    assert [(line, ".".join(name)) for line, name in ours if name[1] not in allowed] == []


def folders_below() -> dict[Path, set[Path]]:
    """Return which folders each folder of the architecture page may import from, itself included."""
    below: dict[Path, set[Path]] = {}
    for line in (PACKAGE.parent / "docs" / "architecture.md").read_text("utf-8").splitlines():
        cells = [re.findall(r"`([\w/]+)`", cell) for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0] and "/" in cells[0][0].strip("/"):
            one_floor = {PACKAGE / name for name in cells[0]}
            for folder in one_floor:
                below[folder] = one_floor | {folder.parent / name for name in cells[2]}
    return below


FOLDERS_BELOW = folders_below()


def test_every_folder_of_the_table_is_there() -> None:
    assert len(FOLDERS_BELOW) > 20
    assert [folder for folder in FOLDERS_BELOW if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent in FOLDERS_BELOW], ids=name_of)
def test_folders_stand_on_those_that_the_page_names(path: Path) -> None:
    allowed = FOLDERS_BELOW[path.parent]
    wrong = []
    for line, name in imports_of(path):
        folder = PACKAGE.parent.joinpath(*name.split(".")[:3])
        if folder.parent == path.parent.parent and folder.is_dir() and folder not in allowed:
            wrong.append((line, name))
    assert wrong == []


@pytest.mark.parametrize("path", PURE_MODULES, ids=name_of)
def test_pure_parts_import_nothing_that_acts(path: Path) -> None:
    assert [(n, name) for n, name in imports_of(path) if name.split(".")[0] in ACTING_MODULES] == []


@pytest.mark.parametrize("path", PURE_MODULES, ids=name_of)
def test_pure_parts_read_no_clock_and_share_no_randomness(path: Path) -> None:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ACTING_CALLS:
            found.append((node.lineno, ast.unparse(node)))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random"):
            found += [(node.lineno, node.attr)] if node.attr not in NUMPY_RANDOM else []
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("default_rng") and not node.args:
            found.append((node.lineno, "default_rng without a seed"))
    found += [
        (line, name)
        for line, name in imports_of(path)
        if name.startswith("numpy.random.") and name.rpartition(".")[2] not in NUMPY_RANDOM
    ]
    assert found == []


@pytest.mark.parametrize("start", ["import earthwire.cli.app", "main()"])
def test_the_command_line_starts_without_heavy_modules(start: str) -> None:
    code = f"""
import sys
sys.argv = ["earthwire", "--help"]
from earthwire.cli.main import main
try:
    {start}
except SystemExit:
    pass
print([name for name in {HEAVY_MODULES!r} if name in sys.modules], file=sys.stderr)
print(len(sys.modules), file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, module_count = result.stderr.splitlines()
    assert heavy == "[]"
    assert int(module_count) <= START_MODULES_MAX


def test_a_command_starts_without_the_others() -> None:
    code = """
import sys
from earthwire.cli.app import asked_for
asked_for(["calibrate", "--help"])
print(*sorted(name for name in sys.modules if name.partition(".")[0] in ("earthwire", "pydantic")))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = result.stdout.split()
    assert "earthwire.cli.commands.calibrate" in loaded
    assert {
        "earthwire.cli.commands.serve",
        "earthwire.config",
        "earthwire.fault_models",
        "pydantic",
    }.isdisjoint(loaded)
