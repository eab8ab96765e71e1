"""Hundreds of approvers of one request, within Slack's rates."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.slack.rate_limit import RateLimiter
from engine.domain import RequestState
from tests.support.slack_env import SlackEnv, copy_of, expect_ok, hire, open_slack

APPROVERS = 500
FASTER = 200
"""How many times faster the rates of this test are than those of Slack, on both sides."""
ASKS = """\
name: refund
title: Refund
steps:
  - id: pay
    uses: played
    with: {text: hello}
    gate: {title: "Refund 120 EUR?", approvers: ["group:finance-approvers"]}
"""


async def deliver(env: SlackEnv) -> None:
    """Do all work that is due, as many units at a time as a server does."""
    units = {"advance": env.bot.runner.advance, "deliver": env.bot.relay.deliver, "process_due": env.engine.process_due}
    while works := await env.engine.due(env.clock.now()):
        await asyncio.gather(*(units[work.kind](work.id) for work in works))
        env.pass_time(seconds=1)


async def test_five_hundred_approvers_are_asked_and_one_decides(tmp_path: Path) -> None:
    async with open_slack(tmp_path / "signoff.db", "http", limiter=RateLimiter(multiplier=FASTER)) as env:
        env.slack.rates.configure(multiplier=FASTER)
        names = hire(env.slack, APPROVERS)
        await env.register(ASKS)
        run = await env.start()
        request = await env.request(run)
        assert len(request.approvers) == APPROVERS
        assert request.notes == ()
        await deliver(env)
        assert {copy.state for copy in await env.engine.deliveries(run=run)} == {"shown"}
        person = env.person(names[-1])
        expect_ok(await person.click("Approve", on=copy_of(person)))
        assert await env.state(run) is RequestState.APPROVED
        assert env.slack.rates.refused == 0
