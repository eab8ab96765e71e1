"""A whole Signoff for people to play with: at fixed ports, in a folder that the next start goes on with."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console

from bot import app
from bot.app import App, AppOptions
from bot.devtools.demo import folder, servers, services, workflows
from bot.devtools.demo.advice import ADVICE
from bot.devtools.demo.folder import Folder
from bot.devtools.demo.services import Effects
from bot.devtools.demo.story_feed import StoryFeed
from bot.devtools.sandbox import RunningSandbox, persistence, sandbox
from bot.devtools.sandbox.persistence import Unreadable, Unwritable
from bot.presentation import refusals
from bot.slack import transport
from bot.web import server
from engine.domain import Address, NotFound, Origin, Refusal, Register
from engine.errors import SignoffError, StoreError, StoreFull, StoreLocked, StoreReadOnly
from engine.read_models import PageQuery
from engine.system import SECRET_PREFIX, RandomIds

PAGE_PORT: Final = 8700
SERVER_PORT: Final = 8701
EFFECTS_PORT: Final = 8702
_LAST_PORT: Final = 65_535
_ANEW: Final = "With --fresh the demo begins anew, and forgets what is there."


class DemoPortTaken(SignoffError):
    """A port that the demo needs and cannot have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """`page`: of the local Slack; `server`: of Signoff; `effects`: of payments and deployments, None: as before."""

    page: int = PAGE_PORT
    server: int = SERVER_PORT
    effects: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """All parts at work. `goes_on`: it is not the first start in this folder; `waiting`: requests that are open."""

    app: App
    slack: RunningSandbox
    effects: Effects
    folder: Folder
    goes_on: bool
    waiting: int

    def page(self, person: str) -> str:
        """Where somebody's Slack is shown."""
        return f"{self.slack.base_url}/sandbox?as={person}"

    @property
    def mailbox(self) -> str:
        """Where the mails of who has no Slack are shown."""
        return f"{self.slack.base_url}/sandbox/mail?to={workflows.OUTSIDER}"


