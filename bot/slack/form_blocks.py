"""Typed fields as input blocks of a modal, as many as fit: for the edit form and the start form."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.presentation import dates, labels
from bot.slack import ids, input_blocks, text_objects
from bot.slack.input_blocks import InputPart
from bot.slack.text_objects import Block, Element, View
from engine import fields, media_types
from engine.fields import Field, FieldType, file_rules
from engine.json_values import Value
from engine.name_lists import join_names

_LABEL: Final = 300
_NUMBERS: Final = {
    FieldType.NUMBER: Decimal("1250.50"),
    FieldType.MONEY: Decimal("1250.50"),
    FieldType.INTEGER: Decimal("1250"),
}
"""An example for each type of number."""
_LISTED: Final = 60
"""Maximum length of a field's name in the sentence about fields that are missing, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedField:
    """A field of a form. `name`: its dotted path, or the name of the input. `words`: the label if it has none."""

    name: str
    field: Field
    current: Value
    words: str = ""

    @property
    def label(self) -> str:
        return self.field.label or self.words or labels.in_words(self.name)


@dataclass(frozen=True, slots=True)
class ModalForm:
    """`without`: sentences about the fields that the form does not have."""

    blocks: list[Block]
    without: tuple[str, ...]
    named: tuple[str, ...]
    """Names of the fields that the form has."""


def form(fields: Iterable[AskedField], *, version: int, room: int, size: int = ids.VIEW_BYTES) -> ModalForm:
    """Return inputs for as many fields as fit into `room` blocks and `size` bytes, in their order."""
    blocks: list[Block] = []
    named, too_long, too_many = list[str](), list[str](), list[str]()
    for asked_field in fields:
        parts = input_blocks.parts(asked_field.field, asked_field.current)
        if parts is None:
            too_long.append(asked_field.label)
            continue
        field_blocks = [*_above(asked_field, version=version)]
        field_blocks += [_block(asked_field, part, version=version, last=part is parts[-1]) for part in parts]
        weight = sum(map(text_objects.weight, field_blocks))
        if len(blocks) + len(field_blocks) > room or weight > size:
            too_many.append(asked_field.label)
            continue
        size -= weight
        blocks += field_blocks
        named.append(asked_field.name)
    return ModalForm(blocks, tuple(_omissions(too_long, too_many)), tuple(named))


def _omissions(too_long: list[str], too_many: list[str]) -> Iterable[str]:
    longest = ids.INPUT_TEXT * ids.LONGEST_TEXT_INPUTS
    if too_long:
        yield f"Too long for a form in Slack (over {longest:,} characters): {_listed(too_long)}."
    if too_many:
        yield f"There is no more room in this form. Not here: {_listed(too_many)}."


def _listed(labels: list[str]) -> str:
    first = [text_objects.clipped(text_objects.line(label), _LISTED) for label in labels[:10]]
    return join_names(first, len(labels))


def _above(asked_field: AskedField, *, version: int) -> Iterable[Block]:
    """Yield the options in full where the input has to cut them."""
    listed = "\n".join(input_blocks.whole_options(asked_field.field))
    for number, piece in enumerate(text_objects.pieces(listed, ids.SECTION)):
        name = f"options:{ids.field_key(asked_field.name)}/{number}"
        yield text_objects.section(piece, block=ids.block_id(name, version))


def _block(asked_field: AskedField, part: InputPart, *, version: int, last: bool) -> Block:
    """Return one input block. Parts of one text are optional: only all together must not be empty."""
    alone = part.name in ("", "amount", "currency")
    block: Block = {
        "type": "input",
        "block_id": ids.field_block(asked_field.name, part=part.name, version=version),
        "label": text_objects.plain_line(input_blocks.named(part, asked_field.label).label, _LABEL),
        "element": part.element,
        "optional": not (asked_field.field.required and alone and not part.keeps),
    }
    hint = _hint(asked_field, part) if last else ""
    if hint:
        block["hint"] = text_objects.plain(hint, ids.INPUT_HINT)
    return block


