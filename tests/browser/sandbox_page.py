"""Browser windows on the page of the sandbox, and commands that set up requests without the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page

from bot.devtools.demo import workflows
from bot.devtools.demo.servers import DemoEnvironment
from bot.devtools.sandbox import RunningSandbox
from engine.domain import Address, Origin, Register, Registered, Start, Started

WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 360, "height": 740}


@dataclass
class SandboxWindows:
    """The windows of one test. `complaints` has their console errors, uncaught exceptions and refused resources."""

    demo: DemoEnvironment
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    offline: bool = False
    """Whether requests are expected to fail. The browser writes a console line about each failed request."""
    contexts: list[BrowserContext] = field(default_factory=list)

    async def window(
        self, name: str | None, tab: str = "app", *, size: dict[str, int] = WIDE, at: RunningSandbox | None = None
    ) -> Page:
        """Open a window with its own cookies, as the named person, in the sandbox `at` or in that of the demo."""
        context = await self.browser.new_context(
            viewport={"width": size["width"], "height": size["height"]}, reduced_motion="reduce", color_scheme="light"
        )
        self.contexts.append(context)
        address = (at or self.demo.slack).page_url
        return await self.tab(context, address if name is None else f"{address}?as={name}#/{tab}")

    async def tab(self, context: BrowserContext, address: str) -> Page:
        """Open another window with the cookies of this context."""
        page = await context.new_page()
        page.on("console", self._record_console)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        await page.goto(address)
        await page.locator("h1").first.wait_for()
        return page

    def _record_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not (self.offline and "net::ERR_" in message.text):
            self.complaints.append(f"{message.type}: {message.text}")

    async def close(self) -> None:
        for context in self.contexts:
            await context.close()

    # -- setup without the page --

    def _actor_and_origin(self, name: str) -> tuple[Address, Origin]:
        user_id = self.demo.slack.person(name).id
        details = {"user": user_id, "channel": self.demo.slack.channel("general")}
        return Address("slack", user_id), Origin(surface="slack", place=details)

    async def register(self, source: str | None = None, *, by: str = "cleo") -> None:
        actor, origin = self._actor_and_origin(by)
        answer = await self.demo.app.engine.register(
            Register(source=(source or workflows.refund(self.demo.payments.url)).encode(), actor=actor, origin=origin)
        )
        assert isinstance(answer, Registered), answer

    async def open_refund_request(self, order: str, *, amount: str = "120") -> str:
        """Start a refund that waits for an approver, and return the id of its run."""
        await self.register()
        return await self.start_refund(order, amount=amount)

    async def start_refund(self, order: str, *, amount: str = "120", reason: str = "Arrived broken") -> str:
        money = {"amount": amount, "currency": "EUR"}
        return await self.start("refund", order=order, amount=money, reason=reason)

    async def start(self, workflow: str, *, by: str = "cleo", **inputs: Any) -> str:
        actor, origin = self._actor_and_origin(by)
        engine = self.demo.app.engine
        answer = await engine.start(Start(workflow=workflow, inputs=inputs, actor=actor, origin=origin))
        assert isinstance(answer, Started), answer
        return answer.run

    async def until(self, condition: Callable[[], object]) -> None:
        await self.demo.slack.until(condition)


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


def request_message(page: Page, title: str) -> Locator:
    """Return the message of a request."""
    return page.locator("li.message", has_text=title)
