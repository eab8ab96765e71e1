"""Handlers of the button and the form that pass a request on to another person."""

from __future__ import annotations

from typing import Any

import msgspec

from bot.presentation import characters, refusals
from bot.slack import ids, message_view, replies, request_modals, succession_modal, view_state
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef, Ref
from bot.slack.payloads import Actor, Click, SeenView, Submission
from bot.slack.service import ANOTHER_VERSION
from bot.slack.text_objects import View
from engine import requests
from engine.domain import Address, Assurance, NotFound, Person, Reassign, Reassigned, Refusal
from engine.read_models import RequestView

_NOT_YOURS = "Only an approver of this request or the owner of its workflow can pass it on."
_VOTED = "You have approved this already, so you have nothing to pass on."
_CHOOSE = "Choose a person."


class SuccessionHandlers:
    """The handlers."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def open(self, ack: Any, body: Any) -> None:
        """Open the form."""
        click = Click.of(body)
        await ack()
        ref = ids.decode_ref(click.value)
        if ref is None:
            self._context.after(click.by, click.response_url, self._context.replies.answer(click, ANOTHER_VERSION))
            return
        opening = self._context.replies.open_when_ready(click, self._form(click, ref), metadata=ModalRef())
        self._context.after(click.by, click.response_url, opening)

    async def _form(self, click: Click, ref: Ref) -> View:
        request, person = await self._context.service.engine.request(ref.request), await self._person(click.by)
        if request is None:
            return request_modals.sentence(refusals.phrase(NotFound(what="request", name=ref.request)))
        now = self._context.service.clock.now()
        refusal = requests.check_open(request.model, person, now) if person is not None else None
        if refusal is not None:
            return request_modals.sentence(refusals.phrase(refusal))
        places = await self._places(request, person) if person is not None else []
        if person is None or not places:
            has_voted = person is not None and request.model.tally.vote_of(person.id) is not None
            return request_modals.sentence(_VOTED if has_voted else _NOT_YOURS)
        return succession_modal.pass_on(request, places, reader=person.id, metadata=click.opening(ref))

    async def _person(self, by: Actor) -> Person | None:
        return await self._context.service.person(by)

    async def _places(self, request: RequestView, person: Person) -> list[tuple[str, str]]:
        run = await self._context.service.engine.run(request.run)
        owner = run.owner.id if run is not None else ""
        return requests.places_of(request.model, person.id, owner=owner)

    async def submitted(self, ack: Any, body: Any) -> None:
        """Pass the request on; it is committed before the form is acknowledged."""
        sent = Submission.of(body)
        ref = sent.view.ref.ref if sent.view.ref is not None else None
        account = succession_modal.read_person(sent.view.values)
        if ref is None or account is None:
            sentence = _CHOOSE if ref is not None else ANOTHER_VERSION
            await ack(**replies.errors({ids.PERSON_BLOCK: sentence}))
            return
        answer = await self._pass_on(sent, ref, account)
        if isinstance(answer, Refusal):
            await ack(**replies.errors({ids.PERSON_BLOCK: refusals.sentence(answer)}))
            return
        who = characters.line(answer.to.label)
        instead = "" if answer.place is None else f" in the place of {characters.line(answer.place.label)}"
        by = await self._person(sent.by)
        if by is not None and answer.place is not None and answer.place.id == by.id:
            instead = " in your place"
        await ack(**replies.update(request_modals.sentence(f"{who} decides{instead}, and gets a message now.")))
        self._context.after(sent.by, None, self._copy(sent.view, ref, sent.by), recorded=True)

    async def _pass_on(self, sent: Submission, ref: Ref, account: str) -> Reassigned | Refusal:
        command = Reassign(
            request=ref.request,
            to=Address("slack", account),
            reason=view_state.read_reason(sent.view.values) or "",
            actor=sent.by.address,
            origin=sent.by.origin(delivery=ref.delivery),
            assurance=Assurance.SLACK,
            place=succession_modal.read_place(sent.view.values),
        )
        return await self._context.service.engine.reassign(command)

    async def _copy(self, view: SeenView, ref: Ref, by: Actor) -> None:
        """Update the message and the modal that the form was opened from."""
        card = await self._context.service.card(ref.request, by)
        if card is None or view.ref is None:
            return
        current = message_view.ref_of(card, delivery=ref.delivery)
        await self._context.replies.copy(view.ref.response_url, card, delivery=ref.delivery)
        if view.below:
            metadata = msgspec.structs.replace(view.ref, ref=current, page=0)
            await self._context.replies.details(view.below, card, metadata=metadata)
