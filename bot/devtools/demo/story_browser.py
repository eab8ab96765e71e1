"""The browsers of the people in the story: they keep cookies, follow links, fill in forms and press buttons."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from bot.devtools.demo import page_parser
from bot.devtools.demo.narration import ClaimFailed
from bot.devtools.demo.page_parser import ParsedPage

_USER_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_FROM_EMAIL: Final = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
_FROM_PAGE: Final = {**_FROM_EMAIL, "Sec-Fetch-Site": "same-origin"}
"""Headers with which browsers name the origin of a request; pages cannot set them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPage:
    """A page in a browser. `url`: the URL in its address bar."""

    status: int
    url: URL
    page: ParsedPage


class Browser:
    """A browser of one person, with its cookies."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def follow(self, url: str | URL, *, method: str = "GET") -> LoadedPage:
        """Open a link of an email. Programs that scan links use the method HEAD."""
        async with self._session.request(method, url, headers=_FROM_EMAIL, allow_redirects=True) as response:
            return await _load(response)

    async def press(self, loaded: LoadedPage, button: str, values: Mapping[str, str] | None = None) -> LoadedPage:
        """Type values into the inputs with these labels, and press a button. Raises `ClaimFailed` if one is missing."""
        form = loaded.page.form
        typed = values or {}
        if form is None or button not in form.buttons or not typed.keys() <= form.labels.keys():
            raise ClaimFailed(f"there is a page with {[*typed, button]}", loaded.page.words)
        name, value = form.buttons[button]
        fields = {**form.values, **{form.labels[label]: text for label, text in typed.items()}}
        body = aiohttp.FormData(default_to_multipart=form.content_type == "multipart/form-data")
        for key, text in [*fields.items(), *([(name, value)] if name else [])]:
            body.add_field(key, text)
        async with self._session.post(loaded.url.join(URL(form.action)), data=body, headers=_FROM_PAGE) as response:
            return await _load(response)


async def _load(response: aiohttp.ClientResponse) -> LoadedPage:
    page = page_parser.parse_page(await response.text())
    return LoadedPage(status=response.status, url=response.url, page=page)


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Open a browser without cookies."""
    # Browsers keep cookies of hosts that are IP addresses; aiohttp does so only with this option.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"User-Agent": _USER_AGENT}) as session:
        yield Browser(session)
