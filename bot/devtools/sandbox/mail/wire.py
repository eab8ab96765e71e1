"""The bytes of one connection: lines, contents of emails, TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LONGEST_TEXT_LINE: Final = 998
"""Maximum length of a line of text, in bytes without CRLF (RFC 5322)."""
_FULL: Final = 256 * 1024
"""Maximum number of received bytes that wait to be read."""
_PIECE: Final = 64 * 1024
"""Maximum number of bytes of a line that are read at once."""


class Disconnected(Exception):
    """The client has closed the connection, or it was cut."""


@dataclass(kw_only=True)
class MailData:
    """The content between DATA and the final dot, without the dots that SMTP adds. `size`: includes dropped bytes.

    `longest`: length of the longest line, in bytes without CRLF. `bare`: a CR or LF was alone.
    """

    raw: bytes
    size: int
    longest: int
    bare: bool


class Wire(asyncio.Protocol):
    """A connection.

    It does not use the streams of asyncio: bytes that a client sends ahead of STARTTLS must be seen before the
    handshake, and never be read after it.
    """

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
            raise Disconnected
        return self._transport

    @property
    def ahead(self) -> bool:
        """Return whether the client has sent bytes that were not read yet."""
        return bool(self._buffer)

    async def _more(self) -> None:
        self._arrived.clear()
        self._open.resume_reading()
        await self._arrived.wait()
        if self._transport is None and not self._buffer:
            raise Disconnected

    async def line(self) -> bytes:
        """Return the next line with its line end, or the beginning of a very long one. Raises `Disconnected`."""
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
        """Return everything up to the final dot, and drop the bytes after the first `most`. Raises `Disconnected`."""
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
        """Return the next line without its CRLF and True, or a part of a long line and False."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _PIECE:
                return self._cut(_PIECE), False
            await self._more()
        piece = self._cut(end)
        self._cut(2)
        return piece, True

    # --- writing and ending ------------------------------------------------------------------------------------

    def send(self, content: bytes) -> None:
        """Send bytes. Raises `Disconnected`."""
        self._open.write(content)

    def stop_reading(self) -> None:
        """Stop reading, because the next bytes belong to the handshake. Raises `Disconnected`."""
        self._open.pause_reading()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Encrypt the connection. Raises `OSError` (`ssl.SSLError` is one) if the handshake fails."""
        # Bytes that were sent unencrypted must not be taken for encrypted ones.
        self._buffer.clear()
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(self._open, self, context, server_side=True)
        except OSError:
            self.connection_lost(None)
            raise
        assert transport is not None
        self._transport, self.tls = transport, True

    async def wait_until_closed(self) -> None:
        """Wait until the connection is closed."""
        if self._transport is not None:
            self._open.resume_reading()
        await self._ended.wait()

    def close(self) -> None:
        """Send the remaining bytes, then close the connection."""
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()
