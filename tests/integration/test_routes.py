"""Routes choose who is asked, once, when the request opens: through the engine, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.api import run_resources
from bot.cli import serialize
from bot.presentation import request_card
from bot.roles import file
from bot.roles.directory import DirectoryWithRoles
from engine.domain import Register, Registered
from engine.ports import Directory
from engine.read_models import RequestView
from tests.support.account_directory import AccountDirectory
from tests.support.databases import OpenStore
from tests.support.engine_env import SAM, TERMINAL, EngineEnv, open_engine

ROLES = """
roles:
  finance: [lee@example.com, kim@example.com]
  support: [mia@example.com]
people:
  - {name: Lee, addresses: [lee@example.com], timezone: Europe/Berlin}
  - {name: Kim, addresses: [kim@example.com], timezone: Asia/Tokyo}
  - {name: Mia, addresses: [mia@example.com], timezone: America/New_York}
  - {name: Ann, addresses: [ann@example.com], department: Sales}
"""
FLOW = """
name: flow
owner: sam@example.com
inputs:
  amount: {{type: json}}
routes:
  payments:
{rules}
steps:
  - id: pay
    uses: set
    with: {{amount: "{{{{ inputs.amount }}}}"}}
    gate: {{title: Pay?, approvers: ["route:payments"], expires: 2d}}
"""


@dataclass
class World:
    """A roles file that may change, and an engine that reads it."""

    text: str = ROLES
    env: EngineEnv = field(init=False)

    @property
    def directory(self) -> Directory:
        return DirectoryWithRoles(AccountDirectory(), lambda: file.read(self.text.encode()))

    async def ask(self, *rules: str, amount: object = 8000) -> RequestView:
        await self.env.register(FLOW.format(rules="\n".join(f"    - {rule}" for rule in rules)))
        run = await self.env.start(amount=amount)
        await self.env.settle()
        return await self.env.request(run)


@pytest.fixture
async def world(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[World]:
    world = World()
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=world.directory) as world.env:
        yield world


def asked(view: RequestView) -> list[str]:
    return [approver.person.label for approver in view.approvers]


def because(view: RequestView) -> str:
    (fact,) = [note for note in request_card.request_card(view).notes if note.label == "Asked because"]
    return str(fact.text[0])


LARGE = '{when: "{{ inputs.amount > 5000 }}", to: ["role:finance"], because: "Over 5,000", expires: 4h}'
REST = '{to: ["role:support"]}'


async def test_the_first_rule_that_applies_chooses_and_the_card_says_why(world: World) -> None:
    view = await world.ask(LARGE, REST)
    assert asked(view) == ["Lee", "Kim"]
    assert because(view) == "Rule 1 of the route payments applies (Over 5,000)."
    assert view.model.deadlines.expires_after is not None
    assert view.model.deadlines.expires_after.total_seconds() == 4 * 3600
    assert run_resources.request(view, url=None)["because"] == "Rule 1 of the route payments applies (Over 5,000)"
    assert serialize.request(view)["because"] == "Rule 1 of the route payments applies (Over 5,000)"
    view = await world.ask(LARGE, REST, amount=5000)
    assert asked(view) == ["Mia"]
    assert because(view) == "Rule 2 of the route payments applies."


async def test_a_condition_that_cannot_be_told_never_leads_to_the_weaker_rule(world: World) -> None:
    view = await world.ask(LARGE, REST, amount="9\u202e000")
    assert asked(view) == ["Lee", "Kim"]
    assert because(view).startswith(
        "Rule 1 of the route payments applies (Over 5,000, its condition could not be told:"
    )
    assert "\u202e" not in because(view)


async def test_people_who_work_now_are_asked_and_else_the_next_rule(world: World) -> None:
    # It is Monday, 9 o'clock in UTC: 10 in Berlin, 18 in Tokyo, 4 in New York.
    works = '{to: ["role:finance"], working: true}'
    assert asked(await world.ask(works, REST)) == ["Lee"]
    view = await world.ask('{to: ["role:support"], working: true}', "{to: [kim@example.com]}")
    assert asked(view) == ["Kim"]
    assert because(view) == "Rule 2 of the route payments applies."


async def test_the_department_of_the_requester_chooses(world: World) -> None:
    sales = '{department: SALES, to: ["role:finance"]}'
    view = await world.ask(sales, REST)
    assert asked(view) == ["Lee", "Kim"]
    assert because(view) == "Rule 1 of the route payments applies (the department of the requester)."
    world.text = ROLES.replace("Sales", "Support")
    assert asked(await world.ask(sales, REST)) == ["Mia"]
    world.text = ROLES.replace(", department: Sales", "")
    assert asked(await world.ask(sales, REST)) == ["Mia"]


async def test_the_people_with_the_fewest_open_requests_are_asked(world: World) -> None:
    fewest = '{to: ["role:finance"], least_loaded: 1}'
    assert asked(await world.ask(fewest)) == ["Lee"]
    view = await world.ask(fewest)
    assert asked(view) == ["Kim"]
    assert because(view) == "Rule 1 of the route payments applies (the fewest open requests)."
    assert asked(await world.ask(fewest)) == ["Lee"]


async def test_a_rule_says_who_is_asked_as_well_and_after_how_long(world: World) -> None:
    rule = '{to: [mia@example.com], because: Slow, escalate: {after: 2h, to: ["role:finance"]}}'
    view = await world.ask(rule)
    assert asked(view) == ["Mia"]
    world.env.pass_time(hours=2, seconds=1)
    await world.env.settle()
    later = await world.env.request(view.model.subject.run)
    assert sorted(asked(later)) == ["Kim", "Lee", "Mia"]
    assert {row.person.label for row in later.approvers if row.is_backup} == {"Kim", "Lee"}


async def test_a_department_that_no_person_has_is_a_warning(world: World) -> None:
    rules = "\n".join(f"    - {rule}" for rule in ("{department: [sales, salse], to: [lee@example.com]}", REST))
    source = FLOW.format(rules=rules).encode()
    registered = await world.env.engine.register(Register(source=source, actor=SAM, origin=TERMINAL))
    assert isinstance(registered, Registered)
    assert registered.warnings == (
        "Rule 1 of the route payments: no person of the roles file is in the department salse. "
        "Write it there, or correct it here.",
    )


async def test_the_owner_is_asked_where_no_rule_applies(world: World) -> None:
    view = await world.ask('{action: "http", to: [lee@example.com]}', '{to: ["role:support"], working: true}')
    assert asked(view) == ["sam@example.com"]
    assert because(view) == (
        "No rule of the route payments applies (rule 1: the action is set; rule 2: no one of its people works now)."
    )
    assert asked(await world.ask('{action: "s?t", to: [lee@example.com]}')) == ["Lee"]
