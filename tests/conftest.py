from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support import variations
from tests.support.examples import EVERY_PROPERTY, example_count

if TYPE_CHECKING:
    from tests.support.databases import OpenStore

# The duration of an example depends on how busy the machine is, so hypothesis must not limit it. Tests of speed count
# steps instead. A change is tried with the same examples in every run, so that what fails is a fault of the change;
# `make explore` looks for other faults with more examples, which differ each time.
settings.register_profile(
    "unhurried",
    deadline=None,
    max_examples=example_count(60),
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not EVERY_PROPERTY,
    print_blob=True,
)
settings.load_profile("unhurried")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell makes commands in the background ignore Ctrl-C, and the processes that tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Clients of tests call only this machine. For each, the certificates that a system trusts took 20 ms to load.
os.environ.setdefault("SSL_CERT_FILE", str(Path(__file__).parent / "data/tls/trusted.pem"))

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3


def _offers_room(folder: Path) -> bool:
    """Return whether files and programs of tests may lie in this folder: some containers have only little of it."""
    if not os.access(folder, os.W_OK):
        return False
    system = os.statvfs(folder)
    return system.f_bavail * system.f_frsize >= ROOM and not system.f_flag & os.ST_NOEXEC


if "TMPDIR" not in os.environ and _offers_room(MEMORY):
    # Files lie in memory, because databases spend more time on a disk than on the work that tests are about. What a
    # disk keeps when the machine crashes, no test can see. TMPDIR chooses another folder.
    os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for `-n auto`: four for two processors, because many tests wait for processes."""
    configured = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(configured) if configured else processors + 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Collect no garbage among the modules and tests while they come, because they stay."""
    gc.disable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `make test` has no time for."""
    if variations.QUICK and (left_out := {*variations.left_out(items)}):
        config.hook.pytest_deselected(items=[*left_out])
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Collect garbage less often, and never among the modules and tests, which stay until the end."""
    gc.enable()
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


@pytest.fixture(scope="session")
def empty_database() -> bytes:
    """Return the bytes of an empty database."""
    # Imported here, because the process that only distributes the tests does not need the engine.
    from tests.support import stepwise_units

    return stepwise_units.empty_database()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server for this worker's tests."""
    from tests.support import postgres_server

    with postgres_server.server() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """Yield the URL of a new PostgreSQL database with the current schema."""
    from tests.support import postgres_server

    with postgres_server.database(postgres_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def open_database(request: pytest.FixtureRequest) -> OpenStore:
    """Return what opens the test's database, for SQLite and for PostgreSQL."""
    from tests.support import databases

    if request.param == "postgresql":
        return databases.on_server(request.getfixturevalue("postgres_database"))
    return databases.open_sqlite


@pytest.fixture(params=["sqlite", "repeating", "postgresql"])
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    """Return what opens the test's database, for each database that the store supports."""
    from tests.support import databases

    if request.param == "postgresql":
        return databases.on_server(request.getfixturevalue("postgres_database"))
    return databases.open_sqlite if request.param == "sqlite" else databases.open_repeating
