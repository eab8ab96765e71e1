"""The pages of an answer that comes in parts: the address of each next one, and the items of all. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin

from yarl import URL

from engine import json_values, urls
from engine.errors import ExpressionError, InvalidValue
from engine.expressions import compile_template
from engine.json_values import Value
from engine.runs import MAX_OUTPUT
from engine.steps.http_params import Pages

_FOR_THE_REST: Final = 1_000
"""Characters of the output beside the items."""


def origin(address: str) -> str:
    """Return scheme, host and port of an address. Raises `InvalidValue` if it has none."""
    try:
        return str(URL(address).origin())
    except ValueError:
        raise InvalidValue("is not the address of a server, such as https://api.example.com") from None


class PageCollector:
    """Collects the items of an answer, page by page. `first`: the address of the first page."""

    def __init__(self, pages: Pages, first: str) -> None:
        self._pages = pages
        self._seen = {first}
        self._home = origin(first)
        self._room = MAX_OUTPUT - _FOR_THE_REST
        self._items: list[Value] = []
        self.count = 0

    @property
    def output(self) -> dict[str, Value]:
        """The output of the step."""
        return {"items": self._items, "pages": self.count}

    def is_home(self, address: str) -> bool:
        """Return whether the address is on the server of the first page, which alone gets sign-in and headers."""
        return origin(address) == self._home

    def add(self, address: str, response: Mapping[str, Value]) -> str | None:
        """Keep the items of the page at `address`. Return the address of the next one, or None after the last.

        Raises `InvalidValue` with what is wrong.
        """
        self.count += 1
        items = self._evaluate("items", self._pages.items, response)
        if not isinstance(items, list):
            raise InvalidValue("its `items` are no list")
        self._room -= len(json_values.dumps(items))
        if self._room < 0:
            raise InvalidValue(f"its pages have more than {MAX_OUTPUT:,} characters; ask for less")
        self._items += items
        return self._check_next(address, self._evaluate("next", self._pages.next, response))

    def _evaluate(self, key: str, source: str, response: Mapping[str, Value]) -> Value:
        try:
            return compile_template(source).render({"response": dict(response)})
        except ExpressionError as error:
            raise InvalidValue(f"its `{key}` cannot be evaluated: {error}") from None

    def _check_next(self, address: str, given: Value) -> str | None:
        if given is None or given is False or given == "":
            return None
        if not isinstance(given, str):
            raise InvalidValue("its `next` is no address")
        if self.count >= self._pages.limit:
            raise InvalidValue("there are more pages than `limit` allows; raise it, or ask for less")
        following = urls.canonical(urljoin(address, given))
        server = origin(following)
        if server != self._home and server not in map(origin, self._pages.origins):
            raise InvalidValue(f"its next page is at {server}; write that under `origins` if it may be called")
        if following in self._seen:
            raise InvalidValue("its next page is one that was read before, so there would be no end")
        self._seen.add(following)
        return following
