"""The slash command."""

from __future__ import annotations

import difflib
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

from bot import gallery
from bot.presentation import autonomy, characters, refusals, summary
from bot.slack import (
    command_messages,
    gallery_modal,
    insight_handlers,
    list_rows,
    message_view,
    register_modal,
    replies,
    request_modals,
    start_modal,
    text_objects,
)
from bot.slack.absence_handlers import AbsenceHandlers
from bot.slack.context import SlackContext
from bot.slack.edit_handlers import EditHandlers
from bot.slack.ids import ModalRef
from bot.slack.message_view import SlackMessage
from bot.slack.payloads import Actor, Click, TypedCommand, first_word
from bot.slack.preferences_handlers import PreferencesHandlers
from bot.slack.secret_handlers import SecretHandlers
from bot.slack.sentences import Sentence
from bot.slack.submission_handlers import show_started
from bot.slack.text_objects import View
from bot.slack.trial_handlers import TrialHandlers
from bot.slack.version_handlers import VersionHandlers
from engine import fields
from engine.domain import InvalidInputs, NotFound, Refusal, Start
from engine.domain.asks import OnlyByAsk
from engine.domain.workflow_commands import WorkflowDisabled, WorkflowState
from engine.json_values import Value
from engine.off_loop import off_loop
from engine.read_models import WorkflowView
from engine.workflowfile import Workflow

Answer: TypeAlias = SlackMessage | Sentence | None
"""The message that answers; None if a modal opens instead, or a message follows."""
_ALIKE: Final = 0.75
"""How much a command has to be like a mistyped word to be suggested, from 0 to 1."""
_LONGEST_QUOTE: Final = 80
"""Characters of what a person typed that are repeated in the answer."""
_QUOTES: Final = ('"', "“", "”")
_NAME: Final = re.compile(r"\s*([^\s=\"“”]+)=")
_NAME_AHEAD: Final = re.compile(r"(?<=\s)[^\s=\"“”]+=")
_QUOTED: Final = re.compile(r"[\"“”]([^\"“”]*)[\"“”](?=\s|$)")


