"""Each role on each page: what a person may not see is refused, and is not in the HTML."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.domain import Address, RequestState, Start, Started
from engine.errors import StepError
from engine.ports import StepContext, StepType
from engine.steps.set import SetStep
from tests.support.engine_env import ANN, TERMINAL, PlayedParams, PlayedStep
from tests.support.web_env import ADA, Answer, Browser, WebEnv, open_web

SECRET = "Zebulon"
STEPS = """\
name: invoice
title: Pay an invoice
owner: sam@example.com
inputs: {customer: {type: text}}
steps:
  - id: pay
    title: Pay it
    uses: played
    with: {text: "{{ inputs.customer }}"}
    gate: {title: "Pay {{ inputs.customer }}?", approvers: [ada@example.com], edit: [text]}
"""
OTHER = """\
name: other
title: Another matter
owner: mia@example.com
steps:
  - id: do
    uses: set
    with: {text: hello}
    gate: {title: "Do it?", approvers: [kim@example.com, aud@example.com, boss@example.com]}
"""
ROLES = {
    "approver": ADA,
    "requester": ANN.value,
    "owner": "sam@example.com",
    "admin": "boss@example.com",
    "auditor": "aud@example.com",
    "stranger": "kim@example.com",
}


@dataclass
class Scene:
    """A waiting request and a run that asks its owner, both with the secret text."""

    env: WebEnv
    request: str
    run: str
    unclear: str

    def paths(self) -> dict[str, str]:
        return {
            "review": f"/review/{self.request}",
            "request": f"/requests/{self.request}",
            "run": f"/runs/{self.run}",
            "runs": "/runs",
            "all": "/inbox?part=all",
            "attention": f"/attention/{self.unclear}",
            "pass on": f"/pass-on/{self.request}",
        }


@pytest.fixture
async def scene(path: Path) -> AsyncIterator[Scene]:
    played = PlayedStep()
    steps: dict[str, StepType[Any]] = {"set": SetStep(), "played": played}
    async with open_web(path, admins=["boss@example.com"], auditors=["aud@example.com"], steps=steps) as env:
        await env.engine_env.register(OTHER)
        kim = Address("email", "kim@example.com")
        other = await env.engine_env.engine.start(Start(workflow="other", inputs={}, actor=kim, origin=TERMINAL))
        assert isinstance(other, Started)
        unclear = await env.request_approval(source=STEPS, customer=SECRET)
        played.play = _lose_answer
        await env.engine_env.decide(unclear.run, by=Address("email", ADA))
        await env.engine_env.settle()
        request = await env.request_approval(source=STEPS, customer=SECRET)
        yield Scene(env, request.id, request.run, unclear.run)


async def _lose_answer(params: PlayedParams, context: StepContext) -> dict[str, object]:
    raise StepError("The line went dead.", outcome_unknown=True)


SEES = {
    "approver": {"review", "request", "run", "runs", "pass on"},
    "requester": {"review", "request", "run", "runs", "all"},
    "owner": {"review", "request", "run", "runs", "all", "attention", "pass on"},
    "admin": {"review", "request", "run", "runs", "all", "attention"},
    "auditor": {"review", "request", "run", "runs", "all"},
    "stranger": set[str](),
}
LISTS = {"runs", "all"}


@pytest.mark.parametrize("role", ROLES)
async def test_what_a_role_may_not_see_is_refused_and_not_in_the_page(scene: Scene, role: str) -> None:
    browser = await scene.env.sign_in(ROLES[role])
    for name, path in scene.paths().items():
        answer = await browser.get(path)
        sees = name in SEES[role]
        assert (SECRET in answer.text) == sees, (role, name, answer.status)
        refused = {200} if sees or name in LISTS else {403, 404}
        assert answer.status in refused, (role, name, answer.status)


@pytest.mark.parametrize("is_signed_in", [True, False], ids=["signed in", "visitor"])
async def test_what_a_stranger_is_answered_does_not_say_whether_it_exists(scene: Scene, is_signed_in: bool) -> None:
    browser = await scene.env.sign_in(ROLES["stranger"]) if is_signed_in else scene.env.browser()
    unknown = f"{scene.request[:9]}zzzzzzzz"
    review, request, run = f"/review/{scene.request}", f"/requests/{scene.request}", f"/runs/{scene.run}"
    paths = [review, *(f"{review}/{name}" for name in ("events", "rate", "ask", "answer", "changes")), request, run]
    paths += [f"{request}/events", f"{run}/events", f"/attention/{scene.unclear}", f"/pass-on/{scene.request}"]
    for path in paths:
        real = next(part for part in path.split("/") if part in (scene.request, scene.run, scene.unclear))
        for method in ("GET", "HEAD", "POST"):
            pair = [await answer_to(browser, method, address) for address in (path, path.replace(real, unknown))]
            assert pair[0].status == pair[1].status, (method, path)
            assert pair[0].text == pair[1].text.replace(unknown, real), (method, path)


async def answer_to(browser: Browser, method: str, path: str) -> Answer:
    if method == "POST":
        return await browser.post(path, [("verdict", "approve"), ("act", "cancel"), ("text", "x"), ("nonce", "x")])
    return await browser.get(path, method=method)


async def test_people_who_have_not_signed_in_see_nothing(scene: Scene) -> None:
    for name, path in scene.paths().items():
        answer = await scene.env.browser().get(path)
        assert SECRET not in answer.text, name
        assert answer.status in (200, 403), (name, answer.status)


@pytest.mark.parametrize("role", ROLES)
async def test_streams_are_open_for_those_who_see_their_page(scene: Scene, role: str) -> None:
    browser = await scene.env.sign_in(ROLES[role])
    streams = {
        f"/review/{scene.request}/events": role == "approver",
        f"/requests/{scene.request}/events": role != "stranger",
        f"/runs/{scene.run}/events": role != "stranger",
    }
    for path, is_open in streams.items():
        answer = await browser.get(path, method="HEAD")
        assert (answer.status == 200) == is_open, (role, path, answer.status)


async def test_a_page_of_a_person_who_only_reads_has_no_form_to_change_anything(scene: Scene) -> None:
    auditor = await scene.env.sign_in(ROLES["auditor"])
    review = await auditor.get(f"/review/{scene.request}")
    assert review.path == f"/requests/{scene.request}"
    for path in (f"/requests/{scene.request}", f"/runs/{scene.run}", f"/runs/{scene.unclear}"):
        page = (await auditor.get(path)).page
        # A form without a button sends nothing.
        assert [form.buttons for form in page.forms if form.buttons] == [], path


async def test_what_an_auditor_sends_anyway_is_refused(scene: Scene) -> None:
    engine_env = scene.env.engine_env
    ada, auditor = await scene.env.sign_in(ADA), await scene.env.sign_in(ROLES["auditor"])
    forms = [
        (await ada.get(f"/review/{scene.request}")).page.form,
        (await ada.get(f"/pass-on/{scene.request}")).page.form,
    ]
    owner = await scene.env.sign_in(ROLES["owner"])
    forms += [
        (await owner.get(f"/attention/{scene.unclear}")).page.form,
        *((await owner.get(f"/runs/{scene.run}")).page.forms),
    ]
    assert len(forms) > 3
    for form in forms:
        verbs = {name: value for name, value, _ in form.buttons}
        answer = await auditor.post(form.action, form.with_(**{**verbs, "confirmed": "yes"}), kind=form.kind)
        assert answer.status in (403, 404, 422), (form.action, answer.status)
    request = await engine_env.engine.request(scene.request)
    assert request is not None
    assert request.model.state is RequestState.PENDING
    assert (await engine_env.view(scene.unclear)).status.value == "needs_attention"


async def test_an_auditor_who_was_never_asked_anything_can_sign_in(path: Path) -> None:
    async with open_web(path, admins=["boss@example.com"], auditors=["aud@example.com"]) as env:
        for address, knows in (("aud@example.com", 1), ("boss@example.com", 1), ("eve@example.com", 0)):
            browser = env.browser()
            form = (await browser.get("/inbox")).page.form
            await browser.post(form.action, form.with_(email=address), kind=form.kind)
            assert await env.codes(address) == knows, address
        auditor = await env.sign_in("aud@example.com")
        assert (await auditor.get("/runs")).status == 200
