"""Messages that answer the slash command: help, lists, what was started or registered; within Slack's limits."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.presentation import people, questions, states, summary
from bot.slack import ids, list_rows, notification_text, rich_text, text_objects, truncate, workflow_view
from bot.slack.list_rows import RunList
from bot.slack.message_view import SlackMessage
from bot.slack.rich_text import Line
from bot.slack.text_objects import Block, Element
from engine import schedules
from engine.domain import Registered, RequestState, TriggerKind
from engine.domain.workflow_commands import WorkflowState
from engine.read_models import RequestView, WorkflowView
from engine.workflowfile import Workflow

COMMAND: Final = "/signoff"
_TITLE: Final = 250
_QUESTION: Final = 250
_WARNING: Final = 200
_MOST_WARNINGS: Final = 10
"""Maximum number of warnings that are shown: a file with more of them has one cause."""
_PLANS: Final = 3_000
"""Maximum length of all sentences about sampling plans, in characters: a worst case must not be cut off."""
_MOST_WORKFLOWS: Final = 40
_ICON: Final = re.compile(f"^[{''.join(sorted(set(states.ICONS.values())))}] ", re.MULTILINE)
"""The sign before a state, which is only for eyes."""
COMMANDS: Final = (
    ("help", "this list"),
    ("pending", "the requests that are waiting for you"),
    ("list", "the workflows"),
    ("run NAME", "start a workflow; its inputs may follow as name=value"),
    ("runs", "your latest runs, and those of your workflows"),
    ("cancel RUN", "cancel a run"),
    ("away until WHEN", "say that you are away; away alone asks when, and who decides in your place"),
    ("back", "say that you are back"),
    ("preferences", "choose when you are told of requests: at once, in a digest, not in quiet hours"),
    ("insights", "what became of the requests of your workflows, and what is worth knowing"),
    ("show NAME", "the steps of a workflow, and who is asked"),
    ("new", "make a workflow from a template, by answering a few questions"),
    ("register", "register a workflow file, or a new version of it"),
    ("edit NAME", "change a step of a workflow in a form, or its whole file"),
    ("try NAME", "what a workflow would do with its examples, or with your inputs; nothing is called"),
    ("versions NAME", "the versions of a workflow, and who registered them"),
    ("diff NAME", "what the last version of a workflow changed; or diff NAME 2 5"),
    ("rollback NAME", "go back to the version before, or to another one by its number"),
    ("disable NAME", "let nothing start a workflow any more"),
    ("enable NAME", "let a workflow be started again"),
    ("delete NAME", "remove a workflow; its versions and runs are kept"),
    ("secrets", "for admins: the secrets that workflows use; set and delete them"),
)


def help_message(command: str = COMMAND, *, next_step: str = "") -> SlackMessage:
    """Return the message that lists the commands. `next_step`: what this person can do now."""
    lines = [Line(label=f"{command} {usage}", after=purpose) for usage, purpose in COMMANDS]
    following = [text_objects.section(next_step, block="next")] if next_step else []
    sentence = "Signoff runs workflows, and asks people before the steps that need a yes."
    return _message(sentence, [*following, rich_text.lines(lines, block="commands")])


# -- workflows ----------------------------------------------------------------------------------------------


def workflows(
    views: Sequence[WorkflowView],
    *,
    command: str = COMMAND,
    title: str = "Workflows",
    word: str = "run",
    asked: Collection[str] = (),
    make: str = "",
) -> SlackMessage:
    """Return the list of registered workflows, each with what to type. `word`: what it does, "run" or "show".

    `asked`: the names of those that only programs start. `make`: how this person makes one, if they are a builder.
    """
    if not views:
        return _message(f"No workflow is registered yet. To make one from a template, type {command} new.", [])
    shown = views[:_MOST_WORKFLOWS]
    rows = [
        {
            "type": "rich_text_section",
            "elements": [*_workflow(view, f"{command} {'show' if view.name in asked else word}")],
        }
        for view in shown
    ]
    blocks: list[Block] = [{"type": "rich_text", "block_id": "workflows", "elements": rows}]
    if word == "run":
        blocks += _run_buttons(
            [view for view in shown if view.name not in asked and view.state is WorkflowState.ACTIVE]
        )
    left = len(views) - len(shown)
    hints = [list_rows.not_shown(left, "more is", "more are")] if left > 0 else []
    hints += [f"To see the steps of one, type {command} show and its name.{make}"] if word != "show" else []
    blocks += [text_objects.context([text_objects.plain(" ".join(hints))], block="hint")] if hints else []
    return _list(title, blocks)


def _run_buttons(views: Sequence[WorkflowView]) -> list[Block]:
    """Return a button for each workflow that people start, as many as a block takes in each block."""
    buttons = [_run_button(view.name, view.title) for view in views]
    starts = range(0, len(buttons), ids.ACTIONS)
    return [text_objects.actions(buttons[at : at + ids.ACTIONS], block=f"run:{at}") for at in starts]


def _run_button(name: str, title: str) -> Element:
    return text_objects.button(f"Run {text_objects.line(title)}", action=f"{ids.WORKFLOW_RUN}:{name}", value=name)


def _workflow(view: WorkflowView, command: str) -> list[Element]:
    title = text_objects.clipped(text_objects.line(view.title), list_rows.TITLE)
    owner = text_objects.clipped(text_objects.line(view.owner.label), list_rows.NAME)
    return [
        *rich_text.words(title, bold=True),
        *rich_text.words("  "),
        *_code(f"{command} {view.name}"),
        *rich_text.words(f"  version {view.version}, owner {owner}"),
        *(rich_text.phrase((", next run ", view.next_at)) if view.next_at is not None else ()),
    ]


def _code(text: str) -> list[Element]:
    return [{**element, "style": {"code": True}} for element in rich_text.words(text)]


def workflow(
    workflow: Workflow,
    *,
    version: int,
    approvers: Mapping[str, str],
    command: str = COMMAND,
    next_at: datetime | None = None,
    plans: Sequence[str] = (),
) -> SlackMessage:
    """Return one workflow with its steps. `approvers`: names for the approvers of the file, by their text.

    `next_at`: when its schedules start the next run. `plans`: what may go through without review.
    """
    title = f"{_title(workflow)}, version {version}"
    steps = workflow_view.steps(workflow, approvers=approvers, version=version)
    starts = [*_schedules(workflow, next_at), *_messages(workflow), _start(workflow, command), *_run_alone(workflow)]
    return _message(title, [*steps, *_plans(plans), *workflow_view.inputs(workflow), *starts])


def _messages(workflow: Workflow) -> list[Block]:
    """Return how messages start the workflow."""
    ways = ["the menu of a message"] if any(one.kind is TriggerKind.MESSAGE for one in workflow.triggers) else []
    reactions = [trigger.reaction for trigger in workflow.triggers if trigger.reaction is not None]
    ways += [f"the reaction :{reaction.emoji}: in {reaction.channel}" for reaction in reactions]
    if not ways:
        return []
    sentence = f"It also starts with {people.joined(ways, 'or')}."
    return [text_objects.section(text_objects.clipped(sentence, _WARNING * 2), block="messages")]


def _schedules(workflow: Workflow, next_at: datetime | None) -> list[Block]:
    """Return what starts the workflow by itself, and when it does next."""
    written = [schedules.described(trigger.schedule) for trigger in workflow.triggers if trigger.schedule is not None]
    if not written or next_at is None:
        return []
    shown = text_objects.clipped("; ".join(written), _WARNING)
    elements = [
        *rich_text.words(f"Its schedule is {shown}. "),
        *rich_text.phrase(("The next run starts ", next_at, ".")),
    ]
    return [rich_text.paragraphs([rich_text.section(elements)], block="schedules")]


def registered(
    workflow: Workflow, answer: Registered, *, approvers: Mapping[str, str], command: str = COMMAND
) -> SlackMessage:
    """Return what a person registered: the version, what does not work now, and the steps."""
    if not answer.changed:
        sentence = f"{_title(workflow)} is registered like this already, as version {answer.version}."
    elif answer.version > 1:
        before = answer.version - 1
        kept = f"Open runs keep version {before}, also if they are tried again."
        sentence = f"Registered {_title(workflow)}, version {answer.version}. {kept}"
    else:
        sentence = f"Registered {_title(workflow)}, version 1."
    steps = workflow_view.steps(workflow, approvers=approvers, version=answer.version)
    following = [_start(workflow, command, can_change=True), *_run_alone(workflow)]
    return _message(sentence, [*_warnings(answer.warnings), *_plans(answer.plans), *steps, *following])


def _warnings(warnings: Sequence[str]) -> list[Block]:
    shown, left = truncate.first(
        [Line(label="Please check", after=warning) for warning in warnings[:_MOST_WARNINGS]],
        room=_WARNING * _MOST_WARNINGS,
        each=_WARNING,
    )
    left += max(0, len(warnings) - _MOST_WARNINGS)
    more = text_objects.context([text_objects.plain(f"{left:,} more warnings are not shown.")], block="warnings:more")
    return [rich_text.lines(shown, block="warnings"), *([more] if left else [])] if shown else []


def _plans(plans: Sequence[str]) -> list[Block]:
    """Return what may go through without review, with the worst case."""
    shown, _ = truncate.first(
        [Line(label="Without review", after=plan) for plan in plans[:_MOST_WARNINGS]],
        room=_PLANS,
        each=_PLANS,
    )
    return [rich_text.lines(shown, block="plans")] if shown else []


def _title(workflow: Workflow) -> str:
    return text_objects.clipped(text_objects.line(workflow.title), _TITLE)


def _run_alone(workflow: Workflow) -> list[Block]:
    """Return the button that starts a workflow, unless only programs start it."""
    if workflow.is_asked:
        return []
    return [text_objects.actions([_run_button(workflow.name, workflow.title)], block="run")]


def _start(workflow: Workflow, command: str, *, can_change: bool = False) -> Block:
    by_hand = f"Start it: {command} run {workflow.name}"
    text = "Programs with an API key start it by asking." if workflow.is_asked else by_hand
    if can_change:
        ends = "" if text.endswith(".") else "."
        more = f"Change it: {command} edit {workflow.name}. Try it without effects: {command} try {workflow.name}."
        text = f"{text}{ends} {more}"
    return text_objects.context([text_objects.plain(text)], block="start")


# -- requests and runs --------------------------------------------------------------------------------------


def pending(views: Sequence[RequestView]) -> SlackMessage:
    """Return the requests that wait for a person, in the order given, each with a button to review it."""
    if not views:
        return _message(f"{summary.waiting(0)}. You'll get a message when one comes in.", [])
    return _list(summary.waiting(len(views)), list_rows.requests(views))


def runs(shown: RunList, *, command: str = COMMAND, title: str = "") -> SlackMessage:
    """Return the list of the runs that a person may see."""
    if not shown.runs and shown.is_all:
        return _message("No run was started yet.", [])
    if not shown.runs:
        return _message(no_runs(command), [])
    usual = "The latest runs of all people" if shown.is_all else "Your latest runs"
    return _list(title or usual, list_rows.runs(shown))


def no_runs(command: str = COMMAND) -> str:
    """Return the sentence for a person without runs, with what to do next."""
    return f"You haven't started a run yet. To see what you can start, type {command} list."


def started(title: str, request: RequestView | None, *, created: bool, here: bool) -> SlackMessage:
    """Return the answer to a person who started a run.

    `request`: the request that is open now. `here`: whether the outcome is posted in the same conversation.
    """
    end = f"You'll get a message {'here' if here else 'from Signoff'} when it's done."
    name = text_objects.clipped(text_objects.line(title), _TITLE)
    if request is None or request.model.state is not RequestState.PENDING:
        begun = "has started" if created else "was started already, so it was not started again"
        return _message(f"{name} {begun}. {end}", [])
    question = text_objects.clipped(text_objects.line(questions.of_request(request)), _QUESTION)
    again = "" if created else "This was started already, so it was not started again. "
    return _message(f"{question}\n{again}{_asked(request)} {end}", [])


def _asked(request: RequestView) -> str:
    if all(approver.person.id == request.requester.id for approver in request.approvers):
        return "You were asked."
    return people.asked([text_objects.clipped(name, list_rows.NAME) for name in people.approvers(request)], closed=True)


# -- all ----------------------------------------------------------------------------------------------------


def insights(period: str, sentences: Sequence[str], *, page: str) -> SlackMessage:
    """Return the few sentences about what became of requests. `page`: the address of all of it, if pages are served."""
    parts = [rich_text.section(rich_text.words(f"• {sentence}")) for sentence in sentences]
    if page:
        link: Element = {"type": "link", "url": page, "text": "See all insights on the web"}
        parts.append(rich_text.section([link]))
    return _message(period, [rich_text.paragraphs(parts, block="insights")] if parts else [])


def _list(title: str, blocks: Sequence[Block]) -> SlackMessage:
    return _of_blocks([text_objects.header(title, block="title"), *blocks])


def _message(title: str, blocks: Sequence[Block]) -> SlackMessage:
    return _of_blocks([text_objects.section(title, block="title"), *blocks])


def _of_blocks(shown: list[Block]) -> SlackMessage:
    return SlackMessage(_ICON.sub("", notification_text.of_blocks(shown)), shown)