class CommandHandlers:
    """The handler of `/signoff`. A start or cancel is committed before the command is acknowledged."""

    def __init__(self, context: SlackContext) -> None:
        self._context, self._absence, self._trials = context, AbsenceHandlers(context), TrialHandlers(context)
        self._words: dict[str, Callable[[TypedCommand], Awaitable[Answer]]] = {
            "": self._help,
            "help": self._help,
            "register": self._register,
            "new": self._new,
            "try": self._try,
            "edit": EditHandlers(context).typed,
            **_about_versions(VersionHandlers(context)),
            "run": self._run,
            "list": self._list,
            "show": self._show,
            "pending": self._pending,
            "runs": self._runs,
            "cancel": self._cancel,
            "away": self._absence.away,
            "back": self._absence.back,
            "preferences": PreferencesHandlers(context).typed,
            "secrets": SecretHandlers(context).typed,
            "insights": partial(insight_handlers.typed, context.service),
        }

    async def command(self, ack: Any, body: Any) -> None:
        """Run the command that was typed."""
        typed = TypedCommand.of(body)
        answer = await self._words.get(typed.word, self._unknown)(typed)
        if answer is None:
            await ack()
        else:
            message = answer if isinstance(answer, SlackMessage) else message_view.sentence(answer)
            await ack(**replies.acknowledged(message))

    # -- looking --

    async def _help(self, typed: TypedCommand) -> Answer:
        return command_messages.help_message(typed.command, next_step=await self._next_step(typed))

    async def _next_step(self, typed: TypedCommand) -> str:
        """Return what this person can do now: decide, start a workflow, or have the first one registered."""
        waiting = len(await self._context.service.pending(typed.by))
        if waiting:
            them = "it" if waiting == 1 else "them"
            return f"{summary.waiting(waiting)}. To see {them}, type {typed.command} pending."
        if await self._context.service.engine.workflows():
            start = f"To start a workflow, type {typed.command} list. It shows what to type for each one."
            return f"{start}{await self._make_one(typed)}"
        return await self._none_registered(typed)

    async def _none_registered(self, typed: TypedCommand) -> str:
        refusal = await self._context.service.may_register(typed.by)
        if refusal is None:
            return f"No workflow is registered yet. To make the first one from a template, type {typed.command} new."
        return f"No workflow is registered yet. {refusals.sentence(refusal)}"

    async def _make_one(self, typed: TypedCommand) -> str:
        """Return how a builder makes a workflow, after another sentence; empty for other people."""
        refused = await self._context.service.may_register(typed.by) is not None
        return "" if refused else f" To make one from a template, type {typed.command} new."

    async def _unknown(self, typed: TypedCommand) -> Answer:
        close = difflib.get_close_matches(typed.word, filter(None, self._words), n=1, cutoff=_ALIKE)
        hint = f"Did you mean {typed.command} {close[0]}?" if close else f"Type {typed.command} help to see them all."
        return f"There is no command “{_quoted(typed.word)}”. {hint}"

    async def _list(self, typed: TypedCommand) -> Answer:
        registered = await self._context.service.engine.workflows()
        if not registered:
            return await self._none_registered(typed)
        asked = await self._context.service.engine.asked_workflows(registered)
        make = await self._make_one(typed)
        return command_messages.workflows(registered, command=typed.command, asked=asked, make=make)

    async def _which(self, typed: TypedCommand) -> Answer:
        """Ask for the name of a workflow, with those that there are."""
        title = f"Which workflow? Type {typed.command} {typed.word} and its name."
        engine = self._context.service.engine
        registered = await engine.workflows()
        if typed.word == "run":
            asked = await engine.asked_workflows(registered)
            registered = [view for view in registered if view.name not in asked]
        return command_messages.workflows(registered, command=typed.command, title=title, word=typed.word)

    async def _show(self, typed: TypedCommand) -> Answer:
        if not typed.rest:
            return await self._which(typed)
        loaded = await self._context.service.workflow(typed.rest)
        if isinstance(loaded, Refusal):
            return _not_found(loaded, f"To see all workflows, type {typed.command} list.")
        view, workflow = loaded
        approvers = await self._context.service.approver_names(workflow)
        return command_messages.workflow(
            workflow,
            version=view.version,
            approvers=approvers,
            command=typed.command,
            next_at=view.next_at,
            plans=await self._plans(typed.by, workflow),
        )

    async def _plans(self, by: Actor, workflow: Workflow) -> list[str]:
        """Return for each gate with a sampling plan what of it is reviewed now, as this person may know it."""
        if not workflow.has_plans:
            return []
        engine, person = self._context.service.engine, await self._context.service.person(by)
        views = await engine.plan_views(workflow.name)
        detection = await engine.shared_detection(workflow.name, person.id if person is not None else "")
        return autonomy.gates(workflow, views, detection)

    async def _try(self, typed: TypedCommand) -> Answer:
        name, line = first_word(typed.rest)
        if not name:
            return await self._which(typed)
        loaded = await self._trials.load(typed.by, name)
        if isinstance(loaded, Refusal):
            return _not_found(loaded, f"To see all workflows, type {typed.command} list.")
        workflow = loaded[1]
        if not line.strip():
            return await self._trials.message(workflow, None)
        inputs = _read_line(workflow, line, f"For a form, type only {typed.command} try {name}.")
        return inputs if isinstance(inputs, str) else await self._trials.message(workflow, inputs)

    async def run_clicked(self, ack: Any, body: Any) -> None:
        """Open the form that starts the workflow of a button."""
        click = Click.of(body)
        await ack()
        opening = self._context.replies.open_when_ready(click, self._clicked_form(click), metadata=ModalRef())
        self._context.after(click.by, click.response_url, opening)

    async def _clicked_form(self, click: Click) -> View:
        loaded = await self._context.service.workflow(click.value)
        if isinstance(loaded, Refusal):
            return request_modals.sentence(refusals.phrase(loaded))
        view, workflow = loaded
        if view.state is not WorkflowState.ACTIVE:
            return request_modals.sentence(refusals.phrase(_disabled(view)))
        metadata = ModalRef(
            channel=click.by.channel or None,
            response_url=click.response_url,
            workflow=view.name,
            version=view.version,
        )
        return await self._form(click.by, view, workflow, metadata)

    async def _pending(self, typed: TypedCommand) -> Answer:
        views = await self._context.service.pending(typed.by)
        large = list_rows.is_large(views[: list_rows.MOST_ROWS])
        return await off_loop(lambda: command_messages.pending(views), large=large)

    async def _runs(self, typed: TypedCommand) -> Answer:
        shown = await self._context.service.readable_runs(typed.by)
        large = list_rows.is_large(shown.latest.values())
        return await off_loop(lambda: command_messages.runs(shown, command=typed.command), large=large)

    # -- acting --

    async def _cancel(self, typed: TypedCommand) -> Answer:
        run = typed.rest.removeprefix("run ").strip()
        if not run:
            return await self._which_run(typed)
        answer = await self._context.service.cancel(typed.by, run)
        if isinstance(answer, NotFound):
            return _not_found(answer, f"To choose one from a list, type {typed.command} cancel.")
        return await self._context.service.cancellation(run, answer)

    async def _which_run(self, typed: TypedCommand) -> Answer:
        """Ask for a run, with those that can still be cancelled."""
        shown = await self._context.service.readable_runs(typed.by)
        can_cancel = [run for run in shown.runs if run.id not in shown.only_read]
        open_runs = [run for run in can_cancel if not run.status.ended and not run.cancelled]
        if not open_runs:
            return "You have no open run, so there is nothing to cancel."
        listed = replace(shown, runs=open_runs)
        large = list_rows.is_large(listed.latest.values())
        title = "Which run do you want to cancel?"
        return await off_loop(lambda: command_messages.runs(listed, command=typed.command, title=title), large=large)

    async def _register(self, typed: TypedCommand) -> Answer:
        refusal = await self._context.service.may_register(typed.by)
        if refusal is not None:
            return refusals.phrase(refusal)
        self._open(typed, _ready(register_modal.register_form(metadata=_metadata(typed))))
        return None

    async def _new(self, typed: TypedCommand) -> Answer:
        refusal = await self._context.service.may_register(typed.by)
        if refusal is not None:
            return refusals.phrase(refusal)
        self._open(typed, _ready(gallery_modal.choice(gallery.load(), metadata=_metadata(typed))))
        return None

    async def _run(self, typed: TypedCommand) -> Answer:
        name, line = first_word(typed.rest)
        if not name:
            return await self._which(typed)
        loaded = await self._context.service.workflow(name)
        if isinstance(loaded, Refusal):
            return _not_found(loaded, f"To see all workflows, type {typed.command} list.")
        view, workflow = loaded
        if workflow.is_asked:
            return refusals.phrase(OnlyByAsk(workflow=view.name))
        if view.state is not WorkflowState.ACTIVE:
            return refusals.phrase(_disabled(view))
        if workflow.inputs and not line.strip():
            metadata = _metadata(typed, workflow=view.name, version=view.version)
            self._open(typed, self._form(typed.by, view, workflow, metadata))
            return None
        inputs = _read_line(workflow, line, _form_hint(typed, view.name))
        return inputs if isinstance(inputs, str) else await self._start(typed, view, workflow, inputs)

    async def _start(
        self, typed: TypedCommand, view: WorkflowView, workflow: Workflow, inputs: dict[str, Value]
    ) -> Answer:
        answer = await self._context.service.engine.start(
            Start(
                workflow=view.name,
                inputs=inputs,
                actor=typed.by.address,
                origin=typed.by.origin(),
                # A person's command has one trigger, so a command that is delivered twice starts one run.
                key=f"slack:{typed.by.team}:{typed.trigger}" if typed.trigger else None,
            )
        )
        if isinstance(answer, Refusal):
            return refusals.phrase(answer)
        url = typed.response_url
        work = show_started(self._context, typed.by, workflow.title, answer, response_url=url)
        self._context.after(typed.by, url, work, recorded=True)
        return None

    async def _form(self, by: Actor, view: WorkflowView, workflow: Workflow, metadata: ModalRef) -> View:
        """Return the form of a run, or why this person may not start one: they would fill it in for nothing."""
        refusal = await self._context.service.engine.why_not_start(view.name, by.address)
        if refusal is not None:
            return request_modals.sentence(refusals.phrase(refusal))
        return start_modal.run_form(workflow, version=view.version, metadata=metadata)

    def _open(self, typed: TypedCommand, making: Awaitable[View]) -> None:
        opening = self._context.replies.modal_when_ready("views.open", typed.trigger, making, metadata=ModalRef())
        self._context.after(typed.by, typed.response_url, opening)


