"""A person signs in with Slack on a phone, and their decision counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from engine.domain import RequestState
from tests.browser.review_page import NARROW, ReviewWindows, change, check_accessibility
from tests.support.sign_in_env import open_sign_in

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_person_decides_with_their_slack_account(tmp_path: Path, browser: Browser, *, script: bool) -> None:
    async with open_sign_in(tmp_path / "signoff.db") as env:
        windows = ReviewWindows(env.web, browser)
        request = await env.web.request_approval("      assurance: sso\n      confirm_with: sso\n")
        page = await windows.open_link(size=NARROW, script=script)
        await (await change(page)).fill("Dear Kim,\nit is done.")
        await page.get_by_role("button", name="Send email").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in with Slack to confirm: Send email")
        await expect(page.get_by_role("heading", name="What you changed")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if script:
            await check_accessibility(page)
        await page.get_by_role("link", name="Sign in with Slack").click()
        await page.get_by_role("link", name="Sign in as Ada Approver").click()
        await expect(page).to_have_url(f"{env.web.url}/review/{request.id}")
        await expect(page.get_by_text("You approved this with edits")).to_be_visible()
        signature = page.locator("dl.facts", has_text="Signed by").first
        await expect(signature).to_be_visible()
        await expect(signature).to_contain_text("“Send email: Send this to Kim?”")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert (await env.web.reload(request)).model.state is RequestState.APPROVED
        for context in windows.contexts:
            await context.close()
        assert windows.complaints == []
