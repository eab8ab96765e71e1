"""What connections are made of does what the parts of asyncio and uvicorn do that it stands for."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.protocols.http.flow_control import FlowControl

from bot.web.light_connection import LightEvent, LightFlow, Pipeline


class Transport:
    """Counts what it was told."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


@given(st.lists(st.sampled_from(["set", "clear", "wait", "give up", "step"]), max_size=30))
def test_an_event_wakes_those_that_the_event_of_asyncio_wakes(actions: list[str]) -> None:
    async def play(event: Any) -> list[int]:
        waiting: list[asyncio.Future[Any]] = []
        done: list[int] = []
        for action in actions:
            if action == "wait":
                waiting.append(asyncio.ensure_future(event.wait()))
            elif action == "give up" and waiting:
                waiting[-1].cancel()
            elif action == "step":
                await asyncio.sleep(0)
            elif action in ("set", "clear"):
                getattr(event, action)()
            done.append(event.is_set())
        for _ in range(3):
            await asyncio.sleep(0)
        done += [each.done() and not each.cancelled() for each in waiting]
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return done

    assert asyncio.run(play(LightEvent())) == asyncio.run(play(asyncio.Event()))


@given(
    st.lists(
        st.sampled_from(["pause_reading", "resume_reading", "pause_writing", "resume_writing", "drain"]), max_size=30
    )
)
def test_a_flow_lets_senders_wait_as_that_of_uvicorn(actions: list[str]) -> None:
    async def play(kind: Any) -> tuple[list[Any], list[str]]:
        transport = Transport()
        flow, seen, senders = kind(transport), list[Any](), list[asyncio.Future[None]]()
        for action in actions:
            if action == "drain":
                senders.append(asyncio.ensure_future(flow.drain()))
            else:
                getattr(flow, action)()
            for _ in range(3):
                await asyncio.sleep(0)
            seen.append((flow.read_paused, flow.write_paused, [sender.done() for sender in senders]))
        flow.resume_writing()
        await asyncio.gather(*senders)
        return seen, transport.calls

    assert asyncio.run(play(LightFlow)) == asyncio.run(play(FlowControl))


def test_further_requests_come_in_their_order() -> None:
    light, queue = Pipeline(), deque[str]()
    assert not light
    for request in "abc":
        light.appendleft(request)
        queue.appendleft(request)
    assert [light.pop() for _ in "abc"] == [queue.pop() for _ in "abc"] == ["a", "b", "c"]
    with pytest.raises(IndexError):
        light.pop()
