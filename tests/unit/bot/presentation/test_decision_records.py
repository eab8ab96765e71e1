"""A cell of an exported file is never a formula of a spreadsheet, and is read back as it was."""

from __future__ import annotations

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from bot.presentation import decision_records

SIGNS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.builds(
    "{}{}".format, st.sampled_from(SIGNS), st.text(st.sampled_from("=+-@\"',;\t\r\n 1A()"))
)


@given(TEXTS | st.text(st.sampled_from('\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\r\n\\"a')))
def test_a_line_of_json_is_one_line_for_every_program_and_is_read_back(reason: str) -> None:
    line = decision_records.json_line({"reason": reason})
    assert line.splitlines() == [line.removesuffix("\n")]
    assert json.loads(line) == {"reason": reason}


@given(TEXTS, TEXTS)
def test_no_cell_is_a_formula_and_each_is_read_back(reason: str, comment: str) -> None:
    line = decision_records.csv_line(decision_records.csv_row({"reason": reason, "comment": comment}))
    (cells,) = csv.reader(io.StringIO(line, newline=""))
    names = next(csv.reader([decision_records.csv_head()]))
    row = dict(zip(names, cells, strict=True))
    for name, text in (("reason", reason), ("comment", comment)):
        assert not row[name].startswith(tuple(SIGNS)), row[name]
        assert row[name] in (text, f"'{text}")
    assert len(cells) == len(names)
