"""The step `email` on a real mail server: the email that it sends, and the meaning of each failure."""

from __future__ import annotations

import email
import email.policy
import io
import os
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import ValidationError
from rich.console import Console

from bot.devtools.sandbox import RunningSandbox
from bot.email.sender import SmtpMailer
from bot.terminal.sender import TerminalMailer
from engine.errors import StepError
from engine.file_storage import OpenFile
from engine.ports import StepContext
from engine.steps.email import EmailParams, EmailStep
from tests.support import samples
from tests.support.email_env import AT, MIA, SENDER, client_to, mail_server

CONTEXT = StepContext(run="r1", step="mail", visit=1, attempt=1, idempotency_key="r1:mail:1", timeout=timedelta(1))
PARAMS = EmailParams(to=MIA, subject="Your refund: ✓", body="Hello,\n\n{{ not a template }} <b>120</b>\n.\n")


@pytest.fixture
async def mail_sandbox() -> AsyncIterator[RunningSandbox]:
    async with mail_server() as server:
        yield server


@pytest.fixture
async def step(mail_sandbox: RunningSandbox) -> AsyncIterator[EmailStep]:
    async with client_to(mail_sandbox) as client:
        yield EmailStep(SmtpMailer(client, sender=SENDER, now=lambda: AT))


async def failure(step: EmailStep) -> StepError:
    with pytest.raises(StepError) as caught:
        await step.run(PARAMS, CONTEXT)
    return caught.value


async def test_an_email_is_sent_as_it_was_written_with_nothing_added(
    mail_sandbox: RunningSandbox, step: EmailStep
) -> None:
    output = await step.run(PARAMS.model_copy(update={"reply_to": "sam@example.com"}), CONTEXT)
    (sent,) = mail_sandbox.mail.received(to=MIA)
    assert output == {"message_id": sent.header("message-id"), "to": MIA}
    assert output.keys() == step.outputs({})
    assert (sent.subject, sent.text, sent.html) == (PARAMS.subject, PARAMS.body, None)
    assert sent.header("reply-to") == "sam@example.com"
    assert sent.complaints == []


async def test_files_are_attached_as_they_are(mail_sandbox: RunningSandbox) -> None:
    files = [
        OpenFile(reference=samples.file(name="Rechnung „März“.pdf"), data=b"%PDF-1.7 " + os.urandom(100_000)),
        OpenFile(reference=samples.file(name="letter.eml", type="message/rfc822"), data=b"Subject: x\r\n\r\n.\r\n"),
        OpenFile(reference=samples.file(name="a.csv", type="text/csv"), data=b"a;b\n"),
    ]
    async with client_to(mail_sandbox) as client:
        mailer = SmtpMailer(client, sender=SENDER, now=lambda: AT)
        await mailer.send(to=MIA, subject="Hi", body=PARAMS.body, reply_to=None, key="k", attachments=files)
    (received,) = mail_sandbox.mail.received(to=MIA)
    assert received.complaints == []
    parsed = email.message_from_bytes(received.raw, policy=email.policy.default)
    text, *parts = parsed.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == PARAMS.body
    assert [part.get_filename() for part in parts] == ["Rechnung „März“.pdf", "letter.eml", "a.csv"]
    assert [part.get_payload(decode=True) for part in parts] == [file.data for file in files]
    assert [part.get_content_type() for part in parts] == ["application/pdf", "application/octet-stream", "text/csv"]


async def test_a_repeated_call_has_the_same_message_id_and_another_call_another_one(
    mail_sandbox: RunningSandbox, step: EmailStep
) -> None:
    first, again = await step.run(PARAMS, CONTEXT), await step.run(PARAMS, CONTEXT)
    assert first == again
    assert mail_sandbox.mail.received()[0].header("reply-to") == ""
    assert step.idempotent({}) is False
    assert set(step.content({})) == {"subject", "body"}


async def test_a_temporary_failure_may_be_repeated(mail_sandbox: RunningSandbox, step: EmailStep) -> None:
    mail_sandbox.mail.fault("rcpt", "error", code=451)
    error = await failure(step)
    assert (error.retryable, error.outcome_unknown) == (True, False)


@pytest.mark.parametrize(
    ("command", "code", "todo"),
    [("rcpt", 550, "Correct the address"), ("dot", 554, "Change the text"), ("mail", 530, "doctor")],
)
async def test_a_permanent_failure_says_how_to_fix_it(
    mail_sandbox: RunningSandbox, step: EmailStep, command: str, code: int, todo: str
) -> None:
    mail_sandbox.mail.fault(command, "error", code=code)
    error = await failure(step)
    assert (error.retryable, error.outcome_unknown) == (False, False)
    assert todo in str(error)


async def test_a_connection_that_breaks_after_all_was_sent_leaves_the_outcome_unknown(
    mail_sandbox: RunningSandbox, step: EmailStep
) -> None:
    mail_sandbox.mail.fault("dot", "lost")
    error = await failure(step)
    assert (error.retryable, error.outcome_unknown) == (False, True)
    assert len(mail_sandbox.mail.received()) == 1


async def test_without_a_mail_server_the_step_fails_with_a_sentence() -> None:
    assert "SIGNOFF_SMTP_URL" in str(await failure(EmailStep()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "mia"},
        {"to": "Mia <mia@example.com>"},
        {"to": "a@example.com, b@example.com"},
        {"to": "mia@example.com\nBcc: eve@example.com"},
        {"reply_to": "sam"},
        {"subject": ""},
        {"subject": " "},
        {"subject": "a\nBcc: eve@example.com"},
        {"subject": "a\u202eb"},
        {"subject": "x" * 251},
        {"body": ""},
        {"body": "x" * 200_001},
        {"cc": "kim@example.com"},
    ],
)
def test_invalid_parameters_are_refused_before_anything_is_sent(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        EmailParams.model_validate(PARAMS.model_dump() | wrong)


async def test_a_trial_shows_the_email_and_sends_none() -> None:
    out = io.StringIO()
    step = EmailStep(TerminalMailer(Console(file=out, width=200)))
    output = await step.run(PARAMS.model_copy(update={"reply_to": "sam@example.com"}), CONTEXT)
    assert output["to"] == MIA
    for shown in (MIA, "does not send", PARAMS.subject, "{{ not a template }} <b>120</b>", "sam@example.com"):
        assert shown in out.getvalue()
    await step.run(PARAMS, CONTEXT)
