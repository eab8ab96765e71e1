"""`engine.audit` seals the audit chain, and the independent script `verify_audit` finds every kind of tampering."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
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


def make_entry(number: int) -> Entry:
    return Entry(
        kind="decision.made",
        run=f"run-{number}",
        request=f"request-{number}" if number % 2 else None,
        step="send",
        actor="person-1",
        content={"verdict": "approve", "amount": Decimal("12.50"), "reason": "schön \u2028"},
    )


def make_chain(length: int, workspace: str = "default") -> list[SealedEntry]:
    sealed, previous = list[SealedEntry](), GENESIS
    for seq in range(1, length + 1):
        at, salt = NOW + timedelta(seconds=seq), hashlib.sha256(str(seq).encode()).digest()[:16]
        sealed.append(seal(make_entry(seq), workspace=workspace, at=at, seq=seq, previous=previous, salt=salt))
        previous = sealed[-1].hash
    return sealed


def to_line(sealed: SealedEntry) -> str:
    return export_line(sealed.seq, sealed.leaf, hash=sealed.hash, salt=sealed.salt, content=sealed.content)


def checkpoint(sealed: SealedEntry) -> tuple[int, str]:
    return sealed.seq, sealed.hash.hex()


def finding_messages(report: VerificationReport) -> list[str]:
    return [finding.message for finding in report.findings]


SEALED = make_chain(1000)
LOG = [to_line(sealed) for sealed in SEALED]
HEAD = checkpoint(SEALED[-1])


def changed_line(index: int, **values: Any) -> str:
    """Return line `index` of the log with other values."""
    return json.dumps(json.loads(LOG[index]) | values, ensure_ascii=False)


def line_with_leaf(index: int, **values: Any) -> str:
    """Return line `index` with another leaf and its correct hash, so that only a rule about the leaf can find it."""
    leaf = json.dumps(json.loads(SEALED[index].leaf) | values)
    return rehashed_line(index, leaf)


def rehashed_line(index: int, leaf: str) -> str:
    previous = SEALED[index - 1].hash if index else GENESIS
    return changed_line(index, leaf=leaf, hash=hashlib.sha256(previous + leaf.encode()).hexdigest())


# -- sealing ------------------------------------------------------------------------------------------------


def test_a_leaf_is_compact_has_a_fixed_order_and_leaves_out_absent_values() -> None:
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
    "invalid",
    [
        {"at": NOW.replace(tzinfo=None)},
        {"seq": 0},
        {"previous": b""},
        {"salt": bytes(audit.MIN_SALT - 1)},
    ],
)
def test_values_that_would_weaken_the_chain_are_refused(invalid: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"workspace": "w", "at": NOW, "seq": 1, "previous": GENESIS, "salt": bytes(16)}
    with pytest.raises(ValueError, match="an entry is sealed with"):
        seal(make_entry(1), **arguments | invalid)


# -- valid logs ---------------------------------------------------------------------------------------------


def test_an_untouched_log_verifies() -> None:
    assert verify(LOG, checkpoints=[HEAD, checkpoint(SEALED[499]), verify_audit.START]) == VerificationReport(
        findings=(), entries=1000, erased=0, head=f"1000:{HEAD[1]}"
    )


def test_erased_content_is_counted_and_is_no_error() -> None:
    log = [changed_line(index, salt=None, content=None) if index % 2 else text for index, text in enumerate(LOG)]
    report = verify(log, checkpoints=[HEAD])
    assert (report.findings, report.erased) == ((), 500)
    assert report.unexplained == tuple(str(seq) for seq in range(2, 1001, 2))


def log_with_erasures(*pairs: Any, by: Any = "lee@example.com", erased: set[int], entries_after: int = 0) -> list[str]:
    """Return a log of ten entries, some of them erased, an entry about the erasures, and more entries after it."""
    erasure_entry = Entry(
        kind="content.erased",
        run=None,
        request=None,
        step=None,
        actor="person-1",
        content={"entries": [list(pair) for pair in pairs], "by": by, "reason": "asked for"},
    )
    sealed = make_chain(10)
    previous = sealed[-1].hash
    for seq, log_entry in enumerate([erasure_entry, *map(make_entry, range(entries_after))], 11):
        sealed.append(seal(log_entry, workspace="default", at=NOW, seq=seq, previous=previous, salt=b"s" * 16))
        previous = sealed[-1].hash
    values = [json.loads(to_line(log_entry)) for log_entry in sealed]
    return [json.dumps(value | ({"salt": None, "content": None} if value["seq"] in erased else {})) for value in values]


def test_erasures_that_an_entry_explains_are_no_findings() -> None:
    report = verify(log_with_erasures((2, 4), (7, 7), erased={2, 3, 4, 7}))
    assert (report.findings, report.erased, report.unexplained) == ((), 4, ())


@given(
    st.sets(st.integers(1, 10)),
    st.lists(st.tuples(st.integers(1, 10), st.integers(1, 10)).map(lambda pair: tuple(sorted(pair))), max_size=6),
)
def test_exactly_the_unexplained_erasures_are_named(erased: set[int], pairs: list[tuple[int, int]]) -> None:
    report = verify(log_with_erasures(*pairs, erased=erased))
    explained = {number for first, last in pairs for number in range(first, last + 1)}
    unexplained: set[int] = set()
    for numbers in report.unexplained:
        first, _, last = numbers.partition("-")
        unexplained |= set(range(int(first), int(last or first) + 1))
    assert unexplained == erased - explained
    assert report.erased == len(erased)
    named: set[int] = set()
    for message in finding_messages(report):
        for numbers in message.removeprefix("it says that contents were erased that are still there: ").split(", "):
            first, _, last = numbers.partition("-")
            named |= set(range(int(first), int(last or first) + 1))
    assert named == explained - erased


def test_an_explanation_of_contents_that_are_there_is_a_finding() -> None:
    """Otherwise, one entry about everything would explain all that is erased later."""
    report = verify(log_with_erasures((2, 4), (6, 6), (8, 9), erased={2, 4, 6, 9}))
    assert finding_messages(report) == ["it says that contents were erased that are still there: 3, 8"]
    assert report.unexplained == ()


def test_an_explanation_of_entries_before_the_export_begins_is_no_finding() -> None:
    log = log_with_erasures((2, 4), erased={2, 3, 4})
    at_three = json.loads(log[2])
    assert verify(log[3:], after=(3, at_three["hash"])).findings == ()


def read_claims(
    claims: Iterable[tuple[str, list[list[int]]]], erased: set[int]
) -> tuple[verify_audit.Log, list[verify_audit.AuditFinding]]:
    """Return a log of forty entries, with one more for each claim about what was erased, and its findings."""
    log, sealed, findings = verify_audit.Log(), make_chain(40), list[verify_audit.AuditFinding]()
    for seq, (who, pairs) in enumerate(claims, 41):
        content: dict[str, Value] = {"entries": [[*pair] for pair in pairs], "by": who, "reason": "old"}
        erasure = Entry(kind="content.erased", run=None, request=None, step=None, actor=None, content=content)
        previous = sealed[-1].hash
        sealed.append(seal(erasure, workspace="default", at=NOW, seq=seq, previous=previous, salt=b"s" * 16))
    for entry in sealed:
        value = json.loads(to_line(entry))
        nothing = {"salt": None, "content": None} if value["seq"] in erased else {}
        findings += log.read(json.dumps(value | nothing))
    return log, findings


RANGES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)).map(sorted), min_size=1, max_size=4)


@given(st.lists(RANGES, min_size=1, max_size=4))
def test_no_entry_claims_what_another_one_explains(claims: list[list[list[int]]]) -> None:
    """Otherwise an entry that is written later would say that another person erased it, and count it twice."""
    numbers = [{number for first, last in pairs for number in range(first, last + 1)} for pairs in claims]
    names = ["lee", "kim", "mia", "zoe"]
    log, findings = read_claims(zip(names, claims, strict=False), set().union(*numbers))
    seen: set[int] = set()
    counts = []
    for claimed in numbers:
        counts.append(len(claimed - seen))
        seen |= claimed
    repeated = [at for at, claimed in enumerate(numbers) if claimed & set().union(*numbers[:at])]
    assert [finding.seq for finding in findings] == [41 + at for at in repeated]
    assert [int(line.split(" erased ")[1].split()[0]) for line in log.erasers] == counts
    assert (log.erased, log.unexplained) == (len(seen), ())


def test_how_many_contents_each_person_erased_and_when_is_summed_up() -> None:
    log = verify_audit.Log()
    by = ["lee", "kim", "lee"]
    sealed = make_chain(40)
    previous = sealed[-1].hash
    for number, who in enumerate(by):
        content: dict[str, Value] = {"entries": [[1 + 2 * number, 2 + 2 * number]], "by": who, "reason": "old"}
        erasure = Entry(kind="content.erased", run=None, request=None, step=None, actor=None, content=content)
        at = NOW + timedelta(hours=number)
        sealed.append(seal(erasure, workspace="default", at=at, seq=41 + number, previous=previous, salt=b"s" * 16))
        previous = sealed[-1].hash
    for entry in sealed:
        value = json.loads(to_line(entry))
        nothing = {"salt": None, "content": None} if value["seq"] < 7 else {}
        assert [*log.read(json.dumps(value | nothing))] == []
    assert log.erasers == [
        "'lee' erased 4 contents from '2026-01-02T10:00:00.000000Z' to '2026-01-02T12:00:00.000000Z'",
        "'kim' erased 2 contents at '2026-01-02T11:00:00.000000Z'",
    ]
    assert log.explanations[1] == "entry 42: 3-4 erased by 'kim' at '2026-01-02T11:00:00.000000Z': 'old' (2 contents)"


def test_of_many_erasures_the_first_are_named_and_all_are_counted() -> None:
    log, previous = verify_audit.Log(), GENESIS
    for seq in range(1, 61):
        content: dict[str, Value] = {"entries": [[seq - 1, seq - 1]], "by": "lee", "reason": "old"}
        kind = "content.erased" if seq % 2 == 0 else "run.started"
        entry = Entry(kind=kind, run=None, request=None, step=None, actor=None, content=content)
        sealed = seal(entry, workspace="default", at=NOW, seq=seq, previous=previous, salt=b"s" * 16)
        previous = sealed.hash
        nothing = {"salt": None, "content": None} if seq % 2 else {}
        assert [*log.read(json.dumps(json.loads(to_line(sealed)) | nothing))] == []
    assert (len(log.explanations), log.unexplained) == (verify_audit.MOST_NAMED, ())
    assert log.erasers == [
        "and 10 more entries about erasures",
        "'lee' erased 30 contents at '2026-01-02T10:00:00.000000Z'",
    ]


def test_an_explanation_that_was_erased_itself_explains_nothing() -> None:
    assert verify(log_with_erasures((2, 4), erased={2, 3, 11})).unexplained == ("2-3", "11")


@pytest.mark.parametrize(
    ("pairs", "by"),
    [([(2, 11)], "lee"), ([(0, 2)], "lee"), ([(4, 2)], "lee"), ([(1,)], "lee"), ([("1", "2")], "lee"), ([(1, 2)], " ")],
)
def test_an_explanation_that_says_too_little_is_a_finding(pairs: list[Any], by: str) -> None:
    report = verify(log_with_erasures(*pairs, by=by, erased={2}))
    assert finding_messages(report) == ["it does not say which entries were erased before it, who erased them and why"]
    assert report.unexplained == ("2",)


def test_an_erasure_after_an_explanation_is_not_explained_by_it() -> None:
    assert verify(log_with_erasures((1, 10), erased={3, 13}, entries_after=3)).unexplained == ("13",)


def test_the_rest_of_a_log_verifies_after_a_checkpoint() -> None:
    report = verify(LOG[500:], after=checkpoint(SEALED[499]), checkpoints=[checkpoint(SEALED[499]), HEAD])
    assert report == VerificationReport(findings=(), entries=500, erased=0, head=f"1000:{HEAD[1]}")


def test_nothing_new_after_a_checkpoint_is_no_error() -> None:
    assert verify([], after=HEAD) == VerificationReport(findings=(), entries=0, erased=0, head=f"1000:{HEAD[1]}")


def test_an_empty_file_says_so() -> None:
    assert finding_messages(verify([])) == ["the file is empty: it holds no entry"]


# -- tampering ----------------------------------------------------------------------------------------------


def flip_bit(text: str, index: int) -> str:
    """Return the text with the lowest bit of one character flipped."""
    index %= len(text)
    return text[:index] + chr(ord(text[index]) ^ 1) + text[index + 1 :]


@pytest.mark.parametrize("key", ["leaf", "hash", "content", "salt"])
def test_a_flipped_bit_is_found_in_every_entry(key: str) -> None:
    missed = []
    for index in range(len(LOG)):
        value = json.loads(LOG[index])[key]
        tampered = changed_line(index, **{key: flip_bit(value, index * 7)})
        after = checkpoint(SEALED[index - 1]) if index else verify_audit.START
        report = verify([tampered, *LOG[index + 1 : index + 3]], after=after)
        if not any(finding.line == 1 and finding.seq == index + 1 for finding in report.findings):
            missed.append(index)
    assert missed == []


@pytest.mark.parametrize("index", [0, 1, 499, 998, 999])
@pytest.mark.parametrize("key", ["leaf", "hash", "content", "salt"])
def test_a_flipped_bit_is_found_at_its_line_in_the_whole_log(key: str, index: int) -> None:
    tampered = changed_line(index, **{key: flip_bit(json.loads(LOG[index])[key], 21)})
    report = verify([*LOG[:index], tampered, *LOG[index + 1 :]])
    # A hash is part of two links: that of its own line and that of the next line.
    assert {finding.line for finding in report.findings} <= {index + 1, index + 2 if key == "hash" else index + 1}
    assert report.findings[0].line == index + 1


def test_every_bit_of_every_byte_of_a_line_matters() -> None:
    """A flipped bit in the raw bytes of the file passes only if the JSON value is the same."""
    raw = LOG[5].encode()
    missed = []
    for position in range(len(raw)):
        for bit in range(8):
            tampered = bytes([*raw[:position], raw[position] ^ 1 << bit, *raw[position + 1 :]]).decode(
                errors="surrogateescape"
            )
            same_value = json_or_none(tampered) == json.loads(LOG[5])
            if (
                not same_value
                and not verify([tampered], after=checkpoint(SEALED[4]), checkpoints=[checkpoint(SEALED[5])]).findings
            ):
                missed.append((position, bit))
    assert missed == []


def json_or_none(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def drop_entry(index: int) -> list[str]:
    return LOG[index + 1 : index + 3]


def swap_entries(index: int) -> list[str]:
    return [LOG[index + 1], LOG[index], *LOG[index + 2 : index + 4]]


def double_entry(index: int) -> list[str]:
    return [LOG[index], LOG[index], *LOG[index + 1 : index + 3]]


@pytest.mark.parametrize("tamper", [drop_entry, swap_entries, double_entry])
def test_an_entry_dropped_swapped_or_doubled_is_found_at_every_place(tamper: Callable[[int], list[str]]) -> None:
    missed = []
    for index in range(len(LOG) - 1):
        after = checkpoint(SEALED[index - 1]) if index else verify_audit.START
        report = verify(tamper(index), after=after)
        if not any("should stand here" in message for message in finding_messages(report)):
            missed.append(index)
    assert missed == []


@pytest.mark.parametrize("tamper", [drop_entry, swap_entries, double_entry])
@pytest.mark.parametrize("index", [0, 499, 990])
def test_an_entry_dropped_swapped_or_doubled_is_found_in_the_whole_log(
    tamper: Callable[[int], list[str]], index: int
) -> None:
    window = tamper(index)
    # The rest of the log is untouched.
    entries_after = LOG[json.loads(window[-1])["seq"] :]
    report = verify([*LOG[:index], *window, *entries_after], checkpoints=[HEAD])
    assert report.findings
    assert all(index < finding.line <= index + 4 for finding in report.findings)


def test_a_log_cut_at_any_place_does_not_hold_the_checkpoint() -> None:
    log = verify_audit.Log(checkpoints=[HEAD])
    for index, text in enumerate(LOG):
        cut_log = verify_audit.Log(checkpoints=[HEAD], after=(index, log.head.split(":")[1]))
        assert [finding.message for finding in cut_log.finish()][-1].startswith("entry 1000 is missing")
        assert list(log.read(text)) == []
    assert list(log.finish()) == []


@pytest.mark.parametrize("length", [0, 1, 500, 999])
def test_a_cut_log_read_from_its_start_names_the_missing_head(length: int) -> None:
    report = verify(LOG[:length], checkpoints=[HEAD])
    assert finding_messages(report)[-1] == f"entry 1000 is missing; it was noted earlier with the hash {HEAD[1]}"


def test_a_log_written_anew_from_the_start_does_not_hold_the_checkpoint() -> None:
    forged = [to_line(sealed) for sealed in make_chain(20, workspace="forged")]
    assert verify(forged).findings == ()
    report = verify(forged, checkpoints=[checkpoint(SEALED[9])])
    assert [(finding.line, finding.seq) for finding in report.findings] == [(10, 10)]
    assert finding_messages(report) == [f"the hash noted earlier for this entry is {SEALED[9].hash.hex()}"]


def test_every_finding_is_reported_and_not_only_the_first() -> None:
    tampered = {3: changed_line(3, content="{}"), 5: "{", 7: "", 9: changed_line(9, hash="0" * 64)}
    report = verify([tampered.get(index, text) for index, text in enumerate(LOG[:12])], checkpoints=[(99, "f" * 64)])
    assert [(finding.line, finding.seq) for finding in report.findings] == [
        (4, 4),
        (6, None),
        (8, None),
        (9, 9),  # Entry 8 is missing, because an empty line is no entry.
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
        (changed_line(0, seq=True), "seq is not a whole number"),
        (changed_line(0, seq=1.0), "seq is not a whole number"),
        (changed_line(0, hash=None), "hash is not text"),
        (changed_line(0, content=1), "content is not text"),
        (json.dumps(FIRST | {"leaf": "\ud800"}), "leaf is not valid Unicode"),
        (changed_line(0, extra=1), "the key 'extra' does not belong here"),
        (changed_line(0, hash="F" * 64), "the hash is not 64 lower-case hexadecimal digits"),
        (changed_line(0, hash="f" * 64), "the hash does not follow from the entry before and the leaf"),
        (changed_line(0, salt=None), "the salt was erased without the other"),
        (changed_line(0, content=None), "the content was erased without the other"),
        (changed_line(0, salt="0"), "the salt is not lower-case hexadecimal"),
        (changed_line(0, content="{}"), "the content is not what the leaf names"),
        (line_with_leaf(0, seq=2), "the leaf has the seq '2'"),
        (line_with_leaf(0, seq=True), "the leaf has the seq 'True'"),
        (line_with_leaf(0, at=5, kind=None), "the leaf has no text for at, kind"),
        (rehashed_line(0, "x"), "the leaf is not valid JSON"),
        (rehashed_line(0, "5"), "the leaf is not a JSON object"),
        (rehashed_line(0, SEALED[0].leaf[:-1] + ',"kind":"x"}'), "the leaf has the key 'kind' twice"),
        (
            rehashed_line(0, '{"' + "k" * 100 + '":1,"' + "k" * 100 + '":1}'),
            f"the leaf has the key '{'k' * 80}...' twice",
        ),
    ],
)
def test_a_line_that_breaks_one_rule_has_one_finding_that_says_which(text: str, message: str) -> None:
    assert finding_messages(verify([text])) == [message]


def test_an_empty_line_is_a_finding_and_no_entry() -> None:
    report = verify([LOG[0], " \n", LOG[1]])
    assert (finding_messages(report), report.entries) == (["the line is empty"], 2)


def test_content_that_can_be_read_in_two_ways_is_found_though_its_hash_is_right() -> None:
    content = '{"verdict":"approve","verdict":"reject"}'
    digest = hashlib.sha256(SEALED[0].salt + content.encode()).hexdigest()
    leaf = json.dumps(json.loads(SEALED[0].leaf) | {"content": digest})
    tampered = json.dumps(json.loads(rehashed_line(0, leaf)) | {"content": content})
    assert finding_messages(verify([tampered])) == ["the content has the key 'verdict' twice"]


def test_an_entry_of_another_workspace_is_found() -> None:
    tampered = line_with_leaf(1, workspace="other")
    assert finding_messages(verify([LOG[0], tampered])) == ["the workspace is 'other', and was 'default' before"]


def test_a_workspace_whose_hash_is_wrong_does_not_set_the_workspace_of_the_log() -> None:
    tampered = changed_line(0, leaf=json.dumps(json.loads(SEALED[0].leaf) | {"workspace": "other"}))
    assert finding_messages(verify([tampered, *LOG[1:5]])) == [
        "the hash does not follow from the entry before and the leaf"
    ]


def test_an_unreadable_line_causes_no_finding_for_the_next_line() -> None:
    report = verify(["{", changed_line(1, hash="x"), *LOG[2:5]])
    assert [finding.line for finding in report.findings] == [1, 2]


def test_a_finding_says_its_line_and_seq() -> None:
    assert str(verify(["{"]).findings[0]) == "line 1, seq ?: the line is not valid JSON"
    assert str(verify([changed_line(0, salt=None)]).findings[0]).startswith("line 1, seq 1: the salt was erased")
    assert str(verify([]).findings[0]).startswith("log: the file is empty")


# -- as a script --------------------------------------------------------------------------------------------


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.jsonl"
    path.write_text("".join(f"{text}\n" for text in LOG), encoding="utf-8")
    return path


def test_the_script_needs_only_python_and_accepts_a_valid_log(export: Path) -> None:
    process = run_script(str(export), "--checkpoint", f"1000:{HEAD[1]}", "--checkpoint", f"1:{SEALED[0].hash.hex()}")
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout == f"entries 1000, erased 0, head 1000:{HEAD[1]}: nothing wrong found\n"


def test_the_script_prints_each_finding_and_exits_with_one(export: Path) -> None:
    export.write_bytes(export.read_bytes().replace(b'"12.50"', b'"12.51"', 1).replace(b"sch\xc3", b"sch\xff", 1))
    process = run_script(str(export), "--after", f"0:{'0' * 64}", "--checkpoint", f"2000:{'a' * 64}")
    first, second, summary = process.stdout.splitlines()
    assert first == "line 1, seq ?: content is not valid Unicode"
    assert second == f"log: entry 2000 is missing; it was noted earlier with the hash {'a' * 64}"
    assert summary == f"entries 1000, erased 0, head 1000:{HEAD[1]}: 2 findings; do not note this head"
    assert process.returncode == 1


def test_the_script_names_erased_entries_and_exits_with_three_without_an_explanation(export: Path) -> None:
    export.write_text("\n".join(log_with_erasures((2, 4), erased={2, 3, 4})) + "\n")
    process = run_script(str(export))
    assert process.returncode == 0
    assert process.stdout.splitlines()[0].startswith(
        "entry 11: 2-4 erased by 'lee@example.com' at '2026-01-02T10:00:00"
    )
    export.write_text("\n".join(log_with_erasures((2, 3), erased={2, 3, 4, 8, 9})) + "\n")
    process = run_script(str(export))
    assert process.returncode == 3
    assert "'lee@example.com' erased 2 contents at" in process.stdout
    assert "finding: erased, and no entry says who erased them: 4, 8-9" in process.stdout.splitlines()
    assert process.stdout.splitlines()[-1].endswith(": contents were erased, and no entry says who erased them")


@pytest.mark.parametrize("arguments", [[], ["no-such-file"], ["{export}", "--checkpoint", "1:short"]])
def test_the_script_exits_with_two_where_it_cannot_check(export: Path, arguments: list[str]) -> None:
    process = run_script(*(argument.replace("{export}", str(export)) for argument in arguments))
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr


def test_the_command_can_be_called_in_process(export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_audit.main([str(export), "--checkpoint", f"1000:{HEAD[1]}"]) == 0
    export.write_text(LOG[1])
    assert verify_audit.main([str(export)]) == 1
    assert verify_audit.main([str(tmp_path)]) == 2
    with pytest.raises(SystemExit):
        verify_audit.main([str(export), "--after", "1"])
    assert "cannot read" in capsys.readouterr().err


# -- abridging ----------------------------------------------------------------------------------------------


def test_a_short_value_is_kept_in_full() -> None:
    assert audit.abridged("inputs", {"order": "A-1"}, 20) == {"inputs": {"order": "A-1"}}


def test_a_long_value_is_kept_by_its_digest_and_length() -> None:
    value: Value = {"note": "x" * 20}
    assert audit.abridged("inputs", {"note": "x" * 20}, 20) == {
        "inputs_digest": json_values.digest(value),
        "inputs_length": 31,
    }
