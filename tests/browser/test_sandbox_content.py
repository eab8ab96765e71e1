"""How the page shows blocks, elements and texts that the bot does not send yet, and hostile ones."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import expect

from bot.slack import message_view
from engine.domain import CardField, CardOutcome
from tests.browser.sandbox_page import SandboxWindows
from tests.support import samples
from tests.support.sandbox_env import served

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
HOSTILE = "<img src=x onerror=alert(1)> &amp; <script>alert(2)</script>"


def plain_text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def option(text: str) -> dict[str, Any]:
    return {"text": plain_text(text), "value": text.lower()}


async def call_slack(windows: SandboxWindows, method: str, **parameters: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {windows.demo.slack.app.bot_token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(windows.demo.slack.api_url + method, json=parameters) as response,
    ):
        answer: dict[str, Any] = await response.json()
    assert answer["ok"], answer
    return answer


RICH = {
    "type": "rich_text",
    "elements": [
        {
            "type": "rich_text_section",
            "elements": [
                {"type": "text", "text": HOSTILE, "style": {"bold": True, "italic": True}},
                {"type": "emoji", "name": "tada"},
                {"type": "link", "url": "https://example.com/", "text": "there"},
                {"type": "link", "url": "javascript:alert(3)", "text": "nowhere"},
                {"type": "date", "timestamp": 1772614800, "format": "{date_long} at {time}"},
            ],
        },
        {
            "type": "rich_text_list",
            "style": "ordered",
            "offset": 2,
            "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "third"}]}],
        },
        {"type": "rich_text_quote", "elements": [{"type": "text", "text": "quoted"}]},
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "a  b"}]},
    ],
}
MRKDWN = (
    "*bold* _slanted_ ~gone~ `*code*` <https://example.com/?a=1&amp;b=2|link> <javascript:alert(4)|no link> "
    "<!date^1772614800^{date} at {time}|then> &lt;b&gt; 2*3*4 <!here> :tada:\n&gt; quoted\n```pre *x*```"
)


async def test_texts_are_shown_as_slack_shows_them_and_are_never_markup(windows: SandboxWindows) -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": plain_text(HOSTILE)},
        {"type": "section", "text": {"type": "mrkdwn", "text": MRKDWN}},
        {"type": "section", "fields": [plain_text("left"), plain_text("right")]},
        {"type": "divider"},
        {"type": "context", "elements": [{"type": "image", "image_url": "https://example.com/x.png", "alt_text": "A"}]},
        RICH,
        {"type": "table", "rows": [[{"type": "raw_text", "text": "head"}], [{"type": "raw_text", "text": "cell"}]]},
    ]
    ben = windows.demo.slack.person("ben").id
    await call_slack(windows, "chat.postMessage", channel=ben, text="x", blocks=blocks)
    page = await windows.window("ben")
    message = page.locator("li.message")
    await expect(message.get_by_role("heading")).to_have_text(HOSTILE.replace("&amp;", "&amp;"))
    assert await page.locator("img:not([src*='/sandbox/page/'])").count() == 0
    assert await message.locator("script").count() == 0
    mrkdwn = message.locator(".block-section").first
    for tag, text in (("strong", "bold"), ("em", "slanted"), ("s", "gone"), ("code", "*code*"), ("pre", "pre *x*")):
        await expect(mrkdwn.locator(tag)).to_have_text(text)
    await expect(mrkdwn.get_by_role("link", name="link", exact=True)).to_have_attribute(
        "href", "https://example.com/?a=1&b=2"
    )
    await expect(mrkdwn.locator("time")).to_have_text(
        "March 4, 2026 at 4:00 AM"
    )  # It is nine in London and four in New York.
    await expect(mrkdwn).to_contain_text("<b> 2*3*4 @here 🎉")
    rich = message.locator(".block-rich_text")
    await expect(rich.locator("strong")).to_have_text(HOSTILE)
    await expect(rich.locator("time")).to_have_text("Wednesday, March 4, 2026 at 4:00 AM")
    assert await rich.locator("ol").get_attribute("start") == "3"
    await expect(message.get_by_role("link", name="nowhere")).to_have_count(0)
    await expect(message.get_by_role("link", name="no link")).to_have_count(0)


async def test_menus_pickers_and_overflows_of_a_message_are_sent_to_the_app(windows: SandboxWindows) -> None:
    windows.demo.slack.app.request_url = None  # No server listens: the test checks only the deliveries.
    elements = [
        {"type": "static_select", "action_id": "menu", "placeholder": plain_text("Pick"), "options": [option("One")]},
        {"type": "datepicker", "action_id": "day", "placeholder": plain_text("Day")},
        {"type": "overflow", "action_id": "more", "options": [option("Snooze"), option("Drop")]},
    ]
    ada = windows.demo.slack.person("ada").id
    await call_slack(
        windows, "chat.postMessage", channel=ada, text="x", blocks=[{"type": "actions", "elements": elements}]
    )
    page = await windows.window("ada")
    await page.get_by_label("Pick").select_option("One")
    await page.get_by_label("Day").fill("2026-03-04")
    await page.get_by_label("Day").blur()
    await page.get_by_label("More actions").select_option("Drop")
    log = windows.demo.slack.deliveries
    await windows.until(lambda: len(log) == 3)
    actions = [delivery.payload["actions"][0] for delivery in log]
    assert actions[0]["selected_option"]["value"] == "one"
    assert actions[1]["selected_date"] == "2026-03-04"
    assert actions[2]["selected_option"]["value"] == "drop"
    await expect(page.get_by_role("alert")).to_contain_text("dispatch_failed")


async def test_modals_stack_and_are_closed_one_by_one_or_together(windows: SandboxWindows) -> None:
    slack = windows.demo.slack
    page = await windows.window("ada")

    def view(title: str) -> dict[str, Any]:
        element = {"type": "timepicker", "action_id": "time", "initial_time": "09:30"}
        block = {"type": "input", "block_id": "when", "label": plain_text("When"), "element": element}
        return {"type": "modal", "title": plain_text(title), "submit": plain_text("Save"), "blocks": [block]}

    await call_slack(windows, "views.open", trigger_id=slack.trigger(slack.person("ada")), view=view("First"))
    first = page.get_by_role("dialog", name="First")
    await expect(first.get_by_label("When")).to_have_value("09:30")
    await first.get_by_label("When").fill("10:45")
    await first.get_by_label("When").blur()
    await windows.until(lambda: "10:45" in str((slack.person("ada").modal or {})["state"]))
    for title in ("Second", "Third"):
        await call_slack(windows, "views.push", trigger_id=slack.trigger(slack.person("ada")), view=view(title))
        await expect(page.get_by_role("dialog", name=title)).to_be_visible()
    await expect(page.get_by_text("3 of 3")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog", name="Second")).to_be_visible()
    await page.get_by_role("button", name="Cancel").click()
    await expect(first.get_by_label("When")).to_have_value("10:45")
    await call_slack(windows, "views.push", trigger_id=slack.trigger(slack.person("ada")), view=view("Again"))
    await page.get_by_role("dialog", name="Again").get_by_role("button", name="Close", exact=True).click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_suggestions_of_the_app_are_chosen_by_keyboard(windows: SandboxWindows) -> None:
    slack = windows.demo.slack
    payloads: list[Any] = []
    second_list = asyncio.Event()

    async def answer_interaction(request: web.Request) -> web.Response:
        payloads.append(json.loads((await request.post())["payload"]))  # type: ignore[arg-type]
        typed = payloads[-1].get("value", "")
        if typed == "ap":
            await second_list.wait()
        matching_options = [option(name) for name in ("Apple", "Apricot", "Avocado") if name.lower().startswith(typed)]
        return (
            web.json_response({"options": matching_options})
            if payloads[-1]["type"] == "block_suggestion"
            else web.Response()
        )

    element = {"type": "external_select", "action_id": "fruit", "min_query_length": 1}
    block = {"type": "input", "block_id": "fruit", "label": plain_text("Fruit"), "element": element}
    view = {"type": "modal", "title": plain_text("Choose"), "submit": plain_text("Save"), "blocks": [block]}
    page = await windows.window("ada")
    async with served(answer_interaction) as url:
        slack.app.request_url = url
        await call_slack(windows, "views.open", trigger_id=slack.trigger(slack.person("ada")), view=view)
        fruit = page.get_by_role("combobox", name="Fruit")
        await fruit.press_sequentially("a")
        await expect(page.get_by_role("option", name="Avocado")).to_be_visible()
        await fruit.press_sequentially("p")
        # Marked while the next list is on its way: the mark goes on to that list.
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        second_list.set()
        await expect(page.get_by_role("option", name="Avocado")).to_have_count(0)
        await page.keyboard.press("Enter")
        await expect(fruit).to_have_value("Apricot")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
    values = payloads[-1]["view"]["state"]["values"]
    assert values["fruit"]["fruit"]["selected_option"]["value"] == "apricot"


async def test_a_window_without_a_person_asks_who_you_are(windows: SandboxWindows) -> None:
    page = await windows.window(None)
    await expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    await expect(page.get_by_role("listitem")).to_have_count(6)
    await expect(page.get_by_text("Begin as Cleo")).to_be_visible()
    await expect(page.get_by_role("link", name="Be Cleo, who asks")).to_have_attribute("href", "/sandbox?as=cleo")
    await page.get_by_role("link", name="Ben Approver").click()
    await expect(page).to_have_url(f"{windows.demo.slack.page_url}?as=ben")
    await expect(page.get_by_role("heading", name="Signoff", exact=True)).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("link", name="Ben Approver", exact=True)).to_have_attribute("aria-current", "true")


async def test_the_story_shows_events_and_reasons(windows: SandboxWindows) -> None:
    await windows.open_refund_request("A-4001")
    page = await windows.window("ada")
    story = page.get_by_role("complementary", name="Story")
    await expect(story).to_contain_text("for order A-4001?")
    await expect(story.locator(".run-head .pill")).to_have_text("● Waiting")
    await expect(story.locator(".steps li")).to_have_text(re.compile("^Pay the refund● Wait"))
    await expect(story.locator(".copies li").first).to_contain_text("by Slack✓ Delivered")
    await expect(story.locator(".lines")).to_contain_text("reached Ada Approver in Slack.")
    await expect(story.locator(".lines")).to_contain_text("Over 100 EUR")
    await expect(story.locator(".lines")).to_contain_text("Signoff asks Ada Approver and Ben Approver")
    await story.get_by_text("Calls between Slack and Signoff").click()
    await expect(story.locator(".wire")).to_contain_text("chat.postMessage")


async def test_without_a_story_there_is_no_panel(windows: SandboxWindows) -> None:
    windows.demo.slack.tell()
    page = await windows.window("ada")
    await expect(page.get_by_role("heading", name="Signoff", exact=True)).to_be_visible()
    await expect(page.get_by_role("complementary")).to_have_count(0)
    await page.get_by_role("combobox", name="Message").fill("/")
    await expect(page.get_by_role("option", name="/signoff")).to_be_visible()


LETTER = " ".join(f"This is sentence number {number} of the letter to the customer." for number in range(60))
CHANGES = (
    CardField(path="a", label="Amount", type="money", text="99.50 EUR", before="120.50 EUR"),
    CardField(path="b", label="Letter", type="long_text", text=LETTER.replace("31", "3l"), before=LETTER),
    CardField(path="c", label="Place", type="text", text="Antica Trattoria", before="The canteen downstairs"),
    CardField(path="d", label="Rest", type="long_text", text=LETTER[::-1], before=LETTER),
)
LONG_OUTCOME = CardOutcome(
    line=(f"Approved with edits by {'Maximilian ' * 12}, ", samples.NOW),
    effect="Pay the refund: failed. The payment service answered that the account is closed, and the money is back",
    reason="Paid already by bank transfer on Monday. See the thread with Dan, who has the receipt and the letter.",
)


async def test_each_line_of_a_closed_card_is_one_line_on_a_wide_screen(windows: SandboxWindows) -> None:
    ada = windows.demo.slack.person("ada").id
    channel = (await call_slack(windows, "conversations.open", users=ada))["channel"]["id"]
    # The story takes a part of the window that Slack has for messages.
    page = await windows.window("ada", size={"width": 1440, "height": 900})
    cards = [
        samples.closed_card(title=title, values=values, outcome=outcome)
        for title in ("Refund 120.50 EUR for order A-1007?", "Move the warehouse with all its goods to Bonn " * 5)
        for values in (CHANGES[:1], CHANGES[1:2], CHANGES)
        for outcome in (CardOutcome(line=("Approved with edits by Ada, ", samples.NOW)), LONG_OUTCOME)
    ]
    # In one message, because Slack takes one a second.
    blocks = [message_view.message(card, delivery="d1").blocks[0] for card in cards]
    await call_slack(windows, "chat.postMessage", channel=channel, text="Closed cards", blocks=blocks)
    lines = page.locator(".message p.rich")
    await expect(page.locator(".block-rich_text")).to_have_count(len(cards))
    heights = await lines.evaluate_all(
        "all => all.map(line => line.offsetHeight / parseFloat(getComputedStyle(line).lineHeight))"
    )
    texts = await lines.all_inner_texts()
    assert 2 * len(cards) <= len(texts) <= 3 * len(cards)
    assert [text for text, height in zip(texts, heights, strict=True) if height > 1.5] == []
