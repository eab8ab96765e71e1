"""The page on which an owner says what became of a step: what it shows, who may answer, and what answers count."""

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

from engine import read_models
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
from engine.errors import ChannelError, StepError
from engine.ports import StepType
from engine.steps.set import SetStep
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
    """What the effect does: the answer to a call is lost, so often."""

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
async def here(path: Path, line: Line) -> AsyncIterator[WebEnv]:
    played = PlayedStep()
    played.play = line.play
    kinds: dict[str, StepType[Any]] = {"set": SetStep(), "played": played}
    async with open_web(path, steps=kinds) as made:
        yield made


async def asking(here: WebEnv, source: str = PAY_WORKFLOW) -> str:
    """A run whose owner has been asked by email."""
    await here.engine_env.register(source)
    run = await here.engine_env.start("pay")
    await here.engine_env.settle()
    assert (await here.engine_env.view(run)).status is RunStatus.NEEDS_ATTENTION
    return run


def alerts(here: WebEnv, address: str = SAM) -> list[Card]:
    return here.engine_env.mail.to(address, DeliveryKind.ALERT)


def token(here: WebEnv, address: str = SAM) -> str:
    found = alerts(here, address)[-1].token
    assert found is not None
    return found


async def opened(here: WebEnv, browser: Browser | None = None) -> tuple[Browser, Answer]:
    used = browser or here.browser()
    return used, await used.get(f"/r/{token(here)}")


def field(page: Answer) -> str:
    return next(name for name, _ in page.page.form.fields if name.startswith("f-"))


async def send(browser: Browser, page: Answer, answer: str | None, **changed: str) -> Answer:
    form = page.page.form
    given = {**changed, **({} if answer is None else {"answer": answer})}
    return await browser.post(form.action, form.with_(**given), kind=form.kind)


async def status(here: WebEnv, run: str) -> RunStatus:
    return (await here.engine_env.view(run)).status


async def resumed(here: WebEnv, run: str) -> list[read_models.StoryEntry]:
    return [one for one in await here.engine_env.engine.story(run) if one.kind == "run.resumed"]


def rows(here: WebEnv, query: str, *given: object) -> list[Any]:
    with closing(sqlite3.connect(here.engine_env.path)) as connection:
        return connection.execute(query, given).fetchall()


# -- the way of an owner who has only email -----------------------------------------------------------------


async def test_an_owner_who_has_only_email_says_that_it_happened_and_the_run_goes_on_without_a_second_call(
    here: WebEnv, line: Line
) -> None:
    run = await asking(here)
    sam, page = await opened(here)
    assert page.path == f"/attention/{run}"
    text = page.page.text
    for said in ("Did it happen?", "Pay the rent", "The line went dead.", "Approved by Ada", "It did not happen"):
        assert said in text
    at_code = await send(sam, page, "done", **{field(page): "R-77"})
    assert at_code.path.startswith("/code/")
    assert await status(here, run) is RunStatus.NEEDS_ATTENTION
    await here.engine_env.settle()
    card = here.engine_env.mail.to(SAM, DeliveryKind.CODE)[-1]
    assert card.title == "Your code to answer “It happened: go on”"
    assert [(one.label, one.text) for one in card.fields] == [("Receipt", "R-77")]
    answer = await here.enter_code(sam, at_code, SAM)
    assert answer.path == f"/attention/{run}"
    assert "It happened: go on. Answered by" in answer.page.text
    await here.engine_env.settle()
    view = await here.engine_env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert line.calls == 1
    assert view.steps[-1].output == {"receipt": "R-77"}


async def test_the_record_says_who_answered_and_what_identified_them(here: WebEnv) -> None:
    run = await asking(here)
    sam, page = await opened(here)
    await here.enter_code(sam, await send(sam, page, "done", **{field(page): "R-77"}), SAM)
    [entry] = await resumed(here, run)
    assert entry.content is not None
    told = {name: entry.content[name] for name in ("answer", "attempt", "surface", "assurance", "acted_as", "output")}
    assert told == {
        "answer": "done",
        "attempt": 1,
        "surface": "web",
        "assurance": "code",
        "acted_as": "reader of a code sent to sam@example.com",
        "output": {"receipt": "R-77"},
    }


async def test_values_of_several_lines_stand_in_a_quote_of_their_own(here: WebEnv) -> None:
    await asking(here)
    _, page = await opened(here)
    assert 'class="quote">Rent\nApproved by Ada</dd>' in page.text


