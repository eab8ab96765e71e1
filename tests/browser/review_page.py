"""Review pages in Chromium: windows with and without JavaScript, and accessibility checks of a page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page

from engine.domain import DeliveryKind
from engine.ports import StepType
from engine.read_models import RequestView
from tests.support.web_env import ADA, BEN, WebEnv, open_web

WIDE: Final = {"width": 1280, "height": 900}
NARROW: Final = {"width": 360, "height": 740}
TIGHT: Final = {"width": 320, "height": 640}
AXE_TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BY_LINK: Final = "      assurance: link\n"
EVERY_FIELD: Final = """\
name: everything
title: Everything that can be asked
owner: sam@example.com
steps:
  - id: gather
    uses: set
    with: {found: "three orders", list: [1, 2, 3]}
  - id: ask
    uses: form
    fields:
      word: {type: text, label: Word, help: One word is enough., default: hello}
      lines: {type: long_text, label: Lines, default: "\\n one\\n two"}
      number: {type: number, label: Number, default: 1.5, min: 0, max: 10}
      count: {type: integer, label: Count, default: 3}
      price: {type: money, label: Price, default: {amount: "12.50", currency: EUR}}
      fee: {type: money, label: Fee, currency: EUR, default: {amount: "1", currency: EUR}}
      sure: {type: boolean, label: Sure, default: true}
      day: {type: date, label: Day, default: "2026-03-02"}
      moment: {type: datetime, label: Moment, default: "2026-03-02T09:30:00Z"}
      mail: {type: email, label: Mail, default: sam@example.com}
      site: {type: url, label: Site, default: "https://example.com/"}
      colour: {type: choice, label: Colour, options: [red, green], default: red, required: true}
      size: {type: choice, label: Size, options: [a, b, c, d, e, f, g], required: false}
      extras: {type: choices, label: Extras, options: [salt, pepper, oil], default: [salt]}
      who: {type: person, label: Who, default: sam@example.com}
      data: {type: json, label: Data, default: {a: [1, 2]}}
      none: {type: text, label: Must be typed}
    title: Fill this in
    approvers: [ada@example.com]
    assurance: link
