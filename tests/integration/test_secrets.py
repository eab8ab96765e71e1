"""Secrets in the database: who sets them, which one counts, how they are encrypted anew, on every database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from bot.secret_key_file import KeysInFile, KeysInSetting, keys_path
from engine.domain import DEFAULT_WORKSPACE, NotAllowed, NotFound, Refusal, Register, Registered, RunStatus
from engine.domain.secret_commands import (
    LONGEST_SECRET,
    OLD_VALUES_KEPT,
    DeleteSecret,
    InvalidSecret,
    NoSecretKey,
    RotateSecrets,
    SecretDeleted,
    SecretSet,
    SecretsRotated,
    SetSecret,
)
from engine.errors import DefinitionError, StepError
from engine.secret_keys import KeysOfSecrets
from engine.server_secrets import ServerSecrets
from engine.service import Engine, SecretCommands
from engine.store import secrets
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, open_engine

VALUE, OTHER = "swordfish-4711", "halibut-0815"
FLOW = """
name: flow
owner: sam@example.com
steps: [{id: act, uses: played, with: {headers: {a: "{{ secret.BANK }}"}}}]
"""


class SecretsEnv:
    """Two processes on one database: that of `env`, and another one."""

    def __init__(self, env: EngineEnv, path: Path) -> None:
        self.env = env
        env.engine = Engine(env.store, env.advancer, admins=frozenset({SAM}), clock=env.clock)
        self.keys: KeysOfSecrets = KeysInFile(keys_path(path))
        known = env.advancer.secrets
        assert isinstance(known, ServerSecrets)
        self.known = known
        known.connect(env.store, self.keys, workspace=DEFAULT_WORKSPACE, refresh_seconds=0)
        self.commands = SecretCommands(env.engine, known, self.keys)

    def another(self, keys: KeysOfSecrets | None = None) -> tuple[ServerSecrets, SecretCommands]:
        """Return what another process has, with the same keys or others."""
        known, keys = ServerSecrets({}), keys or self.keys
        known.connect(self.env.store, keys, workspace=DEFAULT_WORKSPACE, refresh_seconds=0)
        return known, SecretCommands(self.env.engine, known, keys)

    async def set(self, value: str = VALUE, *, name: str = "BANK", **how: Any) -> SecretSet | Refusal:
        return await self.commands.set(
            SetSecret(**{"name": name, "value": value, "actor": SAM, "origin": TERMINAL, **how})
        )

    async def delete(self, name: str = "BANK", **how: Any) -> SecretDeleted | Refusal:
        return await self.commands.delete(DeleteSecret(**{"name": name, "actor": SAM, "origin": TERMINAL, **how}))

    async def rotate(self, commands: SecretCommands | None = None) -> SecretsRotated | Refusal:
        return await (commands or self.commands).rotate(RotateSecrets(actor=SAM, origin=TERMINAL))

    async def entries(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the entries about secrets: their kinds and contents."""
        rows = await self.env.rows("SELECT leaf, content FROM audit ORDER BY seq")
        read: list[tuple[Any, Any]] = [(json.loads(leaf)["kind"], json.loads(content)) for leaf, content in rows]
        return [(str(kind), content) for kind, content in read if str(kind).startswith("secret.")]


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[SecretsEnv]:
    environment = {"BANK": "of the environment", "ONLY_HERE": "of the environment too"}
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, secrets=environment) as env:
        yield SecretsEnv(env, tmp_path / "signoff.db")


async def test_a_value_counts_before_the_environment_and_is_nowhere_in_clear(env: SecretsEnv) -> None:
    assert env.known.read("BANK", "flow") == "of the environment"
    made = await env.set()
    assert isinstance(made, SecretSet)
    assert (made.view.name, made.view.workflow, made.view.set_by) == ("BANK", None, "sam@example.com")
    assert (made.replaced, made.in_environment) == (False, True)
    assert env.known.read("BANK", "flow") == VALUE
    assert env.known.read("ONLY_HERE") == "of the environment too"
    rows = await env.env.rows("SELECT * FROM secret")
    assert len(rows) == 1
    assert VALUE not in repr(rows)
    assert await env.entries() == [("secret.set", {"name": "BANK", "workflow": None, "actor_name": "sam@example.com"})]


async def test_a_workflow_gets_its_own_secret_and_never_that_of_another(env: SecretsEnv) -> None:
    await env.env.register(FLOW)
    await env.set(OTHER, workflow="flow")
    assert env.known.read("BANK", "flow") == OTHER
    assert env.known.read("BANK", "other") == env.known.read("BANK") == "of the environment"
    await env.set(VALUE)
    assert [env.known.read("BANK", name) for name in ("flow", "other", "")] == [OTHER, VALUE, VALUE]
    await env.set(OTHER, name="OWN", workflow="flow")
    with pytest.raises(StepError, match=r"The secret OWN is not set\. An admin .* signoff secret set OWN"):
        env.known.read("OWN", "other")
    views = await env.commands.views()
    assert [(view.name, view.workflow) for view in views] == [("BANK", None), ("BANK", "flow"), ("OWN", "flow")]


