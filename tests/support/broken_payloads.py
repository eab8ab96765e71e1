"""Payloads of Slack with parts that Slack never sends, for hypothesis."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

TEXTS = ("", "x", "\ud800", "a\0b", "U1", "{}", '["m1"]', "9" * 5_000)
"""Texts that are no id, that no database stores, that are JSON, or that are too long."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**30) | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "type", "values"]), inner),
    max_leaves=4,
)


def _paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path] * bool(path) + [inner_path for key, value in inside for inner_path in _paths(value, (*path, key))]


@st.composite
def broken_payloads(draw: st.DrawFn, payload: dict[str, Any]) -> dict[str, Any]:
    """Draw a payload with some of its parts removed, replaced by arbitrary values, or with a text that goes on."""
    changed = copy.deepcopy(payload)
    for _ in range(draw(st.integers(1, 3))):
        *parents, last = draw(st.sampled_from(_paths(changed)))
        inner = changed
        for key in parents:
            inner = inner[key]
        if draw(st.booleans()):
            goes_on = isinstance(inner[last], str) and draw(st.booleans())
            inner[last] = inner[last] + draw(st.sampled_from(TEXTS)) if goes_on else draw(JSON)
        elif isinstance(inner, dict):
            del inner[last]
    return changed
