#!/usr/bin/env bash
# fast-sugiyama 0.5.3 numbers the names of nodes in the order of a set. So a graph whose nodes are texts is laid out in another
# way by another process: the two boxes of a fork change places, although edges and options are the same. With integers as
# nodes the layout is the same in every process.
#
# Seen, for the edges a-b, a-c, b-d, c-d, with PYTHONHASHSEED 1 to 8:
#     texts: 2 layouts
#     integers: 1 layouts
# A page that draws a graph again after each change would swap its branches from server to server. Signoff gives the library
# positions in the file: bot/web/workflow_diagram.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fast-sugiyama==0.5.3
cat > "$folder/layout.py" <<'PYTHON'
import sys

from fast_sugiyama import from_edges

edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
if sys.argv[1] == "integers":
    edges = [("abcd".index(start), "abcd".index(end)) for start, end in edges]
print(sorted((str(node), place) for node, place in from_edges(edges).to_dict().items()))
PYTHON
seen=$(for nodes in texts integers; do
    count=$(for seed in 1 2 3 4 5 6 7 8; do
        PYTHONHASHSEED=$seed "$folder/venv/bin/python" "$folder/layout.py" "$nodes"
    done | sort -u | wc -l)
    echo "$nodes: $count layouts"
done)
expected='texts: 2 layouts
integers: 1 layouts'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
