"""Starting a run on the web with files: taken with the form, checked, kept over a mistake, and of no one else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from bot.web import form_inputs
from engine import json_values
from engine.fields import FieldType
from engine.read_models import PageQuery, RunView
from tests.support.engine_env import MAX_FILE
from tests.support.html_forms import Form
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv, email_workflow, open_web
from tests.unit.engine.test_media_types import SCRIPT, png

FLOW: Final = """\
name: claim
title: Claim an expense
owner: sam@example.com
inputs:
  amount: {type: integer, label: Amount}
  receipt: {type: file, label: Receipt, types: [image/*, application/pdf], max_size: 150kB}
  more: {type: file, label: More, required: false}
steps:
  - id: keep
    uses: set
    with: {receipt: "{{ inputs.receipt }}"}
"""
START: Final = "/workflows/claim/start"
AMOUNT, RECEIPT, MORE = (form_inputs.key(f"inputs.{name}") for name in ("amount", "receipt", "more"))
PDF: Final = b"%PDF-1.7 receipt"


@pytest.fixture
async def web(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path) as env:
        await env.request_approval(source=email_workflow())  # so that the server knows people
        await env.engine_env.register(FLOW)
        yield env


def filled(form: Form, amount: str) -> list[tuple[str, str]]:
    return [(name, amount if name == AMOUNT else value) for name, value in form.fields]


async def send(browser: Browser, form: Form, amount: str, *files: tuple[str, str, bytes]) -> Answer:
    return await browser.post(form.action, filled(form, amount), kind=form.kind, files=files)


async def runs(web: WebEnv) -> list[RunView]:
    found = await web.engine_env.engine.runs(PageQuery(limit=10))
    return [run for run in found if run.workflow == "claim"]


def inputs(run: RunView) -> Mapping[str, Any]:
    return run.inputs


async def test_a_run_starts_with_the_files_of_the_form_also_if_it_is_sent_twice(web: WebEnv) -> None:
    browser = await web.sign_in(BEN)
    form = (await browser.get(START)).page.form
    sent = [await send(browser, form, "5", (RECEIPT, "lunch.pdf", PDF)) for _ in range(2)]
    assert sent[0].path == sent[1].path
    assert sent[0].path.startswith("/runs/")
    (run,) = await runs(web)
    receipt = inputs(run)["receipt"]
    assert (run.requester.label, receipt["name"], receipt["size"], inputs(run)["more"]) == (
        BEN,
        "lunch.pdf",
        len(PDF),
        None,
    )
    assert "lunch.pdf" in (await browser.get(f"/runs/{run.id}")).page.text
    assert (await browser.get(f"/runs/{run.id}/files/{receipt['id']}")).status == 200


async def test_a_mistake_keeps_the_file_that_was_taken(web: WebEnv) -> None:
    browser = await web.sign_in(BEN)
    form = (await browser.get(START)).page.form
    wrong = await send(browser, form, "much", (RECEIPT, "lunch.pdf", PDF), (MORE, "more.png", png(2, 2)))
    assert (wrong.status, await runs(web)) == (422, [])
    assert "lunch.pdf" in wrong.page.text
    await send(browser, wrong.page.form, "5")
    (run,) = await runs(web)
    assert (inputs(run)["receipt"]["name"], inputs(run)["more"]["name"]) == ("lunch.pdf", "more.png")


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [("a.html", SCRIPT, 422), ("large.pdf", PDF + b"x" * 160_000, 422), ("huge.pdf", PDF + b"x" * (MAX_FILE + 1), 413)],
    ids=["another type", "larger than the field takes", "larger than files may be"],
)
async def test_a_file_that_is_not_taken_is_named_at_its_field(
    web: WebEnv, name: str, content: bytes, status: int
) -> None:
    browser = await web.sign_in(BEN)
    form = (await browser.get(START)).page.form
    answer = await send(browser, form, "5", (RECEIPT, name, content))
    assert (answer.status, await runs(web)) == (status, [])
    assert "Receipt" in answer.page.text.partition("Not submitted yet")[2]
    assert dict(answer.page.form.fields)[AMOUNT] == "5"


async def test_a_needed_file_that_is_missing_is_asked_for(web: WebEnv) -> None:
    browser = await web.sign_in(BEN)
    answer = await send(browser, (await browser.get(START)).page.form, "5")
    assert (answer.status, await runs(web)) == (422, [])
    assert "Receipt" in answer.page.text.partition("Not submitted yet")[2]


async def test_the_file_of_a_run_of_another_person_starts_nothing(web: WebEnv) -> None:
    hers = await web.sign_in(ADA)
    await send(hers, (await hers.get(START)).page.form, "5", (RECEIPT, "hers.pdf", PDF))
    (run,) = await runs(web)
    browser = await web.sign_in(BEN)
    form = (await browser.get(START)).page.form
    forged = json_values.dumps(inputs(run)["receipt"])
    fields = [(name, forged if name == RECEIPT else value) for name, value in filled(form, "5")]
    answer = await browser.post(form.action, fields, kind=form.kind)
    assert (answer.status, len(await runs(web))) == (409, 1)
    assert "must be uploaded again" in answer.page.text


async def test_strangers_and_forms_of_others_leave_no_file_behind(web: WebEnv) -> None:
    form = (await (await web.sign_in(BEN)).get(START)).page.form
    stranger, other = web.browser(), await web.sign_in(ADA)
    large = (RECEIPT, "lunch.pdf", PDF + b"x" * 100_000)
    assert (await send(stranger, form, "5", large)).status == 403
    assert (await send(stranger, form, "5", (RECEIPT, "a.pdf", PDF + b"x" * 3_000_000))).status == 403
    assert (await send(other, form, "5", large)).status == 422
    fields = filled(form, "5")
    foreign = await other.post(form.action, fields, kind=form.kind, files=[large], Sec_Fetch_Site="cross-site")
    assert foreign.status == 403
    assert await web.engine_env.rows("SELECT count(*) FROM attachment") == [(0,)]
    assert await runs(web) == []


async def test_a_server_without_a_place_for_files_says_so(web: WebEnv) -> None:
    web.engine_env.engine.context.missing[FieldType.FILE] = "No place."  # type: ignore[index]
    browser = await web.sign_in(BEN)
    assert "this server has no place for files" in (await browser.get(START)).page.text
