"""Parses a page as a browser does: its forms, and the values that the browser submits if no one changes them.

It covers only what the round trip of a value depends on: line ends of the source, the newline after `<textarea>`, how
one-line inputs change their value, and the line ends that are sent. tests/browser compares it with Chromium.
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
        """Return the fields, some of them with other values."""
        changed = dict(changes)
        fields = [(name, changed.pop(name, value)) for name, value in self.fields]
        return [*fields, *changed.items()]


@dataclass
class Page:
    """A parsed page. `text` is everything that people can read; `ids` has the attributes of elements by their id."""

    title: str = ""
    headings: list[str] = field(default_factory=list)
    text: str = ""
    forms: list[Form] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: dict[str, dict[str, str]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    """The texts that are marked as removed and added."""

    @property
    def form(self) -> Form:
        return self.forms[0]

    def form_with(self, name: str) -> Form:
        """Return the first form that has a field or a button of this name."""
        return next(
            form
            for form in self.forms
            if name in dict(form.fields) or any(name == button for button, _, _ in form.buttons)
        )


def read(source: str) -> Page:
    """Parse the source of a page."""
    parser = _Parser()
    # Browsers normalize line ends before they parse.
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
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: _replace_nul(value or "") for name, value in attrs}
        if "id" in attributes:
            self.page.ids[attributes["id"]] = {"tag": tag, **attributes}
        if tag == "a" and "href" in attributes:
            self.page.links.append(attributes["href"])
        if tag == "form":
            self._form = Form(
                attributes.get("action", ""), attributes.get("enctype", "application/x-www-form-urlencoded")
            )
            self.page.forms.append(self._form)
        if self._form is not None:
            self._control(tag, attributes)
        if tag in ("h1", "h2", "title", "button", "del", "ins"):
            self._text = ""

    def _control(self, tag: str, attributes: dict[str, str]) -> None:
        assert self._form is not None
        if tag == "input":
            kind = attributes.get("type", "text")
            # A file that is not chosen comes as a part without a name, which the server leaves out.
            if kind == "file" or (kind in ("radio", "checkbox") and "checked" not in attributes):
                return
            self._form.fields.append((attributes["name"], _submitted(attributes.get("value", ""), kind)))
        elif tag == "textarea" and "disabled" not in attributes:
            self._area, self._name = [], attributes["name"]
        elif tag == "select":
            self._select = (attributes["name"], None, None)
        elif tag == "option" and self._select is not None:
            name, first, selected = self._select
            value = attributes["value"]
            self._select = (name, value if first is None else first, value if "selected" in attributes else selected)
        elif tag == "button" and "disabled" not in attributes:
            self._button = (attributes.get("name", ""), attributes.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None and self._form is not None:
            text = "".join(self._area)
            self._form.fields.append((self._name, _submitted(text.removeprefix("\n"), "textarea")))
            self._area = None
        elif tag == "select" and self._select is not None and self._form is not None:
            name, first, selected = self._select
            self._form.fields.append((name, selected if selected is not None else first or ""))
            self._select = None
        elif tag == "button" and self._button is not None and self._form is not None:
            self._form.buttons.append((*self._button, " ".join(self._text.split())))
            self._button = None
        elif tag == "form":
            self._form = None
        elif tag in ("h1", "h2"):
            self.page.headings.append(" ".join(self._text.split()))
        elif tag in ("del", "ins"):
            (self.page.removed if tag == "del" else self.page.added).append(self._text)
        elif tag == "title":
            self.page.title = " ".join(self._text.split())

    def handle_data(self, data: str) -> None:
        data = _replace_nul(data)
        if self._area is not None:
            self._area.append(data)
        self.page.text += data
        self._text += data


def _replace_nul(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _submitted(value: str, kind: str) -> str:
    if kind in _ONE_LINE:
        value = value.replace("\n", "").replace("\r", "")
    if kind in _TRIMMED:
        value = value.strip(" \t\n\f\r")
    return value.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
