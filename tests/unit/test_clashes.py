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


def told(expression: str, source: str = WORKFLOW) -> list[tuple[int, int, str]]:
    try:
        load(source.replace("EXPRESSION", expression).encode(), kinds=builtin())
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
            f"`>` {ORDER}, but {MONEY} and the value is a number. Write `inputs.amount | number`.",
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
                ('(inputs.count + "a")', "text"),
                ('("a" if inputs.ok else inputs.day)', "text or a date (text)"),
                ('(steps.ask.note | default("a"))', "text"),
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
        '("a" if inputs.ok else inputs.n) > 2',
        '("a" if inputs.ok else inputs.any) > 2',
        "inputs.any + inputs.any > 2",
        'inputs.any + "a" + inputs.any > "b"',
        "inputs.some | default(3) > 2",
        "inputs.some | default(inputs.any) > 2",
        "run.id == inputs.count",
    ],
)
def test_what_may_be_right_passes(expression: str) -> None:
    assert told(expression) == []


NEEDS = "A condition needs true or false, but"
NUMBER = "Compare it with a number, such as"
TEXT = "Compare it with a text, such as"
SIZE = "Compare its size, such as"
EXAMPLE = 'Write it like "{{ inputs.amount | number > 100 }}".'


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("inputs.n", f"{NEEDS} `inputs.n` is a number. {NUMBER} `inputs.n > 0`."),
        ("inputs.some", f"{NEEDS} `inputs.some` is a number. {NUMBER} `inputs.some > 0`."),
        ("inputs.n + 1", f"{NEEDS} the value is a number. {NUMBER} `> 0`."),
        ("inputs.any + 1", f"{NEEDS} the value is a number. {NUMBER} `> 0`."),
        ("inputs.any + inputs.any", f"{NEEDS} the value is a number, text or a list. {EXAMPLE}"),
        ("inputs.n * 2", f"{NEEDS} the value is a number. {NUMBER} `> 0`."),
        ("-inputs.any", f"{NEEDS} the value is a number. {NUMBER} `> 0`."),
        ("inputs.amount", f"{NEEDS} {MONEY}. Compare its number, such as `inputs.amount | number > 0`."),
        ("inputs.amount | number", f"{NEEDS} the value is a number. {NUMBER} `> 0`."),
        ("inputs.to", f'{NEEDS} `inputs.to` is an email address (text). {TEXT} `inputs.to == "yes"`.'),
        ("inputs.fee | default(inputs.amount)", f"{NEEDS} the value is money (a mapping). {EXAMPLE}"),
        ("inputs.count", f'{NEEDS} `inputs.count` is text. {TEXT} `inputs.count == "yes"`.'),
        ("inputs.day", f'{NEEDS} `inputs.day` is a date (text). {TEXT} `inputs.day == "yes"`.'),
        ('inputs.any ~ "a"', f'{NEEDS} the value is text. {TEXT} `== "yes"`.'),
        ("inputs.tags", f"{NEEDS} `inputs.tags` is a list. {SIZE} `inputs.tags | length > 0`."),
        ('{"a": inputs.any}', f"{NEEDS} the value is a mapping. {SIZE} `| length > 0`."),
        ("steps.ask.pieces", f"{NEEDS} `steps.ask.pieces` is a number. {NUMBER} `steps.ask.pieces > 0`."),
        ("inputs.some | default(0)", f"{NEEDS} the value is a number. {NUMBER} `> 0`."),
        ("inputs.fee | default(0)", f"{NEEDS} the value is money (a mapping) or a number. {EXAMPLE}"),
        ("inputs.n | default(false)", f"{NEEDS} the value is a number. {NUMBER} `> 0`."),
        ('"yes please"', f'{NEEDS} `"yes please"` is text. {EXAMPLE}'),
        ("-1", f"{NEEDS} `-1` is a number. {EXAMPLE}"),
        ("none", f"{NEEDS} `none` is empty (none). {EXAMPLE}"),
        ('"a" if inputs.ok else "b"', f"{NEEDS} the value is text. {EXAMPLE}"),
        ("inputs.n if inputs.ok else none", f"{NEEDS} the value is a number or empty (none). {EXAMPLE}"),
        ("not inputs.n", f"`not` needs true or false, but `inputs.n` is a number. {NUMBER} `inputs.n > 0`."),
        (
            "inputs.n and inputs.ok",
            f"`and` needs true or false, but `inputs.n` is a number. {NUMBER} `inputs.n > 0`.",
        ),
        (
            "not (inputs.count or inputs.ok)",
            f'`or` needs true or false, but `inputs.count` is text. {TEXT} `inputs.count == "yes"`.',
        ),
        (
            "true if inputs.n else false",
            f"`if` needs true or false, but `inputs.n` is a number. {NUMBER} `inputs.n > 0`.",
        ),
    ],
)
@pytest.mark.parametrize("gate", [False, True])
def test_a_condition_that_can_be_neither_true_nor_false_is_told_when_the_file_is_checked(
    expression: str, sentence: str, gate: bool
) -> None:
    source = WORKFLOW.replace("    when:", "    gate:\n      when:") if gate else WORKFLOW
    assert told(expression, source) == [(21 if gate else 20, 13 if gate else 11, sentence)]
    load(source.replace("EXPRESSION", expression).encode(), kinds=builtin(), registered=True)


@pytest.mark.parametrize(
    "expression",
    [
        "true",
        "false",
        "inputs.ok",
        "not inputs.ok",
        "inputs.any",
        "inputs.any.a",
        "inputs.any[inputs.n]",
        "inputs.any | first",
        "inputs.tags | first",
        "inputs.any | default(0)",
        "inputs.any | default(false)",
        "inputs.any or inputs.n",
        "inputs.ok and inputs.n",
        "inputs.n is number",
        "inputs.n is defined",
        "inputs.n if inputs.n is boolean else false",
        "inputs.ok if inputs.n > 3 else 3",
        "inputs.any if inputs.ok else 3",
        "3 if inputs.ok else inputs.any",
        "steps.ask.note | default(inputs.ok)",
        "steps.ask",
        "inputs",
        "run.id",
        "inputs.n in [1, 2]",
    ],
)
def test_a_condition_that_may_be_right_passes(expression: str) -> None:
    assert told(expression) == []


def test_what_can_only_fail_is_told_once() -> None:
    assert len(told("inputs.amount + 1")) == 1
    assert len(told("inputs.nothing + 1")) == 1


def test_what_cannot_be_read_says_nothing_of_its_type() -> None:
    source = WORKFLOW.replace("amount: money", "amount: mony").replace("EXPRESSION", "inputs.amount > 100")
    with pytest.raises(DefinitionError) as caught:
        load(source.encode(), kinds=builtin())
    assert [problem.path for problem in caught.value.problems] == ["inputs.amount"]


def test_texts_are_looked_at_too() -> None:
    source = WORKFLOW.replace("'{{ EXPRESSION }}'", "true\n    with: {x: 'Twice: {{ inputs.amount * 2 }}'}")
    with pytest.raises(DefinitionError, match=r"`\*` needs numbers"):
        load(source.encode(), kinds=builtin())
