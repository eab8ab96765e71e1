"""Filters and tests: the exact value of each, and the error for a value that does not fit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.expressions import SCOPE, error_of, same_value_and_type, value_of


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'aé' | upper", "AÉ"),
        ("'AÉ' | lower", "aé"),
        ("'hELLO you' | capitalize", "Hello you"),
        ('"they\'re (here) o-k" | title', "They're (Here) O-K"),
        ("'  a ' | trim", "a"),
        ("'a-b-c' | replace('-', '+')", "a+b+c"),
        ("'abc' | length", 3),
        ("[1, 2] | length", 2),
        ("{'a': 1} | length", 1),
        ("inputs.tags | first", "b"),
        ("inputs.numbers | last", Decimal("2.5")),
        ("inputs.tags | join", "bab"),
        ("[1, true, 'x'] | join(', ')", "1, true, x"),
        ("[] | join(', ')", ""),
        ("2.5 | round", 3),
        ("-2.5 | round", -3),
        ("7 | round", 7),
        ("2.345 | round(2)", Decimal("2.35")),
        ("7 | round(2)", Decimal("7.00")),
        ("-0.001 | round(2)", Decimal("0.00")),
        ("-3 | abs", 3),
        ("(0 - 2.5) | abs", Decimal("2.5")),
        ("' 12 ' | int", 12),
        ("'12.0' | int", 12),
        ("12.0 | int", 12),
        ("inputs.fee | number", Decimal("12.50")),
        ("'-1.5e2' | number", Decimal("-1.5E+2")),
        ("'+7' | number", 7),
        ("'.5' | number", Decimal("0.5")),
        ("5 | number", 5),
        ("5 | string", "5"),
        ("{'a': [1.50, none]} | json", '{"a":[1.50,null]}'),
        ("none | json", "null"),
        ("inputs.numbers | sort", [1, Decimal("2.5"), 3]),
        ("inputs.tags | sort", ["a", "b", "b"]),
        ("[] | sort", []),
        ("inputs.tags | unique", ["b", "a"]),
        ("[1, 1.0, true, '1', none, [1], [1.0], {'a': 1}, {'a': 1.00}, 0, -0.0] | unique", None),
        ("inputs.tags | reverse", ["b", "a", "b"]),
        ("inputs.numbers | sum", Decimal("6.5")),
        ("[] | sum", 0),
        ("inputs.numbers | min", 1),
        ("['2026-03-02', '2025-12-31'] | max", "2026-03-02"),
        ("['2026-03-02T09:00:00+01:00', '2026-03-02T08:30:00Z'] | max", "2026-03-02T08:30:00Z"),
        ("['2026-03-02T09:00:00+01:00', '2026-03-02'] | sort", ["2026-03-02", "2026-03-02T09:00:00+01:00"]),
        ("['2026-03-02', '2026-03-02T00:00'] | min", "2026-03-02"),
        ("steps.rows.items | map(attribute='n')", [1, 2]),
        ("steps.rows.items | map('n')", [1, 2]),
        ("[{'x': {'y': 1}}] | map(attribute='x.y')", [1]),
        ("steps.draft | keys", ["subject", "body"]),
        ("steps.draft | values", ["Hello", "World"]),
        ("'abcdef' | truncate(4)", "abc…"),
        ("'abcd' | truncate(4)", "abcd"),
        ("inputs.day | date('%d.%m.%Y')", "07.03.2025"),
        (
            "inputs.moment | date('%A %a %B %b %e %j %y %H %I %p %M %S %z %%')",
            "Friday Fri March Mar 7 066 25 15 03 PM 04 05 +0100 %",
        ),
        ("'2025-01-01T00:30' | date('%I %p')", "12 AM"),
        (
            "['9 very long words, so many that no person takes it for one number, and more', 'a'] | sort | last",
            "a",
        ),
        ("[{'amount': '5', 'currency': 'EUR'}, {'amount': '5.0', 'currency': 'EUR'}] | unique | length", 1),
        ("inputs.moment | date('%d %b %Y, %H:%M')", "07 Mar 2025, 15:04 UTC+01:00"),
        ("'2025-03-07T15:04:05Z' | date('%d %b %Y, %H:%M')", "07 Mar 2025, 15:04 UTC"),
        ("'2025-03-07T15:04:05Z' | date('%I:%M %p')", "03:04 PM UTC"),
        ("'2025-03-07T15:04:05Z' | date('%H:%M', 'Europe/Berlin')", "16:04"),
        ("'2025-07-07T23:04:05Z' | date('%d %b %H:%M %Z', 'Europe/Berlin')", "08 Jul 01:04 CEST"),
        ("inputs.moment | date('%d %b %H:%M %z', 'America/New_York')", "07 Mar 09:04 -0500"),
        ("'2025-03-07T15:04:05Z' | date('%H:%M UTC')", "15:04 UTC"),
        ("'2025-03-07T15:04:05Z' | date('%H:%M %Z')", "15:04 UTC"),
        ("'2025-03-07T15:04:05Z' | date('%Y-%m-%dT%H:%M:%SZ')", "2025-03-07T15:04:05Z"),
        ("'2025-03-07T15:04:05Z' | date('%Y-%m-%dT%H:%M:%S')", "2025-03-07T15:04:05Z"),
        ("inputs.moment | date('%Y-%m-%dT%H:%M:%S')", "2025-03-07T15:04:05+0100"),
        ("'2025-03-07T15:04:05Z' | date('%d.%m.%Y')", "07.03.2025"),
        ("'2025-03-07T15:04:05Z' | date('%H')", "15"),
        ("'2025-03-07T15:04:05Z' | date('%H%M') | number", 1504),
        ("'2025-03-07T15:04' | date('%H:%M')", "15:04"),
        ("inputs.day | date('%d.%m.%Y', 'Asia/Tokyo')", "07.03.2025"),
    ],
)
def test_a_filter_gives_an_exact_value(expression: str, value: Any) -> None:
    expected = [1, True, "1", None, [1], {"a": 1}, 0] if value is None else value
    result = value_of("{{ " + expression + " }}")
    assert same_value_and_type(result, expected)
    if isinstance(result, list):
        assert list(map(type, result)) == list(map(type, expected))


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("inputs.amount | upper", "`upper` works on text, but inputs.amount is a number; add `| string`"),
        ("inputs.note | upper", "`upper` works on text, but inputs.note is empty (none); add `| default(…)`"),
        ("inputs.name | round", "`round` works on a number, but inputs.name is text; add `| number`"),
        ("inputs.ok | abs", "`abs` works on a number, but inputs.ok is true or false"),
        ("inputs.name | sort", "`sort` works on a list, but inputs.name is text"),
        ("inputs.tags | keys", "`keys` works on a mapping, but inputs.tags is a list"),
        ("5 | length", "`length` works on text, a list or a mapping, but the value is a number"),
        ("inputs.name | replace('a', 1)", "an argument of `replace` is a number, but it has to be text"),
        ("inputs.name | replace('', 'b')", '`replace` needs a text to look for, not ""'),
        ("inputs.name | truncate(0)", "`truncate` needs a length of at least 1, not 0"),
        ("inputs.name | truncate(2.5)", "an argument of `truncate` is a number, but it has to be a whole number"),
        ("5 | round(-1)", "`round` keeps 0 to 50 decimal places, not -1"),
        ("5 | round(10000000)", "`round` keeps 0 to 50 decimal places"),
        ("1e399 | round(50)", "more than 400 digits"),
        ("'12.5' | int", "12.5 is not a whole number; use `| round`"),
        ("'abc' | int", '"abc" is not a number; write it like 1234.50'),
        ("'1,234.50' | number", '"1,234.50" is not a number'),
        ("'٣' | number", "is not a number"),
        ("'1e9999' | number", "more than 400 digits"),
        ("true | number", "a number was expected, but this is true or false"),
        ("none | int", "a number was expected, but this is empty (none)"),
        ("[1, 'a'] | sort", "`sort` needs a list of numbers, of dates or of texts"),
        ("[none] | max", "`max` needs a list of numbers or of dates"),
        ("[true, 1] | min", "`min` needs a list of numbers or of dates"),
        ("inputs.tags | max", "`max` needs numbers or dates, but this is a list of texts, and texts have no order"),
        ("['9', '1000'] | min", "texts have no order"),
        ("['9 EUR', '1,000 EUR'] | sort", "`sort` needs numbers or dates, but this is a list of texts, and these look"),
        ("['2026-03-02T09:00', '2026-03-02T09:00Z'] | sort", "`sort` needs times that all have an offset"),
        ("[1, 'a'] | sum", "`sum` adds numbers, but item 1 of the list is text"),
        ("steps.rows.items | map('x')", "`map` found no `x` in item 1 of the list: it has n"),
        ("inputs.tags | map('upper')", "it is text; `map` looks keys up, it applies no filter"),
        ("steps.rows.items | map('x.z')", "`map` found no `z` in item 0 of the list: it has y"),
        ("inputs.name | date('%Y')", '"Ada Lovelace" is not a date; `date` reads 2025-01-31'),
        ("('2025-01-01' ~ '                                        x') | date('%Y')", "is not a date"),
        (
            "inputs.moment | date('%H:%M', 'Europe/' ~ 'Berln')",
            "there is no time zone `Europe/Berln`; write it like Eur",
        ),
        ("inputs.moment | date('%H:%M', '../' ~ '../etc/passwd')", "there is no time zone"),
        (
            "'2025-03-07T15:04' | date('%H:%M', 'Europe/Berlin')",
            "has no offset, so no time zone can be found for it",
        ),
        ("'0001-01-01T00:00Z' | date('%H:%M', 'America/New_York')", "is too far away to be told in another time zone"),
        ("inputs.day | date('%' ~ 'Q')", "`date` does not know `%Q`; use %Y"),
        ("inputs.absent | upper", "inputs has no `absent`"),
    ],
)
def test_a_filter_names_the_value_that_does_not_fit(expression: str, sentence: str) -> None:
    assert sentence in error_of("{{ " + expression + " }}")


@pytest.mark.parametrize(
    ("test", "matching"),
    [
        ("none", {"note"}),
        ("number", {"amount", "price"}),
        ("string", {"name", "to", "_id", "day", "moment"}),
        ("mapping", {"fee", "nothing"}),
        ("sequence", {"tags", "numbers", "empty"}),
        ("boolean", {"ok", "off"}),
    ],
)
def test_a_test_tells_the_kinds_apart(test: str, matching: set[str]) -> None:
    assert {name for name in SCOPE["inputs"] if value_of(f"{{{{ inputs['{name}'] is {test} }}}}")} == matching
    assert value_of(f"{{{{ inputs.amount is not {test} }}}}") is ("amount" not in matching)


def test_is_true_and_is_false_need_a_boolean() -> None:
    """A text such as "true" is neither, so that it skips no gate."""
    for name, is_true, is_false in (("ok", True, False), ("off", False, True), ("note", False, False)):
        assert value_of(f"{{{{ inputs.{name} is true }}}}") is is_true
        assert value_of(f"{{{{ inputs.{name} is false }}}}") is is_false
    for name in ("amount", "name", "tags", "fee"):
        for word in ("true", "false"):
            message = error_of(f"{{{{ inputs.{name} is {word} }}}}")
            assert message.startswith(f"`is {word}` needs true or false, but this is ")
