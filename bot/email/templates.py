"""The templates of emails. A wheel has them inside the package, a checkout beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import jinja2

from bot import template_files
from bot.email import truncate
from bot.palette import palette
from bot.presentation import states
from bot.presentation.characters import stands_apart
from bot.presentation.text_diff import Part, Segment
from engine.domain import Tone

_INDENT: Final = "    "
_TINTS: Final = {
    Tone.WAITING: "calm",
    Tone.APPROVED: "good",
    Tone.REJECTED: "bad",
    Tone.SENT_BACK: "warn",
    Tone.SKIPPED: "warn",
    Tone.UNDONE: "warn",
    Tone.EXPIRED: "warn",
    Tone.CANCELLED: "calm",
    Tone.DONE: "good",
    Tone.FAILED: "bad",
    Tone.ATTENTION: "warn",
}
"""The colours of the palette for each tone."""
_GUTTERS: Final = {Part.SAME: "|", Part.REMOVED: "-", Part.ADDED: "+"}
"""What stands before each line of a difference in the text part. No line of data can have another sign there."""


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
    environment.globals.update(tints=_TINTS, icons=states.ICONS)
    environment.filters["markup"] = truncate.markup
    environment.filters["difference"] = truncate.difference
    environment.filters["compared"] = compared
    environment.filters["stretched"] = truncate.stretched
    environment.filters["indented"] = indented
    environment.filters["hanging"] = hanging
    environment.tests["apart"] = stands_apart
    return environment


def hanging(text: str) -> str:
    """Return the text with all lines but the first indented: the first one follows words of ours."""
    first, _, rest = text.partition("\n")
    return f"{first}\n{indented(rest)}" if rest else first


def compared(segments: Sequence[Segment]) -> str:
    """Return a difference as lines, each with a sign before it that says whether it was removed or added."""
    lines = list[str]()
    for segment in segments:
        gutter = _GUTTERS.get(segment.part)
        if gutter is None:
            lines.append(f"{_INDENT}{segment.text.strip()}")
            continue
        for line in segment.text.removesuffix("\n").split("\n"):
            lines += [f"{_INDENT}{gutter} {piece}".rstrip() for piece in truncate.folded(line, truncate.octets)]
    return "\n".join(lines)


def indented(text: str) -> str:
    """Return the text with every line indented, so that no line of data looks like one of ours.

    Several lines have a bar beside them.
    """
    lines = [piece for line in text.split("\n") for piece in truncate.folded(line, truncate.octets)]
    bar = f"{_INDENT}| " if len(lines) > 1 or stands_apart(text) else _INDENT
    return "\n".join(f"{bar}{line}".rstrip() for line in lines)
