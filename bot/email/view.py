"""The texts of an email, pure: makes the texts and rows of both of its parts from a card.

Everything from a card goes through `bot.presentation.characters.visible` once more; nothing in it is markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot import page_urls
from bot.email import rows, truncate
from bot.email.email_kinds import EmailKind, kind_of
from bot.email.rows import FittingRows, Group, Row
from bot.presentation import characters, dates, expiry, people, states
from engine import durations, timestamps
from engine.domain import BROWSER_LIFETIME, CODE_LIFETIME, DIGEST, Card, CardField, DeliveryKind, Phrase, Tone

TITLE: Final = 1_500
"""Maximum length of a title, and of a line about the end of a request."""
SUBJECT: Final = 150
"""Maximum length of a subject, in characters."""
_REQUESTER: Final = 40
"""Maximum length of the name of the requester in a subject, in characters."""
_PREVIEWED: Final = 60
"""Maximum length of one value in the preheader, in characters."""

Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailContent:
    """The texts of an email, in the order in which it shows them.

    `name`: who runs this Signoff. `preheader`: the text that mail programs show beside the subject. `tone`: with
    `icon`, what happened at a glance; None while the email only asks. `lead`: the context in one line. `outcome`: how
    it ended, in a few lines. `happened`: rows about that. `left_out`: what the email leaves out. `link`: the only
    address of ours in the email. `harmless`: what opening it does not do. `rules`: how to use the code. `small`: who
    else was asked, and until when the link works.
    """

    subject: str
    name: str
    preheader: str
    eyebrow: str | None = None
    tone: Tone | None = None
    icon: str = ""
    title: str
    code: str | None = None
    lead: Lines
    outcome: Lines = ()
    effect_tone: Tone | None = None
    happened: tuple[Row, ...] = ()
    values: tuple[Row, ...] = ()
    left_out: str | None = None
    link: str | None = None
    button: str = ""
    harmless: str = ""
    notes: tuple[Row, ...] = ()
    rules: Lines = ()
    small: Lines = ()
    details: tuple[Row, ...] = ()
    footer: Lines


def shown(card: Card, *, public_url: str, name: str = "") -> EmailContent:
    """Return the texts of the email of a card."""
    kind, writer = kind_of(card), _writer(card)
    fitting = rows.fit([*_candidates(card, kind, writer, public_url)])
    outcome = tuple(_outcome(card, writer))
    tone = _tone(card, kind)
    return EmailContent(
        subject=subject(card),
        name=name,
        preheader=_preheader(card, kind, outcome),
        eyebrow=kind.eyebrow,
        tone=tone,
        icon=states.ICONS[tone] if tone else "",
        title=_title(card.title),
        code=card.code if card.kind is DeliveryKind.CODE else None,
        lead=tuple(_lead(card, writer)),
        outcome=outcome,
        effect_tone=card.outcome.effect_tone if card.outcome is not None else None,
        happened=fitting.by_group[Group.OUTCOME],
        values=fitting.by_group[Group.VALUES],
        left_out=_left_out(card, fitting, sum(map(_missing, (characters.line(card.title), _context(card, writer))))),
        link=_link(card, kind, public_url),
        button=kind.button,
        harmless=kind.harmless,
        notes=fitting.by_group[Group.NOTES],
        rules=tuple(_code_rules(card, writer)),
        small=tuple(_small(card, kind, writer)),
        details=fitting.by_group[Group.DETAILS],
        footer=kind.footer(card),
    )


def _link(card: Card, kind: EmailKind, public_url: str) -> str | None:
    if card.reminds:
        return f"{public_url}{page_urls.INBOX}"
    if not kind.has_link:
        return None
    if card.token:
        return page_urls.review_link(public_url, card.token)
    if (card.may_rate or card.may_undo) and card.outcome is not None and card.request:
        return page_urls.review_page(public_url, card.request)
    if card.retry is not None and card.run is not None:
        return page_urls.run_page(public_url, card.run)
    passes_on = card.kind is DeliveryKind.ALERT and card.digest and card.request
    return page_urls.succession_page(public_url, str(card.request)) if passes_on else None


def short(card: Card, *, public_url: str, name: str = "") -> EmailContent | None:
    """Return the texts of an email without the content, which the mail server refused, or None if there is no link.

    The dates stay, because they are not part of the content.
    """
    if not card.token:
        return None
    kind, writer = kind_of(card), _writer(card)
    decides = "A form is waiting for your answer" if card.is_form else "A request is waiting for your decision"
    answers = "A question needs your answer" if card.question_id else "A step needs your answer"
    title = answers if card.kind is DeliveryKind.ALERT else decides
    refused = f"The mail server refused the email with the full text. The {kind.page} shows all of it."
    return EmailContent(
        subject=title,
        name=name,
        preheader=f"Open the {kind.page} to see it.",
        title=title,
        lead=(refused, *_deadline(card, writer), *_again(card)),
        link=page_urls.review_link(public_url, card.token),
        button=kind.button,
        harmless=kind.harmless,
        small=tuple(_link_until(card, writer)),
        footer=kind.footer(card),
    )


def _writer(card: Card) -> dates.Writer:
    return dates.in_zone(None if card.zone is None else timestamps.find_zone(card.zone))


# -- what mail programs list --------------------------------------------------------------------------------


def subject(card: Card) -> str:
    """Return the subject in one line. All emails about a request share it; all but the first begin with `Re:`."""
    if card.kind is DeliveryKind.CODE:
        return f"{card.code} is your Signoff code" if card.code else "Your Signoff code"
    asks = card.kind in (DeliveryKind.REQUEST, DeliveryKind.REMINDER)
    asked = card.about or (card.question if asks else "")
    requester = _clipped(characters.line(card.requester), _REQUESTER) if asked else ""
    ending = f" ({requester})" if requester else ""
    text = characters.line((asked or card.title)[:TITLE])
    title = _clipped(text, SUBJECT - len(ending)) or "Signoff"
    closes = card.kind in (DeliveryKind.REQUEST, DeliveryKind.ALERT) and card.outcome is not None
    follows = (card.kind is DeliveryKind.REMINDER and not card.reminds) or closes or card.about is not None
    return f"{'Re: ' if follows else ''}{title}{ending}"


def _preheader(card: Card, kind: EmailKind, outcome: Lines) -> str:
    """Return the line beside the subject: what happened and what was changed, or the values that are asked about."""
    lead = [dates.written(phrase, _writer(card)) for phrase in card.lead]
    told = [dates.written(fact.text, _writer(card)) for fact in card.notes[:1]]
    if card.kind is DeliveryKind.CODE or card.about is not None:
        # Of other emails the title stands beside it, in the subject.
        parts = [card.title, *lead, *_previews(_changed(card))]
    elif outcome:
        parts = [*outcome[:1], *_previews(_changed(card))]
    elif kind.tells:
        parts = [*lead, *_previews(_changed(card)), *told]
    elif card.reminds:
        parts = [note.label for note in card.notes]
    else:
        parts = [*_previews(card.values)] or lead
    return _clipped(characters.line(" · ".join(parts)[:TITLE]), SUBJECT) or kind.footer(card)[0]


def _changed(card: Card) -> list[CardField]:
    return [field for field in card.values if field.before is not None]


def _previews(fields: Sequence[CardField]) -> Iterator[str]:
    for field in fields:
        before, text = (_preview(part) for part in (field.before or "", field.text))
        yield (
            f"{characters.line(field.label)} {before} → {text}"
            if field.before is not None
            else (f"{characters.line(field.label)} {text}")
        )


def _preview(text: str) -> str:
    return _clipped(characters.line(text[:TITLE]), _PREVIEWED)


def _clipped(text: str, room: int) -> str:
    """Return the text, or as much of it as fits, with a sign that there is more."""
    cut = truncate.cut(text, room)
    return f"{truncate.cut(text, room - len('…'.encode())).text.rstrip()}…" if cut.missing else cut.text.rstrip()


# -- what the email says in words of ours -------------------------------------------------------------------


def _tone(card: Card, kind: EmailKind) -> Tone | None:
    """Return the tone of an email that tells what happened; None of one that asks."""
    return card.tone if kind.tells or card.outcome is not None else None


def _title(text: str) -> str:
    return _whole(characters.line(text), TITLE) or "–"


def _lead(card: Card, writer: dates.Writer) -> Iterator[str]:
    """Yield the line of context, with the deadline, and whether the email may come twice."""
    line = _context(card, writer)
    if line:
        yield _whole(line, TITLE)
    yield from _again(card)


def _context(card: Card, writer: dates.Writer) -> str:
    """Return the line of context, however long it is."""
    context = [dates.written(phrase, writer) for phrase in card.lead]
    return characters.visible(" ".join([*context, *_deadline(card, writer)]))


def _deadline(card: Card, writer: dates.Writer) -> Iterator[str]:
    due = expiry.of_card(card)
    if due:
        yield _sentence(due, writer)


def _code_rules(card: Card, writer: dates.Writer) -> Iterator[str]:
    """Yield how to use a code, and what not to do with it."""
    if card.kind is not DeliveryKind.CODE:
        return
    where = f"form in {card.typed_in}" if card.typed_in else "page that asks for it"
    yield f"Type the code into the {where}."
    lasts = f"until {writer(card.until)}" if card.until else f"for {durations.in_words(CODE_LIFETIME)}"
    yield f"It works once, {lasts}."
    if not card.typed_in:
        yield f"You then stay signed in for {durations.in_words(BROWSER_LIFETIME)} in that browser."
    yield (
        "Do not give this code to anyone. If you did not ask for it, ignore this email: "
        "nothing happens without the code."
    )


def _again(card: Card) -> Iterator[str]:
    if card.again:
        yield "You may get this email twice: it is not known whether an earlier one arrived. Both say the same."


def _outcome(card: Card, writer: dates.Writer) -> Iterator[str]:
    if card.outcome is not None:
        yield _sentence(card.outcome.sentence or card.outcome.line, writer)
        if card.outcome.became:
            yield _sentence(card.outcome.became, writer)


def _sentence(phrase: Phrase, writer: dates.Writer) -> str:
    text = _whole(characters.visible(dates.written(phrase, writer)), TITLE)
    return text if text.endswith((".", "!", "?", "…", ")")) else f"{text}."


def _small(card: Card, kind: EmailKind, writer: dates.Writer) -> Iterator[str]:
    """Yield who else was asked, and until when the link works."""
    asked = people.of_card(card) if kind.names_approvers else ""
    if asked:
        yield _whole(characters.line(asked), TITLE)
    if kind.has_link:
        yield from _link_until(card, writer)


def _link_until(card: Card, writer: dates.Writer) -> Iterator[str]:
    """Yield until when the link works. It must not look like the deadline of the request."""
    if card.until is None:
        return
    if card.expires_at is None and card.expires_after is None:
        yield f"The link works until {writer(card.until)}."
    else:
        closes = "answer" if card.is_form else "decision"
        yield f"After the {closes}, the link shows the result until {writer(card.until)}."


# -- rows ---------------------------------------------------------------------------------------------------


def _candidates(card: Card, kind: EmailKind, writer: dates.Writer, public_url: str) -> Iterator[rows.Candidate]:
    """Yield all rows of a card. In an email that tells what happened, the notes say that."""
    if card.topic == DIGEST and card.reminds:
        for one, row in zip(card.reminds, rows.of_facts(Group.OUTCOME, card.notes, writer), strict=True):
            yield replace(row, link=page_urls.review_page(public_url, str(one.request)))
        return
    if card.outcome is not None and card.outcome.reason:
        yield rows.of_text(Group.OUTCOME, "Reason", card.outcome.reason)
    yield from rows.of_values(sorted(card.values, key=lambda field: field.before is None))
    yield from rows.of_facts(Group.OUTCOME if kind.tells or card.reminds else Group.NOTES, card.notes, writer)
    yield from rows.of_facts(Group.NOTES if card.kind is DeliveryKind.CODE else Group.DETAILS, card.details, writer)


def _left_out(card: Card, fitting: FittingRows, cut: int) -> str | None:
    """Return what the email leaves out, and where all of it is. `cut`: characters that the lines above miss."""
    missing = fitting.missing + cut
    parts = [f"{fitting.shown} of {fitting.count} lines shown"] if fitting.shown < fitting.count else []
    parts += [f"{missing:,} characters left out"] if missing else []
    sentences = [f"Not everything fits here: {', '.join(parts)}."] if parts else []
    sentences += ["Unchanged parts of long texts are left out."] if fitting.folds else []
    return " ".join([*sentences, *_where_all_is(card)]) if sentences else None


def _where_all_is(card: Card) -> Iterator[str]:
    """Yield where the reader finds what an email leaves out: a page that they can open, or else a command."""
    if card.reminds:
        yield "Your inbox shows all of them."
    elif card.kind is DeliveryKind.CODE:
        yield "The page where you gave your answer shows all of it."
    elif card.kind in (DeliveryKind.REQUEST, DeliveryKind.REMINDER) and card.token:
        yield "The review page shows all of it."
    elif card.kind in (DeliveryKind.REQUEST, DeliveryKind.REMINDER):
        # The page of a closed request shows no more than the result to the holder of its link.
        yield f"To read all of it, open the link in the first email. {_SIGN_IN}"
    elif card.question_id is not None and card.token:
        yield "The page for your answer shows all of it."
    elif card.about is not None:
        # A person who was asked in Slack got no email before.
        yield "To read all of it, press Details where you were asked in Slack, or open the link in the first email."
        yield _SIGN_IN
    elif card.run is not None:
        yield f"The operator of this server can show you all of it: signoff runs {card.run} --json"


_SIGN_IN: Final = "If that page shows only the result, sign in there, then open the link again."


def _whole(text: str, room: int) -> str:
    cut = _cut(text, room)
    return f"{cut.text}… ({cut.missing:,} more characters)" if cut.missing else cut.text


def _missing(text: str) -> int:
    return _cut(text, TITLE).missing


def _cut(text: str, room: int) -> truncate.Cut:
    return truncate.cut(text[:room], room, beyond=max(0, len(text) - room))
