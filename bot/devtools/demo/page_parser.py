"""Parses a page for the browser of the story: its visible text, and the values that its form would send.

Supports the HTML of our own pages only: inputs of one line, text areas, and buttons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

_INVISIBLE: Final = frozenset({"head", "script", "style"})


@dataclass(kw_only=True)
class HtmlForm:
    """A form: values by field name, field names by label, and name and value of each button by its text."""

    action: str
    content_type: str
    values: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(kw_only=True)
class ParsedPage:
    """A page. `words`: its visible text and the values of its inputs, in one line; `form`: its first form, if any."""

    words: str
    form: HtmlForm | None


def parse_page(source: str) -> ParsedPage:
    """Parse the source of a page."""
    reader = _PageReader()
    reader.feed(source)
    reader.close()
    return ParsedPage(words=_one_line(reader.texts), form=reader.form)


def _one_line(texts: list[str]) -> str:
    return " ".join("".join(texts).split())


class _PageReader(HTMLParser):
    """Collects the texts and the first form of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.form: HtmlForm | None = None
        self._names: dict[str, str] = {}
        self._labels: list[tuple[str, str]] = []
        self._open: dict[str, tuple[int, dict[str, str]]] = {}
        self._invisible_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag in _INVISIBLE:
            self._invisible_depth += 1
        elif tag == "form" and self.form is None:
            content_type = attributes.get("enctype", "application/x-www-form-urlencoded")
            self.form = HtmlForm(action=attributes["action"], content_type=content_type)
        elif tag in ("label", "textarea", "button"):
            self._open[tag] = (len(self.texts), attributes)
        elif tag == "input" and self.form is not None:
            self._add_input(self.form, attributes)
        self._separate()

    def handle_endtag(self, tag: str) -> None:
        if tag in _INVISIBLE:
            self._invisible_depth -= 1
        elif tag in self._open:
            start, attributes = self._open.pop(tag)
            self._close(tag, attributes, "".join(self.texts[start:]))
        elif tag == "form" and self.form is not None:
            self.form.labels.update(
                (label, self._names[element]) for label, element in self._labels if element in self._names
            )
        self._separate()

    def handle_data(self, data: str) -> None:
        if not self._invisible_depth:
            self.texts.append(data)

    def _separate(self) -> None:
        """Separate the texts of two elements, except inside a text area, whose value is kept exactly."""
        if "textarea" not in self._open:
            self.texts.append(" ")

    def _add_input(self, form: HtmlForm, attributes: dict[str, str]) -> None:
        form.values[attributes["name"]] = attributes.get("value", "")
        if attributes.get("type") != "hidden":
            self._names[attributes["id"]] = attributes["name"]
            self.texts.append(f" {attributes.get('value', '')}")

    def _close(self, tag: str, attributes: dict[str, str], text: str) -> None:
        words = " ".join(text.split())
        if tag == "label":
            self._labels.append((words, attributes.get("for", "")))
        elif self.form is not None and tag == "button":
            self.form.buttons[words] = (attributes.get("name", ""), attributes.get("value", ""))
        elif self.form is not None:
            # A newline after the start tag is not part of the value, and browsers send lines with CR LF.
            self.form.values[attributes["name"]] = text.removeprefix("\n").replace("\n", "\r\n")
            self._names[attributes["id"]] = attributes["name"]
