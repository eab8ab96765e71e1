"""Chooses the tests that `make test` runs on SQLite alone, because others send the same statements to PostgreSQL.

`python -m tests.support.statements` runs all of them on servers that log statements, and writes `ON_SQLITE`. A test
that is not in that file runs on both databases, as each new test does until the choice is made again. So does each test
in which something happens at the same time, because PostgreSQL isolates transactions in its own way.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Final

LOGS: Final = os.environ.get("SIGNOFF_TEST_STATEMENTS", "")
"""The folder into which servers log the statements of tests; empty: they do not."""
OPTIONS: Final = (
    *("logging_collector=on", "log_destination=jsonlog", "log_statement=all", f"log_directory={LOGS}"),
    *("log_filename=%s-%M%S-" + str(os.getpid()) + ".log", "log_rotation_size=0", "log_file_mode=0644"),
)
ON_SQLITE: Final = Path(__file__).parents[1] / "data/on_sqlite.txt"
_FOLDERS: Final = ("tests/contract", "tests/flow", "tests/integration")
_AT_ONCE: Final = re.compile(r"gather|ensure_future|create_task|TaskGroup|race|rival|at_once|same_time|same_instant")
"""What the code of a test has in which something happens at the same time."""
_MARK: Final = "the statements of "
_RULES: Final = (
    (re.compile(r"\$\d+(::[A-Za-z_0-9 \[\]]+?)?(?=[\s,)=]|$)|'[^']*'|\b\d+\b"), "?"),
    (re.compile(r"\(\?(, \?)*\)(, \(\?(, \?)*\))*"), "(?)"),
    (re.compile(r"\s+"), " "),
)
"""What makes statements equal that differ in values, in the number of rows, or in spaces."""


def mark() -> str:
    """Return a statement that says in the log of a database which test it belongs to."""
    test, _, _ = os.environ["PYTEST_CURRENT_TEST"].rpartition(" (")
    return f"SELECT '{_MARK}{test.replace(chr(39), '')}'"


def read(folder: Path) -> tuple[Mapping[str, set[str]], Counter[str]]:
    """Return the kinds of statements that each test sent, and how many it sent."""
    sent: defaultdict[str, list[str]] = defaultdict(list)
    for file in folder.glob("*.json"):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            entry = json.loads(line)
            kind, _, statement = entry.get("message", "").partition(": ")
            if kind == "statement" or kind.startswith("execute "):
                sent[entry.get("dbname", "")].append(statement)
    kinds, counts = dict[str, set[str]](), Counter[str]()
    for statements in sent.values():
        test = next((text.partition(_MARK)[2].rstrip("'") for text in statements if _MARK in text), None)
        if test is not None:
            kinds.setdefault(test, set()).update(_kind(text) for text in statements if _MARK not in text)
            counts[test] += len(statements)
    return kinds, counts


def _kind(statement: str) -> str:
    for rule, replacement in _RULES:
        statement = rule.sub(replacement, statement)
    return statement


def choose(kinds: Mapping[str, Set[str]], counts: Counter[str]) -> Iterator[str]:
    """Yield tests that together send all kinds of statements, those first that send many kinds by few statements."""
    missing = {test: set(statements) for test, statements in kinds.items()}
    while missing := {test: statements for test, statements in missing.items() if statements}:
        best = max(missing, key=lambda test: (len(missing[test]) / (counts[test] + 100), test))
        yield best
        for statements in missing.values():
            statements -= {*kinds[best]}


def is_at_once(test: str) -> bool:
    """Return whether something happens at the same time in this test, named by its file and function."""
    file, _, name = test.rpartition("::")
    code = (ON_SQLITE.parents[2] / file).read_text(encoding="utf-8")
    body = re.search(rf"^(async )?def {name}\(.*?(?=^[^\s)]|\Z)", code, re.MULTILINE | re.DOTALL)
    return body is None or _AT_ONCE.search(body[0]) is not None


def main() -> None:
    """Run the tests, and write which of them need not run on PostgreSQL."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        environment = {**os.environ, "SIGNOFF_TEST_QUICK": "1", "SIGNOFF_TEST_STATEMENTS": folder}
        options = ("-q", "-n", "auto", "--dist", "loadfile", "-k", "postgresql")
        subprocess.run([sys.executable, "-m", "pytest", *options, *_FOLDERS], env=environment, check=True)
        kinds, counts = read(Path(folder))
    chosen = {test.partition("[")[0] for test in choose(kinds, counts)}
    rest = sorted(test for test in {test.partition("[")[0] for test in kinds} - chosen if not is_at_once(test))
    ON_SQLITE.write_text("".join(f"{test}\n" for test in rest), encoding="utf-8")
    sys.stdout.write(f"{len(chosen)} tests of {len(chosen) + len(rest)} run on PostgreSQL\n")


if __name__ == "__main__":
    main()
