"""Checks of the workload: workflows, copies, addresses, runs and requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from bot import account_sign_in, databases
from bot.doctor import database
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, ok, problem, warning
from bot.step_types import load_step_types
from engine import workflowfile
from engine.errors import DefinitionError, PluginError, StoreError
from engine.service import register
from engine.steps.missing_services import find_missing
from engine.store import health, left_owners
from engine.store.connection import Connection
from engine.store.health import SchemaState, Summary, WorkflowSource
from engine.workflowfile import Workflow

T = TypeVar("T")
UNSEEN_DAYS: Final = 3
"""Days after which a request that was shown to no one is reported."""


def workflows(context: CheckContext) -> Iterator[Finding]:
    """Check that this version understands the registered workflows and those of open runs."""
    sources = read(context, health.workflow_sources)
    if sources is None:
        return
    try:
        kinds = load_step_types(context.settings)
    except PluginError as error:
        yield problem("workflows", f"{str(error)[:1].upper()}{str(error)[1:]}.", "Fix that, then run this again.")
        return
    understood: list[tuple[WorkflowSource, Workflow]] = []
    for source in sources:
        try:
            understood.append((source, workflowfile.load(source.source, kinds=kinds, registered=True)))
        except DefinitionError as error:
            yield _not_understood(source, error)
    if len(understood) == len(sources):
        count = sum(source.is_current for source in sources)
        yield ok("workflows", f"Registered: {count}; this version understands all of them." if count else _NO_WORKFLOWS)
    yield from _proofs(context, understood)
    for source, workflow in understood:
        for sentence in find_missing(workflow, kinds) if source.is_current else ():
            yield problem("workflows.set-up", f"Runs of {source.name} fail. {sentence}", "Set that up, or cancel them.")


def owners(context: CheckContext) -> Iterator[Finding]:
    """Check that the owners of workflows did not leave."""
    for left in read(context, left_owners.left_owners) or ():
        yield problem(
            "workflows.owners",
            f"The owner of {left.workflow}, {left.owner}, left on {left.at:%Y-%m-%d}. No one hears of its failures.",
            f"Give it another owner: signoff transfer {left.workflow} OWNER",
        )


_NO_WORKFLOWS: Final = "No workflows are registered yet."


def _not_understood(source: WorkflowSource, error: DefinitionError) -> Finding:
    reason = error.problems[0].sentence()
    if source.is_current:
        return problem(
            "workflows",
            f"This version does not understand the workflow {source.name}: {reason}",
            "Correct the file, and register it again: signoff register FILE",
        )
    return problem(
        "workflows",
        f"This version does not understand version {source.version} of {source.name}, which open runs use: {reason}",
        "Cancel those runs, or complete them with the version of Signoff that started them.",
    )


def _proofs(context: CheckContext, understood: list[tuple[WorkflowSource, Workflow]]) -> Iterator[Finding]:
    """Check that this server can ask for every code and sign-in that a gate wants."""
    unavailable = dict(account_sign_in.unavailable_proofs(context.settings))
    for source, workflow in understood:
        for sentence in register.unavailable_proofs(unavailable, workflow):
            wants, _, advice = sentence.partition(" yet. ")
            yield problem("workflows.proofs", f"{source.name} {source.version}: {wants}.", advice)


def copies(context: CheckContext) -> Iterator[Finding]:
    """Check that copies reach their people."""
    failing, dead = read(context, health.failing_deliveries), read(context, health.dead_deliveries)
    if failing is None or dead is None:
        return
    if failing.count:
        yield warning(
            "work.copies",
            f"Copies that could not be delivered so far: {_counted(failing)}",
            "Fix these errors. A running server then sends these copies by itself.",
        )
    if dead.count:
        yield warning(
            "work.copies",
            f"Copies of open requests that cannot be delivered: {_counted(dead)}",
            "Make sure that these people can be reached, or name others. Then cancel those runs and start them again.",
        )
    if not failing.count and not dead.count:
        yield ok("work.copies", "No copies fail.")


def addresses(context: CheckContext) -> Iterator[Finding]:
    """Check for addresses that mail servers refused."""
    yield from _none(
        "work.addresses",
        context,
        health.refused_addresses,
        "Addresses whose mail server refused the last email",
        "Correct them in the workflows, or have those mailboxes created.",
        good="No address was refused by its mail server.",
    )


def people(context: CheckContext) -> Iterator[Finding]:
    """Check whether an older version took the accounts of two people for one person."""
    yield from _none(
        "work.people",
        context,
        health.joined_accounts,
        "Accounts that an older version of Signoff took for one person",
        "A decision recorded for one of them may be the decision of the other. Check `signoff people show "
        "ACCOUNT`, the owners of their workflows, and the requests that wait for them.",
        good="No two accounts were taken for one person.",
    )


def attention(context: CheckContext) -> Iterator[Finding]:
    """Check whether a run waits for its owner to say if a step happened."""
    yield from _none(
        "work.attention",
        context,
        health.runs_needing_attention,
        "Runs with a step of which it is not known whether it happened",
        "Find out, then answer. The commands are listed by: signoff requests",
        good="No run needs attention.",
    )


def unseen(context: CheckContext) -> Iterator[Finding]:
    """Check for requests that wait and were shown to no one."""
    before = context.clock.now() - timedelta(days=UNSEEN_DAYS)
    yield from _none(
        "work.unseen",
        context,
        lambda connection: health.undelivered_requests(connection, before=before),
        f"Requests that have waited for over {UNSEEN_DAYS} days and reached no one",
        "See why: signoff requests REQUEST --details. Start the server if none is running.",
        good=f"No request has waited for over {UNSEEN_DAYS} days without reaching anyone.",
    )


def _none(
    subject: str,
    context: CheckContext,
    query: Callable[[Connection], Summary],
    what: str,
    advice: str,
    *,
    good: str,
) -> Iterator[Finding]:
    """Yield a warning about the rows of the query, or `good` if there are none."""
    rows = read(context, query)
    if rows is None:
        return
    yield warning(subject, f"{what}: {_counted(rows)}", advice) if rows.count else ok(subject, good)


def _counted(rows: Summary) -> str:
    more = f"; and {rows.count - len(rows.first)} more" if rows.count > len(rows.first) else ""
    first = "; ".join(row.rstrip(".") for row in rows.first)
    return f"{rows.count}. {first}{more}."


def read(context: CheckContext, query: Callable[[Connection], T]) -> T | None:
    """Return the result of the query, or None if the database cannot be read, which the database checks report."""
    if context.server_url is not None:
        return _read_server(context, query)
    if database.schema_state(context) is not SchemaState.CURRENT:
        return None
    assert isinstance(context.database, Path)
    with health.open_for_inspection(context.database) as connection:
        return query(connection)


def _read_server(context: CheckContext, query: Callable[[Connection], T]) -> T | None:
    try:
        with databases.reading(context.settings) as connection:
            return query(connection)
    except StoreError:
        return None


CHECKS: Final = (workflows, owners, copies, addresses, people, attention, unseen)
