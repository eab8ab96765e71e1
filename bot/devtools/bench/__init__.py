"""What Signoff measures of itself: each part runs the shipped program against local partners and gives figures.

| module | what is in it |
|---|---|
| `measure` | start here: a figure, its target, percentiles |
| `report` | figures as a table or JSON |
| `stage` | the local Slack, its people, and a bot in a process of its own |
| `serve` | that process |
| `slack` | the parts of `signoff bench slack` |
| `engine`, `floor` | runs from start to end, pending requests, bytes on the disk; the same rows by bare `sqlite3` |

What the figures mean, and those of one machine: docs/benchmarks.md.
"""