async def test_what_later_steps_read_is_asked_for_by_its_name_and_nothing_is_sent_without_it(here: WebEnv) -> None:
    run = await asking(here)
    sam, page = await opened(here)
    again = await send(sam, page, "done")
    assert again.status == 422
    assert "Receipt is required" in again.page.text
    assert await here.codes(SAM) == 0
    assert await status(here, run) is RunStatus.NEEDS_ATTENTION


async def test_an_answer_has_to_be_chosen(here: WebEnv) -> None:
    await asking(here)
    sam, page = await opened(here)
    again = await send(sam, page, None, **{field(page): "R-77"})
    assert again.status == 422
    assert "Choose one of the three answers." in again.page.text
    assert (field(page), "R-77") in again.page.form.fields
    assert await here.codes(SAM) == 0


@pytest.mark.parametrize(
    ("answer", "calls", "ends"), [("repeat", 2, RunStatus.SUCCEEDED), ("stop", 1, RunStatus.FAILED)]
)
async def test_repeat_calls_it_once_more_and_stop_ends_the_run(
    here: WebEnv, line: Line, answer: str, calls: int, ends: RunStatus
) -> None:
    run = await asking(here)
    sam, page = await opened(here)
    await here.enter_code(sam, await send(sam, page, answer), SAM)
    await here.engine_env.settle()
    assert (line.calls, await status(here, run)) == (calls, ends)


async def test_nothing_is_asked_for_where_no_later_step_reads_it(here: WebEnv, line: Line) -> None:
    run = await asking(here, ALONE)
    sam, page = await opened(here)
    assert not [name for name, _ in page.page.form.fields if name.startswith("f-")]
    await here.enter_code(sam, await send(sam, page, "done"), SAM)
    await here.engine_env.settle()
    assert (line.calls, await status(here, run)) == (1, RunStatus.SUCCEEDED)


async def test_a_remembered_browser_of_the_owner_answers_without_a_code(here: WebEnv) -> None:
    run = await asking(here)
    sam = await here.sign_in(SAM)
    inbox = await sam.get("/inbox")
    assert f"/attention/{run}" in inbox.page.links
    page = await sam.get(f"/attention/{run}")
    codes = await here.codes(SAM)
    answer = await send(sam, page, "done", **{field(page): "R-1"})
    assert "(you)" in answer.page.text
    assert await here.codes(SAM) == codes
    [entry] = await resumed(here, run)
    assert entry.content is not None
    assert entry.content["acted_as"] == "browser remembered for sam@example.com"
    assert f"/attention/{run}" not in (await sam.get("/inbox")).page.links


async def test_what_was_typed_is_there_again_for_another_code(here: WebEnv) -> None:
    run = await asking(here)
    sam, page = await opened(here)
    at_code = await send(sam, page, "done", **{field(page): "R-77"})
    back = next(one for one in at_code.page.links if one.startswith("/attention/"))
    again = await sam.get(back)
    assert (field(page), "R-77") in again.page.form.fields
    assert ("answer", "done") in again.page.form.fields
    assert await status(here, run) is RunStatus.NEEDS_ATTENTION


async def test_the_alert_is_followed_by_what_was_answered_once(here: WebEnv) -> None:
    run = await asking(here)
    sam, page = await opened(here)
    await here.enter_code(sam, await send(sam, page, "done", **{field(page): "R-77"}), SAM)
    await here.engine_env.settle()
    [copy] = [one for one in here.engine_env.mail.channel.of(SAM) if one.cards[0].topic == "needs_attention"]
    assert copy.card.state is not None
    assert copy.card.state.startswith("Answered by")
    assert await status(here, run) is RunStatus.SUCCEEDED


# -- who may, and who may not -------------------------------------------------------------------------------


async def test_looking_answers_nothing_and_writes_nothing(here: WebEnv) -> None:
    run = await asking(here)
    before = rows(here, "select count(*) from audit"), rows(here, "select count(*) from challenge")
    for method in ("GET", "HEAD", "GET"):
        browser = here.browser()
        await browser.get(f"/r/{token(here)}", method=method)
        await browser.get(f"/attention/{run}", method=method)
    assert (rows(here, "select count(*) from audit"), rows(here, "select count(*) from challenge")) == before
    assert await status(here, run) is RunStatus.NEEDS_ATTENTION


async def test_a_forwarded_link_shows_and_does_not_answer(here: WebEnv) -> None:
    run = await asking(here)
    mallory, page = await opened(here)
    at_code = await send(mallory, page, "repeat")
    form = at_code.page.form
    for guess in (WRONG, "00000000", "12345678"):
        await mallory.post(form.action, form.with_(code=guess), kind=form.kind)
    await here.engine_env.settle()
    assert await status(here, run) is RunStatus.NEEDS_ATTENTION
    assert await resumed(here, run) == []


