"""A decision by email: mia has no Slack. Checks the email, its link, and the code that a decision needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from bot.devtools.demo import emails, story_browser, templates
from bot.devtools.demo.first_chapters import open_register_modal, submit_workflow
from bot.devtools.demo.scene import APPROVERS, PAY, Scene, ShownRequest, is_about
from bot.devtools.demo.story_browser import Browser, LoadedPage
from bot.devtools.demo.workflows import OUTSIDER, refund
from bot.devtools.sandbox.mail.records import ReceivedMail
from engine.domain import RequestState, RunStatus

MIA: Final = OUTSIDER
_APPROVERS: Final = ("Ada Approver", "Ben Approver", MIA)
_NAME: Final = "refund-by-mail"
_ORDER: Final = "A-1007"
_AMOUNT: Final = "Amount in EUR"
_CODE_PROMPT: Final = "Enter the code that we sent to m…@example.com"
_WRONG_CODE: Final = "That is not the right code."
_CODE_GONE: Final = "This code does not work in this browser"
_BY_CODE: Final = "By a code that was sent to your email address"
_RECEIPT: Final = "You approved this with edits"


async def decide_by_email(scene: Scene) -> None:
    """Edit and approve a request as mia, in a browser that she opens from her email."""
    scene.narrator.chapter("cleo refunds 200 EUR: mia, who has no Slack, changes it to 180 by email")
    request = await _request_by_email(scene)
    email = await _receive_email(scene, "that asks her", lambda received: is_about(received.subject, _ORDER))
    link = _single_link(scene, email)
    async with (
        story_browser.open_browser() as scanner,
        story_browser.open_browser() as mia_browser,
        story_browser.open_browser() as kim_browser,
    ):
        await _scan_link(scene, request, scanner, link)
        page = await _read_page(scene, mia_browser, email, link)
        code_page = await _approve(scene, request, mia_browser, page)
        code = emails.code(await _receive_code(scene, 1))
        code_page = await _mistype_code(scene, request, mia_browser, code_page, code)
        await _forward_link(scene, request, kim_browser, link, code_page)
        await _enter_code(scene, mia_browser, code_page, code)
    await _expect_outcome(scene, request, email)


async def _request_by_email(scene: Scene) -> ShownRequest:
    """Register the ready-made workflow with mia as one more approver, and start a run."""
    text = templates.replace_once(refund(scene.env.payments.url), "name: refund\n", f"name: {_NAME}\n")
    text = templates.replace_once(text, "ben@example.com]", f"ben@example.com, {MIA}]")
    await open_register_modal(scene)
    await submit_workflow(
        scene, f"pastes refund.yaml under the name {_NAME}, with {MIA} as one more approver", text, *_APPROVERS
    )
    return await scene.request_refund(_NAME, _ORDER, amount="200", why="Never worked")


# -- emails -------------------------------------------------------------------------------------------------


async def _receive_email(
    scene: Scene, description: str, matches: Callable[[ReceivedMail], object], count: int = 1
) -> ReceivedMail:
    """Wait for `count` matching emails to mia, and return the newest."""

    def look() -> ReceivedMail | None:
        received = [email for email in scene.env.slack.mail.received(to=MIA) if matches(email)]
        return received[-1] if len(received) >= count else None

    def subjects() -> list[str]:
        return [email.subject for email in scene.env.slack.mail.received(to=MIA)]

    email = await scene.narrator.wait_for(f"mia gets the email {description}", look, actual=subjects)
    scene.narrator.line("mia", f"gets the email “{email.subject}” from {email.header('from')}")
    return email


def _single_link(scene: Scene, email: ReceivedMail) -> str:
    links = emails.links(email, scene.env.public_url)
    review_links = [link for link in links if link.startswith(f"{scene.env.public_url}/r/")]
    scene.narrator.claim("its only link is to review; none decides", len(links) == len(review_links) == 1, actual=links)
    return links[0]


async def _receive_code(scene: Scene, count: int) -> ReceivedMail:
    email = await _receive_email(scene, "with the code", emails.code, count)
    links = emails.links(email, scene.env.public_url)
    holds = bool(emails.code(email)) and not links
    scene.narrator.claim("it has eight digits, and no link of ours", holds, actual=links or email.text)
    return email


# -- pages --------------------------------------------------------------------------------------------------


async def _scan_link(scene: Scene, request: ShownRequest, scanner: Browser, link: str) -> None:
    """Open the link as programs do that scan emails before people read them."""
    scene.narrator.line("scanner", "of mia’s mail server opens the link: HEAD, GET, and GET again")
    statuses = [(await scanner.follow(link, method=method)).status for method in ("HEAD", "GET", "GET")]
    scene.narrator.claim("the link can be opened each time", statuses == [200, 200, 200], actual=statuses)
    await _expect_open(scene, request, "opening the link does not decide anything")


async def _expect_open(scene: Scene, request: ShownRequest, claim: str) -> None:
    (view,) = await scene.env.app.engine.requests_of_run(request.run)
    decided = view.model.state is not RequestState.PENDING or view.decision is not None
    paid = scene.paid(_ORDER)
    scene.narrator.claim(claim, not decided and not paid, actual=f"it is {view.model.state}, paid: {paid}")


async def _read_page(scene: Scene, browser: Browser, email: ReceivedMail, link: str) -> LoadedPage:
    scene.narrator.line("mia", "presses “Review and decide” in the email")
    loaded = await browser.follow(link)
    rows = [*emails.rows(email)]
    missing = [row for row in rows if not all(part in loaded.page.words for part in row)]
    scene.narrator.claim(
        f"the page shows all {len(rows)} values of the email",
        len(rows) > 2 and not missing,
        actual=f"{missing} of {rows} are missing in: {loaded.page.words}",
    )
    return loaded


async def _approve(scene: Scene, request: ShownRequest, browser: Browser, page: LoadedPage) -> LoadedPage:
    scene.narrator.line("mia", f"changes the amount to 180, and presses [{PAY}]")
    code_page = await browser.press(page, PAY, {_AMOUNT: "180"})
    _expect_text(scene, code_page, _CODE_PROMPT, f"she is asked for a code first: “{_CODE_PROMPT}”")
    await _expect_open(scene, request, "nothing is decided or paid without it")
    return code_page


async def _mistype_code(
    scene: Scene, request: ShownRequest, browser: Browser, code_page: LoadedPage, code: str
) -> LoadedPage:
    scene.narrator.line("mia", "mistypes it")
    loaded = await browser.press(code_page, "Confirm", {"Code": _wrong_code(code)})
    _expect_text(scene, loaded, _WRONG_CODE, f"the page says “{_WRONG_CODE}”")
    await _expect_open(scene, request, "a wrong code decides nothing")
    return loaded


def _wrong_code(*codes: str) -> str:
    """Return a code that is none of these."""
    return next(guess for number in range(len(codes) + 1) if (guess := f"{number:08}") not in codes)


async def _forward_link(
    scene: Scene, request: ShownRequest, browser: Browser, link: str, code_page: LoadedPage
) -> None:
    """Try to decide as a colleague who has the link but not the mailbox."""
    scene.narrator.line("kim", f"got the email from mia, opens its link, and presses [{PAY}]")
    loaded = await browser.press(await browser.follow(link), PAY)
    _expect_text(scene, loaded, _CODE_PROMPT, "kim gets no further than the page for the code")
    code = emails.code(await _receive_code(scene, 2))
    scene.narrator.line("kim", "guesses a code, then opens mia’s page for the code")
    after_guess = await browser.press(loaded, "Confirm", {"Code": _wrong_code(code, *_sent_codes(scene))})
    _expect_text(scene, after_guess, _WRONG_CODE, f"kim is told “{_WRONG_CODE}”")
    _expect_text(scene, await browser.follow(code_page.url), _CODE_GONE, f"and of mia’s “{_CODE_GONE}”")
    await _expect_open(scene, request, "a person who has only the link cannot decide")


def _sent_codes(scene: Scene) -> list[str]:
    return [emails.code(email) for email in scene.env.slack.mail.received(to=MIA)]


async def _enter_code(scene: Scene, browser: Browser, code_page: LoadedPage, code: str) -> None:
    scene.narrator.line("mia", "types the code of her own email")
    receipt = await browser.press(code_page, "Confirm", {"Code": f"{code[:4]} {code[4:]}"})
    scene.narrator.line("mia", f"sees “{_receipt_text(receipt)}”")
    _expect_text(scene, receipt, _RECEIPT, "the receipt says that she approved it")
    _expect_text(scene, receipt, _BY_CODE, "and what identified her")


def _receipt_text(receipt: LoadedPage) -> str:
    match = re.search(rf"{_RECEIPT}, [^.]*\.", receipt.page.words)
    return match[0] if match else receipt.page.words


def _expect_text(scene: Scene, loaded: LoadedPage, part: str, claim: str) -> None:
    scene.narrator.claim(claim, part in loaded.page.words, actual=f"status {loaded.status}: {loaded.page.words}")


# -- the end ------------------------------------------------------------------------------------------------


async def _expect_outcome(scene: Scene, request: ShownRequest, first: ReceivedMail) -> None:
    for name in APPROVERS:
        await scene.expect_closed(name, _ORDER, f"Approved with edits by {MIA}", "200.00 EUR → 180.00 EUR")
    await scene.expect_end(
        request.run, RunStatus.SUCCEEDED, f"Done: Refund 180.00 EUR (was 200.00 EUR) for order {_ORDER}"
    )
    scene.expect_paid_once(request.run, _ORDER, "180 EUR")
    last = await _receive_email(scene, "about the outcome", lambda email: email.subject == f"Re: {first.subject}")
    scene.narrator.claim("it is in the thread of the first", emails.is_reply(last, first), actual=last.parsed.headers)
    amounts = dict(emails.rows(last)).get("Amount", "")
    scene.narrator.claim("it has both amounts", amounts == "before: 200.00 EUR now: 180.00 EUR", actual=last.text)


CHAPTERS = (decide_by_email,)
