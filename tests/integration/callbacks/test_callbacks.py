"""A program is told what became of what it asked: which events, what the call holds, and what follows from failures."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.delivery.concurrency import ADDRESS_AT_ONCE
from engine.domain import (
    Cancel,
    Decided,
    DeliveryKind,
    DeliveryState,
    Done,
    NotAllowed,
    Resume,
    ResumeAnswer,
    RetryDelivery,
    Verdict,
)
from engine.domain.asks import (
    Ask,
    AskCancelled,
    AskContent,
    AskUse,
    CancelAsk,
    Consume,
    InvalidAsk,
    OutcomeAlreadyKnown,
    OutcomeReported,
    OutcomeStatus,
    ReportOutcome,
)
from engine.domain.callbacks import (
    AddCallback,
    CallbackChanged,
    CallbackSecretMade,
    EnableCallback,
    EndpointState,
    InvalidCallback,
    RemoveCallback,
    RotateCallback,
)
from engine.retry import CALLBACK_PATIENCE
from engine.store import callback_endpoints
from tests.support.callback_env import ADMIN, API, CODES, CallbackEnv, callback_env, relay_of
from tests.support.callback_receiver import receiver
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, TERMINAL


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[CallbackEnv]:
    async with receiver() as taking, callback_env(tmp_path / "signoff.db", taking, open_database) as env:
        yield env


async def decided(env: CallbackEnv, use: AskUse = AskUse.ONCE) -> str:
    run = await env.ask(use=use)
    assert isinstance(await env.engine.decide(run), Decided)
    await env.engine.settle()
    return run


async def state(env: CallbackEnv) -> EndpointState:
    view = await env.engine.store.read(lambda connection: callback_endpoints.view(connection, env.endpoint))
    assert view is not None
    return view.state


async def redeliver(env: CallbackEnv, delivery: str, actor: object = SAM) -> object:
    command = RetryDelivery(delivery=delivery, actor=actor, origin=TERMINAL)  # type: ignore[arg-type]
    return await env.engine.engine.retry_delivery(command)


# -- what a program is told -----------------------------------------------------------------------------------


async def test_a_decision_is_told_once_with_the_ask_as_it_is_now(env: CallbackEnv) -> None:
    run = await env.ask(editable=("amount",))
    assert env.taking.calls == []
    assert isinstance(await env.engine.decide(run, edits={"amount": 10}), Decided)
    await env.engine.settle()
    [(webhook_id, body)] = env.taking.calls
    [copy] = await env.callbacks(run)
    assert webhook_id == copy.id == body["id"]
    assert body["type"] == "ask.decided"
    assert body["data"] == {"id": run, "status": "approved", "arguments": {"amount": 10}, "outcome": None}
    assert body["timestamp"].startswith("20")
    assert (copy.state, copy.address, copy.shown_version) == (DeliveryState.SHOWN, env.endpoint, 1)
    assert copy.person.label == "Support agent"
    assert copy.id in [
        delivery.id for delivery in await env.engine.engine.deliveries(request=(await env.engine.request(run)).id)
    ]


@pytest.mark.parametrize(
    ("what", "event"), [("reject", "ask.decided"), ("wait", "ask.expired"), ("cancel", "ask.cancelled")]
)
async def test_every_end_of_a_question_is_told(env: CallbackEnv, what: str, event: str) -> None:
    run = await env.ask()
    if what == "reject":
        await env.engine.decide(run, Verdict.REJECT)
    elif what == "wait":
        env.engine.pass_time(hours=5)
    else:
        await env.engine.engine.cancel_ask(CancelAsk(ask=run, actor=env.program, origin=API))
    await env.engine.settle()
    assert env.events() == [event]


async def test_what_no_gate_holds_up_is_told_too(env: CallbackEnv) -> None:
    run = await env.ask(arguments={"amount": 3})
    assert env.events() == ["ask.decided"]
    assert env.taking.calls[0][1]["data"]["status"] == "approved"
    assert len(await env.callbacks(run)) == 1


async def test_an_approval_that_lapses_is_told(env: CallbackEnv) -> None:
    await decided(env)
    env.engine.pass_time(minutes=31)
    await env.engine.settle()
    assert env.events() == ["ask.decided", "ask.expired"]


@pytest.mark.parametrize("said", [True, False])
async def test_an_unknown_outcome_is_told_and_its_end(env: CallbackEnv, *, said: bool) -> None:
    run = await decided(env)
    await env.engine.engine.consume(Consume(ask=run, actor=env.program, origin=API))
    if said:
        unknown = ReportOutcome(ask=run, actor=env.program, origin=API, status=OutcomeStatus.UNKNOWN)
        await env.engine.engine.report_outcome(unknown)
    env.engine.pass_time(minutes=11)
    await env.engine.settle()
    assert env.events() == ["ask.decided", "ask.outcome_unknown"]
    assert env.taking.calls[-1][1]["data"]["outcome"] == "unknown"
    answer = Resume(run=run, answer=ResumeAnswer.DONE, actor=SAM, origin=TERMINAL, output={})
    assert isinstance(await env.engine.engine.resume(answer), Done)
    await env.engine.settle()
    assert env.events() == ["ask.decided", "ask.outcome_unknown", "ask.settled"]


@pytest.mark.parametrize("end", ["cancelled", "cancelled by its owner", "stopped"])
async def test_what_a_program_reports_after_the_run_has_ended_settles_it(env: CallbackEnv, end: str) -> None:
    engine = env.engine.engine
    run = await decided(env)
    await engine.consume(Consume(ask=run, actor=env.program, origin=API))
    if end == "cancelled":
        assert isinstance(await engine.cancel_ask(CancelAsk(ask=run, actor=env.program, origin=API)), AskCancelled)
    env.engine.pass_time(minutes=11)
    await env.engine.settle()
    if end == "stopped":
        stop = Resume(run=run, answer=ResumeAnswer.STOP, actor=SAM, origin=TERMINAL)
        assert isinstance(await engine.resume(stop), Done)
    elif end != "cancelled":
        assert isinstance(await engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL)), Done)
    env.engine.pass_time(seconds=1)
    await env.engine.settle()
    before = env.events()
    assert before[:2] == ["ask.decided", "ask.outcome_unknown"]
    view = await env.view(run)
    assert (view.is_final, view.outcome and view.outcome.status) == (True, OutcomeStatus.UNKNOWN)
    done = ReportOutcome(ask=run, actor=env.program, origin=API, status=OutcomeStatus.SUCCEEDED, note="It was paid.")
    assert isinstance(await engine.report_outcome(done), OutcomeReported)
    env.engine.pass_time(seconds=1)
    await env.engine.settle()
    assert env.events() == ["ask.decided", "ask.outcome_unknown", "ask.settled"]
    assert env.taking.calls[-1][1]["data"]["outcome"] == ("unknown" if before[2:] else "succeeded")
    assert isinstance(await engine.report_outcome(done), OutcomeReported), "a repeat"
    refused = await engine.report_outcome(replace(done, status=OutcomeStatus.FAILED))
    assert isinstance(refused, OutcomeAlreadyKnown)
    assert refused.status is OutcomeStatus.SUCCEEDED
    cards = [copy.card for copy in env.engine.channel.posted.values() if copy.card.run == run]
    assert {card.kind for card in cards} == {DeliveryKind.REQUEST, DeliveryKind.ALERT}
    shown = "\n".join(map(str, cards))
    assert "Support agent reported that it worked: “It was paid.”" in shown
    assert "has not said whether it worked" not in shown


async def test_what_the_program_reports_itself_is_not_told_to_it(env: CallbackEnv) -> None:
    run = await decided(env)
    await env.engine.engine.consume(Consume(ask=run, actor=env.program, origin=API))
    done = ReportOutcome(ask=run, actor=env.program, origin=API, status=OutcomeStatus.SUCCEEDED)
    await env.engine.engine.report_outcome(done)
    await env.engine.settle()
    assert env.events() == ["ask.decided"]


async def test_an_ask_without_an_endpoint_has_no_callback(env: CallbackEnv) -> None:
    run = await env.ask(callback=None)
    await env.engine.decide(run)
    await env.engine.settle()
    assert await env.callbacks(run) == []


async def test_a_program_names_its_own_endpoints_only(env: CallbackEnv) -> None:
    for named in ("https://elsewhere.example/hooks", "none", ""):
        content = AskContent(title="Refund", callback=named)
        command = Ask(content=content, actor=env.program, agent="Support agent", origin=API)
        result = await env.engine.engine.ask(command)
        assert isinstance(result, InvalidAsk)
        assert "callback" in result.errors
    other = Ask(
        content=AskContent(title="Refund", callback=env.endpoint),
        actor=type(env.program)("api", "other"),
        agent="Other",
        origin=API,
    )
    assert isinstance(await env.engine.engine.ask(other), InvalidAsk)
    run = await env.ask(callback=env.endpoint)
    assert (await env.view(run)).callback == env.endpoint


# -- failures ---------------------------------------------------------------------------------------------------


async def test_a_receiver_that_fails_gets_the_same_id_until_it_takes_it(env: CallbackEnv) -> None:
    env.taking.answers += [500, 503, None]
    run = await decided(env)
    assert env.taking.calls == []
    for _ in range(4):
        env.engine.pass_time(minutes=3)
        await env.engine.settle()
    assert len({webhook_id for webhook_id, _ in env.taking.calls}) == 1
    assert len(env.taking.calls) == 2, "the one whose answer was lost was sent again"
    [copy] = await env.callbacks(run)
    assert copy.state is DeliveryState.SHOWN


async def test_while_a_receiver_fails_its_other_callbacks_rest(env: CallbackEnv) -> None:
    env.taking.answers += [500, 500]
    await decided(env)
    env.engine.pass_time(seconds=2)
    await env.engine.settle()
    second = await decided(env)
    assert env.taking.answers == [], "two were tried, and the third rests"
    [copy] = await env.callbacks(second)
    assert (copy.state, copy.attempts, copy.last_error) == (DeliveryState.DUE, 0, None)
    env.engine.pass_time(minutes=1)
    await env.engine.settle()
    assert env.events() == ["ask.decided", "ask.decided"]


async def test_a_receiver_that_asks_for_time_gets_it(env: CallbackEnv) -> None:
    env.taking.answers.append(429)
    env.taking.headers["Retry-After"] = "600"
    run = await decided(env)
    env.engine.pass_time(minutes=9)
    await env.engine.settle()
    assert env.taking.calls == []
    env.engine.pass_time(minutes=2)
    await env.engine.settle()
    assert env.events() == ["ask.decided"]
    assert len(await env.callbacks(run)) == 1


async def test_a_receiver_that_is_gone_gets_nothing_more_and_its_owner_is_told_once(env: CallbackEnv) -> None:
    env.taking.answers.append(410)
    run = await decided(env)
    [copy] = await env.callbacks(run)
    assert copy.state is DeliveryState.DEAD
    assert "410 Gone" in str(copy.last_error)
    assert await state(env) is EndpointState.OFF
    assert await env.alerts(run) == ["callback_gone"]
    second = await decided(env)
    [copy] = await env.callbacks(second)
    assert copy.state is DeliveryState.DEAD
    assert str(copy.last_error).startswith("Callbacks to this endpoint are switched off.")
    assert await env.alerts(second) == []
    assert env.taking.calls == []

    assert isinstance(await redeliver(env, copy.id), NotAllowed)
    enable = EnableCallback(endpoint=env.endpoint, actor=ADMIN, origin=TERMINAL)
    assert isinstance(await env.endpoints.enable(enable), CallbackChanged)
    assert await redeliver(env, copy.id) == Done(run=second)
    await env.engine.settle()
    assert env.events() == ["ask.decided"]


async def test_what_never_arrives_is_given_up_and_the_owner_is_told_once(env: CallbackEnv) -> None:
    env.taking.answers += [500] * 200
    first, second = await decided(env, AskUse.ANSWER), await decided(env, AskUse.ANSWER)
    for _ in range(80):
        env.engine.pass_time(hours=1)
        await env.engine.settle()
    for run in (first, second):
        [copy] = await env.callbacks(run)
        assert copy.state is DeliveryState.DEAD
    alerts = [*await env.alerts(first), *await env.alerts(second)]
    assert alerts == ["callback_undelivered"]
    tried = 200 - len(env.taking.answers)
    assert tried < 2 * CALLBACK_PATIENCE / timedelta(hours=1) + 20


async def test_a_callback_is_sent_again_by_hand(env: CallbackEnv) -> None:
    run = await decided(env)
    [copy] = await env.callbacks(run)
    assert isinstance(await redeliver(env, copy.id, LEE), NotAllowed)
    assert await redeliver(env, copy.id) == Done(run=run)
    await env.engine.settle()
    assert await redeliver(env, copy.id, env.program) == Done(run=run), "the program itself may ask for it"
    await env.engine.settle()
    assert [webhook_id for webhook_id, _ in env.taking.calls] == [copy.id] * 3


async def test_a_callback_that_rests_is_sent_by_hand_at_once(env: CallbackEnv) -> None:
    env.taking.answers += [500] * 3
    run = await decided(env)
    for _ in range(2):
        env.engine.pass_time(minutes=3)
        await env.engine.settle()
    assert env.taking.calls == []
    [copy] = await env.callbacks(run)
    assert await redeliver(env, copy.id) == Done(run=run)
    await env.engine.settle()
    assert env.events() == ["ask.decided"]


async def test_a_receiver_that_hangs_holds_up_no_one_else(env: CallbackEnv) -> None:
    env.engine.relay = relay_of(env.engine, CODES, seconds=60)
    asked_runs, hanging = [await env.ask(use=AskUse.ANSWER) for _ in range(30)], []
    for run in asked_runs:
        await env.engine.decide(run)
        await env.engine.runner.advance(run)
        hanging += await env.callbacks(run)
    env.taking.may_answer.clear()
    tasks = [asyncio.ensure_future(env.engine.relay.deliver(copy.id)) for copy in hanging]
    await env.taking.wait_for(ADDRESS_AT_ONCE)
    async with receiver() as second:
        add = AddCallback(key="Support agent", url=second.url, actor=ADMIN, origin=TERMINAL)
        made = await env.endpoints.add(add)
        assert isinstance(made, CallbackSecretMade)
        second.secret = made.secret
        run = await env.only_ask(callback=second.url, use=AskUse.ANSWER)
        await env.engine.runner.advance(run)
        [asked] = await env.engine.engine.deliveries(run=run)
        await env.engine.relay.deliver(asked.id)
        [asked] = await env.engine.engine.deliveries(run=run)
        assert asked.state is DeliveryState.SHOWN, "people are asked meanwhile"
        await env.engine.decide(run)
        await env.engine.runner.advance(run)
        [copy] = await env.callbacks(run)
        await env.engine.relay.deliver(copy.id)
        assert second.calls != []
    assert len(env.taking.calls) == ADDRESS_AT_ONCE
    env.taking.may_answer.set()
    await asyncio.gather(*tasks)
    assert len(env.taking.calls) == 30


# -- endpoints --------------------------------------------------------------------------------------------------


async def test_a_secret_is_replaced_without_a_gap(env: CallbackEnv) -> None:
    rotate = RotateCallback(endpoint=env.endpoint, actor=ADMIN, origin=TERMINAL)
    made = await env.endpoints.rotate(rotate)
    assert isinstance(made, CallbackSecretMade)
    await decided(env, AskUse.ANSWER)
    env.taking.secret = made.secret
    await decided(env, AskUse.ANSWER)
    assert len(env.taking.calls) == 2
    env.engine.pass_time(days=1, seconds=1)
    await decided(env, AskUse.ANSWER)
    assert len(env.taking.calls) == 3


async def test_a_removed_endpoint_gets_nothing_and_keeps_no_secret(env: CallbackEnv) -> None:
    env.taking.answers.append(500)
    run = await decided(env)
    remove = RemoveCallback(endpoint=env.endpoint, actor=ADMIN, origin=TERMINAL)
    assert isinstance(await env.endpoints.remove(remove), CallbackChanged)
    env.engine.pass_time(hours=1)
    await env.engine.settle()
    [copy] = await env.callbacks(run)
    assert copy.state is DeliveryState.SKIPPED
    assert env.taking.calls == []
    assert await env.engine.rows("SELECT secret, previous_secret FROM callback_endpoint") == [(None, None)]
    again = await env.endpoints.remove(remove)
    assert isinstance(again, CallbackChanged)
    assert again.already
    rotate = RotateCallback(endpoint=env.endpoint, actor=ADMIN, origin=TERMINAL)
    assert await env.endpoints.rotate(rotate) == InvalidCallback(why="removed", value=env.taking.url)
    assert isinstance(await redeliver(env, copy.id), NotAllowed)


async def test_a_secret_is_never_stored_in_clear(env: CallbackEnv) -> None:
    [(sealed,)] = await env.engine.rows("SELECT secret FROM callback_endpoint")
    assert env.taking.secret.startswith("whsec_")
    assert env.taking.secret.removeprefix("whsec_") not in sealed
    records = str(await env.engine.rows("SELECT content FROM audit"))
    assert "whsec_" not in records


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "url"),
        ("https://example.com/" + "x" * 2000, "url"),
        ("ftp://example.com/", "refused"),
        ("http://10.0.0.1/hooks", "refused"),
        ("https://169.254.169.254/latest", "refused"),
        ("https://user:secret@example.com/", "refused"),
    ],
)
async def test_an_endpoint_is_a_public_address(env: CallbackEnv, url: str, why: str) -> None:
    result = await env.endpoints.add(AddCallback(key="Support agent", url=url, actor=ADMIN, origin=TERMINAL))
    assert isinstance(result, InvalidCallback)
    assert result.why == why


async def test_only_admins_and_programs_that_set_up_others_change_endpoints(env: CallbackEnv) -> None:
    add = AddCallback(key="Support agent", url=f"{env.taking.url}/2", actor=LEE, origin=TERMINAL)
    assert isinstance(await env.endpoints.add(add), NotAllowed)
    remove = RemoveCallback(endpoint=env.endpoint, actor=LEE, origin=TERMINAL)
    assert isinstance(await env.endpoints.remove(remove), NotAllowed)
    twice = AddCallback(key="Support agent", url=env.taking.url, actor=ADMIN, origin=TERMINAL)
    assert await env.endpoints.add(twice) == InvalidCallback(why="taken", value=env.taking.url)


async def test_a_receiver_may_bring_its_own_secret(env: CallbackEnv) -> None:
    own = "whsec_" + "A" * 43 + "="
    add = AddCallback(key="Support agent", url=f"{env.taking.url}/2", actor=ADMIN, origin=TERMINAL, secret=own)
    made = await env.endpoints.add(add)
    assert isinstance(made, CallbackSecretMade)
    env.taking.secret = own
    run = await env.ask(callback=made.view.id)
    await env.engine.decide(run)
    await env.engine.settle()
    assert env.events() == ["ask.decided"]
    short = AddCallback(
        key="Support agent", url=f"{env.taking.url}/3", actor=ADMIN, origin=TERMINAL, secret="whsec_AAAA"
    )
    assert await env.endpoints.add(short) == InvalidCallback(why="secret")
