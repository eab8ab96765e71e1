"""Every workflow of the gallery from its registration to its end: with a real server, people of roles, and files."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from bot.ai.client import PydanticAiClient
from bot.cli import trial_asks
from bot.devtools.language_model import KEY, MODEL, run_model_service
from bot.roles.directory import DirectoryWithRoles
from bot.roles.stand_ins import StandIns
from engine.domain import Address, Register, Registered, RunStatus, Start, Started, Verdict
from engine.domain.asks import Consume, OutcomeStatus, ReportOutcome
from engine.ports import StepServices
from engine.steps import registry
from tests.integration.test_steps_with_files import LateFiles, RecordingMailer, Steps
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.fakes import people_reached_by
from tests.support.http_calls import serving
from tests.support.language_model import recorded

FOLDER = Path(__file__).parents[2] / "templates" / "workflows"
FILES = sorted(file.stem for file in FOLDER.glob("*.yaml"))
ANSWERS: Final = {
    "/prospects/P-1001": {"name": "Harbour Bakery", "notes": "The sign has faded.", "account_owner": "lee@example.com"},
    "/records": {"records": [{"id": 1}, {"id": 2}]},
    "/grants": {"id": "g-1"},
}


def of_role(role: str, number: int = 1) -> Address:
    return Address("email", f"{role}-{number}@role.example")


def email(name: str) -> Address:
    return Address("email", f"{name}@example.com")


@dataclass(frozen=True)
class Answer:
    """One answer to the open request of a run."""

    by: Address
    verdict: Verdict = Verdict.APPROVE
    edits: dict[str, Any] = field(default_factory=dict)
    reason: str = "because"


@dataclass(frozen=True)
class Played:
    """A run of a workflow. `steps`: answers, and times that pass. `calls`: what services got."""

    workflow: str
    inputs: dict[str, Any]
    steps: Sequence[Answer | timedelta] = ()
    calls: Sequence[str] = ()
    emails: Sequence[str] = ()
    messages: Sequence[str] = ()
    ends: RunStatus = RunStatus.SUCCEEDED
    health: int = 200

    @property
    def title(self) -> str:
        return f"{self.workflow} {self.ends}"


REJECT: Final = Verdict.REJECT
PDF: Final = "a file"
"""Stands for a file that is uploaded."""
EUR: Final = "EUR"


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": EUR}


DEPLOY = {"version": "1.4.0", "changes": "Faster search"}
PAYMENT = {"vendor": "Harbour Paper", "iban": "DE02120300000000202051", "due": "2026-12-31"}
CONTRACT = {"partner": "Paper", "about": "Paper", "value": eur("9000"), "contract": PDF, "to": "ann@example.com"}
POST = {"topic": "Our new studio", "facts": "It opens on 2 May.", "day": "2026-05-02"}
OFFER = {"candidate": "Kim", "email": "kim@example.com", "job": "Painter", "salary": eur("42000"), "notes": "Steady"}
ACCESS = {"system": "billing", "why": "Month end", "lead": "lee@example.com"}
CALL = {"company": "Harbour Bakery", "transcript": "We would take twelve seats from January."}
EXPORT = {"query": "Orders of March", "purpose": "Audit"}
PLAYED: Final = (
    Played(
        "access",
        ACCESS,
        [Answer(email("lee"), edits={"days": 9, "role": "write"}), timedelta(days=9, minutes=1)],
        calls=["POST /grants", "DELETE /grants/g-1"],
        messages=["You may write billing for 9 days."],
    ),
    Played("access", ACCESS, [Answer(email("lee"), REJECT)], ends=RunStatus.REJECTED),
    Played(
        "contract",
        CONTRACT,
        [
            Answer(of_role("legal"), edits={"risk": "high", "findings": "No notice"}),
            Answer(of_role("directors")),
            Answer(of_role("directors", 2)),
            timedelta(minutes=16),
        ],
        emails=["ann@example.com"],
    ),
    Played(
        "contract",
        CONTRACT,
        [
            Answer(of_role("legal"), edits={"risk": "low", "findings": "Nothing"}),
            Answer(of_role("directors"), REJECT),
        ],
        ends=RunStatus.REJECTED,
    ),
    Played(
        "data-export",
        EXPORT,
        [Answer(of_role("privacy"), edits={"body.records": [{"id": 1}]}), timedelta(minutes=31)],
        calls=["GET /records?q=Orders+of+March", 'POST /inbox {"records":[{"id":1}]}'],
    ),
    Played(
        "data-export",
        EXPORT,
        [Answer(of_role("privacy"), REJECT)],
        calls=["GET /records?q=Orders+of+March"],
        ends=RunStatus.REJECTED,
    ),
    Played("deploy", DEPLOY, [Answer(SAM), timedelta(minutes=6)], calls=["POST /deployments", "GET /health"]),
    Played(
        "deploy",
        DEPLOY,
        [Answer(SAM), timedelta(minutes=6), Answer(SAM)],
        health=503,
        calls=["POST /deployments", "GET /health", "POST /rollbacks"],
    ),
    Played(
        "deploy",
        DEPLOY,
        [Answer(SAM), timedelta(minutes=6), Answer(SAM, REJECT)],
        health=503,
        calls=["POST /deployments", "GET /health"],
    ),
    Played("deploy", DEPLOY, [timedelta(hours=4, minutes=1)], ends=RunStatus.EXPIRED),
    Played(
        "expense",
        {"what": "Train", "amount": eur("84.50"), "spent_on": "2026-03-02", "receipt": PDF},
        [Answer(email("finance"), edits={"amount": eur("70")})],
    ),
    Played(
        "expense",
        {"what": "Train", "amount": eur("84.50"), "spent_on": "2026-03-02"},
        [timedelta(days=14, minutes=1)],
        ends=RunStatus.REJECTED,
    ),
    Played(
        "hiring",
        OFFER,
        [
            Answer(of_role("interviewers")),
            Answer(of_role("interviewers", 2)),
            Answer(of_role("head-of-team")),
            timedelta(minutes=16),
        ],
        emails=["kim@example.com"],
    ),
    Played("hiring", OFFER, [Answer(of_role("interviewers")), Answer(of_role("interviewers", 2), REJECT)]),
    Played(
        "outreach",
        {"prospect": "P-1001", "to": "nora@example.com"},
        [Answer(email("lee"))],
        calls=["GET /prospects/P-1001"],
        emails=["nora@example.com"],
    ),
    Played(
        "payment",
        {**PAYMENT, "amount": eur("900"), "invoice": PDF},
        [Answer(of_role("finance"))],
        calls=["POST /transfers"],
    ),
    Played(
        "payment",
        {**PAYMENT, "amount": eur("9000")},
        [Answer(of_role("finance")), Answer(of_role("directors"))],
        calls=["POST /transfers"],
    ),
    Played(
        "payment",
        {**PAYMENT, "amount": eur("9000")},
        [Answer(of_role("finance")), Answer(of_role("directors"), REJECT)],
        ends=RunStatus.REJECTED,
    ),
    Played(
        "publish",
        POST,
        [
            Answer(of_role("editors"), Verdict.REVISE, reason="Say where it is"),
            Answer(of_role("editors", 2)),
        ],
        calls=["POST /posts", "at the harbour"],
    ),
    Played("publish", POST, [Answer(of_role("editors"), REJECT)], ends=RunStatus.REJECTED),
    Played("refund", {"order": "A-1001", "amount": eur("20"), "reason": "Broken"}, calls=["POST /refunds"]),
    Played(
        "refund",
        {"order": "A-1001", "amount": eur("250"), "reason": "Broken"},
        [Answer(email("finance"), edits={"json.amount": eur("200")})],
        calls=["POST /refunds"],
    ),
    Played(
        "transcript",
        CALL,
        [Answer(SAM, edits={"stage": "customer"})],
        calls=["PUT /companies/Harbour%20Bakery", "POST /issues"],
    ),
)


@dataclass
class Services:
    """What the gallery calls and sends to. `calls`: every request, as "POST /path" and what its body says."""

    health: int = 200
    calls: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.calls.append(f"{request.method} {request.path_qs} {body.decode()}".strip())
        if request.path == "/health":
            return web.json_response({"healthy": self.health == 200}, status=self.health)
        return web.json_response(ANSWERS.get(request.path, {"accepted": True}))

    async def send(self, *, to: str, text: str, source: str, key: str) -> dict[str, object]:
        self.messages.append(text)
        return {"channel": to, "ts": "1"}


@dataclass
class Gallery:
    """An engine with the real step types and made-up people for each role."""

    env: EngineEnv
    services: Services
    mailer: RecordingMailer
    url: str

    async def register(self, workflow: str) -> None:
        """Register a workflow with the address of the services, as its builder would write it."""
        text = (FOLDER / f"{workflow}.yaml").read_text(encoding="utf-8")
        source = re.sub(r"https://[a-z]+\.example\.com", self.url, text).encode()
        answer = await self.env.engine.register(Register(source=source, actor=SAM, origin=TERMINAL))
        assert isinstance(answer, Registered), answer

    async def start(self, played: Played) -> str:
        file = Steps.file
        values = {
            name: await file(self, b"%PDF-1.7 page", "page.pdf") if value is PDF else value  # type: ignore[arg-type]
            for name, value in played.inputs.items()
        }
        started = await self.env.engine.start(
            Start(workflow=played.workflow, inputs=values, actor=ANN, origin=TERMINAL)
        )
        assert isinstance(started, Started), started
        await self.env.settle()
        return started.run

    async def answer(self, run: str, answer: Answer) -> None:
        """Decide the open request of a run, as the person who is asked."""
        decided = await self.env.decide(run, answer.verdict, by=answer.by, edits=answer.edits, reason=answer.reason)
        assert type(decided).__name__ == "Decided", decided


@pytest.fixture
async def gallery(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[Gallery]:
    late, mailer, services = LateFiles(), RecordingMailer(), Services()
    answers = [one for name in ("outreach", "transcript", "publish") for one in recorded(name)]
    async with run_model_service(answers) as model, serving(services.handle) as url:
        client = PydanticAiClient(key=KEY, url=model.url, default_model=MODEL)
        allowed = (url.removeprefix("http://"),)
        kinds = registry.builtin(
            StepServices(sender=services, mailer=mailer, language_model=client, files=late, http_allow=allowed)
        )
        async with open_engine(
            tmp_path / "signoff.db",
            open_store=open_database,
            steps=kinds,
            secrets={"DEPLOY_TOKEN": "kept-by-no-one"},
            directory=DirectoryWithRoles(people_reached_by("recording"), StandIns),
        ) as env:
            late.files = env.engine.files
            yield Gallery(env, services, mailer, url)
        await client.aclose()


def test_every_workflow_of_the_gallery_is_played_to_more_than_one_end() -> None:
    played = {one.workflow for one in PLAYED}
    assert sorted({*played, "approvals"}) == FILES
    assert len(FILES) >= 12


@pytest.mark.parametrize("played", PLAYED, ids=lambda one: one.title)
async def test_a_workflow_of_the_gallery_runs_to_its_end(gallery: Gallery, played: Played) -> None:
    gallery.services.health = played.health
    await gallery.register(played.workflow)
    run = await gallery.start(played)
    for step in played.steps:
        gallery.env.pass_time(seconds=1)
        if isinstance(step, Answer):
            await gallery.answer(run, step)
        else:
            gallery.env.clock.pass_time(step)
        await gallery.env.settle()
    view = await gallery.env.view(run)
    assert (view.status, [one.error for one in view.steps if one.error]) == (played.ends, [])
    assert len(gallery.services.calls) == len([call for call in played.calls if " /" in call])
    seen = "\n".join(gallery.services.calls)
    assert [call for call in played.calls if call not in seen] == []
    assert [email["to"] for email in gallery.mailer.sent] == list(played.emails)
    assert gallery.services.messages == list(played.messages)


async def test_the_tool_call_of_an_agent_passes_the_gate_of_its_rule(gallery: Gallery) -> None:
    await gallery.register("approvals")
    asked: Any = await gallery.env.engine.ask(
        trial_asks.read(
            json.dumps({"tool": "refund", "title": "Refund", "arguments": {"amount": 250}, "editable": ["amount"]}),
            "approvals",
        )
    )
    run = asked.run
    await gallery.env.settle()
    await gallery.answer(run, Answer(email("finance"), edits={"amount": 200}))
    await gallery.env.settle()
    taken: Any = await gallery.env.engine.consume(Consume(ask=run, actor=trial_asks.PROGRAM, origin=TERMINAL, key="k"))
    assert taken.arguments["amount"] == 200, taken
    await gallery.env.engine.report_outcome(
        ReportOutcome(ask=run, actor=trial_asks.PROGRAM, origin=TERMINAL, status=OutcomeStatus.SUCCEEDED)
    )
    await gallery.env.settle()
    assert (await gallery.env.view(run)).status is RunStatus.SUCCEEDED


async def test_a_tool_call_that_only_people_do_is_refused_at_once(gallery: Gallery) -> None:
    await gallery.register("approvals")
    asked: Any = await gallery.env.engine.ask(
        trial_asks.read(json.dumps({"tool": "drop_table", "title": "Drop"}), "approvals")
    )
    await gallery.env.settle()
    assert (await gallery.env.view(asked.run)).status is RunStatus.REJECTED
