"""Where a mail failed decides what it means: every row of that table, against a server that fails for real."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from bot import setting_values
from bot.devtools.sandbox import MailConfig, RunningSandbox
from bot.email import errors, message
from bot.email.client import SmtpClient
from bot.email.errors import Failure, MailError, Meaning, Stage
from tests.support.certificates import encrypted_mail_config
from tests.support.email_env import MIA, REQUEST_CARD, SENDER, client_to, connections, envelope, mail_server
from tests.support.engine_env import until

SOON = 0.4
"""Seconds that these tests wait for an answer that never comes."""


@dataclass(frozen=True)
class Row:
    """`fault`: what the server is told; then where it fails, what that means, and whether the mail is there."""

    name: str
    fault: dict[str, Any]
    stage: Stage
    meaning: Meaning
    full: bool = False
    landed: bool = False
    security: str = "starttls"


def error(name: str, on: str, code: int, stage: Stage, meaning: Meaning, **more: Any) -> Row:
    fault = {"on": on, "kind": "error", "code": code}
    fault |= {key: more.pop(key) for key in ("enhanced", "text", "landed_there") if key in more}
    return Row(name, fault, stage, meaning, **more)


def other(name: str, on: str, kind: str, stage: Stage, meaning: Meaning, **more: Any) -> Row:
    return Row(name, {"on": on, "kind": kind}, stage, meaning, **more)


LATER, SETUP, UNKNOWN = Meaning.LATER, Meaning.SETUP, Meaning.UNKNOWN
TABLE = [
    # Nothing happened: back off and try again.
    other("a connection that is cut at once", "connect", "reset", Stage.CONNECT, LATER),
    other("a greeting that never comes", "connect", "hang", Stage.CONNECT, LATER),
    error("a greeting that asks to come later", "connect", 421, Stage.CONNECT, LATER),
    other("a handshake that is cut", "tls", "reset", Stage.CONNECT, LATER, security="tls"),
    other("a handshake after STARTTLS that is cut", "tls", "reset", Stage.STARTTLS, LATER),
    error("EHLO: later", "ehlo", 451, Stage.EHLO, LATER),
    error("STARTTLS: later", "starttls", 454, Stage.STARTTLS, LATER),
    error("a login that does not work now", "auth", 454, Stage.AUTH, LATER),
    error("MAIL FROM: later", "mail", 451, Stage.MAIL, LATER),
    other("MAIL FROM without an answer", "mail", "hang", Stage.MAIL, LATER),
    error("RCPT: busy", "rcpt", 450, Stage.RCPT, LATER),
    error("RCPT: greylisted", "rcpt", 451, Stage.RCPT, LATER, enhanced="4.7.1"),
    other("RCPT: cut", "rcpt", "reset", Stage.RCPT, LATER),
    error("DATA: later", "data", 451, Stage.DATA, LATER),
    other("DATA without an answer", "data", "hang", Stage.DATA, LATER),
    other("DATA: cut", "data", "lost", Stage.DATA, LATER),
    error("after the dot: later", "dot", 451, Stage.ANSWER, LATER),
    error("after the dot: no room", "dot", 452, Stage.ANSWER, LATER),
    # The mailbox is full: for a day.
    error("RCPT 552", "rcpt", 552, Stage.RCPT, LATER, full=True),
    error("RCPT 550 5.2.2", "rcpt", 550, Stage.RCPT, LATER, enhanced="5.2.2", full=True),
    error("RCPT 452 4.2.2", "rcpt", 452, Stage.RCPT, LATER, enhanced="4.2.2", full=True),
    error("after the dot 552 5.2.2", "dot", 552, Stage.ANSWER, LATER, enhanced="5.2.2", full=True),
    # Our configuration.
    other("a certificate that nobody vouches for", "tls", "certificate", Stage.CONNECT, SETUP, security="tls"),
    other("the same after STARTTLS", "tls", "certificate", Stage.STARTTLS, SETUP),
    other("what answers is no TLS", "tls", "broken", Stage.CONNECT, SETUP, security="tls"),
    other("no STARTTLS", "starttls", "missing", Stage.STARTTLS, SETUP),
    error("STARTTLS refused", "starttls", 554, Stage.STARTTLS, SETUP),
    error("a greeting that refuses us", "connect", 554, Stage.CONNECT, SETUP),
    error("EHLO refused", "ehlo", 550, Stage.EHLO, SETUP, enhanced="5.7.1"),
    other("no way to log in", "auth", "missing", Stage.AUTH, SETUP),
    error("a wrong password", "auth", 535, Stage.AUTH, SETUP),
    error("a login that is refused", "auth", 530, Stage.AUTH, SETUP),
    error("a login too weak", "auth", 534, Stage.AUTH, SETUP, enhanced="5.7.9"),
    error("a login that needs more encryption", "auth", 538, Stage.AUTH, SETUP, enhanced="5.7.11"),
    error("MAIL FROM refused", "mail", 553, Stage.MAIL, SETUP),
    error("MAIL FROM without a login", "mail", 530, Stage.MAIL, SETUP),
    error("RCPT without a login", "rcpt", 530, Stage.RCPT, SETUP),
    # The address.
    error("RCPT 550 5.1.1", "rcpt", 550, Stage.RCPT, Meaning.ADDRESS),
    error("RCPT 550 5.1.10", "rcpt", 550, Stage.RCPT, Meaning.ADDRESS, enhanced="5.1.10"),
    error("RCPT 550 5.2.1", "rcpt", 550, Stage.RCPT, Meaning.ADDRESS, enhanced="5.2.1"),
    error("RCPT 551", "rcpt", 551, Stage.RCPT, Meaning.ADDRESS, enhanced="5.1.6"),
    error("RCPT 553", "rcpt", 553, Stage.RCPT, Meaning.ADDRESS),
    error("after the dot 550 5.1.1", "dot", 550, Stage.ANSWER, Meaning.ADDRESS),
    # This mail to this address.
    error("RCPT 550 5.7.1", "rcpt", 550, Stage.RCPT, Meaning.COPY, enhanced="5.7.1"),
    error("RCPT 554", "rcpt", 554, Stage.RCPT, Meaning.COPY),
    # The content.
    error("DATA 554", "data", 554, Stage.DATA, Meaning.CONTENT),
    error("after the dot 552 5.3.4", "dot", 552, Stage.ANSWER, Meaning.CONTENT),
    error("after the dot 554 5.7.1", "dot", 554, Stage.ANSWER, Meaning.CONTENT),
    error("after the dot 550 5.6.1", "dot", 550, Stage.ANSWER, Meaning.CONTENT, enhanced="5.6.1"),
    # Nobody knows.
    other("cut after the dot, and it is there", "dot", "lost", Stage.ANSWER, UNKNOWN, landed=True),
    other("cut after the dot, and it is not", "dot", "reset", Stage.ANSWER, UNKNOWN),
    other("no answer after the dot", "dot", "hang", Stage.ANSWER, UNKNOWN, landed=True),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def configs(folder: Path) -> dict[str, MailConfig]:
    who = {"user": "signoff", "password": "swordfish"}
    return {
        security: encrypted_mail_config(_made(folder / security), security, **who) for security in ("starttls", "tls")
    }


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def failure_of(running: RunningSandbox, ca: Path | None, mail: EmailMessage | None = None) -> Failure:
    async with client_to(running, ca=ca, before_dot_seconds=SOON * 3) as client:
        with pytest.raises(MailError) as caught:
            await client.send(mail or message.mail(REQUEST_CARD, envelope()), answer_seconds=SOON)
    return caught.value.failure


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
async def test_a_failure_means_what_its_row_says(row: Row, configs: dict[str, MailConfig]) -> None:
    config = configs[row.security]
    async with mail_server(config) as running:
        running.mail.fault(**row.fault)
        found = await failure_of(running, config.ca)
        assert (found.stage, found.meaning, found.full) == (row.stage, row.meaning, row.full), found.said
        assert len(running.mail.received()) == row.landed
        assert "swordfish" not in found.said


async def test_the_same_server_takes_the_mail_when_nothing_is_wrong(configs: dict[str, MailConfig]) -> None:
    for config in configs.values():
        async with mail_server(config) as running, client_to(running, ca=config.ca) as client:
            await client.send(message.mail(REQUEST_CARD, envelope()), answer_seconds=SOON)
            (got,) = running.mail.received(to=MIA)
            assert (got.sender, got.tls, got.user) == (SENDER.addr_spec, True, "signoff")
            assert got.complaints == []


async def test_a_server_that_is_down_is_tried_again(configs: dict[str, MailConfig]) -> None:
    async with mail_server() as running:
        await running.mail.go_down()
        found = await failure_of(running, None)
    assert (found.stage, found.meaning) == (Stage.CONNECT, LATER)


async def test_a_name_that_nobody_knows_is_tried_again() -> None:
    error_ = aiosmtplib.SMTPConnectError("Error connecting to mail.invalid on port 465: [Errno -2] Name not known")
    assert errors.classify(Stage.CONNECT, error_).meaning is LATER


async def test_a_certificate_that_is_not_trusted_gets_no_password(configs: dict[str, MailConfig]) -> None:
    """Without its authority, the right certificate is as good as any."""
    config = configs["tls"]
    async with mail_server(config) as running:
        found = await failure_of(running, None)
    assert (found.meaning, "certificate" in found.said) == (SETUP, True)


async def test_an_answer_that_makes_no_sense_leaves_the_outcome_open_only_after_the_dot() -> None:
    strange = aiosmtplib.SMTPResponseException(-1, "Malformed SMTP response line: hello")
    assert errors.classify(Stage.RCPT, strange).meaning is LATER
    assert errors.classify(Stage.ANSWER, strange).meaning is UNKNOWN
    assert errors.classify(Stage.ANSWER, aiosmtplib.SMTPDataError(354, "go on")).meaning is UNKNOWN
    assert errors.classify(Stage.DATA, aiosmtplib.SMTPDataError(250, "ok")).meaning is LATER


async def test_refused_recipients_are_looked_into_for_the_code() -> None:
    one = aiosmtplib.SMTPRecipientRefused(550, "5.1.1 unknown", MIA)
    found = errors.classify(Stage.RCPT, aiosmtplib.SMTPRecipientsRefused([one]))
    assert (found.code, found.enhanced, found.meaning) == (550, "5.1.1", Meaning.ADDRESS)


@pytest.mark.parametrize("raised", [aiosmtplib.SMTPNotSupported("SMTPUTF8"), ValueError("no address"), "ü".encode, "ü"])
async def test_an_address_that_cannot_be_written_is_at_fault_for_good(raised: Any) -> None:
    if callable(raised):
        raised = UnicodeEncodeError("ascii", "ü", 0, 1, "not in range")
    given = raised if isinstance(raised, Exception) else ValueError(raised)
    assert errors.classify(Stage.RCPT, given).meaning is Meaning.ADDRESS


async def test_a_plain_refusal_of_a_recipient_is_about_the_address() -> None:
    assert errors.classify(Stage.RCPT, aiosmtplib.SMTPResponseException(550, "no")).meaning is Meaning.ADDRESS
    assert errors.classify(Stage.RCPT, aiosmtplib.SMTPResponseException(554, "no")).meaning is Meaning.COPY
    assert errors.classify(Stage.ANSWER, aiosmtplib.SMTPResponseException(554, "no")).meaning is Meaning.CONTENT


async def test_what_a_server_says_is_data() -> None:
    said = errors.classify(Stage.RCPT, aiosmtplib.SMTPResponseException(550, "a\nb\u202e\udc80" + "x" * 999)).said
    assert "a b⟦U+202E⟧?x" in said
    assert len(said) < 320
    assert errors.classify(Stage.CONNECT, aiosmtplib.SMTPServerDisconnected("")).said.endswith("Disconnected.")


# -- what those who asked are told --------------------------------------------------------------------------


def failed(meaning: Meaning, *, full: bool = False) -> Failure:
    return Failure(stage=Stage.RCPT, meaning=meaning, said="So it is.", full=full)


async def test_a_channel_error_says_what_is_at_fault_and_for_how_long() -> None:
    told = {meaning: errors.channel_error(failed(meaning)) for meaning in Meaning}
    assert {meaning for meaning, one in told.items() if one.permanent} == {
        Meaning.ADDRESS,
        Meaning.COPY,
        Meaning.CONTENT,
    }
    assert {meaning for meaning, one in told.items() if one.outcome_unknown} == {UNKNOWN}
    assert {meaning: one.about for meaning, one in told.items() if one.about != "copy"} == {
        SETUP: "channel",
        Meaning.ADDRESS: "address",
    }
    assert told[LATER].patience is None
    assert errors.channel_error(failed(LATER, full=True)).patience == timedelta(hours=24)


async def test_a_step_error_says_what_to_do_where_repeating_does_not_help() -> None:
    told = {meaning: errors.step_error(failed(meaning)) for meaning in Meaning}
    assert {meaning for meaning, one in told.items() if one.retryable} == {LATER}
    assert {meaning for meaning, one in told.items() if one.outcome_unknown} == {UNKNOWN}
    for meaning in set(Meaning) - {LATER, UNKNOWN}:
        assert re.fullmatch(r"So it is\. [A-Z][^.]+\.", str(told[meaning]))
        # What earlier steps did would be done a second time.
        assert "again" not in str(told[meaning])


# -- connections --------------------------------------------------------------------------------------------


@pytest.fixture
async def running() -> AsyncIterator[RunningSandbox]:
    async with mail_server() as one:
        yield one


async def test_one_connection_carries_many_mails(running: RunningSandbox) -> None:
    async with client_to(running) as client:
        for number in range(5):
            await client.send(message.mail(REQUEST_CARD, envelope(delivery=f"d{number}")), answer_seconds=5)
        assert connections(running) == 1
    assert len(running.mail.received()) == 5


async def test_a_connection_that_the_server_closed_meanwhile_is_not_noticed(running: RunningSandbox) -> None:
    async with client_to(running) as client:
        await client.send(message.mail(REQUEST_CARD, envelope()), answer_seconds=5)
        running.mail.disconnect()
        await client.send(message.mail(REQUEST_CARD, envelope()), answer_seconds=5)
        running.mail.fault("rset", "reset")
        await client.send(message.mail(REQUEST_CARD, envelope()), answer_seconds=5)
    assert len(running.mail.received()) == 3


async def test_no_more_than_a_few_connections_at_once(running: RunningSandbox) -> None:
    most = 0

    async def one(number: int) -> None:
        nonlocal most
        await client.send(message.mail(REQUEST_CARD, envelope(to=f"p{number}@example.com")), answer_seconds=5)
        most = max(most, connections(running))

    async with client_to(running) as client:
        await asyncio.gather(*map(one, range(20)))
    assert most <= 3
    assert len({got.recipients[0] for got in running.mail.received()}) == 20


async def test_a_mail_that_is_cancelled_takes_its_connection_with_it(running: RunningSandbox) -> None:
    async with client_to(running) as client:
        await client.send(message.mail(REQUEST_CARD, envelope()), answer_seconds=5)
        running.mail.fault("rcpt", "hang", to=MIA)
        sending = asyncio.ensure_future(client.send(message.mail(REQUEST_CARD, envelope()), answer_seconds=5))
        await until(lambda: bool(running.mail.faults.used))
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await client.send(message.mail(REQUEST_CARD, envelope(to="lee@example.com")), answer_seconds=5)
    assert [got.recipients for got in running.mail.received()] == [[MIA], ["lee@example.com"]]


async def test_a_connection_that_nobody_needs_is_closed(running: RunningSandbox) -> None:
    async with client_to(running, idle_seconds=0.0) as client:
        await client.send(message.mail(REQUEST_CARD, envelope()), answer_seconds=5)
        await until(lambda: connections(running) == 0)


async def test_a_long_mail_with_dots_arrives_as_it_was(running: RunningSandbox) -> None:
    made = message.headed(SENDER, MIA, subject="dots", date=envelope().date)
    made["Message-ID"] = "<a@example.com>"
    body = "\n".join([".", "..", ".x", "", *("." * 70 for _ in range(20_000))]) + "\n"
    made.set_content(body)
    async with client_to(running) as client:
        await client.send(made, answer_seconds=30)
    (got,) = running.mail.received()
    assert got.text == body


@pytest.mark.parametrize("cut", [False, True], ids=["stops reading", "is cut"])
async def test_an_email_that_the_server_stops_reading_was_not_sent(*, cut: bool) -> None:
    """Nothing is delivered before the final dot, which is never sent while bytes before it wait."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        while line := await reader.readline():
            writer.write(b"354 Go ahead\r\n" if line == b"DATA\r\n" else b"250 OK\r\n")
            if line == b"DATA\r\n":
                break
        await reader.readexactly(1)
        if cut:
            writer.transport.abort()
        await ended.wait()
        writer.transport.abort()

    mail = message.headed(SENDER, MIA, subject="long", date=envelope().date)
    mail.set_content("x" * 70 + "\n")
    mail.set_payload("\n".join(["x" * 900] * 20_000))
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = SmtpClient(
            setting_values.parse_smtp_url(f"smtp://127.0.0.1:{port}"), local_name="a.example", before_dot_seconds=1
        )
        with pytest.raises(MailError) as caught:
            await client.send(mail, answer_seconds=SOON)
        ended.set()
        await client.aclose()
    assert (caught.value.failure.stage, caught.value.failure.meaning) == (Stage.DATA, LATER)
