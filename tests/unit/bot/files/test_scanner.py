"""The command that looks for malware: what its exit status says, and commands that fail."""

from __future__ import annotations

import shlex
import sys
import tempfile

import pytest

from bot.files.scanner import CommandScanner
from engine.file_storage import ScanResult

FINDS = "import sys; sys.exit(1 if b'EICAR' in sys.stdin.buffer.read() else 0)"


def command(source: str) -> str:
    return shlex.join([sys.executable, "-c", source])


async def scan(line: str, data: bytes, seconds: float = 30.0) -> ScanResult:
    with tempfile.SpooledTemporaryFile(1_000_000) as source:
        source.write(data)
        source.seek(0)
        return await CommandScanner(line, seconds=seconds).scan(source)


@pytest.mark.parametrize(
    ("data", "result"), [(b"hello", ScanResult.CLEAN), (b"x" * 2_000_000 + b"EICAR", ScanResult.INFECTED)]
)
async def test_the_command_reads_the_file(data: bytes, result: ScanResult) -> None:
    assert await scan(command(FINDS), data) is result


@pytest.mark.parametrize(
    "line",
    [
        command("import sys; sys.exit(2)"),
        command("import os; os.kill(os.getpid(), 9)"),
        "/no/such/program",
        shlex.join([sys.executable]) + "x",
    ],
)
async def test_a_command_that_fails_has_not_checked(line: str) -> None:
    assert await scan(line, b"hello") is ScanResult.NOT_CHECKED


async def test_a_command_that_takes_too_long_is_ended() -> None:
    assert await scan(command("import time; time.sleep(60)"), b"hello", seconds=0.5) is ScanResult.NOT_CHECKED
