"""The page with the items of a foreach, a part at a time; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.presentation import characters, items
from bot.web import run_history
from engine.child_views import ItemPage, ItemView
from engine.domain import Tone

PER_PAGE: Final = 100
"""Number of items on one page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRowView:
    """An item as the page shows it."""

    number: int
    tone: Tone | None
    status: str
    given: tuple[tuple[str, str], ...]
    output: tuple[tuple[str, str], ...]
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPageView:
    """A part of the items. `previous`, `following`: after which numbers the parts before and behind it begin."""

    title: str
    progress: str
    rows: tuple[ItemRowView, ...]
    first: int
    last: int
    total: int
    previous: int | None
    following: int | None


def item_page(title: str, page: ItemPage, *, after: int) -> ItemPageView:
    """Return the page of the items that follow the one with the number `after`."""
    last = page.items[-1].number if page.items else after
    return ItemPageView(
        title=characters.line(title),
        progress=items.sentence(page.progress),
        rows=tuple(_row(item) for item in page.items),
        first=page.items[0].number if page.items else 0,
        last=last,
        total=page.progress.total,
        previous=max(0, after - PER_PAGE) if after else None,
        following=last if last < page.progress.written else None,
    )


def _row(item: ItemView) -> ItemRowView:
    given = item.params if item.params is not None else {"item": item.value}
    return ItemRowView(
        number=item.number,
        tone=items.TONES.get(item.status),
        status=items.state(item),
        given=tuple(run_history.values(given, {})),
        output=tuple(run_history.values(item.output, {})) if item.output else (),
        error=characters.visible(item.error) if item.error else None,
    )
