"""How pages and emails show texts from data: long, from right to left, with invisible characters."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import Locator, Route, expect

from bot.email import message
from engine.domain import Card, CardFact
from tests.browser.review_page import BY_LINK, EVERY_FIELD, NARROW, WIDE, ReviewWindows, change, reject
from tests.support.copies import replace_fields
from tests.support.email_env import (
    CLOSED_CARD,
    CODE_CARD,
    OUTCOME_CARD,
    QUESTION_CARD,
    REQUEST_CARD,
    envelope,
    html_of,
)
from tests.support.web_env import ADA, BEN

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HEBREW = "שלום עולם 12.50 EUR"
MIXED = f"{HEBREW}\nDear Kim, thank you!\n{HEBREW}"
LINE_DIRECTIONS = """\
(element) => {
  const range = document.createRange();
  const text = element.firstChild, at = (index) => {
    range.setStart(text, index);
    range.setEnd(text, index + 1);
    return range.getBoundingClientRect().left;
  };
  let start = 0;
  return text.data.split("\\n").map((line) => {
    const sides = [at(start), at(start + 1)];
    start += line.length + 1;
    return sides[0] < sides[1] ? "ltr" : "rtl";
  });
}
"""
"""Return the direction of each line: "ltr" if its second letter is right of its first, else "rtl"."""


async def direction(text: Locator) -> str:
    return str(await text.evaluate("(element) => getComputedStyle(element).direction"))


async def side(text: Locator) -> str:
    """Return the side of its box to which a text of one line is aligned."""
    return str(
        await text.evaluate(
            """(element) => {
              const range = document.createRange();
              range.selectNodeContents(element);
              const text = range.getBoundingClientRect(), box = element.getBoundingClientRect();
              return text.left - box.left < box.right - text.right ? "left" : "right";
            }"""
        )
    )


async def test_every_text_of_the_data_follows_its_own_direction(review: ReviewWindows) -> None:
    await review.web.request_approval(BY_LINK, customer=HEBREW, body=MIXED)
    page = await review.open_link(ADA)
    customer = page.locator(".values .now", has_text=HEBREW).last
    assert (await direction(customer), await side(customer)) == ("rtl", "right")
    assert await direction(page.locator("#context span", has_text="It was written by a machine.")) == "ltr"
    text = await change(page)
    assert await direction(text) == "rtl"
    await page.get_by_role("button", name="Hold it back").click()
    await page.get_by_label("Reason").fill(HEBREW)
    assert await direction(page.get_by_label("Reason")) == "rtl"
    await text.fill(f"Hello\n{MIXED}")
    assert await direction(text) == "ltr"
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_role("button", name="Send email with your changes").click()
    difference = page.locator(".difference", has_text="Hello")
    assert await direction(difference) == "ltr"
    assert await difference.locator("span", has_text="Dear Kim").evaluate(LINE_DIRECTIONS) == ["rtl", "ltr", "rtl"]


async def test_text_typed_into_one_line_follows_its_own_direction(review: ReviewWindows) -> None:
    await review.web.request_approval(source=EVERY_FIELD)
    page = await review.open_link(ADA)
    word = page.get_by_label("Word")
    assert await direction(word) == "ltr"
    await word.fill(HEBREW)
    assert await direction(word) == "rtl"


CONTRASTS = """\
() => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" ? background(element.parentElement) : colour;
  };
  const letters = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), texts = [];
  while (letters.nextNode()) {
    const element = letters.currentNode.parentElement;
    if (!letters.currentNode.data.trim() || element.closest("[aria-hidden]") || !element.checkVisibility()) continue;
    const pair = [getComputedStyle(element).color, background(element)].map(luminance).sort((a, b) => b - a);
    texts.push([letters.currentNode.data, (pair[0] + 0.05) / (pair[1] + 0.05)]);
  }
  return texts;
}
"""
"""Return each visible text and its contrast with the background."""


async def test_texts_in_an_email_follow_their_own_direction(review: ReviewWindows) -> None:
    page = await review.window()
    notes = (CardFact(label="Why", text=(HEBREW,)), CardFact(label="Customer", text=("Kim",)))
    await page.set_content(html_of(message.mail(replace_fields(REQUEST_CARD, title=HEBREW, notes=notes), envelope())))
    hebrew_paragraph = page.locator("p", has_text=HEBREW)
    assert (await direction(hebrew_paragraph), await side(hebrew_paragraph)) == ("rtl", "right")
    english_paragraph = page.locator("p", has_text="Kim")
    assert (await direction(english_paragraph), await side(english_paragraph)) == ("ltr", "left")
    assert await direction(page.locator("h1")) == "rtl"


MULTILINE_TEXT = f"{HEBREW}\n\nDear Kim, thank you!\n  2.50\n\n\n{HEBREW}\n{HEBREW}\n\nYours, Lee\n"
LINE_DIRECTIONS_AND_SIDES = """\
(element) => {
  const letters = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), lines = [], range = document.createRange();
  const box = element.getBoundingClientRect();
  while (letters.nextNode()) {
    const text = letters.currentNode, at = (index) => {
      range.setStart(text, index);
      range.setEnd(text, index + 1);
      return range.getBoundingClientRect().left;
    };
    if (!/^\\p{L}/u.test(text.data)) continue;
    range.selectNode(text);
    const line = range.getBoundingClientRect();
    const side = line.left - box.left < box.right - line.right ? "left" : "right";
    lines.push([at(0) < at(1) ? "ltr" : "rtl", side]);
  }
  return lines;
}
"""
"""Return the direction and the side of each line that begins with a letter."""
COPIED_TEXT = """\
(element) => {
  getSelection().selectAllChildren(element);
  return getSelection().toString();
}
"""


async def test_each_line_of_a_text_in_an_email_follows_its_own_direction_and_is_copied_unchanged(
    review: ReviewWindows,
) -> None:
    page = await review.window()
    (changed, *_), letter = REQUEST_CARD.values, f"{HEBREW}\nDear Kim,\n{HEBREW}\nYours, Lee\n"
    card = replace_fields(
        CLOSED_CARD,
        outcome=replace_fields(CLOSED_CARD.outcome, reason=MULTILINE_TEXT),
        values=(replace_fields(changed, text=f"{letter}Bye", before=letter),),
        notes=(CardFact(label="Why", text=(MULTILINE_TEXT,)),),
    )
    await page.set_content(html_of(message.mail(card, envelope())))
    right, left = ["rtl", "right"], ["ltr", "left"]
    texts = page.locator(".ink:not(h1)", has_text="Yours, Lee")
    await expect(texts).to_have_count(3)
    for index in (0, 2):
        paragraph = texts.nth(index)
        assert await paragraph.evaluate(LINE_DIRECTIONS_AND_SIDES) == [right, left, right, right, left]
        assert (await paragraph.evaluate(COPIED_TEXT)).rstrip("\n") == MULTILINE_TEXT.rstrip("\n")
        assert (await paragraph.inner_text()).rstrip("\n") == MULTILINE_TEXT.rstrip("\n")
    difference = texts.nth(1)
    assert await difference.evaluate(LINE_DIRECTIONS_AND_SIDES) == [right, left, right, left, left]
    assert await difference.inner_text() == f"{letter}Bye"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("card", [REQUEST_CARD, CLOSED_CARD, CODE_CARD, QUESTION_CARD, OUTCOME_CARD])
async def test_an_email_fits_a_phone_and_its_texts_stand_out(
    review: ReviewWindows, card: Card, scheme: Literal["light", "dark"]
) -> None:
    page = await review.window(size=NARROW)
    await page.emulate_media(color_scheme=scheme)
    await page.set_content(html_of(message.mail(card, envelope(name="Acme Finance"))))
    assert await page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    pale = await page.evaluate(CONTRASTS)
    assert [text for text, contrast in pale if contrast < 4.5] == []


async def test_each_line_of_a_reason_follows_its_own_direction_on_an_open_page(review: ReviewWindows) -> None:
    await review.web.request_approval()
    ada, ben = await review.open_link(ADA), await review.open_link(BEN)
    await reject(ben, f"Not today\n{HEBREW}\nSorry")
    await ben.get_by_label("Code").fill(await review.code(BEN))
    await ben.get_by_role("button", name="Confirm").click()
    # The notice shows the first line only, because further lines could pass for text of the page.
    live_notice = ada.locator("#live p").first
    await expect(live_notice).to_contain_text("Reason: Not today …")
    await ada.reload()
    reason = ada.locator("dl.facts dd", has_text="Sorry").first
    assert await reason.evaluate(LINE_DIRECTIONS) == ["ltr", "rtl", "ltr"]
    assert await reason.inner_text() == f"Not today\n{HEBREW}\nSorry"
    await ben.locator("#details > summary").click()
    await ben.locator("#run-history summary").click()
    await expect(ben.locator("#run-history")).to_contain_text("Not today …")


@pytest.mark.parametrize("style", [True, False], ids=["style", "script"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "360"])
async def test_five_thousand_characters_are_readable_without_scrolling_in_their_field(
    review: ReviewWindows, size: dict[str, int], style: bool
) -> None:
    await review.web.request_approval(BY_LINK, body="A text of some length. " * 217 + "The end.")
    page = await review.window(size=size)
    if not style:
        # Act like a browser that does not know `field-sizing`.
        await page.add_init_script("CSS.supports = () => false")
        rule = "textarea { field-sizing: fixed !important }"
        await page.route("**/*.css", lambda route: add_css_rule(route, rule))
    await review.open_link(ADA, page=page)
    await expect(page.get_by_text("4,999 characters")).to_be_visible()
    field = await change(page)
    assert await field.evaluate("(element) => element.scrollHeight <= element.clientHeight")
    await field.press("ControlOrMeta+End")
    await field.press_sequentially("\nMore\nlines")
    assert await field.evaluate("(element) => element.scrollHeight <= element.clientHeight")


async def add_css_rule(route: Route, rule: str) -> None:
    answer = await route.fetch()
    await route.fulfill(response=answer, body=f"{await answer.text()}\n{rule}")


async def test_many_hidden_characters_take_little_room(review: ReviewWindows) -> None:
    await review.web.request_approval(BY_LINK, body="A few words\u200c and more of them. " * 150)
    page = await review.open_link(ADA, size=NARROW)
    await change(page)
    note = page.locator(".marked")
    box = await note.bounding_box()
    assert box is not None
    assert box["height"] < 640
    await note.locator("summary").click()
    assert (await note.inner_text()).count("⟦U+200C⟧") == 150
