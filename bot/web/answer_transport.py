"""Sends the head of an answer together with its body: uvicorn writes them apart, which would be two packets."""

from __future__ import annotations

import asyncio
from typing import Final

_CONTINUE: Final = b"HTTP/1.1 100 "


class AnswerTransport:
    """What uvicorn writes one answer to. The head waits for what is written in the same step of the loop."""

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = b""
        """The head that waits; empty before there is one, None once it was sent."""

    def is_closing(self) -> bool:
        """Return whether the connection is closed, or is about to be."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write the head, or a part of the body."""
        head = self._head
        if head is None or data.startswith(_CONTINUE):
            self._transport.write(data)
        elif head:
            self._head = None
            self._transport.write(head + data)
        else:
            self._head = data
            # The body may come later, as that of a stream does, and some answers have none.
            asyncio.get_running_loop().call_soon(self._flush)

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, None
            self._transport.write(head)
