"""Making a workflow from the gallery on the web: its questions, its steps, and its registration, for builders only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import gallery
from bot.web.new_file_page import BEGINNING
from engine.domain import NotFound
from engine.steps.registry import builtin
from tests.support.web_env import Answer, Browser, WebEnv, email_workflow, open_web

BUILDER, OTHER = "ada@example.com", "ben@example.com"
NEW, REFUND, FILE = "/new-workflow", "/new-workflow/refund", "/new-workflow-file"


@pytest.fixture
async def web(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path, builders=(BUILDER,), steps=builtin()) as env:
        await env.request_approval(
            source=email_workflow().replace("uses: played", "uses: set").replace(", again: true", "")
        )
        yield env


async def fill(browser: Browser, act: str, **answers: str) -> Answer:
    form = (await browser.get(REFUND)).page.form
    typed = {f"answer-{name}": value for name, value in answers.items()}
    return await browser.post(form.action, form.with_(act=act, **typed), kind=form.kind)


def answers() -> dict[str, str]:
    """Return an answer to each question of the template that has none at first."""
    template = gallery.load().find("refund")
    assert template is not None
    urls = {one.name: "https://pay.example.com" for one in template.questions if one.type == "url" and not one.default}
    return {"name": "give-back", "title": "Give money back", **urls}


async def source(web: WebEnv, name: str) -> str | None:
    view = await web.engine_env.engine.workflow(name)
    return None if isinstance(view, NotFound) else view.source.decode()


async def test_a_builder_answers_the_questions_sees_the_steps_and_registers(web: WebEnv) -> None:
    browser = await web.sign_in(BUILDER)
    assert NEW in (await browser.get("/workflows")).text
    listed = await browser.get(NEW)
    assert all(template.title in listed.page.text for template in gallery.load().templates)
    shown = await fill(browser, "steps", **answers())
    assert "Nothing is registered yet" in shown.page.text
    assert "Signoff asks" in shown.page.text.partition("Its steps")[2]
    assert await source(web, "give-back") is None
    form = shown.page.form
    registered = [await browser.post(form.action, form.with_(act="register"), kind=form.kind) for _ in range(2)]
    assert [answer.path for answer in registered] == ["/workflows/give-back"] * 2
    assert "https://pay.example.com" in (await source(web, "give-back") or "")
    assert len(await web.engine_env.engine.versions("give-back")) == 1


async def test_wrong_answers_are_shown_again_at_their_questions(web: WebEnv) -> None:
    browser = await web.sign_in(BUILDER)
    for wrong, sentence in (
        ({"name": "Not A Name"}, "Not submitted yet"),
        ({"name": "mail"}, "There is a workflow mail already"),
        ({"title": "{{ inputs.x }}"}, "Not submitted yet"),
    ):
        answer = await fill(browser, "register", **{**answers(), **wrong})
        assert (answer.status, sentence in answer.page.text) == (422, True)
        typed = dict(answer.page.form.fields)
        assert all(typed[f"answer-{name}"] == value for name, value in wrong.items())
    assert await source(web, "give-back") is None


async def test_of_two_builders_who_take_one_name_at_once_one_is_asked_for_another(web: WebEnv) -> None:
    """Each saw that the name was free. The second would have replaced the workflow of the first unseen."""
    browser = await web.sign_in(BUILDER)
    forms = [(await fill(browser, "steps", **{**answers(), "title": title})).page.form for title in ("One", "Two")]
    sent = (browser.post(form.action, form.with_(act="register"), kind=form.kind) for form in forms)
    by_status = {answer.status: answer for answer in await asyncio.gather(*sent)}
    assert len(await web.engine_env.engine.versions("give-back")) == 1
    refused = by_status.get(409) or by_status[422]
    assert "There is a workflow give-back already" in refused.page.text


async def write(browser: Browser, act: str, source: str) -> Answer:
    form = (await browser.get(FILE)).page.form
    return await browser.post(form.action, form.with_(act=act, source=source), kind=form.kind)


async def test_a_new_file_begins_without_problems_and_is_checked_and_registered_once(web: WebEnv) -> None:
    browser = await web.sign_in(BUILDER)
    assert FILE in (await browser.get(NEW)).text
    form = (await browser.get(FILE)).page.form
    beginning = dict(form.fields)["source"]
    checked = await write(browser, "check", beginning)
    assert "Nothing is registered yet" in checked.page.text
    assert "Signoff asks" in checked.page.text
    assert await source(web, "new-workflow") is None
    again = checked.page.form
    registered = [await browser.post(again.action, again.with_(act="register"), kind=again.kind) for _ in range(2)]
    assert [answer.path for answer in registered] == ["/workflows/new-workflow"] * 2
    assert await source(web, "new-workflow") == beginning.replace("\r\n", "\n")
    assert len(await web.engine_env.engine.versions("new-workflow")) == 1
    assert "name: new-workflow-2" in (await browser.get(FILE)).text


async def test_a_wrong_new_file_and_one_with_a_taken_name_are_shown_again(web: WebEnv) -> None:
    browser = await web.sign_in(BUILDER)
    for text, status, sentence in (
        (BEGINNING.replace("NAME", "mine").replace("uses: set", "uses: sett"), 422, "Did you mean"),
        ("", 422, "The file is empty"),
        (BEGINNING.replace("NAME", "mail"), 409, "may replace it"),
    ):
        answer = await write(browser, "register", text)
        assert (answer.status, sentence in answer.page.text) == (status, True), answer.page.text
        assert dict(answer.page.form.fields)["source"].replace("\r\n", "\n") == text
    await write(browser, "register", BEGINNING.replace("NAME", "mine"))
    twin = BEGINNING.replace("NAME", "mine").replace("New workflow", "A twin")
    answer = await write(browser, "register", twin)
    assert (answer.status, "There is a workflow mine already" in answer.page.text) == (409, True)
    assert "A twin" not in (await source(web, "mine") or "")


async def test_no_new_file_of_another_browser_site_or_person_is_registered(web: WebEnv) -> None:
    browser, other = await web.sign_in(BUILDER), await web.sign_in(OTHER)
    form = (await browser.get(FILE)).page.form
    fields = form.with_(act="register")
    assert (await browser.post(form.action, fields, kind=form.kind, Sec_Fetch_Site="cross-site")).status == 403
    assert (await (await web.sign_in(BUILDER)).post(form.action, fields, kind=form.kind)).status == 422
    assert (await other.get(FILE)).path == NEW
    assert (await other.post(form.action, fields, kind=form.kind)).status == 403
    assert (await web.browser().get(FILE)).status == 403
    assert await source(web, "new-workflow") is None


async def test_only_builders_make_workflows(web: WebEnv) -> None:
    assert (await web.browser().get(NEW)).status == 403
    browser = await web.sign_in(OTHER)
    assert NEW not in (await browser.get("/workflows")).text
    for path in (NEW, REFUND):
        refused = await browser.get(path)
        assert (refused.status, "Only builders may register" in refused.page.text) == (403, True)
    builder = await web.sign_in(BUILDER)
    form = (await builder.get(REFUND)).page.form
    fields = form.with_(act="register", **{f"answer-{name}": value for name, value in answers().items()})
    assert (await browser.post(form.action, fields, kind=form.kind)).status == 403
    assert (await builder.post(form.action, fields, kind=form.kind, Sec_Fetch_Site="cross-site")).status == 403
    again = await web.sign_in(BUILDER)
    assert (await again.post(form.action, fields, kind=form.kind)).status == 422
    assert await source(web, "give-back") is None
    assert (await builder.get(f"{NEW}/none")).status == 404
