"""The checks of who decides: places that are passed on, absences, and messages to people about their places."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tests.soak.evidence import Evidence

DECISIONS: Final = frozenset({"request.approved", "request.rejected", "request.voted", "request.changed"})
"""Entries whose actor has decided."""
VOIDED: Final = "voided"
ONCE: Final = frozenset({"absent", "short", "unseen", "unreachable", "undelivered"})
"""Topics of alerts that a person gets once about a request."""


@dataclass
class _Circle:
    """The people of a request, as the log tells it."""

    people: set[str] = field(default_factory=set)
    handed_on: set[str] = field(default_factory=set)


def handovers(evidence: Evidence) -> Iterator[str]:
    """Check, entry by entry, that only people decide who have a place then, and that the log names both persons."""
    circles: dict[str, _Circle] = defaultdict(_Circle)
    for leaf, content in evidence.entries:
        circle, actor = circles[leaf.get("request") or ""], evidence.person(leaf.get("actor") or "")
        if leaf["kind"] in DECISIONS and actor not in circle.people:
            yield f"request {leaf['request']} was decided by {actor}, who has no place in it then"
        if leaf["kind"] == "request.handed_on" and not _is_complete(content):
            yield f"request {leaf['request']}: the log does not say who passed a place on, to which person, and why"
        _follow(evidence, circle, leaf["kind"], content)
    by_request: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in evidence.rows("SELECT request, person, excluded, handed_to FROM approver"):
        by_request[row["request"]][evidence.person(row["person"])] = row
    for request, rows in by_request.items():
        able = {person for person, row in rows.items() if row["excluded"] is None and row["handed_to"] is None}
        if able != circles[request].people:
            differing = ", ".join(sorted(able ^ circles[request].people))
            yield f"request {request}: the log and the table differ in whether {differing} can decide"
    yield from _lost_passings(evidence)


def _is_complete(content: dict[str, Any]) -> bool:
    return bool(content.get("person") and content["to"].get("person") and content.get("why"))


def _follow(evidence: Evidence, circle: _Circle, kind: str, content: dict[str, Any]) -> None:
    match kind:
        case "request.opened":
            circle.people |= {evidence.person(row["person"]) for row in content["approvers"]}
        case "request.escalated":
            circle.people |= {evidence.person(row["person"]) for row in content.get("approvers", [])}
        case "request.asked":
            circle.people |= {evidence.person(row["person"]) for row in content["people"]}
        case "request.handed_on" if content.get("person"):
            circle.people.discard(evidence.person(content["person"]))
            circle.people.add(evidence.person(content["to"]["person"]))
        case "request.approver_excluded":
            circle.people.discard(evidence.person(content["person"]))


def _lost_passings(evidence: Evidence) -> Iterator[str]:
    logged = {
        (leaf["request"], content.get("why"))
        for leaf, content in evidence.entries
        if leaf["kind"] == "request.handed_on"
    }
    for passing in evidence.passings:
        if (passing.request, passing.reason) not in logged:
            yield f"request {passing.request} was said to be passed on because “{passing.reason}”, and it was not"


def absences(evidence: Evidence) -> Iterator[str]:
    """Check that each absence that was confirmed is recorded, and that no place waits for a person with a stand-in."""
    persons = evidence.addresses
    logged = Counter(content["person"] for leaf, content in evidence.entries if leaf["kind"] == "person.away")
    rows = evidence.rows("SELECT * FROM absence ORDER BY set_at, id")
    for email, count in evidence.absences.items():
        recorded = sum(number for person, number in logged.items() if email in persons[person])
        if recorded < count:
            yield f"{email} was told {count} times that they are away, and the log has it {recorded} times"
    if sum(logged.values()) != len(rows):
        yield f"the log has {sum(logged.values())} absences, and the table {len(rows)}"
    open_ones = Counter(row["person"] for row in rows if row["ended_at"] is None)
    yield from (f"{person} has {count} absences at once" for person, count in open_ones.items() if count > 1)
    yield from _waiting_for_absent(evidence)


def _waiting_for_absent(evidence: Evidence) -> Iterator[str]:
    """Yield the open places of people who are away while their delegate, who is not, could decide."""
    away = {row["person"]: row for row in evidence.rows("SELECT * FROM absence WHERE ended_at IS NULL")}
    voted = {(row["request"], row["person"]) for rows in evidence.decisions.values() for row in rows}
    places = evidence.rows("SELECT request, person FROM approver WHERE handed_to IS NULL AND excluded IS NULL")
    asked = {(row["request"], row["person"]) for row in places}
    edited = {(request, row["person"]) for (request, _), row in evidence.changes.items()}
    for request, person in asked - voted:
        absence, row = away.get(person), evidence.requests[request]
        if absence is None or row["state"] != "pending" or evidence.ended_at >= absence["ends_at"]:
            continue
        delegate = absence["delegate"]
        # After a step of the clock, a request may seem older than an absence that began before it.
        is_free = delegate is not None and delegate not in away and (request, delegate) not in asked | edited
        if is_free and row["opened_at"] >= absence["starts_at"]:
            yield f"request {request} waits for {person}, who is away, though {delegate} can decide"


def told(evidence: Evidence) -> Iterator[str]:
    """Check that people whose approval was voided got one message about each, and that the owner heard once."""
    voided: Counter[tuple[str, str]] = Counter()
    for leaf, content in evidence.entries:
        if leaf["kind"] == "request.changed":
            people = {evidence.person(person) for person in content.get("voided", [])}
            voided.update((leaf["request"], person) for person in people - {evidence.person(leaf["actor"])})
    alerts = evidence.rows("SELECT request, person, topic FROM delivery WHERE kind = 'alert' AND request IS NOT NULL")
    sent = Counter((row["request"], evidence.person(row["person"])) for row in alerts if row["topic"] == VOIDED)
    for request, person in voided.keys() | sent.keys():
        if voided[request, person] != sent[request, person]:
            yield (
                f"{person} got {sent[request, person]} messages that their approval of request {request} is void, "
                f"and it was {voided[request, person]} times"
            )
    once = Counter((row["request"], row["person"], row["topic"]) for row in alerts if row["topic"] in ONCE)
    for (request, person, topic), count in once.items():
        if count > 1:
            yield f"{person} got {count} messages about {topic} of request {request}"
