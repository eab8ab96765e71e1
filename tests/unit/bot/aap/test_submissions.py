"""What clients of the Agent Approval Protocol send is read strictly, and given back exactly."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from agentapprovalprotocol._wire import loads, same
from hypothesis import given
from hypothesis import strategies as st

from bot.aap import submissions
from bot.aap.errors import ProtocolError
from engine import json_values

_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_NUMBERS = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


def submission(**changes: Any) -> bytes:
    sent = {"tool": "issue_refund", "arguments": {"amount": 4900}, "timeout": "30m", **changes}
    return json.dumps({name: value for name, value in sent.items() if value != "absent"}).encode()


@given(st.dictionaries(_TEXTS, _VALUES, max_size=4), st.dictionaries(_TEXTS, _VALUES, max_size=4))
def test_every_value_is_given_back_as_its_client_compares_it(
    arguments: dict[str, Any], context: dict[str, Any]
) -> None:
    body = submission(arguments=arguments, context=context)
    read = submissions.read_submission(body)
    given_back = loads(json_values.encoded(dict(read.echo)))
    assert same(given_back, loads(body))


@pytest.mark.parametrize("text", ["1.0", "1e400", "-1E-400", "0.10", "9007199254740993", "12345678901234567890.5"])
def test_numbers_stay_exact(text: str) -> None:
    body = b'{"tool": "pay", "timeout": "1h", "arguments": {"amount": %s}}' % text.encode()
    read = submissions.read_submission(body)
    amount = read.arguments["amount"]
    assert isinstance(amount, int | Decimal)
    assert str(Decimal(amount)) == str(Decimal(text))
    assert same(loads(json_values.encoded(dict(read.echo))), loads(body))


@pytest.mark.parametrize(("text", "time"), [("1s", 1), ("30m", 1_800), ("24h", 86_400)])
def test_durations(text: str, time: int) -> None:
    assert submissions.duration(text) == timedelta(seconds=time)


@pytest.mark.parametrize("text", ["", "0s", "30", "s", "1.5h", "-1m", "01m", "1d", " 1s", "1s\n", "٣s", "9" * 30 + "h"])
def test_no_durations(text: str) -> None:
    assert submissions.duration(text) is None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (submission(tool=""), "tool"),
        (submission(tool=7), "tool"),
        (submission(tool=None), "tool"),
        (submission(tool="absent"), "tool"),
        (submission(arguments=[]), "arguments"),
        (submission(arguments={"deep": json.loads("[" * 80 + "]" * 80)}), None),
        (submission(arguments={"text": "\0"}), None),
        (submission(arguments={"\0": 1}), None),
        (submission(arguments={"text": "\ud83d"}), None),
        (submission(arguments={"big": 10**500}), None),
        (submission(timeout="soon"), "timeout"),
        (submission(timeout="999999h"), "timeout"),
        (submission(context=[]), "context"),
        (submission(agent_reasoning=None), "agent_reasoning"),
        (submission(deadline_at="2026-01-01T00:00:00Z"), "deadline_at"),
        (b'{"tool": "pay", "timeout": "1h", "arguments": {"amount": NaN}}', None),
        (b'{"tool": "pay", "timeout": "1h", "arguments": {"amount": 1e401}}', None),
    ],
)
def test_what_cannot_be_given_back_exactly_is_refused(body: bytes, param: str | None) -> None:
    with pytest.raises(ProtocolError) as refused:
        submissions.read_submission(body)
    assert (refused.value.status, refused.value.param) == (400, param)


@pytest.mark.parametrize("where", ['{"amount": 1, "amount": 1000}', '{"list": [{"a": 1, "a": 1}]}'])
def test_a_key_that_comes_twice_is_refused(where: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        submissions.read_submission(b'{"tool": "pay", "timeout": "1h", "arguments": %s}' % where.encode())
    assert "twice" in refused.value.message


def test_a_wait_is_capped() -> None:
    assert submissions.read_wait(None) == timedelta()
    assert submissions.read_wait("25s") == timedelta(seconds=25)
    assert submissions.read_wait("24h") == submissions.MOST_WAIT
    with pytest.raises(ProtocolError):
        submissions.read_wait("25")


@pytest.mark.parametrize(
    "body", [{}, {"status": "unknown"}, {"status": "failed", "note": ""}, {"status": "failed", "x": 1}]
)
def test_outcomes_that_the_protocol_does_not_have(body: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        submissions.read_outcome(json.dumps(body).encode())


def test_outcomes() -> None:
    report = submissions.read_outcome(b'{"status": "failed", "note": "The card was declined."}')
    assert (report.status, report.note) == ("failed", "The card was declined.")
