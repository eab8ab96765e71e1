"""The log and the tables agree about every event, and a change in only one of them is found."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.secret_key_file import KeysInSetting
from engine.domain import DEFAULT_WORKSPACE, Address, Cancel, Done, Erase, Erased, Verdict
from engine.domain.api_keys import ApiKeyMade, ApiKeyRevoked, CreateApiKey, RevokeApiKey, RotateApiKey
from engine.domain.secret_commands import DeleteSecret, SecretDeleted, SecretSet, SetSecret
from engine.domain.workflow_commands import ChangeWorkflowState, WorkflowState, WorkflowStateChanged
from engine.server_secrets import ServerSecrets
from engine.service import ApiKeys, Engine, SecretCommands
from engine.store import reconciliation
from engine.store.port import Tx
from engine.store.sqlite_connection import connect
from tests.integration.test_policies import KIM, MIA, decide
from tests.support.databases import OpenStore, on_server
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, UnexpectedError, open_engine

FLOW = """
name: flow
owner: sam@example.com
inputs:
  text: {type: text, default: hello}
steps:
  - id: ask
    uses: played
    with: {text: "{{ inputs.text }}"}
    gate: {approvers: [lee@example.com], edit: [text], expires: 1h}
  - id: more
    uses: set
    with: {text: done}
    gate: {at: after, approvers: [lee@example.com, sam@example.com]}
"""
COUNTED = """
name: counted
owner: sam@example.com
steps:
  - id: ask
    uses: played
    with: {text: hello}
    gate:
      approvers: [lee@example.com, kim@example.com, mia@example.com]
      policy: {quorum: 2}
      exclude: [editor]
      edit: [text]
      expires: 1h