@asynccontextmanager
async def standing(place: Path, ports: Ports, *, fresh: bool = False) -> AsyncIterator[Playground]:
    """All parts at work while the body runs; what happens in them is kept. `fresh`: what was kept is forgotten.

    Raises `PortTaken`, and `StoreError` for a folder that cannot be used.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(_writable())
        stack.enter_context(servers.without_proxies())
        held = stack.enter_context(folder.held(place))
        if fresh:
            held.clear()
        goes_on = held.database.exists()
        slack = await _slack(stack, held, ports.page)
        effecting = await _effects(stack, held, ports.effects)
        working = await _server(stack, held, ports.server, slack, effecting)
        await _register(working, slack, effecting)
        feed = StoryFeed(working)
        slack.tell(story=feed.story, completions=feed.completions, advice=ADVICE)
        waiting = len(await working.engine.requests(PageQuery(limit=1000, open_only=True)))
        yield Playground(app=working, slack=slack, effects=effecting, folder=held, goes_on=goes_on, waiting=waiting)


async def _slack(stack: AsyncExitStack, held: Folder, port: int) -> RunningSandbox:
    with _port(port, "--port"), _readable(held.world):
        slack = await stack.enter_async_context(sandbox(port=port, world=partial(persistence.load, held.world)))
    for user in list(slack.world.users.values()):
        # Made before anything is said, so that a crash takes no conversation that a receipt names.
        if not user.is_bot:
            slack.world.dm(slack.app.bot_user, user.id)
    await stack.enter_async_context(persistence.keeping(slack.slack, held.world))
    return slack


async def _effects(stack: AsyncExitStack, held: Folder, port: int | None) -> Effects:
    with _readable(held.effects):
        before = services.kept(held.effects)
    # Workflows and runs hold the address, so it stays what it was.
    last = before.port if before is not None else EFFECTS_PORT
    wanted = port if port is not None else last
    token = RandomIds().salt().hex()
    with _port(wanted, "--effects-port"):
        return await stack.enter_async_context(services.serving(held.effects, port=wanted, token=token))


async def _server(stack: AsyncExitStack, held: Folder, port: int, slack: RunningSandbox, effecting: Effects) -> App:
    chosen = servers.chosen_settings(
        slack, database=held.database, allow=effecting.url.removeprefix("http://"), port=port
    )
    environment = {f"{SECRET_PREFIX}DEPLOY_TOKEN": effecting.deployments.token}
    options = AppOptions(settings=chosen, environment=environment, console=Console(quiet=True))
    with _port(port, "--server-port"), _usable():
        working = await stack.enter_async_context(app.open_server(options))
    slack.app.request_url = f"http://{chosen.host}:{chosen.port}{transport.PATH}"
    return working


async def _register(working: App, slack: RunningSandbox, effecting: Effects) -> None:
    """Register what is missing; what people changed stays as it is, except for where the services are."""
    cleo, before, now = slack.person("cleo"), services.url(effecting.named), effecting.url
    for name, made in workflows.ALL.items():
        found = await working.engine.workflow(name)
        if isinstance(found, NotFound):
            source = made(now)
        elif before != now and before.encode() in found.source:
            source = found.source.decode().replace(before, now)
        else:
            continue
        command = Register(
            source=source.encode(),
            actor=Address("slack", cleo.id),
            origin=Origin(surface="terminal"),
        )
        answer = await working.engine.register(command)
        if isinstance(answer, Refusal):
            raise SignoffError(f"The workflow {name} cannot be registered: {refusals.sentence(answer)}")
    effecting.named = effecting.port
    effecting.save()


@contextmanager
def _port(port: int, flag: str) -> Iterator[None]:
    """What cannot listen at the port says which flag names another one."""
    named = f'{flag}, with make as in: make demo DEMOFLAGS="{flag} {_another(port)}"'
    taken = DemoPortTaken(f"Port {port} is taken by another program; name another one with {named}.")
    try:
        yield
    except server.PortTaken:
        raise taken from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise taken from None


def _another(port: int) -> int:
    """A port for an example."""
    return port + 300 if port < _LAST_PORT - 300 else port - 300


@contextmanager
def _usable() -> Iterator[None]:
    """What is wrong with the database is told with what can be done about it here."""
    try:
        yield
    except (StoreLocked, StoreFull, StoreReadOnly):
        raise
    except StoreError as error:
        raise StoreError(f"{error} {_ANEW}") from error


@contextmanager
def _writable() -> Iterator[None]:
    try:
        yield
    except Unwritable as error:
        raise StoreError(f"What was said in the demo cannot be kept: {error}.") from None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except Unreadable as error:
        raise StoreError(f"{path} cannot be read: {error}. {_ANEW}") from None


def told(playground: Playground) -> Iterator[str]:
    """What somebody who reads has to know."""
    if playground.goes_on:
        waiting = playground.waiting
        left = f"{waiting} request{'s wait' if waiting > 1 else ' waits'}" if waiting else "no request waits"
        yield f"The demo goes on where it stopped; {left} for a decision."
    else:
        yield "A whole Signoff on this machine, with a Slack and mailboxes of its own; nothing leaves it."
    yield ""
    yield f"  Cleo, who runs things:  {playground.page('cleo')}"
    yield f"  Ada, who approves:      {playground.page('ada')}"
    yield f"  Ben, who approves too:  {playground.page('ben')}"
    yield f"  Mia, who has no Slack:  {playground.mailbox}"
    yield ""
    yield "  1. As Cleo, type /signoff run refund, and refund more than 100 EUR, or any amount to a VIP."
    yield "  2. As Ada, look at what is asked: change the amount with Edit, or press Pay the refund."
    yield "  3. As Ben, see that it is decided on his copy too; as Cleo, that it is done."
    yield "  4. As Cleo, type /signoff run expense. As Mia, open the mail that comes, press Review, then Pay back,"
    yield "     and type the code that comes by another mail."
    yield "  5. As Cleo, try /signoff run deploy: of a version broken Cleo is asked as well."
    yield f"  6. See what was really paid and deployed: {playground.effects.url}"
    yield ""
    yield "Ctrl-C stops it, and the next start goes on from there; with --fresh it begins anew."
