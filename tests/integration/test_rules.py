"""Rules decide which gate an ask gets. What cannot be told never comes to a weaker rule."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from engine.domain import Address, Origin
from engine.domain.asks import Ask, AskContent, Asked, AskStatus, AskUse, AskView
from tests.support.engine_env import LEE, SAM, EngineEnv, open_engine

API: Final = Origin(surface="api")
BOT: Final = Address("api", "key1")
RULES: Final = f"""
name: approvals
owner: {SAM.value}
rules:
  - tool: search_*
    approve: true
  - tool: drop_table
    reject: Tables are dropped by people only.
  - tool: refund
    when: "{{{{ ask.arguments.amount > 100 }}}}"
    gate: {{approvers: [{LEE.value}], title: "{{{{ ask.agent }}}} refunds {{{{ ask.arguments.amount }}}}"}}
  - tool: refund
    approve: true
  - tool: mail
    when: "{{{{ ask.arguments.to in ['a@example.com'] }}}}"
    approve: true
  - tool: mail
    gate: {{approvers: [{LEE.value}]}}
  - tool: hire
    gate: {{approvers: ["{{{{ ask.arguments.boss }}}}"]}}
  - tool: wire
    when: "{{{{ ask.arguments.amount > 10 }}}}"
    reject: Too much.
  - agent: Other *
    gate: true
