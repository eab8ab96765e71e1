"""The checks: what must hold when all is over. Each yields a sentence for everything that does not.

They read the tables with plain SQL, and ask the product only for its rules of editing a value at a path.
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
from tests.soak import copies
from tests.soak.evidence import Call, Claim, Evidence

VERIFIER: Final = Path(__file__).parents[2] / "engine" / "verify_audit.py"
BECOMES: Final = {"approve": "approved", "reject": "rejected"}
DECIDED: Final = frozenset(BECOMES.values())


@dataclass(frozen=True, slots=True)
class Finding:
    """An invariant that is broken, by name."""

    check: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.what}"


def starts(found: Evidence) -> Iterator[str]:
    """Every start that was answered is one run, always the same, with what it was started with."""
    by_token: dict[str, list[str]] = defaultdict(list)
    for run in found.runs.values():
        by_token[json.loads(run["inputs"])["token"]].append(run["id"])
    for token, runs in by_token.items():
        if len(runs) > 1:
            yield f"token {token} was started {len(runs)} times: {', '.join(runs)}"
        if token not in found.starts:
            yield f"nobody started token {token}, and there is run {runs[0]}"
    for token, told in found.starts.items():
        if told and told != set(by_token[token]):
            yield f"token {token} was answered with {', '.join(sorted(told))}, and is {by_token[token] or 'no run'}"
        if token.isdecimal() and not by_token[token]:
            yield f"token {token} was asked for until it was answered, and is no run"


def runs(found: Evidence) -> Iterator[str]:
    """Every run ended, or waits for somebody; and it went as its answers say."""
    states: dict[str, dict[str, str]] = defaultdict(dict)
    for request in found.requests.values():
        key = f"{request['step']}:{request['visit']}:{request['at']}"
        if key in states[request["run"]]:
            yield f"run {request['run']} was asked about {key} twice"
        passed = request["state"] == "expired" and request["on_expiry"] == "continue"
        states[request["run"]][key] = "passed" if passed else request["state"]
    for run in found.runs.values():
        given = set(states[run["id"]].values())
        if (run["ended_at"] is None) != (run["status"] in ("waiting", "needs_attention")):
            yield f"run {run['id']} is {run['status']}, and ended at {run['ended_at']}"
        elif run["ready_at"] is not None or run["lease_until"] is not None:
            yield f"run {run['id']} is {run['status']}, and not at rest"
        elif run["ended_at"] is not None and "pending" in given:
            yield f"run {run['id']} is {run['status']}, and a request of it still asks"
        elif not _went(run["status"], given, stopped=run["id"] in found.stopped, cancel=run["cancel"] is not None):
            yield f"run {run['id']} is {run['status']}, and its requests are {', '.join(sorted(given)) or 'none'}"


def _went(status: str, given: set[str], *, stopped: bool, cancel: bool) -> bool:
    match status:
        case "waiting":
            return "pending" in given
        case "needs_attention":
            return "pending" not in given
        case "succeeded":
            return given <= {"approved", "passed"} and bool(given)
        case "failed":
            return stopped
        case "cancelled":
            return cancel
        case "rejected" | "expired":
            return status in given
    return False


def decisions(found: Evidence) -> Iterator[str]:
    """A request has one decision, which somebody asked for and the log tells once; or none, and says so."""
    persons = _addresses(found)
    told = _told(found)
    asked_for = defaultdict(list)
    for asked in found.asked:
        asked_for[asked[0]].append(asked)
    for request in found.requests.values():
        made = found.decisions.get(request["id"], [])
        if len(made) > 1:
            yield f"request {request['id']} has {len(made)} decisions"
        by_clock = request["state"] == "rejected" and request["on_expiry"] == "reject" and not made
        if [one["verdict"] for one in made[:1]] != [request["state"]] * (request["state"] in DECIDED and not by_clock):
            yield f"request {request['id']} is {request['state']}, and has the decisions {[dict(one) for one in made]}"
        for one in made:
            if told.pop((request["id"], one["verdict"]), 0) != 1:
                yield f"decision {one['id']} does not stand in the log exactly once"
            mine = [asked for asked in asked_for[request["id"]] if asked[1] in persons[one["person"]]]
            if not any(_is(one, verdict, edits) for _, _, verdict, edits in mine):
                yield f"nobody asked for decision {one['id']} of request {request['id']}"
    for request_id, verdict in told:
        yield f"the log has a decision of request {request_id} ({verdict}) that is no row"


def _told(found: Evidence) -> Counter[tuple[str, str]]:
    """How often the log tells of which decision."""
    leaves = [json.loads(row["leaf"]) for row in found.rows("SELECT leaf FROM audit")]
    kinds = {f"request.{state}": state for state in DECIDED}
    return Counter((leaf["request"], kinds[leaf["kind"]]) for leaf in leaves if leaf["kind"] in kinds)


def _is(row: Any, verdict: str, edits: str) -> bool:
    return (row["verdict"], _edits(row)) == (BECOMES[verdict], json.loads(edits))


def _edits(row: Any) -> dict[str, str]:
    return {".".join(one["path"]): one["after"] for one in json.loads(row["edits"] or "[]")}


def _addresses(found: Evidence) -> Mapping[str, set[str]]:
    known: dict[str, set[str]] = defaultdict(set)
    for row in found.rows("SELECT person, value FROM address"):
        known[row["person"]].add(row["value"])
    return known


def claims(found: Evidence) -> Iterator[str]:
    """What was acknowledged is recorded, as it was said."""
    persons = _addresses(found)
    for claim in found.claims:
        yield from _broken(found, claim, persons)
    for claim in found.empty:
        yield f"a click of {claim.by} was acknowledged while request {claim.request} stood open, and nothing excused it"
    for run in found.cancelled:
        status = found.runs[run]["status"] if run in found.runs else "gone"
        if status != "cancelled":
            yield f"run {run} was said to be cancelled, and is {status}"


def _broken(found: Evidence, claim: Claim, persons: Mapping[str, set[str]]) -> Iterator[str]:
    told = f"by {claim.how} {claim.by} was told that request {claim.request} is"
    made = found.decisions.get(claim.request, [])
    if claim.request not in found.requests or found.requests[claim.request]["state"] == "pending":
        yield f"{told} closed, and it is not"
    if claim.decision is not None and claim.decision not in {one["id"] for one in made}:
        yield f"{told} decided by {claim.decision}, which is not there"
    if claim.verdict is None:
        return
    wanted = (BECOMES[claim.verdict], claim.edits or {})
    if not any((one["verdict"], _edits(one)) == wanted and claim.by in persons[one["person"]] for one in made):
        yield f"{told} {wanted[0]} with {wanted[1]} by them, and it is not"


def effects(found: Evidence) -> Iterator[str]:
    """What happened was approved before, with that very content; and twice only under one key, where it may."""
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in found.calls:
        calls[call.key].append(call)
    keys = Counter(key.partition(":")[0] for key in calls)
    for key, made in calls.items():
        if not re.fullmatch(r"\w+:pay:1", key) or key.partition(":")[0] not in found.runs:
            yield f"a call has the key {key!r}, which is no step's"
            continue
        run = found.runs[key.partition(":")[0]]
        if keys[run["id"]] > 1:
            yield f"run {run['id']} called under {keys[run['id']]} keys"
        yield from _wrong(found, run, made)
    for run in found.runs.values():
        if run["status"] == "succeeded" and f"{run['id']}:pay:1" not in calls:
            yield f"run {run['id']} succeeded without its effect"


def _wrong(found: Evidence, run: Any, made: list[Call]) -> Iterator[str]:
    if any(call.approved is False for call in made):
        yield f"run {run['id']} called before anybody had approved it"
    gates = [one for one in found.requests.values() if one["run"] == run["id"] and one["at"] == "before"]
    if len(gates) != 1:
        yield f"run {run['id']} called, and has {len(gates)} requests about it"
        return
    (gate,) = gates
    passed = (gate["state"], gate["on_expiry"]) == ("expired", "continue") and gate["first_shown_at"] is not None
    if gate["state"] != "approved" and not passed:
        yield f"run {run['id']} called, and its request is {gate['state']}"
    wanted = json.loads(gate["content"])["value"]["json"]
    for decision in found.decisions.get(gate["id"], []):
        for edit in json.loads(decision["edits"] or "[]"):
            wanted = json_values.replace(wanted, tuple(edit["path"][1:]), edit["after"])
    if any(call.body != wanted for call in made):
        yield f"run {run['id']} called with {[call.body for call in made]}, and {wanted} was approved"
    repeated = found.repeated[run["id"]]
    if run["name"] == "unsure" and len(made) > 1 + repeated:
        yield f"run {run['id']} called {len(made)} times, and may not repeat; it was told to {repeated} times"


def audit(found: Evidence) -> Iterator[str]:
    """The log verifies by the script that trusts nothing of ours, and every head that was noted is in it."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.write(found.export)
        file.flush()
        noted = [part for head in found.heads for part in ("--checkpoint", head)]
        command = [sys.executable, "-I", "-S", str(VERIFIER), file.name, *noted]
        finished = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
    if finished.returncode:
        yield " / ".join([*finished.stdout.splitlines()[:5], *finished.stderr.splitlines()[-3:]])
    count = found.rows("SELECT count(*) AS n FROM audit")[0]["n"]
    if count != len(found.export.splitlines()):
        yield f"the log has {count} entries, and {len(found.export.splitlines())} were exported"


CHECKS: Final[tuple[Callable[[Evidence], Iterator[str]], ...]] = (
    starts,
    runs,
    decisions,
    claims,
    effects,
    copies.rows,
    copies.posts,
    copies.buttons,
    copies.told,
    audit,
)


def findings(found: Evidence) -> list[Finding]:
    """All that is wrong."""
    return [
        Finding(f"{check.__module__.rpartition('.')[2]}.{check.__name__}", what)
        for check in CHECKS
        for what in check(found)
    ]
