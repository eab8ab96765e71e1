"""Checks of the machine: its clock and its time zone data."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Final

from bot.doctor.context import CheckContext, ClockReading
from bot.doctor.finding import Finding, ok, problem, warning
from bot.presentation import dates
from engine.errors import StoreError
from engine.store import health

ZONES: Final = ("Europe/Berlin", "America/New_York")
_OLD_YEARS: Final = 2
"""Age from which time zone data is reported as old."""
_JUMP: Final = timedelta(seconds=1)
"""Difference between the two clocks from which the wall clock was set."""
_AHEAD: Final = timedelta(seconds=5)
"""How far audit entries may lie ahead of the clock: time servers set clocks back by as much."""
_RELEASED: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""No version of Signoff is older, so an earlier time is wrong."""
_SET_CLOCK: Final = "Set the clock of this machine, and let NTP keep it right."


def time_zones(context: CheckContext) -> Iterator[Finding]:
    """Check that time zones can be loaded, and how old their rules are."""
    for name in ZONES:
        try:
            zoneinfo.ZoneInfo.no_cache(name)
        except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
            yield problem(
                "machine.time_zones",
                f"The time zone {name} cannot be loaded.",
                "Install the time zone data again: pip install --force-reinstall tzdata",
            )
            return
    source, version = _time_zone_data()
    year = re.match(r"\d{4}", version)
    if year is not None and int(year[0]) < context.clock.now().year - _OLD_YEARS:
        yield warning(
            "machine.time_zones",
            f"The time zone data of {source} is of {version}. Rules may have changed since then.",
            "Update the package tzdata of this system and of Python.",
        )
    else:
        yield ok("machine.time_zones", f"{' and '.join(ZONES)} can be loaded, from {source}, version {version}.")


def _time_zone_data() -> tuple[str, str]:
    """Return the source of the time zone data that zoneinfo uses, and its version."""
    for folder in _system_folders():
        if (folder / ZONES[0]).is_file():
            return str(folder), _system_version(folder)
    try:
        return "the Python package tzdata", metadata.version("tzdata")
    except metadata.PackageNotFoundError:
        return "an unknown place", "unknown"


def _system_folders() -> list[Path]:
    """Return the folders in which zoneinfo looks before it uses the Python package."""
    return [Path(folder) for folder in zoneinfo.TZPATH]


def _system_version(folder: Path) -> str:
    try:
        with (folder / "tzdata.zi").open(encoding="utf-8") as file:
            match = re.match(r"# version (\w+)", file.readline())
    except (OSError, ValueError):
        match = None
    return match[1] if match else "unknown"


def clock(context: CheckContext) -> Iterator[Finding]:
    """Check that the clock is not behind this release or the last entry of the audit log."""
    now = context.clock.now()
    newest = _newest_entry(context)
    earliest = _RELEASED if newest is None else max(_RELEASED, newest)
    if now < earliest - _AHEAD:
        yield problem(
            "machine.clock",
            f"This machine's clock says {dates.exact_moment(now)}, but it is after {dates.exact_moment(earliest)}.",
            _SET_CLOCK,
        )
    else:
        yield ok("machine.clock", f"This machine's clock says {dates.exact_moment(now)}.")


def _newest_entry(context: CheckContext) -> datetime | None:
    """Return the time of the last audit entry, or None if it cannot be read, which the database checks report."""
    if context.database is None or not context.database.is_file():
        return None
    try:
        with health.open_for_inspection(context.database) as connection:
            usable = health.schema_state(connection) is health.SchemaState.CURRENT
            return health.last_entry_at(connection) if usable else None
    except StoreError:
        return None


def clock_jump(context: CheckContext, ended: ClockReading) -> Iterator[Finding]:
    """Check whether the clock was set while the other checks ran."""
    elapsed = timedelta(seconds=ended.monotonic - context.started.monotonic)
    jump = (ended.wall - context.started.wall) - elapsed
    if abs(jump) > _JUMP:
        yield warning(
            "machine.clock",
            f"This machine's clock jumped by {jump.total_seconds():+.1f} seconds while this command ran.",
            "Find out which program sets it. Let NTP adjust it slowly instead.",
        )


CHECKS: Final = (clock, time_zones)
