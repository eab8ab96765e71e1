"""Restores the logging of the process after a test that sets it up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored_logging() -> Iterator[None]:
    """Remove the handlers of pytest, which would write entries as well, while the body runs, and restore everything."""
    root = logging.getLogger()
    handlers, level, known = root.handlers[:], root.level, set(logging.root.manager.loggerDict)
    levels = {name: logging.getLogger(name).level for name in known}
    for handler in handlers:
        root.removeHandler(handler)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)
        for name in logging.root.manager.loggerDict:
            logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))
