"""Restores the logging of the process after a test that sets it up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored_logging(*, quiet: bool = True) -> Iterator[None]:
    """Restore after the body how this process logs. `quiet`: without the handlers of pytest, which would write too."""
    root = logging.getLogger()
    handlers, level, known = root.handlers[:], root.level, set(logging.root.manager.loggerDict)
    levels = {name: logging.getLogger(name).level for name in known}
    if quiet:
        root.handlers.clear()
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)
        for logger in map(logging.getLogger, logging.root.manager.loggerDict):
            level = levels.get(logger.name, logging.NOTSET)
            # Each call forgets what all loggers know about their levels.
            if logger.level != level:
                logger.setLevel(level)
