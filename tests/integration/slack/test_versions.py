"""The versions and the state of a workflow in Slack: what changed, going back, and stopping, with a question before."""

from __future__ import annotations

import pytest

from bot.roles import file
from engine.domain.workflow_commands import WorkflowState
from tests.integration.slack.test_commands import answer_to, last_answer
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, expect_ok

SECOND = REFUND_WORKFLOW.replace("default: 120", "default: 75").replace("title: Refund\n", "title: Pay back\n")


@pytest.fixture(params=["http"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def state(env: SlackEnv) -> WorkflowState:
    view = await env.engine.workflow("refund")
    return view.state  # type: ignore[union-attr]


async def press(env: SlackEnv, label: str, person: str = "cleo") -> str:
    one = env.person(person)
    expect_ok(await one.click(label, on=one.sees("general")[-1]))
    return await last_answer(env, person)


async def test_what_the_last_version_changed_is_said_in_words_and_in_lines(env: SlackEnv) -> None:
    await env.register()
    assert "only one version" in await answer_to(env, "cleo", "/signoff diff refund")
    await env.register(SECOND)
    text = await answer_to(env, "cleo", "/signoff diff refund")
    assert text.startswith("Pay back: from version 1 to 2")
    assert "75 (was 120)" in text
    assert "+title: Pay back" in text
    assert "-title: Refund" in text
    assert "75 (was 120)" in await answer_to(env, "cleo", "/signoff diff refund 1 2")
    assert "There is no version 7. It has the versions 1 to 2." in await answer_to(
        env, "cleo", "/signoff diff refund 7"
    )
    assert "Both versions say the same." in await answer_to(env, "cleo", "/signoff diff refund 2 2")


async def test_going_back_registers_the_older_file_as_the_next_version(env: SlackEnv) -> None:
    await env.register()
    await env.register(SECOND)
    listed = await answer_to(env, "cleo", "/signoff versions refund")
    assert "Version 2 (current) , registered by Cleo Builder" in listed
    assert "what version 1 would change in version 2" in await answer_to(env, "cleo", "/signoff rollback refund")
    assert await press(env, "Go back to version 1") == (
        "refund has the file of version 1 again, as version 3. Open runs keep theirs."
    )
    view = await env.engine.workflow("refund")
    assert view.source.decode() == REFUND_WORKFLOW  # type: ignore[union-attr]
    assert "the current one" in await answer_to(env, "cleo", "/signoff rollback refund 3")


async def test_an_old_button_takes_no_version_back_that_came_meanwhile(env: SlackEnv) -> None:
    await env.register()
    await env.register(SECOND)
    await answer_to(env, "cleo", "/signoff rollback refund")
    await env.register(SECOND.replace("title: ", "title: New "))
    assert (await press(env, "Go back to version 1")).startswith("refund has version 3 now, which you have not seen")
    view = await env.engine.workflow("refund")
    assert view.version == 3  # type: ignore[union-attr]


async def test_a_workflow_is_disabled_and_deleted_only_after_a_question(env: SlackEnv) -> None:
    await env.register()
    assert "Disable Refund? Nothing starts it" in await answer_to(env, "cleo", "/signoff disable refund")
    assert await state(env) is WorkflowState.ACTIVE
    assert "is disabled. Nothing starts it" in await press(env, "Disable")
    assert await state(env) is WorkflowState.DISABLED
    assert "disabled" in await answer_to(env, "ben", "/signoff run refund amount=5")
    assert "is enabled. It can be started again." in await answer_to(env, "cleo", "/signoff enable refund")
    assert "Delete Refund?" in await answer_to(env, "cleo", "/signoff delete refund")
    assert "is deleted." in await press(env, "Delete")
    assert await env.engine.workflows() == []


async def test_only_builders_and_owners_look_and_only_owners_act(env: SlackEnv) -> None:
    await env.register()
    for word in ("versions", "diff", "rollback", "disable", "enable", "delete"):
        assert "Only builders may register" in await answer_to(env, "ada", f"/signoff {word} refund")
        assert "Which workflow?" in await answer_to(env, "cleo", f"/signoff {word}")
        assert "There is no workflow" in await answer_to(env, "cleo", f"/signoff {word} refnd")
    await env.register(SECOND.replace("name: refund", "name: other"), by="ben")
    assert "Only the owner of other or an admin" in await answer_to(env, "cleo", "/signoff enable other")
    await answer_to(env, "cleo", "/signoff delete other")
    assert "Only the owner of other or an admin" in await press(env, "Delete")


async def test_a_protected_workflow_is_not_stopped_by_one_person_alone(env: SlackEnv) -> None:
    await env.register(f"{REFUND_WORKFLOW}protected: true\n")
    await answer_to(env, "cleo", "/signoff delete refund")
    assert "refund is protected, so another person has to approve this change" in await press(env, "Delete")
    assert await state(env) is WorkflowState.ACTIVE


async def test_a_member_of_the_role_that_owns_a_workflow_builds_it(env: SlackEnv) -> None:
    """Ben is no builder: the role makes him an owner. Ada is in no role."""
    env.roles = file.read(b"roles: {finance: [cleo@example.com, ben@example.com]}", file="roles.yaml")
    await env.register(f'{REFUND_WORKFLOW}\nowner: "role:finance"\n')
    await env.register(SECOND + '\nowner: "role:finance"\n')
    assert "75 (was 120)" in await answer_to(env, "ben", "/signoff diff refund")
    assert "Only builders may" in await answer_to(env, "ada", "/signoff diff refund")
