"""The opening of a request. Everything that the request shows is evaluated here, once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from engine import fields, json_values
from engine.domain import (
    AloneReason,
    Assurance,
    OnExpiry,
    Params,
    QuestionRule,
    ReasonRequired,
    ReviewPoint,
    Ways,
)
from engine.domain.ask_facts import AskFacts
from engine.errors import ExpressionError
from engine.expressions import Template, describe_server_source
from engine.fields import Field
from engine.identifiers import in_words
from engine.json_values import Path, Value
from engine.oversight.draw import GateDraw
from engine.references import Reference
from engine.requests import named_people, routes
from engine.requests.deadlines import Deadlines
from engine.requests.mentions import mentioned
from engine.requests.model import REASON_LENGTH, Editable, Revision, RevisionOffer, Subject, clip
from engine.requests.policy import ANY_ONE, Policy
from engine.requests.request_amount import RequestAmount, amount_of
from engine.requests.request_risk import RequestRisk
from engine.requests.routes import RouteTrials
from engine.requests.separation import Circle, Separation
from engine.requests.working_hours import WorkingHours
from engine.workflowfile import Gate, Step
from engine.workflowfile.declarations import NO_DECLARATIONS, with_source_label
from engine.workflowfile.workflow import NO_CLOCKS, QUESTIONS, Clocks

TITLE_LENGTH: Final = 150
"""Maximum length of a title, in characters."""
CONFIRM_LENGTH: Final = 300
"""Maximum length of the text of a confirmation, in characters: the limit of Slack."""
NOTE_LENGTH: Final = 1000
"""Maximum length of a note, in characters."""
MAX_NOTES: Final = 20
"""Maximum number of notes on a request."""
_UNKNOWN: Final = "Signoff could not tell whether this needs approval"

_DOTTED: Final = re.compile(r"(?:[A-Za-z_][\w-]*\.)+([\w-]+)")

Scope = Mapping[str, Value]


class Opening(Struct, frozen=True, kw_only=True):
    """A request that is about to be saved, with everything evaluated."""

    subject: Subject
    step_label: str
    """The title of the step, or its id."""
    technical: tuple[str, ...]
    """What of the content people see only under technical details: top-level names, or `item_1.name` of a foreach."""
    title: str
    reason: str | None
    show: tuple[tuple[str, str], ...]
    confirm: str | None
    content: Params
    editable: tuple[Editable, ...]
    declared: tuple[Editable, ...]
    """Places that cannot be edited, with the declared field of the value that they come from."""
    groups: tuple[tuple[Reference, ...], ...]
    """The people that the gate names: the groups of a chain, or one group."""
    backups: tuple[Reference, ...] = ()
    """The people who are asked as well if there is no decision in time."""
    digest: str
    approve_label: str
    reject_label: str
    reason_required: ReasonRequired
    expires_after: timedelta | None
    on_expiry: OnExpiry
    clocks: Clocks = NO_CLOCKS
    ways: Ways
    fallback_after: timedelta
    assurance: Assurance
    confirm_with: Assurance | None
    alone: AloneReason | None
    notes: tuple[str, ...]
    """Sentences for the approvers about expressions that could not be evaluated."""
    policy: Policy = ANY_ONE
    separation: Separation = Separation()
    questions: QuestionRule = QUESTIONS
    feedback: bool = False
    hold: timedelta | None = None
    again: str | None = None
    """The request whose approval was undone, if this one asks the same again."""
    revision: RevisionOffer | None = None
    edited_before: tuple[str, ...] = ()
    """The ids of the people who changed the content before, after an earlier call failed."""
    attempt: int = 0
    """The call about whose failure it asks."""
    ask: AskFacts | None = None
    """What it tells about the program that asks, if one does."""
    risk: RequestRisk | None = None
    """Its risk, if the gate tells it."""
    amount: RequestAmount | None = None
    """The amount that the limits of approvers are compared with."""
    drawn: GateDraw | None = None
    """How the sampling plan of the gate counts it, if it has one that does."""
    route: RouteTrials | None = None
    """The rules that choose who is asked, if the gate names a route."""
    because: str = ""
    """Why these people are asked, once a route has chosen them."""

    def deadlines(self, now: datetime, *, falls_back: bool, hours: WorkingHours | None = None) -> Deadlines:
        """Return the deadlines of the request as it is opened.

        `falls_back`: whether there is email to fall back to. `hours`: the working hours of this server.
        """
        return Deadlines(
            opened_at=now,
            expires_after=self.expires_after,
            on_expiry=self.on_expiry,
            remind=self.clocks.remind,
            escalate_after=self.clocks.escalate_after,
            hours=hours if self.clocks.hours else None,
            fallback_after=self.fallback_after,
            fall_back_at=now + self.fallback_after if falls_back else None,
        )

    @property
    def has_authors(self) -> bool:
        """Whether people who worked on the content before may have to be left out of those who decide."""
        return bool(self.edited_before) or (self.revision is not None and bool(self.revision.authors))

    @property
    def references(self) -> tuple[Reference, ...]:
        """All people that the gate names."""
        routed = self.route.references if self.route is not None else ()
        return (*(reference for group in self.groups for reference in group), *routed)

    @property
    def needs_account(self) -> bool:
        """Whether a person can decide only with an account."""
        return Assurance.SSO in (self.assurance, self.confirm_with)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The account ids in everything that the request shows."""
        texts = (self.title, self.reason or "", *(text for _, text in self.show), *self.content.context.values())
        return mentioned(self.content.value, (*self.declared, *self.editable), texts)


