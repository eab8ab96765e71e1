"""The gallery: every template is in it, every place it writes to exists, and what is typed is what the file says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import gallery, gallery_answers, template_files
from bot.gallery import GalleryError, GalleryQuestion, GalleryTemplate, QuestionType
from engine import json_values, workflowfile
from engine.json_values import Value
from engine.runs import examples
from engine.steps.registry import all_step_types
from engine.workflowfile import text_edits
from tests.support.examples import example_count

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KINDS = all_step_types()
TEMPLATES = gallery.load().templates
SAMPLES: dict[QuestionType, str] = {
    QuestionType.CHANNEL: "#approvals",
    QuestionType.DURATION: "3d",
    QuestionType.TEXT: "A text",
    QuestionType.NUMBER: "750.5",
    QuestionType.INTEGER: "7",
    QuestionType.URL: "https://api.example.org/v1/",
    QuestionType.EMAIL: "lee@example.org",
}


def sample(question: GalleryQuestion) -> str:
    if question.type is QuestionType.PEOPLE:
        return f"{question.name}-1@example.org, {question.name}-2@example.org"
    return question.options[-1] if question.options else SAMPLES[question.type]


def typed(template: GalleryTemplate) -> dict[str, str]:
    own = {"name": f"our-{template.name}", "title": 'Ours: "all" of it'}
    return {**own, **{question.name: sample(question) for question in template.questions}}


def built(template: GalleryTemplate, answers: dict[str, str]) -> bytes:
    values, wrong = gallery_answers.read_answers(template, answers)
    assert wrong == {}
    return gallery_answers.without_unmet_examples(gallery_answers.build(template, values), KINDS, NOW)


def test_every_template_is_in_the_gallery_once_and_every_group_has_one() -> None:
    files = sorted(path.stem for path in (template_files.folder() / "workflows").glob("*.yaml"))
    assert sorted(template.name for template in TEMPLATES) == files
    assert all(gallery.load().groups.values())
    assert gallery.load().find("refund") is not None
    assert gallery.load().find("unknown") is None


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_template_with_answers_is_a_valid_workflow_whose_examples_hold(template: GalleryTemplate) -> None:
    source = built(template, typed(template))
    workflow = workflowfile.load(source, kinds=KINDS)
    assert (workflow.name, workflow.title) == (f"our-{template.name}", 'Ours: "all" of it')
    assert [wrong for example in workflow.examples for wrong in examples.failures(workflow, example, NOW)] == []
    assert list(gallery_answers.unsafe_places(template)) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_the_answers_that_are_offered_fit(template: GalleryTemplate) -> None:
    offered = {question.name: question.typed_default for question in template.questions}
    _, wrong = gallery_answers.read_answers(template, {"name": "a", "title": "A", **offered})
    missing = {question.name for question in template.questions if question.required and not question.typed_default}
    assert set(wrong) == missing


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_comments_of_the_template_stay(template: GalleryTemplate) -> None:
    lines = gallery_answers.build(template, gallery_answers.read_answers(template, typed(template))[0]).splitlines()
    assert [line for line in template.source.splitlines() if line.startswith(b"#") and line not in lines] == []


HOSTILE = st.sampled_from(
    [
        "{{ secret.X }}",
        "owner\nsteps:",
        "\"'`",
        "\u202eabc",
        "x" * 5_000,
        "a: b # c",
        "$limit",
        "0",
        "-1",
        "",
        " ",
        "\0",
    ]
) | st.text(max_size=30)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
@pytest.mark.parametrize("character", ["\x07", "\x1b", "\x7f", "\x85", "\x9f"])
def test_a_character_that_no_file_may_hold_is_refused_in_each_answer(template: GalleryTemplate, character: str) -> None:
    hostile = dict.fromkeys(("name", "title", *(asked.name for asked in template.questions)), f"a{character}b")
    _, wrong = gallery_answers.read_answers(template, hostile)
    assert wrong.keys() == hostile.keys()
    assert "control character" in wrong["title"]


@settings(max_examples=example_count(25), deadline=None)
@given(st.data(), st.sampled_from(TEMPLATES))
def test_each_hostile_answer_gets_one_sentence_or_is_exactly_in_the_file(
    data: st.DataObject, template: GalleryTemplate
) -> None:
    names = ["name", "title", *(question.name for question in template.questions)]
    hostile = data.draw(st.dictionaries(st.sampled_from(names), HOSTILE, min_size=1))
    values, wrong = gallery_answers.read_answers(template, {**typed(template), **hostile}, taken=["our-refund"])
    assert wrong.keys() <= {*hostile, "name"}
    assert all(sentence.strip() and "\n" not in sentence.strip() for sentence in wrong.values())
    if wrong:
        return
    source = gallery_answers.build(template, values)
    for question in template.questions:
        alone = [place.at for place in question.sets if place.write == f"${question.name}"]
        for at in alone if values[question.name] is not None else ():
            value = text_edits.find_value(source, text_edits.read_path(source, at))
            assert json_values.same(value, values[question.name])
    assert text_edits.find_value(source, ("title",)) == values["title"]
    assert len(source) < len(template.source) + 30_000


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("people", "owner, lee@Example.org;\nrole:finance", ["owner", "lee@example.org", "role:finance"]),
        ("people", "lee", None),
        ("people", "{{ inputs.x }}", None),
        ("channel", "#approvals", "#approvals"),
        ("channel", "C012AB3CD", "C012AB3CD"),
        ("channel", "approvals", None),
        ("duration", "2d", "2d"),
        ("duration", "two days", None),
        ("number", "12.5", json_values.loads("12.5")),
        ("number", "-1", None),
        ("url", "https://a.example.org", "https://a.example.org"),
        ("url", "javascript:alert(1)", None),
        ("text", "a {{ b }}", None),
        ("text", "", None),
    ],
)
def test_an_answer_is_read_by_its_type(kind: str, text: str, value: Value) -> None:
    bounds = {"min": 0} if kind == "number" else {}
    question = GalleryQuestion.model_validate({"name": "q", "label": "Q?", "type": kind, "sets": ["title"], **bounds})
    template = GalleryTemplate(name="t", title="T", group="G", purpose="P", source=b"title: t\n", questions=(question,))
    values, wrong = gallery_answers.read_answers(template, {"name": "t", "title": "T", "q": text})
    assert values.get("q") == value
    assert (wrong.keys() == {"q"}) == (value is None)
    assert all(sentence[:1].isupper() or sentence[:1] == "`" for sentence in wrong.values())


def test_a_name_that_is_taken_gets_a_free_one_suggested() -> None:
    _, wrong = gallery_answers.read_answers(TEMPLATES[0], {**typed(TEMPLATES[0]), "name": "pay"}, ["pay", "pay-2"])
    assert wrong == {"name": "There is a workflow pay already. The name pay-3 is free."}
    assert gallery_answers.free_name("a" * 63, ["a" * 63]) == f"{'a' * 59}-2"
    assert gallery_answers.free_name("new", []) == "new"


def test_an_example_below_a_raised_limit_is_left_out() -> None:
    source = b"""\
