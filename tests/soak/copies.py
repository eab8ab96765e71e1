"""The checks of copies: none is missing or posted twice, and each shows the current state of its request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.soak.evidence import Evidence, Shown

_ENDS: Final = frozenset({"failed", "expired", "cancelled"})
"""Topics of alerts about the end of a run."""
_SHORTEST: Final = 24
"""Letters of an outcome that a heading shows at least."""
_OLDER_WORDS: Final = {"The run was cancelled": "Cancelled with its run"}
"""Words that earlier commits have in place of ours: the messages of a rolling upgrade may be theirs."""


def rows(evidence: Evidence) -> Iterator[str]:
    """Check that each approver has one copy, and that the outbox is at rest: nothing is due, leased or dead."""
    approvers = {(row["request"], row["person"]) for row in evidence.rows("SELECT request, person FROM approver")}
    delivered: list[tuple[str, str]] = []
    for row in evidence.rows("SELECT * FROM delivery"):
        if row["kind"] == "request":
            delivered.append((row["request"], row["person"]))
        if row["next_at"] is not None or row["lease_until"] is not None or row["state"] not in ("shown", "skipped"):
            yield f"copy {row['id']} ({row['kind']}) is {row['state']} and not at rest: {row['last_error']}"
        elif row["state"] == "shown" and row["shown_version"] != row["wanted_version"]:
            yield f"copy {row['id']} shows version {row['shown_version']}, and should show {row['wanted_version']}"
        elif (row["state"], row["kind"]) == ("skipped", "request") and _state(evidence, row["request"]) == "pending":
            yield f"copy {row['id']} was skipped, and its request still asks"
    for request, person in approvers.symmetric_difference(delivered):
        if (request, person) in approvers and evidence.requests[request]["policy"].startswith("chain"):
            # They are asked when it is their turn.
            continue
        yield f"person {person} and request {request}: may decide without a copy, or has a copy without a say"
    if len(delivered) != len(set(delivered)):
        yield "an approver has two copies of one request in the outbox"


def inboxes(evidence: Evidence) -> Iterator[str]:
    """Check that the inbox of a person has the open requests that they can decide, as their copies do."""
    buttons = {(request, message.channel) for message in evidence.messages for request in message.requests}
    asked = evidence.rows(
        "SELECT approver.request, approver.person, delivery.receipt FROM approver LEFT JOIN delivery ON "
        "delivery.request = approver.request AND delivery.person = approver.person AND delivery.kind = 'request' "
        "WHERE approver.pending"
    )
    for row in asked:
        if (state := _state(evidence, row["request"])) != "pending":
            yield f"request {row['request']} is {state}, and still in the inbox of {row['person']}"
        elif (row["request"], json.loads(row["receipt"] or "{}").get("channel")) not in buttons:
            yield f"request {row['request']} is in the inbox of {row['person']}, who has no copy with buttons"
    requests = {row["request"] for row in asked}
    for request in evidence.requests.values():
        if request["state"] == "pending" and request["id"] not in requests:
            yield f"request {request['id']} waits, and is in no inbox"


def posts(evidence: Evidence) -> Iterator[str]:
    """Check that every copy with the state `shown` is in Slack once, and shows the current state of its request."""
    names = {row["id"]: row["name"] for row in evidence.rows("SELECT id, name FROM person")}
    delivery_ids = set()
    for row in evidence.rows("SELECT * FROM delivery"):
        delivery_ids.add(row["id"])
        messages = evidence.posted.get(row["id"], [])
        # Only outcomes are posted in channels, which the app may not read. A second outcome there does no harm.
        public = row["kind"] == "outcome" and "," in row["address"]
        if row["state"] == "shown" and not messages:
            yield f"copy {row['id']} ({row['kind']}) counts as shown, and stands nowhere"
        if row["state"] == "skipped" and messages:
            yield f"copy {row['id']} counts as never posted, and stands in {messages[0].channel} at {messages[0].ts}"
        if len(messages) > 1 and not public:
            times = ", ".join(message.ts for message in messages)
            yield f"copy {row['id']} ({row['kind']}) stands {len(messages)} times: {times}"
        if row["kind"] == "request":
            yield from _wrong_messages(evidence, row, messages, names)
    for message in evidence.messages:
        if message.delivery is not None and message.delivery not in delivery_ids:
            yield f"the message at {message.ts} is copy {message.delivery}, of which there is no row"


def _wrong_messages(evidence: Evidence, row: Any, messages: list[Shown], names: Mapping[str, str]) -> Iterator[str]:
    request = evidence.requests[row["request"]]
    outcomes = _outcomes(evidence, request, names)
    has_place = (request["id"], row["person"]) not in evidence.handed_on
    for message in messages:
        if request["state"] == "pending":
            if (request["id"] in message.requests) != has_place:
                yield f"copy {row['id']} of the open request {request['id']} has {'no' * has_place or 'live'} buttons"
        elif not any(_says(message.words, words, older=evidence.has_older_words) for words in outcomes):
            yield f"copy {row['id']} does not say “{'” or “'.join(outcomes)}”: {message.words[:200]}"


def _says(message: str, words: str, *, older: bool) -> bool:
    # The heading of a message is short.
    cut = [f"{words[:length]}…" for length in range(_SHORTEST, len(words))]
    earlier = _OLDER_WORDS.get(words, words).replace(" (the requester)", "")
    return any(said in message for said in (words, *cut)) or (older and earlier in message)


def _outcomes(evidence: Evidence, request: Any, names: Mapping[str, str]) -> list[str]:
    """Return the words of which a copy of a closed request must have some.

    Of several people who approved, the heading names the first by the clock, which may have been set back.
    """
    if request["state"] == "approved" and evidence.needed(request["id"]) > 1:
        edited = " with edits" if request["content_version"] > 1 else ""
        return [f"Approved{edited} by {names[row['person']]}" for row in evidence.approvals(request["id"])]
    return [_outcome(evidence, request, names)]


def _outcome(evidence: Evidence, request: Any, names: Mapping[str, str]) -> str:
    # Approvals of a request that was rejected or expired in the end are no outcome.
    decisions = [row for row in evidence.decisions.get(request["id"], []) if row["verdict"] == request["state"]]
    if decisions:
        edited = " with edits" if decisions[0]["edits"] and request["state"] == "approved" else ""
        person = decisions[0]["person"]
        own = " (the requester)" if person == evidence.runs[request["run"]]["requester"] else ""
        return f"{request['state'].capitalize()}{edited} by {names[person]}{own},"
    without_decision = {
        "cancelled": "The run was cancelled",
        "rejected": "rejected automatically",
        "expired": "Expired without a decision",
    }
    return without_decision.get(request["state"], "the name of the person who decided it")


def buttons(evidence: Evidence) -> Iterator[str]:
    """Check that no message in Slack has buttons of a closed request, even if it is no known copy."""
    for message in evidence.messages:
        for request in message.requests:
            if (state := _state(evidence, request)) != "pending":
                yield f"copy {message.delivery} at {message.ts} has buttons of request {request}, which is {state}"


def recipients(evidence: Evidence) -> Iterator[str]:
    """Check that approvers, requesters in Slack and the owners of failed runs got their messages."""
    shown_deliveries = [
        row for row in evidence.rows("SELECT * FROM delivery WHERE state = 'shown'") if evidence.posted.get(row["id"])
    ]
    shown_requests = {row["request"] for row in shown_deliveries if row["kind"] == "request"}
    ends = {(row["run"], row["person"]) for row in shown_deliveries if row["kind"] == "outcome"}
    # A person who would get both an outcome and an alert in one place gets only the alert.
    ends |= {
        (row["run"], row["person"]) for row in shown_deliveries if row["kind"] == "alert" and row["topic"] in _ENDS
    }
    alerts = {(row["run"], row["topic"]) for row in shown_deliveries if row["kind"] == "alert"}
    for request in evidence.requests.values():
        if request["state"] == "pending" and request["id"] not in shown_requests:
            yield f"request {request['id']} waits for an approver who was never asked"
    for run in evidence.runs.values():
        if run["ended_at"] is not None and '"slack"' in run["origin"] and (run["id"], run["requester"]) not in ends:
            yield f"the requester of run {run['id']} was not told that it is {run['status']}"
        if run["status"] in ("failed", "expired", "needs_attention") and (run["id"], run["status"]) not in alerts:
            yield f"the owner was not told that run {run['id']} is {run['status']}"


def _state(evidence: Evidence, request: str) -> str:
    row = evidence.requests.get(request)
    return "gone" if row is None else str(row["state"])
