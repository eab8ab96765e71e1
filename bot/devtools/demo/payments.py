"""The payment service: a real HTTP server, and what it booked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from engine import json_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One refund as it was asked for. `key`: the idempotency key; `amount`: such as `95 EUR`."""

    key: str
    order: str
    amount: str
    note: str


@dataclass(kw_only=True)
class Payments:
    """`booked`: every refund that was paid, oldest first; `calls`: the keys of all calls, repeated ones too.

    `books`: what is booked for a refund. Anything but that refund, once, is a fault for the story to find.
    """

    url: str = ""
    books: Callable[[Refund], Sequence[Refund]] = lambda refund: (refund,)
    booked: list[Refund] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def of(self, order: str) -> list[Refund]:
        """What was paid for an order."""
        return [one for one in self.booked if one.order == order]

    async def refund(self, request: web.Request) -> web.Response:
        """Pay once for each key: a repeated call gets the first receipt again."""
        key = request.headers.get("Idempotency-Key", "")
        try:
            asked = _read(key, json_values.loads(await request.read()))
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        if key not in self.calls:
            self.booked += self.books(asked)
        self.calls.append(key)
        answer: json_values.Value = {
            "receipt": f"R-{self.calls.index(key) + 1}",
            "order": asked.order,
            "amount": asked.amount,
        }
        return web.Response(status=201, text=json_values.dumps(answer), content_type="application/json")


def _read(key: str, body: json_values.Value) -> Refund:
    """The refund. Raises `ValueError` for a body that asks for none."""
    match key, body:
        case str(), {
            "order": str(order),
            "amount": {"amount": str(amount), "currency": str(currency)},
            "note": str(note),
        }:
            if key:
                return Refund(key=key, order=order, amount=f"{amount} {currency}", note=note)
    raise ValueError("this is no refund: an Idempotency-Key, order, amount and note are needed")


@asynccontextmanager
async def taking() -> AsyncIterator[Payments]:
    """The service on a free port of loopback, while the body runs."""
    payments = Payments()
    application = web.Application()
    application.add_routes([web.post("/refunds", payments.refund)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        payments.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield payments
    finally:
        await runner.cleanup()
