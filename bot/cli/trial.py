"""The trial of `signoff try`: a run on a database of its own, whose requests the person at the terminal decides."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from anyio.from_thread import BlockingPortal, start_blocking_portal
from rich.console import Console

from bot import app, app_parts, loaded_settings
from bot.app_parts import AppOptions
from bot.cli import client, trial_asks, trial_called, trial_cards, trial_folders, trial_questions
from bot.cli.exit_codes import Exit
from bot.local.reply import CommandReply
from bot.presentation import answers, asks, characters, dates, labels, refusals, request_card, states, undo
from bot.presentation.story import Names
from bot.terminal import attached_files, input_hints, prompts
from bot.terminal.output import create_console, in_local_zone, local_time, print_sentence
from bot.terminal.prompts import PromptedQuestion, TypedDecision
from bot.terminal.story_lines import render_output, render_story_entry
from engine import fields, workflowfile
from engine.domain import (
    Address,
    Assurance,
    Contested,
    Decide,
    InvalidEdits,
    Origin,
    ReasonMissing,
    Refusal,
    Register,
    RequestState,
    Resume,
    ResumeAnswer,
    RunStatus,
    Start,
    StepStatus,
)
from engine.errors import DefinitionError, InvalidValue, about
from engine.json_values import Value
from engine.read_models import PageQuery, RequestView, RunView
from engine.requests import Question
from engine.system import SystemClock

_ORIGIN = Origin(surface="terminal")
_TOLD_OTHERWISE = {"request.opened", "delivery.shown", *(f"run.{status}" for status in RunStatus if status.ended)}
"""Entries that are not printed: the card has the question, and the last line says how the run ended."""
_NO_ROLES = "There is no roles file here (SIGNOFF_ROLES). In this trial, two made-up people stand for each role."
_POLL_SECONDS = 0.05
"""Pause before a run that waits for a time is looked at again, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOptions:
    """The arguments of `signoff try`. Without a source, the runs in the database are continued."""

    source: bytes | None
    file: str
    inputs: Mapping[str, str]
    answers: tuple[str, ...]
    person: str | None
    database: Path | None
    ask: str | None = None
    """What a program would send, as JSON, for a workflow that decides about asks."""
    others: tuple[Path, ...] = ()
    """Files of workflows that it may run, beside those in its folder."""


def play(options: TrialOptions) -> int:
    """Play the run until it ends or no answer is left, and return the exit code.

    A run that still waits is kept, and the last line has the command that continues it.
    """
    for answer in options.answers:
        prompts.check_answer(answer)
    trial_folders.remove_old(SystemClock().now())
    folder = None if options.database is not None else trial_folders.create()
    database = options.database or Path(str(folder)) / trial_folders.NAME
    if options.source is None and not database.exists():
        raise click.UsageError(f"There is no trial at {database}. To begin one, name a workflow file too.")
    waits = False
    try:
        code, waits = _play(options, database)
    except KeyboardInterrupt:
        # Ctrl-C was pressed again while a step was finishing: the next trial asks for its outcome.
        code, waits = Exit.WAITING, True
    finally:
        if folder is not None and not waits:
            shutil.rmtree(folder, ignore_errors=True)
    if waits:
        click.echo(f"The run is waiting. Continue it: signoff try --db {shlex.quote(str(database))}")
        if folder is not None:
            click.echo("A trial is deleted after a day without use. To keep one longer, start it with --db FILE.")
    return code


def _play(options: TrialOptions, database: Path) -> tuple[int, bool]:
    """Play the runs. Return the exit code, and whether a run still waits."""
    environment = loaded_settings.load_environment()
    app_options = AppOptions(settings=loaded_settings.load(environment, database=database), environment=environment)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.open_trial(app_options)) as opened,
    ):
        trial = Trial(options=options, portal=portal, app=opened, console=create_console())
        runs = trial.begin()
        if not runs:
            click.echo("This trial is over. Begin a new one: signoff try FILE")
            return Exit.DONE, False
        try:
            code = max(trial.follow(run) for run in runs)
        except (KeyboardInterrupt, click.Abort):
            click.echo()
            code = Exit.WAITING
        except click.UsageError as error:
            error.show()
            code = Exit.USAGE
        return code, bool(trial.unfinished())


