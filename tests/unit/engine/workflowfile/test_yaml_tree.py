"""Bytes become a tree: the meaning of YAML, the refused parts, and harmless limits for any file."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import DefinitionError, Problem
from engine.json_values import Value
from engine.workflowfile import yaml_tree
from tests.support.examples import example_count

ROOT = Path(__file__).parents[4]
LOADERS = pytest.mark.parametrize("loader", [yaml_tree.FAST, yaml_tree.PURE], ids=["fast", "pure"])


def read(text: str | bytes, *, loader: Any = yaml_tree.FAST) -> yaml_tree.Document:
    return yaml_tree.read(text.encode() if isinstance(text, str) else text, loader=loader)


def problems(text: str | bytes, *, loader: Any = yaml_tree.FAST) -> tuple[Problem, ...]:
    try:
        return read(text, loader=loader).problems
    except DefinitionError as error:
        return error.problems


@LOADERS
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("'true'", "true"),
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", "Null"),
        ("'null'", "null"),
        ("12", 12),
        ("-12", -12),
        ("0", 0),
        ("007", "007"),
        ("+1", "+1"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("'12'", "12"),
        ("9007199254740993", 9007199254740993),
        ("12.50", Decimal("12.50")),
        ("-0.1", Decimal("-0.1")),
        ("1.5e3", Decimal("1.5e3")),
        ("1e3", "1e3"),
        (".5", ".5"),
        ("01.5", "01.5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00Z"),
        ("|\n  a\n  b\n", "a\nb\n"),
        (">-\n  a\n  b\n", "a b"),
        ("[1, a, [true]]", [1, "a", [True]]),
        ("{x: {y: 1}}", {"x": {"y": 1}}),
        ("{yes: no}", {"yes": "no"}),
        ('"\\u00e9\\t"', "é\t"),
        ("\n- a\n- b: 1\n", ["a", {"b": 1}]),
    ],
)
def test_a_scalar_has_the_value_and_the_type_of_its_text(written: str, value: Value, loader: Any) -> None:
    document = read(f"key: {written}\n", loader=loader)
    assert document.problems == ()
    assert isinstance(document.root.value, dict)
    parsed = document.root.value["key"]
    assert (parsed, type(parsed)) == (value, type(value))


def test_decimals_keep_their_digits() -> None:
    assert str(read("12.50").root.value) == "12.50"


def test_every_value_knows_its_place() -> None:
    root = read("a: 1\nsteps:\n  - id: x\n    with: {k: [1, 22]}\n").root
    *_, node = root.along(("steps", 0, "with", "k", 1))
    assert (node.value, node.mark) == (22, yaml_tree.Mark(4, 19))
    *_, node = root.along(("steps", 0, "with", "k"))
    assert (node.key, node.mark) == (yaml_tree.Mark(4, 12), yaml_tree.Mark(4, 15))
    assert len(list(root.along(("steps", 3, "id")))) == 2


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert read(b"\xef\xbb\xbfname: a").root.value == {"name": "a"}


@LOADERS
@pytest.mark.parametrize(
    ("text", "line", "column", "fragment"),
    [
        ("", 1, 1, "file is empty"),
        ("# nothing\n", 1, 1, "file is empty"),
        ("a: 1\na: 2\n", 2, 1, "is here twice: on line 1, column 1, and on line 2, column 1"),
        ("a:\n  b: 1\n  'b': 2\n", 3, 3, "`b` is here twice"),
        ("a: &x 1\n", 1, 4, "Anchors are not allowed: delete `&x`"),
        ("a: *x\n", 1, 4, "Aliases are not allowed"),
        ("*x : 1\n", 1, 1, "Aliases are not allowed"),
        ("a: !!str 1\n", 1, 4, "Tags are not allowed"),
        ("a: ! b\n", 1, 4, "Tags are not allowed"),
        ("a: !!python/object:os.system {}\n", 1, 4, "Tags are not allowed"),
        ("<<: {a: 1}\n", 1, 1, "Merge keys (`<<`) are not allowed"),
        ("1: a\n", 1, 1, 'A key must be text; put it in quotes: "1"'),
        ("true: a\n", 1, 1, "A key must be text"),
        ("? [a]\n: b\n", 1, 3, "A key must be text, not a list or a mapping"),
        ("? {a: b}\n: b\n", 1, 3, "A key must be text, not a list or a mapping"),
        ("a: 1\n---\nb: 2\n", 2, 1, "A file holds one workflow"),
        ("%YAML 1.1\n---\na: 1\n", 1, 1, "Lines that begin with `%`"),
        ("a: {{ x }}\n", 1, 4, 'Put the value in quotes: "{{ … }}"'),
        ("- {{ x }}\n", 1, 3, "Put the value in quotes"),
        ("a: [b, {{ x }}]\n", 1, 8, "Put the value in quotes"),
        ("a: {{ x }} more\n", 1, 4, "Put the value in quotes"),
        ("a: {{ x['b'] }}\n", 1, 4, "Put the value in quotes"),
        ("a: 1\nb: {% if x %}\n", 2, 4, "Put the value in quotes"),
        ("{{ x }}: 1\n", 1, 1, "Put the value in quotes"),
        ("a:\n\tb: 1\n", 2, 1, "There is a tab here. YAML needs spaces"),
        ("a:\n  b: 1\n\tc: 2\n", 3, 1, "There is a tab here"),
        ("a: @sam\n", 1, 4, "A value cannot begin with `@`; put it in quotes"),
        ("a: `x`\n", 1, 4, "A value cannot begin with"),
        ('a: "b\nc: 1\n', 1, 4, "This quote is never closed"),
        ("a: 'b\nc: 1\n", 1, 4, "This quote is never closed"),
        ("a: [1, 2\nb: 1\n", 1, 4, "This `[` is never closed"),
        ("a: {b: 2\nc: 1\n", 1, 4, "This `{` is never closed"),
        ("a: [a b: c}\n", 1, 11, "A comma or `]` is missing"),
        ("a: Send: now\n", 1, 8, "There is a second `: ` here"),
        ("a: 1\n  b: 2\n", 2, 4, "correct the indentation"),
        ("name: a\ntitle:foo\nsteps: []\n", 2, 7, "Put a space after the colon"),
        ("name:foo\nsteps: []\n", 1, 6, "Put a space after the colon"),
        ("name: a\ntitle\nsteps: []\n", 2, 1, "not a `key: value` pair"),
        ("a:\n  - b\n c: 1\n", 3, 2, "Begin it in column 1, like `a` on line 1"),
        ("a:\n  - id: b\n    uses: c\n   with: d\n", 4, 4, "Begin it in column 5, like `uses` on line 3"),
        ("a:\n  - id: b\n   with: {d: e}\n    uses: f\n", 3, 4, "Begin it in column 5, like `id` on line 2"),
        ("a:\n- id: b\n with:\n   d: e\n", 3, 2, "Begin it in column 3, like `id` on line 2"),
        ("a:\n  - id: b\n    c:\n      d: e\n - id: f\n", 5, 2, "Begin it in column 3, like `-` on line 2"),
        ("a:\n  - id: b\n\n   - id: f\n", 4, 4, "Begin it in column 3, like `-` on line 2"),
        ("a:\n  b: 1\n  c: [1] 2\n", 3, 10, "indentation"),
        ('a: "x" y\n', 1, 8, "text after the closing quote"),
        ("a: 'it's'\n", 1, 8, "text after the closing quote"),
        ("- a\nb: 1\n", 2, 1, "items of a list must begin in the same column"),
        ("a: - b\n", 1, 4, "put this `- ` on the next line"),
        ('a: "\\q"\n', 1, 4, "unknown `\\` escape"),
        ("a: |x\n b\n", 1, 5, "Text cannot begin like this"),
        ("{a: b}\nc: d\n", 2, 1, "outside the workflow"),
        ("a: b\x00\n", 1, 5, "invisible character U+0000"),
        ("a: 1\nb: x\x1by\n", 2, 5, "invisible character U+001B"),
        ("a: b\u2028c\n", 1, 5, "invisible character U+2028"),
        ('a: "\\0"\n', 1, 4, "control character U+0000"),
        (b"a: 1\nb: \xe9\xff\n", 2, 4, "save the file as UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, 1, "save the file as UTF-8"),
        ("é: x\né: y\n", 2, 1, "twice"),
        (f"a: {'9' * 401}\n", 1, 4, "at most 400 digits"),
        (f"a: {'9' * 5000}\n", 1, 4, "at most 400 digits"),
        ("a: 1.0e999999\n", 1, 4, "at most 400 digits"),
        ("a: 1\r\nb: 2\r\na: 3\r\n", 3, 1, "twice"),
    ],
)
def test_a_refused_file_has_one_problem_with_its_place_and_a_hint(
    text: str | bytes, line: int, column: int, fragment: str, loader: Any
) -> None:
    reported = problems(text, loader=loader)
    assert fragment in reported[0].message, reported
    assert (reported[0].line, reported[0].column) == (line, column)
    assert len(reported) == 1
    assert not re.search(r"\b(token|scalar|block|flow|expected|while)\b", reported[0].message)


@LOADERS
def test_an_invalid_escape_is_a_problem_for_both_parsers(loader: Any) -> None:
    (problem,) = problems('a: "\\UFFFFFFFF"\n', loader=loader)
    assert problem.line == 1


def test_a_tree_with_refused_parts_is_still_a_tree() -> None:
    document = read("a: *x\nb: &y {c: 1}\nb: 2\n<<: {d: 1}\n")
    assert [problem.line for problem in document.problems] == [1, 2, 3, 4]
    assert document.root.value == {"a": None, "b": {"c": 1}}
    assert document.root.children["a"].broken


def test_refused_parts_have_a_path() -> None:
    (problem,) = problems("steps:\n  - id: x\n    with: {a: [1, *b]}\n")
    assert problem.path == "steps[0].with.a[1]"


def test_the_deepest_and_longest_allowed_file_is_read() -> None:
    read("[" * yaml_tree.MAX_DEPTH + "]" * yaml_tree.MAX_DEPTH)
    read(b"a: " + b"x" * (yaml_tree.MAX_BYTES - 3))


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("[" * 33 + "]" * 33, "deeper than 32"),
        ("- " * 33 + "a", "deeper than 32"),
        ("a: " + "x" * yaml_tree.MAX_BYTES, "larger than 256 kB"),
        ("- a\n" * 20_001, "more than 20,000"),
    ],
)
def test_a_deeper_or_longer_file_is_refused(text: str, fragment: str) -> None:
    (problem,) = problems(text)
    assert fragment in problem.message


# -- any text -----------------------------------------------------------------------------------------------

PIECES = [
    *"abc1 -:,[]{}\"'\n\n\t&*!|>%@`#?~.\\",
    "  ",
    ": ",
    "- ",
    "{{ ",
    " }}",
    "true",
    "null",
    "<<",
    "---",
    "\n  ",
    "a: ",
]
YAMLISH = st.lists(st.sampled_from([*PIECES, "\\u", "\r\n", "é", "\ufeff", "? "]), max_size=40).map("".join)


@settings(max_examples=example_count(400))
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | YAMLISH.map(str.encode))
@example(b'"\\UFFFFFFFF"')
@example(b"%YAML " + b"9" * 5000 + b".1\n---\na")
@example(b"\xff\xfe")
def test_any_bytes_give_a_tree_or_a_definition_error(source: bytes) -> None:
    for loader in (yaml_tree.FAST, yaml_tree.PURE):
        for problem in problems(source, loader=loader):
            assert problem.line >= 1
            assert problem.column >= 1
            assert problem.message.endswith((".", "?"))


WORDS = st.text(alphabet="abz019 -_é.#", min_size=1, max_size=8)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=example_count(300))
@given(YAMLISH)
def test_where_both_parsers_accept_a_file_they_read_the_same(text: str) -> None:
    if not problems(text, loader=yaml_tree.FAST) and not problems(text, loader=yaml_tree.PURE):
        assert read(text, loader=yaml_tree.FAST).root.value == read(text, loader=yaml_tree.PURE).root.value


@given(TREES)
def test_both_parsers_read_the_same_tree_as_was_written(tree: Any) -> None:
    for style in (True, False):
        text = pyyaml.safe_dump(tree, default_flow_style=style, allow_unicode=True)
        fast, pure = read(text, loader=yaml_tree.FAST), read(text, loader=yaml_tree.PURE)
        assert fast.problems == pure.problems
        if not fast.problems:
            assert fast.root.value == pure.root.value


# -- hostile files ------------------------------------------------------------------------------------------

MEASURE = """
import os, resource, signal, sys, time, yaml
from engine.workflowfile import load
from engine.errors import DefinitionError
from engine.steps.registry import builtin
kinds = builtin()

