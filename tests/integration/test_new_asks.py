"""The answer to a new ask is made from what was written. It is the same that a read gives right after it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from engine.domain import Address, Origin
from engine.domain.asks import Ask, AskContent, Asked, AskStatus, AskUse, AskView
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, open_engine

API: Final = Origin(surface="api", place={"request": "r1"})
BOT: Final = Address("api", "key1")
THREE: Final = f"[{LEE.value}, {SAM.value}, {ANN.value}]"
GATES: Final = {
    "one": f"approvers: [{LEE.value}]",
    "two people": f"approvers: [{LEE.value}, {SAM.value}]",
    "a quorum": f"approvers: {THREE}\n      policy: {{quorum: 2}}",
    "all": f"approvers: {THREE}\n      policy: all",
    "a chain": f"policy: {{chain: [[{LEE.value}, {SAM.value}], [{ANN.value}]]}}",
    "an end": f"approvers: [{LEE.value}]\n      expires: 4h",
    "a title": f"approvers: [{LEE.value}]\n      title: '{{{{ ask.agent }}}} asks for {{{{ ask.arguments.order }}}}'",
    "an account in the title": f"approvers: [{LEE.value}]\n      title: 'Ask <@U012ABCDEF> for it?'",
    "another person": f"approvers: [{LEE.value}]\n      exclude: [requester, editor]",
    "the owner instead": "approvers: [requester]",
    "no gate": "",
}
CONTENTS: Final[dict[str, dict[str, Any]]] = {
    "plain": {},
    "an answer": {"use": AskUse.ANSWER},
    "an id of its own": {"external_id": "theirs", "echo": {"thread": [1, {"n": "12.50"}], "none": None}},
    "editable": {"editable": ("amount", "lines.0.text"), "server": "https://tools.example.com", "tool": None},
    "a time": {"expires_in": timedelta(seconds=90)},
    "deep": {
        "arguments": {"amount": 12, "list": [[1, 2.50], {"a": None, "b": True}], "text": "é\u2028\n", "big": 2**70}
    },
}


def workflow(gate: str) -> str:
    asks = f"    gate:\n      {gate}\n" if gate else ""
    return f"name: approvals\nowner: {SAM.value}\nsteps:\n  - id: call\n    uses: ask\n{asks}"


@pytest.mark.each_variation
@pytest.mark.parametrize("gate", GATES)
async def test_a_new_ask_is_answered_as_it_is_read(gate: str, tmp_path: Path, open_database: OpenStore) -> None:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        await env.register(workflow(GATES[gate]))
        for name, parts in CONTENTS.items():
            arguments = {"amount": 12, "order": "A-1", "lines": [{"text": "One"}]}
            content = AskContent(**{"title": f"Refund {name}", "tool": "refund", "arguments": arguments, **parts})
            command = Ask(content=content, actor=BOT, agent="Support agent", origin=API, key=name)
            result = await env.engine.ask_with_view(command)
            assert isinstance(result, tuple), result
            asked, view = result
            assert asked == Asked(run=view.id, created=True, status=view.status)
            assert (view.status is AskStatus.PENDING) == (gate != "no gate")
            assert view == await env.engine.ask_view(asked.run, BOT)
            again = await env.engine.ask_with_view(command)
            assert again == (Asked(run=view.id, created=False, status=view.status), view)
            env.pass_time(seconds=1)


async def test_an_ask_of_a_person_with_rules_is_answered_as_it_is_read(
    tmp_path: Path, open_database: OpenStore
) -> None:
    rules = f"name: approvals\nowner: {SAM.value}\nrules:\n  - tool: mail\n    gate: {{approvers: [{LEE.value}]}}\n"
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        await env.register(rules)
        content = AskContent(title="Write", tool="mail", arguments={"to": "a@example.com"})
        result = await env.engine.ask_with_view(
            Ask(content=content, actor=BOT, agent="Agent", origin=API, acts_for=LEE)
        )
        assert isinstance(result, tuple), result
        view: AskView = result[1]
        assert view.rule == "rule 1: mail"
        assert view == await env.engine.ask_view(view.id, BOT)
