"""The same work on LangGraph with its PostgreSQL checkpointer: a program for a virtual environment with LangGraph.

It imports nothing of Signoff: `bot.devtools.bench.langgraph` installs the packages and runs this file. Arguments: the
database as libpq takes it, and the texts as JSON. It prints a line when it is ready. Then each line of its input is a
round, which it answers with the seconds that the round took:

    {"count": 1000, "clients": 64, "checkpointers": 64, "durability": "sync"}
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from typing import Any, TypedDict

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

CONNECTIONS = 16
"""Connections of the pool. More make it no faster."""


class State(TypedDict, total=False):
    order: str
    note: str
    answer: str


def prepare(state: State) -> State:
    """Prepare the parameters, as the first step does."""
    return {"order": state["order"]}


def review(state: State) -> State:
    """Wait for an approver, and take over what the approver edited."""
    question = {"title": f"Order {state['order']}?", "order": state["order"], "note": state["note"]}
    edits = interrupt({**question, "approvers": ["ann@example.com", "lee@example.com"]})
    return {"order": edits["order"], "note": state["note"]}


def finish(state: State) -> State:
    """Do what was approved."""
    return {"answer": state["order"]}


def compile_graph(checkpointer: AsyncPostgresSaver) -> Any:
    """Return the graph of three nodes."""
    graph = StateGraph(State)
    graph.add_node("prepare", prepare)
    graph.add_node("review", review)
    graph.add_node("finish", finish)
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "review")
    graph.add_edge("review", "finish")
    graph.add_edge("finish", END)
    return graph.compile(checkpointer=checkpointer)


async def run_lifecycle(graph: Any, texts: dict[str, str], durability: Any) -> None:
    """Start a run, which waits for an approver; then approve it with an edit, and wait for its end."""
    config = {"configurable": {"thread_id": str(uuid.uuid4())}}
    started = await graph.ainvoke({"order": texts["order"], "note": texts["note"]}, config, durability=durability)
    assert started["__interrupt__"]
    ended = await graph.ainvoke(Command(resume={"order": texts["edited"]}), config, durability=durability)
    assert ended["answer"] == texts["edited"]


async def run_round(graphs: list[Any], texts: dict[str, str], *, count: int, clients: int, durability: str) -> float:
    """Run lifecycles of many clients, and return the seconds. Client n uses graph n modulo their number."""
    remaining = iter(range(count))

    async def client(graph: Any) -> None:
        for _ in remaining:
            await run_lifecycle(graph, texts, durability)

    started = time.perf_counter()
    await asyncio.gather(*(client(graphs[number % len(graphs)]) for number in range(clients)))
    return time.perf_counter() - started


async def main(address: str, texts: str) -> None:
    """Run rounds until the end of the input."""
    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}  # as the checkpointer requires
    async with AsyncConnectionPool(
        address, min_size=CONNECTIONS, max_size=CONNECTIONS, kwargs=options, open=False
    ) as pool:
        await AsyncPostgresSaver(pool).setup()
        answer("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            wanted = json.loads(line)
            graphs = [compile_graph(AsyncPostgresSaver(pool)) for _ in range(wanted.pop("checkpointers"))]
            answer(str(await run_round(graphs, json.loads(texts), **wanted)))


def answer(line: str) -> None:
    """Write a line to the process that started this one."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
