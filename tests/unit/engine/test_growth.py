"""What data makes longer takes longer in proportion, and no more: one form or answer cannot hold everybody up.

The CPU time of this process for one size is held against that for the size before, which is a quarter of it. Linear
work takes four times as long, quadratic work sixteen times; the line is drawn at nine, and what takes less than a few
hundredths of a second says nothing.
"""

from __future__ import annotations

import contextlib
import gc
import io
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from bot.email import message
from bot.presentation import request_card
from bot.presentation.characters import stretches
from bot.slack import details_modal, ids, message_view, request_modals, text_objects, view_state
from bot.terminal.view import render_card
from bot.web import form_inputs, review_view
from engine import fields, json_values
from engine.errors import ExpressionError, InvalidValue
from engine.expressions import compile_template
from engine.fields import Field, FieldType
from engine.json_values import Path, Value
from engine.redaction import Redactor
from tests.support import samples
from tests.support.email_env import envelope

SIZES: Final = (500, 2_000, 8_000, 32_000)
GROWTH: Final = 9
"""Times that four times as much may take."""
UNSURE: Final = 0.04
"""Seconds of CPU that other things of the process may take meanwhile."""
TRIES: Final = 10
"""How often a size that seems to take too long is measured again."""
Work: TypeAlias = Callable[[str], object]


def cost(work: Work, given_text: str) -> float:
    """Seconds of CPU, the least of two: other processes make it more, and never less."""
    spent = []
    for _ in range(2):
        before = time.process_time()
        with contextlib.suppress(InvalidValue, ExpressionError):
            work(given_text)
        spent.append(time.process_time() - before)
    return min(spent)


def grows_with_its_text(name: str, work: Work, make: Callable[[int], str]) -> None:
    """Fails at the first size that takes much more than the one before, so that it never takes long to fail.

    What takes too long is measured again: on a machine that is busy the least of many is what the work needs.
    """
    before = None
    gc.disable()
    try:
        for size in SIZES:
            text = make(size)
            now = cost(work, text)
            if before is not None:
                most, left = GROWTH * before + UNSURE, TRIES
                while now > most and left:
                    now, left = min(now, cost(work, text)), left - 1
                assert now <= most, f"{name}: {size:,} characters take {now:.3f} s, after {before:.3f}"
            before = now
    finally:
        gc.enable()


UNITS: Final = {
    "letters": "a ",
    "digits": "1",
    "groups": "1,",
    "points": "1.",
    "spaces": " ",
    "lines": "a\n",
    "returns": "\r",
    "quotes": '"',
    "escapes": "\\ud83d",
    "brackets": "[",
    "markup": "&<>*_",
    "turning": "a\u202e",
    "right to left": "\u05d0\na\n",
    "marks": "e\u0301",
    "joiners": "\U0001f469\u200d",
    "flags": "\U0001f1e9\U0001f1ea",
    "tags": "\U000e0041",
    "dots": "a.",
    "signs": "€1",
    "words": "yes UTC ",
}
"""What a text is made of, over and over."""
ENDS: Final = (
    ("", ""),
    ("2026-01-01T00:00", "x"),
    ("1", "x"),
    ("", " EUR"),
    ('"', '"'),
    ("a@", ""),
    ("https://a.com/", "x"),
)
units = pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())
kinds = pytest.mark.parametrize("kind", list(FieldType))


def repeated(unit: str, first: str = "", last: str = "") -> Callable[[int], str]:
    return lambda size: first + unit * (size // len(unit)) + last


def declared(kind: FieldType) -> Field:
    options: dict[str, Any] = {"options": ["a", "b"]} if kind in (FieldType.CHOICE, FieldType.CHOICES) else {}
    return Field.model_validate({"type": kind, "required": False, **options})


def of_field(field: Field) -> dict[str, Work]:
    """Everything that is done with a text in a field: typed, given as a value, shown, edited on each surface."""
    money = field.type is FieldType.MONEY

    def value(typed: str) -> Value:
        return {"amount": typed, "currency": "EUR"} if money else [typed] if field.type is FieldType.CHOICES else typed

    def on_page(typed: str) -> object:
        name = form_inputs.key("x")
        raws = {name: [typed], f"{name}-amount": [typed]}
        return form_inputs.read_edits([("x", field, "before")], raws)

    def in_slack(typed: str) -> object:
        block = ids.field_block("x", version=1)
        state = {block: {ids.INPUT: {"type": "plain_text_input", "value": typed}}}
        return view_state.read_inputs(state, {"x": field})

    return {
        "typed": lambda typed: fields.from_text(field, typed),
        "given": lambda typed: fields.validate(field, value(typed)),
        "shown": lambda typed: fields.show(field.type, value(typed)),
        "compared": lambda typed: fields.same(field, value(typed), value(f"{typed} ")),
        "inferred": lambda typed: fields.infer(value(typed)),
        "the input of a page": lambda typed: form_inputs.inputs("x", field, value(typed)),
        "a page": on_page,
        "Slack": in_slack,
    }


@kinds
@units
def test_the_time_for_a_field_grows_with_its_text(kind: FieldType, unit: str) -> None:
    field = declared(kind)
    for name, work in of_field(field).items():
        for first, last in ENDS if name in ("typed", "given") else ENDS[:1]:
            grows_with_its_text(f"{kind}, {name}", work, repeated(unit, first, last))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(list(FieldType)),
    unit=st.text(st.sampled_from("019.,'_ +-eETZ:@/\\\"[]{}<>|Uab\u00a0\u2019€\r\n\t"), min_size=1, max_size=4),
    ends=st.sampled_from(ENDS),
)
def test_no_text_that_is_repeated_is_typed_in_more_than_its_time(
    kind: FieldType, unit: str, ends: tuple[str, str]
) -> None:
    field = declared(kind)
    grows_with_its_text(str(kind), lambda typed: fields.from_text(field, typed), repeated(unit, *ends))


