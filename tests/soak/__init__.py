"""The soak test: a server that is killed, paused, and run with a full disk and a clock that jumps; then the checks.

    make soak SOAK_MINUTES=5 SOAK_SEED=17
    make soak SOAK_DATABASE=postgresql

docs/soak.md describes the campaign and its checks.

| module | contents |
|---|---|
| `campaign` | start here: one campaign from its folder to its figures |
| `serve`, `servers` | the servers, each in its own process with an adjustable clock; starting and killing them |
| `world`, `service` | the local Slack, the workflows and the collected evidence; the HTTP service that counts calls |
| `clients`, `people` | simulated operators on the local socket; simulated people with signed Slack clicks |
| `colleagues` | simulated people who go away, ask and answer questions, and pass requests on |
| `chaos`, `disk_full` | faults of the server, Slack, the clock and the disk |
| `replicas` | a campaign on PostgreSQL: bots, workers and a server |
| `balancer`, `database_faults` | the load balancer before the bots; faults of PostgreSQL and of the way to it |
| `takeovers`, `recoveries` | how soon the work of a killed worker goes on, and a lost database is used again |
| `upgrade` | a campaign in which our processes replace those of an older commit |
| `tables` | reads the tables of both databases |
| `evidence` | the database, messages and calls after a campaign, and queries on them |
| `verdict`, `copies`, `places`, `clocks` | the checks of the evidence; each yields named findings |
| `story` | a short run of everything, whose evidence `test_verdict` falsifies |
"""
