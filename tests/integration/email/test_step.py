"""The step `email`: through a real mail server, and what becomes of its run when nobody knows whether it was sent."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import ValidationError
from rich.console import Console

from bot.devtools.sandbox import RunningSandbox
from bot.email.sender import SmtpMailer
from bot.terminal.sender import TerminalMailer
from engine.errors import StepError
from engine.ports import StepContext
from engine.steps.email import EmailParams, EmailStep
from tests.support.email_env import AT, MIA, SENDER, client_to, mail_server

CONTEXT = StepContext(run="r1", step="mail", visit=1, attempt=1, idempotency_key="r1:mail:1", timeout=timedelta(1))
PARAMS = EmailParams(to=MIA, subject="Your refund: ✓", body="Hello,\n\n{{ not a template }} <b>120</b>\n.\n")


@pytest.fixture
async def running() -> AsyncIterator[RunningSandbox]:
    async with mail_server() as one:
        yield one


@pytest.fixture
async def step(running: RunningSandbox) -> AsyncIterator[EmailStep]:
    async with client_to(running) as client:
        yield EmailStep(SmtpMailer(client, sender=SENDER, now=lambda: AT))


async def failed(step: EmailStep) -> StepError:
    with pytest.raises(StepError) as caught:
        await step.run(PARAMS, CONTEXT)
    return caught.value


async def test_a_mail_is_sent_as_it_was_written_and_nothing_is_added(running: RunningSandbox, step: EmailStep) -> None:
    output = await step.run(PARAMS.model_copy(update={"reply_to": "sam@example.com"}), CONTEXT)
    (got,) = running.mail.received(to=MIA)
    assert output == {"message_id": got.header("message-id"), "to": MIA}
    assert output.keys() == step.outputs({})
    assert (got.subject, got.text, got.html) == (PARAMS.subject, PARAMS.body, None)
    assert got.header("reply-to") == "sam@example.com"
    assert got.complaints == []


async def test_the_same_call_has_the_same_id_and_another_another(running: RunningSandbox, step: EmailStep) -> None:
    first, again = await step.run(PARAMS, CONTEXT), await step.run(PARAMS, CONTEXT)
    assert first == again
    assert running.mail.received()[0].header("reply-to") == ""
    assert step.idempotent({}) is False
    assert set(step.content({})) == {"subject", "body"}


async def test_what_may_go_well_later_may_be_repeated(running: RunningSandbox, step: EmailStep) -> None:
    running.mail.fault("rcpt", "error", code=451)
    error = await failed(step)
    assert (error.retryable, error.outcome_unknown) == (True, False)


@pytest.mark.parametrize(
    ("on", "code", "todo"),
    [("rcpt", 550, "Correct the address"), ("dot", 554, "Change the text"), ("mail", 530, "doctor")],
)
async def test_what_never_goes_well_says_what_to_do(
    running: RunningSandbox, step: EmailStep, on: str, code: int, todo: str
) -> None:
    running.mail.fault(on, "error", code=code)
    error = await failed(step)
    assert (error.retryable, error.outcome_unknown) == (False, False)
    assert todo in str(error)


async def test_a_connection_that_breaks_after_all_was_sent_leaves_the_outcome_open(
    running: RunningSandbox, step: EmailStep
) -> None:
    running.mail.fault("dot", "lost")
    error = await failed(step)
    assert (error.retryable, error.outcome_unknown) == (False, True)
    assert len(running.mail.received()) == 1


async def test_without_a_mail_server_it_fails_with_a_sentence() -> None:
    assert "SIGNOFF_SMTP_URL" in str(await failed(EmailStep()))


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
def test_parameters_that_cannot_be_are_refused_before_anything_is_sent(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        EmailParams.model_validate(PARAMS.model_dump() | wrong)


async def test_a_trial_shows_the_mail_and_sends_none() -> None:
    out = io.StringIO()
    step = EmailStep(TerminalMailer(Console(file=out, width=200)))
    output = await step.run(PARAMS.model_copy(update={"reply_to": "sam@example.com"}), CONTEXT)
    assert output["to"] == MIA
    for shown in (MIA, "does not send", PARAMS.subject, "{{ not a template }} <b>120</b>", "sam@example.com"):
        assert shown in out.getvalue()
    await step.run(PARAMS, CONTEXT)
