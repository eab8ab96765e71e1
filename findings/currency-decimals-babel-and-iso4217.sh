#!/usr/bin/env bash
# Babel 2.19.0 and iso4217 1.16.20260101 give 15 currencies different numbers of decimals. Babel's come from CLDR and are the
# usual ones for showing amounts: 0 for HUF, IDR and COP. ISO 4217 defines the possible amounts: 2 for these, 3 for IQD.
# A program that checks or rounds typed amounts by Babel's decimals refuses or loses real money: 1,250.50 HUF.
#
# Seen: AFN 2/0, ALL 2/0, COP 2/0, HUF 2/0, IDR 2/0, IQD 3/0, IRR 2/0, KPW 2/0, LAK 2/0, LBP 2/0, MGA 2/0, MMK 2/0, SOS 2/0,
# SYP 2/0, YER 2/0 (ISO 4217 first, then Babel).
# Signoff checks amounts by ISO 4217: engine/fields.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check babel==2.19.0 iso4217==1.16.20260101
seen=$("$folder/venv/bin/python" - <<'PYTHON'
from babel.numbers import get_currency_precision
from iso4217 import Currency

digits = {one.code: (one.exponent, get_currency_precision(one.code)) for one in Currency if one.exponent is not None}
print(", ".join(f"{code} {iso}/{cldr}" for code, (iso, cldr) in sorted(digits.items()) if iso != cldr))
PYTHON
)
expected='AFN 2/0, ALL 2/0, COP 2/0, HUF 2/0, IDR 2/0, IQD 3/0, IRR 2/0, KPW 2/0, LAK 2/0, LBP 2/0, MGA 2/0, MMK 2/0, SOS 2/0, SYP 2/0, YER 2/0'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
