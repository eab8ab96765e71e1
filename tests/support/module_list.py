"""The list of all modules in docs/modules.md, made from their docstrings: python -m tests.support.module_list"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from tests.support.source_trees import parsed

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "modules.md"
_HEAD: Final = """\
# Modules

Every module, with the first sentence of its docstring. [How it is built](architecture.md) tells how they work together.
`python -m tests.support.module_list` writes this page; a test compares it with the code.
"""


def page() -> str:
    """Return the page as it has to be."""
    return _HEAD + "".join(_sections())


def _sections() -> Iterator[str]:
    for folder, paths in groupby(_modules(), key=lambda path: path.parent):
        yield f"\n## {folder.relative_to(ROOT)}\n\n| module | what it is |\n|---|---|\n"
        for path in paths:
            name = "the package" if path.stem == "__init__" else f"`{path.stem}`"
            yield f"| {name} | {_sentence(path)} |\n"


def _modules() -> list[Path]:
    """Return the modules by folder. Empty packages say nothing, and migrations are a history."""
    found = (path for package in ("bot", "engine") for path in (ROOT / package).rglob("*.py"))
    kept = (path for path in found if "versions" not in path.parts and path.read_text(encoding="utf-8").strip())
    return sorted(kept, key=lambda path: (path.parent, path.stem))


def _sentence(path: Path) -> str:
    """Return the first sentence of the docstring of a module, for a cell of a table."""
    paragraph = (ast.get_docstring(parsed(path)) or "").partition("\n\n")[0]
    first = " ".join(paragraph.split()).partition(". ")[0].removesuffix(".")
    return first.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
