"""Character sets that others name: each that is read gives text for any bytes, and the others are known."""

from __future__ import annotations

import codecs
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import charsets
from tests.support.charset_names import CHARSET_NAMES

_READ: Final = [name for name in CHARSET_NAMES if charsets.codec_for(name) is not None]


@given(name=st.sampled_from(_READ), text=st.binary(max_size=60) | st.just(rb"\ud800 \x41 xn--a +2AA- &#65;"))
def test_any_bytes_are_text_that_can_be_stored(name: str, text: bytes) -> None:
    codec = charsets.codec_for(name)
    assert codec is not None
    text.decode(codec, "replace").encode()


def test_the_usual_character_sets_are_read_by_all_their_names() -> None:
    usual = ["utf-8", "UTF8", "latin-1", "ISO-8859-15", "windows-1252", "us-ascii", "utf-16", "shift_jis", "gb18030"]
    assert {name: charsets.codec_for(name) for name in usual if charsets.codec_for(name) is None} == {}


@pytest.mark.parametrize("name", ["idna", "undefined", "utf_7", "unicode_escape", "raw_unicode_escape", "rot13", "hex"])
def test_codecs_that_do_more_than_read_letters_are_not_used(name: str) -> None:
    for spelled in (name, name.upper(), name.replace("_", "-"), f" {name}", f"{name}\0"):
        assert charsets.codec_for(spelled) is None, spelled


@pytest.mark.parametrize("name", CHARSET_NAMES)
def test_no_codec_that_is_written_in_python_letter_by_letter_is_used(name: str) -> None:
    """Such a codec builds its text by insertions, so a long text would hold up everyone else."""
    codec = charsets.codec_for(name)
    assert codec is None or codecs.lookup(codec).name not in ("punycode", "idna")
