"""People, a program, its owner and the clock in any order: an approval is used once, and its end is known or asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from engine import verify_audit
from engine.domain import DEFAULT_WORKSPACE, Cancel, Decided, Resume, ResumeAnswer, RunStatus, Verdict
from engine.domain.asks import (
    AlreadyConsumed,
    ApprovalLapsed,
    ArgumentsChanged,
    AskCancelled,
    AskOver,
    AskStatus,
    AskUse,
    CancelAsk,
    Consumed,
    NotApproved,
    NotConsumed,
    OutcomeAlreadyKnown,
    OutcomeReported,
    OutcomeStatus,
)
from engine.store import audit_log, reconciliation
from tests.integration.test_asks import API, BOT, REFUND, ask, consume, env, look, report
from tests.support.engine_env import SAM, TERMINAL, EngineEnv
from tests.support.examples import example_count

__all__ = ["env"]

VALID, WITHIN, EXPIRES = timedelta(minutes=30), timedelta(minutes=10), timedelta(hours=4)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), st.sampled_from(["approve", "approve", "approve", "edit", "reject"])),
        st.tuples(st.just("consume"), st.tuples(st.sampled_from(["a", "a", "b", None]), st.sampled_from([*"yyyn"]))),
        st.tuples(st.just("report"), st.sampled_from([*OutcomeStatus])),
        st.tuples(st.just("cancel"), st.booleans()),
        st.tuples(st.just("resume"), st.sampled_from([*ResumeAnswer])),
        st.tuples(st.just("wait"), st.sampled_from([1, 9, 11, 31, 245])),
    ),
    min_size=1,
    max_size=10,
)
NEVER_USED = {
    "pending": AskStatus.PENDING,
    "rejected": AskStatus.REJECTED,
    "expired": AskStatus.EXPIRED,
    "cancelled": AskStatus.CANCELLED,
}
"""The states of the model in which nothing can be consumed, each as the program sees it."""
ENDED = {"succeeded", "failed", "stopped", "rejected", "expired", "lapsed", "cancelled", "abandoned"}


@dataclass(repr=False)
class Play:
    """One ask, the state that it should be in, and the promises that hold after each move."""

    env: EngineEnv
    run: str
    since: datetime
    state: str = "pending"
    arguments: dict[str, Any] = field(default_factory=lambda: dict(REFUND))
    key: str | None = None
    reported: OutcomeStatus | None = None
    is_cancelled: bool = False
    taken: int = 0

    def become(self, state: str) -> None:
        self.state, self.since = state, self.env.clock.now()

    async def decide(self, how: str) -> None:
        verdict = Verdict.REJECT if how == "reject" else Verdict.APPROVE
        answer = await self.env.decide(self.run, verdict, edits={"amount": 7} if how == "edit" else None)
        assert isinstance(answer, Decided) is (self.state == "pending"), (answer, self.state)
        if isinstance(answer, Decided):
            self.arguments |= {"amount": 7} if how == "edit" else {}
            self.become("rejected" if how == "reject" else "granted")

    async def consume(self, given: tuple[str | None, str]) -> None:
        key, is_right = given
        arguments = self.arguments if is_right == "y" else {**self.arguments, "amount": 8}
        answer = await consume(self.env, self.run, key=key, arguments=arguments)
        if self.state in NEVER_USED:
            assert answer == NotApproved(status=NEVER_USED[self.state])
        elif self.state == "lapsed":
            assert isinstance(answer, ApprovalLapsed)
        elif self.state == "granted":
            assert isinstance(answer, Consumed if is_right == "y" else ArgumentsChanged)
            if isinstance(answer, Consumed):
                assert not answer.again
                self.key, self.taken = key, self.taken + 1
                self.become("used")
        elif key is None or key != self.key:
            assert isinstance(answer, AlreadyConsumed)
        else:
            assert isinstance(answer, Consumed if is_right == "y" else ArgumentsChanged)
            assert not isinstance(answer, Consumed) or answer.again
        if isinstance(answer, Consumed):
            assert answer.arguments == self.arguments

    async def report(self, status: OutcomeStatus) -> None:
        answer = await report(self.env, self.run, status)
        if not self.taken:
            assert isinstance(answer, NotConsumed)
        elif self.state in ("succeeded", "failed", "stopped"):
            assert isinstance(answer, OutcomeReported if self.reported is status else OutcomeAlreadyKnown)
        else:
            assert isinstance(answer, OutcomeReported)
            self.reported = status
            if self.state != "abandoned":
                self._go_on(status)

    def _go_on(self, status: OutcomeStatus) -> None:
        if status is OutcomeStatus.UNKNOWN:
            self.become("abandoned" if self.is_cancelled else "unknown")
        else:
            self.become(status.value)

    async def cancel(self, by_the_program: bool) -> None:
        was_over = self.state in ENDED
        if by_the_program:
            answer = await self.env.engine.cancel_ask(CancelAsk(ask=self.run, actor=BOT, origin=API))
            assert isinstance(answer, AskOver if was_over and not self.is_cancelled else AskCancelled)
        else:
            await self.env.engine.cancel(Cancel(run=self.run, actor=SAM, origin=TERMINAL))
        if was_over:
            return
        self.is_cancelled = True
        if self.state == "unknown":
            self.become("abandoned")
        elif self.state != "used":
            self.become("cancelled")

    async def resume(self, answer: ResumeAnswer) -> None:
        command = Resume(run=self.run, answer=answer, actor=SAM, origin=TERMINAL)
        await self.env.engine.resume(command)
        if self.state == "unknown" and answer is not ResumeAnswer.REPEAT:
            self.become("succeeded" if answer is ResumeAnswer.DONE else "stopped")

    async def wait(self, minutes: int) -> None:
        self.env.pass_time(minutes=minutes)
        passed = self.env.clock.now() - self.since
        if self.state == "pending" and passed >= EXPIRES:
            self.become("expired")
        elif self.state == "granted" and passed >= VALID:
            self.become("lapsed")
        elif self.state == "used" and passed >= WITHIN:
            self.become("abandoned" if self.is_cancelled else "unknown")

    async def check(self) -> None:
        view, run = await look(self.env, self.run), await self.env.view(self.run)
        kinds = await self.env.kinds(self.run)
        assert kinds.count("ask.consumed") == self.taken <= 1
        assert (view.consumed_at is not None) is bool(self.taken)
        assert run.status.ended is (self.state in ENDED), (self.state, run.status)
        assert (run.status is RunStatus.NEEDS_ATTENTION) is (self.state == "unknown")
        assert view.is_final is (self.state in ENDED), (self.state, view)
        assert len(self.env.step.calls) == (self.state == "succeeded" and not self.is_cancelled)
        if self.taken or self.state == "granted":
            assert view.status is AskStatus.APPROVED
        if view.outcome is not None:
            known = {"succeeded": OutcomeStatus.SUCCEEDED, "failed": OutcomeStatus.FAILED}
            expected = self.reported if self.state == "abandoned" else known.get(self.state)
            assert view.outcome.status is (expected or OutcomeStatus.UNKNOWN)
        else:
            assert self.state not in ("succeeded", "failed", "unknown", "abandoned", "stopped")


async def verify(env: EngineEnv) -> None:
    """Check the chain of the audit log, and compare it with the tables."""
    log = verify_audit.Log()
    lines = await env.store.read(lambda connection: [*audit_log.export(connection, DEFAULT_WORKSPACE)])
    assert [finding for line in lines for finding in log.read(line)] == []
    assert await env.store.read(lambda connection: [*reconciliation.compare(connection, DEFAULT_WORKSPACE)]) == []


@settings(
    max_examples=example_count(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(moves=MOVES)
async def test_in_any_order_an_approval_is_used_once_and_its_end_is_known(env: EngineEnv, moves: Any) -> None:
    env.step.calls.clear()
    run = await ask(env, editable=True, use=AskUse.ONCE)
    await env.settle()
    play = Play(env, run, since=env.clock.now())
    for kind, how in moves:
        await getattr(play, kind)(how)
        await env.settle()
        await play.check()
    await verify(env)
