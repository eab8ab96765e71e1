"""What `make test` leaves out: only tests that there are, and only where other tests prove the same."""

from __future__ import annotations

from collections import Counter

from tests.support import statements


def test_each_test_that_runs_on_sqlite_alone_exists_and_does_one_thing_after_the_other() -> None:
    names = statements.ON_SQLITE.read_text(encoding="utf-8").split()
    assert names == sorted(set(names))
    # A test that has another name now runs on both databases: `python -m tests.support.statements` chooses anew.
    assert [name for name in names if statements.is_at_once(name)] == []


def test_the_chosen_tests_send_every_kind_of_statement() -> None:
    kinds = {"a": {"x", "y"}, "b": {"y"}, "c": {"x", "y", "z"}, "d": {"w"}, "e": set[str]()}
    chosen = [*statements.choose(kinds, Counter(a=10, b=1, c=10, d=5000))]
    assert chosen == ["c", "d"]