"""
"""A person who changes the content gives no approval with it."""


def differences(path: Path) -> list[str]:
    with closing(connect(path, writable=False)) as connection, connection.snapshot():
        return list(reconciliation.compare(connection, "default"))


async def make_keys(env: EngineEnv) -> None:
    """Make a key that was rotated, one that was revoked, and one of which only its creation is logged."""
    keys = ApiKeys(Engine(env.store, env.advancer, admins=frozenset({SAM}), clock=env.clock))
    for name in ("Rotated", "Revoked", "New"):
        await keys.create(CreateApiKey(name=name, workflows=("flow",), actor=SAM, origin=TERMINAL))
    assert isinstance(await keys.rotate(RotateApiKey(key="Rotated", actor=SAM, origin=TERMINAL)), ApiKeyMade)
    assert isinstance(await keys.revoke(RevokeApiKey(key="Revoked", actor=SAM, origin=TERMINAL)), ApiKeyRevoked)


async def make_secrets(env: EngineEnv) -> None:
    """Make a secret that was replaced, one of a workflow, and one that was deleted."""
    engine = Engine(env.store, env.advancer, admins=frozenset({SAM}), clock=env.clock)
    known, keys = ServerSecrets({}), KeysInSetting((bytes(range(32)),))
    known.connect(env.store, keys, workspace=DEFAULT_WORKSPACE, refresh_seconds=0)
    commands = SecretCommands(engine, known, keys)
    for name, workflow in (("SHOP", None), ("SHOP", None), ("OWN", "flow"), ("GONE", None)):
        command = SetSecret(name=name, value="swordfish-4711", workflow=workflow, actor=SAM, origin=TERMINAL)
        assert isinstance(await commands.set(command), SecretSet)
    assert isinstance(await commands.delete(DeleteSecret(name="GONE", actor=SAM, origin=TERMINAL)), SecretDeleted)


async def change_states(env: EngineEnv) -> None:
    """Make a workflow that is disabled, one that has a new version since, one that is deleted, and one that is back."""
    for name, states, again in (
        ("stopped", [WorkflowState.DISABLED], False),
        ("held", [WorkflowState.DISABLED], True),
        ("gone", [WorkflowState.DISABLED, WorkflowState.DELETED], False),
        ("back", [WorkflowState.DELETED], True),
        ("open", [WorkflowState.DISABLED, WorkflowState.ACTIVE], False),
    ):
        await env.register(FLOW.replace("name: flow", f"name: {name}"))
        for state in states:
            command = ChangeWorkflowState(workflow=name, state=state, actor=SAM, origin=TERMINAL)
            assert isinstance(await env.engine.change_state(command), WorkflowStateChanged)
        if again:
            await env.register(FLOW.replace("name: flow", f"name: {name}").replace("hello", "again"))


async def make_history(env: EngineEnv) -> dict[str, str]:
    """Make a database with a run of every end, and one that waits."""
    await env.register(FLOW)
    await env.register(FLOW.replace("hello", "hello again"))
    await make_keys(env)
    await make_secrets(env)
    await change_states(env)
    runs = {name: await env.start() for name in ("approved", "rejected", "cancelled", "expired", "broken")}
    await env.settle()
    await env.decide(runs["approved"])
    await env.decide(runs["rejected"], Verdict.REJECT)
    assert isinstance(await env.engine.cancel(Cancel(run=runs["cancelled"], actor=SAM, origin=TERMINAL)), Done)
    await env.settle()
    await env.decide(runs["approved"])
    await make_counted(env)
    env.step.play = _broken
    await env.decide(runs["broken"])
    await env.settle()
    env.pass_time(hours=2)
    await env.settle()
    runs["waiting"] = await env.start()
    await env.settle()
    return runs


async def make_counted(env: EngineEnv) -> None:
    """Make runs that several people approve: closed, rejected by a voter, cancelled, changed, expired."""
    for source in (COUNTED, COUNTED.replace("exclude: [editor]", "exclude: []").replace("counted", "edited")):
        await env.register(source)
        name = source.partition("name: ")[2].partition("\n")[0]
        histories: tuple[list[tuple[Address, dict[str, Any] | None]], ...] = (
            [(LEE, {}), (KIM, {})],
            [(LEE, {}), (LEE, None)],
            [(LEE, {}), (MIA, {"text": "changed"})],
            [(LEE, {}), (MIA, {"text": "changed"}), (KIM, {"text": "again"}), (LEE, {}), (SAM, {}), (KIM, {})],
        )
        for doings in histories:
            run = await env.start(name)
            await env.settle()
            for person, edits in doings:
                await decide(env, run, person, Verdict.REJECT if edits is None else Verdict.APPROVE, **(edits or {}))
        run = await env.start(name)
        await env.settle()
        await decide(env, run, LEE, text="changed")
        assert isinstance(await env.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL)), Done)
        await env.settle()


async def _broken(*_: object) -> dict[str, object]:
    raise UnexpectedError("it broke")


async def test_log_and_tables_agree_about_all_events(tmp_path: Path, open_database: OpenStore) -> None:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        await make_history(env)
        assert await env.store.read(lambda connection: [*reconciliation.compare(connection, "default")]) == []


async def test_log_and_tables_of_a_file_agree_while_a_server_works_and_afterwards(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        await make_history(env)
        assert differences(env.path) == []
    assert differences(tmp_path / "signoff.db") == []


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a database with a history, which is made once. Each test changes a copy."""
    folder = tmp_path_factory.mktemp("history")

    async def make() -> None:
        async with open_engine(folder / "signoff.db") as env:
            await make_history(env)

    asyncio.run(make())
    return folder


@pytest.fixture
def path(tmp_path: Path, history: Path) -> Path:
    shutil.copytree(history, tmp_path, dirs_exist_ok=True)
    return tmp_path / "signoff.db"


