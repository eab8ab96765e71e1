"""A page as a browser understands it: its forms, and what it would send of them if nobody touched anything.

Only what the round trip of a value depends on: line ends of the source, the newline after `<textarea>`, what inputs of
one line do to their value, and the line ends that are sent. Held against Chromium in tests/browser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

_ONE_LINE: Final = frozenset({"text", "email", "url", "search", "tel"})
_TRIMMED: Final = frozenset({"email", "url"})


@dataclass
class Form:
    action: str
    kind: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, value, text."""

    def with_(self, **changes: str) -> list[tuple[str, str]]:
        """The fields, some of them with other values."""
        changed = dict(changes)
        kept = [(name, changed.pop(name, value)) for name, value in self.fields]
        return [*kept, *changed.items()]


@dataclass
class Page:
    """`text`: all that is to be read. `ids` and `labels`: for what refers to what."""

    title: str = ""
    headings: list[str] = field(default_factory=list)
    text: str = ""
    forms: list[Form] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def form(self) -> Form:
        return self.forms[0]


def read(source: str) -> Page:
    """The page of this source."""
    parser = _Parser()
    # What every browser does before it reads anything.
    parser.feed(source.replace("\r\n", "\n").replace("\r", "\n"))
    parser.close()
    parser.page.text = re.sub(r"[ \n\t]+", " ", parser.page.text)
    return parser.page


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._form: Form | None = None
        self._area: list[str] | None = None
        self._name = ""
        self._select: tuple[str, str | None, str | None] | None = None
        self._inside: list[str] = []
        self._button: tuple[str, str] | None = None
        self._said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: _nul(value or "") for name, value in attrs}
        if "id" in given:
            self.page.ids[given["id"]] = {"tag": tag, **given}
        if tag == "a" and "href" in given:
            self.page.links.append(given["href"])
        if tag == "form":
            self._form = Form(given["action"], given.get("enctype", "application/x-www-form-urlencoded"))
            self.page.forms.append(self._form)
        if self._form is not None:
            self._control(tag, given)
        if tag in ("h1", "h2", "title", "button"):
            self._said = ""

    def _control(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        if tag == "input":
            kind = given.get("type", "text")
            if kind in ("radio", "checkbox") and "checked" not in given:
                return
            self._form.fields.append((given["name"], _sent(given.get("value", ""), kind)))
        elif tag == "textarea":
            self._area, self._name = [], given["name"]
        elif tag == "select":
            self._select = (given["name"], None, None)
        elif tag == "option" and self._select is not None:
            name, first, chosen = self._select
            value = given["value"]
            self._select = (name, value if first is None else first, value if "selected" in given else chosen)
        elif tag == "button":
            self._button = (given.get("name", ""), given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None and self._form is not None:
            text = "".join(self._area)
            self._form.fields.append((self._name, _sent(text.removeprefix("\n"), "textarea")))
            self._area = None
        elif tag == "select" and self._select is not None and self._form is not None:
            name, first, chosen = self._select
            self._form.fields.append((name, chosen if chosen is not None else first or ""))
            self._select = None
        elif tag == "button" and self._button is not None and self._form is not None:
            self._form.buttons.append((*self._button, " ".join(self._said.split())))
            self._button = None
        elif tag == "form":
            self._form = None
        elif tag in ("h1", "h2"):
            self.page.headings.append(" ".join(self._said.split()))
        elif tag == "title":
            self.page.title = " ".join(self._said.split())

    def handle_data(self, data: str) -> None:
        data = _nul(data)
        if self._area is not None:
            self._area.append(data)
        self.page.text += data
        self._said += data


def _nul(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _sent(value: str, kind: str) -> str:
    if kind in _ONE_LINE:
        value = value.replace("\n", "").replace("\r", "")
    if kind in _TRIMMED:
        value = value.strip(" \t\n\f\r")
    return value.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
