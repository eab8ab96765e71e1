"""A year of people who join, are renamed, leave, come back, swap addresses and change groups, while requests wait.

The test knows which human sits behind every account and reads every mailbox. Whatever they try, no decision is ever
taken or recorded for somebody else. Accounts and answers are those of the local Slack, over HTTP.
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
    """Accounts are reached on the channel that the test reads."""

    def reach(self, person: Person) -> Sequence[Route]:
        routes = super().reach(person)
        return [Route("recording", one.address) if one.channel == "slack" else one for one in routes]


@dataclass
class Human:
    """One human. `outside`: the address that is theirs alone; the rest is what they hold."""

    name: str
    outside: str | None = None
    accounts: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    """The request and the token of every review link that came to a mailbox while they read it."""
    codes: list[tuple[str, str, str]] = field(default_factory=list)
    """Challenge, holder and code of every code that they got and did not type so far."""
    browsers: list[str] = field(default_factory=list)


class Year:
    """The world, what is true in it, and the engine that has to find it out."""

    def __init__(self, home: EngineEnv, slack: RunningSandbox, dice: random.Random) -> None:
        self.home, self.slack, self.dice = home, slack, dice
        self.humans: list[Human] = []
        self.behind: dict[str, Human] = {}
        """By account."""
        self.who_is: dict[str, Human] = {}
        """By the id of a person: the human whom decisions name by it."""
        self.started_by: dict[str, Human] = {}
        self.gates: dict[str, str] = {}
        """By request: what its gate names."""
        self.read_letters = 0
        self.count: Counter[str] = Counter()

    # -- what is true --

    @property
    def users(self) -> dict[str, User]:
        return self.slack.world.users

    @property
    def group(self) -> Usergroup:
        return next(one for one in self.slack.world.usergroups.values() if one.handle == GROUP)

    def active(self, human: Human) -> User | None:
        return next((self.users[one] for one in human.accounts if not self.users[one].deleted), None)

    def holder(self, email: str) -> User | None:
        """The active account of an address."""
        return next((one for one in self.users.values() if one.email == email and not one.deleted), None)

    def reader(self, email: str) -> Human | None:
        """Who reads the mailbox of an address now."""
        held = self.holder(email)
        if held is not None:
            return self.behind.get(held.id)
        return next((one for one in self.humans if one.outside == email), None)

    def free(self) -> str | None:
        unused = [one for one in POOL if self.holder(one) is None]
        return self.dice.choice(unused) if unused else None

    def means(self, gate: str, human: Human) -> bool:
        """Whether a gate names this human now."""
        account = self.active(human)
        if gate.startswith("group:"):
            return account is not None and not account.is_restricted and account.id in self.group.users
        if "@" not in gate:
            return account is not None and not account.is_restricted and account.id == gate
        held = self.holder(gate)
        if held is not None:
            return not held.is_restricted and self.behind.get(held.id) is human
        return human.outside == gate

    @property
    def active_people(self) -> bool:
        return any(self.active(one) for one in self.humans)

    # -- what happens to people --

    def joins(self, human: Human | None = None, email: str | None = None) -> None:
        email = email or self.free()
        if email is None:
            return
        if human is None:
            human = Human(f"h{len(self.humans)}")
            self.humans.append(human)
        user = User(id=self.slack.world.new_id("U"), name=human.name, real_name=human.name.title(), email=email)
        self.users[user.id] = user
        human.accounts.append(user.id)
        self.behind[user.id] = human
        if self.dice.random() < 0.5:
            self.group.users.append(user.id)

    def outsider(self) -> None:
        name = f"o{len(self.humans)}"
        self.humans.append(Human(name, outside=f"{name}@outside.example"))

    def outsider_joins(self) -> None:
        found = [one for one in self.humans if one.outside and not one.accounts]
        if found:
            human = self.dice.choice(found)
            self.joins(human, human.outside)

    def leaves(self) -> None:
        user = self.somebody()
        if user is not None:
            user.deleted = True

    def returns(self) -> None:
        """To the old account where its address is free, or with a new one."""
        gone = [one for one in self.humans if one.accounts and self.active(one) is None]
        if not gone:
            return
        human = self.dice.choice(gone)
        old = self.users[human.accounts[0]]
        if self.dice.random() < 0.5 and self.holder(old.email) is None:
            old.deleted = False
        else:
            self.joins(human)

    def is_renamed(self) -> None:
        user, email = self.somebody(), self.free()
        if user is not None and email is not None:
            user.email = email

    def swap(self) -> None:
        one, other = self.somebody(), self.somebody()
        if one is not None and other is not None:
            one.email, other.email = other.email, one.email

    def changes_group(self) -> None:
        user = self.somebody()
        if user is not None and user.id in self.group.users:
            self.group.users.remove(user.id)
        elif user is not None:
            self.group.users.append(user.id)

    def becomes_guest_or_member(self) -> None:
        user = self.somebody()
        if user is not None:
            user.is_restricted = not user.is_restricted

    def somebody(self) -> User | None:
        """An account of the pool's addresses; what is outside of it stays with whom it belongs to."""
        there = [one for one in map(self.active, self.humans) if one is not None and one.email in POOL]
        return self.dice.choice(there) if there else None

    # -- what people do --

    async def opens(self) -> None:
        starter = self.dice.choice([one for one in self.humans if self.active(one)])
        account = self.active(starter)
        assert account is not None
        outside = [one.outside for one in self.humans if one.outside]
        gate = self.dice.choice([*POOL, *outside, f"group:{GROUP}", f"group:{GROUP}", account.id])
        name = f"n{self.count['opened']}"
        source = FLOW.replace("NAME", name).replace("WHO", gate)
        if isinstance(await self.registered(source), Refusal):
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
            return  # a busy machine did not answer itself in time; whom to ask is found out later
        request = await self.home.request(answer.run)
        self.gates[request.id] = gate
        await self.check_asked(request, gate)

    async def registered(self, source: str) -> object:
        cleo = Address("email", "cleo@example.com")
        return await self.home.engine.register(Register(source=source.encode(), actor=cleo, origin=SLACK))

    async def check_asked(self, request: RequestView, gate: str) -> None:
        """Everybody who is asked is meant, and their copies go to the account and the address that are theirs now."""
        fell_back = any("so the owner of the workflow is" in one for one in request.notes)
        for approver in request.approvers:
            account = approver.person.account
            human = self.behind.get(account.value) if account else self.reader(str(approver.person.email))
            if fell_back or human is None:
                continue
            assert self.means(gate, human), (gate, approver)
        for copy in await self.home.engine.deliveries(request=request.id):
            if copy.kind is DeliveryKind.REQUEST and not fell_back and copy.channel == "recording":
                assert self.means(gate, self.behind[copy.address])

    async def tries(self) -> None:
        """Somebody tries to decide some open request, in some way."""
        waiting = [one for one in self.gates if (await self.view(one)).model.state is RequestState.PENDING]
        if not waiting:
            return
        request, human = self.dice.choice(waiting), self.dice.choice(self.humans)
        meant = [one for one in self.humans if self.means(self.gates[request], one)]
        if meant and self.dice.random() < 0.6:
            human = self.dice.choice(meant)
        way = self.dice.choice([self.clicks, self.in_browser, self.by_code])
        await way(request, human)

    async def clicks(self, request: str, human: Human) -> None:
        account = self.active(human)
        if account is not None:
            command = await self.command(request, Address("slack", account.id), Assurance.SLACK, SLACK)
            await self.decided(request, human, "click", await self.home.engine.decide(command))

    async def in_browser(self, request: str, human: Human) -> None:
        """With any browser that was ever remembered for them."""
        if human.browsers:
            browser = self.dice.choice([human.browsers[-1], self.dice.choice(human.browsers)])
            held: dict[str, Any] = {"browser": browser}
            command = await self.command(request, Address("email", "x@example.com"), Assurance.LINK, WEB, **held)
            await self.decided(request, human, "browser", await self.home.engine.decide(command))

    async def by_code(self, request: str, human: Human) -> None:
        """With a link that they got, and the code that goes to its address, if it is still they who read it."""
        tokens = [token for of, token in human.links if of == request]
        if not tokens:
            return
        command = await self.command(request, Address("email", "x@example.com"), Assurance.LINK, WEB, link=tokens[-1])
        answer = await self.home.identity.ask_code(AskCode(decide=command, holder=human.name))
        if not isinstance(answer, CodeSent):
            await self.decided(request, human, "code", answer)
            return
        await self.read_mail(answer.challenge, human.name)
        if not human.codes or human.codes[-1][0] != answer.challenge:
            return
        challenge, holder, code = human.codes.pop()
        given = await self.home.identity.give_code(GiveCode(challenge=challenge, holder=holder, code=code))
        if isinstance(given, ProvenIdentity):
            human.browsers.append(given.browser)
            assert given.answer is not None
            await self.decided(request, human, "code", given.answer)

    async def signs_in(self) -> None:
        """Somebody has a code sent to an address that they read, and types it now or some days later."""
        email = self.dice.choice([*POOL, *(one.outside for one in self.humans if one.outside)])
        human = self.reader(email)
        if human is None:
            return
        sent = await self.home.identity.sign_in(SignIn(email=email, holder=human.name))
        await self.read_mail(sent.challenge, human.name)

    async def types_codes(self) -> None:
        for human in self.humans:
            for challenge, holder, code in human.codes:
                given = await self.home.identity.give_code(GiveCode(challenge=challenge, holder=holder, code=code))
                if isinstance(given, ProvenIdentity):
                    human.browsers.append(given.browser)
                    self.count["signed in"] += 1
                    account = given.person.account
                    assert account is None or self.behind[account.value] is human
            human.codes.clear()

    async def cancels(self) -> None:
        """Somebody tries to cancel a run of which they may not be the requester."""
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

    # -- how it is looked at --

    async def read_mail(self, challenge: str | None = None, holder: str = "") -> None:
        """What came to the mailboxes goes to those who read them now."""
        await self.home.settle()
        letters = [*self.home.mail.channel.posted.values()]
        for letter in letters[self.read_letters :]:
            human, card = self.reader(letter.address), letter.cards[0]
            if human is None:
                continue
            if card.kind is DeliveryKind.REQUEST and card.request and card.token:
                human.links.append((card.request, card.token))
            if card.kind is DeliveryKind.CODE and card.code and challenge:
                human.codes.append((challenge, holder, card.code))
        self.read_letters = len(letters)

    async def view(self, request: str) -> RequestView:
        view = await self.home.engine.request(request)
        assert view is not None
        return view

    async def command(self, request: str, actor: Address, assurance: Assurance, origin: Origin, **held: Any) -> Decide:
        asked = (await self.view(request)).model
        return Decide(
            request=request,
            verdict=Verdict.APPROVE,
            actor=actor,
            content_version=asked.content_version,
            digest=asked.digest,
            origin=origin,
            assurance=assurance,
            **held,
        )

    async def decided(self, request: str, human: Human, way: str, answer: object) -> None:
        """A decision is of the human who made it, and of nobody else, by all that is on the record."""
        if not isinstance(answer, Decided):
            assert isinstance(answer, Refusal), answer
            self.count[f"{way} refused"] += 1
            return
        entries = await self.home.engine.story(answer.run)
        recorded: Any = next(one.content for one in entries if one.kind == "request.approved")
        if "unchecked" in recorded:  # a busy machine did not answer itself in time, and the record says so
            self.count["unchecked"] += 1
            return
        self.count[way] += 1
        assert self.means(self.gates[request], human), f"{human.name} is not meant by {self.gates[request]}"
        decision = (await self.view(request)).decision
        assert decision is not None
        assert self.who_is.setdefault(decision.person.id, human) is human, "one person, two humans"
        for address in recorded["person"]["addresses"]:
            if address.startswith("slack:"):
                assert self.behind[address.removeprefix("slack:")] is human
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
async def test_in_a_year_no_decision_is_taken_for_somebody_else(tmp_path: Path, seed: int) -> None:
    async with year(tmp_path / "signoff.db", seed) as here:
        here.group.users.clear()
        for _ in range(4):
            here.joins()
        here.outsider()
        changes = [
            here.joins,
            here.outsider,
            here.outsider_joins,
            here.leaves,
            here.returns,
            here.is_renamed,
            here.swap,
            here.swap,
            here.changes_group,
            here.becomes_guest_or_member,
        ]
        day = 0
        while day < DAYS:
            passes = here.dice.choice([0, 0, 1, 1, 2])
            day += passes
            here.home.pass_time(days=passes, minutes=2)
            if here.dice.random() < 0.4:
                here.dice.choice(changes)()
            acts = [*[here.opens] * 3, *[here.tries] * 6, *[here.signs_in] * 2, here.types_codes, here.cancels]
            if here.active_people:
                await here.dice.choice(acts)()
                await here.read_mail()
        decided = sum(here.count[way] for way in ("click", "browser", "code"))
        refused = sum(here.count[f"{way} refused"] for way in ("click", "browser", "code"))
        assert decided > 10, here.count
        assert refused > 10, here.count
        assert all(here.count[way] for way in ("click", "browser", "code", "not cancelled")), here.count
        assert here.count["unchecked"] < decided / 10, here.count
