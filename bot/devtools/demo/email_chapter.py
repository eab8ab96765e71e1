"""A decision by mail: mia has no Slack. What the mail says, what its link can do, and what it takes to decide."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from bot.devtools.demo import emails, story_browser, templates
from bot.devtools.demo.first_chapters import opens_register, sends_workflow
from bot.devtools.demo.scene import APPROVERS, PAY, Scene, ShownRequest, title
from bot.devtools.demo.story_browser import Browser, LoadedPage
from bot.devtools.demo.workflows import OUTSIDER, refund
from bot.devtools.sandbox.mail.records import ReceivedMail
from engine.domain import RequestState, RunStatus
from engine.read_models import RequestView

MIA: Final = OUTSIDER
_ASKED: Final = ("Ada Approver", "Ben Approver", MIA)
_NAME: Final = "refund-by-mail"
_ORDER: Final = "A-1007"
_AMOUNT: Final = "Amount in EUR"
_ASKS_CODE: Final = "Type the code from your email"
_WRONG: Final = "That is not the code."
_GONE: Final = "This code can no longer be used here"
_BY_CODE: Final = "by a code that was sent to your email address"
_ONLY_MAIL: Final = "The link works until"


async def mailed(scene: Scene) -> None:
    """Mia changes the amount and approves, in a browser that she opens from her mail."""
    scene.teller.chapter("cleo refunds 200 EUR: mia, who has no Slack, changes it to 180 by mail")
    asked = await _asked(scene)
    mail = await _comes(scene, "that asks her", lambda one: one.subject == title(_ORDER))
    (link,) = _one_link(scene, mail)
    async with story_browser.browser() as scanner, story_browser.browser() as mias, story_browser.browser() as kims:
        await _scanned(scene, asked, scanner, link)
        page = await _reads(scene, mias, mail, link)
        at_code = await _approves(scene, asked, mias, page)
        code = emails.code(await _code_comes(scene, 1))
        at_code = await _mistyped(scene, asked, mias, at_code, code)
        await _forwarded(scene, asked, kims, link, at_code)
        await _gives(scene, mias, at_code, code)
    await _ends(scene, asked, mail)


async def _asked(scene: Scene) -> ShownRequest:
    """The ready-made workflow, with mia among its approvers."""
    text = templates.changed(refund(scene.stage.payments.url), "name: refund\n", f"name: {_NAME}\n")
    text = templates.changed(text, "ben@example.com]", f"ben@example.com, {MIA}]")
    await opens_register(scene)
    await sends_workflow(
        scene, f"pastes refund.yaml under the name {_NAME}, with {MIA} as one more approver", text, *_ASKED
    )
    return await scene.asked(_NAME, _ORDER, amount="200", why="Never worked")


# -- mails --------------------------------------------------------------------------------------------------


async def _comes(scene: Scene, what: str, fits: Callable[[ReceivedMail], object], count: int = 1) -> ReceivedMail:
    """The newest of so many mails to mia that fit."""

    def look() -> ReceivedMail | None:
        found = [one for one in scene.stage.slack.mail.received(to=MIA) if fits(one)]
        return found[-1] if len(found) >= count else None

    def instead() -> list[str]:
        return [one.subject for one in scene.stage.slack.mail.received(to=MIA)]

    mail = await scene.teller.awaits(f"mia gets the mail {what}", look, instead=instead)
    scene.teller.line("mia", f"gets the mail “{mail.subject}” from {mail.header('from')}")
    return mail


def _one_link(scene: Scene, mail: ReceivedMail) -> list[str]:
    found = emails.links(mail, scene.stage.public_url)
    reviews = [one for one in found if one.startswith(f"{scene.stage.public_url}/r/")]
    scene.teller.claim("its one link is to review; none decides", len(found) == len(reviews) == 1, instead=found)
    return found


async def _code_comes(scene: Scene, count: int) -> ReceivedMail:
    mail = await _comes(scene, "with the code", emails.code, count)
    found = emails.links(mail, scene.stage.public_url)
    holds = bool(emails.code(mail)) and not found
    scene.teller.claim("it holds eight digits, and no link of ours", holds, instead=found or mail.text)
    return mail


# -- pages --------------------------------------------------------------------------------------------------


async def _scanned(scene: Scene, asked: ShownRequest, scanner: Browser, link: str) -> None:
    """What programs do that look into mails before people do."""
    scene.teller.line("scanner", "of mia’s mail server opens the link: HEAD, GET, and GET again")
    statuses = [(await scanner.follow(link, method=one)).status for one in ("HEAD", "GET", "GET")]
    scene.teller.claim("the link can be opened each time", statuses == [200, 200, 200], instead=statuses)
    await _is_open(scene, asked, "opening it decides nothing")


async def _is_open(scene: Scene, asked: ShownRequest, claim: str) -> None:
    request = await _request(scene, asked)
    decided = request.model.state is not RequestState.PENDING or request.decision is not None
    paid = scene.paid(_ORDER)
    scene.teller.claim(claim, not decided and not paid, instead=f"it is {request.model.state}, paid: {paid}")


async def _request(scene: Scene, asked: ShownRequest) -> RequestView:
    (request,) = await scene.stage.app.engine.requests_of_run(asked.run)
    return request


async def _reads(scene: Scene, mias: Browser, mail: ReceivedMail, link: str) -> LoadedPage:
    scene.teller.line("mia", "presses Review in the mail")
    shown = await mias.follow(link)
    rows = [(label, text) for label, text in emails.rows(mail) if label != _ONLY_MAIL]
    missing = [row for row in rows if not all(one in shown.page.words for one in row)]
    scene.teller.claim(
        f"the page says all {len(rows)} facts that the mail says",
        len(rows) > 5 and not missing,
        instead=f"{missing} of {rows} are missing in: {shown.page.words}",
    )
    return shown


async def _approves(scene: Scene, asked: ShownRequest, mias: Browser, page: LoadedPage) -> LoadedPage:
    scene.teller.line("mia", f"changes the amount to 180, and presses [{PAY}]")
    at_code = await mias.press(page, PAY, {_AMOUNT: "180"})
    _says(scene, at_code, _ASKS_CODE, f"she is asked for a code first: “{_ASKS_CODE}”")
    await _is_open(scene, asked, "nothing is decided or paid without it")
    return at_code


async def _mistyped(scene: Scene, asked: ShownRequest, mias: Browser, at_code: LoadedPage, code: str) -> LoadedPage:
    scene.teller.line("mia", "mistypes it")
    shown = await mias.press(at_code, "Confirm", {"Code": _other(code)})
    _says(scene, shown, _WRONG, f"the page says “{_WRONG}”")
    await _is_open(scene, asked, "a wrong code decides nothing")
    return shown


def _other(*codes: str) -> str:
    """A code that is none of these."""
    return next(guess for number in range(len(codes) + 1) if (guess := f"{number:08}") not in codes)


async def _forwarded(scene: Scene, asked: ShownRequest, kims: Browser, link: str, at_code: LoadedPage) -> None:
    """A colleague has the link, and not the mailbox."""
    scene.teller.line("kim", f"to whom mia forwarded the mail, opens its link, and presses [{PAY}]")
    shown = await kims.press(await kims.follow(link), PAY)
    _says(scene, shown, _ASKS_CODE, "kim gets no further than the page for the code")
    code = emails.code(await _code_comes(scene, 2))
    scene.teller.line("kim", "guesses a code, then opens the page that waits for mia’s")
    guessed = await kims.press(shown, "Confirm", {"Code": _other(code, *_codes(scene))})
    _says(scene, guessed, _WRONG, f"kim is told “{_WRONG}”")
    _says(scene, await kims.follow(at_code.url), _GONE, f"and of mia’s “{_GONE}”")
    await _is_open(scene, asked, "whoever has the link alone cannot decide")


def _codes(scene: Scene) -> list[str]:
    return [emails.code(one) for one in scene.stage.slack.mail.received(to=MIA)]


async def _gives(scene: Scene, mias: Browser, at_code: LoadedPage, code: str) -> None:
    scene.teller.line("mia", "types the code of the mail that she asked for")
    shown = await mias.press(at_code, "Confirm", {"Code": f"{code[:4]} {code[4:]}"})
    scene.teller.line("mia", f"sees “{_receipt(shown)}”")
    _says(scene, shown, f"By {MIA} (you)", "the receipt says who approved it")
    _says(scene, shown, _BY_CODE, "and what identified her")


def _receipt(shown: LoadedPage) -> str:
    found = re.search(rf"Approved with edits .*{_BY_CODE}", shown.page.words)
    return found[0] if found else shown.page.words


def _says(scene: Scene, shown: LoadedPage, part: str, claim: str) -> None:
    scene.teller.claim(claim, part in shown.page.words, instead=f"status {shown.status}: {shown.page.words}")


# -- the end ------------------------------------------------------------------------------------------------


async def _ends(scene: Scene, asked: ShownRequest, first: ReceivedMail) -> None:
    for name in APPROVERS:
        await scene.closes(name, _ORDER, f"Approved with edits by {MIA}", "200 EUR → 180 EUR")
    await scene.ends(asked.run, RunStatus.SUCCEEDED, "Refund a customer: done")
    scene.pays_once(asked.run, _ORDER, "180 EUR")
    last = await _comes(scene, "that says how it ended", lambda one: one.subject == f"Re: {title(_ORDER)}")
    scene.teller.claim("it is in the thread of the first", emails.answers(last, first), instead=last.parsed.headers)
    said = dict(emails.rows(last)).get("Amount", "")
    was = "before 200 EUR now 180 EUR"
    scene.teller.claim("it tells both amounts", said == was, instead=last.text)


CHAPTERS = (mailed,)
