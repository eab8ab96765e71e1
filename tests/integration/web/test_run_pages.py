"""The pages of runs: who sees one, what it shows, and what people can do there."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.web import live_updates
from engine.domain import Address, Erase, Origin, Refusal, Resume, ResumeAnswer, RunStatus, Start, Started
from engine.errors import StepError
from engine.ports import StepType
from engine.steps.form import FormStep
from engine.steps.set import SetStep
from tests.support.engine_env import TERMINAL, PlayedParams, PlayedStep
from tests.support.html_forms import Form
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv, open_web

SAM, ADMIN, AUDITOR = "sam@example.com", "kim@example.com", "eve@example.com"
FLOW = """\
name: pay
title: Pay a supplier
owner: sam@example.com
inputs: {note: {type: text, default: Rent, label: Purpose}, urgent: {type: boolean, default: false}}
steps:
  - {id: look, title: Look it up, uses: set, with: {found: "{{ inputs.note }} <b>"}}
  - {id: warn, title: Warn the bank, when: "{{ inputs.urgent }}", uses: set, with: {text: now}}
  - id: pay
    title: Pay the rent
    uses: played
    with: {text: "{{ inputs.note }}", headers: {key: "{{ secret.BANK }}"}}
    gate: {title: "Pay {{ inputs.note }}?", approvers: [ada@example.com]}
  - id: tell
    title: Tell the supplier
    uses: set
    with: {text: "paid {{ steps.pay.text }}"}
    gate: {at: after, title: Send this?, approvers: [ben@example.com]}
