from __future__ import annotations

import pytest

from tests.support import direct


@pytest.fixture(scope="session")
def blank() -> bytes:
    """The bytes of an empty database."""
    return direct.blank()