_NEW_DECISION = (
    "INSERT INTO decision SELECT 'forged', d.workspace, q.id, q.content_version, d.person, 'approved', d.reason, "
    "d.edits, q.digest, q.digest, d.assurance, d.record, d.decided_at FROM decision d, request q "
    "WHERE q.state = 'pending' LIMIT 1"
)
_CHANGED = "request.changed"
_ENTRY = 'DELETE FROM audit WHERE leaf LIKE \'%"kind":"{}"%\''
_ALONE = "request IN (SELECT request FROM decision GROUP BY request HAVING count(*) = 1)"
FORGERIES = {
    "a decision without its entry": (_NEW_DECISION, "decision forged"),
    "a decision whose entry is gone": (_ENTRY.format("request.approved"), "and no entry says so"),
    "an entry without its decision": ("DELETE FROM decision WHERE verdict = 'rejected'", "hold no such decision"),
    "another verdict": (
        f"UPDATE decision SET verdict = 'approved' WHERE verdict = 'rejected' AND {_ALONE}",
        "(approved by person",
    ),
    "another reason": ("UPDATE decision SET reason = 'forged'", "in the tables than entry"),
    "another digest": ("UPDATE decision SET approved_digest = 'forged'", "approved_digest"),
    "other edits": ("""UPDATE decision SET edits = '[{"path":["with"],"after":1}]'""", ": edits"),
    "other digests behind an erasure": (
        "UPDATE decision SET approved_digest = 'forged', reason = NULL, edits = NULL, record = '{}'",
        "were erased in the tables, and not in entry",
    ),
    "other content with the digest of before": (
        "UPDATE request SET content = replace(content, 'hello', 'forged')",
        "is not about what entry",
    ),
    "another decider": (
        f"UPDATE decision SET person = (SELECT id FROM person WHERE id <> decision.person LIMIT 1) WHERE {_ALONE}",
        "in the tables, and no entry says so",
    ),
    "an approval by hand": (
        "UPDATE request SET state = 'approved' WHERE state = 'pending'",
        "is approved in the tables",
    ),
    "an approval taken back": (
        "UPDATE request SET state = 'pending' WHERE state = 'rejected'",
        "waits in the tables",
    ),
    "a vote whose entry is gone": (_ENTRY.format("request.voted"), "and no entry says so"),
    "an entry without its vote": (
        "DELETE FROM decision WHERE id IN (SELECT d.id FROM decision d JOIN request q ON q.id = d.request "
        "WHERE q.state = 'expired')",
        "says request.voted",
    ),
    "an old vote for a new version": (
        "UPDATE decision SET content_version = 2 WHERE content_version = 1 AND request IN "
        "(SELECT request FROM content_change)",
        "content_version",
    ),
    "fewer approvals": ("UPDATE request SET policy = 'any'", "does not need as many approvals"),
    "another number of approvals": ("UPDATE request SET policy = 'quorum:1'", "does not need as many approvals"),
    "a change by another person": (
        "UPDATE content_change SET person = (SELECT id FROM person WHERE id <> content_change.person LIMIT 1)",
        "is not what entry",
    ),
    "another change": ("UPDATE content_change SET edits = '[]'", "is not what entry"),
    "a change without its row": ("DELETE FROM content_change", "and not so in the tables"),
    "a change whose entry is gone": (_ENTRY.format(_CHANGED), "and not so in the tables"),
    "a change of what was changed": (
        "UPDATE request SET content = replace(content, 'changed', 'forged')",
        "is not about what entry",
    ),
    "other content": ("UPDATE request SET digest = 'forged'", "is not about what entry"),
    "a request whose entry is gone": (_ENTRY.format("request.opened"), "no entry says that it was opened"),
    "an entry without its request": ("DELETE FROM request WHERE state = 'pending'", "was opened, and the tables"),
    "a run whose entry is gone": (_ENTRY.format("run.started"), "no entry says that it was started"),
    "an entry without its run": (
        "UPDATE run SET id = 'x' WHERE id = (SELECT min(id) FROM run)",
        "the tables hold no such run",
    ),
    "a run ended by hand": (
        "UPDATE run SET status = 'succeeded', ended_at = started_at WHERE ended_at IS NULL",
        "is succeeded in the tables, and no entry",
    ),
    "a run begun again by hand": ("UPDATE run SET ended_at = NULL, status = 'running'", "ended by its entries"),
    "another file of a workflow": ("UPDATE workflow_version SET source = 'x'", "not the one that was registered"),
    "another file with its hash": (
        "UPDATE workflow_version SET source = CAST('x' AS BLOB), "
        "hash = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'",
        "not the one that was registered",
    ),
    "a version that nobody registered": (
        "INSERT INTO workflow_version SELECT workflow, 7, source, hash, registered_by, registered_at "
        "FROM workflow_version LIMIT 1",
        "no entry says that it was registered",
    ),
    "a version that is gone": ("DELETE FROM workflow_version WHERE version = 1", "and the tables do not hold it"),
    "a key that no one created": (
        "UPDATE api_key SET id = 'forged' WHERE name = 'New'",
        "API key forged is in the tables, and no entry says that it was created",
    ),
    "a key that is gone": ("DELETE FROM api_key WHERE name = 'New'", "was created, and the tables do not hold it"),
    "a key with another text": (
        "UPDATE api_key SET hash = previous_hash WHERE name = 'Rotated'",
        "the text of API key",
    ),
    "a key that may do more": ("UPDATE api_key SET workflows = NULL WHERE name = 'New'", "may not do what entry"),
    "a key that acts for another": (
        "UPDATE api_key SET acts_for = 'eve@example.com' WHERE name = 'New'",
        "acts for another person than entry",
    ),
    "a revoked key that works again": (
        "UPDATE api_key SET revoked_at = NULL WHERE name = 'Revoked'",
        "was revoked by its entries, and works in the tables",
    ),
    "a key that is revoked by hand": (
        "UPDATE api_key SET revoked_at = created_at WHERE name = 'New'",
        "is revoked in the tables, and no entry says so",
    ),
    "a disabled workflow that starts again": (
        "UPDATE workflow SET state = 'active' WHERE name = 'held'",
        "the workflow held is active in the tables, and disabled by its entries",
    ),
    "a deleted workflow that is there again": (
        "UPDATE workflow SET state = 'active' WHERE name = 'gone'",
        "the workflow gone is active in the tables, and deleted by its entries",
    ),
    "a workflow that was stopped by hand": (
        "UPDATE workflow SET state = 'disabled' WHERE name = 'back'",
        "the workflow back is disabled in the tables, and active by its entries",
    ),
    "an older version that runs again": (
        "UPDATE workflow SET version = 1 WHERE name = 'flow'",
        "the workflow flow runs version 1, and version 2 by its entries",
    ),
    "a workflow of another owner": (
        "UPDATE workflow SET owner = (SELECT id FROM person WHERE id <> workflow.owner LIMIT 1) WHERE name = 'flow'",
        "the workflow flow belongs to another person than entry",
    ),
    "a workflow that a role owns": (
        "UPDATE workflow SET owner_rule = 'role:thieves' WHERE name = 'flow'",
        "the workflow flow belongs to role:thieves, and entry",
    ),
    "a secret that no one set": (
        "UPDATE secret SET name = 'FORGED' WHERE name = 'SHOP' AND ended_at IS NULL",
        "the secret FORGED is in the tables, and no entry says that it was set",
    ),
    "a secret that is gone": (
        "DELETE FROM secret WHERE name = 'OWN'",
        "says that the secret OWN of flow was set, and the tables do not hold it",
    ),
    "a secret for all workflows": (
        "UPDATE secret SET workflow = NULL WHERE name = 'OWN'",
        "the secret OWN is in the tables, and no entry says that it was set",
    ),
    "a deleted secret that counts again": (
        "UPDATE secret SET ended_at = NULL WHERE name = 'GONE'",
        "the secret GONE was deleted by entry",
    ),
    "an old value that counts again": (
        "UPDATE secret SET ended_at = NULL WHERE name = 'SHOP'",
        "the secret SHOP counts twice in the tables",
    ),
    "a secret set by another person": (
        "UPDATE secret SET set_by = (SELECT id FROM person WHERE id <> secret.set_by LIMIT 1) WHERE name = 'OWN'",
        "the secret OWN of flow was set by another person than entry",
    ),
    "no log at all": ("DELETE FROM audit", "it was removed"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_change_of_the_tables_or_the_log_is_named(path: Path, name: str) -> None:
    statement, message = FORGERIES[name]
    with closing(sqlite3.connect(path)) as file, file:
        for (trigger,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f"DROP TRIGGER {trigger}")
        assert file.execute(statement).rowcount > 0
    differing = differences(path)
    assert any(message in difference for difference in differing), differing


async def test_a_change_of_the_tables_or_the_log_of_a_server_is_named(postgres_database: str) -> None:
    class Undone(Exception):
        """Rolls a forgery back."""

    def forge(statement: str) -> Callable[[Tx], None]:
        def unit(tx: Tx) -> None:
            # What the owner of a server can do: no trigger and no reference holds.
            tx.connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            assert tx.connection.exec_driver_sql(statement).rowcount > 0
            raise Undone([*reconciliation.compare(tx.connection, "default")])

        return unit

    async with open_engine(Path("unused"), open_store=on_server(postgres_database)) as env:
        await make_history(env)
        for name, (statement, message) in FORGERIES.items():
            with pytest.raises(Undone) as undone:
                await env.store.transact(forge(statement.replace("CAST('x' AS BLOB)", "'x'")))
            assert any(message in difference for difference in undone.value.args[0]), (name, undone.value.args[0])
        assert await env.store.read(lambda connection: [*reconciliation.compare(connection, "default")]) == []


def empty_the_log(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("DROP TRIGGER audit_kept")
        file.execute("DELETE FROM audit")
        file.execute("PRAGMA application_id = 0")
    Path(f"{path}.head").unlink()  # Otherwise the change would be noticed when the file is opened.


async def test_a_log_that_begins_anew_is_named_once(path: Path) -> None:
    """The log is emptied, and then a server writes a new chain, which is valid by itself."""
    empty_the_log(path)
    async with open_engine(path) as env:
        env.pass_time(days=30)
        await env.decide(await env.start())
    differing = [difference for difference in differences(path) if "was begun anew" in difference]
    assert len(differing) == 1
    assert "the tables hold runs from before that" in differing[0]


async def test_many_runs_are_compared_page_by_page(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        await env.register(FLOW)
        for _ in range(2 * reconciliation.PAGE + 1):
            last = await env.start()
    with closing(sqlite3.connect(tmp_path / "signoff.db")) as file, file:
        file.execute("UPDATE request SET digest = 'forged' WHERE run = ?", (last,))
    assert len(differences(tmp_path / "signoff.db")) == 1


def everything(folder: Path) -> bytes:
    """Return all bytes of the database and of the files beside it."""
    return b"".join(file.read_bytes() for file in folder.glob("signoff.db*") if file.is_file())


async def test_nothing_of_votes_and_changes_is_left_in_the_file_after_an_erasure(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        await env.register(COUNTED)
        run = await env.start("counted")
        await env.settle()
        await decide(env, run, LEE)
        await decide(env, run, MIA, text="Mallory lives in Kiel")
        await decide(env, run, KIM)
        await decide(env, run, LEE)
        admin = Engine(env.store, env.advancer, admins=frozenset({SAM}))
        erased = await admin.erase(Erase(run=run, reason="asked to", actor=SAM, origin=TERMINAL))
        assert isinstance(erased, Erased)
        assert differences(env.path) == []
    left = everything(tmp_path)
    # The reason of each decision was "because".
    assert [text for text in (b"Mallory", b"because") if text in left] == []
