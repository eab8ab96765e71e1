"""The card of a delivery as a Slack message, within Slack's limits whatever the content is.

What data says stands in plain_text or rich_text, where Slack parses nothing. The only mrkdwn texts are dates of ours,
which every reader sees in their own time zone.

Blocks have no `block_id`: Slack wants a new one whenever a message is updated, and makes one for a block without.
https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.presentation import answers, expiry, people, ratings, states, undo
from bot.presentation.alert_card import PASSED_ON, VOIDED
from bot.slack import closed_view, ids, mentions, notification_text, rich_text, sentences, text_objects, truncate
from bot.slack.sentences import Sentence
from bot.slack.text_objects import Block, Element
from engine.domain import DIGEST, Card, CardAction, CardOutcome, DeliveryKind, Phrase, ResumeAnswer
from engine.workflowfile.workflow import TRY_AGAIN

NEEDS_ATTENTION: Final = "needs_attention"
SHOW_EVERYTHING: Final = "Show everything"
DETAILS: Final = "Details"
ASK: Final = "Ask"

_LEAD: Final = 600
_OUTCOME: Final = 600
"""Characters of the line about the end of a request in a minimal message."""
_LONG_VALUE: Final = 500
"""Characters of one value or note of an open request: its beginning; the whole is in the details."""
_LEFT_OUT_ROOM: Final = 300
_ROW: Final = 160
"""Characters of a question in a list."""
_ASKS: Final = 80
"""Characters of the sentence about who asks, in a list."""
_REMINDED: Final = 2_000
"""Characters of all values in a reminder."""
REMINDER: Final = "Reminder:"


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """The content of a message.

    `text`: for notifications and screen readers. `metadata`: finds a post of unknown outcome again.
    """

    text: str
    blocks: list[Block]
    metadata: dict[str, Any] | None = None

    def for_post(self) -> dict[str, Any]:
        """Return arguments of chat.postMessage, with mentions and previews switched off."""
        return {**self.for_update(), "unfurl_links": False, "unfurl_media": False}

    def for_update(self) -> dict[str, Any]:
        """Return arguments of chat.update. They always have blocks: without, Slack deletes the present ones."""
        arguments: dict[str, Any] = {"text": self.text, "blocks": self.blocks}
        return arguments if self.metadata is None else {**arguments, "metadata": self.metadata}

    def for_answer(self) -> dict[str, Any]:
        """Return the arguments of a response_url, without `replace_original` and `response_type`."""
        return {"text": self.text, "blocks": self.blocks}


def metadata(delivery: str) -> dict[str, Any]:
    """Return message metadata that names the delivery."""
    return {"event_type": ids.METADATA_EVENT, "event_payload": {"delivery": delivery}}


def message(card: Card, *, delivery: str, topic: str | None = None) -> SlackMessage:
    """Return the message of a card. `topic`: of an alert; one that needs attention gets a button for each answer."""
    if card.kind is DeliveryKind.REMINDER:
        return _reminder(card, delivery)
    blocks = _open(card, delivery, topic) if card.outcome is None else _closed(card, card.outcome, delivery)
    return SlackMessage(notification_text.of_card(card), blocks, metadata(delivery))


def minimal(card: Card, *, delivery: str) -> SlackMessage:
    """Return a message without data, for a card that Slack refused, with a button for the details.

    It has no Approve, because no one has seen the content. `Review` opens the details with all buttons.
    """
    what = "request" if card.kind is DeliveryKind.REQUEST else "message"
    todo = " Review it to decide." if card.actions else ""
    outcome = text_objects.one_line(card.outcome.line, _OUTCOME) if card.outcome is not None else ()
    how = text_objects.phrase_elements(outcome)
    blocks: list[Block] = [
        text_objects.section(text_objects.clipped(text_objects.line(card.title), ids.HEADER)),
        text_objects.context(how) if how else text_objects.section(f"Slack could not show this {what} here.{todo}"),
    ]
    elements = _deadline(card)
    if elements:
        blocks.append(text_objects.context(elements))
    ref = ref_of(card, delivery=delivery)
    if ref is not None and card.actions:
        value = ids.encode(ref)
        reject = [_action(action, value) for action in card.actions if action.verdict == "reject"]
        review = text_objects.button("Review", action=ids.DETAILS, value=value, style="primary")
        blocks.append(text_objects.actions([review, *reject]))
    return SlackMessage(notification_text.of_blocks(blocks), blocks, metadata(delivery))


def ref_of(card: Card, *, delivery: str | None) -> ids.Ref | None:
    """Return the reference for the buttons of a request's card, or None for other cards."""
    if card.request is None or card.content_version is None or card.digest is None:
        return None
    return ids.Ref(
        request=card.request, content_version=card.content_version, digest=card.digest, delivery=delivery or None
    )