async def test_the_browser_of_another_person_sees_nothing_without_the_link_and_never_answers_as_the_owner(
    here: WebEnv,
) -> None:
    run = await asking(here)
    ann = await here.sign_in(ANN)
    barred = await ann.get(f"/attention/{run}")
    assert (barred.status, "You are not asked here" in barred.page.text) == (403, True)
    assert f"/attention/{run}" not in (await ann.get("/inbox")).page.links
    _, page = await opened(here, ann)
    assert page.status == 200
    at_code = await send(ann, page, "stop")
    assert at_code.path.startswith("/code/")
    await here.engine_env.settle()
    assert here.engine_env.mail.to(SAM, DeliveryKind.CODE)
    assert await resumed(here, run) == []


async def test_nothing_is_learned_without_link_and_browser(here: WebEnv) -> None:
    run = await asking(here)
    stranger = here.browser()
    for path in (f"/attention/{run}", "/attention/nothing"):
        answer = await stranger.get(path)
        assert (answer.status, "Open the link in your email" in answer.page.text) == (403, True)


async def test_the_link_of_one_run_opens_no_other(here: WebEnv) -> None:
    first = await asking(here)
    sam, _ = await opened(here)
    cookie = next(value for (name, path), value in sam.jar.items() if path == f"/attention/{first}")
    here.engine_env.pass_time(seconds=1)
    other = await here.engine_env.start("pay")
    sam.jar["signoff-view", f"/attention/{other}"] = cookie
    assert (await sam.get(f"/attention/{other}")).status == 404


async def test_a_link_is_kept_as_a_hash_runs_out_and_can_be_revoked(here: WebEnv) -> None:
    run = await asking(here)
    sam, _ = await opened(here)
    assert not any(token(here) in str(one) for one in rows(here, "select * from attention_link"))
    assert await here.engine_env.identity.revoke(run) == 1
    assert "was revoked" in (await sam.get(f"/attention/{run}")).page.text
    here.engine_env.pass_time(days=31)
    late = here.browser()
    assert (await late.get(f"/r/{token(here)}")).status == 410


async def test_an_expired_link_says_so(here: WebEnv) -> None:
    await asking(here)
    here.engine_env.pass_time(days=31)
    _, page = await opened(here)
    assert (page.status, "has expired" in page.page.text) == (410, True)


@pytest.mark.parametrize(
    "headers", [{"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": None, "Origin": "http://evil"}]
)
async def test_a_form_of_another_site_answers_nothing(here: WebEnv, headers: dict[str, str | None]) -> None:
    run = await asking(here, ALONE)
    sam = await here.sign_in(SAM)
    page = await sam.get(f"/attention/{run}")
    form = page.page.form
    answer = await sam.post(form.action, form.with_(answer="repeat"), follow=True, kind=form.kind, **headers)
    assert answer.status == 403
    assert await status(here, run) is RunStatus.NEEDS_ATTENTION


async def test_a_form_made_for_another_browser_answers_nothing(here: WebEnv) -> None:
    run = await asking(here, ALONE)
    sam, other = await here.sign_in(SAM), await here.sign_in(SAM)
    page = await other.get(f"/attention/{run}")
    form = page.page.form
    answer = await sam.post(form.action, form.with_(answer="repeat"), kind=form.kind)
    assert (answer.status, "Nothing was answered yet" in answer.page.text) == (422, True)
    assert await status(here, run) is RunStatus.NEEDS_ATTENTION


# -- what counts, and what comes too late -------------------------------------------------------------------


async def test_a_code_for_one_answer_gives_no_other(here: WebEnv, line: Line) -> None:
    run = await asking(here, ALONE)
    sam, page = await opened(here)
    await send(sam, page, "stop")
    code = await here.code(SAM)
    other, theirs = await opened(here)
    at_code = await send(other, theirs, "repeat")
    await here.code(SAM)
    form = at_code.page.form
    assert (await other.post(form.action, form.with_(code=code), kind=form.kind)).status == 422
    await here.engine_env.settle()
    assert (line.calls, await status(here, run)) == (1, RunStatus.NEEDS_ATTENTION)


async def test_a_code_for_one_value_confirms_no_other(here: WebEnv) -> None:
    run = await asking(here)
    sam, page = await opened(here)
    await send(sam, page, "done", **{field(page): "R-1"})
    code = await here.code(SAM)
    other, theirs = await opened(here)
    at_code = await send(other, theirs, "done", **{field(theirs): "R-2"})
    await here.code(SAM)
    form = at_code.page.form
    assert (await other.post(form.action, form.with_(code=code), kind=form.kind)).status == 422
    assert await status(here, run) is RunStatus.NEEDS_ATTENTION


