"""The roles file: roles as approvers, and people with several addresses, who count once."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.email.directory import DirectoryWithEmail
from bot.roles import file
from bot.roles.directory import DirectoryWithRoles
from bot.roles.model import PersonEntry, Roles
from bot.roles.source import RolesFile
from bot.settings import SettingsError
from bot.terminal.directory import TerminalDirectory
from engine.delivery.recipients import Recipients, Resolved, run_with_directory
from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    AlreadyVoted,
    Assurance,
    CloseAccount,
    Decide,
    Decided,
    NoLongerApprover,
    NotAllowed,
    NotAnApprover,
    OwnEdit,
    OwnRequest,
    Person,
    Refusal,
    Register,
    Registered,
    RequestState,
    Start,
    Started,
    Verdict,
)
from engine.domain.workflow_commands import Proposed
from engine.ports import Directory, DirectoryPerson, Route
from engine.references import Reference, parse
from engine.service import Engine
from engine.store import person_queries
from engine.store.port import Tx
from tests.support.account_directory import AccountDirectory, account
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.examples import example_count

T = TypeVar("T")
NOA = account("noa")
FLOW = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: set, with: {a: 1}, gate: {approvers: [%s]}}
"""
ROLES = """
roles:
  finance: [lee@example.com, "group:leads"]
  board: ["role:finance", kim@example.com]
people:
  - {name: Lee Kim, addresses: [lee@example.com, lee.kim@example.org], timezone: Europe/Berlin}
"""
LEE, LEE_KIM, KIM = (Address("email", name) for name in ("lee@example.com", "lee.kim@example.org", "kim@example.com"))


@dataclass
class World:
    """A directory of accounts, with email, and a roles file beside it. `text`: what the file says now."""

    accounts: AccountDirectory
    text: str = ROLES
    env: EngineEnv = field(init=False)

    @property
    def directory(self) -> Directory:
        return DirectoryWithRoles(
            DirectoryWithEmail(self.accounts), lambda: file.read(self.text.encode(), file="roles.yaml")
        )

    async def register(self, *approvers: str, more: str = "") -> Registered | Proposed | Refusal:
        source = FLOW % ", ".join(f'"{approver}"' for approver in approvers) + more
        return await self.env.engine.register(Register(source=source.encode(), actor=SAM, origin=TERMINAL))

    async def start(self, by: Address = SAM) -> str:
        started = await self.env.engine.start(Start(workflow="flow", inputs={}, actor=by, origin=TERMINAL))
        assert isinstance(started, Started), started
        return started.run

    async def approvers(self, *approvers: str) -> list[Person]:
        assert isinstance(await self.register(*approvers), Registered)
        return [approver.person for approver in (await self.env.request(await self.start())).approvers]


def new_world() -> World:
    world = World(AccountDirectory(lee="lee@example.com", kim="kim@example.com", noa="noa@example.com"))
    world.accounts.groups["leads"] = ["lee", "noa"]
    return world


@asynccontextmanager
async def open_with_admin(database: Path, open_store: OpenStore) -> AsyncIterator[World]:
    """Open a world on which Ann is an admin."""
    world = new_world()
    async with open_engine(database, open_store=open_store, directory=world.directory) as world.env:
        world.env.engine = Engine(world.env.store, world.env.advancer, admins=frozenset({ANN}), clock=world.env.clock)
        yield world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = new_world()
    async with open_engine(tmp_path / "signoff.db", directory=world.directory) as world.env:
        yield world


@pytest.fixture
async def stored(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[World]:
    """Yield a world on each database, for what the store does by itself."""
    world = new_world()
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=world.directory) as world.env:
        yield world


# -- roles --------------------------------------------------------------------------------------------------


async def test_a_role_asks_its_people_groups_and_roles_each_person_once(world: World) -> None:
    await world.register("role:board", "lee.kim@example.org")
    request = await world.env.request(await world.start())
    assert [(approver.person.name, approver.rule) for approver in request.approvers] == [
        ("Lee", "role:board"),
        ("Noa", "role:board"),
        ("Kim", "role:board"),
    ]
    assert request.notes == ()


async def test_an_unknown_role_is_refused_when_the_file_is_registered(world: World) -> None:
    answer = await world.register("role:fin")
    assert isinstance(answer, NotAllowed)
    assert answer.why == (
        "The gate of step act: There is no role fin in the roles file of this server, which has board, finance."
    )
    world.text = "people: []"
    assert "which has none." in str(await world.register("role:fin"))
    refused = await world.register("owner", more="may_run: ['role:fin']\n")
    assert isinstance(refused, NotAllowed)
    assert refused.why.startswith("may_run: There is no role fin")


