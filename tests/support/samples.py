"""Sample cards, requests, runs and fields for tests, and hypothesis strategies that generate hostile ones."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import strategies as st

from engine.domain import (
    Approver,
    Card,
    CardAction,
    CardFact,
    CardField,
    CardOutcome,
    DeliveryKind,
    Origin,
    Params,
    Person,
    PolicyKind,
    ReasonRequired,
    RequestState,
    ReviewPoint,
    RunStatus,
    Tone,
)
from engine.fields import Field
from engine.file_references import FileReference
from engine.json_values import Value
from engine.read_models import RequestView, RunView
from engine.requests import ContentChange, Deadlines, Edit, Editable, Policy, Request, Separation, Subject, Vote
from tests.support.copies import replace_fields

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
EXPIRES = f"Expires <!date^{int(NOW.timestamp())}^{{date_short_pretty}} at {{time}}|Mar 4, 2026, 9:30 AM UTC>"
"""How a text of Slack says that a request expires at `NOW`."""
DIGEST = "ab" * 32
PERSON = Person("p1", "Sam")

ACTIONS = (
    CardAction(verdict="approve", label="Pay it", confirm="This pays 90 EUR. Sure?"),
    CardAction(verdict="edit", label="Edit"),
    CardAction(verdict="reject", label="Do not pay"),
)


AMOUNT = CardField(path="json.amount", label="Amount", type="money", text="90.00 EUR", editable=True)


def card(**changes: Any) -> Card:
    base = Card(
        kind=DeliveryKind.REQUEST,
        title="Pay 90 EUR back?",
        lead=(("Sam asks.",), ("over 50.",)),
        values=(AMOUNT,),
        approvers=("Lee",),
        requester="Sam",
        details=(
            CardFact(label="If approved", text=("Pay the refund",)),
            CardFact(label="Address", text=("https://payments.example.com/refunds",)),
            CardFact(label="Workflow", text=("Refunds, version 3",)),
            CardFact(label="Started", text=("Sam, ", datetime(2026, 3, 4, 9, 0, tzinfo=UTC))),
        ),
        actions=ACTIONS,
        expires_at=NOW,
        request="req1",
        run="run1",
        content_version=1,
        digest=DIGEST,
    )
    return replace_fields(base, **changes)


def closed_card(**changes: Any) -> Card:
    decided = datetime(2026, 3, 4, 9, 40, tzinfo=UTC)
    closing = {
        "actions": (),
        "tone": Tone.APPROVED,
        "lead": (),
        "outcome": CardOutcome(line=("Approved by Lee, ", decided), effect="Pay the refund: done"),
        "expires_at": None,
    }
    return card(**{**closing, **changes})


def file(**changes: Any) -> FileReference:
    """Return the reference to a file."""
    base = FileReference(id="f" * 43, name="Invoice 7.pdf", type="application/pdf", size=12_345, sha256="ab" * 32)
    return replace_fields(base, **changes)


def parse_field(declaration: object) -> Field:
    return Field.model_validate(declaration)


def request(fields: dict[str, tuple[object, Value]] | None = None, **changes: Any) -> RequestView:
    """Return a request with these fields, given as declaration and value by name.

    Other changes replace fields of the view, of its request or of its deadlines.
    """
    fields = {"subject": ("text", "Hello")} if fields is None else fields
    subject = Subject(workflow="refund", hash="h", run="run1", step="pay", visit=1, uses="http", at=ReviewPoint.BEFORE)
    sample = Request(
        id="req1",
        workspace="default",
        subject=subject,
        state=RequestState.PENDING,
        rev=1,
        content_version=1,
        content=Params({name: value for name, (_, value) in fields.items()}),
        editable=tuple(Editable((name,), parse_field(declaration)) for name, (declaration, _) in fields.items()),
        digest=DIGEST,
        approvers=(Approver(PERSON, "owner"),),
        reason_required=ReasonRequired.REJECT,
        deadlines=Deadlines(opened_at=NOW, expires_at=NOW),
    )
    clocks = {key: changes.pop(key) for key in list(changes) if key in Deadlines.__struct_fields__}
    inner = {key: changes.pop(key) for key in list(changes) if key in Request.__struct_fields__}
    view = RequestView(
        model=replace_fields(sample, deadlines=replace_fields(sample.deadlines, **clocks), **inner),
        run="run1",
        run_status=RunStatus.WAITING,
        workflow="refund",
        workflow_title="Refunds",
        requester=PERSON,
        started_at=NOW,
        title="Pay it back?",
        reason=None,
        show=(),
        notes=(),
        confirm=None,
        approve_label="Pay it",
        reject_label="Do not pay",
        decision=None,
    )
    return replace_fields(view, **changes)


LEE, KIM, MIA = (Person(f"p{number}", name) for number, name in enumerate(("Lee", "Kim", "Mia"), start=2))
QUORUM, ALL, CHAIN = (
    Policy(kind=PolicyKind.QUORUM, needed=2),
    Policy(kind=PolicyKind.ALL, needed=3),
    Policy(kind=PolicyKind.CHAIN, needed=2),
)


def counted(policy: Policy, *votes: Person, changed_by: Person | None = None, **changes: Any) -> RequestView:
    """Return a request that Lee, Kim and Mia are asked, with approvals of these people. Of a chain, Mia is last.

    `changed_by`: a person who changed the subject from "Hello" to "Good day".
    """
    groups = {LEE: (0,), KIM: (0,), MIA: (1,)} if policy.is_chain else dict.fromkeys((LEE, KIM, MIA), (0,))
    edit = Edit(("subject",), "Subject", "Hello", "Good day")
    content: dict[str, tuple[object, Value]] = {"subject": ("text", edit.after if changed_by else edit.before)}
    change = [ContentChange(2, changed_by, NOW, (edit,))] if changed_by else []
    standing: dict[str, Any] = {
        "policy": policy,
        "approvers": tuple(Approver(person, "approver", groups=at) for person, at in groups.items()),
        "votes": tuple(Vote(person, NOW) for person in votes),
        "changes": tuple(change),
        "content_version": 1 + len(change),
    }
    return request(content, **{**standing, **changes})


def run(**changes: Any) -> RunView:
    base = RunView(
        id="run1",
        workspace="default",
        workflow="refund",
        workflow_title="Refunds",
        version=1,
        status=RunStatus.NEEDS_ATTENTION,
        requester=PERSON,
        owner=PERSON,
        origin=Origin(surface="slack"),
        inputs={},
        error=None,
        ready_at=None,
        started_at=NOW,
        ended_at=None,
    )
    return replace_fields(base, **changes)


# -- strategies ---------------------------------------------------------------------------------------------

HOSTILE = st.sampled_from(
    [
        "",
        " ",
        "\n",
        "\0\x07\x1b[31m",
        "‮evil‬",
        "<!channel> <@U1> <http://x|y> <!here|h> <#C1>",
        "*bold* ~strike~ `code` ```block``` > quote :smile:",
        "&amp; & < >",
        "👩‍👩‍👧‍👦🇩🇪🇫🇷👍🏽",
        "e" + "\u0301" * 60,
        "\ud800 alone",
        "https://example.com/?a=1&b=2",
        "\r\n\t|",
        "עברית العربية",
        "\u200b\u2066\u2800",
    ]
)
TEXTS = st.lists(HOSTILE | st.text(max_size=30), max_size=4).map("".join)
LENGTHS = st.sampled_from([160, 3_100, 4_100, 12_500])
"""A little more than Slack takes as a header, in a block, as the `text` of a message and as all of its blocks."""
LONG = st.builds(lambda text, length: ((text or "x") * length)[:length], TEXTS, LENGTHS)
ANY = TEXTS | LONG
CARD_FIELDS = st.builds(
    CardField,
    path=st.text(max_size=20),
    label=ANY,
    type=st.sampled_from(["text", "json", "money"]),
    text=ANY,
    editable=st.booleans(),
    before=st.none() | ANY,
)
PHRASES = st.lists(ANY | st.just(NOW), min_size=1, max_size=3).map(tuple)
CARD_FACTS = st.builds(CardFact, label=ANY, text=PHRASES)
OUTCOMES = st.builds(CardOutcome, line=PHRASES, reason=st.none() | ANY, effect=st.none() | ANY)


T = TypeVar("T")
MOST_REPEATED = 60_000
"""Characters of the parts of a card that are repeated: more than a message takes, and than six pages of details."""


def _repeated(parts: list[T], times: int) -> tuple[T, ...]:
    """Return the parts so many times, or as often as makes a card large: beyond that, more of them proves nothing."""
    return tuple(parts) * max(1, min(times, MOST_REPEATED // (len(repr(parts)) + 1)))


@st.composite
def cards(draw: st.DrawFn) -> Card:
    is_open = draw(st.booleans())
    labels = draw(st.lists(ANY, min_size=3, max_size=3))
    actions = (
        CardAction(verdict="approve", label=labels[0], confirm=draw(st.none() | ANY)),
        CardAction(verdict="edit", label=labels[1]),
        CardAction(verdict="reject", label=labels[2], confirm=draw(st.none() | ANY)),
    )
    many = draw(st.integers(1, 30))
    return Card(
        kind=draw(st.sampled_from([DeliveryKind.REQUEST, DeliveryKind.ALERT, DeliveryKind.OUTCOME])),
        title=draw(ANY),
        tone=draw(st.sampled_from(Tone)),
        lead=tuple(draw(st.lists(PHRASES, max_size=3))),
        values=_repeated(draw(st.lists(CARD_FIELDS, max_size=6)), many),
        notes=_repeated(draw(st.lists(CARD_FACTS, max_size=5)), draw(st.integers(1, 6))),
        outcome=None if is_open else draw(OUTCOMES),
        approvers=tuple(draw(st.lists(ANY, max_size=4))),
        requester=draw(ANY),
        details=_repeated(draw(st.lists(CARD_FACTS, max_size=5)), draw(st.integers(1, 6))),
        actions=actions if is_open else (),
        expires_at=NOW if is_open else None,
        request=draw(st.none() | st.just("req1")),
        run="run1",
        content_version=1,
        digest=DIGEST,
    )


@st.composite
def counted_requests(draw: st.DrawFn) -> tuple[RequestView, Person]:
    """Return a waiting request that several people have to approve, in any state, and a person who reads it."""
    persons = [Person(f"v{number}", draw(ANY)) for number in range(draw(st.integers(1, 12)))]
    kind = draw(st.sampled_from(PolicyKind))
    needed = draw(st.integers(2, 5)) if kind is not PolicyKind.ANY else 1
    groups = st.lists(st.integers(0, needed - 1), min_size=1, max_size=2, unique=True).map(sorted)
    approvers = tuple(
        Approver(
            person,
            "approver",
            groups=tuple(draw(groups)) if kind is PolicyKind.CHAIN else (0,),
            handed_to=draw(st.none() | st.none() | ANY),
        )
        for person in persons
    )
    votes = draw(st.lists(st.sampled_from(persons), unique=True, max_size=needed - 1))
    changed_by = draw(st.none() | st.sampled_from(persons))
    view = counted(
        Policy(kind=kind, needed=needed),
        *votes,
        changed_by=changed_by,
        approvers=approvers,
        separation=Separation(editor=draw(st.booleans())),
    )
    return view, draw(st.sampled_from([PERSON, *persons]))


OPTIONS = ["red", "green", {"value": "b" * 200, "label": "B" * 100}, {"value": "c" * 200, "label": "B" * 101}]
MANY_OPTIONS = [f"option {number}" for number in range(60)]
FIELDS: dict[str, object] = {
    "text": "text",
    "short": {"type": "text", "max_length": 5, "required": False},
    "long": "long_text",
    "number": {"type": "number", "min": 0, "max": 1000},
    "integer": {"type": "integer", "min": -5, "help": "Count <them>"},
    "money": {"type": "money", "min": 1},
    "euros": {"type": "money", "currency": "EUR", "required": False},
    "boolean": "boolean",
    "date": {"type": "date", "min": "2026-01-01"},
    "datetime": "datetime",
    "email": "email",
    "url": "url",
    "choice": {"type": "choice", "options": OPTIONS},
    "optional choice": {"type": "choice", "options": MANY_OPTIONS, "required": False},
    "choices": {"type": "choices", "options": OPTIONS},
    "many": {"type": "choices", "options": MANY_OPTIONS, "required": False},
    "person": "person",
    "json": "json",
}
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e9"), max_value=Decimal("1e9"), places=3),
    ANY.map(lambda text: text.replace("\ud800", "")),
    st.sampled_from(
        [
            "red",
            "b" * 200,
            "option 7",
            "sam@example.com",
            "U012AB3CD",
            "<@U012AB3CD|sam>",
            "https://example.com/a?b=1",
            "2026-03-04",
            "2026-03-04T09:30:00Z",
            "2026-03-04T09:30:00.5Z",
            "1900-03-04T09:30:00+01:00",
            "12.50",
            "yes",
        ]
    ),
    st.builds(
        lambda amount, currency: {"amount": amount, "currency": currency},
        st.sampled_from(["12.50", "0.00", "99999999999999999999.99"]),
        st.sampled_from(["EUR", "USD"]),
    ),
    st.lists(st.sampled_from(["red", "green", "b" * 200, "option 3", "option 9", "gone"]), unique=True).map(
        lambda options: [*options]
    ),
    st.just({"a": [1, {"b": None}]}),
)
