"""`requires_approval`: a function runs with the approved arguments, once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import signoff
from tests.support.ask_server import AskServer


def decided(asks: AskServer, call: Callable[[], Any], verdict: str = "approved", **edits: Any) -> Any:
    """Return what a call returns whose ask is decided."""

    def decide() -> None:
        asks.decide(asks.await_ask(polled=True)["id"], verdict, **edits)

    thread = threading.Thread(target=decide)
    thread.start()
    try:
        return call()
    finally:
        thread.join()


def body(asks: AskServer) -> dict[str, Any]:
    (ask,) = asks.asks.values()
    found: dict[str, Any] = ask["body"]
    return found


def test_a_function_runs_with_the_edited_arguments_and_reports(asks: AskServer) -> None:
    ran: list[object] = []

    @signoff.requires_approval("Refund {amount} for {order}?", editable=["amount"], risk="high")
    def refund(order: str, amount: float = 5.5, *, quick: bool = False) -> str:
        """Pay money back."""
        ran.append((order, amount, quick))
        return "paid"

    assert decided(asks, lambda: refund("A-1"), amount=4.5) == "paid"
    assert ran == [("A-1", 4.5, False)]
    assert body(asks) == {
        "title": "Refund 5.5 for A-1?",
        "tool": "refund",
        "use": "once",
        "risk": "high",
        "editable": ["amount"],
        "arguments": {"order": "A-1", "amount": 5.5, "quick": False},
    }
    assert asks.asks["ask1"]["outcome"]["status"] == "succeeded"
    assert (refund.__name__, refund.__doc__) == ("refund", "Pay money back.")


def test_an_async_function_runs_with_the_edited_arguments_and_reports(asks: AskServer) -> None:
    ran: list[object] = []

    @signoff.requires_approval(editable=True)
    async def send_mail(to: str, *copies: str, **headers: str) -> None:
        ran.append((to, copies, headers))
        raise ValueError("no such person")

    def call() -> None:
        asyncio.run(send_mail("kim", "ada", "ben", subject="Hi"))

    with pytest.raises(ValueError, match="no such person"):
        decided(asks, call, copies=["ada"], headers={"subject": "Hello"})
    assert ran == [("kim", ("ada",), {"subject": "Hello"})]
    assert body(asks)["title"] == "Send mail"
    assert asks.asks["ask1"]["outcome"] == {
        "status": "failed",
        "note": "ValueError: no such person",
        "at": "2026-03-02T10:00:00+00:00",
    }


@pytest.mark.parametrize("verdict", ["rejected", "expired", "cancelled", "failed"])
def test_a_function_never_runs_without_an_approval(asks: AskServer, verdict: str) -> None:
    ran: list[int] = []

    @signoff.requires_approval()
    def pay(amount: int) -> None:
        ran.append(amount)

    with pytest.raises(signoff.NotApproved):
        decided(asks, lambda: pay(5), verdict)
    assert ran == []


def test_a_method_does_not_show_its_object_nor_what_is_left_out(asks: AskServer) -> None:
    class Shop:
        def __init__(self) -> None:
            self.paid: list[object] = []

        @signoff.requires_approval(leave_out=["session"])
        def pay(self, amount: int, session: object) -> None:
            self.paid.append((amount, session))

    shop, session = Shop(), object()
    decided(asks, lambda: shop.pay(5, session))
    assert shop.paid == [(5, session)]
    assert body(asks)["arguments"] == {"amount": 5}


def test_an_argument_that_is_not_json_is_named_with_what_to_do(asks: AskServer) -> None:
    @signoff.requires_approval()
    def pay(amount: int, session: object) -> None:
        raise AssertionError

    with pytest.raises(
        signoff.NotJson, match=r"^pay: session is a value of the type object, .*leave_out=\['session'\]"
    ):
        pay(5, object())
    assert asks.seen == []


def test_a_wrong_call_fails_as_without_the_decorator(asks: AskServer) -> None:
    @signoff.requires_approval()
    def pay(amount: int) -> None:
        raise AssertionError

    with pytest.raises(TypeError, match="missing a required argument: 'amount'"):
        pay()  # type: ignore[call-arg]
    assert asks.seen == []


def test_a_value_that_the_function_cannot_take_is_no_call(asks: AskServer) -> None:
    @signoff.requires_approval(editable=True)
    def pay(*amounts: int) -> None:
        raise AssertionError

    with pytest.raises(signoff.UnclearAnswer, match="pay cannot take the approved value of amounts"):
        decided(asks, lambda: pay(5), amounts=7)
    assert asks.asks["ask1"]["outcome"]["status"] == "failed"


def numbers() -> Iterator[int]:
    yield 1


async def later_numbers() -> AsyncIterator[int]:
    yield 1


def plain(amount: int) -> int:
    return amount


@pytest.mark.parametrize(
    ("decorate", "sentence"),
    [
        (lambda: signoff.requires_approval()(numbers), "numbers is a generator"),
        (lambda: signoff.requires_approval()(later_numbers), "later_numbers is a generator"),
        (lambda: signoff.requires_approval()(int), "guards functions"),
        (lambda: signoff.requires_approval(plain), "with parentheses"),  # type: ignore[arg-type]
        (lambda: signoff.requires_approval("Pay {sum}")(plain), r"contains \{sum\}, which is no argument"),
        (lambda: signoff.requires_approval("{amount.real}")(plain), "which is no argument"),
        (lambda: signoff.requires_approval(leave_out=["x"])(plain), "plain has no argument x"),
    ],
)
def test_what_cannot_be_guarded_is_told_at_once(decorate: Callable[[], object], sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        decorate()


class Payer:
    """Something that is called as an async function."""

    def __init__(self) -> None:
        self.paid: list[int] = []

    async def __call__(self, amount: int) -> str:
        self.paid.append(amount)
        return "paid"


def test_an_object_whose_call_is_async_is_an_async_function(asks: AskServer) -> None:
    payer = Payer()
    pay: Callable[[int], Any] = signoff.requires_approval()(payer)
    assert decided(asks, lambda: asyncio.run(pay(5))) == "paid"
    assert payer.paid == [5]
    assert asks.asks["ask1"]["outcome"]["status"] == "succeeded"


def test_what_runs_only_later_has_not_succeeded(asks: AskServer) -> None:
    payer = Payer()

    @signoff.requires_approval()
    def pay(amount: int) -> Any:
        return payer(amount)

    with pytest.raises(TypeError, match=r"pay returned something to await.*Decorate the async function"):
        decided(asks, lambda: pay(5))
    assert payer.paid == []
    assert asks.asks["ask1"]["outcome"]["status"] == "unknown"
