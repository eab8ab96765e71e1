"""The time for a text grows in proportion to its length, so that no form or answer can block the server.

A test compares the CPU time for one size with the time for a quarter of that size. Linear work takes four times as
long, quadratic work sixteen times; more than `MAX_GROWTH` times fails. Times below the error of the measurement are
not compared.
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
from engine.pace import LocalPace, Rate
from engine.redaction import Redactor
from tests.support import samples
from tests.support.email_env import envelope
from tests.support.examples import example_count

SIZES: Final = (500, 2_000, 8_000, 32_000)
MAX_GROWTH: Final = 9
"""Maximum ratio of the CPU times of two sizes, of which the larger is four times the smaller."""
MEASUREMENT_ERROR: Final = 0.04
"""CPU time that other work of the process may take during a measurement, in seconds."""
MAX_REPETITIONS: Final = 10
"""How often a measurement that takes too long is repeated."""
Work: TypeAlias = Callable[[str], object]


def measure_cpu_seconds(work: Work, text: str, *, times: int = 2) -> float:
    """Return the lowest CPU time of some measurements, in seconds. Other processes only make a measurement longer."""
    measurements = []
    for _ in range(times):
        start = time.process_time()
        with contextlib.suppress(InvalidValue, ExpressionError):
            work(text)
        measurements.append(time.process_time() - start)
    return min(measurements)


def check_growth(name: str, work: Work, make_text: Callable[[int], str]) -> None:
    """Fail at the first size whose time grows too much, so that a failing test never takes long.

    A measurement that takes too long is repeated, because a busy machine makes it longer, and the lowest counts.
    """
    previous = None
    gc.disable()
    try:
        for size in SIZES:
            text = make_text(size)
            # The last one limits no other, so once is enough unless it takes too long.
            seconds = measure_cpu_seconds(work, text, times=1 if size == SIZES[-1] else 2)
            if previous is not None:
                limit, repetitions_left = MAX_GROWTH * previous + MEASUREMENT_ERROR, MAX_REPETITIONS
                while seconds > limit and repetitions_left:
                    seconds, repetitions_left = min(seconds, measure_cpu_seconds(work, text)), repetitions_left - 1
                assert seconds <= limit, f"{name}: {size:,} characters take {seconds:.3f} s, after {previous:.3f}"
            previous = seconds
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
"""The parts that a text repeats."""
TEXT_ENDS: Final = (
    ("", ""),
    ("2026-01-01T00:00", "x"),
    ("1", "x"),
    ("", " EUR"),
    ('"', '"'),
    ("a@", ""),
    ("https://a.com/", "x"),
)
each_unit = pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())
each_kind = pytest.mark.parametrize("kind", list(FieldType))


def repeat(unit: str, first: str = "", last: str = "") -> Callable[[int], str]:
    return lambda size: first + unit * (size // len(unit)) + last


def field_of_type(kind: FieldType) -> Field:
    options: dict[str, Any] = {"options": ["a", "b"]} if kind in (FieldType.CHOICE, FieldType.CHOICES) else {}
    return Field.model_validate({"type": kind, "required": False, **options})


def work_of_field(field: Field) -> dict[str, Work]:
    """Return all work on the text of a field: reading, validating, showing, comparing, and editing on each surface."""
    money = field.type is FieldType.MONEY

    def field_value(typed: str) -> Value:
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
        "given": lambda typed: fields.validate(field, field_value(typed)),
        "shown": lambda typed: fields.show(field.type, field_value(typed)),
        "compared": lambda typed: fields.same(field, field_value(typed), field_value(f"{typed} ")),
        "inferred": lambda typed: fields.infer(field_value(typed)),
        "the input of a page": lambda typed: form_inputs.inputs("x", field, field_value(typed)),
        "a page": on_page,
        "Slack": in_slack,
    }


@each_kind
@each_unit
def test_the_time_for_a_field_grows_with_its_text(kind: FieldType, unit: str) -> None:
    field = field_of_type(kind)
    for name, work in work_of_field(field).items():
        for first, last in TEXT_ENDS if name in ("typed", "given") else TEXT_ENDS[:1]:
            check_growth(f"{kind}, {name}", work, repeat(unit, first, last))


@settings(deadline=None, max_examples=example_count(40), suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(list(FieldType)),
    unit=st.text(st.sampled_from("019.,'_ +-eETZ:@/\\\"[]{}<>|Uab\u00a0\u2019€\r\n\t"), min_size=1, max_size=4),
    ends=st.sampled_from(TEXT_ENDS),
)
def test_the_time_to_read_any_repeated_text_grows_with_its_length(
    kind: FieldType, unit: str, ends: tuple[str, str]
) -> None:
    field = field_of_type(kind)
    check_growth(str(kind), lambda typed: fields.from_text(field, typed), repeat(unit, *ends))


# -- JSON, edits and options --------------------------------------------------------------------------------

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


@pytest.mark.parametrize("make_text", JSON.values(), ids=JSON.keys())
def test_the_time_for_json_grows_with_its_text(make_text: Callable[[int], str]) -> None:
    check_growth("loads", lambda text: json_values.digest(json_values.clean(json_values.loads(text))), make_text)
    check_growth("show", lambda text: fields.show(FieldType.JSON, json_values.loads(text)), make_text)
    check_growth(
        "card", lambda text: request_card.request_card(make_request("json", json_values.loads(text))), make_text
    )


def test_the_time_for_many_edits_grows_with_their_number() -> None:
    values: dict[str, Value] = {f"f{number}": number for number in range(SIZES[-1] // 4)}
    edits: dict[int, dict[Path, Value]] = {size: {(name,): 0 for name in [*values][: size // 4]} for size in SIZES}
    check_growth("replace", lambda text: json_values.replace_all(values, edits[len(text)]), repeat("x"))


def test_the_time_for_chosen_options_grows_with_their_number() -> None:
    field = field_of_type(FieldType.CHOICES)
    check_growth("typed", lambda text: fields.from_text(field, text), repeat("a,"))
    check_growth("order", lambda text: fields.in_order(field, [*text], text), repeat("ab"))
    check_growth("page", lambda text: form_inputs.inputs("x", field, [*text]), repeat("ab"))


# -- rendering ----------------------------------------------------------------------------------------------


def make_request(kind: str, value: Value) -> Any:
    return samples.request({"x": (kind, value)})


RENDERERS: Final[dict[str, Work]] = {
    "card": lambda text: request_card.request_card(make_request("long_text", text)),
    "page": lambda text: review_view.review(make_request("long_text", text), None),
    "edits of a page": lambda text: review_view.edits(
        make_request("long_text", text), {form_inputs.key("x"): [f"{text}x"]}
    ),
    "message": lambda text: message_view.message(make_card(text), delivery="d"),
    "details": lambda text: details_modal.details(make_card(text), metadata=ids.ModalRef()),
    "modal": lambda text: request_modals.edit(make_request("long_text", text), metadata=ids.ModalRef()),
    "pieces": lambda shown: [*text_objects.pieces(shown, ids.SECTION)],
    "email": lambda text: message.mail(make_card(text), envelope()),
    "lines of an email": stretches,
    "terminal": lambda text: Console(file=io.StringIO(), width=100).print(render_card(make_card(text))),
    "redaction": lambda text: Redactor([("secret-value", "NAME")]).redact(f"{text} secret-value"),
}


def make_card(text: str) -> Any:
    return request_card.request_card(make_request("long_text", text))


@each_unit
@pytest.mark.parametrize("name", RENDERERS)
def test_the_time_to_show_a_text_grows_with_it(name: str, unit: str) -> None:
    check_growth(name, RENDERERS[name], repeat(unit))


FILTERS: Final = (
    *("upper", "lower", "capitalize", "title", "trim", "length", "string", "json", "number", "int"),
    *("replace('aa', 'b')", "truncate(10)", "date('%Y')", "default('')"),
)


@each_unit
@pytest.mark.parametrize("name", FILTERS)
def test_the_time_of_a_filter_grows_with_its_text(name: str, unit: str) -> None:
    template = compile_template(f"{{{{ inputs.x | {name} }}}}")
    check_growth(name, lambda text: template.render({"inputs": {"x": text}}), repeat(unit))


@pytest.mark.parametrize("name", ["sort", "unique", "reverse", "min", "max", "first", "last", "join(',')", "json"])
def test_the_time_of_a_filter_grows_with_its_list(name: str) -> None:
    template = compile_template(f"{{{{ inputs.x | {name} }}}}")
    check_growth(name, lambda text: template.render({"inputs": {"x": [str(n) for n in range(len(text))]}}), repeat("x"))


def test_the_time_for_turns_grows_with_the_number_of_callers_that_wait() -> None:
    rate = Rate("posts", 1.0, 1)

    def keep_turns(callers: str) -> object:
        pace = LocalPace(lambda: 0.0)
        for number in range(len(callers)):
            with pytest.raises(StopIteration):
                # Its methods never wait, so one step is all of it.
                pace.keep([rate], str(number), number).send(None)
        return pace

    check_growth("kept turns", keep_turns, lambda size: "a" * size)
