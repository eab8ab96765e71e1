"""Emails start runs: a real session of LMTP, as a mail server has it, with a real engine on both databases."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from bot.lmtp import server
from bot.lmtp.email_reader import MOST_BYTES
from bot.lmtp.session import DeliverySession
from bot.settings import SettingsError
from engine.domain import RunStatus, TriggerKind
from engine.read_models import PageQuery, RunView
from tests.support.databases import OpenStore
from tests.support.engine_env import MAX_FILE, EngineEnv, open_engine

FLOW = """
name: refund
owner: sam@example.com
may_run: [ann@example.com]
inputs:
  order: {type: text, max_length: 20}
  why: {type: long_text}
  asked: {type: email}
triggers:
  - email: true
    inputs: {order: "{{ trigger.subject }}", why: "{{ trigger.text }}", asked: "{{ trigger.from }}"}
steps:
  - {id: act, uses: set, with: {order: "{{ inputs.order }}"}, gate: {approvers: [lee@example.com]}}
"""
TO = "run+refund@run.example.com"
PROVEN = "mx.example.com; dmarc=pass header.from=example.com; spf=pass smtp.mailfrom=ann@example.com"


def email(
    *,
    sender: str = "Ann <ann@example.com>",
    to: str = f"To: Refunds <{TO}>",
    subject: str = "A-1",
    results: str = PROVEN,
    id: str = "1",
    more: str = "",
) -> bytes:
    lines = [
        *([f"Authentication-Results: {results}"] if results else []),
        "Received: from somewhere",
        f"From: {sender}",
        *([to] if to else []),
        f"Subject: {subject}",
        f"Message-ID: <{id}@example.com>",
        *([more] if more else []),
        "",
        "It arrived broken.",
        "",
    ]
    return "\r\n".join(lines).encode()


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        await env.register(FLOW)
        yield env


@asynccontextmanager
async def listening(env: EngineEnv, path: Path | None = None) -> AsyncIterator[int]:
    async def takes(workflow: str) -> bool:
        return any(offer.workflow == workflow for offer in await env.engine.offers(TriggerKind.EMAIL))

    session = DeliverySession(
        env.engine.receive_email,
        takes,
        env.clock,
        domain="run.example.com",
        authserv="mx.example.com",
        own="signoff@example.com",
    )
    async with server.listening(session, socket=path) as port:
        yield port


@contextmanager
def client(port: int) -> Iterator[smtplib.LMTP]:
    with smtplib.LMTP("127.0.0.1", port, timeout=20) as connection:
        connection.ehlo_or_helo_if_needed()
        yield connection


def deliver(port: int, content: bytes, *, to: str = TO, envelope: str = "ann@example.com") -> tuple[int, str]:
    """Deliver an email, and return the first answer that is none of success, or the last."""
    with client(port) as connection:
        for code, text in (connection.mail(envelope), connection.rcpt(to)):
            if code >= 400:
                return code, text.decode()
        code, text = connection.data(content)
        return code, text.decode()


async def send(port: int, content: bytes, **facts: str) -> tuple[int, str]:
    return await asyncio.to_thread(deliver, port, content, **facts)


async def runs(env: EngineEnv) -> list[RunView]:
    return await env.engine.runs(PageQuery(limit=100))


@pytest.mark.parametrize(
    "to",
    ["", "To: lee@example.com", "Bcc: run+refund@run.example.com", "To: run+other@run.example.com, lee@example.com"],
)
async def test_an_email_that_was_written_to_others_starts_nothing(env: EngineEnv, to: str) -> None:
    """The sender of an email is proven by a signature, which everyone has who got the email."""
    async with listening(env) as port:
        code, text = await send(port, email(to=to))
        assert (code, await runs(env)) == (550, [])
        assert text.endswith(f"Write {TO} in To or Cc, without an alias.")


@pytest.mark.parametrize(
    "to", ["Cc: RUN+Refund@Run.Example.Com", "To: lee@example.com\r\nCc: Ann <ann@example.com>, Refunds <" + TO + ">"]
)
async def test_an_email_may_name_the_workflow_anywhere_in_to_and_cc(env: EngineEnv, to: str) -> None:
    async with listening(env) as port:
        assert (await send(port, email(to=to)))[0] == 250


async def test_an_email_starts_a_run_for_its_sender(env: EngineEnv) -> None:
    async with listening(env) as port:
        code, text = await send(port, email())
        (run,) = await runs(env)
        assert (code, text) == (250, f"2.6.0 Started run {run.id}")
        assert dict(run.inputs) == {"order": "A-1", "why": "It arrived broken.", "asked": "ann@example.com"}
        assert (run.requester.email, run.status) == ("ann@example.com", RunStatus.WAITING)
        assert run.origin.surface == "email"
        # The mail server sends it again when it did not hear the answer.
        assert (await send(port, email()))[1] == f"2.6.0 Started before: run {run.id}"
        assert len(await runs(env)) == 1
        assert (await send(port, email(id="2")))[0] == 250
        assert len(await runs(env)) == 2


async def test_the_same_email_twice_at_once_starts_one_run(env: EngineEnv) -> None:
    async with listening(env) as port:
        answers = await asyncio.gather(*(send(port, email()) for _ in range(8)))
    assert {code for code, _ in answers} == {250}
    assert len(await runs(env)) == 1


@pytest.mark.parametrize(
    ("content", "code", "fragment"),
    [
        (email(sender="Eve <eve@example.com>"), 550, "No one with the address eve@example.com is known here."),
        (email(sender="Lee <lee@example.com>"), 550, "You cannot start refund. It is for ann@example.com."),
        (email(subject="a subject that is much too long"), 550, "at most 20"),
        (email(results="mx.example.com; dmarc=fail; spf=pass smtp.mailfrom=ann@example.com"), 550, "did not prove"),
        (email(sender="Ann <ann@example.com>, eve@example.com"), 550, "exactly one sender"),
    ],
)
async def test_a_wrong_email_is_refused_with_the_reason(
    env: EngineEnv, content: bytes, code: int, fragment: str
) -> None:
    await env.start("refund", order="A-0", why="first", asked="ann@example.com")
    await env.settle()
    before = len(await runs(env))
    async with listening(env) as port:
        answer = await send(port, content)
    assert answer[0] == code
    assert fragment in answer[1]
    assert len(await runs(env)) == before


@pytest.mark.parametrize(
    ("content", "envelope"),
    [
        (email(results=""), "ann@example.com"),
        (email(results="mx.evil.com; dmarc=pass header.from=example.com"), "ann@example.com"),
        (email(results=PROVEN.replace("mx.example.com", "=?utf-8?q?mx.example.com?=")), "ann@example.com"),
        (email(results=f"(a comment) {PROVEN}"), "ann@example.com"),
        (email(results="mx.example.com; dmarc=fail"), "ann@example.com"),
        (email(results="mx.example.com; spf=pass smtp.mailfrom=eve@evil.com"), "eve@evil.com"),
        (email(more="Auto-Submitted: auto-replied"), "ann@example.com"),
        (email(more="Precedence: bulk"), "ann@example.com"),
        (email(more="List-Id: <news.example.com>"), "ann@example.com"),
        (email(), ""),
        (email(sender="signoff@example.com"), "signoff@example.com"),
    ],
)
async def test_what_is_forged_or_automatic_starts_nothing_and_gets_no_bounce(
    env: EngineEnv, content: bytes, envelope: str
) -> None:
    async with listening(env) as port:
        code, _ = await send(port, content, envelope=envelope)
    assert (code, await runs(env)) == ((250 if envelope != "eve@evil.com" else 550), [])


async def test_other_addresses_are_refused_before_the_email_is_sent(env: EngineEnv) -> None:
    await env.register(
        FLOW.replace("name: refund", "name: other")
        .replace("email: true", "schedule: every 1h")
        .replace(
            'inputs: {order: "{{ trigger.subject }}", why: "{{ trigger.text }}", asked: "{{ trigger.from }}"}',
            "inputs: {order: a, why: b, asked: ann@example.com}",
        )
    )
    async with listening(env) as port:
        for to in ("run+other@run.example.com", "run+no@run.example.com", "run+refund@example.com", "refund@x", "run+"):
            assert (await send(port, email(), to=to))[0] in (550, 553)
        assert (await send(port, email(), to="Run+Refund@RUN.example.com"))[0] == 250


async def test_each_recipient_has_a_delivery_of_its_own(env: EngineEnv) -> None:
    def two_recipients(port: int) -> list[int]:
        with client(port) as connection:
            connection.mail("ann@example.com")
            codes = [connection.rcpt(TO)[0], connection.rcpt(TO)[0]]
            return [*codes, connection.data(email())[0]]

    async with listening(env) as port:
        assert await asyncio.to_thread(two_recipients, port) == [250, 452, 250]


async def test_a_large_email_is_refused_while_it_comes(env: EngineEnv) -> None:
    async with listening(env) as port:
        code, _ = await send(port, email(more="X-Filler: x\r\n") + b"a line of words\r\n" * (MOST_BYTES // 16))
    assert code == 552
    assert await runs(env) == []


async def test_an_email_whose_workflow_is_busy_waits_in_the_queue(env: EngineEnv) -> None:
    await env.register(FLOW.replace("  - email: true", "  - email: true\n    overlap: skip"))
    async with listening(env) as port:
        assert (await send(port, email()))[0] == 250
        code, text = await send(port, email(id="2"))
    assert code == 550
    assert "has not ended" in text


async def test_the_socket_is_for_this_user_and_group_alone(env: EngineEnv, tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    for _ in range(2):
        async with listening(env, path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            with socket.socket(socket.AF_UNIX) as connection:
                await asyncio.to_thread(connection.connect, str(path))
                assert (await asyncio.to_thread(connection.recv, 100)).startswith(b"220 ")
    assert not path.exists()
    # That of a process that was killed is in no way; a file is.
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with listening(env, path):
        pass
    path.write_text("mine")
    with pytest.raises(SettingsError, match="LMTP_SOCKET"):
        async with listening(env, path):
            pass
    assert path.read_text() == "mine"


async def test_too_many_connections_are_sent_away(env: EngineEnv) -> None:
    async with listening(env) as port:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(server.MOST_CONNECTIONS)]
        for reader, _ in opened:
            assert (await reader.readline()).startswith(b"220 ")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.readline()).startswith(b"421 ")
        for _, stream in (*opened, (reader, writer)):
            stream.close()


WITH_FILE = FLOW.replace("asked: {type: email}", "asked: {type: email}\n  bill: {type: file, required: false}").replace(
    'asked: "{{ trigger.from }}"}', 'asked: "{{ trigger.from }}", bill: "{{ trigger.attachments | first }}"}'
)


def with_files(*files: tuple[str, bytes], sender: str = "ann@example.com", id: str = "1") -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Authentication-Results"], message["From"], message["Subject"] = PROVEN, sender, "A-1"
    message["Message-ID"], message["To"] = f"<{id}@example.com>", TO
    message.set_content("It arrived broken.")
    for name, content in files:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def stored_files(env: EngineEnv) -> list[Path]:
    folder = env.path.with_name("files")
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


async def test_a_file_of_an_email_is_an_input(env: EngineEnv) -> None:
    await env.register(WITH_FILE)
    content = with_files(("../bill.pdf", b"%PDF-1.7 words"), ("other.txt", b"more"))
    async with listening(env) as port:
        assert (await send(port, content))[0] == 250
        (run,) = await runs(env)
        bill = run.inputs["bill"]
        assert isinstance(bill, dict)
        assert (bill["name"], bill["type"], bill["size"]) == ("bill.pdf", "application/pdf", 14)
        assert (await send(port, content))[1].startswith("2.6.0 Started before: run")
    assert len(await runs(env)) == 1


async def test_files_of_an_email_are_stored_only_for_a_run_that_takes_them(env: EngineEnv) -> None:
    files = [(f"{number}.txt", b"words") for number in range(11)]
    async with listening(env) as port:
        assert (await send(port, with_files(*files[:2])))[0] == 250  # the workflow takes none
        await env.register(WITH_FILE)
        assert "You cannot start" in (await send(port, with_files(*files[:2], sender="lee@example.com")))[1]
        assert "known here" in (await send(port, with_files(*files[:2], sender="eve@example.com")))[1]
        assert "more than 10 attachments" in (await send(port, with_files(*files, id="3")))[1]
        assert stored_files(env) == []
        code, text = await send(port, with_files(("large.bin", b"x" * (MAX_FILE + 1)), id="4"))
        assert (code, "large.bin" in text) == (550, True)
    assert stored_files(env) == []
    assert len(await runs(env)) == 1
