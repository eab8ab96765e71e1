"""Handlers of `/signoff away` and `/signoff back`, and of the form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

from bot.presentation import absences, refusals
from bot.slack import absence_modal, home_tab, ids, replies, request_modals
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef
from bot.slack.payloads import Actor, Submission, TypedCommand
from bot.slack.sentences import Sentence
from bot.slack.text_objects import View
from engine import absence_phrases, date_suggestion, timestamps
from engine.absence_phrases import EXAMPLES, Span, Unclear
from engine.domain import Address, Assurance, Away, Back, CannotTakeOver, Refusal, SetAway
from engine.domain.accounts import SLACK

_NAME: Final = re.compile(r"(?<!\S)@(?P<name>\S+)\s*")
"""A name that Slack did not turn into a mention: only a form can say who that is."""
_FORM_HINT: Final = " Or type /signoff away alone, and choose the days and who decides in your place."


@dataclass(frozen=True, slots=True)
class _Typed:
    """What was typed after `away`. `delegate`: the account of a mention; `name`: the name of the delegate, if any."""

    phrase: str
    delegate: str | None = None
    name: str = ""

    @classmethod
    def of(cls, text: str) -> _Typed:
        """Take the delegate from the beginning or the end of the text."""
        for pattern in (SLACK.at_start, _NAME):
            for found in pattern.finditer(text):
                if found.start() == 0 or found.end() == len(text):
                    phrase = f"{text[: found.start()]}{text[found.end() :]}".strip()
                    return cls(phrase, found.groupdict().get("id"), f"@{found['name'] or '…'}")
        return cls(text)


class AbsenceHandlers:
    """The handlers. An absence is committed before the command or the form is acknowledged."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def away(self, typed: TypedCommand) -> Sentence | None:
        """Say that a person is away, or open the form if they typed no time or only the name of a delegate."""
        what = _Typed.of(typed.rest)
        zone = await self._zone(typed.by)
        understood = self._read_typed(what, zone) if what.phrase else None
        if isinstance(understood, Unclear):
            return understood.question
        if understood is None or (what.name and what.delegate is None):
            day = understood.ends_at.astimezone(zone or UTC).date().isoformat() if understood is not None else None
            self._open(typed, day)
            return None
        answer = await self._set_away(typed.by, understood, what.delegate)
        return refusals.phrase(answer) if isinstance(answer, Refusal) else _said(answer, zone)

    async def back(self, typed: TypedCommand) -> Sentence:
        """Say that a person is back."""
        answer = await self._context.service.engine.set_back(Back(actor=typed.by.address, origin=typed.by.origin()))
        return refusals.phrase(answer) if isinstance(answer, Refusal) else absences.set_back(answer)

    async def submitted(self, ack: Any, body: Any) -> None:
        """Save the form."""
        sent = Submission.of(body)
        away_from, back_on = absence_modal.read_dates(sent.view.values)
        account = absence_modal.read_delegate(sent.view.values)
        zone = await self._zone(sent.by)
        phrase = f"{f'from {away_from} ' if away_from else ''}until {back_on}"
        understood = absence_phrases.read(phrase, now=self._context.service.clock.now(), zone=zone or UTC)
        if isinstance(understood, Unclear):
            await ack(**replies.errors({absence_modal.BACK_BLOCK: understood.for_form}))
            return
        answer = await self._set_away(sent.by, understood, account)
        if isinstance(answer, CannotTakeOver):
            # The form stays, so that the days need not be chosen again.
            await ack(**replies.errors({ids.PERSON_BLOCK: refusals.sentence(answer)}))
            return
        said = refusals.phrase(answer) if isinstance(answer, Refusal) else _said(answer, zone)
        await ack(**replies.update(request_modals.sentence(said)))
        if sent.view.home is not None:
            publishing = home_tab.publish(self._context, sent.by.user, sent.view.home)
            self._context.after(sent.by, None, publishing, recorded=isinstance(answer, SetAway))

    def _read_typed(self, what: _Typed, zone: tzinfo | None) -> Span | Unclear:
        now, command = self._context.service.clock.now(), f"/signoff away {what.name}".rstrip()
        read = date_suggestion.read(what.phrase, now=now, zone=zone or UTC, command=command)
        is_hopeless = isinstance(read, Unclear) and read.question.endswith(EXAMPLES)
        return Unclear(f"{read.question}{_FORM_HINT}") if isinstance(read, Unclear) and is_hopeless else read

    async def _zone(self, by: Actor) -> tzinfo | None:
        person = await self._context.service.person(by)
        return timestamps.find_zone(person.zone) if person is not None and person.zone else None

    async def _set_away(self, by: Actor, span: Span, delegate: str | None) -> SetAway | Refusal:
        command = Away(
            actor=by.address,
            origin=by.origin(),
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            delegate=Address(SLACK.name, delegate) if delegate is not None else None,
            assurance=Assurance.SLACK,
        )
        return await self._context.service.engine.set_away(command)

    def _open(self, typed: TypedCommand, day: str | None) -> None:
        metadata = ModalRef(channel=typed.by.channel or None, response_url=typed.response_url)

        async def ready() -> View:
            return absence_modal.away_form(metadata=metadata, back_on=day)

        opening = self._context.replies.modal_when_ready("views.open", typed.trigger, ready(), metadata=ModalRef())
        self._context.after(typed.by, typed.response_url, opening)


def _said(answer: SetAway, zone: tzinfo | None) -> Sentence:
    return absences.set_away(answer, knows_zone=zone is not None)
