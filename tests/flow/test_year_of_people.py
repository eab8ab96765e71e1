"""A year of people who join, are renamed, leave, come back, swap addresses and change groups, while requests wait.

The test knows which human has every account and reads every mailbox. Whatever the humans try, no decision is ever
recorded for another person. The directory is the local Slack, over HTTP.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.devtools.sandbox.world import User, Usergroup
from bot.email.directory import DirectoryWithEmail
from bot.slack.client import open_client
from bot.slack.directory import SlackDirectory
from bot.slack.rate_limit import RateLimiter
from engine.domain import (
    Address,
    AskCode,
    Assurance,
    Cancel,
    CodeSent,
    Decide,
    Decided,
    DeliveryKind,
    Done,
    GiveCode,
    Origin,
    Person,
    ProvenIdentity,
    Refusal,
    Register,
    RequestState,
    SignIn,
    Start,
    Started,
    Verdict,
)
from engine.ports import Route
from engine.read_models import RequestView
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.fakes import FakeClock

DAYS: Final = 365
POOL: Final = [f"desk{number}@example.com" for number in range(6)]
GROUP: Final = "finance-approvers"
FLOW: Final = """
name: NAME
owner: cleo@example.com
steps:
  - {id: act, uses: set, with: {n: 1}, gate: {approvers: ["WHO"], email: always}}
