"""A value that comes from an input is edited by the declaration of the input, in every place and on every surface."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.presentation import characters, refusals, request_content
from bot.slack import ids, view_state
from bot.terminal import prompts
from bot.web import form_inputs as page_inputs
from engine import fields, json_values, requests, runs, workflowfile
from engine.domain import InvalidEdits, RequestState, RunStatus
from engine.errors import DefinitionError, InvalidValue
from engine.fields import Field, FieldType, forms
from engine.json_values import Value
from engine.requests import Opening, Request
from engine.runs import ReviewResult, RunState
from engine.steps.form import FormStep
from engine.store.request_rows import _details
from engine.workflowfile import Workflow
from tests.support import samples
from tests.support.copies import replace_fields
from tests.support.examples import example_count
from tests.support.fakes import START
from tests.support.run_in_memory import KINDS, request_of

STEP_KINDS: Final = KINDS | {"form": FormStep()}
INPUTS: Final[dict[str, object]] = {
    "amount": {"type": "money", "currency": "EUR", "min": 1, "max": 500, "label": "Amount"},
    "size": {"type": "choice", "options": ["small", "large"]},
    "due": {"type": "date", "min": "2026-01-01"},
    "n": {"type": "integer", "min": 1, "max": 9, "label": "Number"},
    "mail": {"type": "email", "label": "Mail"},
    "tags": {"type": "choices", "options": ["a", "b", "c"]},
    "note": {"type": "text", "max_length": 5, "required": False},
    "later": {"type": "date", "required": False},
    "args": {"type": "json", "label": "Arguments"},
}
INPUT_VALUES: Final[dict[str, Value]] = {
    "amount": {"amount": "400", "currency": "EUR"},
    "size": "small",
    "due": "2026-02-01",
    "n": 9,
    "mail": "a@example.com",
    "tags": ["a", "b"],
    "note": None,
    "later": None,
    "args": "some text",
}
GATE: Final[dict[str, Value]] = {"approvers": ["ann@example.com"]}


def load_workflow(*steps: Value, registered: bool = False, inputs: Any = None) -> Workflow:
    source: Value = {
        "name": "flow",
        "inputs": json_values.clean(INPUTS if inputs is None else inputs),
        "steps": [*steps],
    }
    return workflowfile.load(json_values.dumps(source).encode(), kinds=STEP_KINDS, registered=registered)


def open_last_step(*steps: Value, input_values: dict[str, Value] | None = None, inputs: Any = None) -> Opening:
    """Return the opening of the last step. Forms before it are approved with these values."""
    workflow = load_workflow(*steps, inputs=inputs)
    state = RunState(
        id="r1",
        status=RunStatus.RUNNING,
        cursor=0,
        inputs=input_values or INPUT_VALUES,
        requester="Ann",
        started_at=START,
    )
    while True:
        progress = runs.proceed(workflow, state, now=START)
        visits = {**state.visits, **{visit.step: visit for visit in progress.visits}}
        assert progress.opening is not None
        if progress.opening.subject.step == workflow.steps[-1].id:
            return progress.opening
        content = replace_fields(progress.opening.content, value={"n": 3, "mail": "b@example.com"})
        review = ReviewResult(
            state=RequestState.APPROVED, content=content, digest=progress.opening.subject.digest(content)
        )
        state = replace_fields(state, visits=visits, cursor=progress.cursor, status=progress.status, review=review)


def gated_step(params: dict[str, Value], **keys: Value) -> Value:
    return {"id": "last", "uses": "set", "with": params, "gate": {**GATE, **keys}}


def apply_edits(opening: Opening, **edits: Value) -> Any:
    return requests.apply_edits(
        request_of(opening), {key.replace("__", "."): value for key, value in edits.items()}, kind=STEP_KINDS["set"]
    )


def edit_errors(opening: Opening, **edits: Value) -> dict[str, str]:
    result = apply_edits(opening, **edits)
    assert isinstance(result, InvalidEdits)
    return dict(result.errors)


FORM: Final[Value] = {
    "id": "ask",
    "uses": "form",
    "approvers": ["ann@example.com"],
    "fields": {"n": json_values.clean(INPUTS["n"]), "mail": json_values.clean(INPUTS["mail"])},
}
SAVED: Final[Value] = {"id": "saved", "uses": "set", "with": {"x": "{{ inputs.n }}", "all": ["{{ inputs.n }}", "b"]}}
COPIED: Final[Value] = {"id": "again", "uses": "set", "with": {"deep": {"er": "{{ steps.saved.x }}"}}}
PLACES: Final[list[tuple[str, list[Value], Value, str]]] = [
    ("at the top", [], "{{ inputs.n }}", "x"),
    ("with other blanks", [], "{{inputs.n}} ", "x"),
    ("by its key", [], '{{ inputs["n"] }}', "x"),
    ("in a mapping", [], {"a": {"b": "{{ inputs.n }}"}, "c": 1}, "x.a.b"),
    ("in a list", [], ["first", "{{ inputs.n }}"], "x.1"),
    ("under a default", [], "{{ inputs.n | default(1) }}", "x"),
    ("as a number", [], "{{ inputs.n | number }}", "x"),
    ("with all inputs", [], "{{ inputs }}", "x.n"),
    ("of a form", [FORM], "{{ steps.ask.n }}", "x"),
    ("of a whole form", [FORM], "{{ steps.ask }}", "x.n"),
    ("through set", [SAVED], "{{ steps.saved.x }}", "x"),
    ("through a list of set", [SAVED], "{{ steps.saved.all[0] }}", "x"),
    ("with the output of set", [SAVED], "{{ steps.saved }}", "x.x"),
    ("through two steps", [SAVED, COPIED], "{{ steps.again }}", "x.deep.er"),
]


@pytest.mark.parametrize(("steps", "value", "path"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
@pytest.mark.parametrize("at", ["before", "after"])
def test_a_value_keeps_the_declaration_of_its_input(steps: list[Value], value: Value, path: str, at: str) -> None:
    opening = open_last_step(*steps, gated_step({"x": value}, at=at))
    edits = {path.replace(".", "__"): Decimal(2_000_000)}
    assert edit_errors(opening, **edits) == {path: "must be at most 9"}
    assert edit_errors(opening, **{path.replace(".", "__"): "two"}) == {path: "must be a whole number"}
    (editable,) = [editable for editable in opening.editable if json_values.show_path(editable.path) == path]
    assert editable.field.label == "Number"
    edited = apply_edits(opening, **{path.replace(".", "__"): 4})
    assert [edit.after for edit in edited[0]] == [4]


@pytest.mark.parametrize(
    ("name", "edit", "sentence"),
    [
        ("n", 2_000_000, "must be at most 9"),
        ("size", "huge", "is not one of: small, large"),
        ("due", "not a date", "must be a date, like 2026-01-31"),
        ("due", "2025-12-31", "must not be before Jan 1, 2026"),
        ("mail", "hello", "must be one email address, like sam@example.com"),
        ("tags", ["z"], "has “z”, which is not one of: a, b, c"),
        ("tags", '["z"]', "must be some of: a, b, c"),
        ("amount", {"amount": "501", "currency": "EUR"}, "must be at most 500 EUR"),
        ("amount", {"amount": "5", "currency": "USD"}, "must be in EUR, not in USD"),
        ("amount", {"amount": "5.001", "currency": "EUR"}, "must have at most 2 decimals in EUR, and has 3"),
        ("amount", {"amount": "-5", "currency": "EUR"}, "must be at least 1 EUR"),
        ("note", "too long", "must be at most 5 characters long, and has 8"),
        ("later", "next Tuesday", "must be a date, like 2026-01-31"),
        ("size", None, "is missing"),
    ],
)
def test_a_wrong_edit_is_refused_with_the_sentence_of_the_form(name: str, edit: Value, sentence: str) -> None:
    opening = open_last_step(gated_step({name: f"{{{{ inputs.{name} }}}}"}))
    assert edit_errors(opening, **{name: edit}) == {name: sentence}
    assert fields.validate_all({name: Field.model_validate(INPUTS[name])}, {name: edit})[1] == {name: sentence}


@pytest.mark.parametrize(
    ("value", "edit", "sentence"),
    [
        ("{{ inputs.amount.amount }}", "2000000", "must be at most 500"),
        ("{{ inputs.amount.amount }}", "1.001", "must have at most 2 decimals in EUR, and has 3"),
        ("{{ inputs.amount | number }}", 2_000_000, "must be at most 500"),
        ("{{ inputs.amount | number }}", "2", "must be a number"),
        ("{{ inputs.amount.currency }}", "USD", "must be EUR"),
        ("{{ inputs.n | int }}", 2_000_000, "must be at most 9"),
        ("{{ inputs.n | default(1) | int }}", 0, "must be at least 1"),
        ("{{ inputs.amount | int }}", 501, "must be at most 500"),
        ("{{ inputs.tags[0] }}", "z", "is not one of: a, b, c"),
    ],
)
def test_a_part_of_an_input_keeps_its_part_of_the_declaration(value: str, edit: Value, sentence: str) -> None:
    opening = open_last_step(gated_step({"x": value}))
    assert edit_errors(opening, x=edit) == {"x": sentence}
    (editable,) = opening.editable
    assert fields.stored(json_values.loads(json_values.dumps(editable.field.declaration))) == editable.field


@pytest.mark.parametrize(("typed", "after"), [("12.50", "12.50"), ("12.50 EUR", "12.50")])
def test_the_amount_alone_is_typed_like_money_and_stays_a_text(typed: str, after: str) -> None:
    (editable,) = open_last_step(gated_step({"x": "{{ inputs.amount.amount }}"})).editable
    assert fields.from_text(editable.field, typed) == after


def test_a_declaration_of_the_gate_keeps_the_label_of_the_input() -> None:
    opening = open_last_step(gated_step({"n": "{{ inputs.n }}"}, edit={"n": {"type": "integer", "max": 20}}))
    assert edit_errors(opening, n=21) == {"n": "must be at most 20"}
    (editable,) = opening.editable
    assert editable.field.label == "Number"


def test_a_declaration_of_a_gate_holds_for_the_output_of_set() -> None:
    first: Value = {**SAVED, "gate": {"when": False, "edit": {"all.1": {"type": "choice", "options": ["b", "c"]}}}}  # type: ignore[dict-item]
    opening = open_last_step(first, gated_step({"x": "{{ steps.saved.all }}"}))
    assert edit_errors(opening, x__1="d", x__0=10) == {"x.1": "is not one of: b, c", "x.0": "must be at most 9"}


def test_json_stays_json_with_any_value() -> None:
    for current in ("some text", True, 12, None):
        opening = open_last_step(
            gated_step({"args": "{{ inputs.args }}"}), input_values={**INPUT_VALUES, "args": current}
        )
        edits: list[Value] = [{"n": 1}, None, "text", [1]]
        for edit in edits:
            edited = apply_edits(opening, args=edit)
            assert [applied.after for applied in edited[0]] == ([] if edit == current else [edit])


def test_a_mapping_may_be_edited_as_a_whole_if_it_keeps_its_shape() -> None:
    body: dict[str, Value] = {"a": {"n": "{{ inputs.n }}", "b": 1}, "list": ["{{ inputs.mail }}"]}
    opening = open_last_step(gated_step({"json": body}))
    assert [json_values.show_path(editable.path) for editable in opening.editable] == [
        "json.a.n",
        "json.a.b",
        "json.list.0",
    ]
    edited = apply_edits(opening, json={"a": {"n": 2, "b": 1}, "list": ["c@example.com"]})
    assert [(json_values.show_path(edit.path), edit.after) for edit in edited[0]] == [
        ("json.a.n", 2),
        ("json.list.0", "c@example.com"),
    ]
    assert edit_errors(opening, json={"a": {"n": 20, "b": 1}, "list": ["c@example.com"]}) == {
        "json.a.n": "must be at most 9"
    }
    sentence = "must keep its names and its length: only its values can be changed"
    values: list[Value] = [{"a": {"n": 2}, "list": ["x"]}, {"a": {"n": 2, "b": 1}, "list": []}, "text"]
    for value in values:
        assert edit_errors(opening, json=value) == {"json": sentence}
    assert set(edit_errors(opening, jsn=1)) == {"jsn"}


def test_only_the_first_of_two_values_with_one_name_can_be_edited() -> None:
    opening = open_last_step(
        gated_step({"a": {"b": "{{ inputs.n }}", "b.c": "{{ inputs.mail }}", "x": {"y": 1}}, "a.b": 1})
    )
    names = [json_values.show_path(editable.path) for editable in opening.editable]
    assert len(names) == len(set(names))
    assert "Two values are called “a.b”. Only the first can be edited." in opening.notes


def test_a_missing_answer_is_named_by_its_label() -> None:
    declared = {"n": {"type": "integer", "label": "How many"}}
    form: Value = {"id": "ask", "uses": "form", "approvers": ["ann@example.com"], "fields": json_values.clean(declared)}
    result = requests.apply_edits(request_of(open_last_step(form)), {}, kind=STEP_KINDS["form"])
    assert isinstance(result, InvalidEdits)
    assert refusals.sentence(result) == "How many is missing."


def test_null_is_an_answer_to_a_form_that_asks_for_json() -> None:
    form: Value = {"id": "ask", "uses": "form", "approvers": ["ann@example.com"], "fields": {"x": "json"}}
    request = request_of(open_last_step(form))
    assert isinstance(requests.apply_edits(request, {}, kind=STEP_KINDS["form"]), InvalidEdits)
    assert not isinstance(requests.apply_edits(request, {"x": None}, kind=STEP_KINDS["form"]), InvalidEdits)


def test_a_value_that_cannot_be_edited_is_shown_by_its_declaration() -> None:
    opening = open_last_step(gated_step({"n": "{{ inputs.n }}", "tags": "{{ inputs.tags }}"}, edit=[]))
    request = samples.request({}, content=opening.content, editable=(), declared=opening.declared)
    assert [(field.label, field.text, field.editable) for field in request_content.labelled(request)] == [
        ("Number", "9", False),
        ("Tags", "a, b", False),
    ]
    assert len(_details(opening, ())["declared"]) == 2  # type: ignore[arg-type]


# -- files that were registered before ----------------------------------------------------------------------

OLD_INPUTS: Final = {
    "coin": {"type": "money", "currency": "BTC", "default": {"amount": "0.00001", "currency": "BTC"}},
    "debt": {"type": "money", "currency": "EUR", "default": {"amount": "-10.999", "currency": "EUR"}},
}


def test_a_file_must_match_the_table_of_currencies_unless_it_was_registered_before() -> None:
    with pytest.raises(DefinitionError) as caught:
        load_workflow(gated_step({"x": 1}), inputs=OLD_INPUTS)
    messages = [problem.message for problem in caught.value.problems]
    assert any("BTC is not in ISO 4217" in message for message in messages), messages
    assert any("must have at most 2 decimals in EUR" in message for message in messages), messages
    form: Value = {
        "id": "ask",
        "uses": "form",
        "approvers": ["ann@example.com"],
        "fields": json_values.clean(OLD_INPUTS),
    }
    assert load_workflow(form, registered=True, inputs=OLD_INPUTS).inputs["coin"].currency == "BTC"


# -- all surfaces agree -------------------------------------------------------------------------------------

OPTIONS: Final = ("s", "m", "x y", "ü")
DECLARATIONS: Final[dict[FieldType, list[dict[str, Any]]]] = {
    FieldType.TEXT: [{}, {"max_length": 3}],
    FieldType.LONG_TEXT: [{}, {"max_length": 3}],
    FieldType.NUMBER: [{}, {"min": 0, "max": 100}],
    FieldType.INTEGER: [{}, {"min": 1, "max": 9}],
    FieldType.MONEY: [{}, {"currency": "EUR"}, {"currency": "JPY", "min": -5}, {"min": 1, "max": 100}],
    FieldType.BOOLEAN: [{}],
    FieldType.DATE: [{}, {"min": "2026-01-01"}],
    FieldType.DATETIME: [{}, {"max": "2026-01-01T00:00:00Z"}],
    FieldType.EMAIL: [{}],
    FieldType.URL: [{}],
    FieldType.CHOICE: [{"options": OPTIONS}],
    FieldType.CHOICES: [{"options": OPTIONS}],
    FieldType.PERSON: [{}],
    FieldType.FILE: [{}, {"types": ["application/pdf"], "max_size": "1kB"}],
    FieldType.JSON: [{}],
}
FILE_TYPES: Final = ("application/pdf", "image/png")
FIELDS: Final = st.sampled_from(list(FieldType)).flatmap(
    lambda kind: st.builds(
        lambda more, required: Field.model_validate({"type": kind, "required": required, "label": "X", **more}),
        st.sampled_from(DECLARATIONS[kind]),
        st.booleans(),
    )
)
VALUES: Final[st.SearchStrategy[Any]] = st.one_of(
    samples.VALUES,
    st.sampled_from([samples.file(size=size, type=kind).value for size in (9, 2_000) for kind in FILE_TYPES]),
    st.sampled_from([*OPTIONS, *OPTIONS[:1], "abcd", "U012AB3CD", "2025-01-01", "2025-06-01T10:00:00Z", "", " "]),
    st.lists(st.sampled_from([*OPTIONS, "z"]), max_size=3),
    st.integers(-10, 200),
    st.decimals(-10, 200, places=3),
    st.fixed_dictionaries(
        {"amount": st.sampled_from(["1", "-1", "1.5", "1.234", "200", "x"])},
        optional={"currency": st.sampled_from(["EUR", "JPY", "KWD", "XYZ", "eur"])},
    ),
)
TYPED_TEXTS: Final = st.one_of(
    st.sampled_from(
        [
            *(
                "1",
                "-1",
                "1.234",
                "1,234",
                "12,50",
                "1.5 EUR",
                "€1",
                "5 JPY",
                "5.5 JPY",
                "1 XYZ",
                "1.234 KWD",
                "yes",
                "no",
            ),
            *(
                "2026-03-04",
                "2025-03-04",
                "2025-03-04T10:00Z",
                "tomorrow",
                "a@example.com",
                "https://example.com/",
                "s",
            ),
            *(
                "x y",
                "s, m",
                "z",
                "null",
                '"a"',
                '{"a": 1}',
                "{",
                "plain",
                "",
                " ",
                "abcd",
                "U012AB3CD",
                "<@U012AB3CD>",
            ),
        ]
    ),
    # Browsers change control characters, so they are left out.
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=6),
)


def request_about_input(field: Field, current: Value) -> Request:
    """Return a request about the value of one input with this declaration."""
    declaration = json_values.loads(json_values.dumps(field.declaration))
    return request_of(
        open_last_step(gated_step({"x": "{{ inputs.x }}"}), input_values={"x": current}, inputs={"x": declaration})
    )


@settings(deadline=None, max_examples=example_count(400))
@given(field=FIELDS, value=VALUES, draw=st.data())
def test_a_gate_accepts_exactly_the_edits_that_the_input_accepts(
    field: Field, value: Value, draw: st.DataObject
) -> None:
    current = draw.draw(VALUES)
    value, current = json_values.clean(value), json_values.clean(current)
    valid, errors = fields.validate_all({"x": field}, {"x": value})
    result = requests.apply_edits(request_about_input(field, current), {"x": value}, kind=STEP_KINDS["set"])
    if json_values.canonical(value) == json_values.canonical(current):
        assert result == ((), request_about_input(field, current).content)
    elif isinstance(result, InvalidEdits):
        assert dict(result.errors) == errors
    else:
        assert not errors
        assert [edit.after for edit in result[0]] == [valid["x"]] or fields.same_value(field, current, valid["x"])


def parse_on_page(field: Field, typed: str) -> Value:
    """Return the value that a page reads from a text input. A value that another input cannot hold gets one."""
    first = page_inputs.inputs("x", field, None)[0]
    if first.choices:
        return fields.from_text(field, typed)
    new_value = forms.changed(field, None, page_inputs.entries("x", field, None, {first.name: [typed]}))
    return fields.nothing(field) if new_value is None else new_value[0]


def parse_in_slack(field: Field, typed: str) -> Value:
    block = ids.field_block("x", part="amount" if field.type is FieldType.MONEY else "", version=1)
    state = {block: {ids.INPUT: {"type": "plain_text_input", "value": typed}}}
    values, errors = view_state.read_inputs(state, {"x": field})
    if errors:
        raise InvalidValue(next(iter(errors.values())))
    return values["x"]


@settings(deadline=None, max_examples=example_count(400))
@given(
    field=FIELDS.filter(lambda field: field.type not in (FieldType.CHOICE, FieldType.CHOICES, FieldType.BOOLEAN)),
    typed=TYPED_TEXTS,
)
def test_the_same_text_has_the_same_result_and_sentence_on_every_surface(field: Field, typed: str) -> None:
    request = samples.request({"x": (field, None)})
    try:
        expected: tuple[Value, str] = fields.from_text(field, typed), ""
    except InvalidValue as error:
        expected = None, str(error)
    if not fields.as_seen(typed):
        return  # An untouched input is empty on each surface and has no result.
    for name, parse in {"page": parse_on_page, "slack": parse_in_slack}.items():
        try:
            result: tuple[Value, str] = parse(field, typed), ""
        except InvalidValue as error:
            result = None, str(error)
        if expected[1]:
            assert characters.visible(expected[1]) in characters.visible(result[1]), name
        else:
            assert result == expected or fields.same(field, result[0], expected[0]), name
    if not expected[1]:
        assert prompts.read_edits(f"x={typed}", request) == {"x": expected[0]}
        return
    with pytest.raises(click.UsageError) as caught:
        prompts.read_edits(f"x={typed}", request)
    # Only a terminal reads the path of a file, so only there can a path be wrong.
    is_path = field.type is FieldType.FILE and typed.strip().startswith("@") and typed.strip() != "@"
    assert ("must be a file, and there is none at" if is_path else expected[1]) in caught.value.message
