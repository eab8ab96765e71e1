"""States of the inbox, of whole requests and of runs: full lists, each role, erased contents, and hard texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from playwright.async_api import Page, expect

from engine.domain import Address, Erase
from tests.browser.review_page import BY_LINK, PageState, ReviewWindows, sign_in_as
from tests.support.engine_env import TERMINAL
from tests.support.web_env import ADA, BEN, PAY_WORKFLOW, email_workflow

ADMIN: Final = "admin@example.com"
AUDITOR: Final = "audit@example.com"
SAM: Final = "sam@example.com"
NOTE: Final = """\
name: note
title: Publish a note
owner: sam@example.com
inputs: {note: {type: long_text}, author: {type: text, default: Kim}}
steps:
  - id: publish
    title: Publish the note
    uses: set
    with: {note: "{{ inputs.note }}", author: "{{ inputs.author }}"}
    gate:
      title: "Publish the note of {{ inputs.author }}?"
      reason: All notes need an approval.
      approvers: [ada@example.com, ben@example.com]
      edit: [note]
      expires: 2d
"""
HARD_TEXTS: Final = {
    "one word": "PaymentReferenceWithoutAnySpaceOrBreak" * 8,
    "5,000 characters": "The blue kettle arrived broken and was paid back. " * 100,
    "right to left": "שלום, כאן הקומקום הכחול שלך.\nהוא נשבר בדרך.\nThe order is A-1007.",  # noqa: RUF001 it is Hebrew
}
_SHIP_STEP: Final = "  - {{id: step{0}, title: Step {0} of a workflow that many know, uses: set, with: {{a: 1}}{1}}}"
_SHIP_STEPS: Final = "\n".join(
    _SHIP_STEP.format(number, ', when: "{{ inputs.urgent }}"' if number % 4 == 2 else "") for number in range(1, 17)
)
SHIP: Final = f"""\
name: ship
title: Ship the kettles of a whole year to all customers in all countries
owner: sam@example.com
inputs: {{urgent: {{type: boolean, default: false}}}}
steps:
{_SHIP_STEPS}
  - id: ship
    uses: set
    with: {{done: "yes"}}
    gate: {{title: Ship all of it?, approvers: [ada@example.com]}}
