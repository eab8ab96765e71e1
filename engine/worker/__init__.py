"""What moves runs: units of work, the runner that performs effects, and the executor of one process."""
