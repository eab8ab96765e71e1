"""An account is deactivated while requests wait for its person."""

from __future__ import annotations

from dataclasses import replace

from bot.presentation import refusals
from engine.domain import Address, Assurance, Decide, NoLongerApprover, Origin, Registered, RequestState, Verdict
from engine.domain.workflow_commands import TransferWorkflow
from engine.store import left_owners
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, copy_of, expect_ok, words

WHY = "the account was deactivated"


async def change_account(env: SlackEnv, name: str, *, deactivated: bool = True) -> None:
    """Deactivate or activate an account, and wait until the bot has taken note of it."""
    log = env.slack.slack.deliveries.log
    before = len(log)
    env.slack.deactivate(name, deactivated=deactivated)
    await env.slack.until(lambda: len(log) > before and all(item.ack is not None for item in log))
    assert all(item.ack is not None and item.ack.ok for item in log[before:])


async def decide(env: SlackEnv, run: str, by: Address) -> object:
    model = (await env.request(run)).model
    return await env.engine.decide(
        Decide(
            request=model.id,
            verdict=Verdict.APPROVE,
            actor=by,
            content_version=model.content_version,
            digest=model.digest,
            origin=Origin(surface="web"),
            assurance=Assurance.SLACK,
        )
    )


async def test_a_deactivated_approver_is_excluded_from_everything_that_waits_for_them(env: SlackEnv) -> None:
    await env.register()
    runs = [await env.start(amount=amount) for amount in range(25)]
    await change_account(env, "ada")
    for waiting in runs:
        ada, ben = (await env.request(waiting)).approvers
        assert (ada.excluded, ben.excluded) == (WHY, None)


async def test_the_other_approvers_read_who_can_no_longer_decide(env: SlackEnv) -> None:
    run = await env.request_approval()
    await change_account(env, "ada")
    await env.settle()
    assert "Ada Approver can no longer decide: the account was deactivated." in words(copy_of(env.person("ben")))
    expect_ok(await env.person("ben").click("Approve", on=copy_of(env.person("ben"))))
    assert await env.state(run) is RequestState.APPROVED


async def test_a_deactivated_approver_cannot_decide_with_an_answer_that_was_kept(env: SlackEnv) -> None:
    """Other processes may keep the answer of Slack for a minute, and an account may be activated again."""
    run = await env.request_approval()
    ada = Address("slack", env.person("ada").id)
    await change_account(env, "ada")
    refused = await decide(env, run, ada)
    assert refused == NoLongerApprover(why=WHY)
    assert isinstance(refused, NoLongerApprover)
    assert refusals.sentence(refused).startswith("You can no longer decide this request: the account was deactivated.")
    await change_account(env, "ada", deactivated=False)
    assert await decide(env, run, ada) == refused
    later = await env.start(amount=7)
    assert [approver.excluded for approver in (await env.request(later)).approvers] == [None, None]


async def test_every_exclusion_is_on_the_record_once_however_often_slack_says_it(env: SlackEnv) -> None:
    await env.request_approval()
    env.slack.fault("deliver:events_api", "duplicate")
    await change_account(env, "ada")
    await change_account(env, "ada")
    (entry,) = [entry for entry in env.entries() if entry["kind"] == "request.approver_excluded"]
    assert (entry["name"], entry["why"]) == ("Ada Approver", WHY)


async def test_other_changes_of_an_account_change_nothing(env: SlackEnv) -> None:
    run = await env.request_approval()
    await change_account(env, "ada", deactivated=False)
    await change_account(env, "una")
    assert [approver.excluded for approver in (await env.request(run)).approvers] == [None, None]


async def test_a_changed_account_is_looked_up_again(env: SlackEnv) -> None:
    await env.request_approval()
    env.slack.world.users[env.person("ben").id].real_name = "Ben Renamed"
    await change_account(env, "ben", deactivated=False)
    later = await env.start(amount=7)
    assert [approver.person.name for approver in (await env.request(later)).approvers] == [
        "Ada Approver",
        "Ben Renamed",
    ]


async def test_the_admins_are_told_once_of_workflows_whose_owner_left(env: SlackEnv) -> None:
    ada = env.person("ada")
    source = REFUND_WORKFLOW.replace(", ben@example.com]", "]")
    await env.register(source.replace("name: refund\n", "name: refund\nowner: ben@example.com\n", 1))
    env.engine.context = replace(env.engine.context, admins=frozenset({Address("slack", ada.id)}))
    await env.engine.person(Address("slack", ada.id))
    await env.start()
    await env.settle()
    for deactivated in (True, False, True):
        await change_account(env, "ben", deactivated=deactivated)
        await env.settle()
    told = [words(message) for message in ada.sees() if "needs another owner" in words(message)]
    assert len(told) == 1
    assert "signoff transfer refund OWNER" in told[0]
    (left,) = await env.bot.store.read(left_owners.left_owners)
    assert left.workflow == "refund"
    moved = TransferWorkflow(
        workflow="refund", to="ada@example.com", actor=Address("slack", ada.id), origin=Origin(surface="slack")
    )
    assert isinstance(await env.engine.transfer(moved), Registered)
    assert await env.bot.store.read(left_owners.left_owners) == []
