"""Asks, and waits for the decision. A command that stops before it leaves no ask that nothing comes back to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from bot.cli.signals import stopped_by_a_signal

if TYPE_CHECKING:
    from signoff.questions import Question
    from signoff.records import Ask
    from signoff.transport import Server

_STOPPED: Final = "The program that asked has stopped waiting."
_HURRY: Final = 5.0
"""How long a command that stops waiting tries to cancel its ask, in seconds."""


def decided(
    server: Server,
    asked: Question,
    seconds: float | None,
    *,
    tell: Callable[[Ask], None] = lambda _: None,
    stays: Callable[[BaseException], bool],
    left: Callable[[BaseException, bool], None] = lambda *_: None,
) -> Ask:
    """Ask, and return the ask once it is decided.

    `stays`: whether the ask goes on after the command stops waiting. `left`: is told whether it was cancelled, if not.
    """
    from signoff import conversation
    from signoff.errors import StillWaiting

    with stopped_by_a_signal():
        try:
            ask = server.run(conversation.create(asked.body, asked.key, server.patience))
            tell(ask)
            return server.run(conversation.wait(ask, seconds))
        except (StillWaiting, KeyboardInterrupt) as error:
            if not stays(error):
                left(error, _leave(server, asked))
            raise


def _leave(server: Server, asked: Question) -> bool:
    """Cancel the ask, and return whether that worked. Its key finds it, also if the command never got the id."""
    from signoff import conversation
    from signoff.errors import SignoffError

    with suppress(SignoffError):
        ask = server.run(conversation.create(asked.body, asked.key, _HURRY))
        server.run(conversation.cancel(ask.id, _STOPPED, _HURRY))
        return True
    return False
