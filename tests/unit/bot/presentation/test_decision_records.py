"""A cell of an exported file is never a formula of a spreadsheet, and is read back as it was."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from bot.presentation import decision_records

SIGNS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.builds(
    "{}{}".format, st.sampled_from(SIGNS), st.text(st.sampled_from("=+-@\"',;\t\r\n 1A()"))
)


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
