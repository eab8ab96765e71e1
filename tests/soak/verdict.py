"""The checks of the evidence after a campaign. Each yields a sentence for every violation.

They read the tables with plain SQL. The only code of the product that they use replaces a value at a path.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine import json_values
from tests.soak import clocks, copies, places
from tests.soak.evidence import Call, Claim, Evidence, edits_by_path
from tests.soak.world import EXCLUDED, TOGETHER

VERIFIER: Final = Path(__file__).parents[2] / "engine" / "verify_audit.py"
BECOMES: Final = {"approve": "approved", "reject": "rejected"}
DECIDED: Final = frozenset(BECOMES.values())
DECISIONS: Final = frozenset({"request.approved", "request.rejected", "request.voted", "request.changed"})
"""Entries that name a decision."""
CLOSES: Final = frozenset({"request.approved", "request.rejected", "request.expired", "request.withdrawn"})
"""Entries of which a closed request has one."""
ONCE: Final = CLOSES | {"request.fell_back", "request.unseen", "gate.unanswered", "step.sleeping", "request.escalated"}
"""Entries that a request, or the only visit of a step, has at most once."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An invariant that is broken, by name."""

    check: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.check}: {self.sentence}"


def starts(evidence: Evidence) -> Iterator[str]:
    """Check that every answered start is one run, always the same, with the inputs of the start."""
    by_token: dict[str, list[str]] = defaultdict(list)
    for run in evidence.runs.values():
        by_token[json.loads(run["inputs"])["token"]].append(run["id"])
    for token, runs in by_token.items():
        if len(runs) > 1:
            yield f"token {token} was started {len(runs)} times: {', '.join(runs)}"
        if token not in evidence.starts:
            yield f"no client started token {token}, and there is run {runs[0]}"
    for token, answered in evidence.starts.items():
        if answered and answered != set(by_token[token]):
            yield f"token {token} was answered with {', '.join(sorted(answered))}, and is {by_token[token] or 'no run'}"
        if token.isdecimal() and not by_token[token]:
            yield f"token {token} was asked for until it was answered, and is no run"
    for token in evidence.started:
        if not by_token[token]:
            yield f"Slack was told that token {token} is started, and it is no run"


def runs(evidence: Evidence) -> Iterator[str]:
    """Check that every run has ended or waits for a person, and that its status follows from its requests."""
    states: dict[str, dict[str, str]] = defaultdict(dict)
    for request in evidence.requests.values():
        key = f"{request['step']}:{request['visit']}:{request['at']}"
        if key in states[request["run"]]:
            yield f"run {request['run']} was asked about {key} twice"
        passed = request["state"] == "expired" and request["on_expiry"] == "continue"
        states[request["run"]][key] = "passed" if passed else request["state"]
    for run in evidence.runs.values():
        request_states = set(states[run["id"]].values())
        if (run["ended_at"] is None) != (run["status"] in ("waiting", "needs_attention")):
            yield f"run {run['id']} is {run['status']}, and ended at {run['ended_at']}"
        elif run["ready_at"] is not None or run["lease_until"] is not None:
            yield f"run {run['id']} is {run['status']}, and not at rest"
        elif run["ended_at"] is not None and "pending" in request_states:
            yield f"run {run['id']} is {run['status']}, and a request of it still asks"
        elif not _status_follows(
            run["status"], request_states, stopped=run["id"] in evidence.stopped, cancel=run["cancel"] is not None
        ):
            listed = ", ".join(sorted(request_states)) or "none"
            yield f"run {run['id']} is {run['status']}, and its requests are {listed}"


def _status_follows(status: str, request_states: set[str], *, stopped: bool, cancel: bool) -> bool:
    match status:
        case "waiting":
            return "pending" in request_states
        case "needs_attention":
            return "pending" not in request_states
        case "succeeded":
            return request_states <= {"approved", "passed"} and bool(request_states)
        case "failed":
            return stopped
        case "cancelled":
            return cancel
        case "rejected" | "expired":
            return status in request_states
    return False


def decisions(evidence: Evidence) -> Iterator[str]:
    """Check that a request has one decision if it needs one, which a person asked for, and which the log has once."""
    persons = evidence.addresses
    logged = _logged_decisions(evidence)
    asked_for = defaultdict(list)
    for asked_decision in evidence.asked:
        asked_for[asked_decision[0]].append(asked_decision)
    for request in evidence.requests.values():
        rows = evidence.decisions.get(request["id"], [])
        is_counted = evidence.needed(request["id"]) > 1
        if len(rows) > 1 and not is_counted:
            yield f"request {request['id']} has {len(rows)} decisions"
        by_clock = request["state"] == "rejected" and request["on_expiry"] == "reject" and not rows
        verdicts = {row["verdict"] for row in rows} - ({"approved"} if is_counted else set())
        closed_by = {request["state"]} - ({"approved"} if is_counted else set())
        if verdicts != (closed_by & DECIDED if not by_clock else set()):
            yield f"request {request['id']} is {request['state']}, and has the decisions {[dict(row) for row in rows]}"
        for row in rows:
            if logged.pop(row["id"], 0) != 1:
                yield f"decision {row['id']} does not stand in the log exactly once"
            mine = [
                asked_decision
                for asked_decision in asked_for[request["id"]]
                if asked_decision[1] in persons[row["person"]]
            ]
            if not any(_is_decision(evidence, row, verdict, edits) for _, _, verdict, edits in mine):
                yield f"no client asked for decision {row['id']} of request {request['id']}"
    for decision in logged:
        yield f"the log has decision {decision}, which is no row"


