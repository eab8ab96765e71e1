"""The page about a step of unknown outcome: its content, the people who may answer, and the answers that count."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import structs

from engine.domain import (
    Address,
    AnswerAttention,
    AskAnswerCode,
    Assurance,
    Card,
    CodeSent,
    DeliveryKind,
    Done,
    NoLink,
    Origin,
    Resume,
    ResumeAnswer,
    RunStatus,
)
from engine.domain.asks import Ask, AskContent, Asked, AskUse, Consume, Consumed
from engine.errors import ChannelError, StepError
from engine.ports import StepType
from engine.steps.ask import AskStep
from engine.steps.set import SetStep
from engine.story_entries import StoryEntry
from tests.support.engine_env import PlayedParams, PlayedStep
from tests.support.recording_channel import Fault
from tests.support.web_env import BEN, PAY_WORKFLOW, Answer, Browser, WebEnv, open_web

SAM: Final = "sam@example.com"
ANN: Final = "ann@example.com"
"""Who started the run: they may read of it, and cannot answer."""
WRONG: Final = "13572468"
ALONE: Final = PAY_WORKFLOW.partition("  - id: book")[0]
"""No later step reads what it returned."""


class Line:
    """An effect whose first calls lose their answer."""

    def __init__(self) -> None:
        self.calls, self.lost = 0, 1

    async def play(self, params: PlayedParams, context: Any) -> dict[str, object]:
        self.calls += 1
        if self.calls <= self.lost:
            raise StepError("The line went dead.", outcome_unknown=True)
        return {"receipt": f"R-{self.calls}"}


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
async def env(path: Path, line: Line) -> AsyncIterator[WebEnv]:
    played = PlayedStep()
    played.play = line.play
    kinds: dict[str, StepType[Any]] = {"set": SetStep(), "played": played, "ask": AskStep()}
    async with open_web(path, steps=kinds) as env:
        yield env


async def ask_owner(env: WebEnv, source: str = PAY_WORKFLOW) -> str:
    """Start a run whose owner has been asked by email."""
    await env.engine_env.register(source)
    run = await env.engine_env.start("pay")
    await env.engine_env.settle()
    assert (await env.engine_env.view(run)).status is RunStatus.NEEDS_ATTENTION
    return run


def alerts(env: WebEnv, address: str = SAM) -> list[Card]:
    return env.engine_env.mail.to(address, DeliveryKind.ALERT)


def token(env: WebEnv, address: str = SAM) -> str:
    token = alerts(env, address)[-1].token
    assert token is not None
    return token


async def open_link(env: WebEnv, browser: Browser | None = None) -> tuple[Browser, Answer]:
    used = browser or env.browser()
    return used, await used.get(f"/r/{token(env)}")


def field(page: Answer) -> str:
    return next(name for name, _ in page.page.form.fields if name.startswith("f-"))


async def send(browser: Browser, page: Answer, answer: str | None, **changed: str) -> Answer:
    form = page.page.form
    fields = {**changed, **({} if answer is None else {"answer": answer})}
    return await browser.post(form.action, form.with_(**fields), kind=form.kind)


async def status(env: WebEnv, run: str) -> RunStatus:
    return (await env.engine_env.view(run)).status


async def resumed_entries(env: WebEnv, run: str) -> list[StoryEntry]:
    return [entry for entry in await env.engine_env.engine.story(run) if entry.kind == "run.resumed"]


def rows(env: WebEnv, query: str, *parameters: object) -> list[Any]:
    with closing(sqlite3.connect(env.engine_env.path)) as connection:
        return connection.execute(query, parameters).fetchall()


# -- an owner who has only email ----------------------------------------------------------------------------


async def test_an_owner_who_has_only_email_says_that_it_happened_and_the_run_goes_on_without_a_second_call(
    env: WebEnv, line: Line
) -> None:
    run = await ask_owner(env)
    sam, page = await open_link(env)
    assert page.path == f"/attention/{run}"
    text = page.page.text
    for part in ("Did “Pay the rent” happen?", "The line went dead.", "Approved by Ada", "It did not happen"):
        assert part in text
    at_code = await send(sam, page, "done", **{field(page): "R-77"})
    assert at_code.path.startswith("/code/")
    assert await status(env, run) is RunStatus.NEEDS_ATTENTION
    await env.engine_env.settle()
    card = env.engine_env.mail.to(SAM, DeliveryKind.CODE)[-1]
    assert card.title == "Your code to answer “It happened”"
    assert [(field.label, field.text) for field in card.values] == [("Receipt", "R-77")]
    answer = await env.enter_code(sam, at_code, SAM)
    assert answer.path == f"/attention/{run}"
    assert "You answered “It happened”" in answer.page.text
    await env.engine_env.settle()
    view = await env.engine_env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert line.calls == 1
    assert view.steps[-1].output == {"receipt": "R-77"}


async def test_the_record_says_who_answered_and_what_identified_them(env: WebEnv) -> None:
    run = await ask_owner(env)
    sam, page = await open_link(env)
    await env.enter_code(sam, await send(sam, page, "done", **{field(page): "R-77"}), SAM)
    [entry] = await resumed_entries(env, run)
    assert entry.content is not None
    names = ("answer", "attempt", "surface", "assurance", "acted_as", "output")
    assert {name: entry.content[name] for name in names} == {
        "answer": "done",
        "attempt": 1,
        "surface": "web",
        "assurance": "code",
        "acted_as": "reader of a code sent to sam@example.com",
        "output": {"receipt": "R-77"},
    }


async def test_values_of_several_lines_stand_in_a_quote_of_their_own(env: WebEnv) -> None:
    await ask_owner(env)
    _, page = await open_link(env)
    assert 'class="quote">Rent\nApproved by Ada</dd>' in page.text


async def test_a_value_that_later_steps_read_is_a_required_field(env: WebEnv) -> None:
    run = await ask_owner(env)
    sam, page = await open_link(env)
    again = await send(sam, page, "done")
    assert again.status == 422
    assert "Receipt is missing" in again.page.text
    assert await env.codes(SAM) == 0
    assert await status(env, run) is RunStatus.NEEDS_ATTENTION


async def test_an_answer_has_to_be_chosen(env: WebEnv) -> None:
    await ask_owner(env)
    sam, page = await open_link(env)
    again = await send(sam, page, None, **{field(page): "R-77"})
    assert again.status == 422
    assert "Choose one of the answers." in again.page.text
    assert (field(page), "R-77") in again.page.form.fields
    assert await env.codes(SAM) == 0


@pytest.mark.parametrize(
    ("answer", "calls", "ends"), [("repeat", 2, RunStatus.SUCCEEDED), ("stop", 1, RunStatus.FAILED)]
)
async def test_repeat_calls_it_once_more_and_stop_ends_the_run(
    env: WebEnv, line: Line, answer: str, calls: int, ends: RunStatus
) -> None:
    run = await ask_owner(env)
    sam, page = await open_link(env)
    await env.enter_code(sam, await send(sam, page, answer), SAM)
    await env.engine_env.settle()
    assert (line.calls, await status(env, run)) == (calls, ends)


async def test_nothing_is_asked_for_where_no_later_step_reads_it(env: WebEnv, line: Line) -> None:
    run = await ask_owner(env, ALONE)
    sam, page = await open_link(env)
    assert not [name for name, _ in page.page.form.fields if name.startswith("f-")]
    await env.enter_code(sam, await send(sam, page, "done"), SAM)
    await env.engine_env.settle()
    assert (line.calls, await status(env, run)) == (1, RunStatus.SUCCEEDED)


async def test_a_remembered_browser_of_the_owner_answers_without_a_code(env: WebEnv) -> None:
    run = await ask_owner(env)
    sam = await env.sign_in(SAM)
    inbox = await sam.get("/inbox")
    assert f"/attention/{run}" in inbox.page.links
    page = await sam.get(f"/attention/{run}")
    codes = await env.codes(SAM)
    answer = await send(sam, page, "done", **{field(page): "R-1"})
    assert "You answered “It happened”" in answer.page.text
    assert await env.codes(SAM) == codes
    [entry] = await resumed_entries(env, run)
    assert entry.content is not None
    assert entry.content["acted_as"] == "browser remembered for sam@example.com"
    assert f"/attention/{run}" not in (await sam.get("/inbox")).page.links


async def test_typed_values_are_kept_for_another_code(env: WebEnv) -> None:
    run = await ask_owner(env)
    sam, page = await open_link(env)
    at_code = await send(sam, page, "done", **{field(page): "R-77"})
    back = next(link for link in at_code.page.links if link.startswith("/attention/"))
    again = await sam.get(back)
    assert (field(page), "R-77") in again.page.form.fields
    assert ("answer", "done") in again.page.form.fields
    assert await status(env, run) is RunStatus.NEEDS_ATTENTION


async def test_the_answer_follows_the_alert_once(env: WebEnv) -> None:
    run = await ask_owner(env)
    sam, page = await open_link(env)
    await env.enter_code(sam, await send(sam, page, "done", **{field(page): "R-77"}), SAM)
    await env.engine_env.settle()
    [copy] = [email for email in env.engine_env.mail.channel.of(SAM) if email.cards[0].topic == "needs_attention"]
    assert copy.card.outcome is not None
    assert " answered “" in str(copy.card.outcome.line[0])
    assert await status(env, run) is RunStatus.SUCCEEDED


# -- the people who may answer ------------------------------------------------------------------------------


async def test_viewing_the_page_answers_nothing_and_writes_nothing(env: WebEnv) -> None:
    run = await ask_owner(env)
    before = rows(env, "select count(*) from audit"), rows(env, "select count(*) from challenge")
    for method in ("GET", "HEAD", "GET"):
        browser = env.browser()
        await browser.get(f"/r/{token(env)}", method=method)
        await browser.get(f"/attention/{run}", method=method)
    assert (rows(env, "select count(*) from audit"), rows(env, "select count(*) from challenge")) == before
    assert await status(env, run) is RunStatus.NEEDS_ATTENTION


async def test_a_forwarded_link_shows_and_does_not_answer(env: WebEnv) -> None:
    run = await ask_owner(env)
    mallory, page = await open_link(env)
    at_code = await send(mallory, page, "repeat")
    form = at_code.page.form
    for guess in (WRONG, "00000000", "12345678"):
        await mallory.post(form.action, form.with_(code=guess), kind=form.kind)
    await env.engine_env.settle()
    assert await status(env, run) is RunStatus.NEEDS_ATTENTION
    assert await resumed_entries(env, run) == []


async def test_the_browser_of_another_person_sees_nothing_without_the_link_and_never_answers_as_the_owner(
    env: WebEnv,
) -> None:
    run = await ask_owner(env)
    ann = await env.sign_in(ANN)
    barred = await ann.get(f"/attention/{run}")
    assert (barred.status, "You were not asked to answer this" in barred.page.text) == (403, True)
    assert f"/attention/{run}" not in (await ann.get("/inbox")).page.links
    _, page = await open_link(env, ann)
    assert page.status == 200
    at_code = await send(ann, page, "stop")
    assert at_code.path.startswith("/code/")
    await env.engine_env.settle()
    assert env.engine_env.mail.to(SAM, DeliveryKind.CODE)
    assert await resumed_entries(env, run) == []


async def test_nothing_is_learned_without_link_and_browser(env: WebEnv) -> None:
    run = await ask_owner(env)
    stranger = env.browser()
    for path in (f"/attention/{run}", "/attention/nothing"):
        answer = await stranger.get(path)
        assert (answer.status, "Open the link in your email" in answer.page.text) == (403, True)


async def test_the_link_of_one_run_opens_no_other(env: WebEnv) -> None:
    first = await ask_owner(env)
    sam, _ = await open_link(env)
    cookie = next(value for (name, path), value in sam.jar.items() if path == f"/attention/{first}")
    env.engine_env.pass_time(seconds=1)
    other_run = await env.engine_env.start("pay")
    sam.jar["signoff-view", f"/attention/{other_run}"] = cookie
    assert (await sam.get(f"/attention/{other_run}")).status == 404


async def test_a_link_is_kept_as_a_hash_runs_out_and_can_be_revoked(env: WebEnv) -> None:
    run = await ask_owner(env)
    sam, _ = await open_link(env)
    assert not any(token(env) in str(row) for row in rows(env, "select * from attention_link"))
    assert await env.engine_env.identity.revoke(run) == 1
    assert "was revoked" in (await sam.get(f"/attention/{run}")).page.text
    env.engine_env.pass_time(days=31)
    late = env.browser()
    assert (await late.get(f"/r/{token(env)}")).status == 410


async def test_an_expired_link_says_so(env: WebEnv) -> None:
    await ask_owner(env)
    env.engine_env.pass_time(days=31)
    _, page = await open_link(env)
    assert (page.status, "has expired" in page.page.text) == (410, True)


@pytest.mark.parametrize(
    "headers", [{"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": None, "Origin": "http://evil"}]
)
async def test_a_form_of_another_site_answers_nothing(env: WebEnv, headers: dict[str, Any]) -> None:
    run = await ask_owner(env, ALONE)
    sam = await env.sign_in(SAM)
    page = await sam.get(f"/attention/{run}")
    form = page.page.form
    answer = await sam.post(form.action, form.with_(answer="repeat"), follow=True, kind=form.kind, **headers)
    assert answer.status == 403
    assert await status(env, run) is RunStatus.NEEDS_ATTENTION


async def test_a_form_made_for_another_browser_answers_nothing(env: WebEnv) -> None:
    run = await ask_owner(env, ALONE)
    sam, other = await env.sign_in(SAM), await env.sign_in(SAM)
    page = await other.get(f"/attention/{run}")
    form = page.page.form
    answer = await sam.post(form.action, form.with_(answer="repeat"), kind=form.kind)
    assert (answer.status, "Nothing was answered yet" in answer.page.text) == (422, True)
    assert await status(env, run) is RunStatus.NEEDS_ATTENTION


# -- answers that count, and answers that are too late ------------------------------------------------------


async def test_a_code_for_one_answer_gives_no_other(env: WebEnv, line: Line) -> None:
    run = await ask_owner(env, ALONE)
    sam, page = await open_link(env)
    await send(sam, page, "stop")
    code = await env.code(SAM)
    other, theirs = await open_link(env)
    at_code = await send(other, theirs, "repeat")
    await env.code(SAM)
    form = at_code.page.form
    assert (await other.post(form.action, form.with_(code=code), kind=form.kind)).status == 422
    await env.engine_env.settle()
    assert (line.calls, await status(env, run)) == (1, RunStatus.NEEDS_ATTENTION)


async def test_a_code_for_one_value_confirms_no_other(env: WebEnv) -> None:
    run = await ask_owner(env)
    sam, page = await open_link(env)
    await send(sam, page, "done", **{field(page): "R-1"})
    code = await env.code(SAM)
    other, theirs = await open_link(env)
    at_code = await send(other, theirs, "done", **{field(theirs): "R-2"})
    await env.code(SAM)
    form = at_code.page.form
    assert (await other.post(form.action, form.with_(code=code), kind=form.kind)).status == 422
    assert await status(env, run) is RunStatus.NEEDS_ATTENTION


async def test_a_code_to_sign_in_or_to_decide_answers_nothing(env: WebEnv) -> None:
    run = await ask_owner(env, ALONE)
    sam, page = await open_link(env)
    at_code = await send(sam, page, "repeat")
    browser = env.browser()
    form = (await browser.get("/inbox")).page.form
    await browser.post(form.action, form.with_(email=SAM), kind=form.kind)
    code = await env.code(SAM)
    form = at_code.page.form
    assert (await sam.post(form.action, form.with_(code=code), kind=form.kind)).status == 422
    assert await status(env, run) is RunStatus.NEEDS_ATTENTION


async def test_an_answer_to_a_run_that_was_answered_elsewhere_says_who_and_when(env: WebEnv, line: Line) -> None:
    run = await ask_owner(env)
    sam = await env.sign_in(SAM)
    page = await sam.get(f"/attention/{run}")
    env.engine_env.pass_time(minutes=1)
    command = Resume(
        run=run,
        answer=ResumeAnswer.STOP,
        actor=Address("email", SAM),
        origin=Origin(surface="terminal"),
    )
    assert isinstance(await env.engine_env.engine.resume(command), Done)
    answer = await send(sam, page, "done", **{field(page): "R-9"})
    assert answer.status == 409
    text = answer.page.text
    assert "You answered “Stop the run”" in text
    assert "✓ Answered" in " ".join(text.split())
    assert "Mar 2, 2026, 9:01 AM UTC." in text
    assert "Your answer was not counted." in text
    assert "R-9" in text
    await env.engine_env.settle()
    assert (line.calls, len(await resumed_entries(env, run))) == (1, 1)


async def test_an_answer_to_an_earlier_call_never_counts_for_a_later_one(env: WebEnv, line: Line) -> None:
    line.lost = 2
    run = await ask_owner(env, ALONE)
    old, page = await open_link(env)
    sam = await env.sign_in(SAM)
    mine = await sam.get(f"/attention/{run}")
    env.engine_env.pass_time(minutes=1)
    await send(sam, mine, "repeat")
    await env.engine_env.settle()
    assert (line.calls, await status(env, run)) == (2, RunStatus.NEEDS_ATTENTION)
    late = await send(sam, mine, "stop")
    assert (late.status, "The step was called again" in late.page.text) == (409, True)
    stale = await send(old, page, "stop")
    assert stale.status == 409
    assert "answered “It did not happen”" in stale.page.text
    assert "The step was called again" in stale.page.text
    assert await env.codes(SAM) == 1
    assert await status(env, run) is RunStatus.NEEDS_ATTENTION
    _, newest = await open_link(env)
    assert newest.page.form.fields


async def test_a_code_typed_after_the_run_asked_about_a_later_call_answers_nothing(env: WebEnv, line: Line) -> None:
    line.lost = 2
    run = await ask_owner(env, ALONE)
    old, page = await open_link(env)
    at_code = await send(old, page, "stop")
    code = await env.code(SAM)
    sam = await env.sign_in(SAM)
    await send(sam, await sam.get(f"/attention/{run}"), "repeat")
    await env.engine_env.settle()
    form = at_code.page.form
    answer = await old.post(form.action, form.with_(code=code), kind=form.kind)
    assert answer.status == 409
    assert "already answered" in answer.page.text
    assert (line.calls, await status(env, run)) == (2, RunStatus.NEEDS_ATTENTION)


async def test_of_two_answers_at_once_one_counts_and_the_other_learns_of_it(env: WebEnv, line: Line) -> None:
    run = await ask_owner(env, ALONE)
    first, second = await env.sign_in(SAM), await env.sign_in(SAM)
    pages = [await browser.get(f"/attention/{run}") for browser in (first, second)]
    sent = [send(first, pages[0], "done"), send(second, pages[1], "repeat")]
    answers = await asyncio.gather(*sent)
    assert sorted(answer.status for answer in answers) == [200, 409]
    await env.engine_env.settle()
    assert len(await resumed_entries(env, run)) == 1
    assert line.calls <= 2


async def test_a_double_click_sees_its_own_answer(env: WebEnv) -> None:
    run = await ask_owner(env, ALONE)
    sam = await env.sign_in(SAM)
    page = await sam.get(f"/attention/{run}")
    answers = [await send(sam, page, "done"), await send(sam, page, "done")]
    assert [answer.status for answer in answers] == [200, 200]
    assert all("not counted" not in answer.page.text for answer in answers)
    assert len(await resumed_entries(env, run)) == 1


async def test_after_the_answer_the_link_shows_only_the_answer(env: WebEnv) -> None:
    run = await ask_owner(env)
    sam = await env.sign_in(SAM)
    page = await sam.get(f"/attention/{run}")
    await send(sam, page, "done", **{field(page): "R-77"})
    _, page_seen = await open_link(env)
    assert "sam@example.com answered “It happened”" in page_seen.page.text
    assert "R-77" not in page_seen.page.text
    assert "Rent" not in page_seen.page.text


async def test_many_forms_with_one_link_send_few_codes(env: WebEnv) -> None:
    run = await ask_owner(env, ALONE)
    for _ in range(12):
        browser, page = await open_link(env)
        await send(browser, page, "stop")
    assert await env.codes(SAM) <= 7
    assert len(rows(env, "select * from challenge where run = ?", run)) <= 5


async def test_signing_in_where_too_many_codes_were_sent_leads_back_to_the_question(env: WebEnv) -> None:
    run = await ask_owner(env, ALONE)
    for _ in range(6):
        browser, page = await open_link(env)
        at_code = await send(browser, page, "stop")
    back = await env.enter_code(browser, at_code, SAM)
    assert back.path == f"/attention/{run}?typed=1"
    assert (await send(browser, back, "stop")).status == 200
    assert await status(env, run) is RunStatus.FAILED


async def test_a_new_owner_is_asked_and_the_link_of_the_old_one_opens_nothing(env: WebEnv) -> None:
    run = await ask_owner(env)
    sam, page = await open_link(env)
    at_code = await send(sam, page, "stop")
    code = await env.code(SAM)
    await env.engine_env.register(PAY_WORKFLOW.replace("owner: sam@example.com", f"owner: {BEN}"))
    assert "no longer need to answer" in (await sam.get(f"/attention/{run}")).page.text
    form = at_code.page.form
    await sam.post(form.action, form.with_(code=code), kind=form.kind)
    assert await status(env, run) is RunStatus.NEEDS_ATTENTION
    ben = await env.sign_in(BEN)
    assert f"/attention/{run}" in (await ben.get("/inbox")).page.links


async def test_a_link_made_while_the_clock_was_ahead_lasts_no_longer_than_others(env: WebEnv) -> None:
    await ask_owner(env)
    env.clock.pass_time(-timedelta(days=400))
    await open_link(env)
    [(until,)] = rows(env, "select expires_at from attention_link")
    assert str(until)[:4] in ("2024", "2025")


async def test_a_form_that_is_sent_again_with_another_answer_is_confirmed_as_it_was_sent_last(
    env: WebEnv, line: Line
) -> None:
    """The owner goes back from the page of the code and presses the other button. The step is not called again."""
    run = await ask_owner(env)
    sam, page = await open_link(env)
    await send(sam, page, "repeat")
    first = await env.code(SAM)
    at_code = await send(sam, page, "stop")
    form = at_code.page.form
    wrong = await sam.post(form.action, form.with_(code=first), kind=form.kind)
    assert wrong.status == 422
    await env.enter_code(sam, at_code, SAM)
    await env.engine_env.settle()
    assert line.calls == 1
    assert [entry.content["answer"] for entry in await resumed_entries(env, run) if entry.content] == ["stop"]


async def test_a_person_informed_in_place_of_the_owner_gets_no_link(env: WebEnv) -> None:
    error = ChannelError("There is no such mailbox.", permanent=True, about="address")
    env.engine_env.mail.channel.queue_faults(Fault(error=error))
    run = await ask_owner(env)
    assert alerts(env) == []
    [alert] = alerts(env, ANN)
    assert alert.topic == "needs_attention"
    assert alert.token is None
    assert rows(env, "select * from attention_link where run = ?", run) == []


async def test_the_link_of_an_earlier_call_has_no_code_sent_for_a_later_one(env: WebEnv, line: Line) -> None:
    line.lost = 2
    run = await ask_owner(env, ALONE)
    old = token(env)
    again = Resume(run=run, answer=ResumeAnswer.REPEAT, actor=Address("email", SAM), origin=Origin(surface="terminal"))
    assert isinstance(await env.engine_env.engine.resume(again), Done)
    await env.engine_env.settle()
    stop = structs.replace(again, answer=ResumeAnswer.STOP, step="pay", visit=1, attempt=2, assurance=Assurance.LINK)
    forms = {link: AnswerAttention(resume=stop, link=link, form=f"form-of-{link}") for link in (old, token(env))}
    answers = [
        await env.engine_env.identity.ask_answer_code(AskAnswerCode(answer=form, holder="browser"))
        for form in forms.values()
    ]
    assert [type(answer) for answer in answers] == [NoLink, CodeSent]


async def test_what_a_program_did_is_not_offered_to_be_repeated(env: WebEnv) -> None:
    source = f"name: approvals\nowner: {SAM}\nsteps:\n  - {{id: call, uses: ask, with: {{outcome_within: 1m}}}}\n"
    await env.engine_env.register(source)
    content = AskContent(title="Refund", use=AskUse.ONCE, arguments={"amount": 12})
    program, api = Address("api", "key1"), Origin(surface="api")
    asked = await env.engine_env.engine.ask(
        Ask(content=content, actor=program, agent="Bot", origin=api, workflow="approvals")
    )
    assert isinstance(asked, Asked)
    taken = await env.engine_env.engine.consume(Consume(ask=asked.run, actor=program, origin=api))
    assert isinstance(taken, Consumed)
    env.engine_env.pass_time(minutes=1)
    await env.engine_env.settle()
    sam, page = await open_link(env)
    assert "It happened" in page.page.text
    assert "It did not happen" not in page.page.text
    assert "did not say in time whether it worked" in page.page.text
    forged = await send(sam, page, "repeat")
    assert "Only the program that asked can do this again" in forged.page.text
