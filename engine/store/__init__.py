"""All SQL. Rows never leave this package: it takes and gives the values of `model`, `gate`, `plan` and `views`.

`writer` runs units of work (plain functions over a `Tx`) grouped into durable commits; `runs`, `requests`,
`deliveries`, `people`, `workflows` and `journal` hold the statements, `reading` the listings. Statements that start
with `try_` are conditional and say whether they won. May import `tables` and what lies below; start at `writer`.
"""
