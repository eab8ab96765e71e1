"""Each id of ours is one UUID, and a UUID that we did not make is none of ours."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.aap import protocol_ids
from engine.id_times import ALPHABET
from engine.system import RandomIds

_IDS = st.text(ALPHABET, min_size=17, max_size=17)


@given(_IDS)
def test_an_id_comes_back(id_: str) -> None:
    text = protocol_ids.to_uuid(id_)
    assert (uuid.UUID(text).version, uuid.UUID(text).variant) == (8, uuid.RFC_4122)
    assert protocol_ids.from_uuid(text) == id_


@given(_IDS, _IDS)
def test_the_order_stays(one: str, other: str) -> None:
    assert (one < other) == (protocol_ids.to_uuid(one) < protocol_ids.to_uuid(other))


@given(st.uuids() | st.uuids(version=4))
def test_other_uuids_hold_none(other: uuid.UUID) -> None:
    found = protocol_ids.from_uuid(str(other))
    assert found is None or protocol_ids.to_uuid(found) == str(other)


def test_ids_of_the_system() -> None:
    made = RandomIds().new(datetime(2026, 3, 2, tzinfo=UTC))
    assert protocol_ids.from_uuid(protocol_ids.to_uuid(made)) == made


@pytest.mark.parametrize("text", ["", "x", "0" * 36, str(uuid.UUID(int=0)), "{" + str(uuid.UUID(int=1 << 100)) + "}"])
def test_what_is_no_uuid_of_ours(text: str) -> None:
    assert protocol_ids.from_uuid(text) is None


def test_another_text_is_no_id() -> None:
    with pytest.raises(ValueError, match="not an id"):
        protocol_ids.to_uuid("short")
