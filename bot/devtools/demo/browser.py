"""Opens the page in a graphical browser, if there is one."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

_TERMINAL_BROWSERS: Final = frozenset({"www-browser", "links", "links2", "elinks", "lynx", "w3m", "browsh", "carbonyl"})
"""Browsers that run in the terminal: they would hide our output, and cannot show the page."""


def has_screen(environment: Mapping[str, str]) -> bool:
    """Return whether windows can be shown here, as far as the environment tells."""
    if environment.get("CI"):
        return False
    if sys.platform == "darwin":
        return "SSH_CONNECTION" not in environment
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def is_graphical(browser: webbrowser.BaseBrowser) -> bool:
    """Return whether a browser opens its own windows."""
    name = PurePath(str(getattr(browser, "name", ""))).name
    return name not in _TERMINAL_BROWSERS


def open_page(url: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Open a page without waiting for the browser, and return whether there is a browser."""
    if not has_screen(environment):
        return False
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if not is_graphical(browser):
        return False
    # In a thread, because some browsers block until their program ends.
    threading.Thread(target=browser.open, args=(url,), daemon=True).start()
    return True
