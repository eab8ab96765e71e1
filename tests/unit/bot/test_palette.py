"""The colours: readable in both schemes, and written down once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from bot import palette, template_files
from bot.palette import Palette

ROOT: Final = Path(__file__).parents[3]
HOMES: Final = {palette.CSS, palette.MARK}
"""The files that may write colours."""
BUILT: Final = {"workflow-editor.js"}
"""Other people's libraries, whose colours bot/web/editor replaces."""
COLOUR: Final = re.compile(r"(?:(?<![&\w])#|%23)(?:[0-9a-f]{3,4}){1,2}\b|\b(?:rgb|hsl|oklch)a?\(", re.IGNORECASE)
TEXT: Final = 4.5
"""WCAG 2.2, 1.4.3: the contrast of text with its background, level AA."""
GRAPHIC: Final = 3.0
"""WCAG 2.2, 1.4.11: the contrast of borders of controls and of marks."""

BACKGROUNDS: Final = ("paper", "sheet")
TINTS: Final = ("good-back", "bad-back", "warn-back", "calm-back", "accent-soft")
TEXT_PAIRS: Final = [
    *product(("ink", "soft"), (*BACKGROUNDS, *TINTS)),
    *product(("accent", "good", "bad", "warn"), BACKGROUNDS),
    *((name, f"{name}-back") for name in ("good", "bad", "warn")),
    ("accent", "accent-soft"),
    ("accent-ink", "accent"),
    ("sheet", "bad"),
    *product(("side-ink", "side-soft"), ("side",)),
    ("side-ink", "side-now"),
    *(("initials", f"person-{number}") for number in range(6)),
]
GRAPHIC_PAIRS: Final = [
    *product(("edge", "accent"), (*BACKGROUNDS, "calm-back")),
    *product(("side-edge", "side-mark"), ("side",)),
]


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def too_pale(pairs: list[tuple[str, str]], least: float) -> Iterator[tuple[str, str, str, float]]:
    colours: Palette = palette.palette()
    for scheme, values in ("light", colours.light), ("dark", colours.dark):
        for front, back in pairs:
            if (ratio := contrast(values[front], values[back])) < least:
                yield scheme, front, back, round(ratio, 2)


@pytest.mark.parametrize(("pairs", "least"), [(TEXT_PAIRS, TEXT), (GRAPHIC_PAIRS, GRAPHIC)], ids=["text", "graphics"])
def test_colours_are_told_apart_in_both_schemes(pairs: list[tuple[str, str]], least: float) -> None:
    assert [*too_pale(pairs, least)] == []


def test_a_reader_who_chooses_dark_sees_the_colours_of_a_dark_screen() -> None:
    light, dark, chosen = palette.color_rules(palette.css())
    assert dark == chosen
    assert dark.keys() < light.keys()


def test_the_mark_has_the_colours_of_the_palette() -> None:
    light = palette.palette().light
    assert set(re.findall("#[0-9a-f]+", palette.mark())) == {light["accent"], light["accent-ink"], light["side-mark"]}


def files_that_look() -> list[Path]:
    folders = (template_files.folder(), ROOT / "bot")
    found = (path for folder in folders for path in folder.rglob("*"))
    return [path for path in found if path.suffix in {".css", ".html", ".js", ".svg", ".txt", ".py"}]


def test_no_other_file_writes_a_colour() -> None:
    files = files_that_look()
    assert {path.name for path in files} >= {*HOMES, "signoff.css", "style.css", "ledger_page.py"}
    others = [path for path in files if path.name not in HOMES | BUILT]
    written = {str(path): COLOUR.findall(path.read_text(encoding="utf-8")) for path in others}
    assert {path: colours for path, colours in written.items() if colours} == {}


def test_the_palette_has_exactly_the_colours_that_are_used() -> None:
    texts = [path.read_text(encoding="utf-8") for path in files_that_look() if path.name != palette.CSS]
    used = {name for text in texts for name in re.findall(r"var\(--([\w-]+)", text)}
    # These are no colours of their own: the stylesheet sets them.
    assert used - {"radius", "bar", "mark"} == palette.palette().light.keys()
