"""Addresses move to the account that the directory names, take no rights along, and can be given back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from bot.presentation import inbox_rows, refusals
from engine.access import Reader, may_see_request
from engine.domain import (
    Address,
    AddressReturned,
    Assurance,
    Cancel,
    CodeExpired,
    CodeSent,
    Decided,
    DeliveryKind,
    Done,
    GiveCode,
    LinkState,
    NoLink,
    NoLongerApprover,
    NotAllowed,
    NotAnApprover,
    NotFound,
    Origin,
    Person,
    ProvenIdentity,
    Refusal,
    RequestState,
    ReturnAddress,
    SignIn,
    Start,
    Started,
    Verdict,
)
from engine.inbox import InboxPart, InboxQuery
from engine.service import Engine
from engine.store import account_separation, audit_log, people
from engine.store.port import Tx
from engine.store.tables import QuestionRow
from tests.support.account_directory import AccountDirectory, account
from tests.support.databases import OpenStore
from tests.support.engine_env import SAM, TERMINAL, EngineEnv, open_engine

WEB = Origin(surface="web")
LEE = "lee@example.com"
ASKS = """
name: flow
owner: sam@example.com
inputs:
  who: {type: json, default: [lee@example.com]}
steps:
  - {id: act, uses: set, with: {a: 1}, gate: {approvers: "{{ inputs.who }}"}}
