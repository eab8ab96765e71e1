"""Signing in with Slack to decide, over real HTTP, with a local Slack as the identity provider."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.domain import (
    Address,
    AskQuestion,
    Assurance,
    NotAllowed,
    QuestionAsked,
    Register,
    RequestState,
)
from engine.errors import StepError
from engine.json_values import Value
from engine.read_models import RequestView
from tests.integration.web.test_questions import ANN, form_to, open_question, send
from tests.support.engine_env import SAM, TERMINAL, PlayedStep
from tests.support.sign_in_env import SignInEnv, open_sign_in
from tests.support.web_env import ADA, PAY_WORKFLOW, Answer, Browser, email_workflow

SSO: Final = "      assurance: sso"
TYPED: Final = "Dear Kim, it is on its way."
CONFIRMED: Final = "      confirm_with: sso"


@pytest.fixture
async def env(path: Path) -> AsyncIterator[SignInEnv]:
    async with open_sign_in(path) as env:
        yield env


async def press_approve(env: SignInEnv, keys: str = SSO) -> tuple[RequestView, Browser, Answer]:
    """Return the request, the browser, and the page after Approve was pressed on the page of the link."""
    request = await env.web.request_approval(keys)
    browser, page = await env.web.open_link()
    name = next(name for name, value in page.page.form.fields if value.startswith("Dear Kim"))
    return request, browser, await browser.send(page.page.form, typed={name: TYPED})


async def decision_entry(env: SignInEnv, request: RequestView) -> Any:
    story = await env.web.engine_env.engine.story(request.run)
    return next(entry for entry in story if entry.kind in ("request.approved", "request.rejected"))


async def test_a_person_who_signs_in_with_slack_decides(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    assert at_sign_in.status == 200
    assert "Sign in with Slack to confirm: Send email" in at_sign_in.page.text
    assert (await env.web.reload(request)).model.state is RequestState.PENDING
    closed = await env.sign_in(browser, at_sign_in, "ada")
    assert closed.path == f"/review/{request.id}"
    assert "You approved this with edits" in closed.page.text
    assert "By signing in with Slack" in closed.page.text
    decided = await env.web.reload(request)
    assert decided.model.state is RequestState.APPROVED
    assert decided.decision is not None
    assert decided.decision.assurance == Assurance.SSO
    entry = await decision_entry(env, request)
    assert entry.content["acted_as"] == f"signed in as slack:{env.account('ada')}"
    assert "signature" not in entry.content


async def test_the_list_of_browsers_says_who_signed_in_with_slack(env: SignInEnv) -> None:
    _, browser, at_sign_in = await press_approve(env)
    await env.sign_in(browser, at_sign_in, "ada")
    await env.web.sign_in()
    text = (await browser.get("/sessions")).page.text
    assert text.count(" with Slack.") == 1
    assert text.count(f" with a code sent to {ADA}.") == 1


async def test_slack_is_asked_for_this_sign_in_only_and_by_the_rules(env: SignInEnv) -> None:
    _, browser, at_sign_in = await press_approve(env)
    first, second = [await env.go_to_slack(browser, at_sign_in) for _ in range(2)]
    asked = {name: value for name, (value,) in parse_qs(urlsplit(first).query).items()}
    assert first.startswith(f"{env.slack.base_url}/openid/connect/authorize?")
    assert asked["response_type"] == "code"
    assert asked["scope"].split() == ["openid", "profile", "email"]
    assert asked["redirect_uri"] == f"{env.web.url}/signed-in"
    assert asked["team"] == env.slack.world.team.id
    assert asked["code_challenge_method"] == "S256"
    again = {name: value for name, (value,) in parse_qs(urlsplit(second).query).items()}
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name]) == 43
        assert asked[name] != again[name]


async def test_a_browser_that_is_signed_in_decides_without_signing_in_again_for_some_hours(env: SignInEnv) -> None:
    _, browser, at_sign_in = await press_approve(env)
    await env.sign_in(browser, at_sign_in, "ada")
    request = await env.web.request_approval(SSO)
    page = await browser.get(f"/review/{request.id}")
    closed = await browser.send(page.page.form)
    assert "You approved this" in closed.page.text
    env.web.clock.pass_time(timedelta(hours=12))
    later = await env.web.request_approval(SSO)
    page = await browser.get(f"/review/{later.id}")
    assert "Sign in with Slack to confirm" in (await browser.send(page.page.form)).page.text


async def test_a_browser_that_gave_a_code_is_not_signed_in(env: SignInEnv) -> None:
    request = await env.web.request_approval(SSO)
    browser = await env.web.sign_in()
    page = await browser.get(f"/review/{request.id}")
    at_sign_in = await browser.send(page.page.form)
    assert "Sign in with Slack to confirm" in at_sign_in.page.text
    await env.sign_in(browser, at_sign_in, "ada")
    assert (await env.web.reload(request)).model.state is RequestState.APPROVED


async def test_a_browser_that_is_signed_in_with_slack_needs_no_code_by_email(env: SignInEnv) -> None:
    _, browser, at_sign_in = await press_approve(env)
    await env.sign_in(browser, at_sign_in, "ada")
    env.web.clock.pass_time(timedelta(days=5))
    request = await env.web.request_approval()
    closed = await browser.send((await browser.get(f"/review/{request.id}")).page.form)
    assert "You approved this" in closed.page.text
    entry = await decision_entry(env, request)
    assert entry.content["acted_as"] == f"browser remembered after a sign-in as slack:{env.account('ada')}"
    assert entry.content["assurance"] == "code"


async def test_a_question_before_the_decision_waits_for_the_sign_in_too(env: SignInEnv) -> None:
    request = await env.web.request_approval(SSO)
    browser, page = await env.web.open_link()
    (form,) = [form for form in page.page.forms if form.action.endswith("/ask")]
    at_sign_in = await browser.post(form.action, form.with_(question="Why?"), kind=form.kind)
    assert at_sign_in.path.startswith("/sign-in/")
    again = await env.sign_in(browser, at_sign_in, "ada")
    assert again.path == f"/review/{request.id}?typed=1"
    (form,) = [form for form in again.page.forms if form.action.endswith("/ask")]
    assert dict(form.fields)["question"] == "Why?"
    await browser.post(form.action, form.fields, kind=form.kind)
    (question,) = (await env.web.reload(request)).model.questions
    assert question.asked_by.email == ADA


async def test_a_colleague_who_was_asked_too_decides_in_their_own_name(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    await env.sign_in(browser, at_sign_in, "ben")
    decided = await env.web.reload(request)
    assert decided.decision is not None
    assert decided.decision.person.email == "ben@example.com"


async def test_a_person_who_was_not_asked_is_told_who_was_and_it_is_on_the_record(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    refused = await env.sign_in(browser, at_sign_in, "cleo")
    assert refused.status == 403
    assert "You are signed in to Slack as" in refused.page.text
    assert "Nothing was decided." in refused.page.text
    assert (await env.web.reload(request)).model.state is RequestState.PENDING
    story = await env.web.engine_env.engine.story(request.run)
    (entry,) = [entry for entry in story if entry.kind == "sign_in.refused"]
    assert entry.content is not None
    assert entry.content["account"] == f"slack:{env.account('cleo')}"
    # They may sign in as the person who was asked.
    at_sign_in = await browser.get(refused.page.links[-1])
    await env.sign_in(browser, at_sign_in, "ada")
    assert (await env.web.reload(request)).model.state is RequestState.APPROVED


FAULTS: Final[dict[str, dict[str, Value]]] = {
    "wrong nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another app": {"aud": "1.2"},
    "two apps and no party": {"aud": ["1.2", "4242424242.1234567890"]},
    "another provider": {"iss": "https://slack.example"},
    "no expiry": {"exp": None},
    "a text as the expiry": {"exp": "soon"},
    "an expiry long ago": {"exp": 1_600_000_000},
    "another workspace": {"https://slack.com/team_id": "T0OTHER"},
    "no workspace": {"https://slack.com/team_id": None},
    "another access token": {"at_hash": "AAAA"},
    "no account": {"https://slack.com/user_id": None, "sub": None},
    "a list as the account": {"https://slack.com/user_id": ["U1"]},
}


async def test_a_token_that_proves_nothing_decides_nothing(env: SignInEnv, caplog: pytest.LogCaptureFixture) -> None:
    request, browser, at_sign_in = await press_approve(env)
    for fault, claims in FAULTS.items():
        caplog.clear()
        env.slack.slack.openid.claims = dict(claims)
        refused = await env.sign_in(browser, at_sign_in, "ada")
        assert refused.status == 403, fault
        assert "Slack did not confirm who you are" in refused.page.text, fault
        assert (await env.web.reload(request)).model.state is RequestState.PENDING, fault
        assert "a sign-in of client" in caplog.text, fault
        at_sign_in = await browser.get(refused.page.links[-1])
    # Nothing is lost: the next attempt decides what waits.
    await env.sign_in(browser, at_sign_in, "ada")
    decided = await env.web.reload(request)
    assert decided.decision is not None
    assert decided.decision.edits


async def test_a_token_that_was_signed_with_another_key_proves_nothing(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    env.slack.slack.openid.forged = True
    assert (await env.sign_in(browser, at_sign_in, "ada")).status == 403
    assert (await env.web.reload(request)).model.state is RequestState.PENDING


async def test_new_keys_of_slack_are_found(env: SignInEnv) -> None:
    _, browser, at_sign_in = await press_approve(env)
    await env.sign_in(browser, at_sign_in, "ada")
    env.slack.slack.openid.rotate()
    env.web.clock.pass_time(timedelta(minutes=2))
    request, browser, at_sign_in = await press_approve(env)
    await env.sign_in(browser, at_sign_in, "ada")
    assert (await env.web.reload(request)).model.state is RequestState.APPROVED


async def test_clocks_may_differ_by_a_minute(env: SignInEnv) -> None:
    now = int(env.web.clock.now().timestamp())
    for claims, decided in (
        ({"exp": now - 70}, False),
        ({"iat": now + 70}, False),
        ({"exp": now - 55}, True),
        ({"iat": now + 55}, True),
    ):
        request, browser, at_sign_in = await press_approve(env)
        env.slack.slack.openid.claims = dict[str, Any](claims)
        await env.sign_in(browser, at_sign_in, "ada")
        state = (await env.web.reload(request)).model.state
        assert state is (RequestState.APPROVED if decided else RequestState.PENDING), claims


async def test_the_answer_of_slack_works_once(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    back = await env.at_slack(await env.go_to_slack(browser, at_sign_in), "cleo")
    assert (await browser.get(back)).status == 403
    tokens = len(env.slack.calls("openid.connect.token"))
    replayed = await browser.get(back)
    assert replayed.path == at_sign_in.path
    assert len(env.slack.calls("openid.connect.token")) == tokens, "the answer is not even looked at"
    assert (await env.web.reload(request)).model.state is RequestState.PENDING


async def test_a_person_who_clicks_twice_at_slack_sees_the_outcome(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    back = await env.at_slack(await env.go_to_slack(browser, at_sign_in), "ada")
    for _ in range(2):
        closed = await browser.get(back)
        assert closed.path == f"/review/{request.id}"
        assert "You approved this with edits" in closed.page.text
    other = env.web.browser()
    await other.get("/inbox")
    assert (await other.get(back)).status == 410


async def test_only_the_browser_that_began_can_come_back(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    other = env.web.browser()
    assert (await other.get(at_sign_in.path)).status == 410
    back = await env.at_slack(await env.go_to_slack(browser, at_sign_in), "ada")
    assert (await other.get(back)).status == 410
    await other.get("/inbox")
    assert (await other.get(back)).status == 410
    assert (await env.web.reload(request)).model.state is RequestState.PENDING
    assert "You approved this" in (await browser.get(back)).page.text


async def test_a_sign_in_that_is_begun_anew_is_the_one_that_works(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    first = await env.at_slack(await env.go_to_slack(browser, at_sign_in), "ada")
    second = await env.at_slack(await env.go_to_slack(browser, at_sign_in), "ada")
    assert (await browser.get(first)).status == 410
    assert (await env.web.reload(request)).model.state is RequestState.PENDING
    assert "You approved this" in (await browser.get(second)).page.text


async def test_a_sign_in_expires_after_ten_minutes_and_what_was_typed_is_kept(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    back = await env.at_slack(await env.go_to_slack(browser, at_sign_in), "ada")
    env.web.clock.pass_time(timedelta(minutes=10))
    assert (await browser.get(back)).status == 410
    gone = await browser.get(at_sign_in.path)
    assert gone.status == 410
    assert "This sign-in no longer works" in gone.page.text
    form = (await browser.get(gone.page.links[-1])).page.form
    assert TYPED in [value for _, value in form.fields]
    assert (await env.web.reload(request)).model.state is RequestState.PENDING


async def test_slack_may_be_down_at_any_point_and_nothing_is_lost(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    env.slack.faults.down = True
    link = next(link for link in at_sign_in.page.links if link.endswith("/begin"))
    down = await browser.get(link)
    assert down.status == 503
    assert "Slack does not answer right now" in down.page.text
    env.slack.faults.down = False
    back = await env.at_slack(await env.go_to_slack(browser, await browser.get(down.page.links[-1])), "ada")
    env.slack.faults.down = True
    assert (await browser.get(back)).status == 503
    env.slack.faults.down = False
    await env.sign_in(browser, await browser.get(at_sign_in.path), "ada")
    decided = await env.web.reload(request)
    assert decided.decision is not None
    assert decided.decision.edits


async def test_an_unreadable_provider_is_one_that_is_down(env: SignInEnv) -> None:
    _, browser, at_sign_in = await press_approve(env)
    link = next(link for link in at_sign_in.page.links if link.endswith("/begin"))
    for body in ("", "[]", "{", "<html>", '{"issuer": "https://elsewhere.example"}', "[" * 100_000):
        env.slack.fault("openid.configuration", "status", status=200, body=body, content_type="application/json")
        assert (await browser.get(link)).status == 503, body[:40]


async def test_an_app_that_slack_refuses_is_the_operators_to_fix(
    env: SignInEnv, caplog: pytest.LogCaptureFixture
) -> None:
    _, browser, at_sign_in = await press_approve(env)
    env.slack.fault("openid.connect.token", "error", code="bad_client_secret")
    refused = await env.sign_in(browser, at_sign_in, "ada")
    assert refused.status == 503
    assert "Signing in with Slack does not work here" in refused.page.text
    assert "bad_client_secret" in caplog.text
    assert env.slack.app.client_secret not in caplog.text


async def test_a_person_who_cancels_at_slack_can_try_again(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    cancelled = await env.sign_in(browser, at_sign_in, "nobody")
    assert "You did not sign in" in cancelled.page.text
    await env.sign_in(browser, await browser.get(cancelled.page.links[-1]), "ada")
    assert (await env.web.reload(request)).model.state is RequestState.APPROVED


async def test_a_request_that_was_decided_meanwhile_says_so_after_the_sign_in(env: SignInEnv) -> None:
    _, browser, at_sign_in = await press_approve(env)
    _, colleague, theirs = await press_again(env, "ben@example.com")
    await env.sign_in(colleague, theirs, "ben")
    late = await env.sign_in(browser, at_sign_in, "ada")
    assert late.status == 409
    assert "Your answer was not counted." in late.page.text


async def press_again(env: SignInEnv, address: str) -> tuple[None, Browser, Answer]:
    browser, page = await env.web.open_link(address)
    return None, browser, await browser.send(page.page.form)


async def test_a_gate_can_have_every_decision_confirmed_by_a_sign_in(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env, CONFIRMED)
    closed = await env.sign_in(browser, at_sign_in, "ada")
    assert "Signed by" in closed.page.text
    assert "Send email: Send this to Kim?" in closed.page.text
    entry = await decision_entry(env, request)
    assert entry.content["confirmed_with"] == "sso"
    assert entry.content["signature"] == {
        "name": decided_name(await env.web.reload(request)),
        "at": "2026-03-02T09:00:00+00:00",
        "meaning": "Send email: Send this to Kim?",
    }
    # The browser is signed in, and the next decision is confirmed again.
    request = await env.web.request_approval(CONFIRMED)
    again = await browser.send((await browser.get(f"/review/{request.id}")).page.form)
    assert "Sign in with Slack to confirm" in again.page.text
    refused = await env.sign_in(browser, again, "ben")
    assert refused.status == 403
    assert (await env.web.reload(request)).model.state is RequestState.PENDING


def decided_name(request: RequestView) -> str:
    assert request.decision is not None
    return request.decision.person.label


async def test_a_person_signs_in_with_slack_to_see_their_requests(env: SignInEnv) -> None:
    request = await env.web.request_approval(SSO)
    browser = env.web.browser()
    form = (await browser.get("/inbox")).page.forms[1]
    at_sign_in = await browser.post(form.action, form.fields, kind=form.kind)
    inbox = await env.sign_in(browser, at_sign_in, "ada")
    assert inbox.path == "/inbox"
    assert f"/review/{request.id}" in inbox.page.links
    assert ADA in inbox.page.text


async def test_no_secret_of_a_sign_in_is_stored_or_logged(env: SignInEnv, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        _, browser, at_sign_in = await press_approve(env)
        back = await env.at_slack(await env.go_to_slack(browser, at_sign_in), "ada")
        asked = {name: value for name, (value,) in parse_qs(urlsplit(back).query).items()}
        await browser.get(back)
    dump = (await env.web.engine_env.rows("SELECT * FROM sign_in")).__repr__() + caplog.text
    for secret in (asked["state"], asked["code"], env.slack.app.client_secret):
        assert secret not in dump


async def test_a_device_that_signed_in_twice_is_listed_once(env: SignInEnv) -> None:
    for _ in range(2):
        _, browser, at_sign_in = await press_approve(env)
        await env.sign_in(browser, at_sign_in, "ada")
    live = "SELECT count(*) FROM browser WHERE revoked_at IS NULL"
    assert await env.web.engine_env.rows(live) == [(2,)]
    request = await env.web.request_approval(CONFIRMED)
    at_sign_in = await browser.send((await browser.get(f"/review/{request.id}")).page.form)
    await env.sign_in(browser, at_sign_in, "ada")
    assert await env.web.engine_env.rows(live) == [(2,)]


async def test_each_step_of_a_sign_in_may_reach_another_process(env: SignInEnv) -> None:
    request, browser, at_sign_in = await press_approve(env)
    first = browser.base
    async with env.other_process() as second:
        browser.base = second
        page = await browser.get(at_sign_in.path)
        to_slack = await env.go_to_slack(browser, page)
        browser.base = first
        closed = await browser.get(await env.at_slack(to_slack, "ada"))
    assert "You approved this with edits" in closed.page.text
    assert (await env.web.reload(request)).model.state is RequestState.APPROVED


async def test_the_page_says_before_the_decision_what_will_be_asked(env: SignInEnv) -> None:
    _, browser, at_sign_in = await press_approve(env)
    for keys, told in (
        (SSO, "You sign in with Slack to decide."),
        (CONFIRMED, "You sign in with Slack to confirm your decision."),
        ("      confirm_with: code", "Your decision needs a code. We send it to a…@example.com."),
        (f"{SSO}\n      confirm_with: code", "You sign in with Slack to confirm your decision."),
    ):
        await env.web.request_approval(keys)
        _, page = await env.web.open_link()
        assert told in page.page.text
    await env.sign_in(browser, at_sign_in, "ada")
    request = await env.web.request_approval(SSO)
    assert "You decide as ada@example.com." in (await browser.get(f"/review/{request.id}")).page.text


async def test_an_owner_who_is_signed_in_with_slack_answers_about_a_step(env: SignInEnv) -> None:
    engine = env.web.engine_env

    async def lose(*_: Any) -> dict[str, object]:
        raise StepError("The line went dead.", outcome_unknown=True)

    step = engine.advancer.kinds["played"]
    assert isinstance(step, PlayedStep)
    step.play = lose
    await engine.register(PAY_WORKFLOW.replace("sam@", "ada@"))
    run = await engine.start("pay")
    await engine.settle()
    browser = env.web.browser()
    form = (await browser.get("/inbox")).page.forms[1]
    await env.sign_in(browser, await browser.post(form.action, form.fields, kind=form.kind), "ada")
    form = (await browser.get(f"/attention/{run}")).page.form
    await browser.post(form.action, form.with_(answer="stop"), kind=form.kind)
    (entry,) = [entry for entry in await engine.engine.story(run) if entry.kind == "run.resumed"]
    assert entry.content is not None
    assert entry.content["assurance"] == "sso"


async def test_a_gate_that_asks_a_person_without_an_account_is_refused(env: SignInEnv) -> None:
    source = email_workflow(SSO).replace(ADA, "mia@example.com").encode()
    answer = await env.web.engine_env.engine.register(Register(source=source, actor=SAM, origin=TERMINAL))
    assert isinstance(answer, NotAllowed)
    assert answer.why == (
        "The gate of step send: mia@example.com has no Slack account, and people sign in with Slack to decide here. "
        "Name people who have one, or use `assurance: code` and `confirm_with: code`."
    )


async def test_a_request_says_who_cannot_sign_in_to_decide_it(env: SignInEnv) -> None:
    source = email_workflow(CONFIRMED).replace("[ada@example.com, ben", '["{{ inputs.customer }}", ben')
    request = await env.web.request_approval(source=source, customer="mia@example.com")
    assert "mia@example.com has no Slack account to sign in with and is not asked." in request.notes
    assert not [note for note in request.notes if note.startswith("ben")]


@pytest.mark.parametrize("keys", [SSO, CONFIRMED])
async def test_a_request_that_needs_an_account_is_passed_on_after_signing_in_with_it(env: SignInEnv, keys: str) -> None:
    request = await env.web.request_approval(keys)
    browser = await env.web.sign_in()
    (form,) = (await browser.get(f"/pass-on/{request.id}")).page.forms
    assert [button[2] for button in form.buttons] == ["Sign in with Slack"]
    at_sign_in = await browser.post(form.action, form.with_(to="cleo@example.com", reason="away"), kind=form.kind)
    back = await env.sign_in(browser, at_sign_in, "ada")
    assert back.path.startswith(f"/review/{request.id}")
    assert [row.person.email for row in (await env.web.reload(request)).model.eligible] == [ADA, "ben@example.com"]
    refused = await pass_on(browser, request.id, "mia@example.com")
    assert "mia@example.com is not known here." in refused.page.text
    done = await pass_on(browser, request.id, "cleo@example.com")
    assert done.status == 200
    assert "decides in your place" in done.page.text


async def pass_on(browser: Browser, request: str, to: str) -> Answer:
    (form,) = (await browser.get(f"/pass-on/{request}")).page.forms
    return await browser.post(form.action, form.with_(to=to, reason="on holiday"), kind=form.kind)


async def test_a_person_who_signed_in_with_a_code_can_sign_in_with_slack_too(env: SignInEnv) -> None:
    await env.web.request_approval()
    browser = await env.web.sign_in()
    (form,) = [
        form for form in (await browser.get("/inbox")).page.forms if ("act", "sign-in-with-account") in form.fields
    ]
    listed = await env.sign_in(browser, await browser.post(form.action, form.fields, kind=form.kind), "ada")
    assert listed.path == "/inbox"
    assert not [form for form in listed.page.forms if ("act", "sign-in-with-account") in form.fields]


async def test_a_person_without_an_account_answers_a_question_after_a_code(env: SignInEnv) -> None:
    request = await env.web.request_approval(SSO)
    question = AskQuestion(
        request=request.id,
        text="Why?",
        actor=Address("slack", env.account("ada")),
        origin=TERMINAL,
        assurance=Assurance.SLACK,
    )
    assert isinstance(await env.web.engine_env.engine.ask_question(question), QuestionAsked)
    browser, page = await open_question(env.web)
    at_code = await send(browser, form_to(page, "/answer"), question_answer="Because.")
    assert at_code.path.startswith("/code/")
    again = await env.web.enter_code(browser, at_code, ANN)
    answered = await send(browser, form_to(again, "/answer"))
    assert "Your answer was sent." in answered.page.text
    assert [one.answer for one in (await env.web.reload(request)).model.questions] == ["Because."]


async def test_a_sign_in_that_comes_after_an_edit_of_another_confirms_nothing(env: SignInEnv) -> None:
    request, ada, at_sign_in = await press_approve(env, f"{CONFIRMED}\n      policy: all")
    ben, page = await env.web.open_link("ben@example.com")
    name = next(name for name, value in page.page.form.fields if value.startswith("Dear Kim"))
    voted = await env.sign_in(ben, await ben.send(page.page.form, typed={name: "Dear Kim, no."}), "ben")
    assert "Your approval was saved" in voted.page.text
    stale = await env.sign_in(ada, at_sign_in, "ada")
    assert stale.status == 409
    assert "Dear Kim, no." in stale.page.text
    assert TYPED in stale.text
    model = (await env.web.reload(request)).model
    assert (model.content_version, len(model.votes)) == (2, 1)
    # She decides on the version of now, and signs it.
    closed = await env.sign_in(ada, await ada.send(stale.page.form, typed={name: "Dear Kim, no."}), "ada")
    assert (await env.web.reload(request)).model.state is RequestState.APPROVED, closed.page.text
    signed = [
        (entry.kind, entry.content["content_version"], entry.content["confirmed_with"])
        for entry in await env.web.engine_env.engine.story(request.run)
        if entry.content and "signature" in entry.content
    ]
    assert signed == [("request.changed", 1, "sso"), ("request.approved", 2, "sso")]
