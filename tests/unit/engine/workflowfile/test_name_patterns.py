"""Patterns for names of tools: what they match, and which pattern makes another one useless."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.workflowfile.name_patterns import covers, matches

NAMES = st.text("ab*?[.\n", max_size=8)
PATTERNS = st.text("ab*?[.", max_size=8)


def expected(pattern: str, name: str) -> bool:
    """The same, with the regular expressions of the standard library."""
    parts = {"*": ".*", "?": "."}
    text = "".join(parts.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(text, name, re.DOTALL) is not None


@pytest.mark.parametrize(
    ("pattern", "name", "result"),
    [
        ("refund", "refund", True),
        ("refund", "Refund", False),
        ("refund", "refund_all", False),
        ("refund", "a refund", False),
        ("refund", "refund\n", False),
        ("search_*", "search_", True),
        ("search_*", "search_mail", True),
        ("*_read", "mail_read", True),
        ("get_?", "get_a", True),
        ("get_?", "get_", False),
        ("get_?", "get_ab", False),
        ("*", "", True),
        ("*", "any thing\nat all", True),
        ("?*", "", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a.c", "abc", False),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_a_pattern_matches_the_whole_name(pattern: str, name: str, *, result: bool) -> None:
    assert matches(pattern, name) is result


@given(PATTERNS, NAMES)
def test_a_pattern_has_no_other_special_characters(pattern: str, name: str) -> None:
    assert matches(pattern, name) is expected(pattern, name)


@given(PATTERNS, PATTERNS, NAMES)
def test_a_pattern_that_covers_another_matches_all_that_it_matches(pattern: str, other: str, name: str) -> None:
    if covers(pattern, other) and matches(other, name):
        assert matches(pattern, name)


@given(PATTERNS)
def test_a_pattern_covers_itself_and_every_pattern_covers_its_own_names(pattern: str) -> None:
    assert covers(pattern, pattern)
    assert covers("*", pattern)
    literal = pattern.replace("*", "").replace("?", "")
    assert covers(pattern, literal) is matches(pattern, literal)


@pytest.mark.parametrize(
    ("pattern", "other", "result"),
    [
        ("search_*", "search_mail", True),
        ("search_*", "search_?*", True),
        ("search_?*", "search_*", False),
        ("*?", "?*", True),
        ("?*?", "*??", True),
        ("a*", "*a", False),
        ("*a*", "ba?", True),
        ("get_?", "get_*", False),
    ],
)
def test_whether_one_pattern_makes_another_useless(pattern: str, other: str, *, result: bool) -> None:
    assert covers(pattern, other) is result


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    assert not matches("*a" * 100 + "b", "a" * 2_000)
