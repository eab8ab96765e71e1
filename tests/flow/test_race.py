"""Two hundred decisions at once, half of them in Slack and half on the page: ten people each, ten times each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from yarl import URL

from bot import page_urls
from bot.devtools.sandbox.server import SimulatedPerson
from bot.devtools.sandbox.world import User
from engine.domain import DEFAULT_WORKSPACE, Address
from engine.store import browsers, people
from engine.store.port import Tx
from tests.support import html_forms
from tests.support.server_env import ServerEnv, open_server
from tests.support.slack_env import buttons, copy_of, ephemeral_texts

EACH = 10
TIMES = 10
ASKS = """\
name: pay
title: Pay a supplier
steps:
  - id: pay
    uses: set
    with: {amount: 900}
    gate: {title: "Pay 900 EUR?", approvers: [WHO], edit: [amount]}
"""


def joined(here: ServerEnv, number: int) -> SimulatedPerson:
    """Somebody new in Slack."""
    world = here.sandbox.world
    made = User(id=world.new_id("U"), name=f"p{number}", real_name=f"P {number}", email=f"p{number}@example.com")
    world.users[made.id] = made
    return SimulatedPerson(here.sandbox.slack, made.id)


@dataclass
class Reader:
    """Somebody at the review page, in a browser that is remembered."""

    email: str
    session: aiohttp.ClientSession
    form: html_forms.Form
    url: str

    async def presses(self, verdict: str) -> tuple[int, str]:
        """What the page says then."""
        fields, headers = aiohttp.FormData(self.form.with_(verdict=verdict)), {"Sec-Fetch-Site": "same-origin"}
        async with self.session.post(self.url + self.form.action, data=fields, headers=headers) as answer:
            return answer.status, html_forms.read(await answer.text()).text


@asynccontextmanager
async def readers(here: ServerEnv, request: str) -> AsyncIterator[list[Reader]]:
    """All who were asked by mail, with the page open."""
    async with AsyncExitStack() as stack:
        made = []
        for number in range(EACH):
            jar = aiohttp.CookieJar(unsafe=True)
            session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
            email = f"m{number}@example.com"
            jar.update_cookies({"signoff-browser": await remembered(here, email)}, URL(here.url))
            async with session.get(f"{here.url}{page_urls.REVIEW}/{request}") as answer:
                made.append(Reader(email, session, html_forms.read(await answer.text()).form, here.url))
        yield made


async def remembered(here: ServerEnv, email: str) -> str:
    """The secret of a browser that is remembered for whoever reads that mail."""

    def unit(tx: Tx) -> str:
        person = people.need_person(tx, DEFAULT_WORKSPACE, Address("email", email))
        return browsers.remember(tx, DEFAULT_WORKSPACE, person, email, "Firefox on Linux")[0]

    return await here.app.store.transact(unit)


async def test_of_two_hundred_decisions_one_wins_and_all_others_are_answered(tmp_path: Path) -> None:
    async with open_server(tmp_path, in_slack=True) as here:
        clickers = [joined(here, number) for number in range(EACH)]
        mails = [f"m{number}@example.com" for number in range(EACH)]
        await here.register(ASKS.replace("WHO", ", ".join([*(one.user.email for one in clickers), *mails])))
        run = await here.start("pay")
        request = (await here.request(run)).id
        await here.sandbox.until(lambda: all(one.sees() for one in clickers), seconds=30)
        await here.sandbox.mail.wait_for(subject="Pay 900 EUR?", count=EACH, seconds=30)
        copies = [copy_of(one, "Pay 900 EUR?") for one in clickers]
        async with readers(here, request) as reading:
            clicks = [
                one.click("Approve", on=copy) for one, copy in zip(clickers, copies, strict=True) for _ in range(TIMES)
            ]
            presses = [one.presses("approve") for one in reading for _ in range(TIMES)]
            _, answers = await asyncio.gather(asyncio.gather(*clicks), asyncio.gather(*presses))
        decision = (await here.request(run)).decision
        assert decision is not None
        assert len([one for one in await here.app.engine.story(run) if one.kind == "request.approved"]) == 1
        by = decision.person.name or str(decision.person.email)
        assert {status for status, _ in answers} <= {200, 409}
        assert all(f"pproved by {by}" in said for _, said in answers), answers

        def told(one: SimulatedPerson) -> int:
            return len(ephemeral_texts(here.sandbox, one)) + (one.user.real_name == by)

        await here.sandbox.until(lambda: all(told(one) == TIMES for one in clickers), seconds=30)
        sentences = [said for one in clickers for said in ephemeral_texts(here.sandbox, one)]
        assert all("already approved by" in said for said in sentences), sentences
        await here.sandbox.until(lambda: not any(buttons(copy_of(one, "Pay 900 EUR?")) for one in clickers), seconds=30)
        await here.sandbox.mail.wait_for(subject="Re: Pay 900 EUR?", count=EACH, seconds=30)
