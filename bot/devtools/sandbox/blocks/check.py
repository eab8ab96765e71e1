"""Checks of whole payloads: the blocks of a message, and views. Raises Slack's errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.blocks import layout, parts, rules
from bot.devtools.sandbox.blocks.rules import Rule, Surface, ValidationReport, record, string
from bot.devtools.sandbox.errors import ApiError, bad_arguments
from bot.devtools.sandbox.jsontypes import Json

_TEXT_TYPES: Final = frozenset({"plain_text", "mrkdwn", "raw_text", "raw_number", "text", "markdown", "link"})


def block_elements(block: Json) -> list[Json]:
    """Return the elements of a block that a person may act on, and images."""
    elements = [block[key] for key in ("accessory", "element") if key in block]
    if block.get("type") in ("actions", "context_actions"):
        elements += block["elements"]
    return elements


def texts(value: Any) -> Iterator[str]:
    """Yield every shown text, at any depth."""
    if isinstance(value, dict):
        text = value.get("text")
        if value.get("type") in _TEXT_TYPES and isinstance(text, str):
            yield text
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)


def check_blocks(blocks: Any, *, surface: Surface, at: str = "/blocks") -> ValidationReport:
    """Return all violations in the blocks. `at`: the JSON pointer of the list."""
    report = ValidationReport(surface)
    most = limits.BLOCKS_PER_MESSAGE if surface == "message" else limits.BLOCKS_PER_VIEW
    # Home tabs and modals may be empty. An empty list in a message means "no blocks" and is not checked here.
    rules.array(layout.block, most=most, least=0)(blocks, at, report)
    if not report.problems:
        _check_uniqueness(blocks, at, report)
    return report


def _check_uniqueness(blocks: list[Json], at: str, report: ValidationReport) -> None:
    seen: set[str] = set()
    focused = 0
    for index, block in enumerate(blocks):
        pointer = f"{at}/{index}"
        name = block.get("block_id")
        if name is not None and name in seen:
            report.add(f"{pointer}/block_id", f"`block_id` {name} already exists")
        seen.add(name or "")
        focused += sum(bool(element.get("focus_on_load")) for element in block_elements(block))
        _check_action_ids(block, pointer, report)
    if focused > 1:
        report.add(at, "only one element can have focus_on_load set to true")
    _check_counts(blocks, at, report)


def _check_action_ids(block: Json, pointer: str, report: ValidationReport) -> None:
    seen: set[str] = set()
    for index, element in enumerate(block_elements(block)):
        name = element.get("action_id")
        if name is not None and name in seen:
            report.add(f"{pointer}/elements/{index}/action_id", f"`action_id` {name} already exists")
        seen.add(name or "")


def _check_counts(blocks: list[Json], at: str, report: ValidationReport) -> None:
    if sum(block["type"] == "table" for block in blocks) > limits.TABLES_PER_MESSAGE:
        report.add(at, "only_one_table_allowed")
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > limits.MARKDOWN_TEXT:
        report.add(at, f"markdown blocks must be less than {limits.MARKDOWN_TEXT + 1} characters together")


def require_message_blocks(blocks: Any) -> None:
    """Raise the error of chat.* for blocks: `invalid_blocks_format`, `invalid_blocks`, `msg_blocks_too_long`."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise ApiError("invalid_blocks_format")
    report = check_blocks(blocks, surface="message")
    if report.problems:
        problems = [str(problem) for problem in report.problems]
        error = bad_arguments(problems, "invalid_blocks")
        raise ApiError(error.code, errors=problems, **error.extra)
    if sum(len(block) for block in texts(blocks)) > limits.MESSAGE_BLOCK_TEXT:
        raise ApiError("msg_blocks_too_long")


def _view_rule(kind: str) -> Rule:
    common: dict[str, Rule] = {
        "private_metadata": string(most=limits.PRIVATE_METADATA),
        "callback_id": string(most=limits.CALLBACK_ID),
        "external_id": string(most=limits.EXTERNAL_ID),
    }
    required: dict[str, Rule] = {"type": rules.one_of(kind), "blocks": _anything}
    if kind == "home":
        # Slack tolerates the keys of a modal on a home view only in part; the reference lists none of them.
        return record(required, common)
    button = parts.plain(limits.VIEW_BUTTON)
    return record(
        {**required, "title": parts.plain(limits.VIEW_TITLE)},
        {
            **common,
            "close": button,
            "submit": button,
            "clear_on_close": rules.boolean,
            "notify_on_close": rules.boolean,
            "submit_disabled": rules.boolean,
        },
    )


def _anything(value: Any, at: str, report: ValidationReport) -> None:
    """Accept any value: the blocks are checked separately, with their own surface."""


def check_view(view: Json, *, kind: Surface) -> ValidationReport:
    """Return all violations in a view."""
    report = ValidationReport(kind)
    _view_rule(kind)(view, "/view", report)
    blocks = view.get("blocks")
    if blocks is not None:
        inner = check_blocks(blocks, surface=kind, at="/view/blocks")
        report.problems += inner.problems
        report.features |= inner.features
    if kind == "modal" and not report.problems and _has_input(blocks or []) and "submit" not in view:
        report.add("/view", "missing required field: submit")
    return report


def _has_input(blocks: Iterable[Json]) -> bool:
    return any(block["type"] == "input" for block in blocks)


def require_view(payload: Any, *, kinds: tuple[Surface, ...], scopes: Iterable[str]) -> Json:
    """Check and return a view. Raises `invalid_arguments`, `view_too_large`, or `missing_scope` for a file input."""
    if not isinstance(payload, dict):
        raise bad_arguments(["must provide an object [json-pointer:/view]"])
    if len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()) > limits.VIEW_BYTES:
        raise ApiError("view_too_large")
    kind = next((kind for kind in kinds if payload.get("type") == kind), None)
    if kind is None:
        missing = "type" not in payload
        problem = "missing required field: type" if missing else f"unsupported type: {payload['type']}"
        at = "/view" if missing else "/view/type"
        raise bad_arguments([f"{problem} [json-pointer:{at}]"])
    report = check_view(payload, kind=kind)
    if report.problems:
        problems = [str(problem) for problem in report.problems]
        raise bad_arguments(["failed to match all allowed schemas [json-pointer:/view]", *problems])
    if "file_input" in report.features and "files:read" not in scopes:
        raise ApiError("missing_scope", needed="files:read", provided=",".join(scopes))
    return payload
