"""The same input has the same result and sentence on every surface. A new surface adds one line to `SURFACES`.

A surface turns the act of a person into the payload of its vendor, and has it read. It raises `Cannot` if the act is
impossible there, because a picker or a list of options takes nothing else.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bot.presentation import request_card
from bot.slack import ids, request_modals, view_state
from bot.slack import text_objects as slack_text
from bot.terminal import prompts
from bot.terminal.prompts import TypedDecision
from bot.web import form_inputs, review_view, site_urls
from bot.web.renderer import Renderer
from engine import json_values
from engine.domain import Verdict
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.read_models import RequestView
from tests.support import html_forms, samples, slack_rules
from tests.support.examples import example_count


@dataclass(frozen=True)
class Write:
    """Replace the text of the input, or of the amount of a money input."""

    text: str


@dataclass(frozen=True)
class Choose:
    """Choose these options and no others."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class PickTime:
    """Choose a moment, in UTC, to the minute."""

    at: datetime


@dataclass(frozen=True)
class Leave:
    """Send the form as it was opened."""


Act = Write | Choose | PickTime | Leave
Result = tuple[dict[str, Value], list[str]]
"""The edits, and the sentences of the errors."""


class Cannot(Exception):
    """Raised when the act is impossible on this surface."""


# -- Slack --------------------------------------------------------------------------------------------------

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_OPTION_LISTS: Final = ("multi_static_select", "checkboxes")
_OPTIONS: Final = ("static_select", "radio_buttons")


def in_slack(request: RequestView, act: Act) -> Result:
    view = request_modals.edit(request, metadata=ids.ModalRef(ref=ids.Ref(request="r", content_version=1, digest="d")))
    state = slack_rules.untouched_state(view)
    if not isinstance(act, Leave):
        # Money has its amount first.
        block = next(block for block in state if ids.read_field_block(block) is not None)
        element = state[block][ids.INPUT]
        element.update(_in_element(element["type"], act))
    content = request.model.content.value
    edits, errors = view_state.read_edits(state, request.model.editable, content)
    return edits, [*errors.values()]


def _in_element(kind: str, act: Act) -> dict[str, Any]:
    """Return the state of an element of this kind after the act."""
    match act:
        case Write(text) if kind == "file_input":
            state = {"x": {ids.INPUT: {"type": kind, "files": [{"id": "F1"}]}}}
            return dict(view_state.with_references(state, {"x": text})["x"][ids.INPUT])
        case Choose(values) if kind in _OPTION_LISTS:
            return {"selected_options": [{"value": ids.option_key(value)} for value in values]}
        case Choose(values) if kind in _OPTIONS and len(values) < 2:
            return {"selected_option": {"value": ids.option_key(values[0])} if values else None}
        case Write("yes" | "no" as word) if kind == "radio_buttons":
            return {"selected_option": {"value": word}}
        case PickTime(at) if kind == "datetimepicker":
            return {"selected_date_time": int(at.timestamp())}
        case Write(text) if kind in ("plain_text_input", "number_input", "email_text_input", "url_text_input"):
            return {"value": text or None}
        case Write(text) if kind == "datepicker" and (not text or _DAY.fullmatch(text)):
            return {"selected_date": text or None}
        case Write(text) if kind == "datetimepicker" and (not text or _is_moment(text)):
            return {"selected_date_time": int(datetime.fromisoformat(text).timestamp()) if text else None}
    raise Cannot


def _is_moment(text: str) -> bool:
    try:
        return _MOMENT.fullmatch(text) is not None and datetime.fromisoformat(text) is not None
    except ValueError:
        return False


# -- pages --------------------------------------------------------------------------------------------------

_PAGES: Final = Renderer(site_urls.place("https://signoff.example.com"))


