"""What the types of a file tell of an expression before any value is there; and that it says nothing it cannot know."""

from __future__ import annotations

import pytest

from engine.definition import load
from engine.errors import DefinitionError
from engine.steps.registry import builtin

WORKFLOW = """\
name: a
inputs:
  amount: money
  fee: {type: money, required: false}
  count: text
  n: integer
  some: {type: number, required: false}
  ok: boolean
  day: date
  at: datetime
  to: email
  tags: {type: choices, options: [a, b]}
  any: json
steps:
  - id: ask
    uses: form
    fields: {cost: money, pieces: number, note: {type: text, required: false}}
  - id: one
    uses: set
    when: '{{ EXPRESSION }}'
"""


def told(expression: str) -> list[tuple[int, int, str]]:
    source = WORKFLOW.replace("EXPRESSION", expression).encode()
    try:
        load(source, kinds=builtin())
    except DefinitionError as error:
        return [(each.line, each.column, f"{each.message} {each.hint}".strip()) for each in error.problems]
    return []


MONEY = "`inputs.amount` is money (a mapping)"
ORDER = "compares two numbers or two texts"


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        (
            "inputs.amount > 100",
            f"`>` {ORDER}, but {MONEY} and `100` is a number. Write `inputs.amount | number > 100`.",
        ),
        (
            "0 < 100 <= inputs.amount",
            f"`<=` {ORDER}, but `100` is a number and {MONEY}. Write `100 <= inputs.amount | number`.",
        ),
        (
            "inputs.ok and inputs.amount >= -2.50",
            f"`>=` {ORDER}, but {MONEY} and the value is a number. Write `inputs.amount | number`.",
        ),
        (
            "inputs.fee < inputs.amount",
            f"`<` {ORDER}, but `inputs.fee` is money (a mapping) and {MONEY}. "
            "Write `inputs.fee | number < inputs.amount | number`.",
        ),
        (
            "inputs.amount > inputs.any.limit + 3",
            f"`>` {ORDER}, but {MONEY}. Write `inputs.amount | number`.",
        ),
        (
            "inputs.amount | default(0) > 3",
            f"`>` {ORDER}, but the value is money (a mapping) and `3` is a number.",
        ),
        (
            "inputs.amount.amount > 3",
            f"`>` {ORDER}, but `inputs.amount.amount` is text and `3` is a number. "
            "Write `inputs.amount.amount | number > 3`.",
        ),
        (
            "inputs.amount.currency > 3",
            f"`>` {ORDER}, but `inputs.amount.currency` is text and `3` is a number.",
        ),
        (
            "inputs.count > inputs.n",
            f"`>` {ORDER}, but `inputs.count` is text and `inputs.n` is a number. "
            "Write `inputs.count | number > inputs.n`.",
        ),
        ("inputs.day > 3", f"`>` {ORDER}, but `inputs.day` is a date (text) and `3` is a number."),
        ("inputs.ok > 0", f"`>` {ORDER}, but `inputs.ok` is true or false and `0` is a number."),
        ("inputs.tags > 1", f"`>` {ORDER}, but `inputs.tags` is a list and `1` is a number."),
        ("inputs.n > none", f"`>` {ORDER}, but `inputs.n` is a number and `none` is empty (none)."),
        (
            "steps.ask.cost > 3",
            f"`>` {ORDER}, but `steps.ask.cost` is money (a mapping) and `3` is a number. "
            "Write `steps.ask.cost | number > 3`.",
        ),
        (
            "inputs.amount == 100",
            f"`==` is never true here: {MONEY} and `100` is a number. Write `inputs.amount | number == 100`.",
        ),
        (
            'inputs.ok != "yes"',
            '`!=` is always true here: `inputs.ok` is true or false and `"yes"` is text.',
        ),
        (
            "inputs.amount * 2 > 3",
            f"`*` needs numbers, but {MONEY}. Write `inputs.amount | number * 2`.",
        ),
        ("-inputs.amount < 0", f"`-` needs numbers, but {MONEY}. Write `inputs.amount | number`."),
        ("+inputs.day < 0", "`+` needs numbers, but `inputs.day` is a date (text)."),
        (
            "inputs.amount + inputs.n > 3",
            f"`+` adds two numbers, two texts or two lists, but {MONEY} and `inputs.n` is a number. "
            "Write `inputs.amount | number + inputs.n`.",
        ),
        ("inputs.amount | round > 3", f"`round` works on a number, but {MONEY}. Write `inputs.amount | number`."),
        ('inputs.n | upper == "A"', "`upper` works on text, but `inputs.n` is a number."),
        (
            "3 in inputs.count",
            "`in` looks into a list, a mapping or for text in text, but `3` is a number and `inputs.count` is text.",
        ),
        (
            '"a" in inputs.n',
            '`in` looks into a list, a mapping or for text in text, but `"a"` is text and `inputs.n` is a number.',
        ),
        *(
            (f"{made} > 3", f"`>` {ORDER}, but the value is {phrase} and `3` is a number.")
            for made, phrase in (
                ('("a" ~ inputs.n)', "text"),
                ("[inputs.n]", "a list"),
                ('{"a": inputs.n}', "a mapping"),
                ("(not inputs.ok)", "true or false"),
                ("(inputs.n | string)", "text"),
            )
        ),
        ('-inputs.n > "a"', f'`>` {ORDER}, but the value is a number and `"a"` is text.'),
        ('inputs.n * 2 > "a"', f'`>` {ORDER}, but the value is a number and `"a"` is text.'),
    ],
)
def test_what_can_only_fail_is_told_when_the_file_is_checked(expression: str, sentence: str) -> None:
    assert told(expression) == [(20, 11, sentence)]


