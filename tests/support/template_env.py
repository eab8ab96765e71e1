"""A server for the ready-made workflows: Slack, mailboxes, a language model, and what their calls reach."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from bot.devtools.language_model import KEY, MODEL, ModelService, run_model_service
from engine.read_models import PageQuery, RunView
from tests.support.language_model import recorded
from tests.support.server_env import ServerEnv, open_server

WORKFLOWS: Final = Path(__file__).parents[2] / "templates" / "workflows"
PROSPECT: Final = {
    "name": "Harbour Bakery",
    "notes": "The sign has faded. Nora decides.",
    "account_owner": "ben@example.com",
}
RECORDS: Final = {"records": [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]}


@dataclass
class Systems:
    """The systems that the workflows call, at one address. They keep what is written to them."""

    url: str = ""
    written: list[tuple[str, str, Any]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        if request.method != "GET":
            self.written.append((request.method, request.path, await request.json()))
            return web.json_response({"saved": True, "id": "g-1"})
        return web.json_response(RECORDS if request.path.startswith("/records") else PROSPECT)


@asynccontextmanager
async def run_systems() -> AsyncIterator[Systems]:
    systems, application = Systems(), web.Application()
    application.router.add_route("*", "/{path:.*}", systems.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        systems.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield systems
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class TemplateEnv:
    """The server with its surroundings."""

    env: ServerEnv
    systems: Systems
    provider: ModelService

    async def register(self, name: str, *changes: tuple[str, str]) -> None:
        """Register a ready-made workflow as its user would change it: with their systems, and Ben as its owner."""
        text = (WORKFLOWS / f"{name}.yaml").read_text(encoding="utf-8")
        text = re.sub(r"https://[a-z]+\.example\.com", self.systems.url, text)
        text = re.sub(r"^(title: .*)$", r"\1\nowner: ben@example.com", text, count=1, flags=re.MULTILINE)
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        await self.env.register(text)

    def shown(self, person: str) -> str:
        return str(self.env.sandbox.person(person).sees())

    def is_shown(self, person: str, text: str) -> bool:
        return text in self.shown(person)

    async def last_run(self) -> RunView:
        """Return the only run, with its steps."""
        (run,) = await self.env.app.engine.runs(PageQuery(limit=10))
        view = await self.env.app.engine.run(run.id)
        assert view is not None
        return view


@asynccontextmanager
async def open_templates(folder: Path, database: Mapping[str, str]) -> AsyncIterator[TemplateEnv]:
    """Run a server with the settings of a database."""
    async with contextlib.AsyncExitStack() as stack:
        systems = await stack.enter_async_context(run_systems())
        answers = [*recorded("outreach"), *recorded("transcript"), *recorded("publish")]
        provider = await stack.enter_async_context(run_model_service(answers))
        more = {
            "SIGNOFF_HTTP_ALLOW": systems.url.removeprefix("http://"),
            "SIGNOFF_AI_URL": provider.url,
            "SIGNOFF_AI_KEY": KEY,
            "SIGNOFF_AI_MODEL": MODEL,
            "SIGNOFF_AI_PRICES": f"{MODEL}=1/4",
            "SIGNOFF_FILES_URL": f"file://{folder / 'files'}",
            **database,
        }
        environment = {"SIGNOFF_SECRET_DEPLOY_TOKEN": "kept-by-nobody"}
        env = await stack.enter_async_context(open_server(folder, in_slack=True, more=more, environment=environment))
        yield TemplateEnv(env, systems, provider)
