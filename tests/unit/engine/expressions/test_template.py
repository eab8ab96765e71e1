"""Templates: texts with and without expressions, and texts that use secrets."""

from __future__ import annotations

from typing import Any

import pytest

from engine.domain import SecretName
from engine.expressions import compile_template
from tests.support.expressions import SCOPE, compile_error_of, error_of, value_of


@pytest.mark.parametrize("source", ["", "plain", "a } b }} c", "{ a }", "100 %}", "\r\n", "x" * 50_000])
def test_text_without_an_expression_is_itself(source: str) -> None:
    template = compile_template(source)
    assert template.is_literal
    assert not template.is_whole
    assert template.render({}) == template.resolve({}) == source
    assert not template.references | template.optional_references
    assert not template.secrets


@pytest.mark.parametrize("name", sorted(SCOPE["inputs"]))
@pytest.mark.parametrize("form", ["{{{{ inputs['{}'] }}}}", "  {{{{inputs['{}']}}}}\n"])
def test_a_whole_expression_keeps_the_type_of_its_value(name: str, form: str) -> None:
    template = compile_template(form.format(name))
    assert template.is_whole
    assert template.render(SCOPE) is SCOPE["inputs"][name]


def test_an_expression_within_text_is_written_as_text() -> None:
    assert value_of("Pay {{ inputs.fee }} ({{ inputs.amount }}, {{ inputs.ok }})!\n") == "Pay 12.50 EUR (120, true)!\n"


def test_two_expressions_are_text_and_not_whole() -> None:
    template = compile_template("{{ inputs.amount }}{{ inputs.amount }}")
    assert not template.is_whole
    assert template.render(SCOPE) == "120120"


def test_data_is_never_a_template() -> None:
    assert value_of("<{{ a }}>", {"a": "{{ b }}"}) == "<{{ b }}>"


def test_the_same_text_is_compiled_once() -> None:
    assert compile_template("{{ inputs.amount }}") is compile_template("{{ inputs.amount }}")


@pytest.mark.parametrize(
    ("source", "segments"),
    [
        ("{{ secret.KEY }}", (SecretName("KEY"),)),
        ("  {{ secret['KEY'] }}\n", (SecretName("KEY"),)),
        ("Bearer {{ secret.KEY }}", ("Bearer ", SecretName("KEY"))),
        ("{{ secret.A }}{{ secret.B }}", (SecretName("A"), SecretName("B"))),
        ("{{ inputs.to }}: {{ secret.A }} {{ inputs.amount }}!", ("ada@example.com: ", SecretName("A"), " 120!")),
    ],
)
def test_a_text_with_a_secret_resolves_to_segments(source: str, segments: tuple[Any, ...]) -> None:
    template = compile_template(source)
    assert template.resolve(SCOPE) == segments
    assert template.secrets == {part.name for part in segments if isinstance(part, SecretName)}
    assert not any(path[0] == "secret" for path in template.references)


def test_a_text_with_a_secret_is_never_rendered() -> None:
    assert "a secret may not be used here" in error_of("{{ secret.KEY }}", {"secret": {"KEY": "hunter2"}})


def test_a_text_without_a_secret_resolves_to_its_value() -> None:
    assert compile_template("{{ inputs.amount }}").resolve(SCOPE) == 120


@pytest.mark.parametrize(
    "expression",
    [
        "secret",
        "secret.A.B",
        "secret[0]",
        "secret[a]",
        "secret.A | upper",
        "secret.A | default('x')",
        "secret.A is defined",
        "'x' ~ secret.A",
        "secret.A == 'x'",
        "secret.A if true else 'x'",
        "[secret.A]",
        "a[secret.A]",
        "a | join(secret.A)",
        "secret.A + 'x'",
    ],
)
def test_a_secret_is_refused_inside_an_expression(expression: str) -> None:
    assert compile_error_of("{{ " + expression + " }}").startswith(
        "a secret can only stand alone, as {{ secret.NAME }}"
    )
