"""Measurements of speed and footprint, each taken beside a floor on the same machine in the same minute.

`engine`: runs from start to end, pending requests, bytes on the disk; `floor`: the same rows by bare `sqlite3`.
"""
