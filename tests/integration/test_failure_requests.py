"""A step that failed asks what to do: try again, also with changes, skip it, or stop the run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    AlreadyDecided,
    Cancel,
    CannotSkip,
    Decided,
    Done,
    InvalidEdits,
    RequestState,
    ReviewPoint,
    RunStatus,
    StepStatus,
    TryAgain,
    Verdict,
)
from engine.errors import StepError
from engine.ports import StepContext
from engine.store import reconciliation
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, PlayedParams, open_engine

KIM = Address("email", "kim@example.com")
FLOW = """
name: flow
owner: sam@example.com
steps:
  - id: send
    title: Send the refund
    uses: played
    with: {text: "hello", headers: {token: "{{ secret.TOKEN }}"}}
    on_error: ask
    KEYS
  - {id: after, uses: set, with: {sent: "{{ steps.send.text | default('none') }}"}}
"""
DOWN = "The bank did not answer."


class Bank:
    """A system that refuses its first calls."""

    def __init__(self, *, refusals: int = 1, message: str = DOWN, retryable: bool = False) -> None:
        self.refusals, self.message, self.retryable = refusals, message, retryable

    async def __call__(self, params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        self.refusals -= 1
        if self.refusals >= 0:
            raise StepError(self.message, retryable=self.retryable)
        return {"text": params.text}


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    secrets = {"TOKEN": "s3cret-token-9"}
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, secrets=secrets) as env:
        env.step.play = Bank()
        yield env


async def begin(env: EngineEnv, keys: str = "", source: str = FLOW) -> str:
    await env.register(source.replace("KEYS", keys))
    run = await env.start()
    await env.settle()
    return run


async def answer(env: EngineEnv, run: str, verdict: Verdict, *, by: Address = SAM, **changes: Any) -> Decided:
    decided = await env.decide(run, verdict, by=by, reason=None, **changes)
    assert isinstance(decided, Decided), decided
    env.pass_time(seconds=1)
    await env.settle()
    return decided


async def findings(env: EngineEnv) -> list[str]:
    """Return what differs between the audit log and the tables."""
    return await env.store.read(lambda connection: [*reconciliation.compare(connection, DEFAULT_WORKSPACE)])


def keys_of_calls(env: EngineEnv) -> list[str]:
    return [context.idempotency_key for _, context in env.step.calls]


async def test_a_failure_asks_the_owner_and_the_run_waits(env: EngineEnv) -> None:
    run = await begin(env)

    view, request = await env.view(run), await env.request(run)
    assert (view.status, view.steps[0].status) == (RunStatus.WAITING, StepStatus.FAILURE_IN_REVIEW)
    assert request.title == "Send the refund failed. Try again, skip it, or stop the run?"
    assert (request.reason, request.approve_label, request.reject_label) == (DOWN, "Try again", "Stop")
    assert [approver.person.label for approver in request.approvers] == ["sam@example.com"]
    assert request.confirm == "This step may have happened. Find out first, because trying again could do it twice."
    assert await env.kinds(run) == ["run.started", "step.started", "step.failed", "request.opened", "delivery.shown"]
    assert await env.rows("SELECT count(*) FROM delivery WHERE kind = 'alert'") == [(0,)], "the request tells"


async def test_try_again_without_changes_is_the_same_call(env: EngineEnv) -> None:
    run = await begin(env)
    await answer(env, run, Verdict.APPROVE)

    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert keys_of_calls(env) == [f"{run}:send:1", f"{run}:send:1"]
    assert [context.attempt for _, context in env.step.calls] == [1, 2]
    assert (await env.request(run)).model.state is RequestState.APPROVED


async def test_try_again_with_changes_is_another_call(env: EngineEnv) -> None:
    env.step.play = Bank()
    run = await begin(env, "gate: {edit: [text], approvers: [lee@example.com], when: false}")
    await answer(env, run, Verdict.APPROVE, edits={"text": "hello again"})
    # The gate asks for what was changed, whatever its condition says.
    gate = await env.request(run)
    assert gate.model.content.value["text"] == "hello again"
    assert "sam@example.com changed this after the step had failed." in gate.notes
    assert [context.attempt for _, context in env.step.calls] == [1]
    await answer(env, run, Verdict.APPROVE, by=LEE)

    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert keys_of_calls(env) == [f"{run}:send:1", f"{run}:send:2"]
    assert env.step.calls[1][0].text == "hello again"
    assert env.step.calls[1][0].headers == {"token": "s3cret-token-9"}


async def test_skip_goes_on_without_the_step(env: EngineEnv) -> None:
    run = await begin(env)
    await answer(env, run, Verdict.SKIP)

    view = await env.view(run)
    assert (view.status, view.steps[0].status, view.steps[0].error) == (RunStatus.SUCCEEDED, StepStatus.FAILED, DOWN)
    assert view.steps[1].output == {"sent": "none"}
    assert (await env.request(run)).model.state is RequestState.SKIPPED
    assert await findings(env) == []


async def test_stop_fails_the_run_and_its_owner_who_was_asked_gets_no_alert(env: EngineEnv) -> None:
    run = await begin(env)
    await answer(env, run, Verdict.REJECT)

    view = await env.view(run)
    assert (view.status, view.error) == (RunStatus.FAILED, f"Step “Send the refund” failed: {DOWN}")
    assert await env.rows("SELECT count(*) FROM delivery WHERE kind = 'alert'") == [(0,)]


async def test_the_owner_hears_of_a_stop_by_others(env: EngineEnv) -> None:
    run = await begin(env, "approvers: [lee@example.com]")
    await answer(env, run, Verdict.REJECT, by=LEE)

    assert (await env.view(run)).status is RunStatus.FAILED
    assert await env.rows("SELECT topic FROM delivery WHERE kind = 'alert'") == [("failed",)]


async def test_each_failure_asks_anew_and_retries_begin_anew(env: EngineEnv) -> None:
    env.step.play = Bank(refusals=5, retryable=True)
    run = await begin(env, "retry: {attempts: 2, wait: 1s}")
    for _ in range(3):
        env.pass_time(seconds=2)
        await env.settle()
        before = len(env.step.calls)
        if (await env.view(run)).steps[0].status is not StepStatus.FAILURE_IN_REVIEW:
            break
        await answer(env, run, Verdict.APPROVE)
        env.pass_time(seconds=2)
        await env.settle()
        assert len(env.step.calls) - before == 2

    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert len(await env.engine.requests_of_run(run)) == 2
    assert set(keys_of_calls(env)) == {f"{run}:send:1"}


GATED = "gate: {approvers: [lee@example.com, kim@example.com], edit: [text], exclude: [editor]}"


async def test_an_approval_holds_for_the_same_parameters(env: EngineEnv) -> None:
    run = await begin(env, GATED)
    await answer(env, run, Verdict.APPROVE, by=LEE)
    await answer(env, run, Verdict.APPROVE)

    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert len(env.step.calls) == 2


async def test_changed_parameters_are_approved_by_others_than_their_editor(env: EngineEnv) -> None:
    keys = GATED + "\n    approvers: [lee@example.com]"
    run = await begin(env, keys)
    await answer(env, run, Verdict.APPROVE, by=LEE)
    await answer(env, run, Verdict.APPROVE, by=LEE, edits={"text": "changed"})

    gate = await env.request(run)
    assert [approver.person.label for approver in gate.approvers] == ["kim@example.com"]
    assert "lee@example.com changed this, so others decide." in gate.notes
    assert len(env.step.calls) == 1
    await answer(env, run, Verdict.APPROVE, by=KIM)
    assert [params.text for params, _ in env.step.calls] == ["hello", "changed"]


async def test_a_secret_is_neither_shown_nor_edited(env: EngineEnv) -> None:
    env.step.play = Bank(message="s3cret-token-9 is wrong")
    run = await begin(env, "gate: {edit: [text], approvers: [lee@example.com], when: false}")

    request = await env.request(run)
    assert "s3cret-token-9" not in repr(request)
    assert [edited.path for edited in request.model.editable] == [("text",)]
    refused = await env.decide(run, by=SAM, reason=None, edits={"headers": {"token": "mine"}})
    assert isinstance(refused, InvalidEdits)
    assert "s3cret-token-9" not in repr(await env.rows("SELECT content FROM audit"))


async def test_an_edit_that_the_step_would_refuse_is_refused(env: EngineEnv) -> None:
    run = await begin(env, "gate: {edit: [text], approvers: [lee@example.com], when: false}")
    assert isinstance(await env.decide(run, by=SAM, reason=None, edits={"text": 7}), InvalidEdits)
    assert isinstance(await env.decide(run, by=SAM, reason=None, edits={"again": True}), InvalidEdits)
    assert (await env.request(run)).model.state is RequestState.PENDING


EXPRESSION = """
name: flow
owner: sam@example.com
inputs: {any: {type: json, required: false}}
steps:
  - {id: look, uses: played, with: {text: looked}}
  - {id: name, uses: set, with: {text: "{{ steps.look.body.name }}"}, on_error: ask}
