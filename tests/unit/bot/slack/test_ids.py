"""References in buttons and modals are decoded unchanged, and any other text is no reference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack import ids
from bot.slack.ids import ModalRef, Ref, RunRef
from tests.support import samples

NAMES = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=200)
REFS = st.builds(
    Ref,
    request=NAMES,
    content_version=st.integers(0, 2**31),
    digest=st.just(samples.DIGEST),
    delivery=st.none() | NAMES,
)
MODALS = st.builds(
    ModalRef,
    ref=st.none() | REFS,
    channel=st.none() | NAMES,
    message_ts=st.none() | NAMES,
    response_url=st.none() | st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=300),
    page=st.integers(0, 500),
    workflow=st.none() | NAMES,
    version=st.integers(0, 500),
)
REF = Ref(request="req1", content_version=1, digest=samples.DIGEST, delivery="d1")


@given(REFS)
def test_a_reference_survives_a_button(ref: Ref) -> None:
    text = ids.encode(ref)
    assert ids.decode_ref(text) == ref
    assert len(text) <= ids.BUTTON_VALUE


@given(MODALS)
def test_a_modal_keeps_its_reference(modal: ModalRef) -> None:
    assert ids.decode_modal(ids.encode(modal)) == modal


def test_a_run_survives_a_button() -> None:
    assert ids.decode_run(ids.encode(RunRef(run="run1", delivery="d1"))) == RunRef(run="run1", delivery="d1")


@given(st.text(max_size=60) | st.binary(max_size=9) | st.none() | st.integers())
def test_any_other_value_is_no_reference(text: Any) -> None:
    assert ids.decode_ref(text) is None
    assert ids.decode_run(text) is None
    assert ids.decode_modal(text) is None


@pytest.mark.parametrize(
    "text",
    [
        ids.encode(REF).replace("q1", "q2"),
        ids.encode(REF).replace("q1", "q0"),
        ids.encode(REF)[:-1],
        ids.encode(REF).replace("]", ',"more"]'),
        ids.encode(REF).replace(samples.DIGEST, "short"),
        ids.encode(REF).replace(",1,", ",-1,"),
        ids.encode(REF).replace(",1,", ",true,"),
        ids.encode(REF).replace("req1", ""),
        ids.encode(REF).replace("req1", "\ud800"),
        ids.encode(RunRef(run="run1")),
        ids.encode(ModalRef(ref=REF)),
        "[" * 2_999,
        "x" * 3_001,
    ],
)
def test_old_foreign_and_garbled_references_are_none(text: str) -> None:
    assert ids.decode_ref(text) is None


def test_a_response_url_that_does_not_fit_is_left_out() -> None:
    ref = Ref(request="\N{DEGREE SIGN}" * 200, content_version=1, digest=samples.DIGEST, delivery='"' * 200)
    large_ref = ModalRef(ref=ref, response_url="\x01" * 2_000, channel="c" * 200, message_ts="m" * 200)
    decoded = ids.decode_modal(ids.encode(large_ref))
    assert decoded is not None
    assert decoded.response_url is None
    assert decoded.ref == ref


def test_ids_that_are_too_long_for_a_button_raise_an_error() -> None:
    with pytest.raises(ValueError, match="Slack carries 2000"):
        ids.encode(Ref(request="\x01" * 200, content_version=1, digest=samples.DIGEST, delivery="\x01" * 200))


def test_the_block_of_a_field_carries_any_name() -> None:
    assert ids.read_field_block(ids.field_block("json.amount", part="currency", version=7)) == (
        "json.amount",
        "currency",
    )
    long_name = "a/b@c " * 90
    block = ids.field_block(long_name, version=2)
    assert len(block) <= ids.ID_LENGTH
    assert ids.read_field_block(block) == (ids.field_key(long_name), "")
    assert ids.read_field_block("question") is None


def test_an_option_too_long_for_slack_travels_as_its_hash() -> None:
    assert ids.option_key("red") == "red"
    assert len(ids.option_key("r" * 151)) == 65
    assert ids.option_key("r" * 151) != ids.option_key("r" * 152)
