"""The dialogue of the SMTP server: the emails that it accepts and refuses, and its modes of encryption."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtplib import SMTP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.devtools.sandbox import FrozenClock, MailConfig, RunningSandbox, sandbox
from bot.devtools.sandbox.mail.config import Security
from tests.support.certificates import encrypted_mail_config
from tests.support.examples import example_count
from tests.support.http_service import PATIENCE
from tests.support.smtp_conversation import (
    MIA,
    SENDER,
    SmtpConversation,
    message,
    open_conversation,
    options,
    send,
    send_raw,
)


async def test_an_email_arrives_with_its_envelope_and_without_complaints(slack: RunningSandbox) -> None:
    assert "Taken over as 1" in await send(slack, message(html="<p>Refund?</p>"))
    (mail,) = await slack.mail.wait_for(to="MIA@example.com", subject="A-1007")
    assert (mail.sender, mail.recipients, mail.id) == (SENDER, [MIA], "1")
    assert mail.text == "Refund order A-1007?\n\nAmount: 120 EUR\n"
    assert (mail.html, mail.header("to")) == ("<p>Refund?</p>\n", MIA)
    assert mail.received_at == slack.time.seconds
    assert (mail.complaints, mail.tls, mail.user) == ([], False, None)
    assert slack.mail.received(to="somebody@example.com") == []


async def test_waiting_in_vain_for_an_email_lists_those_that_came(slack: RunningSandbox) -> None:
    await send(slack)
    with pytest.raises(
        TimeoutError, match=r"no 2 mails to ben@example.com.*'Refund order A-1007\?' to mia@example.com"
    ):
        await slack.mail.wait_for(to="ben@example.com", count=2, seconds=0.01)


async def test_a_later_email_is_waited_for(slack: RunningSandbox) -> None:
    waiting = asyncio.ensure_future(slack.mail.wait_for(count=2))
    await send(slack)
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await send(slack)
    assert [item.id for item in await waiting] == ["1", "2"]
    slack.mail.clear()
    assert slack.mail.received() == []


# -- encryption and authentication --------------------------------------------------------------------------


@pytest.fixture(params=["plain", "starttls", "tls"])
async def guarded_sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RunningSandbox]:
    """Run a server that asks for user and password, in each mode of encryption."""
    security: Security = request.param
    config = encrypted_mail_config(tmp_path, security, user="sign@off", password="pass:word")
    async with sandbox(clock=FrozenClock(), mail=config) as running:
        yield running


async def test_every_mode_accepts_email_after_authentication(guarded_sandbox: RunningSandbox) -> None:
    scheme = {"plain": "smtp", "starttls": "smtp+starttls", "tls": "smtps"}[guarded_sandbox.mail.config.security]
    assert guarded_sandbox.mail.url == f"{scheme}://sign%40off:pass%3Aword@127.0.0.1:{guarded_sandbox.mail.port}"
    large = message()
    large.set_content("A line of some length, many times.\n" * 10_000)
    await send(guarded_sandbox, large)
    (mail,) = guarded_sandbox.mail.received()
    assert (mail.user, mail.tls) == ("sign@off", scheme != "smtp")
    assert mail.text == "A line of some length, many times.\n" * 10_000
    assert mail.complaints == (["The credentials were sent unencrypted."] if scheme == "smtp" else [])


async def test_without_authentication_nothing_is_accepted(guarded_sandbox: RunningSandbox) -> None:
    with pytest.raises(aiosmtplib.SMTPSenderRefused) as refused:
        await send(guarded_sandbox, username=None, password=None)
    assert refused.value.code == 530


async def test_a_wrong_password_is_refused(guarded_sandbox: RunningSandbox) -> None:
    with pytest.raises(aiosmtplib.SMTPAuthenticationError) as refused:
        await send(guarded_sandbox, password="wrong")
    assert refused.value.code == 535


@pytest.mark.parametrize("mechanism", ["plain", "login"])
async def test_both_mechanisms_work(guarded_sandbox: RunningSandbox, mechanism: str) -> None:
    arguments = options(guarded_sandbox.mail)
    user, password = arguments.pop("username"), arguments.pop("password")
    async with SMTP(**arguments) as client:
        await client.ehlo()
        assert (await getattr(client, f"auth_{mechanism}")(user, password)).code == 235


async def test_encryption_needs_a_certificate() -> None:
    with pytest.raises(ValueError, match="'tls' needs a certificate"):
        MailConfig(security="tls")


async def test_nothing_is_accepted_before_starttls(tmp_path: Path) -> None:
    async with (
        sandbox(mail=encrypted_mail_config(tmp_path, "starttls", user="u", password="p")) as slack,
        open_conversation(slack) as talk,
    ):
        assert "AUTH" not in await talk("EHLO me.example")
        assert await talk(f"MAIL FROM:<{SENDER}>") == "530 5.7.0 Must issue a STARTTLS command first"
        assert await talk("AUTH PLAIN AHUAcA==") == "538 5.7.11 Encryption is required"
        assert await talk("STARTTLS now") == "501 5.5.4 STARTTLS takes no parameters"


async def test_commands_before_the_handshake_are_forgotten(tmp_path: Path) -> None:
    async with (
        sandbox(mail=encrypted_mail_config(tmp_path, "starttls")) as slack,
        SMTP(**options(slack.mail, start_tls=False)) as client,
    ):
        await client.ehlo()
        await client.starttls(tls_context=ssl.create_default_context(cafile=slack.mail.config.ca))
        refused = await client.execute_command(b"MAIL", f"FROM:<{SENDER}>".encode())
        assert refused.code == 503
        assert (await client.execute_command(b"STARTTLS")).code == 502


async def test_a_command_injected_before_the_handshake_ends_the_connection(tmp_path: Path) -> None:
    async with sandbox(mail=encrypted_mail_config(tmp_path, "starttls")) as slack, open_conversation(slack) as talk:
        talk.write(b"STARTTLS\r\nMAIL FROM:<evil@example.com>\r\n")
        assert (await talk.read_reply()).startswith("503 5.5.1 Wait")
        assert await talk.read_reply() == ""


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["AUTH PLAIN"], 334),
        (["AUTH PLAIN", "*"], 501),
        (["AUTH PLAIN !"], 501),
        (["AUTH PLAIN AHU="], 501),
        (["AUTH LOGIN", "dQ=="], 334),
        (["AUTH CRAM-MD5"], 504),
        (["AUTH PLAIN AHUAcA=="], 235),
        (["AUTH PLAIN AHUAcA==", "AUTH PLAIN AHUAcA=="], 503),
        (["AUTH PLAIN " + base64.b64encode(b"\0u\0" + b"p" * 9000).decode()], 535),
    ],
)
async def test_authentication_follows_the_protocol(lines: list[str], code: int) -> None:
    async with sandbox(mail=MailConfig(user="u", password="p")) as slack, open_conversation(slack) as talk:
        assert (await talk.codes(*lines))[-1] == code


# -- the dialogue -------------------------------------------------------------------------------------------


async def test_the_extensions_are_announced(slack: RunningSandbox) -> None:
    async with open_conversation(slack, greeted=False) as talk:
        assert await talk.read_reply() == "220 mail.sandbox.example ESMTP"
        extensions = (await talk("EHLO me.example")).splitlines()
        assert extensions[0] == "250-mail.sandbox.example"
        assert [item[4:] for item in extensions[1:]] == [
            "8BITMIME",
            "ENHANCEDSTATUSCODES",
            "PIPELINING",
            f"SIZE {10 * 1024 * 1024}",
            "SMTPUTF8",
        ]
        assert await talk("HELO me.example") == "250 mail.sandbox.example"
        # Without EHLO there are no extensions, and no enhanced codes.
        assert (
            await talk(f"MAIL FROM:<{SENDER}> SIZE=1")
            == "555 The parameter SIZE is not understood, or its value is not"
        )


FROM, TO = f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{MIA}>"


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        (["NONSENSE"], "500 5.5.1"),
        ([""], "500 5.5.1"),
        (["EHLO"], "501 5.5.4"),
        (["EHLO not a domain"], "501 5.5.4"),
        (["EHLO [127.0.0.1]"], "250-mail"),
        ([TO], "503 5.5.1"),
        (["DATA"], "503 5.5.1"),
        ([FROM, "DATA"], "503 5.5.1"),
        ([FROM, FROM], "503 5.5.1"),
        ([FROM, "RSET", TO], "503 5.5.1"),
        ([FROM, "EHLO again.example", TO], "503 5.5.1"),
        (["RSET x"], "501 5.5.4"),
        ([FROM, TO, "DATA now"], "501 5.5.4"),
        (["NOOP whatever"], "250 2.0.0"),
        (["VRFY"], "501 5.5.4"),
        ([f"VRFY {MIA}"], "252 2.1.5"),
        (["STARTTLS"], "502 5.5.1"),
        (["AUTH PLAIN AHUAcA=="], "502 5.5.1"),
        (["QUIT"], "221 2.0.0"),
        (["mail from:<>"], "250 2.1.0"),
        (["MAIL FROM: <a@b.example>"], "501 5.5.4"),
        (["MAIL TO:<a@b.example>"], "501 5.5.4"),
        (["MAIL FROM:a@b.example"], "501 5.5.4"),
        (["MAIL FROM:<a@b.example>SIZE=1"], "501 5.5.4"),
        (["MAIL FROM:<a b@b.example>"], "553 5.1.3"),
        (['MAIL FROM:<"a b"@b.example>'], "250 2.1.0"),
        (["MAIL FROM:<a..b@b.example>"], "553 5.1.3"),
        (["MAIL FROM:<a@-b.example>"], "553 5.1.3"),
        (["MAIL FROM:<a@[IPv6:::1]>"], "250 2.1.0"),
        ([f"MAIL FROM:<{'a' * 65}@b.example>"], "553 5.1.3"),
        (["MAIL FROM:<gr\u00fc\u00dfe@b.example>"], "553 5.6.7"),
        (["MAIL FROM:<gr\u00fc\u00dfe@b.example> SMTPUTF8"], "250 2.1.0"),
        (["MAIL FROM:<a@b.example> SMTPUTF8", "RCPT TO:<\u4f60@\u597d.example>"], "250 2.1.5"),
        (["MAIL FROM:<a@b.example>", "RCPT TO:<\u4f60@\u597d.example>"], "553 5.6.7"),
        (["MAIL FROM:<a@b.example> SIZE=10485760 BODY=8BITMIME"], "250 2.1.0"),
        (["MAIL FROM:<a@b.example> SIZE=10485761"], "552 5.3.4"),
        (["MAIL FROM:<a@b.example> SIZE=many"], "555 5.5.4"),
        (["MAIL FROM:<a@b.example> SIZE=1 SIZE=1"], "501 5.5.4"),
        (["MAIL FROM:<a@b.example> BODY=BINARYMIME"], "555 5.5.4"),
        (["MAIL FROM:<a@b.example> RET=HDRS"], "555 5.5.4"),
        ([FROM, "RCPT TO:<>"], "501 5.1.3"),
        ([FROM, "RCPT TO:<mia>"], "553 5.1.3"),
        ([FROM, f"{TO} NOTIFY=NEVER"], "555 5.5.4"),
        (["NOOP " + "x" * 506], "500 5.5.2"),
        (["NOOP " + "x" * 200_000], "500 5.5.2"),
        (["NOOP \x07"], "500 5.5.2"),
    ],
)
async def test_replies_to_commands_follow_the_protocol(slack: RunningSandbox, lines: list[str], reply: str) -> None:
    async with open_conversation(slack) as talk:
        answers = [await talk(line) for line in lines]
        assert answers[-1].startswith(reply), answers


async def test_commands_before_ehlo_are_refused(slack: RunningSandbox) -> None:
    async with open_conversation(slack, greeted=False) as talk:
        await talk.read_reply()
        assert await talk(FROM) == "503 Say EHLO first"


@pytest.mark.parametrize("line", [b"NOOP\n", b"NO\rOP\r\n", b"NOOP \xff\xfe\r\n"])
async def test_malformed_lines_are_refused(slack: RunningSandbox, line: bytes) -> None:
    async with open_conversation(slack) as talk:
        talk.write(line)
        assert (await talk.read_reply()).startswith("500 5.5.2")


async def test_more_than_a_hundred_recipients_are_refused(slack: RunningSandbox) -> None:
    async with open_conversation(slack) as talk:
        assert await talk.codes(FROM, *[TO] * 101) == [*[250] * 101, 452]


async def test_a_client_with_too_many_errors_is_disconnected(slack: RunningSandbox) -> None:
    async with open_conversation(slack) as talk:
        assert await talk.codes(*["WHAT"] * 50) == [*[500] * 49, 421]
        assert await talk.read_reply() == ""


async def test_pipelined_commands_are_answered_in_order(slack: RunningSandbox) -> None:
    async with open_conversation(slack) as talk:
        talk.write(f"{FROM}\r\n{TO}\r\nRCPT TO:<nonsense>\r\nDATA\r\n".encode())
        assert [(await talk.read_reply())[:3] for _ in range(4)] == ["250", "250", "553", "354"]


@pytest.mark.parametrize("ahead", [f"DATA\r\n{FROM}\r\n", "EHLO a.example\r\nNOOP\r\n"])
async def test_commands_that_may_not_be_pipelined_are_refused(slack: RunningSandbox, ahead: str) -> None:
    async with open_conversation(slack) as talk:
        await talk.codes(FROM, TO)
        talk.write(ahead.encode())
        assert (await talk.read_reply()).startswith("503 5.5.1 Wait for the answer")


async def test_without_the_extension_no_command_may_be_pipelined(slack: RunningSandbox) -> None:
    slack.mail.fault("pipelining", "missing")
    async with open_conversation(slack) as talk:
        talk.write(f"{FROM}\r\n{TO}\r\n".encode())
        assert (await talk.read_reply()).startswith("503")


# -- contents -----------------------------------------------------------------------------------------------

HEAD = (
    b"From: a@b.example\r\nTo: mia@example.com\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@b.example>\r\n\r\n"
)


async def final_reply(talk: SmtpConversation, content: bytes) -> str:
    """Send a content and return the reply of the server to its final dot."""
    await talk.up_to_data()
    talk.write(content + b"\r\n.\r\n")
    return await talk.read_reply()


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (b"bare\nline feed", "554 5.6.0 A CR or LF"),
        (b"bare\rreturn", "554 5.6.0 A CR or LF"),
        (b"x" * 998, "250 2.0.0"),
        (b"." + b"x" * 998, "250 2.0.0"),
        (b"x" * 999, "554 5.6.0 A line"),
        (b"x" * 300_000, "554 5.6.0 A line"),
        (b"nul\0", "554 5.6.0 There is a NUL"),
        (b"gr\xc3\xbc\xc3\x9fe", "554 5.6.3"),
    ],
)
async def test_malformed_contents_are_refused(slack: RunningSandbox, content: bytes, reply: str) -> None:
    async with open_conversation(slack) as talk:
        assert (await final_reply(talk, HEAD + content)).startswith(reply)
        assert len(slack.mail.received()) == (reply[0] == "2")
        assert await talk(FROM) == "250 2.1.0 Sender accepted"


async def test_headers_in_utf8_need_smtputf8(slack: RunningSandbox) -> None:
    content = b"Subject: gr\xc3\xbc\xc3\x9fe\r\n" + HEAD
    with pytest.raises(aiosmtplib.SMTPDataError, match=r"5\.6\.9"):
        await send_raw(slack, content)
    await send_raw(slack, content, mail_options=["SMTPUTF8"])
    assert slack.mail.received()[0].subject == "grüße"


@pytest.mark.parametrize("ending", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r"])
async def test_only_a_dot_between_complete_line_ends_ends_the_content(slack: RunningSandbox, ending: bytes) -> None:
    async with open_conversation(slack) as talk:
        reply = await final_reply(talk, HEAD + b"one" + ending + b"MAIL FROM:<evil@example.com>")
        assert reply.startswith("554 5.6.0")
        assert slack.mail.received() == []


async def test_an_oversized_email_is_refused_at_its_end_and_the_next_one_is_accepted() -> None:
    async with sandbox(mail=MailConfig(size=2000)) as slack:
        async with open_conversation(slack) as talk:
            assert (await final_reply(talk, HEAD + b"a line\r\n" * 1000)).startswith("552 5.3.4")
        with pytest.raises(aiosmtplib.SMTPSenderRefused, match=r"5\.3\.4"):
            await send_raw(slack, HEAD + b"a line\r\n" * 1000, mail_options=[])
        await send(slack)


LINE = st.binary(max_size=80).map(lambda line: line.translate(None, b"\0\r\n"))
LINES = st.lists(
    LINE | st.sampled_from([b".", b"..", b".x", b"", b"...."]) | LINE.map(lambda line: b"." + line), max_size=12
)


@settings(deadline=None, max_examples=example_count(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES)
async def test_every_content_arrives_byte_by_byte(slack: RunningSandbox, lines: list[bytes]) -> None:
    content = HEAD + b"\r\n".join(lines) + b"\r\n"
    await send_raw(slack, content)
    assert slack.mail.received()[-1].raw == content


@settings(deadline=None, max_examples=example_count(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, cuts=st.lists(st.integers(1, 40), max_size=40))
async def test_a_content_arrives_whole_wherever_the_network_splits_it(
    slack: RunningSandbox, lines: list[bytes], cuts: list[int]
) -> None:
    content = HEAD + b"\r\n".join(line.decode("ascii", "ignore").encode() for line in lines) + b"\r\n"
    stuffed = b"".join(b"." + line if line.startswith(b".") else line for line in content.splitlines(keepends=True))
    async with open_conversation(slack) as talk:
        await talk.up_to_data()
        rest = stuffed + b".\r\n"
        for cut in cuts:
            talk.write(rest[:cut])
            rest = rest[cut:]
            await asyncio.sleep(0)
        talk.write(rest)
        assert (await talk.read_reply()).startswith("250")
    assert slack.mail.received()[-1].raw == content


# -- clients that come and go -------------------------------------------------------------------------------


async def test_a_client_that_disconnects_leaves_nothing_behind(slack: RunningSandbox) -> None:
    async with open_conversation(slack) as talk:
        await talk.up_to_data()
        talk.write(HEAD + b"half a")
    await send(slack)
    assert [email.subject for email in slack.mail.received()] == ["Refund order A-1007?"]


async def test_a_sandbox_stops_while_a_client_is_connected() -> None:
    async with asyncio.timeout(PATIENCE):
        async with sandbox() as slack:
            reader, writer = await asyncio.open_connection(slack.mail.host, slack.mail.port)
            await reader.readline()
        assert await reader.read() == b""
        writer.close()


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with sandbox() as first:
        with pytest.raises(OSError, match="already in use"):
            async with sandbox(mail=MailConfig(port=first.mail.port)):
                pass


async def test_several_clients_are_served_at_once(slack: RunningSandbox) -> None:
    subjects = [f"Mail {number}" for number in range(20)]
    await asyncio.gather(*(send(slack, message(item)) for item in subjects))
    assert sorted(email.subject for email in slack.mail.received()) == sorted(subjects)
    assert sorted(int(email.id) for email in slack.mail.received()) == list(range(1, 21))


async def test_the_oldest_emails_are_dropped_when_there_are_too_many(
    slack: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, value in (("MOST", 3), ("MOST_BYTES", 10**9)):
        monkeypatch.setattr(f"bot.devtools.sandbox.mail.mailbox.{limit}", value)
    for _ in range(5):
        await send(slack)
    assert [email.id for email in slack.mail.received()] == ["3", "4", "5"]
    monkeypatch.setattr("bot.devtools.sandbox.mail.mailbox.MOST_BYTES", 2 * len(slack.mail.received()[0].raw))
    await send(slack)
    assert [email.id for email in slack.mail.received()] == ["5", "6"]


async def test_a_person_with_only_an_email_address_is_unknown_to_slack(slack: RunningSandbox, client: Any) -> None:
    (mia,) = slack.world.outsiders
    assert mia.email == MIA
    answer = await client.api_call("users.lookupByEmail", params={"email": "ada@example.com"})
    assert answer["ok"]
    with pytest.raises(Exception, match="users_not_found"):
        await client.users_lookupByEmail(email=MIA)
