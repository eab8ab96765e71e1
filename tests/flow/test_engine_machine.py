"""The engine with people, clocks, faults and crashes in any order, on a real database.

The state machine simulates the people, the mailboxes, the called services and the workers of two servers. The units,
the relay and the SQL are real. `SIGNOFF_TEST_EXAMPLES` raises the number of examples.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.presentation import card as cards
from engine import json_values, verify_audit
from engine.delivery.outbox import Relay
from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    AlreadyDecided,
    AlreadyUndone,
    ApprovalUndone,
    Assurance,
    Cancel,
    Cancelled,
    CannotRevise,
    CannotSkip,
    CannotUndo,
    Changed,
    Decide,
    Decided,
    Done,
    Expired,
    InvalidEdits,
    NotAllowed,
    NotAnApprover,
    NotWaiting,
    Origin,
    OwnRequest,
    Person,
    ReasonMissing,
    Refusal,
    Register,
    Registered,
    RequestState,
    Resume,
    ResumeAnswer,
    ReviewPoint,
    Start,
    Started,
    Undo,
    Verdict,
)
from engine.json_values import Value
from engine.read_models import RequestView
from engine.runs import Outcome, StepFailure, StepOutput
from engine.service import Engine
from engine.steps.branch import BranchStep
from engine.steps.set import SetStep
from engine.steps.wait import WaitStep
from engine.store import audit_log, run_rows
from engine.store.sqlite import SqliteStore
from engine.system import EnvironmentSecrets
from engine.worker.advance import Advancer, ClaimedEffect, wake
from tests.support import stepwise_units
from tests.support.examples import example_count
from tests.support.fakes import ByEmail, Call, CountingIds, FakeClock, Fault, MailboxChannel
from tests.support.recording_channel import PostedCopy
from tests.support.sample_workflows import SAMPLE_WORKFLOWS, SampleWorkflow

T = TypeVar("T")
ORIGIN = Origin(surface="api")
PEOPLE = ("ann", "sam", "lee", "kim", "eve")
Ending = Literal["done", "refused", "final", "landed", "lost"]
"""The result of an effect: it works, fails for now or finally, or its outcome is unknown and it landed or was lost."""

MAX_RUNS = 4
EXAMPLES = example_count(30)


def email(name: str) -> Address:
    return Address("email", name if "@" in name else f"{name}@example.com")


def name(person: Person) -> str:
    return (person.email or "").removesuffix("@example.com")


@dataclass
class Job:
    """A claimed effect of a worker. `outcome` is set once the worker has performed it."""

    claimed: ClaimedEffect
    outcome: Outcome | None = None


@dataclass
class DeliveryTask:
    """A delivery under way. `phase`: 1 before the claim, 2 before the call of the channel, 3 before the record."""

    delivery: str
    task: stepwise_units.StepwiseTask
    phase: int = 0
    rev: int = 0


@dataclass
class AcknowledgedDecision:
    """The acknowledged decision of a request."""

    decided: Decided
    person: str
    content: dict[str, Value]


@dataclass
class Record:
    """The effects that happened, and the answers that people got."""

    calls: list[tuple[str, str, int, str]] = field(default_factory=list)
    """Run, step, visit and idempotency key of every call that had an effect."""
    may_begin: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Whether an effect that must not be repeated may be started (again)."""
    params: dict[tuple[str, str, int], dict[str, Value]] = field(default_factory=dict)
    decisions: dict[str, AcknowledgedDecision] = field(default_factory=dict)
    undone: dict[str, str] = field(default_factory=dict)
    """The requests whose approval was undone, and who undid it."""
    cancelled: set[str] = field(default_factory=set)
    comments: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By run, what was asked to be changed: the step of the gate and the comment, in order."""
    stopped: set[str] = field(default_factory=set)
    """Runs that were stopped after a step of unknown outcome by their owner, or after a failure that they were asked
    about."""
    edited: dict[tuple[str, str, int], dict[str, Value]] = field(default_factory=dict)
    """The parameters that a person changed after a failure, by the visit that tries them."""


_REVIEWED = {"before": "in_review", "after": "output_in_review", "failed": "failure_in_review"}
_HELD = """
    SELECT request.id FROM request JOIN step_run USING (run, step, visit)
    WHERE request.state = 'approved' AND request.details LIKE '%"hold":%'
    AND status IN ('held', 'in_review', 'output_in_review') ORDER BY request.id