async def _ready(view: View) -> View:
    return view


def _read_line(workflow: Workflow, line: str, hint: str) -> dict[str, Value] | str:
    """Return the inputs that were typed with a command, or what is wrong with them. `hint`: how to get a form."""
    typed_inputs, left = pairs(line)
    if left:
        rule = "Write each input once, as name=value, and close each quote."
        return f"Signoff could not read “{_quoted(left)}”. {rule} {hint}"
    inputs, errors = fields.from_text_all(workflow.inputs, typed_inputs)
    if errors:
        # A label such as "Why" would read as a word of the sentence.
        labels = {name: f"“{label}”" for name, label in fields.labels(workflow.inputs).items()}
        return f"{refusals.sentence(InvalidInputs(errors=errors, labels=labels))} {hint}"
    return inputs


def _about_versions(versions: VersionHandlers) -> dict[str, Callable[[TypedCommand], Awaitable[Answer]]]:
    return {
        "diff": versions.diff,
        "versions": versions.versions,
        "rollback": versions.rollback,
        "disable": versions.disable,
        "enable": versions.enable,
        "delete": versions.delete,
    }


def _disabled(view: WorkflowView) -> WorkflowDisabled:
    """Return the refusal to open the form of a workflow that nothing starts. A form would only be filled in."""
    return WorkflowDisabled(workflow=view.name, state=view.state, by=None, at=None)