class OpenedRequest(Struct, frozen=True):
    """A request that was saved just now."""

    id: str
    opening: Opening
    circle: Circle
    deadlines: Deadlines


def wanted(gate: Gate, scope: Scope) -> bool | str:
    """Return whether the gate opens, or a sentence that says why that is unknown. The gate opens then, too."""
    if gate.when is None:
        return True
    try:
        opens = gate_condition(gate.when, scope)
    except ExpressionError as error:
        return f"{_UNKNOWN}: {error}"
    return f"{_UNKNOWN}: {gate.condition_warning}" if gate.condition_warning and not opens else opens


def gate_condition(when: Template, scope: Scope) -> bool:
    """Return whether a condition that decides about a gate holds. Raises `ExpressionError` also where that is unclear,
    such as for an ambiguous number."""
    return _boolean(when, when.evaluate_condition(scope))


def truth(when: Template, scope: Scope) -> bool:
    """Return the value of a condition. Raises `ExpressionError` unless it is true or false."""
    return _boolean(when, when.render(scope))


def _boolean(when: Template, value: Value) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"{when.source} gave {fields.show(fields.infer(value).type, value)!r}, not true or false")
    return value


def open_request(
    *, gate: Gate, step: Step, subject: Subject, content: Params, scope: Scope, why: bool | str
) -> Opening:
    """Return the request that the gate opens. A text that cannot be rendered becomes a note; the gate opens anyway."""
    notes = [*([why] if isinstance(why, str) else []), *_address_notes(gate, step)]

    text = _Texts(scope, notes).render
    title = _one_line(text(gate.title, "title", TITLE_LENGTH) or "") or clip(step.label, TITLE_LENGTH)
    reason = text(gate.reason, "reason", REASON_LENGTH)
    show = tuple((item.label, text(item.value, item.label, REASON_LENGTH) or "–") for item in gate.show)
    content = replace(content, context=_context(gate, text))
    policy, groups = named_people.people(gate, scope, notes)
    editable = tuple(_editable(gate, step, content, notes))
    return Opening(
        subject=subject,
        step_label=step.label,
        technical=tuple(name for name in content.value if name in step.kind.technical_names),
        title=title,
        reason=reason,
        show=show,
        confirm=text(gate.confirm, "confirmation", CONFIRM_LENGTH),
        content=content,
        editable=editable,
        declared=tuple(_declared(gate, content, editable)),
        groups=groups,
        backups=tuple(named_people.backups(gate, scope, notes)),
        digest=subject.digest(content),
        approve_label=gate.approve_label,
        reject_label=gate.reject_label,
        reason_required=gate.reason_required,
        expires_after=gate.expires,
        on_expiry=gate.on_expiry,
        clocks=gate.clocks,
        ways=gate.ways,
        fallback_after=gate.fallback_after,
        assurance=gate.assurance,
        confirm_with=gate.confirm_with,
        notes=tuple(_limit_notes(notes)),
        policy=policy,
        separation=Separation(requester=gate.requester_rule, editor=gate.excludes_editor),
        questions=gate.questions,
        feedback=gate.feedback,
        hold=gate.hold,
        amount=amount_of(gate.amount, scope),
        route=routes.try_routes(gate, step, scope, notes),
        alone=gate.alone or (AloneReason.QUESTION if gate.confirm is not None else None),
    )


_Render: TypeAlias = Callable[[Template | None, str, int], str | None]


def _context(gate: Gate, render: _Render) -> Mapping[str, str]:
    """Return what the gate says about the proposal, as texts. An empty text says nothing."""
    texts = {key: render(template, key, REASON_LENGTH) for key, template in gate.context.items()}
    return {key: text for key, text in texts.items() if text is not None and text.strip()}


def revision_offer(gate: Gate, step: Step, revisions: Sequence[Revision]) -> RevisionOffer | None:
    """Return whether changes can be asked for at this gate. `revisions`: of this run so far, the oldest first."""
    if gate.revise is None:
        return None
    earlier = [revision for revision in revisions if revision.step == step.id]
    return RevisionOffer(
        rounds=len(earlier),
        left=max(gate.revise_limit - len(earlier), 0),
        previous=earlier[-1].request if earlier else None,
        authors=tuple(dict.fromkeys(revision.person for revision in earlier)),
    )