async def test_a_code_to_sign_in_or_to_decide_answers_nothing(here: WebEnv) -> None:
    run = await asking(here, ALONE)
    sam, page = await opened(here)
    at_code = await send(sam, page, "repeat")
    browser = here.browser()
    form = (await browser.get("/inbox")).page.form
    await browser.post(form.action, form.with_(email=SAM), kind=form.kind)
    code = await here.code(SAM)
    form = at_code.page.form
    assert (await sam.post(form.action, form.with_(code=code), kind=form.kind)).status == 422
    assert await status(here, run) is RunStatus.NEEDS_ATTENTION


async def test_an_answer_to_a_run_that_was_answered_elsewhere_says_who_and_when(here: WebEnv, line: Line) -> None:
    run = await asking(here)
    sam = await here.sign_in(SAM)
    page = await sam.get(f"/attention/{run}")
    here.engine_env.pass_time(minutes=1)
    command = Resume(
        run=run,
        answer=ResumeAnswer.STOP,
        actor=Address("email", SAM),
        origin=Origin(surface="terminal"),
    )
    assert isinstance(await here.engine_env.engine.resume(command), Done)
    answer = await send(sam, page, "done", **{field(page): "R-9"})
    assert answer.status == 409
    text = answer.page.text
    assert "Stop the run. Answered by sam" in text.replace("Sam", "sam")
    assert "2026-" in text
    assert "What you sent was not counted." in text
    assert "R-9" in text
    await here.engine_env.settle()
    assert (line.calls, len(await resumed(here, run))) == (1, 1)


async def test_an_answer_to_an_earlier_call_never_counts_for_a_later_one(here: WebEnv, line: Line) -> None:
    line.lost = 2
    run = await asking(here, ALONE)
    old, page = await opened(here)
    sam = await here.sign_in(SAM)
    mine = await sam.get(f"/attention/{run}")
    here.engine_env.pass_time(minutes=1)
    await send(sam, mine, "repeat")
    await here.engine_env.settle()
    assert (line.calls, await status(here, run)) == (2, RunStatus.NEEDS_ATTENTION)
    late = await send(sam, mine, "stop")
    assert (late.status, "another call of the step" in late.page.text) == (409, True)
    stale = await send(old, page, "stop")
    assert stale.status == 409
    assert "It did not happen: call it again. Answered by" in stale.page.text
    assert "asks about a later call" in stale.page.text
    assert await here.codes(SAM) == 1
    assert await status(here, run) is RunStatus.NEEDS_ATTENTION
    _, newest = await opened(here)
    assert newest.page.form.fields


async def test_a_code_typed_after_the_run_asked_about_a_later_call_answers_nothing(here: WebEnv, line: Line) -> None:
    line.lost = 2
    run = await asking(here, ALONE)
    old, page = await opened(here)
    at_code = await send(old, page, "stop")
    code = await here.code(SAM)
    sam = await here.sign_in(SAM)
    await send(sam, await sam.get(f"/attention/{run}"), "repeat")
    await here.engine_env.settle()
    form = at_code.page.form
    answer = await old.post(form.action, form.with_(code=code), kind=form.kind)
    assert answer.status == 409
    assert "already answered" in answer.page.text
    assert (line.calls, await status(here, run)) == (2, RunStatus.NEEDS_ATTENTION)


async def test_of_two_answers_at_once_one_counts_and_the_other_learns_of_it(here: WebEnv, line: Line) -> None:
    run = await asking(here, ALONE)
    first, second = await here.sign_in(SAM), await here.sign_in(SAM)
    pages = [await one.get(f"/attention/{run}") for one in (first, second)]
    sent = [send(first, pages[0], "done"), send(second, pages[1], "repeat")]
    answers = await asyncio.gather(*sent)
    assert sorted(one.status for one in answers) == [200, 409]
    await here.engine_env.settle()
    assert len(await resumed(here, run)) == 1
    assert line.calls <= 2


async def test_a_double_click_sees_its_own_answer(here: WebEnv) -> None:
    run = await asking(here, ALONE)
    sam = await here.sign_in(SAM)
    page = await sam.get(f"/attention/{run}")
    answers = [await send(sam, page, "done"), await send(sam, page, "done")]
    assert [one.status for one in answers] == [200, 200]
    assert all("not counted" not in one.page.text for one in answers)
    assert len(await resumed(here, run)) == 1


