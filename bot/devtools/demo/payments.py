"""The payment service: a real HTTP server, and the refunds that it booked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from aiohttp import web

from engine import json_values
from engine.ports import Clock
from engine.system import SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One requested refund. `key`: the idempotency key; `amount`: such as `95 EUR`; `at`: when it was booked."""

    key: str
    order: str
    amount: str
    note: str
    at: datetime | None = None


@dataclass(kw_only=True)
class Payments:
    """The booked refunds, oldest first, and the keys of all calls, repeated calls included.

    `book` returns the refunds to book for a call. Any result but the refund itself is a fault that the story must find.
    """

    url: str = ""
    book: Callable[[Refund], Sequence[Refund]] = lambda refund: (refund,)
    booked: list[Refund] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=SystemClock)

    def for_order(self, order: str) -> list[Refund]:
        """Return the booked refunds of an order."""
        return [refund for refund in self.booked if refund.order == order]

    async def pay(self, request: web.Request) -> web.Response:
        """Pay once for each key; a repeated call gets the first receipt again."""
        key = request.headers.get("Idempotency-Key", "")
        try:
            refund = _parse(key, json_values.loads(await request.read()))
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        if key not in self.calls:
            self.booked += self.book(replace(refund, at=self.clock.now()))
        self.calls.append(key)
        receipt: json_values.Value = {
            "receipt": f"R-{self.calls.index(key) + 1}",
            "order": refund.order,
            "amount": refund.amount,
        }
        return web.Response(status=201, text=json_values.dumps(receipt), content_type="application/json")


def _parse(key: str, body: json_values.Value) -> Refund:
    """Parse a refund. Raises `ValueError` for any other body."""
    match key, body:
        case str(), {
            "order": str(order),
            "amount": {"amount": str(amount), "currency": str(currency)},
            "note": str(note),
        }:
            if key:
                return Refund(key=key, order=order, amount=f"{amount} {currency}", note=note)
    raise ValueError("this is not a refund: an Idempotency-Key, order, amount and note are needed")


@asynccontextmanager
async def run_payments() -> AsyncIterator[Payments]:
    """Run the service on a free port of loopback."""
    payments = Payments()
    application = web.Application()
    application.add_routes([web.post("/refunds", payments.pay)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        payments.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield payments
    finally:
        await runner.cleanup()
