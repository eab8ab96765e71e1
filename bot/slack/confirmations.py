"""Decisions in Slack that have to be confirmed: they wait for a code from an email, or for a sign-in on our pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import msgspec

from bot import page_urls
from bot.presentation import refusals
from bot.slack import confirmation_modals, request_modals
from bot.slack.ids import ModalRef
from bot.slack.payloads import Actor
from bot.slack.text_objects import View
from engine.domain import (
    AskCode,
    AskSignIn,
    Decide,
    Decided,
    GiveCode,
    NeedsCode,
    NeedsSignIn,
    NotFound,
    ProvenIdentity,
    Refusal,
)
from engine.service import Engine, Identity

Unconfirmed: TypeAlias = NeedsCode | NeedsSignIn
_LABEL = "Slack"
"""The name of the browser in the email with the code: the person pressed the button in Slack."""


@dataclass(frozen=True, slots=True)
class Confirmations:
    """`public_url`: the address of the pages, on which people sign in."""

    engine: Engine
    identity: Identity
    public_url: str = ""

    async def ask(self, by: Actor, decision: Decide, needed: Unconfirmed, *, key: str, metadata: ModalRef) -> View:
        """Keep the decision, and return the modal that asks for what confirms it. `key`: of this click or modal."""
        request = await self.engine.request(decision.request)
        if request is None:
            return _refused(NotFound(what="request", name=decision.request))
        waiting = replace(decision, form=key)
        if isinstance(needed, NeedsSignIn):
            asked = await self.identity.ask_sign_in(AskSignIn(decide=waiting, holder=""))
            if isinstance(asked, Refusal):
                return _refused(asked)
            url = page_urls.sign_in_link(self.public_url, asked)
            return confirmation_modals.sign_in(request, decision, url, metadata=metadata)
        holder = self.identity.messenger_holder(by.address)
        sent = await self.identity.ask_code(AskCode(decide=waiting, holder=holder, label=_LABEL))
        if isinstance(sent, Refusal):
            return _refused(sent)
        metadata = msgspec.structs.replace(metadata, challenge=sent.challenge)
        return confirmation_modals.code_form(request, decision, sent, metadata=metadata)

    async def give(self, by: Actor, challenge: str, code: str) -> Decided | Refusal:
        """Carry out the decision that waits for this code. Only the person who asked for the code can give it."""
        holder = self.identity.messenger_holder(by.address)
        answer = await self.identity.give_code(GiveCode(challenge=challenge, holder=holder, code=code))
        if not isinstance(answer, ProvenIdentity):
            return answer
        assert isinstance(answer.answer, Decided | Refusal), "the code confirms a decision"
        return answer.answer


def _refused(refusal: Refusal) -> View:
    return request_modals.sentence(refusals.phrase(refusal))
