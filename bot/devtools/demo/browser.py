"""Opens the page in a browser with windows, where there is one."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

_IN_TERMINALS: Final = frozenset({"www-browser", "links", "links2", "elinks", "lynx", "w3m", "browsh", "carbonyl"})
"""A browser that takes the terminal would hide what is said there, and could not show the page."""


def has_screen(environment: Mapping[str, str]) -> bool:
    """Whether windows can be opened for somebody to see, as far as can be told."""
    if environment.get("CI"):
        return False
    if sys.platform == "darwin":
        return "SSH_CONNECTION" not in environment
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def is_graphical(browser: webbrowser.BaseBrowser) -> bool:
    """Whether it opens windows of its own."""
    named = PurePath(str(getattr(browser, "name", ""))).name
    return named not in _IN_TERMINALS


def open_page(url: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Open it, without waiting for the browser. Whether there is one to open it in."""
    if not has_screen(environment):
        return False
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if not is_graphical(browser):
        return False
    # Some wait until their program has found its running copy, or for as long as the program runs.
    threading.Thread(target=browser.open, args=(url,), daemon=True).start()
    return True
