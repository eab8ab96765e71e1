"""Limits of time and memory, also for hostile texts."""

from __future__ import annotations

import sys
import time
import tracemalloc
from typing import Any

import pytest

from engine.errors import ExpressionError
from engine.expressions import compile_value
from tests.support.expressions import error_of, nest, value_of

MAX_CPU_SECONDS = 1.0 if sys.gettrace() is None else 5.0
"""Maximum CPU time of an expression, in seconds. With coverage, all code is slower."""
MEGABYTE = "a" * 1_000_000
LARGE_SCOPE: dict[str, Any] = {
    "a": MEGABYTE,
    "wide": "\u1fb7" * 1_500_000,
    "rows": [{"n": number, "t": "xxxxx"} for number in range(100_000)],
    "thousand": [{"x": [1] * 100} for _ in range(1000)],
    "mixed": [1, "a"],
    "n": 10**399,
    "digits": [10**399] * 1000,
    "colliding": [(2**61 - 1) * number for number in range(1, 40_000)],
    "words": "-a" * 700_000,
}


@pytest.mark.parametrize(
    "source",
    [
        '{{ "a" * 10**9 }}',
        "{{ a * 1000000000 }}",
        "{{ ().__class__.__mro__ }}",
        "{{ " + "(" * 19_990,
        "{{ " + "[" * 19_990,
        "{{ " + "{1:" * 6_000,
        "{{ a" + "[" * 19_000,
        "{{ a" + "(1)" * 6_000 + " }}",
        "{{ a" + ".b" * 9_000 + " }}",
        "{{ a" + "|trim" * 3_900 + " }}",
        "{{ 1" + "+1" * 9_900 + " }}",
        "{{ " + "-" * 19_000 + "1 }}",
        "{{ " + "not " * 4_900 + "true }}",
        "{{ 1" + " if true else 1" * 1_300 + " }}",
        "{{ a" + " ~ a" * 30 + " }}",
        "{{ a }}" * 30,
        "{{ a + a + a }}",
        "{{ [a, a, a] | join }}",
        "{{ rows | map('t') | join(a) }}",
        "{{ thousand | join(a) }}",
        "{{ rows | map('t') | map('u') }}",
        "{{ a | replace('a', a) }}",
        "{{ a | replace('a', 'bbb') }}",
        "{{ wide | upper }}",
        "{{ words | title }}",
        "{{ [" + "wide|lower," * 600 + "] }}",
        "{{ [" + "a ~ 1," * 400 + "] }}",
        "{{ [" + "a in wide," * 400 + "] }}",
        "{{ [" + "rows == rows," * 600 + "] }}",
        "{{ [" + "rows," * 1000 + "] }}",
        "{{ [" + "thousand + thousand," * 400 + "] }}",
        "{{ [" + "thousand | json," * 600 + "] }}",
        "{{ [" + "digits | json," * 600 + "] }}",
        "{{ rows | json }}",
        "{{ rows | sort }}",
        "{{ rows | unique }}",
        "{{ mixed | sort }}",
        "{{ n * n }}",
        "{{ " + "9" * 5000 + " }}",
        "{% for x in a %}{% endfor %}",
        "{{ range(10**9) }}",
        "{{ lipsum() }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ '{0.__class__}'.format(a) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 7 | round(1000000000) }}",
        "{{ a | date('" + "%B" * 9_000 + "') }}",
    ],
    ids=lambda source: source[:40],
)
def test_a_hostile_text_ends_in_an_error_quickly(source: str) -> None:
    started = time.process_time()
    message = error_of(source, LARGE_SCOPE)
    assert time.process_time() - started < MAX_CPU_SECONDS
    assert len(message) < 300


def test_a_hostile_text_takes_little_memory() -> None:
    tracemalloc.start()
    try:
        for source in (
            "{{ [" + "wide|lower," * 600 + "] }}",
            "{{ words | title }}",
            "{{ [" + "digits|json," * 600 + "] }}",
        ):
            error_of(source, LARGE_SCOPE)
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()


def test_numbers_whose_hashes_collide_are_compared_quickly() -> None:
    started = time.process_time()
    assert value_of("{{ colliding | unique | length }}", LARGE_SCOPE) == 39_999
    assert time.process_time() - started < MAX_CPU_SECONDS


@pytest.mark.parametrize(
    "source", ["{{ " + "[" * 59 + "a" + "]" * 59 + " }}", "{{ {'a': [[[[a]]]]} }}"], ids=["list", "mapping"]
)
def test_a_value_that_nests_too_deeply_is_not_built(source: str) -> None:
    nested = nest(60, 1)
    assert "nested deeper than 64 levels" in error_of(source, {"a": nested})


def test_the_texts_of_a_structure_share_one_budget() -> None:
    half_budget: Any = [1] * 30_000
    assert compile_value(["{{ a | sum }}"]).render({"a": half_budget}) == [30_000]
    with pytest.raises(ExpressionError, match=r"^1: this takes more than 50000 steps"):
        compile_value(["{{ a | sum }}"] * 2).render({"a": half_budget})
    with pytest.raises(ExpressionError, match=r"^11: this gives more than 10000000 characters"):
        compile_value(["{{ a }}"] * 20).render({"a": "x" * 900_000})


def test_ordinary_data_is_no_burden() -> None:
    assert len(value_of("Facts: {{ thousand }}", LARGE_SCOPE)) > 200_000
    assert value_of("{{ rows | length }}", LARGE_SCOPE) == 100_000