async def test_an_unknown_role_in_an_expression_is_refused_too(world: World) -> None:
    answer = await world.register("{{ 'role:fin' if run.requester == 'a' else 'role:board' }}")
    assert isinstance(answer, NotAllowed)
    assert "There is no role fin" in answer.why


async def test_members_who_cannot_be_asked_are_named_at_registration_and_in_the_request(world: World) -> None:
    world.accounts.closed["noa"] = world.accounts.active.pop("noa")
    world.text = "roles: {finance: [noa@example.com, 'group:ghosts', kim@example.com]}"
    answer = await world.register("role:finance")
    assert isinstance(answer, Registered)
    reasons = "They are deactivated. There is no usergroup @ghosts."
    assert answer.warnings == (f"The gate of step act: {reasons}",)
    request = await world.env.request(await world.start())
    assert [approver.person.name for approver in request.approvers] == ["Kim"]
    assert request.notes == (reasons,)


async def test_the_owner_is_asked_if_no_member_of_a_role_can_be_asked(world: World) -> None:
    world.text = "roles: {finance: [noa@example.com]}"
    await world.register("role:finance")
    world.accounts.closed["noa"] = world.accounts.active.pop("noa")
    request = await world.env.request(await world.start())
    assert [approver.person.email for approver in request.approvers] == ["sam@example.com"]
    assert request.notes[0] == "The role finance has no member who can be asked. They are deactivated."


async def test_a_role_that_disappears_asks_the_owner(world: World) -> None:
    await world.register("role:finance")
    world.text = "people: []"
    request = await world.env.request(await world.start())
    assert [approver.person.email for approver in request.approvers] == ["sam@example.com"]
    assert "There is no role finance" in request.notes[0]


async def test_the_members_of_a_role_are_those_of_the_moment_when_the_request_opens(world: World) -> None:
    await world.register("role:finance")
    run = await world.start()
    world.text = ROLES.replace("[lee@example.com,", "[kim@example.com,").replace(', "group:leads"', "")
    assert isinstance(await world.env.decide(run, by=KIM), NotAnApprover)
    refused = await world.env.decide(run, by=account("noa"))
    assert refused == NoLongerApprover(why="the role finance no longer includes this person")


async def test_a_member_without_an_account_is_not_asked_where_an_account_is_needed(world: World) -> None:
    world.text = ROLES.replace("finance: [", "finance: [mia@example.com, ")
    source = (FLOW % "'role:finance'").replace("]}}", "], assurance: sso}}")
    answer = await world.env.engine.register(Register(source=source.encode(), actor=SAM, origin=TERMINAL))
    assert isinstance(answer, Registered)
    assert answer.warnings == (
        "The gate of step act: role:finance has members without a Slack account: mia@example.com. "
        "They cannot sign in with Slack to decide here, so they are not asked.",
    )
    request = await world.env.request(await world.start())
    assert sorted(approver.person.label for approver in request.approvers) == ["Lee", "Noa"]
    assert "mia@example.com has no Slack account to sign in with and is not asked." in request.notes


async def test_a_closed_account_of_a_role_cannot_decide(world: World) -> None:
    await world.register("role:finance")
    run = await world.start()
    world.accounts.closed["noa"] = world.accounts.active.pop("noa")
    refused = await world.env.decide(run, by=account("noa"))
    assert refused == NoLongerApprover(why="the account is deactivated")
    assert isinstance(await world.env.decide(run, by=LEE), Decided)


async def test_a_role_can_start_a_workflow(world: World) -> None:
    await world.register("owner", more="may_run: ['role:finance']\n")
    for starter in (account("noa"), LEE_KIM):
        await world.start(starter)
    refused = await world.env.engine.start(Start(workflow="flow", inputs={}, actor=KIM, origin=TERMINAL))
    assert isinstance(refused, NotAllowed)
    assert refused.why == "You cannot start flow. It is for role:finance."


# -- people -------------------------------------------------------------------------------------------------


async def test_a_person_without_slack_has_the_name_and_the_zone_of_the_file(world: World) -> None:
    del world.accounts.active["lee"]
    (lee,) = await world.approvers("lee.kim@example.org", "lee@example.com")
    assert (lee.name, lee.zone) == ("Lee Kim", "Europe/Berlin")
    assert {*lee.addresses} == {LEE, LEE_KIM}
    assert set(world.directory.reach(lee)) == {Route("email", "lee@example.com")}, "the first address of the file"


