"""A page as the story's browser understands it: what can be read on it, and what its form would send.

Only as much of HTML as our own pages have: inputs of one line, texts, and buttons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

_UNSEEN: Final = frozenset({"head", "script", "style"})


@dataclass(kw_only=True)
class HtmlForm:
    """`values`: what would be sent, by name; `labels`: the names, by what people call them; `buttons`: by text."""

    action: str
    kind: str
    values: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(kw_only=True)
class ParsedPage:
    """`words`: all that can be read, in one line, with what stands in the inputs. `form`: the first; None: no form."""

    words: str
    form: HtmlForm | None


def read(source: str) -> ParsedPage:
    """The page of this source."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
    return ParsedPage(words=_line(reader.said), form=reader.form)


def _line(said: list[str]) -> str:
    return " ".join("".join(said).split())


class _Reader(HTMLParser):
    """`said`: all texts so far; in it stands what belongs to a label, an area or a button."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self.form: HtmlForm | None = None
        self._names: dict[str, str] = {}
        self._labels: list[tuple[str, str]] = []
        self._open: dict[str, tuple[int, dict[str, str]]] = {}
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "form" and self.form is None:
            self.form = HtmlForm(action=given["action"], kind=given.get("enctype", "application/x-www-form-urlencoded"))
        elif tag in ("label", "textarea", "button"):
            self._open[tag] = (len(self.said), given)
        elif tag == "input" and self.form is not None:
            self._input(self.form, given)
        self._space()

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen -= 1
        elif tag in self._open:
            begun, given = self._open.pop(tag)
            self._closed(tag, given, "".join(self.said[begun:]))
        elif tag == "form" and self.form is not None:
            self.form.labels.update((label, self._names[one]) for label, one in self._labels if one in self._names)
        self._space()

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.said.append(data)

    def _space(self) -> None:
        """Texts of two elements are two words, except inside of an area, where every character is the person's."""
        if "textarea" not in self._open:
            self.said.append(" ")

    def _input(self, form: HtmlForm, given: dict[str, str]) -> None:
        form.values[given["name"]] = given.get("value", "")
        if given.get("type") != "hidden":
            self._names[given["id"]] = given["name"]
            self.said.append(f" {given.get('value', '')}")

    def _closed(self, tag: str, given: dict[str, str], text: str) -> None:
        said = " ".join(text.split())
        if tag == "label":
            self._labels.append((said, given.get("for", "")))
        elif self.form is not None and "name" in given:
            if tag == "button":
                self.form.buttons[said] = (given["name"], given.get("value", ""))
                return
            # A newline after the tag belongs to the source, and lines are sent with both characters.
            self.form.values[given["name"]] = text.removeprefix("\n").replace("\n", "\r\n")
            self._names[given["id"]] = given["name"]
        elif self.form is not None and tag == "button":
            self.form.buttons[said] = ("", "")
