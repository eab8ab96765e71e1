"""Whose an address is: it moves to the account that the directory names, takes nothing along, and can be given back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.presentation import refusals
from engine.domain import (
    Address,
    AddressReturned,
    Assurance,
    Cancel,
    CodeExpired,
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
from engine.service import Engine
from engine.store import audit_log, identities, people, schema
from engine.store.port import Tx
from tests.support.account_directory import AccountDirectory, account
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
async def home(tmp_path: Path, book: AccountDirectory) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", directory=book) as made:
        yield made


async def asked(home: EngineEnv, source: str = ASKS) -> str:
    await home.register(source)
    run = await home.start()
    await home.settle()
    return run


def moves(book: AccountDirectory, email: str = LEE) -> None:
    """The address goes from Lee's account to Kim's."""
    book.active |= {"ULEE": "lee.old@example.com", "UKIM": email}


def token(home: EngineEnv) -> str:
    found = home.mail.to(LEE, DeliveryKind.REQUEST)[-1].token
    assert found is not None
    return found


async def signed_in(home: EngineEnv, holder: str = "browser") -> str:
    """A browser that is remembered for whoever reads the mail of the address; its secret."""
    sent = await home.identity.sign_in(SignIn(email=LEE, holder=holder))
    await home.settle()
    code = home.mail.to(LEE, DeliveryKind.CODE)[-1].code
    assert code is not None
    proven = await home.identity.give_code(GiveCode(challenge=sent.challenge, holder=holder, code=code))
    assert isinstance(proven, ProvenIdentity)
    return proven.browser


def entries(home: EngineEnv) -> list[dict[str, Any]]:
    with schema.reading(home.path) as connection:
        lines = [json.loads(line) for line in audit_log.export(connection, "default")]
    return [{**json.loads(one["content"]), "kind": json.loads(one["leaf"])["kind"]} for one in lines]


async def person(engine: Engine, address: Address) -> Person:
    found = await engine.person(address)
    assert found is not None
    return found


# -- what an address proves ---------------------------------------------------------------------------------


async def test_a_remembered_browser_of_an_address_that_moved_is_of_no_use_to_either(
    home: EngineEnv, book: AccountDirectory
) -> None:
    await asked(home)
    secret = await signed_in(home)
    run = await home.start()
    moves(book)
    answer = await home.engine.decide(await home.approval_by_link(run, browser=secret))
    assert isinstance(answer, NoLink | NoLongerApprover | NotAnApprover)
    assert await home.identity.browser(secret) is None
    moved = await home.start()
    await home.settle()
    assert isinstance(await home.engine.decide(await home.approval_by_link(moved, browser=secret)), NoLink)
    book.active |= {"ULEE": LEE, "UKIM": "kim@example.com"}
    back = await home.start()
    assert isinstance(await home.engine.decide(await home.approval_by_link(back, browser=secret)), NoLink), (
        "nor when it is back"
    )


async def test_a_link_to_an_address_that_moved_decides_nothing(home: EngineEnv, book: AccountDirectory) -> None:
    run = await asked(home, BY_LINK)
    held = token(home)
    moves(book)
    answer = await home.engine.decide(await home.approval_by_link(run, link=held))
    assert isinstance(answer, Refusal)
    link = await home.identity.link(held)
    assert link is not None
    assert link.state is LinkState.REVOKED
    assert isinstance(await home.engine.decide(await home.approval_by_link(run, link=held)), NoLink)


async def test_a_code_that_was_sent_before_the_address_moved_signs_nobody_in(
    home: EngineEnv, book: AccountDirectory
) -> None:
    await asked(home)
    sent = await home.identity.sign_in(SignIn(email=LEE, holder="browser"))
    await home.settle()
    code = home.mail.to(LEE, DeliveryKind.CODE)[-1].code
    assert code is not None
    moves(book)
    given = await home.identity.give_code(GiveCode(challenge=sent.challenge, holder="browser", code=code))
    assert isinstance(given, CodeExpired)
    secret = await signed_in(home)
    browser = await home.identity.browser(secret)
    assert browser is not None
    assert browser.person.account == account("UKIM")


async def test_the_reader_of_an_address_decides_as_who_has_it_now(home: EngineEnv, book: AccountDirectory) -> None:
    await asked(home)
    moves(book)
    run = await home.start()
    secret = await signed_in(home)
    assert isinstance(await home.engine.decide(await home.approval_by_link(run, browser=secret)), Decided)
    decision = (await home.request(run)).decision
    assert decision is not None
    assert decision.person.account == account("UKIM")


async def test_an_operator_by_an_address_that_moved_is_who_has_it_now(home: EngineEnv, book: AccountDirectory) -> None:
    await asked(home)
    book.active["UKIM"] = "kim.old@example.com"
    run = await home.start(who=["UKIM"])
    moves(book)
    assert isinstance(await home.decide(run, by=Address("email", LEE)), Decided)
    decision = (await home.request(run)).decision
    assert decision is not None
    assert decision.person.account == account("UKIM")


async def test_a_closed_account_decides_by_no_way(home: EngineEnv, book: AccountDirectory) -> None:
    run = await asked(home, BY_LINK)
    secret = await signed_in(home)
    held = token(home)
    book.closed["ULEE"] = book.active.pop("ULEE")
    for way in {"browser": secret}, {"link": held}:
        answer = await home.engine.decide(await home.approval_by_link(run, **way))
        assert isinstance(answer, NoLongerApprover)
        assert refusals.sentence(answer).startswith(
            "You can no longer decide this request: the account is deactivated."
        )
    assert isinstance(await home.decide(run, by=account("ULEE")), NoLongerApprover)
    assert isinstance(await home.decide(run, by=Address("email", LEE)), NoLongerApprover)
    await home.settle()
    assert "request.approver_excluded" in await home.kinds(run)
    (alert,) = home.mail.to("sam@example.com", DeliveryKind.ALERT)
    assert "an approver of “act” can no longer decide" in alert.title


async def test_a_directory_that_does_not_answer_refuses_no_decision(home: EngineEnv, book: AccountDirectory) -> None:
    run = await asked(home)
    secret = await signed_in(home)
    book.down = True
    assert isinstance(await home.engine.decide(await home.approval_by_link(run, browser=secret)), Decided)
    entry = next(one for one in entries(home) if one["kind"] == "request.approved")
    assert "could not be looked up: The directory does not answer." in entry["unchecked"][0]


# -- people who turn out to be one --------------------------------------------------------------------------


async def test_who_was_asked_by_mail_is_the_same_once_they_have_an_account(
    home: EngineEnv, book: AccountDirectory
) -> None:
    del book.active["ULEE"]
    run = await asked(home)
    secret = await signed_in(home)
    by_mail = await person(home.engine, Address("email", LEE))
    book.active["ULEE"] = LEE
    await home.start()
    assert (await person(home.engine, account("ULEE"))).id == by_mail.id
    assert await home.identity.browser(secret) is None, "who reads the address now has to prove it again"
    assert isinstance(await home.decide(run, by=account("ULEE")), Decided)
    assert [one["person"] for one in entries(home) if one["kind"] == "person.account_found"] == [by_mail.id]


async def test_a_person_with_another_address_takes_only_the_address(home: EngineEnv, book: AccountDirectory) -> None:
    """Both were there before, so they are two: the other one's rights stay where they are."""
    del book.active["ULEE"]
    await asked(home)
    started = await home.engine.person(Address("email", LEE))
    await home.start(who=["kim@example.com"])
    book.active["UKIM"] = LEE
    await home.start()
    kim = await person(home.engine, Address("email", LEE))
    assert kim.account == account("UKIM")
    assert started is not None
    assert kim.id != started.id


