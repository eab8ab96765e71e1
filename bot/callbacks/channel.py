"""Callbacks as a channel: the copy that a program gets of what became of its ask."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Literal

from bot.callbacks import signature
from bot.callbacks.client import ANSWER_SECONDS, CallbackClient
from engine.domain import Card, Receipt
from engine.errors import ChannelError


class CallbackChannel:
    """The port `Channel` for endpoints of programs. `unseal`: opens a sealed secret. `now`: the clock.

    A copy is sent again with the same id, and not edited: receivers know by the id what they have.
    """

    name = "callback"
    separates_addresses: ClassVar[Literal[True]] = True
    show_seconds: ClassVar[float] = ANSWER_SECONDS + 4

    def __init__(
        self, client: CallbackClient, *, unseal: Callable[[str], str | None], now: Callable[[], datetime]
    ) -> None:
        self._client, self._unseal, self._now = client, unseal, now

    async def show(
        self,
        *,
        address: str,
        card: Card,
        receipt: Receipt | None,  # noqa: ARG002
        delivery: str,
    ) -> Receipt:
        """Send the call of the card. Raises `ChannelError`."""
        call = card.callback
        if call is None:
            raise ChannelError("This is no callback, so no program can be told of it.", permanent=True)
        secrets = [secret for sealed in call.secrets if (secret := self._unseal(sealed)) is not None]
        if not secrets:
            raise ChannelError(_UNREADABLE.format(endpoint=address))
        body = call.body.encode()
        headers = signature.headers(secrets, delivery=call.id, at=self._now(), body=body)
        try:
            await self._client.post(call.url, headers, body)
        except ChannelError as error:
            error.patience = None if error.patience is None else call.patience
            raise
        return Receipt({"callback": delivery})


_UNREADABLE = (
    "The signing secret of this endpoint was sealed with another key of the server, so nothing can be signed. The "
    "operator can make a new one with the command signoff callbacks rotate {endpoint}."
)
