"""The pytest plugin for people who write applications."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from qnos.results import RunResult, ShotError
from qnos.statistics import Limits, Metric, Tally
from qnos.testing import assert_within, qnos_run
from tests.unit.qnos.conftest import Simulated

Failed = pytest.fail.Exception


@pytest.fixture(name="qnos_run")
def installed_or_not() -> Callable[..., RunResult]:
    """The fixture as a test gets it, also where the plugin is not installed."""
    made: Callable[..., RunResult] = qnos_run.__wrapped__()  # type: ignore[attr-defined]
    return made


def metric_of(values: Sequence[float], expected: float | None = None, limits: Limits | None = None) -> Metric:
    tally = Tally()
    for value in values:
        tally.add(value)
    return tally.metric(expected, limits)


def test_fixture_runs_and_gives_the_result(simulated: Simulated, qnos_run: Callable[..., RunResult]) -> None:
    assert qnos_run("teleport", network="perfect", shots=3, values={"links.0": dict(LINK)}).shots == 3


LINK = {
    "nodes": ["alice", "bob"],
    "kind": "depolarise",
    "fidelity": 0.9,
    "success_probability": 1,
    "cycle_ns": 1,
}


def test_fixture_fails_the_test_with_the_programs_own_lines(
    simulated: Simulated, qnos_run: Callable[..., RunResult]
) -> None:
    simulated.fail = {0: ShotError(0, "alice", "PROGRAM", "broke", "teleport.py line 3, in alice")}
    with pytest.raises(Failed, match=r"(?s)1 of 2 shots failed; .*broke\nteleport.py line 3"):
        qnos_run("teleport", shots=2)


def test_yes_or_no_is_judged_by_the_error_of_the_expected_probability() -> None:
    metric = metric_of([True] * 60 + [False] * 40)  # sigma at 0.5 is 0.05: two sigma away
    assert_within(metric, 0.5, sigmas=2)
    with pytest.raises(Failed, match=r"mean 0\.6 of 100 values is 0\.1 from 0\.5; 1\.9 sigma are 0\.095"):
        assert_within(metric, 0.5, sigmas=1.9)


def test_certainty_allows_no_exception() -> None:
    assert_within(metric_of([True] * 50), 1.0)
    with pytest.raises(Failed):
        assert_within(metric_of([True] * 49 + [False]), 1.0)


def test_other_metrics_are_judged_by_their_own_error() -> None:
    metric = metric_of([2, 4, 4, 4, 5, 5, 7, 9])  # mean 5, error 0.7559
    assert_within(metric, 5.7, sigmas=1)
    with pytest.raises(Failed):
        assert_within(metric, 5.8, sigmas=1)


def test_equal_values_of_a_metric_with_a_range_are_judged_by_the_largest_error() -> None:
    metric = metric_of([1.0] * 100, limits=(-0.5, 1.0))  # sigma at 0.99 is sqrt(0.01 * 1.49/100) = 0.0122
    assert_within(metric, 0.99, sigmas=1)
    with pytest.raises(Failed):
        assert_within(metric, 0.9, sigmas=2)  # sigma 0.0374
    assert_within(metric, 1.0)


def test_expected_value_of_the_metric_is_the_default() -> None:
    assert_within(metric_of([True, False], expected=0.5))
    with pytest.raises(ValueError, match="no expected value"):
        assert_within(metric_of([True, False]))


def test_nonsense_cannot_pass() -> None:
    with pytest.raises(Failed, match="no values"):
        assert_within(metric_of([]), 0.5)
    with pytest.raises(ValueError, match="from 0 to 1"):
        assert_within(metric_of([True, False]), 1.5)
    with pytest.raises(Failed):
        assert_within(metric_of([2.5]), 2.4)  # one value tells nothing about its error
    with pytest.raises(Failed):
        assert_within(metric_of([2.0, 3.0]), math.nan)
