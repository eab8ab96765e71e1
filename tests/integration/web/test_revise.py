"""Asking for changes on the review page, without its script."""

from __future__ import annotations

import pytest

from engine.domain import DeliveryKind, RequestState
from tests.support.web_env import ADA, WebEnv

SOURCE = """name: letter
owner: sam@example.com
steps:
  - {id: draft, uses: set, with: {body: "Dear Kim,{{ review.comment }}{{ review.edits.body | default('') }}"}}
  - id: send
    uses: played
    with: {text: "{{ steps.draft.body }}"}
    gate:
      title: Send this to Kim?
      approvers: [ada@example.com]
      edit: [text]
      assurance: link
      revise: draft
"""


async def test_the_button_asks_what_should_change_and_the_next_version_shows_it(env: WebEnv) -> None:
    request = await env.request_approval(source=SOURCE)
    browser, page = await env.open_link()
    assert "What should change?" not in page.page.text
    asked = await browser.send(page.page.form, "revise")
    assert "What should change?" in asked.page.text
    missing = await browser.send(asked.page.form, "revise", reason=" ")
    assert "Please say what should change." in missing.page.text
    receipt = await browser.send(missing.page.form, "revise", reason="shorter")
    assert "sent this back for changes" in receipt.page.text
    assert "The new version comes as a request of its own." in receipt.page.text
    assert (await env.reload(request)).model.state is RequestState.CHANGES_REQUESTED
    env.engine_env.pass_time(seconds=1)
    await env.engine_env.settle()
    browser, second = await env.open_link()
    assert "asked for changes" in second.page.text
    assert "Dear Kim,shorter" in second.text
    assert "What is different from the version before" in second.page.text
    assert "<ins" in second.text
    again = await browser.send(second.page.form, "revise", reason="longer")
    assert "sent this back for changes" in again.page.text


async def test_what_was_changed_in_the_form_goes_back_with_the_comment(env: WebEnv) -> None:
    request = await env.request_approval(source=SOURCE.replace("edits.body", "edits.text"))
    browser, page = await env.open_link()
    changed = page.page.form.with_(reason="like this")
    name = next(name for name, value in changed if "Dear Kim," in value and name not in ("seen", "reason"))
    await browser.send(page.page.form, "revise", typed={name: "Hi Kim"}, reason="like this")
    env.engine_env.pass_time(seconds=1)
    await env.engine_env.settle()
    latest = (await env.engine_env.engine.requests_of_run(request.run))[-1]
    assert latest.model.content.value["text"] == "Dear Kim,like thisHi Kim"


async def test_a_form_that_is_sent_twice_shows_the_receipt_twice(env: WebEnv) -> None:
    await env.request_approval(source=SOURCE)
    browser, page = await env.open_link()
    form = page.page.form
    first, second = [await browser.send(form, "revise", reason="shorter") for _ in range(2)]
    assert (first.status, second.status) == (200, 200)
    assert "sent this back for changes" in second.page.text
    other = await browser.send(form, "approve")
    assert other.status == 409
    assert "already sent this request back for changes" in other.page.text


async def test_a_code_says_what_it_confirms_and_what_was_typed_is_kept(env: WebEnv) -> None:
    source = SOURCE.replace("assurance: link", "confirm_with: code")
    request = await env.request_approval(source=source)
    browser, page = await env.open_link()
    at_code = await browser.send(page.page.form, "revise", reason="much shorter")
    await env.engine_env.settle()
    card = env.engine_env.mail.to(ADA, DeliveryKind.CODE)[-1]
    assert "ask for changes" in f"{card.title} {card.question} {card}"
    env.engine_env.pass_time(minutes=11)
    late = await browser.get(at_code.path)
    back = await browser.get(next(link for link in late.page.links if link.endswith("typed=1")))
    assert "What should change?" in back.page.text
    assert dict(back.page.form.fields)["reason"] == "much shorter"
    at_code = await browser.send(back.page.form, "revise")
    wrong = await browser.post(at_code.page.form.action, at_code.page.form.with_(code="13572468"))
    assert (await env.reload(request)).model.state is RequestState.PENDING
    receipt = await env.enter_code(browser, wrong)
    assert "sent this back for changes" in receipt.page.text
    view = await env.reload(request)
    assert [signature.meaning for signature in view.signatures] == ["Asked for changes: Send this to Kim?"]


async def test_a_code_after_the_decision_of_another_changes_nothing(env: WebEnv) -> None:
    source = SOURCE.replace("assurance: link", "confirm_with: code").replace("[ada@", "[ben@example.com, ada@")
    request = await env.request_approval(source=source)
    browser, page = await env.open_link()
    at_code = await browser.send(page.page.form, "revise", reason="much shorter")
    ben, other = await env.open_link("ben@example.com")
    await env.enter_code(ben, await ben.send(other.page.form, "approve"), "ben@example.com")
    late = await env.enter_code(browser, at_code)
    assert (await env.reload(request)).model.state is RequestState.APPROVED
    assert "already approved this request" in late.page.text
    assert "much shorter" in late.page.text


@pytest.mark.parametrize("comment", ["x" * 5_000, "a\u202eb\u2066c", "a\0b", "<script>x</script>", "{{ secret.KEY }}"])
async def test_any_comment_is_kept_as_text(env: WebEnv, comment: str) -> None:
    request = await env.request_approval(source=SOURCE)
    browser, page = await env.open_link()
    receipt = await browser.send(page.page.form, "revise", reason=comment)
    assert receipt.status == 200
    env.engine_env.pass_time(seconds=1)
    await env.engine_env.settle()
    latest = (await env.engine_env.engine.requests_of_run(request.run))[-1]
    assert latest.model.state is RequestState.PENDING
    text = str(latest.model.content.value["text"])
    kept = text.removeprefix("Dear Kim,")
    assert kept == (comment.replace("\0", "\ufffd") if len(comment) < 5_000 else kept)
    assert len(kept) > 1_000 or len(comment) < 5_000
    _, shown = await env.open_link()
    assert shown.status == 200
    assert "<script>x" not in shown.text
    assert "\u202e" not in shown.page.text


async def test_a_verdict_of_no_button_decides_nothing(env: WebEnv) -> None:
    await env.request_approval(source=SOURCE)
    browser, page = await env.open_link()
    empty = await browser.send(page.page.form, "revise\0", reason="x")
    assert "Press one of the buttons" in empty.page.text


async def test_the_list_sends_nothing_back_and_finds_what_was_sent_back(env: WebEnv) -> None:
    request = await env.request_approval(source=SOURCE)
    browser = await env.sign_in()
    page = await browser.get("/inbox")
    one, several = page.page.form_with("approve"), page.page.form_with("together")
    forged = [(one, (("revise", request.id),)), (several, (("pick", request.id), ("together", "revise")))]
    for form, pressed in forged:
        answer = await browser.post(form.action, [*form.fields, *pressed], kind=form.kind)
        assert answer.status < 500
    assert (await env.reload(request)).model.state is RequestState.PENDING
    _, opened = await env.open_link(browser=browser)
    await browser.send(opened.page.form, "revise", reason="x")
    found = {}
    for state in ("changes_requested", "rejected"):
        part = await browser.get(f"/inbox?part=decided&status={state}")
        found[state] = "Send this to Kim?" in part.page.text
    assert found == {"changes_requested": True, "rejected": False}
