"""Statements over arrays: which can be written so, and by which parameters rows are told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.store.postgres_batches import Kind, batch_of, sorted_out

UPDATE = "UPDATE run SET rev=(run.rev + 1), error=$1::VARCHAR WHERE run.id = $2::VARCHAR AND run.rev = $3::INTEGER"


def test_an_update_tells_rows_by_what_they_equal_and_keep() -> None:
    batch = batch_of(UPDATE)
    assert batch is not None
    assert batch.kind is Kind.COUNTS
    assert batch.key(["why", "r1", 5]) == ("r1",), "the column rev is changed, so two values may mean one row in turn"
    assert "FROM unnest($1::VARCHAR[], $2::VARCHAR[], $3::INTEGER[]) WITH ORDINALITY" in batch.text
    assert batch.text.endswith("RETURNING batch.number")


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE run SET error=$1::VARCHAR WHERE run.ready_at > $2::TIMESTAMP WITH TIME ZONE",
        "UPDATE run SET error=$1::VARCHAR WHERE (run.error IS NULL OR run.lease IS NULL AND run.id = $2::VARCHAR)",
        "UPDATE run SET error=$1::VARCHAR WHERE (run.a IS NULL OR run.b IS NULL AND run.id = $2::VARCHAR AND run.c)",
        "UPDATE run SET id=$1::VARCHAR WHERE run.id = $2::VARCHAR",
        "UPDATE run SET error=$1::VARCHAR WHERE run.id IN (SELECT x.id FROM x WHERE x.id = $2::VARCHAR)",
        "DELETE FROM run WHERE run.id = $1::VARCHAR",
        "SELECT run.id FROM run WHERE run.id = $1",
        "SELECT run.id FROM run",
    ],
)
def test_what_may_mean_the_same_row_twice_runs_for_each_unit_alone(text: str) -> None:
    assert batch_of(text) is None


def test_a_query_keeps_the_number_of_its_parameters_before_each_row() -> None:
    batch = batch_of("SELECT run.id FROM run WHERE run.id = $1::VARCHAR ORDER BY run.id LIMIT $2::INTEGER")
    assert batch is not None
    assert batch.kind is Kind.ROWS
    assert batch.text.startswith("SELECT batch.number, result.* FROM unnest($1::VARCHAR[], $2::INTEGER[])")
    assert "run.id = batch.p1 ORDER BY run.id LIMIT batch.p2 OFFSET 0" in batch.text


def test_an_insert_keeps_the_order_of_its_rows() -> None:
    batch = batch_of("INSERT INTO run (id, rev) VALUES ($1::VARCHAR, 1)")
    assert batch is not None
    assert batch.kind is Kind.NOTHING
    assert batch.text.startswith("INSERT INTO run (id, rev) SELECT batch.p1, 1 FROM unnest")
    assert batch.text.endswith("ORDER BY batch.number")


@given(st.lists(st.lists(st.integers(), max_size=3), max_size=6))
def test_every_row_comes_back_to_its_own_parameters(results: list[list[int]]) -> None:
    rows = [(number, value) for number, values in enumerate(results, 1) for value in values]
    assert sorted_out(rows, len(results)) == [[(value,) for value in values] for values in results]
