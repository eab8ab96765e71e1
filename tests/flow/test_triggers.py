"""Triggers through the doors of an installation: the command line, and a server that another system calls."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from bot.devtools.demo.servers import free_port
from engine.system import SystemClock
from tests.support.http_service import PATIENCE
from tests.support.processes import OPERATOR, Installation, create_installation, serving

KEY = b"0123456789abcdef0123456789abcdef"
FILE = f"""name: weekly
owner: {OPERATOR}
inputs:
  day: {{type: date}}
triggers:
  - schedule: "0 9 * * mon"
    timezone: Europe/Berlin
    inputs: {{day: "{{{{ trigger.date }}}}"}}
  - webhook: {{secret: SHOP}}
    inputs: {{day: "{{{{ trigger.body.day }}}}"}}
steps:
  - {{id: act, uses: set, with: {{day: "{{{{ inputs.day }}}}"}}, gate: {{approvers: [{OPERATOR}]}}}}
"""


def hooked(folder: Path) -> Installation:
    port = free_port()
    secret = f"whsec_{base64.b64encode(KEY).decode()}"
    return create_installation(folder, public_url=f"http://127.0.0.1:{port}", port=str(port), secret_shop=secret)


def call(installation: Installation, body: bytes, *, key: bytes = KEY) -> tuple[int, dict[str, Any]]:
    sent_at = str(int(SystemClock().now().timestamp()))
    signature = base64.b64encode(hmac.new(key, b"m1." + sent_at.encode() + b"." + body, hashlib.sha256).digest())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": "m1",
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,{signature.decode()}",
    }
    url = f"{installation.settings['SIGNOFF_PUBLIC_URL']}/hooks/weekly"
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, json.loads(response.read())
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_check_prints_the_next_five_times_in_the_zone_of_the_schedule(tmp_path: Path) -> None:
    installation = create_installation(tmp_path)
    finished = installation.run("check", installation.write("weekly.yaml", FILE))
    assert finished.code == 0, finished.output
    assert "0 9 * * mon in Europe/Berlin starts a run next at" in finished.out
    times = re.findall(r"^  Mon \w{3} \d+, \d{4}, 9:00 AM \(CES?T\)$", finished.out, re.MULTILINE)
    assert len(times) == 5, finished.out


def test_a_workflow_with_a_webhook_needs_an_address(tmp_path: Path) -> None:
    installation = create_installation(tmp_path)
    finished = installation.run("register", installation.write("weekly.yaml", FILE))
    assert finished.code != 0
    assert "set SIGNOFF_PUBLIC_URL" in finished.output


def test_a_call_of_another_system_starts_a_run_that_is_there_after_a_kill(tmp_path: Path) -> None:
    installation = hooked(tmp_path)
    with serving(installation) as server:
        assert installation.run("register", installation.write("weekly.yaml", FILE)).code == 0
        (listed,) = installation.run("workflows", "--json").json
        assert listed["next_run_at"]
        assert call(installation, b'{"day": "2026-03-02"}', key=b"other")[0] == 401
        assert call(installation, b'{"day": "soon"}')[0] == 422
        status, facts = call(installation, b'{"day": "2026-03-02"}')
        assert status == 201
        server.kill()
    (run,) = installation.run("runs", "--json").json
    assert (run["id"], run["status"]) == (facts["run"], "waiting")
    assert run["requester"]["name"] == "the webhook of weekly"
    with serving(installation) as server:
        assert call(installation, b'{"day": "2026-03-02"}') == (200, {**facts, "started": False})
        assert server.stop() == 0
    assert installation.run("audit", "verify").code == 0
