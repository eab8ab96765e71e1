"""Faults of the mail server, as a real client meets them."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.devtools.sandbox.mail.faults import STAGES, MailFault, MailFaultKind
from tests.support.certificates import encrypted_mail_config
from tests.support.http_service import PATIENCE
from tests.support.smtp_conversation import MIA, SENDER, message, open_conversation, options, send

BEN = "ben@example.com"


async def failure(slack: RunningSandbox, **options: Any) -> Exception:
    """Send an email and return the exception with which that fails."""
    with pytest.raises((aiosmtplib.SMTPException, ssl.SSLError)) as raised:
        await send(slack, **options)
    return raised.value


@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("connect", 421, aiosmtplib.SMTPConnectResponseError),
        ("connect", 554, aiosmtplib.SMTPConnectResponseError),
        ("ehlo", 421, aiosmtplib.SMTPHeloError),
        ("mail", 421, aiosmtplib.SMTPSenderRefused),
        ("mail", 451, aiosmtplib.SMTPSenderRefused),
        ("mail", 452, aiosmtplib.SMTPSenderRefused),
        ("mail", 550, aiosmtplib.SMTPSenderRefused),
        ("rcpt", 450, aiosmtplib.SMTPRecipientsRefused),
        ("rcpt", 550, aiosmtplib.SMTPRecipientsRefused),
        ("rcpt", 552, aiosmtplib.SMTPRecipientsRefused),
        ("data", 421, aiosmtplib.SMTPDataError),
        ("data", 451, aiosmtplib.SMTPDataError),
        ("data", 554, aiosmtplib.SMTPDataError),
        ("dot", 421, aiosmtplib.SMTPDataError),
        ("dot", 451, aiosmtplib.SMTPDataError),
        ("dot", 452, aiosmtplib.SMTPDataError),
        ("dot", 552, aiosmtplib.SMTPDataError),
        ("dot", 554, aiosmtplib.SMTPDataError),
    ],
)
async def test_every_stage_can_be_answered_with_any_code_once(
    slack: RunningSandbox, command: str, code: int, error: type[Exception]
) -> None:
    slack.mail.fault(command, "error", code=code)
    error_raised: Any = await failure(slack)
    assert type(error_raised) is error
    assert [recipient.code for recipient in getattr(error_raised, "recipients", [error_raised])] == [code]
    assert slack.mail.received() == []
    await send(slack)
    assert len(slack.mail.received()) == 1
    assert [fault.on for fault in slack.mail.faults.used] == [command]


async def test_the_text_of_the_reply_may_be_anything(slack: RunningSandbox) -> None:
    slack.mail.fault("dot", "error", code=571, enhanced="5.7.26", text="Two\nlines")
    error = await failure(slack)
    assert isinstance(error, aiosmtplib.SMTPDataError)
    assert error.code == 571
    assert error.message.splitlines() == ["5.7.26 Two", "5.7.26 lines"]


@pytest.mark.parametrize(
    ("command", "code", "reply_text"),
    [
        ("rcpt", 552, "5.2.2 Mailbox full"),
        ("dot", 552, "5.3.4 Message too big"),
        ("rcpt", 550, "5.1.1 User unknown"),
        ("mail", 499, "4.0.0 As the sandbox was told"),
    ],
)
def test_without_a_text_the_usual_reply_is_sent(command: str, code: int, reply_text: str) -> None:
    reply = MailFault(on=command, kind="error", code=code).reply
    assert f"{reply.enhanced} {reply.text}" == reply_text


async def test_after_421_the_connection_is_closed(slack: RunningSandbox) -> None:
    slack.mail.fault("noop", "error", code=421)
    async with open_conversation(slack) as talk:
        assert (await talk("NOOP")).startswith("421 4.3.2")
        assert await talk.read_reply() == ""


async def test_after_a_refusal_instead_of_a_greeting_there_is_no_service(slack: RunningSandbox) -> None:
    slack.mail.fault("connect", "error", code=554)
    async with open_conversation(slack, greeted=False) as talk:
        assert await talk.read_reply() == "554 Refused by policy"
        assert await talk.codes("EHLO me.example", "NOOP", "QUIT") == [503, 503, 221]


async def test_a_fault_may_hit_one_recipient_only_and_until_it_is_lifted(slack: RunningSandbox) -> None:
    slack.mail.fault("rcpt", "error", code=550, to=MIA.upper(), times=None)
    for _ in range(2):
        assert isinstance(await failure(slack), aiosmtplib.SMTPRecipientsRefused)
    await send(slack, message(to=BEN))
    errors, _ = await aiosmtplib.send(message(), **options(slack.mail, sender=SENDER, recipients=[MIA, BEN]))
    assert list(errors) == [MIA]
    slack.mail.faults.clear()
    await send(slack)
    assert [email.recipients for email in slack.mail.received()] == [[BEN], [BEN], [MIA]]


@pytest.mark.parametrize("command", ["data", "dot"])
async def test_a_content_may_be_refused_by_its_recipient(slack: RunningSandbox, command: str) -> None:
    slack.mail.fault(command, "error", code=554, to=MIA)
    await send(slack, message(to=BEN))
    assert isinstance(await failure(slack), aiosmtplib.SMTPDataError)


async def test_a_fault_may_come_several_times_and_wait_for_its_turn(slack: RunningSandbox) -> None:
    slack.mail.fault("mail", "error", code=451, times=2, skip=1)
    await send(slack)
    await failure(slack)
    await failure(slack)
    await send(slack)
    assert slack.mail.faults.queue == []


async def test_an_email_may_be_accepted_although_the_reply_is_an_error(slack: RunningSandbox) -> None:
    slack.mail.fault("dot", "error", code=451, landed=True)
    assert isinstance(await failure(slack), aiosmtplib.SMTPDataError)
    assert len(slack.mail.received()) == 1


@pytest.mark.parametrize(("kind", "accepted"), [("lost", 1), ("reset", 0)])
async def test_a_connection_may_break_after_the_final_dot_with_the_email_accepted_or_not(
    slack: RunningSandbox, kind: MailFaultKind, accepted: int
) -> None:
    slack.mail.fault("dot", kind)
    assert isinstance(await failure(slack), aiosmtplib.SMTPServerDisconnected)
    assert len(slack.mail.received()) == accepted


@pytest.mark.parametrize(
    "command", sorted(STAGES - {"tls", "starttls", "auth", "dot", "*", "quit", "rset", "noop", "vrfy"})
)
@pytest.mark.parametrize("kind", ["reset", "lost"])
async def test_a_connection_may_break_anywhere(slack: RunningSandbox, command: str, kind: MailFaultKind) -> None:
    slack.mail.fault(command, kind)
    assert isinstance(await failure(slack), aiosmtplib.SMTPServerDisconnected | aiosmtplib.SMTPConnectError)
    assert slack.mail.received() == []


@pytest.mark.parametrize(("command", "accepted"), [("connect", 0), ("ehlo", 0), ("mail", 0), ("data", 0), ("dot", 1)])
async def test_an_answer_may_never_come(slack: RunningSandbox, command: str, accepted: int) -> None:
    slack.mail.fault(command, "hang")
    assert isinstance(await failure(slack, timeout=0.2), aiosmtplib.SMTPTimeoutError)
    assert len(slack.mail.received()) == accepted


async def test_an_answer_may_be_slow_by_the_sandboxs_clock(slack: RunningSandbox) -> None:
    slack.mail.fault("dot", "slow", seconds=300)
    sending = asyncio.ensure_future(send(slack))
    await slack.until(lambda: slack.mail.faults.used)
    await asyncio.sleep(0.03)
    assert not sending.done()
    assert slack.mail.received() == []
    slack.time.advance(300)
    assert "Taken over" in await sending


async def test_an_email_is_accepted_although_its_client_left_during_a_slow_reply(slack: RunningSandbox) -> None:
    slack.mail.fault("dot", "slow", seconds=300)
    assert isinstance(await failure(slack, timeout=0.2), aiosmtplib.SMTPTimeoutError)
    slack.time.advance(300)
    await slack.mail.wait_for()


async def test_every_command_may_fail_at_once(slack: RunningSandbox) -> None:
    slack.mail.fault("*", "error", code=421, times=None)
    assert isinstance(await failure(slack), aiosmtplib.SMTPConnectResponseError)


# -- encryption ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["certificate", "broken", "reset", "hang"])
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_handshake_may_fail(tmp_path: Path, security: Any, kind: MailFaultKind) -> None:
    async with sandbox(mail=encrypted_mail_config(tmp_path, security)) as slack:
        slack.mail.fault("tls", kind)
        error = await failure(slack, timeout=0.5 if kind == "hang" else PATIENCE)
        assert ("CERTIFICATE_VERIFY_FAILED" in str(error)) == (kind == "certificate")
        await send(slack)
        assert slack.mail.received()[0].tls


async def test_a_handshake_may_be_slow(tmp_path: Path) -> None:
    async with sandbox(mail=encrypted_mail_config(tmp_path, "tls")) as slack:
        slack.mail.fault("tls", "slow", seconds=0.01)
        await send(slack)


async def test_starttls_may_be_missing_or_refused(tmp_path: Path) -> None:
    async with sandbox(mail=encrypted_mail_config(tmp_path, "starttls")) as slack:
        slack.mail.fault("starttls", "missing")
        assert "not supported" in str(await failure(slack))
        slack.mail.fault("starttls", "missing")
        async with open_conversation(slack) as talk:
            assert await talk.codes("STARTTLS", f"MAIL FROM:<{SENDER}>") == [502, 530]
        slack.mail.fault("starttls", "error", code=454)
        assert "454" in repr(await failure(slack))
        await send(slack)


async def test_authentication_may_be_missing_or_refused(tmp_path: Path) -> None:
    async with sandbox(mail=encrypted_mail_config(tmp_path, "tls", user="u", password="p")) as slack:
        slack.mail.fault("auth", "missing")
        assert "not supported" in str(await failure(slack))
        for code in 454, 535:
            slack.mail.fault("auth", "error", code=code, times=2)  # A client tries its mechanisms in turn.

            error = await failure(slack)
            assert isinstance(error, aiosmtplib.SMTPAuthenticationError)
            assert error.code == code
            slack.mail.faults.clear()
        await send(slack)


async def test_other_extensions_may_be_missing(slack: RunningSandbox) -> None:
    for name in "smtputf8", "8bitmime", "size", "enhancedstatuscodes":
        slack.mail.fault(name, "missing", times=2)
    async with open_conversation(slack) as talk:
        assert await talk("EHLO me.example") == "250-mail.sandbox.example\n250 PIPELINING"
        assert await talk("RSET") == "250 OK"
        assert await talk.codes("MAIL FROM:<a@b.example> SMTPUTF8") == [555]
    with pytest.raises(aiosmtplib.SMTPNotSupported):
        await send(slack, message(to="grüße@example.com"))


async def test_the_certificate_fault_needs_a_wrong_certificate(slack: RunningSandbox) -> None:
    with pytest.raises(ValueError, match="no wrong certificate"):
        slack.mail.fault("tls", "certificate")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"on": "mail", "kind": "nonsense"}, "there is no fault 'nonsense'"),
        ({"on": "nowhere", "kind": "error"}, "cannot hit 'nowhere'"),
        ({"on": "mail", "kind": "broken"}, "cannot hit 'mail'"),
        ({"on": "mail", "kind": "missing"}, "cannot hit 'mail'"),
        ({"on": "tls", "kind": "error"}, "answered by no code"),
        ({"on": "mail", "kind": "error", "to": MIA}, "no recipient is known"),
        ({"on": "mail", "kind": "error", "code": 42}, "there is no code 42"),
    ],
)
def test_a_fault_that_can_never_happen_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MailFault(**arguments).check()


# -- down ---------------------------------------------------------------------------------------------------


async def test_a_server_may_be_down_and_come_back_at_the_same_port(slack: RunningSandbox) -> None:
    port = slack.mail.port
    async with open_conversation(slack) as talk:
        await slack.mail.go_down()
        assert await talk.read_reply() == ""
    for _ in range(2):
        assert isinstance(await failure(slack), aiosmtplib.SMTPConnectError)
    await slack.mail.go_down()
    await slack.mail.come_back()
    await slack.mail.come_back()
    assert slack.mail.port == port
    await send(slack)


async def test_a_sandbox_may_stop_while_its_mail_server_is_down() -> None:
    async with sandbox() as slack:
        await slack.mail.go_down()


async def test_idle_connections_may_be_cut(slack: RunningSandbox) -> None:
    async with aiosmtplib.SMTP(**options(slack.mail)) as client:
        await client.ehlo()
        slack.mail.disconnect()
        with pytest.raises(aiosmtplib.SMTPServerDisconnected):
            await client.noop()
