"""The first workflow of docs/slack.md, in the local Slack: register it, start it, decide about it as its owner."""

from __future__ import annotations

import json
from typing import Any

from bot.devtools.demo import servers
from bot.devtools.demo.servers import DemoEnvironment
from bot.devtools.sandbox.server import SimulatedPerson
from engine.domain import RunStatus
from engine.read_models import PageQuery
from tests.support.documents import Page

SLACK = Page.of("slack.md")


async def run_status(env: DemoEnvironment) -> list[RunStatus]:
    return [run.status for run in await env.app.engine.runs(PageQuery(limit=10))]


def questions(person: SimulatedPerson) -> list[dict[str, Any]]:
    return [message for message in person.sees() if "Spend 48.00 EUR at Luigi" in json.dumps(message)]


async def test_the_first_workflow_of_the_page_asks_the_person_who_registered_it() -> None:
    (block,) = [block for block in SLACK.blocks if block.info == "yaml"]
    async with servers.run_servers() as env:
        cleo = env.slack.person("cleo")
        await cleo.command("/signoff register", channel="general")
        await env.slack.until(lambda: cleo.modal)
        await cleo.submit({"Workflow file": block.text})
        await env.slack.until(lambda: "Start it: /signoff run lunch" in json.dumps(cleo.sees("general")))
        assert cleo.modal is None
        await cleo.command("/signoff run lunch", channel="general")
        await env.slack.until(lambda: cleo.modal)
        await cleo.submit({"Where": "Luigi’s", "Amount (EUR)": "48"})
        await env.slack.until(lambda: questions(cleo))
        (question,) = questions(cleo)
        assert await run_status(env) == [RunStatus.WAITING]
        # The copy is edited once its clock runs, perhaps between this look at it and the click.
        await cleo.click("Approve", on=question, stale=True)
        await env.slack.until(lambda: "Done: Spend 48.00 EUR" in json.dumps(cleo.sees("general")))
        assert await run_status(env) == [RunStatus.SUCCEEDED]
