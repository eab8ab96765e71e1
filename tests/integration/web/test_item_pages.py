"""The pages with all items of a foreach, and what the page of a run says of its items and of the runs below it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.domain import Address, Cancel, RunStatus
from engine.ports import StepType
from engine.steps.foreach import ForeachStep
from engine.steps.run import RunStep
from engine.steps.set import SetStep
from tests.support.engine_env import TERMINAL, PlayedStep
from tests.support.web_env import ADA, BEN, WebEnv, open_web

SAM = "sam@example.com"
TOGETHER = """\
name: letters
title: Letters
owner: sam@example.com
inputs: {names: json}
steps:
  - id: each
    title: Write to all
    uses: foreach
    with: {over: "{{ inputs.names }}", parallel: 3}
    gate: {title: Write to all of them?, approvers: [ada@example.com], assurance: link}
    steps:
      - {id: send, uses: played, with: {text: "Hello {{ item }}"}}
"""
ONE_BY_ONE = """\
name: letters
title: Letters
owner: sam@example.com
inputs: {names: json}
steps:
  - id: each
    title: Write to all
    uses: foreach
    with: {over: "{{ inputs.names }}", parallel: 3}
    steps:
      - id: send
        uses: played
        with: {text: "Hello {{ item }}"}
        gate: {title: "Write to {{ item }}?", approvers: [ada@example.com]}
"""


@pytest.fixture
async def env(path: Path) -> AsyncIterator[WebEnv]:
    kinds: dict[str, StepType[Any]] = {
        "set": SetStep(),
        "foreach": ForeachStep(),
        "run": RunStep(),
        "played": PlayedStep(),
    }
    async with open_web(path, steps=kinds) as env:
        yield env


async def begin(env: WebEnv, source: str, count: int) -> str:
    await env.engine_env.register(source)
    run = await env.engine_env.start("letters", names=[f"<b>n{number}</b>" for number in range(1, count + 1)])
    await env.engine_env.settle()
    return run


async def test_the_pages_list_every_item_of_a_request_in_parts(env: WebEnv) -> None:
    run = await begin(env, TOGETHER, 230)
    request = await env.engine_env.request(run)
    browser, page = await env.open_link(ADA)
    assert "Your decision is about 227 more items, too." in page.page.text
    assert f"/review/{request.id}/items" in page.page.links
    ada = await env.sign_in(ADA)
    for window, head in ((browser, f"/review/{request.id}"), (ada, f"/requests/{request.id}")):
        seen, path = list[str](), f"{head}/items"
        while path:
            part = await window.get(path)
            assert part.status == 200
            assert "<b>n" not in part.text
            seen += part.page.text.split("Hello ")[1:]
            following = [link for link in part.page.links if "?after=" in link]
            path = f"{head}/items?{following[-1].partition('?')[2]}" if "Next items" in part.page.text else ""
        assert len(seen) == 230
        assert "<b>n230</b>" in seen[-1]


async def test_only_people_of_the_request_see_its_items(env: WebEnv) -> None:
    run = await begin(env, TOGETHER, 2)
    request = await env.engine_env.request(run)
    await env.engine_env.register(ONE_BY_ONE.replace("name: letters", "name: other").replace(ADA, BEN))
    await env.engine_env.start("other", names=["x"])
    await env.engine_env.settle()
    ben = await env.sign_in(BEN)
    for path in (f"/requests/{request.id}/items", f"/runs/{run}/items/1.each"):
        page = await ben.get(path)
        assert (page.status, "Hello" in page.text) == (404, False)
    assert (await env.browser().get(f"/review/{request.id}/items")).status in (403, 404)
    ada = await env.sign_in(ADA)
    for bad in ("x", "-1", "999999999999"):
        assert (await ada.get(f"/requests/{request.id}/items?after={bad}")).status == 200
    assert (await ada.get(f"/runs/{run}/items/7.each")).status == 404


async def test_the_page_of_the_run_tells_how_far_its_items_are(env: WebEnv) -> None:
    run = await begin(env, ONE_BY_ONE, 5)
    sam = await env.sign_in(SAM)
    page = await sam.get(f"/runs/{run}")
    assert "0 of 5 done, 3 wait for people." in page.page.text
    asking = [link for link in page.page.links if link.startswith("/requests/")]
    assert len(asking) == 3
    request = await sam.get(asking[0])
    assert request.status == 200
    view = await env.engine_env.engine.request(asking[0].rsplit("/", 1)[1])
    assert view is not None
    env.engine_env.pass_time(seconds=1)
    await env.engine_env.decide(view.run, by=Address("email", ADA), seen=view)
    await env.engine_env.settle()
    assert "1 of 5 done, 3 wait for people." in (await sam.get(f"/runs/{run}")).page.text
    part = await sam.get(f"/runs/{run}/items/1.each")
    assert [word in part.page.text for word in ("Item 5", "done", "begun", "waiting")] == [True] * 4
    lane = await sam.get(f"/runs/{view.run}")
    assert f"/runs/{run}" in lane.page.links
    await env.engine_env.engine.cancel(Cancel(run=run, actor=Address("email", SAM), origin=TERMINAL))
    await env.engine_env.settle()
    assert "1 of 5 done, 3 cancelled." in (await sam.get(f"/runs/{run}")).page.text


async def test_the_pages_of_two_runs_lead_to_each_other(env: WebEnv) -> None:
    below = "name: below\ntitle: Below\nowner: sam@example.com\nsteps: [{id: a, uses: set, with: {x: 1}}]\n"
    await env.engine_env.register(f"{below}output: {{sum: '{{{{ steps.a.x + 1 }}}}'}}")
    await env.engine_env.register(
        "name: flow\nowner: sam@example.com\nsteps: [{id: call, uses: run, with: {workflow: below}}]"
    )
    run = await env.engine_env.start("flow")
    await env.engine_env.settle()
    assert (await env.engine_env.view(run)).status is RunStatus.SUCCEEDED
    sam = await env.sign_in(SAM)
    page = await sam.get(f"/runs/{run}")
    (child,) = [link for link in page.page.links if link.startswith("/runs/") and link != f"/runs/{run}"]
    lower = await sam.get(child)
    assert f"/runs/{run}" in lower.page.links
    assert "by a step of another run" in lower.page.text
    assert "What the run returned" in lower.page.text