def on_a_page(request: RequestView, act: Act) -> Result:
    (field,) = review_view.review(request, None).values
    source = _PAGES._environment.from_string(  # noqa: SLF001
        '{% from "parts.html" import edit %}<form method="post" action="/">{{ edit(shown) }}</form>'
    ).render(shown=field)
    raws: dict[str, list[str]] = {}
    for name, text in html_forms.read(source).form.fields:
        raws.setdefault(name, []).append(text)
    if not isinstance(act, Leave):
        raws[field.inputs[0].name] = _in_input(field.inputs[0], act)
    edits, errors = review_view.edits(request, raws)
    return edits, [*errors.values()]


def _in_input(form_input: form_inputs.Input, act: Act) -> list[str]:
    """Return the values that a browser submits for this input after the act."""
    match act:
        case Choose(values) if form_input.kind == "checkbox":
            return ["", *values]
        case Choose(values) if form_input.choices and len(values) < 2:
            return [*values] or [""]
        case Write("yes" | "no" as word) if form_input.kind == "radio":
            return [word]
        case PickTime(at) if form_input.kind == "datetime-local":
            return [f"{at:%Y-%m-%dT%H:%M}"]
        case PickTime(at) if not form_input.choices:
            return [f"{at:%Y-%m-%d %H:%M} UTC"]
        case Write(text) if not form_input.choices:
            return ["\r\n".join(text.replace("\r\n", "\n").split("\n"))]
    raise Cannot


# -- terminal -----------------------------------------------------------------------------------------------


def on_a_command_line(request: RequestView, act: Act) -> Result:
    """Edit with `signoff decide ID edit x=…` or `signoff try --answer edit:x=…`."""
    if isinstance(act, Leave):
        return {}, []
    try:
        return prompts.read_edits(f"x={_as_text(act)}", request), []
    except click.UsageError as error:
        return {}, [error.message]


def at_a_prompt(request: RequestView, act: Act) -> Result:
    """Edit with `signoff try`, which asks field by field."""
    text = "" if isinstance(act, Leave) else _as_text(act) or "."
    if request.model.editable[0].field.type in (FieldType.LONG_TEXT, FieldType.JSON) or len(text.splitlines()) > 1:
        raise Cannot  # longer texts are written in an editor
    if isinstance(act, Write) and act.text.strip() == ".":
        raise Cannot  # a single dot empties a field
    # If the text is refused, the question is repeated, and an empty answer keeps the value.
    for keys in (f"e\n{text}\na\n", f"e\n{text}\n\na\n"):
        screen = io.StringIO()
        console = Console(file=screen, width=10_000, markup=False, highlight=False, emoji=False)
        with CliRunner().isolation(input=keys):
            try:
                answer = prompts.ask_decision(console, request_card.request_card(request), request)
            except click.Abort:
                continue
        assert isinstance(answer, TypedDecision)
        assert answer.verdict is Verdict.APPROVE
        # Indented lines are the changes, or the errors.
        below = screen.getvalue().rpartition("empties it.")[2]
        return dict(answer.edits), [] if answer.edits else re.findall(r"^  (\S.*)$", below, re.MULTILINE)
    raise AssertionError(text)


def _as_text(act: Write | Choose | PickTime) -> str:
    match act:
        case Write(text):
            return text
        case Choose(values):
            return ",".join(values)
        case PickTime(at):
            return f"{at:%Y-%m-%d %H:%M} UTC"


SURFACES: Final[dict[str, Callable[[RequestView, Act], Result]]] = {
    "Slack": in_slack,
    "page": on_a_page,
    "command line": on_a_command_line,
    "prompt": at_a_prompt,
}


def results(field: object, now: Value, act: Act) -> dict[str, Result]:
    """Return the result of each surface on which the act is possible, with the sentences that people see."""
    request = samples.request({"x": (field, now)})
    by_surface = {}
    for name, surface in SURFACES.items():
        try:
            edits, sentences = surface(request, act)
        except Cannot:
            continue
        by_surface[name] = (
            edits,
            [slack_text.clipped(slack_text.shown(sentence), ids.ERROR_TEXT) for sentence in sentences],
        )
    return by_surface


