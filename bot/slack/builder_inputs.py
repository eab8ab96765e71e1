"""Inputs of the forms in which builders make and change workflows, and what comes back from them. Pure.

What is entered in an input, or in the two for people, is one text: as it would be typed in a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.slack import form_blocks, ids, text_objects, view_state
from bot.slack.text_objects import Block, Element
from engine.domain.accounts import SLACK
from engine.references import OWNER

_MOST_CITED: Final = 100
_PEOPLE: Final = "people"
_CHANNEL: Final = "channel"
_PICKED: Final = "/picked"
"""Behind the name of an input for people, for a sentence at its picker."""
_TYPED: Final = frozenset({"plain_text_input", "number_input"})
_SEPARATORS: Final = re.compile(r"[\s,;]+")
_TYPED_PEOPLE: Final = "(or type them)"
_PEOPLE_HINT: Final = "Email addresses, role:NAME, group:HANDLE or owner, with commas between them. owner is {}."
_NUMBER_HINT: Final = "For example 1250.50."


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderInput:
    """An input. `text`: what it holds at first. `options`: of a choice, each value with its label.

    `kind`: `text`, `lines`, `people`, `channel`, `number` or `choice`.
    """

    name: str
    label: str
    kind: str = "text"
    help: str = ""
    text: str = ""
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()
    most: int = ids.INPUT_TEXT
    is_common: bool = True
    """Whether it stands above the settings that most people leave as they are."""
    owner: str = "the owner of the workflow"
    """Who is meant by `owner` in an input for people."""


def _block(name: str, part: str = "", version: int = 0) -> str:
    return ids.field_block(name, part=part, version=version)


def blocks(inputs: Iterable[BuilderInput], *, version: int = 0) -> list[Block]:
    """Return the input blocks, each filled with what it holds at first. Slack sends what changes in them at once.

    `version`: another one than that of the inputs in whose place these come, or Slack would keep their entries.
    """
    return [_sent_at_once(block) for asked in inputs for block in _blocks(asked, version)]


def _sent_at_once(block: Block) -> Block:
    element = block["element"]
    if element["type"] in _TYPED:
        element = {**element, "dispatch_action_config": {"trigger_actions_on": ["on_character_entered"]}}
    return {**block, "element": element, "dispatch_action": True}


def _blocks(asked: BuilderInput, version: int) -> list[Block]:
    if asked.kind == "people":
        return _people(asked, version)
    elements = {"channel": _channel, "number": _number, "choice": _choice}
    element = elements.get(asked.kind, _text)(asked)
    part = _CHANNEL if asked.kind == "channel" else ""
    return [
        form_blocks.input_block(
            _block(asked.name, part, version),
            text_objects.line(asked.label),
            element,
            hint=_hint(asked),
            required=asked.required and not (asked.kind == "channel" and asked.text),
        )
    ]


def _hint(asked: BuilderInput) -> str:
    if asked.kind == "channel" and asked.text:
        return f"{asked.help} If you choose none, it is {text_objects.line(asked.text)}.".strip()
    return f"{asked.help} {_NUMBER_HINT}".strip() if asked.kind == "number" else asked.help


def _people(asked: BuilderInput, version: int) -> list[Block]:
    """Return a picker for people in Slack, and below it an input for everyone else."""
    named = people(asked.text)
    accounts = [person for person in named if SLACK.person_id(person) == person]
    # An expression is no list of people.
    others = asked.text if "{{" in asked.text else ", ".join(person for person in named if person not in accounts)
    picker: Element = {"type": "multi_users_select", "action_id": ids.INPUT}
    if accounts:
        picker["initial_users"] = accounts
    also = BuilderInput(name=asked.name, label=asked.label, text=others, most=asked.most)
    label = text_objects.line(asked.label)
    hint, typed_hint = f"{asked.help} {_needed(asked, others)}".strip(), _PEOPLE_HINT.format(asked.owner)
    return [
        form_blocks.input_block(_block(asked.name, _PEOPLE, version), label, picker, hint=hint),
        form_blocks.input_block(
            _block(asked.name, version=version), f"{label} {_TYPED_PEOPLE}", _text(also), hint=typed_hint
        ),
    ]


def _needed(asked: BuilderInput, typed: str) -> str:
    """Return that one of the two inputs is enough, and what the one below holds, which may be out of sight."""
    needed = "Fill in this field or the next one." if asked.required else "The next field takes typed names."
    if typed == OWNER:
        return f"{needed} Typed there now: {OWNER} ({asked.owner})."
    return f"{needed} Typed there now: {text_objects.line(typed)}." if 0 < len(typed) <= _MOST_CITED else needed


def _text(asked: BuilderInput) -> Element:
    element: Element = {
        "type": "plain_text_input",
        "action_id": ids.INPUT,
        "multiline": asked.kind == "lines" or "\n" in asked.text,
        "max_length": min(ids.INPUT_TEXT, max(asked.most, text_objects.units(asked.text))),
    }
    fits = text_objects.units(asked.text) <= ids.INPUT_TEXT
    return {**element, "initial_value": asked.text} if asked.text and fits else element


def _number(asked: BuilderInput) -> Element:
    element: Element = {"type": "number_input", "action_id": ids.INPUT, "is_decimal_allowed": True}
    return {**element, "initial_value": asked.text} if _NUMBER.fullmatch(asked.text) else element


_NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)


def _channel(asked: BuilderInput) -> Element:
    element: Element = {
        "type": "conversations_select",
        "action_id": ids.INPUT,
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    }
    return {**element, "initial_conversation": asked.text} if SLACK.channel_id(asked.text) == asked.text else element


def _choice(asked: BuilderInput) -> Element:
    options = [
        {"text": text_objects.plain_line(label, ids.OPTION_TEXT), "value": ids.option_key(value)}
        for value, label in asked.options[: ids.OPTIONS]
    ]
    element: Element = {"type": "static_select", "action_id": ids.INPUT, "options": options}
    chosen = [option for option in options if option["value"] == ids.option_key(asked.text)]
    return {**element, "initial_option": chosen[0]} if chosen else element


# -- what comes back ------------------------------------------------------------------------------------------


def read(values: object, inputs: Sequence[BuilderInput]) -> dict[str, str]:
    """Return what was entered in each input, by its name."""
    form = view_state.states(values)
    return {asked.name: _entered(asked, form.get(ids.field_key(asked.name), {})) for asked in inputs}


def _entered(asked: BuilderInput, parts: Mapping[str, view_state.ViewState]) -> str:
    raw = {part: state.raw for part, state in parts.items()}
    typed = raw.get("", "")
    text = typed if isinstance(typed, str) else ""
    if asked.kind == "people":
        chosen = raw.get(_PEOPLE, ())
        also = text.strip()
        return ", ".join([*(chosen if isinstance(chosen, tuple) else ()), *([also] if also else [])])
    if asked.kind == "channel":
        return str(raw.get(_CHANNEL) or asked.text)
    if asked.kind == "choice":
        return next((value for value, _ in asked.options if ids.option_key(value) == text), "")
    return text


def people(text: str) -> list[str]:
    """Return the people of an input, each as the file names them. An expression names none yet."""
    return [] if "{{" in text else [person for person in _SEPARATORS.split(text) if person]


async def refused(
    inputs: Iterable[BuilderInput], values: object, refuse: Callable[[str], Awaitable[str]]
) -> dict[str, str]:
    """Return a sentence for each input with people who can never approve, picked or typed.

    `values`: what came back, by block. `refuse`: says why, of a typed list.
    """
    form, wrong = view_state.states(values), dict[str, str]()
    for asked in inputs:
        parts = form.get(ids.field_key(asked.name), {}) if asked.kind == "people" else {}
        for part, state in parts.items():
            named = state.raw if isinstance(state.raw, str) else ", ".join(state.raw)
            if named and (sentence := await refuse(named)):
                wrong[f"{asked.name}{_PICKED if part == _PEOPLE else ''}"] = sentence
    return wrong


def errors(wrong: Mapping[str, str], inputs: Sequence[BuilderInput], values: Mapping[str, Any]) -> dict[str, str]:
    """Return sentences by the block that each stands below; below the first input if it has none of its own.

    `values`: what came back, by block.
    """
    by_name = {asked.name: asked for asked in inputs}
    came_back = {ids.read_field_block(block): block for block in values}
    placed: dict[str, str] = {}
    for name, sentence in wrong.items():
        asked = by_name.get(name.removesuffix(_PICKED), inputs[0])
        part = _CHANNEL if asked.kind == "channel" else _PEOPLE if name.endswith(_PICKED) else ""
        block = came_back.get((ids.field_key(asked.name), part), _block(asked.name, part))
        placed[block] = f"{placed[block]} {sentence}" if block in placed else sentence
    return {block: text_objects.clipped(text_objects.shown(text), ids.ERROR_TEXT) for block, text in placed.items()}