def _logged_decisions(evidence: Evidence) -> Counter[str]:
    """Return how often the log has each decision, by id. An editor who may not approve makes a change without one."""
    logged: Counter[str] = Counter()
    for row in evidence.rows("SELECT leaf, content FROM audit"):
        decision = json.loads(row["content"] or "{}").get("decision")
        if json.loads(row["leaf"])["kind"] in DECISIONS and decision and decision not in evidence.requests:
            logged[decision] += 1
    return logged


def _is_decision(evidence: Evidence, row: Any, verdict: str, edits: str) -> bool:
    return row["verdict"] == BECOMES[verdict] and json.loads(edits) in evidence.edits(row)


def approvals(evidence: Evidence) -> Iterator[str]:
    """Check that a request that several approve has enough approvals: of its content, of others than it excludes."""
    for request in evidence.requests.values():
        run = evidence.runs[request["run"]]
        rows, needed = evidence.approvals(request["id"]), evidence.needed(request["id"])
        persons = {row["person"] for row in rows}
        if request["state"] == "approved" and (len(persons) < needed or len(persons) != len(rows)):
            yield f"request {request['id']} needs {needed} approvals, and has {len(rows)} by {len(persons)} persons"
        if any(row["approved_digest"] != request["digest"] for row in rows) and needed > 1:
            yield f"request {request['id']} has approvals of other content than it has now"
        if run["name"] in EXCLUDED and run["requester"] in {row["person"] for row in evidence.decisions[request["id"]]}:
            yield f"request {request['id']} was decided by the requester of its run"
        editors = {row["person"] for (about, _), row in evidence.changes.items() if about == request["id"]}
        if run["name"] == "strict" and persons & editors:
            yield f"request {request['id']} was approved by a person who had changed it"
        if (needed > 1) != (run["name"] in TOGETHER):
            yield f"request {request['id']} of {run['name']} needs {needed} approvals"


def claims(evidence: Evidence) -> Iterator[str]:
    """Check that everything that was acknowledged is recorded as it was acknowledged."""
    persons = evidence.addresses
    for claim in evidence.claims:
        yield from _broken_claims(evidence, claim, persons)
    for claim in evidence.empty:
        yield f"a click of {claim.by} was acknowledged while request {claim.request} stood open, and nothing excused it"
    for run in evidence.cancelled:
        status = evidence.runs[run]["status"] if run in evidence.runs else "gone"
        if status != "cancelled":
            yield f"run {run} was said to be cancelled, and is {status}"


def _broken_claims(evidence: Evidence, claim: Claim, persons: Mapping[str, set[str]]) -> Iterator[str]:
    acknowledgement = f"by {claim.how} {claim.by} was told that request {claim.request} is"
    decisions = evidence.decisions.get(claim.request, [])
    if claim.request not in evidence.requests or evidence.requests[claim.request]["state"] == "pending":
        yield f"{acknowledgement} closed, and it is not"
    ids = {claim.request, *(decision["id"] for decision in decisions)}
    if claim.decision is not None and claim.decision not in ids:
        yield f"{acknowledgement} decided by {claim.decision}, which is not there"
    if claim.verdict is None:
        return
    expected = (BECOMES[claim.verdict], claim.edits or {})
    known = [(row["person"], row["verdict"], edits) for row in decisions for edits in evidence.edits(row)]
    known += [
        (row["person"], "approved", edits_by_path(row["edits"]))
        for (request, _), row in evidence.changes.items()
        if request == claim.request
    ]
    if not any((verdict, edits) == expected and claim.by in persons[person] for person, verdict, edits in known):
        yield f"{acknowledgement} {expected[0]} with {expected[1]} by them, and it is not"


def effects(evidence: Evidence) -> Iterator[str]:
    """Check that every effect was approved before with the same content, and repeated only where that is allowed."""
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        calls[call.key].append(call)
    keys = Counter(key.partition(":")[0] for key in calls)
    for key, key_calls in calls.items():
        if not re.fullmatch(r"\w+:pay:1", key) or key.partition(":")[0] not in evidence.runs:
            yield f"a call has the key {key!r}, which is no step's"
            continue
        run = evidence.runs[key.partition(":")[0]]
        if keys[run["id"]] > 1:
            yield f"run {run['id']} called under {keys[run['id']]} keys"
        yield from _wrong_calls(evidence, run, key_calls)
    for run in evidence.runs.values():
        if run["status"] == "succeeded" and f"{run['id']}:pay:1" not in calls:
            yield f"run {run['id']} succeeded without its effect"


