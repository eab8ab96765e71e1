"""Commands that wait for a confirmation come back as they were."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from engine import json_values
from engine.domain import Address, Assurance, Decide, Origin, Verdict
from engine.store import waiting_commands


@given(
    st.sampled_from(Verdict),
    st.sampled_from([Assurance.LINK, Assurance.SLACK]),
    st.none() | st.text(),
    st.none() | st.tuples(st.integers(1, 5), st.none() | st.text()),
)
def test_a_decision_comes_back_as_it_was(
    verdict: Verdict, assurance: Assurance, reason: str | None, rated: tuple[int, str | None] | None
) -> None:
    rating, comment = rated or (None, None)
    decision = Decide(
        request="q1",
        verdict=verdict,
        actor=Address("email", "lee@example.com"),
        content_version=2,
        digest="d" * 64,
        origin=Origin(surface="web", place={"form": "f"}),
        assurance=assurance,
        edits={"text": "new"},
        reason=reason,
        form="f",
        rating=rating,
        comment=comment,
    )
    stored = json_values.loads(json_values.dumps(json_values.clean(waiting_commands.write(decision))))
    assert isinstance(stored, dict)
    if json_values.clean(reason) == reason and json_values.clean(comment) == comment:
        assert waiting_commands.read_decision(stored) == decision
