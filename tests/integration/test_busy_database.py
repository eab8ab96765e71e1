"""A database that does not answer in time: people are told soon, and what was withdrawn is never saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import insert

from engine.domain import RequestState
from engine.errors import StoreBusy, StoreUnsure
from engine.store import request_queries
from engine.store.port import Store, Tx
from engine.store.punctual import PunctualStore
from engine.store.tables import WorkspaceRow
from engine.system import SystemClock
from tests.support import databases, held_database
from tests.support.databases import OpenStore, names
from tests.support.held_database import Hold
from tests.support.http_service import PATIENCE
from tests.support.slack_env import SlackEnv, ephemeral_texts, expect_ok, open_slack
from tests.support.web_env import open_web

T = TypeVar("T")
SHORT = 0.4
"""Seconds that people wait for the database in these tests."""
NOT_SAVED = "Signoff is very busy, so nothing was saved. Please try again in a minute."


@dataclass(frozen=True)
class Database:
    """A database of a test, and what holds it."""

    path: Path
    open_store: OpenStore
    hold: Hold


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    path = tmp_path / "signoff.db"
    if request.param == "sqlite":
        return Database(path, databases.open_sqlite, held_database.of_file(path))
    url: str = request.getfixturevalue("postgres_database")
    return Database(path, databases.on_server(url), held_database.on_server(url))


def keep(name: str) -> Callable[[Tx], str]:
    def unit(tx: Tx) -> str:
        tx.connection.execute(insert(WorkspaceRow), {"id": name, "name": name, "created_at": tx.now})
        return name

    return unit


# -- the store ----------------------------------------------------------------------------------------------


async def test_a_unit_that_is_not_done_in_time_is_never_saved(database: Database) -> None:
    async with database.open_store(database.path, SystemClock()) as store:
        punctual = PunctualStore(store, patience=SHORT)
        async with database.hold():
            for _ in range(3):
                with pytest.raises(StoreBusy):
                    await punctual.transact(touch("late"))
        await PunctualStore(store, patience=PATIENCE).transact(keep("in time"))
        assert await store.read(names) == {"in time"}


def touch(name: str) -> Callable[[Tx], str]:
    """Return a unit that needs what is held: the requests on a server, or any write to a file."""

    def unit(tx: Tx) -> str:
        request_queries.revisions(tx.connection, "none")
        return keep(name)(tx)

    return unit


class SlowCommits:
    """A `Store` whose commits are confirmed when `confirmed` is set."""

    def __init__(self, store: Store) -> None:
        self._store, self.confirmed = store, asyncio.Event()
        self.read, self.on_commit = store.read, store.on_commit
        self.transact_with_retry = store.transact_with_retry

    async def transact(self, unit: Callable[[Tx], T]) -> T:
        result = await self._store.transact(unit)
        await self.confirmed.wait()
        return result


async def test_a_commit_that_is_not_confirmed_in_time_is_called_unsure(database: Database) -> None:
    async with database.open_store(database.path, SystemClock()) as store:
        slow = SlowCommits(store)
        with pytest.raises(StoreUnsure):
            await PunctualStore(slow, patience=SHORT).transact(keep("saved"))
        slow.confirmed.set()
        assert await store.read(names) == {"saved"}


async def test_more_than_may_wait_are_refused_at_once(database: Database) -> None:
    async with database.open_store(database.path, SystemClock()) as store:
        punctual = PunctualStore(store, patience=PATIENCE, most_waiting=2)
        async with database.hold():
            waiting = [asyncio.ensure_future(punctual.transact(touch(name))) for name in ("first", "second")]
            await asyncio.sleep(0)
            with pytest.raises(StoreBusy):
                await punctual.transact(touch("third"))
        assert await asyncio.gather(*waiting) == ["first", "second"]
        await punctual.transact(keep("fourth"))
        assert await store.read(names) == {"first", "second", "fourth"}


# -- Slack --------------------------------------------------------------------------------------------------


@pytest.fixture
async def slack(database: Database) -> AsyncIterator[SlackEnv]:
    async with open_slack(database.path, "http", open_store=database.open_store, patience=SHORT) as env:
        yield env


async def test_a_click_that_cannot_be_saved_in_time_is_refused_and_counts_when_it_is_repeated(
    slack: SlackEnv, database: Database
) -> None:
    run = await slack.request_approval()
    ada = slack.person("ada")
    async with database.hold():
        ack = await ada.click("Approve")
        assert ack is not None
        assert (ack.status, ack.problem) == (503, "http_service_error")
        await slack.slack.until(lambda: NOT_SAVED in ephemeral_texts(slack.slack, ada))
    assert await slack.state(run) is RequestState.PENDING
    expect_ok(await ada.click("Approve"))
    await slack.settle()
    assert await slack.state(run) is RequestState.APPROVED


async def test_a_form_that_cannot_be_saved_in_time_stays_open_with_what_was_typed(
    slack: SlackEnv, database: Database
) -> None:
    run = await slack.request_approval()
    ada = slack.person("ada")
    expect_ok(await ada.click("Reject"))
    await slack.slack.until(lambda: ada.modal)
    async with database.hold():
        ack = expect_ok(await ada.submit({"Reason": "Not today."}))
        assert ack.body["response_action"] == "errors"
        assert list(ack.body["errors"].values()) == [NOT_SAVED]
    expect_ok(await ada.submit())
    await slack.settle()
    request = await slack.request(run)
    assert request.decision is not None
    assert request.decision.reason == "Not today."


async def test_a_command_that_cannot_be_answered_in_time_says_so(tmp_path: Path, postgres_database: str) -> None:
    # Reading a file does not wait for its writer, so there is no such case with SQLite.
    opener, hold = databases.on_server(postgres_database), held_database.on_server(postgres_database)
    async with open_slack(tmp_path / "unused", "http", open_store=opener, patience=SHORT) as env:
        await env.request_approval()
        async with hold():
            ack = expect_ok(await env.person("ada").command("/signoff pending"))
    assert "Please try again in a minute." in str(ack.body)


# -- pages --------------------------------------------------------------------------------------------------


async def test_a_page_that_cannot_save_in_time_sends_the_same_form_again(database: Database) -> None:
    async with open_web(database.path, open_store=database.open_store, patience=SHORT) as web:
        request = await web.request_approval("      assurance: link\n", body="Dear Kim,")
        browser, page = await web.open_link()
        async with database.hold():
            busy = await browser.send(page.page.form, "reject", reason="Two\nlines & <more>")
        assert (busy.status, busy.headers["Retry-After"]) == (503, "5")
        assert NOT_SAVED in busy.text
        sent = await browser.post(busy.path, busy.page.form.fields, kind=busy.page.form.kind)
        assert sent.status == 200
        decision = (await web.reload(request)).decision
        assert decision is not None
        assert decision.reason == "Two\nlines & <more>"