"""
WEB: Final = Origin(surface="web")
SLACK: Final = Origin(surface="slack")


class RecordingDirectory(DirectoryWithEmail):
    """A directory that reaches accounts on a recording channel, which the test reads."""

    def reach(self, person: Person) -> Sequence[Route]:
        routes = super().reach(person)
        return [Route("recording", route.address) if route.channel == "slack" else route for route in routes]


@dataclass
class Human:
    """One human, with their accounts, links, codes and browsers. `outside` is an address that belongs to no account."""

    name: str
    outside: str | None = None
    accounts: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    """Request and token of every review link that arrived in a mailbox while they read it."""
    codes: list[tuple[str, str, str]] = field(default_factory=list)
    """Challenge, holder and code of every code that they got and have not typed yet."""
    browsers: list[str] = field(default_factory=list)


class Year:
    """Simulates the humans and their accounts, and checks every decision of the engine against them."""

    def __init__(self, home: EngineEnv, slack: RunningSandbox, dice: random.Random) -> None:
        self.home, self.slack, self.dice = home, slack, dice
        self.humans: list[Human] = []
        self.human_of_account: dict[str, Human] = {}
        self.human_of_person: dict[str, Human] = {}
        """The human of each person, by the id of the person in decisions."""
        self.started_by: dict[str, Human] = {}
        self.gates: dict[str, str] = {}
        """The approver in the gate of each request."""
        self.read_copies = 0
        self.count: Counter[str] = Counter()

    # -- the truth --

    @property
    def users(self) -> dict[str, User]:
        return self.slack.world.users

    @property
    def group(self) -> Usergroup:
        return next(group for group in self.slack.world.usergroups.values() if group.handle == GROUP)

    def active(self, human: Human) -> User | None:
        return next((self.users[account] for account in human.accounts if not self.users[account].deleted), None)

    def account_of(self, email: str) -> User | None:
        """Return the active account of an address."""
        return next((user for user in self.users.values() if user.email == email and not user.deleted), None)

    def reader(self, email: str) -> Human | None:
        """Return the human who reads the mailbox of an address now."""
        account = self.account_of(email)
        if account is not None:
            return self.human_of_account.get(account.id)
        return next((human for human in self.humans if human.outside == email), None)

    def free_address(self) -> str | None:
        unused = [address for address in POOL if self.account_of(address) is None]
        return self.dice.choice(unused) if unused else None

    def names(self, gate: str, human: Human) -> bool:
        """Return whether a gate names this human now."""
        account = self.active(human)
        if gate.startswith("group:"):
            return account is not None and not account.is_restricted and account.id in self.group.users
        if "@" not in gate:
            return account is not None and not account.is_restricted and account.id == gate
        owner_of_address = self.account_of(gate)
        if owner_of_address is not None:
            return not owner_of_address.is_restricted and self.human_of_account.get(owner_of_address.id) is human
        return human.outside == gate

    @property
    def has_active_people(self) -> bool:
        return any(self.active(human) for human in self.humans)

    # -- changes of people --

    def add_account(self, human: Human | None = None, email: str | None = None) -> None:
        email = email or self.free_address()
        if email is None:
            return
        if human is None:
            human = Human(f"h{len(self.humans)}")
            self.humans.append(human)
        user = User(id=self.slack.world.new_id("U"), name=human.name, real_name=human.name.title(), email=email)
        self.users[user.id] = user
        human.accounts.append(user.id)
        self.human_of_account[user.id] = human
        if self.dice.random() < 0.5:
            self.group.users.append(user.id)

    def add_outsider(self) -> None:
        name = f"o{len(self.humans)}"
        self.humans.append(Human(name, outside=f"{name}@outside.example"))

    def add_account_of_outsider(self) -> None:
        outsiders = [human for human in self.humans if human.outside and not human.accounts]
        if outsiders:
            human = self.dice.choice(outsiders)
            self.add_account(human, human.outside)

    def deactivate(self) -> None:
        user = self.pick_user()
        if user is not None:
            user.deleted = True

    def bring_back(self) -> None:
        """Reactivate an account if its address is free, or add a new account."""
        former = [human for human in self.humans if human.accounts and self.active(human) is None]
        if not former:
            return
        human = self.dice.choice(former)
        old = self.users[human.accounts[0]]
        if self.dice.random() < 0.5 and self.account_of(old.email) is None:
            old.deleted = False
        else:
            self.add_account(human)

    def rename(self) -> None:
        user, email = self.pick_user(), self.free_address()
        if user is not None and email is not None:
            user.email = email

    def swap_addresses(self) -> None:
        first, second = self.pick_user(), self.pick_user()
        if first is not None and second is not None:
            first.email, second.email = second.email, first.email

    def change_group(self) -> None:
        user = self.pick_user()
        if user is not None and user.id in self.group.users:
            self.group.users.remove(user.id)
        elif user is not None:
            self.group.users.append(user.id)

    def toggle_guest(self) -> None:
        user = self.pick_user()
        if user is not None:
            user.is_restricted = not user.is_restricted

    def pick_user(self) -> User | None:
        """Return a random active account with an address of the pool. Outside addresses never change hands."""
        users = [user for user in map(self.active, self.humans) if user is not None and user.email in POOL]
        return self.dice.choice(users) if users else None

    # -- actions of people --

    async def open_request(self) -> None:
        starter = self.dice.choice([human for human in self.humans if self.active(human)])
        account = self.active(starter)
        assert account is not None
        outside = [human.outside for human in self.humans if human.outside]
        gate = self.dice.choice([*POOL, *outside, f"group:{GROUP}", f"group:{GROUP}", account.id])
        name = f"n{self.count['opened']}"
        source = FLOW.replace("NAME", name).replace("WHO", gate)
        if isinstance(await self.register(source), Refusal):
            return
        actor = Address("slack", account.id)
        answer = await self.home.engine.start(Start(workflow=name, inputs={}, actor=actor, origin=SLACK))
        if account.is_restricted:
            assert isinstance(answer, Refusal), "guests start nothing"
            return
        assert isinstance(answer, Started), answer
        await self.home.settle()
        self.started_by[answer.run] = starter
        self.count["opened"] += 1
        if not await self.home.engine.requests_of_run(answer.run):
            return  # the directory did not answer in time, so the approvers are resolved later
        request = await self.home.request(answer.run)
        self.gates[request.id] = gate
        await self.check_approvers(request, gate)

    async def register(self, source: str) -> object:
        cleo = Address("email", "cleo@example.com")
        return await self.home.engine.register(Register(source=source.encode(), actor=cleo, origin=SLACK))

    async def check_approvers(self, request: RequestView, gate: str) -> None:
        """Check that the gate names everyone who is asked, and that copies go to their current account and address."""
        fell_back = any("so the owner of the workflow decides" in note for note in request.notes)
        for approver in request.approvers:
            account = approver.person.account
            human = self.human_of_account.get(account.value) if account else self.reader(str(approver.person.email))
            if fell_back or human is None:
                continue
            assert self.names(gate, human), (gate, approver)
        for copy in await self.home.engine.deliveries(request=request.id):
            if copy.kind is DeliveryKind.REQUEST and not fell_back and copy.channel == "recording":
                assert self.names(gate, self.human_of_account[copy.address])

    async def try_to_decide(self) -> None:
        """Try to decide a random open request as a random human, in a random way."""
        waiting = [request for request in self.gates if (await self.view(request)).model.state is RequestState.PENDING]
        if not waiting:
            return
        request, human = self.dice.choice(waiting), self.dice.choice(self.humans)
        approvers = [other for other in self.humans if self.names(self.gates[request], other)]
        if approvers and self.dice.random() < 0.6:
            human = self.dice.choice(approvers)
        way = self.dice.choice([self.decide_by_click, self.decide_in_browser, self.decide_by_code])
        await way(request, human)

    async def decide_by_click(self, request: str, human: Human) -> None:
        account = self.active(human)
        if account is not None:
            command = await self.command(request, Address("slack", account.id), Assurance.SLACK, SLACK)
            await self.check_decision(request, human, "click", await self.home.engine.decide(command))

    async def decide_in_browser(self, request: str, human: Human) -> None:
        """Decide in a browser that was remembered for this human at any time."""
        if human.browsers:
            browser = self.dice.choice([human.browsers[-1], self.dice.choice(human.browsers)])
            proof: dict[str, Any] = {"browser": browser}
            command = await self.command(request, Address("email", "x@example.com"), Assurance.LINK, WEB, **proof)
            await self.check_decision(request, human, "browser", await self.home.engine.decide(command))

    async def decide_by_code(self, request: str, human: Human) -> None:
        """Decide with a link and the code that is sent to its address, if this human still reads that mailbox."""
        tokens = [token for of, token in human.links if of == request]
        if not tokens:
            return
        command = await self.command(request, Address("email", "x@example.com"), Assurance.LINK, WEB, link=tokens[-1])
        answer = await self.home.identity.ask_code(AskCode(decide=command, holder=human.name))
        if not isinstance(answer, CodeSent):
            await self.check_decision(request, human, "code", answer)
            return
        await self.read_mail(answer.challenge, human.name)
        if not human.codes or human.codes[-1][0] != answer.challenge:
            return
        challenge, holder, code = human.codes.pop()
        proven = await self.home.identity.give_code(GiveCode(challenge=challenge, holder=holder, code=code))
        if isinstance(proven, ProvenIdentity):
            human.browsers.append(proven.browser)
            assert proven.answer is not None
            await self.check_decision(request, human, "code", proven.answer)

    async def sign_in(self) -> None:
        """Request a code to sign in for a human, who types it now or some days later."""
        email = self.dice.choice([*POOL, *(outsider.outside for outsider in self.humans if outsider.outside)])
        human = self.reader(email)
        if human is None:
            return
        code_sent = await self.home.identity.sign_in(SignIn(email=email, holder=human.name))
        assert isinstance(code_sent, CodeSent)
        await self.read_mail(code_sent.challenge, human.name)

    async def type_codes(self) -> None:
        for human in self.humans:
            for challenge, holder, code in human.codes:
                proven = await self.home.identity.give_code(GiveCode(challenge=challenge, holder=holder, code=code))
                if isinstance(proven, ProvenIdentity):
                    human.browsers.append(proven.browser)
                    self.count["signed in"] += 1
                    account = proven.person.account
                    assert account is None or self.human_of_account[account.value] is human
            human.codes.clear()

    async def cancel(self) -> None:
        """Try to cancel a run as a human who may not be its requester."""
        if not self.started_by:
            return
        run, human = self.dice.choice([*self.started_by]), self.dice.choice(self.humans)
        if self.dice.random() < 0.3:
            human = self.started_by[run]
        account = self.active(human)
        if account is None:
            return
        answer = await self.home.engine.cancel(Cancel(run=run, actor=Address("slack", account.id), origin=SLACK))
        if isinstance(answer, Done):
            assert self.started_by[run] is human, "the right to cancel is not theirs"
            self.count["cancelled"] += 1
        else:
            self.count["not cancelled"] += 1

    # -- checks --

    async def read_mail(self, challenge: str | None = None, holder: str = "") -> None:
        """Give the new emails to the humans who read their mailboxes now."""
        await self.home.settle()
        copies = [*self.home.mail.channel.posted.values()]
        for copy in copies[self.read_copies :]:
            human, card = self.reader(copy.address), copy.cards[0]
            if human is None:
                continue
            if card.kind is DeliveryKind.REQUEST and card.request and card.token:
                human.links.append((card.request, card.token))
            if card.kind is DeliveryKind.CODE and card.code and challenge:
                human.codes.append((challenge, holder, card.code))
        self.read_copies = len(copies)

    async def view(self, request: str) -> RequestView:
        view = await self.home.engine.request(request)
        assert view is not None
        return view

    async def command(self, request: str, actor: Address, assurance: Assurance, origin: Origin, **proof: Any) -> Decide:
        model = (await self.view(request)).model
        return Decide(
            request=request,
            verdict=Verdict.APPROVE,
            actor=actor,
            content_version=model.content_version,
            digest=model.digest,
            origin=origin,
            assurance=assurance,
            **proof,
        )

    async def check_decision(self, request: str, human: Human, way: str, answer: object) -> None:
        """Check that a decision is recorded for the human who made it, and for no other."""
        if not isinstance(answer, Decided):
            assert isinstance(answer, Refusal), answer
            self.count[f"{way} refused"] += 1
            return
        entries = await self.home.engine.story(answer.run)
        recorded: Any = next(entry.content for entry in entries if entry.kind == "request.approved")
        if "unchecked" in recorded:  # the directory did not answer in time, and the record says so
            self.count["unchecked"] += 1
            return
        self.count[way] += 1
        assert self.names(self.gates[request], human), f"{human.name} is not meant by {self.gates[request]}"
        decision = (await self.view(request)).decision
        assert decision is not None
        assert self.human_of_person.setdefault(decision.person.id, human) is human, "one person, two humans"
        for address in recorded["person"]["addresses"]:
            if address.startswith("slack:"):
                assert self.human_of_account[address.removeprefix("slack:")] is human
            else:
                assert self.reader(address) is human, f"{address} is not read by {human.name}"


@asynccontextmanager
async def year(path: Path, seed: int) -> AsyncIterator[Year]:
    clock, dice = FakeClock(), random.Random(seed)
    async with sandbox() as slack:
        slack.rates.configure(enabled=False)
        token, pace = slack.app.bot_token, RateLimiter(multiplier=1000)
        async with open_client(token=token, api_url=slack.api_url, pace=pace) as client:
            directory = RecordingDirectory(SlackDirectory(client, now=lambda: clock.at.timestamp()))
            async with open_engine(path, directory=directory, clock=clock) as home:
                yield Year(home, slack, dice)


@pytest.mark.parametrize("seed", [1, 2])
async def test_in_a_year_no_decision_is_recorded_for_another_person(tmp_path: Path, seed: int) -> None:
    async with year(tmp_path / "signoff.db", seed) as year_of_people:
        year_of_people.group.users.clear()
        for _ in range(4):
            year_of_people.add_account()
        year_of_people.add_outsider()
        changes = [
            year_of_people.add_account,
            year_of_people.add_outsider,
            year_of_people.add_account_of_outsider,
            year_of_people.deactivate,
            year_of_people.bring_back,
            year_of_people.rename,
            year_of_people.swap_addresses,
            year_of_people.swap_addresses,
            year_of_people.change_group,
            year_of_people.toggle_guest,
        ]
        day = 0
        while day < DAYS:
            passes = year_of_people.dice.choice([0, 0, 1, 1, 2])
            day += passes
            year_of_people.home.pass_time(days=passes, minutes=2)
            if year_of_people.dice.random() < 0.4:
                year_of_people.dice.choice(changes)()
            acts = [
                *[year_of_people.open_request] * 3,
                *[year_of_people.try_to_decide] * 6,
                *[year_of_people.sign_in] * 2,
                year_of_people.type_codes,
                year_of_people.cancel,
            ]
            if year_of_people.has_active_people:
                await year_of_people.dice.choice(acts)()
                await year_of_people.read_mail()
        decided = sum(year_of_people.count[way] for way in ("click", "browser", "code"))
        refused = sum(year_of_people.count[f"{way} refused"] for way in ("click", "browser", "code"))
        assert decided > 10, year_of_people.count
        assert refused > 10, year_of_people.count
        assert all(year_of_people.count[way] for way in ("click", "browser", "code", "not cancelled")), (
            year_of_people.count
        )
        assert year_of_people.count["unchecked"] < decided / 10, year_of_people.count
