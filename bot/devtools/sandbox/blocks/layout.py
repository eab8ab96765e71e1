"""Blocks (docs.slack.dev/reference/block-kit/blocks), and on which surface each may stand."""

from __future__ import annotations

from typing import Any, Final

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.blocks import elements, parts, rules
from bot.devtools.sandbox.blocks.elements import ELEMENTS, among
from bot.devtools.sandbox.blocks.richtext import RICH_TEXT
from bot.devtools.sandbox.blocks.rules import Rule, Surface, ValidationReport, array, both, string, typed

_BLOCK_ID: dict[str, Rule] = {"block_id": string(most=limits.BLOCK_ID, least=1)}


def _block(name: str, required: dict[str, Rule], optional: dict[str, Rule] | None = None) -> Rule:
    return typed(name, required, {**_BLOCK_ID, **(optional or {})})


def _text_or_fields(value: Any, at: str, report: ValidationReport) -> None:
    if "text" not in value and "fields" not in value:
        report.add(at, "must define either `text` or `fields`")


_RAW_TEXT: Final = typed("raw_text", {"text": string(least=1)})
_RAW_NUMBER: Final = typed("raw_number", {"value": rules.number, "text": string(least=1)})
_CELL: Final = rules.by_type({"raw_text": _RAW_TEXT, "raw_number": _RAW_NUMBER, "rich_text": RICH_TEXT})
_COLUMN: Final = rules.record({}, {"align": rules.one_of("left", "center", "right"), "is_wrapped": rules.boolean})

BLOCKS: dict[str, Rule] = {
    "section": both(
        _block(
            "section",
            {},
            {
                "text": parts.text(limits.SECTION_TEXT),
                "fields": array(parts.text(limits.SECTION_FIELD_TEXT), most=limits.SECTION_FIELDS),
                "accessory": among(elements.IN_SECTION),
                "expand": rules.boolean,
            },
        ),
        _text_or_fields,
    ),
    "header": _block("header", {"text": parts.plain(limits.HEADER_TEXT)}),
    "divider": _block("divider", {}),
    "context": _block(
        "context",
        {
            "elements": array(
                rules.by_type(
                    {
                        "image": ELEMENTS["image"],
                        "plain_text": parts.plain(limits.CONTEXT_TEXT),
                        "mrkdwn": parts.mrkdwn(limits.CONTEXT_TEXT),
                    }
                ),
                most=limits.CONTEXT_ELEMENTS,
            )
        },
    ),
    "actions": _block("actions", {"elements": array(among(elements.IN_ACTIONS), most=limits.ACTIONS_ELEMENTS)}),
    "context_actions": _block(
        "context_actions",
        {"elements": array(among(elements.IN_CONTEXT_ACTIONS), most=limits.CONTEXT_ACTIONS_ELEMENTS)},
    ),
    "input": _block(
        "input",
        {"label": parts.plain(limits.INPUT_LABEL), "element": among(elements.IN_INPUT)},
        {
            "hint": parts.plain(limits.INPUT_HINT),
            "optional": rules.boolean,
            "dispatch_action": rules.boolean,
        },
    ),
    "image": both(
        _block(
            "image",
            {"alt_text": string(most=limits.IMAGE_ALT_TEXT)},
            {
                "image_url": string(most=limits.IMAGE_URL, least=1),
                "slack_file": parts.SLACK_FILE,
                "title": parts.plain(limits.IMAGE_TITLE),
            },
        ),
        rules.exactly_one_of("image_url", "slack_file"),
    ),
    "markdown": _block("markdown", {"text": string(most=limits.MARKDOWN_TEXT, least=1)}),
    "rich_text": RICH_TEXT,
    "table": _block(
        "table",
        {"rows": array(array(_CELL, most=limits.TABLE_COLUMNS), most=limits.TABLE_ROWS)},
        {"column_settings": array(_COLUMN, most=limits.TABLE_COLUMNS)},
    ),
    "file": _block("file", {"external_id": string(least=1), "source": rules.one_of("remote")}),
}

_ALL: Final[frozenset[Surface]] = frozenset({"message", "modal", "home"})
_VIEWS: Final[frozenset[Surface]] = frozenset({"modal", "home"})
_MESSAGES: Final[frozenset[Surface]] = frozenset({"message"})
SURFACES: dict[str, frozenset[Surface]] = {
    **dict.fromkeys(BLOCKS, _ALL),
    "input": _VIEWS,
    "markdown": _MESSAGES,
    "table": _MESSAGES,
    "context_actions": _MESSAGES,
    # "You can't add this block to app surfaces directly": it only appears when messages are read.
    "file": frozenset(),
}


def block(value: Any, at: str, report: ValidationReport) -> None:
    """Check a block, whose type must be allowed on the surface of the report."""
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind in BLOCKS and report.surface not in SURFACES[kind]:
        report.add(f"{at}/type", f"unsupported type: {kind}")
        return
    rules.by_type(BLOCKS)(value, at, report)
