"""The page that exports decisions: who gets which of them, in the words of the command, and what is recorded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.presentation import decision_records
from engine.domain import DEFAULT_WORKSPACE, Start, Started, Verdict
from engine.read_models import DecisionFilter
from engine.store import decision_export
from engine.store.connection import Connection
from engine.store.decision_export import PAGE
from tests.integration.test_decision_export import EARLY
from tests.support.engine_env import ANN, LEE, TERMINAL
from tests.support.web_env import Answer, Browser, WebEnv, open_web

FLOW = """
name: NAME
title: The workflow NAME
owner: OWNER
inputs: {about: {type: text, default: rent}}
steps:
  - id: act
    uses: set
    with: {text: "{{ inputs.about }}"}
    gate: {title: "Pay {{ inputs.about }}?", approvers: [lee@example.com], edit: [text]}
"""
OWNERS = {"pay": "sam@example.com", "ship": "mia@example.com"}
AUDITOR, ADMIN = "aud@example.com", "boss@example.com"
ALL = {"pay", "ship"}
GETS = {AUDITOR: ALL, ADMIN: ALL, "sam@example.com": {"pay"}, "mia@example.com": {"ship"}}


@dataclass
class Office:
    """Two workflows of two owners, with one decision each."""

    env: WebEnv

    async def decide(self, name: str, *, about: str = "rent", reason: str = "as agreed") -> None:
        start = Start(workflow=name, inputs={"about": about}, actor=ANN, origin=TERMINAL)
        started = await self.env.engine_env.engine.start(start)
        assert isinstance(started, Started)
        await self.env.engine_env.settle()
        await self.env.engine_env.decide(started.run, Verdict.REJECT, by=LEE, reason=reason)

    async def exports(self) -> list[dict[str, Any]]:
        """Return the contents of the entries of the audit log about exports."""
        found = await self.env.engine_env.rows(
            "SELECT content FROM audit WHERE leaf LIKE '%decisions.exported%' ORDER BY seq"
        )
        return [json.loads(content) for (content,) in found]


@pytest.fixture
async def office(path: Path) -> AsyncIterator[Office]:
    async with open_web(path, admins=[ADMIN], auditors=[AUDITOR]) as env:
        for name, owner in OWNERS.items():
            await env.engine_env.register(FLOW.replace("NAME", name).replace("OWNER", owner))
        office = Office(env)
        for name in OWNERS:
            await office.decide(name)
        env.engine_env.pass_time(seconds=1)
        yield office


async def download(browser: Browser, **typed: str) -> Answer:
    form = next(form for form in (await browser.get("/export")).page.forms if form.action == "/export")
    return await browser.post(form.action, form.with_(**{"format": "jsonl", "until": "", **typed}), kind=form.kind)


def lines(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize("reader", GETS)
async def test_readers_get_the_decisions_that_they_may_see(office: Office, reader: str) -> None:
    browser = await office.env.sign_in(reader)
    answer = await download(browser)
    assert {line["workflow"] for line in lines(answer)} == GETS[reader]
    for other in ALL - GETS[reader]:
        refused = await download(browser, workflow=other)
        assert (refused.status, "The workflow" in refused.page.text) == (422, True)
        assert f"The workflow {other}" not in (await browser.get("/export")).text


@pytest.mark.parametrize("person", ["lee@example.com", "ann@example.com"])
async def test_people_who_only_decide_or_ask_get_nothing(office: Office, person: str) -> None:
    owner, browser = await office.env.sign_in("sam@example.com"), await office.env.sign_in(person)
    assert (await browser.get("/export")).status == 403
    assert "/export" not in (await browser.get("/inbox?part=all")).text
    assert "/export" in (await owner.get("/inbox?part=all")).page.links
    form = next(form for form in (await owner.get("/export")).page.forms if form.action == "/export")
    answer = await browser.post(form.action, form.with_(since="2020-01-01"), kind=form.kind)
    assert (answer.status, "as agreed" in answer.text) == (403, False)
    assert await office.exports() == []


async def test_a_person_who_lost_the_last_workflow_gets_nothing_any_more(office: Office) -> None:
    sam = await office.env.sign_in("sam@example.com")
    form = next(form for form in (await sam.get("/export")).page.forms if form.action == "/export")
    pay = FLOW.replace("NAME", "pay").replace("OWNER", "mia@example.com")
    await office.env.engine_env.register(pay)
    answer = await sam.post(form.action, form.with_(format="jsonl"), kind=form.kind)
    assert (answer.status, "as agreed" in answer.text) == (403, False)


async def test_a_visitor_is_asked_to_sign_in(office: Office) -> None:
    page = await office.env.browser().get("/export")
    assert (page.status, page.page.headings) == (403, ["Sign in to see this page"])


@pytest.mark.parametrize("as_", ["jsonl", "csv"])
async def test_the_file_is_the_one_of_the_command(office: Office, as_: str) -> None:
    await office.decide("pay", reason="=HYPERLINK(A1)")
    auditor = await office.env.sign_in(AUDITOR)
    answer = await download(auditor, since="2020-01-01", format=as_)

    def of_command(connection: Connection) -> str:
        found = decision_export.export(connection, DEFAULT_WORKSPACE, DecisionFilter(since=EARLY))
        if as_ == "jsonl":
            return "".join(decision_records.json_lines(found))
        return decision_records.csv_head() + "".join(decision_records.csv_lines(found))

    assert answer.text == await office.env.engine_env.store.read(of_command)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="decisions-2020-01-01.{as_}"'
    if as_ == "csv":
        reasons = [row["reason"] for row in csv.DictReader(io.StringIO(answer.text, newline=""))]
        assert reasons[-1] == "'=HYPERLINK(A1)"


async def test_the_days_are_those_of_the_form_and_the_last_one_is_whole(office: Office) -> None:
    first = office.env.clock.now().date().isoformat()
    office.env.engine_env.pass_time(hours=30)
    await office.decide("pay", reason="the next day")
    auditor = await office.env.sign_in(AUDITOR)
    assert len(lines(await download(auditor, since=first, until=first))) == 2
    (line,) = lines(await download(auditor, since=first, until="", workflow="pay"))[1:]
    assert line["reason"] == "the next day"


async def test_what_was_exported_is_on_the_record(office: Office) -> None:
    sam = await office.env.sign_in("sam@example.com")
    await download(sam, since="2026-01-01", until="2026-03-31", workflow="pay")
    (noted,) = await office.exports()
    assert noted == {
        "actor_name": "sam@example.com",
        "since": "2026-01-01T00:00:00+00:00",
        "until": "2026-04-01T00:00:00+00:00",
        "workflow": "pay",
        "format": "jsonl",
        "surface": "web",
        "all_workflows": False,
    }


async def test_a_wrong_form_says_what_to_fix_and_exports_nothing(office: Office) -> None:
    auditor = await office.env.sign_in(AUDITOR)
    for typed, error in (
        ({"since": ""}, "Choose the first day."),
        ({"since": "yesterday"}, "Write the day like 2026-03-02."),
        ({"since": "2026-02-01", "until": "0001-01-01"}, "Write the day like 2026-03-02."),
        ({"since": "2026-02-01", "until": "2026-01-31"}, "The last day is before the first one. Choose a later day."),
    ):
        answer = await download(auditor, **typed)
        assert (answer.status, error in answer.page.text) == (422, True), typed
    answer = await auditor.post("/export", [("since", "2020-01-01")], kind="application/x-www-form-urlencoded")
    assert (answer.status, "Press the button again" in answer.page.text) == (422, True)
    assert await office.exports() == []


async def test_the_filter_of_the_inbox_is_that_of_the_form(office: Office) -> None:
    auditor = await office.env.sign_in(AUDITOR)
    inbox = await auditor.get("/inbox?part=all&since=2026-01-05&workflow=ship&search=rent")
    (link,) = [link for link in inbox.page.links if link.startswith("/export")]
    form = next(form for form in (await auditor.get(link)).page.forms if form.action == "/export")
    values = dict(form.fields)
    assert (values["since"], values["workflow"]) == ("2026-01-05", "ship")
    assert {line["workflow"] for line in lines(await download(auditor, **{"workflow": "ship"}))} == {"ship"}


async def test_more_than_one_page_of_decisions_is_whole_and_in_order(office: Office) -> None:
    for number in range(PAGE + 3):
        await office.decide("pay", about=f"bill {number}")
        office.env.engine_env.pass_time(seconds=1)
    found = lines(await download(await office.env.sign_in(AUDITOR), workflow="pay"))
    assert len(found) == PAGE + 4
    assert [line["draft"]["text"] for line in found[1:]] == [f"bill {number}" for number in range(PAGE + 3)]
