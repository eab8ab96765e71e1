"""The rows of App Home: requests, with their buttons where they need the reader, and steps that wait for an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from bot.presentation import inbox_rows, progress, questions, request_card, states
from bot.presentation.inbox_rows import InboxRow
from bot.slack import ids, message_view, rich_text, text_objects
from bot.slack.text_objects import Block, Element
from engine.domain import AloneReason, Card, Person, Phrase, RequestState
from engine.inbox import InboxPart
from engine.read_models import RequestView

QUESTION: Final = 200
_CONTEXT: Final = 150
"""Maximum length of a question, and of a phrase below it, in characters."""
_LABEL: Final = 40
STAKES: Final = 300
"""Maximum length of what is at stake in a row, in characters."""


def request(view: RequestView, reader: Person, part: InboxPart) -> list[Block]:
    """Return the row of a request: its question and what is at stake, and below it who asked and until when."""
    row = inbox_rows.row(view, reader, names_waiting=part is not InboxPart.NEEDS_YOU)
    if part is InboxPart.NEEDS_YOU:
        return _waiting(view, row, reader)
    text = "\n".join(filter(None, [question(row), stakes(row)]))
    details = _open_button("Details", view)
    undoing = _undo_button(view, reader) if part is InboxPart.DECIDED else None
    return [
        text_objects.section(text, block=f"request:{view.id}", accessory=details if undoing is None else None),
        _small((f"{states.ICONS[row.tone]} {row.state}",), *_facts(row), block=f"when:{view.id}"),
        *([text_objects.actions([undoing, details], block=f"undo:{view.id}")] if undoing is not None else []),
    ]


def _undo_button(view: RequestView, reader: Person) -> Element | None:
    """Return the button that undoes the reader's approval, or None if it cannot be undone."""
    if not view.is_held:
        return None
    card = request_card.request_card(view, reader)
    return message_view.undo_button(card, delivery=None, about=questions.of_request(view))


def question(row: InboxRow) -> str:
    """Return the question of a row in one line, cut to its room."""
    return text_objects.clipped(text_objects.line(row.question), QUESTION) or "–"


def stakes(row: InboxRow) -> str:
    """Return what is at stake in one line, cut to its room: labels and values."""
    pairs = (f"{text_objects.clipped(text_objects.line(label), _LABEL)}: {value}" for label, value in row.stakes)
    return text_objects.clipped(text_objects.line(" · ".join(pairs)), STAKES)


def _waiting(view: RequestView, row: InboxRow, reader: Person) -> list[Block]:
    lines = [rich_text.section(rich_text.words(question(row), bold=True))]
    if at_stake := stakes(row):
        lines.append(rich_text.section(rich_text.words(at_stake)))
    when = f"when:{view.id}"
    return [
        rich_text.paragraphs(lines, block=f"request:{view.id}"),
        _small(row.asked, *((sentence,) for sentence in row.progress), row.due, *_look_first(view), block=when),
        text_objects.actions([*_decide_buttons(view, reader), _open_button("Review", view)], block=f"decide:{view.id}"),
    ]


def _decide_buttons(view: RequestView, reader: Person) -> Iterator[Element]:
    """Yield the buttons that decide, in the words of the workflow; of a form the one that opens it.

    What cannot be undone is approved where all of it is shown.
    """
    if view.model.state is not RequestState.PENDING or not progress.is_asked(view, reader):
        return
    card = request_card.request_card(view, reader)
    for action in card.actions:
        if action.verdict == "approve" and _cannot_be_undone(view):
            continue
        if action.verdict in ("approve", "skip", "reject") or action.primary:
            yield message_view.list_button(action, ids.encode(_ref(view)), about=questions.of_request(view))


def _look_first(view: RequestView) -> Iterator[Phrase]:
    if _cannot_be_undone(view):
        yield ("Review it before you approve it: what follows cannot be undone.",)


def _cannot_be_undone(view: RequestView) -> bool:
    return view.model.alone is AloneReason.IRREVERSIBLE


def _open_button(label: str, view: RequestView) -> Element:
    about = questions.of_request(view)
    return text_objects.button(label, action=ids.DETAILS, value=ids.encode(_ref(view)), about=about)


def _ref(view: RequestView) -> ids.Ref:
    return ids.Ref(request=view.id, content_version=view.model.content_version, digest=view.model.digest)


def _facts(row: InboxRow) -> Iterator[Phrase]:
    """Yield what is said below a request that is not decided from its row."""
    yield row.asked
    yield from ((sentence,) for sentence in row.progress)
    yield row.outcome
    yield row.became
    yield row.due


def _small(*phrases: Phrase, block: str) -> Block:
    """Return the facts below a request. Slack sets the parts of a fact apart as far as facts, so dots divide these."""
    first, *others = (_without_stop(phrase) for phrase in phrases if phrase)
    return _context(first, *(("· ", *phrase) for phrase in others), block=block)


def _without_stop(phrase: Phrase) -> Phrase:
    last = phrase[-1]
    return (*phrase[:-1], last.removesuffix(".")) if isinstance(last, str) else phrase


def _context(*phrases: Phrase, block: str) -> Block:
    """Return small text. Texts are data and no markup, and every reader sees moments in their own time zone."""
    clipped = (text_objects.one_line(phrase, _CONTEXT) for phrase in phrases if phrase)
    elements = [*chain.from_iterable(map(text_objects.phrase_elements, clipped))]
    return text_objects.context(elements, block=block)


def attention(card: Card) -> list[Block]:
    """Return the row of a step whose outcome only the owner can find out, with the buttons to answer."""
    run, title = card.run or "", text_objects.clipped(text_objects.line(card.title), QUESTION)
    details = text_objects.button(
        message_view.DETAILS, action=ids.RUN_DETAILS, value=ids.encode(ids.RunRef(run=run)), about=title
    )
    buttons = [*message_view.run_buttons(card, delivery=""), details]
    return [
        rich_text.paragraphs([rich_text.section(rich_text.words(title, bold=True))], block=f"step:{run}"),
        _context(*card.lead, *_notes(card), block=f"why:{run}"),
        text_objects.actions(buttons, block=f"answer:{run}"),
    ]


def _notes(card: Card) -> Sequence[Phrase]:
    return [(f"{note.label}: ", *note.text) for note in card.notes[:2]]
