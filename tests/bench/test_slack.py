"""A small bench of Slack: its report and its counters. No test asserts a speed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bot.devtools.bench import report, slack
from bot.devtools.bench.figures import Figure, Machine, Target, percentile
from bot.devtools.bench.slack_env import BenchFailed, SlackLimits, open_slack_env
from bot.devtools.bench.slack_votes import NEEDED
from tests.support.documents import Page

SECTION = "signoff bench slack"
SMALL = slack.SlackBenchSize(
    clicks=6,
    clicks_per_second=20,
    people=6,
    post_fanouts=1,
    edit_fanouts=1,
    votes_on=2,
    votes_shown_on=1,
    home_decisions=3,
    home_seconds=0.3,
    home_quiet=0.0,
)
MACHINE = Machine(cores=2, load=0.5, python="3.11.7", sync_ms=0.2)


@pytest.fixture(scope="module")
def report_json() -> dict[str, Any]:
    """Return the JSON of a small run, as `signoff bench slack --json` prints it."""
    parsed: dict[str, Any] = json.loads(report.as_json(*asyncio.run(slack.run(SMALL, lambda _: None))))
    return parsed


def test_the_page_of_the_command_shows_this_json(report_json: dict[str, Any]) -> None:
    (documented,) = [json.loads(block.text) for block in Page.of("commands.md").blocks if block.section == SECTION]
    assert documented["slack"].keys() == report_json["slack"].keys()
    assert documented["targets"].keys() <= report_json["targets"].keys()
    assert documented["machine"].keys() == report_json["machine"].keys()


def test_every_figure_is_a_number_and_every_target_names_one(report_json: dict[str, Any]) -> None:
    assert set(report_json) == {"slack", "targets", "machine"}
    assert all(isinstance(value, int | float) for value in report_json["slack"].values())
    assert set(report_json["targets"]) == {
        "slack.click_ack_p99_ms",
        "slack.clicked_copy_ms",
        "slack.fanout_ratio",
        "slack.open_fanout_ratio",
        "slack.vote_ack_p99_ms",
        "slack.vote_fanout_ratio",
        "slack.home_publishes",
        "slack.home_right_after_s",
    }
    assert all(name.removeprefix("slack.") in report_json["slack"] for name in report_json["targets"])


def test_every_click_is_counted_and_every_acknowledged_one_was_decided(report_json: dict[str, Any]) -> None:
    figures = report_json["slack"]
    assert figures["clicks"] == SMALL.clicks
    assert figures["clicks_failed"] == figures["clicks_undecided"] == 0
    assert figures["click_ack_p50_ms"] <= figures["click_ack_p99_ms"] <= figures["click_ack_max_ms"]


def test_every_vote_is_in_the_database_and_costs_no_edit_of_its_own(report_json: dict[str, Any]) -> None:
    figures = report_json["slack"]
    assert figures["votes"] == SMALL.votes_on * NEEDED
    assert figures["votes_lost"] == 0
    assert figures["vote_copies"] == SMALL.people
    assert 1 <= figures["vote_edits_ratio"] <= NEEDED
    assert figures["vote_fanout_floor_s"] == pytest.approx((SMALL.people - 1) * 60 / 500)


def test_every_decision_counts_and_publishes_are_collected(report_json: dict[str, Any]) -> None:
    figures = report_json["slack"]
    assert figures["home_decisions"] == SMALL.home_decisions
    assert 0 <= figures["home_publishes"] <= SMALL.home_decisions
    assert figures["home_right_after_s"] >= 0


def test_the_floor_is_what_the_enforced_rates_allow(report_json: dict[str, Any]) -> None:
    figures = report_json["slack"]
    intervals = SMALL.people - 1
    assert figures["copies"] == SMALL.people
    assert figures["fanout_floor_s"] == pytest.approx(intervals * 60 / 500)
    assert figures["open_fanout_floor_s"] == pytest.approx(intervals * 60 / 3000)
    for name in ("fanout", "open_fanout"):
        assert figures[f"{name}_ratio"] == pytest.approx(figures[f"{name}_s"] / figures[f"{name}_floor_s"], abs=0.1)
        assert figures[f"{name}_ratio_max"] >= figures[f"{name}_ratio"] > 0.9


def test_a_percentile_is_a_sample() -> None:
    samples = [float(number) for number in range(1, 201)]
    assert percentile(samples, 0.99) == 198
    assert percentile(samples, 0.5) == 100
    assert percentile([3.0], 0.99) == percentile([3.0], 0.0) == 3
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 0.5)


def test_a_report_says_which_targets_are_met() -> None:
    figures = [
        Figure(name="slack.a_ms", value=249.99951, meaning="", target=Target(250)),
        Figure(name="slack.b_ms", value=250, meaning="", target=Target(250)),
        Figure(name="slack.c", value=1.1, meaning="", target=Target(1.1, reached=True)),
    ]
    parsed = json.loads(report.as_json(figures, MACHINE))
    assert [target["met"] for target in parsed["targets"].values()] == [True, False, True]
    assert parsed["targets"]["slack.c"]["target"] == "≤ 1.1"
    assert parsed["machine"]["cores"] == 2
    assert list(report.table(figures).columns[3].cells) != []


async def test_a_refused_command_and_a_wait_in_vain_are_errors_that_say_what() -> None:
    async with open_slack_env(people=1, limits=SlackLimits(multiplier=1000)) as env:
        with pytest.raises(BenchFailed, match="The bot refused to start: "):
            await env.start("nothing")
        with pytest.raises(BenchFailed, match="still not: never"):
            await env.until(lambda: False, "never", seconds=0.05)
