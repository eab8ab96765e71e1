"""A real server for programs that ask, with rules and a key, and an agent as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import signoff
from bot.devtools.demo.servers import free_port
from tests.support.http_service import PATIENCE
from tests.support.processes import OPERATOR, Installation, Server, create_installation, serving

RULES = f"""\
name: approvals
title: Calls of agents
rules:
  - {{tool: read_order, approve: true}}
  - {{tool: drop_table, reject: "Tables are dropped by people only."}}
  - gate: {{approvers: [{OPERATOR}]}}
"""
AGENT = """\
import sys
import time
from pathlib import Path

from signoff import requires_approval


@requires_approval("Refund {order}?", editable=["amount"], key=lambda order, amount: order)
def refund(order: str, amount: float) -> None:
    with Path("effects.txt").open("a") as effects:
        effects.write(f"{order} {amount}\\n")
    if Path("stop").exists():
        print("inside", flush=True)
        time.sleep(600)


refund(sys.argv[1], 84.5)
print("done", flush=True)
"""


class Agents:
    """A server, a key, and a folder in which agents run."""

    def __init__(self, installation: Installation, port: int) -> None:
        self.installation, self.port = installation, port
        self.folder = installation.folder
        installation.write("agent.py", AGENT)
        self.signoff("register", installation.write("approvals.yaml", RULES))
        self.key: str = self.signoff("keys", "create", "Agent", "--action", "ask", "--json").json["key"]
        self.client = signoff.Client(self.url, self.key)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def signoff(self, *arguments: str | Path) -> Any:
        result = self.installation.run(*arguments)
        assert result.code == 0, result.output
        return result

    def asks(self) -> list[dict[str, Any]]:
        """Return the asks of the key, the newest first."""
        call = urllib.request.Request(f"{self.url}/api/v1/asks", headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(call, timeout=PATIENCE) as reply:
            listed: list[dict[str, Any]] = json.load(reply)["asks"]
        return listed

    def start(self, order: str, url: str) -> subprocess.Popen[str]:
        """Start the agent."""
        return subprocess.Popen(
            [sys.executable, "agent.py", order],
            cwd=self.folder,
            env={"SIGNOFF_URL": url, "SIGNOFF_API_KEY": self.key},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def end(self, agent: subprocess.Popen[str]) -> str:
        """Return what an agent printed, and the last line of its error. That it waits for the server is no error."""
        out, err = agent.communicate(timeout=PATIENCE)
        lines = [line for line in err.splitlines(keepends=True) if not line.startswith("Signoff does not answer (")]
        return out + "".join(lines[-1:])

    def request(self, title: str) -> str:
        """Wait for an open request with this title, and return its id."""
        event = threading.Event()
        for _ in range(int(PATIENCE / 0.1)):
            for request in self.signoff("requests", "--json").json:
                if request["title"] == title:
                    found: str = request["id"]
                    return found
            event.wait(0.1)
        raise AssertionError(title)

    def decide(self, title: str, *verdict: str) -> None:
        self.signoff("decide", self.request(title), *(verdict or ("approve",)))

    def deciding(self, title: str, *verdict: str) -> threading.Thread:
        """Decide beside the test."""
        thread = threading.Thread(target=self.decide, args=(title, *verdict))
        thread.start()
        return thread

    def effects(self, order: str) -> list[str]:
        """Return the amounts that were paid back for an order."""
        file = self.folder / "effects.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.partition(" ")[2] for line in lines if line.startswith(f"{order} ")]


@contextmanager
def open_agents(folder: Path) -> Iterator[tuple[Agents, Server]]:
    """Run a server for agents in a folder."""
    port = free_port()
    installation = create_installation(
        folder, host="127.0.0.1", port=str(port), public_url=f"http://127.0.0.1:{port}", admins=OPERATOR
    )
    with serving(installation) as server:
        yield Agents(installation, port), server
