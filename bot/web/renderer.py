"""Renders views into pages. Templates escape everything that comes from people or data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import CodeType
from typing import Any, Final

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from bot import template_files
from bot.presentation import dates, states, text_diff
from bot.presentation.characters import line, stands_apart
from bot.web import file_responses, static_files
from bot.web import site_urls as places
from bot.web.site_urls import SiteUrls
from bot.web.status_pages import Notice, StatusPage

_in_utc: Final = dates.in_zone(None)
_TYPE: Final = "text/html; charset=utf-8"


class _CompiledTemplates(BytecodeCache):
    """The compiled templates of this process, for all its sites: compiling takes most of the time to make one."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take a template that was compiled from the same source."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template that was compiled."""
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


_COMPILED: Final = _CompiledTemplates()


class Renderer:
    """Renders the templates in `templates/pages`."""

    def __init__(self, at: SiteUrls, name: str = "") -> None:
        self._environment = Environment(
            loader=FileSystemLoader(template_files.folder() / "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            # Browsers remove the first newline of a text area, so we add one; a newline of the data must stay.
            keep_trailing_newline=True,
            bytecode_cache=_COMPILED,
        )
        self._environment.filters["time"] = _time
        self._environment.filters["phrase"] = _phrase
        self._environment.filters["plain"] = dates.written
        self._environment.filters["line"] = line
        self._environment.filters["difference"] = text_diff.folded
        self._environment.tests["apart"] = stands_apart
        self._environment.tests["previewed"] = file_responses.is_previewed
        self._environment.globals.update(
            site_name=name,
            icons=states.ICONS,
            long_change=text_diff.is_long,
            at=at,
            static={name: _static(at, name) for name in static_files.statics()},
        )
        for name in self._environment.list_templates(extensions=["html"]):
            # Compile them now, and not while the first people wait for their pages.
            self._environment.get_template(name)

    def page(self, template: str, *, status: int = 200, **view: Any) -> HTMLResponse:
        """Return the page of a template."""
        html = self._environment.get_template(f"{template}.html").render(**view)
        return HTMLResponse(html, status, media_type=_TYPE)

    def status_page(self, page: StatusPage, *, again: Sequence[tuple[str, str]] = ()) -> HTMLResponse:
        """Return the page of a status, with advice. `again`: the fields of a form that a button sends again."""
        return self.page("said", status=page.status, said=page, again=again)


def _static(at: SiteUrls, name: str) -> str:
    return at.path(places.STATIC, static_files.statics()[name].name)


def _time(moment: datetime) -> Markup:
    """Write a time in UTC; the script puts the reader's local time in its place."""
    exact = moment.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}">{}</time>').format(exact, escape(_in_utc(moment)))


def _phrase(phrase: Notice) -> Markup:
    """Write a phrase with its moments as times."""
    parts = (phrase,) if isinstance(phrase, str) else phrase
    return Markup("").join(_time(part) if isinstance(part, datetime) else escape(part) for part in parts)
