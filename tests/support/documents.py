"""Reads pages of docs/ for tests: their sections, tables and fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

_HEADING = re.compile(r"(#+) (.+)")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: the `info` after the fence, the `line` of the fence, and the `section` that it is in."""

    info: str
    text: str
    line: int
    section: str


@dataclass(frozen=True)
class Row:
    """A row of a table."""

    cells: tuple[str, ...]

    def __getitem__(self, index: int) -> str:
        return self.cells[index]

    def code(self, index: int) -> tuple[str, ...]:
        """Return the texts in code marks in one cell."""
        return tuple(_CODE.findall(self.cells[index]))


class Page:
    """One page. A heading is named by its text, without code marks."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.blocks: list[Block] = []
        self.headings: list[tuple[int, str]] = []
        self._tables: list[tuple[str, list[Row]]] = []
        self._read()

    @classmethod
    def of(cls, name: str) -> Page:
        return cls((DOCS / name).read_text(encoding="utf-8"))

    def tables(self, section: str) -> list[list[Row]]:
        """Return the tables directly under a heading, without their header rows."""
        matching = [rows for name, rows in self._tables if name == section]
        assert matching, f"there is no table under {section!r}"
        return matching

    def table(self, section: str) -> list[Row]:
        """Return the only table directly under a heading."""
        (rows,) = self.tables(section)
        return rows

    def under(self, section: str, info: str) -> list[Block]:
        return [block for block in self.blocks if (block.section, block.info) == (section, info)]

    def _read(self) -> None:
        section, rows = "", list[Row]()
        for number, line in self._prose():
            if not line.startswith("|"):
                self._keep(section, rows)
                rows = []
            if heading := _HEADING.fullmatch(line):
                section = heading[2].replace("`", "")
                self.headings.append((len(heading[1]), section))
            elif line.startswith("|"):
                rows.append(Row(tuple(cell.strip() for cell in line.strip("|").split("|"))))
            elif line.startswith("```"):
                self.blocks.append(self._block(number, section))
        self._keep(section, rows)

    def _keep(self, section: str, rows: list[Row]) -> None:
        if rows:
            self._tables.append((section, rows[2:]))

    def _prose(self) -> Iterator[tuple[int, str]]:
        """Yield the lines outside of fenced blocks, and the lines that open a block."""
        inside = False
        for number, line in enumerate(self.text.splitlines(), 1):
            if not inside or not line.startswith("```"):
                if not inside:
                    yield number, line
                    inside = line.startswith("```")
            else:
                inside = False

    def _block(self, number: int, section: str) -> Block:
        lines = self.text.splitlines()[number - 1 :]
        end = lines.index("```", 1)
        return Block(lines[0].removeprefix("```"), "\n".join(lines[1:end]) + "\n", number, section)