def _not_found(refusal: Refusal, hint: str) -> Answer:
    """Return the sentence of a refusal; what to do now follows if the name was wrong and no other one is close."""
    if not isinstance(refusal, NotFound):
        return refusals.phrase(refusal)
    sentence = refusals.sentence(msgspec.structs.replace(refusal, name=_quoted(refusal.name)))
    return sentence if refusal.suggestion else f"{sentence} {hint}"


def _quoted(typed: str) -> str:
    """Return what a person typed, in one line and no longer than they need to recognize it."""
    return text_objects.clipped(characters.line(typed), _LONGEST_QUOTE)


def _form_hint(typed: TypedCommand, name: str) -> str:
    return f"To get a form instead, type only {typed.command} run {name}."


def _metadata(typed: TypedCommand, *, workflow: str | None = None, version: int = 0) -> ModalRef:
    return ModalRef(
        channel=typed.by.channel or None, response_url=typed.response_url, workflow=workflow, version=version
    )


def pairs(line: str) -> tuple[dict[str, str], str]:
    """Parse `name=value …`, and return the values and the rest. A value is in quotes, or ends at the next name.

    A name that comes twice, or a quote that is never closed, is ambiguous: it is part of the rest.
    """
    values: dict[str, str] = {}
    at = 0
    while name := _NAME.match(line, at):
        quoted = _QUOTED.match(line, name.end())
        end = quoted.end() if quoted else _end_of_value(line, name.end())
        value = quoted[1] if quoted else line[name.end() : end].strip()
        if name[1] in values or (quoted is None and value.startswith(_QUOTES)):
            return values, line[name.start(1) :].strip()
        values[name[1]] = value
        at = end
    return values, line[at:].strip()


def _end_of_value(line: str, start: int) -> int:
    """Return where a value without quotes ends: at the next name, or at the end."""
    following = _NAME_AHEAD.search(line, start)
    return following.start() if following else len(line)
