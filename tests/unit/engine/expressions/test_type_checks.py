"""The check of a file reports expressions that can only fail by their types, and no other expressions."""

from __future__ import annotations

import pytest

from engine.errors import DefinitionError
from engine.steps.registry import builtin
from engine.workflowfile import load

WORKFLOW = """\
name: a
inputs:
  amount: money
  fee: {type: money, required: false}
  count: text
  n: integer
  some: {type: number, required: false}
  ok: boolean
  fixed: {type: money, currency: EUR}
  size: {type: choice, options: ["5", "10", "100"]}
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


def clashes_of(expression: str, source: str = WORKFLOW) -> list[tuple[int, int, str]]:
    """Return the line, the column and the sentences of each problem of a file with this expression."""
    try:
        load(source.replace("EXPRESSION", expression).encode(), kinds=builtin())
    except DefinitionError as error:
        return [
            (problem.line, problem.column, f"{problem.message} {problem.hint}".strip()) for problem in error.problems
        ]
    return []


MONEY = "`inputs.amount` is money (a mapping)"
FIXED = "compares money with a number only where the field fixes its currency"
GIVE = "Give the field a `currency`, as in `{type: money, currency: EUR}`."
ORDER = "compares two numbers or amounts of money, or two dates or times"


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        (
            "inputs.amount > 100",
            f"`>` {FIXED}, but {MONEY} and `100` is a number. {GIVE} "
            "If the currency does not matter, write `inputs.amount | number > 100`.",
        ),
        (
            "0 < 100 <= inputs.amount",
            f"`<=` {FIXED}, but `100` is a number and {MONEY}. {GIVE} "
            "If the currency does not matter, write `100 <= inputs.amount | number`.",
        ),
        (
            "inputs.ok and inputs.amount >= -2.50",
            f"`>=` {FIXED}, but {MONEY} and the value is a number. {GIVE} "
            "If the currency does not matter, write `inputs.amount | number`.",
        ),
        (
            'inputs.fixed < {"amount": "3", "currency": "USD"}',
            "`<` never compares across currencies, but `inputs.fixed` is money in EUR (a mapping) and the value is "
            "money in USD (a mapping). Compare money of one currency.",
        ),
        (
            "inputs.amount in [inputs.fixed, 100]",
            f"`in` {FIXED}, but {MONEY} and `100` is a number. {GIVE} "
            "If the currency does not matter, write `inputs.amount | number`.",
        ),
        (
            "inputs.amount > inputs.any.limit + 3",
            f"`>` {FIXED}, but {MONEY} and the value is a number. {GIVE} "
            "If the currency does not matter, write `inputs.amount | number`.",
        ),
        (
            "inputs.amount | default(0) > 3",
            f"`>` {FIXED}, but the value is money (a mapping) and `3` is a number. {GIVE}",
        ),
        (
            "inputs.amount.amount > 3",
            f"`>` {ORDER}, but `inputs.amount.amount` is a number as text and `3` is a number. "
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
            f"`>` {FIXED}, but `steps.ask.cost` is money (a mapping) and `3` is a number. {GIVE} "
            "If the currency does not matter, write `steps.ask.cost | number > 3`.",
        ),
        (
            "inputs.amount == 100",
            f"`==` {FIXED}, but {MONEY} and `100` is a number. {GIVE} "
            "If the currency does not matter, write `inputs.amount | number == 100`.",
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
            (f"{operand} > 3", f"`>` {ORDER}, but the value is {phrase} and `3` is a number.")
            for operand, phrase in (
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
def test_an_operation_that_can_only_fail_is_reported_with_the_file(expression: str, sentence: str) -> None:
    assert clashes_of(expression) == [(22, 11, sentence)]


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
        "inputs.any > 3",
        "inputs.any.a * 2 > 3",
        "inputs.any[inputs.n] > 3",
        "inputs.fee | default(0) > 3",
        "inputs.any | default(0) > 3",
        "inputs.fee == none",
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
        "inputs.some | default(3) > 2",
        "inputs.some | default(inputs.any) > 2",
        "run.id == inputs.count",
    ],
)
def test_an_operation_that_may_be_right_passes(expression: str) -> None:
    assert clashes_of(expression) == []


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
        ("inputs.tags | first", f'{NEEDS} the value is text. {TEXT} `== "yes"`.'),
        ("run.id", f'{NEEDS} `run.id` is text. {TEXT} `run.id == "yes"`.'),
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
def test_a_condition_that_can_be_neither_true_nor_false_is_reported_with_the_file(
    expression: str, sentence: str, gate: bool
) -> None:
    source = WORKFLOW.replace("    when:", "    gate:\n      when:") if gate else WORKFLOW
    assert clashes_of(expression, source) == [(23 if gate else 22, 13 if gate else 11, sentence)]
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
        "inputs.n in [1, 2]",
    ],
)
def test_a_condition_that_may_be_right_passes(expression: str) -> None:
    assert clashes_of(expression) == []


NO_ORDER = (
    "Texts have no order: add `| number` to both, or declare the field as a number, an amount of money or a date."
)
LETTERS = "compares letter by letter, so 200 is not 200.00, but"


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ('inputs.count > "90%"', f'`>` {ORDER}, but `inputs.count` is text and `"90%"` is text. {NO_ORDER}'),
        (
            'inputs.fixed.amount > "200"',
            f'`>` {ORDER}, but `inputs.fixed.amount` is a number as text and `"200"` is text. '
            "Write `inputs.fixed.amount | number > 200`.",
        ),
        (
            'not "200.50" >= inputs.fixed.amount',
            f'`>=` {ORDER}, but `"200.50"` is text and `inputs.fixed.amount` is a number as text. '
            "Write `200.50 >= inputs.fixed.amount | number`.",
        ),
        ('inputs.fixed | string > "200"', f'`>` {ORDER}, but the value is text and `"200"` is text. {NO_ORDER}'),
        ('inputs.n | string > "200"', f'`>` {ORDER}, but the value is text and `"200"` is text. {NO_ORDER}'),
        (
            'inputs.size > "50"',
            f'`>` {ORDER}, but `inputs.size` is text and `"50"` is text. Write `inputs.size | number > 50`.',
        ),
        ('inputs.any > "200"', f'`>` {ORDER}, but `"200"` is text. {NO_ORDER}'),
        (
            "inputs.count < inputs.size",
            f"`<` {ORDER}, but `inputs.count` is text and `inputs.size` is text. "
            "Write `inputs.count | number < inputs.size | number`.",
        ),
        (
            "inputs.any < inputs.count",
            f"`<` {ORDER}, but `inputs.count` is text. Write `inputs.any < inputs.count | number`.",
        ),
        ('inputs.at | date("%H") > "17"', f'`>` {ORDER}, but the value is text and `"17"` is text. {NO_ORDER}'),
        (
            'inputs.day > "01.02.2026"',
            f'`>` {ORDER}, but `inputs.day` is a date (text) and `"01.02.2026"` is text. {NO_ORDER}',
        ),
        ('inputs.tags | first > "a"', f'`>` {ORDER}, but the value is text and `"a"` is text. {NO_ORDER}'),
        ('inputs.size | upper > "L"', f'`>` {ORDER}, but the value is text and `"L"` is text. {NO_ORDER}'),
        ('steps.ask.note > "m"', f'`>` {ORDER}, but `steps.ask.note` is text and `"m"` is text. {NO_ORDER}'),
        (
            'inputs.fixed.amount == "200"',
            f'`==` {LETTERS} `inputs.fixed.amount` is a number as text and `"200"` is text. '
            "Write `inputs.fixed.amount | number == 200`.",
        ),
        (
            "inputs.fixed.amount != inputs.amount.amount",
            f"`!=` {LETTERS} `inputs.fixed.amount` is a number as text and `inputs.amount.amount` is a number as text. "
            "Write `inputs.fixed.amount | number != inputs.amount.amount | number`.",
        ),
        (
            'inputs.fixed.amount in ["200", "300"]',
            "`in` compares letter by letter, so 200 is not 200.00, but `inputs.fixed.amount` is a number as text and "
            '`"200"` is text. Compare numbers: add `| number`, and write the numbers without quotes.',
        ),
        (
            '"00" in inputs.fixed.amount',
            '`in` looks for letters in a text, but `"00"` is text and `inputs.fixed.amount` is a number as text. '
            "Compare numbers: add `| number`, and use `==`, `<` or `>`.",
        ),
        ('inputs.n == "200"', '`==` is never true here: `inputs.n` is a number and `"200"` is text.'),
        ('inputs.some == "200"', '`==` is never true here: `inputs.some` is a number and `"200"` is text.'),
        ("inputs.n in ['200', 300]", '`in` never finds `"200"` here: `inputs.n` is a number and `"200"` is text.'),
        ('inputs.size == "XL"', "`==` is never true here: `inputs.size` can only be: 5, 10, 100."),
        ('"50" != inputs.size', "`!=` is always true here: `inputs.size` can only be: 5, 10, 100. Did you mean “5”?"),
        (
            'inputs.size in ["5", "50"]',
            '`in` never finds `"50"` here: `inputs.size` can only be: 5, 10, 100. Did you mean “5”?',
        ),
        ('inputs.size in "small, large"', '`in` never finds this here: `"small, large"` is "small, large".'),
        ('"c" in inputs.tags', "`in` never finds this here: an item of `inputs.tags` can only be: a, b."),
        ('inputs.fixed.currency == "eur"', "`==` is never true here: `inputs.fixed.currency` is always EUR."),
        ('inputs.fixed.currency != "USD"', "`!=` is always true here: `inputs.fixed.currency` is always EUR."),
        (
            'inputs.amount.currency == "eur"',
            "`==` is never true here: `inputs.amount.currency` has three capital letters, like EUR.",
        ),
        (
            'inputs.count | upper == "yes"',
            "`==` is never true here: the value is changed by `upper`, so it would be YES.",
        ),
        (
            'inputs.fixed | string == "200 EUR"',
            f'`==` {LETTERS} the value is text and `"200 EUR"` is text. Compare numbers: add `| number` to both.',
        ),
        (
            'inputs.at | date("%A") == "saturday"',
            "`==` is never true here: the value can only be: "
            "Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday.",
        ),
        (
            'inputs.at | date("%p") in ["am"]',
            '`in` never finds `"am"` here: the value can only be: AM, PM.',
        ),
        (
            'run.requester == "Ann@example.com"',
            "`==` is never true here: `run.requester` has small letters in an email address.",
        ),
        (
            "inputs.count is true",
            "`is true` is never true here: `inputs.count` is text. "
            'Compare it with a text, such as `inputs.count == "yes"`.',
        ),
        (
            "inputs.n is defined and inputs.n is false",
            "`is false` is never true here: `inputs.n` is a number. Compare it with a number, such as `inputs.n > 0`.",
        ),
        (
            'inputs.size is defined and inputs.size == "XL"',
            "`==` is never true here: `inputs.size` can only be: 5, 10, 100.",
        ),
        ('inputs.tags | first | upper == "C"', "`==` is never true here: the value can only be: A, B."),
        ('("a" if inputs.ok else "b") == "c"', "`==` is never true here: the value is another text."),
        ('inputs.day == "1.3.2026"', "`==` is never true here: `inputs.day` must be a date, like 2026-01-31."),
        (
            'inputs.at == "2026-03-02T09:00:00+01:00"',
            "`==` is never true here: `inputs.at` is written 2026-03-02T08:00:00Z.",
        ),
        ('inputs.to == "Ann@Example.com"', "`==` is never true here: `inputs.to` is written Ann@example.com."),
        ("inputs.n == 2.5", "`==` is never true here: `inputs.n` must be a whole number."),
        ('inputs.count == ""', "`==` is never true here: `inputs.count` is required, so it is never empty."),
        (
            'steps.ask.note == ""',
            "`==` is never true here: `steps.ask.note` is none where it is left empty, so ask `is none`.",
        ),
        (
            '[inputs.fixed.amount, "200"] | max == "x"',
            f"`max` compares numbers or dates, but this is a list of texts. {NO_ORDER}",
        ),
        ("(inputs.tags | min) is none", f"`min` compares numbers or dates, but this is a list of texts. {NO_ORDER}"),
        (
            '([inputs.fixed.amount, "200"] | sort | last) is none',
            "`sort` orders texts by their letters, but the texts of this list look like numbers. "
            "Make a list of numbers: add `| number` to each.",
        ),
        (
            'inputs.day | date("DD.MM.YYYY") == "a"',
            "`date` prints this for every date: `DD.MM.YYYY`. Write `date('%d.%m.%Y')`.",
        ),
        *(
            (f'inputs.at | date("{pattern}") == "a"', f"`date` prints this for every date: `{pattern}`. {hint}")
            for pattern, hint in (
                ("YYYY-MM-DD HH:mm", "Write `date('%Y-%m-%d %H:%M')`."),
                ("dd/mm/yyyy", "Write `date('%d/%m/%Y')`."),
                ("MMM DD, YYYY", "Write `date('%b %d, %Y')`."),
                ("hh:mm:ss", "Write `date('%I:%M:%S')`."),
                ("short", "Write it like `date('%d.%m.%Y')`."),
            )
        ),
        *(
            (f'inputs.at | date("{pattern}") == "a"', f"`date` prints these letters as they are: `{letters}`. {hint}")
            for pattern, letters, hint in (
                ("%d.%m.YYYY", "YYYY", "Write `date('%d.%m.%Y')`."),
                ("%Y-%m-%d HH:mm", "HH", "Write `date('%Y-%m-%d %H:%M')`."),
                ("%H:mm", "mm", "Write `date('%H:%M')`."),
                ("%Y-%m-%dTHH:%M", "THH", "Write `date('%Y-%m-%dT%H:%M')`."),
            )
        ),
        (
            'inputs.at | date("%%d") == "a"',
            "`date` prints this for every date: `%%d`. Write it like `date('%d.%m.%Y')`.",
        ),
        (
            'inputs.fixed == {"amount": "200", "currency": "USD"}',
            "`==` never compares across currencies, but `inputs.fixed` is money in EUR (a mapping) and the value is "
            "money in USD (a mapping). Compare money of one currency.",
        ),
        ('inputs.tags == ["c"]', "`==` is never true here: `inputs.tags` can only be: a, b."),
    ],
)
def test_a_comparison_of_texts_without_meaning_is_reported_with_the_file(expression: str, sentence: str) -> None:
    clashes = clashes_of(expression.replace("'", '"'))
    assert (22, 11, sentence) in clashes
    load(WORKFLOW.replace("EXPRESSION", expression.replace("'", '"')).encode(), kinds=builtin(), registered=True)


@pytest.mark.parametrize(
    "expression",
    [
        'inputs.any | string == "a" or inputs.any | date("%d" ~ "%m") == "a"',
        "inputs.any | upper == inputs.any",
        'inputs.count | upper == (3 if inputs.ok else "YES") or inputs.any | upper == "YES"',
        'inputs.at | date("%A") in ["Saturday", "Sunday"] or inputs.at | date("%H") == "09"',
        'run.requester == "ann@example.com" or run.requester == "U012AB3CD"',
        "inputs.ok is true and inputs.any is false",
        'inputs.day >= "2026-01-01" and inputs.at > inputs.day',
        'inputs.at | date("%Y-%m-%d") > "2026-01-01"',
        'inputs.at | date("%H") | number >= 17',
        'run.started_at > "2026-01-01T00:00:00Z"',
        'inputs.count > "2026-01-01"',
        "inputs.any > inputs.day",
        "inputs.any > inputs.any.b",
        "inputs.size | number > 50",
        'inputs.size in ["5", "100"] or inputs.size != "10"',
        'inputs.size in "5, 10"',
        'inputs.fixed.currency == "EUR" and inputs.amount.currency != "USD"',
        'inputs.count | upper == "YES"',
        'inputs.tags | first | upper == "A"',
        'inputs.any == "200" or inputs.any == 200',
        "inputs.fixed == inputs.amount",
        "([inputs.fixed | number, 200] | max) > 200",
        '([inputs.day, "2026-01-01"] | max) > "2026-01-01"',
        '(inputs.tags | sort | first) == "a"',
        "inputs.any in inputs.tags",
        'inputs.to == "ann@example.com"',
        'inputs.day == "2026-03-01"',
        "steps.ask.note == none",
    ],
)
def test_a_comparison_with_a_meaning_passes(expression: str) -> None:
    assert clashes_of(expression) == []


PASSED_ON = """\
name: a
inputs:
  amount: {type: money, currency: EUR}
  size: {type: choice, options: [S, M]}
  n: {type: integer, required: false}
  any: json
