#!/usr/bin/env bash
# statsmodels 0.15.0 and scipy 1.17.1 (PyPI): one-sided bounds of a rate have opposite names. scipy's `greater` is the
# alternative of a test, so `binomtest(…, alternative="greater").proportion_ci()` bounds the rate from below. For
# `proportion_confint(…, alternative="larger")` of statsmodels it names the end that is kept, so it bounds the rate from
# above. In `binom_test` of statsmodels itself, `larger` is the alternative again, as in scipy.
#
# Seen, for 3 of 59 at 95 %:
#     scipy greater: from 0.0140 to 1.0000
#     statsmodels larger: from 0.0000 to 0.1262
#     p of statsmodels binom_test larger, 10 %: 0.9427
#     p of scipy binomtest greater, 10 %: 0.9427
# Both are held against the closed form: tests/unit/engine/oversight/test_bounds.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 statsmodels==0.15.0
seen=$("$folder/venv/bin/python" -W ignore - <<'PYTHON'
from scipy.stats import binomtest
from statsmodels.stats.proportion import binom_test, proportion_confint

low, high = binomtest(3, 59, alternative="greater").proportion_ci(0.95)
print(f"scipy greater: from {low:.4f} to {high:.4f}")
low, high = proportion_confint(3, 59, alpha=0.05, method="beta", alternative="larger")
print(f"statsmodels larger: from {low:.4f} to {high:.4f}")
print(f"p of statsmodels binom_test larger, 10 %: {binom_test(3, 59, 0.1, alternative='larger'):.4f}")
print(f"p of scipy binomtest greater, 10 %: {binomtest(3, 59, 0.1, alternative='greater').pvalue:.4f}")
PYTHON
)
expected='scipy greater: from 0.0140 to 1.0000
statsmodels larger: from 0.0000 to 0.1262
p of statsmodels binom_test larger, 10 %: 0.9427
p of scipy binomtest greater, 10 %: 0.9427'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
