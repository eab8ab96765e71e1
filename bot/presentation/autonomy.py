"""What people read about sampling plans: what went through without review, and why all is reviewed again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.presentation.characters import line
from engine.json_values import Value
from engine.oversight import plan_sentences
from engine.oversight.sampling_plan import BadNews, Lapse, PlanStage, PlanState, SamplingPlan
from engine.plan_views import PlanView
from engine.workflowfile import Workflow

NOT_REVIEWED: Final = "not reviewed (sampled out)"
"""Words for what went through a gate because its plan lets a share through."""
TIGHTENED: Final = "tightened."
LAPSED: Final = "lapsed."
"""How the topics of alerts begin that everything is reviewed again."""
FLAGGED: Final = "flagged."
"""How the topics of alerts begin that a later review found a mistake; the step follows."""
REASONS: Final = {
    BadNews.REJECTED: "a request was rejected",
    BadNews.EDITED: "a person changed what was proposed",
    BadNews.UNDONE: "an approval was undone",
    BadNews.FAILED: "a run failed",
    BadNews.DID_NOT_HAPPEN: "a step turned out not to have happened",
    BadNews.INCIDENT: "it was reported that something is wrong",
    BadNews.FLAGGED: "a later review found a mistake",
    BadNews.BY_HAND: "a person wanted it so",
    Lapse.TOO_OLD: "people agreed to it 90 days ago, and have to agree anew",
    Lapse.IDLE: "nothing came through it for 20 days",
    Lapse.WRONG_CLOCK: "people agreed to it while the clock of this server was ahead",
    Lapse.NEW_KEY: "this server has a new key, so it can draw no more",
}
"""Why everything is reviewed again, as words that follow “because”."""


def after_incident(*, plans: int, tightened: int) -> str:
    """Return what a person is told who reported that something is wrong with a run."""
    if not plans:
        return "It is on the record of this run. None of its gates lets anything through without review."
    if not tightened:
        return "It is on the record of this run. Everything like it is reviewed, and the counting begins anew."
    return "It is on the record of this run. Everything like it is reviewed again, and people have been told."


def stage(state: PlanState) -> str:
    """Return the stage of a plan in words."""
    return "a share is reviewed" if state.stage is PlanStage.SAMPLE else "everything is reviewed"


def gates(workflow: Workflow, views: Sequence[PlanView], detection: tuple[int, int] | None) -> list[str]:
    """Return for each gate with a sampling plan what of it is reviewed now, and at worst goes through unreviewed.

    `views`: the plans of this version so far. `detection`: of what had to be rejected, how much was, if that is known.
    """
    written = [(step, step.gate.autonomy.plan) for step in workflow.steps if step.gate and step.gate.autonomy]
    return [
        f"“{line(step.label)}”: {_now([view for view in views if view.step == step.id], plan)} "
        f"{plan_sentences.rule(plan)} {plan_sentences.worst_case_of(plan, detection)}"
        for step, plan in written
    ]


_MOST_PLANS: Final = 5
"""Maximum number of plans of one gate that are told: each kind of action and each language model has its own."""


def _now(views: Sequence[PlanView], plan: SamplingPlan) -> str:
    """Return how far the plans of a gate are."""
    told = [_stage_of(view, plan) for view in views[:_MOST_PLANS]] or ["Everything is reviewed now."]
    more = len(views) - len(told)
    return " ".join([*told, *([f"{more:,} more are counted by themselves."] if more > 0 else [])])


def _stage_of(view: PlanView, plan: SamplingPlan) -> str:
    state = view.state
    of = ", ".join(line(name) for name in (view.class_name, view.model) if name)
    about = f"For {of}: " if of else ""
    if state.stage is PlanStage.SAMPLE:
        share = plan_sentences.percent(plan.share)
        return f"{about}Only {share} is reviewed now; {view.unreviewed:,} went through without review."
    asked = " People are asked whether a share may go through." if state.proposal is not None else ""
    return f"{about}Everything is reviewed now; {state.clean:,} in a row without a correction.{asked}"


def reason(value: Value) -> str:
    """Return why everything is reviewed again, by the word in the audit log or in a topic."""
    return next((words for known, words in REASONS.items() if known == value), "there was bad news")


def reviewed_again(topic: str, workflow_title: str, step_label: str) -> tuple[str, str]:
    """Return the title and the text of an alert that everything is reviewed again."""
    why = reason(topic.split(".")[1] if topic.count(".") > 1 else "")
    title = f"“{line(step_label)}” is reviewed in full again"
    return title, (
        f"In “{line(workflow_title)}” only a share was reviewed. Now everything is, because {why}. "
        "People have to agree anew before a share goes through without review."
    )


def flagged(workflow_title: str, step_label: str) -> tuple[str, str]:
    """Return the title and the text of an alert that a later review found a mistake, where everything is reviewed."""
    return f"A later review found a mistake in “{line(step_label)}”", (
        f"It went through “{line(workflow_title)}” without a review. Everything like it is reviewed now. "
        "Open the run to see what was done, and put it right."
    )


def step_of(topic: str) -> str:
    """Return the id of the step in the topic of an alert."""
    return topic.split(".", 2)[-1]
