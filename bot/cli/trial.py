"""`signoff try`: a run on a database of its own, with its requests put to the person at the terminal."""

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

from bot import app, settings
from bot.app import AppOptions
from bot.cli import trial_folders
from bot.cli.exit_codes import Exit
from bot.presentation import characters, dates, refusals, request_card, states
from bot.terminal import prompts
from bot.terminal.output import create_console, print_sentence
from bot.terminal.prompts import TypedDecision
from bot.terminal.view import render_card, render_output, render_story_entry
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
)
from engine.errors import DefinitionError, InvalidValue, about
from engine.json_values import Value
from engine.read_models import PageQuery, RequestView, RunView
from engine.system import SystemClock

_ORIGIN = Origin(surface="terminal")
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the command line asks. `source` None: go on with the runs in `database`."""

    source: bytes | None
    file: str
    inputs: Mapping[str, str]
    answers: tuple[str, ...]
    person: str | None
    database: Path | None


def play(plan: Plan) -> int:
    """Play the run to its end, or until nobody here answers; the exit code says which.

    A run that still waits is kept, and the last line says how to go on with it.
    """
    for answer in plan.answers:
        prompts.check_answer(answer)
    trial_folders.remove_old(SystemClock().now())
    folder = None if plan.database is not None else trial_folders.create()
    database = plan.database or Path(str(folder)) / trial_folders.NAME
    if plan.source is None and not database.exists():
        raise click.UsageError(f"There is no trial at {database}; name a workflow file to begin one.")
    waits = False
    try:
        code, waits = _play(plan, database)
    except KeyboardInterrupt:
        # Pressed once more, while what is under way was waited for: its outcome will be asked for.
        code, waits = Exit.WAITING, True
    finally:
        if folder is not None and not waits:
            shutil.rmtree(folder, ignore_errors=True)
    if waits:
        click.echo(f"The run waits. Go on with it: signoff try --db {shlex.quote(str(database))}")
        if folder is not None:
            click.echo("A later try removes it when a day has passed; start with --db FILE to keep one longer.")
    return code


def _play(plan: Plan, database: Path) -> tuple[int, bool]:
    """The exit code, and whether a run still waits."""
    environment = settings.load_environment()
    options = AppOptions(settings=settings.load(environment, database=database), environment=environment)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.open_trial(options)) as opened,
    ):
        trial = Trial(plan=plan, portal=portal, app=opened, console=create_console())
        runs = trial.begin()
        if not runs:
            click.echo("Every run in this trial has ended.")
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
    """One sitting at the terminal: the engine works in a thread of its own, the questions are asked in this one."""

    plan: Plan
    portal: BlockingPortal
    app: app.App
    console: Console
    _told: dict[str, int] = field(default_factory=dict)
    _causes: set[str] = field(default_factory=set)
    _refused_edits: dict[str, Mapping[str, Value]] = field(default_factory=dict)
    _answered: int = 0
    _slept: set[tuple[str, datetime]] = field(default_factory=set)

    # -- begin --

    def begin(self) -> list[str]:
        """The runs to play: a new one of the file, or those that were left in the database."""
        return self.unfinished() if self.plan.source is None else [self._start(self.plan.source)]

    def unfinished(self) -> list[str]:
        """The runs that have not ended, the oldest first."""
        found: list[RunView] = self.portal.call(self.app.engine.runs, PageQuery(limit=1000, open_only=True))
        return [run.id for run in reversed(found)]

    def _start(self, source: bytes) -> str:
        me = Address("terminal", self.app.operator_commands.login)
        try:
            workflow = workflowfile.load(source, kinds=self.app.operator_commands.kinds)
            inputs = self._inputs(workflow)
            registered: Any = self.portal.call(
                self.app.engine.register, Register(source=source, actor=me, origin=_ORIGIN)
            )
        except DefinitionError as error:
            for problem in error.problems:
                print_sentence(problem.sentence(self.plan.file), err=True)
            raise click.exceptions.Exit(Exit.NO) from None
        started: Any = _accepted(registered) and self.portal.call(
            self.app.engine.start, Start(workflow=workflow.name, inputs=inputs, actor=me, origin=_ORIGIN)
        )
        self.console.print(characters.line(workflow.title), style="bold")
        return str(_accepted(started).run)

    def _inputs(self, workflow: workflowfile.Workflow) -> dict[str, Any]:
        typed = dict(self.plan.inputs)
        if sys.stdin.isatty() and not self.plan.answers:
            for name, declared in workflow.inputs.items():
                if name not in typed and declared.required:
                    typed[name] = self._ask_input(name, declared)
        values, errors = fields.from_text_all(workflow.inputs, typed)
        if errors:
            labels = fields.labels(workflow.inputs)
            for name, sentence in errors.items():
                print_sentence(f"-i {name}: {about(labels.get(name, name), sentence)}", err=True)
            raise click.exceptions.Exit(Exit.USAGE)
        return values

    def _ask_input(self, name: str, declared: fields.Field) -> str:
        label = characters.line(declared.label or name)
        while True:
            text: str = click.prompt(f"{label} ({declared.type.value})", default="", show_default=False)
            try:
                fields.from_text(declared, text)
            except InvalidValue as error:
                print_sentence(f"  {about(label, str(error))}")
            else:
                return text

    # -- follow --

    def follow(self, run: str) -> int:
        """Tell the story of the run as it goes, and ask where it asks."""
        while True:
            self.portal.call(app.wait_for_run, self.app, run)
            self._tell(run)
            view = self._view(run)
            if view.status.ended:
                return self._end(view)
            if view.status is RunStatus.NEEDS_ATTENTION:
                code = self._attend(view)
            elif (request := self._pending(run)) is not None:
                code = self._ask(request)
            else:
                self._sleep(view)
                code = None
            if code is not None:
                return code

    def _view(self, run: str) -> RunView:
        view: RunView | None = self.portal.call(self.app.engine.run, run)
        assert view is not None
        return view

    def _tell(self, run: str) -> None:
        async def story() -> Any:
            return await self.app.engine.story(run, after=self._told.get(run, 0))

        for entry in self.portal.call(story):
            self._told[run] = entry.seq
            if entry.kind == "step.failed":
                self._causes.add(str((entry.content or {}).get("error")))
            # The last line says how the run ended.
            if entry.kind not in ("delivery.shown", "run.failed"):
                self.console.print(render_story_entry(entry))

    def _pending(self, run: str) -> RequestView | None:
        found: list[RequestView] = self.portal.call(self.app.engine.requests_of_run, run)
        return next((one for one in found if one.model.state is RequestState.PENDING), None)

    def _sleep(self, view: RunView) -> None:
        until = view.ready_at
        if until is not None and view.status is RunStatus.WAITING and (view.id, until) not in self._slept:
            self._slept.add((view.id, until))
            self.console.print(f"Waits until {dates.moment(until)}; Ctrl-C leaves it waiting.")

        async def pause() -> None:
            await asyncio.sleep(_POLL_SECONDS)

        self.portal.call(pause)

    def _end(self, view: RunView) -> int:
        for step in view.steps:
            if step.output:
                self.console.print(f"{step.step}:", style="cyan")
                self.console.print(render_output(step.output))
        error = view.error or ""
        # The step that failed has said why already.
        why = "" if any(error.endswith(cause) for cause in self._causes) else characters.line(error)
        self.console.print(f"The run {states.RUN_CLAUSES[view.status]}. {why}".rstrip(), style="bold")
        return Exit.DONE if view.status is RunStatus.SUCCEEDED else Exit.NO

    # -- ask --

    def _ask(self, request: RequestView) -> int | None:
        answer = self._answer(request)
        if answer is None:
            self.console.print(render_card(request_card.request_card(request)))
            click.echo("Nobody is here to ask: answer at a terminal, or with --answer approve.")
            return Exit.WAITING
        decided: Any = self.portal.call(
            self.app.engine.decide,
            Decide(
                request=request.id,
                verdict=answer.verdict,
                actor=self._as(request),
                content_version=request.model.content_version,
                digest=request.model.digest,
                origin=_ORIGIN,
                assurance=Assurance.TERMINAL,
                edits=answer.edits,
                reason=answer.reason,
            ),
        )
        if not isinstance(decided, Refusal):
            return None
        print_sentence(refusals.sentence(decided), err=True)
        if isinstance(decided, InvalidEdits | ReasonMissing | Contested):
            self._refused_edits[request.id] = answer.edits
        # Nobody is there to answer better: another round would say the same.
        return None if self._interactive else Exit.NO

    def _as(self, request: RequestView) -> Address:
        if self.plan.person is not None:
            return Address("email", self.plan.person)
        first = request.approvers[0].person
        self.console.print(f"Answering as {characters.line(first.label)}.", style="dim")
        return first.addresses[0]

    @property
    def _interactive(self) -> bool:
        return not self.plan.answers and sys.stdin.isatty()

    def _answer(self, request: RequestView) -> TypedDecision | None:
        given = self.plan.answers
        if given:
            turn = 0 if len(given) == 1 else self._answered
            self._answered += 1
            if turn >= len(given):
                return None
            self.console.print(render_card(request_card.request_card(request)))
            return prompts.parse_answer(given[turn], request)
        if not sys.stdin.isatty():
            return None
        return prompts.ask_decision(
            self.console, request_card.request_card(request), request, self._refused_edits.pop(request.id, None)
        )

    def _attend(self, view: RunView) -> int | None:
        if not self._interactive:
            click.echo("The outcome of a step is unknown: say at a terminal whether it happened.")
            return Exit.WAITING
        answer = click.prompt(
            "Did the step happen? done = yes, go on; repeat = do it again; stop = end the run",
            type=click.Choice([one.value for one in ResumeAnswer]),
        )
        owner = view.owner.addresses[0]
        output = self._produced(view.id) if answer == ResumeAnswer.DONE else {}
        command = Resume(run=view.id, answer=ResumeAnswer(answer), actor=owner, origin=_ORIGIN, output=output)
        _accepted(self.portal.call(self.app.engine.resume, command))
        return None

    def _produced(self, run: str) -> dict[str, Value]:
        """What the step produced, as far as later steps read it."""
        expected = _accepted(self.portal.call(self.app.engine.attention, run)).expected
        values: dict[str, Value] = {}
        for name, asked in expected.fields.items():
            label = characters.line(f"{asked.label} ({asked.help})")
            while name not in values:
                typed = click.prompt(label, default=None if asked.required else "", show_default=False)
                found, wrong = expected.parse_texts({name: typed} if typed else {})
                values |= found or ({} if wrong else {name: None})
                for why in wrong.values():
                    print_sentence(f"{asked.label} {why}.", err=True)
        return dict(expected.build_output(values))


def _accepted(answer: Any) -> Any:
    if isinstance(answer, Refusal):
        print_sentence(refusals.sentence(answer), err=True)
        raise click.exceptions.Exit(Exit.NO)
    return answer