async def test_the_link_shows_after_the_answer_no_more_than_what_was_answered(here: WebEnv) -> None:
    run = await asking(here)
    sam = await here.sign_in(SAM)
    page = await sam.get(f"/attention/{run}")
    await send(sam, page, "done", **{field(page): "R-77"})
    _, seen = await opened(here)
    assert "Answered by" in seen.page.text
    assert "R-77" not in seen.page.text
    assert "Rent" not in seen.page.text


async def test_many_forms_by_whoever_has_the_link_send_few_codes(here: WebEnv) -> None:
    run = await asking(here, ALONE)
    for _ in range(12):
        browser, page = await opened(here)
        await send(browser, page, "stop")
    assert await here.codes(SAM) <= 7
    assert len(rows(here, "select * from challenge where run = ?", run)) <= 5


async def test_signing_in_where_too_many_codes_were_sent_leads_back_to_the_question(here: WebEnv) -> None:
    run = await asking(here, ALONE)
    for _ in range(6):
        browser, page = await opened(here)
        at_code = await send(browser, page, "stop")
    back = await here.enter_code(browser, at_code, SAM)
    assert back.path == f"/attention/{run}?typed=1"
    assert (await send(browser, back, "stop")).status == 200
    assert await status(here, run) is RunStatus.FAILED


async def test_a_new_owner_is_asked_and_the_link_of_the_old_one_opens_nothing(here: WebEnv) -> None:
    run = await asking(here)
    sam, page = await opened(here)
    at_code = await send(sam, page, "stop")
    code = await here.code(SAM)
    await here.engine_env.register(PAY_WORKFLOW.replace("owner: sam@example.com", f"owner: {BEN}"))
    assert "no longer yours" in (await sam.get(f"/attention/{run}")).page.text
    form = at_code.page.form
    await sam.post(form.action, form.with_(code=code), kind=form.kind)
    assert await status(here, run) is RunStatus.NEEDS_ATTENTION
    ben = await here.sign_in(BEN)
    assert f"/attention/{run}" in (await ben.get("/inbox")).page.links


async def test_a_link_made_while_the_clock_was_ahead_lasts_no_longer_than_others(here: WebEnv) -> None:
    await asking(here)
    here.clock.pass_time(-timedelta(days=400))
    await opened(here)
    [(until,)] = rows(here, "select expires_at from attention_link")
    assert str(until)[:4] in ("2024", "2025")


async def test_a_form_that_is_sent_again_with_another_answer_is_confirmed_as_it_was_sent_last(
    here: WebEnv, line: Line
) -> None:
    """A step back in the browser from the page of the code, and the other button: nothing is called again."""
    run = await asking(here)
    sam, page = await opened(here)
    await send(sam, page, "repeat")
    first = await here.code(SAM)
    at_code = await send(sam, page, "stop")
    form = at_code.page.form
    wrong = await sam.post(form.action, form.with_(code=first), kind=form.kind)
    assert wrong.status == 422
    await here.enter_code(sam, at_code, SAM)
    await here.engine_env.settle()
    assert line.calls == 1
    assert [one.content["answer"] for one in await resumed(here, run) if one.content] == ["stop"]


async def test_whoever_is_told_in_place_of_the_owner_gets_no_link(here: WebEnv) -> None:
    refused = ChannelError("There is no such mailbox.", permanent=True, about="address")
    here.engine_env.mail.channel.queue_faults(Fault(error=refused))
    run = await asking(here)
    assert alerts(here) == []
    [told] = alerts(here, ANN)
    assert told.topic == "needs_attention"
    assert told.token is None
    assert rows(here, "select * from attention_link where run = ?", run) == []


async def test_the_link_of_an_earlier_call_has_no_code_sent_for_a_later_one(here: WebEnv, line: Line) -> None:
    line.lost = 2
    run = await asking(here, ALONE)
    old = token(here)
    again = Resume(run=run, answer=ResumeAnswer.REPEAT, actor=Address("email", SAM), origin=Origin(surface="terminal"))
    assert isinstance(await here.engine_env.engine.resume(again), Done)
    await here.engine_env.settle()
    stop = structs.replace(again, answer=ResumeAnswer.STOP, step="pay", visit=1, attempt=2, assurance=Assurance.LINK)
    asks = {link: AnswerAttention(resume=stop, link=link, form=f"form-of-{link}") for link in (old, token(here))}
    answers = [
        await here.engine_env.identity.ask_answer_code(AskAnswerCode(answer=one, holder="browser"))
        for one in asks.values()
    ]
    assert [type(one) for one in answers] == [NoLink, CodeSent]