# -- JSON, and many things at once --------------------------------------------------------------------------

JSON: Final[dict[str, Callable[[int], str]]] = {
    "digits": lambda size: "1" * size,
    "decimals": lambda size: f"0.{'1' * size}",
    "exponents": lambda size: f"1e{'1' * size}",
    "nesting": lambda size: "[" * size + "]" * size,
    "numbers": lambda size: f"[{'1.5,' * (size // 4)}1]",
    "names": lambda size: "{" + ",".join(f'"{number}":1' for number in range(size // 8)) + "}",
    "halves": lambda size: '"' + "\\ud83d" * (size // 6) + '"',
    "cut": lambda size: '"' + "a" * size,
}


@pytest.mark.parametrize("make", JSON.values(), ids=JSON.keys())
def test_the_time_for_json_grows_with_its_text(make: Callable[[int], str]) -> None:
    grows_with_its_text("loads", lambda text: json_values.digest(json_values.clean(json_values.loads(text))), make)
    grows_with_its_text("show", lambda text: fields.show(FieldType.JSON, json_values.loads(text)), make)
    grows_with_its_text("card", lambda text: request_card.request_card(request("json", json_values.loads(text))), make)


def test_the_time_for_many_edits_grows_with_their_number() -> None:
    whole: dict[str, Value] = {f"f{number}": number for number in range(SIZES[-1] // 4)}
    some: dict[int, dict[Path, Value]] = {size: {(name,): 0 for name in [*whole][: size // 4]} for size in SIZES}
    grows_with_its_text("replace", lambda text: json_values.replace_all(whole, some[len(text)]), repeated("x"))


def test_the_time_for_what_is_chosen_grows_with_its_number() -> None:
    field = declared(FieldType.CHOICES)
    grows_with_its_text("typed", lambda text: fields.from_text(field, text), repeated("a,"))
    grows_with_its_text("order", lambda text: fields.in_order(field, [*text], text), repeated("ab"))
    grows_with_its_text("page", lambda text: form_inputs.inputs("x", field, [*text]), repeated("ab"))


# -- what shows it ------------------------------------------------------------------------------------------


def request(kind: str, value: Value) -> Any:
    return samples.request({"x": (kind, value)})


RENDERERS: Final[dict[str, Work]] = {
    "card": lambda text: request_card.request_card(request("long_text", text)),
    "page": lambda text: review_view.review(request("long_text", text), None),
    "edits of a page": lambda text: review_view.edits(request("long_text", text), {form_inputs.key("x"): [f"{text}x"]}),
    "message": lambda text: message_view.message(laid(text), delivery="d"),
    "details": lambda text: details_modal.details(laid(text), metadata=ids.ModalRef()),
    "modal": lambda text: request_modals.edit(request("long_text", text), metadata=ids.ModalRef()),
    "pieces": lambda shown: [*text_objects.pieces(shown, ids.SECTION)],
    "email": lambda text: message.mail(laid(text), envelope()),
    "lines of an email": stretches,
    "terminal": lambda text: Console(file=io.StringIO(), width=100).print(render_card(laid(text))),
    "redaction": lambda text: Redactor([("secret-value", "NAME")]).redact(f"{text} secret-value"),
}


def laid(text: str) -> Any:
    return request_card.request_card(request("long_text", text))


@units
@pytest.mark.parametrize("name", RENDERERS)
def test_the_time_to_show_a_text_grows_with_it(name: str, unit: str) -> None:
    grows_with_its_text(name, RENDERERS[name], repeated(unit))


FILTERS: Final = (
    *("upper", "lower", "capitalize", "title", "trim", "length", "string", "json", "number", "int"),
    *("replace('aa', 'b')", "truncate(10)", "date('%Y')", "default('')"),
)


@units
@pytest.mark.parametrize("name", FILTERS)
def test_the_time_of_a_filter_grows_with_its_text(name: str, unit: str) -> None:
    template = compile_template(f"{{{{ inputs.x | {name} }}}}")
    grows_with_its_text(name, lambda text: template.render({"inputs": {"x": text}}), repeated(unit))


@pytest.mark.parametrize("name", ["sort", "unique", "reverse", "min", "max", "first", "last", "join(',')", "json"])
def test_the_time_of_a_filter_grows_with_its_list(name: str) -> None:
    template = compile_template(f"{{{{ inputs.x | {name} }}}}")
    grows_with_its_text(
        name, lambda text: template.render({"inputs": {"x": [str(n) for n in range(len(text))]}}), repeated("x")
    )
