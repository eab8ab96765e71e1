"""Careless, impatient and hostile use of the bot, over signed HTTP and over a socket."""

from __future__ import annotations

import pytest

from bot.devtools.sandbox.faults import FaultKind
from bot.slack.command_handlers import pairs
from bot.slack.rate_limit import RateLimiter
from engine import workflowfile
from engine.domain import DeliveryKind, DeliveryState, RequestState, RunStatus
from engine.errors import DefinitionError, StoreError
from engine.read_models import PageQuery
from tests.integration.slack.test_commands import answer_to
from tests.integration.slack.test_steps import message
from tests.integration.slack.test_trouble import OWNED, start_unknown_outcome
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, copy_of, ephemeral_texts, expect_ok, words

pytestmark = pytest.mark.each_variation

# -- steps of unknown outcome -------------------------------------------------------------------------------


async def test_an_answer_counts_for_the_call_that_was_asked_about_and_for_no_later_one(env: SlackEnv) -> None:
    run = await start_unknown_outcome(env)
    cleo = env.person("cleo")
    outdated = cleo.sees()[-1]
    expect_ok(await cleo.click("It did not happen", on=outdated))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    for answer in "It did not happen", "It happened", "Stop the run":
        expect_ok(await cleo.click(answer, on=outdated, stale=True))
        await env.settle()
        assert "Cleo Builder already answered “It did not happen”, " in ephemeral_texts(env.slack, cleo)[-1]
    assert len(env.bot.step.calls) == 2
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    answered_message, question = (message for message in cleo.sees() if "Did “Act” happen?" in words(message["blocks"]))
    assert "This was answered" in words(answered_message)
    assert buttons(answered_message) == ["Details"]
    expect_ok(await cleo.click("It happened", on=question))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


# -- typed lines --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "unread"),
    [
        ("amount=80 amount=800", "amount=800"),
        ('amount=80 note="as agreed amount=800', 'note="as agreed amount=800'),
        ('note="say "hi" twice"', 'note="say "hi" twice"'),
    ],
)
def test_an_ambiguous_part_of_a_line_is_not_read(line: str, unread: str) -> None:
    assert pairs(line)[1] == unread


async def test_an_amount_that_is_typed_twice_starts_nothing(env: SlackEnv) -> None:
    await env.register()
    text = await answer_to(env, "ben", "/signoff run refund amount=80 amount=800")
    assert "could not read “amount=800”. Write each input once, as name=value" in text
    assert await env.engine.runs(PageQuery()) == []


@pytest.mark.parametrize("gap", ["\n", "\t", "\u00a0", "  "])
async def test_a_command_may_have_any_white_space_between_its_words(env: SlackEnv, gap: str) -> None:
    await env.register()
    assert "Refund 80 EUR?" in await answer_to(env, "ben", f"/signoff run{gap}refund{gap}amount=80{gap}note=a b")
    (run,) = await env.engine.runs(PageQuery())
    assert run.inputs == {"amount": 80, "note": "a b"}


async def test_an_unknown_command_is_quoted_as_it_was_typed(env: SlackEnv) -> None:
    await env.register()
    assert "no command “it's”." in await answer_to(env, "ben", "/signoff it's")
    assert "no command “⟦U+202E⟧x”." in await answer_to(env, "ben", "/signoff \u202ex")
    assert "could not read “it's so”." in await answer_to(env, "ben", "/signoff run refund it's\nso")


def test_a_long_line_is_read_at_once() -> None:
    """Other deliveries wait meanwhile. A reader of quadratic cost would exceed the time limit of the test."""
    for line in ("a=1" + " " * 400_000 + "x", " " * 400_000 + "x", "a=1 " + "x " * 200_000, 'a="' + "x " * 200_000):
        assert pairs(line) is not None


# -- errors after a commit ----------------------------------------------------------------------------------


async def answer_unreadably(*_: object) -> None:
    raise StoreError("The disk cannot be read.")


