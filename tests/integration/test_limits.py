"""Limits of authorization: a person approves up to the limit of their roles, through the engine, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.presentation import refusals, request_card
from bot.roles import file
from bot.roles.directory import DirectoryWithRoles
from engine.domain import (
    Address,
    Assurance,
    CannotTakeOver,
    Decided,
    OverLimit,
    Reassign,
    Reassigned,
    RequestState,
    Verdict,
)
from engine.ports import Directory
from engine.read_models import RequestView
from tests.support.account_directory import AccountDirectory
from tests.support.databases import OpenStore
from tests.support.engine_env import SAM, TERMINAL, EngineEnv, open_engine

LEE, KIM, MIA = (Address("email", f"{name}@example.com") for name in ("lee", "kim", "mia"))
ROLES = """
roles:
  support: [lee@example.com, mia@example.com]
  finance: [kim@example.com]
limits:
  support: 5000 EUR
  finance: [50000 EUR, 60000 USD]
"""
PAY = """
name: flow
owner: sam@example.com
inputs:
  amount: {{type: json}}
steps:
  - id: pay
    uses: set
    with: {{amount: "{{{{ inputs.amount }}}}"}}
    gate: {{title: Pay?, edit: [amount], {keys}}}
"""
ASKED = 'amount: "{{ content.amount }}", approvers: [%s]'
UNCLEAR = "Signoff could not tell the amount, so it counts as above your limit of 5000.00 EUR. "


@dataclass
class World:
    """A roles file that may change, and an engine that reads it."""

    text: str = ROLES
    env: EngineEnv = field(init=False)

    @property
    def directory(self) -> Directory:
        accounts = AccountDirectory(lee="lee@example.com", kim="kim@example.com", mia="mia@example.com")
        return DirectoryWithRoles(accounts, lambda: file.read(self.text.encode()))

    async def ask(self, approvers: str, amount: object = "8000.00 EUR", more: str = "") -> RequestView:
        await self.env.register(PAY.format(keys=ASKED % approvers + more))
        run = await self.env.start(amount=amount)
        await self.env.settle()
        return await self.env.request(run)


@pytest.fixture
async def world(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[World]:
    world = World()
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=world.directory) as world.env:
        yield world


def asked(view: RequestView) -> list[str]:
    return [approver.person.label for approver in view.model.tally.waiting]


def shown(view: RequestView) -> list[str]:
    return [approver.person.label for approver in view.approvers]


async def test_a_request_goes_to_those_whose_limit_suffices(world: World) -> None:
    view = await world.ask("'role:support', 'role:finance'", "5000.00 EUR")
    assert shown(view) == ["Lee", "Mia", "Kim"]
    view = await world.ask("'role:support', 'role:finance'", "5000.01 EUR")
    assert shown(view) == ["Kim"]
    assert view.notes == ("Lee and Mia may approve up to 5000.00 EUR and are not asked.",)


async def test_a_person_whom_the_gate_names_is_shown_it_and_can_only_reject(world: World) -> None:
    view = await world.ask("lee@example.com, 'role:finance'")
    assert shown(view) == ["Kim", "Lee"]
    assert asked(view) == ["Kim"]
    assert view.notes == ("Lee may approve up to 5000.00 EUR and can only reject this.",)
    lee = next(row.person for row in view.approvers if row.person.label == "Lee")
    card = request_card.request_card(view, lee)
    assert [action.verdict for action in card.actions] == ["reject"]
    assert ("You may approve up to 5000.00 EUR, so others approve it.",) in card.lead
    refused = await world.env.decide(view.run, by=LEE)
    assert isinstance(refused, OverLimit)
    assert refusals.sentence(refused) == ("You may approve up to 5000.00 EUR, and this is 8000.00 EUR. Kim can decide.")
    decided = await world.env.decide(view.run, Verdict.REJECT, by=LEE)
    assert isinstance(decided, Decided)
    assert decided.state is RequestState.REJECTED


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("1.00 USD", "You may approve up to 5000.00 EUR, and this is 1.00 USD. Kim can decide."),
        ("NaN EUR", UNCLEAR),
        ("9" * 40 + " EUR", UNCLEAR),
        (12, UNCLEAR),
        ("\u202e5 EUR", UNCLEAR),
    ],
)
async def test_what_is_in_another_currency_or_unclear_is_above_the_limit(
    world: World, amount: object, sentence: str
) -> None:
    view = await world.ask("lee@example.com, 'role:finance'", amount)
    refused = await world.env.decide(view.run, by=LEE)
    assert isinstance(refused, OverLimit)
    assert refusals.sentence(refused).startswith(sentence)


async def test_where_no_limit_suffices_the_owner_decides(world: World) -> None:
    view = await world.ask("'role:support'")
    assert shown(view) == ["sam@example.com"]
    assert view.notes[-1] == "No approver can be asked, so the owner of the workflow decides."
    assert isinstance(await world.env.decide(view.run, by=SAM), Decided)


async def test_an_owner_with_a_limit_is_told_that_no_one_can_approve(world: World) -> None:
    world.text = ROLES.replace("mia@example.com", "sam@example.com")
    view = await world.ask("lee@example.com")
    assert asked(view) == []
    assert view.model.tally.short == 1
    alerts = [copy.topic for copy in await world.env.engine.deliveries(run=view.run) if copy.topic]
    assert "short" in alerts
    refused = await world.env.decide(view.run, by=LEE)
    assert isinstance(refused, OverLimit)
    assert refusals.sentence(refused).endswith(
        "No one who is asked may approve it. Reject it, or ask the owner of the workflow to hand it on."
    )


async def test_an_edit_may_not_raise_the_amount_above_the_limit(world: World) -> None:
    view = await world.ask("'role:support', 'role:finance'", "100.00 EUR")
    refused = await world.env.decide(view.run, by=LEE, edits={"amount": "5000.01 EUR"})
    assert isinstance(refused, OverLimit)
    assert refusals.sentence(refused) == (
        "You may approve up to 5000.00 EUR, and with your change it would be 5000.01 EUR. Kim can decide."
    )
    assert (await world.env.request(view.run)).model.state is RequestState.PENDING
    assert isinstance(await world.env.decide(view.run, by=LEE, edits={"amount": "5000.00 EUR"}), Decided)


async def test_an_edit_of_one_decides_who_may_join_the_others(world: World) -> None:
    view = await world.ask("lee@example.com, mia@example.com, kim@example.com", "100.00 EUR", ", policy: {quorum: 2}")
    assert asked(view) == ["Lee", "Mia", "Kim"]
    first = await world.env.decide(view.run, by=KIM, edits={"amount": "6000.00 EUR"})
    assert isinstance(first, Decided)
    assert asked(await world.env.request(view.run)) == ["sam@example.com"]
    assert isinstance(await world.env.decide(view.run, by=LEE), OverLimit)
    assert isinstance(await world.env.decide(view.run, by=SAM), Decided)


async def test_the_file_counts_as_it_is_at_the_decision(world: World) -> None:
    view = await world.ask("lee@example.com, kim@example.com")
    world.text = ROLES.replace("support: 5000 EUR", "support: 9000 EUR").replace("50000 EUR", "7000 EUR")
    assert isinstance(await world.env.decide(view.run, by=KIM), OverLimit)
    decided = await world.env.decide(view.run, by=LEE)
    assert isinstance(decided, Decided)
    assert decided.state is RequestState.APPROVED


async def test_a_person_with_a_wider_role_has_its_limit(world: World) -> None:
    world.text = ROLES.replace("[kim@example.com]", "[kim@example.com, lee@example.com]")
    assert shown(await world.ask("'role:support'")) == ["Lee"]
    world.text = ROLES.replace("finance: [50000 EUR, 60000 USD]", "finance: unlimited").replace(
        "[kim@example.com]", "[kim@example.com, mia@example.com]"
    )
    assert shown(await world.ask("'role:support'", "x")) == ["Mia"]


async def test_all_asks_for_the_approval_of_those_who_may(world: World) -> None:
    view = await world.ask("lee@example.com, kim@example.com", more=", policy: all")
    assert view.model.tally.needed == 1
    decided = await world.env.decide(view.run, by=KIM)
    assert isinstance(decided, Decided)
    assert decided.state is RequestState.APPROVED


async def test_a_place_is_not_passed_on_to_a_person_whose_limit_does_not_suffice(world: World) -> None:
    view = await world.ask("kim@example.com")
    command = Reassign(
        request=view.id,
        to=LEE,
        reason="I am away",
        actor=SAM,
        origin=TERMINAL,
        assurance=Assurance.TERMINAL,
    )
    refused = await world.env.engine.reassign(command)
    assert isinstance(refused, CannotTakeOver)
    assert refusals.sentence(refused) == "Lee may not approve this amount. Choose another person."
    world.text = ROLES.replace("support: 5000 EUR", "support: 9000 EUR")
    assert isinstance(await world.env.engine.reassign(command), Reassigned)
