from __future__ import annotations

import pytest

from tests.support import direct
from tests.support.fakes import START


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of an empty database."""
    return direct.template(tmp_path_factory.mktemp("blank") / "signoff.db", now=START)