def _hint(asked_field: AskedField, part: InputPart) -> str:
    return " ".join(
        filter(
            None,
            (
                text_objects.shown(asked_field.field.help),
                _typing(asked_field.field),
                _bounds(asked_field.field),
                _keeps(asked_field, part),
                _hidden(asked_field.current),
            ),
        )
    )


def _typing(field: Field) -> str:
    """Return how a number is typed: Slack itself refuses commas, and does not say what to type."""
    example = _NUMBERS.get(field.type)
    if example is None:
        return ""
    low, high = (bound if isinstance(bound, int | Decimal) else example for bound in (field.min, field.max))
    return f"For example {example}." if low <= example <= high else "Without commas."


def _bounds(field: Field) -> str:
    is_time = field.type in (FieldType.DATE, FieldType.DATETIME)
    words = ("not before", "not after") if is_time else ("at least", "at most")
    shown_type = field.type if field.type is not FieldType.MONEY else FieldType.NUMBER
    bounds = [
        f"{word} {dates.in_words(fields.show(shown_type, bound))}"
        for word, bound in zip(words, (field.min, field.max), strict=True)
        if bound is not None
    ]
    if field.types:
        bounds.append(file_rules.listed(field.types))
    most = file_rules.in_bytes(field.max_size)
    if most is not None:
        bounds.append(f"at most {media_types.size_in_words(most)}")
    if field.max_length is not None:
        bounds.append(f"at most {field.max_length:,} characters")
    sentence = ", ".join(bounds)
    return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""


def _keeps(asked_field: AskedField, part: InputPart) -> str:
    if not part.keeps:
        return ""
    now = text_objects.clipped(
        text_objects.shown(dates.in_words(fields.show(asked_field.field.type, asked_field.current))), _LABEL
    )
    if asked_field.field.type is FieldType.FILE:
        return f"It is {now} now. Leave it empty to keep that."
    return f"It is {now} now, which is none of these. Leave it empty to keep that."


def _hidden(current: Value) -> str:
    """Return a hint about hidden characters, because inputs cannot show them."""
    if not isinstance(current, str):
        return ""
    hidden = sorted(
        {character for character in set(current) if text_objects.shown(character) != character and character != "\r"}
    )
    if not hidden:
        return ""
    names = ", ".join(
        f"{text_objects.shown(character)} {unicodedata.name(character, '')}".strip() for character in hidden[:5]
    )
    more = f" and {len(hidden) - 5} more kinds" if len(hidden) > 5 else ""
    return f"It has characters that cannot be seen: {names}{more}."


def view(
    *, callback: str, title: str, blocks: list[Block], metadata: ids.ModalRef, submit: str | None = None, close: str
) -> View:
    """Return a modal. Without `submit` it cannot be submitted."""
    modal: View = {
        "type": "modal",
        "callback_id": callback,
        "title": text_objects.plain_line(title, ids.MODAL_TITLE),
        "close": text_objects.plain_line(close, ids.MODAL_TITLE),
        "blocks": blocks[: ids.VIEW_BLOCKS],
        "private_metadata": ids.encode(metadata),
    }
    if submit is not None:
        modal["submit"] = text_objects.plain_line(submit, ids.MODAL_TITLE)
    return modal


def input_block(block: str, label: str, element: Element, *, hint: str = "", required: bool = False) -> Block:
    """Return an input of a form whose labels are ours."""
    made: Block = {
        "type": "input",
        "block_id": block,
        "label": text_objects.plain(label, ids.INPUT_LABEL),
        "element": element,
        "optional": not required,
    }
    return {**made, "hint": text_objects.plain(hint, ids.INPUT_HINT)} if hint else made


def reason_input(*, required: bool, label: str, hint: str, text: str = "") -> Block:
    """Return the input for a reason. `text`: what was typed before."""
    element: Element = {"type": "plain_text_input", "action_id": ids.INPUT, "multiline": True}
    element["max_length"] = ids.INPUT_TEXT
    if text:
        element["initial_value"] = text[: ids.INPUT_TEXT]
    return {
        "type": "input",
        "block_id": ids.REASON_BLOCK,
        "label": text_objects.plain_line(label, _LABEL),
        "hint": text_objects.plain(hint, ids.INPUT_HINT),
        "element": element,
        "optional": not required,
    }
