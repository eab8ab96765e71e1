"""The commands of this machine's operator about questions that come before a decision."""

from __future__ import annotations

from typing import Any

from bot.local.arguments import optional_text, read_text
from bot.local.reply import CommandReply
from engine.domain import (
    Address,
    AnswerQuestion,
    AskQuestion,
    Assurance,
    Origin,
    QuestionAnswered,
    QuestionAsked,
    Refusal,
)
from engine.service import Engine


async def question(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> QuestionAsked | Refusal:
    """Carry out `question`, with its arguments as JSON has them."""
    to = optional_text(arguments, "to")
    command = AskQuestion(
        request=read_text(arguments, "request"),
        text=read_text(arguments, "text"),
        to=Address("email", to) if to is not None else None,
        actor=actor,
        origin=origin,
        assurance=Assurance.TERMINAL,
    )
    return await engine.ask_question(command)


async def answer(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> QuestionAnswered | Refusal:
    """Carry out `answer`."""
    command = AnswerQuestion(
        request=read_text(arguments, "request"),
        question=optional_text(arguments, "question"),
        text=read_text(arguments, "text"),
        actor=actor,
        origin=origin,
        assurance=Assurance.TERMINAL,
    )
    return await engine.answer_question(command)


def reply(result: QuestionAsked | QuestionAnswered, *, to: str) -> CommandReply:
    """Return what the operator is told. `to`: who gets the text."""
    return CommandReply(facts={"request": result.request, "run": result.run, "question": result.question, "to": to})
