"""The templates of mails, which lie inside the package in a wheel and beside it in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import jinja2

import bot
from bot.email import truncate
from bot.presentation.characters import stands_apart

_PACKAGE: Final = Path(bot.__file__).parent
_INDENT: Final = "    "


@cache
def environment() -> jinja2.Environment:
    """Of our own templates only: what comes from data is a value in them, and escaped in HTML."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(
            [folder / "email" for folder in (_PACKAGE / "_templates", _PACKAGE.parent / "templates")]
        ),
        autoescape=jinja2.select_autoescape(("html",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["markup"] = truncate.markup
    made.filters["stretched"] = truncate.stretched
    made.filters["indented"] = indented
    made.filters["hanging"] = hanging
    made.tests["apart"] = stands_apart
    return made


def hanging(text: str) -> str:
    """The same for all lines but the first, which begins with words of ours."""
    first, _, rest = text.partition("\n")
    return f"{first}\n{indented(rest)}" if rest else first


def indented(text: str) -> str:
    """Every line of a text set off, so that none in the data looks like one of ours; several have a bar beside them."""
    lines = [piece for line in text.split("\n") for piece in truncate.folded(line, truncate.octets)]
    bar = f"{_INDENT}| " if len(lines) > 1 or stands_apart(text) else _INDENT
    return "\n".join(f"{bar}{line}".rstrip() for line in lines)
