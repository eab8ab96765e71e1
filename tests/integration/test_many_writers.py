"""Two processes on one database, and units that go in step: no limit is passed, nothing happens twice or is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

import pytest
from sqlalchemy import make_url, text

from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    ApprovalUndone,
    AskCode,
    AskSignIn,
    Assurance,
    Cancel,
    CannotUndo,
    CodeExpired,
    CodeSent,
    Decide,
    Decided,
    DeliveryKind,
    Digest,
    Done,
    Erase,
    Erased,
    FinishSignIn,
    GiveCode,
    GiveRating,
    Person,
    Preferences,
    PreferencesSet,
    ProvenIdentity,
    Register,
    Registered,
    RunStatus,
    SetPreferences,
    SignIn,
    SignInExpired,
    SignInStart,
    SignInView,
    Start,
    Started,
    TooManyCodes,
    TryAgain,
    Undo,
    WrongCode,
)
from engine.errors import ChannelError, Conflict, StepError
from engine.ports import DirectoryPerson
from engine.service import Engine
from engine.store import asked_codes, challenges, identities, people, run_rows
from engine.store.port import Connection, Tx
from tests.support.account_directory import account
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, until
from tests.support.fakes import people_reached_by
from tests.support.recording_channel import Fault
from tests.support.rival_processes import connect, overtake, race, two_processes

GATED = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: set, with: {n: 1}, gate: {approvers: [lee@example.com, mia@example.com]}}
"""
PLAYED = """
name: flow
owner: sam@example.com
inputs: {text: {type: text, default: hello}}
steps:
  - {id: act, uses: played, with: {text: "{{ inputs.text }}"}}
"""
START = Start(workflow="flow", inputs={}, actor=ANN, origin=TERMINAL)
MIA = Address("email", "mia@example.com")
Processes = tuple[EngineEnv, EngineEnv]


@pytest.fixture
async def processes(postgres_database: str) -> AsyncIterator[Processes]:
    async with two_processes(postgres_database, directory=people_reached_by("email")) as both:
        yield both


@pytest.fixture(params=["two processes", "one group"])
def rivals(request: pytest.FixtureRequest, processes: Processes) -> Processes:
    """Return two engines whose units meet: of two processes, or of one that runs them in step."""
    first, second = processes
    return (first, second) if request.param == "two processes" else (first, first)


@pytest.fixture
def meet(postgres_database: str, rivals: Processes) -> Callable[..., Coroutine[Any, Any, list[Any]]]:
    """Return what runs units at the same time: each has read before any of them writes to the table."""

    async def run(table: str, *units: Coroutine[Any, Any, Any]) -> list[Any]:
        if rivals[0] is rivals[1]:
            return await asyncio.gather(*units, return_exceptions=True)
        return await race(postgres_database, table, *units)

    return run


Meet = Callable[..., Coroutine[Any, Any, list[Any]]]


async def rows(env: EngineEnv, query: str) -> list[tuple[Any, ...]]:
    def read(connection: Connection) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute(text(query)).all()]

    return await env.store.read(read)


async def start_run(env: EngineEnv, source: str = GATED) -> str:
    await env.register(source)
    run = await env.start()
    await env.settle()
    return run


async def approval(env: EngineEnv, run: str, form: str) -> Decide:
    link = env.mail.to("lee@example.com", DeliveryKind.REQUEST)[-1].token
    return await env.approval_by_link(run, link=link, form=form)


# -- codes --------------------------------------------------------------------------------------------------


