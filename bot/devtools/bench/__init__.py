"""Benchmarks: each part runs the shipped program against local partners and returns figures.

| module | what is in it |
|---|---|
| `figures`, `report` | start here: figures, targets, percentiles; figures as a table or JSON |
| `slack` | `signoff bench slack`: clicks and fan-outs |
| `slack_env`, `serve` | a local Slack with its people, and the bot; the process of that bot |
| `engine`, `engine_load` | `signoff bench engine`: runs from start to end, pending requests; one lifecycle of a run |
| `floor` | the same rows written by bare `sqlite3` |
| `postgres` | `signoff bench pg`: runs on PostgreSQL, with one process and several |
| `postgres_load`, `postgres_floor` | an engine at work on PostgreSQL; the same rows written by bare asyncpg |
| `postgres_growth` | pending requests on PostgreSQL, and an idle worker |
| `postgres_server`, `postgres_databases` | starts a server; its databases, and the queries that it counts |
| `langgraph`, `langgraph_load` | the same work on LangGraph: its virtual environment; the program that runs there |
| `web` | `signoff bench web`: review pages |
| `email` | `signoff bench mail`: emails beside one bare connection |

The meaning of the figures, and those of one machine: docs/benchmarks.md.
"""
