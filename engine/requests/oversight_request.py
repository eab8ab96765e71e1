"""Oversight requests as values: what Signoff asks people for its own sake, and how such a request ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from engine.domain import (
    EVERY_WAY,
    AloneReason,
    Assurance,
    OnExpiry,
    Params,
    Person,
    QuestionRule,
    ReasonRequired,
    RequesterRule,
    RequestState,
    Ways,
)
from engine.domain.oversight import About, OversightPurpose
from engine.json_values import Value
from engine.references import Reference
from engine.requests.model import REASON_LENGTH, Editable, clip
from engine.requests.open_request import TITLE_LENGTH, Opening
from engine.requests.separation import Separation

EXPIRES_AFTER: Final = timedelta(days=14)
"""How long an oversight request waits if it does not say."""


class OversightRequest(Struct, frozen=True, kw_only=True):
    """A question of Signoff itself. Whatever is answered, no effect runs from it: only its follower acts.

    `approvers`: the people who are asked. `barred`: the ids of people who never decide it, also not in the place of
    another. `owner`: the id of the person who is alerted if it cannot be decided. `facts`: what only the follower of
    its purpose reads. `looks_like`: the request whose workflow, requester and step its card shows, for one that must
    be rejected.
    """

    workspace: str
    purpose: OversightPurpose
    title: str
    approvers: tuple[Reference, ...]
    about: About = About()
    reason: str | None = None
    content: Mapping[str, Value] = field(default_factory=dict)
    editable: tuple[Editable, ...] = ()
    declared: tuple[Editable, ...] = ()
    technical: tuple[str, ...] = ()
    show: tuple[tuple[str, str], ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()
    approve_label: str = "Approve"
    reject_label: str = "Reject"
    reason_required: ReasonRequired = ReasonRequired.NEVER
    assurance: Assurance = Assurance.CODE
    confirm: str | None = None
    confirm_with: Assurance | None = None
    alone: AloneReason | None = AloneReason.OVERSIGHT
    ways: Ways = EVERY_WAY
    questions: QuestionRule = QuestionRule.OFF
    expires_after: timedelta | None = EXPIRES_AFTER
    facts: Mapping[str, Value] = field(default_factory=dict)
    owner: str | None = None
    looks_like: str | None = None

    def opening(self, gate: Opening) -> Opening:
        """Return the request that is opened. `gate`: what the workflow of oversight requests would open."""
        content = Params(dict(self.content), context=dict(self.context))
        return replace(
            gate,
            title=clip(" ".join(self.title.split()), TITLE_LENGTH),
            reason=clip(self.reason, REASON_LENGTH) if self.reason else None,
            show=self.show,
            content=content,
            digest=gate.subject.digest(content),
            editable=self.editable,
            declared=self.declared,
            technical=self.technical,
            groups=(self.approvers,),
            notes=self.notes,
            approve_label=self.approve_label,
            reject_label=self.reject_label,
            reason_required=self.reason_required,
            assurance=self.assurance,
            confirm=self.confirm,
            confirm_with=self.confirm_with,
            alone=self.alone,
            ways=self.ways,
            questions=self.questions,
            expires_after=self.expires_after,
            on_expiry=OnExpiry.STOP,
            separation=Separation(requester=RequesterRule.NEVER, barred=self.barred),
        )


class EndedOversightRequest(Struct, frozen=True, kw_only=True):
    """How an oversight request ended, for the follower of its purpose.

    `state`: approved, rejected, expired or cancelled. `person`: who decided. `content`: as it was approved.
    """

    run: str
    request: str
    workspace: str
    purpose: OversightPurpose
    state: RequestState
    about: About
    facts: Mapping[str, Value]
    content: Mapping[str, Value]
    person: Person | None = None
    reason: str | None = None


def of_person(person: Person, rule: str) -> Reference | None:
    """Return the reference to a person by their account or else their email address, or None if they have neither.

    `rule`: why they are asked, as the record says it.
    """
    if person.account is not None:
        return Reference(person.account.kind, person.account.value, rule)
    return None if person.email is None else Reference("email", person.email, rule)
