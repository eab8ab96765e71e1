"""The content of a request's page, pure: all that the message in Slack shows, and what it had to cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.presentation import changes, characters, dates, oversight, people, request_card, request_content, states
from bot.presentation.characters import boundary, hidden
from bot.web import form_inputs, review_files, run_history, stale_form
from bot.web.form_inputs import Input, Raws
from bot.web.run_history import HistoryStep
from engine import fields, json_values, requests
from engine.domain import Assurance, Card, CardField, Person, Phrase, ReasonRequired, RequestState, ReviewPoint, Verdict
from engine.errors import about
from engine.fields import Field, FieldType
from engine.file_references import FileReference
from engine.json_values import Value
from engine.read_models import RequestView, RunView
from engine.workflowfile.step_kinds import FOREACH

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
    """A value of the request. With `inputs` it can be changed; `text` is its present value.

    `marked`: excerpts around its invisible characters, which an input would hide. `change`: what was typed, as a
    difference. `length`: of a long text, in characters.
    """

    path: str
    label: str
    text: str
    inputs: tuple[Input, ...] = ()
    is_optional: bool = False
    hints: tuple[str, ...] = ()
    marked: tuple[str, ...] = ()
    error: str | None = None
    change: CardField | None = None
    length: int | None = None
    files: tuple[FileReference, ...] = ()

    @property
    def id(self) -> str:
        return form_inputs.key(self.path)

    @property
    def is_group(self) -> bool:
        """Whether it has several inputs, which then need a common label."""
        return len(self.inputs) > 1 or any(input_.kind in ("radio", "checkbox") for input_ in self.inputs)

    @property
    def is_open(self) -> bool:
        """Whether its inputs are shown at once: it was typed into."""
        return self.error is not None or self.change is not None

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
class Reason:
    """The field for the reason. `is_shown`: at once, and not only with the button that needs it.

    `asked_for`: the value of the button that was pressed, if it is shown because of that.
    """

    text: str
    error: str | None
    hint: str
    label: str
    is_optional: bool
    is_always: bool
    is_shown: bool
    asked_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A request as its page shows it. `seen`: carried by the form, to show later what has changed since."""

    request: RequestView
    card: Card
    asked: str
    values: tuple[ShownField, ...]
    content: tuple[CardField, ...]
    """All of the content, with the values that stand under the details."""
    inputs: tuple[tuple[str, str], ...]
    trigger: str
    run_state: str
    steps: tuple[HistoryStep, ...]
    history: tuple[Phrase, ...]
    reason: Reason
    seen: str
    has_approved: bool
    """Whether the reader has approved it, while others are missing."""
    changed_since: tuple[CardField, ...]
    changed_as_asked: tuple[CardField, ...]
    """What is different from the content that the reader approved, if they have to decide again."""

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What the reader can do now: approve or send, and reject."""
        return tuple(action.verdict for action in self.card.actions)

    @property
    def has_items(self) -> bool:
        """Whether it asks about all items of a foreach, which have a page of their own."""
        return self.request.model.subject.uses == FOREACH

    @property
    def headline(self) -> str:
        """The headline above the values."""
        if self.request.model.subject.is_form:
            return "What is needed"
        if self.request.model.subject.is_failure:
            return "What was tried"
        if self.request.oversight is not None:
            return oversight.heading(self.request.oversight)
        return "What will be done" if self.request.at is ReviewPoint.BEFORE else "The result"

    @property
    def confirmation(self) -> Assurance | None:
        """What confirms a decision on the page: one sign-in serves for both keys of the gate."""
        model = self.request.model
        return Assurance.SSO if model.confirm_with and model.assurance is Assurance.SSO else model.confirm_with

    @property
    def is_edited(self) -> bool:
        return any(field.change is not None for field in self.values)

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        """Return the errors for the top of the page, each with the id of its input."""
        errors = [(field.focus, field.error) for field in self.values if field.error and field.inputs]
        return (*errors, *([("reason", self.reason.error)] if self.reason.error else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedReview:
    """The contents of a submitted form, and sentences about errors, by dotted path.

    `asks_for`: the value of the button that was pressed, and that needs a reason; empty: none was.
    """

    raws: Raws
    reason: str = ""
    wrong: Mapping[str, str] | None = None
    reason_error: str | None = None
    asks_for: str = ""


_UNTYPED: Final = TypedReview(raws={})


def review(
    request: RequestView,
    run: RunView | None,
    earlier: Sequence[RequestView] = (),
    typed: TypedReview | None = None,
    reader: Person | None = None,
) -> Review:
    """Return the page. `earlier`: other requests of the run; `typed`: shown in the inputs instead of the content."""
    card, content = request_card.request_card(request, reader), request_content.labelled(request)
    return Review(
        request=request,
        card=card,
        asked=people.of_card(card),
        # A short value can be read at a glance, so it does not stand below a long text.
        values=tuple(sorted(_values(request, card, typed or _UNTYPED), key=lambda field: bool(field.length))),
        content=content,
        inputs=run_history.inputs(run, request.people),
        trigger=run_history.trigger(run),
        run_state=states.run_clause_about(request),
        steps=run_history.steps(run, request.people),
        history=tuple(run_history.history(request, run, earlier)),
        reason=_reason(request, typed or _UNTYPED),
        seen=stale_form.seen(content),
        has_approved=reader is not None and request.model.tally.vote_of(reader.id) is not None,
        changed_since=_changed_since(request, reader) if reader is not None and card.actions else (),
        changed_as_asked=_changed_as_asked(request, content),
    )


def _changed_since(request: RequestView, reader: Person) -> tuple[CardField, ...]:
    """Return what is different from the content that the reader approved, unless they approved the present one."""
    version = request.approved_before.get(reader.id)
    if version is None or request.model.tally.vote_of(reader.id) is not None:
        return ()
    return changes.since(request, version)


def _changed_as_asked(request: RequestView, content: Sequence[CardField]) -> tuple[CardField, ...]:
    """Return what is different from the version in which an approver asked for changes, while this one is open."""
    if request.asked_to_change is None or request.model.state is not RequestState.PENDING:
        return ()
    return tuple(field for field in content if field.before is not None)


def _reason(request: RequestView, typed: TypedReview) -> Reason:
    required = request.model.reason_required
    is_always = required is ReasonRequired.ALWAYS
    asked_for = typed.asks_for if not is_always else ""
    is_revision = asked_for == Verdict.REVISE
    reader = people.reads_reason(request)
    return Reason(
        text=typed.reason,
        error=typed.reason_error,
        hint=f"Every answer needs a reason. {reader}" if is_always else reader,
        label="What should change?" if is_revision else "Reason",
        is_optional=not is_revision and required not in (ReasonRequired.ALWAYS, ReasonRequired.REJECT),
        is_always=is_always,
        is_shown=is_always or bool(asked_for) or bool(typed.reason),
        asked_for=asked_for,
    )


# -- the values ---------------------------------------------------------------------------------------------


def _values(request: RequestView, card: Card, typed: TypedReview) -> Iterator[ShownField]:
    """Yield the values of the card; for a reader who can edit the request with inputs for those that may be changed."""
    can_edit = any(action.verdict == "edit" for action in card.actions)
    editable = _editable(request) if can_edit else {}
    changes = typed_changes(request, typed.raws)
    room, wrong = MOST_EDITABLE, typed.wrong or {}
    for card_field in card.values:
        value = ShownField(
            path=card_field.path,
            label=card_field.label,
            text=card_field.text,
            length=_length(card_field.text),
            files=card_field.files,
        )
        editable_value = editable.get(card_field.path) if card_field.editable else None
        if editable_value is None:
            yield value
            continue
        present = json_values.look(request.model.content.value, editable_value.path)
        inputs = form_inputs.inputs(card_field.path, editable_value.field, present)
        room -= sum(len(text.encode()) for each in inputs for text in each.values)
        if room < 0:
            yield replace(value, hints=("This is too long to be changed here.",))
            continue
        yield replace(
            value,
            inputs=form_inputs.refilled(inputs, typed.raws),
            is_optional=not editable_value.field.required and editable_value.field.blank != "keep",
            hints=(
                *_named(request, editable_value.field, present),
                *hints(editable_value.field, present, inputs),
            ),
            marked=marked(present),
            error=characters.visible(wrong[card_field.path]) if card_field.path in wrong else None,
            change=changes.get(card_field.path),
        )


def _editable(request: RequestView) -> dict[str, requests.Editable]:
    """Return what may be changed by dotted path; nothing once the request is closed."""
    if request.decision is not None or request.model.closed_at is not None:
        return {}
    return {json_values.show_path(editable.path): editable for editable in request.model.editable}


def typed_changes(request: RequestView, raws: Raws) -> dict[str, CardField]:
    """Return the changes in a form by dotted path, without values that are wrong."""
    # What a form asks for replaces nothing.
    if not raws or request.model.subject.is_form:
        return {}
    return {change.path: change for change in changes.proposed(request, edits(request, raws)[0])}


def _length(text: str) -> int | None:
    return len(text) if len(text) >= _COUNTED else None


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
    """Return the name of the account or address, which the input cannot show."""
    is_known = isinstance(value, str) and value in request.people
    if field.type is FieldType.PERSON and (is_known or requests.is_account(value)):
        yield f"Now {request_content.show_in(request, field, value)}."


def hints(field: Field, value: Value, inputs: Sequence[Input]) -> Iterator[str]:
    """Yield the hints for filling in a field."""
    if field.help:
        yield characters.visible(field.help)
    yield from _bounds(field)
    if field.max_length is not None:
        yield f"At most {field.max_length:,} characters."
    if field.type is FieldType.DATETIME and inputs[0].kind == "text":
        yield "Like 2026-03-02 09:30 UTC."
    if field.type is FieldType.PERSON:
        yield "An email address."
    if field.type is FieldType.JSON:
        yield "Written as JSON."
    if field.type is FieldType.FILE:
        yield from review_files.hints(field)
    if (
        inputs[0].kind == "checkbox"
        and value not in (None, [])
        and not any(choice.chosen for choice in inputs[0].choices)
    ):
        yield f"Now {characters.line(request_content.show(field, value))}. What you choose replaces it."


def _bounds(field: Field) -> Iterator[str]:
    low, high = (
        None if bound is None else dates.in_words(fields.show(_PLAIN.get(field.type, field.type), bound))
        for bound in _ends(field)
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
    new_values, errors = form_inputs.read_edits(requests.editable_fields(editable, request.model.content.value), raws)
    named = labels(request)
    return new_values, {path: about(named.get(path, path), predicate) for path, predicate in errors.items()}


def labels(request: RequestView) -> dict[str, str]:
    """Return the label of each value of the content by dotted path."""
    return {field.path: field.label for field in request_content.labelled(request)}