class _Texts:
    """Renders the texts of a gate; one that cannot be rendered becomes a note."""

    def __init__(self, scope: Scope, notes: list[str]) -> None:
        self._scope, self._notes = scope, notes

    def render(self, template: Template | None, what: str, length: int) -> str | None:
        """Return the text, cut to `length` characters, or None. `what`: the name of the text in the note."""
        if template is None:
            return None
        try:
            return clip(_text(template, self._scope), length)
        except ExpressionError as error:
            self._notes.append(f"The {what} of this request could not be written: {error}")
            return None


def _one_line(title: str) -> str:
    """Return a title in one line: data in it must not add lines that look as if Signoff had written them."""
    return " ".join(title.split())


def _address_notes(gate: Gate, step: Step) -> Iterator[str]:
    """Yield a sentence for each address that the step calls on a server that the workflow file does not name."""
    if gate.at is not ReviewPoint.BEFORE:
        return
    for path, template in step.params.templates:
        origin = describe_server_source(template) if path[0] in step.kind.address_params else None
        if origin is not None:
            yield (
                f"The address to call comes from {_in_words(origin)}, not from the workflow file. "
                "Check where it leads before you approve."
            )


def _in_words(names: str) -> str:
    """Return dotted names of data, each as the words of its end: `inputs.pay_url` is “Pay URL”."""
    return _DOTTED.sub(lambda name: f"“{in_words(name[1])}”", names)


def _limit_notes(notes: list[str]) -> Iterator[str]:
    """Yield the notes within their limits: bad data may cause any number of notes, of any length."""
    yield from (clip(note, NOTE_LENGTH) for note in notes[:MAX_NOTES])
    if len(notes) > MAX_NOTES:
        yield f"There are {len(notes) - MAX_NOTES:,} more notes like these."


def _text(template: Template, scope: Scope) -> str:
    value = template.render_shown(scope)
    return value if isinstance(value, str) else fields.show_to_read(fields.infer(value).type, value)


def _editable(gate: Gate, step: Step, content: Params, notes: list[str]) -> Iterator[Editable]:
    marked = _content_of(gate, step, content) if gate.edit is None else gate.edit
    names: set[str] = set()
    for dotted, field in marked.items():
        try:
            # A name may have a dot in it. The whole name is tried first.
            path = (dotted,) if dotted in content.value else json_values.read_path(dotted, content.value)
        except KeyError:
            name = " · ".join(in_words(part) for part in dotted.split("."))
            notes.append(f"“{name}” cannot be edited, because it is missing this time.")
            continue
        if _touches_secret(path, content):
            continue
        if field is not None:
            values = [Editable(path, with_source_label(field, gate.declarations.at(path).field))]
        else:
            values = [*_editable_values(gate, content, path)]
        for value in values:
            if (name := json_values.show_path(value.path)) in names:
                notes.append(f"Two values are called “{in_words(name)}”. Only the first can be edited.")
                continue
            names.add(name)
            yield value


def _content_of(gate: Gate, step: Step, content: Params) -> Mapping[str, Field | None]:
    """Return the values that people may edit if the gate does not say: those that the step marks as content."""
    if gate.at is not ReviewPoint.AFTER:
        return step.kind.content(content.value)
    params = step.params.value
    declared = step.kind.output_fields(params) if isinstance(params, dict) else {}
    # The kind knows the types of its parameters. An output of the same name has another type.
    marked = declared or dict.fromkeys(step.kind.content(content.value))
    return {name: field for name, field in marked.items() if name in content.value}


def _editable_values(gate: Gate, content: Params, path: Path) -> Iterator[Editable]:
    """Yield the editable places at a path: each value with a declaration of its own, or else the whole value."""
    for value_path, field in gate.declarations.at(path).iter_values(json_values.look(content.value, path), path):
        yield Editable(value_path, field or fields.infer(json_values.look(content.value, value_path)))


def _declared(gate: Gate, content: Params, editable: tuple[Editable, ...]) -> Iterator[Editable]:
    """Yield the places that have a declaration and cannot be edited."""
    if gate.declarations is NO_DECLARATIONS:
        return
    for path, field in gate.declarations.iter_values(content.value):
        if field is not None and not any(_overlap(path, value.path) for value in editable):
            yield Editable(path, field)


def _overlap(path: Path, other: Path) -> bool:
    """Return whether one of two places is inside of the other, or both are the same."""
    length = min(len(path), len(other))
    return path[:length] == other[:length]


def _touches_secret(path: Path, content: Params) -> bool:
    return any(_overlap(path, secret) for secret in content.secrets)
