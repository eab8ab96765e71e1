"""The client in TypeScript, compiled strictly and run on the Node of this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.callbacks.signature import headers
from tests.support.ask_server import KEY, AskServer, Fault
from tests.support.documents import DOCS
from tests.support.node import node
from tests.support.typescript import compile_files

CLIENT = DOCS.parent / "bot" / "clients" / "signoff.ts"
CALL = """\
import { Signoff, NotApproved, Refused, UnclearAnswer, Unreachable, SignoffError, verifyCallback } from "./signoff.js";
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const given = JSON.parse(Buffer.concat(chunks).toString());
const ran = [];
const print = (value) => console.log(JSON.stringify(value));
try {
  await work();
} catch (error) {
  print({ error: error.name, message: error.message, code: error.code ?? error.why ?? null, ran });
}
async function work() {
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_files(tmp_path_factory.mktemp("typescript"), CLIENT)


def start(compiled: Path, code: str, given: object, url: str = "http://127.0.0.1:9") -> subprocess.Popen[str]:
    """Run lines of JavaScript, which print one value as JSON."""
    script = compiled / f"case{hashlib.sha256(code.encode()).hexdigest()[:12]}.mjs"
    script.write_text(f"{CALL}{code}\n}}\n")
    env = {"PATH": "", "SIGNOFF_URL": url, "SIGNOFF_API_KEY": KEY}
    pipe = subprocess.PIPE
    process = subprocess.Popen([node(), script], text=True, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdin is not None
    process.stdin.write(json.dumps(given))
    process.stdin.close()
    process.stdin = None
    return process


def result(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Warning" not in err, err
    return json.loads(out)


RUN = """\
  const result = await new Signoff({ patience: 2 }).run(
    "Refund", given.args, given.content ?? {},
    (approved) => {
      ran.push(approved);
      if (given.fail) throw new Error("no");
      return "paid";
    },
  );
  print({ result, ran });
"""


def decided(
    compiled: Path, asks: AskServer, given: dict[str, Any], decide: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    process = start(compiled, RUN, given, asks.url)
    with asks.approver(decide):
        found: dict[str, Any] = result(process)
    return found


def test_an_effect_runs_with_the_approved_arguments_and_is_reported(compiled: Path, asks: AskServer) -> None:
    given = {"args": {"amount": 84.5, "order": "A-1"}, "content": {"editable": ["amount"], "risk": "high"}}
    done = decided(compiled, asks, given, lambda ask: asks.decide(ask["id"], amount=80))
    assert done == {"result": "paid", "ran": [{"amount": 80, "order": "A-1"}]}
    ask = asks.asks["ask1"]
    assert ask["body"]["use"] == "once"
    assert ask["outcome"]["status"] == "succeeded"


def test_an_effect_that_fails_is_reported(compiled: Path, asks: AskServer) -> None:
    given = {"args": {"amount": 1}, "fail": True}
    assert decided(compiled, asks, given, lambda ask: asks.decide(ask["id"]))["message"] == "no"
    assert asks.asks["ask1"]["outcome"]["note"] == "Error: no"


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        ("rejected", '"Refund" was rejected by Ada: Twice'),
        ("expired", '"Refund" expired: it was not decided in time. Ask again if it is still needed.'),
        ("cancelled", '"Refund" was not approved: it was cancelled.'),
        ("failed", '"Refund" was not approved: it failed.'),
    ],
)
def test_nothing_runs_without_an_approval(compiled: Path, asks: AskServer, verdict: str, sentence: str) -> None:
    done = decided(compiled, asks, {"args": {}}, lambda ask: asks.decide(ask["id"], verdict, reason="Twice"))
    assert done == {"error": "NotApproved", "message": sentence, "code": verdict, "ran": []}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST /asks", drop="after"),
        Fault("GET /asks", drop="before"),
        Fault("GET /asks", status=502, body=b"<html>", content_type="text/html"),
        Fault("POST /asks/ask1/consume", drop="after"),
    ],
    ids=lambda fault: f"{fault.on} {fault.drop or fault.status}",
)
def test_a_lost_connection_repeats_the_call(compiled: Path, asks: AskServer, fault: Fault) -> None:
    asks.faults.append(fault)
    done = decided(compiled, asks, {"args": {"amount": 5}}, lambda ask: asks.decide(ask["id"]))
    assert done == {"result": "paid", "ran": [{"amount": 5}]}
    assert len(asks.asks) == 1
    assert asks.faults == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", status=200, body=b"<html>Sign in</html>", content_type="text/html"),
        Fault("POST", status=302, headers={"location": "http://127.0.0.1:9/"}),
        Fault("GET", change=lambda ask: ask.update(status="fine")),
        Fault("GET", change=lambda ask: ask.update(id="ask9")),
        Fault("GET", change=lambda ask: ask["arguments"].update(to="me")),
        Fault("POST /asks/ask1/consume", change=lambda ask: ask.update(consumed_at=None)),
        Fault("POST /asks/ask1/consume", change=lambda ask: ask["arguments"].update(amount=7)),
    ],
    ids=["a page", "a redirect", "a status", "another ask", "another value", "not used", "used for another"],
)
def test_an_unclear_answer_is_no_approval(compiled: Path, asks: AskServer, fault: Fault) -> None:
    asks.faults.append(fault)
    given = {"args": {"amount": 5, "to": "you"}, "content": {"editable": ["amount"]}}
    process = start(compiled, RUN, given, asks.url)
    if fault.status == 0:
        asks.decide(asks.await_ask()["id"])
    done = result(process)
    assert (done["error"], done["ran"]) == ("UnclearAnswer", [])


