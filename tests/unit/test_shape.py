"""The shape that CONTRIBUTING.md promises: short functions, modules named by nouns, one class for one name."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

from tests.support.source_trees import parsed

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = [
    path
    for package in ("bot", "engine")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts
]
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


def test_no_two_classes_have_the_same_name() -> None:
    names = Counter(node.name for path in SOURCES for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []


def test_functions_and_modules_are_short() -> None:
    lengths = [*function_lengths()]
    assert [(name, lines) for name, lines in lengths if lines > MAX_FUNCTION_LINES] == []
    sorted_lengths = sorted(lines for _, lines in lengths)
    assert median(sorted_lengths) <= 6
    assert sorted_lengths[len(sorted_lengths) * 9 // 10] <= 16
    long = [str(path) for path in SOURCES if len(path.read_text(encoding="utf-8").splitlines()) > MAX_MODULE_LINES]
    assert long == []