def assert_same(results_by_surface: dict[str, Result]) -> None:
    """Check that all surfaces have the same result."""
    written = {
        name: json_values.dumps({"edits": edits, "wrong": list[Value](sentences)})
        for name, (edits, sentences) in results_by_surface.items()
    }
    assert len(set(written.values())) == 1, written


# -- fixed inputs ------------------------------------------------------------------------------------------

EUR: Final[Value] = {"amount": "12.50", "currency": "EUR"}
MONEY: Final = {"type": "money", "label": "Amount"}
FIXED: Final = {**MONEY, "currency": "EUR"}
OPTIONAL: Final = {"required": False, "label": "The field"}
COLOURS: Final = ["red", "green", "blue"]
UNCHANGED: Final = "unchanged"
LONG: Final = "X must be at most 4 characters long, and has 5."
DECIMALS: Final = "Amount must have at most 2 decimals in EUR; write 13505 EUR if you mean that."
EARLY: Final = "X must not be before Mar 1, 2026."
EVERY: Final = frozenset(SURFACES)
TEXTS: Final = EVERY - {"Slack"}
NO_PROMPT: Final = EVERY - {"prompt"}

FILE: Final = samples.file().value
OTHER_FILE: Final = samples.file(name="Other.pdf", sha256="cd" * 32).value
NOT_A_FILE: Final = "must be a file: choose it in the form, or at a terminal write @ and its path"

