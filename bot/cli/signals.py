"""Signals that stop a command which waits for people."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def stopped_by_a_signal() -> Iterator[None]:
    """Let SIGTERM stop the body as Ctrl-C does: a pipeline or a program that is cancelled sends it."""

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
