"""Asking for changes on the review page, without its script."""

from __future__ import annotations

from engine.domain import RequestState
from tests.support.web_env import WebEnv

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
