"""Verifies an exported audit log without trusting the server that wrote it. Needs Python and nothing else.

    python verify_audit.py export.jsonl [--checkpoint SEQ:HASH]... [--after SEQ:HASH]

Note the printed head in a place that the server cannot write, and pass it as `--checkpoint` next time. Only that finds
a log that was cut at its end or rewritten from the start. `--after` is for an export that begins in the middle. Exit
code: 0 all is well, 1 there are findings, 2 the file cannot be read or the arguments are wrong, 3 nothing was changed,
but contents were erased and no entry says who erased them.

The format, one JSON object a line: `seq` counts from 1. `leaf` is JSON text, an object with at least `seq`,
`workspace`, `at`, `kind`, and `content`, the SHA-256 of the bytes of `salt` and then of the text `content`. `hash` is
the SHA-256 of the previous entry's hash (32 bytes; zeros before the first) and then of the text `leaf`. Bytes are
written as lower-case hexadecimal, text is hashed as UTF-8. `salt` and `content` are null where content was erased; a
later entry of the kind `content.erased` explains it, whose content has `entries`, a list of pairs of the first and last
number, `by`, who erased them, and `reason`. It names no entry whose content is there, and none twice.
"""

from __future__ import annotations

import argparse
import bisect
import hashlib
import json
import re
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

START = (0, "0" * 64)
"""The checkpoint before the first entry."""
ERASED = "content.erased"
"""The kind of the entry that says who erased contents, and why."""
MOST_NAMED = 20
"""Maximum number of erasures, or of entries, that are named one by one; the others are counted."""
UNEXPLAINED = 3
"""Exit code: contents were erased, and no entry says who erased them."""
KEYS = ("seq", "leaf", "hash", "salt", "content")
LEAF_KEYS = ("seq", "workspace", "at", "kind", "content")
_HASH = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_CHECKPOINT = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


@dataclass(frozen=True)
class AuditFinding:
    """One problem. `line` counts from 1, and is 0 for the whole log. `seq`: the number in the line, if it has one."""

    line: int
    seq: int | None
    message: str

    def __str__(self) -> str:
        if not self.line:
            return f"log: {self.message}"
        return f"line {self.line}, seq {'?' if self.seq is None else self.seq}: {self.message}"


@dataclass(frozen=True)
class VerificationReport:
    """The result. `head`: `SEQ:HASH` of the last entry. Note it only if there are no findings."""

    findings: tuple[AuditFinding, ...]
    entries: int
    erased: int
    head: str
    unexplained: tuple[str, ...] = ()
    """Numbers of entries, like `5` or `7-9`, whose content was erased without an entry that says who erased it."""


class UnreadableLog(ValueError):
    """A text that does not follow the format. Its message is the finding."""


def verify(
    lines: Iterable[str], *, checkpoints: Iterable[tuple[int, str]] = (), after: tuple[int, str] = START
) -> VerificationReport:
    """Check a whole log. `checkpoints` are heads noted earlier; `after` is the head before the first line."""
    log = Log(checkpoints=checkpoints, after=after)
    findings = [finding for line in lines for finding in log.read(line)]
    findings.extend(log.finish())
    return VerificationReport(tuple(findings), log.entries, log.erased, log.head, log.unexplained)


