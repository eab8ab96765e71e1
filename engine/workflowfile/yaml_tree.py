"""Reads the bytes of a file in YAML, such as a workflow file, into a tree of plain values, each with its position.

The tree is built from PyYAML's parse events and without recursion, because PyYAML's own construction takes the last of
duplicate keys silently, expands aliases without bound, and reads `no` as false.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import yaml

from engine import json_values
from engine.errors import DefinitionError, InvalidValue, Problem
from engine.json_values import Path, Value
from engine.workflowfile import lookalikes, yaml_errors
from engine.workflowfile.phrases import MAX_PROBLEMS, cite, write_path

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
"""Maximum depth of lists and mappings in a file, in levels."""
MAX_VALUES: Final = 20_000
"""Maximum number of keys and values in a file: a workflow of a hundred steps has fewer than 5,000."""

PURE: Final[Any] = yaml.SafeLoader
FAST: Final[Any] = getattr(yaml, "CSafeLoader", PURE)
"""libyaml's parser, which is much faster, where PyYAML was built with it. If both parsers accept a file, the tree is
the same; libyaml alone also takes a tab after a value, and a comment right behind `|` or `>`."""

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][+-]?[0-9]{1,6})?")
_WORDS: Final[dict[str, Value]] = {"": None, "~": None, "null": None, "true": True, "false": False}
# Unicode's own line breaks are refused too: editors disagree whether they count as lines.
_UNREADABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def unwritable(text: str) -> str | None:
    """Return the sentence about a character that no value of a file may hold, however it is written; None without."""
    bad = _CONTROL.search(text)
    return f"This text holds the control character U+{ord(bad[0]):04X}; remove it." if bad else None


@dataclass(frozen=True, slots=True)
class FileKind:
    """The words for what a file holds: one of what, and the sentence about a file without anything in it."""

    holds: str
    empty: str


WORKFLOW_FILE: Final = FileKind("workflow", "The file is empty; a workflow needs at least `name` and `steps`.")


@dataclass(frozen=True, slots=True)
class Mark:
    """A position in the file; line and column count from 1."""

    line: int
    column: int


@dataclass(slots=True, eq=False)
class Node:
    """One value and its position. `key`: the position of its key in a mapping, else the same as `mark`.

    `broken`: a part of the value was refused, so the value must not be judged.
    """

    mark: Mark
    key: Mark
    value: Value = None
    children: dict[str | int, Node] = field(default_factory=dict)
    broken: bool = False

    def along(self, path: Path) -> Iterator[Node]:
        """Yield this node, then the nodes on the way to `path`, as far as the file has them."""
        node = self
        yield node
        for part in path:
            if part not in node.children:
                return
            node = node.children[part]
            yield node


@dataclass(frozen=True, slots=True)
class Document:
    """The tree of a file, with its problems.

    `problems`: problems with which the tree could still be built. `lookalikes`: characters that only look like a space,
    which older versions accepted.
    """

    root: Node
    problems: tuple[Problem, ...]
    lookalikes: tuple[Problem, ...] = ()
    lines: tuple[str, ...] = ()


def read(source: bytes, *, loader: Any = FAST, kind: FileKind = WORKFLOW_FILE) -> Document:
    """Return the tree of a file. Raises `DefinitionError` with one problem if no tree can be built."""
    text = _decode(source)
    builder = _Builder(text, kind)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except DefinitionError:
        raise
    except yaml.MarkedYAMLError as error:
        raise DefinitionError([_explain(error, builder.lines)]) from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # The pure parser lets chr() and int() fail on absurd escapes and directives.
        raise DefinitionError([yaml_errors.somewhere(builder.last.line, builder.last.column)]) from None
    if builder.root is None:
        raise DefinitionError([Problem(kind.empty)])
    return Document(builder.root, tuple(builder.problems), tuple(builder.lookalikes), tuple(builder.lines))


def _explain(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> Problem:
    others = [mark.line for mark in (error.problem_mark, error.context_mark) if mark is not None]
    return lookalikes.explain_unreadable(yaml_errors.explain(error, lines), lines, *others)


def _decode(source: bytes) -> str:
    if len(source) > MAX_BYTES:
        raise DefinitionError([Problem(f"The file is larger than {MAX_BYTES // 1024} kB; split it or shorten it.")])
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = source[: error.start].decode("utf-8-sig")
        raise DefinitionError([_unreadable(before, "This is not UTF-8 text; save the file as UTF-8.")]) from None
    if bad := _UNREADABLE.search(text):
        sentence = f"The invisible character U+{ord(bad[0]):04X} is here; remove it."
        raise DefinitionError([_unreadable(text[: bad.start()], sentence)])
    return text


def _unreadable(before: str, message: str) -> Problem:
    lines = yaml_errors.split(before)
    return Problem(message, line=len(lines), column=len(lines[-1]) + 1)


def _resolve(text: str) -> Value:
    """Return the value of a plain scalar. Raises `InvalidValue` for a number that is too long."""
    if text in _WORDS:
        return _WORDS[text]
    whole = _INTEGER.fullmatch(text)
    if not whole and not _DECIMAL.fullmatch(text):
        return text
    if len(text) > json_values.MAX_DIGITS:
        raise InvalidValue(f"a number has more than {json_values.MAX_DIGITS} digits")
    try:
        return json_values.clean(int(text) if whole else Decimal(text))
    except InvalidOperation:  # pragma: no cover - the pattern lets no such exponent pass
        raise InvalidValue("this number cannot be carried") from None


@dataclass(slots=True)
class _Frame:
    """An open list or mapping. `name`: the key that waits for its value, None for a key that was refused."""

    node: Node
    part: str | int | None
    wants_key: bool = True
    name: str | None = None
    name_mark: Mark = field(default_factory=lambda: Mark(1, 1))
    name_broken: bool = False


class _Builder:
    """Takes events one by one; keeps the open containers on a list, so that depth costs nothing."""

    def __init__(self, text: str, kind: FileKind) -> None:
        self.kind = kind
        self.lines = yaml_errors.split(text)
        self.problems: list[Problem] = []
        self.lookalikes: list[Problem] = []
        self.root: Node | None = None
        self.last = Mark(1, 1)
        self._frames: list[_Frame] = []
        self._values = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        if event.start_mark is not None:
            self.last = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.DocumentStartEvent):
            self._start_document(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._frames.pop()
        elif isinstance(event, yaml.NodeEvent):
            self._count()
            self._take_node(event)

    def _start_document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            self._stop(f"A file holds one {self.kind.holds}; put what follows `---` into a file of its own.")
        if event.version or event.tags:
            self._report("Lines that begin with `%` are not allowed; delete this one.")

    def _count(self) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            self._stop(f"The file has more than {MAX_VALUES:,} keys and values; split it or shorten it.")
        if len(self.problems) > MAX_PROBLEMS:
            raise DefinitionError(self.problems)

    def _take_node(self, event: yaml.NodeEvent) -> None:
        node = Node(self.last, self.last)
        if isinstance(event, yaml.AliasEvent):
            node.broken = True
            name = f"*{cite(event.anchor)}"
            self._report(f"Aliases are not allowed: repeat what `{name}` stands for, or put the text in quotes.", node)
        else:
            self._refuse_marks(event, node)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, node)
            self._find_lookalikes(event)
        container = isinstance(event, yaml.CollectionStartEvent)
        if container:
            node.value = {} if isinstance(event, yaml.MappingStartEvent) else []
        is_key = self._wants_key()
        part = self._place_key(event, node) if is_key else self._place_value(node)
        if container:
            self._open(_Frame(node, None if is_key else part))

    def _refuse_marks(self, event: yaml.NodeEvent, node: Node) -> None:
        if event.anchor is not None:
            name = cite(event.anchor)
            self._report(f"Anchors are not allowed: delete `&{name}`, or put the text in quotes.", node)
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            self._report("Tags are not allowed: delete the word that begins with `!`, or put the text in quotes.", node)

    def _scalar(self, event: yaml.ScalarEvent, node: Node) -> None:
        text: str = event.value
        node.value = text
        if sentence := unwritable(text):
            node.broken = True
            self._report(sentence, node)
        if event.style in (None, "") and not node.broken:
            try:
                node.value = _resolve(text)
            except InvalidValue:
                node.broken = True
                self._report(
                    f"A number may have at most {json_values.MAX_DIGITS} digits; put it in quotes to make it text."
                )

    def _find_lookalikes(self, event: yaml.ScalarEvent) -> None:
        """Note a character in a text without quotes that only looks like a space."""
        if event.style not in (None, "") or len(self.lookalikes) > MAX_PROBLEMS:
            return
        line, column = self.last.line - 1, self.last.column - 1
        lookalike = lookalikes.find_in_scalar(
            event.value, self.lines, line=line, column=column, is_key=self._wants_key()
        )
        self.lookalikes += [lookalike] if lookalike else []

    def _wants_key(self) -> bool:
        return bool(self._frames) and isinstance(self._frames[-1].node.value, dict) and self._frames[-1].wants_key

    def _place_key(self, event: yaml.NodeEvent, node: Node) -> str | None:
        """Keep a key on the frame until its value comes. Return the name, or None if it was refused."""
        frame = self._frames[-1]
        frame.wants_key, frame.name, frame.name_mark, frame.name_broken = False, None, node.mark, node.broken
        if not isinstance(event, yaml.ScalarEvent):
            if isinstance(event, yaml.CollectionStartEvent):
                self._refuse_complex_key(frame)
            return None
        name: str = event.value
        if name == "<<" and event.style in (None, ""):
            self._report("Merge keys (`<<`) are not allowed; write the keys out.", node)
            return None
        if not isinstance(node.value, str) and not node.broken:
            frame.name_broken = True
            self._report(f'A key must be text; put it in quotes: "{cite(name)}".', node)
        mapping = frame.node
        if name in mapping.children:
            first = mapping.children[name].key
            self._report(
                f"The key `{cite(name)}` is here twice: on line {first.line}, column {first.column}, and on "
                f"line {node.mark.line}, column {node.mark.column}; keep one of them.",
                part=name,
            )
            return None
        frame.name = name
        return name

    def _refuse_complex_key(self, frame: _Frame) -> None:
        for mark in (frame.node.mark, self.last):
            if yaml_errors.opens_expression(self.lines, line=mark.line - 1, column=mark.column - 1):
                frame.node.broken = True
                self._report(yaml_errors.UNQUOTED_EXPRESSION, mark=mark)
                return
        self._report("A key must be text, not a list or a mapping.")

    def _place_value(self, node: Node) -> str | int | None:
        """Put a value under its key, at the end of its list, or at the root."""
        if not self._frames:
            self.root = node
            return None
        frame = self._frames[-1]
        parent = frame.node
        if isinstance(parent.value, list):
            index = len(parent.value)
            parent.children[index] = node
            parent.value.append(node.value)
            return index
        frame.wants_key = True
        if frame.name is None:
            return None
        assert isinstance(parent.value, dict)
        node.key = frame.name_mark
        node.broken = node.broken or frame.name_broken
        parent.children[frame.name] = node
        parent.value[frame.name] = node.value
        return frame.name

    def _open(self, frame: _Frame) -> None:
        self._frames.append(frame)
        if len(self._frames) > MAX_DEPTH:
            self._stop(f"Lists and mappings nest deeper than {MAX_DEPTH} levels here; write it flatter.")

    def _report(
        self, message: str, node: Node | None = None, *, mark: Mark | None = None, part: str | None = None
    ) -> None:
        position = mark or (node.mark if node else self.last)
        parts = [frame.part for frame in self._frames]
        if self._frames and part is None:
            top = self._frames[-1]
            parts.append(len(top.node.children) if isinstance(top.node.value, list) else top.name)
        path = write_path(tuple(each for each in (*parts, part) if each is not None))
        problem = Problem(message, path=path, line=position.line, column=position.column)
        if problem not in self.problems[-MAX_PROBLEMS:]:
            self.problems.append(problem)

    def _stop(self, message: str) -> None:
        raise DefinitionError([Problem(message, line=self.last.line, column=self.last.column)])
