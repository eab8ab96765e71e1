"""The examples of docs/agents, each in its own process: once a person approves, the tool runs, and only then.

The frameworks whose libraries conflict with ours run in environments of their own: `make test-frameworks`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from engine.domain import Verdict
from tests.support.aap_env import AapEnv, open_aap
from tests.support.scripted_models import CALL, ScriptedModels, run_scripted_models

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "docs" / "agents" / "examples"


@dataclass(frozen=True)
class Example:
    """One example. `model`: as its framework names the scripted one. `environment`: whose Python runs it."""

    file: str
    model: str
    environment: str | None = None

    @property
    def python(self) -> str:
        if self.environment is None:
            return sys.executable
        return str(ROOT / ".frameworks" / self.environment / "bin" / "python")


OURS: Final = [
    Example("langchain_agent.py", "openai:gpt-5-mini"),
    Example("langgraph_agent.py", "openai:gpt-5-mini"),
    Example("pydantic_ai_agent.py", "openai-chat:gpt-5-mini"),
]
OTHERS: Final = [
    Example("claude_agent.py", "claude-haiku-4-5", "claude_agent"),
    Example("crewai_crew.py", "openai/gpt-5-mini", "crewai"),
    Example("google_adk_agent.py", "gemini-3-flash", "google_adk"),
    Example("openai_agents_agent.py", "gpt-5-mini", "openai_agents"),
]
ALL: Final = [
    *(pytest.param(example, id=example.file) for example in OURS),
    *(
        pytest.param(
            example,
            id=example.file,
            marks=[
                pytest.mark.frameworks,
                pytest.mark.skipif(not Path(example.python).exists(), reason="its environment was not asked for"),
            ],
        )
        for example in OTHERS
    ),
]


@dataclass
class Run:
    """A run of an example: its process, its words, and the file in which its tool writes."""

    process: asyncio.subprocess.Process
    refunds: Path

    async def words(self) -> str:
        """Wait until it ends, and return what it said."""
        said, errors = await self.process.communicate()
        assert self.process.returncode == 0, errors.decode()[-3_000:]
        return said.decode()

    @property
    def refunded(self) -> list[str]:
        return self.refunds.read_text().splitlines() if self.refunds.exists() else []


async def start(example: Example, env: AapEnv, models: ScriptedModels, folder: Path) -> Run:
    refunds = folder / "refunds.txt"
    process = await asyncio.create_subprocess_exec(
        example.python,
        str(EXAMPLES / example.file),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            # Nothing of this machine: no key, no home with settings, and no telemetry.
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "REFUNDS": str(refunds),
            "SIGNOFF_URL": env.server.url,
            "SIGNOFF_API_KEY": env.key,
            "MODEL": example.model,
            **{f"{name}_API_KEY": "local" for name in ("ANTHROPIC", "GOOGLE", "OPENAI")},
            "ANTHROPIC_BASE_URL": models.url,
            "GOOGLE_GEMINI_BASE_URL": models.url,
            "OPENAI_BASE_URL": f"{models.url}/v1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CREWAI_DISABLE_TELEMETRY": "true",
            "CREWAI_DISABLE_TRACKING": "true",
            "CREWAI_DISABLE_VERSION_CHECK": "true",
            "CREWAI_STORAGE_DIR": str(folder),
            "CREWAI_TESTING": "true",
            "CREWAI_TRACING_ENABLED": "false",
            "LANGSMITH_TRACING": "false",
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
            "OTEL_SDK_DISABLED": "true",
        },
    )
    return Run(process, refunds)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("example", ALL)
@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
async def test_an_agent_waits_for_a_person(tmp_path: Path, example: Example, verdict: Verdict) -> None:
    async with open_aap(tmp_path) as env, run_scripted_models() as models:
        folder = tmp_path / "home"
        folder.mkdir()
        run = await start(example, env, models, folder)
        ask = await env.next_ask(run.process)
        assert (ask.status.value, ask.arguments, run.refunded) == ("pending", CALL, [])
        await env.decide(ask.id, verdict, reason="The photo shows it." if verdict is Verdict.APPROVE else "No photo.")
        words = await run.words()
        seen = await env.latest_ask()
        assert seen is not None
        if verdict is Verdict.APPROVE:
            assert run.refunded == ["A-7 120"]
            assert "Refunded 120 EUR for order A-7." in words
            assert seen.outcome is not None
            assert seen.outcome.status.value == "succeeded"
        else:
            assert run.refunded == []
            assert "No photo." in words
            assert seen.consumed_at is None
