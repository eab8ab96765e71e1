"""Forms and details in Slack are views of the person who opened them; App Home tells their own figures."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.slack.test_home import open_home
from tests.support.slack_env import SlackEnv, expect_ok, words


async def views(env: SlackEnv) -> list[tuple[Any, ...]]:
    return await env.bot.store.read(
        lambda connection: [tuple(row) for row in connection.execute(text("SELECT surface FROM request_view")).all()]
    )


@pytest.mark.parametrize("button", ["Details", "Edit", "Reject"])
async def test_opening_everything_or_a_form_is_a_view(env: SlackEnv, button: str) -> None:
    await env.request_approval()
    ada = env.person("ada")
    expect_ok(await ada.click(button))
    await env.slack.until(lambda: ada.modal)
    assert await views(env) == [("slack",)]


async def test_app_home_tells_a_person_their_own_figures(env: SlackEnv) -> None:
    ada = env.person("ada")
    for _ in range(5):
        await env.request_approval()
        env.pass_time(seconds=9)
        expect_ok(await ada.click("Approve"))
        await env.settle()
    for name, is_told in (("ada", True), ("ben", False)):
        person = await open_home(env, name)
        assert person.home is not None
        assert ("Half of your last 5 decisions took at most 9 s" in words(person.home["blocks"])) is is_told