CASES: Final[list[tuple[object, Value, Act, Any, frozenset[str]]]] = [
    # texts
    ("text", "abc", Write("abc"), UNCHANGED, EVERY),
    ("text", "abc", Write("abc "), UNCHANGED, EVERY),
    ("text", "abc", Write("abd "), {"x": "abd "}, EVERY),
    ("text", "abc", Write(""), "X is missing.", EVERY),
    ({"type": "text", **OPTIONAL}, "abc", Write(""), {"x": None}, EVERY),
    ({"type": "text", **OPTIONAL, "blank": "keep"}, "abc", Write(""), {"x": ""}, EVERY),
    ("text", "abc", Write("a\nb"), "X must be one line, without line breaks.", NO_PROMPT),
    (
        {"type": "text", "max_length": 4},
        "abc",
        Write("abcde"),
        "X must be at most 4 characters long, and has 5.",
        EVERY,
    ),
    ("long_text", "abc", Write("abc"), UNCHANGED, NO_PROMPT),
    ("long_text", "abc", Write("abc "), UNCHANGED, NO_PROMPT),
    ("long_text", "a\r\nb", Write("a\nb"), UNCHANGED, NO_PROMPT),
    ("long_text", "abc", Write("a\nb\r\nc"), {"x": "a\nb\nc"}, NO_PROMPT),
    ("long_text", "abc", Write(" "), "X is missing.", NO_PROMPT),
    # numbers
    ("number", Decimal("1.5"), Write("1.50"), UNCHANGED, EVERY),
    ("number", Decimal("1.234"), Write("1.234"), UNCHANGED, EVERY),
    ("number", 1, Write("1.234"), "X is not clear: 1.234 may mean 1234 or 1.2340; write one of these.", EVERY),
    ("number", 1, Write(" 2 "), {"x": 2}, EVERY),
    (
        "number",
        1,
        Write("12,50"),
        "X must be written as 12.50, with a decimal point and no other separators.",
        EVERY,
    ),
    ({"type": "number", "max": 9}, 1, Write("10"), "X must be at most 9.", EVERY),
    ({"type": "number", **OPTIONAL}, 1, Write(""), {"x": None}, EVERY),
    ("integer", 3, Write("3.0"), UNCHANGED, EVERY),
    ("integer", 3, Write("3.5"), "X must be a whole number.", EVERY),
    ("integer", 3, Write("many"), "X must be a number.", EVERY),
    # money
    (MONEY, EUR, Write("12.5"), UNCHANGED, EVERY),
    (MONEY, EUR, Write("13"), {"x": {"amount": "13", "currency": "EUR"}}, EVERY),
    (MONEY, EUR, Write("13 USD"), {"x": {"amount": "13", "currency": "USD"}}, EVERY),
    (
        MONEY,
        EUR,
        Write("13,50"),
        "Amount must be written as 13.50 EUR, with a decimal point and no other separators.",
        EVERY,
    ),
    (
        FIXED,
        EUR,
        Write("13,50"),
        "Amount must be written as 13.50 EUR, with a decimal point and no other separators.",
        EVERY,
    ),
    (
        FIXED,
        EUR,
        Write("13.505"),
        "Amount must have at most 2 decimals in EUR; write 13505 EUR if you mean that.",
        EVERY,
    ),
    (FIXED, EUR, Write("13 USD"), "Amount must be in EUR, not in USD.", EVERY),
    (MONEY, None, Write("13,50"), "Amount must say its currency, like 12.50 EUR.", EVERY),
    (MONEY, EUR, Write("€13"), "Amount must have its currency in three letters: write 13 EUR.", EVERY),
    (MONEY, EUR, Write(""), "Amount is missing.", EVERY),
    # yes and no
    ("boolean", True, Write("yes"), UNCHANGED, EVERY),
    ("boolean", True, Write("no"), {"x": False}, EVERY),
    # times
    ("date", "2026-03-04", Write("2026-03-04"), UNCHANGED, EVERY),
    ("date", "2026-03-04", Write("2026-03-05"), {"x": "2026-03-05"}, EVERY),
    ("date", "2026-03-04", Write("2026-02-30"), "X is not a day in the calendar.", EVERY),
    ("date", "2026-03-04", Write("tomorrow"), "X must be a date, like 2026-01-31.", TEXTS),
    (
        {"type": "date", "min": "2026-03-01"},
        "2026-03-04",
        Write("2026-02-01"),
        "X must not be before Mar 1, 2026.",
        EVERY,
    ),
    ("date", "2026-03-04", Write(""), "X is missing.", EVERY),
    ("datetime", "2026-03-04T09:30:00Z", Write("2026-03-04T11:30+02:00"), UNCHANGED, EVERY),
    ("datetime", "2026-03-04T09:30:00Z", Write("2026-03-04T09:30+02:00"), {"x": "2026-03-04T07:30:00Z"}, EVERY),
    ("datetime", "2026-03-04T09:30:00Z", PickTime(datetime(2026, 3, 4, 9, 30, tzinfo=UTC)), UNCHANGED, EVERY),
    (
        "datetime",
        "2026-03-04T09:30:00Z",
        PickTime(datetime(2026, 3, 4, 10, 0, tzinfo=UTC)),
        {"x": "2026-03-04T10:00:00Z"},
        EVERY,
    ),
    (
        "datetime",
        "2026-03-04T09:30:00Z",
        Write("2026-03-04 10:00"),
        "X must say its time zone: end it with Z for UTC, or with an offset like +01:00.",
        TEXTS,
    ),
    ({"type": "datetime", **OPTIONAL}, "2026-03-04T09:30:00Z", Write(""), {"x": None}, EVERY),
    # addresses
    ("email", "sam@example.com", Write(" sam@example.com"), UNCHANGED, EVERY),
    ("email", "sam@example.com", Write("lee@EXAMPLE.com"), {"x": "lee@example.com"}, EVERY),
    ("email", "sam@example.com", Write("sam"), "X must be one email address, like sam@example.com.", EVERY),
    ("url", "https://a.com", Write("https://b.com"), {"x": "https://b.com"}, EVERY),
    ("url", "https://a.com", Write("b"), "X must be an http or https address, like https://example.com/page.", EVERY),
    ("person", "sam@example.com", Write("lee@example.com"), {"x": "lee@example.com"}, EVERY),
    # options
    ({"type": "choice", "options": COLOURS}, "red", Choose(("red",)), UNCHANGED, EVERY),
    ({"type": "choice", "options": COLOURS}, "red", Choose(("blue",)), {"x": "blue"}, EVERY),
    ({"type": "choice", "options": COLOURS}, "gone", Choose(("blue",)), {"x": "blue"}, EVERY),
    ({"type": "choice", "options": COLOURS}, "red", Choose(("pink",)), "X is not one of: red, green, blue.", EVERY),
    ({"type": "choice", "options": COLOURS, **OPTIONAL}, "red", Choose(()), {"x": None}, EVERY),
    ({"type": "choices", "options": COLOURS}, ["blue", "red"], Choose(("red", "blue")), UNCHANGED, EVERY),
    (
        {"type": "choices", "options": COLOURS},
        ["blue", "red"],
        Choose(("green", "red", "blue")),
        {"x": ["blue", "red", "green"]},
        EVERY,
    ),
    ({"type": "choices", "options": COLOURS}, ["red"], Choose(()), "X is missing.", EVERY),
    (
        {"type": "choices", "options": COLOURS},
        ["red"],
        Choose(("red", "pink")),
        "X has “pink”, which is not one of: red, green, blue.",
        EVERY,
    ),
    ({"type": "choices", "options": COLOURS, **OPTIONAL}, ["red"], Choose(()), {"x": []}, EVERY),
    # files: those that are chosen in Slack or on a page are handed in before the form is read
    ("file", FILE, Write(json_values.dumps(FILE)), UNCHANGED, EVERY),
    ("file", FILE, Write(json_values.dumps(OTHER_FILE)), {"x": OTHER_FILE}, EVERY),
    ("file", None, Write(json_values.dumps(OTHER_FILE)), {"x": OTHER_FILE}, EVERY),
    ("file", FILE, Write("a.pdf"), f"X {NOT_A_FILE}.", EVERY),
    (
        {"type": "file", "types": ["image/*"]},
        None,
        Write(json_values.dumps(OTHER_FILE)),
        "X must be an image, and “Other.pdf” is a PDF.",
        EVERY,
    ),
    # JSON
    ("json", {"a": 1}, Write('{"a":1}'), UNCHANGED, NO_PROMPT),
    ("json", {"a": 1}, Write('{"a":2}'), {"x": {"a": 2}}, NO_PROMPT),
    ("json", None, Write("null"), {"x": None}, NO_PROMPT),
    ("json", {"a": 1}, Write("a"), 'X must be JSON; a text is written in double quotes, like "a".', NO_PROMPT),
]


