"""App Home in `signoff bench slack`: a person whose requests are decided one after the other.

The person approves them in their messages, at scheduled times. What counts is how often their Home tab is published
meanwhile, and how long after the last decision it shows that nothing waits. Rate limits are practically off, so that
only the debounce of the bot decides when it publishes.
"""

from __future__ import annotations

import asyncio
from typing import Final

from bot.devtools.bench.figures import Figure, Target
from bot.devtools.bench.slack_env import BenchFailed, PostedCopy, SlackBenchEnv
from bot.slack import ids

_WORKFLOW: Final = """\
name: home
title: Refund
inputs:
  who: email
  number: text
steps:
  - id: pay
    uses: set
    with: {order: "A-{{ inputs.number }}"}
    gate: {title: "Refund order A-{{ inputs.number }}?", approvers: ["{{ inputs.who }}"]}
"""
_PUBLISH: Final = "views.publish"
_TIMEOUT: Final = 30.0


async def measure(env: SlackBenchEnv, *, requests: int, seconds: float, quiet: float) -> list[Figure]:
    """Decide all requests of one person within so many seconds. Raises `BenchFailed` if the tab stays wrong.

    `quiet`: seconds without a change before the first decision, longer than the bot collects changes.
    """
    person = env.people[0]
    await env.register(_WORKFLOW)
    inputs = [{"who": person.user.email, "number": str(number)} for number in range(requests)]
    await env.start_all("home", inputs)
    await env.until(lambda: len(env.copies()) >= requests, "all requests are posted", seconds=_TIMEOUT)
    await asyncio.sleep(quiet)
    before, copies = _published(env), env.copies()
    last = await _approve_all(copies, pause=seconds / requests)
    await env.until(lambda: not _waits(env), "the Home tab is right", seconds=_TIMEOUT)
    right = env.slack.time.seconds
    return _figures(_published(env) - before, right - last, requests=requests, seconds=seconds)


async def _approve_all(copies: list[PostedCopy], *, pause: float) -> float:
    """Click Approve on each copy at its scheduled time, and return the time of the last click."""
    loop = asyncio.get_running_loop()
    start, last = loop.time(), 0.0
    for number, copy in enumerate(copies):
        await asyncio.sleep(start + number * pause - loop.time())
        last = copy.person.slack.time.seconds
        ack = await copy.person.click(ids.APPROVE, on=copy.seen_message, stale=True)
        if ack is None or not ack.ok:
            raise BenchFailed(f"A click was not acknowledged: {ack}")
    return last


def _published(env: SlackBenchEnv) -> int:
    """Return how often the tab of the person was published."""
    user = env.people[0].id
    calls = (call for call in env.slack.slack.calls if call.method == _PUBLISH and call.outcome == "ok")
    return sum(call.arguments.get("user_id") == user for call in calls)


def _waits(env: SlackBenchEnv) -> bool:
    """Return whether the tab of the person shows a request to decide."""
    view = env.people[0].home or {}
    elements = [element for block in view.get("blocks", []) for element in block.get("elements", [])]
    return any(element.get("action_id") == ids.APPROVE for element in elements)


def _figures(publishes: int, right_after: float, *, requests: int, seconds: float) -> list[Figure]:
    return [
        Figure(
            name="slack.home_publishes",
            value=publishes,
            meaning=f"publishes of a Home tab while its {requests} requests are decided within {seconds:g} s",
            target=Target(12, reached=True),
        ),
        Figure(
            name="slack.home_right_after_s",
            value=right_after,
            meaning="from the last decision until the tab is right",
            target=Target(5, reached=True),
        ),
        Figure(name="slack.home_decisions", value=requests, meaning="decisions, each on another request"),
    ]
