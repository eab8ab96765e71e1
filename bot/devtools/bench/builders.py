"""`signoff bench builders`: what people who write workflows wait for.

The check of 200 files in a process of its own, `/signoff new` up to its first modal while 500 workflows are registered,
and one file against the JSON Schema, as an editor does it. The validator is the one of Python that is not compiled, so
editors are faster.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from bot import gallery
from bot.devtools.bench.figures import Fact, Figure, Machine, Target, percentile
from bot.devtools.bench.slack_env import BenchFailed, SlackBenchEnv, SlackLimits, open_slack_env
from engine.json_values import Value
from engine.steps.registry import all_step_types
from engine.steps.workflow_schema import workflow_schema
from engine.workflowfile import yaml_tree

_LIBRARY: Final = "jsonschema"
_UNLIMITED: Final = SlackLimits(multiplier=1000, burst=None)
_WORKFLOW: Final = """\
name: flow-{number}
title: Workflow {number}
steps: [{{id: act, uses: set, with: {{a: 1}}, gate: {{approvers: [owner]}}}}]
"""
_NAME: Final = re.compile(rb"^name: .*$", re.MULTILINE)
_TIMEOUT: Final = 10.0
"""How long a modal may take, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildersBenchSize:
    """How much is measured. The defaults are those of the documented figures."""

    files: int = 200
    checks: int = 3
    """How often all files are checked; the median counts."""
    workflows: int = 500
    modals: int = 300
    validations: int = 20
    """How often each ready-made workflow is validated."""


FIGURES: Final[Mapping[str, tuple[str, Target | None]]] = {
    "check_cpu_s": ("CPU of signoff check for 200 files, with the start of the command", Target(2)),
    "check_one_cpu_s": ("the same for one file", None),
    "new_modal_p50_ms": ("from /signoff new to its first modal, with 500 workflows (p50)", None),
    "new_modal_p99_ms": ("the same (p99)", Target(300)),
    "schema_ms": ("validation of one file against the JSON Schema, slowest of the ready-made ones", Target(50)),
}
"""Each figure in the order of the report, with its meaning and its target."""


async def run(
    size: BuildersBenchSize, report_progress: Callable[[str], None], *, folder: Path | None = None
) -> tuple[list[Figure | Fact], Machine]:
    """Measure all figures, and describe the machine."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-", dir=folder) as temporary:
        work_folder = Path(temporary)
        machine = Machine.detect(work_folder)
        report_progress(f"Checking {size.files} files …")
        values = _measure_checks(work_folder, size)
        report_progress("Validating files …")
        values |= _measure_schema(size)
    report_progress(f"/signoff new with {size.workflows} workflows …")
    values |= await _measure_modals(size)
    return [_figure(name, values.get(name)) for name in FIGURES], machine


def _figure(name: str, value: float | None) -> Figure | Fact:
    meaning, target = FIGURES[name]
    if value is None:
        return Fact(name=f"builders.{name}", text=f"not measured: pip install {_LIBRARY}", meaning=meaning)
    return Figure(name=f"builders.{name}", value=value, meaning=meaning, target=target)


# -- signoff check ------------------------------------------------------------------------------------------


def _measure_checks(folder: Path, size: BuildersBenchSize) -> dict[str, float]:
    templates = gallery.load().templates
    files = [folder / f"flow-{number}.yaml" for number in range(size.files)]
    for number, file in enumerate(files):
        source = templates[number % len(templates)].source
        file.write_bytes(_NAME.sub(f"name: flow-{number}".encode(), source, count=1))
    return {
        "check_cpu_s": percentile([_check(files) for _ in range(size.checks)], 0.5),
        "check_one_cpu_s": percentile([_check(files[:1]) for _ in range(size.checks)], 0.5),
    }


def _check(files: Sequence[Path]) -> float:
    """Check files with the command, and return how much CPU it took, in seconds. Raises `BenchFailed`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", "from bot.cli.main import main; main()", "check", *map(str, files)]
    # The settings of this machine would be read, and checked, with each command.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("SIGNOFF_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603 our own command
    if done.returncode != 0:
        raise BenchFailed(f"The files have problems: {done.stdout[:500]}{done.stderr[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# -- the JSON Schema ----------------------------------------------------------------------------------------


def _measure_schema(size: BuildersBenchSize) -> dict[str, float]:
    """Return the median time of the slowest file, or nothing without the library."""
    if importlib.util.find_spec(_LIBRARY) is None:
        return {}
    validator = importlib.import_module(_LIBRARY).Draft202012Validator(workflow_schema(all_step_types()))
    trees = [_plain(yaml_tree.read(template.source).root.value) for template in gallery.load().templates]
    return {"schema_ms": max(percentile(_validations(validator, tree, size.validations), 0.5) for tree in trees)}


def _validations(validator: Any, tree: Any, count: int) -> list[float]:
    """Validate a file some times, and return how long each one took, in milliseconds. Raises `BenchFailed`."""
    times = list[float]()
    for _ in range(count):
        began = time.perf_counter()
        faults = [*validator.iter_errors(tree)]
        times.append((time.perf_counter() - began) * 1000)
        if faults:
            raise BenchFailed(f"A ready-made workflow does not fit the schema: {faults[0].message}")
    return times


def _plain(value: Value) -> Any:
    """Return a value as a program for JSON has it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


# -- /signoff new -------------------------------------------------------------------------------------------


async def _measure_modals(size: BuildersBenchSize) -> dict[str, float]:
    async with open_slack_env(people=1, limits=_UNLIMITED, more={"BUILDERS": "person0@example.com"}) as env:
        for number in range(size.workflows):
            await env.register(_WORKFLOW.format(number=number))
        times = [await _open_modal(env) for _ in range(size.modals)]
    return {f"new_modal_p{part}_ms": percentile(times, part / 100) for part in (50, 99)}


async def _open_modal(env: SlackBenchEnv) -> float:
    """Type the command, and return how long its modal took, in milliseconds. Raises `BenchFailed`."""
    (person,) = env.people
    began = time.perf_counter()
    ack = await person.command("/signoff new")
    while person.modal is None:
        if not ack.ok or time.perf_counter() - began > _TIMEOUT:
            raise BenchFailed(f"/signoff new opened no modal: {ack}")
        await asyncio.sleep(0.001)
    taken = (time.perf_counter() - began) * 1000
    await person.close(everything=True)
    return taken
