"""The world that the ready-made workflows act on: payments and deployments, as a real HTTP server that remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.devtools.demo import ledger_page
from bot.devtools.demo.deployments import Deployment, Deployments
from bot.devtools.demo.payments import Payments, Refund
from bot.devtools.sandbox import persistence
from bot.devtools.sandbox.persistence import Unreadable

HOST: Final = "127.0.0.1"
_VERSION: Final = 1


class Ledger(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What happened, as it is written down. `port`: where workflows say that the services are.

    `calls`: the keys of all calls for refunds, see `Payments`.
    """

    version: int = _VERSION
    port: int
    refunds: list[Refund] = []
    calls: list[str] = []
    deployments: list[Deployment] = []


def kept(path: Path) -> Ledger | None:
    """What was written down; None: nothing yet. Raises `Unreadable`."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Ledger)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreadable(str(error.strerror)) from None
    except (msgspec.DecodeError, ValueError) as error:
        raise Unreadable(str(error)) from None
    if found.version != _VERSION:
        raise Unreadable("another version of Signoff wrote it")
    return found


@dataclass(kw_only=True)
class Effects:
    """Both services. `port`: of loopback; `named`: the port that workflows know, until they know this one."""

    port: int
    named: int
    path: Path
    payments: Payments
    deployments: Deployments

    @property
    def url(self) -> str:
        """The address of both services."""
        return url(self.port)

    def save(self) -> None:
        """Write down all that happened."""
        ledger = Ledger(
            port=self.named,
            refunds=self.payments.booked,
            calls=self.payments.calls,
            deployments=self.deployments.made,
        )
        persistence.write(self.path, msgspec.json.encode(ledger))

    @web.middleware
    async def recording(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nothing is answered that is not written down."""
        answer = await handler(request)
        if request.method == "POST" and answer.status < 300:
            self.save()
        return answer

    async def books(self, request: web.Request) -> web.Response:
        """What was really paid and deployed, for people to read: as a page in browsers, elsewhere as text."""
        paid = [("paid", f"{one.amount} for order {one.order} ({one.note})") for one in self.payments.booked]
        made = [("deployed", f"version {one.version}") for one in self.deployments.made]
        if "text/html" in request.headers.get("Accept", ""):
            return web.Response(
                text=ledger_page.page([*paid, *made]), content_type="text/html", headers=ledger_page.HEADERS
            )
        lines = [f"{what:8}  {which}" for what, which in [*paid, *made]]
        return web.Response(text="\n".join(lines) or ledger_page.NOTHING)


def url(port: int) -> str:
    """Where the services are."""
    return f"http://{HOST}:{port}"


@asynccontextmanager
async def serving(path: Path, *, port: int, token: str) -> AsyncIterator[Effects]:
    """The services while the body runs. Raises `OSError` where the port cannot be had, and `Unreadable`."""
    before = kept(path) or Ledger(port=port)
    effects = Effects(
        port=port,
        named=before.port,
        path=path,
        payments=Payments(url=url(port), booked=before.refunds, calls=before.calls),
        deployments=Deployments(token=token, made=before.deployments),
    )
    application = web.Application(middlewares=[effects.recording])
    application.add_routes(
        [
            web.get("/", effects.books),
            web.post("/refunds", effects.payments.refund),
            web.post("/deployments", effects.deployments.deploy),
            web.get("/health", effects.deployments.health),
        ]
    )
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield effects
    finally:
        await runner.cleanup()
