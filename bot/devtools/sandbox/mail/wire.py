"""The bytes of one connection: lines, contents of mails, TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LONGEST_TEXT_LINE: Final = 998
"""Without its CRLF (RFC 5322)."""
_FULL: Final = 256 * 1024
"""Bytes that may wait to be read."""
_PIECE: Final = 64 * 1024
"""A line longer than this is taken in pieces."""


class Gone(Exception):
    """The client has closed the connection, or it was cut."""


@dataclass(kw_only=True)
class MailData:
    """What came between DATA and the final dot, the dots that SMTP adds taken away. `size`: also of what was dropped.

    `longest`: of the lines, in bytes without CRLF. `bare`: a CR or LF stood alone.
    """

    raw: bytes
    size: int
    longest: int
    bare: bool


class Wire(asyncio.Protocol):
    """Not asyncio's streams: what a client sent ahead of STARTTLS has to be seen, and must never be read after it."""

    def __init__(self, begin: Callable[[Wire], None]) -> None:
        self._begin = begin
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._ended = asyncio.Event()
        self.tls = False

    # --- called by asyncio -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._begin(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _FULL:
            self._open.pause_reading()
        self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 the shape of a protocol
        self._transport = None
        self._ended.set()
        self._arrived.set()

    # --- reading -----------------------------------------------------------------------------------------------

    @property
    def _open(self) -> asyncio.Transport:
        if self._transport is None:
            raise Gone
        return self._transport

    @property
    def ahead(self) -> bool:
        """Whether the client has sent more than was read."""
        return bool(self._buffer)

    async def _more(self) -> None:
        self._arrived.clear()
        self._open.resume_reading()
        await self._arrived.wait()
        if self._transport is None and not self._buffer:
            raise Gone

    async def line(self) -> bytes:
        """The next line with its line end; of one that is much too long, the beginning. Raises `Gone`."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _PIECE:
                return await self._shortened()
            await self._more()
        return self._cut(end + 1)

    async def _shortened(self) -> bytes:
        beginning = self._cut(_PIECE)
        while (end := self._buffer.find(b"\n")) < 0:
            self._buffer.clear()
            await self._more()
        self._cut(end + 1)
        return beginning

    def _cut(self, length: int) -> bytes:
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    async def content(self, *, most: int) -> MailData:
        """Everything up to the final dot, of which `most` bytes are remembered. Raises `Gone`."""
        raw, size, width, longest, bare = bytearray(), 0, 0, 0, False
        while True:
            piece, ended = await self._piece()
            if width == 0 and ended and piece == b".":
                return MailData(raw=bytes(raw), size=size, longest=longest, bare=bare)
            text = piece[1:] if width == 0 and piece.startswith(b".") else piece
            whole = text + b"\r\n" if ended else text
            size += len(whole)
            if size <= most:
                raw += whole
            longest = max(longest, width + len(text))
            bare = bare or b"\n" in text or b"\r" in text
            width = 0 if ended else width + len(piece)

    async def _piece(self) -> tuple[bytes, bool]:
        """The next line without its CRLF; of a long one a part, and False."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _PIECE:
                return self._cut(_PIECE), False
            await self._more()
        piece = self._cut(end)
        self._cut(2)
        return piece, True

    # --- writing and ending ------------------------------------------------------------------------------------

    def say(self, content: bytes) -> None:
        """Send something. Raises `Gone`."""
        self._open.write(content)

    def hold(self) -> None:
        """Leave what comes next unread: it belongs to the handshake. Raises `Gone`."""
        self._open.pause_reading()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on encrypted. Raises `OSError` (which `ssl.SSLError` is) if the client does not."""
        # Whatever was sent in clear must not be taken for something that came encrypted.
        self._buffer.clear()
        loop = asyncio.get_running_loop()
        try:
            made = await loop.start_tls(self._open, self, context, server_side=True)
        except OSError:
            self.connection_lost(None)
            raise
        assert made is not None
        self._transport, self.tls = made, True

    async def ended(self) -> None:
        """Wait until the client goes away."""
        if self._transport is not None:
            self._open.resume_reading()
        await self._ended.wait()

    def close(self) -> None:
        """Send what is still to be sent, and close."""
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Close at once; the client sees the connection break."""
        if self._transport is not None:
            self._transport.abort()