async def test_a_recorded_decision_is_never_reported_as_lost(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    request, env.engine.request = env.engine.request, answer_unreadably  # type: ignore[method-assign,assignment]

    expect_ok(await ada.click("Approve"))
    await env.finish_background_work()
    env.engine.request = request  # type: ignore[method-assign]

    assert await env.state(run) is RequestState.APPROVED
    assert "What you did was saved" in ephemeral_texts(env.slack, ada)[-1]
    assert "nothing was changed" not in str(ephemeral_texts(env.slack, ada))


async def test_a_recorded_form_is_never_reported_as_lost(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    ada.open_home()
    await env.slack.until(lambda: ada.home)
    expect_ok(await ada.click("Review", on="home"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.click("Reject"))
    await env.slack.until(lambda: len(ada.stack) == 2)
    request, env.engine.request = env.engine.request, answer_unreadably  # type: ignore[method-assign,assignment]

    expect_ok(await ada.submit({"Reason": "No"}))
    env.engine.request = request  # type: ignore[method-assign]

    assert await env.state(run) is RequestState.REJECTED
    assert "What you did was saved" in words(ada.modal)


async def test_a_registered_workflow_is_never_reported_as_lost(env: SlackEnv) -> None:
    cleo = env.person("cleo")
    expect_ok(await cleo.command("/signoff register"))
    await env.slack.until(lambda: cleo.modal)
    workflow, env.engine.workflow = env.engine.workflow, answer_unreadably  # type: ignore[method-assign,assignment]

    expect_ok(await cleo.submit({"Workflow file": REFUND_WORKFLOW}))
    await env.finish_background_work()
    env.engine.workflow = workflow  # type: ignore[method-assign]

    assert [workflow.name for workflow in await env.engine.workflows()] == ["refund"]
    assert "What you did was saved" in ephemeral_texts(env.slack, cleo)[-1]


@pytest.mark.parametrize("how", ["decided here", "cancelled meanwhile"])
async def test_the_pages_below_a_form_have_no_buttons_after_the_decision(env: SlackEnv, how: str) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    ada.open_home()
    await env.slack.until(lambda: ada.home)
    expect_ok(await ada.click("Review", on="home"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: len(ada.stack) == 2)
    if how == "cancelled meanwhile":
        expect_ok(await env.person("cleo").command(f"/signoff cancel {run}"))
    expect_ok(await ada.submit({"Text": "Pay half"}))
    await env.finish_background_work()
    await ada.close()
    assert ada.modal is not None
    assert buttons(ada.modal) == []
    assert ("cancelled" in how) == ("The run was cancelled by Cleo Builder" in words(ada.modal))


@pytest.mark.parametrize("fault", ["ratelimited", "reset", "lost", "status"])
async def test_a_form_that_cannot_be_opened_asks_to_click_again(env: SlackEnv, fault: FaultKind) -> None:
    await env.request_approval()
    ada = env.person("ada")
    env.slack.fault("views.open", fault, seconds=30)
    for _ in range(2 if fault == "ratelimited" else 1):
        expect_ok(await ada.click("Edit", on=copy_of(ada)))
        await env.finish_background_work()
        assert "click again in a moment" in ephemeral_texts(env.slack, ada)[-1]


@pytest.mark.parametrize("code", ["is_archived", "no_permission", "ekm_access_denied", "channel_not_found"])
async def test_a_copy_that_could_not_be_edited_for_a_while_loses_its_buttons_all_the_same(
    env: SlackEnv, code: str
) -> None:
    run = await env.request_approval()
    env.slack.fault("chat.update", "error", code=code, times=4)
    env.slack.fault("response_url", "status", status=404, times=None)
    expect_ok(await env.person("ada").click("Approve"))
    for _ in range(3):
        await env.settle()
        env.pass_time(minutes=30)
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    for person in "ada", "ben":
        assert buttons(copy_of(env.person(person))) == ["Details"]


async def test_a_copy_that_can_no_longer_be_edited_is_given_up_eventually(env: SlackEnv) -> None:
    run = await env.request_approval()
    env.slack.fault("chat.update", "error", code="is_archived", times=None)
    env.bot.client._pace = RateLimiter(multiplier=1000)  # noqa: SLF001

    expect_ok(await env.person("ada").click("Approve"))
    for _ in range(14):
        await env.settle()
        env.pass_time(hours=1)
    copies = [delivery for delivery in await env.engine.deliveries(run=run) if delivery.kind is DeliveryKind.REQUEST]
    assert {copy.state for copy in copies} == {DeliveryState.DEAD}


async def test_a_form_that_was_slow_and_then_broke_no_longer_says_one_moment(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")

    async def raise_error(*_: object) -> None:
        await env.slack.until(lambda: ada.modal)
        raise RuntimeError("broke")

    env.engine.request = raise_error  # type: ignore[method-assign,assignment]

    expect_ok(await ada.click("Edit"))
    await env.finish_background_work()
    assert "could not be loaded" in words(ada.modal)
    assert "(incident " in ephemeral_texts(env.slack, ada)[-1]
    assert (await env.view(run)).status is RunStatus.WAITING


async def test_the_requester_is_informed_when_neither_approver_nor_owner_can_be_reached(env: SlackEnv) -> None:
    asks = OWNED.replace("[ada@example.com, ben@example.com]", "[ada@example.com]")
    await env.register(asks.replace("steps:", "may_run: [gus@example.com]\nsteps:"))
    run = await env.start(by="gus")
    for name in "ada", "cleo":
        env.person(name).user.deleted = True
    await env.settle()
    (text,) = [words(message.get("blocks")) for message in env.person("gus").sees()]
    assert "No approver can be reached for “Refund 120 EUR?”" in text
    assert "Ada Approver (" in text
    assert await env.state(run) is RequestState.PENDING


# -- a slow Slack -------------------------------------------------------------------------------------------


async def slow_down_lookups(env: SlackEnv) -> None:
    """Forget all accounts, and make each lookup take almost the longest time that the bot waits."""
    await env.restart()
    for method in "users.lookupByEmail", "users.info", "usergroups.users.list":
        env.slack.fault(method, "slow", seconds=1.0 if method != "usergroups.users.list" else 0.05, times=None)


async def test_a_start_with_slow_lookups_is_answered_in_time(env: SlackEnv) -> None:
    """Otherwise the author would see a failure, type the command again, and start two runs."""
    await env.register(REFUND_WORKFLOW.replace("steps:", "may_run: [group:finance-approvers]\nsteps:"))
    await slow_down_lookups(env)
    ben = env.person("ben")
    expect_ok(await ben.command("/signoff run refund amount=80"))
    env.slack.faults.clear()


async def test_a_slow_registration_is_answered_in_time(env: SlackEnv) -> None:
    cleo = env.person("cleo")
    expect_ok(await cleo.command("/signoff register"))
    await env.slack.until(lambda: cleo.modal)
    await slow_down_lookups(env)
    source = REFUND_WORKFLOW.replace("title: Refund\n", "title: Refund\nowner: ben@example.com\n")
    expect_ok(await cleo.submit({"Workflow file": source}))
    env.slack.faults.clear()
    await env.finish_background_work()
    assert "Registered Refund, version 1." in ephemeral_texts(env.slack, cleo)[-1]


async def test_runs_are_found_behind_hundreds_of_others(env: SlackEnv) -> None:
    await env.register(REFUND_WORKFLOW.replace("steps:", "may_run: [gus@example.com, ben@example.com]\nsteps:"))
    run = await env.start(by="gus")
    for _ in range(210):
        await env.start(by="ben")
    await answer_to(env, "gus", "/signoff runs")
    (listed,) = [message for message in env.slack.world.ephemerals if message.seen_by == env.person("gus").id]
    assert run in str(listed.blocks), "the button of its row names the run"


# -- messages -----------------------------------------------------------------------------------------------


async def test_a_message_is_posted_whole_or_not_at_all(env: SlackEnv) -> None:
    """Slack cuts a text that is too long. It counts the escaped text."""
    await env.register(message("#general", "{{ inputs.text }}").replace("steps:", "inputs: {text: long_text}\nsteps:"))
    run = await env.start("tell", text="&" * 39_000)
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.FAILED
    assert "longer than the 40,000 characters" in (view.error or "")
    run = await env.start("tell", text="&" * 7_900)
    await env.settle()
    assert any("&amp;" * 7_900 in message.get("text", "") for message in env.person("ada").sees("general"))


# -- forms --------------------------------------------------------------------------------------------------


def form(fields: str) -> str:
    return f"name: big\nsteps:\n  - id: ask\n    uses: form\n    approvers: [ada@example.com]\n    fields:\n{fields}"


def test_a_form_with_more_fields_than_a_modal_holds_is_not_registered() -> None:
    with pytest.raises(DefinitionError, match="at most 40 fields; this has 101"):
        workflowfile.load(form("".join(f"      f{n}: text\n" for n in range(101))).encode(), kinds={})


async def test_forty_amounts_can_be_filled_in(env: SlackEnv) -> None:
    run = await env.request_approval(form("".join(f"      f{n}: money\n" for n in range(40))))
    ada = env.person("ada")
    expect_ok(await ada.click("Fill in"))
    await env.slack.until(lambda: ada.modal)
    assert ada.modal is not None
    inputs = [block["block_id"] for block in ada.modal["blocks"] if block["type"] == "input"]
    expect_ok(await ada.submit({block_id: "5" if "amount" in block_id else "EUR" for block_id in inputs}))
    assert await env.state(run) is RequestState.APPROVED


async def test_a_form_that_is_too_large_for_slack_says_so_before_it_is_filled_in(env: SlackEnv) -> None:
    options = ", ".join(f"{n:03}{'y' * 140}" for n in range(100))
    await env.request_approval(
        form("".join(f"      f{n}: {{type: choice, options: [{options}]}}\n" for n in range(15)))
    )
    ada = env.person("ada")
    expect_ok(await ada.click("Fill in"))
    await env.slack.until(lambda: ada.modal)
    assert ada.modal is not None
    assert "too large for Slack" in words(ada.modal)
    assert "F14" in words(ada.modal)
    assert ada.modal["submit"] is None


async def test_a_form_of_an_earlier_version_becomes_the_present_one_with_what_was_typed(env: SlackEnv) -> None:
    """It would be refused because of a field that it does not have, or start a version that its author has not seen."""
    await env.register()
    ben = env.person("ben")
    expect_ok(await ben.command("/signoff run refund"))
    await env.slack.until(lambda: ben.modal)
    changed = REFUND_WORKFLOW.replace("  note: {type: long_text, required: false}\n", "  who: text\n")
    await env.register(changed)
    await env.restart()
    expect_ok(await ben.submit({"Amount": "75", "Note": "For Dana.\nIt is urgent."}))
    assert "Refund has changed since you opened this form, so nothing was started." in words(ben.modal)
    assert "It is no longer asked for: Note" in words(ben.modal)
    assert "For Dana.\nIt is urgent." in words(ben.modal)
    assert await env.engine.runs(PageQuery()) == []
    expect_ok(await ben.submit({"Who": "Dana"}))
    (run,) = await env.engine.runs(PageQuery())
    assert (run.version, run.inputs) == (2, {"who": "Dana", "amount": 75})
