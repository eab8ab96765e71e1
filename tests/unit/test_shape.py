"""The shape that CONTRIBUTING.md promises: short functions, modules named by nouns, one class for one name.

The package that programs import stands for itself: its users read its names, and it imports nothing of the server.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

import pytest

from tests.support.source_trees import parsed

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = [
    path
    for package in ("bot", "engine")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts
]
CLIENT: Final = ROOT / "bot" / "sdk"
TERMS: Final = {"routing", "finding", "transfer_encoding"}
"""Names that end in "ing" and are nouns of the field."""
MAX_FUNCTION_LINES: Final = 47
MAX_MODULE_LINES: Final = 450

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def function_lengths() -> Iterator[tuple[str, int]]:
    for path in SOURCES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, Function) and node.end_lineno is not None:
                yield f"{path.relative_to(ROOT)}:{node.name}", node.end_lineno - node.lineno + 1


def test_no_module_is_named_by_an_activity() -> None:
    assert {path.stem for path in SOURCES if path.stem.endswith("ing")} <= TERMS


@pytest.mark.parametrize("is_client", [False, True], ids=["server", "client"])
def test_no_two_classes_have_the_same_name(is_client: bool) -> None:
    sources = [path for path in SOURCES if path.is_relative_to(CLIENT) is is_client]
    names = Counter(node.name for path in sources for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []


def test_the_package_of_programs_imports_nothing_of_the_server() -> None:
    importers = {path.name for path in CLIENT.rglob("*.py") if imported_packages(path) & {"bot", "engine"}}
    assert importers == {"steps.py"}
    allowed = {"anyio", "httpx", "signoff", "langchain", "langchain_core", "langgraph", "pydantic_ai"}
    assert {package for path in CLIENT.rglob("*.py") for package in imported_packages(path)} <= allowed | {
        "engine",
        *sys.stdlib_module_names,
    }


def imported_packages(path: Path) -> set[str]:
    names = [
        name
        for node in ast.walk(parsed(path))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    ]
    return {name.partition(".")[0] for name in names}


def test_functions_and_modules_are_short() -> None:
    lengths = [*function_lengths()]
    assert [(name, lines) for name, lines in lengths if lines > MAX_FUNCTION_LINES] == []
    sorted_lengths = sorted(lines for _, lines in lengths)
    assert median(sorted_lengths) <= 6
    assert sorted_lengths[len(sorted_lengths) * 9 // 10] <= 16
    long = [str(path) for path in SOURCES if len(path.read_text(encoding="utf-8").splitlines()) > MAX_MODULE_LINES]
    assert long == []
