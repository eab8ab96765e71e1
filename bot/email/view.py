"""The texts of an email, pure: makes the texts and rows of both of its parts from a card.

Everything from a card goes through `bot.presentation.characters.visible` once more; nothing in it is markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bot import page_urls
from bot.email import truncate
from bot.presentation import characters, dates, expiry
from bot.presentation.characters import level
from engine.domain import Card, CardField, DeliveryKind

ROOM: Final = 36_000
"""Bytes of HTML for facts and fields. With its frame the HTML stays under the 102 kB that Gmail shows:
https://github.com/hteumeuleu/email-bugs/issues/41"""
ROWS: Final = 40
LABEL: Final = 120
TITLE: Final = 1_500
"""Maximum length of a title, and of the sentence about the end of a request, which has the reason of a person in it."""
SUBJECT: Final = 150
"""Maximum length of a subject, in characters."""

Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A label and its text. `before`: the text before a person changed it. `missing`: characters cut from both."""

    label: str
    text: str
    before: str | None
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailContent:
    """The texts of an email.

    `eyebrow`: the kind of email, in a few words. `lead`: one or two sentences, what to do or what happened.
    `preheader`: the text that mail programs show beside the subject. `link`: the only address of ours in the email.
    `left_out`: a sentence about what the email leaves out.
    """

    subject: str
    eyebrow: str
    title: str
    preheader: str
    lead: Lines
    facts: tuple[Row, ...] = ()
    fields: tuple[Row, ...] = ()
    left_out: str | None = None
    link: str | None = None
    button: str = "Review"
    unharmed: str = "Opening it decides nothing."
    code: str | None = None
    footer: Lines


def shown(card: Card, *, public_url: str) -> EmailContent:
    """Return the texts of the email of a card."""
    words = _words(card)
    rows, left_out = _rows(card)
    facts, lead = len(card.facts), (*_lead(card), *words.lead)
    return EmailContent(
        subject=subject(card),
        eyebrow=words.eyebrow,
        title=_title(card.title),
        preheader=_preheader(card, words, lead),
        lead=lead,
        facts=tuple(row for index, row in rows if index < facts),
        fields=tuple(row for index, row in rows if index >= facts),
        left_out=left_out and _with_place(card, left_out),
        link=page_urls.review_link(public_url, card.token) if card.token and words.has_link else None,
        button=words.button,
        unharmed=words.unharmed,
        code=card.code if card.kind is DeliveryKind.CODE else None,
        footer=(*words.footer, NO_REPLIES, *_footer(card)),
    )


def short(card: Card, *, public_url: str) -> EmailContent | None:
    """Return the texts of an email without the content, which the mail server refused, or None if there is no link.

    The dates stay, because they are not part of the content.
    """
    if not card.token:
        return None
    if card.kind is DeliveryKind.ALERT:
        title, page, words = "A step needs your answer", "page", _ASKED_OF_OWNER
    else:
        title, page, words = "A request is waiting for your decision", "review page", _OPEN[DeliveryKind.REQUEST]
    return EmailContent(
        subject=title,
        eyebrow=words.eyebrow,
        title=title,
        preheader=f"Open the {page} to see it.",
        lead=(f"The mail server refused the mail with its content. The {page} shows all of it.", *_again(card)),
        facts=tuple(_short_times(card)),
        link=page_urls.review_link(public_url, card.token),
        button=words.button,
        unharmed=words.unharmed,
        footer=(*words.footer, NO_REPLIES),
    )


# -- the words of each kind ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Words:
    eyebrow: str
    lead: Lines = ()
    footer: Lines = ()
    has_link: bool = False
    button: str = "Review"
    unharmed: str = "Opening it decides nothing."


ASKING: Final = frozenset({DeliveryKind.REQUEST, DeliveryKind.ALERT})
"""Kinds of emails that a second one may follow, which says that there is nothing left to do."""

NO_REPLIES: Final = "Please do not reply to this email. Replies are not read."
_ONE_LINK: Final = "Signoff put one link into this mail, the one to review. Any other came with the data."
_NO_LINK: Final = "Signoff put no link into this mail. Any that you see came with the data."
_ASKED: Final = ("You get this mail because you were asked to decide.", _ONE_LINK)
_OPEN: Final = {
    DeliveryKind.REQUEST: _Words("Waiting for your decision", (), _ASKED, has_link=True),
    DeliveryKind.REMINDER: _Words("Reminder: still waiting for your decision", (), _ASKED, has_link=True),
    DeliveryKind.OUTCOME: _Words("How it ended", (), ("You get this mail because you started this run.", _NO_LINK)),
    DeliveryKind.ALERT: _Words(
        "Needs a look", (), ("You get this mail because you started this run or answer for it.", _NO_LINK)
    ),
}
_CODE: Final = _Words(
    "To see that it is you",
    (
        "Type it into the page that asks you for it. It works once, for ten minutes, for exactly what this email says, "
        "and keeps you signed in in that browser for 30 days.",
        "If you did not ask for it, another person or program has a link of yours or typed your address: "
        "do nothing, and tell no one the code.",
    ),
    ("You get this mail because a code for your address was asked for.", _NO_LINK),
)


_CLOSED: Final = _Words(
    "No decision needed any more", (), ("You get this mail because you were asked to decide.", _NO_LINK)
)
_ASKED_OF_OWNER: Final = _Words(
    "Needs your answer",
    (),
    (
        "You get this mail because you answer for this workflow.",
        "Signoff put one link into this mail, the one to answer. Any other came with the data.",
    ),
    has_link=True,
    button="Answer",
    unharmed="Opening it answers nothing.",
)
_ANSWERED: Final = _Words(
    "No answer needed any more", (), ("You get this mail because you were told that a run needs a look.", _NO_LINK)
)


_FOLLOWS: Final = _Words(
    "What became of what you approved", (), ("You get this mail because you approved this.", _NO_LINK)
)


def _words(card: Card) -> _Words:
    if card.about is not None:
        return _FOLLOWS
    if card.kind is DeliveryKind.CODE:
        return _CODE
    if card.kind is DeliveryKind.ALERT and (card.token or card.state is not None):
        return _ANSWERED if card.state is not None else _ASKED_OF_OWNER
    return _CLOSED if card.state is not None else _OPEN[card.kind]


def subject(card: Card) -> str:
    """Return the subject in one line. All emails about a request share it; all but the first begin with `Re:`."""
    title = truncate.cut(characters.line((card.about or card.title)[:TITLE]), SUBJECT).text.rstrip() or "Signoff"
    if card.kind is DeliveryKind.CODE:
        about = card.facts[:1] if card.request or card.run else ()
        return ": ".join([title, *(_whole(characters.line(text), SUBJECT) for _, text in about)])
    follows = card.kind is DeliveryKind.REMINDER or (card.kind in ASKING and card.state is not None)
    return f"Re: {title}" if follows or card.about is not None else title


def _title(text: str) -> str:
    return _whole(characters.line(text), TITLE) or "–"


def _lead(card: Card) -> Iterator[str]:
    if card.state is not None:
        yield _whole(characters.visible(card.state), TITLE)
    yield from _again(card)


def _again(card: Card) -> Iterator[str]:
    if card.again:
        yield "This may have been sent twice: nobody knows whether an earlier mail arrived. Both say the same."


def _preheader(card: Card, words: _Words, lead: Lines) -> str:
    parts = [lead[0]] if lead else [f"{label}: {text}" for label, text in card.facts[:2]]
    return truncate.cut(characters.line("; ".join(parts)[:TITLE]), SUBJECT).text or words.eyebrow


def _footer(card: Card) -> Iterator[str]:
    named = [f"Request {card.request}"] if card.request else []
    named += [f"Run {card.run}"] if card.run else []
    if named:
        yield f"{', '.join(named)}. Sent by Signoff."
    else:
        yield "Sent by Signoff."


# -- rows ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wanted:
    place: int
    label: str
    texts: tuple[str, ...]
    beyond: tuple[int, ...] = ()
    """Number of characters of each text that are left out in any case."""


def _rows(card: Card) -> tuple[list[tuple[int, Row]], str | None]:
    """Return the facts and fields that fit, with their places in the card, and a sentence about what does not."""
    candidates = [*_facts(card), *_fields(card.fields, first=len(card.facts))]
    picked = [_prepared(row) for row in sorted(_ranked(candidates, facts=len(card.facts))[:ROWS], key=_row_position)]
    cap = level((truncate.size(text) for row in picked for text in row.texts), ROOM)
    rows = [(row.place, _cut(row, cap)) for row in picked]
    missing = sum(row.missing for _, row in rows)
    parts = [f"{len(rows)} of {len(candidates)} lines shown"] if len(rows) < len(candidates) else []
    parts += [f"{missing:,} characters left out"] if missing else []
    return [*rows, *_times(card)], f"Not everything fits here: {', '.join(parts)}." if parts else None


def _facts(card: Card) -> Iterator[_Wanted]:
    for index, (label, text) in enumerate(card.facts):
        yield _Wanted(index, label, (text,))


def _fields(fields: Sequence[CardField], *, first: int) -> Iterator[_Wanted]:
    for index, field in enumerate(fields, first):
        texts = (field.text,) if field.before is None else (field.before, field.text)
        yield _Wanted(index, field.label or field.path, texts)


def _prepared(row: _Wanted) -> _Wanted:
    texts = tuple(characters.visible(text[:ROOM]) for text in row.texts)
    return _Wanted(row.place, _label(row.label), texts, tuple(max(0, len(text) - ROOM) for text in row.texts))


def _times(card: Card) -> Iterator[tuple[int, Row]]:
    """Yield the dates that follow the facts."""
    if card.expires_at is not None:
        yield -1, Row(expiry.LABEL, dates.moment(card.expires_at), None, 0)
    if card.until is not None:
        yield -1, Row(_until(card), dates.moment(card.until), None, 0)


def _short_times(card: Card) -> Iterator[Row]:
    """Yield the dates for an email without facts, with the time that a request lasts after it is first shown."""
    if card.expires_after is not None:
        yield Row(expiry.LABEL, expiry.after_shown(card.expires_after), None, 0)
    yield from (row for _, row in _times(card))


def _until(card: Card) -> str:
    """Return the sentence about the end of the link. It must not look like the deadline of the request."""
    if card.kind is DeliveryKind.CODE:
        return "Valid until"
    if card.expires_at is None and card.expires_after is None:
        return "The link works until"
    return "The link shows the request, and what became of it, until"


def _ranked(wanted: list[_Wanted], *, facts: int) -> list[_Wanted]:
    """Return the rows by importance: those that a person changed, the facts, the other fields."""
    return sorted(wanted, key=lambda row: (len(row.texts) == 1, row.place >= facts, row.place))


def _row_position(row: _Wanted) -> int:
    return row.place


def _cut(row: _Wanted, cap: int) -> Row:
    cuts = [truncate.cut(text, cap, beyond=beyond) for text, beyond in zip(row.texts, row.beyond, strict=True)]
    texts = [_marked(cut) for cut in cuts]
    before = texts[0] if len(texts) == 2 else None
    return Row(row.label, texts[-1] or "–", before, sum(cut.missing for cut in cuts))


def _marked(cut: truncate.Cut) -> str:
    return f"{cut.text}… ({cut.missing:,} more characters)" if cut.missing else cut.text


def _whole(text: str, room: int) -> str:
    return _marked(truncate.cut(text[:room], room, beyond=max(0, len(text) - room)))


def _label(label: str) -> str:
    return truncate.cut(characters.line(label[:LABEL]), LABEL).text or "–"


def _with_place(card: Card, left_out: str) -> str:
    return f"{left_out} The review page shows all of it." if card.token else left_out
