"""Two hundred decisions at once: ten people in Slack and ten on the page decide ten times each."""

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

PEOPLE_PER_SURFACE = 10
DECISIONS_PER_PERSON = 10
PAY_WORKFLOW = """\
name: pay
title: Pay a supplier
steps:
  - id: pay
    uses: set
    with: {amount: 900}
    gate: {title: "Pay 900 EUR?", approvers: [WHO], edit: [amount]}
"""


def add_person(env: ServerEnv, number: int) -> SimulatedPerson:
    """Add a person to Slack, and return them."""
    world = env.sandbox.world
    user = User(id=world.new_id("U"), name=f"p{number}", real_name=f"P {number}", email=f"p{number}@example.com")
    world.users[user.id] = user
    return SimulatedPerson(env.sandbox.slack, user.id)


@dataclass
class Reader:
    """A person at the review page, in a remembered browser."""

    email: str
    session: aiohttp.ClientSession
    form: html_forms.Form
    url: str

    async def press(self, verdict: str) -> tuple[int, str]:
        """Press a button, and return the status and the text of the page."""
        fields, headers = aiohttp.FormData(self.form.with_(verdict=verdict)), {"Sec-Fetch-Site": "same-origin"}
        async with self.session.post(self.url + self.form.action, data=fields, headers=headers) as answer:
            return answer.status, html_forms.read(await answer.text()).text


@asynccontextmanager
async def readers(env: ServerEnv, request: str) -> AsyncIterator[list[Reader]]:
    """Yield the people who were asked by email, with the review page open."""
    async with AsyncExitStack() as stack:
        page_readers = []
        for number in range(PEOPLE_PER_SURFACE):
            jar = aiohttp.CookieJar(unsafe=True)
            session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
            email = f"m{number}@example.com"
            jar.update_cookies({"signoff-browser": await remember_browser(env, email)}, URL(env.url))
            async with session.get(f"{env.url}{page_urls.REVIEW}/{request}") as answer:
                page_readers.append(Reader(email, session, html_forms.read(await answer.text()).form, env.url))
        yield page_readers


async def remember_browser(env: ServerEnv, email: str) -> str:
    """Remember a browser for the person with this address, and return its secret."""

    def unit(tx: Tx) -> str:
        person = people.need_person(tx, DEFAULT_WORKSPACE, Address("email", email))
        return browsers.remember(tx, DEFAULT_WORKSPACE, person, email, "Firefox on Linux")[0]

    return await env.app.store.transact(unit)


async def test_of_two_hundred_decisions_one_wins_and_all_others_are_answered(tmp_path: Path) -> None:
    async with open_server(tmp_path, in_slack=True) as env:
        clickers = [add_person(env, number) for number in range(PEOPLE_PER_SURFACE)]
        emails = [f"m{number}@example.com" for number in range(PEOPLE_PER_SURFACE)]
        await env.register(
            PAY_WORKFLOW.replace("WHO", ", ".join([*(person.user.email for person in clickers), *emails]))
        )
        run = await env.start("pay")
        request = (await env.request(run)).id
        await env.sandbox.until(lambda: all(person.sees() for person in clickers), seconds=30)
        await env.sandbox.mail.wait_for(subject="Pay 900 EUR?", count=PEOPLE_PER_SURFACE, seconds=30)
        copies = [copy_of(person, "Pay 900 EUR?") for person in clickers]
        async with readers(env, request) as page_readers:
            clicks = [
                person.click("Approve", on=copy)
                for person, copy in zip(clickers, copies, strict=True)
                for _ in range(DECISIONS_PER_PERSON)
            ]
            clicks_on_pages = [reader.press("approve") for reader in page_readers for _ in range(DECISIONS_PER_PERSON)]
            _, answers = await asyncio.gather(asyncio.gather(*clicks), asyncio.gather(*clicks_on_pages))
        decision = (await env.request(run)).decision
        assert decision is not None
        assert len([entry for entry in await env.app.engine.story(run) if entry.kind == "request.approved"]) == 1
        decider = decision.person.name or str(decision.person.email)
        assert {status for status, _ in answers} <= {200, 409}
        assert all(f"pproved by {decider}" in sentence for _, sentence in answers), answers

        def count_answers(person: SimulatedPerson) -> int:
            return len(ephemeral_texts(env.sandbox, person)) + (person.user.real_name == decider)

        await env.sandbox.until(
            lambda: all(count_answers(person) == DECISIONS_PER_PERSON for person in clickers), seconds=30
        )
        sentences = [sentence for person in clickers for sentence in ephemeral_texts(env.sandbox, person)]
        assert all("already approved this request, " in sentence for sentence in sentences), sentences
        await env.sandbox.until(
            lambda: all(buttons(copy_of(person, "Pay 900 EUR?")) == ["Details"] for person in clickers), seconds=30
        )
        await env.sandbox.mail.wait_for(subject="Re: Pay 900 EUR?", count=PEOPLE_PER_SURFACE, seconds=30)