@pytest.mark.parametrize(("field", "now", "act", "expected", "surfaces"), CASES)
def test_the_same_typing_has_the_same_result_and_sentence(
    field: object, now: Value, act: Act, expected: Any, surfaces: frozenset[str]
) -> None:
    if isinstance(expected, dict):
        same: Result = expected, []
    else:
        same = {}, [] if expected == UNCHANGED else [expected]
    assert results(field, now, act) == dict.fromkeys(surfaces, same)


def test_every_field_type_is_in_the_table() -> None:
    types = {field["type"] if isinstance(field, dict) else field for field, *_ in CASES}
    assert types == set(FieldType)


@pytest.mark.parametrize("kind", sorted(samples.FIELDS))
def test_an_unchanged_form_changes_nothing_on_any_surface(kind: str) -> None:
    field = samples.parse_field(samples.FIELDS[kind])
    by_surface = results(field, None, Leave())
    assert by_surface
    assert set(map(str, by_surface.values())) == {str(({}, []))}


def test_the_example_beside_a_time_can_be_typed_as_it_stands() -> None:
    now = "2026-03-04T09:30:00.5Z"  # no picker has fractions of seconds, so the field is a text input
    (field,) = review_view.review(samples.request({"x": ("datetime", now)}), None).values
    (example,) = [hint.removeprefix("Like ").removesuffix(".") for hint in field.hints if hint.startswith("Like ")]
    assert results("datetime", now, Write(example)) == dict.fromkeys(EVERY, ({"x": "2026-03-02T09:30:00Z"}, []))


