"""Every check of the verdict can fail: a story that is all right is falsified in one place after another."""

from __future__ import annotations

import asyncio
import copy
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from rich.console import Console

from bot import app, settings
from bot.app import AppOptions
from bot.slack.rate_limit import RateLimiter
from engine.domain import DEFAULT_WORKSPACE
from engine.store import audit_log, schema
from tests.soak import evidence, verdict
from tests.soak.campaign import UNSETTLED
from tests.soak.clients import Clients
from tests.soak.evidence import Call, Claim, Evidence, Shown
from tests.soak.people import People
from tests.soak.world import MULTIPLIER, OWNER, World, world
from tests.support.fakes import FakeClock

PATIENCE: Final = 30.0
Falsify = Callable[[Evidence], None]


# -- the story ----------------------------------------------------------------------------------------------


class Story:
    """A few runs, each of which comes to another end."""

    def __init__(self, here: World, clock: FakeClock) -> None:
        self.here, self.clock = here, clock
        self.clients = Clients(here, random.Random(1), runs=0)
        self.people = People(here, random.Random(2), self.clients)
        self._tokens = iter(range(10_000))

    async def tell(self) -> None:
        await self.clients.register()
        await self._approved()
        await self._edited()
        await self._ends_otherwise()
        self.clock.pass_time(timedelta(seconds=60))
        await self._until(lambda: not self._unsettled())

    async def _approved(self) -> None:
        request = await self._asked("sure")
        await self.people.approve("ada@example.com", request["id"])
        after = await self._asked_after(request["run"])
        await self.clients.decide(after, "approve", plainly=True)

    async def _edited(self) -> None:
        request = await self._asked("unsure")
        await self.people.edit("ben@example.com", request)
        after = await self._asked_after(request["run"])
        await self.people.reject("lee@example.com", after["id"])

    async def _ends_otherwise(self) -> None:
        await self._asked("brief")
        await self._asked("brief-go")
        await self.clients.cancel((await self._asked("sure"))["run"])
        waits = await self._asked("sure")
        cleo = self.here.person(OWNER)
        self.here.evidence.starts["s1"]
        await cleo.command("/signoff run sure token=s1")
        await self._until(lambda: len(self._pending()) == 4)
        (started,) = [row for row in self._pending() if row["name"] == "sure" and row["run"] != waits["run"]]
        await self._shown(started["id"])
        await self.people.reject("ben@example.com", started["id"])

    async def _asked(self, kind: str) -> sqlite3.Row:
        token = next(str(one) for one in self._tokens if self.clients.kind(str(one)) == kind)
        assert await self.clients.start(token)
        (run,) = self.here.evidence.starts[token]
        return await self._asked_after(run)

    async def _asked_after(self, run: str) -> sqlite3.Row:
        await self._until(lambda: any(row["run"] == run for row in self._pending()))
        (request,) = [row for row in self._pending() if row["run"] == run]
        await self._shown(request["id"])
        return request

    async def _shown(self, request: str) -> None:
        people = ("ada@example.com", "ben@example.com", "lee@example.com")
        await self._until(lambda: all(self.here.copy(email, request) for email in people))

    def _pending(self) -> list[sqlite3.Row]:
        return self.here.evidence.rows(
            "SELECT request.*, workflow.name FROM request JOIN run ON run.id = request.run "
            "JOIN workflow ON workflow.id = run.workflow WHERE state = 'pending'"
        )

    def _unsettled(self) -> list[sqlite3.Row]:
        return self.here.evidence.rows(UNSETTLED)

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():  # noqa: ASYNC110 what is waited for is in tables
                await asyncio.sleep(0.02)


async def tell(database: Path) -> Evidence:
    clock = FakeClock()
    async with world(database) as here:
        chosen = settings.load(here.settings())
        options = AppOptions(
            settings=chosen,
            environment={},
            console=Console(quiet=True),
            clock=clock,
            slack_limiter=RateLimiter(multiplier=MULTIPLIER),
        )
        async with app.open_server(options):
            await Story(here, clock).tell()
        with schema.reading(database) as connection:
            here.evidence.export = "".join(f"{line}\n" for line in audit_log.export(connection, DEFAULT_WORKSPACE))
        here.evidence.messages = list(evidence.messages(here.slack.world))
        return here.evidence


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return asyncio.run(tell(tmp_path_factory.mktemp("story") / "signoff.db"))