steps:
  - id: kept
    uses: set
    with: {amount: "{{ inputs.amount }}", size: "{{ inputs.size }}", digits: "{{ inputs.amount.amount }}", word: low,
      text: "Size {{ inputs.size }}", n: "{{ inputs.n }}", any: "{{ inputs.any }}", list: [1], big: true, count: 3}
  - id: edited
    uses: set
    with: {size: "{{ inputs.size }}", word: low, none: null, list: [1], map: {a: 1}, count: 3, inner: {a: b},
      typed: "{{ inputs.size }}"}
    gate: {edit: [size, word, none, list, map, count, {typed: text}, inner.a]}
  - id: one
    uses: set
    when: '{{ EXPRESSION }}'
"""


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ('steps.kept.amount.amount > "100"', "Write `steps.kept.amount.amount | number > 100`."),
        ('steps.kept.digits == "100"', "compares letter by letter"),
        ('steps.kept.size == "XL"', "`==` is never true here: `steps.kept.size` can only be: S, M."),
        ('steps.edited.size == "XL"', "`==` is never true here: `steps.edited.size` can only be: S, M."),
        ('steps.kept.word > "high"', "Texts have no order"),
        ('steps.kept.text > "Size L"', "Texts have no order"),
        ('steps.kept.n == "3"', "`==` is never true here: `steps.kept.n` is a number"),
        ('steps.kept.big == "true"', "`==` is never true here: `steps.kept.big` is true or false"),
        ('steps.edited.count == "3"', "`==` is never true here: `steps.edited.count` is a number"),
        ("steps.kept.list", "A condition needs true or false, but `steps.kept.list` is a list."),
    ],
)
def test_the_type_of_a_value_that_a_step_passes_on_is_known(expression: str, sentence: str) -> None:
    (clash,) = clashes_of(expression, PASSED_ON)
    assert sentence in clash[2]


@pytest.mark.parametrize(
    "expression",
    [
        'steps.kept.any > 3 and steps.kept.any == "x"',
        'steps.kept.word == "high"',  # The builder of the workflow may change this constant.
        'steps.kept.size == "M" and steps.edited.word == "high"',
        'steps.edited.none == "x" or steps.edited.none == 3',
        'steps.edited.list == 3 or steps.edited.map == "x"',
        'steps.edited.typed == "XL"',
        'steps.edited.inner.a == "x" and steps.edited.inner == "y"',
        "steps.kept.amount | number > 100",
        "steps.kept.big",
        "steps.kept.size | default(3) == 3",
    ],
)
def test_a_value_that_people_may_edit_on_the_way_has_no_known_type(expression: str) -> None:
    assert clashes_of(expression, PASSED_ON) == []


def test_a_clash_is_reported_once() -> None:
    assert len(clashes_of("inputs.amount + 1")) == 1
    assert len(clashes_of("inputs.nothing + 1")) == 1


def test_an_unreadable_declaration_gives_no_type() -> None:
    source = WORKFLOW.replace("amount: money", "amount: mony").replace("EXPRESSION", "inputs.amount > 100")
    with pytest.raises(DefinitionError) as caught:
        load(source.encode(), kinds=builtin())
    assert [problem.path for problem in caught.value.problems] == ["inputs.amount"]


def test_texts_are_checked_too() -> None:
    source = WORKFLOW.replace("'{{ EXPRESSION }}'", "true\n    with: {x: 'Twice: {{ inputs.amount * 2 }}'}")
    with pytest.raises(DefinitionError, match=r"`\*` needs numbers"):
        load(source.encode(), kinds=builtin())
