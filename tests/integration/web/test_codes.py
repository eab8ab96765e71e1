"""A code confirms the content of its email, once, in the browser that asked, and other people cannot block it."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.email import view
from bot.presentation.text_diff import Part
from engine.domain import DEFAULT_WORKSPACE, Cancel, Card, Decide, DeliveryKind, Done, Erase, Erased, RequestState
from engine.service import Engine
from engine.store import sign_ins
from engine.store.port import Tx
from tests.support.engine_env import SAM, TERMINAL
from tests.support.examples import example_count
from tests.support.web_env import ADA, Answer, Browser, WebEnv

WRONG = "13572468"
WAITING = "SELECT request FROM {} WHERE decision IS NOT NULL"
LONG = "1357 2468 1357 2468"


async def type_code(env: WebEnv, browser: Browser, at_code: Answer, code: str) -> Answer:
    form = at_code.page.form
    return await browser.post(form.action, form.with_(code=code), kind=form.kind)


def field(page: Answer) -> str:
    """Return the name of the first field that can be edited."""
    return next(name for name, _ in page.page.form.fields if name.startswith("f-"))


async def mail(env: WebEnv, address: str = ADA) -> Card:
    """Return the newest email with a code."""
    await env.engine_env.settle()
    return env.engine_env.mail.to(address, DeliveryKind.CODE)[-1]


def size(env: WebEnv) -> int:
    """Return the size of the database and its log, in bytes."""
    return sum(file.stat().st_size for file in env.engine_env.path.parent.glob(f"{env.engine_env.path.name}*"))


def rows(env: WebEnv, query: str) -> list[Any]:
    with closing(sqlite3.connect(env.engine_env.path)) as connection:
        return connection.execute(query).fetchall()


# -- a code confirms one decision ---------------------------------------------------------------------------


async def test_a_code_to_reject_approves_nothing_in_another_browser(env: WebEnv) -> None:
    request = await env.request_approval()
    ada, page = await env.open_link()
    await ada.send(page.page.form, "reject", reason="No")
    code = await env.code()
    other, theirs = await env.open_link()
    at_code = await other.send(theirs.page.form, typed={field(theirs): "Pay 5,000 EUR"})
    await env.code()
    answer = await type_code(env, other, at_code, code)
    assert answer.status == 422
    assert "That is not the right code" in answer.page.text
    assert (await env.reload(request)).model.state is RequestState.PENDING


async def test_a_code_for_one_request_decides_no_other(env: WebEnv) -> None:
    await env.request_approval()
    browser, page = await env.open_link()
    await browser.send(page.page.form)
    code = await env.code()
    second = await env.request_approval()
    browser, page = await env.open_link(browser=browser)
    at_code = await browser.send(page.page.form)
    assert (await type_code(env, browser, at_code, code)).status == 422
    assert (await env.reload(second)).model.state is RequestState.PENDING


async def test_a_code_for_one_text_approves_no_other(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link()
    await browser.send(page.page.form, typed={field(page): "one"})
    code = await env.code()
    page = await browser.get(page.path)
    at_code = await browser.send(page.page.form, typed={field(page): "another"})
    await env.code()
    assert (await type_code(env, browser, at_code, code)).status == 422
    assert (await env.reload(request)).model.state is RequestState.PENDING


async def test_a_form_that_is_sent_again_with_another_answer_is_confirmed_as_it_was_sent_last(env: WebEnv) -> None:
    """The approver goes back from the page of the code and presses the other button."""
    request = await env.request_approval()
    browser, page = await env.open_link()
    approving = await browser.send(page.page.form)
    first = await env.code()
    rejecting = await browser.send(page.page.form, "reject", reason="No, wait")
    assert rejecting.path != approving.path
    assert await env.codes() == 2
    assert (await type_code(env, browser, rejecting, first)).status == 422
    assert (await type_code(env, browser, rejecting, await env.code())).status == 200
    assert (await env.reload(request)).model.state is RequestState.REJECTED


async def test_a_form_that_is_sent_again_with_other_edits_is_confirmed_with_these(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link()
    await browser.send(page.page.form, typed={field(page): "one"})
    await env.code()
    second = await browser.send(page.page.form, typed={field(page): "another"})
    again = await browser.send(page.page.form, typed={field(page): "another"})
    assert again.path == second.path
    assert await env.codes() == 2
    await type_code(env, browser, second, await env.code())
    decision = (await env.reload(request)).decision
    assert decision is not None
    assert [edit.after for edit in decision.edits] == ["another"]


async def test_an_answer_beyond_the_limit_of_codes_gets_a_code_to_sign_in(env: WebEnv) -> None:
    """This holds also if the same form had an answer before."""
    await env.request_approval()
    browser, page = await env.open_link()
    for number in range(5):
        await browser.send(page.page.form, typed={field(page): f"text {number}"})
    at_code = await browser.send(page.page.form, typed={field(page): "text 5"})
    assert await env.codes() == 6
    assert (await mail(env)).title == "Your code to sign in"
    assert (await type_code(env, browser, at_code, await env.code())).status == 200


async def test_a_code_to_sign_in_decides_nothing_and_a_code_to_decide_does_not_sign_in(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link()
    at_code = await browser.send(page.page.form)
    decides = await env.code()
    other = env.browser()
    form = (await other.get("/inbox")).page.form
    at_sign_in = await other.post(form.action, form.with_(email=ADA), kind=form.kind)
    signs_in = await env.code()
    assert (await type_code(env, other, at_sign_in, decides)).status == 422
    assert (await type_code(env, browser, at_code, signs_in)).status == 422
    assert (await env.reload(request)).model.state is RequestState.PENDING
    assert (await other.get("/inbox")).page.headings == ["Sign in to see your requests"]


async def test_a_waiting_decision_cannot_be_changed_before_its_code(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link()
    at_code = await browser.send(page.page.form, "reject", reason="No")
    code = await env.code()
    with closing(sqlite3.connect(env.engine_env.path)) as connection:
        connection.execute("UPDATE challenge SET decision = replace(decision, 'reject', 'approve')")
        connection.commit()
    assert (await type_code(env, browser, at_code, code)).status == 422
    assert (await env.reload(request)).model.state is RequestState.PENDING


async def test_the_email_says_all_that_its_code_confirms_and_the_page_which_email_it_is(env: WebEnv) -> None:
    await env.request_approval()
    browser, page = await env.open_link()
    at_code = await browser.send(page.page.form, typed={field(page): "Dear Kim, no."}, reason="Because")
    card = await mail(env)
    shown = view.shown(card, public_url=env.url)
    assert shown.subject == f"{shown.code} is your Signoff code"
    assert (shown.title, shown.lead) == ("Your code to approve with edits", ("Send this to Kim?",))
    notes = {row.label: row.text for row in shown.notes}
    assert notes["Reason"] == "Because"
    assert notes["Browser"] == "Chrome on Linux"
    assert notes["Reference"] in at_code.page.text
    (row,) = shown.values
    assert row.label == "Text"
    assert "".join(part.text for part in row.segments if part.part is not Part.REMOVED) == "Dear Kim, no."
    assert "your refund is on its way" in "".join(part.text for part in row.segments if part.part is Part.REMOVED)
    await browser.send((await browser.get(page.path)).page.form, "reject", reason="No")
    assert (await mail(env)).title == "Your code to reject"


async def test_the_newest_code_works_when_another_person_pressed_the_same_button(env: WebEnv) -> None:
    request = await env.request_approval()
    ada, page = await env.open_link()
    at_code = await ada.send(page.page.form)
    scanner, theirs = await env.open_link()
    at_theirs = await scanner.send(theirs.page.form)
    newest = await env.code()
    receipt = await type_code(env, ada, at_code, newest)
    assert "Approved by" in receipt.text
    await type_code(env, scanner, at_theirs, newest)
    assert not any("browser" in name for name, _ in scanner.jar)
    assert (await env.reload(request)).model.state is RequestState.APPROVED


# -- a code is used once ------------------------------------------------------------------------------------


async def test_a_used_code_is_useless_in_another_browser(env: WebEnv) -> None:
    await env.request_approval()
    ada, page = await env.open_link()
    at_code = await ada.send(page.page.form)
    code = await env.code()
    await type_code(env, ada, at_code, code)
    second = await env.request_approval()
    other, page = await env.open_link()
    at_code = await other.send(page.page.form)
    assert (await type_code(env, other, at_code, code)).status == 422
    assert (await env.reload(second)).model.state is RequestState.PENDING


async def test_a_code_to_sign_in_is_used_once_by_whichever_browser_asked(env: WebEnv) -> None:
    await env.request_approval()
    pages = []
    for _ in range(2):
        browser = env.browser()
        form = (await browser.get("/inbox")).page.form
        pages.append((browser, await browser.post(form.action, form.with_(email=ADA), kind=form.kind)))
    mail = env.engine_env.mail
    code = await env.code()
    assert len(mail.to(ADA, DeliveryKind.CODE)) == 2
    (first, at_first), (second, at_second) = pages
    assert (await type_code(env, first, at_first, code)).path == "/inbox"
    assert (await type_code(env, second, at_second, code)).status == 422
    assert (await second.get("/inbox")).page.headings == ["Sign in to see your requests"]


async def test_the_page_of_a_used_code_leads_on_and_a_late_click_does_not_sign_in(env: WebEnv) -> None:
    await env.request_approval()
    ada, page = await env.open_link()
    at_code = await ada.send(page.page.form)
    code = await env.code()
    await type_code(env, ada, at_code, code)
    assert (await ada.get(at_code.path)).path == page.path
    ada.jar = {key: value for key, value in ada.jar.items() if "browser" not in key[0]}
    env.engine_env.pass_time(minutes=2)
    again = await type_code(env, ada, at_code, code)
    assert not any("browser" in name for name, _ in ada.jar)
    assert again.path == page.path


# -- no person is locked out --------------------------------------------------------------------------------


async def test_wrong_guesses_of_others_lock_no_person_out_and_are_logged(
    env: WebEnv, caplog: pytest.LogCaptureFixture
) -> None:
    request = await env.request_approval()
    ada, page = await env.open_link()
    at_code = await ada.send(page.page.form)
    code = await env.code()
    guesses = 0
    for _ in range(8):
        guesser, theirs = await env.open_link()
        at_theirs = await guesser.send(theirs.page.form)
        for number in range(5 if "tries are left" in at_theirs.page.text else 20):
            wrong = WRONG if "tries are left" in at_theirs.page.text else f"{number:016d}"
            await type_code(env, guesser, at_theirs, wrong)
            guesses += 1
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("wrong code")]
    assert len(lines) == guesses
    assert all("127.0.0.1" in line and WRONG not in line and ADA not in line for line in lines)
    assert f"wrong code for request {request.id}, sent to a…@example.com" in lines[0]
    assert "code.exhausted" in await env.engine_env.kinds(request.run)
    receipt = await type_code(env, ada, at_code, code)
    assert "Approved by" in receipt.text


async def test_a_person_who_gets_no_other_code_signs_in_and_then_decides(env: WebEnv) -> None:
    request = await env.request_approval()
    for _ in range(12):
        scanner, page = await env.open_link()
        await scanner.send(page.page.form)
        await env.engine_env.settle()
    ada, page = await env.open_link()
    at_code = await ada.send(page.page.form, typed={field(page): "Mine"}, reason="So")
    assert "many codes were sent" in at_code.page.text
    assert (await mail(env)).title == "Your code to sign in"
    back = await type_code(env, ada, at_code, await env.code())
    assert back.path == f"/review/{request.id}?typed=1"
    assert (await env.reload(request)).model.state is RequestState.PENDING
    assert dict(back.page.form.fields)[field(back)] == "Mine"
    assert dict(back.page.form.fields)["reason"] == "So"
    receipt = await ada.send(back.page.form)
    assert "Approved with edits" in receipt.page.text


async def test_what_was_typed_is_kept_until_its_code_is_given(env: WebEnv) -> None:
    await env.request_approval()
    ada, page = await env.open_link()
    at_code = await ada.send(page.page.form, typed={field(page): "Mine"}, reason="So")
    assert await env.engine_env.rows("SELECT count(*) FROM form_draft") == [(1,)]
    env.engine_env.pass_time(minutes=11)
    late = await ada.get(at_code.path)
    assert late.status == 410
    back = await ada.get(next(link for link in late.page.links if link.endswith("typed=1")))
    assert dict(back.page.form.fields)[field(back)] == "Mine"
    await type_code(env, ada, await ada.send(back.page.form), await env.code())
    assert await env.engine_env.rows("SELECT count(*) FROM form_draft") == [(0,)]


def wait_for_sign_in(decide: Decide, tx: Tx) -> str:
    about = {"workspace": DEFAULT_WORKSPACE, "request": decide.request}
    return sign_ins.insert_sign_in(tx, **about, holder="", form=None, decision=decide, person=None)


async def test_erasing_a_run_erases_what_waits_for_codes(env: WebEnv) -> None:
    store = env.engine_env.store
    engine = Engine(store, env.engine_env.advancer, admins=frozenset({SAM}))
    request, other = await env.request_approval(), await env.request_approval()
    for one, link in ((other, -1), (request, -2)):
        token = env.engine_env.mail.to(ADA, DeliveryKind.REQUEST)[link].token
        ada = env.browser()
        page = await ada.get(f"/r/{token}")
        await ada.send(page.page.form, typed={field(page): "Mine"}, reason="So")
        await store.transact(partial(wait_for_sign_in, await env.engine_env.approval_by_link(one.run)))
        assert isinstance(await engine.cancel(Cancel(run=one.run, actor=SAM, origin=TERMINAL)), Done)
    await env.engine_env.settle()
    erased = await engine.erase(Erase(run=other.run, reason="asked to", actor=SAM, origin=TERMINAL))
    assert isinstance(erased, Erased)
    for kept in ("SELECT about FROM form_draft", WAITING.format("challenge"), WAITING.format("sign_in")):
        assert await env.engine_env.rows(kept) == [(request.id,)]


@settings(max_examples=example_count(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["ask", "guess", "sign-in", "wait"]), max_size=25))
async def test_a_person_can_always_decide_whatever_others_do(env: WebEnv, acts: list[str]) -> None:
    request = await env.request_approval()
    for act in acts:
        other, page = await env.open_link()
        if act == "wait":
            env.engine_env.pass_time(minutes=4)
        elif act == "sign-in":
            form = (await other.get("/inbox")).page.form
            at_code = await other.post(form.action, form.with_(email=ADA), kind=form.kind)
            await type_code(env, other, at_code, LONG)
        else:
            at_code = await other.send(page.page.form)
            if act == "guess":
                await type_code(env, other, at_code, WRONG)
        await env.engine_env.settle()
    ada, page = await env.open_link()
    at_code = await ada.send(page.page.form)
    await env.engine_env.settle()
    signs_in = "Nothing was decided yet" in at_code.page.text
    emails = env.engine_env.mail.to(ADA, DeliveryKind.CODE)
    fits = [email for email in emails if (email.title == "Your code to sign in") is signs_in]
    after = await type_code(env, ada, at_code, fits[-1].code or "")
    if signs_in:
        assert (await env.reload(request)).decision is None
        await ada.send(after.page.form)
    assert (await env.reload(request)).model.state is RequestState.APPROVED


# -- stored data --------------------------------------------------------------------------------------------


async def test_forms_of_a_link_alone_leave_little_on_the_disk_and_nothing_for_long(env: WebEnv) -> None:
    await env.request_approval()
    browser, page = await env.open_link()
    before = size(env)
    for number in range(100):
        form = (await browser.get(page.path)).page.form
        await browser.send(form, typed={field(page): f"{number} " + "x" * 100_000}, follow=False)
    for _ in range(20):
        form = (await browser.get(page.path)).page.form
        await browser.send(form, typed={field(page): "y" * 50_000}, follow=False)
    (waiting,) = rows(env, "SELECT count(*), coalesce(sum(length(decision)), 0) FROM challenge WHERE decision NOT NULL")
    assert waiting[0] <= 5
    assert waiting[1] <= 5 * 100_000
    assert size(env) - before < 4_000_000
    env.engine_env.pass_time(minutes=11)
    await env.sign_in()
    assert rows(env, "SELECT count(*) FROM challenge WHERE decision NOT NULL") == [(0,)]
    env.engine_env.pass_time(hours=25)
    await env.sign_in()
    assert rows(env, "SELECT count(*) FROM challenge") == [(1,)]


async def test_a_waiting_decision_is_dropped_after_the_decision(env: WebEnv) -> None:
    await env.request_approval()
    browser, page = await env.open_link()
    await env.enter_code(browser, await browser.send(page.page.form, typed={field(page): "Mine"}))
    assert rows(env, "SELECT decision FROM challenge") == [(None,)]


async def test_nothing_is_written_about_an_unknown_address(env: WebEnv, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await env.request_approval()
    browser = env.browser()
    for number in range(5):
        form = (await browser.get("/inbox")).page.form
        at_code = await browser.post(form.action, form.with_(email=f"nobody{number}@example.com"), kind=form.kind)
        assert (await type_code(env, browser, at_code, LONG)).status == 422
        assert "nobody" not in at_code.path
    assert rows(env, "SELECT count(*) FROM challenge") == [(0,)]
    assert b"nobody" not in b"".join(file.read_bytes() for file in env.engine_env.path.parent.glob("signoff.db*"))