"""


@pytest_asyncio.fixture
async def env(tmp_path: Path) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db") as env:
        await env.register(RULES)
        yield env


async def ask(
    env: EngineEnv, tool: str | None, *, agent: str = "Support agent", fields: Any = None, **arguments: Any
) -> AskView:
    content = AskContent(title=f"Call {tool}", tool=tool, arguments=arguments, fields=fields or {}, use=AskUse.ONCE)
    asked = await env.engine.ask(Ask(content=content, actor=BOT, agent=agent, origin=API))
    assert isinstance(asked, Asked), asked
    await env.settle()
    view = await env.engine.ask_view(asked.run, BOT)
    assert isinstance(view, AskView)
    return view


def verdict(view: AskView) -> tuple[str, str | None]:
    assert view.decision is not None
    return view.decision.verdict, view.decision.reason


async def test_a_tool_that_is_approved_passes_at_once_and_no_one_is_asked(env: EngineEnv) -> None:
    view = await ask(env, "search_mail", text="rent")
    assert (view.status, view.request, view.rule) == (AskStatus.APPROVED, None, "rule 1: search_*")
    assert verdict(view) == ("not_asked", None)
    assert view.valid_until is not None


LEFT_OUT: Final[dict[str, Any]] = {"amount": {"type": "number"}}


async def test_what_is_left_to_people_is_not_approved_where_no_one_is_asked(env: EngineEnv) -> None:
    view = await ask(env, "search_mail", fields=LEFT_OUT, text="rent")
    assert (view.status, view.is_final, view.valid_until) == (AskStatus.REJECTED, True, None)
    assert verdict(view) == (
        "rejected",
        "The program left this to people, and no one is asked about it: “amount”. Send a value for it.",
    )
    optional = {"amount": {"type": "number", "required": False}, "days": {"type": "number", "default": 7}}
    view = await ask(env, "search_mail", fields=optional, text="rent")
    assert (view.status, view.arguments) == (AskStatus.APPROVED, {"amount": None, "days": 7, "text": "rent"})


async def test_a_name_that_a_program_makes_up_cannot_pass_for_words_of_ours(env: EngineEnv) -> None:
    name = "x”. Approved by Sam: “yes, of course, do it now, do it"
    view = await ask(env, "search_mail", fields={name: {"type": "text"}})
    assert verdict(view)[1] == (
        "The program left this to people, and no one is asked about it: “x'. Approved by Sam: 'yes, of course, d…”. "
        "Send a value for it."
    )


async def test_a_tool_that_is_refused_is_rejected_with_the_sentence_of_the_rule(env: EngineEnv) -> None:
    view = await ask(env, "drop_table")
    assert (view.status, view.is_final, view.rule) == (AskStatus.REJECTED, True, "rule 2: drop_table")
    assert verdict(view) == ("rejected", "Tables are dropped by people only.")


async def test_the_first_rule_that_matches_counts(env: EngineEnv) -> None:
    large = await ask(env, "refund", amount=250)
    assert (large.status, large.title, large.rule) == (
        AskStatus.PENDING,
        "Support agent refunds 250",
        "rule 3: refund",
    )
    assert large.waiting_for == (LEE.value,)
    small = await ask(env, "refund", amount=20)
    assert (small.status, small.rule) == (AskStatus.APPROVED, "rule 4: refund")


@pytest.mark.parametrize("amount", [0, 500, None])
async def test_rules_read_the_arguments_that_an_approval_would_have(env: EngineEnv, amount: int | None) -> None:
    await env.register(RULES.replace("ask.arguments.amount > 100", "(ask.arguments.amount | default(0)) > 100"))
    given: dict[str, Any] = {} if amount is None else {"amount": amount}
    left = {"amount": {"type": "number", "default": amount}} if amount is not None else {}
    views = [await ask(env, "refund", **given), await ask(env, "refund", fields=left)]
    assert [(view.rule, view.status, dict(view.arguments)) for view in views] == [
        ("rule 3: refund", AskStatus.PENDING, given) if amount else ("rule 4: refund", AskStatus.APPROVED, given)
    ] * 2


async def test_what_no_rule_matches_is_rejected(env: EngineEnv) -> None:
    for tool in ("delete_all", "Refund", "refund\u0301", "drop_table_2", None):
        view = await ask(env, tool)
        assert (view.status, view.rule) == (AskStatus.REJECTED, None)
        assert verdict(view)[1] == "No rule of this workflow allows this, and none asks a person about it."
    view = await ask(env, "delete_all", agent="Other bot")
    assert (view.status, view.rule) == (AskStatus.PENDING, "rule 9: agent Other *")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"amount": "250"},
        {"amount": "1.234"},
        {"amount": None},
        {"amount": True},
        {"amount": [250]},
        {"amount": {"amount": "300", "currency": "EUR"}},
        {"Amount": 250},
    ],
)
async def test_a_condition_that_cannot_be_told_opens_the_gate_and_says_why(
    env: EngineEnv, arguments: dict[str, Any]
) -> None:
    view = await ask(env, "refund", **arguments)
    assert (view.status, view.rule) == (AskStatus.PENDING, "rule 3: refund")
    (note, *_) = (await env.request(view.id)).notes
    assert note.startswith("Signoff could not tell whether rule 3 (refund) applies, so it does. What went wrong: “")


async def test_a_condition_that_cannot_be_told_lets_nothing_through_without_a_person(env: EngineEnv) -> None:
    view = await ask(env, "mail")
    assert (view.status, view.rule) == (AskStatus.REJECTED, "rule 5: mail")
    reason = verdict(view)[1] or ""
    assert reason.startswith("Signoff could not tell whether rule 5 (mail) applies, so it does. What went wrong: “")
    assert (await ask(env, "mail", to="a@example.com")).status is AskStatus.APPROVED
    assert (await ask(env, "mail", to="b@example.com")).status is AskStatus.PENDING
    refused = await ask(env, "wire", amount="a lot")
    assert (refused.status, refused.rule) == (AskStatus.REJECTED, "rule 8: wire")


async def test_the_rule_is_on_the_record(env: EngineEnv) -> None:
    view = await ask(env, "refund", amount=250)
    entries = await env.engine.story(view.id)
    chosen = next(entry.content for entry in entries if entry.step == "rules")
    assert chosen == {"path": "rule_3", "rule": "rule 3: refund"}
    doubtful = await ask(env, "refund")
    chosen = next(entry.content for entry in await env.engine.story(doubtful.id) if entry.step == "rules")
    assert chosen is not None
    assert str(chosen["doubt"]).startswith("Signoff could not tell")


async def test_approvers_read_that_the_program_chose_them(env: EngineEnv) -> None:
    view = await ask(env, "hire", boss=LEE.value)
    assert view.waiting_for == (LEE.value,)
    assert (await env.request(view.id)).notes == ("The program that asks chose the approver, in “Boss”.",)