"""
"""The requests whose approval can be undone."""
_REQUESTS = "SELECT id FROM request WHERE coalesce(?, state) = state ORDER BY id"


class EngineMachine(RuleBasedStateMachine):
    empty_database: bytes = b""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name, "signoff.db")
        path.write_bytes(self.empty_database)
        self.loop = asyncio.new_event_loop()
        self.clock, self.facts = FakeClock(), Record()
        self.store = stepwise_units.DirectStore(path, clock=self.clock, ids=CountingIds())
        kinds = {kind.name: kind for kind in (SetStep(), WaitStep(), BranchStep(), Call())}
        self.advancer = Advancer(kinds=kinds, directory=ByEmail(), secrets=EnvironmentSecrets({}))
        store = cast(SqliteStore, self.store)
        self.engine = Engine(store, self.advancer)
        self.mailboxes = MailboxChannel(stepwise_units.pause)
        channels = {"mailbox": self.mailboxes}
        self.relays = [Relay(store, channels=channels, directory=ByEmail(), render=cards.card) for _ in range(2)]
        self.jobs: list[Job] = []
        self.delivery_tasks: list[DeliveryTask] = []
        self.overtaken: set[str] = set()
        self.keys: dict[str, str] = {}
        self.sample_of: dict[str, str] = {}
        self.versions = dict.fromkeys(SAMPLE_WORKFLOWS, 1)

    def finish(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    # -- queries --

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        cursor = self.store.driver.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(query, values).fetchall()

    def column(self, query: str, *values: object) -> list[Any]:
        return [row[0] for row in self.rows(query, *values)]

    def views(self, *, state: str | None = None) -> list[RequestView]:
        ids = self.column(_REQUESTS, state)
        loaded = [self.finish(self.engine.request(request)) for request in ids]
        return [request for request in loaded if request is not None]

    def pick(self, data_: st.DataObject, query: str, *values: object) -> str | None:
        candidates = self.column(query, *values)
        return data_.draw(st.sampled_from(candidates)) if candidates else None

    # -- starting --

    @initialize()
    def register(self) -> None:
        for sample in SAMPLE_WORKFLOWS.values():
            command = Register(source=sample.source.encode(), actor=email("sam"), origin=ORIGIN)
            assert self.finish(self.engine.register(command)) == Registered(
                workflow=sample.name, version=1, changed=True
            )

    @precondition(lambda self: len(self.sample_of) < MAX_RUNS)
    @rule(
        name=st.sampled_from([*sorted(SAMPLE_WORKFLOWS), "hold", "hold"]),
        amount=st.sampled_from([5, 500, 500]),
        key=st.sampled_from([None, None, None, "a", "b"]),
    )
    def start(self, name: str, amount: int, key: str | None) -> None:
        command = Start(workflow=name, inputs={"amount": amount}, actor=email("ann"), origin=ORIGIN, key=key)
        answer = self.finish(self.engine.start(command))
        assert isinstance(answer, Started)
        if key is not None and key in self.keys:
            assert answer == Started(run=self.keys[key], created=False)
            return
        assert answer.created
        assert answer.run not in self.sample_of
        self.sample_of[answer.run] = name
        if key is not None:
            self.keys[key] = answer.run

    @rule(name=st.sampled_from(sorted(SAMPLE_WORKFLOWS)))
    def replace_the_workflow(self, name: str) -> None:
        """Register a new version. Open runs keep the version with which they started."""
        self.versions[name] += 1
        source = f"# version {self.versions[name]}\n{SAMPLE_WORKFLOWS[name].source}".encode()
        answer = self.finish(self.engine.register(Register(source=source, actor=email("sam"), origin=ORIGIN)))
        assert answer == Registered(workflow=name, version=self.versions[name], changed=True)

    # -- people --

    @precondition(lambda self: self.sample_of)
    @rule(
        draws=st.data(),
        person=st.sampled_from([*PEOPLE, None, None, None, None, None, None, None, None]),
        verdict=st.sampled_from([*[Verdict.APPROVE] * 4, Verdict.REVISE, Verdict.REVISE, Verdict.SKIP, Verdict.REJECT]),
        edit=st.sampled_from(["no", "no", "same", "text", "text", "wrong", "other"]),
        stale=st.sampled_from([False, False, False, False, False, True]),
        reason=st.sampled_from(["", "too much", "too much"]),
        clicks=st.integers(1, 2),
    )
    def decide(
        self,
        draws: st.DataObject,
        person: str | None,
        verdict: Verdict,
        edit: str,
        stale: bool,
        reason: str,
        clicks: int,
    ) -> None:
        """Decide a request. Without `person`, an approver decides."""
        pending = draws.draw(st.sampled_from([True, True, True, False]))
        request = self.pick(draws, _REQUESTS, "pending" if pending else None)
        view = self.finish(self.engine.request(request)) if request else None
        if view is None:
            return
        if person is None:
            person = draws.draw(st.sampled_from([name(approver.person) for approver in view.approvers]))
        edits, content = self._edits(view, edit)
        digest = view.model.digest if not stale else "0" * 64
        command = Decide(
            request=view.id,
            verdict=verdict,
            actor=email(person),
            content_version=view.model.content_version,
            digest=digest,
            origin=ORIGIN,
            assurance=Assurance.TERMINAL,
            edits=edits,
            reason=reason,
        )
        for _ in range(clicks):
            expected = self._expected(view, command, person, edit=edit, stale=stale)
            answer = self.finish(self.engine.decide(command))
            assert isinstance(answer, expected), (answer, expected)
            if isinstance(answer, Decided):
                assert view.id not in self.facts.decisions, "two decisions were acknowledged"
                self.facts.decisions[view.id] = AcknowledgedDecision(answer, person, content)
                if verdict is Verdict.REVISE:
                    self._note_revision(view, reason)
                if view.at is ReviewPoint.FAILED:
                    self._note_failure_answer(view, answer, content)
            elif isinstance(answer, AlreadyDecided):
                self._check_already_decided(view, answer, person)

    def _note_revision(self, view: RequestView, comment: str) -> None:
        """Note what was asked for. The steps from the one it goes to up to the gate may run once more."""
        run, step = view.model.subject.run, view.model.subject.step
        sample = SAMPLE_WORKFLOWS[self.sample_of[run]]
        for name in self._loop(sample, step):
            self.facts.may_begin[run, name] = True
        self.facts.comments.setdefault(run, []).append((step, comment))

    def _note_failure_answer(self, view: RequestView, answer: Decided, content: dict[str, Value]) -> None:
        subject = view.model.subject
        if answer.edited:
            self.facts.edited[subject.run, subject.step, subject.visit + 1] = content
        if answer.state is RequestState.REJECTED and "sam" in [name(one.person) for one in view.approvers]:
            self.facts.stopped.add(subject.run)

    @staticmethod
    def _loop(sample: SampleWorkflow, gated: str) -> list[str]:
        """Return the steps that run again when changes are asked for at this step."""
        steps = re.findall(r"- id: (\w+)", sample.source)
        return steps[steps.index(sample.revised[gated][0]) : steps.index(gated) + 1]

    def _asked_of(self, run: str, step: str) -> str:
        """Return how often changes were asked of the step, and the last comment."""
        sample = SAMPLE_WORKFLOWS[self.sample_of[run]]
        comments = [comment for gated, comment in self.facts.comments.get(run, []) if step in self._loop(sample, gated)]
        return f"{len(comments)} {comments[-1] if comments else ''}"

    def _check_already_decided(self, view: RequestView, answer: AlreadyDecided, person: str) -> None:
        acknowledged = self.facts.decisions.get(view.id)
        assert answer.by_you == (acknowledged is not None and acknowledged.person == person)
        if acknowledged is None:
            assert (answer.by, answer.state) == (None, RequestState.REJECTED)
        else:
            assert answer.by is not None
            assert (answer.by.email, answer.state) == (email(acknowledged.person).value, acknowledged.decided.state)

    def _edits(self, view: RequestView, edit: str) -> tuple[dict[str, Value], dict[str, Value]]:
        content = dict(view.model.content.value)
        if "text" not in content and edit in ("same", "text"):
            return {}, content
        match edit:
            case "text":
                content["text"] = "as edited"
                return {"text": "as edited"}, content
            case "same":
                return {"text": content["text"]}, content
            case "wrong":
                return {"text": 7}, content
            case "other":
                return {"to": "thief"}, content
            case _:
                return {}, content

    def _expected(
        self, view: RequestView, command: Decide, person: str, *, edit: str, stale: bool
    ) -> type[Decided] | type[Refusal]:
        row = self.rows("SELECT * FROM request WHERE id = ?", view.id)[0]
        if email(person).value not in {approver.person.email for approver in view.approvers}:
            is_own = name(view.requester) == person and row["state"] == "pending"
            return OwnRequest if is_own else NotAnApprover
        closed: dict[str, type[Refusal]] = {
            "approved": AlreadyDecided,
            "rejected": AlreadyDecided,
            "changes_requested": AlreadyDecided,
            "skipped": AlreadyDecided,
            "undone": AlreadyUndone,
            "expired": Expired,
            "cancelled": Cancelled,
        }
        if row["state"] in closed:
            return closed[row["state"]]
        if row["expires_at"] is not None and moment(row["expires_at"]) <= self.clock.at:
            return Expired
        if stale:
            return Changed
        if command.verdict is Verdict.SKIP:
            return Decided if row["at"] == "failed" else CannotSkip
        if command.verdict is Verdict.REVISE:
            refused = self._refused_revision(view, command)
            if refused is not None:
                return refused
        if command.verdict is Verdict.REJECT:
            needed = row["reason_required"] != "never"
            return Refusal if needed and not command.reason else Decided
        output_to = view.model.subject.step == "words"
        wrong = edit in ("wrong", "other") and not (output_to and edit == "none")
        return InvalidEdits if wrong else Decided

    def _refused_revision(self, view: RequestView, command: Decide) -> type[Refusal] | None:
        run, step = view.model.subject.run, view.model.subject.step
        _, limit = SAMPLE_WORKFLOWS[self.sample_of[run]].revised.get(step, ("", 0))
        if [gated for gated, _ in self.facts.comments.get(run, [])].count(step) >= limit:
            return CannotRevise
        return None if command.reason else ReasonMissing

    @precondition(lambda self: self.rows("SELECT 1 FROM request WHERE state = 'pending'"))
    @rule(edit=st.sampled_from(["no", "text"]))
    def approve_all_open_requests(self, edit: str) -> None:
        for view in self.views(state="pending"):
            if view.model.deadlines.expires_at is None or view.model.deadlines.expires_at > self.clock.at:
                self._approve(view, edit)

    @precondition(lambda self: self.rows(_HELD))
    @rule(
        draws=st.data(),
        person=st.sampled_from([None, None, None, "sam", "lee", "kim", "ann", "eve"]),
        held=st.sampled_from([True, True, True, False]),
        clicks=st.integers(1, 2),
    )
    def undo(self, draws: st.DataObject, person: str | None, held: bool, clicks: int) -> None:
        """Undo an approval, or try to. Without `person`, as one who gave it. `held`: one that is not undone yet."""
        request = self.pick(draws, _HELD if held else "SELECT id FROM request ORDER BY id")
        assert request is not None
        if person is None:
            person = self.facts.decisions[request].person if request in self.facts.decisions else "sam"
        command = Undo(request=request, actor=email(person), origin=ORIGIN, assurance=Assurance.TERMINAL)
        for _ in range(clicks):
            expected = self._expected_of_undo(request, person)
            answer = self.finish(self.engine.undo(command))
            why = answer.why if isinstance(answer, CannotUndo) else type(answer)
            assert why == expected, (answer, expected)
            if isinstance(answer, ApprovalUndone):
                assert request not in self.facts.undone
                self.facts.undone[request] = person

    def _expected_of_undo(self, request: str, person: str) -> object:
        """Return the reason of the refusal, or the type of the answer."""
        row = self.rows("SELECT * FROM request WHERE id = ?", request)[0]
        if row["step"] not in SAMPLE_WORKFLOWS[self.sample_of[row["run"]]].holds:
            return "off"
        if row["state"] not in ("approved", "undone"):
            return "not_approved"
        if person not in ("sam", self.facts.decisions[request].person):
            return "not_yours"
        if request in self.facts.undone:
            return AlreadyUndone
        query = "SELECT status FROM step_run WHERE run = ? AND step = ? AND visit = ?"
        status = self.column(query, row["run"], row["step"], row["visit"])[0]
        waits = status in ("in_review", "output_in_review", "held")
        if row["run"] in self.facts.cancelled and (waits or status == "stopped"):
            return "cancelled"
        return ApprovalUndone if waits else "over"

    @precondition(lambda self: self.sample_of)
    @rule(draws=st.data(), person=st.sampled_from(["ann", "sam", "eve"]))
    def cancel(self, draws: st.DataObject, person: str) -> None:
        run = draws.draw(st.sampled_from(sorted(self.sample_of)))
        before = self.rows("SELECT * FROM run WHERE id = ?", run)[0]
        answer = self.finish(self.engine.cancel(Cancel(run=run, actor=email(person), origin=ORIGIN, reason="no")))
        if person == "eve":
            assert isinstance(answer, NotAllowed)
        elif before["ended_at"] is None and before["cancel"] is None:
            assert answer == Done(run=run)
            self.facts.cancelled.add(run)
        else:
            assert isinstance(answer, NotWaiting)

    @precondition(lambda self: self.rows("SELECT 1 FROM run WHERE status = 'needs_attention'"))
    @rule(draws=st.data(), answer=st.sampled_from(ResumeAnswer), person=st.sampled_from(["sam", "sam", "sam", "ann"]))
    def resume(self, draws: st.DataObject, answer: ResumeAnswer, person: str) -> None:
        run = self.pick(draws, "SELECT id FROM run WHERE status = 'needs_attention' ORDER BY id")
        assert run is not None
        row = self.rows("SELECT * FROM run WHERE id = ?", run)[0]
        step = self._stands_at(run)
        output: dict[str, Value] = {"answer": "said", "text": "said"} if answer is ResumeAnswer.DONE else {}
        command = Resume(run=run, answer=answer, actor=email(person), origin=ORIGIN, output=output)
        reply = self.finish(self.engine.resume(command))
        if person != "sam":
            assert isinstance(reply, NotAllowed)
        elif row["cancel"] is not None:
            assert isinstance(reply, NotWaiting)
        else:
            assert reply == Done(run=run)
            if answer is ResumeAnswer.REPEAT:
                self.facts.may_begin[run, step] = True
            if answer is ResumeAnswer.STOP:
                self.facts.stopped.add(run)
            again = self.finish(self.engine.resume(command))
            assert isinstance(again, NotWaiting)

    # -- time --

    @rule(seconds=st.sampled_from([1, 3, 9, 31, 600, 900, 1801, 3600, 7200]))
    def time_passes(self, seconds: int) -> None:
        self.clock.pass_time(timedelta(seconds=seconds))

    @precondition(lambda self: self._next_times())
    @rule()
    def time_passes_to_the_very_moment_of_the_next_clock(self) -> None:
        self.clock.at = self._next_times()[0]

    def _next_times(self) -> list[datetime]:
        """Return every future time in the tables, in order."""
        query = """
            SELECT ready_at FROM run UNION SELECT lease_until FROM run UNION SELECT check_at FROM request
            UNION SELECT next_at FROM delivery UNION SELECT lease_until FROM delivery
        """
        times = [moment(row[0]) for row in self.rows(query) if row[0] is not None]
        return sorted(at for at in times if at > self.clock.at)

    @precondition(lambda self: self.rows("SELECT 1 FROM request"))
    @rule(draws=st.data())
    def process_any_request(self, draws: st.DataObject) -> None:
        """Process any request, due or not, as a hint may name any."""
        request = self.pick(draws, "SELECT id FROM request ORDER BY coalesce(check_at, '9'), id DESC LIMIT 3")
        assert request is not None
        self.finish(self.engine.process_due(request))

    # -- workers --

    @precondition(lambda self: self.sample_of)
    @rule(draws=st.data())
    def wake_for_nothing(self, draws: st.DataObject) -> None:
        run = self.pick(draws, "SELECT id FROM run WHERE ended_at IS NULL ORDER BY id")
        if run is not None:
            self.store.run(lambda tx: wake(tx, run))

    @precondition(lambda self: self.sample_of)
    @rule(draws=st.data())
    def claim(self, draws: st.DataObject) -> None:
        """Try to claim any run, as any worker may at any time."""
        query = "SELECT id FROM run ORDER BY ready_at IS NULL, ready_at DESC LIMIT 4"
        run = self.pick(draws, query)
        assert run is not None
        self._claim(run)

    @precondition(lambda self: self.sample_of)
    @rule(ending=st.sampled_from(["none", "done", "done", "refused", "final", "landed", "lost"]))
    def tick(self, ending: Ending | Literal["none"]) -> None:
        """Do all work that is due now without faults. Effects end as `ending` says, or stay under way."""
        for work in self.finish(self.engine.due(self.clock.at)):
            if work.kind == "advance":
                self._work(work.id, ending)
            elif work.kind == "deliver":
                self.finish(self.relays[0].deliver(work.id))
            else:
                self.finish(self.engine.process_due(work.id))

    def _claim(self, run: str) -> Job | None:
        return self._note_claim(self.store.run(lambda tx: self.advancer.advance(tx, run, {})))

    def _note_claim(self, claimed: ClaimedEffect | None) -> Job | None:
        if claimed is None:
            return None
        effect, at = claimed.effect, (claimed.run, claimed.effect.step.id)
        sample = SAMPLE_WORKFLOWS[self.sample_of[claimed.run]]
        assert claimed.run not in self.facts.cancelled, "an effect was begun after a cancel was acknowledged"
        if effect.step.id not in sample.repeatable:
            assert self.facts.may_begin.get(at, True), f"{at} is begun again although it may have happened"
            self.facts.may_begin[at] = False
        if effect.step.id in sample.reviewed:
            self._check_approved(claimed)
        elif (*at, effect.visit) in self.facts.edited:
            assert effect.params.value == self.facts.edited[*at, effect.visit]
            assert effect.digest is not None
            effect.subject.check(effect.params, effect.digest)
        if effect.step.id in sample.commented:
            assert effect.params.value["asked"] == self._asked_of(*at), "a comment was lost"
        first_params = self.facts.params.setdefault((*at, effect.visit), effect.params.value)
        assert first_params == effect.params.value, "a later call of a visit has other parameters"
        job = Job(claimed)
        self.jobs.append(job)
        return job

    def _check_approved(self, claimed: ClaimedEffect) -> None:
        effect = claimed.effect
        requests = self.rows(
            "SELECT * FROM request WHERE run = ? AND step = ? AND visit = ? AND at = 'before'",
            *(claimed.run, effect.step.id, effect.visit),
        )
        inputs = json_values.loads(self.rows("SELECT inputs FROM run WHERE id = ?", claimed.run)[0][0])
        is_conditional = effect.step.id in SAMPLE_WORKFLOWS[self.sample_of[claimed.run]].conditional
        was_edited = (claimed.run, effect.step.id, effect.visit) in self.facts.edited
        if is_conditional and cast(Any, inputs)["amount"] <= 100 and not was_edited:
            assert not requests
            return
        (row,) = requests
        assert effect.digest is not None
        effect.subject.check(effect.params, effect.digest)
        if row["state"] == "approved":
            acknowledged = self.facts.decisions[row["id"]]
            assert acknowledged.decided.state is RequestState.APPROVED
            hold = SAMPLE_WORKFLOWS[self.sample_of[claimed.run]].holds.get(effect.step.id, timedelta())
            assert moment(row["closed_at"]) + hold <= self.clock.at, "an effect was begun before its hold ended"
            assert effect.params.value == acknowledged.content
        else:
            assert (row["state"], row["on_expiry"]) == ("expired", "continue")
            assert row["first_shown_at"] is not None
            copies = {delivery[0] for delivery in self.rows("SELECT id FROM delivery WHERE request = ?", row["id"])}
            assert copies & {message.delivery for message in self.mailboxes.posted.values()}, "no approver was shown it"

    @precondition(lambda self: self.jobs)
    @rule(draws=st.data(), ending=st.sampled_from(["done", "done", "refused", "final", "landed", "lost"]))
    def act(self, draws: st.DataObject, ending: Ending) -> None:
        self._act(draws.draw(st.sampled_from(self.jobs)), ending)

    def _act(self, job: Job, ending: Ending) -> None:
        if job.outcome is not None:
            return
        claimed, effect = job.claimed, job.claimed.effect
        key = f"{claimed.run}:{effect.step.id}:{effect.visit}"
        if ending in ("done", "landed"):
            self.facts.calls.append((claimed.run, effect.step.id, effect.visit, key))
        if ending == "done":
            job.outcome = StepOutput({"answer": f"#{len(self.facts.calls)}", "text": effect.params.value["text"]})
        else:
            job.outcome = StepFailure(message=ending, unknown=ending in ("landed", "lost"), final=ending == "final")

    @precondition(lambda self: self.jobs)
    @rule(draws=st.data(), twice=st.booleans())
    def record(self, draws: st.DataObject, twice: bool) -> None:
        job = draws.draw(st.sampled_from(self.jobs))
        if job.outcome is not None:
            self._record(job)
            if twice:
                self.jobs.append(job)
                self._record(job)

    def _record(self, job: Job) -> Job | None:
        self.jobs.remove(job)
        claimed, outcome = job.claimed, job.outcome
        assert outcome is not None
        before = list(self.store.driver.iterdump()) if self._rev(claimed.run) != claimed.rev else None
        if before is None and isinstance(outcome, StepFailure) and not outcome.unknown:
            self.facts.may_begin[claimed.run, claimed.effect.step.id] = True
        following = self.store.run(lambda tx: self.advancer.record(tx, claimed, outcome, {}))
        if before is not None:
            assert following is None, "a worker that was fenced off went on"
            assert list(self.store.driver.iterdump()) == before, "a late record was not dropped"
        return self._note_claim(following)

    def _rev(self, run: str) -> int:
        return cast(int, self.rows("SELECT rev FROM run WHERE id = ?", run)[0][0])

    @precondition(lambda self: self.jobs)
    @rule(draws=st.data())
    def renew(self, draws: st.DataObject) -> None:
        claimed = draws.draw(st.sampled_from(self.jobs)).claimed
        is_renewed = self.store.run(lambda tx: run_rows.try_renew(tx, claimed.run, claimed.rev))
        assert is_renewed == (self._rev(claimed.run) == claimed.rev)

    @precondition(lambda self: self.jobs)
    @rule(draws=st.data(), lapse=st.booleans())
    def crash_a_worker(self, draws: st.DataObject, lapse: bool) -> None:
        job = draws.draw(st.sampled_from(self.jobs))
        self.jobs.remove(job)
        if lapse:
            self.clock.pass_time(run_rows.LEASE)

    # -- copies --

    @precondition(lambda self: self.rows("SELECT 1 FROM delivery"))
    @rule(
        draws=st.data(),
        relay=st.integers(0, 1),
        fault=st.sampled_from(["none", "none", "none", "refused", "dead", "lost", "landed"]),
    )
    def deliver(self, draws: st.DataObject, relay: int, fault: Fault) -> None:
        self._deliver(draws, relay, fault)

    def _deliver(self, draws: st.DataObject, relay: int, fault: Fault) -> None:
        query = "SELECT id FROM delivery ORDER BY next_at IS NULL, next_at DESC, id LIMIT 4"
        delivery = self.pick(draws, query)
        assert delivery is not None
        self.mailboxes.fault = fault
        self.finish(self.relays[relay].deliver(delivery))
        self.mailboxes.fault = "none"

    @precondition(lambda self: self.rows("SELECT 1 FROM delivery"))
    @rule(draws=st.data(), relay=st.integers(0, 1), steps=st.integers(1, 3))
    def begin_to_deliver(self, draws: st.DataObject, relay: int, steps: int) -> None:
        """Stop a delivery before its claim, before its call, or before its record."""
        delivery = self.pick(draws, "SELECT id FROM delivery ORDER BY next_at IS NULL, next_at DESC, id LIMIT 4")
        assert delivery is not None
        delivery_task = DeliveryTask(
            delivery, stepwise_units.StepwiseTask(self.loop, self.relays[relay].deliver(delivery))
        )
        if all(self._continue(delivery_task) for _ in range(steps)):
            self.delivery_tasks.append(delivery_task)

    def _continue(self, delivery_task: DeliveryTask) -> bool:
        """Continue a delivery to its next pause, and return whether it still runs.

        A relay whose lease has expired still calls the channel, because no fence can stop that.
        """
        query = "SELECT rev FROM delivery WHERE id = ?"
        if delivery_task.phase == 2 and self.column(query, delivery_task.delivery) != [delivery_task.rev]:
            self.overtaken.add(delivery_task.delivery)
        is_running = delivery_task.task.go_on()
        delivery_task.phase += 1
        if delivery_task.phase == 2:
            delivery_task.rev = self.column(query, delivery_task.delivery)[0]
        return is_running

    @precondition(lambda self: self.delivery_tasks)
    @rule(draws=st.data(), fault=st.sampled_from(["none", "none", "refused", "dead", "lost", "landed"]))
    def go_on_delivering(self, draws: st.DataObject, fault: Fault) -> None:
        delivery_task = draws.draw(st.sampled_from(self.delivery_tasks))
        self.mailboxes.fault = fault
        if not self._continue(delivery_task):
            self.delivery_tasks.remove(delivery_task)
        self.mailboxes.fault = "none"

    @precondition(lambda self: self.delivery_tasks)
    @rule(draws=st.data())
    def crash_a_relay(self, draws: st.DataObject) -> None:
        delivery_task = draws.draw(st.sampled_from(self.delivery_tasks))
        self.delivery_tasks.remove(delivery_task)
        delivery_task.task.crash()

    # -- invariants after every step --

    @invariant()
    def a_run_is_over_or_something_will_move_it(self) -> None:
        waiting = {row["run"]: row for row in self.rows("SELECT * FROM request WHERE state = 'pending'")}
        for run in self.rows("SELECT * FROM run"):
            if run["ended_at"] is not None:
                assert run["ready_at"] is None
                assert run["lease_until"] is None
                assert run["status"] not in ("running", "waiting", "needs_attention")
                assert run["id"] not in waiting, "an ended run still asks"
                continue
            assert run["status"] in ("running", "waiting", "needs_attention")
            asks = run["id"] in waiting or run["status"] == "needs_attention"
            assert run["ready_at"] is not None or asks, f"run {run['id']} is lost"

    @invariant()
    def a_pending_request_is_what_its_run_stands_at(self) -> None:
        query = """
            SELECT request.*, step_run.status, run.cursor, step_run.position FROM request
            JOIN run ON run.id = request.run
            JOIN step_run ON step_run.run = run.id AND step_run.step = request.step AND step_run.visit = request.visit
            WHERE request.state = 'pending'
        """
        pending = self.rows(query)
        assert len({row["run"] for row in pending}) == len(pending), "a run asks twice at once"
        for row in pending:
            assert row["cursor"] == row["position"]
            assert row["status"] == _REVIEWED[row["at"]]

    @invariant()
    def what_was_acknowledged_is_what_stands(self) -> None:
        stands = {row["request"]: row for row in self.rows("SELECT * FROM decision")}
        assert len(stands) == self.rows("SELECT count(*) FROM decision")[0][0], "a request was decided twice"
        assert stands.keys() == self.facts.decisions.keys()
        states = {row["id"]: row["state"] for row in self.rows("SELECT id, state FROM request")}
        for request, acknowledged in self.facts.decisions.items():
            assert stands[request]["id"] == acknowledged.decided.decision
            assert stands[request]["verdict"] == acknowledged.decided.state
            assert states[request] == ("undone" if request in self.facts.undone else acknowledged.decided.state)

    @invariant()
    def what_was_undone_is_asked_again_and_not_done(self) -> None:
        undone = self.rows("SELECT request.*, undo.person FROM undo JOIN request ON request.id = undo.request")
        assert {row["id"] for row in undone} == self.facts.undone.keys()
        for row in undone:
            assert row["state"] == "undone"
            again = self.column("SELECT details FROM request WHERE run = ?", row["run"])
            is_asked = any(f'"again":"{row["id"]}"' in details for details in again)
            (run,) = self.rows("SELECT * FROM run WHERE id = ?", row["run"])
            assert is_asked or run["ready_at"] is not None or row["run"] in self.facts.cancelled
            if row["at"] == "before":
                place = (row["run"], row["step"], row["visit"])
                assert place not in self.facts.params, "what was undone was begun"

    @invariant()
    def a_copy_of_a_closed_request_says_so_or_will(self) -> None:
        query = """
            SELECT delivery.* FROM delivery JOIN request ON request.id = delivery.request
            WHERE delivery.kind = 'request' AND request.state <> 'pending' AND delivery.state <> 'dead'
        """
        for copy in self.rows(query):
            if copy["next_at"] is not None:
                assert copy["wanted_version"] > copy["shown_version"]
                continue
            for message in self._messages(copy["id"]):
                assert not message.card.actions, "a stale copy is left alone"
                if message.card.may_undo:
                    view = self.finish(self.engine.request(copy["request"]))
                    assert view is not None
                    # The copies follow once the run has come to its end.
                    (ends,) = self.column(
                        "SELECT cancel IS NOT NULL AND ended_at IS NULL FROM run WHERE id = ?", view.run
                    )
                    assert view.is_held or ends, "a copy offers to undo what has begun"

    @invariant()
    def what_was_asked_for_is_done_within_the_limit(self) -> None:
        query = "SELECT run, step, visit FROM request WHERE state = 'changes_requested' ORDER BY run, step, visit"
        asked = [tuple(row) for row in self.rows(query)]
        assert len(asked) == sum(map(len, self.facts.comments.values()))
        for run, step, visit in asked:
            sample = SAMPLE_WORKFLOWS[self.sample_of[run]]
            target, limit = sample.revised[step]
            assert [other[:2] for other in asked].count((run, step)) <= limit
            (over,) = self.rows("SELECT ready_at, ended_at, status FROM run WHERE id = ?", run)
            again = self.column("SELECT max(visit) FROM step_run WHERE run = ? AND step = ?", run, target)[0]
            is_first = target != step or again > visit
            assert (again > 1 and is_first) or over["ready_at"] or run in self.facts.cancelled, "nothing was done again"

    @invariant()
    def every_failure_has_an_alert(self) -> None:
        """An owner who stopped a run, or was asked about the failure that ends it, gets no alert that it failed."""
        query = """
            SELECT run.id, status FROM run WHERE status IN ('failed', 'needs_attention', 'expired') AND NOT EXISTS
            (SELECT 1 FROM delivery WHERE delivery.run = run.id AND kind = 'alert' AND topic = run.status)
        """
        alone = {(row["id"], row["status"]) for row in self.rows(query)}
        assert alone <= {(run, "failed") for run in self.facts.stopped}

    @invariant()
    def calls_of_one_visit_carry_one_key(self) -> None:
        keys: dict[tuple[str, str, int], set[str]] = {}
        for run, step, visit, key in self.facts.calls:
            keys.setdefault((run, step, visit), set()).add(key)
        assert all(len(visit_keys) == 1 for visit_keys in keys.values())

    # -- the end: without faults everything comes to rest --

    def teardown(self) -> None:
        try:
            if self.sample_of:
                self._drain()
                self._check_rest()
                self._answer_everything()
            lines = audit_log.export(self.store.connection, DEFAULT_WORKSPACE)
            assert verify_audit.verify(lines).findings == ()
        finally:
            for delivery_task in self.delivery_tasks:
                delivery_task.task.crash()
            self.store.close()
            self.loop.close()
            self.folder.cleanup()

    def _drain(self) -> None:
        for delivery_task in self.delivery_tasks:
            delivery_task.task.crash()
        self.delivery_tasks, self.jobs = [], []
        self.mailboxes.fault = "none"
        for _ in range(400):
            self.tick("done")
            self._invariants()
            if not self.finish(self.engine.due(self.clock.at)):
                times = self._next_times()
                if not times:
                    return
                self.clock.at = times[0]
        raise AssertionError(f"it never comes to rest: {self.finish(self.engine.due(self.clock.at))}")

    def _answer_everything(self) -> None:
        """Approve all requests and repeat all steps of unknown outcome, until every run has ended."""
        for _ in range(20):
            for view in self.views(state="pending"):
                # What is not there does not come with another try.
                self._approve(view, "text", Verdict.SKIP if view.model.subject.step == "count" else Verdict.APPROVE)
            for run in self.column("SELECT id FROM run WHERE status = 'needs_attention'"):
                self.facts.may_begin[run, self._stands_at(run)] = True
                command = Resume(run=run, answer=ResumeAnswer.REPEAT, actor=email("sam"), origin=ORIGIN)
                assert self.finish(self.engine.resume(command)) == Done(run=run)
            self._drain()
            if not self.rows("SELECT 1 FROM run WHERE ended_at IS NULL"):
                return
        raise AssertionError("a run never ends, however often it is answered")

    def _approve(self, view: RequestView, edit: str, verdict: Verdict = Verdict.APPROVE) -> None:
        person = name(view.approvers[-1].person)
        edits, content = self._edits(view, edit)
        command = Decide(
            request=view.id,
            verdict=verdict,
            actor=email(person),
            content_version=view.model.content_version,
            digest=view.model.digest,
            origin=ORIGIN,
            assurance=Assurance.TERMINAL,
            edits=edits,
        )
        answer = self.finish(self.engine.decide(command))
        assert isinstance(answer, Decided)
        if view.at is ReviewPoint.FAILED:
            self._note_failure_answer(view, answer, content)
        assert answer.edited == (() if content == view.model.content.value else ("text",)), answer
        self.facts.decisions[view.id] = AcknowledgedDecision(answer, person, content)

    def _work(self, run: str, ending: Ending | Literal["none"] = "done") -> None:
        job = self._claim(run)
        while job is not None and ending != "none":
            self._act(job, ending)
            job = self._record(job)

    def _invariants(self) -> None:
        self.a_run_is_over_or_something_will_move_it()
        self.a_pending_request_is_what_its_run_stands_at()
        self.what_was_acknowledged_is_what_stands()
        self.what_was_undone_is_asked_again_and_not_done()
        self.a_copy_of_a_closed_request_says_so_or_will()
        self.what_was_asked_for_is_done_within_the_limit()
        self.every_failure_has_an_alert()

    def _check_rest(self) -> None:
        """Check that every run has ended or waits for a person who was asked, unless all their addresses are dead."""
        for run in self.rows("SELECT * FROM run WHERE ended_at IS NULL"):
            deliveries = self.rows("SELECT * FROM delivery WHERE run = ? AND state IN ('shown', 'dead')", run["id"])
            if run["status"] == "needs_attention":
                assert any(copy["kind"] == "alert" for copy in deliveries)
                continue
            (request,) = self.rows("SELECT * FROM request WHERE run = ? AND state = 'pending'", run["id"])
            copies = [copy for copy in deliveries if copy["request"] == request["id"]]
            assert request["first_shown_at"] is not None or any(copy["kind"] == "alert" for copy in copies)
            assert request["expires_at"] is None
            for copy in copies:
                if copy["kind"] == "request" and copy["state"] == "shown":
                    messages = self._messages(copy["id"])
                    assert len(messages) == 1 or copy["id"] in self.overtaken, "one copy was posted twice"
                    assert all(message.card.actions for message in messages)

    def _messages(self, delivery: str) -> list[PostedCopy]:
        """Return the messages of one copy, or none if an overtaken relay may have posted it twice."""
        if delivery in self.overtaken:
            return []
        return [message for message in self.mailboxes.posted.values() if message.delivery == delivery]

    def _stands_at(self, run: str) -> str:
        query = """
            SELECT step FROM step_run JOIN run ON run.id = step_run.run AND run.cursor = step_run.position
            WHERE run = ? ORDER BY visit DESC
        """
        return cast(str, self.rows(query, run)[0][0])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.timeout(0)
def test_no_order_of_events_loses_doubles_or_skips_a_decision(empty_database: bytes) -> None:
    machine = type("Machine", (EngineMachine,), {"empty_database": empty_database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
