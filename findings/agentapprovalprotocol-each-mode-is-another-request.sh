#!/usr/bin/env bash
# agentapprovalprotocol 0.3.3 (PyPI): a call that one gate asked about is not known to a gate of the other mode, although
# its `key` is the same. The gate sends its own time limit (10m in sync mode, 24h in async mode), the limit is part of what
# the idempotency key covers, and so a person is asked twice. Gates with the same `timeout` find the same request.
#
# Seen, for one call:
#     sync and async: 2 requests
#     both with timeout="1h": 1 request
# Tests that ask with one gate and go on with another use one mode: tests/integration/aap/test_gate.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check agentapprovalprotocol==0.3.3
seen=$("$folder/venv/bin/python" - <<'PYTHON'
from agentapprovalprotocol import Call, Gate
from agentapprovalprotocol.testing import FakeProvider

call = Call(key="run-1:call-1", tool="refund", arguments={"amount": 120})
for words, options in (("sync and async", {}), ('both with timeout="1h"', {"timeout": "1h"})):
    provider = FakeProvider()
    for mode in ("sync", "async"):
        Gate(provider.client(), mode=mode, **options).check(call)
    count = len(provider.requests)
    print(f"{words}: {count} request{'s' * (count > 1)}")
PYTHON
)
expected='sync and async: 2 requests
both with timeout="1h": 1 request'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
