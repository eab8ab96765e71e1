"""The content of a request's page, pure: all that the message in Slack shows, and what it had to cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from bot.presentation import characters, request_card, request_content, request_outcome, states
from bot.presentation.characters import boundary, hidden
from bot.web import form_inputs, run_history, stale_form
from bot.web.form_inputs import Input, Raws
from bot.web.run_history import HistoryStep
from engine import fields, json_values, requests
from engine.domain import Card, ReasonRequired, ReviewPoint
from engine.errors import about
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.read_models import RequestView, RunView

_AROUND: Final = 20
"""Characters shown on each side of an invisible one: enough to find the place."""
_EXCERPT: Final = 100
_MOST_MARKED: Final = 100
"""Maximum number of excerpts of one text."""
_COUNTED: Final = 300
"""Length from which the page says that a text is long, in characters, so that people do not read only its beginning."""
MOST_EDITABLE: Final = 1_200_000
"""Maximum size of the texts in the inputs of a page, in bytes: a larger form could not be submitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownField:
    """A field of the content. With `inputs` it can be changed; `text` is its present value.

    `marked`: excerpts around its invisible characters, which an input would hide.
    """

    path: str
    label: str
    text: str
    before: str | None = None
    inputs: tuple[Input, ...] = ()
    is_optional: bool = False
    hints: tuple[str, ...] = ()
    marked: tuple[str, ...] = ()
    error: str | None = None

    @property
    def id(self) -> str:
        return form_inputs.key(self.path)

    @property
    def is_group(self) -> bool:
        """Whether it has several inputs, which then need a common label."""
        return len(self.inputs) > 1 or any(input_.kind in ("radio", "checkbox") for input_ in self.inputs)

    @property
    def focus(self) -> str:
        """The id of its first input."""
        first = self.inputs[0]
        return f"{first.name}-0" if first.kind in ("radio", "checkbox") else first.name

    @property
    def described(self) -> str:
        """The ids of the texts that describe it to a screen reader."""
        parts = [*(["hint"] if self.hints else []), *(["marked"] if self.marked else [])]
        return " ".join(f"{self.id}-{part}" for part in [*parts, *(["error"] if self.error else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A request as its page shows it. `seen`: the content as text in the form, to find later changes."""

    request: RequestView
    card: Card
    content: tuple[ShownField, ...]
    inputs: tuple[tuple[str, str], ...]
    trigger: str
    run_id: str
    state: str
    run_state: str
    steps: tuple[HistoryStep, ...]
    history: tuple[tuple[datetime | None, str], ...]
    reason: str
    reason_error: str | None
    reason_hint: str
    seen: str

    @property
    def headline(self) -> str:
        """The headline above the content."""
        if self.request.model.subject.is_form:
            return "What is needed"
        return "What will be done" if self.request.at is ReviewPoint.BEFORE else "What was produced"

    @property
    def is_editable(self) -> bool:
        return any(field.inputs for field in self.content)

    @property
    def parts(self) -> list[list[ShownField]]:
        """The content in its order, grouped into runs of fields to read and fields to change."""
        return [list(group) for _, group in groupby(self.content, key=lambda field: bool(field.inputs))]

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        """Return the errors for the top of the page, each with the id of its input."""
        errors = [(field.focus, field.error) for field in self.content if field.error and field.inputs]
        return (*errors, *([("reason", self.reason_error)] if self.reason_error else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedReview:
    """The contents of a submitted form, and sentences about errors, by dotted path."""

    raws: Raws
    reason: str = ""
    wrong: Mapping[str, str] | None = None
    reason_error: str | None = None


def review(
    request: RequestView, run: RunView | None, earlier: Sequence[RequestView] = (), typed: TypedReview | None = None
) -> Review:
    """Return the page. `earlier`: other requests of the run; `typed`: shown in the inputs instead of the content."""
    content = tuple(_content(request, typed or TypedReview(raws={})))
    return Review(
        request=request,
        card=request_card.request_card(request),
        content=content,
        inputs=run_history.inputs(run, request.people),
        trigger=run_history.trigger(run),
        run_id=request.run,
        state=request_outcome.headline(request),
        run_state=states.RUN_CLAUSES[request.run_status],
        steps=run_history.steps(run, request.people),
        history=tuple(run_history.history(request, run, earlier)),
        reason=typed.reason if typed else "",
        reason_error=typed.reason_error if typed else None,
        reason_hint=_reason_hint(request),
        seen=stale_form.seen(content),
    )


def _reason_hint(request: RequestView) -> str:
    who = characters.line(request.requester.label)
    match request.model.reason_required:
        case ReasonRequired.ALWAYS:
            return f"Needed for either answer. {who}, who started this, reads it."
        case ReasonRequired.REJECT:
            return f"Needed for “{characters.line(request.reject_label)}”. {who}, who started this, reads it."
        case _:
            return f"You may leave it empty. {who}, who started this, reads it."


# -- the content --------------------------------------------------------------------------------------------


def _content(request: RequestView, typed: TypedReview) -> Iterator[ShownField]:
    """Yield the content in its order; the editable fields of an open request have inputs."""
    pending = request.decision is None and request.model.closed_at is None
    editable = (
        {json_values.show_path(editable_value.path): editable_value for editable_value in request.model.editable}
        if pending
        else {}
    )
    room, wrong = MOST_EDITABLE, typed.wrong or {}
    for field in request_content.content_fields(request):
        editable_value = editable.get(field.path) if field.editable else None
        shown = ShownField(path=field.path, label=field.label, text=field.text, before=field.before)
        if editable_value is None:
            yield shown
            continue
        value = json_values.look(request.model.content.value, editable_value.path)
        inputs = form_inputs.inputs(field.path, editable_value.field, value)
        room -= sum(len(text.encode()) for each in inputs for text in each.values)
        if room < 0:
            yield ShownField(
                path=field.path, label=field.label, text=field.text, hints=("This is too long to be edited here.",)
            )
            continue
        yield ShownField(
            path=field.path,
            label=field.label,
            text=field.text,
            inputs=form_inputs.refilled(inputs, typed.raws),
            is_optional=not editable_value.field.required and editable_value.field.blank != "keep",
            hints=(*_named(request, editable_value.field, value), *hints(editable_value.field, value, inputs)),
            marked=marked(value),
            error=characters.visible(wrong[field.path]) if field.path in wrong else None,
        )


def marked(value: Value) -> tuple[str, ...]:
    """Return excerpts around every character that an input would not show, in order and without overlap.

    If there are very many, only the first are shown, with the number of the others.
    """
    text = value if isinstance(value, str) else ""
    places = hidden(text)
    if not places:
        return ()
    spelled, around = [*text.replace("\r\n", "  ").replace("\n", " ")], _around(places, len(text))
    for at in places:
        spelled[at] = characters.visible(text[at])
    excerpts, shown = list[str](), 0
    for first, last in around[:_MOST_MARKED]:
        # An excerpt continues where the last one ended; otherwise it begins and ends between two characters.
        start = shown if first <= shown else boundary(text, first)
        shown = max(last - _AROUND + 1, boundary(text, last)) if last < len(text) else len(text)
        excerpts.append(f"{'…' if start else ''}{''.join(spelled[start:shown])}{'…' if shown < len(text) else ''}")
    left = sum(1 for at in places if at >= shown)
    return (*excerpts, f"… and {left:,} more.") if left else tuple(excerpts)


def _around(places: Sequence[int], length: int) -> list[tuple[int, int]]:
    """Return the short stretches of text that show all of these places with their surroundings."""
    stretches = list[tuple[int, int]]()
    for at in places:
        first, last = max(0, at - _AROUND), min(length, at + _AROUND)
        if stretches and first <= stretches[-1][1] and last - stretches[-1][0] <= _EXCERPT:
            stretches[-1] = stretches[-1][0], last
        elif not stretches or at >= stretches[-1][1]:
            stretches.append((max(first, stretches[-1][1]) if stretches else first, last))
    return stretches


def _named(request: RequestView, field: Field, value: Value) -> Iterator[str]:
    """Return the name of the account, which the input cannot show."""
    if field.type is FieldType.PERSON and requests.is_account(value):
        yield f"Now {request_content.show_in(request, field, value)}."


def hints(field: Field, value: Value, inputs: Sequence[Input]) -> Iterator[str]:
    """Yield the hints for filling in a field."""
    if field.help:
        yield characters.visible(field.help)
    yield from _bounds(field)
    long = value if isinstance(value, str) else inputs[0].value
    if inputs[0].kind == "textarea" and len(long) >= _COUNTED:
        yield f"It came with {len(long):,} characters."
    if field.max_length is not None:
        yield f"At most {field.max_length:,} characters."
    if field.type is FieldType.DATETIME and inputs[0].kind == "text":
        yield "Like 2026-03-02 09:30 UTC."
    if field.type is FieldType.PERSON:
        yield "An email address."
    if field.type is FieldType.JSON:
        yield "Written as JSON."
    if (
        inputs[0].kind == "checkbox"
        and value not in (None, [])
        and not any(choice.chosen for choice in inputs[0].choices)
    ):
        yield f"Now {characters.line(request_content.show(field, value))}; whatever you choose replaces it."


def _bounds(field: Field) -> Iterator[str]:
    low, high = (
        None if bound is None else fields.show(_PLAIN.get(field.type, field.type), bound) for bound in _ends(field)
    )
    if low is not None and high is not None:
        yield f"From {low} to {high}."
    elif low is not None:
        yield f"At least {low}." if field.type not in _TIMES else f"Not before {low}."
    elif high is not None:
        yield f"At most {high}." if field.type not in _TIMES else f"Not after {high}."


_TIMES: Final = frozenset({FieldType.DATE, FieldType.DATETIME})
_PLAIN: Final[Mapping[FieldType, FieldType]] = {FieldType.MONEY: FieldType.NUMBER}


def _ends(field: Field) -> tuple[Value, Value]:
    return field.min, field.max


def edits(request: RequestView, raws: Raws) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the changes in the form, and sentences about errors, by dotted path. Without changes it is an approval."""
    editable = request.model.editable
    changes, errors = form_inputs.read_edits(requests.editable_fields(editable, request.model.content.value), raws)
    labels = {json_values.show_path(editable_value.path): editable_value.field.label for editable_value in editable}
    return changes, {path: about(labels[path] or path, predicate) for path, predicate in errors.items()}