async def test_the_name_in_slack_comes_before_the_name_in_the_file(world: World) -> None:
    (lee,) = await world.approvers("lee.kim@example.org")
    assert (lee.name, lee.account) == ("Lee", account("lee"))


async def test_a_decision_counts_from_every_address_of_a_person(stored: World) -> None:
    await stored.register("lee@example.com", "lee.kim@example.org", "role:finance")
    for address in (LEE, LEE_KIM, account("lee")):
        assert isinstance(await stored.env.decide(await stored.start(), by=address), Decided)


async def test_persons_who_were_two_are_joined_by_the_file_with_what_waits_for_them(stored: World) -> None:
    stored.text = "people: []"
    stored.accounts.active = {}
    await stored.register("lee@example.com", "lee.kim@example.org")
    run = await stored.start()
    assert len((await stored.env.request(run)).approvers) == 2
    stored.text = ROLES
    await stored.start()
    assert [approver.person.name for approver in (await stored.env.request(run)).approvers] == ["Lee Kim"]
    assert isinstance(await stored.env.decide(run, by=LEE_KIM), Decided)
    listed = await stored.env.store.read(lambda rows: person_queries.person_views(rows, DEFAULT_WORKSPACE, 50))
    (lee,) = [view for view in listed if LEE in view.person.addresses]
    assert {*lee.person.addresses} == {LEE, LEE_KIM}
    assert all(view.person.addresses for view in listed), "who turned out to be another person is not listed"


async def test_an_account_takes_over_what_waited_for_the_other_address(stored: World) -> None:
    stored.text = "people: []"
    await stored.register("lee.kim@example.org", "lee@example.com")
    run = await stored.start()
    assert len((await stored.env.request(run)).approvers) == 2
    stored.text = ROLES
    await stored.start()
    assert [approver.person.name for approver in (await stored.env.request(run)).approvers] == ["Lee"]
    assert isinstance(await stored.env.decide(run, by=account("lee")), Decided)


async def test_the_second_account_of_a_person_is_not_another_approver(world: World) -> None:
    world.accounts.active["lee2"] = "lee.kim@example.org"
    (lee, noa) = await world.approvers("lee@example.com", "lee.kim@example.org", "group:leads")
    assert (lee.account, noa.account) == (account("lee"), account("noa"))


async def test_the_requester_is_the_same_person_with_every_address(world: World) -> None:
    """A workflow file cannot name its author's second address as a way around separation of duties."""
    world.accounts.active["lee2"] = "lee.kim@example.org"
    await world.register("lee@example.com")
    for address in (LEE, LEE_KIM, account("lee"), account("lee2")):
        request = (await world.env.request(await world.start(address))).model
        assert [approver.person.id for approver in request.approvers] == [request.requester]


@pytest.mark.parametrize("second", [LEE_KIM, account("lee2")])
async def test_a_requester_who_turns_out_to_be_the_approver_cannot_decide(stored: World, second: Address) -> None:
    stored.accounts.active["lee2"] = "lee.kim@example.org"
    stored.text = "people: []"
    source = FLOW % '"lee@example.com", "kim@example.com"'
    await stored.env.register(source.replace("]}}", "], exclude: [requester]}}"))
    run = await stored.start(second)
    assert len((await stored.env.request(run)).approvers) == 2
    stored.text = ROLES
    for address in (LEE, account("lee")):
        assert isinstance(await stored.env.decide(run, by=address), OwnRequest)
    assert isinstance(await stored.env.decide(run, by=KIM), Decided)


async def test_someone_who_left_slack_is_not_asked_at_another_address(world: World) -> None:
    await world.approvers("lee@example.com")
    world.accounts.closed["lee"] = world.accounts.active.pop("lee")
    for reference in ("lee.kim@example.org", "role:finance"):
        run = await world.start() if isinstance(await world.register(reference, "kim@example.com"), Registered) else ""
        assert run == "" or "Lee" not in {row.person.name for row in (await world.env.request(run)).approvers}
    world.accounts.closed = {}
    people = await world.approvers("role:board")
    assert [person.name for person in people] == ["Noa", "Kim"], "no account has the address any more"


