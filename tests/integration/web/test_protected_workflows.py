"""A protected workflow on the web: whatever changes it waits for another person, and the running version stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.domain import NotFound
from engine.domain.workflow_commands import WorkflowState
from engine.read_models import WorkflowView
from engine.steps.registry import builtin
from tests.browser.workflow_states import FIRST, SECOND
from tests.support.web_env import Answer, Browser, WebEnv, open_web

ADMIN, OWNER = "boss@example.com", "sam@example.com"
PAGE, REFUND = "/workflows/refund", "/new-workflow/refund"
PROTECTED = f"{SECOND}protected: true\n"


@pytest.fixture
async def web(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path, admins=[ADMIN], builders=(OWNER,), steps=builtin()) as env:
        await env.engine_env.register(FIRST)
        await env.engine_env.register(SECOND)
        yield env


@pytest.fixture
def all_protected(web: WebEnv) -> None:
    """Let every change of a workflow wait, as `SIGNOFF_PROTECT_WORKFLOWS` does."""
    web.engine_env.engine.context = replace(web.engine_env.engine.context, protects_all=True)


async def current(web: WebEnv) -> WorkflowView:
    view = await web.engine_env.engine.workflow("refund")
    assert not isinstance(view, NotFound)
    return view


async def act(browser: Browser, name: str, **typed: str) -> Answer:
    form = (await browser.get(PAGE)).page.form
    asked = (await browser.post(form.action, form.with_(act=name, **typed), kind=form.kind)).page.form
    return await browser.post(asked.action, asked.fields, kind=asked.kind)


async def test_a_change_of_the_file_waits_and_says_where(web: WebEnv) -> None:
    """The change that takes the protection away is protected too."""
    await web.engine_env.register(PROTECTED.replace("name: refund", "name: safe"))
    browser = await web.sign_in(OWNER)
    for changed in ("Refund one order\nprotected: true", "Refund an order\nprotected: false"):
        form = (await browser.get("/workflows/safe/edit")).page.form
        source = SECOND.replace("name: refund", "name: safe").replace("Refund an order", changed)
        answer = await browser.post(form.action, form.with_(source=source, act="register"), kind=form.kind)
        assert (answer.status, answer.path.startswith("/runs/")) == (200, True)
        view = await web.engine_env.engine.workflow("safe")
        assert not isinstance(view, NotFound)
        assert (view.version, "protected: true" in view.source.decode()) == (1, True)
        web.engine_env.pass_time(minutes=1)


@pytest.mark.usefixtures("all_protected")
@pytest.mark.parametrize(("name", "typed"), [("roll-back", {"version": "1"}), ("delete", {})])
async def test_going_back_and_deleting_wait(web: WebEnv, name: str, typed: dict[str, str]) -> None:
    answer = await act(await web.sign_in(OWNER), name, **typed)
    assert answer.path.startswith("/runs/")
    view = await current(web)
    assert (view.version, view.state) == (2, WorkflowState.ACTIVE)


@pytest.mark.usefixtures("all_protected")
async def test_a_stop_is_at_once_and_enabling_waits(web: WebEnv) -> None:
    browser = await web.sign_in(OWNER)
    await act(browser, "disable")
    assert (await current(web)).state is WorkflowState.DISABLED
    assert (await act(browser, "enable")).path.startswith("/runs/")
    assert (await current(web)).state is WorkflowState.DISABLED


@pytest.mark.usefixtures("all_protected")
async def test_a_new_workflow_of_the_gallery_waits_where_all_are_protected(web: WebEnv) -> None:
    engine = web.engine_env.engine
    browser = await web.sign_in(OWNER)
    form = (await browser.get(REFUND)).page.form
    empty = {name: "https://pay.example.com" for name, value in form.fields if name.startswith("answer-") and not value}
    fields = form.with_(act="register", **{**empty, "answer-name": "give-back"})
    answer = await browser.post(form.action, fields, kind=form.kind)
    assert answer.path.startswith("/runs/"), answer.page.text
    assert isinstance(await engine.workflow("give-back"), NotFound)
