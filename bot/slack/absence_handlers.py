"""Handlers of `/signoff away` and `/signoff back`, and of the form."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from typing import Any, Final

from bot.presentation import absences, refusals
from bot.slack import absence_modal, replies, request_modals
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef
from bot.slack.payloads import Actor, Submission, TypedCommand
from bot.slack.sentences import Sentence
from bot.slack.text_objects import View
from engine import absence_phrases, date_suggestion, timestamps
from engine.absence_phrases import Span, Unclear
from engine.domain import Address, Assurance, Away, Back, Refusal
from engine.domain.accounts import SLACK

_NAME: Final = re.compile(r"@\S+\s*")
"""A name that Slack did not turn into a mention: only a form can say who that is."""


class AbsenceHandlers:
    """The handlers. An absence is committed before the command or the form is acknowledged."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def away(self, typed: TypedCommand) -> Sentence | None:
        """Say that a person is away, or open the form if they typed no time or only the name of a delegate."""
        mention, rest = SLACK.at_start.match(typed.rest), typed.rest
        name = None if mention is not None else _NAME.match(rest)
        rest = rest[found.end() :] if (found := mention or name) is not None else rest
        zone = await self._zone(typed.by)
        typed_name = (
            f"@{mention['name'] or '…'}" if mention is not None else name[0].strip() if name is not None else ""
        )
        understood = self._read_typed(rest, zone, typed_name) if rest else None
        if isinstance(understood, Unclear):
            return understood.question
        if understood is None or name is not None:
            day = understood.ends_at.astimezone(zone or UTC).date().isoformat() if understood is not None else None
            self._open(typed, day)
            return None
        delegate = Address(SLACK.name, mention["id"]) if mention is not None else None
        return await self._set_away(typed.by, understood, delegate, knows_zone=zone is not None)

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
            await ack(**replies.errors({absence_modal.BACK_BLOCK: understood.question}))
            return
        delegate = Address("slack", account) if account is not None else None
        said = await self._set_away(sent.by, understood, delegate, knows_zone=zone is not None)
        await ack(**replies.update(request_modals.sentence(said)))

    def _read_typed(self, phrase: str, zone: tzinfo | None, name: str) -> Span | Unclear:
        now = self._context.service.clock.now()
        return date_suggestion.read(phrase, now=now, zone=zone or UTC, command=f"/signoff away {name}".rstrip())

    async def _zone(self, by: Actor) -> tzinfo | None:
        person = await self._context.service.person(by)
        return timestamps.find_zone(person.zone) if person is not None and person.zone else None

    async def _set_away(self, by: Actor, span: Span, delegate: Address | None, *, knows_zone: bool) -> Sentence:
        command = Away(
            actor=by.address,
            origin=by.origin(),
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            delegate=delegate,
            assurance=Assurance.SLACK,
        )
        answer = await self._context.service.engine.set_away(command)
        if isinstance(answer, Refusal):
            return refusals.phrase(answer)
        return absences.set_away(answer, knows_zone=knows_zone)

    def _open(self, typed: TypedCommand, day: str | None) -> None:
        metadata = ModalRef(channel=typed.by.channel or None, response_url=typed.response_url)

        async def ready() -> View:
            return absence_modal.away_form(metadata=metadata, back_on=day)

        opening = self._context.replies.modal_when_ready("views.open", typed.trigger, ready(), metadata=ModalRef())
        self._context.after(typed.by, typed.response_url, opening)
