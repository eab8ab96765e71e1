"""The machine: its clock, and what it knows of time zones."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Final

from bot.doctor.context import Case, Moment
from bot.doctor.finding import Finding, ok, problem, warning
from engine.errors import StoreError
from engine.store import health

ZONES: Final = ("Europe/Berlin", "America/New_York")
_OLD_YEARS: Final = 2
_JUMP: Final = timedelta(seconds=1)
_AHEAD: Final = timedelta(seconds=5)
"""How far entries may lie ahead of the clock, for it is set back by that much now and then."""
_BUILT: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""This program did not exist before."""
_SET_IT: Final = "Set the clock of this machine, and have it kept right (NTP)."


def time_zones(case: Case) -> Iterator[Finding]:
    """Whether the zones of people can be loaded, and how old their rules are."""
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
    where, version = _version()
    year = re.match(r"\d{4}", version)
    if year is not None and int(year[0]) < case.clock.now().year - _OLD_YEARS:
        yield warning(
            "machine.time_zones",
            f"The time zone data of {where} is of {version}; rules have changed since.",
            "Update the package tzdata of this system and of Python.",
        )
    else:
        yield ok("machine.time_zones", f"{' and '.join(ZONES)} can be loaded, from {where}, version {version}.")


def _version() -> tuple[str, str]:
    """Where the data comes from, as zoneinfo looks for it, and its version."""
    for folder in _places():
        if (folder / ZONES[0]).is_file():
            return str(folder), _system_version(folder)
    try:
        return "the Python package tzdata", metadata.version("tzdata")
    except metadata.PackageNotFoundError:
        return "an unknown place", "unknown"


def _places() -> list[Path]:
    """Where zoneinfo looks before it takes Python's own."""
    return [Path(one) for one in zoneinfo.TZPATH]


def _system_version(folder: Path) -> str:
    try:
        with (folder / "tzdata.zi").open(encoding="utf-8") as file:
            found = re.match(r"# version (\w+)", file.readline())
    except (OSError, ValueError):
        found = None
    return found[1] if found else "unknown"


def clock(case: Case) -> Iterator[Finding]:
    """Whether the time can be right: not before anything that is written down already."""
    now = case.clock.now()
    since = max(one for one in (_BUILT, _newest(case)) if one is not None)
    if now < since - _AHEAD:
        yield problem(
            "machine.clock",
            f"This machine's clock says {moment(now)}, and {moment(since)} has been already.",
            _SET_IT,
        )
    else:
        yield ok("machine.clock", f"This machine's clock says {moment(now)}, which can be.")


def _newest(case: Case) -> datetime | None:
    """The last entry of the audit log, where it can be read; whether it can is told elsewhere."""
    if case.database is None or not case.database.is_file():
        return None
    try:
        with health.looking(case.database) as connection:
            usable = health.standing(connection) is health.Standing.CURRENT
            return health.newest(connection) if usable else None
    except StoreError:
        return None


def steadiness(case: Case, ended: Moment) -> Iterator[Finding]:
    """Whether the clock was set while we looked: asked after everything else."""
    jump = (ended.wall - case.began.wall) - timedelta(seconds=ended.steady - case.began.steady)
    if abs(jump) > _JUMP:
        yield warning(
            "machine.clock",
            f"This machine's clock jumped by {jump.total_seconds():+.1f} seconds while this command ran.",
            "Find out what sets it; it should be led to the right time, not set again and again (NTP).",
        )


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


CHECKS: Final = (clock, time_zones)
