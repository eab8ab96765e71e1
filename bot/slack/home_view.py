"""App Home: one part of a person's inbox at a time, with its filter and its pages, and the runs that they may see.

What the tab shows is in its private metadata and in the values of its buttons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.presentation import inbox_texts
from bot.slack import command_messages, home_rows, ids, list_rows, sentences, text_objects
from bot.slack.ids import HomeRef
from bot.slack.list_rows import RunList
from bot.slack.sentences import Sentence
from bot.slack.text_objects import Block, Element, View
from engine.access import Reader
from engine.domain import Card, Phrase
from engine.inbox import InboxPage, InboxPart
from engine.read_models import RequestView
from engine.requests import Question

ROWS: Final = {InboxPart.NEEDS_YOU: 12, InboxPart.WAITING: 20, InboxPart.DECIDED: 20, InboxPart.ALL: 20}
"""Requests on one page of each part: with them, a view stays below 100 blocks."""
MOST_ATTENTION: Final = 4
_RUNS: Final = {InboxPart.NEEDS_YOU: 5, InboxPart.ALL: 14}
"""Latest runs below the requests of a part; the others have none."""
_NO_WORKFLOW: Final = "No workflow is registered yet, so there is nothing to start."
_NONE_WAITING: Final = "New requests appear here, and in the Messages tab."


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeContent:
    """What was read for the tab. `reader`: None for a person who is not known yet.

    `wanted`: the filter in words. `can_decide_several`: whether at least two requests of this page can be decided
    together. `away`: until when the person is away. `notice`: what they just did.
    """

    shown: HomeRef = field(default_factory=HomeRef)
    reader: Reader | None = None
    page: InboxPage
    has_all: bool = False
    wanted: str = ""
    can_decide_several: bool = False
    attention: Sequence[Card] = ()
    asked: Sequence[tuple[RequestView, Question]] = ()
    runs: RunList = field(default_factory=RunList)
    away: Phrase = ()
    notice: Sentence = ""
    figures: str = ""
    """How long the person looked at what they decided last, for them alone."""
    builds: bool = False
    """Whether the person is a builder, so that the first page offers to make a workflow."""
    can_start: bool = True
    """Whether a workflow is registered."""
    is_unsure: bool = False
    """Whether Slack did not say who the person is, so that the tab may lack what they can see."""

    @property
    def needed(self) -> int:
        """How much needs the reader."""
        return self.page.need_you + len(self.attention) + len(self.asked)

    @property
    def is_first(self) -> bool:
        """Whether this is the first page of what needs the reader, unfiltered: it has more than requests."""
        return self.shown.read == HomeRef()


def home(content: HomeContent, *, command: str = command_messages.COMMAND) -> View:
    """Return the Home tab. Requests open from here with all their buttons, even if the message was deleted."""
    blocks = [*_top(content, command), *_others(content), *_requests(content), *_runs(content, command)]
    blocks += [*_building(content), *_settings(content)]
    return {
        "type": "home",
        "callback_id": ids.HOME,
        "private_metadata": ids.encode(content.shown),
        "blocks": blocks,
    }


# -- above the list -----------------------------------------------------------------------------------------


def _top(content: HomeContent, command: str) -> Iterator[Block]:
    if content.notice:
        yield sentences.block(content.notice, name="notice")
    if content.away:
        yield sentences.block((*content.away, f" To end this, type {command} back."), name="away")
    yield text_objects.header(_heading(content), block="heading")
    if content.reader is not None:
        if content.page.requests or content.shown.part is not InboxPart.NEEDS_YOU:
            explained = inbox_texts.explanation(content.shown.part, content.reader)
            yield text_objects.context([text_objects.plain(explained)], block="explained")
        if content.figures:
            yield text_objects.context([text_objects.plain(content.figures)], block="figures")
        yield text_objects.actions([*_parts(content)], block="parts")
        yield text_objects.actions([*_tools(content)], block="tools")
    if content.wanted:
        show_all = _go("Show all", content.shown.unfiltered, name="all")
        yield text_objects.section(content.wanted, block="wanted", accessory=show_all)


def _heading(content: HomeContent) -> str:
    return inbox_texts.heading(
        content.shown.part,
        requests=content.page.need_you,
        questions=len(content.asked),
        runs=len(content.attention),
    )


def _parts(content: HomeContent) -> Iterator[Element]:
    """Yield the buttons that show the parts; that of the present one is filled."""
    for part in InboxPart:
        is_shown = part is content.shown.part
        if part is not InboxPart.ALL or content.has_all or is_shown:
            # The button of the present part shows its first page again.
            ref, title = HomeRef(part=part), inbox_texts.title(part, content.needed)
            yield _go(title, ref, name=part.value, style="primary" if is_shown else None)


def _tools(content: HomeContent) -> Iterator[Element]:
    shown = ids.encode(content.shown.read)
    yield text_objects.button("Filter", action=ids.HOME_FILTER, value=shown)
    if content.can_decide_several:
        yield text_objects.button("Decide several", action=ids.HOME_SEVERAL, value=shown)


def _go(label: str, shown: HomeRef, *, name: str, style: str | None = None) -> Element:
    """Return a button that shows another part or page."""
    return text_objects.button(label, action=f"{ids.HOME_GO}{name}", value=ids.encode(shown), style=style)


def _others(content: HomeContent) -> Iterator[Block]:
    """Yield what needs the reader besides requests: runs that wait for their owner, and questions."""
    if not content.is_first:
        return
    if content.attention:
        yield text_objects.header(inbox_texts.ATTENTION, block="attention")
        for card in content.attention[:MOST_ATTENTION]:
            yield from home_rows.attention(card)
        if (left := len(content.attention) - MOST_ATTENTION) > 0:
            sentence = f"{list_rows.not_shown(left, 'more is', 'more are')} Others move up as you answer."
            yield text_objects.context([text_objects.plain(sentence)], block="attention:more")
    if content.asked:
        yield text_objects.header("Questions for you", block="asked")
        yield from list_rows.open_questions(content.asked)
    if (content.attention or content.asked) and content.page.requests:
        yield text_objects.header("Requests", block="pending")


# -- the list -----------------------------------------------------------------------------------------------


def _requests(content: HomeContent) -> Iterator[Block]:
    shown, page = content.shown, content.page
    if content.reader is not None:
        for number, view in enumerate(page.requests):
            if not number or shown.part is InboxPart.NEEDS_YOU:
                # Without it, the buttons above a row look as if they belonged to it.
                yield {"type": "divider", "block_id": f"line:{number}"}
            yield from home_rows.request(view, content.reader.person, shown.part)
    if not page.requests:
        yield text_objects.section(_none(content), block="none")
    for number, note in enumerate(inbox_texts.notes(page, shown.part)):
        yield sentences.block(note, name=f"note:{number}")
    if turning := [*_turning(content)]:
        yield text_objects.actions(turning, block="turning")


def _none(content: HomeContent) -> str:
    if content.shown.part is InboxPart.NEEDS_YOU and not content.wanted:
        return _NONE_WAITING
    return inbox_texts.none(content.shown.part, is_filtered=bool(content.wanted))


def _turning(content: HomeContent) -> Iterator[Element]:
    """Yield the buttons that turn the pages."""
    shown, following = content.shown, content.page.next
    if shown.pages:
        yield _go("Back" if shown.part is InboxPart.NEEDS_YOU else "Newer", shown.turned_back, name="before")
    if following:
        yield _go(inbox_texts.next_page(shown.part), shown.turned(following), name="after")


def _runs(content: HomeContent, command: str) -> Iterator[Block]:
    most = _RUNS.get(content.shown.part, 0)
    if content.shown.pages or content.wanted or not most:
        return
    is_all = content.shown.part is InboxPart.ALL and content.reader is not None and content.reader.reads_everything
    yield text_objects.header("Latest runs" if is_all else _runs_heading(content.runs), block="runs")
    rows = list_rows.runs(content.runs, most=most)
    none = command_messages.no_runs(command) if content.can_start else _NO_WORKFLOW
    yield from rows or [text_objects.section(none, block="runs:none")]


def _runs_heading(runs: RunList) -> str:
    """Return whose runs are listed: also those that other people started of workflows that the reader owns."""
    is_own = all(run.requester.id == runs.reader for run in runs.runs[: list_rows.MOST_ROWS])
    return "Your latest runs" if is_own else "Latest runs: yours, and those of your workflows"


def _building(content: HomeContent) -> list[Block]:
    """Return the button that makes a workflow, for builders."""
    if not (content.builds and content.is_first):
        return []
    button = text_objects.button("New workflow", action=ids.NEW_WORKFLOW, value="new")
    return [text_objects.header("For builders", block="builders"), text_objects.actions([button], block="building")]


def _settings(content: HomeContent) -> list[Block]:
    """Return the buttons of what a person sets for themselves."""
    if content.reader is None:
        return []
    shown = ids.encode(content.shown.read)
    action, label = (ids.HOME_BACK, "I'm back") if content.away else (ids.HOME_AWAY, "Say when you're away")
    buttons = [
        text_objects.button("Preferences", action=ids.PREFERENCES, value=shown),
        text_objects.button(label, action=action, value=shown),
    ]
    return [text_objects.header("Your settings", block="for you"), text_objects.actions(buttons, block="settings")]
