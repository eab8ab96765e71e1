"""The checks about copies: nobody is missing one, none stands twice, and each shows what is true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.soak.evidence import Evidence, Shown

_ENDS: Final = frozenset({"failed", "expired", "cancelled"})
"""Topics of alerts about the end of a run."""


def rows(found: Evidence) -> Iterator[str]:
    """Whoever may decide has one copy, and the outbox is at rest: nothing is due, leased or dead."""
    wanted = {(row["request"], row["person"]) for row in found.rows("SELECT request, person FROM approver")}
    given: list[tuple[str, str]] = []
    for row in found.rows("SELECT * FROM delivery"):
        if row["kind"] == "request":
            given.append((row["request"], row["person"]))
        if row["next_at"] is not None or row["lease_until"] is not None or row["state"] not in ("shown", "skipped"):
            yield f"copy {row['id']} ({row['kind']}) is {row['state']} and not at rest: {row['last_error']}"
        elif row["state"] == "shown" and row["shown_version"] != row["wanted_version"]:
            yield f"copy {row['id']} shows version {row['shown_version']}, and should show {row['wanted_version']}"
        elif row["state"] == "skipped" and _state(found, row["request"]) == "pending":
            yield f"copy {row['id']} was skipped, and its request still asks"
    for request, person in wanted.symmetric_difference(given):
        yield f"person {person} and request {request}: may decide without a copy, or has a copy without a say"
    if len(given) != len(set(given)):
        yield "somebody has two copies of one request in the outbox"


def posts(found: Evidence) -> Iterator[str]:
    """Every copy that counts as shown stands in Slack, once, and shows how its request stands now."""
    names = {row["id"]: row["name"] for row in found.rows("SELECT id, name FROM person")}
    known = set()
    for row in found.rows("SELECT * FROM delivery"):
        known.add(row["id"])
        here = found.posted.get(row["id"], [])
        # Only outcomes are posted in channels, which we may not read: there a second one does no harm.
        public = row["kind"] == "outcome" and "," in row["address"]
        if row["state"] == "shown" and not here:
            yield f"copy {row['id']} ({row['kind']}) counts as shown, and stands nowhere"
        if row["state"] == "skipped" and here:
            yield f"copy {row['id']} counts as never posted, and stands in {here[0].channel} at {here[0].ts}"
        if len(here) > 1 and not public:
            yield f"copy {row['id']} ({row['kind']}) stands {len(here)} times: {', '.join(one.ts for one in here)}"
        if row["kind"] == "request":
            yield from _wrong(found, row, here, names)
    for one in found.messages:
        if one.delivery is not None and one.delivery not in known:
            yield f"the message at {one.ts} is copy {one.delivery}, of which there is no row"


def _wrong(found: Evidence, row: Any, here: list[Shown], names: Mapping[str, str]) -> Iterator[str]:
    request = found.requests[row["request"]]
    for one in here:
        if request["state"] == "pending":
            if request["id"] not in one.requests:
                yield f"copy {row['id']} of the open request {request['id']} has no buttons"
        elif (words := outcome(found, request, names)) not in one.words:
            yield f"copy {row['id']} does not say “{words}”: {one.words[:200]}"


def outcome(found: Evidence, request: Any, names: Mapping[str, str]) -> str:
    """What a copy of a closed request has to say."""
    made = found.decisions.get(request["id"], [])
    if made:
        edited = " with edits" if made[0]["edits"] and request["state"] == "approved" else ""
        return f"{request['state'].capitalize()}{edited} by {names[made[0]['person']]} at"
    by_nobody = {"cancelled": "Cancelled at", "rejected": "rejected automatically", "expired": "Expired at"}
    return by_nobody.get(request["state"], "who decided it, of which there is no row")


def buttons(found: Evidence) -> Iterator[str]:
    """No message in Slack has live buttons of a request that is closed, whatever copy it is, or none."""
    for one in found.messages:
        for request in one.requests:
            if (state := _state(found, request)) != "pending":
                yield f"copy {one.delivery} at {one.ts} has buttons of request {request}, which is {state}"


def told(found: Evidence) -> Iterator[str]:
    """Whoever has to know was told: those asked, who started it in Slack, and the owner of what went wrong."""
    shown = [row for row in found.rows("SELECT * FROM delivery WHERE state = 'shown'") if found.posted.get(row["id"])]
    asked = {row["request"] for row in shown if row["kind"] == "request"}
    ends = {(row["run"], row["person"]) for row in shown if row["kind"] == "outcome"}
    # One who would hear it twice in one place hears it by the alert.
    ends |= {(row["run"], row["person"]) for row in shown if row["kind"] == "alert" and row["topic"] in _ENDS}
    alerts = {(row["run"], row["topic"]) for row in shown if row["kind"] == "alert"}
    for request in found.requests.values():
        if request["state"] == "pending" and request["id"] not in asked:
            yield f"request {request['id']} waits for somebody who was never asked"
    for run in found.runs.values():
        if run["ended_at"] is not None and '"slack"' in run["origin"] and (run["id"], run["requester"]) not in ends:
            yield f"who started run {run['id']} was not told that it is {run['status']}"
        if run["status"] in ("failed", "expired", "needs_attention") and (run["id"], run["status"]) not in alerts:
            yield f"the owner was not told that run {run['id']} is {run['status']}"


def _state(found: Evidence, request: str) -> str:
    row = found.requests.get(request)
    return "gone" if row is None else str(row["state"])