@dataclass(slots=True, kw_only=True)
class Trial:
    """A trial at the terminal. The engine runs in a thread of its own, and this thread asks the questions."""

    options: TrialOptions
    portal: BlockingPortal
    app: app_parts.App
    console: Console
    _printed_seq: dict[str, int] = field(default_factory=dict)
    _printed_errors: set[str] = field(default_factory=set)
    _typed_edits: dict[str, Mapping[str, Value]] = field(default_factory=dict)
    _left_open: set[str] = field(default_factory=set)
    """The questions that the person did not answer."""
    _listed: set[str] = field(default_factory=set)
    """The requests whose items were printed."""
    _left_held: set[str] = field(default_factory=set)
    """The requests about which the person was asked whether to undo their approval."""
    _called: set[str] = field(default_factory=set)
    """The runs of other workflows whose stories are told."""
    _answers_used: int = 0
    _announced_waits: set[tuple[str, datetime]] = field(default_factory=set)

    # -- begin --

    def begin(self) -> list[str]:
        """Start a run of the file, or find those that were left in the database. Return their ids."""
        return trial_called.begun(self) if self.options.source is None else [self._start(self.options.source)]

    def unfinished(self) -> list[str]:
        """Return the ids of the runs that have not ended, the oldest first."""
        runs: list[RunView] = self.portal.call(self.app.engine.runs, PageQuery(limit=1000, open_only=True))
        return [run.id for run in reversed(runs)]

    def _start(self, source: bytes) -> str:
        actor = Address("terminal", self.app.operator_commands.login)
        try:
            workflow = workflowfile.load(source, kinds=self.app.operator_commands.kinds)
            if self.options.ask and not workflow.is_asked:
                raise click.UsageError(trial_asks.NOT_ASKED)
            inputs = self._read_inputs(workflow)
            for one in (*trial_called.find_called(workflow, self.options, self.app.operator_commands.kinds), workflow):
                change = Register(source=one.source, actor=actor, origin=_ORIGIN)
                _unless_refused(self.portal.call(self.app.engine.register, change))
        except DefinitionError as error:
            for problem in error.problems:
                print_sentence(problem.sentence(self.options.file), err=True)
            raise click.exceptions.Exit(Exit.NO) from None
        start = Start(workflow=workflow.name, inputs=inputs, actor=actor, origin=_ORIGIN)
        engine = self.app.engine
        started: Any = (
            self.portal.call(engine.ask, trial_asks.read(self.options.ask or "", workflow.name))
            if workflow.is_asked
            else self.portal.call(engine.start, start)
        )
        self.console.print(characters.line(workflow.title), style="bold")
        for sentence in workflow.plan_meanings:
            self.console.print(f"{sentence} In a trial everything is reviewed.", style="dim")
        if b"role:" in source and not self.app.settings.roles:
            self.console.print(_NO_ROLES, style="dim")
        return str(_unless_refused(started).run)

    def _read_inputs(self, workflow: workflowfile.Workflow) -> dict[str, Any]:
        texts = dict(self.options.inputs)
        if sys.stdin.isatty() and not self.options.answers:
            for name, declared in workflow.inputs.items():
                if name not in texts and declared.required:
                    texts[name] = self._ask_input(name, declared)
        texts, missing = attached_files.attach_all(workflow.inputs, texts, self._attach)
        values, errors = fields.from_text_all(workflow.inputs, texts)
        errors |= missing
        if errors:
            for sentence in refusals.of_options(errors, fields.labels(workflow.inputs)):
                print_sentence(sentence, err=True)
            raise click.exceptions.Exit(Exit.USAGE)
        return values

    def _ask_input(self, name: str, declared: fields.Field) -> str:
        label = characters.line(declared.label or labels.in_words(name))
        while True:
            text: str = click.prompt(input_hints.question(label, declared), default="", show_default=False)
            try:
                text = attached_files.attached(declared, text, self._attach)
                fields.from_text(declared, text)
            except InvalidValue as error:
                print_sentence(f"  {about(label, str(error))}")
            else:
                return text

    def _attach(self, path: Path) -> str:
        """Hand a file in, and return the text of its reference. Raises `InvalidValue`."""
        commands = self.app.operator_commands
        reply: CommandReply = self.portal.call(commands.attach, path.name, attached_files.read(path))
        return client.reference_text(reply)

    # -- follow --

    def follow(self, run: str) -> int:
        """Print the story of the run as it goes on, and ask for its decisions. Return the exit code."""
        while True:
            self.portal.call(app.wait_for_run, self.app, run)
            view = self.view(run)
            self.print_story(view)
            if view.status.ended:
                return self._print_end(view)
            if view.status is RunStatus.NEEDS_ATTENTION:
                code = self.ask_outcome(view)
            elif (request := self.pending_request(run)) is not None:
                code = self.decide(request)
            else:
                is_asked, code = trial_called.answer(self, run, self._called)
                if is_asked and code is None:
                    continue
                acted = trial_asks.act(self.portal, self.app.engine, view, is_interactive=self._is_interactive)
                if code is None and not _unless_refused(acted):
                    self._wait(view)
            if code is not None:
                return code

    def view(self, run: str) -> RunView:
        view: RunView | None = self.portal.call(self.app.engine.run, run)
        assert view is not None
        return view

    def print_story(self, run: RunView) -> None:
        async def story() -> Any:
            return await self.app.engine.story(run.id, after=self._printed_seq.get(run.id, 0))

        names = Names.of_run(run, self.portal.call(self.app.engine.requests_of_run, run.id), ())
        for entry in self.portal.call(story):
            self._printed_seq[run.id] = entry.seq
            if entry.kind == "step.failed":
                self._printed_errors.add(str((entry.content or {}).get("error")))
            if entry.kind not in _TOLD_OTHERWISE:
                self.console.print(render_story_entry(entry, names, in_local_zone(entry.at)))

    def pending_request(self, run: str) -> RequestView | None:
        requests: list[RequestView] = self.portal.call(self.app.engine.requests_of_run, run)
        return next((request for request in requests if request.model.state is RequestState.PENDING), None)

    def _held_request(self, run: str) -> RequestView | None:
        requests: list[RequestView] = self.portal.call(self.app.engine.requests_of_run, run)
        return next((request for request in requests if request.is_held), None)

    def _offer_undo(self, held: RequestView) -> None:
        """Ask once whether to undo the approval, as the person who gave it."""
        if held.id in self._left_held or held.decision is None:
            return
        self._left_held.add(held.id)
        print_sentence(dates.written(undo.held(held), local_time))
        if not self._is_interactive or not click.confirm("Undo the approval?", default=False):
            return
        result = self.portal.call(self.app.engine.undo, trial_questions.undoing(held, held.decision.person))
        if isinstance(result, Refusal):
            print_sentence(refusals.sentence(result, local_time), err=True)

    def _wait(self, view: RunView) -> None:
        if (held := self._held_request(view.id)) is not None:
            self._offer_undo(held)
        until = view.ready_at
        if until is not None and view.status is RunStatus.WAITING and (view.id, until) not in self._announced_waits:
            self._announced_waits.add((view.id, until))
            self.console.print(f"Waiting until {local_time(until)}. Press Ctrl-C to leave; the trial is kept.")

        async def pause() -> None:
            await asyncio.sleep(_POLL_SECONDS)

        self.portal.call(pause)

    def _print_end(self, view: RunView) -> int:
        for step in view.steps:
            if step.output:
                self.console.print(f"{characters.line(step.label)}:", style="cyan")
                self.console.print(render_output(step.output, step.output_labels))
        error = view.error or ""
        # The line of the failed step has the error already.
        reason = "" if any(error.endswith(cause) for cause in self._printed_errors) else characters.line(error)
        self.console.print(f"The run {states.run_clause(view)}. {reason}".rstrip(), style="bold")
        return Exit.DONE if view.status is RunStatus.SUCCEEDED else Exit.NO

    # -- ask --

    def decide(self, request: RequestView) -> int | None:
        question = next((asked for asked in request.model.questions if asked.is_open), None)
        if question is not None and question.id not in self._left_open and self._is_interactive:
            self._answer(request, question)
            return None
        decider = self._decider(request)
        if request.id not in self._listed:
            self._listed.add(request.id)
            trial_cards.print_items(self.console, self.portal, self.app.engine, request)
        answer = self._next_answer(request) if decider is not None else None
        if decider is None or answer is None:
            return self._leave_open(request, is_asked=decider is not None)
        self._print_decider(request)
        if isinstance(answer, PromptedQuestion):
            self._typed_edits[request.id] = answer.edits
        result = self._carry_out(request, decider, answer)
        if not isinstance(result, Refusal):
            return None
        print_sentence(refusals.sentence(result, local_time), err=True)
        if isinstance(result, InvalidEdits | ReasonMissing | Contested):
            self._typed_edits[request.id] = answer.edits
        # A given answer would be refused again, so only a person is asked again.
        return None if self._is_interactive else Exit.NO

    def _leave_open(self, request: RequestView, *, is_asked: bool) -> int:
        trial_cards.print_whole(self.console, request)
        if is_asked:
            click.echo("This is not a terminal, so you cannot be asked. Add --answer approve, or use a terminal.")
        return Exit.WAITING

    def _answer(self, request: RequestView, question: Question) -> None:
        """Ask the person for the answer to a question that they asked, as the one who is asked."""
        self.console.print(f"Answering as {characters.line(question.asked_to.label)}.", style="dim")
        text = prompts.ask_answer(question)
        if not text:
            self._left_open.add(question.id)
            return
        command = trial_questions.answering(request, question, text)
        result = self.portal.call(self.app.engine.answer_question, command)
        if isinstance(result, Refusal):
            print_sentence(refusals.sentence(result, local_time), err=True)

    def _carry_out(self, request: RequestView, decider: Address, answer: TypedDecision | PromptedQuestion) -> Any:
        if isinstance(answer, PromptedQuestion):
            return self.portal.call(self.app.engine.ask_question, trial_questions.asking(request, decider, answer))
        command = Decide(
            request=request.id,
            verdict=answer.verdict,
            actor=decider,
            content_version=request.model.content_version,
            digest=request.model.digest,
            origin=_ORIGIN,
            assurance=Assurance.TERMINAL,
            edits=answer.edits,
            reason=answer.reason,
        )
        return self.portal.call(self.app.engine.decide, command)

    def _decider(self, request: RequestView) -> Address | None:
        """Return the person to answer as: of those who are asked now the first, so that each of them answers in turn.

        Return None if no one can answer, or if the person of `--as` has approved already.
        """
        tally = request.model.tally
        if self.options.person is not None:
            person = Address("email", self.options.person)
            has_approved = any(person in vote.person.addresses for vote in tally.votes)
            return None if has_approved else person
        return tally.waiting[0].person.addresses[0] if tally.waiting else None

    def _print_decider(self, request: RequestView) -> None:
        """Print the approver whose answer this is, unless one was named."""
        if self.options.person is None:
            tally = request.model.tally
            count = f" ({len(tally.votes) + 1} of {tally.needed})" if request.model.policy.counts_votes else ""
            self.console.print(f"Answering as {characters.line(tally.waiting[0].person.label)}{count}.", style="dim")

    @property
    def _is_interactive(self) -> bool:
        return not self.options.answers and sys.stdin.isatty()

    def _next_answer(self, request: RequestView) -> TypedDecision | PromptedQuestion | None:
        answers = self.options.answers
        if answers:
            # `retry` answers once: a step that fails each time would be tried without end.
            is_for_all = len(answers) == 1 and not answers[0].startswith("retry")
            index = 0 if is_for_all else self._answers_used
            self._answers_used += 1
            if index >= len(answers):
                return None
            trial_cards.print_whole(self.console, request)
            return prompts.parse_answer(answers[index], request, attach=self._attach)
        if not sys.stdin.isatty():
            return None
        return prompts.ask_decision(
            self.console,
            request_card.request_card(request),
            request,
            self._typed_edits.pop(request.id, None),
            attach=self._attach,
        )

    def ask_outcome(self, view: RunView) -> int | None:
        if not self._is_interactive:
            click.echo("It is unknown whether a step happened. Run this in a terminal to answer.")
            return Exit.WAITING
        step = next(step for step in reversed(view.steps) if step.status is StepStatus.OUTCOME_UNKNOWN)
        click.echo(characters.line(answers.question(asks.step_label(view, step))))
        offered = answers.offered(step.uses)
        for known, label in offered.items():
            click.echo(f"  {known.value}: {label}. {answers.CONSEQUENCES[known]}")
        answer = click.prompt("Your answer", type=click.Choice([answer.value for answer in offered]))
        owner = view.owner.addresses[0]
        output = self._ask_output(view.id) if answer == ResumeAnswer.DONE else {}
        command = Resume(run=view.id, answer=ResumeAnswer(answer), actor=owner, origin=_ORIGIN, output=output)
        _unless_refused(self.portal.call(self.app.engine.resume, command))
        return None

    def _ask_output(self, run: str) -> dict[str, Value]:
        """Ask for the outputs of the step that later steps read."""
        expected = _unless_refused(self.portal.call(self.app.engine.attention, run)).expected
        values: dict[str, Value] = {}
        for name, output in expected.fields.items():
            label = characters.line(f"{output.label} ({output.help})")
            while name not in values:
                text = click.prompt(label, default=None if output.required else "", show_default=False)
                parsed, errors = expected.parse_texts({name: text} if text else {})
                values |= parsed or ({} if errors else {name: None})
                for error in errors.values():
                    print_sentence(f"{output.label} {error}.", err=True)
        return dict(expected.build_output(values))


def _unless_refused(result: Any) -> Any:
    """Return the result of a command. A refusal is printed, and ends the trial."""
    if isinstance(result, Refusal):
        print_sentence(refusals.sentence(result, local_time), err=True)
        raise click.exceptions.Exit(Exit.NO)
    return result