"""


@dataclass
class ReviewWindows:
    """The windows of one test. `complaints` has their console errors and uncaught exceptions."""

    web: WebEnv
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def window(
        self, *, size: dict[str, int] = WIDE, script: bool = True, zoom: float = 1, **context_options: Any
    ) -> Page:
        """Open a window with its own cookies."""
        context = await self.browser.new_context(
            viewport={"width": int(size["width"] / zoom), "height": int(size["height"] / zoom)},
            device_scale_factor=zoom,
            java_script_enabled=script,
            reduced_motion="reduce",
            color_scheme="light",
            **context_options,
        )
        self.contexts.append(context)
        page = await context.new_page()
        page.on("console", self._record_console)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        return page

    def _record_console(self, message: ConsoleMessage) -> None:
        # The browser itself writes a line about every page whose status is an error.
        if message.type in ("error", "warning") and "the server responded with a status of" not in message.text:
            self.complaints.append(f"{message.type}: {message.text} {message.location}")

    async def open_link(self, address: str = ADA, *, page: Page | None = None, **window_options: Any) -> Page:
        """Open the link of the newest email, in this page or a new window."""
        page = page or await self.window(**window_options)
        await page.goto(f"{self.web.url}/r/{self.web.token(address)}")
        return page

    async def code(self, address: str = ADA) -> str:
        return await self.web.code(address)

    async def request(self, run: str) -> RequestView:
        return await self.web.engine_env.request(run)

    def count_requests(self, address: str = BEN) -> int:
        return len(self.web.engine_env.mail.to(address, DeliveryKind.REQUEST))


PageState: TypeAlias = Callable[[ReviewWindows, Page], Awaitable[None]]


@asynccontextmanager
async def open_review_windows(
    path: Path,
    browser: Browser,
    *,
    steps: Mapping[str, StepType[Any]] | None = None,
    patience: float | None = None,
    secrets: Mapping[str, str] | None = None,
    admins: Sequence[str] = (),
    auditors: Sequence[str] = (),
    builders: tuple[str, ...] = (),
) -> AsyncIterator[ReviewWindows]:
    async with open_web(
        path,
        steps=steps,
        patience=patience,
        secrets=secrets,
        admins=admins,
        auditors=auditors,
        builders=builders,
    ) as web:
        windows = ReviewWindows(web, browser)
        try:
            yield windows
        finally:
            for context in windows.contexts:
                await context.close()
        assert windows.complaints == []


async def change(page: Page, label: str = "Text") -> Locator:
    """Press Change beside a value, and return its input."""
    await page.locator("summary", has_text=f"Change {label}").click()
    return page.get_by_label(label)


async def reject(page: Page, reason: str = "") -> None:
    """Press the button to reject, type the reason that it asks for, and press it again."""
    await page.get_by_role("button", name="Hold it back").click()
    await page.get_by_label("Reason").fill(reason)
    await page.get_by_role("button", name="Hold it back").click()


async def sign_in_as(windows: ReviewWindows, page: Page, address: str) -> None:
    await page.goto(f"{windows.web.url}/inbox")
    await page.get_by_label("Email address").fill(address)
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code").fill(await windows.code(address))
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Your browsers").wait_for()


async def check_accessibility(page: Page) -> None:
    """Fail if axe reports a violation in light or dark colours, or if the page is wider than the window."""
    rules: dict[Literal["light", "dark"], dict[str, Any]] = {
        "light": {"type": "tag", "values": AXE_TAGS},
        "dark": {"type": "rule", "values": ["color-contrast"]},
    }
    for colours, axe_rules in rules.items():
        await page.emulate_media(color_scheme=colours)
        results = await Axe().run(page, options={"runOnly": axe_rules, "resultTypes": ["violations"]})
        violations = [
            (violation["id"], [f"{node['target']}: {node['failureSummary']}" for node in violation["nodes"]])
            for violation in results.response["violations"]
        ]
        assert not violations, (page.url, colours, violations)
    await page.emulate_media(color_scheme="light")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


async def walk_pages(windows: ReviewWindows, page: Page) -> AsyncIterator[str]:
    """Open each kind of page in this window, and yield its name while it is open."""
    web, url = windows.web, windows.web.url
    await page.goto(f"{url}/inbox")
    yield "sign-in"
    await page.get_by_label("Email address").fill("nobody")
    await page.get_by_role("button", name="Send me a code").click()
    yield "sign-in-error"
    request = await web.request_approval(
        '      confirm: "Really send it to the customer?"\n      expires: 4h\n      reason_required: reject\n',
        body="Dear Kim,\nyour \u200brefund is on its way.\n\nBest wishes",
    )
    await page.goto(f"{url}/review/{request.id}")
    yield "no-way-in"
    await windows.open_link(page=page)
    yield "review"
    await page.get_by_role("button", name="Hold it back").click()
    yield "reason"
    await page.get_by_role("button", name="Hold it back").click()
    yield "review-error"
    await (await change(page)).fill("Dear Kim,\nit is done.")
    await page.locator(".typed ins").first.wait_for()
    yield "changed-by-me"
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_role("button", name="Send email").click()
    yield "confirm"
    await page.get_by_role("button", name="Yes: Send email").click()
    yield "code"
    await page.get_by_label("Code").fill("1")
    await page.get_by_role("button", name="Confirm").click()
    yield "code-error"
    await page.get_by_label("Code").fill(await windows.code())
    await page.get_by_role("button", name="Confirm").click()
    await web.engine_env.settle()
    await page.reload()
    await page.locator("#details > summary").click()
    for details in await page.locator("#details details").all():
        await details.locator("summary").click()
    yield "receipt"
    await web.request_approval(BY_LINK)
    await windows.open_link(page=page)
    await page.locator("input[name=digest]").evaluate("(element) => { element.value = '0'.repeat(64) }")
    await page.locator("input[name=seen]").evaluate(
        "(element) => { element.value = element.value.replace('refund', 'bill') }"
    )
    await page.get_by_role("button", name="Send email").click()
    yield "changed"
    await web.request_approval(BY_LINK)
    await windows.open_link(page=page)
    ben_page = await windows.open_link(BEN)
    await ben_page.get_by_role("button", name="Send email").click()
    await page.get_by_text("Your answer is no longer needed").wait_for()
    yield "decided-elsewhere"
    await web.request_approval(source=EVERY_FIELD)
    await windows.open_link(page=page)
    yield "form"
    await page.get_by_label("Count").fill("many")
    await page.get_by_role("button", name="Send").click()
    yield "form-error"
    await page.goto(f"{url}/inbox")
    yield "inbox"
    await page.goto(f"{url}/r/unknown")
    yield "unknown-link"
    await page.goto(f"{url}/nothing")
    yield "not-found"