async def test_a_step_is_called_with_the_value_and_its_use_is_noted(env: SecretsEnv) -> None:
    await env.env.register(FLOW)
    await env.set()
    assert [view.used_at for view in await env.commands.views()] == [None]
    env.env.step.play = echo
    run = await env.env.start()
    await env.env.settle()
    view = await env.env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert view.steps[0].output == {"said": "I got (secret BANK)"}
    assert [view.used_at for view in await env.commands.views()] == [env.env.clock.now()]


async def echo(params: Any, context: object) -> dict[str, object]:
    assert params.headers["a"] in (VALUE, OTHER)
    return {"said": f"I got {params.headers['a']}"}


async def test_another_process_uses_a_new_value_without_a_restart(env: SecretsEnv) -> None:
    known, commands = env.another()
    await commands.load()
    await env.set()
    with pytest.raises(StepError):
        known.read("BANK")
    await known.prepare(["BANK"], "flow")
    assert known.read("BANK") == VALUE


async def test_old_values_are_masked_for_as_long_as_a_server_may_repeat_them(env: SecretsEnv) -> None:
    await env.set()
    replaced = await env.set(OTHER)
    assert isinstance(replaced, SecretSet)
    assert replaced.replaced
    await env.delete()
    known, commands = env.another()
    await commands.load()
    assert known.redact(f"{VALUE}, {OTHER}") == "(secret BANK), (secret BANK)"
    env.env.pass_time(seconds=(OLD_VALUES_KEPT + timedelta(seconds=1)).total_seconds())
    later, commands = env.another()
    await commands.load()
    assert await env.env.rows("SELECT * FROM secret") == []
    assert later.redact(VALUE) == VALUE
    assert known.redact(VALUE) == "(secret BANK)", "a process that has known it never tells it"


async def test_deleting_says_which_workflows_use_it_and_what_they_use_now(env: SecretsEnv) -> None:
    await env.env.register(FLOW)
    await env.env.register(FLOW.replace("flow", "own"))
    await env.env.register(FLOW.replace("flow", "without").replace("BANK", "BANKER"))
    await env.set()
    await env.set(OTHER, workflow="own")
    deleted = await env.delete()
    assert isinstance(deleted, SecretDeleted)
    assert (deleted.used_by, deleted.instead) == (("flow",), "environment")
    await env.set()
    deleted = await env.delete(workflow="own")
    assert isinstance(deleted, SecretDeleted)
    assert (deleted.used_by, deleted.instead) == (("own",), "workspace")
    await env.set(name="BANKER")
    deleted = await env.delete("BANKER")
    assert isinstance(deleted, SecretDeleted)
    assert (deleted.used_by, deleted.instead) == (("without",), None)
    assert [kind for kind, _ in await env.entries()][-1] == "secret.deleted"
    assert await env.delete("BANKER") == NotFound(what="secret", name="BANKER")
    assert await env.delete(workflow="flow") == NotFound(what="secret", name="BANK")


async def test_only_admins_set_delete_and_encrypt_secrets_and_no_key_is_made_for_others(env: SecretsEnv) -> None:
    assert isinstance(await env.set(actor=LEE), NotAllowed)
    assert isinstance(await env.commands.rotate(RotateSecrets(actor=LEE, origin=TERMINAL)), NotAllowed)
    assert env.keys.load().current is None
    await env.set()
    assert isinstance(await env.delete(actor=LEE), NotAllowed)
    assert len(await env.commands.views()) == 1


@pytest.mark.parametrize(
    ("how", "refusal"),
    [
        ({"name": "bank"}, InvalidSecret(why="name", value="bank")),
        ({"name": ""}, InvalidSecret(why="name", value="")),
        ({"name": "A" * 200}, InvalidSecret(why="name", value="A" * 200)),
        ({"value": ""}, InvalidSecret(why="empty")),
        ({"value": " ab "}, InvalidSecret(why="short")),
        ({"value": "x" * (LONGEST_SECRET + 1)}, InvalidSecret(why="long")),
        ({"workflow": "unknown"}, NotFound(what="workflow", name="unknown")),
    ],
)
async def test_what_cannot_be_set_is_refused(env: SecretsEnv, how: dict[str, Any], refusal: Refusal) -> None:
    assert await env.set(**how) == refusal
    assert await env.env.rows("SELECT * FROM secret") == []


@pytest.mark.parametrize(
    "name",
    [
        "\u0412ANK",
        "\uff22ANK",
        "BANK\n",
        "BANK\0",
        " BANK",
        "BANK\u200b",
        "BA\u0301NK",
        "BANK-1",
        "1BANK",
        "_BANK",
        "BANK=x",
    ],
)
async def test_a_name_that_only_looks_like_another_is_none(env: SecretsEnv, name: str) -> None:
    assert await env.set(name=name) == InvalidSecret(why="name", value=name)
    with pytest.raises(StepError, match="is not set"):
        env.known.read(name, "flow")
    if name.strip() == name and "\n" not in name and "\0" not in name:
        with pytest.raises(DefinitionError):
            await env.env.register(FLOW.replace("BANK", name))


