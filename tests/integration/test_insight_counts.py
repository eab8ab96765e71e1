"""The counts of insights: whatever happens, they are those that the tables give, and the same when counted anew."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain import DEFAULT_WORKSPACE, Assurance, Cancel, Undo, Verdict
from engine.errors import ChannelError
from engine.read_models import PageQuery
from engine.store import insight_counts, log_followers
from engine.store.insight_tables import DECIDED, UNDECIDED
from engine.store.port import Tx
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.examples import example_count
from tests.support.recording_channel import Fault

FLOW = """
name: {name}
inputs:
  amount: {{type: integer, default: 10}}
  note: {{type: text, default: Hello}}
steps:
  - id: prepare
    uses: set
    with: {{amount: "{{{{ inputs.amount }}}}"}}
  - id: pay
    uses: set
    with: {{amount: "{{{{ inputs.amount }}}}", note: "{{{{ inputs.note }}}}"}}
    gate:
      title: "Pay {{{{ inputs.amount }}}}?"
      approvers: [lee@example.com, sam@example.com]
{keys}"""
GATES = {
    "plain": "      hold: 5m\n",
    "expires": "      expires: 8h\n",
    "reminds": "      expires: 8h\n      remind: true\n",
    "nags": "      remind: {after: 1h, every: 6h, times: 3}\n",
    "quorum": "      expires: 3d\n      policy: {quorum: 2}\n      remind: {after: 2h}\n",
}
TABLES = (
    *("insight_gate", "insight_times", "insight_hours", "insight_open", "insight_reminder"),
    *("insight_reminded", "insight_field", "insight_copy", "insight_load", "insight_evidence"),
)
ENDED = " + ".join((*DECIDED, *UNDECIDED))
Act: TypeAlias = tuple[str, Any]
ACTS = st.one_of(
    st.tuples(st.just("start"), st.sampled_from([*GATES])),
    st.tuples(st.just("start"), st.sampled_from([*GATES])),
    st.tuples(st.just("approve"), st.integers(0, 9)),
    st.tuples(st.just("edit"), st.integers(0, 9)),
    st.tuples(st.just("reject"), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("undo"), st.none()),
    st.tuples(st.just("break"), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 60 * 14)),
    st.tuples(st.just("wait"), st.integers(1, 60)),
    st.tuples(st.just("follow"), st.none()),
)


async def act(env: EngineEnv, name: str, what: Any) -> None:
    if name == "start":
        await env.start(what)
    elif name == "wait":
        env.pass_time(minutes=what)
    elif name == "break":
        env.channel.queue_faults(Fault(error=ChannelError("no such address", permanent=True)))
    elif name == "follow":
        await env.store.transact(lambda tx: log_followers.follow_log(tx, DEFAULT_WORKSPACE))
    elif name == "undo":
        for request in await env.engine.requests(PageQuery(limit=5)):
            await env.engine.undo(Undo(request=request.id, actor=LEE, origin=TERMINAL, assurance=Assurance.TERMINAL))
    else:
        waiting = await env.engine.requests(PageQuery(open_only=True))
        if waiting:
            await _end(env, name, waiting[what % len(waiting)].run, what)


async def _end(env: EngineEnv, name: str, run: str, what: int) -> None:
    if name == "cancel":
        await env.engine.cancel(Cancel(run=run, actor=ANN, origin=TERMINAL))
        return
    verdict = Verdict.REJECT if name == "reject" else Verdict.APPROVE
    await env.decide(run, verdict, by=(LEE, SAM)[what % 2], edits={"note": f"{what}"} if name == "edit" else None)


async def work(env: EngineEnv) -> None:
    """Do all that is due, but follow the log: what reads it then is as late as the test wants."""
    units = {"advance": env.runner.advance, "deliver": env.relay.deliver, "process_due": env.engine.process_due}
    while works := [work for work in await env.engine.due(env.clock.now()) if not log_followers.is_following(work)]:
        for work in works:
            await units[work.kind](work.id)


async def follow(env: EngineEnv) -> None:
    while await env.store.transact(lambda tx: log_followers.follow_log(tx, DEFAULT_WORKSPACE)):
        pass


async def counted(env: EngineEnv) -> dict[str, list[tuple[Any, ...]]]:
    await follow(env)
    return {table: sorted(await env.rows(f"SELECT * FROM {table}")) for table in TABLES}


def forget(tx: Tx) -> None:
    insight_counts.forget(tx, DEFAULT_WORKSPACE)


async def check(env: EngineEnv) -> None:
    """Compare the counts with the tables, and with the counts that are made anew."""
    maintained = await counted(env)
    await compare_with_tables(env)
    await env.store.transact(forget)
    assert await counted(env) == maintained
    assert all(row[-1] > 0 for row in maintained["insight_open"])


APPROVED = "state = 'approved'"
IS_EDITED = (
    "(content_version > 1 OR EXISTS "
    "(SELECT 1 FROM decision WHERE decision.request = request.id AND approved_digest <> shown_digest))"
)
IS_HELD = "details LIKE '%\"hold\":%'"
IS_OVER = (
    "EXISTS (SELECT 1 FROM audit WHERE audit.run = request.run AND audit.leaf LIKE '%\"request.released\"%' "
    "AND audit.leaf LIKE '%' || request.id || '%')"
)


async def compare_with_tables(env: EngineEnv) -> None:
    requests = await env.rows(
        "SELECT run.workflow, request.step, request.state, count(*) FROM request JOIN run ON run.id = request.run "
        "GROUP BY run.workflow, request.step, request.state"
    )
    truth: Counter[tuple[str, str]] = Counter()
    opened = sum(row[3] for row in requests)
    for _, step, state, count in requests:
        truth[step, state] += count
    sums = "sum(opened), sum(approved), sum(rejected), sum(expired), sum(cancelled), sum(undone), sum(edited)"
    (counts,) = await env.rows(f"SELECT {sums} FROM insight_gate")
    if opened == 0:
        assert counts == (None,) * 7
        return
    pending, undone = truth["pay", "pending"], truth["pay", "undone"]
    ends = tuple(truth["pay", state] for state in ("rejected", "expired", "cancelled"))
    (edited,) = (await env.rows(f"SELECT count(*) FROM request WHERE state IN ('approved', 'undone') AND {IS_EDITED}"))[
        0
    ]
    assert counts == (opened, truth["pay", "approved"] + undone, *ends, undone, edited)
    (waiting,) = await env.rows("SELECT coalesce(sum(requests), 0) FROM insight_open WHERE spell = -1")
    assert waiting == (pending,)
    (ended,) = await env.rows(f"SELECT coalesce(sum({ENDED}), 0) FROM insight_hours")
    assert ended == (opened - pending,)
    (whole,) = await env.rows(f"SELECT coalesce(sum({ENDED}), 0) FROM insight_times WHERE spell = -1")
    assert whole == ended
    (evidence,) = await env.rows("SELECT sum(decided), sum(corrected) FROM insight_evidence")
    # No one decided a request of their own. An approval that can be undone counts once it cannot be, or was.
    (held,) = (await env.rows(f"SELECT count(*) FROM request WHERE {APPROVED} AND {IS_HELD} AND NOT {IS_OVER}"))[0]
    (corrected,) = (
        await env.rows(
            f"SELECT count(*) FROM request WHERE {APPROVED} AND {IS_EDITED} AND (NOT {IS_HELD} OR {IS_OVER})"
        )
    )[0]
    decided = truth["pay", "approved"] - held + undone + truth["pay", "rejected"]
    assert evidence == (decided, truth["pay", "rejected"] + undone + corrected) or not decided
    (load,) = await env.rows("SELECT coalesce(sum(decisions), 0) FROM insight_load")
    assert load == (await env.rows("SELECT count(*) FROM decision"))[0]


async def play(env: EngineEnv, acts: list[Act]) -> None:
    for gate, keys in GATES.items():
        await env.register(FLOW.format(name=gate, keys=keys))
    for name, what in acts:
        env.pass_time(seconds=1)
        await act(env, name, what)
        await work(env)
    await check(env)


@settings(max_examples=example_count(25))
@given(st.lists(ACTS, max_size=30))
def test_counts_are_those_of_the_tables(acts: list[Act]) -> None:
    async def run(folder: Path) -> None:
        async with open_engine(folder / "signoff.db") as env:
            await play(env, acts)

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


SEQUENCE: list[Act] = [
    *[("start", gate) for gate in GATES],
    ("wait", 70),
    ("follow", None),
    ("edit", 0),
    ("approve", 1),
    ("undo", None),
    ("break", None),
    ("start", "nags"),
    ("wait", 420),
    ("approve", 2),
    ("approve", 3),
    ("reject", 1),
    ("wait", 13 * 60),
    ("cancel", 0),
    ("start", "reminds"),
]


async def test_counts_are_those_of_the_tables_on_each_database(tmp_path: Path, open_store: OpenStore) -> None:
    async with open_engine(tmp_path / "signoff.db", open_store=open_store) as env:
        await play(env, SEQUENCE)