@pytest.fixture
def found(told: Evidence, tmp_path: Path) -> Evidence:
    """A copy of it to falsify."""
    database = tmp_path / "signoff.db"
    shutil.copy(told.database, database)
    with closing(sqlite3.connect(database)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
    return replace(copy.deepcopy(told), database=database)


def test_a_story_that_is_all_right_has_no_findings(found: Evidence) -> None:
    assert verdict.findings(found) == []
    statuses = sorted(run["status"] for run in found.runs.values())
    assert statuses == ["cancelled", "expired", "rejected", "rejected", "succeeded", "succeeded", "waiting"]
    assert {claim.how for claim in found.claims} == {"click", "modal", "socket"}
    assert len(found.calls) == 3


# -- what is falsified --------------------------------------------------------------------------------------


def sql(*statements: str) -> Falsify:
    """Rows as they must never be."""

    def falsify(found: Evidence) -> None:
        with closing(sqlite3.connect(found.database)) as connection:
            changed = sum(connection.execute(statement).rowcount for statement in statements)
            connection.commit()
        assert changed, "nothing was falsified"

    return falsify


def a_start_is_lost(found: Evidence) -> None:
    next(told for told in found.starts.values() if told).add("another")


def a_start_is_nobodys(found: Evidence) -> None:
    del found.starts["s1"]


def nobody_asked(found: Evidence) -> None:
    found.asked.clear()


def a_click_decided_nothing(found: Evidence) -> None:
    claim = next(one for one in found.claims if one.how == "click")
    found.claims.append(replace(claim, decision="another"))


def a_modal_said_other_words(found: Evidence) -> None:
    claim = next(one for one in found.claims if one.edits)
    found.claims.append(replace(claim, edits={"json.text": "other words"}))


def a_click_was_for_nothing(found: Evidence) -> None:
    found.empty.append(Claim(how="click", request="r", by="ada@example.com", decision=None))


def a_cancel_was_for_nothing(found: Evidence) -> None:
    found.cancelled |= {name for name, run in found.runs.items() if run["status"] == "succeeded"}


def called(change: Callable[[Evidence, Call], list[Call]], workflow: str = "unsure") -> Falsify:
    """The calls of one run, changed."""

    def falsify(found: Evidence) -> None:
        name = next(name for name, run in found.runs.items() if run["name"] == workflow)
        call = next(one for one in found.calls if one.key.startswith(name))
        found.calls = [one for one in found.calls if one is not call] + change(found, call)

    return falsify


def messages(which: Callable[[Evidence, Shown], bool], change: Callable[[Shown], list[Shown]]) -> Falsify:
    """The first message of a kind, changed."""

    def falsify(found: Evidence) -> None:
        one = next(one for one in found.messages if which(found, one))
        found.messages = [other for other in found.messages if other is not one] + change(one)

    return falsify


def is_copy(kind: str, *, state: str = "") -> Callable[[Evidence, Shown], bool]:
    def is_it(found: Evidence, one: Shown) -> bool:
        rows = found.rows(
            "SELECT delivery.kind, request.state FROM delivery LEFT JOIN request ON request.id = delivery.request "
            "WHERE delivery.id = ?",
            one.delivery,
        )
        return any(row["kind"] == kind and state in (row["state"] or "") for row in rows)

    return is_it


def no_copy_of_the_open_request(found: Evidence) -> None:
    found.messages = [one for one in found.messages if not is_copy("request", state="pending")(found, one)]


def live_buttons(found: Evidence) -> None:
    request = next(one["id"] for one in found.requests.values() if one["state"] == "approved")
    found.messages.append(
        Shown(channel="D", ts="1.0", delivery=None, requests=(request,), runs=(), words="Approve Reject")
    )


def a_line_was_changed(found: Evidence) -> None:
    found.export = found.export.replace("request.approved", "request.rejected", 1)


def the_log_was_cut(found: Evidence) -> None:
    found.heads.append(f"{len(found.export.splitlines()) + 5}:{'0' * 64}")


APPROVED = "(SELECT id FROM request WHERE state = 'approved' LIMIT 1)"
SECOND = (
    "INSERT INTO decision SELECT 'second', workspace, request, content_version, (SELECT id FROM person p WHERE "
    "p.id != decision.person LIMIT 1), verdict, reason, edits, shown_digest, approved_digest, assurance, record, "
    f"decided_at FROM decision WHERE request = {APPROVED}"
)
CASES: Final[dict[str, tuple[str, Falsify]]] = {
    "a start is answered with another run": ("verdict.starts", a_start_is_lost),
    "a run that nobody started": ("verdict.starts", a_start_is_nobodys),
    "one start is two runs": (
        "verdict.starts",
        sql("UPDATE run SET inputs = (SELECT inputs FROM run ORDER BY id LIMIT 1)"),
    ),
    "a run stands still though it is ready": (
        "verdict.runs",
        sql("UPDATE run SET ready_at = started_at WHERE status = 'waiting'"),
    ),
    "a run is leased for ever": (
        "verdict.runs",
        sql("UPDATE run SET lease_until = started_at WHERE status = 'succeeded'"),
    ),
    "a run waits for nobody": (
        "verdict.runs",
        sql("UPDATE request SET state = 'cancelled' WHERE state = 'pending'"),
    ),
    "a run ends while it is asked about": (
        "verdict.runs",
        sql("UPDATE run SET status = 'succeeded', ended_at = started_at WHERE status = 'waiting'"),
    ),
    "a run succeeds without an answer": (
        "verdict.runs",
        sql("UPDATE run SET status = 'succeeded' WHERE status = 'rejected'"),
    ),
    "a run fails though nobody stopped it": (
        "verdict.runs",
        sql("UPDATE run SET status = 'failed' WHERE status = 'succeeded'"),
    ),
    "two decide": ("verdict.decisions", sql(SECOND)),
    "an approval without a decision": ("verdict.decisions", sql(f"DELETE FROM decision WHERE request = {APPROVED}")),
    "a decision that nobody asked for": ("verdict.decisions", nobody_asked),
    "a decision that is not in the log": (
        "verdict.decisions",
        sql("DELETE FROM audit WHERE leaf LIKE '%request.approved%'"),
    ),
    "an acknowledged decision is lost": ("verdict.claims", sql(f"DELETE FROM decision WHERE request = {APPROVED}")),
    "an acknowledged decision becomes another": ("verdict.claims", a_click_decided_nothing),
    "an acknowledged request opens again": (
        "verdict.claims",
        sql("UPDATE request SET state = 'pending' WHERE state = 'approved'"),
    ),
    "edits are lost": ("verdict.claims", a_modal_said_other_words),
    "an acknowledgement without a record": ("verdict.claims", a_click_was_for_nothing),
    "a cancelled run goes on": ("verdict.claims", a_cancel_was_for_nothing),
    "an effect before its approval": ("verdict.effects", called(lambda _, call: [replace(call, approved=False)])),
    "an effect with other content": (
        "verdict.effects",
        called(lambda _, call: [replace(call, body={**call.body, "text": "other"})]),
    ),
    "an effect twice that may not": ("verdict.effects", called(lambda _, call: [call, call])),
    "an effect under two keys": (
        "verdict.effects",
        called(lambda _, call: [call, replace(call, key=f"{call.key[:-1]}2")], "sure"),
    ),
    "an effect of no run": ("verdict.effects", called(lambda _, call: [call, replace(call, key="no:pay:1")])),
    "success without the effect": ("verdict.effects", called(lambda *_: [], "sure")),
    "an effect that was rejected": (
        "verdict.effects",
        sql("UPDATE request SET state = 'rejected' WHERE state = 'approved' AND at = 'before'"),
    ),
    "an approver without a copy": (
        "copies.rows",
        sql("DELETE FROM delivery WHERE id = (SELECT id FROM delivery WHERE kind = 'request' LIMIT 1)"),
    ),
    "a copy that is due": ("copies.rows", sql("UPDATE delivery SET next_at = created_at")),
    "a copy that is dead": ("copies.rows", sql("UPDATE delivery SET state = 'dead' WHERE kind = 'outcome'")),
    "a copy that is behind": ("copies.rows", sql("UPDATE delivery SET wanted_version = 9 WHERE kind = 'request'")),
    "a copy that is missing": ("copies.posts", messages(is_copy("request", state="approved"), lambda _: [])),
    "a copy that stands twice": ("copies.posts", messages(is_copy("request"), lambda one: [one, one])),
    "a copy that nobody knows": (
        "copies.posts",
        messages(is_copy("request"), lambda one: [one, replace(one, delivery="another")]),
    ),
    "a copy that says something else": (
        "copies.posts",
        messages(is_copy("request", state="rejected"), lambda one: [replace(one, words="Approved by Ada")]),
    ),
    "an open copy without buttons": (
        "copies.posts",
        messages(is_copy("request", state="pending"), lambda one: [replace(one, requests=())]),
    ),
    "a skipped copy that stands there": ("copies.posts", sql("UPDATE delivery SET state = 'skipped'")),
    "live buttons on a decided request": ("copies.buttons", live_buttons),
    "nobody was asked": ("copies.told", no_copy_of_the_open_request),
    "who started it was not told": ("copies.told", messages(is_copy("outcome"), lambda _: [])),
    "the owner was not told": ("copies.told", messages(is_copy("alert"), lambda _: [])),
    "a line of the log was changed": ("verdict.audit", a_line_was_changed),
    "the log was cut": ("verdict.audit", the_log_was_cut),
    "the log was not exported whole": ("verdict.audit", sql("DELETE FROM audit WHERE seq = 2")),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_found_by_name(found: Evidence, name: str) -> None:
    check, falsify = CASES[name]
    falsify(found)
    # What was looked up before it was falsified is looked up again.
    fresh = replace(found)
    assert check in {one.check for one in verdict.findings(fresh)}


def test_every_check_is_seen_to_fail() -> None:
    assert {check for check, _ in CASES.values()} == {
        f"{check.__module__.rpartition('.')[2]}.{check.__name__}" for check in verdict.CHECKS
    }
