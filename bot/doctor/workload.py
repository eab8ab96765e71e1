"""What is registered and under way: workflows, their secrets, copies, runs, requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from bot.doctor import database
from bot.doctor.context import Case
from bot.doctor.finding import Finding, ok, problem, warning
from bot.step_types import step_types
from engine import workflowfile
from engine.errors import DefinitionError, PluginError, StepError
from engine.store import health
from engine.store.health import Some, Source, Standing
from engine.system import SECRET_PREFIX, EnvironmentSecrets
from engine.workflowfile import Workflow

UNSEEN_DAYS: Final = 3


def workflows(case: Case) -> Iterator[Finding]:
    """Whether this version understands what is registered, and what open runs began with."""
    sources = _read(case, health.sources)
    if sources is None:
        return
    try:
        kinds = step_types(case.settings)
    except PluginError as error:
        yield problem("workflows", f"{str(error)[:1].upper()}{str(error)[1:]}.", "Then look again.")
        return
    understood: list[tuple[Source, Workflow]] = []
    for source in sources:
        try:
            understood.append((source, workflowfile.load(source.source, kinds=kinds, registered=True)))
        except DefinitionError as error:
            yield _not_understood(source, error)
    if len(understood) == len(sources):
        count = sum(source.is_current for source in sources)
        yield ok("workflows", f"Registered: {count}; this version understands all of them." if count else _NONE)
    yield from _secrets(case, understood)


_NONE: Final = "No workflows are registered yet."


def _not_understood(source: Source, error: DefinitionError) -> Finding:
    why = error.problems[0].sentence()
    if source.is_current:
        return problem(
            "workflows",
            f"This version does not understand the workflow {source.name}: {why}",
            "Correct the file, and register it again: signoff register FILE",
        )
    return problem(
        "workflows",
        f"Runs of version {source.version} of {source.name} have not ended, and are not understood any more: {why}",
        "Cancel those runs, or end them with the version of Signoff that they began with.",
    )


def _secrets(case: Case, understood: list[tuple[Source, Workflow]]) -> Iterator[Finding]:
    """Whether each secret that a workflow names is set."""
    secrets, users = EnvironmentSecrets(case.environment), dict[str, list[str]]()
    for source, workflow in understood:
        for name in sorted({name for step in workflow.steps for name in step.params.secrets}):
            users.setdefault(name, []).append(f"{source.name} {source.version}")
    missing = {name: by for name, by in sorted(users.items()) if not _is_set(secrets, name)}
    for name, by in missing.items():
        yield problem(
            "workflows.secrets",
            f"The secret {name} is not set; workflows that name it: {', '.join(by)}.",
            f"Set {SECRET_PREFIX}{name} where the server runs; runs fail at that step without it.",
        )
    if users and not missing:
        yield ok("workflows.secrets", f"All secrets that workflows name are set: {len(users)}.")


def _is_set(secrets: EnvironmentSecrets, name: str) -> bool:
    try:
        secrets.read(name)
    except StepError:
        return False
    return True


def copies(case: Case) -> Iterator[Finding]:
    """Whether what people should see reaches them."""
    failing, dead = _read(case, health.failing), _read(case, health.dead)
    if failing is None or dead is None:
        return
    if failing.count:
        yield warning(
            "work.copies",
            f"Copies that could not be shown so far: {_counted(failing)}",
            "See to what they say; they are tried again by themselves while a server runs.",
        )
    if dead.count:
        yield warning(
            "work.copies",
            f"Copies of open requests that nobody will ever see: {_counted(dead)}",
            "See that these people can be reached, or that others are asked; then cancel and start those runs again.",
        )
    if not failing.count and not dead.count:
        yield ok("work.copies", "No copies fail.")


def addresses(case: Case) -> Iterator[Finding]:
    """Whether mail reaches whom it is for."""
    found = _read(case, health.refused)
    if found is None:
        return
    if found.count:
        yield warning(
            "work.addresses",
            f"Addresses whose mail server refused what was last sent to them: {_counted(found)}",
            "Correct them where workflows name them, or have those mailboxes made.",
        )
    else:
        yield ok("work.addresses", "No address was refused by its mail server.")


def people(case: Case) -> Iterator[Finding]:
    """Whether an older version took the accounts of two people for one person."""
    found = _read(case, health.joined)
    if found is None:
        return
    if found.count:
        yield warning(
            "work.people",
            f"Accounts that an older version of Signoff took for one person: {_counted(found)}",
            "What was decided as one of them then may have been decided by the other. Look at `signoff people show "
            "ACCOUNT`, at who owns their workflows, and at what waits for them.",
        )
    else:
        yield ok("work.people", "No two accounts were taken for one person.")


def attention(case: Case) -> Iterator[Finding]:
    """Whether a run waits for somebody to say what became of a step."""
    found = _read(case, health.attention)
    if found is None:
        return
    if found.count:
        yield warning(
            "work.attention",
            f"Runs whose step may have happened or not, nobody knows: {_counted(found)}",
            "Find out, then: signoff resume RUN done, repeat or stop",
        )
    else:
        yield ok("work.attention", "No run needs attention.")


def unseen(case: Case) -> Iterator[Finding]:
    """Whether requests wait for people who never saw them."""
    before = case.clock.now() - timedelta(days=UNSEEN_DAYS)
    found = _read(case, lambda connection: health.unseen(connection, before=before))
    if found is None:
        return
    if found.count:
        yield warning(
            "work.unseen",
            f"Requests that wait for over {UNSEEN_DAYS} days and that nobody was shown: {_counted(found)}",
            "signoff requests REQUEST says why; start the server if none runs.",
        )
    else:
        yield ok("work.unseen", f"No request waits for over {UNSEEN_DAYS} days without having been shown to anybody.")


def _counted(found: Some) -> str:
    more = f"; and {found.count - len(found.first)} more" if found.count > len(found.first) else ""
    first = "; ".join(one.rstrip(".") for one in found.first)
    return f"{found.count}. {first}{more}."


def _read(case: Case, query: Callable[[Any], Any]) -> Any:
    """What the query gives; None where the database is not one that it can be put to, which is told elsewhere."""
    if database.standing(case) is not Standing.CURRENT:
        return None
    assert isinstance(case.database, Path)
    with health.looking(case.database) as connection:
        return query(connection)


CHECKS: Final = (workflows, copies, addresses, people, attention, unseen)