"""


class Bank:
    """An effect that fails until it is open."""

    def __init__(self) -> None:
        self.error: StepError | None = None
        self.calls = 0

    async def play(self, params: PlayedParams, context: Any) -> Mapping[str, object]:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return {"text": params.text}


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
async def env(path: Path, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WebEnv]:
    monkeypatch.setattr(live_updates, "EVERY", 0.02)
    played = PlayedStep()
    played.play = bank.play
    kinds: dict[str, StepType[Any]] = {"set": SetStep(), "form": FormStep(), "played": played}
    async with open_web(path, steps=kinds, secrets={"BANK": "hunter2"}, admins=[ADMIN], auditors=[AUDITOR]) as env:
        yield env


async def start(env: WebEnv, **inputs: Any) -> str:
    await env.engine_env.register(FLOW)
    run = await env.engine_env.start("pay", **inputs)
    await env.engine_env.settle()
    return run


async def approve(env: WebEnv, run: str, by: str) -> None:
    """Approve the latest request of a run, some time after it was opened."""
    env.engine_env.pass_time(seconds=1)
    await env.engine_env.decide(run, by=Address("email", by))


async def failed_run(env: WebEnv, bank: Bank) -> str:
    run, bank.error = await start(env), StepError("The bank is closed.")
    await approve(env, run, ADA)
    await env.engine_env.settle()
    bank.error = None
    assert (await env.engine_env.view(run)).status is RunStatus.FAILED
    return run


def buttons(answer: Answer) -> list[str]:
    return re.findall(r"<button [^>]*>([^<]+)</button>", answer.text)


async def press(browser: Browser, page: Answer, act: str, **typed: str) -> Answer:
    """Press a button, and confirm it."""
    form = page.page.form
    confirmation = await browser.post(form.action, form.with_(act=act), kind=form.kind)
    return await confirm(browser, confirmation.page.form, **typed)


async def confirm(browser: Browser, form: Form, **typed: str) -> Answer:
    return await browser.post(form.action, form.with_(**typed), kind=form.kind)


# -- who sees a run -----------------------------------------------------------------------------------------


async def test_a_visitor_has_to_sign_in_and_does_not_learn_whether_a_run_exists(env: WebEnv) -> None:
    run = await start(env)
    pages = [await env.browser().get(path) for path in (f"/runs/{run}", "/runs/none", "/runs")]
    assert [page.status for page in pages] == [403] * 3
    assert len({page.text for page in pages}) == 1
    by_link, _ = await env.open_link(ADA)
    assert (await by_link.get(f"/runs/{run}")).status == 403, "a link may have been forwarded"


async def test_only_people_of_the_run_see_it(env: WebEnv) -> None:
    run = await start(env)
    await env.engine_env.register(FLOW.replace("name: pay", "name: other").replace(ADA, BEN))
    await env.engine_env.start("other")
    await env.engine_env.settle()
    for address in (SAM, "ann@example.com", ADA):
        page = await (await env.sign_in(address)).get(f"/runs/{run}")
        assert page.status == 200, address
        assert "Pay Rent?" in page.page.headings
    ben = await env.sign_in(BEN)
    page, missing = await ben.get(f"/runs/{run}"), await ben.get("/runs/none")
    assert (page.status, page.text) == (404, missing.text), "no request of this run asks him yet"
    assert "Rent" not in page.text
    assert (await ben.post(f"/runs/{run}", [("act", "cancel")])).status == 404


async def test_requests_that_a_person_may_not_see_are_not_in_the_page(env: WebEnv) -> None:
    run = await start(env, note="Rent")
    await approve(env, run, ADA)
    await env.engine_env.settle()
    first, second = await env.engine_env.engine.requests_of_run(run)
    ben = await (await env.sign_in(BEN)).get(f"/runs/{run}")
    assert f"/requests/{second.id}" in ben.text
    assert first.id not in ben.text
    assert "Reason: because" not in ben.page.text, "the reason of the decision belongs to the other request"
    sam = await (await env.sign_in(SAM)).get(f"/runs/{run}")
    assert {f"/requests/{first.id}", f"/requests/{second.id}"} <= {*sam.page.links}
    assert "Reason: because" in sam.page.text


# -- what it shows ------------------------------------------------------------------------------------------


async def test_the_page_shows_every_step_with_its_values_and_without_secrets(env: WebEnv, bank: Bank) -> None:
    run = await failed_run(env, bank)
    page = await (await env.sign_in(SAM)).get(f"/runs/{run}")
    text = page.page.text
    for said in (
        "Look it up",
        "Rent <b>",
        "Pay the rent",
        "The bank is closed.",
        "Approved by ada@example.com",
        "skipped",
        "Purpose",
    ):
        assert said in text, said
    assert "hunter2" not in page.text
    assert "(secret BANK)" in text
    assert "ann@example.com started it from the terminal of the server" in text
    assert "“Pay the rent” failed: The bank is closed." in text, "the story"
    assert text.index("“Look it up” is done.") < text.index("“Pay the rent” started.")


@pytest.mark.parametrize(
    ("place", "said"),
    [({}, "with a message in Slack"), ({"emoji": "eyes"}, "with a reaction to a message in Slack")],
)
async def test_the_page_leads_to_the_message_that_started_the_run(
    env: WebEnv, place: dict[str, str], said: str
) -> None:
    await env.engine_env.register(FLOW)
    link = "https://example.slack.com/archives/C1/p1?thread_ts=2&cid=C1"
    origin = Origin(surface="slack", place={"message": "1.1", "link": link, **place})
    answer = await env.engine_env.engine.start(
        Start(workflow="pay", inputs={}, actor=Address("email", SAM), origin=origin)
    )
    assert isinstance(answer, Started)
    page = await (await env.sign_in(SAM)).get(f"/runs/{answer.run}")
    assert link in page.page.links
    assert f"started it {said}" in page.page.text
    assert f"{said}." in page.page.text, "the story"


async def test_data_is_never_markup_and_hides_nothing(env: WebEnv) -> None:
    run = await start(env, note="<script>x</script>\u202e")
    (request,) = await env.engine_env.engine.requests_of_run(run)
    sam = await env.sign_in(SAM)
    for path in (f"/runs/{run}", f"/requests/{request.id}", "/runs"):
        page = await sam.get(path)
        assert "<script>x" not in page.text, path
        assert "\u202e" not in page.text, path
        assert "<script>x</script>⟦U+202E⟧" in page.page.text, path


async def test_the_diagram_has_the_state_of_the_run_in_words(env: WebEnv, bank: Bank) -> None:
    run = await failed_run(env, bank)
    page = await (await env.sign_in(SAM)).get(f"/runs/{run}")
    picture = page.text[page.text.index("<svg") : page.text.index("</svg>")]
    for said in ("✓ approved", "✕ failed", "✓ not needed", "not reached", "Approval of the"):
        assert said in picture, said
    assert 'role="img" aria-labelledby="diagram-title"' in picture
    words = page.page.text
    for said in (
        "Approval: approved",
        "Pay the rent: failed",
        "Is “Warn the bank” needed?: not needed",
        "End: not reached",
    ):
        assert said in words, said


async def test_a_run_whose_file_this_server_cannot_read_is_shown_without_a_diagram(env: WebEnv) -> None:
    run = await start(env)
    await env.engine_env.rows("SELECT 1")

    def damage(tx: Any) -> None:
        tx.connection.exec_driver_sql("UPDATE workflow_version SET source = CAST('name: pay' AS BLOB)")

    await env.engine_env.store.transact(damage)
    page = await (await env.sign_in(SAM)).get(f"/runs/{run}")
    assert (page.status, "<svg" in page.text) == (200, False)
    assert "Look" in page.page.text


async def test_the_pages_of_a_run_whose_contents_were_erased_still_open(env: WebEnv, bank: Bank) -> None:
    run = await failed_run(env, bank)
    (request, *_) = await env.engine_env.engine.requests_of_run(run)
    erase = Erase(run=run, actor=Address("email", ADMIN), origin=TERMINAL, reason="On request")
    assert not isinstance(await env.engine_env.engine.erase(erase), Refusal)
    sam = await env.sign_in(SAM)
    pages = [await sam.get(path) for path in (f"/runs/{run}", f"/requests/{request.id}", "/runs")]
    assert [page.status for page in pages] == [200] * 3
    assert "This entry’s content was erased." in pages[0].page.text
    assert "The contents of this run were erased." in pages[0].page.text
    assert "The contents of this request were erased." in pages[1].page.text
    assert "What was asked" not in pages[1].page.text, "an empty list would look as if nothing had been asked"
    for page in pages[:2]:
        assert f"This was done by {ADA}. Its content was erased." in page.page.text


# -- what people can do -------------------------------------------------------------------------------------


async def test_the_requester_cancels_a_run_after_a_confirmation(env: WebEnv) -> None:
    run = await start(env)
    ann = await env.sign_in("ann@example.com")
    page = await ann.get(f"/runs/{run}")
    assert buttons(page) == ["Cancel the run"]
    form = page.page.form
    confirmation = await ann.post(form.action, form.with_(act="cancel"), kind=form.kind)
    assert "no further step starts" in confirmation.page.text
    assert (await env.engine_env.view(run)).status is RunStatus.WAITING, "nothing is done before it is confirmed"
    done = await confirm(ann, confirmation.page.form, reason="Wrong month")
    await env.engine_env.settle()
    assert (await env.engine_env.view(run)).status is RunStatus.CANCELLED
    assert done.path == f"/runs/{run}"
    (entry,) = [entry for entry in await env.engine_env.engine.story(run) if entry.kind == "run.cancel_asked"]
    assert (entry.content or {})["reason"] == "Wrong month"
    again = await confirm(ann, confirmation.page.form)
    assert (again.status, again.path) == (200, f"/runs/{run}"), "pressed twice"
    assert buttons(again) == []


async def test_a_run_that_has_ended_meanwhile_is_not_cancelled(env: WebEnv, bank: Bank) -> None:
    run = await start(env)
    sam = await env.sign_in(SAM)
    form = (await sam.get(f"/runs/{run}")).page.form
    confirmation = await sam.post(form.action, form.with_(act="cancel"), kind=form.kind)
    bank.error = StepError("The bank is closed.")
    await approve(env, run, ADA)
    await env.engine_env.settle()
    late = await confirm(sam, confirmation.page.form)
    assert (late.status, "the run has already ended" in late.page.text) == (409, True)
    late = await sam.post(form.action, form.with_(act="cancel"), kind=form.kind)
    assert (late.status, "not possible any more" in late.page.text) == (409, True)


async def test_a_failed_run_is_tried_again_once(env: WebEnv, bank: Bank) -> None:
    run = await failed_run(env, bank)
    sam = await env.sign_in(SAM)
    page = await sam.get(f"/runs/{run}")
    assert buttons(page) == ["Try again"]
    assert "keeps version" not in page.page.text
    await env.engine_env.register(f"{FLOW}# corrected\n")
    page = await sam.get(f"/runs/{run}")
    assert "This run keeps version 1. Only new runs use version 2." in page.page.text
    form = page.page.form
    confirmation = await sam.post(form.action, form.with_(act="try-again"), kind=form.kind)
    assert "they are asked again" in confirmation.page.text
    assert "The bank is closed." in confirmation.page.text
    for _ in range(2):
        done = await confirm(sam, confirmation.page.form)
        assert (done.status, done.path) == (200, f"/runs/{run}")
    assert [entry.kind for entry in await env.engine_env.engine.story(run)].count("run.tried_again") == 1
    assert "Pay the rent (visit 2)" in done.page.text
    assert "tried again from “Pay the rent”." in done.page.text
    assert len(await env.engine_env.engine.requests_of_run(run)) == 2, "its gate asks again"


async def test_a_form_repeats_only_the_failure_that_it_shows(env: WebEnv, bank: Bank) -> None:
    """Another person, or the same press that arrives twice, does not call a step for a failure that no one has seen."""
    bank.error = StepError("The bank is closed.")
    gate = '    gate: {title: "Pay {{ inputs.note }}?", approvers: [ada@example.com]}\n'
    await env.engine_env.register(FLOW.replace(gate, ""))
    run = await env.engine_env.start("pay")
    await env.engine_env.settle()
    sam, ann = await env.sign_in(SAM), await env.sign_in("ann@example.com")
    forms = []
    for browser in (sam, ann):
        form = (await browser.get(f"/runs/{run}")).page.form
        forms.append((await browser.post(form.action, form.with_(act="try-again"), kind=form.kind)).page.form)
    calls = bank.calls
    answers = []
    for browser, form in ((sam, forms[0]), (sam, forms[0]), (ann, forms[1])):
        answers.append(await confirm(browser, form))
        await env.engine_env.settle()
    assert bank.calls == calls + 1
    assert [answer.status for answer in answers] == [200, 200, 409]
    assert "tried again already, and failed once more" in answers[2].page.text
    await press(ann, await ann.get(f"/runs/{run}"), "try-again")
    await env.engine_env.settle()
    assert bank.calls == calls + 2, "who has seen the new failure may"


async def test_an_auditor_sees_every_run_and_changes_none_and_an_admin_may(env: WebEnv, bank: Bank) -> None:
    for address in (AUDITOR, ADMIN):
        await env.engine_env.register(FLOW.replace("name: pay", "name: other").replace(ADA, address))
        await env.engine_env.start("other")
        await env.engine_env.settle()
    run = await failed_run(env, bank)
    (request, *_) = await env.engine_env.engine.requests_of_run(run)
    auditor, admin = await env.sign_in(AUDITOR), await env.sign_in(ADMIN)
    page, whole = await auditor.get(f"/runs/{run}"), await auditor.get(f"/requests/{request.id}")
    assert (page.status, whole.status, buttons(page)) == (200, 200, [])
    assert f"/runs/{run}" in (await auditor.get("/runs")).page.links
    form = page.page.form
    refused = await auditor.post(form.action, form.with_(act="try-again", confirmed="yes"), kind=form.kind)
    assert (refused.status, (await env.engine_env.view(run)).status) == (409, RunStatus.FAILED)
    page = await admin.get(f"/runs/{run}")
    assert buttons(page) == ["Try again"]
    await press(admin, page, "try-again")
    assert (await env.engine_env.view(run)).status is RunStatus.WAITING


async def test_approvers_have_no_buttons_and_their_forms_are_refused(env: WebEnv, bank: Bank) -> None:
    run = await failed_run(env, bank)
    ada = await env.sign_in(ADA)
    page = await ada.get(f"/runs/{run}")
    assert buttons(page) == []
    form = page.page.form
    for typed in ({}, {"confirmed": "yes"}):
        refused = await ada.post(form.action, form.with_(act="try-again", **typed), kind=form.kind)
        assert refused.status == 409
    assert "Only the person who started a run" in refused.page.text
    assert (await env.engine_env.view(run)).status is RunStatus.FAILED


async def test_a_form_of_another_browser_or_site_does_nothing(env: WebEnv) -> None:
    run = await start(env)
    sam = await env.sign_in(SAM)
    form = (await sam.get(f"/runs/{run}")).page.form
    fields = form.with_(act="cancel", confirmed="yes")
    assert (await sam.post(form.action, fields, Sec_Fetch_Site="cross-site")).status == 403
    other = await env.sign_in("ann@example.com")
    assert (await other.post(form.action, fields)).status == 422
    assert (await sam.post(form.action, [*form.fields, ("act", "erase")])).status == 422
    assert (await env.engine_env.view(run)).status is RunStatus.WAITING


async def test_the_owner_is_led_to_the_question_about_a_lost_call(env: WebEnv, bank: Bank) -> None:
    run, bank.error = await start(env), StepError("The line went dead.", outcome_unknown=True)
    await approve(env, run, ADA)
    await env.engine_env.settle()
    sam, ann = await env.sign_in(SAM), await env.sign_in("ann@example.com")
    assert f"/attention/{run}" in (await sam.get(f"/runs/{run}")).page.links
    assert f"/runs/{run}" in (await sam.get(f"/attention/{run}")).page.links
    page = await ann.get(f"/runs/{run}")
    assert f"/attention/{run}" not in page.page.links
    assert buttons(page) == ["Cancel the run"]
    stop = Resume(run=run, answer=ResumeAnswer.STOP, actor=Address("email", SAM), origin=TERMINAL)
    await env.engine_env.engine.resume(stop)
    assert f"/runs/{run}" in (await sam.get(f"/attention/{run}")).page.links
    page = await sam.get(f"/runs/{run}")
    assert "answered “Stop the run”" in page.page.text
    assert buttons(page) == [], "it may have happened, so it is not repeated"


# -- the list -----------------------------------------------------------------------------------------------


async def test_the_list_has_the_runs_of_a_person_page_by_page(env: WebEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.run_pages.ROWS", 2)
    runs = []
    for number in range(5):
        env.engine_env.pass_time(seconds=1)
        runs.append(await start(env, note=f"Rent {number}"))
    await approve(env, runs[0], ADA)
    sam = await env.sign_in(SAM)
    seen, path = list[str](), "/runs"
    while path:
        page = await sam.get(path)
        seen += [link.removeprefix("/runs/") for link in page.page.links if link.startswith("/runs/")]
        path = next((link for link in page.page.links if "before=" in link), "")
    assert seen == runs[::-1]
    first = await sam.get("/runs")
    assert "Pay Rent 4?" in first.page.text
    assert "Waiting" in first.page.text
    assert (await sam.get("/runs?before=%3Cb%3E")).text == first.text, "no id"
    assert "/runs" in (await sam.get("/inbox")).page.links


# -- live ---------------------------------------------------------------------------------------------------


async def next_update(response: aiohttp.ClientResponse) -> dict[str, Any]:
    async for line in response.content:
        if line.startswith(b"data: "):
            update: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
            return update
    raise AssertionError("the stream ended")


async def test_an_open_page_hears_of_each_change_until_nothing_more_comes(env: WebEnv) -> None:
    run = await start(env)
    sam = await env.sign_in(SAM)
    page = await sam.get(f"/runs/{run}")
    headers = {**sam.extra, "Cookie": sam._cookies(page.path)}  # noqa: SLF001
    async with env.session.get(f"{env.base}/runs/{run}/events", headers=headers) as stream:
        first = await next_update(stream)
        assert (first["state"], first["ended"]) == ("waiting", False)
        assert f'data-mark="{first["mark"]}"' in page.text
        await approve(env, run, ADA)
        assert (await next_update(stream))["mark"] != first["mark"]
        await env.engine_env.settle()
        await approve(env, run, BEN)
        await env.engine_env.settle()
        async with asyncio.timeout(30):
            while not (await next_update(stream))["ended"]:
                pass
    assert (await env.browser().get(f"/runs/{run}/events")).status == 403
    assert (await sam.get(f"/runs/{run}/events", method="HEAD")).status == 200


async def test_a_stream_ends_when_its_reader_signs_out(env: WebEnv) -> None:
    run = await start(env)
    sam = await env.sign_in(SAM)
    headers = {**sam.extra, "Cookie": sam._cookies("/")}  # noqa: SLF001
    async with env.session.get(f"{env.base}/runs/{run}/events", headers=headers) as stream:
        await next_update(stream)
        form = (await sam.get("/inbox")).page.form_with("act")
        await sam.post(form.action, form.with_(act="sign-out"), kind=form.kind)
        async with asyncio.timeout(30):
            while await stream.content.readany():
                pass


@pytest.mark.parametrize("page", ["runs", "requests"])
async def test_a_stream_tells_nothing_once_its_reader_may_not_see_the_page(
    env: WebEnv, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_updates, "EVERY", 0.02)
    run = await start(env)
    (request,) = await env.engine_env.engine.requests_of_run(run)
    path = f"/runs/{run}" if page == "runs" else f"/requests/{request.id}"
    sam = await env.sign_in(SAM)
    headers = {**sam.extra, "Cookie": sam._cookies("/")}  # noqa: SLF001
    async with env.session.get(f"{env.base}{path}/events", headers=headers) as stream:
        await next_update(stream)
        await env.engine_env.register(FLOW.replace(SAM, BEN))
        await approve(env, run, ADA)
        async with asyncio.timeout(30):
            rest = b"".join([line async for line in stream.content])
    assert b"data:" not in rest, "the workflow has another owner now"
    assert (await sam.get(path)).status == 404
