"""`/signoff insights`: what is worth knowing, over signed HTTP, with the link to the page."""

from __future__ import annotations

from engine.domain import DEFAULT_WORKSPACE
from engine.store import log_followers
from tests.integration.slack.test_commands import answer_to
from tests.support.slack_env import SlackEnv


async def test_owners_get_what_is_worth_knowing(env: SlackEnv) -> None:
    await env.register()
    await env.engine.store.transact(lambda tx: log_followers.follow_log(tx, DEFAULT_WORKSPACE))
    owner = await answer_to(env, "cleo", "/signoff insights")
    assert "Requests that were opened since" in owner
    assert "You have no workflow nonsense." in await answer_to(env, "cleo", "/signoff insights nonsense")


async def test_people_without_a_workflow_are_told_so(env: SlackEnv) -> None:
    await env.register()
    assert "You do not own one yet." in await answer_to(env, "ada", "/signoff insights")
