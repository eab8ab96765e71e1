"""What the slash command answers: help, and lists of workflows, requests and runs, as messages within the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.slack import fitting, ids, notification_text, register, rich, text
from bot.slack.blocks import Message
from bot.slack.rich import Line
from bot.slack.text import Block
from engine.definition import Workflow
from engine.views import RequestView, RunView, WorkflowView

MOST_ITEMS: Final = 20
_ITEM: Final = 250
_LIST_TEXT: Final = 8_000
COMMANDS: Final = (
    ("help", "this list"),
    ("register", "register a workflow, or a new version of it"),
    ("run NAME", "start a run; inputs may follow as name=value"),
    ("list", "the workflows"),
    ("show NAME", "the steps of a workflow, its gates, and who is asked"),
    ("pending", "the requests that wait for you"),
    ("runs", "the latest runs that you may see"),
    ("cancel RUN", "cancel a run"),
)


def help_message(command: str = "/signoff") -> Message:
    """What can be typed."""
    lines = [Line(label=f"{command} {usage}", after=told) for usage, told in COMMANDS]
    said = "Signoff runs workflows whose risky steps wait for a person's decision."
    return _message(said, [rich.lines(lines, block="commands")])


def workflows(found: Sequence[WorkflowView], *, command: str = "/signoff") -> Message:
    """The registered workflows, a line each."""
    if not found:
        return _message(f"No workflow is registered yet. Register one: {command} register", [])
    lines = [
        Line(label=one.name, after=f"{one.title} (version {one.version}, owner {one.owner.label})") for one in found
    ]
    shown, more = fitting.first(lines, room=_LIST_TEXT, each=_ITEM)
    return _message("Workflows", [rich.lines(shown, block="workflows")], more=more)


def workflow(found: Workflow, *, version: int, asked: Mapping[str, str], command: str = "/signoff") -> Message:
    """One workflow with its steps. `asked`: who would be asked at which step, where that is known."""
    title = f"{text.clipped(text.line(found.title), _ITEM)}, version {version}"
    start = text.context([text.plain(f"Start it: {command} run {found.name}")], block="start")
    return _message(title, [*register.steps(found, asked=asked, version=version), start])


def pending(found: Sequence[RequestView]) -> Message:
    """The requests that wait for somebody, each with a button that shows all of it."""
    if not found:
        return _message("No request waits for you.", [])
    return _message("Waiting for you", requests(found[:MOST_ITEMS]), more=len(found) - MOST_ITEMS)


def runs(found: Sequence[RunView]) -> Message:
    """Runs, in the order given."""
    if not found:
        return _message("None of the runs is yours: you started none, and own none of their workflows.", [])
    return _message("Runs", run_items(found[:MOST_ITEMS]), more=len(found) - MOST_ITEMS)


def requests(found: Sequence[RequestView]) -> list[Block]:
    """Two blocks for each request."""
    return [block for one in found for block in _request(one)]


def _request(request: RequestView) -> list[Block]:
    asked = request.asked
    ref = ids.Ref(request=request.id, content_version=asked.content_version, digest=asked.digest)
    said = f"{text.line(request.title)}\n{text.line(request.workflow_title)}"
    review = text.button("Review", action=ids.DETAILS, value=ids.encode(ref))
    return [
        text.section(text.clipped(said, _ITEM), block=f"request:{request.id}", accessory=review),
        _when("Asked", asked.opened_at, until=asked.expires_at, block=f"when:{request.id}"),
    ]


def run_items(found: Sequence[RunView]) -> list[Block]:
    """Two blocks for each run."""
    return [block for one in found for block in _run(one)]


def _run(run: RunView) -> list[Block]:
    status = run.status.value.replace("_", " ")
    who = text.line(run.requester.label)
    said = f"{text.clipped(text.line(run.workflow_title), 100)}: {status}\nRun {run.id}, started by {who}"
    return [
        text.section(text.clipped(said, _ITEM), block=f"run:{run.id}"),
        _when("Started", run.started_at, until=None, block=f"when:{run.id}"),
    ]


def _when(word: str, at: datetime, *, until: datetime | None, block: str) -> Block:
    expires = f" · Expires {text.date(until)}" if until is not None else ""
    return text.context([text.mrkdwn(f"{word} {text.date(at)}{expires}")], block=block)


def _message(title: str, blocks: list[Block], *, more: int = 0) -> Message:
    shown = [text.section(title, block="title"), *blocks]
    if more > 0:
        shown.append(text.context([text.plain(f"And {more:,} more.")], block="more"))
    return Message(notification_text.of_blocks(shown), shown)
