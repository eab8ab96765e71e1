"""Cards of requests as a trial prints them."""

from __future__ import annotations

from typing import Any

from anyio.from_thread import BlockingPortal
from rich.console import Console

from bot.presentation import request_card
from bot.terminal import item_lines
from bot.terminal.output import local_time
from bot.terminal.view import render_card
from engine.read_models import RequestView
from engine.runs import items
from engine.service import Engine
from engine.steps.foreach import MAX_ITEMS


def print_whole(console: Console, request: RequestView) -> None:
    """Print a card with its details, because a script cannot ask for them."""
    console.print(render_card(request_card.request_card(request), local_time, details=True))


def print_items(console: Console, portal: BlockingPortal, engine: Engine, request: RequestView) -> None:
    """Print all items of a request that does not show all of them itself: a trial has no page that does."""
    if not items.left_out(request.model.content):
        return
    subject = request.model.subject

    async def load() -> Any:
        return await engine.items(subject.run, subject.step, subject.visit, limit=MAX_ITEMS)

    for part in item_lines.render_items(portal.call(load).items):
        console.print(part)
