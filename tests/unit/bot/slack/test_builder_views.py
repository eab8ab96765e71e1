"""The forms of builders keep the limits of Slack, and give back exactly what was entered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import gallery
from bot.devtools.sandbox import inputs as slack_inputs
from bot.gallery import Gallery, GalleryTemplate
from bot.slack import builder_inputs, gallery_modal
from bot.slack.builder_inputs import BuilderInput
from bot.slack.ids import ModalRef
from tests.support import slack_rules
from tests.support.examples import example_count

METADATA = ModalRef(response_url="https://hooks.slack.com/commands/T1/1/x", workflow="refund")
TEXTS = st.text(max_size=60) | st.sampled_from(["x" * 5_000, "𝄞" * 1_500, "\u202e", "{{ a }}", "a\nb", "<@U1> & \"'"])


def check(view: dict[str, Any]) -> dict[str, Any]:
    assert slack_rules.problems_of_view(view) == []
    return view


def test_the_gallery_is_within_the_limits_at_any_size() -> None:
    (first, *_) = gallery.load().templates
    many = Gallery(
        tuple(
            GalleryTemplate(
                name=f"{first.name}-{number}",
                title="T" * 200,
                group=f"G{number % 7}",
                purpose="p" * 150,
                source=first.source,
                questions=first.questions,
            )
            for number in range(60)
        )
    )
    view = check(gallery_modal.choice(many, metadata=METADATA))
    (groups,) = [block["element"]["option_groups"] for block in view["blocks"] if block["type"] == "input"]
    assert sum(len(group["options"]) for group in groups) == 60


@pytest.mark.parametrize("template", gallery.load().templates, ids=lambda template: template.name)
def test_the_questions_of_a_template_are_within_the_limits(template: GalleryTemplate) -> None:
    asked = gallery_modal.inputs(template, free_name="a" * 63)
    check(gallery_modal.questions(template, asked, metadata=METADATA))


@settings(max_examples=example_count(40), deadline=None)
@given(st.sampled_from(["text", "lines", "people", "channel", "number", "choice"]), TEXTS, TEXTS, TEXTS)
def test_an_input_keeps_the_limits_and_gives_back_what_it_was_filled_with(
    kind: str, label: str, help_text: str, text: str
) -> None:
    options = (("a", "A"), (text, text)) if text not in ("", "a") else (("a", "A"),)
    asked = BuilderInput(name="x", label=label, kind=kind, help=help_text, text=text, options=options)
    blocks = builder_inputs.blocks([asked])
    view = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "T"},
        "submit": {"type": "plain_text", "text": "T"},
    }
    check({**view, "blocks": blocks})
    state = slack_inputs.initial_state(blocks)
    entered = builder_inputs.read(state, [asked])["x"]
    if kind in ("text", "lines") and len(text.encode("utf-16-le", "surrogatepass")) // 2 <= 3_000:
        assert entered == text
    if kind in ("channel", "choice"):
        assert entered == text or (kind == "choice" and text not in dict(options))
    placed = builder_inputs.errors({"x": "Wrong." * 500, "other": "Also."}, [asked], state)
    assert placed.keys() <= {block["block_id"] for block in blocks}
