"""Planted faults: whether the tests would notice the bugs that matter most. `make faults`; see docs/soak.md."""
