"""What a program asks is checked before people see it, and each problem is named by its place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from engine import json_values
from engine.domain import Address, Origin
from engine.domain.asks import Ask, AskContent, AskUse, InvalidAsk
from engine.fields import Field, FieldType
from engine.service import ask_validation
from engine.workflowfile.ask_names import NAMES

LEE = Address("email", "lee@example.com")
deep: Any = 1
for _ in range(70):
    deep = [deep]


def an_ask(**content: Any) -> Ask:
    whole = AskContent(**{"title": "Refund", **content})
    return Ask(content=whole, actor=Address("api", "key1"), agent="Bot", origin=Origin(surface="api"))


def errors(**content: Any) -> Mapping[str, str]:
    checked = ask_validation.check(an_ask(**content))
    return checked.errors if isinstance(checked, InvalidAsk) else {}


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ({}, {}),
        ({"title": "\n"}, {"title": "is missing"}),
        ({"title": "x" * 301}, {"title": "is 301 characters long; at most 300 are taken"}),
        ({"tool": "x" * 201}, {"tool": "is 201 characters long; at most 200 are taken"}),
        ({"reasoning": "x" * 20_001}, {"reasoning": "is 20,001 characters long; at most 20,000 are taken"}),
        ({"risk": "huge"}, {"risk": "must be low, medium, high or critical"}),
        ({"arguments": {"a": deep}}, {"arguments": "cannot be taken: the data nests deeper than 64 levels"}),
        ({"arguments": dict.fromkeys(map(str, range(201)))}, {"arguments": "are more than 200"}),
        ({"arguments": {" ": 1}}, {"arguments": "have names of 1 to 200 characters"}),
        ({"fields": {"a": "colour"}}, {"fields.a.type": None}),
        ({"fields": {"a": "colour"}, "editable": ("a",)}, {"fields.a.type": None}),
        ({"fields": {"a": {"type": "file"}}}, {"fields.a": "cannot be a file here"}),
        ({"fields": {"a": "number"}, "arguments": {"a": "x"}}, {"arguments.a": None}),
        ({"fields": {"a": "number"}}, {}),
        ({"editable": ("a",)}, {"editable.a": "is not among the arguments"}),
        ({"editable": ("a.b",), "arguments": {"a": {"b": 1}}}, {}),
        ({"tool": "drop_table\u200b"}, {"tool": "has the invisible character U+200B, so no rule would know it"}),
        ({"tool": "\u202edrop_table"}, {"tool": None}),
        ({"tool": "drop\u00adtable"}, {"tool": None}),
        ({"tool": "drop_table\ufe0f"}, {"tool": None}),
        ({"tool": "drop_table\0"}, {"tool": None}),
        ({"server": "\u2066prod\U000e0061"}, {"server": None}),
        ({"tool": "\tr\u00fcckzahlung 返金\n", "server": "prod (EU)"}, {}),
        ({"expires_in": timedelta(days=367)}, {"expires_in": "must be from 1s to 366d"}),
        ({"echo": {"a": deep}}, {"echo": None}),
        ({"echo": {"a": "x" * 256_000}}, {"echo": "is longer than 256,000 characters"}),
        ({"external_id": "x" * 201}, {"external_id": "must have 1 to 200 characters"}),
        ({"data": "x" * 19_000, "arguments": {"a": "x" * 250_000}}, {"content": None}),
    ],
)
def test_each_problem_is_named_by_its_place(content: dict[str, Any], wrong: dict[str, str | None]) -> None:
    found = errors(**content)
    assert {path: None if wrong.get(path, "") is None else why for path, why in found.items()} == wrong


def test_an_ask_is_what_expressions_read() -> None:
    ask = an_ask(tool=" refund  it ", summary=" ", arguments={"amount": Decimal("1.50")}, use=AskUse.ONCE)
    scope = ask_validation.check(ask)
    assert isinstance(scope, dict)
    assert {*NAMES} <= {*scope}
    assert (scope["tool"], scope["summary"], scope["use"], scope["agent"]) == ("refund it", None, "once", "Bot")
    assert json_values.dumps(scope["arguments"]) == '{"amount":1.50}'


@given(
    st.dictionaries(st.text(min_size=1, max_size=5), st.recursive(st.none() | st.integers() | st.text(), st.lists)),
    st.text(min_size=1, max_size=20),
)
def test_the_same_content_has_the_same_digest_and_no_other(arguments: dict[str, Any], title: str) -> None:
    one, other = an_ask(title=title, arguments=arguments), an_ask(title=title, arguments={**arguments, "more": 1})
    scope = ask_validation.check(one)
    if isinstance(scope, InvalidAsk):
        return
    turned = an_ask(title=title, arguments=dict(reversed(arguments.items())))
    again, changed = ask_validation.check(turned), ask_validation.check(other)
    assert isinstance(again, dict)
    assert isinstance(changed, dict)
    assert ask_validation.body_digest(one, scope) == ask_validation.body_digest(turned, again)
    assert ask_validation.body_digest(one, scope) != ask_validation.body_digest(other, changed)


PARTS: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=2)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from([*FieldType]) | PARTS},
        optional={name: PARTS for name in Field.model_fields if name not in ("type", "options")}
        | {"options": PARTS | st.lists(st.sampled_from(["a", "b", {"value": "a", "label": "c"}]))},
    )
    | PARTS,
    PARTS,
)
@example({"type": "choice", "options": ["a"] * 101}, None)
@example({"type": "choices", "options": ["a,b"]}, "a,b")
@example({"type": "text", "options": ["a"]}, "a")
@example({"type": "number", "max_size": "5MB", "default": "x"}, 1)
def test_any_declaration_is_taken_or_named(declared: Any, value: Any) -> None:
    for arguments in {}, {"a": value}:
        named = errors(fields={"a": declared}, arguments=arguments)
        assert all(path.startswith(("fields.a", "arguments")) and why for path, why in named.items())
