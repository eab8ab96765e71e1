"""An approver asks for changes: an earlier step runs again with the comment, and a new request shows what it made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.domain import (
    Address,
    AlreadyDecided,
    CannotRevise,
    Decided,
    InvalidEdits,
    ReasonMissing,
    RequestState,
    RunStatus,
    StepStatus,
    Verdict,
)
from engine.ports import StepContext
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, EngineEnv, PlayedParams, open_engine

KIM = Address("email", "kim@example.com")
FLOW = """
name: flow
owner: sam@example.com
steps:
  - id: draft
    uses: played
    with: {text: "round {{ review.round }}: {{ review.comment }}"}
  - {id: polish, uses: set, with: {text: "{{ steps.draft.text }}!"}}
  - id: send
    uses: played
    with: {text: "{{ steps.polish.text }}"}
    gate: {approvers: [lee@example.com, kim@example.com], edit: [text], revise: draft, KEYS}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.step.play = echo
        yield env


async def echo(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
    return {"text": params.text}


async def begin(env: EngineEnv, keys: str = "revise_limit: 2", source: str = FLOW) -> str:
    await env.register(source.replace("KEYS", keys))
    run = await env.start()
    await env.settle()
    return run


async def revise(env: EngineEnv, run: str, comment: str | None = "shorter", **more: Any) -> Any:
    env.pass_time(seconds=1)
    result = await env.decide(run, verdict=Verdict.REVISE, reason=comment, **more)
    await env.settle()
    return result


def texts(env: EngineEnv) -> list[str]:
    return [params.text for params, _ in env.step.calls]


async def test_the_comment_goes_to_the_step_and_a_new_request_opens(env: EngineEnv) -> None:
    run = await begin(env)
    decided = await revise(env, run)
    assert isinstance(decided, Decided)
    assert decided.state is RequestState.CHANGES_REQUESTED
    first, second = await env.engine.requests_of_run(run)
    assert (first.model.state, first.model.closed_by and first.model.closed_by.label) == (
        RequestState.CHANGES_REQUESTED,
        "lee@example.com",
    )
    assert second.model.state is RequestState.PENDING
    assert second.model.content.value["text"] == "round 1: shorter!"
    assert second.model.digest != first.model.digest
    assert isinstance(await env.decide(run, by=KIM), Decided)
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert texts(env) == ["round 0: ", "round 1: shorter", "round 1: shorter!"]
    visits = [(step.step, step.visit, step.status) for step in view.steps if step.step != "polish"]
    assert visits == [
        ("draft", 1, StepStatus.SUCCEEDED),
        ("draft", 2, StepStatus.SUCCEEDED),
        ("send", 1, StepStatus.STOPPED),
        ("send", 2, StepStatus.SUCCEEDED),
    ]
    assert "request.changes_requested" in await env.kinds(run)


async def test_the_limit_ends_it_with_a_sentence(env: EngineEnv) -> None:
    run = await begin(env)
    await revise(env, run)
    await revise(env, run, "longer")
    assert await revise(env, run) == CannotRevise(rounds=2)
    assert texts(env)[-1] == "round 2: longer"
    assert isinstance(await env.decide(run, verdict=Verdict.REJECT, reason="no"), Decided)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.REJECTED


async def test_a_gate_without_the_key_offers_no_changes(env: EngineEnv) -> None:
    source = FLOW.replace("revise: draft, KEYS", "reason_required: never").replace("review.", "inputs.")
    run = await begin(env, source=source.replace("{{ inputs.round }}: {{ inputs.comment }}", "x"))
    assert await revise(env, run) == CannotRevise(rounds=0)


async def test_a_comment_is_needed_and_a_decision_is_for_what_was_shown(env: EngineEnv) -> None:
    run = await begin(env, "reason_required: never")
    for comment in (None, "", "  \n "):
        assert await revise(env, run, comment) == ReasonMissing(verdict=Verdict.REVISE)
    first = (await env.engine.requests_of_run(run))[0]
    await revise(env, run)
    assert isinstance(await env.decide(run, seen=first), AlreadyDecided)


async def test_what_was_changed_by_hand_goes_to_the_step_too(env: EngineEnv) -> None:
    source = FLOW.replace("{{ review.comment }}", "{{ review.comment }} {{ review.edits | json }} {{ review.by }}")
    run = await begin(env, source=source.replace("{{ review.by }}", ""))
    await revise(env, run, edits={"text": "by hand"})
    assert texts(env)[-1].startswith('round 1: shorter {"text"')
    assert "by hand" in texts(env)[-1]
    assert isinstance(await revise(env, run, edits={"nothing": 1}), InvalidEdits)


async def test_with_editors_excluded_a_person_approves_no_wording_they_asked_for(env: EngineEnv) -> None:
    run = await begin(env, "exclude: [editor]")
    await revise(env, run, by=LEE)
    request = (await env.engine.requests_of_run(run))[-1].model
    assert [row.person.label for row in request.approvers] == ["kim@example.com"]
    refused = await env.decide(run, by=LEE)
    assert not isinstance(refused, Decided)
    assert isinstance(await env.decide(run, by=KIM), Decided)


async def test_the_owner_decides_if_all_approvers_asked_for_the_wording(env: EngineEnv) -> None:
    run = await begin(env, "exclude: [editor]", source=FLOW.replace(", kim@example.com", ""))
    await revise(env, run, by=LEE)
    request = (await env.engine.requests_of_run(run))[-1].model
    assert [row.person.label for row in request.approvers] == ["sam@example.com"]


# -- after a rejection --------------------------------------------------------------------------------------

PAID = """
name: flow
owner: sam@example.com
steps:
  - id: pay
    uses: played
    with: {text: paid}
    gate: {approvers: [lee@example.com], on_reject: tell}
  - {id: book, uses: played, with: {text: booked}}
  - id: tell
    uses: played
    when: "{{ steps.pay.decision.verdict == 'rejected' }}"
    with: {text: "told: {{ steps.pay.decision.reason }}, {{ steps.book.text | default('not booked') }}"}
"""


async def test_after_a_rejection_the_run_goes_on_with_the_later_step(env: EngineEnv) -> None:
    run = await begin(env, source=PAID)
    await env.decide(run, verdict=Verdict.REJECT, reason="no money")
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert texts(env) == ["told: no money, not booked"]
    assert [(step.step, step.status) for step in view.steps] == [
        ("pay", StepStatus.STOPPED),
        ("tell", StepStatus.SUCCEEDED),
    ]


async def test_after_an_approval_that_step_is_reached_in_order(env: EngineEnv) -> None:
    run = await begin(env, source=PAID)
    await env.decide(run)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert texts(env) == ["paid", "booked"]


# -- rounds do not mix --------------------------------------------------------------------------------------


async def test_a_version_made_without_an_effect_leaves_no_gate_open_in_the_history(env: EngineEnv) -> None:
    source = FLOW.replace('    uses: played\n    with: {text: "round', '    uses: set\n    with: {text: "round')
    run = await begin(env, source=source)
    await revise(env, run)
    sends = [step.status for step in (await env.view(run)).steps if step.step == "send"]
    assert sends == [StepStatus.STOPPED, StepStatus.IN_REVIEW]


TWO_LOOPS = """
name: flow
owner: sam@example.com
steps:
  - {id: first, uses: set, with: {text: "{{ review.round }} {{ review.comment }}"}}
  - {id: one, uses: played, with: {text: "{{ steps.first.text }}"}, gate: {approvers: [lee@example.com], revise: first}}
  - {id: second, uses: played, with: {text: "second {{ review.round }} {{ review.comment }}"}}
  - {id: two, uses: played, with: {text: "two"}, gate: {approvers: [lee@example.com], revise: second}}
"""


async def test_a_comment_goes_only_to_the_steps_that_run_again_for_it(env: EngineEnv) -> None:
    run = await begin(env, source=TWO_LOOPS)
    await revise(env, run, "about the first")
    env.pass_time(seconds=1)
    await env.decide(run)
    await env.settle()
    assert texts(env) == ["1 about the first", "second 0 "]
    await revise(env, run, "about the second")
    assert texts(env)[-1] == "second 1 about the second"


async def test_what_others_changed_before_goes_to_the_step_too(env: EngineEnv) -> None:
    asked = "{{ review.edits | json }} {{ review.content.text | default('') }}"
    source = FLOW.replace("round {{ review.round }}: {{ review.comment }}", asked)
    run = await begin(env, "policy: {quorum: 2}", source=source)
    assert isinstance(await env.decide(run, by=KIM, edits={"text": "by Kim"}), Decided)
    await revise(env, run)
    assert '"text": "by Kim"' in texts(env)[-1] or '"text":"by Kim"' in texts(env)[-1]
    assert texts(env)[-1].endswith(" by Kim")


UNANSWERED = """
name: flow
owner: sam@example.com
steps:
  - {id: draft, uses: set, with: {text: "{{ review.comment }}."}}
  - id: send
    uses: played
    with: {text: "{{ steps.draft.text }}"}
    gate: {approvers: [lee@example.com], revise: draft, expires: 1h, on_expiry: continue}
  - {id: tell, uses: played, with: {text: "{{ steps.send.decision.verdict | default('no one decided') }}"}}
"""


async def test_a_version_that_no_one_decided_has_no_decision_of_the_version_before(env: EngineEnv) -> None:
    run = await begin(env, source=UNANSWERED)
    await revise(env, run)
    env.pass_time(hours=2)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert texts(env) == ["shorter.", "no one decided"]


TWICE = """
name: flow
owner: sam@example.com
steps:
  - {id: draft, uses: set, with: {text: "{{ review.comment }}."}}
  - {id: pay, uses: set, with: {text: paid}, gate: {approvers: [lee@example.com], on_reject: tell}}
  - {id: book, uses: set, with: {text: booked}}
  - id: tell
    uses: played
    with: {text: "{{ steps.book.text | default('not booked') }}"}
    gate: {approvers: [lee@example.com], revise: draft}
"""


async def test_steps_that_a_rejection_passes_over_leave_no_output_of_an_earlier_round(env: EngineEnv) -> None:
    run = await begin(env, source=TWICE)
    env.pass_time(seconds=1)
    await env.decide(run)
    await env.settle()
    assert (await env.request(run)).model.content.value["text"] == "booked"
    await revise(env, run)
    env.pass_time(seconds=1)
    await env.decide(run, verdict=Verdict.REJECT, reason="no")
    await env.settle()
    assert (await env.request(run)).model.content.value["text"] == "not booked"
