"""Every ready-made workflow, from a command in Slack through the answer of a person to its end, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.domain import Address, Origin, RunStatus
from engine.domain.asks import (
    Ask,
    AskContent,
    Asked,
    AskUse,
    AskView,
    Consume,
    Consumed,
    OutcomeStatus,
    ReportOutcome,
)
from tests.support.engine_env import until
from tests.support.template_env import WORKFLOWS, TemplateEnv, open_templates


@dataclass(frozen=True)
class Played:
    """How a template is started and answered, and what it then wrote to other systems.

    `answers`: the question that Ben reads, his button, and what he enters. `changes`: of the file, as its user makes.
    """

    command: str
    answers: Sequence[tuple[str, str, Mapping[str, str]]]
    writes: Sequence[tuple[str, str, Any]] = ()
    changes: Sequence[tuple[str, str]] = ()
    waits: bool = False
    """It waits for days at its end."""
    output: Mapping[str, Any] = field(default_factory=dict)
    """The output of the last step, as far as it is compared."""


FINANCE = ("finance@example.com", "ben@example.com")
ROLE = '"role:{}"'
IBAN = "DE02120300000000202051"
TEMPLATES = {
    "access": Played(
        'system=billing why="Month end" lead=ben@example.com',
        [("use billing?", "Fill in", {"Days": "9"})],
        [("POST", "/grants", {"person": "ada@example.com", "system": "billing", "role": "read"})],
        waits=True,
    ),
    "data-export": Played(
        "query=new purpose=Billing delay=1s",
        [("Send 2 records to a partner?", "Approve", {})],
        [("POST", "/inbox", {"records": [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]})],
        ((ROLE.format("privacy"), "ben@example.com"),),
        output={"sent": True, "error": ""},
    ),
    "deploy": Played(
        "version=1.4 changes=Faster settle=1s",
        [("Deploy 1.4 to production?", "Approve", {})],
        [("POST", "/deployments", {"version": "1.4", "environment": "production"})],
    ),
    "expense": Played(
        'what="Train to Bonn" amount="84.50 EUR" spent_on=2026-03-02',
        [("Pay back 84.50 EUR for Train to Bonn?", "Edit", {"Amount (EUR)": "70"})],
        changes=(FINANCE,),
        output={"line": "02 Mar 2026: 70 EUR for Train to Bonn", "corrected": True},
    ),
    "outreach": Played(
        "prospect=P-1001 to=nora@example.com",
        [("Send the first email to Harbour Bakery?", "Send email", {})],
    ),
    "payment": Played(
        f'vendor="Harbour Paper" iban={IBAN} amount="900 EUR" due=2027-01-31',
        [("Pay 900.00 EUR to Harbour Paper?", "Pay", {})],
        [("POST", "/transfers", {"to": "Harbour Paper", "iban": IBAN, "amount": {"amount": "900", "currency": "EUR"}})],
        ((ROLE.format("finance"), "ben@example.com"), (ROLE.format("directors"), "mia@example.com")),
        output={"status": 200},
    ),
    "publish": Played(
        'topic="Our new studio" facts="It opens on 2 May." day=2027-05-02',
        [("Publish the post about Our new studio?", "Publish", {})],
        changes=((ROLE.format("editors"), "ben@example.com"),),
    ),
    "refund": Played(
        'order=A-1001 amount="120 EUR" reason="Arrived broken"',
        [("for order A-1001?", "Pay the refund", {})],
        [
            (
                "POST",
                "/refunds",
                {"order": "A-1001", "amount": {"amount": "120", "currency": "EUR"}, "note": "Arrived broken"},
            )
        ],
        (FINANCE,),
        output={"order": "A-1001", "answer": {"saved": True, "id": "g-1"}},
    ),
    "transcript": Played(
        'company=Acme transcript="We take twelve seats."',
        [("Is this what the call with Acme said?", "Approve", {})],
    ),
}
ASKED = "approvals"
"""The template that programs start, and not people."""
PLAYED_WITHOUT_SLACK = ("contract", "hiring")
"""A file, or the people of three roles: tests/integration/test_gallery.py plays them, where the holds pass too."""


@pytest.fixture
async def world(tmp_path: Path, server_database: dict[str, str]) -> AsyncIterator[TemplateEnv]:
    async with open_templates(tmp_path, server_database) as env:
        yield env


def test_no_template_is_left_out() -> None:
    assert sorted([*TEMPLATES, ASKED, *PLAYED_WITHOUT_SLACK]) == sorted(path.stem for path in WORKFLOWS.glob("*.yaml"))


@pytest.mark.parametrize("name", TEMPLATES)
async def test_a_template_runs_from_slack_to_its_end(world: TemplateEnv, name: str) -> None:
    played = TEMPLATES[name]
    await world.register(name, *played.changes)
    ada, ben = (world.env.sandbox.person(person) for person in ("ada", "ben"))
    await ada.command(f"/signoff run {name} {played.command}", channel="general")
    for title, button, entered in played.answers:
        await until(partial(world.is_shown, "ben", title))
        await ben.click(button)
        if entered:
            await until(lambda: ben.modal is not None)
            await ben.submit(dict(entered))
    if played.waits:
        await until(lambda: len(world.systems.written) == len(played.writes))
    else:
        # The person who started it hears of the end in the same place.
        await until(lambda: "Done" in str(ada.sees("general")) or "Failed" in str(ada.sees("general")))
        run = await world.last_run()
        assert (run.status, run.error) == (RunStatus.SUCCEEDED, None)
    if played.writes:
        assert world.systems.written == list(played.writes)
    output = (await world.last_run()).steps[-1].output or {}
    assert {key: output[key] for key in played.output} == dict(played.output)
    assert not ada.troubles
    assert not ben.troubles


async def test_a_call_of_an_agent_is_decided_in_slack_and_made_once(world: TemplateEnv) -> None:
    await world.register(ASKED, FINANCE)
    engine, ben = world.env.app.engine, world.env.sandbox.person("ben")
    agent, api = Address("api", "key1"), Origin(surface="api")
    content = AskContent(
        title="Refund it",
        tool="refund",
        arguments={"amount": 250, "order": "A-1007"},
        use=AskUse.ONCE,
        reasoning="Lost",
    )
    asked = await engine.ask(Ask(content=content, actor=agent, agent="Support agent", origin=api))
    assert isinstance(asked, Asked)
    await until(partial(world.is_shown, "ben", "Support agent wants to refund 250 EUR"))
    assert world.is_shown("ben", "Support agent (API key) asks to call “refund”.")
    assert world.is_shown("ben", "Why, says Support agent")
    await ben.click("Approve")
    await until(partial(world.is_shown, "ben", "Support agent may use it until"))
    consumed = await engine.consume(Consume(ask=asked.run, actor=agent, origin=api))
    assert isinstance(consumed, Consumed)
    await until(partial(world.is_shown, "ben", "Support agent used it"))
    reported = ReportOutcome(ask=asked.run, actor=agent, origin=api, status=OutcomeStatus.SUCCEEDED, note="Booked")
    await engine.report_outcome(reported)
    await until(partial(world.is_shown, "ben", "Support agent reported that it worked: “Booked”"))
    view = await engine.ask_view(asked.run, agent)
    assert isinstance(view, AskView)
    assert (view.rule, view.is_final) == ("rule 3: Large refund", True)
    assert not ben.troubles
