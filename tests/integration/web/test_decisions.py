"""From the link in an email to the decision, over real HTTP."""

from __future__ import annotations

from html import unescape

import pytest

from bot.email import message
from bot.slack import message_view
from engine.domain import DeliveryKind, RequestState
from tests.support import html_forms
from tests.support.email_env import envelope
from tests.support.web_env import ADA, BEN, WebEnv

CONFIRM = '      confirm: "Really send it?"\n'
BY_LINK = "      assurance: link\n"


async def test_the_link_opens_the_page_and_leaves_the_address_bar(env: WebEnv) -> None:
    request = await env.request_approval()
    _, page = await env.open_link()
    assert page.status == 200
    assert page.path == f"/review/{request.id}"
    assert env.token() not in page.text
    assert page.page.headings[0] == "Send this to Kim?"
    for part in ("It was written by a machine.", "Dear Kim,", "Send email", "Hold it back", "Answer a customer", "ann"):
        assert part in page.text, part


async def test_opening_the_page_writes_nothing_and_uses_nothing_up(env: WebEnv) -> None:
    request = await env.request_approval()
    before = await env.engine_env.kinds(request.run)
    for _ in range(3):
        _, page = await env.open_link()
        assert page.status == 200
    assert await env.engine_env.kinds(request.run) == before