async def test_someone_who_left_slack_before_they_were_known_here_is_not_asked_at_another_address(world: World) -> None:
    world.accounts.closed["lee"] = world.accounts.active.pop("lee")
    refused = await world.register("lee.kim@example.org")
    assert refused == NotAllowed(why="The gate of step act: They are deactivated.")
    assert [person.name for person in await world.approvers("role:finance")] == ["Noa"]


async def test_without_slack_the_file_is_enough(tmp_path: Path) -> None:
    roles = file.read(ROLES.replace(', "group:leads"', "").replace("lee.kim@example.org]", "U012AB3CD]").encode())
    directory = DirectoryWithRoles(DirectoryWithEmail(TerminalDirectory()), lambda: roles)
    async with open_engine(tmp_path / "signoff.db", directory=directory) as env:
        await env.register(FLOW % '"role:finance", lee@example.com')
        (approver,) = (await env.request(await env.start())).approvers
        assert (approver.person.name, approver.person.addresses) == ("Lee Kim", (LEE,))
        assert isinstance(await env.decide(await env.start()), Decided)


_NAMES = ("a", "b", "c", "d", "e", "f")
_EMAILS = [f"{name}@example.com" for name in _NAMES]


_YES = st.booleans()


@st.composite
def overlaps(draw: st.DrawFn) -> tuple[AccountDirectory, Roles, Sequence[Reference]]:
    """Return accounts and groups in Slack, entries of people that join some of them, and references to them."""
    accounts = AccountDirectory(**{name: email for name, email in zip(_NAMES, _EMAILS, strict=True) if draw(_YES)})
    active = sorted(accounts.active)
    accounts.groups = {"g": draw(st.lists(st.sampled_from(active), unique=True)) if active else []}
    left, entries = draw(st.permutations(_EMAILS)), []
    while len(left) > 0 and draw(_YES):
        size = draw(st.integers(1, len(left)))
        mine, left = left[:size], left[size:]
        own = [account(name) for name in active if accounts.active[name] in mine]
        with_account = [draw(st.sampled_from(own))] if len(own) > 0 and draw(_YES) else []
        entries.append(PersonEntry(mine[0], (*(Address("email", email) for email in mine), *with_account)))
    texts = [*_EMAILS, "group:g", "role:r"]
    member = st.sampled_from(
        [Reference("email", email, email) for email in _EMAILS] + [Reference("group", "g", "group:g")]
    )
    roles = Roles({"r": tuple(draw(st.lists(member, unique=True, min_size=1)))}, tuple(entries))
    parsed = [parse(text) for text in draw(st.lists(st.sampled_from(texts), min_size=1, unique=True))]
    slack = [Reference("slack", name, name) for name in active if draw(_YES)]
    return accounts, roles, [*(reference for reference in parsed if reference is not None), *slack]


@settings(max_examples=example_count(100), deadline=None)
@given(overlaps())
def test_however_addresses_overlap_each_human_is_one_person(
    world: tuple[AccountDirectory, Roles, Sequence[Reference]],
) -> None:
    accounts, roles, references = world
    directory = DirectoryWithRoles(DirectoryWithEmail(accounts), lambda: roles)
    resolutions = asyncio.run(directory.resolve(references))

    def human(person: DirectoryPerson) -> object:
        emails = {address for address in person.addresses if address.kind == "email"}
        humans = {roles.entry([email]) or email for email in emails}
        assert len(humans) == 1, "the addresses of one person belong to one human"
        return humans.pop()

    people = [person for resolution in resolutions.values() for person in resolution.people]
    keys = {(human(person), person.addresses[0]) for person in people}
    assert len(keys) == len({who for who, _ in keys}), "each human is known by one address first"
    for reference, resolution in resolutions.items():
        assert resolution.people or reference.kind in ("group", "role"), "every person can be asked"


async def approve_by_two_addresses(world: World, policy: str, *, voted: Sequence[Address]) -> str:
    """Let persons approve, two of which the file says only afterwards to be one human. Return the run."""
    world.text, world.accounts.active = "people: []", {}
    source = FLOW % '"lee@example.com", "lee.kim@example.org", "kim@example.com"'
    await world.env.register(source.replace("]}}", f"], policy: {policy}}}}}"))
    run = await world.start(Address("email", "ann@example.com"))
    for address in voted:
        answer = await world.env.decide(run, by=address)
        assert isinstance(answer, Decided), answer
        assert answer.state is RequestState.PENDING
    world.text = ROLES
    await world.register("lee@example.com", "lee.kim@example.org")
    await world.start()
    return run


