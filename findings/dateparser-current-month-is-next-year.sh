#!/usr/bin/env bash
# dateparser 1.5.0 with PREFER_DATES_FROM "future": the name of the month that it is now means the same day of next year, a
# year later than that of any other month, and a bare number of two digits is a year. Only the period that is reported beside
# the date tells that no day was named.
#
# Seen, with the base 2026-12-04 10:15:
#     december 2027-12-04 month
#     january 2027-01-04 month
#     99 2099-12-04 year
# A program that takes the date alone is a year off in the month in which people say it. Signoff offers a reading of this
# library only as a question, and none without a day: engine/date_suggestion.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dateparser==1.5.0 pytz==2026.6 tzlocal==5.4.5 regex==2026.11.19 python-dateutil==2.9.0.post0
seen=$("$folder/venv/bin/python" - <<'PYTHON'
from datetime import datetime

from dateparser.date import DateDataParser

settings = {"PREFER_DATES_FROM": "future", "RELATIVE_BASE": datetime(2026, 12, 4, 10, 15)}
parser = DateDataParser(languages=["en"], settings=settings)
for text in ("december", "january", "99"):
    data = parser.get_date_data(text)
    print(text, data.date_obj.date() if data.date_obj else None, data.period)
PYTHON
)
expected='december 2027-12-04 month
january 2027-01-04 month
99 2099-12-04 year'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
