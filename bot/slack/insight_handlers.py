"""The command `/signoff insights`: the few things that are most worth knowing, and the way to the page."""

from __future__ import annotations

from datetime import UTC
from typing import Final

from bot import page_urls
from bot.presentation import dates, insight_report, insight_sentences
from bot.slack import command_messages, text_objects
from bot.slack.message_view import SlackMessage
from bot.slack.payloads import TypedCommand
from bot.slack.service import SlackService
from engine.insights import InsightQuery
from engine.off_loop import off_loop

_NONE: Final = "You see insights about the workflows that you own. You do not own one yet."


async def typed(service: SlackService, typed: TypedCommand) -> SlackMessage | str:
    """Answer with what became of the requests of the workflows that this person owns or reads."""
    reader = await service.reader(typed.by)
    if reader is None:
        return _NONE
    name, zone = typed.rest or None, dates.zone_of(reader.person)
    query = InsightQuery.of(reader, workflow=name, zone=zone or UTC)
    found = await service.engine.insights(query, service.clock.now())
    if not found.workflows:
        return _NONE
    if name is not None and all(workflow.name != name for workflow in found.workflows):
        return f"You have no workflow {text_objects.line(name)}. To see all of them, type {typed.command} insights."
    page = service.inbox.removesuffix(page_urls.INBOX) + page_urls.INSIGHTS if service.inbox else ""
    known = await off_loop(lambda: insight_sentences.highlights(found))
    return command_messages.insights(insight_report.period(found, dates.in_zone(zone)), known, page=page)
