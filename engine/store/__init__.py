"""All SQL. Rows never leave this package: it takes and returns `domain`, `requests`, `runs` and `read_models` values.

Other packages depend on `port`; `sqlite` is the store: it runs units of work (plain functions over a `Tx`), grouped
into durable commits. `run_rows`, `request_rows`, `deliveries`, `people`, `workflows` and `audit_log` hold the
statements; `run_queries`, `request_queries`, `delivery_queries` and `person_queries` return read models. Functions that
start with `try_` are conditional and return whether they won. Start at `port`.
"""
