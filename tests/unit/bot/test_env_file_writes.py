"""The file `.env` as it is written: what is read back, and what stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import env_file

_ODD = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=40)


@given(_ODD.filter(lambda value: "${" not in value))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_value_is_read_back_as_it_was_written(tmp_path: Path, value: str) -> None:
    path = tmp_path / ".env"
    path.unlink(missing_ok=True)
    env_file.write(path, {"SIGNOFF_A": value, "SIGNOFF_B": "after"})
    assert env_file.read(path) == {"SIGNOFF_A": value, "SIGNOFF_B": "after"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_other_lines_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nexport OTHER='a b'  # why\nSIGNOFF_A=old\n\nLAST=1")
    env_file.write(path, {"SIGNOFF_A": "it's $HOME", "SIGNOFF_B": "x"})
    assert path.read_text() == (
        "# mine\nexport OTHER='a b'  # why\n\nLAST=1\nSIGNOFF_A='it\\'s $HOME'\nSIGNOFF_B='x'\n"
    )


def test_a_value_that_would_be_read_otherwise_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("SIGNOFF_A=old\n")
    with pytest.raises(ValueError, match="cannot hold the value of SIGNOFF_A"):
        env_file.write(path, {"SIGNOFF_A": "pass${HOME}word"})
    assert path.read_text() == "SIGNOFF_A=old\n"


def test_a_link_to_a_file_elsewhere_stays_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "kept" / "settings"
    elsewhere.parent.mkdir()
    elsewhere.write_text("SIGNOFF_A=old\n")
    path = tmp_path / ".env"
    path.symlink_to(elsewhere)
    env_file.write(path, {"SIGNOFF_A": "new"})
    assert path.is_symlink()
    assert env_file.read(elsewhere) == {"SIGNOFF_A": "new"}
    assert elsewhere.stat().st_mode & 0o777 == 0o600
