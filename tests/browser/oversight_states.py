"""States of pages about what Signoff itself asks, for `page_states`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from playwright.async_api import Page

from engine.domain import Address, Cancel
from engine.domain.oversight import About, OversightPurpose
from engine.oversight import plan_sentences
from engine.oversight.sampling_plan import PlanState, SamplingPlan
from engine.references import Reference
from engine.requests.oversight_request import OversightRequest
from engine.store import sampling_plans
from engine.store.sampling_plans import PlanKey
from engine.worker.oversight_requests import open_oversight_request
from tests.browser.review_page import PageState, ReviewWindows, sign_in_as
from tests.support.engine_env import SAM, TERMINAL
from tests.support.web_env import ADA, PAY_WORKFLOW


async def ask(windows: ReviewWindows, purpose: OversightPurpose, **changes: Any) -> str:
    """Let Signoff ask Ada about a run and a plan that there are, and return the run that asks."""
    env = windows.web.engine_env
    await env.register(PAY_WORKFLOW)
    ((workflow,),) = await env.rows("SELECT id FROM workflow WHERE name = 'pay'")
    key = PlanKey(workspace="default", workflow=workflow, version=1, step="pay", class_name="", model="")
    plan = await env.store.transact(lambda tx: sampling_plans.need(tx, key))
    paid = await env.start("pay")
    await env.engine.cancel(Cancel(run=paid, actor=SAM, origin=TERMINAL))
    await env.settle()
    asked = OversightRequest(
        workspace="default",
        purpose=purpose,
        approvers=(Reference("email", ADA, "an approver of the gate"),),
        about=About(workflow=workflow, version=1, step="pay", run=paid),
        facts={"plan": plan},
        **changes,
    )
    run = await env.engine.transact_with_directory(
        lambda tx, resolved: open_oversight_request(env.advancer, tx, asked, resolved)
    )
    await env.settle()
    return run


async def _later(windows: ReviewWindows) -> str:
    return await ask(
        windows,
        OversightPurpose.LATER_REVIEW,
        title="Was this right? Refund 120.00 EUR for order A-1007",
        content={"order": "A-1007", "amount": "120.00 EUR", "note": "Arrived broken"},
        approve_label="Looks right",
        reject_label="Something is wrong",
    )


async def _stage(windows: ReviewWindows) -> str:
    return await ask(
        windows,
        OversightPurpose.CHANGE_STAGE,
        title="Review only 10% of “Pay the refund” from now on?",
        reason="Of “Refund an order”, 100 in a row were approved without a correction.",
        show=(
            *plan_sentences.evidence(
                SamplingPlan(clean=100, share=Decimal("0.1"), later=Decimal("0.1")),
                PlanState(clean=100, reviewed=134, bad=2),
            ),
        ),
        approve_label="Review a share",
        reject_label="Review everything",
    )


async def _later_review(windows: ReviewWindows, page: Page) -> None:
    await _later(windows)
    await windows.open_link(page=page)


async def _flagged(windows: ReviewWindows, page: Page) -> None:
    await _later(windows)
    await windows.open_link(page=page)
    await page.get_by_role("button", name="Something is wrong").first.click()
    await page.get_by_role("textbox").last.fill("The order had been cancelled.")
    await page.get_by_role("button", name="Something is wrong").last.click()
    await page.get_by_label("Code").fill(await windows.code())
    await page.get_by_role("button", name="Confirm").click()
    await page.get_by_text("You answered").wait_for()


async def _change_of_stage(windows: ReviewWindows, page: Page) -> None:
    await _stage(windows)
    await windows.open_link(page=page)


async def _inbox(windows: ReviewWindows, page: Page) -> None:
    await _later(windows)
    await _stage(windows)
    await sign_in_as(windows, page, ADA)
    await page.goto(f"{windows.web.url}/inbox")


async def _request(windows: ReviewWindows, page: Page) -> None:
    run = await _later(windows)
    await windows.web.engine_env.decide(run, by=Address("email", ADA))
    await windows.web.engine_env.settle()
    await sign_in_as(windows, page, ADA)
    await page.goto(f"{windows.web.url}/requests/{(await windows.request(run)).id}")


async def _run(windows: ReviewWindows, page: Page) -> None:
    run = await _stage(windows)
    await sign_in_as(windows, page, ADA)
    await page.goto(f"{windows.web.url}/runs/{run}")


COUNTED: Final = """\
name: refund
title: Refund an order
owner: sam@example.com
inputs: {amount: {type: integer, default: 120}}
steps:
  - id: pay
    title: Pay the refund
    uses: set
    with: {amount: "{{ inputs.amount }}"}
    gate:
      title: "Refund {{ inputs.amount }} EUR?"
      approvers: [ada@example.com]
      edit: [amount]
      autonomy: {clean: 3, sample: 10%, only_when: "{{ inputs.amount <= 200 }}"}
"""
"""A workflow whose gate may let a share through."""


async def approve_counted(windows: ReviewWindows, times: int = 3) -> str:
    """Run it to its end so often, each with an approval, and return the last run."""
    env, run = windows.web.engine_env, ""
    await env.register(COUNTED, by=Address("email", "mia@example.com"))
    for _ in range(times):
        env.pass_time(seconds=5)
        run = await env.start("refund")
        await env.settle()
        await env.decide(run, by=Address("email", ADA))
        await env.settle()
    return run


async def _proposal(windows: ReviewWindows, page: Page) -> None:
    """Show the owner what the plan itself asks, after three approvals in a row."""
    await approve_counted(windows)
    await sign_in_as(windows, page, "sam@example.com")
    await page.goto(f"{windows.web.url}/inbox")
    await page.get_by_role("link", name="Review only 10%").first.click()


async def _report(windows: ReviewWindows, page: Page) -> None:
    """Ask what is wrong with a run that was approved."""
    run = await approve_counted(windows, 1)
    await sign_in_as(windows, page, "sam@example.com")
    await page.goto(f"{windows.web.url}/runs/{run}")
    await page.get_by_role("button", name="Something is wrong").click()
    await page.get_by_role("heading", name="What is wrong?").wait_for()


OVERSIGHT_STATES: Final[Mapping[str, PageState]] = {
    "later-review": _later_review,
    "later-review-flagged": _flagged,
    "change-of-stage": _change_of_stage,
    "change-of-stage-of-a-plan": _proposal,
    "run-report": _report,
    "oversight-inbox": _inbox,
    "oversight-request": _request,
    "oversight-run": _run,
}
