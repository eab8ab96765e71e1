"""Tools for developers, not the product: a local Slack with a mail server, the demo, and the benchmarks."""
