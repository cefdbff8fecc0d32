"""Means and intervals against values worked out by hand."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnos.statistics import (
    NORMAL_FROM,
    Z95,
    Limits,
    Metric,
    Tally,
    bounded,
    student,
    student_quantile,
    wilson,
)


def metric_of(values: Sequence[float], limits: Limits | None = None) -> Metric:
    tally = Tally()
    for value in values:
        tally.add(value)
    return tally.metric(limits=limits)


# Newcombe, Statistics in Medicine 17, 857 (1998), Table I, method 3.
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_has_the_published_values(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_at_the_ends_has_its_short_form() -> None:
    # By hand, with z^2 = 3.8414588: from 0 to z^2/(n + z^2), and from n/(n + z^2) to 1.
    assert wilson(0, 10) == pytest.approx((0.0, 3.8414588 / 13.8414588), abs=1e-8)
    assert wilson(10, 10) == pytest.approx((10 / 13.8414588, 1.0), abs=1e-8)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_ends_of_the_wilson_interval_are_z_standard_errors_from_the_mean(counts: tuple[int, int]) -> None:
    successes, n = counts
    for end in wilson(successes, n):
        if 0 < end < 1:  # the score equation (share - p)^2 = z^2 p(1-p)/n, which the formula solves for p
            assert (successes / n - end) ** 2 == pytest.approx(Z95**2 * end * (1 - end) / n, abs=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_counts_that_cannot_be(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="allowed: 0 to n successes"):
        wilson(successes, n)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_mean_and_stays_in_range(counts: tuple[int, int]) -> None:
    successes, n = counts
    low, high = wilson(successes, n)
    assert 0.0 <= low <= successes / n <= high <= 1.0
    mirrored_low, mirrored_high = wilson(n - successes, n)
    assert (1 - mirrored_high, 1 - mirrored_low) == pytest.approx((low, high), abs=1e-12)


# Any table of the distribution, such as Abramowitz and Stegun, Table 26.10.
@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (10, 2.228), (29, 2.045), (30, 2.042),
     (40, 2.021), (60, 2.000), (120, 1.980)],
)  # fmt: skip
def test_quantile_of_student_has_the_tabulated_values(freedom: int, quantile: float) -> None:
    assert student_quantile(freedom) == pytest.approx(quantile, abs=6e-4)


def test_quantile_of_student_has_its_closed_forms() -> None:
    # t = tan(pi P/2) for one degree of freedom, P sqrt(2/(1 - P^2)) for two, with P = 0.95.
    assert student_quantile(1) == pytest.approx(math.tan(0.95 * math.pi / 2), rel=1e-12)
    assert student_quantile(2) == pytest.approx(0.95 * math.sqrt(2 / (1 - 0.95**2)), rel=1e-12)


def test_quantile_of_student_falls_without_a_step_to_that_of_the_normal_distribution() -> None:
    quantiles = [student_quantile(freedom) for freedom in range(1, NORMAL_FROM)]
    steps = [one - next_ for one, next_ in itertools.pairwise(quantiles)]
    assert all(step > 0 for step in steps)
    assert all(late < early for early, late in itertools.pairwise(steps))  # so the two methods join smoothly
    assert quantiles[-1] == pytest.approx(Z95, rel=0.01)
    assert student(0.0, 1.0, NORMAL_FROM) == (-Z95, Z95)


def test_interval_of_student_covers_the_mean_of_few_normal_values() -> None:
    # N = 4000 samples of 4 values, seed 5: the share that covers is 0.95 within 4 sigma = 0.0138. The normal
    # quantile would cover 0.855 of them.
    rng = random.Random(5)
    covered = 0
    for _ in range(4000):
        low, high = metric_of([rng.gauss(3.0, 2.0) for _ in range(4)]).ci95
        covered += low <= 3.0 <= high
    assert covered / 4000 == pytest.approx(0.95, abs=0.0138)


def test_bounded_interval_of_two_ends_is_the_scaled_wilson_interval() -> None:
    metric = metric_of([1.0] * 7 + [-0.5] * 3, (-0.5, 1.0))
    low, high = wilson(7, 10)
    assert metric.interval == "bounded"
    assert metric.mean == pytest.approx(0.55)
    assert metric.ci95 == pytest.approx((-0.5 + 1.5 * low, -0.5 + 1.5 * high))


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=40))
def test_bounded_interval_holds_the_mean_within_the_limits_and_has_a_width(values: list[float]) -> None:
    mean = statistics.fmean(values)
    low, high = bounded(mean, len(values), (-4.0, 4.0))
    assert -4.0 <= low <= mean + 1e-9 and mean - 1e-9 <= high <= 4.0
    assert high - low > 0.5


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_variance_within_limits_is_at_most_that_of_yes_and_no(values: list[float]) -> None:
    mean = statistics.fmean(values)
    assert statistics.pvariance(values) <= mean * (1 - mean) + 1e-9  # why the interval is conservative


@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_equal_values_of_a_bounded_metric_leave_room(value: float) -> None:
    low, high = metric_of([value] * 3, (-1.0, 1.0)).ci95
    assert high - low > 1.0


def test_kind_of_interval_does_not_depend_on_the_values_that_came() -> None:
    assert metric_of([1, 0, 1]).interval == "student"
    assert metric_of([1.0, 1.0, 0.0]).interval == "student"
    assert metric_of([True, False], (0.0, 1.0)).interval == "wilson"
    assert metric_of([True, 0.5], (0.0, 1.0)).interval == "bounded"


@pytest.mark.parametrize("values", [[2.5], [1], [3.28e6] * 5])
def test_without_a_spread_there_is_no_interval(values: list[float]) -> None:
    metric = metric_of(values)
    assert (metric.mean, metric.interval) == (values[0], "none")
    assert all(math.isnan(bound) for bound in metric.ci95)


def test_booleans_get_the_wilson_interval() -> None:
    metric = metric_of([True] * 8 + [False] * 2)
    assert metric.interval == "wilson"
    assert metric.mean == 0.8
    assert metric.n == 10
    assert metric.ci95 == wilson(8, 10)
    assert metric.stderr == pytest.approx(math.sqrt(0.8 * 0.2 / 10))


def test_other_numbers_get_the_interval_of_student() -> None:
    # 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squared deviations 32, so the error is sqrt(32/7/8) = 0.755929, and
    # t = 2.364624 for 7 degrees of freedom.
    metric = metric_of([2, 4, 4, 4, 5, 5, 7, 9])
    assert metric.interval == "student"
    assert metric.mean == pytest.approx(5.0)
    assert metric.stderr == pytest.approx(0.7559289, abs=1e-7)
    assert metric.ci95 == pytest.approx((5 - 2.364624 * 0.7559289, 5 + 2.364624 * 0.7559289), abs=1e-6)


def test_no_values_have_no_mean() -> None:
    metric = metric_of([])
    assert metric.n == 0
    assert math.isnan(metric.mean)


def test_expected_value_is_carried_along() -> None:
    tally = Tally()
    tally.add(True)
    assert tally.metric(0.9).expected == 0.9


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_tally_agrees_with_two_pass_statistics(values: list[float]) -> None:
    metric = metric_of(values)
    assert metric.mean == pytest.approx(statistics.fmean(values), abs=1e-6, rel=1e-9)
    if metric.interval == "student":
        spread = statistics.stdev(values)
        assert metric.stderr == pytest.approx(spread / math.sqrt(len(values)), abs=1e-6, rel=1e-6)


def test_tally_keeps_its_precision_on_a_large_offset() -> None:
    metric = metric_of([1e9 + value for value in (4, 7, 13, 16)])
    assert metric.stderr == pytest.approx(math.sqrt(30 / 4), rel=1e-9)