@pytest.mark.parametrize("name", ["PATH", "KEY", "SECRETS_KEY", "SLACK_BOT_TOKEN", "DATABASE_URL", "S_KEY"])
def test_a_secret_named_like_a_setting_reads_no_setting(name: str) -> None:
    settings = {name: "of the machine", f"SIGNOFF_{name}": "a setting", f"SIGNOFF_SECRETS_{name}": "another"}
    with pytest.raises(StepError, match=f"The secret {name} is not set"):
        ServerSecrets(settings).read(name)
    assert ServerSecrets({**settings, f"SIGNOFF_SECRET_{name}": "the secret"}).read(name) == "the secret"


async def test_registering_warns_about_secrets_that_are_not_set(env: SecretsEnv) -> None:
    flow = FLOW.replace("BANK", "SHOP")
    assert await warnings_about(env, flow) == (
        "The secret SHOP is not set. An admin of Signoff has to set it: signoff secret set SHOP",
    )
    await env.set(name="SHOP")
    assert await warnings_about(env, flow.replace("name: flow", "name: flow\ntitle: New")) == ()


async def warnings_about(env: SecretsEnv, source: str) -> tuple[str, ...]:
    registered = await env.env.engine.register(Register(source=source.encode(), actor=SAM, origin=TERMINAL))
    assert isinstance(registered, Registered)
    return registered.warnings


# -- keys ---------------------------------------------------------------------------------------------------


async def test_a_file_gets_a_new_key_and_forgets_the_one_before(env: SecretsEnv, tmp_path: Path) -> None:
    await env.set()
    await env.set(OTHER)
    path = keys_path(tmp_path / "signoff.db")
    before = path.read_text()
    assert await env.rotate() == SecretsRotated(count=2, unreadable=())
    after = path.read_text()
    assert len(after.split()) == 1
    assert after != before
    assert path.stat().st_mode & 0o777 == 0o600
    known, commands = env.another()
    await commands.load()
    assert known.read("BANK") == OTHER
    assert known.redact(VALUE) == "(secret BANK)"
    kind, content = (await env.entries())[-1]
    assert (kind, content["count"]) == ("secret.rotated", 2)


async def test_a_rotation_that_was_cut_off_after_the_new_key_loses_nothing(env: SecretsEnv, tmp_path: Path) -> None:
    await env.set()
    env.keys.add()
    known, commands = env.another()
    await commands.load()
    assert known.read("BANK") == VALUE
    assert await env.rotate() == SecretsRotated(count=1, unreadable=())
    assert len(keys_path(tmp_path / "signoff.db").read_text().split()) == 1


async def test_the_first_key_of_the_setting_encrypts_and_all_of_them_decrypt(env: SecretsEnv) -> None:
    old, new = bytes(range(32)), bytes(range(1, 33))
    _, commands = env.another(KeysInSetting((old,)))
    await commands.set(SetSecret(name="BANK", value=VALUE, actor=SAM, origin=TERMINAL))
    both, commands = env.another(KeysInSetting((new, old)))
    await commands.load()
    assert both.read("BANK") == VALUE
    assert await env.rotate(commands) == SecretsRotated(count=1, unreadable=())
    assert await env.rotate(commands) == SecretsRotated(count=0, unreadable=())
    only, commands = env.another(KeysInSetting((new,)))
    await commands.load()
    assert only.read("BANK") == VALUE


async def test_a_key_that_is_missing_is_named_and_nothing_is_lost(
    env: SecretsEnv, caplog: pytest.LogCaptureFixture
) -> None:
    await env.set()
    known, commands = env.another(KeysInSetting((bytes(range(32)),)))
    await commands.load()
    assert "no key of this server opens the secrets BANK" in caplog.text
    with pytest.raises(StepError, match="The secret BANK is set, but no key of this server opens it"):
        known.read("BANK")
    assert await env.rotate(commands) == SecretsRotated(count=0, unreadable=("BANK",))
    await env.commands.load()
    assert env.known.read("BANK") == VALUE


async def test_without_a_key_in_the_settings_nothing_is_set_on_a_server(env: SecretsEnv) -> None:
    _, commands = env.another(KeysInSetting(()))
    refused = await commands.set(SetSecret(name="BANK", value=VALUE, actor=SAM, origin=TERMINAL))
    assert isinstance(refused, NoSecretKey)
    assert "Set SIGNOFF_SECRETS_KEY" in refused.why
    assert isinstance(await env.rotate(commands), NoSecretKey)


async def test_a_row_that_was_moved_to_another_workflow_is_not_opened(env: SecretsEnv) -> None:
    await env.set()
    rows = await env.env.store.read(lambda connection: secrets.load_all(connection, DEFAULT_WORKSPACE))
    moved = [structs.replace(row, place=replace(row.place, workflow="thief")) for row in rows]
    fresh = ServerSecrets({})
    fresh.learn(moved, env.keys.load())
    with pytest.raises(StepError, match="no key of this server opens it"):
        fresh.read("BANK", "thief")