"""


async def _full(windows: ReviewWindows, count: int) -> None:
    """Ask Ada about this many notes."""
    env = windows.web.engine_env
    await env.register(NOTE)
    for number in range(count):
        env.pass_time(seconds=1)
        await env.start("note", note=f"Note number {number}.", author=f"author {number}")
    await env.settle()


async def _inbox_full(windows: ReviewWindows, page: Page) -> None:
    await _full(windows, 60)
    await sign_in_as(windows, page, ADA)


async def _inbox_second_page(windows: ReviewWindows, page: Page) -> None:
    await _inbox_full(windows, page)
    await page.get_by_role("link", name="Show more").click()
    await page.get_by_role("link", name="Back to the first page").wait_for()


async def _inbox_searched(windows: ReviewWindows, page: Page) -> None:
    await _full(windows, 12)
    await sign_in_as(windows, page, ADA)
    await page.get_by_role("searchbox").fill("number 7")
    await page.get_by_role("button", name="Search").click()
    await page.get_by_text("Only requests that contain").wait_for()


async def _inbox_chosen(windows: ReviewWindows, page: Page) -> None:
    await _full(windows, 3)
    await sign_in_as(windows, page, ADA)
    await page.get_by_label("Choose all that can be decided together").check()


async def _inbox_stale(windows: ReviewWindows, page: Page) -> None:
    """Decide in a row what another person has changed since the list was opened."""
    request = await windows.web.request_approval(BY_LINK)
    await sign_in_as(windows, page, ADA)
    await page.locator("input[name^=seen]").first.evaluate("(element) => { element.value = '1.0' }")
    await page.get_by_role("button", name="Send email").click()
    await page.get_by_role("alert").wait_for()
    assert (await windows.web.reload(request)).decision is None


async def _inbox_of(windows: ReviewWindows, page: Page, address: str) -> None:
    await _full(windows, 3)
    env = windows.web.engine_env
    decided = await env.start("note", note="Decided.", author="Noa")
    await env.settle()
    await env.decide(decided, by=Address("email", BEN))
    await env.settle()
    # People are known here once they are asked about something.
    await windows.web.request_approval(source=email_workflow(BY_LINK).replace(BEN, address))
    await sign_in_as(windows, page, address)
    await page.get_by_role("link", name="Everything").click()
    await page.get_by_role("heading", name="Everything").wait_for()


async def _inbox_of_an_auditor(windows: ReviewWindows, page: Page) -> None:
    await _inbox_of(windows, page, AUDITOR)


async def _inbox_of_an_admin(windows: ReviewWindows, page: Page) -> None:
    await _inbox_of(windows, page, ADMIN)


async def _inbox_waiting(windows: ReviewWindows, page: Page) -> None:
    await windows.web.request_approval("      policy: {quorum: 2}\n" + BY_LINK)
    await windows.open_link(page=page)
    await page.get_by_role("button", name="Send email").click()
    await sign_in_as(windows, page, ADA)
    await page.get_by_role("link", name="Waiting for others").click()
    await page.get_by_role("heading", name="Waiting for others").wait_for()


async def _inbox_nothing_decided(windows: ReviewWindows, page: Page) -> None:
    await _full(windows, 1)
    await sign_in_as(windows, page, ADA)
    await page.get_by_role("link", name="Decided by you").click()
    await page.get_by_text("You have not decided anything yet.").wait_for()


async def _away(windows: ReviewWindows, page: Page) -> None:
    await _full(windows, 1)
    await sign_in_as(windows, page, ADA)
    await page.get_by_text("Say when you are away").click()
    await page.get_by_label("Back on").fill("2026-03-09")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="I am back").wait_for()


async def _away_wrong(windows: ReviewWindows, page: Page) -> None:
    await _full(windows, 1)
    await sign_in_as(windows, page, ADA)
    await page.get_by_text("Say when you are away").click()
    await page.get_by_label("Back on").fill("2025-03-09")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("alert").wait_for()


async def _hard(windows: ReviewWindows) -> None:
    """Ask Ada about texts that are hard to lay out."""
    await windows.web.engine_env.register(NOTE)
    for name, text in HARD_TEXTS.items():
        author = text[:240].replace("\n", " ") if name != "5,000 characters" else "Kim"
        await windows.web.engine_env.start("note", note=text, author=author)
    await windows.web.engine_env.settle()


async def _inbox_hard(windows: ReviewWindows, page: Page) -> None:
    await _hard(windows)
    await sign_in_as(windows, page, ADA)


async def _batch_hard(windows: ReviewWindows, page: Page) -> None:
    await _inbox_hard(windows, page)
    await page.get_by_label("Choose all that can be decided together").check()
    await page.get_by_role("button", name="Approve selected").click()
    await page.get_by_role("heading", name="Approve these").wait_for()


async def _runs_hard(windows: ReviewWindows, page: Page) -> None:
    await _hard(windows)
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/runs")


async def _note(windows: ReviewWindows, page: Page, text: str, where: str) -> str:
    """Approve a changed note, and open the page of its run or its request as the owner."""
    env = windows.web.engine_env
    await env.register(NOTE)
    run = await env.start("note", note=text, author=text[:200].replace("\n", " "))
    await env.settle()
    await env.decide(run, by=Address("email", ADA), edits={"note": f"{text} Thank you."})
    await env.settle()
    request = await env.request(run)
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/{where}/{run if where == 'runs' else request.id}")
    return run


async def _request_hard(windows: ReviewWindows, page: Page) -> None:
    await _note(windows, page, HARD_TEXTS["one word"], "requests")


async def _request_right_to_left(windows: ReviewWindows, page: Page) -> None:
    await _note(windows, page, HARD_TEXTS["right to left"], "requests")


async def _run_hard(windows: ReviewWindows, page: Page) -> None:
    await _note(windows, page, HARD_TEXTS["one word"], "runs")


async def _run_done(windows: ReviewWindows, page: Page) -> None:
    await _note(windows, page, HARD_TEXTS["5,000 characters"], "runs")
    await page.get_by_text("Inputs and result of Publish the note").click()


async def _request_erased(windows: ReviewWindows, page: Page) -> None:
    run = await _note(windows, page, "A secret note.", "requests")
    erase = Erase(run=run, actor=Address("email", ADMIN), origin=TERMINAL, reason="On request")
    await windows.web.engine_env.engine.erase(erase)
    await page.reload()
    await expect(page.get_by_text("A secret note.")).to_have_count(0)


async def _run_erased(windows: ReviewWindows, page: Page) -> None:
    await _request_erased(windows, page)
    await page.get_by_role("link", name="See the whole run").first.click()


async def _run_attention(windows: ReviewWindows, page: Page) -> None:
    env = windows.web.engine_env
    await env.register(PAY_WORKFLOW)
    run = await env.start("pay")
    await env.settle()
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/runs/{run}")


async def _run_long(windows: ReviewWindows, page: Page) -> None:
    env = windows.web.engine_env
    await env.register(SHIP)
    run = await env.start("ship")
    await env.settle()
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/runs/{run}")


async def _run_signed_out(windows: ReviewWindows, page: Page) -> None:
    await page.goto(f"{windows.web.url}/runs")


async def _run_hidden(windows: ReviewWindows, page: Page) -> None:
    await _full(windows, 1)
    await sign_in_as(windows, page, ADA)
    await page.goto(f"{windows.web.url}/runs/unknown")


async def _export(windows: ReviewWindows, page: Page) -> None:
    await _full(windows, 1)
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/inbox?part=all")
    await page.get_by_role("link", name="Export decisions").click()
    await page.get_by_role("heading", name="Export decisions").wait_for()


async def _export_wrong(windows: ReviewWindows, page: Page) -> None:
    await _export(windows, page)
    await page.get_by_label("Decided since").fill("")
    await page.get_by_role("button", name="Download").click()
    await page.get_by_role("alert").first.wait_for()


INBOX_STATES: Final[Mapping[str, PageState]] = {
    "inbox-full": _inbox_full,
    "inbox-second-page": _inbox_second_page,
    "inbox-searched": _inbox_searched,
    "inbox-chosen": _inbox_chosen,
    "inbox-stale": _inbox_stale,
    "inbox-auditor": _inbox_of_an_auditor,
    "inbox-admin": _inbox_of_an_admin,
    "inbox-waiting": _inbox_waiting,
    "inbox-nothing-decided": _inbox_nothing_decided,
    "inbox-hard": _inbox_hard,
    "away": _away,
    "away-wrong": _away_wrong,
    "batch-hard": _batch_hard,
    "runs-hard": _runs_hard,
    "run-signed-out": _run_signed_out,
    "run-hidden": _run_hidden,
    "run-attention": _run_attention,
    "run-done": _run_done,
    "run-erased": _run_erased,
    "run-hard": _run_hard,
    "run-long": _run_long,
    "request-erased": _request_erased,
    "request-hard": _request_hard,
    "request-right-to-left": _request_right_to_left,
    "export": _export,
    "export-wrong": _export_wrong,
}
