"""An answer is written as its parts come, and its head together with what is written in the same step of the loop."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.web.answer_transport import AnswerTransport

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Transport:
    """Remembers each packet."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.packets.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def write(*parts: bytes | None, close: bool = False) -> Transport:
    """Write the parts; None lets the loop make a step."""
    raw = Transport()
    connection: Any = raw
    transport = AnswerTransport(connection)
    for part in parts:
        if part is None:
            await asyncio.sleep(0)
        else:
            transport.write(part)
    if close:
        transport.close()
    else:
        await asyncio.sleep(0)
    assert transport.is_closing() is close
    return raw


async def test_a_head_and_its_body_are_one_packet() -> None:
    assert (await write(b"head", b"body", b"more")).packets == [b"headbody", b"more"]
    assert (await write(b"head", b"body", close=True)).packets == [b"headbody"]


async def test_a_head_does_not_wait_for_a_body_that_comes_later() -> None:
    assert (await write(b"head", None, b"event")).packets == [b"head", b"event"]
    assert (await write(b"head")).packets == [b"head"]
    assert (await write(b"head", close=True)).packets == [b"head"]


async def test_a_client_that_waits_for_the_word_to_go_on_gets_it_at_once() -> None:
    assert (await write(CONTINUE, b"head", b"body")).packets == [CONTINUE, b"headbody"]


@given(st.lists(st.one_of(st.none(), st.binary(min_size=1, max_size=3)), max_size=8), st.booleans())
async def test_nothing_is_lost_or_comes_twice(parts: list[bytes | None], close: bool) -> None:
    raw = await write(*parts, close=close)
    assert b"".join(raw.packets) == b"".join(part for part in parts if part is not None)
