#!/usr/bin/env bash
# yarl 1.25.1: str(URL(text)) removes the escapes of some reserved characters, and of others in a path than in a query:
# %3B, %26, %3D and %2C become plain in a path; %2F stays there and becomes plain in a query. By RFC 3986 (2.2, 6.2.2.2) these
# are different addresses. So the address that a person has approved may differ from the address that is called.
# URL(text, encoded=True) keeps the text unchanged.
#
# Seen:
#     https://shop.example/orders/a%3Bb -> https://shop.example/orders/a;b
#     https://shop.example/orders/a%26b -> https://shop.example/orders/a&b
#     https://shop.example/orders/a%2Fb -> https://shop.example/orders/a%2Fb
#     https://shop.example/?order=a%2Fb -> https://shop.example/?order=a/b
#     https://shop.example/?order=a%3Bb -> https://shop.example/?order=a%3Bb
#     with encoded=True every one stays as it was
# Signoff shows, records and calls one text: engine/urls.py, engine/steps/http.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check yarl==1.25.1
seen=$("$folder/venv/bin/python" - <<'PYTHON'
from yarl import URL

written = [f"https://shop.example/orders/a%{code}b" for code in ("3B", "26", "2F")]
written += [f"https://shop.example/?order=a%{code}b" for code in ("2F", "3B")]
for text in written:
    print(text, "->", URL(text))
print("with encoded=True", all(str(URL(text, encoded=True)) == text for text in written))
PYTHON
)
expected='https://shop.example/orders/a%3Bb -> https://shop.example/orders/a;b
https://shop.example/orders/a%26b -> https://shop.example/orders/a&b
https://shop.example/orders/a%2Fb -> https://shop.example/orders/a%2Fb
https://shop.example/?order=a%2Fb -> https://shop.example/?order=a/b
https://shop.example/?order=a%3Bb -> https://shop.example/?order=a%3Bb
with encoded=True True'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
