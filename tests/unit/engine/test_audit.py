"""The audit chain: sealed by `engine.audit`, checked by the script that trusts nothing, over every way to tamper."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import audit, json_values, verify_audit
from engine.audit import GENESIS, Entry, SealedEntry, export_line, seal
from engine.json_values import Value
from engine.verify_audit import VerificationReport, verify

NOW = datetime(2026, 1, 2, 10, tzinfo=UTC)
SCRIPT = Path(verify_audit.__file__)


def entry(number: int) -> Entry:
    return Entry(
        kind="decision.made",
        run=f"run-{number}",
        request=f"request-{number}" if number % 2 else None,
        step="send",
        actor="person-1",
        content={"verdict": "approve", "amount": Decimal("12.50"), "reason": "schön \u2028"},
    )


def chain(length: int, workspace: str = "default") -> list[SealedEntry]:
    sealed, previous = list[SealedEntry](), GENESIS
    for seq in range(1, length + 1):
        at, salt = NOW + timedelta(seconds=seq), hashlib.sha256(str(seq).encode()).digest()[:16]
        sealed.append(seal(entry(seq), workspace=workspace, at=at, seq=seq, previous=previous, salt=salt))
        previous = sealed[-1].hash
    return sealed


def line(sealed: SealedEntry) -> str:
    return export_line(sealed.seq, sealed.leaf, hash=sealed.hash, salt=sealed.salt, content=sealed.content)


def head(sealed: SealedEntry) -> tuple[int, str]:
    return sealed.seq, sealed.hash.hex()


def messages(report: VerificationReport) -> list[str]:
    return [finding.message for finding in report.findings]


SEALED = chain(1000)
LOG = [line(sealed) for sealed in SEALED]
HEAD = head(SEALED[-1])


def changed(index: int, **values: Any) -> str:
    """Line `index` of the log with other values."""
    return json.dumps(json.loads(LOG[index]) | values, ensure_ascii=False)


def with_leaf(index: int, **values: Any) -> str:
    """Line `index` with another leaf, hashed rightly: only a rule about the leaf itself can find it."""
    leaf = json.dumps(json.loads(SEALED[index].leaf) | values)
    return rehashed(index, leaf)


def rehashed(index: int, leaf: str) -> str:
    previous = SEALED[index - 1].hash if index else GENESIS
    return changed(index, leaf=leaf, hash=hashlib.sha256(previous + leaf.encode()).hexdigest())


# -- sealing ------------------------------------------------------------------------------------------------


def test_a_leaf_is_compact_has_a_fixed_order_and_leaves_out_what_is_not_there() -> None:
    at = datetime(2026, 1, 2, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    sealed = seal(
        Entry(kind="started", run=None, request=None, step=None, actor=None, content={"a": Decimal("1.50")}),
        workspace="team",
        at=at,
        seq=7,
        previous=GENESIS,
        salt=b"s" * 16,
    )
    content = hashlib.sha256(b"s" * 16 + b'{"a":1.50}').hexdigest()
    assert sealed.content == '{"a":1.50}'
    assert sealed.leaf == (
        f'{{"seq":7,"workspace":"team","at":"2026-01-02T10:30:00.000000Z","kind":"started","content":"{content}"}}'
    )
    assert sealed.hash == hashlib.sha256(GENESIS + sealed.leaf.encode()).digest()


def test_a_leaf_names_run_request_step_and_actor_in_that_order() -> None:
    assert list(json.loads(SEALED[0].leaf)) == [
        *("seq", "workspace", "at", "kind", "run", "request", "step", "actor", "content")
    ]
    assert list(json.loads(SEALED[1].leaf)) == ["seq", "workspace", "at", "kind", "run", "step", "actor", "content"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": NOW.replace(tzinfo=None)},
        {"seq": 0},
        {"previous": b""},
        {"salt": bytes(audit.MIN_SALT - 1)},
    ],
)
def test_what_would_make_a_weak_link_is_refused(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"workspace": "w", "at": NOW, "seq": 1, "previous": GENESIS, "salt": bytes(16)}
    with pytest.raises(ValueError, match="an entry is sealed with"):
        seal(entry(1), **given | wrong)


# -- a log that is right ------------------------------------------------------------------------------------


def test_a_log_that_nobody_touched_verifies() -> None:
    assert verify(LOG, checkpoints=[HEAD, head(SEALED[499]), verify_audit.START]) == VerificationReport(
        findings=(), entries=1000, erased=0, head=f"1000:{HEAD[1]}"
    )


def test_erased_content_is_counted_and_is_no_error() -> None:
    log = [changed(index, salt=None, content=None) if index % 2 else text for index, text in enumerate(LOG)]
    report = verify(log, checkpoints=[HEAD])
    assert (report.findings, report.erased) == ((), 500)
    assert report.unexplained == tuple(str(seq) for seq in range(2, 1001, 2))


def erasing(*pairs: Any, by: Any = "lee@example.com", erased: set[int], more: int = 0) -> list[str]:
    """A log of ten entries, of which some were erased, and one that says so; `more`: entries after it."""
    told = Entry(
        kind="content.erased",
        run=None,
        request=None,
        step=None,
        actor="person-1",
        content={"entries": [list(pair) for pair in pairs], "by": by, "reason": "asked for"},
    )
    sealed = chain(10)
    previous = sealed[-1].hash
    for seq, one in enumerate([told, *map(entry, range(more))], 11):
        sealed.append(seal(one, workspace="default", at=NOW, seq=seq, previous=previous, salt=b"s" * 16))
        previous = sealed[-1].hash
    values = [json.loads(line(one)) for one in sealed]
    return [json.dumps(value | ({"salt": None, "content": None} if value["seq"] in erased else {})) for value in values]


def test_erasures_that_an_entry_explains_are_well() -> None:
    report = verify(erasing((2, 4), (7, 7), erased={2, 3, 4, 7}))
    assert (report.findings, report.erased, report.unexplained) == ((), 4, ())


@given(
    st.sets(st.integers(1, 10)),
    st.lists(st.tuples(st.integers(1, 10), st.integers(1, 10)).map(lambda pair: tuple(sorted(pair))), max_size=6),
)
def test_exactly_what_no_explanation_reaches_is_named(erased: set[int], pairs: list[tuple[int, int]]) -> None:
    report = verify(erasing(*pairs, erased=erased))
    explained = {number for first, last in pairs for number in range(first, last + 1)}
    named: set[int] = set()
    for one in report.unexplained:
        first, _, last = one.partition("-")
        named |= set(range(int(first), int(last or first) + 1))
    assert named == erased - explained
    assert (report.findings, report.erased) == ((), len(erased))


def test_an_explanation_that_was_erased_itself_explains_nothing() -> None:
    assert verify(erasing((2, 4), erased={2, 3, 11})).unexplained == ("2-3", "11")


@pytest.mark.parametrize(
    ("pairs", "by"),
    [([(2, 11)], "lee"), ([(0, 2)], "lee"), ([(4, 2)], "lee"), ([(1,)], "lee"), ([("1", "2")], "lee"), ([(1, 2)], " ")],
)
def test_an_explanation_that_says_too_little_is_a_finding(pairs: list[Any], by: str) -> None:
    report = verify(erasing(*pairs, by=by, erased={2}))
    assert messages(report) == ["it does not say which entries were erased before it, by whom and why"]
    assert report.unexplained == ("2",)


def test_what_comes_after_an_explanation_is_not_explained_by_it() -> None:
    assert verify(erasing((1, 10), erased={3, 13}, more=3)).unexplained == ("13",)


def test_the_rest_of_a_log_verifies_after_a_checkpoint() -> None:
    report = verify(LOG[500:], after=head(SEALED[499]), checkpoints=[head(SEALED[499]), HEAD])
    assert report == VerificationReport(findings=(), entries=500, erased=0, head=f"1000:{HEAD[1]}")


def test_nothing_new_after_a_checkpoint_is_no_error() -> None:
    assert verify([], after=HEAD) == VerificationReport(findings=(), entries=0, erased=0, head=f"1000:{HEAD[1]}")


def test_an_empty_file_says_so() -> None:
    assert messages(verify([])) == ["the file is empty: it holds no entry"]


# -- tampering, everywhere ----------------------------------------------------------------------------------


def flip(text: str, place: int) -> str:
    """`text` with the lowest bit of one character turned."""
    place %= len(text)
    return text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]


@pytest.mark.parametrize("key", ["leaf", "hash", "content", "salt"])
def test_a_flipped_bit_is_found_in_every_entry(key: str) -> None:
    missed = []
    for index in range(len(LOG)):
        value = json.loads(LOG[index])[key]
        bad = changed(index, **{key: flip(value, index * 7)})
        after = head(SEALED[index - 1]) if index else verify_audit.START
        report = verify([bad, *LOG[index + 1 : index + 3]], after=after)
        if not any(finding.line == 1 and finding.seq == index + 1 for finding in report.findings):
            missed.append(index)
    assert missed == []


@pytest.mark.parametrize("index", [0, 1, 499, 998, 999])
@pytest.mark.parametrize("key", ["leaf", "hash", "content", "salt"])
def test_a_flipped_bit_is_one_place_in_the_whole_log(key: str, index: int) -> None:
    bad = changed(index, **{key: flip(json.loads(LOG[index])[key], 21)})
    report = verify([*LOG[:index], bad, *LOG[index + 1 :]])
    # A hash stands in two links, its own and the next one's.
    assert {finding.line for finding in report.findings} <= {index + 1, index + 2 if key == "hash" else index + 1}
    assert report.findings[0].line == index + 1


def test_every_bit_of_every_byte_of_a_line_matters() -> None:
    """Flipped in the raw bytes of the file; only what leaves the same JSON value may pass."""
    raw = LOG[5].encode()
    missed = []
    for place in range(len(raw)):
        for bit in range(8):
            bad = bytes([*raw[:place], raw[place] ^ 1 << bit, *raw[place + 1 :]]).decode(errors="surrogateescape")
            same = json_or_none(bad) == json.loads(LOG[5])
            if not same and not verify([bad], after=head(SEALED[4]), checkpoints=[head(SEALED[5])]).findings:
                missed.append((place, bit))
    assert missed == []


def json_or_none(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def without(index: int) -> list[str]:
    return LOG[index + 1 : index + 3]


def swapped(index: int) -> list[str]:
    return [LOG[index + 1], LOG[index], *LOG[index + 2 : index + 4]]


def twice(index: int) -> list[str]:
    return [LOG[index], LOG[index], *LOG[index + 1 : index + 3]]


@pytest.mark.parametrize("tamper", [without, swapped, twice])
def test_an_entry_dropped_swapped_or_doubled_is_found_at_every_place(tamper: Callable[[int], list[str]]) -> None:
    missed = []
    for index in range(len(LOG) - 1):
        after = head(SEALED[index - 1]) if index else verify_audit.START
        report = verify(tamper(index), after=after)
        if not any("should stand here" in message for message in messages(report)):
            missed.append(index)
    assert missed == []


@pytest.mark.parametrize("tamper", [without, swapped, twice])
@pytest.mark.parametrize("index", [0, 499, 990])
def test_an_entry_dropped_swapped_or_doubled_is_found_in_the_whole_log(
    tamper: Callable[[int], list[str]], index: int
) -> None:
    window = tamper(index)
    # The window ends where the untouched log goes on.
    rest = LOG[json.loads(window[-1])["seq"] :]
    report = verify([*LOG[:index], *window, *rest], checkpoints=[HEAD])
    assert report.findings
    assert all(index < finding.line <= index + 4 for finding in report.findings)


def test_a_log_cut_at_any_place_does_not_hold_the_checkpoint() -> None:
    log = verify_audit.Log(checkpoints=[HEAD])
    for index, text in enumerate(LOG):
        short = verify_audit.Log(checkpoints=[HEAD], after=(index, log.head.split(":")[1]))
        assert [finding.message for finding in short.finish()][-1].startswith("entry 1000 is missing")
        assert list(log.read(text)) == []
    assert list(log.finish()) == []


@pytest.mark.parametrize("length", [0, 1, 500, 999])
def test_a_cut_log_read_from_its_start_names_the_missing_head(length: int) -> None:
    report = verify(LOG[:length], checkpoints=[HEAD])
    assert messages(report)[-1] == f"entry 1000 is missing; it was noted earlier with the hash {HEAD[1]}"


def test_a_log_written_anew_from_the_start_does_not_hold_the_checkpoint() -> None:
    forged = [line(sealed) for sealed in chain(20, workspace="forged")]
    assert verify(forged).findings == ()
    report = verify(forged, checkpoints=[head(SEALED[9])])
    assert [(finding.line, finding.seq) for finding in report.findings] == [(10, 10)]
    assert messages(report) == [f"the hash noted earlier for this entry is {SEALED[9].hash.hex()}"]


def test_every_finding_is_reported_and_not_only_the_first() -> None:
    bad = {3: changed(3, content="{}"), 5: "{", 7: "", 9: changed(9, hash="0" * 64)}
    report = verify([bad.get(index, text) for index, text in enumerate(LOG[:12])], checkpoints=[(99, "f" * 64)])
    assert [(finding.line, finding.seq) for finding in report.findings] == [
        (4, 4),
        (6, None),
        (8, None),
        (9, 9),  # entry 8 is missing: an empty line is none
        (9, 9),
        (10, 10),
        (11, 11),
        (0, None),
    ]


# -- each rule ----------------------------------------------------------------------------------------------

FIRST = json.loads(LOG[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "the line is not valid JSON"),
        ("[" * 100_000, "the line is not valid JSON"),
        ("[]", "the line is not a JSON object"),
        ('{"seq": NaN}', "the line holds NaN, which is not JSON"),
        (LOG[0][:-1] + ',"seq":1}', "the line has the key 'seq' twice"),
        ('{"seq": 1, "leaf": ""}', "there is no hash, no salt, no content"),
        (changed(0, seq=True), "seq is not a whole number"),
        (changed(0, seq=1.0), "seq is not a whole number"),
        (changed(0, hash=None), "hash is not text"),
        (changed(0, content=1), "content is not text"),
        (json.dumps(FIRST | {"leaf": "\ud800"}), "leaf is not valid Unicode"),
        (changed(0, extra=1), "the key 'extra' does not belong here"),
        (changed(0, hash="F" * 64), "the hash is not 64 lower-case hexadecimal digits"),
        (changed(0, hash="f" * 64), "the hash does not follow from the entry before and the leaf"),
        (changed(0, salt=None), "the salt was erased without the other"),
        (changed(0, content=None), "the content was erased without the other"),
        (changed(0, salt="0"), "the salt is not lower-case hexadecimal"),
        (changed(0, content="{}"), "the content is not what the leaf names"),
        (with_leaf(0, seq=2), "the leaf has the seq '2'"),
        (with_leaf(0, seq=True), "the leaf has the seq 'True'"),
        (with_leaf(0, at=5, kind=None), "the leaf has no text for at, kind"),
        (rehashed(0, "x"), "the leaf is not valid JSON"),
        (rehashed(0, "5"), "the leaf is not a JSON object"),
        (rehashed(0, SEALED[0].leaf[:-1] + ',"kind":"x"}'), "the leaf has the key 'kind' twice"),
        (rehashed(0, '{"' + "k" * 100 + '":1,"' + "k" * 100 + '":1}'), f"the leaf has the key '{'k' * 80}...' twice"),
    ],
)
def test_a_line_that_breaks_one_rule_has_one_finding_that_says_which(text: str, message: str) -> None:
    assert messages(verify([text])) == [message]


def test_an_empty_line_is_a_finding_and_no_entry() -> None:
    report = verify([LOG[0], " \n", LOG[1]])
    assert (messages(report), report.entries) == (["the line is empty"], 2)


def test_content_that_can_be_read_in_two_ways_is_found_though_its_hash_is_right() -> None:
    content = '{"verdict":"approve","verdict":"reject"}'
    digest = hashlib.sha256(SEALED[0].salt + content.encode()).hexdigest()
    leaf = json.dumps(json.loads(SEALED[0].leaf) | {"content": digest})
    bad = json.dumps(json.loads(rehashed(0, leaf)) | {"content": content})
    assert messages(verify([bad])) == ["the content has the key 'verdict' twice"]


def test_an_entry_of_another_workspace_is_found() -> None:
    bad = with_leaf(1, workspace="other")
    assert messages(verify([LOG[0], bad])) == ["the workspace is 'other', and was 'default' before"]


def test_a_workspace_whose_hash_is_wrong_does_not_set_the_workspace_of_the_log() -> None:
    bad = changed(0, leaf=json.dumps(json.loads(SEALED[0].leaf) | {"workspace": "other"}))
    assert messages(verify([bad, *LOG[1:5]])) == ["the hash does not follow from the entry before and the leaf"]


def test_the_link_from_an_unreadable_line_is_not_held_against_the_next() -> None:
    report = verify(["{", changed(1, hash="x"), *LOG[2:5]])
    assert [finding.line for finding in report.findings] == [1, 2]


def test_a_finding_says_its_line_and_seq() -> None:
    assert str(verify(["{"]).findings[0]) == "line 1, seq ?: the line is not valid JSON"
    assert str(verify([changed(0, salt=None)]).findings[0]).startswith("line 1, seq 1: the salt was erased")
    assert str(verify([]).findings[0]).startswith("log: the file is empty")


# -- as a script --------------------------------------------------------------------------------------------


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.jsonl"
    path.write_text("".join(f"{text}\n" for text in LOG), encoding="utf-8")
    return path


def test_the_script_needs_nothing_but_python_and_accepts_a_right_log(export: Path) -> None:
    done = run(str(export), "--checkpoint", f"1000:{HEAD[1]}", "--checkpoint", f"1:{SEALED[0].hash.hex()}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"entries 1000, erased 0, head 1000:{HEAD[1]}: nothing wrong found\n"


def test_the_script_prints_each_finding_and_exits_with_one(export: Path) -> None:
    export.write_bytes(export.read_bytes().replace(b'"12.50"', b'"12.51"', 1).replace(b"sch\xc3", b"sch\xff", 1))
    done = run(str(export), "--after", f"0:{'0' * 64}", "--checkpoint", f"2000:{'a' * 64}")
    first, second, summary = done.stdout.splitlines()
    assert first == "line 1, seq ?: content is not valid Unicode"
    assert second == f"log: entry 2000 is missing; it was noted earlier with the hash {'a' * 64}"
    assert summary == f"entries 1000, erased 0, head 1000:{HEAD[1]}: 2 findings; do not note this head"
    assert done.returncode == 1


def test_the_script_names_what_was_erased_and_exits_with_three_where_no_entry_says_by_whom(export: Path) -> None:
    export.write_text("\n".join(erasing((2, 4), erased={2, 3, 4})) + "\n")
    done = run(str(export))
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].startswith("entry 11: 2-4 erased by 'lee@example.com' at '2026-01-02T10:00:00")
    export.write_text("\n".join(erasing((2, 3), erased={2, 3, 4, 8, 9})) + "\n")
    done = run(str(export))
    assert done.returncode == 3
    assert done.stdout.splitlines()[1] == "erased, and no entry says by whom: 4, 8-9"
    assert done.stdout.splitlines()[-1].endswith(": contents were erased, and no entry says by whom")


@pytest.mark.parametrize("arguments", [[], ["no-such-file"], ["{export}", "--checkpoint", "1:short"]])
def test_the_script_exits_with_two_where_it_cannot_check(export: Path, arguments: list[str]) -> None:
    done = run(*(argument.replace("{export}", str(export)) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def test_the_command_can_be_called_in_process(export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_audit.main([str(export), "--checkpoint", f"1000:{HEAD[1]}"]) == 0
    export.write_text(LOG[1])
    assert verify_audit.main([str(export)]) == 1
    assert verify_audit.main([str(tmp_path)]) == 2
    with pytest.raises(SystemExit):
        verify_audit.main([str(export), "--after", "1"])
    assert "cannot read" in capsys.readouterr().err


# -- abridging ----------------------------------------------------------------------------------------------


def test_what_is_short_is_kept_in_full() -> None:
    assert audit.abridged("inputs", {"order": "A-1"}, 20) == {"inputs": {"order": "A-1"}}


def test_of_what_is_long_the_digest_and_length_are_kept() -> None:
    value: Value = {"note": "x" * 20}
    assert audit.abridged("inputs", {"note": "x" * 20}, 20) == {
        "inputs_digest": json_values.digest(value),
        "inputs_length": 31,
    }
