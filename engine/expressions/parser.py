"""Parser from a text to Jinja's syntax tree. Only Jinja's lexer and parser are used; its templates never run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from jinja2 import Environment, TemplateSyntaxError, lexer, nodes
from jinja2.parser import Parser

from engine.errors import ExpressionError
from engine.expressions import value_text
from engine.expressions.limits import MAX_NESTING, MAX_SOURCE

TOO_DEEP: Final = f"this nests more than {MAX_NESTING} levels deep; split it over several `set` steps"

_CURLY_QUOTE: Final = re.compile("[\u2018-\u201f]")
_OPENING_MARKS: Final = ("{{", "{%", "{#")
_REFUSED: Final = {
    "block_begin": "`{% … %}` is not available here; put conditions into `when`, and use filters such as `map` and "
    "`join` in the place of loops",
    "raw_begin": '`{% raw %}` is not available here; write {{ "{{" }} for the two braces',
    "comment_begin": '`{# … #}` is not available here; use a YAML comment, or {{ "{#" }} for the two characters',
}


class _Lexer(lexer.Lexer):
    """Jinja's lexer with exact decimals. It refuses deep nesting and statements before the parser sees them."""

    def wrap(
        self, stream: Iterable[tuple[int, str, str]], name: str | None = None, filename: str | None = None
    ) -> Iterator[lexer.Token]:
        last_text = ""

        def check() -> Iterator[tuple[int, str, str]]:
            nonlocal last_text
            depth = 0
            for line, kind, text in stream:
                if kind in _REFUSED:
                    raise ExpressionError(_REFUSED[kind])
                if kind == "operator":
                    depth += (text in "([{") - (text in ")]}")
                    if depth > MAX_NESTING:
                        raise ExpressionError(TOO_DEEP)
                last_text = text
                yield line, kind, text

        for token in super().wrap(check(), name, filename):
            if token.type == "float":
                # super() has converted the number to a float. The text that it read last is this number as written.
                exact: Any = Decimal(last_text.replace("_", ""))
                yield lexer.Token(token.lineno, token.type, exact)
            else:
                yield token


class _Environment(Environment):
    """Jinja's environment with the lexer above."""

    @property
    def lexer(self) -> lexer.Lexer:
        return _LEXER


_ENVIRONMENT: Final = _Environment(keep_trailing_newline=True)
_LEXER: Final = _Lexer(_ENVIRONMENT)


def has_opening_marks(source: str) -> bool:
    """Return whether the text has one of Jinja's opening marks. Without one it is literal."""
    return any(mark in source for mark in _OPENING_MARKS)


def parse(source: str) -> list[str | nodes.Expr]:
    """Return the literal texts and the expressions of `source`, in order. Raises `ExpressionError` if it is invalid."""
    if len(source) > MAX_SOURCE:
        raise ExpressionError(
            f"a text with expressions may have {MAX_SOURCE} characters, this one has {len(source)}; split it"
        )
    try:
        body = Parser(_ENVIRONMENT, source).parse().body
    except ExpressionError:
        raise
    except TemplateSyntaxError as error:
        raise ExpressionError(_explain_syntax_error(source, error)) from None
    except RecursionError:
        raise ExpressionError(TOO_DEEP) from None
    except ValueError:  # Python limits the digits of an integer literal.
        raise ExpressionError("a number in this expression has too many digits; use a smaller number") from None
    return [part.data if isinstance(part, nodes.TemplateData) else part for part in _iter_expressions(body)]


def _iter_expressions(body: list[nodes.Node]) -> Iterator[nodes.Expr]:
    for output in body:
        assert isinstance(output, nodes.Output)  # The lexer refuses statements.
        yield from output.nodes


def _explain_syntax_error(source: str, error: TemplateSyntaxError) -> str:
    if curly := _CURLY_QUOTE.search(source):
        return f"this expression has a curly quote, `{curly[0]}`; replace it with a straight quote, \" or '"
    message = value_text.shorten((error.message or "").replace("end of print statement", "}}"), length=120).rstrip(".")
    position = f" (line {error.lineno})" if "\n" in source else ""
    return f"this expression cannot be read{position}: {message}; check its quotes, brackets and braces"
