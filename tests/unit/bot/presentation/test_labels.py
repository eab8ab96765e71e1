"""Labels for values that have none: words, and never a path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.presentation import labels
from engine.json_values import Path

PATHS = st.lists(
    st.lists(st.sampled_from(["json", "order", "orderId", "order_id"]) | st.integers(0, 2), min_size=1, max_size=4),
    max_size=6,
)


def test_a_label_is_the_end_of_the_path_as_far_as_it_is_needed() -> None:
    paths: list[Path] = [("json", "order"), ("json", "buyer", "name"), ("json", "seller", "name"), ("tags", 0)]
    assert labels.of_paths(paths) == {
        ("json", "order"): "Order",
        ("json", "buyer", "name"): "Buyer · Name",
        ("json", "seller", "name"): "Seller · Name",
        ("tags", 0): "Tags 1",
    }


@given(PATHS)
def test_every_path_has_a_label(paths: list[list[str | int]]) -> None:
    labels_by_path = labels.of_paths([tuple(path) for path in paths])
    assert set(labels_by_path) == {tuple(path) for path in paths}
    assert all(labels_by_path.values())


@pytest.mark.parametrize(
    ("label", "path", "shown"),
    [
        ("Order", "json.order", "Order"),
        ("", "json.order_id", "Order ID"),
        ("", "sizes.0", "Sizes 1"),
        ("", "0", "0"),
        ("", "x", "X"),
    ],
)
def test_a_field_without_a_label_is_named_by_the_end_of_its_path(label: str, path: str, shown: str) -> None:
    assert labels.of_field(label, path) == shown


def test_values_of_items_are_named_by_their_item_and_the_end_of_their_path() -> None:
    paths = [("items",), ("item_1", "json", "order"), ("item_1", "json", "a", "id"), ("item_2", "json", "b", "id")]
    assert [*labels.of_items(paths).values()] == ["Items", "Item 1 · Order", "Item 1 · A · ID", "Item 2 · B · ID"]