@pytest.mark.parametrize("first", [LEE, LEE_KIM])
async def test_one_human_with_two_addresses_cannot_give_both_approvals(stored: World, first: Address) -> None:
    """Not even if the directory hears only after the first approval that they are one."""
    run = await approve_by_two_addresses(stored, "{quorum: 2}", voted=[first])
    for address in (LEE, LEE_KIM):
        assert isinstance(await stored.env.decide(run, by=address), AlreadyVoted)
    request = await stored.env.request(run)
    assert [approver.person.name for approver in request.approvers] == ["Lee Kim", ""]
    assert [vote.person.name for vote in request.model.votes] == ["Lee Kim"]
    answer = await stored.env.decide(run, by=KIM)
    assert isinstance(answer, Decided)
    assert answer.state is RequestState.APPROVED


async def test_two_approvals_of_one_human_count_once_and_the_owner_takes_the_missing_place(stored: World) -> None:
    run = await approve_by_two_addresses(stored, "all", voted=[LEE, LEE_KIM])
    assert isinstance(await stored.env.decide(run, by=LEE), AlreadyVoted)
    await stored.env.settle()
    request = await stored.env.request(run)
    labels = {approver.person.label for approver in request.approvers}
    assert labels == {"Lee Kim", "kim@example.com", "sam@example.com"}
    assert len(request.model.votes) == 1
    states = [answer.state for by in (KIM, SAM) if isinstance(answer := await stored.env.decide(run, by=by), Decided)]
    assert states == [RequestState.PENDING, RequestState.APPROVED]


async def test_one_human_does_not_approve_their_own_change_by_another_address(stored: World) -> None:
    stored.text, stored.accounts.active = "people: []", {}
    source = FLOW % '"lee.kim@example.org", "mia@example.com"'
    await stored.env.register(source.replace("]}}", "], exclude: [editor]}}"))
    mia = Address("email", "mia@example.com")
    run = await stored.start(NOA)
    model = (await stored.env.request(run)).model
    edit = Decide(
        request=model.id,
        verdict=Verdict.APPROVE,
        actor=mia,
        content_version=1,
        digest=model.digest,
        origin=TERMINAL,
        assurance=Assurance.TERMINAL,
        edits={"a": 2},
    )
    changed = await stored.env.engine.decide(edit)
    assert isinstance(changed, Decided)
    assert changed.state is RequestState.PENDING
    stored.text = "people: [{name: Mia, addresses: [mia@example.com, lee.kim@example.org]}]"
    await stored.start(mia)
    for by in (LEE_KIM, mia):
        assert isinstance(await stored.env.decide(run, by=by), OwnEdit)
    await stored.env.settle()
    waiting = [row.person.label for row in (await stored.env.request(run)).model.tally.waiting]
    assert waiting == ["sam@example.com"]
    assert isinstance(await stored.env.decide(run, by=SAM), Decided)


async def test_the_owner_takes_the_place_of_a_deactivated_approver_whose_approval_is_needed(stored: World) -> None:
    source = FLOW % '"lee@example.com", "kim@example.com"'
    await stored.env.register(source.replace("]}}", "], policy: all}}"))
    run = await stored.start(NOA)
    await stored.env.engine.close_account(CloseAccount(account=account("lee")))
    request = await stored.env.request(run)
    assert [(approver.person.label, approver.excluded) for approver in request.approvers] == [
        ("Lee", "the account was deactivated"),
        ("Kim", None),
        ("sam@example.com", None),
    ]
    assert isinstance(await stored.env.decide(run, by=LEE), NoLongerApprover)
    states = [answer.state for by in (KIM, SAM) if isinstance(answer := await stored.env.decide(run, by=by), Decided)]
    assert states == [RequestState.PENDING, RequestState.APPROVED]


async def test_of_a_decision_and_a_deactivation_at_the_same_instant_one_is_first(stored: World) -> None:
    await stored.register("lee@example.com", "kim@example.com")
    for _ in range(5):
        run = await stored.start(NOA)
        closing = stored.env.engine.close_account(CloseAccount(account=account("lee")))
        answer, _ = await asyncio.gather(stored.env.decide(run, by=LEE), closing)
        request = await stored.env.request(run)
        if isinstance(answer, Decided):
            assert request.model.state is RequestState.APPROVED
        else:
            assert answer == NoLongerApprover(why="the account was deactivated")
            assert request.model.state is RequestState.PENDING
            assert request.approvers[0].excluded == "the account was deactivated"


