"""Windows on the page, short ways to act in them, and ways around the page to set things up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from bot.devtools.demo import workflows
from bot.devtools.demo.servers import DemoEnvironment
from bot.devtools.sandbox import RunningSandbox
from engine.domain import Address, Origin, Register, Registered, Start, Started

expect.set_options(timeout=6_000)
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 360, "height": 740}


@dataclass
class Desk:
    """`complaints`: what went wrong in any window: console errors, uncaught exceptions, refused resources."""

    stage: DemoEnvironment
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    offline: bool = False
    """The browser itself writes a line about every request that fails."""
    contexts: list[BrowserContext] = field(default_factory=list)

    async def window(
        self, who: str | None, place: str = "app", *, size: dict[str, int] = WIDE, at: RunningSandbox | None = None
    ) -> Page:
        """A browser of its own, as if somebody else sat at it. `at`: another sandbox than that of the stage."""
        context = await self.browser.new_context(
            viewport={"width": size["width"], "height": size["height"]}, reduced_motion="reduce", color_scheme="light"
        )
        self.contexts.append(context)
        address = (at or self.stage.slack).page_url
        return await self.tab(context, address if who is None else f"{address}?as={who}#/{place}")

    async def tab(self, context: BrowserContext, address: str) -> Page:
        """One more window of a browser."""
        page = await context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        await page.goto(address)
        await page.locator("h1").first.wait_for()
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not (self.offline and "net::ERR_" in message.text):
            self.complaints.append(f"{message.type}: {message.text}")

    async def close(self) -> None:
        for one in self.contexts:
            await one.close()

    # -- around the page --

    def _of(self, who: str) -> tuple[Address, Origin]:
        name = self.stage.slack.person(who).id
        place = {"user": name, "channel": self.stage.slack.channel("general")}
        return Address("slack", name), Origin(surface="slack", place=place)

    async def registered(self, source: str | None = None, *, by: str = "cleo") -> None:
        actor, origin = self._of(by)
        answer = await self.stage.app.engine.register(
            Register(source=(source or workflows.refund(self.stage.payments.url)).encode(), actor=actor, origin=origin)
        )
        assert isinstance(answer, Registered), answer

    async def asked(self, order: str, *, amount: str = "120") -> str:
        """A refund that waits for somebody; the id of its run."""
        await self.registered()
        return await self.started_refund(order, amount=amount)

    async def started_refund(self, order: str, *, amount: str = "120", reason: str = "Arrived broken") -> str:
        money = {"amount": amount, "currency": "EUR"}
        return await self.started("refund", order=order, amount=money, reason=reason)

    async def started(self, workflow: str, *, by: str = "cleo", **inputs: Any) -> str:
        actor, origin = self._of(by)
        engine = self.stage.app.engine
        answer = await engine.start(Start(workflow=workflow, inputs=inputs, actor=actor, origin=origin))
        assert isinstance(answer, Started), answer
        return answer.run

    async def until(self, true: Callable[[], object]) -> None:
        await self.stage.slack.until(true)


EVERYTHING = """\
name: everything
title: Every kind of input
inputs:
  word: {type: text, label: Word}
  lines: {type: long_text, label: Lines}
  number: {type: number, label: Number}
  count: {type: integer, label: Count, min: 1, max: 9}
  price: {type: money, label: Price}
  sure: {type: boolean, label: Sure}
  day: {type: date, label: Day}
  moment: {type: datetime, label: Moment}
  mail: {type: email, label: Mail}
  site: {type: url, label: Site}
  colour: {type: choice, label: Colour, options: [red, green]}
  size: {type: choice, label: Size, options: [s, m, l], required: false}
  extras: {type: choices, label: Extras, options: [salt, pepper, oil]}
  towns: {type: choices, label: Towns, options: [a, b, c, d, e, f, g, h, i, j, k]}
  who: {type: person, label: Who}
steps:
  - id: keep
    uses: set
    with: {word: "{{ inputs.word }}"}
"""


def copy(page: Page, title: str) -> Locator:
    """The message of a request."""
    return page.locator("li.message", has=page.get_by_role("heading", name=title))
