"""The services that the ready-made workflows call: payments and deployments, as a real HTTP server with a ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.devtools.demo import ledger_page, prospects
from bot.devtools.demo.deployments import Deployment, Deployments
from bot.devtools.demo.ledger_page import LedgerEntry
from bot.devtools.demo.other_services import AcceptedCall, OtherServices
from bot.devtools.demo.payments import Payments, Refund
from bot.devtools.sandbox import persistence
from bot.devtools.sandbox.persistence import UnreadableFile

HOST: Final = "127.0.0.1"
_VERSION: Final = 1


class Ledger(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What was saved of all calls.

    `port`: the port that the registered workflows call; `calls`: the keys of all calls for refunds, see `Payments`.
    """

    version: int = _VERSION
    port: int
    refunds: list[Refund] = []
    calls: list[str] = []
    deployments: list[Deployment] = []
    accepted: list[AcceptedCall] = []


def load_ledger(path: Path) -> Ledger | None:
    """Load the ledger, or return None if there is none yet. Raises `UnreadableFile`."""
    try:
        ledger = msgspec.json.decode(path.read_bytes(), type=Ledger)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableFile(str(error.strerror)) from None
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableFile(str(error)) from None
    if ledger.version != _VERSION:
        raise UnreadableFile("another version of Signoff wrote it")
    return ledger


@dataclass(kw_only=True)
class DemoServices:
    """All services on one port. `workflow_port`: the port in the registered workflows, until they are updated."""

    port: int
    workflow_port: int
    path: Path
    payments: Payments
    deployments: Deployments
    others: OtherServices
    approval_of: Callable[[str], Awaitable[str]] | None = None
    """Tells from the idempotency key of a call who approved it; none until the server runs."""

    @property
    def url(self) -> str:
        """Return the address of the services."""
        return service_url(self.port)

    def save(self) -> None:
        """Save the ledger."""
        ledger = Ledger(
            port=self.workflow_port,
            refunds=self.payments.booked,
            calls=self.payments.calls,
            deployments=self.deployments.deployed,
            accepted=self.others.accepted,
        )
        persistence.write_file(self.path, msgspec.json.encode(ledger))

    @web.middleware
    async def save_before_response(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Save the ledger before a successful call is answered."""
        response = await handler(request)
        if request.method != "GET" and response.status < 300:
            self.save()
        return response

    async def show_ledger(self, request: web.Request) -> web.Response:
        """Show the refunds and deployments, as a page in browsers and as text elsewhere."""
        if "text/html" in request.headers.get("Accept", ""):
            text = ledger_page.render_page([*await self._entries()])
            return web.Response(text=text, content_type="text/html", headers=ledger_page.HEADERS)
        lines = [f"paid      {paid.amount} for order {paid.order} ({paid.note})" for paid in self.payments.booked]
        lines += [f"deployed  version {deployed.version}" for deployed in self.deployments.deployed]
        lines += [f"did       {call.what.lower()} ({call.note})" for call in self.others.accepted]
        return web.Response(text="\n".join(lines) or ledger_page.NOTHING_YET)

    async def _entries(self) -> list[LedgerEntry]:
        """Return the entries of the page, the newest first."""
        entries = [
            LedgerEntry(
                f"Paid {paid.amount} for order {paid.order}",
                note=paid.note,
                at=paid.at,
                approval=await self._approval(paid.key),
            )
            for paid in self.payments.booked
        ]
        entries += [
            LedgerEntry(
                f"Deployed version {deployed.version}", at=deployed.at, approval=await self._approval(deployed.key)
            )
            for deployed in self.deployments.deployed
        ]
        entries += [
            LedgerEntry(call.what, note=call.note, at=call.at, approval=await self._approval(call.key))
            for call in self.others.accepted
        ]
        return sorted(entries, key=lambda entry: entry.at.timestamp() if entry.at else 0.0, reverse=True)

    async def _approval(self, key: str) -> str:
        return await self.approval_of(key) if self.approval_of is not None else ""


def service_url(port: int) -> str:
    """Return the address of the services at a port."""
    return f"http://{HOST}:{port}"


@asynccontextmanager
async def run_services(path: Path, *, port: int, token: str) -> AsyncIterator[DemoServices]:
    """Run the services. Raises `OSError` if the port is not free, and `UnreadableFile` for the ledger."""
    ledger = load_ledger(path) or Ledger(port=port)
    services = DemoServices(
        port=port,
        workflow_port=ledger.port,
        path=path,
        payments=Payments(url=service_url(port), booked=ledger.refunds, calls=ledger.calls),
        deployments=Deployments(token=token, deployed=ledger.deployments),
        others=OtherServices(accepted=ledger.accepted),
    )
    application = web.Application(middlewares=[services.save_before_response])
    application.add_routes(
        [
            web.get("/", services.show_ledger),
            web.post("/refunds", services.payments.pay),
            web.post("/deployments", services.deployments.deploy),
            web.get("/health", services.deployments.health),
            web.get("/prospects/{prospect}", prospects.look_up),
            *services.others.routes(),
        ]
    )
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield services
    finally:
        await runner.cleanup()