# -- open ---------------------------------------------------------------------------------------------------


def _open(card: Card, delivery: str, topic: str | None) -> list[Block]:
    """Return the blocks of a card that asks something, or of one that tells about the end of a run."""
    before, cut_before = _before(card)
    after, cut_after = _asked(card)
    after += [text_objects.actions(buttons) for buttons in (_buttons(card, delivery=delivery, topic=topic),) if buttons]
    room = ids.MESSAGE_TEXT - text_objects.total(before) - text_objects.total(after) - _LEFT_OUT_ROOM
    values, notes = notification_text.shown_parts(card)
    fitted = truncate.fitted(values, notes, room=room, each=_LONG_VALUE)
    blocks = [*before, *(rich_text.lines(lines) for lines in (fitted.values, fitted.notes) if lines)]
    left_out = fitted.left_out(cut_before + cut_after)
    if left_out is not None:
        blocks.append(_left_out(card, left_out, delivery=delivery))
    if card.page:
        blocks.append(rich_text.paragraphs([rich_text.section([_page_link(card)])]))
    return [*blocks, *after]


def _page_link(card: Card) -> Element:
    text = "See all items on the web" if card.has_more_items else "Open the files on the web"
    return {"type": "link", "url": card.page, "text": text}


def _before(card: Card) -> tuple[list[Block], int]:
    """Return the question and the context, and how many characters of them were cut."""
    icon = "" if card.kind is DeliveryKind.REQUEST else f"{states.ICONS[card.tone]} "
    title = f"{icon}{text_objects.line(card.title) or '–'}"
    clips = [text_objects.clip_phrase(phrase, _LEAD) for phrase in card.lead]
    lead = [phrase for phrase, _ in clips if any(phrase)]
    missing = text_objects.clip(title, ids.HEADER).missing + sum(cut for _, cut in clips)
    if card.kind is DeliveryKind.REQUEST:
        below = context(lead, card)
    else:
        sentences = [element for phrase in lead for element in (*rich_text.phrase(phrase), *rich_text.words(" "))]
        below = [rich_text.paragraphs([rich_text.section(sentences)])] if sentences else []
    return [text_objects.header(title), *below], missing


def context(lead: Sequence[Phrase], card: Card, *, block: str | None = None) -> list[Block]:
    """Return the line of context: the sentences, and the deadline."""
    elements = [element for phrase in lead for element in text_objects.phrase_elements(phrase)]
    elements = [*elements[: ids.CONTEXT_ELEMENTS - 1], *_deadline(card)]
    return [text_objects.context(elements, block=block)] if elements else []


def _deadline(card: Card) -> list[Element]:
    due = expiry.of_card(card)
    return [text_objects.mrkdwn(text_objects.phrase(due))] if due else []


def _asked(card: Card) -> tuple[list[Block], int]:
    """Return the small text about who can decide, and how many characters of it were cut."""
    if card.mentions:
        return [mentions.block(card) if card.kind is DeliveryKind.REQUEST else mentions.asked_this(card)], 0
    if card.kind is not DeliveryKind.REQUEST:
        return [], 0
    asked = people.of_card(card)
    if not asked:
        return [], 0
    clip = text_objects.clip(text_objects.line(asked), _LEAD)
    return [text_objects.context([text_objects.plain(clip.text)])], clip.missing


def _left_out(card: Card, sentence: str, *, delivery: str) -> Block:
    """Return the note about text that is missing; of an open request with the button for the details."""
    ref = ref_of(card, delivery=delivery)
    if ref is None or not card.actions:
        return text_objects.context([text_objects.plain(f"{sentence} {truncate.IN_DETAILS}")])
    everything = text_objects.button(SHOW_EVERYTHING, action=ids.DETAILS, value=ids.encode(ref))
    return text_objects.section(sentence, accessory=everything)


# -- reminders ----------------------------------------------------------------------------------------------


