"""How pages and mails show what comes from data: long, in another direction, with characters that hide."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Route, expect

from bot.email import message
from tests.browser.review_page import BY_LINK, EVERY_FIELD, NARROW, WIDE, ReviewWindows
from tests.support.copies import replace_fields
from tests.support.email_env import REQUEST_CARD, envelope, html_of
from tests.support.web_env import ADA, BEN

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HEBREW = "שלום עולם 12.50 EUR"
MIXED = f"{HEBREW}\nDear Kim, thank you!\n{HEBREW}"
LINES = """\
(one) => {
  const range = document.createRange();
  const text = one.firstChild, at = (index) => {
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
"""Which way each line of a text runs: whether its second letter stands right of its first or left of it."""


async def direction(one: Locator) -> str:
    return str(await one.evaluate("(one) => getComputedStyle(one).direction"))


async def side(one: Locator) -> str:
    """At which side of its box a text of one line stands."""
    return str(
        await one.evaluate(
            """(one) => {
              const range = document.createRange();
              range.selectNodeContents(one);
              const text = range.getBoundingClientRect(), box = one.getBoundingClientRect();
              return text.left - box.left < box.right - text.right ? "left" : "right";
            }"""
        )
    )


async def test_every_text_of_the_data_runs_its_own_way(review: ReviewWindows) -> None:
    await review.web.request_approval(BY_LINK, customer=HEBREW, body=MIXED)
    page = await review.open_link(ADA)
    shown = page.locator("#facts dd", has_text=HEBREW).first
    assert (await direction(shown), await side(shown)) == ("rtl", "right")
    assert await direction(page.locator("#facts dd", has_text="It was written by a machine.")) == "ltr"
    assert await direction(page.get_by_label("text")) == "rtl"
    await page.get_by_label("Reason").fill(HEBREW)
    assert await direction(page.get_by_label("Reason")) == "rtl"
    await page.get_by_label("text").fill(f"Hello\n{MIXED}")
    assert await direction(page.get_by_label("text")) == "ltr"
    await page.get_by_role("button", name="Send email with your changes").click()
    now = page.locator("ins", has_text="Hello")
    assert await now.evaluate(LINES) == ["ltr", "rtl", "ltr", "rtl"]
    reason = page.get_by_text(HEBREW, exact=True)
    assert await direction(reason) == "rtl"


async def test_what_is_typed_into_one_line_runs_its_own_way(review: ReviewWindows) -> None:
    await review.web.request_approval(source=EVERY_FIELD)
    page = await review.open_link(ADA)
    word = page.get_by_label("Word")
    assert await direction(word) == "ltr"
    await word.fill(HEBREW)
    assert await direction(word) == "rtl"


async def test_texts_in_a_mail_run_their_own_way(review: ReviewWindows) -> None:
    page = await review.window()
    facts = (("Why", HEBREW), ("Customer", "Kim"))
    await page.set_content(html_of(message.mail(replace_fields(REQUEST_CARD, title=HEBREW, facts=facts), envelope())))
    shown = page.locator("p", has_text=HEBREW)
    assert (await direction(shown), await side(shown)) == ("rtl", "right")
    plain = page.locator("p", has_text="Kim")
    assert (await direction(plain), await side(plain)) == ("ltr", "left")
    assert await direction(page.locator("h1")) == "rtl"


LETTER = f"{HEBREW}\n\nDear Kim, thank you!\n  2.50\n\n\n{HEBREW}\n{HEBREW}\n\nYours, Lee\n"
RUNS = """\
(one) => {
  const letters = document.createTreeWalker(one, NodeFilter.SHOW_TEXT), found = [], range = document.createRange();
  const box = one.getBoundingClientRect();
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
    found.push([at(0) < at(1) ? "ltr" : "rtl", side]);
  }
  return found;
}
"""
"""Which way each line with a letter at its beginning runs, and at which side it stands."""
COPIED = """\
(one) => {
  getSelection().selectAllChildren(one);
  return getSelection().toString();
}
"""


async def test_each_line_of_a_text_in_a_mail_runs_its_own_way_and_is_copied_as_it_was(
    review: ReviewWindows,
) -> None:
    page = await review.window()
    facts = (("Why", LETTER),)
    fields = tuple(replace_fields(one, text=f"now {LETTER}", before=LETTER) for one in REQUEST_CARD.fields[1:])
    card = replace_fields(
        REQUEST_CARD, facts=facts, fields=fields, state=f"Rejected by Lee. Reason: no\n{LETTER}", actions=()
    )
    await page.set_content(html_of(message.mail(replace_fields(card, token=None), envelope())))
    right, left = ["rtl", "right"], ["ltr", "left"]
    for name, text, ways in (
        (".ink", LETTER, [right, left, right, right, left]),
        (".old", LETTER, [right, left, right, right, left]),
        (".new", f"now {LETTER}", [left, left, right, right, left]),
        (".ink", f"Rejected by Lee. Reason: no\n{LETTER}", [left, right, left, right, right, left]),
    ):
        shown = page.locator(f"{name}:not(h1)", has_text="Yours, Lee").nth(0 if text.startswith("Rej") else -1)
        assert await shown.evaluate(RUNS) == ways, name
        assert (await shown.evaluate(COPIED)).rstrip("\n") == text.rstrip("\n")
        assert (await shown.inner_text()).rstrip("\n") == text.rstrip("\n")


async def test_each_line_of_a_reason_runs_its_own_way_on_an_open_page(review: ReviewWindows) -> None:
    await review.web.request_approval()
    ada, ben = await review.open_link(ADA), await review.open_link(BEN)
    await ben.get_by_label("Reason").fill(f"Not today\n{HEBREW}\nSorry")
    await ben.get_by_role("button", name="Hold it back").click()
    await ben.get_by_label("Code").fill(await review.code(BEN))
    await ben.get_by_role("button", name="Confirm").click()
    # The sentence of an open page only begins it: further lines could pass for ours.
    told = ada.locator("#live p").first
    await expect(told).to_contain_text("Reason: Not today …")
    await ada.reload()
    whole = ada.locator("dl.facts dd", has_text="Sorry").first
    assert await whole.evaluate(LINES) == ["ltr", "rtl", "ltr"]
    assert await whole.inner_text() == f"Not today\n{HEBREW}\nSorry"
    await ben.locator("#run-history summary").click()
    await expect(ben.locator("#run-history")).to_contain_text("Not today …")


@pytest.mark.parametrize("style", [True, False], ids=["style", "script"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "360"])
async def test_five_thousand_characters_are_there_to_be_read_without_scrolling_in_their_field(
    review: ReviewWindows, size: dict[str, int], style: bool
) -> None:
    await review.web.request_approval(BY_LINK, body="A text of some length. " * 217 + "The end.")
    page = await review.window(size=size)
    if not style:
        # What a browser does that does not know the property.
        await page.add_init_script("CSS.supports = () => false")
        rule = "textarea { field-sizing: fixed !important }"
        await page.route("**/*.css", lambda route: served(route, rule))
    await review.open_link(ADA, page=page)
    field = page.get_by_label("text")
    await expect(page.get_by_text("It came with 4,999 characters.")).to_be_visible()
    assert await field.evaluate("(one) => one.scrollHeight <= one.clientHeight")
    await field.press("ControlOrMeta+End")
    await field.press_sequentially("\nMore\nlines")
    assert await field.evaluate("(one) => one.scrollHeight <= one.clientHeight")


async def served(route: Route, rule: str) -> None:
    answer = await route.fetch()
    await route.fulfill(response=answer, body=f"{await answer.text()}\n{rule}")


async def test_many_hidden_characters_take_little_room(review: ReviewWindows) -> None:
    await review.web.request_approval(BY_LINK, body="A few words\u200c and more of them. " * 150)
    page = await review.open_link(ADA, size=NARROW)
    note = page.locator(".marked")
    box = await note.bounding_box()
    assert box is not None
    assert box["height"] < 640
    await note.locator("summary").click()
    assert (await note.inner_text()).count("⟦U+200C⟧") == 150
