"""The work that moves runs: units of work, the runner of effects, and the executor of one process."""