def _reminder(card: Card, delivery: str) -> SlackMessage:
    """Return the message that reminds of one request, with its values, or of several, a row each.

    It has no Approve: a decision is made where all of the content can be read, and this message is never edited.
    """
    blocks = [block for one in card.reminds for block in _row(one)] if card.reminds else _one(card)
    sign = "" if card.topic == DIGEST else f"{REMINDER} "
    title = f"{sign}{text_objects.line(card.title)}"
    more = context(_clipped(card.lead, _LEAD), card) if card.reminds else []
    blocks = [text_objects.header(title), *blocks, *more]
    return SlackMessage(notification_text.of_blocks(blocks), blocks, metadata(delivery))


def _row(card: Card) -> list[Block]:
    question = text_objects.clipped(text_objects.line(card.question or card.title), _ROW)
    ref = ref_of(card, delivery=None)
    review = None if ref is None else _review(ref, about=question)
    return [text_objects.section(question, accessory=review), *context(_clipped(card.lead[:1], _ASKS), card)]


def _one(card: Card) -> list[Block]:
    fitted = truncate.fitted(card.values, (), room=_REMINDED, each=_LONG_VALUE)
    ref = ref_of(card, delivery=None)
    lines = [rich_text.lines(fitted.values)] if fitted.values else []
    buttons = [] if ref is None else [text_objects.actions([_review(ref)])]
    return [*context(_clipped(card.lead, _LEAD), card), *lines, *buttons]


def _clipped(lead: Sequence[Phrase], limit: int) -> list[Phrase]:
    phrases = (text_objects.clip_phrase(phrase, limit)[0] for phrase in lead)
    return [phrase for phrase in phrases if any(phrase)]


def _review(ref: ids.Ref, *, about: str = "") -> Element:
    style = None if about else "primary"
    return text_objects.button("Review", action=ids.DETAILS, value=ids.encode(ref), style=style, about=about)


# -- closed -------------------------------------------------------------------------------------------------


def _closed(card: Card, outcome: CardOutcome, delivery: str) -> list[Block]:
    """Return the blocks of a closed card: three lines at most, and the button for everything else."""
    lines, missing = closed_view.lines(card, outcome)
    rate, details = _rate(card, delivery=delivery), _details(card, delivery=delivery, missing=missing)
    buttons = [button for button in (undo_button(card, delivery=delivery), rate, details) if button is not None]
    return [rich_text.paragraphs(lines), *([text_objects.actions(buttons)] if buttons else [])]


def _rate(card: Card, *, delivery: str) -> Element | None:
    """Return the button that opens the form for a rating, or None if the reader is not asked for one."""
    ref = ref_of(card, delivery=delivery) if card.may_rate else None
    return None if ref is None else text_objects.button(ratings.BUTTON, action=ids.RATE, value=ids.encode(ref))


def undo_button(card: Card, *, delivery: str | None, about: str = "") -> Element | None:
    """Return the button that undoes an approval, and asks before it does, or None if its reader is not offered it."""
    ref = ref_of(card, delivery=delivery) if card.may_undo else None
    if ref is None:
        return None
    question = text_objects.confirm(undo.CONFIRM, yes=undo.BUTTON)
    return text_objects.button(undo.BUTTON, action=ids.UNDO, value=ids.encode(ref), confirm=question, about=about)


# -- buttons ------------------------------------------------------------------------------------------------


def _buttons(card: Card, *, delivery: str, topic: str | None) -> list[Element]:
    details = _details(card, delivery=delivery)
    asks = card.kind is DeliveryKind.ALERT and topic == NEEDS_ATTENTION and card.run is not None
    ref = ref_of(card, delivery=delivery)
    if card.question_id is not None and card.request is not None:
        acting = [_answer_button(card.request, card.question_id, delivery=delivery)]
    elif card.kind is DeliveryKind.ALERT and card.topic == VOIDED and ref is not None:
        # It opens the details, which have all buttons.
        return [_review(ref)]
    elif card.kind is DeliveryKind.ALERT and card.topic in PASSED_ON and ref is not None:
        acting = [pass_on_button(card, delivery=delivery)]
    elif card.retry is not None:
        acting = [retry_button(card, delivery=delivery)]
    else:
        acting = run_buttons(card, delivery=delivery) if asks else request_buttons(card, delivery=delivery)
    return [*acting, *([details] if details else [])]


