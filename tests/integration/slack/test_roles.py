"""The roles file in Slack: approvers and builders by role, and people with an account and further addresses."""

from __future__ import annotations

from pathlib import Path

from bot.roles import file
from engine.domain import RequestState
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, copy_of, expect_ok, open_slack, words

FILE = b"""
roles:
  finance: ["group:finance-approvers", ada.private@example.org]
  builders: [ada.private@example.org]
people:
  - {name: Ada Private, addresses: [ada@example.com, ada.private@example.org]}
"""
BY_ROLE = REFUND_WORKFLOW.replace("[ada@example.com, ben@example.com]", '["role:finance"]')


async def test_a_role_asks_its_members_in_slack_once_each(env: SlackEnv) -> None:
    env.roles = file.read(FILE)
    run = await env.request_approval(BY_ROLE)
    ada, ben = (await env.request(run)).approvers
    assert [(row.person.name, row.rule) for row in (ada, ben)] == [
        ("Ada Approver", "role:finance"),
        ("Ben Approver", "role:finance"),
    ]
    assert len([copy for copy in env.person("ada").sees() if "Refund 120 EUR?" in words(copy)]) == 1
    expect_ok(await env.person("ada").click("Approve", on=copy_of(env.person("ada"))))
    assert await env.state(run) is RequestState.APPROVED


async def test_who_has_the_role_of_builders_may_register(tmp_path: Path) -> None:
    async with open_slack(tmp_path / "signoff.db", "http", builders=("role:builders",)) as env:
        env.roles = file.read(FILE)
        for name, may in ("ada", True), ("ben", False):
            person = env.person(name)
            expect_ok(await person.command("/signoff register", channel="general"))
            await env.finish_background_work()
            assert (person.modal is not None) is may, name
