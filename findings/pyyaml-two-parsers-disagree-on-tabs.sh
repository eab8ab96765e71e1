#!/usr/bin/env bash
# PyYAML 6.0.3 (PyPI): its two parsers do not accept the same files. YAML 1.2.2, 6.3, allows a tab wherever white space
# separates tokens, also before a value, before a comment and at the end of a line. CSafeLoader (libyaml) reads these;
# SafeLoader refuses each with a ScannerError. Which one there is depends on how the wheel was built, so a file that is
# fine on one machine may be refused on another. Behind `|`, where YAML wants white space before a comment, it is the
# other way round: libyaml takes the comment without it.
#
# Seen:
#     a tab before a value: C {'a': 1}, Python ScannerError
#     a tab at the end of a line: C {'a': 1, 'b': 2}, Python ScannerError
#     a tab before a comment: C {'a': 1}, Python ScannerError
#     a tab between pairs in braces: C {'a': 1, 'b': 2}, Python ScannerError
#     a tab behind a quote: C {'a': 'x'}, Python ScannerError
#     a comment right behind |: C {'a': 't\n'}, Python ScannerError
# Where this meets us: a file that only libyaml reads is changed as a whole and not by forms, which need the places that
# the Python parser gives (engine/workflowfile/text_edits.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyyaml==6.0.3
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import yaml

FILES = {
    "a tab before a value": "a:\t1\n",
    "a tab at the end of a line": "a: 1\t\nb: 2\n",
    "a tab before a comment": "a: 1\t# one\n",
    "a tab between pairs in braces": "{a: 1,\tb: 2}\n",
    "a tab behind a quote": "a: 'x'\t\n",
    "a comment right behind |": "a: |# text\n  t\n",
}


def read(text, loader):
    try:
        return repr(yaml.load(text, loader))
    except yaml.YAMLError as error:
        return type(error).__name__


for name, text in FILES.items():
    print(f"{name}: C {read(text, yaml.CSafeLoader)}, Python {read(text, yaml.SafeLoader)}")
PYTHON
)
expected="a tab before a value: C {'a': 1}, Python ScannerError
a tab at the end of a line: C {'a': 1, 'b': 2}, Python ScannerError
a tab before a comment: C {'a': 1}, Python ScannerError
a tab between pairs in braces: C {'a': 1, 'b': 2}, Python ScannerError
a tab behind a quote: C {'a': 'x'}, Python ScannerError
a comment right behind |: C {'a': 't\\n'}, Python ScannerError"
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
