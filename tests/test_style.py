"""Rules of style that no linter checks."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "earthwire"
MODULES = sorted(PACKAGE.rglob("*.py"))
INITS = sorted(PACKAGE.rglob("__init__.py"))
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def sort_key(name: str) -> tuple[bool, bool, str]:
    """Constants, then classes, then functions, each in order: the order that the linter keeps."""
    return not name.isupper(), not name[0].isupper(), name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MODULE_LINES_MAX


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_are_short(path: Path) -> None:
    """Command functions are exempt from their parameters: a line or three an option is what typer asks for."""
    long = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0].lineno if path.parent.name == "commands" else node.lineno
            line_count = (node.end_lineno or first) - first + 1
            long += [(node.name, line_count)] if line_count > FUNCTION_LINES_MAX else []
    assert long == []


@pytest.mark.parametrize("path", INITS, ids=name_of)
def test_a_package_re_exports_its_public_names_and_nothing_else(path: Path) -> None:
    imported: list[str] = []
    exported: list[str] = []
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            imported += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            exported = ast.literal_eval(node.value)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            assert path.parent == PACKAGE
        else:
            assert isinstance(node, ast.Expr), ast.unparse(node)
            assert isinstance(node.value, ast.Constant), "only a docstring"
    assert sorted(exported) == sorted(imported)
    assert exported == sorted(exported, key=sort_key)
    assert not [name for name in exported if name.startswith("_")]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_are_absolute_and_private_modules_stay_in_their_folder(path: Path) -> None:
    wrong = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        wrong += [(node.lineno, "relative")] if node.level else []
        parts = (node.module or "").split(".")
        private = [i for i, part in enumerate(parts) if part.startswith("_") and not part.startswith("__")]
        folder = PACKAGE.parent.joinpath(*parts[: private[0]]) if private else PACKAGE
        wrong += [] if path.is_relative_to(folder) else [(node.lineno, node.module)]
    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_left_to_do(path: Path) -> None:
    assert _UNFINISHED.findall(path.read_text("utf-8")) == []
