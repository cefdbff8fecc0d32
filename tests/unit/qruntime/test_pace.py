"""Simulated time beside the time on the wall."""

from __future__ import annotations

from qruntime.pace import Pace


def test_without_a_factor_time_may_go_anywhere_at_once() -> None:
    pace = Pace(0.0)
    assert not pace.is_set
    assert pace.limit_ns(5.0, 17) is None
    assert pace.patience_s(5.0, [100]) == float("inf")


def test_time_runs_factor_simulated_seconds_per_second_from_the_first_question() -> None:
    pace = Pace(0.5)
    assert pace.patience_s(10.0, [100]) == float("inf")  # nothing was asked yet
    assert pace.limit_ns(10.0, 1_000) == 1_000
    assert pace.limit_ns(12.0, 1_000) == 1_000_001_000
    assert pace.limit_ns(12.0, 500_000_000) == 1_000_001_000  # where simulated time is does not matter later
    assert pace.patience_s(11.0, [None, 1_000_001_000, 2_000_000_000]) == 1.0
    assert pace.patience_s(13.0, [1_000_001_000]) == 0.0  # it is late already
    assert pace.patience_s(13.0, [None]) == float("inf")
