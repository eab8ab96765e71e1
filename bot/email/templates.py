"""The templates of emails. A wheel has them inside the package, a checkout beside it."""

from __future__ import annotations

from functools import cache
from typing import Final

import jinja2

from bot import template_files
from bot.email import truncate
from bot.palette import palette
from bot.presentation.characters import stands_apart

_INDENT: Final = "    "


@cache
def environment() -> jinja2.Environment:
    """Return the environment for our own templates. Data is only ever a value in them, and escaped in HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_files.folder() / "email"),
        autoescape=jinja2.select_autoescape(("html",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["palette"] = palette()
    environment.filters["markup"] = truncate.markup
    environment.filters["stretched"] = truncate.stretched
    environment.filters["indented"] = indented
    environment.filters["hanging"] = hanging
    environment.tests["apart"] = stands_apart
    return environment


def hanging(text: str) -> str:
    """Return the text with all lines but the first indented: the first one follows words of ours."""
    first, _, rest = text.partition("\n")
    return f"{first}\n{indented(rest)}" if rest else first


def indented(text: str) -> str:
    """Return the text with every line indented, so that no line of data looks like one of ours.

    Several lines have a bar beside them.
    """
    lines = [piece for line in text.split("\n") for piece in truncate.folded(line, truncate.octets)]
    bar = f"{_INDENT}| " if len(lines) > 1 or stands_apart(text) else _INDENT
    return "\n".join(f"{bar}{line}".rstrip() for line in lines)