async def test_an_address_gets_no_more_codes_than_the_limit(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    run = await start_run(first)
    for number in range(challenges.UNANSWERED_PER_HOUR - 1):
        await first.identity.ask_code(AskCode(decide=await approval(first, run, f"f{number}"), holder=f"h{number}"))
    await meet(
        "delivery",
        first.identity.ask_code(AskCode(decide=await approval(first, run, "x"), holder="x")),
        second.identity.ask_code(AskCode(decide=await approval(first, run, "y"), holder="y")),
    )
    assert await rows(first, "SELECT count(*) FROM challenge WHERE purpose = 'decide'") == [
        (challenges.UNANSWERED_PER_HOUR,)
    ]


async def test_a_form_that_is_sent_twice_sends_one_code(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    run = await start_run(first)
    ask = AskCode(decide=await approval(first, run, "form"), holder="browser")
    answers = await meet("challenge", first.identity.ask_code(ask), second.identity.ask_code(ask))
    assert isinstance(answers[0], CodeSent)
    assert answers[0] == answers[1]
    assert await rows(first, "SELECT count(*) FROM challenge") == [(1,)]


async def test_an_address_gets_no_more_sign_in_codes_than_the_limit(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    await start_run(first)
    await first.identity.sign_in(SignIn(email="lee@example.com", holder="a"))
    signing_in = [
        env.identity.sign_in(SignIn(email="lee@example.com", holder=holder))
        for env, holder in ((first, "b"), (second, "c"))
    ]
    answers = await meet("delivery", *signing_in)
    assert all(isinstance(answer, CodeSent) for answer in answers)
    assert await rows(first, "SELECT count(*) FROM challenge") == [(challenges.SIGN_INS_PER_HOUR,)]


SIGNED: Final = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: set, with: {n: 1}, gate: {approvers: [lee@example.com], confirm_with: sso}}
"""
LEES_ACCOUNT: Final = Address("slack", "U0LEE0001")


async def click_of_lee(env: EngineEnv) -> Decide:
    """Return the approval of Lee, who clicked in a messenger, and who has to sign in for it."""
    await adopt(env, LEES_ACCOUNT.value, LEE.value)
    return await env.approval_by_link(await start_run(env, SIGNED), actor=LEES_ACCOUNT, assurance=Assurance.SLACK)


async def begun_sign_in(env: EngineEnv) -> tuple[str, str]:
    """Begin the sign-in for a click of Lee, and return its id and what the provider was sent."""
    sign_in = await env.identity.ask_sign_in(AskSignIn(decide=await click_of_lee(env), holder=""))
    assert isinstance(sign_in, str)
    start = await env.identity.begin_sign_in(sign_in, "browser")
    assert isinstance(start, SignInStart)
    return sign_in, start.state


async def test_a_form_that_is_sent_twice_begins_one_sign_in(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    ask = AskSignIn(decide=await click_of_lee(first), holder="browser", form="form")
    answers = await meet("sign_in", first.identity.ask_sign_in(ask), second.identity.ask_sign_in(ask))
    assert answers[0] == answers[1]
    assert await rows(first, "SELECT count(*) FROM sign_in") == [(1,)]


async def test_what_the_provider_sends_back_twice_at_once_is_taken_once(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    _, state = await begun_sign_in(first)
    takes = (env.identity.take_state(state, "browser") for env in (first, second))
    answers = await meet("sign_in", *takes)
    assert sum(isinstance(answer, tuple) for answer in answers) == 1
    assert sum(isinstance(answer, SignInView) for answer in answers) == 1


async def test_a_sign_in_that_is_completed_twice_at_once_decides_once(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    sign_in, _ = await begun_sign_in(first)
    command = FinishSignIn(sign_in=sign_in, holder="browser", account=LEES_ACCOUNT, name="Lee")
    answers = await meet("sign_in", first.identity.finish_sign_in(command), second.identity.finish_sign_in(command))
    proven = [answer.answer for answer in answers if isinstance(answer, ProvenIdentity)]
    assert [type(decision) for decision in proven] == [Decided]
    assert SignInExpired() in answers
    assert await rows(first, "SELECT count(*) FROM decision") == [(1,)]


async def test_a_client_gets_no_more_sign_in_codes_than_the_limit(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    ask = SignIn(email="no@example.com", holder="a", client="192.0.2.7")
    for _ in range(asked_codes.MOST - 1):
        await first.identity.sign_in(ask)
    answers = await meet("asked_code", first.identity.sign_in(ask), second.identity.sign_in(ask))
    assert sorted(isinstance(answer, TooManyCodes) for answer in answers) == [False, True]
    assert await rows(first, "SELECT count(*) FROM asked_code") == [(asked_codes.MOST,)]


async def test_clients_and_addresses_that_cross_do_not_stop_each_other(processes: Processes) -> None:
    asking = [
        env.identity.sign_in(SignIn(email=f"{email}@example.com", holder="a", client=client))
        for _ in range(10)
        for env in processes
        for email in "xyz"
        for client in ("192.0.2.7", "192.0.2.8")
    ]
    answers = await asyncio.gather(*asking)
    assert sum(isinstance(answer, CodeSent) for answer in answers) == 2 * asked_codes.MOST


@pytest.mark.parametrize("guesses", [4, 40])
async def test_codes_that_are_tried_at_once_are_tried_one_after_the_other(processes: Processes, guesses: int) -> None:
    first, second = processes
    run = await start_run(first)
    sent = await first.identity.ask_code(AskCode(decide=await approval(first, run, "form"), holder="browser"))
    assert isinstance(sent, CodeSent)
    await first.settle()

    def give(env: EngineEnv, code: str) -> Coroutine[Any, Any, Any]:
        return env.identity.give_code(GiveCode(challenge=sent.challenge, holder="browser", code=code, label=""))

    wrong = [give((first, second)[number % 2], "00000000") for number in range(guesses)]
    answers = await asyncio.gather(*wrong, return_exceptions=True)
    assert all(isinstance(answer, WrongCode | CodeExpired | Conflict) for answer in answers)
    counted = [answer for answer in answers if isinstance(answer, WrongCode)]
    (tries,) = (await rows(first, "SELECT tries FROM challenge"))[0]
    assert tries == min(guesses, challenges.TRIES)
    assert sorted(answer.left or 0 for answer in counted) == sorted(
        challenges.TRIES - number for number in range(1, min(guesses, challenges.TRIES - 1) + 1)
    )


async def test_a_right_code_that_saw_fewer_tries_than_there_were_is_judged_again(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    run = await start_run(first)
    sent = await first.identity.ask_code(AskCode(decide=await approval(first, run, "form"), holder="browser"))
    assert isinstance(sent, CodeSent)
    await first.settle()
    right = first.mail.to("lee@example.com", DeliveryKind.CODE)[-1].code
    assert right is not None

    def give(env: EngineEnv, code: str) -> Coroutine[Any, Any, Any]:
        return env.identity.give_code(GiveCode(challenge=sent.challenge, holder="browser", code=code, label=""))

    for _ in range(challenges.TRIES - 1):
        assert isinstance(await give(first, "00000000"), WrongCode)
    answers = await meet("challenge", give(first, "00000000"), give(second, right))
    (tries,) = (await rows(first, "SELECT tries FROM challenge"))[0]
    # Either the wrong one was the last one that counts, or the right one came before it.
    assert (tries == challenges.TRIES) is isinstance(answers[1], CodeExpired)
    assert isinstance(answers[1], CodeExpired | ProvenIdentity)
    assert (len(await rows(first, "SELECT id FROM decision")) == 1) is isinstance(answers[1], ProvenIdentity)


# -- people -------------------------------------------------------------------------------------------------


def adopt(env: EngineEnv, user: str, *emails: str) -> Coroutine[Any, Any, Any]:
    """Save what the directory says about an account."""
    found = DirectoryPerson(user, (account(user), *(Address("email", email) for email in emails)))
    return env.engine.transact(lambda tx: identities.adopt(tx, DEFAULT_WORKSPACE, found))


async def check_addresses(env: EngineEnv) -> None:
    """Check that each address has one open period, with its person, and that no person has two accounts."""
    held = await rows(env, "SELECT kind, value, person FROM address ORDER BY 1, 2")
    periods = await rows(env, "SELECT kind, value, person FROM address_period WHERE until IS NULL ORDER BY 1, 2")
    assert held == periods
    accounts = [person for kind, _, person in held if kind == "slack"]
    assert len(accounts) == len(set(accounts))


async def test_two_accounts_that_claim_one_address_stay_two_persons(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    await first.engine.transact(lambda tx: people.need_person(tx, DEFAULT_WORKSPACE, LEE))
    answers = await meet("address", adopt(first, "UA", LEE.value), adopt(second, "UB", LEE.value))
    assert [type(answer) for answer in answers] == [Person, Person]
    assert answers[0].id != answers[1].id
    await check_addresses(first)


async def test_an_account_that_two_processes_learn_at_once_is_one_person(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    answers = await meet("person", adopt(first, "UA", LEE.value), adopt(second, "UA", LEE.value))
    assert answers[0] == answers[1]
    assert await rows(first, "SELECT count(*) FROM person") == [(1,)]
    await check_addresses(first)


async def test_an_address_that_two_accounts_take_from_a_third_ends_with_one(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    for user, email in ("UA", LEE.value), ("UB", "b@example.com"), ("UC", "c@example.com"):
        await adopt(first, user, email)
    await meet("address", adopt(first, "UB", LEE.value), adopt(second, "UC", LEE.value))
    assert len(await rows(first, f"SELECT person FROM address WHERE value = '{LEE.value}'")) == 1
    await check_addresses(first)


async def test_a_request_that_opens_while_its_approver_gets_an_account_reaches_the_account(
    rivals: Processes, meet: Meet
) -> None:
    first, second = rivals
    await first.register(GATED)
    await first.engine.transact(lambda tx: people.need_person(tx, DEFAULT_WORKSPACE, LEE))
    await adopt(first, "UA")
    start = Start(workflow="flow", inputs={}, actor=ANN, origin=TERMINAL)
    answers = await meet("approver", first.engine.start(start), adopt(second, "UA", LEE.value))
    assert isinstance(answers[0], Started)
    asked = await rows(
        first, "SELECT p.person FROM approver p WHERE NOT EXISTS (SELECT 1 FROM address a WHERE a.person = p.person)"
    )
    assert asked == []
    await check_addresses(first)


# -- runs and requests --------------------------------------------------------------------------------------


async def test_one_key_starts_one_run(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    await first.register(GATED)
    start = Start(workflow="flow", inputs={}, actor=ANN, origin=TERMINAL, key="once")
    answers = await meet("run", first.engine.start(start), second.engine.start(start))
    assert sorted(answer.created for answer in answers) == [False, True]
    assert answers[0].run == answers[1].run
    assert await rows(first, "SELECT count(*) FROM run") == [(1,)]


@pytest.mark.parametrize("known", [False, True])
async def test_versions_of_a_workflow_are_counted_without_a_gap(rivals: Processes, meet: Meet, known: bool) -> None:
    first, second = rivals
    if known:
        await first.register(GATED)
    commands = [Register(source=f"{GATED}# {name}".encode(), actor=SAM, origin=TERMINAL) for name in "ab"]
    answers = await meet("workflow", first.engine.register(commands[0]), second.engine.register(commands[1]))
    assert all(isinstance(answer, Registered) for answer in answers)
    assert await rows(first, "SELECT version FROM workflow_version ORDER BY 1") == [
        (number,) for number in range(1, 3 + known)
    ]
    assert await rows(first, "SELECT version FROM workflow") == [(2 + known,)]


async def test_one_of_two_deciders_wins(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    run = await start_run(first)
    answers = await meet("request", first.decide(run, by=LEE), second.decide(run, by=MIA))
    assert [type(answer) for answer in answers].count(Decided) == 1
    assert len(await rows(first, "SELECT id FROM decision")) == 1
    assert (await first.kinds(run)).count("request.approved") == 1


async def test_a_deadline_is_processed_once(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    run = await start_run(first, GATED.replace("gate: {", "gate: {expires: 1h, "))
    request = (await first.request(run)).id
    first.pass_time(hours=2)
    await meet("request", first.engine.process_due(request), second.engine.process_due(request))
    assert (await first.kinds(run)).count("request.expired") == 1


@pytest.mark.parametrize("order", [1, -1])
async def test_a_run_that_is_cancelled_while_it_opens_a_request_leaves_none_open(
    rivals: Processes, meet: Meet, order: int
) -> None:
    first, second = rivals
    waits = "  - {id: sleep, uses: wait, with: {for: 1h}}\n"
    run = await start_run(first, GATED.replace("steps:\n", f"steps:\n{waits}"))
    first.pass_time(hours=2)
    units = [first.runner.advance(run), second.engine.cancel(Cancel(run=run, actor=ANN, origin=TERMINAL))]
    answers = await meet("run", *units[::order])
    assert [answer for answer in answers if answer is not None] == [Done(run=run)]
    await first.settle()
    assert (await first.view(run)).status is RunStatus.CANCELLED
    assert await rows(first, "SELECT id FROM request WHERE state = 'pending'") == []
    assert await rows(first, "SELECT request FROM approver WHERE pending") == []


async def test_a_run_that_cannot_go_on_is_reported_once(rivals: Processes, meet: Meet) -> None:
    first, second = rivals
    run = await start_run(first)
    units = [env.store.transact(lambda tx: run_rows.postpone(tx, run, "broken")) for env in (first, second)]
    assert sorted(await meet("run", *units)) == [False, True]


async def test_a_run_is_erased_once(rivals: Processes, meet: Meet) -> None:
    run = await start_run(rivals[0])
    await rivals[0].decide(run)
    await rivals[0].settle()
    command = Erase(run=run, reason="asked to", actor=SAM, origin=TERMINAL)
    engines = [Engine(env.store, env.advancer, admins=frozenset({SAM})) for env in rivals]
    answers = await meet("step_run", *(engine.erase(command) for engine in engines))
    assert all(isinstance(answer, Erased) for answer in answers)
    assert sum(answer.entries > 0 for answer in answers) == 1
    assert (await rivals[0].kinds(run)).count("content.erased") == 1


@pytest.mark.parametrize("order", [1, -1])
async def test_a_run_is_erased_or_tried_again_and_not_both(processes: Processes, meet: Meet, order: int) -> None:
    first, second = processes

    async def fails(*_: Any) -> dict[str, object]:
        raise StepError("The bank is closed.")

    first.step.play = fails
    run = await start_run(first, PLAYED)
    assert (await first.view(run)).status is RunStatus.FAILED
    erase = Erase(run=run, reason="asked to", actor=SAM, origin=TERMINAL)
    admin = Engine(second.store, second.advancer, admins=frozenset({SAM}))
    units = [first.engine.try_again(TryAgain(run=run, actor=SAM, origin=TERMINAL)), admin.erase(erase)]
    answers = await meet("run", *units[::order])
    tried, erased = answers[::order]
    view = await first.view(run)
    assert isinstance(tried, Done) is not isinstance(erased, Erased), answers
    assert (view.status, view.inputs) == (
        (RunStatus.RUNNING, {"text": "hello"}) if isinstance(tried, Done) else (RunStatus.FAILED, {})
    )


@pytest.mark.parametrize("order", [1, -1])
async def test_no_comment_comes_to_what_is_erased_meanwhile(processes: Processes, meet: Meet, order: int) -> None:
    first, second = processes
    run = await start_run(first, GATED.replace("mia@example.com]", "mia@example.com], feedback: true"))
    await first.decide(run)
    await first.settle()
    rating = GiveRating(
        request=(await first.request(run)).id,
        rating=3,
        comment="Mallory",
        actor=LEE,
        origin=TERMINAL,
        assurance=Assurance.TERMINAL,
    )
    erase = Erase(run=run, reason="asked to", actor=SAM, origin=TERMINAL)
    admin = Engine(second.store, second.advancer, admins=frozenset({SAM}))
    await meet("decision, rating", *[first.engine.rate(rating), admin.erase(erase)][::order])
    assert await rows(first, "SELECT comment FROM rating WHERE comment IS NOT NULL") == []
    assert await rows(first, "SELECT seq FROM audit WHERE content LIKE '%Mallory%'") == []


SLOW_FUNCTION = (
    "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.03); RETURN NULL; END $$"
)
SLOW_COMMIT = (
    "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON search_word DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION slow()"
)
"""Lets a transaction that wrote words take a while to commit."""


async def test_no_word_of_an_erased_run_is_written_meanwhile(rivals: Processes, meet: Meet) -> None:
    """After an upgrade, the search follows a long log while the retention erases the oldest runs in it."""
    run = await start_run(rivals[0], GATED.replace("uses: set", "uses: set, title: Pay"))
    await rivals[0].decide(run)
    await rivals[0].settle()

    def forget(tx: Tx) -> None:
        for table in ("search_word", "search_progress"):
            tx.connection.execute(text(f"DELETE FROM {table}"))
        tx.connection.execute(text(SLOW_FUNCTION))
        tx.connection.execute(text(SLOW_COMMIT))

    await rivals[0].store.transact(forget)
    command = Erase(run=run, reason="asked to", actor=SAM, origin=TERMINAL)
    admin = Engine(rivals[1].store, rivals[1].advancer, admins=frozenset({SAM}))
    answers = await meet("search_word", rivals[0].engine.process_due("log:default"), admin.erase(command))
    assert isinstance(answers[1], Erased)
    (texts,) = await rows(rivals[0], "SELECT title FROM request")
    assert texts == ("(erased)",)
    words = {word for (word,) in await rows(rivals[0], "SELECT word FROM search_word")}
    assert words <= {"erased", "ann", "example", "com", "flow"}, "what is left of a request, and who asked"


async def test_what_a_person_chooses_holds_for_a_request_that_opens_meanwhile(
    processes: Processes, postgres_database: str
) -> None:
    first, second = processes
    lee = SetPreferences(actor=LEE, origin=TERMINAL, preferences=Preferences(digest=Digest.DAILY, at=18 * 60))
    await first.register(GATED.replace(", mia@example.com", ""))
    await first.engine.set_preferences(lee)
    at_once = second.engine.set_preferences(replace(lee, preferences=Preferences()))
    started, chosen = await overtake(postgres_database, "approver", first.engine.start(START), at_once)
    assert (type(started), type(chosen)) == (Started, PreferencesSet)
    await first.settle()
    assert len(first.mail.to("lee@example.com", DeliveryKind.REQUEST)) == 1, "at once, and not tomorrow"


# -- copies -------------------------------------------------------------------------------------------------


async def fail_at_once(rivals: Processes, error: ChannelError) -> str:
    """Start a run whose two copies fail at the same moment, and return its id."""
    first, second = rivals
    await first.register(GATED)
    run, gate = await first.start(), asyncio.Event()
    for env in {id(env): env for env in rivals}.values():
        env.mail.channel.queue_faults(*[Fault(error=error, gate=gate)] * 2)
    due = [work.id for work in await first.engine.due(first.clock.now()) if work.kind == "deliver"]
    tasks = [asyncio.ensure_future(env.relay.deliver(id_)) for env, id_ in zip((first, second), due, strict=True)]
    await until(lambda: sum(env.mail.channel.calls for env in {id(env): env for env in rivals}.values()) == 2)
    gate.set()
    await asyncio.gather(*tasks)
    return run


async def test_two_first_copies_that_are_shown_at_once_do_not_wait_for_each_other_in_a_circle(
    postgres_database: str, postgres_url: str
) -> None:
    async with two_processes(postgres_database, directory=people_reached_by("email")) as both:
        await both[0].register(GATED.replace("gate: {", "gate: {expires: 1h, "))
        run, gate = await both[0].start(), asyncio.Event()
        for env in both:
            env.mail.channel.queue_faults(Fault(gate=gate))
        due = [work.id for work in await both[0].engine.due(both[0].clock.now()) if work.kind == "deliver"]
        delivering = [asyncio.ensure_future(env.relay.deliver(id_)) for env, id_ in zip(both, due, strict=True)]
        await until(lambda: all(env.mail.channel.calls == 1 for env in both))
        gate.set()
        assert await race(postgres_database, "request", *delivering) == [None, None]
        assert (await both[0].kinds(run)).count("delivery.shown") == 2
    # The connections are closed, so all that the server counts about them is there.
    administrator = await connect(postgres_url)
    name = make_url(postgres_database).database
    deadlocks = await administrator.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = $1", name)
    await administrator.close()
    assert deadlocks == 0


async def alerts(env: EngineEnv, run: str) -> list[str]:
    return sorted(view.topic or "" for view in await env.engine.deliveries(run=run) if view.kind is DeliveryKind.ALERT)


async def test_the_owner_hears_once_that_no_one_was_reached(rivals: Processes) -> None:
    run = await fail_at_once(rivals, ChannelError("the mailbox is gone", permanent=True))
    assert await alerts(rivals[0], run) in (["undelivered", "unreachable"], ["unreachable"])


async def test_the_owner_hears_once_that_a_channel_is_broken(rivals: Processes) -> None:
    run = await fail_at_once(rivals, ChannelError("the password is wrong", about="channel"))
    assert await alerts(rivals[0], run) == ["broken"]


# -- undoing ------------------------------------------------------------------------------------------------

HELD = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: hello}, gate: {approvers: [lee@example.com, mia@example.com], hold: 10m}}
  - {id: nap, uses: wait, with: {for: 2h}}
"""


def undo_of(request: str, actor: Address = LEE) -> Undo:
    return Undo(request=request, actor=actor, origin=TERMINAL, assurance=Assurance.TERMINAL)


async def approve_held(env: EngineEnv) -> tuple[str, str]:
    """Start a run whose approval is held, and return the run and the request."""
    run = await start_run(env, HELD)
    request = (await env.request(run)).id
    assert isinstance(await env.decide(run), Decided)
    await env.settle()
    env.pass_time(seconds=1)
    return run, request


@pytest.mark.parametrize("actors", [(LEE, LEE), (LEE, SAM)])
async def test_an_approval_is_undone_once(rivals: Processes, meet: Meet, actors: tuple[Address, Address]) -> None:
    first, second = rivals
    run, request = await approve_held(first)
    undoing = (env.engine.undo(undo_of(request, actor)) for env, actor in zip(rivals, actors, strict=True))
    answers = await meet("request", *undoing)
    assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyUndone", "ApprovalUndone"]
    await second.settle()
    assert (await first.kinds(run)).count("request.undone") == 1
    assert [row for (row,) in await rows(first, "SELECT state FROM request ORDER BY state")] == ["pending", "undone"]


@pytest.mark.parametrize("order", [1, -1])
async def test_of_an_undo_and_the_end_of_the_hold_one_wins(rivals: Processes, meet: Meet, order: int) -> None:
    first, second = rivals
    run, request = await approve_held(first)
    first.pass_time(hours=1)
    units = [first.runner.advance(run), second.engine.undo(undo_of(request))]
    answers = await meet("run", *units[::order])
    (undone,) = [answer for answer in answers if answer is not None]
    await first.settle()
    calls = len(first.step.calls) + (len(second.step.calls) if second is not first else 0)
    state = [row for (row,) in await rows(first, f"SELECT state FROM request WHERE id = '{request}'")]
    if isinstance(undone, ApprovalUndone):
        assert (calls, state) == (0, ["undone"])
    else:
        assert isinstance(undone, CannotUndo)
        assert (undone.why, calls, state) == ("over", 1, ["approved"])


@pytest.mark.parametrize("order", [1, -1])
async def test_of_an_undo_and_a_cancel_nothing_is_left_open(rivals: Processes, meet: Meet, order: int) -> None:
    first, second = rivals
    run, request = await approve_held(first)
    cancel = Cancel(run=run, actor=ANN, origin=TERMINAL)
    units = [first.engine.cancel(cancel), second.engine.undo(undo_of(request))]
    answers = await meet("run", *units[::order])
    assert Done(run=run) in answers
    first.pass_time(hours=1)
    await first.settle()
    assert (await first.view(run)).status is RunStatus.CANCELLED
    assert await rows(first, "SELECT id FROM request WHERE state = 'pending'") == []
    assert (first.step.calls, second.step.calls) == ([], [])


async def test_an_undo_that_read_before_the_end_of_the_hold_comes_too_late(
    processes: Processes, postgres_database: str
) -> None:
    first, second = processes
    run, request = await approve_held(first)
    first.pass_time(hours=1)
    undoing = second.engine.undo(undo_of(request))
    late, _ = await overtake(postgres_database, "request", undoing, first.runner.advance(run))
    assert isinstance(late, CannotUndo)
    assert (late.why, len(first.step.calls)) == ("over", 1)
    assert await rows(first, f"SELECT state FROM request WHERE id = '{request}'") == [("approved",)]
    assert await rows(first, "SELECT request FROM undo") == []
