"""A request is passed on in Slack: from the details of a request, or from the alert that no one can approve."""

from __future__ import annotations

import pytest

from engine.domain import RequestState
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, copy_of, expect_ok, words

ADA_ALONE = REFUND_WORKFLOW.replace("[ada@example.com, ben@example.com]", "[ada@example.com]")
STRICT = REFUND_WORKFLOW.replace(
    "      approvers: [ada@example.com, ben@example.com]",
    "      approvers: [cleo@example.com]\n      exclude: [requester]",
).replace("title: Refund\n", "title: Refund\nowner: cleo@example.com\n")


OWN = "Who decides in your place?"


async def pass_on(env: SlackEnv, by: str, to: str, *, label: str = OWN) -> str:
    """Fill in the form, submit it, and return what it says then."""
    person = env.person(by)
    values = {label: env.person(to).id, "Reason": "on holiday"}
    ack = expect_ok(await person.submit(values))
    await env.settle()
    return words(ack.body) if ack.body else ""


async def test_an_approver_passes_a_request_on_from_its_details(env: SlackEnv) -> None:
    run = await env.request_approval(ADA_ALONE)
    ada = env.person("ada")
    await ada.click("Details", on=copy_of(ada))
    await env.finish_background_work()
    await ada.click("Pass on", on="modal")
    await env.finish_background_work()
    said = await pass_on(env, "ada", "ben")
    assert "Ben" in said
    assert "decides in your place, and gets a message now." in said
    assert "decides in your place." in words(copy_of(ada))
    expect_ok(await env.person("ben").click("Approve", on=copy_of(env.person("ben"))))
    assert await env.state(run) is RequestState.APPROVED


async def test_a_person_who_has_approved_has_nothing_to_pass_on(env: SlackEnv) -> None:
    await env.request_approval(REFUND_WORKFLOW.replace("edit: [text]", "policy: all"))
    ada = env.person("ada")
    expect_ok(await ada.click("Approve"))
    await env.settle()
    await ada.click("Details", on=copy_of(ada))
    await env.finish_background_work()
    await ada.click("Pass on", on="modal")
    await env.finish_background_work()
    assert "You have approved this already, so you have nothing to pass on." in words(ada.modal)


async def test_a_person_who_cannot_take_over_is_refused_in_the_form(env: SlackEnv) -> None:
    await env.request_approval(ADA_ALONE)
    ada = env.person("ada")
    await ada.click("Details", on=copy_of(ada))
    await env.finish_background_work()
    await ada.click("Pass on", on="modal")
    await env.finish_background_work()
    assert "Una Single-Channel Guest is a guest here" in await pass_on(env, "ada", "una")
    assert "Cleo" in (said := await pass_on(env, "ada", "cleo"))
    assert "started this, so another person has to decide it. Choose another person." in said


@pytest.mark.parametrize("place", ["home", "runs"])
async def test_the_owner_passes_a_request_on_from_the_row_of_its_run(env: SlackEnv, place: str) -> None:
    run = await env.request_approval(by="ben")
    cleo = env.person("cleo")
    if place == "home":
        cleo.open_home()
        await env.slack.until(lambda: cleo.home)
        await cleo.click("Pass on", on="home")
    else:
        said = expect_ok(await cleo.command("/signoff runs", channel="general"))
        assert "Pass on" in words(said.body)
        await cleo.click("Pass on", on=cleo.sees("general")[-1])
    await env.finish_background_work()
    answer = await pass_on(env, "cleo", "cleo", label="Who decides in the place of Ada Approver?")
    assert "Cleo Builder decides in the place of Ada Approver" in answer
    expect_ok(await cleo.click("Approve", on=copy_of(cleo)))
    assert await env.state(run) is RequestState.APPROVED
    await env.settle()
    ben = env.person("ben")
    ben.open_home()
    await env.slack.until(lambda: ben.home)
    assert "Pass on" not in words(ben.home), "who only started the run cannot"


async def test_the_owner_passes_a_request_on_from_the_alert_that_no_one_can_approve(env: SlackEnv) -> None:
    run = await env.request_approval(STRICT)
    cleo = env.person("cleo")
    alert = next(message for message in cleo.sees() if "No one can approve" in words(message))
    assert "Pass it on to another person" in words(alert)
    await cleo.click("Pass on", on=alert)
    await env.finish_background_work()
    await pass_on(env, "cleo", "ben", label="Who decides?")
    expect_ok(await env.person("ben").click("Approve", on=copy_of(env.person("ben"))))
    assert await env.state(run) is RequestState.APPROVED