"""
BY_LINK = ASKS.replace('"{{ inputs.who }}"', '"{{ inputs.who }}", assurance: link')


@pytest.fixture
def book() -> AccountDirectory:
    return AccountDirectory(ULEE=LEE, UKIM="kim@example.com", USAM="sam@example.com", UANN="ann@example.com")


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore, book: AccountDirectory) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=book) as env:
        yield env


async def start_run(env: EngineEnv, source: str = ASKS) -> str:
    await env.register(source)
    run = await env.start()
    await env.settle()
    return run


def move_address(book: AccountDirectory, email: str = LEE) -> None:
    """Move the address from Lee's account to Kim's."""
    book.active |= {"ULEE": "lee.old@example.com", "UKIM": email}


def token(env: EngineEnv) -> str:
    token = env.mail.to(LEE, DeliveryKind.REQUEST)[-1].token
    assert token is not None
    return token


async def sign_in(env: EngineEnv, holder: str = "browser") -> str:
    """Sign in as the reader of the address, and return the secret of the remembered browser."""
    sent = await env.identity.sign_in(SignIn(email=LEE, holder=holder))
    assert isinstance(sent, CodeSent)
    await env.settle()
    code = env.mail.to(LEE, DeliveryKind.CODE)[-1].code
    assert code is not None
    proven = await env.identity.give_code(GiveCode(challenge=sent.challenge, holder=holder, code=code))
    assert isinstance(proven, ProvenIdentity)
    return proven.browser


async def entries(env: EngineEnv) -> list[dict[str, Any]]:
    exported = await env.store.read(lambda connection: [*audit_log.export(connection, "default")])
    lines = [json.loads(line) for line in exported]
    return [{**json.loads(line["content"]), "kind": json.loads(line["leaf"])["kind"]} for line in lines]


async def person(engine: Engine, address: Address) -> Person:
    known = await engine.person(address)
    assert known is not None
    return known


# -- proofs of an address that moves ------------------------------------------------------------------------


async def test_a_remembered_browser_of_an_address_that_moved_is_of_no_use_to_either(
    env: EngineEnv, book: AccountDirectory
) -> None:
    await start_run(env)
    secret = await sign_in(env)
    run = await env.start()
    move_address(book)
    answer = await env.engine.decide(await env.approval_by_link(run, browser=secret))
    assert isinstance(answer, NoLink | NoLongerApprover | NotAnApprover)
    assert await env.identity.browser(secret) is None
    new_run = await env.start()
    await env.settle()
    assert isinstance(await env.engine.decide(await env.approval_by_link(new_run, browser=secret)), NoLink)
    book.active |= {"ULEE": LEE, "UKIM": "kim@example.com"}
    back = await env.start()
    assert isinstance(await env.engine.decide(await env.approval_by_link(back, browser=secret)), NoLink), (
        "the browser stays invalid when the address is back"
    )


async def test_a_link_to_an_address_that_moved_decides_nothing(env: EngineEnv, book: AccountDirectory) -> None:
    run = await start_run(env, BY_LINK)
    link_token = token(env)
    move_address(book)
    answer = await env.engine.decide(await env.approval_by_link(run, link=link_token))
    assert isinstance(answer, Refusal)
    link = await env.identity.link(link_token)
    assert link is not None
    assert link.state is LinkState.REVOKED
    assert isinstance(await env.engine.decide(await env.approval_by_link(run, link=link_token)), NoLink)


async def test_a_code_sent_before_the_address_moved_does_not_sign_in(env: EngineEnv, book: AccountDirectory) -> None:
    await start_run(env)
    sent = await env.identity.sign_in(SignIn(email=LEE, holder="browser"))
    assert isinstance(sent, CodeSent)
    await env.settle()
    code = env.mail.to(LEE, DeliveryKind.CODE)[-1].code
    assert code is not None
    move_address(book)
    answer = await env.identity.give_code(GiveCode(challenge=sent.challenge, holder="browser", code=code))
    assert isinstance(answer, CodeExpired)
    secret = await sign_in(env)
    browser = await env.identity.browser(secret)
    assert browser is not None
    assert browser.person.account == account("UKIM")


async def test_the_reader_of_an_address_decides_as_its_current_person(env: EngineEnv, book: AccountDirectory) -> None:
    await start_run(env)
    move_address(book)
    run = await env.start()
    secret = await sign_in(env)
    assert isinstance(await env.engine.decide(await env.approval_by_link(run, browser=secret)), Decided)
    decision = (await env.request(run)).decision
    assert decision is not None
    assert decision.person.account == account("UKIM")


async def test_an_operator_named_by_a_moved_address_is_its_current_person(
    env: EngineEnv, book: AccountDirectory
) -> None:
    await start_run(env)
    book.active["UKIM"] = "kim.old@example.com"
    run = await env.start(who=["UKIM"])
    move_address(book)
    assert isinstance(await env.decide(run, by=Address("email", LEE)), Decided)
    decision = (await env.request(run)).decision
    assert decision is not None
    assert decision.person.account == account("UKIM")


async def test_a_closed_account_cannot_decide(env: EngineEnv, book: AccountDirectory) -> None:
    run = await start_run(env, BY_LINK)
    secret = await sign_in(env)
    link = token(env)
    book.closed["ULEE"] = book.active.pop("ULEE")
    for proof in {"browser": secret}, {"link": link}:
        answer = await env.engine.decide(await env.approval_by_link(run, **proof))
        assert isinstance(answer, NoLongerApprover)
        assert refusals.sentence(answer).startswith(
            "You can no longer decide this request: the account is deactivated."
        )
    assert isinstance(await env.decide(run, by=account("ULEE")), NoLongerApprover)
    assert isinstance(await env.decide(run, by=Address("email", LEE)), NoLongerApprover)
    await env.settle()
    assert "request.approver_excluded" in await env.kinds(run)
    (alert,) = env.mail.to("sam@example.com", DeliveryKind.ALERT)
    assert "can no longer decide “Act”" in alert.title


async def test_a_directory_that_does_not_answer_refuses_no_decision(env: EngineEnv, book: AccountDirectory) -> None:
    run = await start_run(env)
    secret = await sign_in(env)
    book.down = True
    assert isinstance(await env.engine.decide(await env.approval_by_link(run, browser=secret)), Decided)
    entry = next(entry for entry in await entries(env) if entry["kind"] == "request.approved")
    assert "could not be looked up: The directory does not answer." in entry["unchecked"][0]


# -- two people who are found to be one ---------------------------------------------------------------------


async def test_an_approver_asked_by_email_stays_the_same_person_with_an_account(
    env: EngineEnv, book: AccountDirectory
) -> None:
    del book.active["ULEE"]
    run = await start_run(env)
    secret = await sign_in(env)
    by_mail = await person(env.engine, Address("email", LEE))
    book.active["ULEE"] = LEE
    await env.start()
    assert (await person(env.engine, account("ULEE"))).id == by_mail.id
    assert await env.identity.browser(secret) is None, "the reader of the address has to prove it again"
    assert isinstance(await env.decide(run, by=account("ULEE")), Decided)
    assert [entry["person"] for entry in await entries(env) if entry["kind"] == "person.account_found"] == [by_mail.id]


async def test_a_person_with_another_address_takes_only_the_address(env: EngineEnv, book: AccountDirectory) -> None:
    """Both existed before, so they stay two people, and the rights of the other person do not move."""
    del book.active["ULEE"]
    await start_run(env)
    started = await env.engine.person(Address("email", LEE))
    await env.start(who=["kim@example.com"])
    book.active["UKIM"] = LEE
    await env.start()
    kim = await person(env.engine, Address("email", LEE))
    assert kim.account == account("UKIM")
    assert started is not None
    assert kim.id != started.id


async def join_address(env: EngineEnv, book: AccountDirectory) -> tuple[Person, Person, str]:
    """Join an account and an address. Return the account, the person by email, and the run that waits for them."""
    email = book.active.pop("ULEE")
    await env.register(ASKS)
    run = await env.start()
    await env.settle()
    by_mail = await person(env.engine, Address("email", LEE))
    await env.store.transact(lambda tx: people.need_person(tx, "default", account("ULEE")))
    await env.store.transact(lambda tx: _own(tx, by_mail.id))
    alone = await person(env.engine, account("ULEE"))
    assert alone.id != by_mail.id
    book.active["ULEE"] = email
    await env.start()
    return alone, by_mail, run


def _own(tx: Tx, owner: str) -> None:
    tx.connection.execute(text("UPDATE workflow SET owner = :owner"), {"owner": owner})
    tx.memory.forget()


async def test_requests_of_an_address_move_to_its_account(env: EngineEnv, book: AccountDirectory) -> None:
    alone, by_mail, run = await join_address(env, book)
    (entry,) = [entry for entry in await entries(env) if entry["kind"] == "person.joined"]
    assert (entry["person"], entry["before"]) == (alone.id, by_mail.id)
    assert set(entry["moved"]) == {"requests", "workflows"}
    assert (await env.view(run)).owner.id == alone.id
    assert isinstance(await env.decide(run, by=account("ULEE")), Decided)


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
async def test_what_an_address_decided_is_among_the_decisions_of_its_account(
    env: EngineEnv, book: AccountDirectory, verdict: Verdict
) -> None:
    email = book.active.pop("ULEE")
    first, second = await start_run(env), await start_run(env)
    await env.decide(first, verdict, by=Address("email", LEE))
    await env.settle()
    env.pass_time(seconds=1)
    before = await person(env.engine, Address("email", LEE))
    await env.store.transact(lambda tx: people.need_person(tx, "default", account("ULEE")))
    book.active["ULEE"] = email
    await env.start()
    lee = await person(env.engine, account("ULEE"))
    assert lee.id != before.id
    await env.decide(second, verdict, by=account("ULEE"))
    await env.settle()
    page = await env.engine.inbox(InboxQuery(reader=Reader(person=lee), part=InboxPart.DECIDED))
    assert [view.run for view in page.requests] == [second, first]
    for view in page.requests:
        assert may_see_request(Reader(person=lee), view)
        assert [approver.person.id for approver in view.approvers] == [lee.id]
        assert view.decision is not None
        assert view.decision.person.id == lee.id
    assert [one.name for one in await env.engine.workflows_of(Reader(person=lee))] == ["flow"]
    rows = await env.rows("SELECT person FROM decision ORDER BY id")
    assert rows == [(before.id,), (lee.id,)], "the record keeps who decided"


async def test_an_approval_beside_others_is_that_of_the_account_after_the_join(
    env: EngineEnv, book: AccountDirectory
) -> None:
    email = book.active.pop("ULEE")
    await env.register(ASKS.replace('"{{ inputs.who }}"', f"[{LEE}, kim@example.com], policy: {{quorum: 2}}"))
    run = await env.start()
    await env.settle()
    for address in (Address("email", LEE), account("UKIM")):
        env.pass_time(seconds=1)
        await env.decide(run, by=address)
        await env.settle()
    await env.register(ASKS)
    await env.store.transact(lambda tx: people.need_person(tx, "default", account("ULEE")))
    book.active["ULEE"] = email
    await env.start()
    lee, kim = await person(env.engine, account("ULEE")), await person(env.engine, account("UKIM"))
    page = await env.engine.inbox(InboxQuery(reader=Reader(person=lee), part=InboxPart.DECIDED))
    (view,) = page.requests
    assert view.run == run
    assert [vote.person.id for vote in view.model.votes] == [lee.id, kim.id]
    assert inbox_rows.row(view, lee).outcome[0] == "You and Ukim approved this, "


async def test_an_open_question_to_an_address_moves_to_its_account_and_back(
    env: EngineEnv, book: AccountDirectory
) -> None:
    alone, by_mail, run = await join_address(env, book)
    del book.active["ULEE"]
    back = ReturnAddress(address=Address("email", LEE), actor=SAM, origin=TERMINAL)
    assert isinstance(await admin(env).return_address(back), AddressReturned)
    request = (await env.request(run)).id
    await env.store.transact(lambda tx: _ask(tx, request, by_mail.id))
    book.active["ULEE"] = LEE
    await env.start()
    assert await env.rows("SELECT asked_to FROM question") == [(alone.id,)]
    del book.active["ULEE"]
    assert isinstance(await admin(env).return_address(back), AddressReturned)
    assert await env.rows("SELECT asked_to FROM question") == [(by_mail.id,)]


def _ask(tx: Tx, request: str, to: str) -> None:
    row = {"id": tx.new_id(), "request": request, "asked_by": to, "asked_to": to, "text": "Why?", "asked_at": tx.now}
    tx.connection.execute(insert(QuestionRow).values(**row))


async def start_as(env: EngineEnv, requester: Address, **inputs: Any) -> str:
    started = await env.engine.start(Start(workflow="flow", inputs=inputs, actor=requester, origin=TERMINAL))
    assert isinstance(started, Started)
    return started.run


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
async def test_an_address_that_turns_out_to_belong_to_the_requester_decides_nothing(
    env: EngineEnv, book: AccountDirectory, verdict: Verdict
) -> None:
    email = book.active.pop("ULEE")
    await env.store.transact(lambda tx: people.need_person(tx, "default", account("ULEE")))
    await env.register(ASKS)
    run = await start_as(env, account("ULEE"))
    await env.settle()
    link = token(env)
    secret = await sign_in(env)
    book.active["ULEE"] = email
    await env.start()
    await env.settle()
    assert (await env.view(run)).requester.id == (await person(env.engine, Address("email", LEE))).id
    answer = replace(await env.approval_by_link(run), verdict=verdict, reason="It is wrong.")
    answer_by_account = await env.engine.decide(replace(answer, actor=account("ULEE"), assurance=Assurance.SLACK))
    assert isinstance(answer_by_account, NoLongerApprover)
    assert answer_by_account.why == "in this workflow, requesters do not decide their own requests"
    by_link = replace(answer, link=link)
    for decision in by_link, replace(answer, browser=secret), replace(by_link, browser=secret):
        assert isinstance(await env.engine.decide(decision), Refusal)
    assert (await env.request(run)).model.state is RequestState.PENDING
    assert "request.approver_excluded" in [entry["kind"] for entry in await entries(env)]


async def test_an_approver_named_in_the_file_may_decide_although_they_are_the_requester(
    env: EngineEnv, book: AccountDirectory
) -> None:
    email = book.active.pop("ULEE")
    await env.store.transact(lambda tx: people.need_person(tx, "default", account("ULEE")))
    await env.register(ASKS.replace('"{{ inputs.who }}"', "[lee@example.com]"))
    run = await start_as(env, account("ULEE"))
    await env.settle()
    book.active["ULEE"] = email
    await env.start()
    assert isinstance(await env.decide(run, by=account("ULEE")), Decided)


# -- undoing ------------------------------------------------------------------------------------------------


def admin(env: EngineEnv) -> Engine:
    return Engine(env.store, env.advancer, admins=frozenset({SAM}))


async def test_only_an_admin_can_give_an_address_back(env: EngineEnv, book: AccountDirectory) -> None:
    await join_address(env, book)
    command = ReturnAddress(address=Address("email", LEE), actor=SAM, origin=TERMINAL)
    assert isinstance(await env.engine.return_address(command), NotAllowed)
    nobody = ReturnAddress(address=Address("email", "no@example.com"), actor=SAM, origin=TERMINAL)
    assert isinstance(await admin(env).return_address(nobody), NotFound)


async def test_undoing_a_join_gives_everything_back(env: EngineEnv, book: AccountDirectory) -> None:
    alone, by_mail, run = await join_address(env, book)
    del book.active["ULEE"]
    command = ReturnAddress(address=Address("email", LEE), actor=SAM, origin=TERMINAL)
    answer = await admin(env).return_address(command)
    assert isinstance(answer, AddressReturned)
    assert answer.given_to is not None
    assert (answer.taken_from.id, answer.given_to.id) == (alone.id, by_mail.id)
    assert (await person(env.engine, Address("email", LEE))).id == by_mail.id
    assert (await env.view(run)).owner.id == by_mail.id
    assert [approver.person.id for approver in (await env.request(run)).approvers] == [by_mail.id]
    assert "person.undone" in [entry["kind"] for entry in await entries(env)]
    cancel = Cancel(run=run, actor=account("ULEE"), origin=TERMINAL)
    assert isinstance(await env.engine.cancel(cancel), NotAllowed)
    assert isinstance(await env.engine.cancel(replace_actor(cancel, Address("email", LEE))), Done)


def replace_actor(cancel: Cancel, actor: Address) -> Cancel:
    return Cancel(run=cancel.run, actor=actor, origin=cancel.origin)


# -- databases of older versions ----------------------------------------------------------------------------


def _join_as_before(tx: Tx) -> None:
    """Join two accounts into one person, as `adopt` of older versions did."""
    lee = people.need_person(tx, "default", account("ULEE"))
    for table in ("address", "address_period"):
        tx.connection.execute(text(f"UPDATE {table} SET person = :lee WHERE value = 'UKIM'"), {"lee": lee.id})
    tx.memory.forget()


async def test_people_who_were_joined_are_separated_when_the_server_starts(
    env: EngineEnv, book: AccountDirectory
) -> None:
    await env.register(ASKS)
    run = await env.start()
    env.pass_time(minutes=1)
    await env.start(who=["kim@example.com"])
    await env.store.transact(_join_as_before)
    assert len((await person(env.engine, account("UKIM"))).addresses) == 3
    before = await person(env.engine, account("ULEE"))
    assert await env.store.transact(lambda tx: account_separation.separate(tx, "default")) == 1
    assert await env.store.transact(lambda tx: account_separation.separate(tx, "default")) == 0
    lee, kim = await person(env.engine, account("ULEE")), await person(env.engine, account("UKIM"))
    assert lee.id == before.id
    assert lee.id != kim.id
    assert (lee.addresses, kim.addresses) == ((account("ULEE"),), (account("UKIM"),))
    assert await env.engine.person(Address("email", LEE)) is None
    assert isinstance(await env.decide(run, by=account("UKIM")), NotAnApprover)
    assert isinstance(await env.decide(run, by=account("ULEE")), Decided)
    assert (await person(env.engine, Address("email", LEE))).id == lee.id, "the directory named the address again"
    kinds = [entry["kind"] for entry in await entries(env)]
    assert kinds.count("person.separated") == 1
