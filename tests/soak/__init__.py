"""The soak test: a server that is killed, paused, and run with a full disk and a clock that jumps; then the checks.

    make soak SOAK_MINUTES=5 SOAK_SEED=17

docs/soak.md describes the campaign and its checks.

| module | contents |
|---|---|
| `campaign` | start here: one campaign from its folder to its figures |
| `serve`, `servers` | the servers, each in its own process with an adjustable clock; starting and killing them |
| `world`, `service` | the local Slack, the workflows and the collected evidence; the HTTP service that counts calls |
| `clients`, `people` | simulated operators on the local socket; simulated people with signed Slack clicks |
| `chaos`, `disk_full` | faults of the server, Slack, the clock and the disk |
| `evidence` | the database, messages and calls after a campaign, and queries on them |
| `verdict`, `copies` | the checks of the evidence; each yields named findings |
"""
