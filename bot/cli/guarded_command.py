"""Runs the command that an approval was for, and reports how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from signoff.records import Ask
    from signoff.transport import Server

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(server: Server, ask: Ask, words: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command with the approved values in its environment, and return its exit code."""
    try:
        code = _run(words, {**os.environ, **variables})
    except OSError as error:
        sentence = f"The command {words[0]} cannot be started: {error.strerror}."
        click.echo(sentence, err=True)
        _report(server, ask, "failed", sentence)
        return 127 if isinstance(error, FileNotFoundError) else 126
    _report(server, ask, *_outcome(code))
    return code if code >= 0 else 128 - code


def _run(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end. The signals that would end this process go to the command, none of them is lost."""
    early = list[int]()
    process: subprocess.Popen[bytes] | None = None

    def forward(number: int, _: object) -> None:
        if process is None:
            early.append(number)
        elif number != signal.SIGINT or not sys.stdin.isatty():  # a terminal sends Ctrl-C to the command too
            process.send_signal(number)

    with _handled_by(forward):
        process = subprocess.Popen([*words], env=environment)  # noqa: S603 it is what was typed
        for number in early:
            process.send_signal(number)
        return process.wait()


def _outcome(code: int) -> tuple[str, str | None]:
    """Return what an exit code says about the effect. A command that was killed may have done a part of it."""
    if code == 0:
        return "succeeded", None
    if code > 0:
        return "failed", f"The command ended with the exit code {code}."
    return "unknown", f"The command was ended by the signal {signal.Signals(-code).name}."


def _report(server: Server, ask: Ask, status: str, note: str | None) -> None:
    from signoff import conversation
    from signoff.errors import SignoffError

    if ask.consumed_at is None:
        return  # only an answer was asked for
    try:
        server.run(conversation.report(ask.id, status, note, None, server.patience))
    except SignoffError as error:
        click.echo(f"{error} The outcome was not reported: signoff report {ask.id} {status}", err=True)


@contextmanager
def _handled_by(handler: Callable[[int, Any], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _FORWARDED}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
