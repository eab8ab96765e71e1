"""Literals and operators: the exact value of each, and the error for operands that do not fit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.expressions import error_of, same_value_and_type, value_of


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1", 1),
        ("1_000", 1000),
        ("0x10", 16),
        ("1.50", Decimal("1.50")),
        ("12345678901234567890.123456789", Decimal("12345678901234567890.123456789")),
        ("1_0.5", Decimal("10.5")),
        ("1e2", Decimal("1E+2")),
        ("'a' 'b'", "ab"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud83d"', "\ufffd"),
        ("true", True),
        ("none", None),
        ("[1, 'a', [none]]", [1, "a", [None]]),
        ("{'a': 1, 'b': {}}", {"a": 1, "b": {}}),
        ("-3", -3),
        ("- 2.5", Decimal("-2.5")),
        ("-0.0", Decimal("0.0")),
        ("+3", 3),
        ("1 + 2", 3),
        ("1 + 2.50", Decimal("3.50")),
        ("7 - 2", 5),
        ("7.5 - 2", Decimal("5.5")),
        ("6 * 7", 42),
        ("1.5 * 2", Decimal("3.0")),
        ("6 / 3", Decimal(2)),
        ("1 / 3", Decimal("0." + "3" * 50)),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("-7.0 // 2", Decimal(-4)),
        ("7.0 // 2", Decimal(3)),
        ("7 % 3", 1),
        ("-7 % 3", 2),
        ("-7.5 % 2", Decimal("0.5")),
        ("7.5 % 2", Decimal("1.5")),
        ("2 + 3 * 4", 14),
        ("'a' + 'b'", "ab"),
        ("[1] + [2]", [1, 2]),
        ("1 ~ 'a' ~ true", "1atrue"),
        ("1 == 1.0", True),
        ("[true] == [1]", False),
        ("[1, 'a'] == [1.0, 'a']", True),
        ("[1] == [1, 2]", False),
        ("{'a': [1]} == {'a': [1.0]}", True),
        ("{'a': 1} == {'b': 1}", False),
        ("{'a': 1} == {'a': 2}", False),
        ("{'amount': '5', 'currency': 'EUR'} == {'amount': '5.00', 'currency': 'EUR'}", True),
        ("{'amount': '5', 'currency': 'EUR'} < {'amount': 5.01, 'currency': 'EUR'}", True),
        ("{'amount': '5', 'currency': 'EUR'} in [{'amount': '5.0', 'currency': 'EUR'}]", True),
        ("{'amount': '5', 'currency': 'EUR'} >= 5", True),
        ("[{'amount': '10', 'currency': 'EUR'}, {'amount': '9', 'currency': 'EUR'}] | max | number", 10),
        ("{'amount': '5x', 'currency': 'EUR'} == {'amount': '5', 'currency': 'EUR'}", False),
        ("{'amount': 5, 'currency': 'EUR'} == {'amount': 5.0, 'currency': 'EUR'}", True),
        ("'007' == '7'", False),
        ("'' == 7", False),
        ("none == 7", False),
        ("false == 7", False),
        ("false == 'x'", False),
        ("'2026-03-02' < '2026-03-10'", True),
        ("'2026-03-02' < '2026-03-02T00:00:01Z'", True),
        ("'2026-03-02T09:00:00+01:00' < '2026-03-02T08:30:00Z'", True),
        ("'2026-03-02T09:00' >= '2026-03-02'", True),
        ("'2026-03-02' == '2026-03-02T00:00:00Z'", False),
        ("3 in []", False),
        ("3 in [none, '']", False),
        ("none in [1]", False),
        ("none in {'a': 1}", False),
        ("'a' != 'b'", True),
        ("none == none", True),
        ("1 < 2 < 3", True),
        ("3 > 2 > 2", False),
        ("1 <= 1.0", True),
        ("2 >= 3", False),
        ("1 in [1.0]", True),
        ("3 not in [1]", True),
        ("'a' in {'a': 1}", True),
        ("'b' in 'abc'", True),
        ("'b' not in 'abc'", False),
        ("true and false", False),
        ("true and true", True),
        ("false or true", True),
        ("not false", True),
        ("1 if true else 2", 1),
        ("1 if 1 > 2 else 2", 2),
        ("none if false else none", None),
    ],
)
def test_an_operator_gives_an_exact_value(expression: str, value: Any) -> None:
    assert same_value_and_type(value_of("{{ " + expression + " }}"), value)


def test_and_or_and_if_evaluate_only_the_operands_that_matter() -> None:
    assert value_of("{{ false and inputs.absent }}") is False
    assert value_of("{{ true or inputs.absent }}") is True
    assert value_of("{{ 1 if true else inputs.absent }}") == 1
    assert value_of("{{ 2 < 1 < inputs.absent }}") is False


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("inputs.name + 1", "`+` adds two numbers, two texts or two lists, but inputs.name is text and the value is a"),
        ("1 - inputs.name", "`-` needs numbers, but inputs.name is text; add `| number`"),
        ("inputs.ok * 2", "`*` needs numbers, but inputs.ok is true or false"),
        ("inputs.name * 2", "`*` needs numbers, but inputs.name is text; add `| number`"),
        ("inputs.tags % 2", "`%` needs numbers, but inputs.tags is a list"),
        ("inputs.note - 1", "`-` needs numbers, but inputs.note is empty (none); add `| default(…)`"),
        ("inputs.fee * 2", "inputs.fee is money (a mapping); add `| number`"),
        ("inputs.nothing * 2", "inputs.nothing is a mapping; pick one of its keys"),
        (
            "inputs.fee > 100",
            "`>` compares money with a number only where the field fixes its currency, but inputs.fee is 12.50 EUR; ",
        ),
        ("-inputs.name", "`-` needs numbers, but inputs.name is text"),
        ("+inputs.ok", "`+` needs numbers, but inputs.ok is true or false"),
        ("1 / 0", "divides by zero"),
        ("1.5 // 0", "divides by zero"),
        ("1 % 0.0", "divides by zero"),
        ("1e-399 / 1e300", "more digits than can be kept"),
        ("1e399 // 0.1", "more digits than can be kept"),
        ("1e399 * 1e399", "more digits than can be kept"),
        (
            "inputs.amount < inputs.name",
            "`<` compares two numbers or amounts of money, or two dates or times, but inputs.amount is a number",
        ),
        ("inputs.amount < inputs.name", "add `| number` to the text"),
        (
            "inputs.ok > false",
            "`>` compares two numbers or amounts of money, or two dates or times, but inputs.ok is true or false",
        ),
        ("'2026-13-01' > '2026-01-01'", "texts have no order"),
        ("'1000' > '200'", "texts have no order, so add `| number` to both if they are numbers"),
        (
            "'100%' > '90%'",
            "`>` compares two numbers or amounts of money, or two dates or times, but the value is text and the",
        ),
        ("'high' > 'low'", "texts have no order"),
        ("'20260302' > '2026-03-02'", "texts have no order"),
        ("'2026-03-02T09:00' < '2026-03-02T09:00Z'", "give both times an offset, such as Z or +01:00"),
        ("true == 1", "`==` compares values of one kind, but the value is true or false and the value is a number"),
        ("'1' == 1", "write the number without quotes, or add `| number` to the text"),
        ("inputs.ok == 'yes'", "inputs.ok is true or false and the value is text; write true or false without quotes"),
        ("false == 'no'", "write true or false without quotes"),
        ("false != 0", "`!=` compares values of one kind"),
        ("inputs.fee == 12.50", "compare it with money, or add `| number` if the currency does not matter"),
        ("'200' == '200.00'", "are one number, written in two ways; add `| number` to both"),
        (
            "'2026-03-02T09:00:00+01:00' != '2026-03-02T08:00:00Z'",
            "are one time, written in two ways; write both with Z",
        ),
        ("'Ada@example.com' == inputs.to", "are one email address, written in two ways; add `| lower` to both"),
        ("'ADA@example.com' in [inputs.to]", "are one email address, written in two ways"),
        ("true in [1]", "`in` looks for true or false (the value) in a list that has only other kinds of values"),
        ("3 not in ['3']", "such as text; write the number without quotes"),
        ("'200' in ['200.00']", "are one number, written in two ways"),
        ("1 in {'a': 1}", "`in` looks for a key in the value, but the value is a number; add `| string`"),
        ("1 in inputs.name", "`in` looks for text in inputs.name, not for a number; add `| string`"),
        ("1 in inputs.amount", "`in` looks into a list, a mapping or text, but inputs.amount is a number"),
        (
            "inputs.name and true",
            '`and` needs true or false, but inputs.name is text; compare it with a text, such as `== "yes"`',
        ),
        (
            "inputs.amount or true",
            "`or` needs true or false, but inputs.amount is a number; compare it with a number, such as `> 0`",
        ),
        ("not inputs.note", "`not` needs true or false, but inputs.note is empty (none); ask `is none`"),
        ("1 if inputs.tags else 2", "`if` needs true or false, but inputs.tags is a list; compare its size"),
    ],
)
def test_an_operator_names_the_operand_that_does_not_fit(expression: str, sentence: str) -> None:
    assert sentence in error_of("{{ " + expression + " }}")
