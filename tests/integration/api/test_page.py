"""The page about the API is true: each of its calls is made, in its order, and each answer is the one that it shows."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine import json_values
from tests.support.api_env import ApiEnv, Reply, open_api
from tests.support.engine_env import until

PAGE: Final = Path(__file__).parents[3] / "docs" / "api.md"
SITE: Final = "https://signoff.example.com"
OMITTED: Final = "…"
_BLOCK: Final = re.compile(r"^```(http|json)\n(.*?)^```$|^<!-- (.*?) -->$", re.MULTILINE | re.DOTALL)
_ID: Final = re.compile(r"\b05n7nz[0-9a-z]{11}\b")
_VARIES: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00|[0-9a-f]{64}")


@dataclass
class Reading:
    """Someone who follows the page. `ids`: the real id for each id of the page."""

    api: ApiEnv
    ids: dict[str, str] = field(default_factory=dict)
    last_ask: str = ""
    settles: bool = False

    def real(self, text: str) -> str:
        return _ID.sub(lambda match: self.ids.get(match[0], match[0]), text).replace(SITE, self.api.url)

    async def send(self, block: str) -> Reply:
        """Make the call of a block: the line of the request, headers, and the body."""
        line, *rest = block.strip().split("\n")
        headers = dict(each.split(": ", 1) for each in rest if re.match(r"[A-Z][A-Za-z-]+: ", each))
        body = "\n".join(each for each in rest if each.split(": ", 1)[0] not in headers)
        method, path = line.split(" ", 1)
        sent = {**headers, **({"Content-Type": "application/json"} if body else {})}
        call = self.api.call(method, self.real(path), raw=self.real(body).encode() if body else None, headers=sent)
        if not self.settles:
            return await call
        self.settles = False
        answer = asyncio.ensure_future(call)
        await until(lambda: len(self.api.api.waits) == 1)
        await self.api.env.settle()
        return await answer

    async def act(self, text: str) -> None:
        """Do what a comment of the page says: `approve amount=99.50 reason=…`, or `settle` with the next call."""
        if text == "settle":
            self.settles = True
            return
        assert text.startswith("approve ")
        edits, reason = text.removeprefix("approve ").split(" reason=")
        name, value = edits.split("=")
        self.api.env.pass_time(minutes=5)
        await self.api.decide(self.last_ask, edits={name: value}, reason=reason)

    def compare(self, shown: Any, real: Any) -> None:
        """Hold what the page shows against what came. Ids, times and digests are other ones each time."""
        if isinstance(shown, dict):
            assert isinstance(real, dict)
            assert OMITTED in shown or set(shown) == set(real), (sorted(shown), sorted(real))
            for key in (each for each in shown if each != OMITTED):
                assert key in real, (key, real)
                self.compare(shown[key], real[key])
        elif isinstance(shown, list):
            assert isinstance(real, list)
            assert len(shown) == len(real)
            for one, other in zip(shown, real, strict=True):
                self.compare(one, other)
        elif isinstance(shown, str) and _ID.fullmatch(shown):
            assert self.ids.setdefault(shown, real) == real
        elif isinstance(shown, str) and _VARIES.fullmatch(shown):
            assert _VARIES.fullmatch(real)
        else:
            assert (self.real(shown) if isinstance(shown, str) else shown) == real


async def test_each_call_of_the_page_has_the_answer_that_it_shows(tmp_path: Path) -> None:
    blocks = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    made = 0
    async with open_api(tmp_path / "signoff.db") as api:
        reading, reply = Reading(api), None
        for kind, block, comment in blocks:
            if comment:
                await reading.act(comment)
            elif kind == "http":
                reply = await reading.send(block)
            else:
                assert reply is not None
                status, _, shown = block.partition("\n")
                assert reply.status == int(status), (block, reply.text)
                reading.compare(json_values.loads(shown), reply.body)
                reading.last_ask = reading.last_ask or reply.body["id"]
                made += 1
                api.env.pass_time(seconds=1)
    assert made > 15


async def test_the_page_names_every_path_and_every_part_of_an_ask(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    async with open_api(tmp_path / "signoff.db") as api:
        document = (await api.call("GET", "/openapi.json", key="")).body
    for path in document["paths"]:
        words = re.escape(path)
        pattern = re.sub(r"\\\{\w+\\\}", r"[^/\\s`?]+", words)
        assert re.search(rf"(GET|POST) {pattern}[\s`?]", text), path
    assert [
        name for name in document["components"]["schemas"]["AskBody"]["properties"] if f"`{name}`" not in text
    ] == []
