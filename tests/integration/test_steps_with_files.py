"""Steps that use files: emails carry them, models read them, and nothing is sent if the bytes were changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.ai.client import PydanticAiClient
from bot.devtools.language_model import KEY, MODEL, ModelService, RecordedAnswer, run_model_service
from engine.domain import FileUpload, Register, RunStatus, Start, Started
from engine.file_storage import OpenFile
from engine.ports import StepServices
from engine.service.attachments import Attachments
from engine.steps import registry
from tests.integration.test_attachments import pieces
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, MAX_FILE, SAM, TERMINAL, EngineEnv, open_engine
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
OTHER_TOKEN = "schlüssel-für-später"


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
    max_size = MAX_FILE

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
        kinds = registry.builtin(
            StepServices(mailer=mailer, language_model=client, files=late, http_allow=("127.0.0.1",))
        )
        secrets = {"TOKEN": "hush-hush-hush", "OTHER": OTHER_TOKEN}
        async with open_engine(tmp_path / "signoff.db", open_store=open_database, steps=kinds, secrets=secrets) as env:
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


# -- http ---------------------------------------------------------------------------------------------------

CALL = """
name: flow
owner: sam@example.com
inputs: {{doc: file}}
steps:
  - id: call
    uses: http
    with: {{method: POST, url: "{url}/upload", {body}}}
  - id: fetch
    uses: http
    with: {{url: "{url}/report", save_as: "../Report 7.pdf"}}
  - id: keep
    uses: set
    with: {{file: "{{{{ steps.fetch.file }}}}", name: "{{{{ steps.fetch.file.name }}}}"}}
"""


class Partner:
    """A service that takes and gives files. `got`: the bodies and types of the calls; `report`: what it gives."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.parts: list[dict[str, Any]] = []
        self.report = b"%PDF-1.7 report"
        self.url = ""

    async def upload(self, request: web.Request) -> web.Response:
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            self.parts.append({name: value if isinstance(value, str) else _read(value) for name, value in form.items()})
        else:
            self.got.append((request.content_type, await request.read()))
        return web.json_response({"ok": True})

    async def give(self, _: web.Request) -> web.Response:
        return web.Response(body=self.report, content_type="text/html")


def _read(file: Any) -> tuple[str, str, bytes]:
    return file.filename, file.content_type, file.file.read()


@pytest.fixture
async def partner() -> AsyncIterator[Partner]:
    partner = Partner()
    application = web.Application(client_max_size=50_000_000)
    application.add_routes([web.post("/upload", partner.upload), web.get("/report", partner.give)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    partner.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield partner
    await runner.cleanup()


async def test_a_call_sends_a_file_and_keeps_an_answer(steps: Steps, partner: Partner) -> None:
    source = CALL.format(url=partner.url, body='file: "{{ inputs.doc }}"')
    run = await steps.start(source, doc=await steps.file(b"%PDF-1.7 mine", "mine.pdf"))
    assert partner.got == [("application/pdf", b"%PDF-1.7 mine")]
    output: Any = (await steps.env.view(run)).steps[-1].output
    assert (output["name"], output["file"]["type"]) == ("Report 7.pdf", "application/pdf")
    assert (await steps.env.engine.files.open(output["file"], run=run)).data == partner.report


async def test_a_call_sends_files_as_parts(steps: Steps, partner: Partner) -> None:
    body = 'multipart: {title: "A “file”", doc: "{{ inputs.doc }}", docs: ["{{ inputs.doc }}", 5]}'
    file = await steps.file(png(), 'Rechnung „März“ "1".png')
    await steps.start(CALL.format(url=partner.url, body=body), doc=file)
    (parts,) = partner.parts
    assert parts["title"] == "A “file”"
    assert parts["doc"] == ("Rechnung „März“ _1_.png", "image/png", png())


@pytest.mark.parametrize(
    "report",
    [
        b"\xff your token: hush-hush-hush",
        "your token: hush-hush-hush".encode("utf-16"),
        *(f"your token: {OTHER_TOKEN}".encode(encoding) for encoding in ("utf-8", "utf-16", "latin-1")),
        b"\xff " + OTHER_TOKEN.encode(),
    ],
)
async def test_an_answer_with_a_secret_is_not_kept(steps: Steps, partner: Partner, report: bytes) -> None:
    partner.report = report
    source = CALL.format(url=partner.url, body='file: "{{ inputs.doc }}"')
    run = await steps.start(source, doc=await steps.file(b"%PDF-1.7 mine", "mine.pdf"))
    view = await steps.env.view(run)
    assert view.status is RunStatus.FAILED
    assert "there is a secret in it" in (view.steps[-1].error or "")


async def test_an_answer_that_is_too_large_or_empty_is_not_kept(steps: Steps, partner: Partner) -> None:
    for report in (b"a" * (MAX_FILE + 1), b""):
        partner.report = report
        source = CALL.format(url=partner.url, body='file: "{{ inputs.doc }}"')
        run = await steps.start(source, doc=await steps.file(b"%PDF-1.7 mine", "mine.pdf"))
        assert (await steps.env.view(run)).status is RunStatus.FAILED
