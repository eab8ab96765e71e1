"""The approvers of a server with Slack and email, and the commands that show people."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.domain import DeliveryKind
from tests.support.cli import Commands
from tests.support.processes import HELLO, Installation
from tests.support.server_env import open_server

GATED_WORKFLOW = """
name: flow
owner: cleo@example.com
inputs:
  who: {type: json}
steps:
  - {id: act, uses: set, with: {a: 1}, gate: {title: May it?, approvers: "{{ inputs.who }}"}}
"""


async def test_a_person_with_a_closed_account_is_not_asked_by_email(tmp_path: Path) -> None:
    async with open_server(tmp_path, in_slack=True) as env:
        await env.register(GATED_WORKFLOW)
        run = await env.start("flow", who=["dora@example.com", "mia@example.com"])
        (email,) = await env.sandbox.mail.wait_for(to="mia@example.com")
        request = await env.request(run)
        assert [approver.person.email for approver in request.approvers] == ["mia@example.com"]
        _, dora, mia = request.notes
        assert "Dora Deactivated is deactivated and is not asked" in dora
        assert mia == "mia@example.com is not in Slack, so they are asked by email."
        assert "Dora Deactivated is deactivated" in str(email.text)
        assert mia not in str(email.text), "the note is for the others"
        assert env.sandbox.mail.received(to="dora@example.com") == []
        copies = await env.app.engine.deliveries(run=run)
        assert {copy.address for copy in copies if copy.kind is DeliveryKind.REQUEST} == {"mia@example.com"}


# -- the terminal -------------------------------------------------------------------------------------------


@pytest.fixture
def installation(installation: Installation) -> Installation:
    installation.write("hello.yaml", HELLO.replace("steps:", "owner: sam@example.com\nsteps:"))
    return installation


def execute(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as file:
        for statement in statements:
            file.execute(statement)
        file.commit()


def test_people_are_listed_and_shown_with_what_said_so(signoff: Commands) -> None:
    signoff.run_ok("register", "hello.yaml")
    signoff.run_ok("run", "hello")
    listed = {person["addresses"][0]: person for person in signoff.json("people", "list")}
    assert "sam@example.com" in listed
    assert "sam@example.com" in signoff.run_ok("people", "list").out
    for reference in "sam@example.com", "SAM@example.com", listed["sam@example.com"]["id"]:
        details = signoff.json("people", "show", reference)
        (period,) = details["history"]
        assert (period["address"], period["until"]) == ("sam@example.com", None)
        assert period["evidence"] == "sam@example.com names it."
    assert "sam@example.com names it." in " ".join(signoff.run_ok("people", "show", "sam@example.com").out.split())
    assert signoff("people", "show", "stranger@example.com").output == (
        "There is no person stranger@example.com. See the known people: signoff people list"
    )


def test_the_person_of_an_address_can_be_undone(signoff: Commands) -> None:
    signoff.run_ok("register", "hello.yaml")
    signoff.run_ok("run", "hello")
    undone = signoff.run_ok("people", "undo", "sam@example.com").out
    assert undone.startswith("sam@example.com no longer belongs to sam@example.com. It belongs to no person now.")
    assert signoff("people", "undo", "sam@example.com").code == 1
    assert signoff("people", "undo", "owner").code == 2
    entries = [json.loads(line) for line in signoff.run_ok("audit", "export").out.splitlines()]
    assert json.loads(entries[-1]["leaf"])["kind"] == "person.undone"
    signoff.run_ok("audit", "verify")


def test_joined_accounts_are_separated_by_the_next_command_and_reported_by_doctor(signoff: Commands) -> None:
    signoff.run_ok("register", "hello.yaml")
    signoff.run_ok("run", "hello")
    row = "SELECT workspace, 'slack', '{}', person, added_at, NULL, NULL FROM address WHERE value = 'lee@example.com'"
    execute(
        signoff.installation.database,
        f"INSERT INTO address {row.format('U0LEE')}",
        f"INSERT INTO address {row.format('U0KIM')}",
    )

    def people_finding() -> tuple[str, str]:
        findings = [finding for finding in signoff("doctor", "--json").json if finding["check"] == "work.people"]
        return findings[0]["state"], findings[0]["said"]

    assert people_finding()[0] == "warning"
    assert "one person until the server starts" in people_finding()[1]
    signoff.run_ok("run", "hello")
    state, text = people_finding()
    assert state == "warning"
    assert "U0KIM" in text
    assert "U0LEE" in text
    accounts = [person["addresses"] for person in signoff.json("people", "list")]
    assert ["slack:U0LEE"] in accounts
    assert ["slack:U0KIM"] in accounts
