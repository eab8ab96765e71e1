"""A sentence shows its moments in the time zone of the reader, and its data as plain text."""

from __future__ import annotations

from hypothesis import given, settings

from bot.slack import message_view, request_modals, sentences
from tests.support import samples, slack_rules
from tests.support.examples import example_count

PHRASE = ("Sam <!here> *already* approved this, ", samples.NOW, ".")


def test_a_moment_is_a_date_of_slack() -> None:
    (part,) = sentences.block(PHRASE)["elements"]
    before, date, after = part["elements"]
    assert (before["text"], after["text"]) == ("Sam <!here> *already* approved this, ", ".")
    assert (date["type"], date["timestamp"]) == ("date", int(samples.NOW.timestamp()))
    assert date["fallback"] == "Mar 4, 2026, 9:30 AM UTC"


def test_the_notification_has_the_moment_as_well() -> None:
    text = sentences.text(PHRASE)
    assert text.startswith("Sam &lt;!here&gt; *already* approved this, <!date^1772616600^")


def test_a_sentence_without_a_moment_is_plain_text() -> None:
    for sentence in "It was <saved>.", ("It was ", "<saved>."):
        block = sentences.block(sentence)
        assert (block["type"], block["text"]["text"]) == ("section", "It was <saved>.")
        assert sentences.text(sentence) == "It was &lt;saved&gt;."


@settings(max_examples=example_count(40), deadline=None)
@given(samples.PHRASES)
def test_any_sentence_is_within_the_limits(phrase: sentences.Sentence) -> None:
    message = message_view.sentence(phrase)
    assert slack_rules.problems_of_message(message.text, message.blocks, None) == []
    assert slack_rules.problems_of_view(request_modals.sentence(phrase)) == []
