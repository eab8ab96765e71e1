"""Verifies the draws of sampling plans in an exported audit log. Needs Python and nothing else.

    python verify_draws.py export.jsonl

Run `verify_audit.py` first: this script believes what the entries say. While only a share of the requests of a plan is
reviewed, a secret salt draws which ones. The entry `autonomy.relaxed` holds the SHA-256 of the salt, the share and the
share that is reviewed later; the entry `autonomy.tightened` or `autonomy.lapsed` that ends the stage holds the salt.

The draw of a visit is HMAC-SHA256 with the salt as key over the text `RUN/STEP/VISIT`; its first 8 bytes, as a number
from the most significant byte, divided by 2^64, are below the share where a person reviews it. The draw of a later
review is the same over `RUN/STEP/VISIT/later`. So this script computes every draw of a stage that has ended, and no one
could foresee one. Exit code: 0 all is well, 1 there are findings, 2 the file cannot be read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

RELAXED = "autonomy.relaxed"
ENDS = ("autonomy.tightened", "autonomy.lapsed")
PASSED = "gate.sampled_out"
OPENED = "request.opened"
NEW_KEY = "new_key"
"""The reason of an end without a salt: the server got another key, so that no one can know the salt any more."""


@dataclass(frozen=True)
class Draw:
    """What an entry says of a draw. `owed`: it was reviewed whatever was drawn."""

    seq: int
    key: str
    passed: bool
    later: bool
    owed: bool


@dataclass
class SampleStage:
    """A stage of a plan in which a share is reviewed, as its first entry describes it."""

    commitment: str
    share: Fraction
    later: Fraction
    draws: list[Draw] = field(default_factory=list)


class Draws:
    """The state of a verification: the draws of the stages that have not ended."""

    def __init__(self) -> None:
        self.checked = 0
        """The number of draws that were computed."""
        self._open: dict[tuple[str, int], SampleStage] = {}
        self._erased = False
        """Whether the beginning of a stage was erased, so that not every draw has one."""

    @property
    def waiting(self) -> int:
        """The number of draws whose stage has not ended, so that the salt is still secret."""
        return sum(len(stage.draws) for stage in self._open.values())

    def read(self, line: str) -> Iterator[str]:
        """Check the next line, and yield a sentence for each problem."""
        if "autonomy" not in line and PASSED not in line:
            return
        try:
            entry = json.loads(line)
            leaf = json.loads(entry["leaf"])
            content = None if entry["content"] is None else json.loads(entry["content"])
            yield from self._read(entry["seq"], leaf, content)
        except (ValueError, KeyError, TypeError, AttributeError):
            # The check of the chain names what cannot be read.
            return

    def _read(self, seq: int, leaf: dict[str, Any], content: dict[str, Any] | None) -> Iterator[str]:
        kind = leaf["kind"]
        if content is None:
            self._erased = self._erased or kind == RELAXED
        elif kind == RELAXED:
            stage = SampleStage(content["commitment"], Fraction(content["share"]), Fraction(content["later"]))
            self._open[content["plan"], content["stage"]] = stage
        elif kind == PASSED:
            yield from self._note(seq, leaf, content, content["visit"], passed=True)
        elif kind == OPENED and content.get("autonomy", {}).get("sample"):
            yield from self._note(seq, leaf, content["autonomy"], content["visit"], passed=False)
        elif kind in ENDS:
            yield from self._end(seq, content)

    def _note(
        self, seq: int, leaf: dict[str, Any], drawn: dict[str, Any], visit: int, *, passed: bool
    ) -> Iterator[str]:
        stage = self._open.get((drawn["plan"], drawn["stage"]))
        if stage is not None:
            key = f"{leaf['run']}/{leaf['step']}/{visit}"
            stage.draws.append(Draw(seq, key, passed, bool(drawn.get("later")), bool(drawn.get("owed"))))
        elif not self._erased:
            yield f"entry {seq} is about a draw, and no one had agreed that only a share is reviewed then"

    def _end(self, seq: int, content: dict[str, Any]) -> Iterator[str]:
        stage = self._open.pop((content["plan"], content["stage"]), None)
        if stage is None:
            return
        if "salt" not in content:
            if content.get("reason") != NEW_KEY and stage.draws:
                yield f"entry {seq} ends a stage and does not disclose the salt of its {len(stage.draws)} draws"
            return
        salt = bytes.fromhex(content["salt"])
        if hashlib.sha256(salt).hexdigest() != stage.commitment:
            yield f"entry {seq} discloses another salt than the one that was committed to"
            return
        for draw in stage.draws:
            self.checked += 1
            if not _is_right(draw, salt, stage):
                yield f"entry {draw.seq} says something else than what was drawn for {draw.key}"


def _is_right(draw: Draw, salt: bytes, stage: SampleStage) -> bool:
    """Return whether an entry says what follows from the salt."""
    drawn = _is_drawn(salt, draw.key, stage.share)
    if not draw.passed:
        return drawn != draw.owed
    return not drawn and draw.later == _is_drawn(salt, f"{draw.key}/later", stage.later)


def _is_drawn(salt: bytes, key: str, share: Fraction) -> bool:
    number = int.from_bytes(hmac.new(salt, key.encode(), hashlib.sha256).digest()[:8], "big")
    return Fraction(number, 2**64) < share


def verify(lines: Iterable[str]) -> tuple[list[str], Draws]:
    """Check a whole log, and return the findings."""
    draws = Draws()
    return [finding for line in lines for finding in draws.read(line)], draws


def main(arguments: Sequence[str]) -> int:
    """Print every finding and a summary, and return the exit code."""
    try:
        with open(arguments[0], encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            findings, draws = verify(lines)
    except (OSError, IndexError) as error:
        sys.stderr.write(f"cannot read the file: {error}\n")
        return 2
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    sys.stdout.write(f"draws checked {draws.checked}, of stages that have not ended {draws.waiting}\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
