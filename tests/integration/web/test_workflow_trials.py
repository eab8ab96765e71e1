"""Trying a workflow on the web, which has no effects, and starting a run there, which a form does once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain.workflow_commands import ChangeWorkflowState, WorkflowState
from engine.read_models import PageQuery
from tests.browser.workflow_states import SECOND
from tests.support.engine_env import SAM, TERMINAL
from tests.support.html_forms import Form
from tests.support.web_env import Answer, Browser, WebEnv, open_web

OWNER, OTHER = "sam@example.com", "lee@example.com"
PAGE, TRY, START = "/workflows/refund", "/workflows/refund/try", "/workflows/refund/start"
EXAMPLES = """\
examples:
  - {name: A small one, inputs: {amount: 5}, expect: {asks: {}}}
  - {name: A large one, inputs: {amount: 500}, expect: {asks: {pay: true}}}
"""


@pytest.fixture
async def web(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path, auditors=["aud@example.com"]) as env:
        await env.engine_env.register(SECOND + EXAMPLES)
        await env.engine_env.start("refund", amount=200)
        await env.engine_env.settle()
        yield env


async def runs(web: WebEnv) -> int:
    return len(await web.engine_env.engine.runs(PageQuery(limit=100)))


def amount(form: Form, value: str) -> list[tuple[str, str]]:
    """Return the fields of a form with another amount, the first of its inputs."""
    name = next(name for name, _ in form.fields if name.startswith("f-"))
    return [(known, value if known == name else old) for known, old in form.fields]


async def send(browser: Browser, path: str, value: str) -> Answer:
    form = (await browser.get(path)).page.form
    return await browser.post(form.action, amount(form, value), kind=form.kind)


async def test_examples_and_own_inputs_say_what_each_step_would_do_without_effects(web: WebEnv) -> None:
    browser = await web.sign_in(OWNER)
    audit = await web.engine_env.rows("SELECT count(*) FROM audit")
    small, large = [(await browser.get(f"{TRY}?example={number}")).page.text for number in (0, 1)]
    assert "Signoff would ask lee@example.com" not in small
    assert "Signoff would ask lee@example.com and the owner." in large
    mine = (await send(browser, TRY, "150")).page.text
    assert "With your inputs" in mine
    assert "Amount: 150" in mine
    assert "Signoff would ask lee@example.com and the owner." in mine
    assert await web.engine_env.rows("SELECT count(*) FROM audit") == audit
    assert await runs(web) == 1


async def test_wrong_inputs_of_a_trial_are_shown_again(web: WebEnv) -> None:
    answer = await send(await web.sign_in(OWNER), TRY, "much")
    assert answer.status == 422
    assert "Not submitted yet" in answer.page.text
    assert "much" in dict(answer.page.form.fields).values()


async def test_only_those_who_see_a_workflow_try_it(web: WebEnv) -> None:
    assert (await web.browser().get(TRY)).status == 403
    assert (await (await web.sign_in(OTHER)).get(TRY)).status == 404


async def test_a_form_that_is_sent_twice_starts_one_run(web: WebEnv) -> None:
    """Lee owns nothing, but may start it, as everyone may who is no guest."""
    browser = await web.sign_in(OTHER)
    assert START in (await browser.get("/workflows")).text
    web.engine_env.pass_time(seconds=1)  # what starts within one instant has no order
    form = (await browser.get(START)).page.form
    first, second = [await browser.post(form.action, amount(form, "500"), kind=form.kind) for _ in range(2)]
    assert first.path == second.path
    assert first.path.startswith("/runs/")
    assert await runs(web) == 2
    await web.engine_env.settle()
    (run,) = await web.engine_env.engine.runs(PageQuery(limit=1))
    assert (run.requester.label, run.inputs) == (OTHER, {"amount": 500})


async def test_wrong_inputs_start_nothing(web: WebEnv) -> None:
    answer = await send(await web.sign_in(OWNER), START, "much")
    assert (answer.status, await runs(web)) == (422, 1)
    assert "Not submitted yet" in answer.page.text


async def test_a_form_of_an_older_version_or_another_site_starts_nothing(web: WebEnv) -> None:
    browser = await web.sign_in(OWNER)
    form = (await browser.get(START)).page.form
    foreign = await browser.post(form.action, form.fields, kind=form.kind, Sec_Fetch_Site="cross-site")
    assert foreign.status == 403
    other = await web.sign_in(OTHER)
    assert (await other.post(form.action, form.fields, kind=form.kind)).status == 422
    await web.engine_env.register(SECOND)
    late = await browser.post(form.action, amount(form, "7"), kind=form.kind)
    assert (late.status, await runs(web)) == (409, 1)
    assert "The workflow has changed since you opened this form" in late.page.text
    assert "7" in dict(late.page.form.fields).values()


async def test_those_who_may_not_start_it_and_a_disabled_one_have_no_form(web: WebEnv) -> None:
    other, owner = await web.sign_in(OTHER), await web.sign_in(OWNER)
    await web.engine_env.register(SECOND.replace("inputs:", "may_run: [kim@example.com]\ninputs:"))
    assert (await other.get(START)).status == 404
    assert START not in (await other.get("/workflows")).text
    assert (await owner.get(START)).status == 200
    command = ChangeWorkflowState(workflow="refund", state=WorkflowState.DISABLED, actor=SAM, origin=TERMINAL)
    await web.engine_env.engine.change_state(command)
    assert (await owner.get(START)).status == 404
    assert "Start it" not in (await owner.get(PAGE)).page.text
