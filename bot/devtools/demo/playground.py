"""The interactive demo: a complete Signoff on fixed ports, in a folder that the next start continues with."""

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
from bot.ai import setup
from bot.app_parts import App, AppOptions
from bot.devtools.demo import agent_key, folder, servers, templates, workflows
from bot.devtools.demo import services as demo_services
from bot.devtools.demo.advice import ADVICE
from bot.devtools.demo.folder import DemoFolder
from bot.devtools.demo.services import DemoServices
from bot.devtools.demo.story_feed import StoryFeed
from bot.devtools.language_model import MODEL, ModelService, RecordedAnswer, load_answers, run_model_service
from bot.devtools.sandbox import RunningSandbox, persistence, sandbox
from bot.devtools.sandbox.persistence import UnreadableFile, UnwritableFile
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
_FRESH_HINT: Final = "With --fresh the demo starts anew and deletes the saved state."


class DemoPortTaken(SignoffError):
    """A port that the demo needs is taken by another program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports of the local Slack, of Signoff, and of the services (None: the port of the last start)."""

    page: int = PAGE_PORT
    server: int = SERVER_PORT
    effects: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """The running parts. `resumed`: the folder has data of an earlier start; `pending`: number of pending requests.

    `agent_key`: the API key for a program of the user.
    """

    app: App
    slack: RunningSandbox
    services: DemoServices
    folder: DemoFolder
    resumed: bool
    pending: int
    agent_key: str

    def page(self, person: str) -> str:
        """Return the URL of a person's Slack."""
        return f"{self.slack.base_url}/sandbox?as={person}"

    @property
    def mailbox(self) -> str:
        """The URL of the mailbox of the person without Slack."""
        return f"{self.slack.base_url}/sandbox/mail?to={workflows.OUTSIDER}"


