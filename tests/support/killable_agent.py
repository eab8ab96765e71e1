"""An agent in a process of its own, that stops at a point until a test kills it.

    python -m tests.support.killable_agent POINT FILE

It asks for a refund by the Agent Approval Protocol, waits, takes the approval, writes a line to FILE, and reports the
outcome. It says each point as it reaches it, and stops at POINT. Without one, `-`, it runs to its end, and it says
`refused` and why if the tool may not run.
"""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

from agentapprovalprotocol import Client, ConflictError, Request

POINTS = ("asked", "approved", "consumed", "acted", "reported")
CALL = {"tool": "refund", "arguments": {"order": "A-7", "amount": 120}, "timeout": "10m"}


def main(stop_at: str, effects: Path) -> None:
    """Run the agent."""

    def reached(point: str, ask: Request) -> None:
        print(point, ask.id, flush=True)
        if point == stop_at:
            sys.stdin.read()

    client = Client(f"{os.environ['SIGNOFF_URL']}/api/aap", os.environ["SIGNOFF_API_KEY"])
    ask = client.create(CALL, "run-1:call-1")
    reached("asked", ask)
    while ask.status == "pending":
        ask = client.get(ask.id, wait=25)
    reached(ask.status, ask)
    try:
        # As the gate of the library does it: a process that starts again has another key.
        ask = client.consume(ask.id, str(uuid.uuid4()))
    except ConflictError as refused:
        print("refused", refused.code, flush=True)
        return
    reached("consumed", ask)
    with effects.open("a", encoding="utf-8") as file:
        file.write("Refunded 120 EUR for order A-7.\n")
    reached("acted", ask)
    ask = client.report_outcome(ask.id, "succeeded")
    reached("reported", ask)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
