"""Home tabs for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.slack import home_view
from bot.slack.home_view import HomeContent
from bot.slack.text_objects import View
from engine.access import Reader
from engine.inbox import InboxPage
from engine.read_models import RequestView
from tests.support import samples


def home(requests: Sequence[RequestView] = (), **more: Any) -> View:
    """Return the Home tab of the approver of these requests."""
    return home_view.home(content(requests, **more))


def content(requests: Sequence[RequestView] = (), **more: Any) -> HomeContent:
    """Return the content of this tab."""
    given = {"reader": Reader(person=samples.PERSON), "page": page(requests)}
    return HomeContent(**{**given, **more})


def page(requests: Sequence[RequestView] = (), **more: Any) -> InboxPage:
    """Return a page of an inbox."""
    return InboxPage(**{"requests": tuple(requests), "need_you": len(requests), **more})
