"""Checks of secrets: whether those that workflows name are set, and can be decrypted here."""

from __future__ import annotations

from collections.abc import Iterator

from bot import secret_key_file
from bot.doctor import workload
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, ok, problem, warning
from bot.key_file import KeyUnusable
from bot.step_types import load_step_types
from engine import workflowfile
from engine.domain import DEFAULT_WORKSPACE
from engine.errors import DefinitionError, PluginError, StepError
from engine.secret_keys import SecretKeys
from engine.server_secrets import ServerSecrets
from engine.store import health, secrets
from engine.store.secrets import StoredSecret
from engine.system import SECRET_PREFIX
from engine.workflowfile import secret_names

_SET_IT = "Set it: signoff secret set {name}. Runs fail at that step without it."


def named_secrets(context: CheckContext) -> Iterator[Finding]:
    """Check that every secret that a step names is set. The check of triggers looks at those of webhooks."""
    users = _users(context)
    if users is None:
        return
    known = known_secrets(context)
    missing = {name: of for name, of in sorted(users.items()) if not all(_is_set(known, name, one) for one, _ in of)}
    for name, of in missing.items():
        workflows = [f"{workflow} {version}" for workflow, version in of if not _is_set(known, name, workflow)]
        said = f"The secret {name} is not set; workflows that name it: {', '.join(workflows)}."
        yield problem("workflows.secrets", said, _SET_IT.format(name=name))
    if users and not missing:
        yield ok("workflows.secrets", f"All secrets that workflows name are set: {len(users)}.")


def stored_secrets(context: CheckContext) -> Iterator[Finding]:
    """Check that this server can decrypt the secrets in the database, and which of two values counts."""
    rows = _rows(context)
    if not rows:
        return
    try:
        keys = secret_key_file.keys_of(context.settings).load()
    except KeyUnusable as error:
        said, _, advice = str(error).partition(". ")
        yield problem("workflows.secrets", f"{said}.", advice)
        return
    closed = sorted({row.place.name for row in rows if keys.open(row.sealed, row.place) is None})
    if closed:
        said = f"No key of this server decrypts the secrets {', '.join(closed)}."
        yield problem("workflows.secrets", said, "Give it the key that they were set with, or set them again.")
    twice = sorted({row.place.name for row in rows if context.environment.get(SECRET_PREFIX + row.place.name)})
    for name in twice:
        said = f"The secret {name} is set in the database and in the environment. That in the database counts."
        yield warning("workflows.secrets", said, f"Remove {SECRET_PREFIX}{name} from the environment.")


def known_secrets(context: CheckContext) -> ServerSecrets:
    """Return the secrets as a server with these settings knows them."""
    known = ServerSecrets(context.environment)
    try:
        keys = secret_key_file.keys_of(context.settings).load()
    except KeyUnusable:
        keys = SecretKeys()
    known.learn(_rows(context), keys)
    return known


def _rows(context: CheckContext) -> list[StoredSecret]:
    return workload.read(context, lambda connection: secrets.load_current(connection, DEFAULT_WORKSPACE)) or []


def _users(context: CheckContext) -> dict[str, list[tuple[str, int]]] | None:
    """Return the secrets that steps name, each with the versions of workflows that do."""
    sources = workload.read(context, health.workflow_sources)
    if sources is None:
        return None
    try:
        kinds = load_step_types(context.settings)
    except PluginError:
        return None
    users = dict[str, list[tuple[str, int]]]()
    for source in sources:
        try:
            workflow = workflowfile.load(source.source, kinds=kinds, registered=True)
        except DefinitionError:
            continue
        for name in secret_names.of_steps(workflow):
            users.setdefault(name, []).append((source.name, source.version))
    return users


def _is_set(known: ServerSecrets, name: str, workflow: str) -> bool:
    try:
        known.read(name, workflow)
    except StepError:
        return False
    return True


CHECKS = (named_secrets, stored_secrets)