def _wrong_calls(evidence: Evidence, run: Any, calls: list[Call]) -> Iterator[str]:
    if any(call.approved is False for call in calls):
        yield f"run {run['id']} called before anybody had approved it"
    gates = [one for one in evidence.requests.values() if one["run"] == run["id"] and one["at"] == "before"]
    if len(gates) != 1:
        yield f"run {run['id']} called, and has {len(gates)} requests about it"
        return
    (gate,) = gates
    passed = (gate["state"], gate["on_expiry"]) == ("expired", "continue") and gate["first_shown_at"] is not None
    if gate["state"] != "approved" and not passed:
        yield f"run {run['id']} called, and its request is {gate['state']}"
    approved_body = json.loads(gate["content"])["value"]["json"]
    for decision in evidence.decisions.get(gate["id"], []):
        for edit in json.loads(decision["edits"] or "[]"):
            approved_body = json_values.replace(approved_body, tuple(edit["path"][1:]), edit["after"])
    if any(call.body != approved_body for call in calls):
        yield f"run {run['id']} called with {[call.body for call in calls]}, and {approved_body} was approved"
    repeated = evidence.repeated[run["id"]]
    if run["name"] == "unsure" and len(calls) > 1 + repeated:
        yield f"run {run['id']} called {len(calls)} times, and may not repeat; it was told to {repeated} times"


def deadlines(evidence: Evidence) -> Iterator[str]:
    """Check that every deadline fired once, and none before its time or never."""
    logged: Counter[tuple[str | None, ...]] = Counter()
    for row in evidence.rows("SELECT leaf FROM audit"):
        leaf = json.loads(row["leaf"])
        logged[leaf["kind"], leaf.get("run"), leaf.get("request"), leaf.get("step")] += leaf["kind"] in ONCE
    for (kind, run, request, step), count in logged.items():
        if count > 1:
            yield f"run {run}: {kind} of step {step} (request {request}) is {count} times in the log"
    closed = Counter[str]()
    for (kind, _, request, _), count in logged.items():
        closed[str(request)] += count if kind in CLOSES else 0
    for row in evidence.requests.values():
        yield from _wrong_end(row, closed[row["id"]], by_person=bool(evidence.decisions.get(row["id"])))


def _wrong_end(row: Any, closed: int, *, by_person: bool) -> Iterator[str]:
    if closed != (row["state"] != "pending"):
        yield f"request {row['id']} is {row['state']}, and the log closes it {closed} times"
    if row["state"] == "pending" and row["expires_at"] is not None:
        yield f"request {row['id']} should have expired at {row['expires_at']}"
    by_clock = row["state"] in ("expired", "rejected") and not by_person
    if by_clock and (row["expires_at"] or "never") > row["closed_at"]:
        yield f"request {row['id']} ended by itself at {row['closed_at']}, and should have at {row['expires_at']}"


def takeovers(evidence: Evidence) -> Iterator[str]:
    """Check that the work of each killed worker was taken over in time."""
    for takeover in evidence.takeovers:
        if takeover.seconds is None or takeover.seconds > takeover.limit:
            yield f"{takeover.work} was taken over after {takeover.seconds} s, and {takeover.limit:g} s is the limit"


def audit(evidence: Evidence) -> Iterator[str]:
    """Check the log with the independent script: the chain is whole and contains every noted head."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.write(evidence.export)
        file.flush()
        noted = [part for head in evidence.heads for part in ("--checkpoint", head)]
        command = [sys.executable, "-I", "-S", str(VERIFIER), file.name, *noted]
        finished = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
    if finished.returncode:
        yield " / ".join([*finished.stdout.splitlines()[:5], *finished.stderr.splitlines()[-3:]])
    count = evidence.rows("SELECT count(*) AS n FROM audit")[0]["n"]
    if count != len(evidence.export.splitlines()):
        yield f"the log has {count} entries, and {len(evidence.export.splitlines())} were exported"


CHECKS: Final[tuple[Callable[[Evidence], Iterator[str]], ...]] = (
    starts,
    runs,
    decisions,
    approvals,
    claims,
    effects,
    deadlines,
    takeovers,
    places.handovers,
    places.absences,
    places.told,
    clocks.questions,
    clocks.pauses,
    clocks.reminders,
    clocks.escalations,
    copies.rows,
    copies.inboxes,
    copies.posts,
    copies.buttons,
    copies.recipients,
    audit,
)


def findings(evidence: Evidence) -> list[Finding]:
    """Return the findings of all checks."""
    return [
        Finding(f"{check.__module__.rpartition('.')[2]}.{check.__name__}", sentence)
        for check in CHECKS
        for sentence in check(evidence)
    ]
