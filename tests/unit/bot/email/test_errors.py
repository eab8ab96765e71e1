"""The stage at which an email failed decides its meaning. A server of the sandbox plays each case of the table."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from bot import setting_values
from bot.devtools.sandbox import MailConfig, RunningSandbox
from bot.email import errors, message
from bot.email.client import SmtpClient
from bot.email.errors import Failure, MailError, Meaning, Stage
from bot.email.transfer_encoding import written
from tests.support.certificates import encrypted_mail_config
from tests.support.email_env import MIA, REQUEST_CARD, SENDER, client_to, connections, envelope, mail_server
from tests.support.engine_env import until

ANSWER_SECONDS = 0.4
"""How long these tests wait for an answer that never comes, in seconds."""


@dataclass(frozen=True)
class FailureCase:
    """A fault of the server, and the expected failure. `landed` says whether the server has the email."""

    name: str
    fault: dict[str, Any]
    stage: Stage
    meaning: Meaning
    full: bool = False
    landed: bool = False
    security: str = "starttls"


def error_case(name: str, on: str, code: int, stage: Stage, meaning: Meaning, **options: Any) -> FailureCase:
    fault = {"on": on, "kind": "error", "code": code}
    fault |= {key: options.pop(key) for key in ("enhanced", "text", "landed_there") if key in options}
    return FailureCase(name, fault, stage, meaning, **options)


def fault_case(name: str, on: str, kind: str, stage: Stage, meaning: Meaning, **options: Any) -> FailureCase:
    return FailureCase(name, {"on": on, "kind": kind}, stage, meaning, **options)


LATER, SETUP, UNKNOWN = Meaning.LATER, Meaning.SETUP, Meaning.UNKNOWN
CASES = [
    # Nothing was sent: wait, then try again.
    fault_case("a connection that is cut at once", "connect", "reset", Stage.CONNECT, LATER),
    fault_case("a greeting that never comes", "connect", "hang", Stage.CONNECT, LATER),
    error_case("a greeting that asks to come later", "connect", 421, Stage.CONNECT, LATER),
    fault_case("a handshake that is cut", "tls", "reset", Stage.CONNECT, LATER, security="tls"),
    fault_case("a handshake after STARTTLS that is cut", "tls", "reset", Stage.STARTTLS, LATER),
    error_case("EHLO: later", "ehlo", 451, Stage.EHLO, LATER),
    error_case("STARTTLS: later", "starttls", 454, Stage.STARTTLS, LATER),
    error_case("a login that does not work now", "auth", 454, Stage.AUTH, LATER),
    error_case("MAIL FROM: later", "mail", 451, Stage.MAIL, LATER),
    fault_case("MAIL FROM without an answer", "mail", "hang", Stage.MAIL, LATER),
    error_case("RCPT: busy", "rcpt", 450, Stage.RCPT, LATER),
    error_case("RCPT: greylisted", "rcpt", 451, Stage.RCPT, LATER, enhanced="4.7.1"),
    fault_case("RCPT: cut", "rcpt", "reset", Stage.RCPT, LATER),
    error_case("DATA: later", "data", 451, Stage.DATA, LATER),
    fault_case("DATA without an answer", "data", "hang", Stage.DATA, LATER),
    fault_case("DATA: cut", "data", "lost", Stage.DATA, LATER),
    error_case("after the dot: later", "dot", 451, Stage.ANSWER, LATER),
    error_case("after the dot: no room", "dot", 452, Stage.ANSWER, LATER),
    # The mailbox is full: try again for a day.
    error_case("RCPT 552", "rcpt", 552, Stage.RCPT, LATER, full=True),
    error_case("RCPT 550 5.2.2", "rcpt", 550, Stage.RCPT, LATER, enhanced="5.2.2", full=True),
    error_case("RCPT 452 4.2.2", "rcpt", 452, Stage.RCPT, LATER, enhanced="4.2.2", full=True),
    error_case("after the dot 552 5.2.2", "dot", 552, Stage.ANSWER, LATER, enhanced="5.2.2", full=True),
    # The configuration of the server is wrong.
    fault_case("a certificate that is not trusted", "tls", "certificate", Stage.CONNECT, SETUP, security="tls"),
    fault_case("the same after STARTTLS", "tls", "certificate", Stage.STARTTLS, SETUP),
    fault_case("an answer that is no TLS", "tls", "broken", Stage.CONNECT, SETUP, security="tls"),
    fault_case("no STARTTLS", "starttls", "missing", Stage.STARTTLS, SETUP),
    error_case("STARTTLS refused", "starttls", 554, Stage.STARTTLS, SETUP),
    error_case("a greeting that refuses us", "connect", 554, Stage.CONNECT, SETUP),
    error_case("EHLO refused", "ehlo", 550, Stage.EHLO, SETUP, enhanced="5.7.1"),
    fault_case("no way to log in", "auth", "missing", Stage.AUTH, SETUP),
    error_case("a wrong password", "auth", 535, Stage.AUTH, SETUP),
    error_case("a login that is refused", "auth", 530, Stage.AUTH, SETUP),
    error_case("a login too weak", "auth", 534, Stage.AUTH, SETUP, enhanced="5.7.9"),
    error_case("a login that needs more encryption", "auth", 538, Stage.AUTH, SETUP, enhanced="5.7.11"),
    error_case("MAIL FROM refused", "mail", 553, Stage.MAIL, SETUP),
    error_case("MAIL FROM without a login", "mail", 530, Stage.MAIL, SETUP),
    error_case("RCPT without a login", "rcpt", 530, Stage.RCPT, SETUP),
    # The address does not work.
    error_case("RCPT 550 5.1.1", "rcpt", 550, Stage.RCPT, Meaning.ADDRESS),
    error_case("RCPT 550 5.1.10", "rcpt", 550, Stage.RCPT, Meaning.ADDRESS, enhanced="5.1.10"),
    error_case("RCPT 550 5.2.1", "rcpt", 550, Stage.RCPT, Meaning.ADDRESS, enhanced="5.2.1"),
    error_case("RCPT 551", "rcpt", 551, Stage.RCPT, Meaning.ADDRESS, enhanced="5.1.6"),
    error_case("RCPT 553", "rcpt", 553, Stage.RCPT, Meaning.ADDRESS),
    error_case("after the dot 550 5.1.1", "dot", 550, Stage.ANSWER, Meaning.ADDRESS),
    # The server refuses this email to this address.
    error_case("RCPT 550 5.7.1", "rcpt", 550, Stage.RCPT, Meaning.COPY, enhanced="5.7.1"),
    error_case("RCPT 554", "rcpt", 554, Stage.RCPT, Meaning.COPY),
    # The server refuses the content.
    error_case("DATA 554", "data", 554, Stage.DATA, Meaning.CONTENT),
    error_case("after the dot 552 5.3.4", "dot", 552, Stage.ANSWER, Meaning.CONTENT),
    error_case("after the dot 554 5.7.1", "dot", 554, Stage.ANSWER, Meaning.CONTENT),
    error_case("after the dot 550 5.6.1", "dot", 550, Stage.ANSWER, Meaning.CONTENT, enhanced="5.6.1"),
    # The outcome is unknown.
    fault_case("cut after the dot, and it is there", "dot", "lost", Stage.ANSWER, UNKNOWN, landed=True),
    fault_case("cut after the dot, and it is not", "dot", "reset", Stage.ANSWER, UNKNOWN),
    fault_case("no answer after the dot", "dot", "hang", Stage.ANSWER, UNKNOWN, landed=True),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def configs(folder: Path) -> dict[str, MailConfig]:
    login = {"user": "signoff", "password": "swordfish"}
    return {
        security: encrypted_mail_config(_create_folder(folder / security), security, **login)
        for security in ("starttls", "tls")
    }


def _create_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def catch_failure(sandbox: RunningSandbox, ca: Path | None) -> Failure:
    async with client_to(sandbox, ca=ca, before_dot_seconds=ANSWER_SECONDS * 3) as client:
        with pytest.raises(MailError) as caught:
            await client.send(written(message.mail(REQUEST_CARD, envelope())), answer_seconds=ANSWER_SECONDS)
    return caught.value.failure


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_failure_has_the_stage_and_the_meaning_of_its_case(
    case: FailureCase, configs: dict[str, MailConfig]
) -> None:
    config = configs[case.security]
    async with mail_server(config) as sandbox:
        sandbox.mail.fault(**case.fault)
        failure = await catch_failure(sandbox, config.ca)
        assert (failure.stage, failure.meaning, failure.full) == (case.stage, case.meaning, case.full), failure.sentence
        assert len(sandbox.mail.received()) == case.landed
        assert "swordfish" not in failure.sentence


async def test_the_same_server_accepts_the_email_without_a_fault(configs: dict[str, MailConfig]) -> None:
    for config in configs.values():
        async with mail_server(config) as sandbox, client_to(sandbox, ca=config.ca) as client:
            await client.send(written(message.mail(REQUEST_CARD, envelope())), answer_seconds=ANSWER_SECONDS)
            (received,) = sandbox.mail.received(to=MIA)
            assert (received.sender, received.tls, received.user) == (SENDER.addr_spec, True, "signoff")
            assert received.complaints == []


async def test_a_server_that_is_down_is_tried_again(configs: dict[str, MailConfig]) -> None:
    async with mail_server() as sandbox:
        await sandbox.mail.go_down()
        failure = await catch_failure(sandbox, None)
    assert (failure.stage, failure.meaning) == (Stage.CONNECT, LATER)


async def test_an_unknown_host_name_is_tried_again() -> None:
    error_ = aiosmtplib.SMTPConnectError("Error connecting to mail.invalid on port 465: [Errno -2] Name not known")
    assert errors.classify(Stage.CONNECT, error_).meaning is LATER


async def test_a_certificate_that_is_not_trusted_gets_no_password(configs: dict[str, MailConfig]) -> None:
    """Without its authority, the right certificate is not trusted."""
    config = configs["tls"]
    async with mail_server(config) as sandbox:
        failure = await catch_failure(sandbox, None)
    assert (failure.meaning, "certificate" in failure.sentence) == (SETUP, True)


async def test_an_answer_that_makes_no_sense_leaves_the_outcome_open_only_after_the_dot() -> None:
    malformed = aiosmtplib.SMTPResponseException(-1, "Malformed SMTP response line: hello")
    assert errors.classify(Stage.RCPT, malformed).meaning is LATER
    assert errors.classify(Stage.ANSWER, malformed).meaning is UNKNOWN
    assert errors.classify(Stage.ANSWER, aiosmtplib.SMTPDataError(354, "go on")).meaning is UNKNOWN
    assert errors.classify(Stage.DATA, aiosmtplib.SMTPDataError(250, "ok")).meaning is LATER


async def test_the_code_is_read_from_refused_recipients() -> None:
    refused_recipient = aiosmtplib.SMTPRecipientRefused(550, "5.1.1 unknown", MIA)
    failure = errors.classify(Stage.RCPT, aiosmtplib.SMTPRecipientsRefused([refused_recipient]))
    assert (failure.code, failure.enhanced, failure.meaning) == (550, "5.1.1", Meaning.ADDRESS)


@pytest.mark.parametrize("cause", [aiosmtplib.SMTPNotSupported("SMTPUTF8"), ValueError("no address"), "ü".encode, "ü"])
async def test_an_address_that_cannot_be_encoded_fails_permanently(cause: Any) -> None:
    if callable(cause):
        cause = UnicodeEncodeError("ascii", "ü", 0, 1, "not in range")
    error = cause if isinstance(cause, Exception) else ValueError(cause)
    assert errors.classify(Stage.RCPT, error).meaning is Meaning.ADDRESS


async def test_a_plain_refusal_of_a_recipient_is_about_the_address() -> None:
    assert errors.classify(Stage.RCPT, aiosmtplib.SMTPResponseException(550, "no")).meaning is Meaning.ADDRESS
    assert errors.classify(Stage.RCPT, aiosmtplib.SMTPResponseException(554, "no")).meaning is Meaning.COPY
    assert errors.classify(Stage.ANSWER, aiosmtplib.SMTPResponseException(554, "no")).meaning is Meaning.CONTENT


async def test_the_text_of_a_server_is_cleaned_and_cut() -> None:
    text = errors.classify(Stage.RCPT, aiosmtplib.SMTPResponseException(550, "a\nb\u202e\udc80" + "x" * 999)).sentence
    assert "a b⟦U+202E⟧?x" in text
    assert len(text) < 320
    assert errors.classify(Stage.CONNECT, aiosmtplib.SMTPServerDisconnected("")).sentence.endswith("Disconnected.")


# -- the errors of channel and step -------------------------------------------------------------------------


def make_failure(meaning: Meaning, *, full: bool = False) -> Failure:
    return Failure(stage=Stage.RCPT, meaning=meaning, sentence="So it is.", full=full)


async def test_a_channel_error_names_the_cause_and_how_long_it_lasts() -> None:
    channel_errors = {meaning: errors.channel_error(make_failure(meaning)) for meaning in Meaning}
    assert {meaning for meaning, error in channel_errors.items() if error.permanent} == {
        Meaning.ADDRESS,
        Meaning.COPY,
        Meaning.CONTENT,
    }
    assert {meaning for meaning, error in channel_errors.items() if error.outcome_unknown} == {UNKNOWN}
    assert {meaning: error.about for meaning, error in channel_errors.items() if error.about != "copy"} == {
        SETUP: "channel",
        Meaning.ADDRESS: "address",
    }
    assert channel_errors[LATER].patience is None
    assert errors.channel_error(make_failure(LATER, full=True)).patience == timedelta(hours=24)


async def test_a_step_error_without_a_retry_says_what_to_do() -> None:
    step_errors = {meaning: errors.step_error(make_failure(meaning)) for meaning in Meaning}
    assert {meaning for meaning, error in step_errors.items() if error.retryable} == {LATER}
    assert {meaning for meaning, error in step_errors.items() if error.outcome_unknown} == {UNKNOWN}
    for meaning in set(Meaning) - {LATER, UNKNOWN}:
        assert re.fullmatch(r"So it is\. [A-Z][^.]+\.", str(step_errors[meaning]))
        # A new run would repeat the effects of earlier steps.
        assert "again" not in str(step_errors[meaning])


# -- connections --------------------------------------------------------------------------------------------


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with mail_server() as sandbox:
        yield sandbox


async def test_one_connection_carries_many_emails(sandbox: RunningSandbox) -> None:
    async with client_to(sandbox) as client:
        for number in range(5):
            await client.send(written(message.mail(REQUEST_CARD, envelope(delivery=f"d{number}"))), answer_seconds=5)
        assert connections(sandbox) == 1
    assert len(sandbox.mail.received()) == 5


async def test_a_closed_connection_is_replaced_without_an_error(sandbox: RunningSandbox) -> None:
    async with client_to(sandbox) as client:
        await client.send(written(message.mail(REQUEST_CARD, envelope())), answer_seconds=5)
        sandbox.mail.disconnect()
        await client.send(written(message.mail(REQUEST_CARD, envelope())), answer_seconds=5)
        sandbox.mail.fault("rset", "reset")
        await client.send(written(message.mail(REQUEST_CARD, envelope())), answer_seconds=5)
    assert len(sandbox.mail.received()) == 3


async def test_no_more_than_a_few_connections_at_once(sandbox: RunningSandbox) -> None:
    max_connections = 0

    async def send(number: int) -> None:
        nonlocal max_connections
        await client.send(written(message.mail(REQUEST_CARD, envelope(to=f"p{number}@example.com"))), answer_seconds=5)
        max_connections = max(max_connections, connections(sandbox))

    async with client_to(sandbox) as client:
        await asyncio.gather(*map(send, range(20)))
    assert max_connections <= 3
    assert len({received.recipients[0] for received in sandbox.mail.received()}) == 20


async def test_a_cancelled_email_closes_its_connection(sandbox: RunningSandbox) -> None:
    async with client_to(sandbox) as client:
        await client.send(written(message.mail(REQUEST_CARD, envelope())), answer_seconds=5)
        sandbox.mail.fault("rcpt", "hang", to=MIA)
        sending = asyncio.ensure_future(client.send(written(message.mail(REQUEST_CARD, envelope())), answer_seconds=5))
        await until(lambda: bool(sandbox.mail.faults.used))
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await client.send(written(message.mail(REQUEST_CARD, envelope(to="lee@example.com"))), answer_seconds=5)
    assert [received.recipients for received in sandbox.mail.received()] == [[MIA], ["lee@example.com"]]


async def test_an_idle_connection_is_closed(sandbox: RunningSandbox) -> None:
    async with client_to(sandbox, idle_seconds=0.0) as client:
        await client.send(written(message.mail(REQUEST_CARD, envelope())), answer_seconds=5)
        await until(lambda: connections(sandbox) == 0)


async def test_a_long_email_with_dots_arrives_unchanged(sandbox: RunningSandbox) -> None:
    email_message = message.headed(SENDER, MIA, subject="dots", date=envelope().date)
    email_message["Message-ID"] = "<a@example.com>"
    body = "\n".join([".", "..", ".x", "", *("." * 70 for _ in range(20_000))]) + "\n"
    email_message.set_content(body)
    async with client_to(sandbox) as client:
        await client.send(written(email_message), answer_seconds=30)
    (received,) = sandbox.mail.received()
    assert received.text == body


@pytest.mark.parametrize("cut", [False, True], ids=["stops reading", "is cut"])
async def test_an_email_that_the_server_stops_reading_was_not_sent(*, cut: bool) -> None:
    """A server delivers nothing before the final dot, which the client sends after all other bytes."""
    test_is_over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        while line := await reader.readline():
            writer.write(b"354 Go ahead\r\n" if line == b"DATA\r\n" else b"250 OK\r\n")
            if line == b"DATA\r\n":
                break
        await reader.readexactly(1)
        if cut:
            writer.transport.abort()
        await test_is_over.wait()
        writer.transport.abort()

    email_message = message.headed(SENDER, MIA, subject="long", date=envelope().date)
    email_message.set_content("x" * 70 + "\n")
    email_message.set_payload("\n".join(["x" * 900] * 20_000))
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = SmtpClient(
            setting_values.parse_smtp_url(f"smtp://127.0.0.1:{port}"),
            local_name="a.example",
            before_dot_seconds=0.5,
            bytes_a_second=len(written(email_message).seven_bits) / 0.5,
        )
        with pytest.raises(MailError) as caught:
            await client.send(written(email_message), answer_seconds=ANSWER_SECONDS)
        test_is_over.set()
        await client.aclose()
    assert (caught.value.failure.stage, caught.value.failure.meaning) == (Stage.DATA, LATER)
