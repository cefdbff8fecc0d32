"""Benchmarks: each module prints one table, and `run()` returns its rows.

`python -m benchmarks.all` runs them all.
"""
