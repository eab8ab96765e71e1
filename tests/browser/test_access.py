"""Every view of the sandbox meets WCAG 2.2 AA as far as axe checks it, in both colours and 360 pixels wide."""

from __future__ import annotations

from typing import Any, Final, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Locator, Page, expect

from tests.browser.sandbox_page import EVERYTHING, NARROW, WIDE, SandboxWindows, request_message

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
RULES: Final[dict[Literal["light", "dark"], dict[str, Any]]] = {
    "light": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "dark": {"type": "rule", "values": ["color-contrast"]},
}
"""The dark colours change only the contrast, so no other rule is checked with them."""
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])


async def check_accessibility(page: Page, size: dict[str, int]) -> None:
    """Fail if axe reports a violation, or if an element is wider than the window."""
    for colours, rules in RULES.items():
        await page.emulate_media(color_scheme=colours)
        results = await Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
        violations = results.response["violations"]
        assert not violations, [summary(violation) for violation in violations]
    assert await page.evaluate(WIDER) == [], size


async def check_below_bar(page: Page, panel: Locator) -> None:
    """Fail if the panel covers a part of the bar, which has one line or two."""
    bar, box = await page.locator("header.top").bounding_box(), await panel.bounding_box()
    assert bar is not None
    assert box is not None
    assert box["y"] >= bar["y"] + bar["height"]


def summary(violation: dict[str, Any]) -> tuple[str, list[str]]:
    return violation["id"], [f"{node['target']}: {node['failureSummary']}" for node in violation["nodes"]]


WIDER = """() => {
  const wide = [...document.querySelectorAll("body *")].filter((element) => {
    if (element.closest(".visually-hidden, .skip, .table")) return false;
    const { left, right, width } = element.getBoundingClientRect();
    return width > 0 && (right > innerWidth + 1 || left < -1);
  });
  const scrolls = [...document.querySelectorAll("*")].filter((element) => {
    const style = getComputedStyle(element);
    const tooWide = element.scrollWidth > element.clientWidth + 1;
    return tooWide && /auto|scroll/.test(style.overflowX) && element.clientWidth > 0;
  });
  return [...wide, ...scrolls].map((element) => element.outerHTML.slice(0, 120));
}"""


@SIZES
async def test_every_view_is_accessible(windows: SandboxWindows, size: dict[str, int]) -> None:
    await windows.open_refund_request("A-5001")
    await windows.start_refund("A-" + "5002" * 3, reason="https://example.com/" + "long" * 60)
    cleo = windows.demo.slack.person("cleo")
    await cleo.command("/signoff show refund", channel="general")
    page = await windows.window("ada", size=size)
    message = request_message(page, "for order A-5001?")
    await expect(message).to_be_visible()
    await check_accessibility(page, size)

    await message.get_by_role("button", name="Edit").click()
    await page.get_by_label("Amount (EUR)").fill("abc")
    await page.get_by_role("dialog").get_by_role("button", name="Pay the refund").click()
    await expect(page.get_by_text("Please enter a number.")).to_be_visible()
    await check_accessibility(page, size)
    await page.keyboard.press("Escape")

    await message.get_by_role("button", name="Pay the refund").click()
    await expect(message).to_contain_text("Approved by")
    line = page.get_by_role("combobox", name="Message")
    await line.fill("/signoff r")
    await expect(page.get_by_role("listbox")).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await check_accessibility(page, size)
    await line.fill("/signoff help")
    await page.keyboard.press("Enter")
    await expect(page.locator(".ephemeral")).to_be_visible()
    await page.get_by_label("Slack", exact=True).select_option("down")
    await request_message(page, "for order A-500250025002?").get_by_role("button", name="Pay the refund").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await check_accessibility(page, size)
    await page.get_by_label("Slack", exact=True).select_option("works")

    if size is NARROW:
        await page.get_by_role("button", name="Story").click()
    story = page.get_by_role("complementary", name="Story")
    await check_below_bar(page, story)
    await story.get_by_text("Calls between Slack and Signoff").click()
    await expect(story.locator(".wire li").first).to_be_visible()
    await check_accessibility(page, size)
    if size is NARROW:
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Story")).to_be_focused()
        await page.get_by_role("button", name="People and channels").click()
        await check_below_bar(page, page.get_by_role("navigation", name="People and conversations"))
        await check_accessibility(page, size)
    await page.get_by_role("link", name="Home").click()
    # The tab is published a moment after it was opened; until then it lists the decided request too.
    await expect(page.get_by_role("button", name="Review")).to_have_count(1)
    await check_accessibility(page, size)
    await page.get_by_role("button", name="Review").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await check_accessibility(page, size)


@SIZES
async def test_forms_and_the_choice_of_a_person_are_accessible(windows: SandboxWindows, size: dict[str, int]) -> None:
    page = await windows.window(None, size=size)
    await expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    await check_accessibility(page, size)
    await windows.register(EVERYTHING)
    page = await windows.window("cleo", size=size)
    for command in ("/signoff run everything", "/signoff register"):
        await page.get_by_role("combobox", name="Message").fill(command)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await check_accessibility(page, size)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_the_colours_can_be_chosen(windows: SandboxWindows) -> None:
    page = await windows.window("ada")
    shade = "getComputedStyle(document.querySelector('main')).backgroundColor"
    light = await page.evaluate(shade)
    await page.get_by_label("Colours").select_option("dark")
    dark = await page.evaluate(shade)
    await page.reload()
    await page.locator("h1").wait_for()
    assert light != dark == await page.evaluate(shade)


async def test_the_story_has_no_headings_over_nothing(windows: SandboxWindows) -> None:
    page = await windows.window("ada")
    story = page.get_by_role("complementary", name="Story")
    await expect(story.get_by_text("Nothing has happened yet.")).to_be_visible()
    await expect(story.get_by_role("heading", name="Runs")).to_be_hidden()
    await expect(story.get_by_role("heading", name="What happened, and why")).to_be_hidden()
    await windows.register()
    await windows.start_refund("A-1007")
    await expect(story.get_by_role("heading", name="Runs")).to_be_visible()