async def joined(home: EngineEnv, book: AccountDirectory) -> tuple[Person, Person, str]:
    """An account and an address that were two, and are one now: the account, the address, and what waits for it."""
    email = book.active.pop("ULEE")
    await home.register(ASKS)
    run = await home.start()
    await home.settle()
    by_mail = await person(home.engine, Address("email", LEE))
    await home.store.transact(lambda tx: people.need_person(tx, "default", account("ULEE")))
    await home.store.transact(lambda tx: _own(tx, by_mail.id))
    alone = await person(home.engine, account("ULEE"))
    assert alone.id != by_mail.id
    book.active["ULEE"] = email
    await home.start()
    return alone, by_mail, run


def _own(tx: Tx, owner: str) -> None:
    tx.connection.driver.execute("UPDATE workflow SET owner = ?", (owner,))
    tx.memory.forget()


async def test_what_waits_for_an_address_waits_for_the_account_that_it_turns_out_to_be(
    home: EngineEnv, book: AccountDirectory
) -> None:
    alone, by_mail, run = await joined(home, book)
    (entry,) = [one for one in entries(home) if one["kind"] == "person.joined"]
    assert (entry["person"], entry["before"]) == (alone.id, by_mail.id)
    assert set(entry["moved"]) == {"requests", "workflows"}
    assert (await home.view(run)).owner.id == alone.id
    assert isinstance(await home.decide(run, by=account("ULEE")), Decided)


async def started_by(home: EngineEnv, by: Address, **inputs: Any) -> str:
    started = await home.engine.start(Start(workflow="flow", inputs=inputs, actor=by, origin=TERMINAL))
    assert isinstance(started, Started)
    return started.run


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
async def test_an_address_that_turns_out_to_be_whoever_started_the_run_decides_nothing(
    home: EngineEnv, book: AccountDirectory, verdict: Verdict
) -> None:
    email = book.active.pop("ULEE")
    await home.store.transact(lambda tx: people.need_person(tx, "default", account("ULEE")))
    await home.register(ASKS)
    run = await started_by(home, account("ULEE"))
    await home.settle()
    link = token(home)
    secret = await signed_in(home)
    book.active["ULEE"] = email
    await home.start()
    await home.settle()
    assert (await home.view(run)).requester.id == (await person(home.engine, Address("email", LEE))).id
    answer = replace(await home.approval_by_link(run), verdict=verdict, reason="It is wrong.")
    told = await home.engine.decide(replace(answer, actor=account("ULEE"), assurance=Assurance.SLACK))
    assert isinstance(told, NoLongerApprover)
    assert told.why == "they started this run themselves"
    for held in replace(answer, link=link), replace(answer, browser=secret), replace(answer, link=link, browser=secret):
        assert isinstance(await home.engine.decide(held), Refusal)
    assert (await home.request(run)).model.state is RequestState.PENDING
    assert "request.approver_excluded" in [one["kind"] for one in entries(home)]


