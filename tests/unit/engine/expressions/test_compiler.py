"""Texts that are refused when they are compiled."""

from __future__ import annotations

import jinja2.parser
import pytest

from tests.support.expressions import compile_error_of, value_of


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("{% if a %}b{% endif %}", "`{% … %}` is not available here; put conditions into `when`"),
        ("{%", "`{% … %}` is not available here"),
        ("{% raw %}{{{% endraw %}", "`{% raw %}` is not available here"),
        ("{# note #}", "`{# … #}` is not available here; use a YAML comment"),
        ("{{ }}", "this expression cannot be read: Expected an expression, got '}}'"),
        ("{{ a", "this expression cannot be read: unexpected end of template, expected '}}'"),
        ("{{ a b }}", "expected token '}}', got 'b'; check its quotes"),
        ("one\n{{ a b }}", "this expression cannot be read (line 2)"),
        ("{{ 'a }}", "this expression cannot be read"),
        ("{{ a & b }}", "unexpected char '&'"),
        ("{{ range(10) }}", "`range(…)` is not available here: expressions call nothing"),
        ("{{ inputs.name.upper() }}", "`.upper(…)` is not available here; write it as a filter: `… | upper`"),
        ("{{ inputs.name.format(1) }}", "`format(…)` is not available here"),
        ("{{ upper(a) }}", "`upper(…)` is not available here"),
        ("{{ a()() }}", "`…(…)` is not available here"),
        ("{{ a[1:2] }}", "slices such as `[1:3]` are not available here"),
        ("{{ a, b }}", "a list is written with square brackets"),
        ("{{ () }}", "a list is written with square brackets"),
        ("{{ 2 ** 3 }}", "`**` is not available here"),
        ("{{ 'a' * 3 }}", "`*` works on numbers only"),
        ("{{ 3 * [1] }}", "`*` works on numbers only"),
        ("{{ '%s' % a }}", "`%` works on numbers only; use `~` to join texts"),
        ("{{ {} // 1 }}", "`//` works on numbers only"),
        ("{{ ('a' ~ b) % c }}", "`%` works on numbers only"),
        ("{{ a if b }}", "`if` in an expression needs an `else`"),
        ("{{ a.__class__ }}", "`.__class__` is not available here: no name begins with an underscore"),
        ("{{ ().__class__ }}", "`.__class__` is not available here"),
        ("{{ [].__class__ }}", "`.__class__` is not available here"),
        ("{{ (a ~ 'x')._b }}", '`._b` is not available here: no name begins with an underscore; write ["_b"]'),
        ("{{ a['__class__'] }}", '["__class__"] is not available here'),
        ("{{ __builtins__ }}", "`__builtins__` is not available here"),
        ("{{ a[1.5] }}", "in the square brackets of a lookup stands a text or a whole number"),
        ("{{ a[true] }}", "in the square brackets of a lookup stands a text or a whole number"),
        ("{{ a[none] }}", "in the square brackets of a lookup stands a text or a whole number"),
        ("{{ {a: 1} }}", "the keys of a mapping are texts in quotes"),
        ("{{ {1: 1} }}", "the keys of a mapping are texts in quotes"),
        ("{{ {'a': 1, 'a': 2} }}", "the key `a` stands twice in one mapping"),
        ("{{ a | uper }}", "there is no filter `uper`. Did you mean `upper`?"),
        ("{{ a | defualt(1) }}", "there is no filter `defualt`. Did you mean `default`?"),
        ("{{ a | attr('x') }}", "there is no filter `attr`."),
        ("{{ a is definde }}", "there is no test `is definde`. Did you mean `defined`?"),
        ("{{ a is divisibleby 3 }}", "the test `is divisibleby` takes nothing after it"),
        ("{{ a is none(1) }}", "the test `is none` takes nothing after it"),
        ("{{ a | default }}", "`default` takes one argument"),
        ("{{ a | default(1, true) }}", "`default` takes one argument"),
        ("{{ a | default(*b) }}", "`default` takes one argument"),
        ("{{ a | replace('b') }}", "`replace` takes 2 arguments, not 1"),
        ("{{ a | upper(1) }}", "`upper` takes no arguments, not 1"),
        ("{{ a | join(1, 2) }}", "`join` takes up to 1 argument, not 2"),
        ("{{ a | join(*b) }}", "`join` takes its arguments one by one"),
        ("{{ a | join(**b) }}", "`join` takes its arguments one by one"),
        ("{{ a | join(d='x') }}", "`join` has no argument that is called `d`"),
        ("{{ a | map(attribute='__class__') }}", "`map` needs the key to look up in each item"),
        ("{{ a | map('x..y') }}", "`map` needs the key to look up in each item"),
        ("{{ a | date('%H:%M', 'Berlin') }}", "there is no time zone `Berlin`; write it like Europe/Berlin"),
        ("{{ a | date('%Q') }}", "`date` does not know `%Q`; use %Y"),
        ("{{ a | date('%') }}", "`date` does not know `%`"),
        ("{{ " + "9" * 5000 + " }}", "too many digits"),
        ("{{ " + "9" * 600 + " }}", "more than 400 digits"),
        ("{{ 1e999 }}", "more than 400 digits"),
        ("{{ 0x" + "f" * 9000 + " }}", "more than 400 digits"),
        ("{{ a[0x" + "f" * 9000 + "] }}", "more than 400 digits"),
        ("{{ a }}" + "x" * 20_000, "a text with expressions may have 20000 characters, this one has 20007"),
        ("{{ [" + "1," * 2500 + "] }}", "more than 2000 names and operators"),
        ("{{ " + "(" * 61 + "a" + ")" * 61 + " }}", "more than 60 levels deep"),
        ("{{ " + "not " * 61 + "a }}", "more than 60 levels deep"),
        ("{{ a" + ".b" * 61 + " }}", "more than 60 levels deep"),
        ("{{ a" + ".b" * 61 + " is defined }}", "more than 60 levels deep"),
    ],
)
def test_the_rest_of_jinja_is_refused_in_a_sentence(source: str, sentence: str) -> None:
    message = compile_error_of(source)
    assert sentence in message
    assert len(message) < 300


def test_opening_marks_inside_a_quoted_text_are_text() -> None:
    assert value_of("{{ '{%' }} {{ '{{' }} {{ '{#' }}") == "{% {{ {#"


def test_running_out_of_stack_is_a_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_recursion_error(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(jinja2.parser.Parser, "parse", raise_recursion_error)
    assert "more than 60 levels deep" in compile_error_of("{{ parser_exhausted }}")
    monkeypatch.undo()
    monkeypatch.setattr("engine.expressions.syntax.secret_name", raise_recursion_error)
    assert "more than 60 levels deep" in compile_error_of("{{ compiler_exhausted }}")
