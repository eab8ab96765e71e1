"""Names of files: hostile ones are cleaned, and what was cleaned stays as it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import file_names

PIECES = [
    "..",
    "/",
    "\\",
    ".",
    " ",
    "con",
    "NUL",
    "COM1",
    "\u202e",
    "\u200d",
    "\0",
    "\n",
    "é",
    "e\u0301",
    "%2f",
    ":",
    "a",
]
NAMES = st.text(max_size=400) | st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join)


@given(NAMES)
def test_a_cleaned_name_is_harmless_and_stays(name: str) -> None:
    cleaned = file_names.cleaned(name)
    assert file_names.cleaned(cleaned) == cleaned
    assert 0 < len(cleaned.encode()) <= file_names.MAX_BYTES
    assert not set(cleaned) & set('/\\<>:"|?*%\0')
    assert cleaned == cleaned.strip(" .")
    assert {unicodedata.category(character)[0] for character in cleaned}.isdisjoint({"C"})
    assert cleaned.partition(".")[0].strip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("Invoice 7.pdf", "Invoice 7.pdf"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\ann\Rechnung März.pdf", "Rechnung März.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\nb.txt", "a b.txt"),
        ("con", "_con"),
        ("Nul.tar.gz", "_Nul.tar.gz"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("", "file"),
        (" . ", "file"),
        (".htaccess", "htaccess"),
        ("報告書.xlsx", "報告書.xlsx"),
    ],
)
def test_a_name_is_cleaned(name: str, cleaned: str) -> None:
    assert file_names.cleaned(name) == cleaned


@pytest.mark.parametrize("many", ["\u0316\u0301", "/", "a/", ". ", "\u202e", "\ud800"])
def test_a_name_of_any_length_is_cleaned_at_once(many: str) -> None:
    cleaned = file_names.cleaned(f"a{many * 500_000}b.pdf")
    assert cleaned.endswith(".pdf")
    assert len(cleaned.encode()) <= file_names.MAX_BYTES


@pytest.mark.parametrize(("name", "ending"), [("a.PDF", "pdf"), ("a", ""), (".pdf", ""), ("a.tar.gz", "gz")])
def test_the_ending_of_a_name(name: str, ending: str) -> None:
    assert file_names.ending(name) == ending