"""


async def test_a_step_without_parameters_shows_none_and_is_evaluated_anew(env: EngineEnv) -> None:
    env.step.play = Bank(refusals=0)
    run = await begin(env, source=EXPRESSION)
    request = await env.request(run)
    assert (request.model.content.value, request.model.editable, request.confirm) == ({}, (), None)
    await answer(env, run, Verdict.APPROVE)

    requests = await env.engine.requests_of_run(run)
    assert [request.model.subject.visit for request in requests] == [1, 2]
    assert [request.model.state for request in requests] == [RequestState.APPROVED, RequestState.PENDING]
    await answer(env, run, Verdict.SKIP)
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert await findings(env) == []


async def test_a_request_about_parameters_is_not_skipped_nor_answered_twice(env: EngineEnv) -> None:
    run = await begin(env, GATED)
    assert await env.decide(run, Verdict.SKIP, by=LEE) == CannotSkip()
    await answer(env, run, Verdict.APPROVE, by=LEE)
    seen = await env.request(run)
    await answer(env, run, Verdict.SKIP)
    again = await env.decide(run, Verdict.APPROVE, by=SAM, seen=seen)
    assert isinstance(again, AlreadyDecided)
    assert (again.state, again.about_failure, again.by_you) == (RequestState.SKIPPED, True, True)


async def test_approvers_of_the_step_are_asked_and_the_requester_is_left_out(env: EngineEnv) -> None:
    run = await begin(env, "approvers: [ann@example.com, kim@example.com]")
    request = await env.request(run)
    assert [approver.person.label for approver in request.approvers] == ["kim@example.com"]
    assert request.left_out == "ann@example.com"


async def test_cancelling_closes_the_request(env: EngineEnv) -> None:
    run = await begin(env)
    assert isinstance(await env.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL)), Done)
    await env.settle()

    view, request = await env.view(run), await env.request(run)
    assert (view.status, view.steps[0].status, view.steps[0].error) == (RunStatus.CANCELLED, StepStatus.FAILED, DOWN)
    assert request.model.state is RequestState.CANCELLED
    assert await findings(env) == []


async def test_a_stopped_run_can_be_tried_again_as_any_that_failed(env: EngineEnv) -> None:
    run = await begin(env)
    await answer(env, run, Verdict.REJECT)
    assert isinstance(await env.engine.try_again(TryAgain(run=run, actor=SAM, origin=TERMINAL)), Done)
    await env.settle()

    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert keys_of_calls(env) == [f"{run}:send:1", f"{run}:send:2"]
    assert await findings(env) == []


async def test_an_unknown_outcome_asks_what_happened_and_not_what_to_do(env: EngineEnv) -> None:
    async def is_lost(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        raise StepError(DOWN, outcome_unknown=True)

    env.step.play = is_lost
    run = await begin(env)
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    assert await env.engine.requests_of_run(run) == []


async def test_a_gate_after_the_step_reviews_the_output_of_the_try_that_worked(env: EngineEnv) -> None:
    run = await begin(env, "gate: {at: after, approvers: [lee@example.com]}")
    await answer(env, run, Verdict.APPROVE)
    request = await env.request(run)
    assert (request.at, request.model.content.value["text"]) == (ReviewPoint.AFTER, "hello")
    await answer(env, run, Verdict.APPROVE, by=LEE)
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert len(env.step.calls) == 2


async def test_those_who_approved_the_call_hear_of_it_when_the_run_goes_on_without_it(env: EngineEnv) -> None:
    run = await begin(env, GATED)
    await answer(env, run, Verdict.APPROVE, by=LEE)
    assert await env.rows("SELECT count(*) FROM delivery WHERE kind = 'alert'") == [(0,)]
    (approval, _) = await env.engine.requests_of_run(run)
    assert approval.effect is not None
    assert approval.effect.status is StepStatus.FAILURE_IN_REVIEW
    await answer(env, run, Verdict.SKIP)

    alerts = await env.rows(
        "SELECT topic, person.name FROM delivery JOIN person ON person.id = person WHERE kind = 'alert'"
    )
    assert [topic for topic, _ in alerts] == ["approved_failed"]


async def test_an_answer_with_changes_alerts_no_one_and_the_card_says_what_became_of_it(env: EngineEnv) -> None:
    run = await begin(env, GATED)
    await answer(env, run, Verdict.APPROVE, by=LEE)
    await answer(env, run, Verdict.APPROVE, edits={"text": "changed"})
    await answer(env, run, Verdict.APPROVE, by=KIM)

    assert await env.rows("SELECT count(*) FROM delivery WHERE kind = 'alert'") == [(0,)]
    first, failure, second = await env.engine.requests_of_run(run)
    assert failure.effect is not None
    assert (failure.effect.status, [edit.after for edit in failure.edits]) == (StepStatus.SUCCEEDED, ["changed"])
    assert first.effect is not None
    assert first.effect.worked_at is not None
    assert second.effect is not None
    shown = await env.rows("SELECT count(*) FROM delivery WHERE wanted_version > shown_version")
    assert shown == [(0,)]
    assert await findings(env) == []


async def test_what_was_tampered_with_is_not_tried_again(env: EngineEnv) -> None:
    run = await begin(env)
    decided = await env.decide(run, by=SAM, reason=None)
    assert isinstance(decided, Decided)
    await env.store.transact(
        lambda tx: tx.connection.execute(text("UPDATE step_run SET params = replace(params, 'hello', 'h4ck')"))
    )
    await env.settle()

    view = await env.view(run)
    assert view.status is RunStatus.FAILED
    assert "not what was approved" in (view.error or "")
    assert len(env.step.calls) == 1
