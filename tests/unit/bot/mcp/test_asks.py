"""How long a tool waits, and what it tells meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.mcp import asks
from signoff.errors import Unreachable
from signoff.questions import question
from signoff.transport import Server
from tests.support.ask_server import KEY, AskServer, open_ask_server


@pytest.fixture
def ask_server() -> Iterator[AskServer]:
    with open_ask_server() as server:
        yield server


async def test_without_a_decision_it_says_that_it_is_pending_and_the_ask_goes_on(ask_server: AskServer) -> None:
    told: list[str] = []

    async def progress(_: float, message: str) -> None:
        told.append(message)

    server = Server(ask_server.url, KEY, 5.0)
    asked = question("Refund", {"amount": 5}, use="once", key=None)
    waiting = await asks.ask(server, asked, 1.0, progress)
    assert (waiting.status, waiting.id, waiting.waiting_for, waiting.arguments) == ("pending", "ask1", ["Ada"], None)
    assert told == ["ask1 waits for Ada."]
    assert ask_server.asks["ask1"]["status"] == "pending"
    ask_server.decide("ask1")
    approved = await asks.look(server, "ask1", 0.0, progress)
    assert (approved.status, approved.arguments) == ("approved", {"amount": 5})


async def test_that_signoff_is_gone_is_an_error_before_there_is_an_ask(ask_server: AskServer) -> None:
    ask_server.stop()
    asked = question("Refund", {"amount": 5}, use="once", key=None)
    with pytest.raises(Unreachable, match="did not answer"):
        await asks.ask(Server(ask_server.url, KEY, 0.5), asked, 1.0, quiet)


async def test_that_signoff_goes_away_while_a_tool_waits_leaves_the_ask_pending(ask_server: AskServer) -> None:
    asked = question("Refund", {"amount": 5}, use="once", key=None)

    async def stop(_: float, __: str) -> None:
        if ask_server.http is not None:
            ask_server.stop()

    waiting = await asks.ask(Server(ask_server.url, KEY, 0.5), asked, 1.0, stop)
    assert (waiting.status, ask_server.asks["ask1"]["status"]) == ("pending", "pending")


async def quiet(_: float, __: str) -> None:
    """Tell no one."""