def measure(source):
    start = time.process_time()
    yaml.safe_load(b"".join(b"k%d: 1\\n" % i for i in range(5_000)))
    floor = time.process_time() - start
    source = eval(source)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    try:
        load(source, kinds=kinds)
    except DefinitionError as error:
        took = time.process_time() - start
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(took / floor, grown // 1024, len(error.problems), end="", flush=True)

for line in sys.stdin:
    child = os.fork()
    if not child:
        signal.alarm(60)
        measure(line)
        os._exit(0)
    os.waitpid(child, 0)
    print(flush=True)
"""


@pytest.fixture(scope="module")
def measuring_process() -> Iterator[subprocess.Popen[str]]:
    """Start a process with all imports done, which measures the source of each input line in a child process."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", MEASURE], cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize(
    "source",
    [
        "b'a: b\\n' * 1_700_000",
        "b'[' * 5000",
        "b'{a: ' * 5000",
        "b'- ' * 5000 + b'a'",
        "b'[' * 250_000",
        "b'{' * 250_000",
        "b'? ' * 120_000",
        "b'&a ' * 80_000",
        "b'a: &a [x,x,x,x,x,x,x,x,x]\\n' + b''.join(b'b%d: &b%d [*a,*a,*a,*a,*a]\\n' % (i, i) for i in range(2000))",
        "b'a: ' + b'x' * 260_000",
        "b'a: \"' + b'x ' * 130_000 + b'\"'",
        "b''.join(b'k%d: 1\\n' % i for i in range(100_000))",
        "b''.join(b'k%d: 1\\n' % i for i in range(9_999))",
        "b'{' + b'a,' * 120_000 + b'}'",
        "b'a: ' + b'9' * 5000",
        "b'name: a\\nsteps: [' + b'{},' * 9_000 + b']'",
        "b'name: a\\nsteps: [' + b'{id: a, uses: x},' * 3_000 + b']'",
        "b'name: a\\nsteps: [{id: a, uses: set, with: {x: [' + b'\"{{ y }}\",' * 15_000 + b']}}]'",
        "b'name: a\\nsteps: [{id: a, uses: set, with: {x: \"' + b'{{ y }}' * 2_800 + b'\"}}]'",
        "b'name: a\\nsteps: [{id: a, uses: set, with: {x: \"{{ ' + b'(' * 9_000 + b'\"}}]'",
        "b'name: a\\ninputs: {' + b''.join(b'k%d: x,' % i for i in range(9_000)) + b'}'",
        "b'name: a\\ninputs: {k: {type: choice, options: [' + b''.join(b'o%d,' % i for i in range(18_000)) + b']}}'",
    ],
    ids=str,
)
def test_a_hostile_file_costs_little_time_and_memory(source: str, measuring_process: subprocess.Popen[str]) -> None:
    assert measuring_process.stdin is not None
    assert measuring_process.stdout is not None
    for _ in range(3):
        measuring_process.stdin.write(f"{source}\n")
        measuring_process.stdin.flush()
        ratio, memory_growth, count = measuring_process.stdout.readline().split()
        # A machine with other work makes one measurement too long; a file that costs much costs it each time.
        if float(ratio) < 6:
            break
    assert float(ratio) < 6, "the ratio to the time of a harmless file"
    assert int(memory_growth) < 200
    assert int(count) <= 101
