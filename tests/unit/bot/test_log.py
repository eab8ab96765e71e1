"""Each log entry is one line, as text or JSON, without secrets."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bot import log, request_scope, trace_ids
from engine.secret_keys import SecretKeys, SecretPlace
from engine.server_secrets import ServerSecrets
from engine.store.secrets import StoredSecret
from engine.system import EnvironmentSecrets
from tests.support.log_state import restored_logging

REDACT = EnvironmentSecrets({"SIGNOFF_SECRET_CRM": "hunter22", "SIGNOFF_SECRET_SHORT": "on"}).redact
IDS = ("request_id", "run", "request", "trace_id", "incident")


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    with restored_logging():
        yield


def entries(captured: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.splitlines()]


def test_a_text_beside_the_log_is_redacted_as_the_log_is_now() -> None:
    known = ServerSecrets({})
    log.set_up("info", "json", known.redact)
    keys, place = SecretKeys([bytes(range(32))]), SecretPlace("default", None, "CRM")
    assert log.redact("a hunter22") == "a hunter22"
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    sealed = keys.seal("hunter22", place, bytes(12))
    row = StoredSecret(id="s1", place=place, sealed=sealed, set_by="p1", set_at=at, used_at=None, ended_at=None)
    known.learn([row], keys)
    assert log.redact("a hunter22") == "a (secret CRM)"


def test_text_is_one_line_with_time_level_and_name(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "text", REDACT)
    logging.getLogger("engine.worker.runner").warning("run %s was taken over", "r1")
    out, err = capsys.readouterr()
    time_text, _, entry = err.partition(" ")
    assert out == ""
    assert time_text.endswith("+00:00")
    assert entry == "warning engine.worker.runner: run r1 was taken over\n"


def test_an_entry_in_json_has_its_fields_and_extras(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "json", REDACT)
    logging.getLogger("a").error("broke\nhere ü", extra={"run": "r1", "incident": "i1"})
    logging.getLogger("b").info("fine")
    first, second = entries(capsys.readouterr().err)
    assert {name: value for name, value in first.items() if name != "time"} == {
        "level": "error",
        "logger": "a",
        "message": "broke\nhere ü",
        "run": "r1",
        "incident": "i1",
    }
    assert set(second) == {"time", "level", "logger", "message"}


def test_below_the_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("error", "text", REDACT)
    logging.getLogger("a").warning("not now")
    assert capsys.readouterr().err == ""


def test_only_warnings_of_chatty_libraries_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("debug", "text", REDACT)
    for name in ("alembic.runtime", "aiohttp.access", "apscheduler.scheduler"):
        logging.getLogger(name).info("chat")
        logging.getLogger(name).warning("beware")
    assert capsys.readouterr().err.count("chat") == 0
    logging.getLogger("alembic").warning("beware")
    assert "warning alembic: beware" in capsys.readouterr().err


@pytest.mark.parametrize(("level", "lines"), [("debug", 2), ("info", 2), ("warning", 1), ("error", 0)])
def test_libraries_that_quote_what_they_send_write_no_debug_entries(
    capsys: pytest.CaptureFixture[str], level: str, lines: int
) -> None:
    log.set_up(level, "text", REDACT)
    for write in ("debug", "info", "warning"):
        getattr(logging.getLogger("slack_sdk.web.async_client"), write)("a token")
    assert capsys.readouterr().err.count("a token") == lines


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_entry_carries_the_ids_of_the_request_that_is_answered(
    capsys: pytest.CaptureFixture[str], form: Any
) -> None:
    log.set_up("info", form, REDACT, traced=True)
    with request_scope.entered("POST /x", id_="proxy-17") as scope:
        logging.getLogger("a").info("first")
        scope.note(run="r1", request="q1")
        logging.getLogger("a").info("second")
        logging.getLogger("a").info("of run r2", extra={"run": "r2"})
    logging.getLogger("a").info("nothing")
    lines = capsys.readouterr().err.splitlines()
    trace, other = (f"{trace_ids.trace_id(run):032x}" for run in ("r1", "r2"))
    if form == "text":
        endings = [line.partition(" info a: ")[2] for line in lines]
        assert endings == [
            "first [request_id=proxy-17]",
            f"second [request_id=proxy-17 run=r1 request=q1 trace_id={trace}]",
            f"of run r2 [request_id=proxy-17 request=q1 trace_id={other}]",
            "nothing",
        ]
        return
    ids = [{name: entry[name] for name in IDS if name in entry} for entry in entries("\n".join(lines))]
    assert ids == [
        {"request_id": "proxy-17"},
        {"request_id": "proxy-17", "run": "r1", "request": "q1", "trace_id": trace},
        {"request_id": "proxy-17", "run": "r2", "request": "q1", "trace_id": other},
        {},
    ]


def test_a_warning_of_python_is_an_entry(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "json", REDACT)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)
    (entry,) = entries(capsys.readouterr().err)
    assert (entry["logger"], "old" in entry["message"]) == ("py.warnings", True)


@pytest.mark.parametrize("traced", [True, False])
def test_without_traces_no_entry_names_one(capsys: pytest.CaptureFixture[str], traced: bool) -> None:
    log.set_up("info", "json", REDACT, traced=traced)
    logging.getLogger("a").info("it", extra={"run": "r1"})
    (entry,) = entries(capsys.readouterr().err)
    assert ("trace_id" in entry) is traced


@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_are_struck_out_of_messages_and_tracebacks(capsys: pytest.CaptureFixture[str], form: Any) -> None:
    log.set_up("info", form, REDACT)
    try:
        raise RuntimeError("the password hunter22 is on")
    except RuntimeError:
        logging.getLogger("a").exception("could not use %s", "hunter22")
    err = capsys.readouterr().err
    assert "hunter22" not in err
    assert err.count("(secret CRM)") == 3 if form == "text" else err.count("(secret CRM)") >= 2
    # A secret that is too short is not masked, because it would mask common words.
    assert " is on" in err


def test_a_secret_that_json_would_escape_is_struck_out_too(capsys: pytest.CaptureFixture[str]) -> None:
    secret = 'pass"word\\ü\n2'
    log.set_up("info", "json", EnvironmentSecrets({"SIGNOFF_SECRET_CRM": secret}).redact)
    logging.getLogger("a").info("it is %s", secret)
    (entry,) = entries(capsys.readouterr().err)
    assert entry["message"] == "it is (secret CRM)"


def test_every_line_of_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "json", EnvironmentSecrets({"SIGNOFF_SECRET_ODD": '"message": '}).redact)
    logging.getLogger("a").info("one")
    assert entries(capsys.readouterr().err)[0]["message"] == "one"


def test_an_entry_is_one_line_with_any_text(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "text", REDACT)
    logging.getLogger("a").info("it said %s", "x\n2026-01-01T00:00:00+00:00 info b: forged\x1b[2J")
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\x1b" not in err