async def test_hundreds_of_people_are_saved_in_parts_so_that_other_units_run_in_between(world: World) -> None:
    world.accounts.active = {f"u{at}": f"u{at}@example.com" for at in range(120)}
    world.accounts.groups["leads"] = [*world.accounts.active]
    group = Reference("group", "leads", "group:leads")
    units: list[Callable[[Tx], object]] = []

    async def transact(unit: Callable[[Tx], T]) -> T:
        units.append(unit)
        return await world.env.store.transact(unit)

    def count(tx: Tx, resolved: Resolved) -> int:
        return len(Recipients(tx, world.directory, resolved).answers([group])[group].people)

    assert await run_with_directory(transact, count, world.directory) == 120
    assert len(units) == 1 + 5 + 1, "the unit asks, 120 people are saved by 25, the unit runs again"
    assert len(await world.env.rows("SELECT id FROM person WHERE name LIKE 'U%'")) == 120


@settings(max_examples=example_count(15), deadline=None)
@given(overlaps(), st.data())
def test_no_human_gives_two_approvals_however_their_addresses_overlap(
    overlap: tuple[AccountDirectory, Roles, Sequence[Reference]], data: st.DataObject
) -> None:
    """Also if the file joins the addresses of a person only while the request waits."""
    accounts, joined, references = overlap
    rules = [f'"{reference.rule}"' for reference in references if reference.kind == "email"]
    source = FLOW % ", ".join([*rules, '"group:g"', '"role:r"'])
    separate = Roles(joined.members)
    mine = data.draw(st.sampled_from([entry.emails for entry in joined.people] or [(LEE,)]))
    own = [account(name) for name, email in accounts.active.items() if Address("email", email) in mine]
    tries = data.draw(st.permutations([*mine, *own]))
    join_at = data.draw(st.integers(0, len(tries)))
    file = [separate if join_at else joined]

    async def play(folder: Path) -> None:
        directory = DirectoryWithRoles(DirectoryWithEmail(accounts), lambda: file[0])
        async with open_engine(folder / "signoff.db", directory=directory) as env:
            await env.register(source.replace("]}}", "], policy: {quorum: 2}, exclude: []}}"))
            run = await env.start()
            for address in tries[:join_at]:
                await env.decide(run, by=address)
            if (await env.request(run)).model.state is RequestState.APPROVED:
                return  # Nothing said in time that they are one human.
            file[0] = joined
            for address in tries[join_at:]:
                await env.decide(run, by=address)
            assert (await env.request(run)).model.state is RequestState.PENDING

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))


# -- the file -----------------------------------------------------------------------------------------------


def test_a_changed_file_is_read_again_once_it_is_no_longer_being_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "roles.yaml"
    path.write_text("roles: {a: [a@example.com]}", encoding="utf-8")
    roles = RolesFile(path, needed=["role:a"])
    roles.load()

    def look_after(text: str | None, *, times: int = 2) -> list[str]:
        if text is None:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8")
            os.utime(path, ns=(0, len(text)))
        for _ in range(times):
            roles.look()
        return [*roles.current.members]

    assert look_after("roles: {a: [a@example.com], b: [b@example.com]}", times=1) == ["a"]
    roles.look()
    assert [*roles.current.members] == ["a", "b"]
    with caplog.at_level(logging.ERROR):
        assert look_after("roles: {a: [bob]}", times=9) == ["a", "b"]
        # Another test may have left a level at which earlier records are kept.
        (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert f"{path}:1:13: roles.a[0]: `bob` is not a member of a role" in record.getMessage()
        assert record.getMessage().endswith("Until then the roles and people stay as they were.")
        assert look_after("roles: {b: [b@example.com]}") == ["a", "b"]
        assert "SIGNOFF_BUILDERS: there is no role:a; add it to" in caplog.records[-1].getMessage()
        assert look_after(None, times=3) == ["a", "b"]
        assert f"{path} cannot be read: No such file or directory." in caplog.records[-1].getMessage()
    assert look_after("roles: {a: [c@example.com]}") == ["a"]


def test_a_role_in_the_settings_needs_a_file() -> None:
    with pytest.raises(SettingsError, match="SIGNOFF_BUILDERS: there is no role:a; set SIGNOFF_ROLES to the file"):
        RolesFile(needed=["role:a"]).load()
