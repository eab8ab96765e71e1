"""Files of runs: taken in, used, read with a check of their digest, and removed with the runs, on both databases."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    Decided,
    Erase,
    ErasePerson,
    FileRefused,
    FileUpload,
    InvalidEdits,
    InvalidInputs,
    Start,
    Started,
    Verdict,
)
from engine.errors import StepError
from engine.file_references import FileReference
from engine.file_storage import FilesUnavailable
from engine.ports import StepContext
from engine.service import Engine, Erasures
from engine.service.attachments import MOST_UNUSED, Attachments
from engine.store import attachments
from tests.support.copies import replace_fields
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, MAX_FILE, SAM, TERMINAL, EngineEnv, PlayedParams, open_engine

KIM = Address("email", "kim@example.com")
FLOW = """
name: flow
owner: sam@example.com
inputs:
  invoice: {type: file, types: [application/pdf, text/*], max_size: 150kB}
  other: {type: file, required: false}
steps:
  - id: check
    uses: set
    with: {file: "{{ inputs.invoice }}"}
    gate: {approvers: [lee@example.com], edit: [file]}
  - {id: send, uses: played, with: {text: "{{ steps.check.file.name }}"}}
"""
PDF = b"%PDF-1.7 the invoice"
GONE = "must be uploaded again: the file is not here any more"


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        await env.register(FLOW)
        yield env


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 1_000):
        yield data[at : at + 1_000]


async def upload(env: EngineEnv, data: bytes = PDF, name: str = "invoice.pdf", by: Address = ANN) -> Any:
    return await env.engine.files.receive(FileUpload(name=name, chunks=pieces(data), uploader=by))


async def start(env: EngineEnv, by: Address = ANN, **inputs: Any) -> Any:
    return await env.engine.start(Start(workflow="flow", inputs=inputs, actor=by, origin=TERMINAL))


def stored(env: EngineEnv) -> list[bytes]:
    """Return the bytes of all files that are stored."""
    folder = env.path.with_name("files")
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def remove_due(env: EngineEnv) -> None:
    """Do the due work of files, as a process does."""
    for work in await env.engine.due(env.clock.now()):
        if work.id.startswith(attachments.WORK):
            await env.engine.process_due(work.id)


async def begin(env: EngineEnv, **more: Any) -> tuple[str, FileReference]:
    file = await upload(env)
    started = await start(env, invoice=file.value, **more)
    assert isinstance(started, Started)
    await env.settle()
    return started.run, file


async def test_a_run_uses_a_file_that_was_uploaded(env: EngineEnv) -> None:
    run, file = await begin(env)
    assert file == FileReference(
        id=file.id, name="invoice.pdf", type="application/pdf", size=len(PDF), sha256=file.sha256
    )
    content = (await env.request(run)).model.content.value
    assert content == {"file": file.value}
    assert (await env.engine.files.open(file.value, run=run)).data == PDF
    await env.decide(run)
    await env.settle()
    assert env.step.calls[-1][0].text == "invoice.pdf"


async def test_the_bytes_are_never_in_the_database(env: EngineEnv) -> None:
    await begin(env)
    assert stored(env) == [PDF]
    if env.path.exists():
        assert b"the invoice" not in env.path.read_bytes()


@pytest.mark.parametrize("size", [MAX_FILE - 1, MAX_FILE])
async def test_a_file_of_the_largest_size_is_taken(env: EngineEnv, size: int) -> None:
    file = await upload(env, b"a" * size, "a.txt")
    assert isinstance(file, FileReference)
    assert file.size == size


async def test_one_byte_more_is_refused_and_nothing_is_kept(env: EngineEnv) -> None:
    refused = await upload(env, b"a" * (MAX_FILE + 1), "../a.txt")
    assert refused == FileRefused(name="a.txt", why="too_large", limit=MAX_FILE)
    assert await upload(env, b"") == FileRefused(name="invoice.pdf", why="empty")
    assert stored(env) == []


async def test_a_field_takes_only_its_types_and_sizes(env: EngineEnv) -> None:
    large, image = await upload(env, b"a" * 150_001, "a.txt"), await upload(env, b"GIF89a\2\0\2\0", "a.pdf")
    assert (await start(env, invoice=large.value)).errors == {
        "invoice": "must have at most 150 kB, and “a.txt” has 150 kB"
    }
    assert (await start(env, invoice=image.value)).errors == {
        "invoice": "must be a PDF or a text file, and “a.pdf” is a GIF image"
    }


@pytest.mark.parametrize(
    "forged", [{"id": "A" * 43}, {"sha256": "0" * 64}, {"name": "x.pdf"}, {"size": 5}, {"type": "text/plain"}]
)
async def test_a_reference_that_was_made_up_starts_nothing(env: EngineEnv, forged: Mapping[str, Any]) -> None:
    file = await upload(env)
    answer = await start(env, invoice=replace_fields(file, **forged).value)
    assert isinstance(answer, InvalidInputs)
    assert answer.errors == {"invoice": GONE}


async def test_a_file_of_a_run_serves_no_run_of_another_person(env: EngineEnv) -> None:
    _, file = await begin(env)
    assert (await start(env, KIM, invoice=file.value)).errors == {"invoice": GONE}
    assert isinstance(await start(env, ANN, invoice=file.value), Started)


async def test_one_missing_file_starts_nothing_and_leaves_the_other_unused(env: EngineEnv) -> None:
    file = await upload(env)
    gone = replace_fields(file, id="B" * 43)
    assert (await start(env, invoice=file.value, other=gone.value)).errors == {"other": GONE}
    assert isinstance(await start(env, KIM, invoice=file.value), Started)


async def test_an_approver_replaces_a_file(env: EngineEnv) -> None:
    run, _ = await begin(env)
    other = await upload(env, b"%PDF-1.7 corrected", "corrected.pdf", LEE)
    answer = await env.decide(run, edits={"file": other.value})
    assert isinstance(answer, Decided)
    await env.settle()
    assert env.step.calls[-1][0].text == "corrected.pdf"
    assert (await env.engine.files.open(other.value, run=run)).data == b"%PDF-1.7 corrected"


async def test_an_edit_with_a_file_of_another_run_is_refused(env: EngineEnv) -> None:
    run, _ = await begin(env)
    _, other = await begin(env)
    answer = await env.decide(run, edits={"file": other.value})
    assert isinstance(answer, InvalidEdits)
    assert answer.errors == {"file": GONE}


async def test_a_step_opens_only_the_files_of_its_run(env: EngineEnv) -> None:
    run, file = await begin(env)
    theirs = await start(env, KIM, invoice=(await upload(env, by=KIM)).value)
    other = theirs.run
    cases: list[tuple[Any, str]] = [(file.value, other), (replace_fields(file, name="x.pdf").value, run)]
    for value, of in [*cases, ({"id": file.id}, run)]:
        with pytest.raises(StepError):
            await env.engine.files.open(value, run=of)


async def test_a_changed_file_is_not_used(env: EngineEnv) -> None:
    run, file = await begin(env)
    (path,) = (path for path in env.path.with_name("files").rglob("*") if path.is_file())
    for changed in (PDF + b"!", PDF[:-1], PDF.upper()):
        path.write_bytes(changed)
        with pytest.raises(StepError, match="were changed, so they are not used"):
            await env.engine.files.open(file.value, run=run)
        with pytest.raises(FilesUnavailable):
            await env.engine.files.load(run, file.id)
    path.unlink()
    with pytest.raises(StepError, match="not there any more"):
        await env.engine.files.open(file.value, run=run)


async def test_a_file_that_a_step_made_belongs_to_its_run(env: EngineEnv) -> None:
    async def make(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        file = await env.engine.files.save("report.txt", pieces(b"a report"), run=context.run)
        return {"file": file.value}

    env.step.play = make
    run, _ = await begin(env)
    await env.decide(run)
    await env.settle()
    made = (await env.view(run)).steps[-1].output
    assert made is not None
    assert (await env.engine.files.open(made["file"], run=run)).data == b"a report"


# -- removing -----------------------------------------------------------------------------------------------


async def test_a_file_that_no_run_uses_is_removed_after_a_day(env: EngineEnv) -> None:
    file = await upload(env)
    run, _ = await begin(env)
    env.pass_time(hours=23)
    await remove_due(env)
    assert len(stored(env)) == 2
    env.pass_time(hours=2)
    assert (await start(env, invoice=file.value)).errors == {"invoice": GONE}
    await remove_due(env)
    assert len(stored(env)) == 1
    assert not [work for work in await env.engine.due(env.clock.now()) if work.id.startswith(attachments.WORK)]
    assert (await env.view(run)).id == run


async def test_erasing_a_run_removes_its_files(env: EngineEnv) -> None:
    run, file = await begin(env)
    again = await start(env, invoice=file.value)
    engine = Engine(env.store, env.advancer, admins=frozenset({SAM}), files=env.engine.files)
    for ended, left in ((run, 1), (again.run, 0)):
        await env.decide(ended, Verdict.REJECT)
        await env.settle()
        await engine.erase(Erase(run=ended, reason="wanted", actor=SAM, origin=TERMINAL))
        await remove_due(env)
        assert len(stored(env)) == left
    with pytest.raises(StepError):
        await env.engine.files.open(file.value, run=run)


async def test_the_retention_removes_files(env: EngineEnv) -> None:
    run, _ = await begin(env)
    await env.decide(run, Verdict.REJECT)
    await env.settle()
    engine = Engine(env.store, env.advancer, retention=timedelta(days=30), files=env.engine.files)
    await Erasures(engine).begin_retention()
    env.pass_time(days=31)
    for _ in range(2):
        for work in await engine.due(env.clock.now()):
            await engine.process_due(work.id)
    assert stored(env) == []


async def test_erasing_a_person_removes_what_they_uploaded(env: EngineEnv) -> None:
    run, _ = await begin(env)
    await env.decide(run, Verdict.REJECT)
    await env.settle()
    engine = Engine(env.store, env.advancer, admins=frozenset({SAM}), files=env.engine.files)
    after: str | None = ""
    while after is not None:
        command = ErasePerson(person=str(ANN), reason="asked", actor=SAM, origin=TERMINAL, after=after)
        erased: Any = await Erasures(engine).erase_person(command)
        after = erased.after
    await remove_due(env)
    assert stored(env) == []


async def test_an_upload_that_broke_off_leaves_nothing(env: EngineEnv) -> None:
    """A crash after the bytes were stored, and before that was written down."""
    file = await upload(env)
    reference = replace_fields(file, id="C" * 43)
    await env.store.transact(
        lambda tx: attachments.begin(tx, DEFAULT_WORKSPACE, reference, uploader=None, scanned=False)
    )
    assert (await start(env, invoice=reference.value)).errors == {"invoice": GONE}
    env.pass_time(hours=2)
    assert f"{attachments.WORK}{DEFAULT_WORKSPACE}" in [work.id for work in await env.engine.due(env.clock.now())]
    await remove_due(env)
    assert len(stored(env)) == 1


async def test_one_person_leaves_only_so_many_files_unused(env: EngineEnv) -> None:
    for _ in range(MOST_UNUSED):
        assert isinstance(await upload(env), FileReference)
    assert await upload(env) == FileRefused(name="invoice.pdf", why="too_many", limit=MOST_UNUSED)
    assert isinstance(await upload(env, by=KIM), FileReference)


async def test_a_folder_that_cannot_be_written_takes_no_file(env: EngineEnv) -> None:
    env.path.with_name("files").write_text("a file where the folder should be")
    assert await upload(env) == FileRefused(name="invoice.pdf", why="unavailable")


async def test_without_a_place_no_file_is_taken(env: EngineEnv) -> None:
    files = Attachments(env.store, None)
    assert not files.is_set_up
    refused = await files.receive(FileUpload(name="a", chunks=pieces(PDF), uploader=ANN))
    assert refused == FileRefused(name="a", why="no_place")


async def test_the_files_are_private(env: EngineEnv) -> None:
    await begin(env)
    for path in [env.path.with_name("files"), *env.path.with_name("files").rglob("*")]:
        assert os.stat(path).st_mode & 0o077 == 0
