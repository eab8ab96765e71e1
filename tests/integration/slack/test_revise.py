"""Asking for changes in Slack: a button, a form for the comment, and a new request that shows what is different."""

from __future__ import annotations

from engine.domain import RequestState, RunStatus
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, copy_of, expect_ok, words

REVISED = REFUND_WORKFLOW.replace(
    "  - id: pay\n",
    '  - {id: draft, uses: set, with: {text: "Pay {{ inputs.amount }} EUR{{ review.comment }}"}}\n  - id: pay\n',
).replace(
    'text: "Pay {{ inputs.amount }} EUR", again: true', 'text: "{{ steps.draft.text }}", again: true'
).replace("edit: [text]", "edit: [text]\n      revise: draft\n      revise_limit: 1")  # fmt: skip


async def test_the_comment_comes_back_with_a_new_request_that_shows_the_difference(env: SlackEnv) -> None:
    run = await env.request_approval(REVISED)
    ada, ben = env.person("ada"), env.person("ben")
    assert buttons(copy_of(ada)) == ["Approve", "Edit", "Ask for changes", "Reject", "Ask", "Details"]
    env.pass_time(seconds=1)
    expect_ok(await ada.click("Ask for changes"))
    await env.slack.until(lambda: ada.modal)
    assert ada.modal is not None
    assert "You get the new version as a new request." in words(ada.modal)
    expect_ok(await ada.submit({"What should change?": ", to Ann"}))
    await env.settle()
    first, second = await env.engine.requests_of_run(run)
    assert [first.model.state, second.model.state] == [RequestState.CHANGES_REQUESTED, RequestState.PENDING]
    old, new = ben.sees()[-2:]
    assert "Sent back for changes by Ada Approver" in words(old)
    assert buttons(old) == ["Details"]
    assert "Ada Approver asked for changes" in words(new)
    assert "Pay 120 EUR, to Ann" in words(new)
    assert buttons(new) == ["Approve", "Edit", "Reject", "Ask", "Details"], "the limit is reached"
    expect_ok(await ben.click("Approve"))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert [params.text for params, _ in env.bot.step.calls] == ["Pay 120 EUR, to Ann"]
    assert not ada.troubles


async def test_a_click_on_the_version_before_is_refused_in_a_sentence(env: SlackEnv) -> None:
    run = await env.request_approval(REVISED)
    ada, ben = env.person("ada"), env.person("ben")
    await ben.click("Ask for changes")
    await env.slack.until(lambda: ben.modal)
    await ada.click("Ask for changes")
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ben.submit({"What should change?": "less"}))
    await ada.submit({"What should change?": "more"})
    await env.settle()
    assert len(await env.engine.requests_of_run(run)) == 2
    assert "Ben Approver already sent this request back for changes" in words(ada.modal or {})


async def test_each_delivery_made_twice_asks_once(env: SlackEnv) -> None:
    for kind in "interactive", "slash_commands", "events_api":
        env.slack.fault(f"deliver:{kind}", "duplicate", times=None)
    run = await env.request_approval(REVISED.replace("revise_limit: 1", "revise_limit: 5"))
    ada = env.person("ada")
    env.pass_time(seconds=1)
    expect_ok(await ada.click("Ask for changes"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit({"What should change?": "a\u202eb" + "x" * 2_900}))
    await env.settle()
    first, second = await env.engine.requests_of_run(run)
    assert (first.model.state, second.model.state) == (RequestState.CHANGES_REQUESTED, RequestState.PENDING)
    assert "\u202e" not in words(ada.sees()[-1])
    assert not ada.troubles
