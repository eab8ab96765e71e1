"""The package `signoff`: what is asked, what comes back, and what is never taken for an approval."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from math import isfinite
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

import signoff
from signoff import json_text
from signoff.errors import _ENDS
from signoff.records import STATUSES, Ask, Unreadable
from tests.support.ask_server import KEY, AskServer, Fault

T = TypeVar("T")


@contextmanager
def in_thread(function: Callable[[], T]) -> Iterator[Future[T]]:
    """Run a blocking call beside the test, which plays the approver."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(function)


def approve_as(asks: AskServer, verdict: str = "approved", **edits: Any) -> threading.Thread:
    """Decide the next ask as soon as it is waited for."""

    def decide() -> None:
        asks.decide(asks.await_ask(polled=True)["id"], verdict, **edits)

    thread = threading.Thread(target=decide)
    thread.start()
    return thread


@pytest.fixture(params=["blocking", "awaited"])
def approve(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return the way to ask of each of the two clients."""
    if request.param == "blocking":
        return signoff.approve_sync

    def awaited(*args: Any, **kwargs: Any) -> Any:
        return asyncio.run(signoff.approve(*args, **kwargs))

    return awaited


def test_an_approval_has_the_approved_values(asks: AskServer, approve: Callable[..., Any]) -> None:
    thread = approve_as(asks, amount=80)
    approval = approve("Refund", amount=Decimal("84.50"), order="A-1", editable=["amount"], risk="high")
    thread.join()
    assert dict(approval) == {"amount": Decimal(80), "order": "A-1"}
    assert (approval.by, approval.reason, approval.ask.title) == ("Ada", None, "Refund")
    (ask,) = asks.asks.values()
    assert ask["body"] == {
        "title": "Refund",
        "use": "once",
        "arguments": {"amount": Decimal("84.50"), "order": "A-1"},
        "editable": ["amount"],
        "risk": "high",
    }
    assert ask["consumed_at"] is not None


@pytest.mark.parametrize(
    ("verdict", "error", "sentence"),
    [
        ("rejected", signoff.Rejected, "'Refund' was rejected by Ada."),
        ("expired", signoff.Expired, "'Refund' expired: it was not decided in time. Ask again if it is still needed."),
        ("cancelled", signoff.Cancelled, "'Refund' was not approved: it was cancelled."),
        ("failed", signoff.NotApproved, "'Refund' was not approved: it failed."),
    ],
)
def test_every_other_end_is_an_error_with_a_sentence(
    asks: AskServer, approve: Callable[..., Any], verdict: str, error: type[signoff.NotApproved], sentence: str
) -> None:
    thread = approve_as(asks, verdict)
    with pytest.raises(error) as raised:
        approve("Refund", amount=1)
    thread.join()
    assert str(raised.value) == sentence
    assert type(raised.value) is error
    assert not any("consume" in line for line in asks.seen)


def test_every_status_has_an_end() -> None:
    assert {*_ENDS} == STATUSES - {"pending", "approved"}


def test_a_reason_is_told(asks: AskServer) -> None:
    with in_thread(lambda: signoff.approve_sync("Refund")) as call:
        asks.decide(asks.await_ask()["id"], "rejected", reason="Too much")
        with pytest.raises(signoff.Rejected, match="'Refund' was rejected by Ada: Too much") as raised:
            call.result()
    assert (raised.value.by, raised.value.reason) == ("Ada", "Too much")


def test_people_fill_in_fields(asks: AskServer, approve: Callable[..., Any]) -> None:
    fields: dict[str, Any] = {"region": {"type": "choice", "options": ["eu", "us"]}, "why": "text"}
    thread = approve_as(asks, region="eu", why="near")
    answers = signoff.ask_sync("Which region?", fields=fields)
    thread.join()
    assert answers == {"region": "eu", "why": "near"}
    (ask,) = asks.asks.values()
    assert ask["body"] == {"title": "Which region?", "use": "answer", "fields": fields, "editable": ["region", "why"]}


async def test_people_are_asked_in_an_event_loop(asks: AskServer) -> None:
    thread = approve_as(asks, region="eu")
    assert await signoff.ask("Which region?", fields={"region": "text"}) == {"region": "eu"}
    thread.join()


# -- a server that is away, or something else ---------------------------------------------------------------

LOST = [
    Fault("POST /asks", drop="before"),
    Fault("POST /asks", drop="after"),
    Fault("POST /asks", status=503),
    Fault("POST /asks", status=429, headers={"retry-after": "1"}),
    Fault("GET /asks", drop="before"),
    Fault("GET /asks", drop="after"),
    Fault("GET /asks", status=502, body=b"<html>", content_type="text/html"),
    Fault("POST /asks/ask1/consume", drop="before"),
    Fault("POST /asks/ask1/consume", drop="after"),
    Fault("POST /asks/ask1/consume", status=500),
]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: f"{fault.on} {fault.drop or fault.status}")
def test_a_lost_connection_repeats_the_call_and_changes_nothing(
    asks: AskServer, approve: Callable[..., Any], fault: Fault
) -> None:
    asks.faults.append(Fault(**vars(fault)))
    thread = approve_as(asks)
    assert dict(approve("Refund", amount=5)) == {"amount": 5}
    thread.join()
    assert len(asks.asks) == 1
    assert asks.faults == []


def test_waiting_goes_on_while_the_server_is_restarted(asks: AskServer) -> None:
    with in_thread(lambda: signoff.approve_sync("Refund", amount=5)) as call:
        ask = asks.await_ask(polled=True)
        asks.stop()
        asks.decide(ask["id"])
        asks.start()
        assert dict(call.result()) == {"amount": 5}


def test_a_server_that_is_away_is_told(asks: AskServer) -> None:
    asks.stop()
    client = signoff.Client(patience=0.3)
    with pytest.raises(signoff.Unreachable, match=r"did not answer \(.*\)\. Check SIGNOFF_URL, and whether the server"):
        client.approve("Refund")


def test_an_approval_whose_use_is_not_confirmed_is_none(asks: AskServer) -> None:
    asks.faults += [Fault("POST /asks/ask1/consume", drop="after") for _ in range(50)]
    thread = approve_as(asks)
    with pytest.raises(signoff.Unreachable):
        signoff.Client(patience=1).approve("Refund", amount=5)
    thread.join()


UNCLEAR: list[tuple[str, Fault]] = [
    ("a page", Fault("POST", status=200, body=b"<html>Sign in</html>", content_type="text/html")),
    ("a page that says JSON", Fault("POST", status=200, body=b"<html>", content_type="application/json")),
    ("no object", Fault("POST", status=200, body=b"[]")),
    ("a redirect", Fault("POST", status=302, headers={"location": "http://127.0.0.1:9/"})),
    ("an unknown status", Fault("GET", change=lambda ask: ask.update(status="fine"))),
    ("another ask", Fault("GET", change=lambda ask: ask.update(id="ask9"))),
    ("no text as digest", Fault("GET", change=lambda ask: ask.update(digest=5))),
    ("another value", Fault("GET", change=lambda ask: ask["arguments"].update(amount=7, to="me"))),
    ("a fixed value", Fault("GET", change=lambda ask: ask["arguments"].update(to="me"))),
    ("a missing value", Fault("GET", change=lambda ask: ask["arguments"].pop("to"))),
    ("one more value", Fault("GET", change=lambda ask: ask["arguments"].update(more=1))),
    ("not used", Fault("POST /asks/ask1/consume", change=lambda ask: ask.update(consumed_at=None))),
    ("used for another", Fault("POST /asks/ask1/consume", change=lambda ask: ask.update(digest="other"))),
    ("used with another value", Fault("POST /asks/ask1/consume", change=lambda ask: ask["arguments"].update(to="me"))),
    ("used and rejected", Fault("POST /asks/ask1/consume", change=lambda ask: ask.update(status="rejected"))),
]


@pytest.mark.parametrize("fault", [fault for _, fault in UNCLEAR], ids=[name for name, _ in UNCLEAR])
def test_an_unclear_answer_is_no_approval(asks: AskServer, fault: Fault) -> None:
    ran: list[object] = []

    @signoff.requires_approval(editable=["amount"])
    def pay(amount: int, to: str) -> None:
        ran.append(amount)

    asks.faults.append(Fault(**vars(fault)))
    with in_thread(lambda: pay(5, "you")) as call:
        if "GET" in fault.on or "ask1" in fault.on:
            asks.decide(asks.await_ask()["id"])
        with pytest.raises(signoff.UnclearAnswer):
            call.result()
    assert ran == []


def test_an_answer_of_the_server_that_refuses_is_told(asks: AskServer) -> None:
    with pytest.raises(signoff.Refused, match="This API key is not known") as raised:
        signoff.Client(api_key=KEY + "x").approve("Refund")
    assert (raised.value.code, raised.value.status) == ("unauthorized", 401)
    assert KEY not in str(raised.value)


def test_an_approval_of_another_digest_cannot_be_used(asks: AskServer) -> None:
    asks.faults.append(Fault("GET", change=lambda ask: ask.update(digest="other")))
    with in_thread(lambda: signoff.approve_sync("Refund")) as call:
        asks.decide(asks.await_ask()["id"])
        with pytest.raises(signoff.Refused, match="approved for something else"):
            call.result()


@pytest.mark.parametrize(
    ("url", "key", "sentence"),
    [
        (None, None, "The address of Signoff is not set. Set SIGNOFF_URL"),
        ("signoff.example.com", None, "SIGNOFF_URL is not a web address"),
        ("http://127.0.0.1:1", None, "There is no API key. Make one with `signoff keys create NAME`"),
        ("http://127.0.0.1:1", "sgn_a b", "SIGNOFF_API_KEY is not an API key"),
    ],
)
def test_a_missing_setting_is_told(
    monkeypatch: pytest.MonkeyPatch, url: str | None, key: str | None, sentence: str
) -> None:
    for name in ("SIGNOFF_URL", "SIGNOFF_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(signoff.NotSetUp, match=sentence):
        signoff.Client(url, key).approve("Refund")


# -- keys, and giving up ------------------------------------------------------------------------------------


def test_a_key_continues_the_same_ask_and_uses_it_once(asks: AskServer) -> None:
    with pytest.raises(signoff.StillWaiting) as raised:
        signoff.approve_sync("Refund", amount=5, key="refund-1", give_up_after=0.1)
    assert raised.value.ask.waiting_for == ("Ada",)
    asks.decide("ask1")
    assert dict(signoff.approve_sync("Refund", amount=5, key="refund-1")) == {"amount": 5}
    with pytest.raises(
        signoff.AlreadyUsed, match=r"was already used at 2026.* Whether it was carried out is not known"
    ):
        signoff.approve_sync("Refund", amount=5, key="refund-1")
    with pytest.raises(signoff.Refused, match="used for another ask"):
        signoff.approve_sync("Refund", amount=6, key="refund-1")
    assert len(asks.asks) == 1


def test_fifty_callers_with_one_key_run_once(asks: AskServer) -> None:
    ran: list[int] = []
    pay = signoff.requires_approval(key=lambda amount: f"pay-{amount}")(_append_to(ran))
    with ThreadPoolExecutor(50) as pool:
        calls = [pool.submit(pay, 5) for _ in range(50)]
        asks.decide(asks.await_ask()["id"])
        errors = [call.exception() for call in calls]
    assert ran == [5]
    assert [type(error) for error in errors if error is not None] == [signoff.AlreadyUsed] * 49


def _append_to(ran: list[int]) -> Callable[[int], None]:
    def pay(amount: int) -> None:
        ran.append(amount)

    return pay


@pytest.mark.parametrize("key", [None, "mine"])
async def test_an_ask_without_a_key_is_cancelled_with_its_task(asks: AskServer, key: str | None) -> None:
    task = asyncio.ensure_future(signoff.approve("Refund", key=key))
    await asyncio.to_thread(asks.await_ask, polled=True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asks.asks["ask1"]["status"] == ("cancelled" if key is None else "pending")


def test_an_approval_that_lapsed_is_told(asks: AskServer) -> None:
    def lapse(ask: dict[str, Any]) -> None:
        ask.update(status="expired", valid_until="2026-03-02T11:00:00Z")

    asks.faults.append(Fault("GET", change=lapse))
    with in_thread(lambda: signoff.approve_sync("Refund")) as call:
        asks.decide(asks.await_ask()["id"])
        with pytest.raises(signoff.Lapsed, match=r"was approved, and the approval was not used in time\. It could be"):
            call.result()


# -- outcomes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "note"),
    [
        (None, "succeeded", None),
        (ValueError("no such order"), "failed", "ValueError: no such order"),
        (FileNotFoundError(2, "gone"), "failed", "FileNotFoundError: [Errno 2] gone"),
        (TimeoutError("slow"), "unknown", "TimeoutError: slow"),
        (ConnectionResetError("cut"), "unknown", "ConnectionResetError: cut"),
        (KeyboardInterrupt(), "unknown", "KeyboardInterrupt: "),
        (asyncio.CancelledError(), "unknown", "CancelledError: "),
    ],
)
def test_a_block_reports_how_it_ended(
    asks: AskServer, error: BaseException | None, status: str, note: str | None
) -> None:
    approval = taken(asks)
    with contextlib.nullcontext() if error is None else pytest.raises(type(error)), approval:
        if error is not None:
            raise error
    outcome = asks.asks["ask1"]["outcome"]
    assert (outcome["status"], outcome["note"]) == (status, note)


async def test_a_block_of_a_task_that_is_cancelled_reports_unknown(asks: AskServer) -> None:
    thread = approve_as(asks)
    inside = asyncio.Event()

    async def act() -> None:
        async with await signoff.approve("Refund"):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(act())
    await inside.wait()
    thread.join()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asks.asks["ask1"]["outcome"]["status"] == "unknown"


def test_a_report_of_ones_own_counts(asks: AskServer) -> None:
    with taken(asks) as approval:
        approval.report("failed", "the bank said no", {"code": 7, "fee": 0.1})
    assert asks.asks["ask1"]["outcome"]["note"] == "the bank said no"
    assert asks.asks["ask1"]["result"] == {"code": 7, "fee": Decimal("0.1")}


def test_an_outcome_that_cannot_be_reported_is_logged(asks: AskServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", logger="signoff")  # whatever a test before this one set up
    thread = approve_as(asks)
    approval = signoff.Client(patience=0.2).approve("Refund")
    thread.join()
    asks.stop()
    with approval:
        pass
    assert "The outcome of 'Refund' (ask1) was not reported" in caplog.text
    assert "The owner of the workflow will be asked what happened." in caplog.text


def taken(asks: AskServer) -> signoff.SyncApproval:
    thread = approve_as(asks)
    approval = signoff.approve_sync("Refund", amount=5)
    thread.join()
    return approval


# -- values -------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="utf-8"))
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(JSON)
def test_json_comes_back_exactly(value: Any) -> None:
    copy = json_text.snapshot(value, "value")
    assert json_text.same(copy, value)
    assert json_text.same(json_text.decode(json_text.encode(copy)), value)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_is_never_written_as_a_whole_number(value: Decimal) -> None:
    written = json_text.decode(json_text.encode(value))
    assert isinstance(written, Decimal)
    assert written == value


@given(st.recursive(JSON | st.floats(), lambda inner: st.lists(inner, max_size=3)))
def test_a_value_is_json_or_one_sentence(value: Any) -> None:
    def numbers(part: Any) -> Iterator[float]:
        match part:
            case float():
                yield part
            case list() | dict():
                for item in part.values() if isinstance(part, dict) else part:
                    yield from numbers(item)

    if all(isfinite(number) for number in numbers(value)):
        json.loads(json_text.encode(json_text.snapshot(value, "amount")))
    else:
        with pytest.raises(signoff.NotJson, match=r"^amount"):
            json_text.snapshot(value, "amount")


class Session:
    pass


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (Session(), "amount is a value of the type Session, and people can only be shown JSON"),
        ([1, {"by": b"x"}], r"amount\[1\]\.by is a value of the type bytes"),
        (float("nan"), "amount is nan, which JSON has no number for"),
        ({1: 2}, "amount has the key 1, and JSON has only keys of text"),
        ("\ud83d", "amount contains half of a character"),
        (LOOP, "lies too deep in lists or mappings, or contains itself"),
    ],
)
def test_a_value_that_is_not_json_is_told_before_anything_is_asked(
    asks: AskServer, value: object, sentence: str
) -> None:
    with pytest.raises(signoff.NotJson, match=sentence):
        signoff.approve_sync("Refund", amount=value)
    assert asks.seen == []


def test_a_value_that_changes_while_people_think_does_not_change_the_call(asks: AskServer) -> None:
    order = {"lines": [1, 2]}
    with in_thread(lambda: signoff.approve_sync("Refund", order=order)) as call:
        ask = asks.await_ask(polled=True)
        order["lines"].append(3)
        asks.decide(ask["id"])
        assert call.result()["order"] == {"lines": [1, 2]}


@pytest.mark.parametrize(
    ("passed", "edited", "returned"),
    [
        (5.5, 6.25, 6.25),
        (5.5, 6, 6.0),
        (Decimal("5.5"), 6, Decimal(6)),
        (Decimal("5.5"), 6.25, Decimal("6.25")),
        (5, 7, 7),
        ([1.5], [2.5], [2.5]),
        ("a", "b", "b"),
    ],
)
def test_an_edited_number_has_the_type_that_was_passed(
    asks: AskServer, passed: Any, edited: Any, returned: Any
) -> None:
    with in_thread(lambda: signoff.approve_sync("Refund", amount=passed, editable=True)) as call:
        asks.decide(asks.await_ask()["id"], amount=edited)
        value = call.result()["amount"]
    assert (value, type(value)) == (returned, type(returned))


@pytest.mark.parametrize("record", [None, [], "x", {}, {"status": 5}, {"status": "approved", "id": 1}])
def test_what_is_no_ask_is_not_read(record: object) -> None:
    with pytest.raises(Unreadable):
        Ask.read(record)


def test_an_address_where_nothing_answers_is_said_before_the_patience_ends(
    asks: AskServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", logger="signoff")
    asks.faults.extend([Fault("POST /asks", drop="before")] * 4)
    thread = approve_as(asks)
    assert signoff.approve_sync("Refund")
    thread.join()
    (record,) = [each for each in caplog.records if each.name == "signoff"]
    assert record.getMessage().startswith("Signoff does not answer (")


def test_what_is_wrong_is_said_once() -> None:
    refused = signoff.Refused(
        "No. “a” is no date.", code="invalid", status=422, errors={"a": "is no date", "b": "is 5"}
    )
    assert str(refused) == "No. “a” is no date.\nb: is 5"
