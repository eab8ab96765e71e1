"""Deciding from the inbox: one request from its row, and several together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from engine.domain import RequestState
from engine.read_models import RequestView
from tests.integration.web.test_inbox_parts import AUDITOR, ask, decide, known, listed, orders
from tests.support.html_forms import Form
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv, open_web


@pytest.fixture
async def env(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path, auditors=[AUDITOR]) as env:
        yield env


async def press(browser: Browser, form: Form, **button: str) -> Answer:
    """Press a button of a form that decides."""
    return await browser.post(form.action, form.with_(**button), kind=form.kind)


async def choose(
    browser: Browser, requests: Sequence[RequestView], verdict: str = "approve", path: str = "/inbox"
) -> Answer:
    """Choose requests in the list, and press the button for all of them."""
    form = (await browser.get(path)).page.form_with("together")
    fields = [*form.fields, *(("pick", request.id) for request in requests), ("together", verdict)]
    return await browser.post(form.action, fields, kind=form.kind)


async def states(env: WebEnv, requests: Sequence[RequestView]) -> list[RequestState]:
    return [(await env.reload(request)).model.state for request in requests]


# -- one request --------------------------------------------------------------------------------------------


async def test_a_press_of_approve_decides_and_shows_the_receipt_and_the_next_one(env: WebEnv) -> None:
    first, second = await ask(env, "A-1"), await ask(env, "A-2")
    ada = await env.sign_in()
    inbox = await ada.get("/inbox?search=refund")
    answer = await press(ada, inbox.page.form_with("approve"), approve=first.id)
    assert (await env.reload(first)).model.state is RequestState.APPROVED
    assert answer.path.startswith("/inbox?search=refund&receipt=")
    assert answer.path.endswith("#receipt")
    assert "Pay this refund? You approved this, Mar 2, 2026" in answer.page.text
    assert "Next: Pay this refund?" in answer.page.text
    assert f"/review/{second.id}" in answer.page.links
    assert orders(answer) == ["A-2"]
    decision = (await env.reload(first)).decision
    assert decision is not None
    assert (decision.person.label, decision.assurance) == (ADA, "code")


async def test_the_receipt_of_the_page_of_a_request_leads_to_the_next_one(env: WebEnv) -> None:
    first, second = await ask(env, "A-1"), await ask(env, "A-2")
    ada = await env.sign_in()
    receipt = await ada.send((await ada.get(f"/review/{first.id}")).page.form)
    assert "Next: Pay this refund?" in receipt.page.text
    assert f"/review/{second.id}" in receipt.page.links
    last = await ada.send((await ada.get(f"/review/{second.id}")).page.form)
    assert "Next:" not in last.page.text
    voted = await ask(env, "A-3", approvers=f"{ADA}, {BEN}", keys="      policy: {quorum: 2}\n", name="other")
    third = await ask(env, "A-4")
    receipt = await ada.send((await ada.get(f"/review/{voted.id}")).page.form)
    assert "Next: Pay this refund? · A-4 · 5.00 EUR" in receipt.page.text
    assert f"/review/{third.id}" in receipt.page.links


async def test_a_form_that_is_sent_twice_decides_once_and_shows_the_receipt_again(env: WebEnv) -> None:
    request = await ask(env, "A-1")
    await ask(env, "A-2")
    ada = await env.sign_in()
    form = (await ada.get("/inbox")).page.form_with("approve")
    pages = [await press(ada, form, approve=request.id) for _ in range(2)]
    assert [page.status for page in pages] == [200, 200]
    assert all("You approved this" in page.page.text for page in pages)
    other = await press(ada, (await ada.get("/inbox")).page.form_with("approve"), reject=request.id)
    assert other.status == 409
    assert "You already approved this request" in other.page.text


async def test_an_approval_that_others_have_to_join_says_who_is_missing(env: WebEnv) -> None:
    request = await ask(env, "A-1", approvers=f"{ADA}, {BEN}", keys="      policy: {quorum: 2}\n")
    ada = await env.sign_in()
    answer = await press(ada, (await ada.get("/inbox")).page.form_with("approve"), approve=request.id)
    assert "1 of 2 approvals. Waiting for ben@example.com." in answer.page.text
    assert await listed(ada) == []
    assert await listed(ada, "/inbox?part=waiting") == ["A-1"]


@pytest.mark.parametrize(
    ("keys", "verdict", "sentence"),
    [
        ('      confirm: "Really?"\n', "approve", "read the question that the button asks"),
        ("      irreversible: true\n", "approve", "What follows cannot be undone."),
        ("      confirm_with: code\n", "approve", "Your decision needs a code."),
        ("      assurance: sso\n", "approve", "To decide this, you sign in with Slack."),
        ("      reason_required: always\n", "approve", "Write your reason, then press the button."),
        ("      reason_required: reject\n", "reject", "Write why you reject this, then press the button."),
    ],
)
async def test_where_more_is_needed_the_page_of_the_request_says_so(
    env: WebEnv, keys: str, verdict: str, sentence: str
) -> None:
    request = await ask(env, "A-1", keys=keys)
    ada = await env.sign_in()
    page = await press(ada, (await ada.get("/inbox")).page.form_with("approve"), **{verdict: request.id})
    assert page.path.startswith(f"/review/{request.id}?")
    assert f"Nothing was decided yet. {sentence}" in page.page.text or sentence in page.page.text
    assert (await env.reload(request)).decision is None
    assert ("reason" in dict(page.page.form.fields)) is ("reason" in keys)


async def test_content_that_changed_meanwhile_is_not_decided(env: WebEnv) -> None:
    request = await ask(env, "A-1")
    ada = await env.sign_in()
    form = (await ada.get("/inbox")).page.form_with("approve")
    for seen in (f"1.{'0' * 64}", "", "x.y", f"2.{request.model.digest}"):
        answer = await press(ada, form, approve=request.id, **{f"seen-{request.id}": seen})
        assert answer.status == 409
        assert "“Pay this refund? · A-1 · 5.00 EUR” was not decided." in answer.page.text
    assert (await env.reload(request)).decision is None


async def test_a_form_of_another_browser_or_person_decides_nothing(env: WebEnv) -> None:
    request, theirs = await ask(env, "A-1"), await ask(env, "B-1", approvers=BEN)
    ada = await env.sign_in()
    form = (await ada.get("/inbox")).page.form_with("approve")
    stale = await press(ada, form, approve=request.id, nonce="x")
    assert (stale.status, "Nothing was done yet." in stale.page.text) == (422, True)
    signed_out = await press(env.browser(), form, approve=request.id)
    assert signed_out.page.headings == ["Sign in to see your requests"]
    seen = f"{theirs.model.content_version}.{theirs.model.digest}"
    foreign = await press(ada, form, approve=theirs.id, **{f"seen-{theirs.id}": seen})
    assert (foreign.status, "not in your inbox" in foreign.page.text) == (404, True)
    assert (await press(ada, form, approve="unknown")).status == 404
    assert await states(env, [request, theirs]) == [RequestState.PENDING] * 2


async def test_a_form_is_filled_in_on_its_page(env: WebEnv) -> None:
    source = (
        "name: ask\ntitle: Ask\nowner: sam@example.com\nsteps:\n"
        f'  - {{id: ask, uses: form, title: "Which one?", approvers: [{ADA}], fields: {{which: text}}}}\n'
    )
    request = await env.request_approval(source=source)
    page = (await (await env.sign_in()).get("/inbox")).page
    assert not any(name == "approve" for form in page.forms for name, _, _ in form.buttons)
    assert page.links.count(f"/review/{request.id}") == 2


# -- several ------------------------------------------------------------------------------------------------


async def test_several_are_approved_together_after_a_look_at_each(env: WebEnv) -> None:
    why = "      reason: Over 100 EUR (refund policy 4.2).\n"
    requests = [await ask(env, f"A-{number}", f"{number + 1}.00", keys=why) for number in range(3)]
    ada = await env.sign_in()
    look = await choose(ada, requests[:2])
    assert look.page.headings[0] == "Approve these 2 requests?"
    assert "Order A-0 Amount 1.00 EUR" in look.page.text
    assert look.page.text.count("ann@example.com asks. Over 100 EUR (refund policy 4.2).") == 2
    assert await states(env, requests) == [RequestState.PENDING] * 3
    result = await press(ada, look.page.form_with("sure"), sure="approve")
    assert result.page.headings == ["2 approved.", "Approved by you"]
    assert {f"/review/{request.id}" for request in requests[:2]} <= {*result.page.links}
    assert await states(env, requests) == [RequestState.APPROVED] * 2 + [RequestState.PENDING]
    again = await press(ada, look.page.form_with("sure"), sure="approve")
    assert again.page.headings[0] == "2 approved.", "the same form, sent again"


@pytest.mark.parametrize(("first", "then"), [("approve", "reject"), ("reject", "approve")])
async def test_a_form_sent_again_with_the_other_verdict_says_what_was_decided(
    env: WebEnv, first: str, then: str
) -> None:
    requests = [await ask(env, f"A-{number}") for number in range(3)]
    ada = await env.sign_in()
    rows = (await ada.get("/inbox")).page.form_with("approve")
    await press(ada, rows, reason="Why not", **{first: requests[2].id})
    other = await press(ada, rows, reason="Why not", **{then: requests[2].id})
    assert (other.status, f"You already {first.removesuffix('e')}ed this request" in other.page.text) == (409, True)
    look = (await choose(ada, requests[:2], first)).page.form_with("sure")
    await press(ada, look, sure=first, reason="Why not")
    again = await press(ada, look, sure=then, reason="Why not")
    assert again.page.headings == [f"None was {then.removesuffix('e')}ed. 2 were left out.", "Left out"]
    assert again.page.text.count(f"You already {first.removesuffix('e')}ed this request") == 2
    expected = RequestState.APPROVED if first == "approve" else RequestState.REJECTED
    assert await states(env, requests) == [expected] * 3


async def test_what_was_decided_or_changed_meanwhile_is_left_out_and_named(env: WebEnv) -> None:
    requests = [await ask(env, f"A-{number}", approvers=f"{ADA}, {BEN}") for number in range(3)]
    ada = await env.sign_in()
    look = (await choose(ada, requests)).page.form_with("sure")
    await decide(env, requests[0], BEN)
    result = await press(ada, look, sure="approve", **{f"seen-{requests[1].id}": f"1.{'0' * 64}"})
    assert result.page.headings == ["1 approved. 2 were left out.", "Left out", "Approved by you"]
    assert "Pay this refund? · A-0 · 5.00 EUR ben@example.com already approved this request" in result.page.text
    assert "Pay this refund? · A-1 · 5.00 EUR" in result.page.text
    assert await states(env, requests) == [RequestState.APPROVED, RequestState.PENDING, RequestState.APPROVED]


async def test_fifty_with_five_stale_ones(env: WebEnv) -> None:
    requests = [await ask(env, f"A-{number}", approvers=f"{ADA}, {BEN}") for number in range(50)]
    ada, ben = await env.sign_in(), await env.sign_in(BEN)
    look = await choose(ada, requests)
    assert look.page.headings[0] == "Approve these 50 requests?"
    theirs = (await ben.get("/inbox")).page.form_with("approve")
    for request in requests[:5]:
        await press(ben, theirs, reject=request.id, reason="No budget")
    result = await press(ada, look.page.form_with("sure"), sure="approve")
    assert result.page.headings[0] == "45 approved. 5 were left out."
    assert result.page.text.count("ben@example.com already rejected this request") == 5


async def test_several_are_rejected_with_one_reason(env: WebEnv) -> None:
    requests = [await ask(env, f"A-{number}", keys="      reason_required: reject\n") for number in range(2)]
    ada = await env.sign_in()
    look = await choose(ada, requests, "reject")
    assert look.page.headings[0] == "Reject these 2 requests?"
    missing = await press(ada, look.page.form_with("sure"), sure="reject", reason=" ")
    assert (missing.status, missing.page.ids["reason"]["aria-invalid"]) == (422, "true")
    result = await press(ada, missing.page.form_with("sure"), sure="reject", reason="No budget\nthis year")
    assert result.page.headings == ["2 rejected.", "Rejected by you"]
    decisions = [(await env.reload(request)).decision for request in requests]
    assert [one.reason for one in decisions if one] == ["No budget\nthis year"] * 2


async def test_what_is_decided_by_itself_has_no_box_and_says_why(env: WebEnv) -> None:
    alone, other = await ask(env, "A-1", keys="      batch: false\n"), await ask(env, "A-2", name="other")
    ada = await env.sign_in()
    page = await ada.get("/inbox")
    assert f'name="pick" value="{other.id}"' in page.text
    assert f'name="pick" value="{alone.id}"' not in page.text
    sentence = "Decide this one separately: its workflow does not allow several at once."
    assert sentence in page.page.text
    look = await choose(ada, [alone, other])
    assert look.page.headings[:2] == ["Approve this request?", "Left out"]
    assert dict(look.page.form_with("sure").fields)["pick"] == other.id
    forged = [*look.page.form_with("sure").fields, ("pick", alone.id), ("sure", "approve")]
    seen = (f"seen-{alone.id}", f"{alone.model.content_version}.{alone.model.digest}")
    result = await ada.post(look.page.form_with("sure").action, [*forged, seen])
    assert result.page.headings[0] == "1 approved. 1 was left out."
    assert "Open this request and decide it separately" in result.page.text
    assert (await env.reload(alone)).decision is None


async def test_nothing_is_decided_where_nothing_was_chosen(env: WebEnv) -> None:
    requests = [await ask(env, "A-1")]
    ada = await env.sign_in()
    empty = await choose(ada, [])
    assert (empty.status, "Choose some requests first" in empty.page.text) == (422, True)
    form = empty.page.form_with("together")
    many = [*form.fields, *(("pick", f"r{number}") for number in range(51)), ("together", "approve")]
    assert "Choose at most 50 requests at once." in (await ada.post(form.action, many)).page.text
    unknown = [*form.fields, ("pick", "unknown"), ("together", "approve")]
    none = await ada.post(form.action, unknown)
    assert none.page.headings == ["None of these can be decided together"]
    assert await states(env, requests) == [RequestState.PENDING]


async def test_a_request_of_others_is_not_shown_in_the_step_before_a_batch(env: WebEnv) -> None:
    mine, theirs = await ask(env, "A-1"), await ask(env, "SECRET-77", approvers=BEN)
    stranger, auditor = await known(env, "eve@example.com"), await known(env, AUDITOR)
    hidden = await choose(stranger, [mine, theirs])
    assert "SECRET-77" not in hidden.text
    assert theirs.id not in hidden.text
    read = await choose(auditor, [theirs])
    assert "Left out" in read.page.headings
    assert "You are not an approver of this request." in read.page.text.replace(f"{AUDITOR} is", "You are")