def test_a_key_continues_the_same_ask_and_uses_it_once(compiled: Path, asks: AskServer) -> None:
    given = {"args": {"amount": 5}, "content": {"key": "refund-1"}}
    assert decided(compiled, asks, given, lambda ask: asks.decide(ask["id"]))["result"] == "paid"
    again = result(start(compiled, RUN, given, asks.url))
    assert (again["error"], again["code"], again["ran"]) == ("NotApproved", "already-used", [])
    assert len(asks.asks) == 1


def test_a_server_that_is_away_and_a_refusal_are_told(compiled: Path, asks: AskServer) -> None:
    code = '  await new Signoff({ patience: 0.2, ...given }).approve("Refund", {});'
    refused = result(start(compiled, code, {"url": asks.url, "apiKey": "sgn_x"}))
    assert (refused["error"], refused["code"]) == ("Refused", "unauthorized")
    asks.stop()
    away = result(start(compiled, code, {}, asks.url))
    assert away["error"] == "Unreachable"
    assert "whether the server runs" in away["message"]
    unset = result(start(compiled, code, {"url": "signoff.example.com"}))
    assert "SIGNOFF_URL is not set to a web address" in unset["message"]


def test_a_signal_stops_the_wait_and_cancels_the_ask(compiled: Path, asks: AskServer) -> None:
    code = """\
  const stop = new AbortController();
  const waiting = new Signoff().approve("Refund", {}, {}, { signal: stop.signal });
  process.once("SIGUSR2", () => stop.abort());
  console.error("ready");
  await waiting;
"""
    process = start(compiled, code, {}, asks.url)
    assert process.stderr is not None
    process.stderr.readline()
    asks.await_ask(polled=True)
    process.send_signal(12)
    assert result(process)["error"] == "AbortError"
    assert asks.asks["ask1"]["status"] == "cancelled"


# -- callbacks ----------------------------------------------------------------------------------------------

SECRET = b"0123456789abcdef0123456789abcdef"
NOW = 1_772_445_600


def whsec(secret: bytes) -> str:
    return f"whsec_{base64.b64encode(secret).decode()}"


def signed(body: str, *, at: int = NOW, secret: bytes = SECRET, id: str = "msg1") -> dict[str, str]:
    """Return the headers of a callback, as the server makes them while a secret is replaced."""
    moment = datetime.fromtimestamp(at, UTC)
    return headers([whsec(b"the next one" * 3), whsec(secret)], delivery=id, at=moment, body=body.encode())


BODY = json.dumps({"type": "ask.decided", "id": "msg1", "timestamp": "2026", "data": {"title": "Zürich"}})
VERIFY = """\
  const options = { now: new Date(given.now * 1000) };
  const verified = ({ headers, body }) =>
    verifyCallback(headers, body, given.secret, options).then((found) => found.type, (error) => error.name);
  const found = await Promise.all(given.callbacks.map(verified));
  const [first] = given.callbacks;
  print([...found, await verified({ headers: new Headers(first.headers), body: first.body })]);
"""


def test_a_callback_is_verified(compiled: Path) -> None:
    good = signed(BODY)
    bad = [
        (signed(BODY, secret=b"another secret of 24 bytes.."), BODY),
        (good, BODY.replace("decided", "changed")),
        (good | {"webhook-id": "msg2"}, BODY),
        (signed(BODY, at=NOW - 301), BODY),
        (signed(BODY, at=NOW + 301), BODY),
        (good | {"webhook-timestamp": "now"}, BODY),
        (good | {"webhook-signature": "v1,"}, BODY),
        (good | {"webhook-signature": good["webhook-signature"].replace("v1,", "v1a,")}, BODY),
        ({}, BODY),
    ]
    given = {
        "now": NOW,
        "secret": whsec(SECRET),
        "callbacks": [{"headers": sent, "body": body} for sent, body in [(good, BODY), *bad]],
    }
    verified = result(start(compiled, VERIFY, given))
    assert verified == ["ask.decided", *["SignoffError"] * len(bad), "ask.decided"]
