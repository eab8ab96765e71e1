#!/usr/bin/env bash
# standardwebhooks 1.1.0 (PyPI): a secret in the url-safe alphabet of Base64 is taken, its `-` and `_` are skipped without
# a word, and the rest is the key. So signatures are made and verified with a shorter key than the secret has, and another
# library, or one that reads the secret properly, makes other signatures. The library of npm refuses such a secret.
#
# Seen, for one key of 32 bytes:
#     standard alphabet: a key of 32 bytes
#     url-safe alphabet: a key of 8 bytes
# Signoff makes secrets in the standard alphabet only: engine/webhooks.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check standardwebhooks==1.1.0
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import base64

from standardwebhooks import Webhook

key = bytes([0xFB, 0xEF, 0xBE]) * 8 + bytes(8)
for alphabet, encode in (("standard", base64.b64encode), ("url-safe", base64.urlsafe_b64encode)):
    webhook = Webhook("whsec_" + encode(key).decode())
    print(f"{alphabet} alphabet: a key of {len(webhook._whsecret)} bytes")
PYTHON
)
expected='standard alphabet: a key of 32 bytes
url-safe alphabet: a key of 8 bytes'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
