"""Workflows as files: what differs, the way out of the database and the way in, all of them or none."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.presentation.sync_report import MAX_SUMMARY
from tests.support.cli import Commands
from tests.support.killed_syncs import kill_syncs
from tests.support.processes import OPERATOR, SIGNOFF, Installation, create_installation, serving

FILE = """\
name: NAME
title: TITLE
steps:
  - id: pay
    uses: set
    title: Pay
    with: {n: 1}
    gate: {when: "{{ true }}", approvers: [owner]}
"""
EXAMPLES = """\
examples:
  - {name: It is approved, answers: {pay: approve}, expect: {ends: succeeded}}
"""
KILLS = 8


def file(name: str, title: str = "A title") -> str:
    return FILE.replace("NAME", name).replace("TITLE", title)


@pytest.fixture
def folder(installation: Installation) -> Path:
    new = installation.folder / "workflows"
    new.mkdir()
    for name in ("alpha", "beta"):
        (new / f"{name}.yaml").write_text(file(name), encoding="utf-8")
    return new


def outcomes(report: Any) -> dict[str, str]:
    return {one["workflow"]: one["outcome"] for one in report["workflows"]}


def versions(signoff: Commands) -> dict[str, int]:
    return {one["name"]: one["version"] for one in signoff.json("workflows")}


# -- sync --


def test_a_sync_changes_nothing_before_it_is_applied(signoff: Commands, folder: Path) -> None:
    assert outcomes(signoff.json("sync", folder)) == {"alpha": "new", "beta": "new"}
    assert versions(signoff) == {}
    assert outcomes(signoff.json("sync", folder, "--apply")) == {"alpha": "new", "beta": "new"}
    assert versions(signoff) == {"alpha": 1, "beta": 1}
    assert outcomes(signoff.json("sync", folder, "--apply")) == {"alpha": "unchanged", "beta": "unchanged"}


def test_what_changes_is_said_in_words_and_in_a_summary(signoff: Commands, folder: Path) -> None:
    signoff.run_ok("sync", folder, "--apply")
    (folder / "alpha.yaml").write_text(file("alpha", "Another title"), encoding="utf-8")
    (folder / "beta.yaml").unlink()
    summary = folder / "summary.md"
    report = signoff.json("sync", folder, "--summary", summary)
    assert outcomes(report) == {"alpha": "changed", "beta": "missing"}
    assert report["workflows"][0]["changes"] == ["Title: Another title (was A title)"]
    text = summary.read_text(encoding="utf-8")
    assert "- `alpha` would change." in text
    assert "Another title (was A title)" in text
    assert "+title: Another title" in text
    assert versions(signoff) == {"alpha": 1, "beta": 1}
    printed = signoff.run_ok("sync", folder, "--delete", "--apply").output
    assert "alpha has changed as version 2." in printed
    assert "beta has no file: it was disabled." in printed
    assert signoff("run", "beta").code == 1
    assert outcomes(signoff.json("sync", folder, "--delete")) == {"alpha": "unchanged"}


def test_workflows_that_run_others_of_the_folder_may_be_new_with_them(signoff: Commands, folder: Path) -> None:
    text = "name: above\nsteps: [{id: a, uses: run, with: {workflow: alpha}}]\n"
    (folder / "above.yaml").write_text(text, encoding="utf-8")
    assert outcomes(signoff.json("sync", folder, "--apply")) == {"above": "new", "alpha": "new", "beta": "new"}


def test_any_problem_of_any_file_stops_all_and_all_are_named(signoff: Commands, folder: Path) -> None:
    (folder / "wrong.yaml").write_text("name: wrong\nsteps: [{id: a, uses: sett}]\n", encoding="utf-8")
    (folder / "twin.yaml").write_text(file("alpha"), encoding="utf-8")
    (folder / "broken.yaml").write_bytes(b"name: \xff\n")
    (folder / "link.yaml").symlink_to("/etc/hostname")
    (folder / "folder.yaml").mkdir()
    os.mkfifo(folder / "pipe.yaml")
    summary = folder / "summary.md"
    refused = signoff("sync", folder, "--apply", "--summary", summary)
    assert refused.code == 1
    for said in (
        "wrong.yaml:2:",
        "both have the name alpha",
        "broken.yaml:1:1: The file is not text in UTF-8.",
        "link.yaml:1:1: This is a link to another file",
        "folder.yaml:1:1: This is no ordinary file.",
        "pipe.yaml:1:1: This is no ordinary file.",
        "Nothing was changed.",
    ):
        assert said in refused.output, refused.output
    assert "link.yaml" in summary.read_text(encoding="utf-8")
    assert versions(signoff) == {}


def test_nothing_is_disabled_while_a_file_cannot_be_read_or_says_nothing(signoff: Commands, folder: Path) -> None:
    """A file that is half written, or replaced by something else, is no workflow that was taken away."""
    signoff.run_ok("sync", folder, "--apply")
    beta = folder / "beta.yaml"
    for damage in ("", "name: be", None):
        if damage is None:
            beta.unlink()
            beta.symlink_to("elsewhere.yaml")
        else:
            beta.write_text(damage, encoding="utf-8")
        assert signoff("sync", folder, "--apply", "--delete").code == 1
        assert {one["state"] for one in signoff.json("workflows")} == {"active"}


def test_file_names_that_look_the_same_are_refused_so_that_none_is_lost(signoff: Commands, folder: Path) -> None:
    (folder / "x  y.yaml").write_text(file("one"), encoding="utf-8")
    (folder / "x y.yaml").write_text(file("two"), encoding="utf-8")
    refused = signoff("sync", folder, "--apply")
    assert refused.code == 1
    assert "x y.yaml:1:1: Another file has a name that looks the same." in refused.output
    assert versions(signoff) == {}


def test_a_folder_without_workflow_files_disables_nothing(signoff: Commands, folder: Path) -> None:
    signoff.run_ok("sync", folder, "--apply")
    (empty := folder / "empty").mkdir()
    refused = signoff("sync", empty, "--apply", "--delete")
    assert refused.code == 1
    assert "There is no workflow file here." in refused.output
    assert {one["state"] for one in signoff.json("workflows")} == {"active"}


@pytest.mark.parametrize("place", ["nowhere/summary.md", "."])
def test_nothing_is_done_if_the_summary_cannot_be_written(signoff: Commands, folder: Path, place: str) -> None:
    refused = signoff("sync", folder, "--apply", "--summary", folder / place)
    assert refused.code == 2
    assert "cannot be written: " in refused.output
    assert versions(signoff) == {}


def test_a_disabled_workflow_stays_disabled_and_the_sync_says_so(signoff: Commands, folder: Path) -> None:
    signoff.run_ok("sync", folder, "--apply")
    (folder / "beta.yaml").rename(folder / "beta")
    signoff.run_ok("sync", folder, "--apply", "--delete")
    (folder / "beta").rename(folder / "beta.yaml")
    summary = folder / "summary.md"
    assert "signoff enable beta" in signoff.run_ok("sync", folder, "--apply", "--summary", summary).output
    assert "signoff enable beta" in summary.read_text(encoding="utf-8")
    assert {one["name"]: one["state"] for one in signoff.json("workflows")} == {"alpha": "active", "beta": "disabled"}


def test_what_the_server_refuses_stops_all_too(signoff: Commands, folder: Path) -> None:
    text = "name: above\nsteps: [{id: a, uses: run, with: {workflow: nowhere}}]\n"
    (folder / "above.yaml").write_text(text, encoding="utf-8")
    refused = signoff("sync", folder, "--apply")
    assert refused.code == 1
    assert "above.yaml:1:1: " in refused.output
    assert "no workflow of this name" in refused.output
    assert versions(signoff) == {}


def test_a_protected_workflow_becomes_a_proposal(signoff: Commands, folder: Path) -> None:
    signoff.set(admins=f"kim@example.com,{OPERATOR}")
    (folder / "alpha.yaml").write_text(f"protected: true\nowner: {OPERATOR}\n{file('alpha')}", encoding="utf-8")
    signoff.run_ok("sync", folder, "--apply")
    changed = f"protected: true\nowner: {OPERATOR}\n{file('alpha', 'Another')}"
    (folder / "alpha.yaml").write_text(changed, encoding="utf-8")
    assert outcomes(signoff.json("sync", folder)) == {"alpha": "proposed", "beta": "unchanged"}
    applied = signoff("sync", folder, "--apply")
    assert applied.code == 3
    assert "another person was asked" in applied.output
    assert versions(signoff) == {"alpha": 1, "beta": 1}


def test_a_file_without_an_owner_changes_no_owner(signoff: Commands, folder: Path) -> None:
    owned = f"{file('alpha', 'Owned')}owner: kim@example.com\n"
    (folder / "alpha.yaml").write_text(owned, encoding="utf-8")
    signoff.run_ok("sync", "workflows", "--apply")
    (folder / "alpha.yaml").write_text(file("alpha", "Synced"), encoding="utf-8")
    signoff.run_ok("sync", "workflows", "--apply")
    (folder / "alpha.yaml").write_text(file("alpha", "Registered"), encoding="utf-8")
    signoff.run_ok("register", "workflows/alpha.yaml")
    (alpha,) = (one for one in signoff.json("workflows") if one["name"] == "alpha")
    assert (alpha["version"], alpha["title"], alpha["owner"]["name"]) == (3, "Registered", "kim@example.com")


def test_a_running_server_does_it(tmp_path: Path, empty_database: bytes) -> None:
    installation = create_installation(tmp_path)
    installation.database.write_bytes(empty_database)
    folder = tmp_path / "workflows"
    folder.mkdir()
    (folder / "alpha.yaml").write_text(file("alpha"), encoding="utf-8")
    # More than most commands have to say: all files of a folder are one command.
    for number in range(12):
        comment = f"# {'x' * 100}\n" * 1_000
        (folder / f"flow-{number}.yaml").write_text(comment + file(f"flow-{number}"), encoding="utf-8")
    with serving(installation):
        done = installation.run("sync", folder, "--apply")
        assert done.code == 0, done.output
    assert "alpha is new as version 1." in done.output


def test_kill_9_at_any_moment_leaves_all_or_none(tmp_path: Path, empty_database: bytes) -> None:
    installation = create_installation(tmp_path)
    installation.database.write_bytes(empty_database)
    folder = tmp_path / "workflows"
    folder.mkdir()
    names = [f"flow-{number}" for number in range(60)]

    def write(number: int) -> None:
        for name in names:
            (folder / f"{name}.yaml").write_text(file(name, f"Title {number}"), encoding="utf-8")

    def registered() -> set[int]:
        with closing(sqlite3.connect(f"file:{installation.database}?mode=ro", uri=True, timeout=10)) as connection:
            rows = connection.execute("SELECT name, version FROM workflow WHERE name LIKE 'flow-%'").fetchall()
        assert len(rows) in (0, len(names))
        return {version for _, version in rows}

    kill_syncs(installation, folder, write=write, registered=registered, kills=KILLS, seed=9)
    verified = installation.run("audit", "verify")
    assert verified.code == 0, verified.output


# -- the summary --


def test_the_summary_of_many_large_changes_fits_a_comment(signoff: Commands, folder: Path) -> None:
    for number in range(40):
        hostile = f"```\n# @everyone <img src=x>\n{'x' * 50}"
        text = file(f"flow-{number}").replace("n: 1", f'n: "{hostile!r}"')
        (folder / f"flow-{number}.yaml").write_text(text.replace("'", ""), encoding="utf-8")
    signoff.run_ok("sync", folder, "--apply")
    for number in range(40):
        path = folder / f"flow-{number}.yaml"
        lines = "".join(f"# ``` {index} @everyone ``` a comment\n" for index in range(400))
        path.write_text(f"{lines}{path.read_text(encoding='utf-8')}", encoding="utf-8")
    summary = folder / "summary.md"
    signoff.run_ok("sync", folder, "--summary", summary)
    text = summary.read_text(encoding="utf-8")
    assert len(text) <= MAX_SUMMARY
    assert "do not fit here" in text
    is_open, fence = False, ""
    for line in text.splitlines():
        marks = line[: len(line) - len(line.lstrip("`"))]
        if len(marks) >= 3 and (not is_open or line == fence):
            is_open, fence = not is_open, marks
        elif not is_open:
            assert "@everyone" not in line
    assert not is_open


# -- diff --


def test_a_file_is_compared_with_the_version_that_runs(signoff: Commands, folder: Path) -> None:
    signoff.run_ok("sync", folder, "--apply")
    path = folder / "alpha.yaml"
    same = signoff("diff", path)
    assert same.code == 0
    assert "are the same" in same.output
    path.write_text(file("alpha", "Another title"), encoding="utf-8")
    differs = signoff("diff", path)
    assert differs.code == 1
    assert "Another title (was A title)" in differs.output
    assert "+title: Another title" in differs.output
    assert "\x1b" not in differs.out
    found = signoff("diff", path, "--json")
    assert found.json["changes"] == ["Title: Another title (was A title)"]


def test_versions_are_compared_with_each_other(signoff: Commands, folder: Path) -> None:
    for number in range(3):
        (folder / "alpha.yaml").write_text(file("alpha", f"Title {number}"), encoding="utf-8")
        signoff.run_ok("sync", folder, "--apply")
    assert "Title 2 (was Title 1)" in signoff("diff", "alpha").output
    assert "Title 2 (was Title 0)" in signoff("diff", "alpha", "1").output
    assert "Title 1 (was Title 0)" in signoff("diff", "alpha", "1", "2").output
    assert "has no version 9" in signoff("diff", "alpha", "9").output
    assert "only one version" in signoff("diff", "beta").output
    assert "Did you mean" in signoff("diff", "alpa").output


# -- export --


def test_workflows_are_exported_byte_for_byte_and_come_back_unchanged(signoff: Commands, folder: Path) -> None:
    text = "# a comment\r\n" + file("alpha").replace("\n", "\r\n")
    (folder / "alpha.yaml").write_bytes(text.encode())
    signoff.run_ok("sync", folder, "--apply")
    out = folder / "out"
    signoff.run_ok("export", out)
    assert (out / "alpha.yaml").read_bytes() == text.encode()
    assert sorted(path.name for path in out.iterdir()) == ["alpha.yaml", "beta.yaml", "workflow.schema.json"]
    assert outcomes(signoff.json("sync", out)) == {"alpha": "unchanged", "beta": "unchanged"}


def test_a_changed_file_is_not_overwritten_without_force(signoff: Commands, folder: Path) -> None:
    signoff.run_ok("sync", folder, "--apply")
    out = folder / "out"
    signoff.run_ok("export", "workflows", "beta", out)
    (out / "beta.yaml").write_text("mine", encoding="utf-8")
    refused = signoff("export", "workflows", out)
    assert refused.code == 1
    assert "Nothing was written." in refused.output
    assert not (out / "alpha.yaml").exists()
    signoff.run_ok("export", "workflows", out, "--force")
    assert (out / "beta.yaml").read_text(encoding="utf-8") == file("beta")


def test_an_export_never_writes_through_a_link(signoff: Commands, folder: Path) -> None:
    signoff.run_ok("sync", folder, "--apply")
    out, other = folder / "out", folder / "other.txt"
    out.mkdir()
    other.write_text("mine", encoding="utf-8")
    (out / "alpha.yaml").symlink_to(other)
    assert signoff("export", out).code == 1
    signoff.run_ok("export", out, "--force")
    assert other.read_text(encoding="utf-8") == "mine"
    assert not (out / "alpha.yaml").is_symlink()


def test_an_export_to_where_nothing_can_be_written_says_why(signoff: Commands, folder: Path) -> None:
    signoff.run_ok("sync", folder, "--apply")
    (folder / "out" / "beta.yaml").mkdir(parents=True)
    for place in (folder / "out", folder / "alpha.yaml" / "out", Path("/proc/nowhere")):
        refused = signoff("export", place, "--force")
        assert refused.code == 2, refused.output
        assert "cannot be written: " in refused.output


# -- pipelines --

_CI = Path(__file__).parents[2] / "docs" / "ci"


def _github_scripts() -> list[str]:
    jobs = yaml.safe_load((_CI / "workflows-github.yml").read_text(encoding="utf-8"))["jobs"]
    return [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]


def _gitlab_scripts() -> list[str]:
    jobs = yaml.safe_load((_CI / "workflows-gitlab.yml").read_text(encoding="utf-8"))
    return [script for job in jobs.values() for script in job["script"]]


@pytest.mark.parametrize("scripts", [_github_scripts(), _gitlab_scripts()], ids=["github", "gitlab"])
def test_a_pipeline_checks_compares_and_registers_the_files(
    scripts: list[str], folder: Path, installation: Installation
) -> None:
    environment = {
        **installation.environment,
        "PATH": f"{SIGNOFF.parent}:{os.defpath}",
        "GITHUB_STEP_SUMMARY": str(installation.folder / "step.md"),
    }
    for path in folder.glob("*.yaml"):
        path.write_text(path.read_text(encoding="utf-8") + EXAMPLES, encoding="utf-8")
    commands = [script for script in scripts if script.startswith("signoff ")]
    assert [command.split()[1] for command in commands] == ["check", "check", "sync", "sync"]
    for command in commands:
        finished = subprocess.run(
            ["bash", "-e", "-c", command],
            cwd=folder.parent,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
    assert "2 workflows would change" in (installation.folder / "summary.md").read_text(encoding="utf-8")
    assert outcomes(installation.run("sync", folder, "--json").json) == {"alpha": "unchanged", "beta": "unchanged"}


def test_a_pull_request_of_strangers_never_reaches_the_machine_of_the_server() -> None:
    jobs = yaml.safe_load((_CI / "workflows-github.yml").read_text(encoding="utf-8"))["jobs"]
    own = {name: job["if"] for name, job in jobs.items() if job["runs-on"] != "ubuntu-latest"}
    assert own == {
        "compare": "github.event_name == 'pull_request' && "
        "github.event.pull_request.head.repo.full_name == github.repository",
        "register": "github.event_name == 'push'",
    }


# -- protected workflows --


def test_a_protected_workflow_is_proposed_by_a_sync_and_its_author_cannot_approve_it(
    signoff: Commands, folder: Path
) -> None:
    signoff.set(ADMINS=f"kim@example.com,{OPERATOR}")
    protected = file("alpha").replace("steps:", f"owner: {OPERATOR}\nprotected: true\nsteps:")
    (folder / "alpha.yaml").write_text(protected, encoding="utf-8")
    signoff.run_ok("sync", folder, "--apply")
    # A change of `protected` is protected itself.
    for changed in (protected.replace("A title", "Another title"), protected.replace("protected: true\n", "")):
        (folder / "alpha.yaml").write_text(changed, encoding="utf-8")
        (folder / "beta.yaml").write_text(file("beta", "Another title"), encoding="utf-8")
        applied = signoff("sync", folder, "--apply", "--json")
        assert (applied.code, outcomes(applied.json)["alpha"]) == (3, "proposed")
        assert versions(signoff)["alpha"] == 1
    assert versions(signoff)["beta"] == 2
    (request,) = signoff.json("requests")
    refused = signoff("decide", request["id"], "approve")
    assert (refused.code, versions(signoff)["alpha"]) == (1, 1)
    signoff.set(OPERATOR="kim@example.com")
    signoff.run_ok("decide", request["id"], "approve")
    assert versions(signoff)["alpha"] == 2
    signoff.set(OPERATOR=OPERATOR)
    assert outcomes(signoff.json("sync", folder)) == {"alpha": "unchanged", "beta": "unchanged"}
