"""The key of a server: made once, kept to its user, read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import keys
from bot.keys import KeyUnusable


def test_a_key_is_made_once_and_then_the_same(tmp_path: Path) -> None:
    database = tmp_path / "signoff.db"
    made = keys.codes(database)
    assert keys.codes(database) == made
    assert keys.codes(tmp_path / "other.db") != made


def test_a_key_is_for_its_user_alone_and_never_printed(tmp_path: Path) -> None:
    made = keys.codes(tmp_path / "signoff.db")
    assert keys.key_path(tmp_path / "signoff.db").stat().st_mode & 0o077 == 0
    assert made.key.hex() not in repr(made)
    assert str(made.key) not in repr(made)


@pytest.mark.parametrize("text", ["", "not hexadecimal", "abcd", "ü" * 64])
def test_a_key_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    keys.key_path(tmp_path / "signoff.db").write_text(text, encoding="utf-8")
    with pytest.raises(KeyUnusable, match=r"signoff\.db\.key cannot be used .* Give this user the right to read it"):
        keys.codes(tmp_path / "signoff.db")


def test_a_key_that_cannot_be_made_is_named_too(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable):
        keys.codes(tmp_path / "no folder" / "signoff.db")