class Log:
    """The state of a verification: a few values, however long the log is."""

    def __init__(self, *, checkpoints: Iterable[tuple[int, str]] = (), after: tuple[int, str] = START) -> None:
        self.entries = self.erased = 0
        self.explanations: list[str] = []
        """A line for each erasure, the first ones only: the entries, the person, the time, the reason, the number."""
        self._erasures = 0
        self._by: dict[str, _Erasures] = {}
        self._erased: list[list[int]] = []
        self._explained: list[list[int]] = []
        self.head = f"{after[0]}:{after[1]}"
        self._line = 0
        self._after = after
        self._seq, self._hash = after
        self._linked = True
        """False if the entry before was unreadable, so that the hash of the next entry cannot be checked."""
        self._workspace: str | None = None
        self._noted: dict[int, set[str]] = {}
        for seq, digest in checkpoints:
            self._noted.setdefault(seq, set()).add(digest)

    def read(self, line: str) -> Iterator[AuditFinding]:
        """Check the next line."""
        self._line += 1
        if not line.strip():
            yield AuditFinding(self._line, None, "the line is empty")
            return
        self.entries += 1
        try:
            entry = _object(line, "the line")
            _check_types(entry)
        except UnreadableLog as error:
            self._seq, self._linked = self._seq + 1, False
            yield AuditFinding(self._line, None, str(error))
            return
        for message in self._check(entry):
            yield AuditFinding(self._line, entry["seq"], message)

    def finish(self) -> Iterator[AuditFinding]:
        """Check the conditions that only the end of the log shows."""
        if not self.entries and self._after == START:
            yield AuditFinding(0, None, "the file is empty: it holds no entry")
        for seq, digests in sorted(self._noted.items()):
            for digest in sorted(digests):
                if (seq, digest) != self._after:
                    yield AuditFinding(0, None, f"entry {seq} is missing; it was noted earlier with the hash {digest}")

    @property
    def erasers(self) -> list[str]:
        """Return a line for each person who erased contents: how many, and from when until when."""
        left_out = self._erasures - len(self.explanations)
        more = [f"and {left_out} more entries about erasures"] if left_out else []
        return more + [f"{_quoted(by)} erased {erasures}" for by, erasures in self._by.items()]

    @property
    def unexplained(self) -> tuple[str, ...]:
        """The ranges of entries that were erased so far without an entry that explains it."""
        return tuple(_numbers(first, last) for first, last in _uncovered(self._erased, self._explained))

    def _check(self, entry: dict[str, Any]) -> Iterator[str]:
        for key in sorted(entry.keys() - set(KEYS)):
            yield f"the key {_quoted(key)} does not belong here"
        if entry["seq"] != self._seq + 1:
            yield f"seq {self._seq + 1} should stand here"
        self._seq = entry["seq"]
        trusted = yield from self._check_link(entry)
        leaf = yield from _read_leaf(entry)
        if leaf:
            yield from self._check_workspace(leaf["workspace"], trusted=trusted)
        yield from self._check_content(entry, leaf)

    def _check_link(self, entry: dict[str, Any]) -> Generator[str, None, bool]:
        """Check the hash of an entry. A wrong hash is used for the next entry, so that one change is one finding."""
        entry_hash = entry["hash"]
        right = hashlib.sha256(bytes.fromhex(self._hash) + entry["leaf"].encode()).hexdigest()
        well_formed = _HASH.fullmatch(entry_hash) is not None
        if not well_formed:
            yield "the hash is not 64 lower-case hexadecimal digits"
        elif self._linked and entry_hash != right:
            yield "the hash does not follow from the entry before and the leaf"
        for digest in sorted(self._noted.pop(entry["seq"], ())):
            if digest != entry_hash:
                yield f"the hash noted earlier for this entry is {digest}"
        trusted = self._linked and entry_hash == right
        self._hash = entry_hash if well_formed else right
        self._linked = self._linked or well_formed
        self.head = f"{entry['seq']}:{self._hash}"
        return trusted

    def _check_workspace(self, workspace: str, *, trusted: bool) -> Iterator[str]:
        if self._workspace is None and trusted:
            self._workspace = workspace
        elif self._workspace not in (None, workspace):
            yield f"the workspace is {_quoted(workspace)}, and was {_quoted(str(self._workspace))} before"

    def _check_content(self, entry: dict[str, Any], leaf: dict[str, Any] | None) -> Iterator[str]:
        salt, content = entry["salt"], entry["content"]
        if salt is None and content is None:
            self._note_erased(entry["seq"])
        elif salt is None or content is None:
            yield f"the {'salt' if salt is None else 'content'} was erased without the other"
        elif not _HEX.fullmatch(salt):
            yield "the salt is not lower-case hexadecimal"
        elif leaf and hashlib.sha256(bytes.fromhex(salt) + content.encode()).hexdigest() != leaf["content"]:
            yield "the content is not what the leaf names"
        else:
            try:
                parsed = _object(content, "the content")
            except UnreadableLog as error:
                yield str(error)
                return
            if leaf and leaf["kind"] == ERASED:
                yield from self._read_erasure(entry["seq"], leaf, parsed)

    def _note_erased(self, seq: int) -> None:
        self.erased += 1
        if self._erased and self._erased[-1][1] == seq - 1:
            self._erased[-1][1] = seq
        else:
            self._erased.append([seq, seq])

    def _read_erasure(self, seq: int, leaf: dict[str, Any], content: dict[str, Any]) -> Iterator[str]:
        """Read an entry that explains an erasure. The chain protects its time and its words."""
        by, reason, pairs = content.get("by"), content.get("reason"), content.get("entries")
        is_complete = isinstance(by, str) and by.strip() and isinstance(reason, str)
        if not is_complete or not isinstance(pairs, list) or not all(_is_pair(pair, seq) for pair in pairs):
            yield "it does not say which entries were erased before it, who erased them and why"
            return
        new = [part for first, last in pairs for part in self._explain(first, last)]
        present = [part for first, last in new for part in self._present(first, last)]
        if present:
            yield f"it says that contents were erased that are still there: {_named(present)}"
        if again := [*_uncovered(sorted(map(list, pairs)), sorted(new))]:
            yield f"it says that contents were erased that were erased before, as an entry says: {_named(again)}"
        count = _total(new) - _total(present)
        self._by.setdefault(str(by), _Erasures(leaf["at"])).add(count, leaf["at"])
        self._erasures += 1
        if len(self.explanations) < MOST_NAMED:
            numbers = ", ".join(_numbers(first, last) for first, last in pairs)
            who = f"erased by {_quoted(str(by))} at {_quoted(leaf['at'])}"
            self.explanations.append(f"entry {seq}: {numbers} {who}: {_quoted(str(reason))} ({_contents(count)})")

    def _explain(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Note that a range of entries is explained, and yield the parts of it that were not before."""
        for part in [*_uncovered([[first, last]], _near(self._explained, first, last))]:
            bisect.insort(self._explained, [*part])
            yield part

    def _present(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of a range of entries before this one whose contents are there."""
        first = max(first, self._after[0] + 1)
        if first <= last:
            yield from _uncovered([[first, last]], _near(self._erased, first, last))


@dataclass
class _Erasures:
    """How many contents a person erased, and from when until when."""

    since: str
    until: str = ""
    contents: int = 0

    def add(self, contents: int, at: str) -> None:
        self.contents, self.until = self.contents + contents, at

    def __str__(self) -> str:
        when = f"at {_quoted(self.since)}"
        if self.until != self.since:
            when = f"from {_quoted(self.since)} to {_quoted(self.until)}"
        return f"{_contents(self.contents)} {when}"


def _first(numbers: list[int]) -> int:
    return numbers[0]


def _near(ranges: list[list[int]], first: int, last: int) -> list[list[int]]:
    """Return those of some ranges, which are sorted and apart, that may touch another one."""
    begin = max(bisect.bisect_right(ranges, first, key=_first) - 1, 0)
    return ranges[begin : bisect.bisect_right(ranges, last, key=_first)]


def _total(ranges: Iterable[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _named(ranges: Sequence[tuple[int, int]]) -> str:
    """Return the first of some ranges as a text."""
    return ", ".join(_numbers(first, last) for first, last in ranges[:MOST_NAMED])


def _contents(count: int) -> str:
    return f"{count} content{'s' * (count != 1)}"


def _is_pair(value: Any, seq: int) -> bool:
    return (
        isinstance(value, list) and [type(number) for number in value] == [int, int] and 0 < value[0] <= value[1] < seq
    )


def _uncovered(runs: Sequence[Sequence[int]], covers: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Yield the parts of the ranges in `runs` that no range in `covers` contains. Both are sorted."""
    at, reached = 0, 0
    for first, last in runs:
        while first <= last:
            while at < len(covers) and covers[at][0] <= first:
                reached, at = max(reached, covers[at][1]), at + 1
            if reached >= first:
                first = reached + 1
                continue
            end = min(last, covers[at][0] - 1) if at < len(covers) else last
            yield first, end
            first = end + 1


def _numbers(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _check_types(entry: dict[str, Any]) -> None:
    """Raise `UnreadableLog` unless every key has a value of its type."""
    missing = [key for key in KEYS if key not in entry]
    if missing:
        raise UnreadableLog(f"there is no {', no '.join(missing)}")
    if type(entry["seq"]) is not int:
        raise UnreadableLog("seq is not a whole number")
    for key in KEYS[1:]:
        value = entry[key]
        if value is None and key in ("salt", "content"):
            continue
        if not isinstance(value, str):
            raise UnreadableLog(f"{key} is not text")
        if not _is_unicode(value):
            raise UnreadableLog(f"{key} is not valid Unicode")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_leaf(entry: dict[str, Any]) -> Generator[str, None, dict[str, Any] | None]:
    """Return the leaf as an object with all its keys, or None if it is not valid."""
    try:
        leaf = _object(entry["leaf"], "the leaf")
    except UnreadableLog as error:
        yield str(error)
        return None
    wrong = [key for key in LEAF_KEYS[1:] if not isinstance(leaf.get(key), str)]
    if wrong:
        yield f"the leaf has no text for {', '.join(wrong)}"
        return None
    if type(leaf.get("seq")) is not int or leaf["seq"] != entry["seq"]:
        yield f"the leaf has the seq {_quoted(str(leaf.get('seq')))}"
    return leaf


def _object(text: str, what: str) -> dict[str, Any]:
    """Return the JSON object in a text. Raises `UnreadableLog` for anything else, and for a key that is there twice."""
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_constant)
    except UnreadableLog as error:
        raise UnreadableLog(f"{what} {error}") from None
    except (ValueError, RecursionError):
        raise UnreadableLog(f"{what} is not valid JSON") from None
    if not isinstance(value, dict):
        raise UnreadableLog(f"{what} is not a JSON object")
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for name, value in pairs:
        if name in entry:
            raise UnreadableLog(f"has the key {_quoted(name)} twice")
        entry[name] = value
    return entry


def _no_constant(name: str) -> Any:
    raise UnreadableLog(f"holds {name}, which is not JSON")


def _quoted(text: str) -> str:
    """Return a short part of a text from the log, safe to print on a terminal."""
    return ascii(text if len(text) <= 80 else text[:80] + "...")


# -- the command --------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every finding and a summary, and return the exit code."""
    options = _parser().parse_args(arguments)
    log, count = Log(checkpoints=options.checkpoint, after=options.after), 0
    try:
        # Bytes that are not UTF-8 are a finding in their line, not the end of the check.
        with open(options.file, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            for line in lines:
                count += _print(log.read(line))
    except OSError as error:
        sys.stderr.write(f"cannot read {options.file}: {error.strerror}\n")
        return 2
    count += _print(log.finish())
    for line in (*log.explanations, *log.erasers, *unexplained_erasures(log)):
        sys.stdout.write(f"{line}\n")
    verdict = "nothing wrong found"
    if log.unexplained:
        verdict = "contents were erased, and no entry says who erased them"
    if count:
        verdict = f"{count} finding{'s' * (count != 1)}; do not note this head"
    sys.stdout.write(f"entries {log.entries}, erased {log.erased}, head {log.head}: {verdict}\n")
    return 1 if count else UNEXPLAINED if log.unexplained else 0


def unexplained_erasures(log: Log) -> list[str]:
    """Return a line that names the entries that were erased without an explanation, if there are any."""
    unexplained = log.unexplained
    more = f" and {len(unexplained) - MOST_NAMED} more" if len(unexplained) > MOST_NAMED else ""
    named = f"{', '.join(unexplained[:MOST_NAMED])}{more}"
    return [f"finding: erased, and no entry says who erased them: {named}"] if unexplained else []


def _print(findings: Iterator[AuditFinding]) -> int:
    count = 0
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
        count += 1
    return count


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Verify an exported audit log.")
    parser.add_argument("file", help="the export, JSON Lines")
    parser.add_argument(
        "--checkpoint",
        metavar="SEQ:HASH",
        type=read_checkpoint,
        action="append",
        default=[],
        help="a head noted earlier, which must still be in the log; may be given again",
    )
    parser.add_argument(
        "--after", metavar="SEQ:HASH", type=read_checkpoint, default=START, help="the head before the first line"
    )
    return parser


def read_checkpoint(text: str) -> tuple[int, str]:
    match = _CHECKPOINT.fullmatch(text)
    if not match:
        raise argparse.ArgumentTypeError(f"{_quoted(text)} is not SEQ:HASH, like 12: and 64 hexadecimal digits")
    return int(match[1]), match[2]


if __name__ == "__main__":
    sys.exit(main())