@asynccontextmanager
async def open_playground(path: Path, ports: Ports, *, fresh: bool = False) -> AsyncIterator[Playground]:
    """Run all parts of the demo and save their state; `fresh` deletes the saved state first.

    Raises `DemoPortTaken`, and `StoreError` for a folder that cannot be used.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(_write_errors())
        stack.enter_context(servers.without_proxies())
        files = stack.enter_context(folder.lock_folder(path))
        if fresh:
            files.clear()
        resumed = files.database.exists()
        slack = await _open_slack(stack, files, ports.page)
        services = await _open_services(stack, files, ports.effects)
        model = await stack.enter_async_context(run_model_service(_recorded()))
        running_app = await _open_server(stack, files, ports.server, slack, services, model)
        await _register_workflows(running_app, slack, services)
        services.approval_of = partial(_approval_of, running_app)
        feed = StoryFeed(running_app)
        slack.tell(story=feed.story, completions=feed.completions, advice=ADVICE)
        pending = len(await running_app.engine.requests(PageQuery(limit=1000, open_only=True)))
        yield Playground(
            app=running_app,
            slack=slack,
            services=services,
            folder=files,
            resumed=resumed,
            pending=pending,
            agent_key=await agent_key.ready_key(running_app, files.agent_key),
        )


async def _open_slack(stack: AsyncExitStack, files: DemoFolder, port: int) -> RunningSandbox:
    with _port_errors(port, "--port"), _read_errors(files.world):
        slack = await stack.enter_async_context(sandbox(port=port, world=partial(persistence.load, files.world)))
    for user in list(slack.world.users.values()):
        # Conversations are opened before the first message, so that a crash cannot lose one that a receipt names.
        if not user.is_bot:
            slack.world.dm(slack.app.bot_user, user.id)
    await stack.enter_async_context(persistence.save_changes(slack.slack, files.world))
    return slack


async def _open_services(stack: AsyncExitStack, files: DemoFolder, port: int | None) -> DemoServices:
    with _read_errors(files.effects):
        ledger = demo_services.load_ledger(files.effects)
    # Registered workflows and open runs contain the address, so the port of the last start is used again.
    last_port = ledger.port if ledger is not None else EFFECTS_PORT
    chosen_port = port if port is not None else last_port
    token = RandomIds().salt().hex()
    with _port_errors(chosen_port, "--effects-port"):
        return await stack.enter_async_context(demo_services.run_services(files.effects, port=chosen_port, token=token))


async def _open_server(
    stack: AsyncExitStack,
    files: DemoFolder,
    port: int,
    slack: RunningSandbox,
    services: DemoServices,
    model: ModelService,
) -> App:
    settings = servers.demo_settings(
        slack,
        database=files.database,
        allow=services.url.removeprefix("http://"),
        port=port,
        more={
            "ADMINS": agent_key.OWNER,
            "AI_URL": model.url,
            "AI_KEY": model.key,
            "AI_MODEL": MODEL,
            "AI_PRICES": f"{MODEL}=0.25/2",
        },
    )
    environment = {f"{SECRET_PREFIX}DEPLOY_TOKEN": services.deployments.token}
    options = AppOptions(settings=settings, environment=environment, console=Console(quiet=True))
    with _port_errors(port, "--server-port"), _database_errors():
        running_app = await stack.enter_async_context(app.open_server(options))
    slack.app.request_url = f"http://{settings.host}:{settings.port}{transport.PATH}"
    return running_app


def _recorded() -> list[RecordedAnswer]:
    """Return what the local language model answers in the ready-made workflows."""
    return [answer for name in sorted(workflows.NEED_A_MODEL) for answer in load_answers(templates.answers(name))]


async def _register_workflows(app: App, slack: RunningSandbox, services: DemoServices) -> None:
    """Register missing workflows, and update the address of the services in the others."""
    cleo = slack.person("cleo")
    old_url, new_url = demo_services.service_url(services.workflow_port), services.url
    for name, build in workflows.WORKFLOWS.items():
        if name in workflows.NEED_A_MODEL and setup.missing(app.settings) is not None:
            continue  # the library for language models is optional
        registered = await app.engine.workflow(name)
        if isinstance(registered, NotFound):
            source = build(new_url)
        elif old_url != new_url and old_url.encode() in registered.source:
            source = registered.source.decode().replace(old_url, new_url)
        else:
            continue
        command = Register(
            source=source.encode(),
            actor=Address("slack", cleo.id),
            origin=Origin(surface="terminal"),
        )
        result = await app.engine.register(command)
        if isinstance(result, Refusal):
            raise SignoffError(f"The workflow {name} cannot be registered: {refusals.sentence(result)}")
    services.workflow_port = services.port
    services.save()


async def _approval_of(app: App, key: str) -> str:
    """Return who approved the call with this idempotency key, which is `run:step:visit`."""
    run, step, visit = key.split(":")
    requests = [
        request
        for request in await app.engine.requests_of_run(run)
        if (request.model.subject.step, str(request.model.subject.visit)) == (step, visit)
    ]
    if not requests:
        return "No approval was needed"
    decision = requests[-1].decision
    return f"Approved by {decision.person.label}" if decision is not None else ""


@contextmanager
def _port_errors(port: int, flag: str) -> Iterator[None]:
    """Turn the errors of a taken port into `DemoPortTaken`, which names the option for another port."""
    option = f'{flag}, with make as in: make demo DEMOFLAGS="{flag} {_example_port(port)}"'
    taken = DemoPortTaken(f"Port {port} is taken by another program; name another one with {option}.")
    try:
        yield
    except server.PortTaken:
        raise taken from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise taken from None


def _example_port(port: int) -> int:
    """Return another port as an example."""
    return port + 300 if port < _LAST_PORT - 300 else port - 300


@contextmanager
def _database_errors() -> Iterator[None]:
    """Add the option --fresh to errors of the database."""
    try:
        yield
    except (StoreLocked, StoreFull, StoreReadOnly):
        raise
    except StoreError as error:
        raise StoreError(f"{error} {_FRESH_HINT}") from error


@contextmanager
def _write_errors() -> Iterator[None]:
    try:
        yield
    except UnwritableFile as error:
        raise StoreError(f"The messages of the demo cannot be saved: {error}.") from None


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except UnreadableFile as error:
        raise StoreError(f"{path} cannot be read: {error}. {_FRESH_HINT}") from None


def instructions(playground: Playground) -> Iterator[str]:
    """Yield the lines with the first things to try."""
    if playground.resumed:
        count = playground.pending
        pending = f"{count} request{'s' if count > 1 else ''} waiting" if count else "no request is waiting"
        yield f"The demo goes on where it stopped; {pending}."
    else:
        yield "All of Signoff runs on this machine, with its own Slack and mailboxes. Nothing leaves the machine."
    yield ""
    yield "Open these pages, each in a window of its own:"
    yield f"  Cleo asks for things:    {playground.page('cleo')}"
    yield f"  Ada approves them:       {playground.page('ada')}"
    yield f"  Ben approves them too:   {playground.page('ben')}"
    yield f"  Mia approves by email:   {playground.mailbox}"
    yield f"  What really happened:    {playground.services.url}"
    yield ""
    yield "Then try this:"
    yield "  1. As Cleo, type /signoff run refund in the box at the bottom, and press Enter. A form opens."
    yield "     Ask for more than 100 EUR, and send it."
    yield "  2. As Ada, press Pay the refund. Or press Edit, change the amount, and send it."
    yield "  3. As Ben, see who decided. As Cleo, see that it is done."
    yield "  4. As Cleo, type /signoff run expense. As Mia, open the new email, and press Review and decide. On its"
    yield "     page, press Pay back. Then type the code from the next email."
    yield "  5. As Cleo, type /signoff run deploy, with a version that is named broken. Approve it as Ada. The service"
    yield "     then reports an error, and Cleo is asked whether to keep the version."
    yield "  6. Look at the last page: it lists what was really paid and deployed, and who approved it."
    yield "  7. Let a program of yours ask Ada. In the terminal where it runs, set this first:"
    yield f"     export SIGNOFF_URL={playground.app.settings.public_url} SIGNOFF_API_KEY={playground.agent_key}"
    yield "  8. Build a workflow of your own: as Cleo, type /signoff new, and choose Refund a customer. As the address"
    yield f"     that pays, write {playground.services.url.rstrip('/')}/refunds"
    yield ""
    yield "Ctrl-C stops the demo, and the next start goes on from there; with --fresh it starts anew."
