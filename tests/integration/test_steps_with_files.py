"""Steps that use files: emails carry them, models read them, and nothing is sent if the bytes were changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.ai.client import PydanticAiClient
from bot.devtools.language_model import KEY, MODEL, ModelService, RecordedAnswer, run_model_service
from engine.domain import FileUpload, Register, RunStatus, Start, Started
from engine.file_storage import OpenFile
from engine.ports import StepServices
from engine.service.attachments import Attachments
from engine.steps import registry
from tests.integration.test_attachments import pieces
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, SAM, TERMINAL, EngineEnv, open_engine
from tests.unit.engine.test_media_types import png

MAIL = """
name: flow
owner: sam@example.com
inputs:
  invoice: file
  terms: {type: file, required: false}
steps:
  - id: send
    uses: email
    with:
      {to: kim@example.com, subject: Hi, body: Hello, attachments: ["{{ inputs.invoice }}", "{{ inputs.terms }}"]}
    gate: {approvers: [lee@example.com], edit: [attachments.0]}
"""
DRAFT = """
name: flow
owner: sam@example.com
inputs: {photo: file}
steps:
  - id: read
    uses: ai
    with: {prompt: "What is on it?", files: ["{{ inputs.photo }}"], output: {what: text}}
"""


class RecordingMailer:
    """Keeps the emails that steps send."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def send(self, **email: Any) -> dict[str, Any]:
        self.sent.append(email)
        return {"message_id": "<1@example.com>", "to": email["to"]}


class LateFiles:
    """The files of an engine that is opened after its step types."""

    files: Attachments

    async def open(self, value: Any, *, run: str) -> OpenFile:
        return await self.files.open(value, run=run)

    async def save(self, name: str, chunks: AsyncIterator[bytes], *, run: str) -> Any:
        return await self.files.save(name, chunks, run=run)


class Steps:
    """An engine with the real step types. `mailer`: what emails went out; `model`: the local provider."""

    def __init__(self, env: EngineEnv, mailer: RecordingMailer, model: ModelService) -> None:
        self.env, self.mailer, self.model = env, mailer, model

    async def file(self, data: bytes, name: str) -> Any:
        upload = FileUpload(name=name, chunks=pieces(data), uploader=ANN)
        file: Any = await self.env.engine.files.receive(upload)
        return file.value

    async def start(self, source: str, **inputs: Any) -> str:
        await self.env.engine.register(Register(source=source.encode(), actor=SAM, origin=TERMINAL))
        started = await self.env.engine.start(Start(workflow="flow", inputs=inputs, actor=ANN, origin=TERMINAL))
        assert isinstance(started, Started), started
        await self.env.settle()
        return started.run


@pytest.fixture
async def steps(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[Steps]:
    late, mailer = LateFiles(), RecordingMailer()
    async with run_model_service([RecordedAnswer(when=("What is on it?",), answer={"what": "A dog"})]) as service:
        client = PydanticAiClient(key=KEY, url=service.url, default_model=MODEL)
        kinds = registry.builtin(StepServices(mailer=mailer, language_model=client, files=late))
        async with open_engine(tmp_path / "signoff.db", open_store=open_database, steps=kinds) as env:
            late.files = env.engine.files
            yield Steps(env, mailer, service)
        await client.aclose()


async def test_an_email_carries_the_files_that_were_approved(steps: Steps) -> None:
    run = await steps.start(MAIL, invoice=await steps.file(b"%PDF-1.7 first", "first.pdf"))
    other = await steps.file(b"%PDF-1.7 other", "other.pdf")
    await steps.env.decide(run, edits={"attachments.0": other})
    await steps.env.settle()
    (sent,) = steps.mailer.sent
    assert [(file.reference.name, file.data) for file in sent["attachments"]] == [("other.pdf", b"%PDF-1.7 other")]


async def test_nothing_is_sent_if_the_bytes_were_changed_after_the_approval(steps: Steps) -> None:
    run = await steps.start(MAIL, invoice=await steps.file(b"%PDF-1.7 first", "first.pdf"))
    (path,) = (path for path in steps.env.path.with_name("files").rglob("*") if path.is_file())
    path.write_bytes(b"%PDF-1.7 forge")
    await steps.env.decide(run)
    await steps.env.settle()
    view = await steps.env.view(run)
    assert view.status is RunStatus.FAILED
    assert view.steps[-1].error == "The stored bytes of “first.pdf” were changed, so they are not used."
    assert steps.mailer.sent == []


async def test_a_model_reads_an_image(steps: Steps) -> None:
    run = await steps.start(DRAFT, photo=await steps.file(png(), "dog.png"))
    view = await steps.env.view(run)
    assert view.steps[0].output == {"what": "A dog"}
    (call,) = steps.model.calls
    assert [part["type"] for part in call["messages"][0]["content"]] == ["text", "image_url"]


async def test_a_model_gets_no_other_files(steps: Steps) -> None:
    run = await steps.start(DRAFT, photo=await steps.file(b"Name;Amount", "list.csv"))
    view = await steps.env.view(run)
    assert view.status is RunStatus.FAILED
    assert steps.model.calls == []