# -- random inputs --------------------------------------------------------------------------------------

_TYPED: Final = st.one_of(
    st.from_regex(r"[-+0-9.,'€ ]{1,12}( ?[A-Za-z]{1,4})?", fullmatch=True),
    st.sampled_from(["null", "[1]", "a@example.com", "A@B.de", "https://a.com", "1.234", "12,50", "1.234,50 EUR"]),
    st.sampled_from(["2026-03-04", "2026-02-30", "2026-03-04T09:30Z", "2026-03-04T09:30+02:00", "2026-03-04 9:30"]),
    # Without the keys of a prompt, and without line ends that only some inputs keep.
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=8),
)
_VALUES: Final[dict[FieldType, st.SearchStrategy[Value]]] = {
    FieldType.TEXT: st.sampled_from(["abc", "abc "]),
    FieldType.LONG_TEXT: st.sampled_from(["abc", "a\nb"]),
    FieldType.NUMBER: st.sampled_from([1, Decimal("1.234"), Decimal("12.50")]),
    FieldType.INTEGER: st.integers(-9, 9999),
    FieldType.MONEY: st.sampled_from([EUR, {"amount": "1", "currency": "JPY"}]),
    FieldType.DATE: st.just("2026-03-04"),
    FieldType.DATETIME: st.just("2026-03-04T09:30:00Z"),
    FieldType.EMAIL: st.just("a@example.com"),
    FieldType.URL: st.just("https://a.com"),
    FieldType.PERSON: st.just("a@example.com"),
    FieldType.JSON: st.sampled_from([[1], {"a": Decimal("1.50")}, "a"]),
}


@settings(deadline=None, max_examples=example_count(100))
@given(kind=st.sampled_from(sorted(_VALUES)), typed=_TYPED, required=st.booleans(), draw=st.data())
def test_every_surface_reads_any_typed_text_the_same_way(
    kind: FieldType, typed: str, required: bool, draw: st.DataObject
) -> None:
    now = draw.draw(st.none() | _VALUES[kind])
    field = Field.model_validate({"type": kind, "required": required})
    by_surface = results(field, now, Write(typed))
    assert_same(by_surface)


@settings(deadline=None, max_examples=example_count(50))
@given(
    kind=st.sampled_from([FieldType.CHOICE, FieldType.CHOICES]),
    labels=st.lists(st.text("ab ü\N{ZERO WIDTH SPACE}.", min_size=1, max_size=200), min_size=1, max_size=12),
    required=st.booleans(),
    draw=st.data(),
)
def test_options_are_chosen_correctly_whatever_their_labels_are(
    kind: FieldType, labels: list[str], required: bool, draw: st.DataObject
) -> None:
    names = [f"{number}{label}." for number, label in enumerate(labels)]
    options: list[object] = [{"value": name, "label": f"{name} or so"} for name in names]
    field = Field.model_validate({"type": kind, "required": required, "options": options})
    some = st.lists(st.sampled_from(names), unique=True, max_size=1 if kind is FieldType.CHOICE else 12)
    before, after = draw.draw(some), draw.draw(some)
    now: Value = next(iter(before), None) if kind is FieldType.CHOICE else list[Value](before)
    by_surface = results(field, now, Choose(tuple(after)))
    assert_same(by_surface)
    if required and before and not after:
        assert by_surface["page"][1] == ["X is missing."]
    elif set(before) == set(after):
        assert by_surface["page"] == ({}, [])
    elif kind is FieldType.CHOICES:
        (values,) = by_surface["page"][0].values()
        assert isinstance(values, list)
        assert set(map(str, values)) == set(after)
