"""Asking for changes where a sign-in with Slack confirms each decision."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain import RequestState
from tests.integration.web.test_revise import SOURCE
from tests.support.sign_in_env import SignInEnv, open_sign_in


@pytest.fixture
async def env(path: Path) -> AsyncIterator[SignInEnv]:
    async with open_sign_in(path) as env:
        yield env


@pytest.mark.parametrize("key", ["assurance: sso", "confirm_with: sso"])
async def test_a_sign_in_says_what_it_confirms_and_sends_it_back(env: SignInEnv, key: str) -> None:
    request = await env.web.request_approval(source=SOURCE.replace("assurance: link", key))
    browser, page = await env.web.open_link()
    at_sign_in = await browser.send(page.page.form, "revise", reason="much shorter")
    assert "Sign in with Slack to confirm: Ask for changes" in at_sign_in.page.text
    assert (await env.web.reload(request)).model.state is RequestState.PENDING
    back = await browser.get(f"/review/{request.id}?typed=1")
    assert "What should change?" in back.page.text
    assert dict(back.page.form.fields)["reason"] == "much shorter"
    receipt = await env.sign_in(browser, at_sign_in, "ada")
    assert "sent this back for changes" in receipt.page.text
    view = await env.web.reload(request)
    assert view.model.state is RequestState.CHANGES_REQUESTED
    signed = ["Asked for changes: Send this to Kim?"] if key.startswith("confirm") else []
    assert [signature.meaning for signature in view.signatures] == signed