name: pay
inputs: {amount: number}
steps:
  - {id: pay, uses: set, with: {a: 1}, gate: {when: "{{ inputs.amount > 500 }}"}}
examples:
  - {name: Much, inputs: {amount: 120}, expect: {asks: {pay: true}}}
"""
    shorter = gallery_answers.without_unmet_examples(source, KINDS, NOW)
    assert shorter == source.partition(b"examples:")[0]
    assert gallery_answers.without_unmet_examples(b"name: [", KINDS, NOW) == b"name: ["


@pytest.mark.parametrize(
    "index",
    [
        "",
        "templates: []",
        "templates: [{file: ../x.yaml, group: G, purpose: P}]",
        "templates: [{file: none.yaml, group: G, purpose: P}]",
        "templates: [{file: a.yaml, group: G, purpose: P, more: 1}]",
        "templates: [{file: a.yaml, group: G, purpose: P, questions: [{name: q, label: Q, type: odd, sets: [title]}]}]",
        "templates: [{file: a.yaml, group: G, purpose: P, questions: [{name: q, label: Q, type: text, sets: []}]}]",
        "templates: [{file: a.yaml, group: G, purpose: P, questions: [{name: name, label: Q, type: text, sets: [x]}]}]",
        "templates: [{file: a.yaml, group: G, purpose: P, questions: [{name: q, label: Q, type: choice, sets: [x]}]}]",
        "templates: [{file: b.yaml, group: G, purpose: P}]",
    ],
)
def test_a_damaged_index_is_refused(tmp_path: Path, index: str) -> None:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "a.yaml").write_text("name: a\n")
    (tmp_path / "workflows" / "b.yaml").write_text("- b\n")
    (tmp_path / "gallery.yaml").write_text(index)
    with pytest.raises(GalleryError):
        gallery.read(tmp_path)


def test_a_place_that_the_file_does_not_have_is_an_error_of_the_gallery() -> None:
    question = GalleryQuestion.model_validate({"name": "q", "label": "Q?", "type": "text", "sets": ["title.deeper.x"]})
    template = GalleryTemplate(
        name="t", title="T", group="G", purpose="P", source=b"name: t\ntitle: t\n", questions=(question,)
    )
    with pytest.raises(GalleryError, match="no place"):
        gallery_answers.build(template, {"name": "t", "title": "T", "q": "x"})
