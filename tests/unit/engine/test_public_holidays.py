"""Public holidays by place."""

from __future__ import annotations

from datetime import date

import pytest

from engine import public_holidays


def test_a_part_of_a_country_has_holidays_of_its_own() -> None:
    womens_day = date(2027, 3, 8)
    assert womens_day in public_holidays.of_place("DE-BE")
    assert womens_day not in public_holidays.of_place("DE")
    assert date(2027, 7, 5) in public_holidays.of_place("US"), "July 4 is a Sunday, so Monday is free"


def test_codes_are_read_in_any_case() -> None:
    assert public_holidays.parse(" de-be ") == "DE-BE"


@pytest.mark.parametrize("text", ["Germany", "DE-", "XX", "DE-XX", "DE BE", ""])
def test_other_texts_are_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="a country, like DE, or one of its parts, like DE-BE"):
        public_holidays.parse(text)


def test_the_record_can_name_the_library_and_its_version() -> None:
    assert public_holidays.library().startswith("holidays 0.")
