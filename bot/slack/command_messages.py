"""Messages that answer the slash command: help, and lists of workflows, requests and runs, within Slack's limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.presentation import expiry, states
from bot.slack import ids, notification_text, register_modal, rich_text, text_objects, truncate
from bot.slack.message_view import SlackMessage
from bot.slack.rich_text import Line
from bot.slack.text_objects import Block
from engine.read_models import RequestView, RunView, WorkflowView
from engine.workflowfile import Workflow

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


def help_message(command: str = "/signoff") -> SlackMessage:
    """Return the message that lists the commands."""
    lines = [Line(label=f"{command} {usage}", after=purpose) for usage, purpose in COMMANDS]
    sentence = "Signoff runs workflows whose risky steps wait for a person's decision."
    return _message(sentence, [rich_text.lines(lines, block="commands")])


def workflows(views: Sequence[WorkflowView], *, command: str = "/signoff") -> SlackMessage:
    """Return the list of registered workflows, one line each."""
    if not views:
        return _message(f"No workflow is registered yet. Register one: {command} register", [])
    lines = [
        Line(label=view.name, after=f"{view.title} (version {view.version}, owner {view.owner.label})")
        for view in views
    ]
    shown, more = truncate.first(lines, room=_LIST_TEXT, each=_ITEM)
    return _message("Workflows", [rich_text.lines(shown, block="workflows")], more=more)


def workflow(
    workflow: Workflow, *, version: int, approvers: Mapping[str, str], command: str = "/signoff"
) -> SlackMessage:
    """Return one workflow with its steps. `approvers`: by step, where they are known before a run."""
    title = f"{text_objects.clipped(text_objects.line(workflow.title), _ITEM)}, version {version}"
    start = text_objects.context([text_objects.plain(f"Start it: {command} run {workflow.name}")], block="start")
    return _message(title, [*register_modal.step_lines(workflow, approvers=approvers, version=version), start])


def pending(views: Sequence[RequestView]) -> SlackMessage:
    """Return the requests that wait for a person, each with a button for its details."""
    if not views:
        return _message("No request waits for you.", [])
    return _message("Waiting for you", requests(views[:MOST_ITEMS]), more=len(views) - MOST_ITEMS)


def runs(views: Sequence[RunView]) -> SlackMessage:
    """Return a list of runs, in the order given."""
    if not views:
        return _message("None of the runs is yours: you started none, and own none of their workflows.", [])
    return _message("Runs", run_items(views[:MOST_ITEMS]), more=len(views) - MOST_ITEMS)


def requests(views: Sequence[RequestView]) -> list[Block]:
    """Yield two blocks for each request."""
    return [block for view in views for block in _request(view)]


def _request(request: RequestView) -> list[Block]:
    model = request.model
    ref = ids.Ref(request=request.id, content_version=model.content_version, digest=model.digest)
    text = f"{text_objects.line(request.title)}\n{text_objects.line(request.workflow_title)}"
    review = text_objects.button("Review", action=ids.DETAILS, value=ids.encode(ref))
    return [
        text_objects.section(text_objects.clipped(text, _ITEM), block=f"request:{request.id}", accessory=review),
        _when("Asked", model.deadlines.opened_at, until=model.deadlines.expires_at, block=f"when:{request.id}"),
    ]


def run_items(views: Sequence[RunView]) -> list[Block]:
    """Yield two blocks for each run."""
    return [block for view in views for block in _run(view)]


def _run(run: RunView) -> list[Block]:
    status = states.RUNS[run.status]
    who = text_objects.line(run.requester.label)
    text = (
        f"{text_objects.clipped(text_objects.line(run.workflow_title), 100)}: {status}\nRun {run.id}, started by {who}"
    )
    return [
        text_objects.section(text_objects.clipped(text, _ITEM), block=f"run:{run.id}"),
        _when("Started", run.started_at, until=None, block=f"when:{run.id}"),
    ]


def _when(word: str, at: datetime, *, until: datetime | None, block: str) -> Block:
    expires = f" · {expiry.due(until, written=text_objects.date)}" if until is not None else ""
    return text_objects.context([text_objects.mrkdwn(f"{word} {text_objects.date(at)}{expires}")], block=block)


def _message(title: str, blocks: list[Block], *, more: int = 0) -> SlackMessage:
    shown = [text_objects.section(title, block="title"), *blocks]
    if more > 0:
        shown.append(text_objects.context([text_objects.plain(f"And {more:,} more.")], block="more"))
    return SlackMessage(notification_text.of_blocks(shown), shown)
