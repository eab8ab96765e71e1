"""The port `Scanner` over a command of the operator, which reads the file on its standard input."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shlex
from typing import IO, Final

from engine.file_storage import ScanResult

log = logging.getLogger(__name__)

SCAN_SECONDS: Final = 60.0
"""How long the command may take for one file, in seconds."""
AT_ONCE: Final = 2
"""Maximum number of commands that run at the same time: some load a gigabyte of signatures."""
_STATUSES: Final = {0: ScanResult.CLEAN, 1: ScanResult.INFECTED}
"""What the exit status of the command says, as with `clamscan` and `clamdscan`. Any other: it has not checked."""


class CommandScanner:
    """Runs the command for each file. `command`: as in a shell, but without one."""

    def __init__(self, command: str, *, seconds: float = SCAN_SECONDS) -> None:
        self._arguments, self._seconds = shlex.split(command), seconds
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def scan(self, source: IO[bytes]) -> ScanResult:
        async with self._turns:
            try:
                async with asyncio.timeout(self._seconds):
                    return await self._run(source)
            except TimeoutError:
                log.error("the scan command took longer than %s seconds", self._seconds)
            except OSError as error:
                log.error("the scan command cannot be run: %s", error.strerror or type(error).__name__)
        return ScanResult.NOT_CHECKED

    async def _run(self, source: IO[bytes]) -> ScanResult:
        # Its own file, so that a command that ends early does not break a pipe.
        process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=source.fileno(),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            status = await process.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        result = _STATUSES.get(status, ScanResult.NOT_CHECKED)
        if result is ScanResult.NOT_CHECKED:
            log.error("the scan command ended with status %s", status)
        return result
