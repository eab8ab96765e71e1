"""Making a workflow from the gallery on the web: its questions, its steps, and its registration, for builders only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import gallery
from engine.domain import NotFound
from engine.steps.registry import builtin
from tests.support.web_env import Answer, Browser, WebEnv, email_workflow, open_web

BUILDER, OTHER = "ada@example.com", "ben@example.com"
NEW, REFUND = "/new-workflow", "/new-workflow/refund"


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
