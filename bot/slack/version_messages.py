"""Messages about the versions and the state of a workflow: what changed, a list, and the question before it stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.slack import ids, list_rows, notification_text, rich_text, text_objects
from bot.slack.ids import WorkflowRef
from bot.slack.message_view import SlackMessage
from bot.slack.text_objects import Block
from engine.domain.workflow_commands import WorkflowState
from engine.read_models import WorkflowView
from engine.version_views import VersionView
from engine.workflowfile import Workflow, difference, difference_words

_MOST_VERSIONS: Final = 20
_MOST_CHANGES: Final = 15
_SENTENCE: Final = 250
_LINES: Final = 2_500
"""Characters of the lines that differ: with the sentences they have to fit into one message."""
SAME: Final = "Both versions say the same."
_STOPS: Final = {
    WorkflowState.DISABLED: ("Disable", "Nothing starts it until it is enabled again. Open runs go on."),
    WorkflowState.DELETED: (
        "Delete",
        "Nothing starts it, and it is listed no more. Its versions are kept, and open runs go on.",
    ),
}


def changes(before: Workflow | None, after: Workflow) -> list[Block]:
    """Return what differs between two files: in sentences, and the lines of the text."""
    parts = difference_words.sentences(before, after)
    shown = [
        rich_text.section(rich_text.words(f"• {text_objects.clipped(text_objects.line(part), _SENTENCE)}"))
        for part in parts[:_MOST_CHANGES]
    ]
    blocks: list[Block] = [rich_text.paragraphs(shown, block="changes")] if shown else []
    if len(parts) > _MOST_CHANGES:
        left = f"{len(parts) - _MOST_CHANGES:,} more changes are in the lines below."
        blocks.append(text_objects.context([text_objects.plain(left)], block="changes:more"))
    lines = difference.text_difference(b"" if before is None else before.source, after.source)
    if before is not None and lines:
        clipped = text_objects.clipped(text_objects.shown(lines), _LINES)
        blocks.append(rich_text.code("Lines of the file", clipped, block="lines"))
    return blocks or [text_objects.section(SAME, block="changes")]


def compared(title: str, before: int, after: int, blocks: Sequence[Block]) -> SlackMessage:
    """Return what differs between two versions. `blocks`: from `changes`."""
    name = text_objects.clipped(text_objects.line(title), list_rows.TITLE)
    return _message([text_objects.section(f"{name}: from version {before} to {after}", block="title"), *blocks])


def versions(view: WorkflowView, shown: Sequence[VersionView]) -> SlackMessage:
    """Return the versions, the newest first, each with who registered it and a button that goes back to it."""
    title = text_objects.clipped(text_objects.line(view.title), list_rows.TITLE)
    blocks: list[Block] = [text_objects.section(f"Versions of {title}", block="title")]
    for version in shown[:_MOST_VERSIONS]:
        who = text_objects.clipped(text_objects.line(version.registered_by.label), list_rows.NAME)
        number = f"Version {version.version}{' (current)' if version.is_current else ''}"
        elements = [
            *rich_text.words(number, bold=True),
            *rich_text.phrase((f", registered by {who}, ", version.registered_at)),
        ]
        blocks.append(
            rich_text.paragraphs([rich_text.section(elements)], block=ids.block_id("version", version.version))
        )
        if not version.is_current:
            blocks.append(_back(view, version.version))
    left = len(shown) - _MOST_VERSIONS
    if left > 0:
        hint = f"{left:,} older versions are not shown. signoff versions lists them all."
        blocks.append(text_objects.context([text_objects.plain(hint)], block="left"))
    return _message(blocks)


def _back(view: WorkflowView, version: int) -> Block:
    question = f"{view.name} gets the file of version {version} again, as its next version. Open runs keep theirs."
    button = text_objects.button(
        f"Go back to version {version}",
        action=ids.WORKFLOW_BACK,
        value=ids.encode(WorkflowRef(workflow=view.name, version=version, base=view.version)),
        confirm=text_objects.confirm(question, yes="Go back to it", style="danger"),
    )
    return text_objects.actions([button], block=ids.block_id("back", version))


def going_back(view: WorkflowView, version: int, blocks: Sequence[Block]) -> SlackMessage:
    """Return what an older version would change, and the button that goes back to it. `blocks`: from `changes`."""
    title = text_objects.clipped(text_objects.line(view.title), list_rows.TITLE)
    heading = f"{title}: what version {version} would change in version {view.version}"
    return _message([text_objects.section(heading, block="title"), *blocks, _back(view, version)])


def stop(view: WorkflowView, state: WorkflowState) -> SlackMessage:
    """Return the question before a workflow is disabled or deleted."""
    verb, what = _STOPS[state]
    title = text_objects.clipped(text_objects.line(view.title), list_rows.TITLE)
    button = text_objects.button(
        verb,
        action=ids.WORKFLOW_STATE,
        value=ids.encode(WorkflowRef(workflow=view.name, state=state)),
        style="danger",
        confirm=text_objects.confirm(f"{verb} {view.name}? {what}", yes=verb, style="danger"),
    )
    return _message(
        [
            text_objects.section(f"{verb} {title}? {what}", block="title"),
            text_objects.actions([button], block="stop"),
        ]
    )


def _message(blocks: list[Block]) -> SlackMessage:
    return SlackMessage(notification_text.of_blocks(blocks), blocks)