def _details(card: Card, *, delivery: str, missing: int = 0) -> Element | None:
    """Return the button that opens the technical details and all texts in full. `missing`: characters cut elsewhere."""
    more = f" ({missing:,} more {'character' if missing == 1 else 'characters'})" if missing else ""
    label, ref = f"{DETAILS}{more}", ref_of(card, delivery=delivery)
    if ref is not None:
        return text_objects.button(label, action=ids.DETAILS, value=ids.encode(ref))
    if card.run is None:
        return None
    run = ids.RunRef(run=card.run, delivery=delivery or None)
    return text_objects.button(label, action=ids.RUN_DETAILS, value=ids.encode(run))


def request_buttons(card: Card, *, delivery: str | None) -> list[Element]:
    """Return the buttons of a request in the words of the workflow; none if the card has no actions."""
    ref = ref_of(card, delivery=delivery)
    if ref is None:
        return []
    value = ids.encode(ref)
    ask = [text_objects.button(ASK, action=ids.ASK, value=value)] if card.may_ask else []
    return [*(_action(action, value) for action in card.actions), *ask]


def _answer_button(request: str, question: str, *, delivery: str) -> Element:
    ref = ids.QuestionRef(request=request, question=question, delivery=delivery or None)
    return text_objects.button("Answer", action=ids.ANSWER, value=ids.encode(ref), style="primary")


def retry_button(card: Card, *, delivery: str) -> Element:
    """Return the button that tries a run again. It asks first if the step that failed may have happened."""
    assert card.run is not None
    ref = ids.RunRef(run=card.run, delivery=delivery or None, step=card.step, visit=card.visit)
    question = text_objects.confirm(card.retry, yes=TRY_AGAIN) if card.retry else None
    return text_objects.button(TRY_AGAIN, action=ids.RUN_RETRY, value=ids.encode(ref), confirm=question)


def pass_on_button(card: Card, *, delivery: str | None) -> Element:
    """Return the button that opens the form to pass a request on."""
    ref = ref_of(card, delivery=delivery)
    assert ref is not None
    return text_objects.button("Pass on", action=ids.HAND_ON, value=ids.encode(ref))


def review_button(card: Card) -> Element | None:
    """Return a button that opens a request with all of its buttons, or None for another card."""
    ref = ref_of(card, delivery=None)
    return None if ref is None else text_objects.button("Review", action=ids.DETAILS, value=ids.encode(ref))


def _action(action: CardAction, value: str) -> Element:
    confirmation = None if action.confirm is None else text_objects.confirm(action.confirm, yes=action.label)
    match action.verdict:
        case "approve":
            return text_objects.button(
                action.label, action=ids.APPROVE, value=value, style="primary", confirm=confirmation
            )
        case "revise" | "skip":
            name = ids.REVISE if action.verdict == "revise" else ids.SKIP
            return text_objects.button(action.label, action=name, value=value)
        case "reject":
            return text_objects.button(
                action.label, action=ids.REJECT, value=value, style="danger", confirm=confirmation
            )
        case _:
            style = "primary" if action.primary else None
            return text_objects.button(action.label, action=ids.EDIT, value=value, style=style, confirm=confirmation)


def list_button(action: CardAction, value: str, *, about: str) -> Element:
    """Return the button of an action for a row of a list, where none stands out. `about`: the row, for the ear."""
    plain_button = {name: part for name, part in _action(action, value).items() if name != "style"}
    spoken = text_objects.clipped(text_objects.line(f"{action.label}: {about}"), ids.BUTTON_TEXT)
    return {**plain_button, "accessibility_label": spoken}


_RUN_BUTTONS: Final = (
    (ResumeAnswer.DONE, ids.RUN_DONE, None),
    (ResumeAnswer.REPEAT, ids.RUN_REPEAT, None),
    (ResumeAnswer.STOP, ids.RUN_STOP, "danger"),
)


def run_buttons(card: Card, *, delivery: str) -> list[Element]:
    """Return the buttons that answer what became of a step."""
    assert card.run is not None
    ref = ids.RunRef(run=card.run, delivery=delivery or None, step=card.step, visit=card.visit, attempt=card.attempt)
    value = ids.encode(ref)
    return [
        text_objects.button(
            answers.LABELS[answer],
            action=action,
            value=value,
            style=style,
            confirm=text_objects.confirm(
                answers.CONSEQUENCES[answer], yes=answers.LABELS[answer], style=style or "primary"
            ),
        )
        for answer, action, style in _RUN_BUTTONS
        if answer in card.answers
    ]


def sentence(text: Sentence) -> SlackMessage:
    """Return one sentence as a message."""
    return SlackMessage(sentences.text(text), [sentences.block(text)])
