"""A workflow file that was copied from a page: a problem names each character that looks like a space or a quote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.errors import DefinitionError, Problem
from engine.steps.registry import builtin
from engine.workflowfile import load, yaml_tree

FILE = """\
name: copied
title: A name
owner: sam@example.com
inputs:
  size: {type: choice, options: [a, b]}
  amount:
    type: money
    currency: EUR
steps:
  - id: go
    uses: set
    with: {a: 1, b: two}
    gate:
      when: "{{ inputs.amount | number > 100 }}"
      approvers: [ann@example.com, bob@example.com]
      expires: 2d
  - id: next
    uses: set
    with:
      list:
        - one
        - two
"""
LINES = FILE.splitlines()
SPACES = "\u00a0\u2003\u2007\u200b\u202f\u3000"


def problems_of(source: str) -> tuple[Problem, ...]:
    try:
        load(source.encode(), kinds=builtin())
    except DefinitionError as error:
        return error.problems
    return ()


def structural_places() -> Iterator[tuple[int, int]]:
    """Yield the line and column, from 0, of each space that is part of the structure, and of the end of each line."""
    for number, line in enumerate(LINES):
        text = line.find('"') if '"' in line else line.find("A name")
        yield from ((number, at) for at, char in enumerate(line) if char == " " and not 0 <= text < at)
        yield number, len(line)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: f"U+{ord(space):04X}")
def test_a_character_that_looks_like_a_space_is_named_at_its_place(space: str) -> None:
    for number, column in structural_places():
        line = LINES[number][:column] + space + LINES[number][column + 1 :]
        problems = problems_of("\n".join([*LINES[:number], line, *LINES[number + 1 :]]))
        sentence = f"(U+{ord(space):04X}) is here: replace it with an ordinary"
        named = [problem for problem in problems if sentence in problem.message]
        assert (named[0].line, named[0].column) == (number + 1, column + 1), line


@pytest.mark.parametrize("loader", [yaml_tree.FAST, yaml_tree.PURE])
@pytest.mark.parametrize(
    "line", ["  \u00a0 uses: set", "    uses\u00a0: set", "    uses:\u00a0set", "\u00a0   uses: set"]
)
def test_both_parsers_give_the_same_sentence(loader: object, line: str) -> None:
    source = "name: nb\nsteps:\n  - id: go\n" + line + "\n    with: {a: 1}\n"
    try:
        document = yaml_tree.read(source.encode(), loader=loader)
    except DefinitionError as error:
        problems = error.problems
    else:
        problems = document.lookalikes
    assert [(problem.line, problem.column) for problem in problems] == [(4, line.index("\u00a0") + 1)]
    assert problems[0].message == "A no-break space (U+00A0) is here: replace it with an ordinary space."


@pytest.mark.parametrize(
    ("old", "new", "line", "column"),
    [
        ('"{{ inputs.amount | number > 100 }}"', "“{{ inputs.amount | number > 100 }}”", 14, 13),
        ('"{{ inputs.amount | number > 100 }}"', "\u2018{{ inputs.amount | number > 100 }}\u2019", 14, 13),
        ("[ann@example.com,", "[“ann@example.com”,", 15, 19),
        ("name: copied", "name: “copied”", 1, 7),
        ("expires: 2d", "expires: „2d“", 16, 16),
        ("id: next", "id: “next”", 17, 9),
        ("{a: 1, b: two}", "{a: “{{ inputs.amount }}”, b: two}", 12, 15),
        ("{a: 1, b: two}", "{a: 1, b: “{{ inputs.amount }}”}", 12, 21),
        ("currency: EUR", "label: {en: “{{ a }}”}", 8, 17),
    ],
)
def test_curly_quotes_around_a_value_are_named(old: str, new: str, line: int, column: int) -> None:
    problems = [
        problem
        for problem in problems_of(FILE.replace(old, new, 1))
        if "replace it with a straight quote, \" or '." in problem.message
    ]
    assert [(problem.line, problem.column) for problem in problems] == [(line, column)]


def test_curly_quotes_in_an_expression_are_named() -> None:
    (problem,) = problems_of(FILE.replace("number > 100", "string == “x”"))
    assert problem.message == "This expression has a curly quote, `“`; replace it with a straight quote, \" or '."


@pytest.mark.parametrize(
    "line",
    [
        "title: Prix en\u00a0EUR, c’est “bon”",
        "title: “Good” and “better”",
        'title: "\u00a0A name\u00a0"',
        "title: A name  # “a\u00a0comment”\u00a0",
        "description: >\n  Some\u00a0text:\u00a0yes\u00a0\n  - “more”",
    ],
)
def test_such_characters_within_a_text_are_text(line: str) -> None:
    assert problems_of(FILE.replace("title: A name", line)) == ()


def test_another_problem_on_a_line_with_such_a_text_is_reported_unchanged() -> None:
    line = "titel: C’est\u00a0bien, n’est-ce\u00a0pas"
    assert ["no key `titel`" in problem.message for problem in problems_of(FILE.replace("title: A name", line))] == [
        True
    ]


def test_a_file_that_was_registered_with_such_a_space_still_loads() -> None:
    source = FILE.replace("- two", "- two\u00a0").encode()
    assert load(source, kinds=builtin(), registered=True).steps[1].params.value == {"list": ["one", "two\u00a0"]}


def test_a_long_line_is_searched_up_to_a_limit() -> None:
    assert problems_of(FILE.replace("A name", "[" * 100_000 + "\u00a0"))
