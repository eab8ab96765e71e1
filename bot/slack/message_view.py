"""The card of a delivery as a Slack message, within Slack's limits whatever the content is.

What data says stands in plain_text or rich_text, where Slack parses nothing. The one mrkdwn text is ours: the expiry,
which every reader sees in their own time zone.

Blocks have no `block_id`: Slack wants a new one whenever a message is updated, and makes one for a block without.
https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from bot.presentation import expiry
from bot.slack import ids, notification_text, rich_text, text_objects, truncate
from bot.slack.notification_text import Facts
from bot.slack.text_objects import Block, Element
from engine.domain import Card, CardAction, DeliveryKind

NEEDS_ATTENTION: Final = "needs_attention"
SHOW_EVERYTHING: Final = "Show everything"

_SMALL_PRINT: Final = 600
_STATE: Final = 2_000
_NOTE: Final = 400


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


def message(card: Card, *, delivery: str, note: str | None = None, topic: str | None = None) -> SlackMessage:
    """Return the message of a card. `note`: a sentence about this delivery.

    `topic`: of an alert; one that needs attention gets Done, Repeat and Stop.
    """
    introduction, facts, approvers = notification_text.arrange(card)
    before, cut_before = _before(card, introduction, note=note)
    after, cut_after = _after(card, approvers)
    buttons = _buttons(card, delivery=delivery, topic=topic)
    if buttons:
        after.append(text_objects.actions(buttons))
    room = ids.MESSAGE_TEXT - text_objects.total(before) - text_objects.total(after) - _LEFT_OUT_ROOM
    fitted = truncate.fitted(facts, card.fields, room=room)
    blocks = [*before, *_lines(fitted)]
    left_out = fitted.left_out(cut_before + cut_after)
    if left_out is not None:
        blocks.append(_left_out(card, left_out, delivery=delivery))
    return SlackMessage(notification_text.of_card(card, note=note), [*blocks, *after], metadata(delivery))


_LEFT_OUT_ROOM: Final = 300


def minimal(card: Card, *, delivery: str) -> SlackMessage:
    """Return a message without data, for a card that Slack refused, with a button for the details.

    It has no Approve, because no one has seen the content. `Review` opens the details with all buttons.
    """
    sentence = card.state if card.state is not None else "Slack could not show this request here. Review it to decide."
    if card.kind is not DeliveryKind.REQUEST and card.state is None:
        sentence = "Slack could not show this message here."
    blocks: list[Block] = [
        text_objects.section(text_objects.clipped(text_objects.line(card.title), ids.HEADER)),
        text_objects.section(text_objects.clipped(text_objects.shown(sentence), _STATE)),
    ]
    elements = _expiry(card)
    if card.expires_after is not None:
        # In the whole message it is one of the facts.
        elements.append(text_objects.plain(expiry.due_after(card.expires_after)))
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


# -- parts --------------------------------------------------------------------------------------------------


def _before(card: Card, introduction: Facts, *, note: str | None) -> tuple[list[Block], int]:
    """Return the blocks above the lines, and how many characters of them were cut."""
    blocks = [text_objects.header(card.title)]
    missing = text_objects.clip(text_objects.line(card.title), ids.HEADER).missing
    if card.state is not None:
        state = text_objects.clip(text_objects.shown(card.state), _STATE)
        blocks.append(text_objects.section(state.text))
        missing += state.missing
    if note is not None:
        blocks.append(text_objects.context([text_objects.plain(note, _NOTE)]))
    if introduction:
        small = text_objects.clip(text_objects.shown(notification_text.introduction_text(introduction)), _SMALL_PRINT)
        blocks.append(text_objects.context([text_objects.plain(small.text)]))
        missing += small.missing
    return blocks, missing


def _after(card: Card, approvers: Facts) -> tuple[list[Block], int]:
    """Return the blocks below the lines: the expiry and the approvers."""
    elements = _expiry(card)
    missing = 0
    for label, text in approvers:
        small = text_objects.clip(text_objects.shown(f"{label}: {text}"), _SMALL_PRINT)
        elements.append(text_objects.plain(small.text))
        missing += small.missing
    return [text_objects.context(elements)] if elements else [], missing


def _expiry(card: Card) -> list[Element]:
    if card.expires_at is None:
        return []
    return [text_objects.mrkdwn(expiry.due(card.expires_at, written=text_objects.date))]


def _lines(fitted: truncate.Fitted) -> list[Block]:
    return [rich_text.lines(lines) for lines in (fitted.facts, fitted.fields) if lines]


def _left_out(card: Card, sentence: str, *, delivery: str) -> Block:
    """Return the note about text that is missing; of an open request with the button for the details."""
    ref = ref_of(card, delivery=delivery)
    if ref is None or not card.actions:
        return text_objects.context([text_objects.plain(sentence)])
    everything = text_objects.button(SHOW_EVERYTHING, action=ids.DETAILS, value=ids.encode(ref))
    return text_objects.section(sentence, accessory=everything)


# -- buttons ------------------------------------------------------------------------------------------------


def _buttons(card: Card, *, delivery: str, topic: str | None) -> list[Element]:
    if card.kind is DeliveryKind.ALERT:
        asks = topic == NEEDS_ATTENTION and card.run is not None and card.state is None
        return _run_buttons(card, delivery=delivery) if asks else []
    return request_buttons(card, delivery=delivery)


def request_buttons(card: Card, *, delivery: str | None) -> list[Element]:
    """Return the buttons of a request in the words of the workflow; none if the card has no actions."""
    ref = ref_of(card, delivery=delivery)
    return [] if ref is None else [_action(action, ids.encode(ref)) for action in card.actions]


def _action(action: CardAction, value: str) -> Element:
    confirmation = None if action.confirm is None else text_objects.confirm(action.confirm, yes=action.label)
    match action.verdict:
        case "approve":
            return text_objects.button(
                action.label, action=ids.APPROVE, value=value, style="primary", confirm=confirmation
            )
        case "reject":
            return text_objects.button(
                action.label, action=ids.REJECT, value=value, style="danger", confirm=confirmation
            )
        case _:
            style = "primary" if action.primary else None
            return text_objects.button(action.label, action=ids.EDIT, value=value, style=style, confirm=confirmation)


_RUN_BUTTONS: Final = (
    ("Done", ids.RUN_DONE, "It happened: the run goes on with the next step.", None),
    ("Repeat", ids.RUN_REPEAT, "It did not happen: the step is carried out again. If it did, it happens twice.", None),
    ("Stop", ids.RUN_STOP, "The run is stopped here; nothing more is carried out.", "danger"),
)


def _run_buttons(card: Card, *, delivery: str) -> list[Element]:
    assert card.run is not None
    ref = ids.RunRef(run=card.run, delivery=delivery or None, step=card.step, visit=card.visit, attempt=card.attempt)
    value = ids.encode(ref)
    return [
        text_objects.button(
            label,
            action=action,
            value=value,
            style=style,
            confirm=text_objects.confirm(question, yes=label, style=style or "primary"),
        )
        for label, action, question, style in _RUN_BUTTONS
    ]


def sentence(text: str) -> SlackMessage:
    """Return one sentence as a message."""
    block = text_objects.section(text_objects.clipped(text_objects.shown(text), ids.SECTION), block="sentence")
    return SlackMessage(notification_text.of_blocks([block]), [block])
