"""The colours and the mark of Signoff, from `templates/palette.css` and `templates/mark.svg`.

Pages link the two files. Whatever cannot link a style sheet, such as an email, takes the values from here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from bot import template_files

CSS: Final = "palette.css"
MARK: Final = "mark.svg"
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_RULE: Final = re.compile(r"(:root[^{]*)\{([^}]*)\}")
_COLOUR: Final = re.compile(r"--([\w-]+):\s*(#[0-9a-f]{6,8});")


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours by their names without dashes in front, as `light["accent-ink"]`, written `#rrggbb`."""

    light: Mapping[str, str]
    dark: Mapping[str, str]


@cache
def palette() -> Palette:
    """Return the colours of this installation. A colour without a dark value is the same in both."""
    light, dark, *_ = color_rules(css())
    return Palette(light=light, dark={**light, **dark})


def color_rules(text: str) -> list[dict[str, str]]:
    """Return the colours of each rule that has some: light, dark, and dark again for readers who chose it."""
    rules = (dict(_COLOUR.findall(body)) for _, body in _RULE.findall(_COMMENT.sub("", text)))
    return [colours for colours in rules if colours]


def css() -> str:
    """Return the text of the style sheet."""
    return (template_files.folder() / CSS).read_text(encoding="utf-8")


def mark() -> str:
    """Return the text of the mark, an SVG picture."""
    return (template_files.folder() / MARK).read_text(encoding="utf-8")
