"""What a run does after a command: what it waits for, with the commands that go on with it, or how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.cli import client
from bot.cli.context import load_context
from bot.presentation import (
    answers,
    asks,
    characters,
    dates,
    items,
    people,
    progress,
    question_notes,
    questions,
    request_card,
    states,
    undo,
)
from bot.terminal import next_commands
from bot.terminal.output import create_console, local_time, print_commands
from bot.terminal.view import context_line, quote
from engine.domain import Address, Person, RequestState, RunStatus, StepStatus
from engine.read_models import RequestView, RunView
from engine.requests import Question
from engine.store import delivery_queries, request_queries, run_queries
from engine.system import SystemClock

SETTLE_SECONDS: Final = 2.0
"""How long a command waits for the server to bring a run to where it waits or ends, in seconds."""
NO_SERVER: Final = "No server is running. Deadlines, retries and waits pause until you start one: signoff serve"
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class RunOutlook:
    """How far a run is. `is_printed`: this command has printed its cards already, as the terminal of the approvers."""

    run: RunView
    pending: tuple[RequestView, ...]
    held: tuple[RequestView, ...]
    is_printed: bool


def print_next(run_id: str) -> None:
    """Print what the run waits for and who can answer, or how it ended."""
    is_served = client.is_server_running()
    outlook = _settled(run_id) if is_served else _outlook(run_id, is_served=False)
    out = create_console()
    if not outlook.is_printed or outlook.run.status.ended or outlook.held:
        for line in _lines(outlook):
            print_commands(out, line)
    see = "See what happened" if outlook.run.status.ended else "Follow the run"
    print_commands(out, f"{see}: signoff runs {run_id}")
    if not is_served and not outlook.run.status.ended:
        print_commands(out, NO_SERVER)


def _settled(run_id: str) -> RunOutlook:
    """Return how far the run is as soon as it waits or has ended, or what is known after `SETTLE_SECONDS`."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        outlook = _outlook(run_id, is_served=True)
        if not _goes_on(outlook.run) or time.monotonic() > deadline:
            return outlook
        time.sleep(_LOOK_SECONDS)


def _goes_on(run: RunView) -> bool:
    """Return whether the server is about to move the run."""
    is_woken = run.ready_at is not None and run.ready_at <= SystemClock().now()
    return run.status is RunStatus.RUNNING or (run.status is RunStatus.WAITING and is_woken)


def _outlook(run_id: str, *, is_served: bool) -> RunOutlook:
    with client.open_for_reading() as connection:
        run = run_queries.run_view(connection, run_id)
        assert run is not None
        requests = request_queries.requests_of_run(connection, run_id)
        copies = delivery_queries.delivery_views(connection, run=run_id)
    pending = tuple(request for request in requests if request.model.state is RequestState.PENDING)
    held = tuple(request for request in requests if request.is_held)
    return RunOutlook(run, pending, held, not is_served and any(copy.channel == "terminal" for copy in copies))


def _lines(outlook: RunOutlook) -> Iterator[str]:
    run = outlook.run
    for request in outlook.pending:
        yield from _request_lines(request)
    if run.status is RunStatus.NEEDS_ATTENTION:
        yield from attention_lines(run)
    elif run.status.ended:
        error = f" {quote(characters.visible(run.error))}" if run.error else ""
        yield f"The run {states.run_clause(run)}.{error}"
    elif outlook.held:
        for request in outlook.held:
            yield f"{dates.written(undo.held(request), local_time)} To undo it: signoff undo {request.id}"
    elif not outlook.pending:
        at = run.ready_at if run.status is RunStatus.WAITING else None
        if at is not None:
            yield f"The run is waiting until {local_time(at)}."
        elif below := list(open_runs(run)):
            yield from below
        else:
            yield "The run is running."


def open_runs(run: RunView) -> Iterator[str]:
    """Yield what a run waits for below it: items of a foreach, and runs, with the command that shows each."""
    for listed in run.items if not run.status.ended else ():
        yield f"{characters.line(run.step_label(listed.step))}: {items.sentence(listed)}"
        for number, request in listed.asking:
            yield f"Item {number:,} waits for people: signoff requests {request}"
        for number, lane in listed.stuck:
            yield f"Item {number:,} needs attention: signoff runs {lane}"
    for child in run.children:
        if not child.status.ended:
            yield f"It waits for “{characters.line(child.title)}”: signoff runs {child.run}"


def _request_lines(request: RequestView) -> Iterator[str]:
    """Yield the question, who can decide, and the commands that decide, if the operator of this machine may."""
    person = operator(request)
    card = request_card.request_card(request, person)
    yield questions.of_request(request)
    yield context_line(card, local_time)
    is_asked = person is not None and progress.is_asked(request, person)
    if not card.names_waiting:
        yield people.asked(card.approvers, closed=not is_asked, is_form=card.is_form)
    if person is not None and card.actions:
        yield next_commands.decide(card)


def operator(request: RequestView) -> Person | None:
    """Return the operator of this machine as an approver of the request, or None."""
    address = operator_address()
    return next((row.person for row in request.model.eligible if address in row.person.addresses), None)


def operator_address() -> Address:
    """Return the address of the operator of this machine."""
    return Address("email", load_context().settings.operator)


def question_lines(request: RequestView, question: Question) -> Iterator[str]:
    """Yield a question before a decision that the operator of this machine was asked, and the command to answer it."""
    yield f"{question_notes.heading(request, question)}:"
    yield quote(characters.visible(question.text))
    yield next_commands.answer(request.id, question.id)


def attention_lines(run: RunView) -> Iterator[str]:
    """Yield the question about the step of unknown outcome in a run, and the commands that answer it."""
    steps = [step for step in run.steps if step.status is StepStatus.OUTCOME_UNKNOWN]
    if steps:
        yield answers.question(asks.step_label(run, steps[-1]))
    if run.error:
        yield quote(characters.visible(run.error))
    yield "Find out, then answer:"
    yield next_commands.resume(run.id, answers.offered(steps[-1].uses if steps else ""))
