"""The syntax trees of Python files, parsed once in each process of tests."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file, which no caller may change."""
    return ast.parse(path.read_text(encoding="utf-8"))
