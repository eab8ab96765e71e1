"""The checks of questions, reminders and escalations: what is answered, who is reminded how often, and when."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from tests.soak.evidence import Evidence
from tests.soak.world import ESCALATED, PAUSING

MOST_OFTEN: Final = timedelta(hours=4)
"""Promised: time between two reminders to one person."""
STEPPED_BACK: Final = timedelta(minutes=2)
"""How far the clock of the servers is set back at most, in all."""
LONGEST_PAUSE: Final = timedelta(days=7)
SLOTS: Final = 6
"""Reminders of a request at most: three, and three more when its time starts again."""


def questions(evidence: Evidence) -> Iterator[str]:
    """Check that each question, and each answer, is in the log once, and that one person got one message about it."""
    rows = {row["id"]: row for row in evidence.rows("SELECT * FROM question")}
    for name, kind in (("asked", "request.question_asked"), ("answered", "request.question_answered")):
        logged = Counter(content["question"] for content in evidence.logged(kind))
        for question, row in rows.items():
            expected = 1 if name == "asked" else int(row["answered_at"] is not None)
            if logged[question] != expected:
                yield f"question {question} was {name} {expected} times, and is so {logged[question]} times in the log"
    told = Counter(
        (row["topic"], row["person"])
        for row in evidence.rows("SELECT topic, person FROM delivery WHERE kind = 'alert'")
    )
    for question, row in rows.items():
        for topic, person in (("question", row["asked_to"]), ("answer", row["asked_by"])):
            expected = 1 if topic == "question" else int(row["answered_at"] is not None)
            if told[f"{topic}:{question}", person] != expected:
                yield f"{person} got {told[f'{topic}:{question}', person]} messages with the {topic} {question}"
    for asking in evidence.askings:
        kept = [
            row
            for row in rows.values()
            if (asking.is_answer and (row["id"], row["answer"]) == (asking.request, asking.text))
            or (not asking.is_answer and (row["request"], row["text"]) == (asking.request, asking.text))
        ]
        if len(kept) != 1:
            yield f"“{asking.text}” was confirmed, and is there {len(kept)} times"


def pauses(evidence: Evidence) -> Iterator[str]:
    """Check that deadlines stood still while a question waited: to the microsecond, with all pauses added up."""
    by_request = defaultdict(list)
    for row in evidence.rows("SELECT * FROM question ORDER BY asked_at"):
        by_request[row["request"]].append(row)
    for request, asked in by_request.items():
        row = evidence.requests[request]
        is_counted = evidence.runs[row["run"]]["name"] == PAUSING and row["first_shown_at"] and not row["told_unseen"]
        if not is_counted or row["expires_at"] is None or _is_set_back(evidence, request):
            continue
        expected = _moment(row["first_shown_at"]) + timedelta(microseconds=row["expires_after"])
        expected += _paused(asked, _moment(row["first_shown_at"]))
        if abs(_moment(row["expires_at"]) - expected) > timedelta(milliseconds=1):
            yield f"request {request} expires at {row['expires_at']}, and with its pauses it should at {expected}"


def _is_set_back(evidence: Evidence, request: str) -> bool:
    """Return whether a clock was set back meanwhile: then the times do not tell for how long questions waited."""
    kinds = {"request.question_asked", "request.question_answered"}
    moments = [leaf["at"] for leaf, _ in evidence.entries if leaf.get("request") == request and leaf["kind"] in kinds]
    return moments != sorted(moments)


def _paused(asked: Sequence[Any], shown_at: datetime) -> timedelta:
    """Return for how long the deadlines of a request stood still since they began."""
    changes = sorted(
        [(_moment(row["asked_at"]), 1) for row in asked]
        + [(_moment(row["answered_at"]), -1) for row in asked if row["answered_at"] is not None]
    )
    waiting, since, total = 0, shown_at, timedelta()
    for at, change in changes:
        if waiting == 0:
            since = max(at, shown_at)
            began = at
        waiting += change
        if waiting == 0:
            total += max(min(at, began + LONGEST_PAUSE) - since, timedelta())
    return total + (began + LONGEST_PAUSE - since if waiting else timedelta())


def reminders(evidence: Evidence) -> Iterator[str]:
    """Check that people are reminded at most once in four hours, only as approvers, and that none is forgotten."""
    sent = {row["id"]: row for row in evidence.rows("SELECT * FROM delivery WHERE kind = 'reminder'")}
    shown = defaultdict(list)
    for row in sent.values():
        if row["state"] == "shown":
            shown[row["person"]].append(_moment(row["shown_at"]))
    for person, moments in shown.items():
        for before, after in zip(sorted(moments), sorted(moments)[1:], strict=False):
            if after - before < MOST_OFTEN - STEPPED_BACK:
                yield f"{person} was reminded at {before} and again at {after}"
    places = {(row["request"], row["person"]) for row in evidence.rows("SELECT request, person FROM approver")}
    about = evidence.rows("SELECT delivery, request, person FROM reminder")
    slots = Counter((row["request"], row["person"]) for row in about)
    for place, count in slots.items():
        if place not in places or count > SLOTS:
            yield f"person {place[1]} was reminded {count} times of request {place[0]}"
    reached = {(row["request"], row["person"]) for row in about if sent[row["delivery"]]["state"] == "shown"}
    for request, person in _waiting_from_the_start(evidence):
        if (request, person) not in reached:
            yield f"request {request} waits for {person}, who was never reminded of it"


def _waiting_from_the_start(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield the places in open requests with reminders that were there when the request opened."""
    first = {
        (leaf["request"], row["person"])
        for leaf, content in evidence.entries
        if leaf["kind"] == "request.opened"
        for row in content["approvers"]
    }
    for row in evidence.rows("SELECT request, person FROM approver WHERE pending = 1"):
        request = evidence.requests[row["request"]]
        has_reminders = evidence.runs[request["run"]]["name"] in ESCALATED and request["first_shown_at"] is not None
        if request["state"] == "pending" and has_reminders and (row["request"], row["person"]) in first:
            yield row["request"], row["person"]


def escalations(evidence: Evidence) -> Iterator[str]:
    """Check that backups have a place if, and only if, the log has the escalation, and that none was left out."""
    escalated = [
        (leaf["request"], content) for leaf, content in evidence.entries if leaf["kind"] == "request.escalated"
    ]
    # A backup can be asked already, in the place of a person who is away: then the escalation adds no one.
    logged = Counter(request for request, content in escalated if content.get("approvers"))
    backups = {row["request"] for row in evidence.rows("SELECT request FROM approver WHERE rule LIKE 'escalat%'")}
    for request in logged.keys() | backups:
        if logged[request] != (request in backups):
            yield f"request {request} is {logged[request]} times escalated in the log, and its backups differ from that"
    once = {request for request, _ in escalated}
    for request in evidence.requests.values():
        name = evidence.runs[request["run"]]["name"]
        by_clock = request["state"] == "expired" and request["on_expiry"] == "escalate"
        waits = request["state"] == "pending" and name in ESCALATED and request["first_shown_at"] is not None
        if (by_clock or waits) and request["id"] not in once:
            yield f"request {request['id']} is {request['state']}, and was never escalated"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
