"""Compiled values: whole structures with their texts compiled."""

from __future__ import annotations

from typing import Any

import pytest

from engine import json_values
from engine.domain import Params, SecretName
from engine.errors import ExpressionError
from engine.expressions import compile_value, iter_strings, resolve_params
from tests.support.expressions import SCOPE, nest

STRUCTURE: dict[str, Any] = {
    "method": "POST",
    "headers": {"Authorization": "Bearer {{ secret.KEY }}", "X": "x"},
    "body": {"n": "{{ inputs.amount }}", "list": [1, "to {{ inputs.to }}", ["{{ steps.draft.body | default('') }}"]]},
    "{{ key }}": None,
    "fixed": {"deep": [1, 2, {"a": True}]},
}


def test_a_structure_resolves_to_params_with_its_secrets_apart() -> None:
    compiled = compile_value(STRUCTURE)
    params = resolve_params(compiled, SCOPE)
    assert params == Params(
        value={
            "method": "POST",
            "headers": {"Authorization": "", "X": "x"},
            "body": {"n": 120, "list": [1, "to ada@example.com", ["World"]]},
            "{{ key }}": None,
            "fixed": {"deep": [1, 2, {"a": True}]},
        },
        secrets={("headers", "Authorization"): ("Bearer ", SecretName("KEY"))},
    )
    assert list(params.value) == list(STRUCTURE)
    assert params.value["fixed"] is STRUCTURE["fixed"]
    assert params.joined(str.lower)["headers"] == {"Authorization": "Bearer key", "X": "x"}
    assert Params.from_value(params.as_value()) == params


def test_a_structure_knows_its_references() -> None:
    compiled = compile_value(STRUCTURE)
    assert compiled.references == {("inputs", "amount"), ("inputs", "to"), ("steps", "draft", "body")}
    assert compiled.optional_references == {("steps", "draft", "body")}
    assert compiled.secrets == {"KEY"}
    assert [path for path, _ in compiled.templates] == [
        ("headers", "Authorization"),
        ("body", "n"),
        ("body", "list", 1),
        ("body", "list", 2, 0),
    ]


def test_a_reference_that_is_required_anywhere_is_not_optional() -> None:
    assert compile_value(["{{ a.b | default(1) }}", "{{ a.b }}"]).optional_references == frozenset()


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, ["a", {"b": []}], {"a": {"b": "c"}}])
def test_a_literal_structure_is_returned_as_it_is(value: Any) -> None:
    compiled = compile_value(value)
    assert compiled.render({}) is value
    if isinstance(value, dict):
        assert resolve_params(compiled, {}).value is value


def test_a_structure_renders_with_any_root() -> None:
    assert compile_value("{{ inputs.tags }}").render(SCOPE) == ["b", "a", "b"]
    assert compile_value([{"a": "{{ 1 }}"}, 2]).render({}) == [{"a": 1}, 2]


def test_parameters_are_a_mapping() -> None:
    with pytest.raises(ExpressionError, match="parameters are a mapping"):
        resolve_params(compile_value(["{{ 1 }}"]), {})


def test_an_error_in_a_structure_says_where() -> None:
    with pytest.raises(ExpressionError, match=r"^a\.0: there is no filter `uper`"):
        compile_value({"a": ["{{ x | uper }}"]})
    with pytest.raises(ExpressionError, match=r"^a\.0: `x` is not known here"):
        compile_value({"a": ["{{ x }}"]}).render({})
    with pytest.raises(ExpressionError, match=r"^`x` is not known here"):
        compile_value("{{ x }}").render({})
    with pytest.raises(ExpressionError, match=r"^a: a secret may not be used here"):
        compile_value({"a": "{{ secret.X }}"}).render({})


def test_every_text_of_a_structure_is_listed_with_its_path() -> None:
    assert list(iter_strings({"a": ["x", 1, {"b": "{{ y }}"}], "c": None, "d": "z"})) == [
        (("a", 0), "x"),
        (("a", 2, "b"), "{{ y }}"),
        (("d",), "z"),
    ]
    assert list(iter_strings("x")) == [((), "x")]


def test_a_structure_that_nests_too_deeply_is_refused() -> None:
    deepest = nest(json_values.MAX_DEPTH, "{{ 1 }}")
    assert compile_value(deepest).render({}) == nest(json_values.MAX_DEPTH, 1)
    with pytest.raises(ExpressionError, match="deeper than 64 levels"):
        compile_value([deepest])