@pytest.mark.parametrize(
    "expression",
    [
        "inputs.amount | number > 100",
        "inputs.amount.amount | number > 100",
        "inputs.n > 3 and inputs.some > 3",
        'inputs.day > "2026-01-01"',
        "inputs.at < inputs.day",
        'inputs.to == "a@example.com"',
        "inputs.tags | length > 1",
        'inputs.tags | first > "a"',
        "inputs.any > 3",
        "inputs.any.a * 2 > 3",
        "inputs.any[inputs.n] > 3",
        "inputs.fee | default(0) > 3",
        "inputs.any | default(0) > 3",
        "inputs.fee == none",
        "inputs.fee == 3",
        "inputs.amount == inputs.fee",
        "inputs.amount is number and inputs.amount > 3",
        "inputs.any.a is number or (inputs.any.b | default(1)) is number",
        "steps.ask.pieces > 3",
        "steps.ask.cost | default(0) > 3",
        'steps.ask.note == "x"',
        "steps.ask is defined",
        '"a" in inputs.tags',
        '"a" in inputs.count',
        "3 in [1, 2]",
        "3 not in inputs.any",
        '"amount" in inputs.amount',
        "inputs.any + 3 > 4",
        "inputs.n + 3 > 4",
        "(3 if inputs.ok else inputs.n) > 2",
        "run.id == inputs.count",
    ],
)
def test_what_may_be_right_passes(expression: str) -> None:
    assert told(expression) == []


def test_what_cannot_be_read_says_nothing_of_its_type() -> None:
    source = WORKFLOW.replace("amount: money", "amount: mony").replace("EXPRESSION", "inputs.amount > 100")
    with pytest.raises(DefinitionError) as caught:
        load(source.encode(), kinds=builtin())
    assert [problem.path for problem in caught.value.problems] == ["inputs.amount"]


def test_texts_are_looked_at_too() -> None:
    source = WORKFLOW.replace("'{{ EXPRESSION }}'", "true\n    with: {x: 'Twice: {{ inputs.amount * 2 }}'}")
    with pytest.raises(DefinitionError, match=r"`\*` needs numbers"):
        load(source.encode(), kinds=builtin())
