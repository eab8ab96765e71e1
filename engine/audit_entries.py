"""The kinds of audit entries, and the function that builds every entry."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from engine import verify_audit
from engine.audit import Entry
from engine.domain import Person
from engine.json_values import Value


class EntryKind(StrEnum):
    """The kind of an entry. The values never change: exported logs contain them."""

    RUN_STARTED = "run.started"
    RUN_CANCEL_ASKED = "run.cancel_asked"
    RUN_RESUMED = "run.resumed"
    RUN_TRIED_AGAIN = "run.tried_again"
    RUN_STUCK = "run.stuck"
    RUN_SUCCEEDED = "run.succeeded"
    RUN_FAILED = "run.failed"
    RUN_REJECTED = "run.rejected"
    RUN_EXPIRED = "run.expired"
    RUN_CANCELLED = "run.cancelled"
    GATE_PASSED = "gate.passed"
    GATE_UNANSWERED = "gate.unanswered"
    GATE_SAMPLED_OUT = "gate.sampled_out"
    REQUEST_OPENED = "request.opened"
    REQUEST_APPROVED = "request.approved"
    REQUEST_REJECTED = "request.rejected"
    REQUEST_CHANGES_REQUESTED = "request.changes_requested"
    REQUEST_SKIPPED = "request.skipped"
    REQUEST_EXPIRED = "request.expired"
    REQUEST_FELL_BACK = "request.fell_back"
    REQUEST_CLOCKS_STARTED = "request.clocks_started"
    REQUEST_ESCALATED = "request.escalated"
    REQUEST_UNSEEN = "request.unseen"
    REQUEST_VOTED = "request.voted"
    REQUEST_CHANGED = "request.changed"
    REQUEST_ASKED = "request.asked"
    REQUEST_HANDED_ON = "request.handed_on"
    REQUEST_REFUSED_REQUESTER = "request.refused_requester"
    REQUEST_APPROVER_EXCLUDED = "request.approver_excluded"
    REQUEST_QUESTION_ASKED = "request.question_asked"
    REQUEST_QUESTION_ANSWERED = "request.question_answered"
    REQUEST_RATED = "request.rated"
    REQUEST_UNDONE = "request.undone"
    REQUEST_RELEASED = "request.released"
    REQUEST_WITHDRAWN = "request.withdrawn"
    STEP_STARTED = "step.started"
    STEP_MODEL_ASKED = "step.model_asked"
    STEP_SUCCEEDED = "step.succeeded"
    STEP_SKIPPED = "step.skipped"
    STEP_STOPPED = "step.stopped"
    STEP_SLEEPING = "step.sleeping"
    STEP_HELD = "step.held"
    STEP_GRANTED = "step.granted"
    STEP_RETRYING = "step.retrying"
    STEP_FAILED = "step.failed"
    STEP_OUTCOME_UNKNOWN = "step.outcome_unknown"
    ASK_CONSUMED = "ask.consumed"
    ASK_OUTCOME = "ask.outcome"
    ASK_REFUSED = "ask.refused"
    DELIVERY_SHOWN = "delivery.shown"
    DELIVERY_DEAD = "delivery.dead"
    DELIVERY_RETRIED = "delivery.retried"
    CALLBACK_ADDED = "callback.added"
    CALLBACK_ROTATED = "callback.rotated"
    CALLBACK_MOVED = "callback.moved"
    CALLBACK_TURNED_OFF = "callback.turned_off"
    CALLBACK_TURNED_ON = "callback.turned_on"
    CALLBACK_REMOVED = "callback.removed"
    LINKS_REVOKED = "links.revoked"
    CODE_EXHAUSTED = "code.exhausted"
    BROWSERS_REVOKED = "browsers.revoked"
    BROWSER_REMEMBERED = "browser.remembered"
    SIGN_IN_REFUSED = "sign_in.refused"
    DECISIONS_EXPORTED = "decisions.exported"
    WORKFLOW_REGISTERED = "workflow.registered"
    WORKFLOW_ROLLED_BACK = "workflow.rolled_back"
    WORKFLOW_TRANSFERRED = "workflow.transferred"
    WORKFLOW_DISABLED = "workflow.disabled"
    WORKFLOW_ENABLED = "workflow.enabled"
    WORKFLOW_DELETED = "workflow.deleted"
    WORKFLOW_PROPOSED = "workflow.proposed"
    WORKFLOW_REFUSED = "workflow.refused"
    TRIGGER_SKIPPED = "trigger.skipped"
    TRIGGER_FAILED = "trigger.failed"
    PERSON_ACCOUNT_FOUND = "person.account_found"
    PERSON_ADDRESS_GIVEN = "person.address_given"
    PERSON_ADDRESS_TAKEN = "person.address_taken"
    PERSON_ADDRESS_ENDED = "person.address_ended"
    PERSON_AWAY = "person.away"
    PERSON_BACK = "person.back"
    PERSON_PREFERENCES = "person.preferences"
    PERSON_JOINED = "person.joined"
    PERSON_SEPARATED = "person.separated"
    PERSON_UNDONE = "person.undone"
    PERSON_ERASED = "person.erased"
    API_KEY_CREATED = "api_key.created"
    API_KEY_ROTATED = "api_key.rotated"
    API_KEY_RENAMED = "api_key.renamed"
    API_KEY_REVOKED = "api_key.revoked"
    API_KEY_FIRST_USED = "api_key.first_used"
    API_KEY_REFUSED = "api_key.refused"
    AUTONOMY_PROPOSED = "autonomy.proposed"
    AUTONOMY_RELAXED = "autonomy.relaxed"
    AUTONOMY_REFUSED = "autonomy.refused"
    AUTONOMY_TIGHTENED = "autonomy.tightened"
    AUTONOMY_LAPSED = "autonomy.lapsed"
    RUN_INCIDENT = "run.incident"
    CONTENT_ERASED = verify_audit.ERASED
    OVERSIGHT_OPENED = "oversight.opened"
    OVERSIGHT_ENDED = "oversight.ended"
    SECRET_SET = "secret.set"  # noqa: S105 a kind, not a secret
    SECRET_DELETED = "secret.deleted"  # noqa: S105
    SECRET_ROTATED = "secret.rotated"  # noqa: S105
    DATABASE_RESTORED = "database.restored"


def entry(
    kind: EntryKind,
    *,
    run: str | None = None,
    request: str | None = None,
    step: str | None = None,
    actor: Person | str | None = None,
    content: Mapping[str, Value] | None = None,
    **facts: Value,
) -> Entry:
    """Return an entry with `content` and `facts`. Facts that are None or an empty list or mapping are left out.

    All values are clean (`engine.json_values.clean`) and may be erased later. If the actor is a person, their name is
    recorded as well.
    """
    facts_and_content = {**content} if content else {}
    if facts:
        facts_and_content |= {name: value for name, value in facts.items() if value not in (None, [], {})}
    if isinstance(actor, Person):
        facts_and_content["actor_name"] = actor.label
        actor = actor.id
    return Entry(kind=kind, run=run, request=request, step=step, actor=actor, content=facts_and_content)
