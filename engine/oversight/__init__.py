"""Oversight, pure: sampling plans, their worst cases, and how sure a number about decisions is."""
