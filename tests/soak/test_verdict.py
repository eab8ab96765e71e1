"""Every check of the verdict can fail: sound evidence is falsified in one place after another."""

from __future__ import annotations

import asyncio
import copy
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.soak import verdict
from tests.soak.evidence import Asking, Call, Claim, Evidence, Passing, Shown, Takeover
from tests.soak.story import collect_evidence

Falsify = Callable[[Evidence], None]


@pytest.fixture(scope="module")
def sound_evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return asyncio.run(collect_evidence(tmp_path_factory.mktemp("story") / "signoff.db"))


@pytest.fixture
def evidence(sound_evidence: Evidence, tmp_path: Path) -> Evidence:
    """Return a copy of the evidence that a test can falsify."""
    database = tmp_path / "signoff.db"
    shutil.copy(sound_evidence.database, database)
    with closing(sqlite3.connect(database)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
    return replace(copy.deepcopy(sound_evidence), database=database)


def test_a_story_that_is_all_right_has_no_findings(evidence: Evidence) -> None:
    assert verdict.findings(evidence) == []
    statuses = sorted(run["status"] for run in evidence.runs.values())
    ends = [*["expired"] * 3, *["rejected"] * 2, *["succeeded"] * 5]
    assert statuses == [*["cancelled"] * 2, *ends, *["waiting"] * 3]
    assert {claim.how for claim in evidence.claims} == {"click", "modal", "socket"}
    assert len(evidence.calls) == 7


# -- falsifications --------------------------------------------------------------------------------------


def sql(*statements: str) -> Falsify:
    """Return a function that changes rows of the database."""

    def falsify(evidence: Evidence) -> None:
        with closing(sqlite3.connect(evidence.database)) as connection:
            changed = sum(connection.execute(statement).rowcount for statement in statements)
            connection.commit()
        assert changed, "nothing was falsified"

    return falsify


def start_with_another_run(evidence: Evidence) -> None:
    next(run_ids for run_ids in evidence.starts.values() if run_ids).add("another")


def start_without_a_client(evidence: Evidence) -> None:
    del evidence.starts["s1"]


def decision_without_a_client(evidence: Evidence) -> None:
    evidence.asked.clear()


def click_with_another_decision(evidence: Evidence) -> None:
    claim = next(claim for claim in evidence.claims if claim.how == "click")
    evidence.claims.append(replace(claim, decision="another"))


def modal_with_other_edits(evidence: Evidence) -> None:
    claim = next(claim for claim in evidence.claims if claim.edits)
    evidence.claims.append(replace(claim, edits={"json.text": "other words"}))


def click_without_a_decision(evidence: Evidence) -> None:
    evidence.empty.append(Claim(how="click", request="r", by="ada@example.com", decision=None))


def cancel_without_an_end(evidence: Evidence) -> None:
    evidence.cancelled |= {name for name, run in evidence.runs.items() if run["status"] == "succeeded"}


def changed_calls(change: Callable[[Evidence, Call], list[Call]], workflow: str = "unsure") -> Falsify:
    """Return a function that changes the calls of one run."""

    def falsify(evidence: Evidence) -> None:
        name = next(name for name, run in evidence.runs.items() if run["name"] == workflow)
        call = next(call for call in evidence.calls if call.key.startswith(name))
        evidence.calls = [other for other in evidence.calls if other is not call] + change(evidence, call)

    return falsify


def changed_message(which: Callable[[Evidence, Shown], bool], change: Callable[[Shown], list[Shown]]) -> Falsify:
    """Return a function that changes the first message of a kind."""

    def falsify(evidence: Evidence) -> None:
        message = next(message for message in evidence.messages if which(evidence, message))
        evidence.messages = [other for other in evidence.messages if other is not message] + change(message)

    return falsify


def is_copy(kind: str, *, state: str = "") -> Callable[[Evidence, Shown], bool]:
    def matches(evidence: Evidence, message: Shown) -> bool:
        rows = evidence.rows(
            "SELECT delivery.kind, request.state FROM delivery LEFT JOIN request ON request.id = delivery.request "
            "WHERE delivery.id = ?",
            message.delivery,
        )
        return any(row["kind"] == kind and state in (row["state"] or "") for row in rows)

    return matches


def is_end(evidence: Evidence, message: Shown) -> bool:
    ends = evidence.rows(
        "SELECT 1 FROM delivery WHERE kind = 'alert' AND topic = 'expired' AND id = ?", message.delivery
    )
    return bool(ends)


def no_copy_of_the_open_request(evidence: Evidence) -> None:
    evidence.messages = [
        message for message in evidence.messages if not is_copy("request", state="pending")(evidence, message)
    ]


def live_buttons(evidence: Evidence) -> None:
    request = next(request["id"] for request in evidence.requests.values() if request["state"] == "approved")
    evidence.messages.append(
        Shown(channel="D", ts="1.0", delivery=None, requests=(request,), runs=(), words="Approve Reject")
    )


def changed_line_of_the_log(evidence: Evidence) -> None:
    evidence.export = evidence.export.replace("request.approved", "request.rejected", 1)


def cut_log(evidence: Evidence) -> None:
    evidence.heads.append(f"{len(evidence.export.splitlines()) + 5}:{'0' * 64}")


def late_takeover(evidence: Evidence) -> None:
    evidence.takeovers += [Takeover(work="w", seconds=seconds, limit=10.0) for seconds in (9.9, 10.1)]


def lost_work(evidence: Evidence) -> None:
    evidence.takeovers.append(Takeover(work="w", seconds=None, limit=10.0))


def lost_start_in_slack(evidence: Evidence) -> None:
    evidence.started.add("s99")


def lost_passing(evidence: Evidence) -> None:
    evidence.passings.append(Passing(request="r", reason="I am ill"))


def lost_absence(evidence: Evidence) -> None:
    evidence.absences["ida@example.com"] += 1


def lost_question(evidence: Evidence) -> None:
    evidence.askings.append(Asking(request="r", text="Why?", is_answer=False))


def lost_answer(evidence: Evidence) -> None:
    evidence.askings.append(Asking(request="q", text="Because.", is_answer=True))


def in_the_log_again(kind: str) -> Falsify:
    return sql(
        "INSERT INTO audit SELECT workspace, seq + 1000, run, leaf, hash, salt, content FROM audit "
        f"WHERE leaf LIKE '%\"{kind}\"%' LIMIT 1"
    )


TOGETHER = "(SELECT id FROM request WHERE state = 'approved' AND policy != 'any')"
APPROVED = "(SELECT id FROM request WHERE state = 'approved' AND policy = 'any' LIMIT 1)"
SECOND = (
    "INSERT INTO decision SELECT 'second', workspace, request, content_version, (SELECT id FROM person p WHERE "
    "p.id != decision.person LIMIT 1), verdict, reason, edits, shown_digest, approved_digest, assurance, record, "
    f"decided_at FROM decision WHERE request = {APPROVED}"
)
CASES: Final[dict[str, tuple[str, Falsify]]] = {
    "a start is answered with another run": ("verdict.starts", start_with_another_run),
    "a run that no client started": ("verdict.starts", start_without_a_client),
    "one start is two runs": (
        "verdict.starts",
        sql("UPDATE run SET inputs = (SELECT inputs FROM run ORDER BY id LIMIT 1)"),
    ),
    "a run stands still though it is ready": (
        "verdict.runs",
        sql("UPDATE run SET ready_at = started_at WHERE status = 'waiting'"),
    ),
    "a run is leased for ever": (
        "verdict.runs",
        sql("UPDATE run SET lease_until = started_at WHERE status = 'succeeded'"),
    ),
    "a run waits without a request": (
        "verdict.runs",
        sql("UPDATE request SET state = 'cancelled' WHERE state = 'pending'"),
    ),
    "a run ends while it is asked about": (
        "verdict.runs",
        sql("UPDATE run SET status = 'succeeded', ended_at = started_at WHERE status = 'waiting'"),
    ),
    "a run succeeds without an answer": (
        "verdict.runs",
        sql("UPDATE run SET status = 'succeeded' WHERE status = 'rejected'"),
    ),
    "a run fails though it was not stopped": (
        "verdict.runs",
        sql("UPDATE run SET status = 'failed' WHERE status = 'succeeded'"),
    ),
    "two decide": ("verdict.decisions", sql(SECOND)),
    "an approval without a decision": ("verdict.decisions", sql(f"DELETE FROM decision WHERE request = {APPROVED}")),
    "a decision that no client asked for": ("verdict.decisions", decision_without_a_client),
    "a decision that is not in the log": (
        "verdict.decisions",
        sql("DELETE FROM audit WHERE leaf LIKE '%request.approved%'"),
    ),
    "too few approve": (
        "verdict.approvals",
        sql(f"DELETE FROM decision WHERE id = (SELECT max(id) FROM decision WHERE request = {TOGETHER})"),
    ),
    "one person approves twice": (
        "verdict.approvals",
        sql(
            "DROP INDEX decision_by_verdict",
            f"UPDATE decision SET person = (SELECT min(person) FROM decision) WHERE request = {TOGETHER}",
        ),
    ),
    "an approval of other content": (
        "verdict.approvals",
        sql(f"UPDATE decision SET approved_digest = 'other' WHERE request = {TOGETHER}"),
    ),
    "the requester approves": (
        "verdict.approvals",
        sql("UPDATE run SET requester = (SELECT person FROM decision WHERE request = " + TOGETHER + " LIMIT 1)"),
    ),
    "a closed request is in an inbox": (
        "copies.inboxes",
        sql(f"UPDATE approver SET pending = 1 WHERE request = {TOGETHER}"),
    ),
    "an open request is in no inbox": ("copies.inboxes", sql("UPDATE approver SET pending = 0 WHERE pending = 1")),
    "an acknowledged decision is lost": ("verdict.claims", sql(f"DELETE FROM decision WHERE request = {APPROVED}")),
    "an acknowledged decision becomes another": ("verdict.claims", click_with_another_decision),
    "an acknowledged request opens again": (
        "verdict.claims",
        sql("UPDATE request SET state = 'pending' WHERE state = 'approved'"),
    ),
    "edits are lost": ("verdict.claims", modal_with_other_edits),
    "an acknowledgement without a record": ("verdict.claims", click_without_a_decision),
    "a cancelled run goes on": ("verdict.claims", cancel_without_an_end),
    "an effect before its approval": (
        "verdict.effects",
        changed_calls(lambda _, call: [replace(call, approved=False)]),
    ),
    "an effect with other content": (
        "verdict.effects",
        changed_calls(lambda _, call: [replace(call, body={**call.body, "text": "other"})]),
    ),
    "an effect twice that may not": ("verdict.effects", changed_calls(lambda _, call: [call, call])),
    "an effect under two keys": (
        "verdict.effects",
        changed_calls(lambda _, call: [call, replace(call, key=f"{call.key[:-1]}2")], "sure"),
    ),
    "an effect of no run": ("verdict.effects", changed_calls(lambda _, call: [call, replace(call, key="no:pay:1")])),
    "success without the effect": ("verdict.effects", changed_calls(lambda *_: [], "sure")),
    "an effect that was rejected": (
        "verdict.effects",
        sql("UPDATE request SET state = 'rejected' WHERE state = 'approved' AND at = 'before'"),
    ),
    "a deadline fires twice": ("verdict.deadlines", in_the_log_again("request.expired")),
    "a gate is passed twice": ("verdict.deadlines", in_the_log_again("gate.unanswered")),
    "a wait ends twice": ("verdict.deadlines", in_the_log_again("step.sleeping")),
    "a deadline fires too early": (
        "verdict.deadlines",
        sql("UPDATE request SET closed_at = opened_at WHERE state = 'expired'"),
    ),
    "a deadline is missed": (
        "verdict.deadlines",
        sql("UPDATE request SET expires_at = opened_at WHERE state = 'pending'"),
    ),
    "an expired request is not in the log": (
        "verdict.deadlines",
        sql("DELETE FROM audit WHERE leaf LIKE '%request.expired%'"),
    ),
    "a start in Slack is lost": ("verdict.starts", lost_start_in_slack),
    "a person decides whose place was passed on": (
        "places.handovers",
        sql(
            "INSERT INTO audit SELECT workspace, seq + 1000, run, json_set(leaf, '$.kind', 'request.voted', '$.actor', "
            "json_extract(content, '$.person')), hash, salt, content FROM audit WHERE leaf LIKE '%handed_on%'"
        ),
    ),
    "a place that was passed on is there again": ("places.handovers", sql("UPDATE approver SET handed_to = NULL")),
    "no reason for passing on": (
        "places.handovers",
        sql("UPDATE audit SET content = replace(content, '\"why\"', '\"other\"') WHERE leaf LIKE '%handed_on%'"),
    ),
    "a place is not passed on though it was said": ("places.handovers", lost_passing),
    "an absence is lost": ("places.absences", lost_absence),
    "an absence that the log does not know": ("places.absences", sql("DELETE FROM audit WHERE leaf LIKE '%.away%'")),
    "a request waits for a person who is away": (
        "places.absences",
        sql(
            "UPDATE absence SET starts_at = '2000-', ends_at = '9999-', person = (SELECT approver.person FROM approver "
            "JOIN request ON request.id = approver.request WHERE request.state = 'pending' LIMIT 1)"
        ),
    ),
    "a person is not told that their approval is void": (
        "places.told",
        sql("DELETE FROM delivery WHERE topic = 'voided'"),
    ),
    "a person is told twice": ("places.told", sql("UPDATE delivery SET topic = 'voided' WHERE kind = 'alert'")),
    "a question is not in the log": (
        "clocks.questions",
        sql("DELETE FROM audit WHERE leaf LIKE '%question_asked%'"),
    ),
    "an answer is lost": ("clocks.questions", sql("UPDATE question SET answered_at = NULL")),
    "a person does not get the answer": ("clocks.questions", sql("DELETE FROM delivery WHERE topic LIKE 'answer:%'")),
    "a question that was confirmed is lost": ("clocks.questions", lost_question),
    "an answer that was confirmed is lost": ("clocks.questions", lost_answer),
    "a deadline does not stand still": (
        "clocks.pauses",
        sql("UPDATE question SET answered_at = asked_at"),
    ),
    "a person is reminded too often": (
        "clocks.reminders",
        sql("UPDATE delivery SET person = (SELECT min(person) FROM delivery) WHERE kind = 'reminder'"),
    ),
    "a person is never reminded": ("clocks.reminders", sql("DELETE FROM reminder")),
    "a person is reminded who is not asked": (
        "clocks.reminders",
        sql("UPDATE reminder SET person = 'another'"),
    ),
    "an escalation is not in the log": (
        "clocks.escalations",
        sql("DELETE FROM audit WHERE leaf LIKE '%request.escalated%'"),
    ),
    "a request is escalated twice": ("verdict.deadlines", in_the_log_again("request.escalated")),
    "a killed worker is replaced too late": ("verdict.takeovers", late_takeover),
    "a killed worker is never replaced": ("verdict.takeovers", lost_work),
    "an approver without a copy": (
        "copies.rows",
        sql("DELETE FROM delivery WHERE id = (SELECT id FROM delivery WHERE kind = 'request' LIMIT 1)"),
    ),
    "a copy that is due": ("copies.rows", sql("UPDATE delivery SET next_at = created_at")),
    "a copy that is dead": ("copies.rows", sql("UPDATE delivery SET state = 'dead' WHERE kind = 'outcome'")),
    "a copy that is behind": ("copies.rows", sql("UPDATE delivery SET wanted_version = 9 WHERE kind = 'request'")),
    "a copy that is missing": ("copies.posts", changed_message(is_copy("request", state="approved"), lambda _: [])),
    "a copy that stands twice": (
        "copies.posts",
        changed_message(is_copy("request"), lambda message: [message, message]),
    ),
    "a copy without a delivery": (
        "copies.posts",
        changed_message(is_copy("request"), lambda message: [message, replace(message, delivery="another")]),
    ),
    "a copy that says something else": (
        "copies.posts",
        changed_message(
            is_copy("request", state="rejected"), lambda message: [replace(message, words="Approved by Ada")]
        ),
    ),
    "an open copy without buttons": (
        "copies.posts",
        changed_message(is_copy("request", state="pending"), lambda message: [replace(message, requests=())]),
    ),
    "a skipped copy that stands there": ("copies.posts", sql("UPDATE delivery SET state = 'skipped'")),
    "live buttons on a decided request": ("copies.buttons", live_buttons),
    "no approver was asked": ("copies.recipients", no_copy_of_the_open_request),
    "the requester was not told": ("copies.recipients", changed_message(is_copy("outcome"), lambda _: [])),
    "the owner was not told": ("copies.recipients", changed_message(is_end, lambda _: [])),
    "a line of the log was changed": ("verdict.audit", changed_line_of_the_log),
    "the log was cut": ("verdict.audit", cut_log),
    "the log was not exported whole": ("verdict.audit", sql("DELETE FROM audit WHERE seq = 2")),
}


@pytest.mark.parametrize("name", CASES)
def test_each_falsification_is_found_by_its_check(evidence: Evidence, name: str) -> None:
    check, falsify = CASES[name]
    falsify(evidence)
    # A new object queries the falsified database again.
    fresh = replace(evidence)
    assert check in {finding.check for finding in verdict.findings(fresh)}


def test_every_check_is_seen_to_fail() -> None:
    assert {check for check, _ in CASES.values()} == {
        f"{check.__module__.rpartition('.')[2]}.{check.__name__}" for check in verdict.CHECKS
    }
