"""The card, which is the channel-neutral content of a copy, and the receipt of a posted copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

from engine.domain.statuses import DeliveryKind, OnExpiry, ResumeAnswer
from engine.file_references import FileReference
from engine.retry import CALLBACK_PATIENCE

Phrase: TypeAlias = tuple[str | datetime, ...]
"""A text with moments in it. Each surface writes the moments in the time zone of its reader."""


class Tone(StrEnum):
    """What a card is about at a glance. Each tone has one icon and one colour on every surface."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    SENT_BACK = "sent-back"
    SKIPPED = "skipped"
    UNDONE = "undone"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"
    ATTENTION = "attention"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardField:
    """One field as shown. `before`: the text before an edit."""

    path: str
    label: str
    type: str
    text: str
    editable: bool = False
    before: str | None = None
    account: str | None = None
    """The id of the account, if the text is the name of a person: a channel may show it as a mention."""
    files: tuple[FileReference, ...] = ()
    """The files that the value holds: a page links to them."""
    tells: bool = True
    """Whether it may stand for the request in one line: a value of one item of many does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardAction:
    verdict: Literal["approve", "edit", "revise", "skip", "reject"]
    label: str
    confirm: str | None = None
    primary: bool = False
    """Whether this is the main action of the request: to approve, or to fill in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOutcome:
    """The end of a closed request or question, in up to three lines.

    `line`: the verb, the person and the moment. `reason`: the reason of a decision, whole. `effect`: what became of it;
    `effect_at`: when that was, if it went well; `effect_tone`: whether it did, if it is known. `sentence`: the line as
    a sentence to its reader, who may be the one who decided: "You approved this, …". `hold`: when something becomes of
    it, while the approval can be undone. `names_several`: whether the line names more than one person, and may be
    longer.
    """

    line: Phrase
    sentence: Phrase = ()
    reason: str | None = None
    effect: str | None = None
    effect_at: datetime | None = None
    effect_tone: Tone | None = None
    hold: Phrase = ()
    names_several: bool = False

    @property
    def became(self) -> Phrase:
        """What became of it, and when; before anything did, nothing, or when it starts if that is not undone."""
        if not self.effect:
            return self.hold
        return (self.effect,) if self.effect_at is None else (f"{self.effect}, ", self.effect_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFact:
    """A label and its text.

    `is_about`: it is said of the proposal. `is_claim`: by the program that asks, and no one has checked it.
    """

    label: str
    text: Phrase
    is_about: bool = False
    is_claim: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackCall:
    """The call of a callback. `id`: by which its receiver knows it. `body`: JSON.

    `secrets`: its signing secrets, sealed with the key of the server. `patience`: how long it is tried.
    """

    id: str
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    body: str
    patience: timedelta = CALLBACK_PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The content of one copy, which a channel only arranges, in this order.

    `lead`: one or two sentences of context. `values`: the values that matter, those that can be edited first.
    `notes`: longer texts and warnings, each with a label. `details`: technical facts, which a surface shows last,
    behind one control where it has one. `outcome` is there once a request is closed; `actions` is empty exactly then.
    """

    kind: DeliveryKind
    title: str
    tone: Tone = Tone.WAITING
    lead: tuple[Phrase, ...] = ()
    values: tuple[CardField, ...] = ()
    notes: tuple[CardFact, ...] = ()
    outcome: CardOutcome | None = None
    approvers: tuple[str, ...] = ()
    """The names of the people who can decide, or who were asked once it is closed."""
    names_waiting: bool = False
    """Whether the `lead` says already who an open request waits for."""
    mentions: tuple[str | None, ...] = ()
    """In a copy that many people share: the account of each of the `approvers`, by which a channel can mention them.

    In an answer that they share: the account of the person who asked.
    """
    readers: tuple[str, ...] = ()
    """In such a copy: the accounts of all people who were asked to decide."""
    is_form: bool = False
    """Whether the request asks people to fill in a form: it is answered, and not decided."""
    has_more_items: bool = False
    """Whether the decision is also about items that only the page of the request shows."""
    requester: str = ""
    """The name of the person who started the run, for lists and the subjects of emails."""
    question: str = ""
    """One line that tells the request from others, the same until its end and after it: for the subjects of emails."""
    zone: str | None = None
    """The IANA name of the reader's time zone, for channels that have to write moments themselves; None: not known."""
    details: tuple[CardFact, ...] = ()
    actions: tuple[CardAction, ...] = ()
    expires_at: datetime | None = None
    expires_after: timedelta | None = None
    """Time until the expiry, instead of `expires_at`, while no copy was delivered and the deadline has not started."""
    escalates: bool = False
    """Whether more people are asked then, instead of the request expiring."""
    on_expiry: OnExpiry | None = None
    """What happens when the request expires, if the card says so."""
    in_working_hours: bool = False
    """Whether `expires_after` counts working hours."""
    page: str = ""
    """The address of the page of an open request that alone shows its files or all of its items, else empty."""
    request: str | None = None
    run: str | None = None
    topic: str | None = None
    """The subject of an alert, as a key."""
    about: str | None = None
    """The `question` of the request that an alert or outcome follows, if its reader was asked to decide it.

    For channels with threads.
    """
    below: Receipt | None = None
    """The copy of the same request, at the same address, that this message belongs below.

    For channels with threads.
    """
    may_ask: bool = False
    """Whether its reader may ask a question before they decide."""
    may_rate: bool = False
    """Whether its reader may rate what was asked, now that it is decided."""
    may_undo: bool = False
    """Whether its reader may undo the approval, because nothing has followed from it yet."""
    question_id: str | None = None
    """The id of the question that its reader is asked to answer."""
    because: str = ""
    """Why its reader gets an alert, as the end of "You get this because …"; for channels that say it."""
    reminds: tuple[Card, ...] = ()
    """The cards of several requests that one reminder is about, the most urgent first."""
    step: str | None = None
    visit: int | None = None
    attempt: int | None = None
    """With `step`: the visit, and the call in it, whose outcome an alert asks about."""
    answers: tuple[ResumeAnswer, ...] = tuple(ResumeAnswer)
    """The answers about that call that an alert offers."""
    retry: str | None = None
    """The warning to confirm before the reader of an alert tries the run again; empty: none is needed.

    None: they cannot try it again. `step` and `visit` name the visit that failed.
    """
    content_version: int | None = None
    digest: str | None = None
    token: str | None = field(default=None, repr=False)
    """The token of the link for this copy, for channels that carry links."""
    code: str | None = field(default=None, repr=False)
    """The one-time code, in a copy of the kind `code`."""
    again: bool = False
    """Whether an earlier post of this copy had an unknown outcome, so that it may be a duplicate."""
    typed_in: str = ""
    """Of a code: the messenger in whose form it is typed; empty: in a browser, which is remembered then."""
    until: datetime | None = None
    """When the `code` or the `token` expires."""
    callback: CallbackCall | None = None
    """The call, in a copy of the kind `callback`."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The ids by which a channel finds and edits a copy that it posted."""

    data: Mapping[str, str]