async def test_whom_the_file_names_may_decide_though_they_turn_out_to_have_started_it(
    home: EngineEnv, book: AccountDirectory
) -> None:
    email = book.active.pop("ULEE")
    await home.store.transact(lambda tx: people.need_person(tx, "default", account("ULEE")))
    await home.register(ASKS.replace('"{{ inputs.who }}"', "[lee@example.com]"))
    run = await started_by(home, account("ULEE"))
    await home.settle()
    book.active["ULEE"] = email
    await home.start()
    assert isinstance(await home.decide(run, by=account("ULEE")), Decided)


# -- an admin undoes it -------------------------------------------------------------------------------------


def admin(home: EngineEnv) -> Engine:
    return Engine(home.store, home.advancer, admins=frozenset({SAM}))


async def test_only_an_admin_undoes_whose_an_address_is(home: EngineEnv, book: AccountDirectory) -> None:
    await joined(home, book)
    command = ReturnAddress(address=Address("email", LEE), actor=SAM, origin=TERMINAL)
    assert isinstance(await home.engine.return_address(command), NotAllowed)
    nobody = ReturnAddress(address=Address("email", "no@example.com"), actor=SAM, origin=TERMINAL)
    assert isinstance(await admin(home).return_address(nobody), NotFound)


async def test_a_joining_is_undone_with_all_that_came_along(home: EngineEnv, book: AccountDirectory) -> None:
    alone, by_mail, run = await joined(home, book)
    del book.active["ULEE"]
    command = ReturnAddress(address=Address("email", LEE), actor=SAM, origin=TERMINAL)
    answer = await admin(home).return_address(command)
    assert isinstance(answer, AddressReturned)
    assert answer.given_to is not None
    assert (answer.taken_from.id, answer.given_to.id) == (alone.id, by_mail.id)
    assert (await person(home.engine, Address("email", LEE))).id == by_mail.id
    assert (await home.view(run)).owner.id == by_mail.id
    assert [one.person.id for one in (await home.request(run)).approvers] == [by_mail.id]
    assert "person.undone" in [one["kind"] for one in entries(home)]
    cancel = Cancel(run=run, actor=account("ULEE"), origin=TERMINAL)
    assert isinstance(await home.engine.cancel(cancel), NotAllowed)
    assert isinstance(await home.engine.cancel(replace_actor(cancel, Address("email", LEE))), Done)


def replace_actor(cancel: Cancel, actor: Address) -> Cancel:
    return Cancel(run=cancel.run, actor=actor, origin=cancel.origin)


# -- databases of older versions ----------------------------------------------------------------------------


def _join_as_before(tx: Tx) -> None:
    """Two accounts are one person, as `adopt` of older versions made them."""
    lee = people.need_person(tx, "default", account("ULEE"))
    tx.connection.driver.execute("UPDATE address SET person = ? WHERE value = 'UKIM'", (lee.id,))
    tx.connection.driver.execute("UPDATE address_period SET person = ? WHERE value = 'UKIM'", (lee.id,))
    tx.memory.forget()


async def test_people_who_were_joined_are_separated_when_the_server_starts(
    home: EngineEnv, book: AccountDirectory
) -> None:
    await home.register(ASKS)
    run = await home.start()
    home.pass_time(minutes=1)
    await home.start(who=["kim@example.com"])
    await home.store.transact(_join_as_before)
    assert len((await person(home.engine, account("UKIM"))).addresses) == 3
    before = await person(home.engine, account("ULEE"))
    assert await home.store.transact(lambda tx: identities.separate(tx, "default")) == 1
    assert await home.store.transact(lambda tx: identities.separate(tx, "default")) == 0
    lee, kim = await person(home.engine, account("ULEE")), await person(home.engine, account("UKIM"))
    assert lee.id == before.id
    assert lee.id != kim.id
    assert (lee.addresses, kim.addresses) == ((account("ULEE"),), (account("UKIM"),))
    assert await home.engine.person(Address("email", LEE)) is None
    assert isinstance(await home.decide(run, by=account("UKIM")), NotAnApprover)
    assert isinstance(await home.decide(run, by=account("ULEE")), Decided)
    assert (await person(home.engine, Address("email", LEE))).id == lee.id, "the directory said so again"
    kinds = [one["kind"] for one in entries(home)]
    assert kinds.count("person.separated") == 1
