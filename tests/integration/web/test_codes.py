"""A code does what its email says, once, in the browser that asked; and nothing keeps a person from using theirs."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.email import view
from engine.domain import Card, DeliveryKind, RequestState
from tests.support.web_env import ADA, Answer, Browser, WebEnv

WRONG = "13572468"
LONG = "1357 2468 1357 2468"


async def typed(here: WebEnv, browser: Browser, at_code: Answer, code: str) -> Answer:
    form = at_code.page.form
    return await browser.post(form.action, form.with_(code=code), kind=form.kind)


def field(page: Answer) -> str:
    """The name of the first thing that can be edited."""
    return next(name for name, _ in page.page.form.fields if name.startswith("f-"))


async def mail(here: WebEnv, address: str = ADA) -> Card:
    """The newest email with a code."""
    await here.engine_env.settle()
    return here.engine_env.mail.to(address, DeliveryKind.CODE)[-1]


def size(here: WebEnv) -> int:
    """Bytes of the database and of what waits to be written into it."""
    return sum(one.stat().st_size for one in here.engine_env.path.parent.glob(f"{here.engine_env.path.name}*"))


def rows(here: WebEnv, query: str) -> list[Any]:
    with closing(sqlite3.connect(here.engine_env.path)) as connection:
        return connection.execute(query).fetchall()


# -- one thing ----------------------------------------------------------------------------------------------


async def test_a_code_to_reject_approves_nothing_in_another_browser(here: WebEnv) -> None:
    asked = await here.request_approval()
    ada, page = await here.open_link()
    await ada.send(page.page.form, "reject", reason="No")
    code = await here.code()
    other, theirs = await here.open_link()
    at_code = await other.send(theirs.page.form, typed={field(theirs): "Pay 5,000 EUR"})
    await here.code()
    answer = await typed(here, other, at_code, code)
    assert answer.status == 422
    assert "That is not the code" in answer.page.text
    assert (await here.reload(asked)).model.state is RequestState.PENDING


async def test_a_code_for_one_request_decides_no_other(here: WebEnv) -> None:
    await here.request_approval()
    browser, page = await here.open_link()
    await browser.send(page.page.form)
    code = await here.code()
    second = await here.request_approval()
    browser, page = await here.open_link(browser=browser)
    at_code = await browser.send(page.page.form)
    assert (await typed(here, browser, at_code, code)).status == 422
    assert (await here.reload(second)).model.state is RequestState.PENDING


async def test_a_code_for_one_text_approves_no_other(here: WebEnv) -> None:
    asked = await here.request_approval()
    browser, page = await here.open_link()
    await browser.send(page.page.form, typed={field(page): "one"})
    code = await here.code()
    page = await browser.get(page.path)
    at_code = await browser.send(page.page.form, typed={field(page): "another"})
    await here.code()
    assert (await typed(here, browser, at_code, code)).status == 422
    assert (await here.reload(asked)).model.state is RequestState.PENDING


async def test_a_form_that_is_sent_again_with_another_answer_is_confirmed_as_it_was_sent_last(here: WebEnv) -> None:
    """A step back in the browser from the page of the code, and the other button."""
    asked = await here.request_approval()
    browser, page = await here.open_link()
    approving = await browser.send(page.page.form)
    first = await here.code()
    rejecting = await browser.send(page.page.form, "reject", reason="No, wait")
    assert rejecting.path != approving.path
    assert await here.codes() == 2
    assert (await typed(here, browser, rejecting, first)).status == 422
    assert (await typed(here, browser, rejecting, await here.code())).status == 200
    assert (await here.reload(asked)).model.state is RequestState.REJECTED


async def test_a_form_that_is_sent_again_with_other_edits_is_confirmed_with_these(here: WebEnv) -> None:
    asked = await here.request_approval()
    browser, page = await here.open_link()
    await browser.send(page.page.form, typed={field(page): "one"})
    await here.code()
    second = await browser.send(page.page.form, typed={field(page): "another"})
    again = await browser.send(page.page.form, typed={field(page): "another"})
    assert again.path == second.path
    assert await here.codes() == 2
    await typed(here, browser, second, await here.code())
    decision = (await here.reload(asked)).decision
    assert decision is not None
    assert [edit.after for edit in decision.edits] == ["another"]


async def test_an_answer_beyond_the_limit_of_codes_gets_a_code_to_sign_in(here: WebEnv) -> None:
    """Also where the same form had an answer before it."""
    await here.request_approval()
    browser, page = await here.open_link()
    for number in range(5):
        await browser.send(page.page.form, typed={field(page): f"text {number}"})
    at_code = await browser.send(page.page.form, typed={field(page): "text 5"})
    assert await here.codes() == 6
    assert (await mail(here)).title == "Your code to sign in"
    assert (await typed(here, browser, at_code, await here.code())).status == 200


async def test_a_code_to_sign_in_decides_nothing_and_a_code_to_decide_signs_nobody_in(here: WebEnv) -> None:
    asked = await here.request_approval()
    browser, page = await here.open_link()
    at_code = await browser.send(page.page.form)
    decides = await here.code()
    other = here.browser()
    form = (await other.get("/inbox")).page.form
    at_sign_in = await other.post(form.action, form.with_(email=ADA), kind=form.kind)
    signs_in = await here.code()
    assert (await typed(here, other, at_sign_in, decides)).status == 422
    assert (await typed(here, browser, at_code, signs_in)).status == 422
    assert (await here.reload(asked)).model.state is RequestState.PENDING
    assert (await other.get("/inbox")).page.headings == ["See what waits for you"]


async def test_what_waits_cannot_be_changed_behind_the_code(here: WebEnv) -> None:
    asked = await here.request_approval()
    browser, page = await here.open_link()
    at_code = await browser.send(page.page.form, "reject", reason="No")
    code = await here.code()
    with closing(sqlite3.connect(here.engine_env.path)) as connection:
        connection.execute("UPDATE challenge SET decision = replace(decision, 'reject', 'approve')")
        connection.commit()
    assert (await typed(here, browser, at_code, code)).status == 422
    assert (await here.reload(asked)).model.state is RequestState.PENDING


async def test_the_email_says_all_that_its_code_confirms_and_the_page_which_email_it_is(here: WebEnv) -> None:
    await here.request_approval()
    browser, page = await here.open_link()
    at_code = await browser.send(page.page.form, typed={field(page): "Dear Kim, no."}, reason="Because")
    card = await mail(here)
    said = view.shown(card, public_url=here.url)
    assert said.subject == "Your code to approve with changes: Send this to Kim?"
    facts = {row.label: row.text for row in said.facts}
    assert facts["Reason"] == "Because"
    assert facts["Asked for in"] == "Chrome on Linux"
    assert facts["Reference"] in at_code.page.text
    (row,) = said.fields
    assert (row.label, row.text) == ("text", "Dear Kim, no.")
    assert "your refund is on its way" in str(row.before)
    await browser.send((await browser.get(page.path)).page.form, "reject", reason="No")
    assert view.subject(await mail(here)) == "Your code to reject: Send this to Kim?"


async def test_the_newest_email_will_do_where_somebody_else_pressed_the_same_button(here: WebEnv) -> None:
    asked = await here.request_approval()
    ada, page = await here.open_link()
    at_code = await ada.send(page.page.form)
    scanner, theirs = await here.open_link()
    at_theirs = await scanner.send(theirs.page.form)
    newest = await here.code()
    receipt = await typed(here, ada, at_code, newest)
    assert "Approved by" in receipt.text
    await typed(here, scanner, at_theirs, newest)
    assert not any("browser" in name for name, _ in scanner.jar)
    assert (await here.reload(asked)).model.state is RequestState.APPROVED


# -- once ---------------------------------------------------------------------------------------------------


async def test_a_code_that_was_used_is_of_no_use_in_another_browser(here: WebEnv) -> None:
    await here.request_approval()
    ada, page = await here.open_link()
    at_code = await ada.send(page.page.form)
    code = await here.code()
    await typed(here, ada, at_code, code)
    second = await here.request_approval()
    other, page = await here.open_link()
    at_code = await other.send(page.page.form)
    assert (await typed(here, other, at_code, code)).status == 422
    assert (await here.reload(second)).model.state is RequestState.PENDING


async def test_a_code_to_sign_in_is_used_once_by_whichever_browser_asked(here: WebEnv) -> None:
    await here.request_approval()
    pages = []
    for _ in range(2):
        browser = here.browser()
        form = (await browser.get("/inbox")).page.form
        pages.append((browser, await browser.post(form.action, form.with_(email=ADA), kind=form.kind)))
    first = here.engine_env.mail
    code = await here.code()
    assert len(first.to(ADA, DeliveryKind.CODE)) == 2
    (one, at_one), (other, at_other) = pages
    assert (await typed(here, one, at_one, code)).path == "/inbox"
    assert (await typed(here, other, at_other, code)).status == 422
    assert (await other.get("/inbox")).page.headings == ["See what waits for you"]


async def test_the_page_of_a_code_that_was_used_goes_on_and_a_late_click_signs_nobody_in(here: WebEnv) -> None:
    await here.request_approval()
    ada, page = await here.open_link()
    at_code = await ada.send(page.page.form)
    code = await here.code()
    await typed(here, ada, at_code, code)
    assert (await ada.get(at_code.path)).path == page.path
    ada.jar = {key: value for key, value in ada.jar.items() if "browser" not in key[0]}
    here.engine_env.pass_time(minutes=2)
    again = await typed(here, ada, at_code, code)
    assert not any("browser" in name for name, _ in ada.jar)
    assert again.path == page.path


# -- nobody is kept out -------------------------------------------------------------------------------------


async def test_wrong_guesses_of_others_keep_nobody_out_and_are_told_to_the_operator(
    here: WebEnv, caplog: pytest.LogCaptureFixture
) -> None:
    asked = await here.request_approval()
    ada, page = await here.open_link()
    at_code = await ada.send(page.page.form)
    code = await here.code()
    guesses = 0
    for _ in range(8):
        guesser, theirs = await here.open_link()
        at_theirs = await guesser.send(theirs.page.form)
        for number in range(5 if "tries are left" in at_theirs.page.text else 20):
            wrong = WRONG if "tries are left" in at_theirs.page.text else f"{number:016d}"
            await typed(here, guesser, at_theirs, wrong)
            guesses += 1
    told = [one.getMessage() for one in caplog.records if one.getMessage().startswith("wrong code")]
    assert len(told) == guesses
    assert all("127.0.0.1" in one and WRONG not in one and ADA not in one for one in told)
    assert f"wrong code for request {asked.id}, sent to a…@example.com" in told[0]
    assert "code.exhausted" in await here.engine_env.kinds(asked.run)
    receipt = await typed(here, ada, at_code, code)
    assert "Approved by" in receipt.text


async def test_whoever_gets_no_other_code_signs_in_and_then_decides(here: WebEnv) -> None:
    asked = await here.request_approval()
    for _ in range(12):
        scanner, page = await here.open_link()
        await scanner.send(page.page.form)
        await here.engine_env.settle()
    ada, page = await here.open_link()
    at_code = await ada.send(page.page.form, typed={field(page): "Mine"}, reason="So")
    assert "Too many codes were sent" in at_code.page.text
    assert view.subject(await mail(here)) == "Your code to sign in"
    back = await typed(here, ada, at_code, await here.code())
    assert back.path == f"/review/{asked.id}?typed=1"
    assert (await here.reload(asked)).model.state is RequestState.PENDING
    assert dict(back.page.form.fields)[field(back)] == "Mine"
    assert dict(back.page.form.fields)["reason"] == "So"
    receipt = await ada.send(back.page.form)
    assert "Approved with edits" in receipt.page.text


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["ask", "guess", "sign-in", "wait"]), max_size=25))
async def test_a_person_can_always_decide_whatever_others_do(here: WebEnv, acts: list[str]) -> None:
    asked = await here.request_approval()
    for act in acts:
        other, page = await here.open_link()
        if act == "wait":
            here.engine_env.pass_time(minutes=4)
        elif act == "sign-in":
            form = (await other.get("/inbox")).page.form
            at_code = await other.post(form.action, form.with_(email=ADA), kind=form.kind)
            await typed(here, other, at_code, LONG)
        else:
            at_code = await other.send(page.page.form)
            if act == "guess":
                await typed(here, other, at_code, WRONG)
        await here.engine_env.settle()
    ada, page = await here.open_link()
    at_code = await ada.send(page.page.form)
    await here.engine_env.settle()
    signs_in = "Nothing was decided yet" in at_code.page.text
    emails = here.engine_env.mail.to(ADA, DeliveryKind.CODE)
    fits = [one for one in emails if (one.title == "Your code to sign in") is signs_in]
    after = await typed(here, ada, at_code, fits[-1].code or "")
    if signs_in:
        assert (await here.reload(asked)).decision is None
        await ada.send(after.page.form)
    assert (await here.reload(asked)).model.state is RequestState.APPROVED


# -- what is kept -------------------------------------------------------------------------------------------


async def test_forms_of_a_link_alone_leave_little_on_the_disk_and_nothing_for_long(here: WebEnv) -> None:
    await here.request_approval()
    browser, page = await here.open_link()
    before = size(here)
    for number in range(100):
        form = (await browser.get(page.path)).page.form
        await browser.send(form, typed={field(page): f"{number} " + "x" * 100_000}, follow=False)
    for _ in range(20):
        form = (await browser.get(page.path)).page.form
        await browser.send(form, typed={field(page): "y" * 50_000}, follow=False)
    (kept,) = rows(here, "SELECT count(*), coalesce(sum(length(decision)), 0) FROM challenge WHERE decision NOT NULL")
    assert kept[0] <= 5
    assert kept[1] <= 5 * 100_000
    assert size(here) - before < 4_000_000
    here.engine_env.pass_time(minutes=11)
    await here.sign_in()
    assert rows(here, "SELECT count(*) FROM challenge WHERE decision NOT NULL") == [(0,)]
    here.engine_env.pass_time(hours=25)
    await here.sign_in()
    assert rows(here, "SELECT count(*) FROM challenge") == [(1,)]


async def test_what_waited_is_dropped_once_it_is_decided(here: WebEnv) -> None:
    await here.request_approval()
    browser, page = await here.open_link()
    await here.enter_code(browser, await browser.send(page.page.form, typed={field(page): "Mine"}))
    assert rows(here, "SELECT decision FROM challenge") == [(None,)]


async def test_nothing_is_written_of_an_address_that_nobody_has(here: WebEnv, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await here.request_approval()
    browser = here.browser()
    for number in range(5):
        form = (await browser.get("/inbox")).page.form
        at_code = await browser.post(form.action, form.with_(email=f"nobody{number}@example.com"), kind=form.kind)
        assert (await typed(here, browser, at_code, LONG)).status == 422
        assert "nobody" not in at_code.path
    assert rows(here, "SELECT count(*) FROM challenge") == [(0,)]
    assert b"nobody" not in b"".join(one.read_bytes() for one in here.engine_env.path.parent.glob("signoff.db*"))
