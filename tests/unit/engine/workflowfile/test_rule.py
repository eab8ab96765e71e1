"""Rules about asks: which asks they match, and which rule makes another one useless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.json_values import Value
from engine.workflowfile.ask_names import RISKS
from engine.workflowfile.rule import Rule, label_of

PATTERNS = st.lists(st.text("ab*?", min_size=1, max_size=3), max_size=2).map(tuple)
RULES = st.builds(
    Rule,
    number=st.just(1),
    tool=PATTERNS,
    server=PATTERNS,
    agent=PATTERNS,
    risk=st.lists(st.sampled_from(RISKS), max_size=2).map(tuple),
)
NAMES = st.none() | st.text("ab", max_size=3)
ASKS = st.fixed_dictionaries(
    {"tool": NAMES, "server": NAMES, "agent": st.text("ab", min_size=1, max_size=3)},
    optional={"risk": st.none() | st.sampled_from(RISKS)},
)


@given(RULES, RULES, ASKS)
def test_a_rule_that_covers_another_matches_every_ask_that_it_matches(
    rule: Rule, other: Rule, ask: dict[str, Value]
) -> None:
    if rule.covers(other) and other.matches(ask):
        assert rule.matches(ask)


@given(RULES, ASKS)
def test_a_rule_covers_itself_and_a_rule_without_names_covers_all(rule: Rule, ask: dict[str, Value]) -> None:
    rest = Rule(number=2)
    assert rule.covers(rule)
    assert rest.covers(rule)
    assert rest.matches(ask)


@pytest.mark.parametrize(
    ("rule", "ask", "result"),
    [
        (Rule(number=1, tool=("refund", "pay_*")), {"tool": "pay_all"}, True),
        (Rule(number=1, tool=("refund", "pay_*")), {"tool": "Refund"}, False),
        (Rule(number=1, tool=("refund",), server=("shop",)), {"tool": "refund", "server": "bank"}, False),
        (Rule(number=1, tool=("refund",)), {"tool": None}, False),
        (Rule(number=1, tool=("*",)), {"tool": None}, True),
        (Rule(number=1, tool=("?*",)), {}, False),
        (Rule(number=1, agent=("Support *",)), {"agent": "Support agent"}, True),
        (Rule(number=1, risk=("high", "critical")), {"risk": "critical"}, True),
        (Rule(number=1, risk=("high",)), {"risk": None}, False),
        (Rule(number=1, risk=("high",)), {}, False),
    ],
)
def test_which_asks_a_rule_matches(rule: Rule, ask: dict[str, Value], *, result: bool) -> None:
    assert rule.matches(ask) is result


@pytest.mark.parametrize(
    ("rule", "label"),
    [
        (Rule(number=1, tool=("refund",), server=("shop",)), "refund"),
        (Rule(number=1, tool=("a", "b", "c", "d", "e")), "a, b, c, …"),
        (Rule(number=1, server=("shop",)), "server shop"),
        (Rule(number=1, agent=("Bot *", "Ann")), "agent Bot *, Ann"),
        (Rule(number=1, risk=("high", "critical")), "risk high, critical"),
        (Rule(number=1), "all other asks"),
    ],
)
def test_how_people_know_a_rule(rule: Rule, label: str) -> None:
    assert label_of(rule, None) == label
    assert label_of(rule, "Money") == "Money"