async def test_the_first_decision_of_a_browser_takes_a_code_and_the_next_does_not(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link()
    at_code = await browser.send(page.page.form)
    assert at_code.status == 200
    assert at_code.path.startswith("/code/")
    assert "a…@example.com" in at_code.text
    assert ADA not in at_code.text
    assert (await env.reload(request)).model.state is RequestState.PENDING
    receipt = await env.enter_code(browser, at_code)
    assert receipt.status == 200
    assert receipt.path == f"/review/{request.id}"
    assert "Approved by" in receipt.text
    assert "You approved this, Mar 2, 2026, 9:00 AM UTC." in receipt.page.text
    assert "By a code that was sent to your email address" in receipt.page.text
    decided = await env.reload(request)
    assert decided.model.state is RequestState.APPROVED
    assert decided.decision is not None
    assert decided.decision.edits == ()

    second = await env.request_approval()
    browser, page = await env.open_link(browser=browser)
    receipt = await browser.send(page.page.form, "reject", reason="No")
    assert (await env.reload(second)).model.state is RequestState.REJECTED
    assert "Reason: No" in receipt.text
    assert await env.codes() == 1


async def test_the_link_is_enough_if_the_gate_allows_it(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    receipt = await browser.send(page.page.form)
    assert (await env.reload(request)).model.state is RequestState.APPROVED
    assert "By the link that was sent to them, without a code" in receipt.page.text


async def test_the_edited_values_are_approved_and_the_receipt_shows_old_and_new(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    name = next(name for name, _ in page.page.form.fields if name.startswith("f-"))
    receipt = await browser.send(page.page.form, typed={name: "Dear Kim,\r\nit is done."})
    decision = (await env.reload(request)).decision
    assert decision is not None
    assert [(edit.path, edit.after) for edit in decision.edits] == [(("text",), "Dear Kim,\nit is done.")]
    assert (receipt.page.removed, receipt.page.added) == (["your refund", "on its way"], ["it", "done"])
    assert "Approved with edits" in receipt.page.text


async def test_a_double_click_does_nothing_twice_and_shows_the_same(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    first = await browser.send(page.page.form)
    second = await browser.send(page.page.form)
    assert (first.status, first.path, first.page.headings) == (second.status, second.path, second.page.headings)
    assert (await env.engine_env.kinds(request.run)).count("request.approved") == 1
    other = await browser.send(page.page.form, nonce="x" * 24)
    assert other.status == 409


async def test_a_double_click_sends_one_code(env: WebEnv) -> None:
    await env.request_approval()
    browser, page = await env.open_link()
    first = await browser.send(page.page.form, follow=False)
    second = await browser.send(page.page.form, follow=False)
    assert first.headers["Location"] == second.headers["Location"]
    assert await env.codes() == 1
    form = (await browser.get(first.headers["Location"])).page.form
    form_with_code = form.with_(code=await env.code())
    answers = [await browser.post(form.action, form_with_code, kind=form.kind, follow=False) for _ in range(2)]
    assert [answer.status for answer in answers] == [303, 303]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert all(any("signoff-browser=" in cookie for cookie in answer.cookies) for answer in answers)


async def test_a_reason_that_is_missing_is_asked_for_and_nothing_typed_is_lost(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link()
    name = next(name for name, _ in page.page.form.fields if name.startswith("f-"))
    assert "reason" not in dict(page.page.form.fields)
    asked = await browser.send(page.page.form, "reject", typed={name: "\r\nTyped <b>"})
    assert (asked.status, asked.page.title) == (200, "Send this to Kim? – Signoff")
    assert dict(asked.page.form.fields)["reason"] == ""
    answer = await browser.send(asked.page.form, "reject")
    assert answer.status == 422
    assert dict(answer.page.form.fields)[name] == "\r\nTyped <b>"
    assert answer.page.title.startswith("Error: ")
    assert "#reason" in answer.page.links
    assert answer.page.ids["reason"]["aria-describedby"] == "reason-error"
    assert (await env.reload(request)).model.state is RequestState.PENDING


async def test_the_confirmation_page_carries_all_values(env: WebEnv) -> None:
    request = await env.request_approval(CONFIRM + BY_LINK)
    browser, page = await env.open_link()
    name = next(name for name, _ in page.page.form.fields if name.startswith("f-"))
    typed = {name: "\r\nOther  text\r\n", "reason": "Because"}
    question = await browser.send(page.page.form, typed=typed)
    assert question.page.headings[0] == "Really send it?"
    assert (await env.reload(request)).model.state is RequestState.PENDING
    back = await browser.send(question.page.form, "back")
    assert back.status == 200
    assert dict(back.page.form.fields)[name] == "\r\nOther  text\r\n"
    assert dict(back.page.form.fields)["reason"] == "Because"
    await browser.send((await browser.send(back.page.form)).page.form)
    decision = (await env.reload(request)).decision
    assert decision is not None
    assert [edit.after for edit in decision.edits] == ["\nOther  text\n"]
    assert decision.reason == "Because"


async def test_going_back_from_the_code_loses_nothing(env: WebEnv) -> None:
    await env.request_approval()
    browser, page = await env.open_link()
    name = next(name for name, _ in page.page.form.fields if name.startswith("f-"))
    at_code = await browser.send(page.page.form, typed={name: "Mine", "reason": "So"})
    back = next(link for link in at_code.page.links if link.endswith("typed=1"))
    again = await browser.get(back)
    assert dict(again.page.form.fields)[name] == "Mine"
    assert dict(again.page.form.fields)["reason"] == "So"
    assert dict((await browser.get(back.partition("?")[0])).page.form.fields)[name] != "Mine"
    assert (await browser.send(again.page.form)).path.startswith("/code/")
    assert await env.codes() == 2


async def test_wrong_codes_are_counted_and_the_last_one_ends_it(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link()
    at_code = await browser.send(page.page.form)
    for left in (4, 3, 2):
        form = at_code.page.form
        at_code = await browser.post(form.action, form.with_(code="0000 0000"), kind=form.kind)
        assert at_code.status == 422
        assert at_code.page.text.count(f"{left} tries") == 1
    assert (await browser.post(form.action, at_code.page.form.with_(code="12"), kind=form.kind)).status == 422
    assert f"{left} tries are left" in (await browser.get(at_code.path)).page.text
    for _ in range(2):
        ended = await browser.post(form.action, at_code.page.form.with_(code="00000000"), kind=form.kind)
    assert (ended.status, ended.page.headings) == (410, ["Too many wrong codes"])
    assert "You will get a new code" in ended.page.text
    assert (await env.reload(request)).model.state is RequestState.PENDING


async def test_a_code_may_be_pasted_with_surrounding_text(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link()
    form = (await browser.send(page.page.form)).page.form
    code = await env.code()
    await browser.post(form.action, form.with_(code=f" {code[:4]}-{code[4:]}\u2009"), kind=form.kind)
    assert (await env.reload(request)).model.state is RequestState.APPROVED


async def test_the_page_of_a_code_is_for_the_browser_that_asked(env: WebEnv) -> None:
    await env.request_approval()
    browser, page = await env.open_link()
    at_code = await browser.send(page.page.form)
    other, _ = await env.open_link()
    assert (await other.get(at_code.path)).status == 410
    env.engine_env.pass_time(minutes=11)
    assert (await browser.get(at_code.path)).status == 410


async def test_a_late_approver_sees_who_decided_and_their_own_text(env: WebEnv) -> None:
    await env.request_approval(BY_LINK)
    ada, mine = await env.open_link(ADA)
    ben, yours = await env.open_link(BEN)
    await ben.send(yours.page.form, "reject", reason="Not now")
    name = next(name for name, _ in mine.page.form.fields if name.startswith("f-"))
    late = await ada.send(mine.page.form, typed={name: "My long text"})
    assert late.status == 409
    assert "already rejected this request, " in late.page.text
    assert "My long text" in late.text
    again = await ada.get(late.path)
    assert again.status == 200
    assert BEN in again.page.text
    assert "Not now" in again.page.text


async def test_a_late_approver_sees_the_edits_of_the_earlier_decision(env: WebEnv) -> None:
    await env.request_approval(BY_LINK)
    ada, mine = await env.open_link(ADA)
    ben, yours = await env.open_link(BEN)
    name = next(name for name, _ in yours.page.form.fields if name.startswith("f-"))
    edited = await ben.post(
        yours.page.form.action,
        yours.page.form.with_(**{name: "Dear Kim, no."}, verdict="approve"),
        kind=yours.page.form.kind,
    )
    assert "Approved with edits" in edited.page.text
    late = await ada.send(mine.page.form)
    assert late.status == 409
    assert "already approved this request, " in late.page.text
    assert "What was changed" in late.page.headings
    assert (late.page.removed, late.page.added) == ([",\nyour refund is on its way"], [", no"])


async def test_a_link_shows_the_content_until_the_decision_and_a_remembered_browser_longer(
    env: WebEnv,
) -> None:
    await env.request_approval(BY_LINK)
    browser, page = await env.open_link(ADA)
    assert "your refund is on its way" in page.text
    await browser.send(page.page.form)
    for used in (browser, env.browser()):
        answer = await used.get(f"/r/{env.token(ADA)}")
        assert "Approved" in answer.page.text
        assert "your refund is on its way" not in answer.text
    known = await env.sign_in(ADA)
    assert "your refund is on its way" in (await known.get(page.path)).text


@pytest.mark.parametrize(
    ("assurance", "what"), [("code", "only they can decide here"), ("link", "a decision here counts as theirs")]
)
async def test_a_person_who_was_not_asked_learns_it_before_they_press_a_button(
    env: WebEnv, assurance: str, what: str
) -> None:
    """They opened the link of another person in a browser in which they are signed in themselves."""
    await env.request_approval(f"      assurance: {assurance}\n")
    sam = await env.sign_in("sam@example.com")
    _, asked = await env.open_link(ADA, sam)
    assert "You are signed in as sam@example.com, who was not asked to decide this." in asked.page.text
    assert f"This link was sent to a…@example.com: {what}." in asked.page.text
    _, alone = await env.open_link(ADA)
    assert "You are signed in as" not in alone.page.text
    ben = await env.sign_in(BEN)
    _, own = await env.open_link(ADA, ben)
    assert "who was not asked" not in own.page.text, "they decide in their own name"


async def test_a_forwarded_link_does_not_take_its_reader_for_the_approver(env: WebEnv) -> None:
    await env.request_approval()
    browser, page = await env.open_link(ADA)
    await env.enter_code(browser, await browser.send(page.page.form))
    _, forwarded = await env.open_link(ADA)
    assert "By a code that was sent to their email address" in forwarded.page.text
    assert "You approved" not in forwarded.page.text
    assert "To read the whole request again, sign in, then open the link in your email again." in forwarded.page.text
    assert "Sign in to see your requests" in forwarded.page.text


async def test_content_that_changed_is_shown_with_its_difference(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    fields = dict(page.page.form.fields)
    seen = fields["seen"].replace("refund is on its way", "money is gone")
    answer = await browser.send(page.page.form, digest="0" * 64, seen=seen)
    assert answer.status == 409
    assert "What is different now" in answer.page.headings
    assert (answer.page.removed, answer.page.added) == (["money", "gone"], ["refund", "on its way"])
    assert (await env.reload(request)).model.state is RequestState.PENDING
    assert (await browser.send(answer.page.form)).status == 200
    assert (await env.reload(request)).model.state is RequestState.APPROVED


async def test_a_stale_form_is_shown_again_with_the_typed_values(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    name = next(name for name, _ in page.page.form.fields if name.startswith("f-"))
    browser.jar = {key: value for key, value in browser.jar.items() if "holder" not in key[0]}
    answer = await browser.send(page.page.form, typed={name: "Mine"})
    assert answer.status == 422
    assert dict(answer.page.form.fields)[name] == "Mine"
    assert (await env.reload(request)).model.state is RequestState.PENDING
    await browser.send(answer.page.form)
    assert (await env.reload(request)).model.state is RequestState.APPROVED


@pytest.mark.parametrize("verdict", ["", "delete", "APPROVE"])
async def test_a_form_without_a_button_decides_nothing(env: WebEnv, verdict: str) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    assert (await browser.send(page.page.form, verdict)).status == 422
    assert (await env.reload(request)).model.state is RequestState.PENDING


FORM = """\
name: details
title: Details
owner: sam@example.com
steps:
  - id: ask
    uses: form
    title: Which account?
    approvers: [ada@example.com]
    assurance: link
    fields:
      account: {type: text, label: Account, max_length: 5}
      count: {type: integer, label: Count, default: 1, min: 1, max: 9}
"""


async def test_each_error_of_a_form_stands_beside_its_field(env: WebEnv) -> None:
    request = await env.request_approval(source=FORM)
    browser, page = await env.open_link()
    account, count = (name for name, _ in page.page.form.fields if name.startswith("f-"))
    wrong = await browser.send(page.page.form, typed={account: "far too long", count: "many"})
    assert wrong.status == 422
    assert "Account must be at most 5 characters long" in wrong.page.text
    assert "Count must be a number." in wrong.page.text
    for name, typed in ((account, "far too long"), (count, "many")):
        assert dict(wrong.page.form.fields)[name] == typed
        assert f"{name}-error" in wrong.page.ids[name]["aria-describedby"].split()
        assert f"#{name}" in wrong.page.links
    missing = await browser.send(wrong.page.form, typed={account: "", count: "12"})
    assert missing.status == 422
    assert "Count must be at most 9." in missing.page.text
    missing = await browser.send(missing.page.form, typed={count: "2"})
    assert "Account is missing." in missing.page.text
    done = await browser.send(missing.page.form, typed={account: "DE1"})
    assert "Filled in" in done.page.text
    decision = (await env.reload(request)).decision
    assert decision is not None
    assert {edit.path: edit.after for edit in decision.edits} == {("account",): "DE1", ("count",): 2}


async def test_untrusted_text_is_shown_as_it_is_and_marked_where_it_cannot_be_seen(env: WebEnv) -> None:
    lookalike = "P\N{CYRILLIC SMALL LETTER A}yp\N{CYRILLIC SMALL LETTER A}l"
    await env.request_approval(customer=f"{lookalike} <b>*now*</b> <!channel> \u202eevil\u200b")
    _, page = await env.open_link(ADA)
    shown = f"{lookalike} <b>*now*</b> <!channel> ⟦U+202E⟧evil⟦U+200B⟧"
    assert f"Send this to {shown}?" in page.page.headings
    assert "<b>*now*</b>" not in page.text
    assert not {"\u202e", "\u200b"} & set(page.page.text)
    card = env.engine_env.mail.to(ADA, DeliveryKind.REQUEST)[-1]
    sent = message.mail(card, envelope())
    assert str(sent["Subject"]) == f"Send this to {shown}? (ann@example.com)"
    for part in sent.iter_parts():
        assert lookalike in unescape(str(part.get_content()))
        assert "\u202e" not in str(part.get_content())
    assert shown in str(message_view.message(card, delivery="d").for_post())


async def test_another_answer_from_a_form_that_decided_is_reported_as_not_counted(
    env: WebEnv,
) -> None:
    """The approver goes back and presses the other button. The same button again shows its own decision."""
    request = await env.request_approval()
    browser = await env.sign_in()
    page = await browser.get(f"/review/{request.id}")
    await browser.send(page.page.form)
    again = await browser.send(page.page.form)
    assert again.status == 200
    assert "not counted" not in again.page.text
    other = await browser.send(page.page.form, "reject", reason="No, wait")
    assert other.status == 409
    assert "Your answer was not counted." in other.page.text
    name = next(name for name, _ in page.page.form.fields if name.startswith("f-"))
    edited = await browser.send(page.page.form, typed={name: "another"})
    assert edited.status == 409
    assert (await env.reload(request)).model.state is RequestState.APPROVED


async def test_technical_facts_stand_only_under_the_details(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link()
    receipt = await env.enter_code(browser, await browser.send(page.page.form))
    for answer in (page, receipt):
        front, details = answer.text.split('<details id="details">')
        visible = html_forms.read(front).text
        for technical in (request.run, request.id, request.model.digest, "(played)", "version 1"):
            assert technical not in visible, technical
            assert technical in details, technical
        assert "2026-03-02" not in visible
