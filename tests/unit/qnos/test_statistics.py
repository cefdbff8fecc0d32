"""Means and intervals against values worked out by hand."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnos.statistics import Z95, Metric, Tally, normal, wilson


def metric_of(values: Sequence[float]) -> Metric:
    tally = Tally()
    for value in values:
        tally.add(value)
    return tally.metric()


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


def test_normal_interval_is_symmetric_about_the_mean() -> None:
    assert normal(5.0, 0.5) == pytest.approx((5 - 0.5 * Z95, 5 + 0.5 * Z95))


def test_booleans_get_the_wilson_interval() -> None:
    metric = metric_of([True] * 8 + [False] * 2)
    assert metric.interval == "wilson"
    assert metric.mean == 0.8
    assert metric.n == 10
    assert metric.ci95 == wilson(8, 10)
    assert metric.stderr == pytest.approx(math.sqrt(0.8 * 0.2 / 10))


def test_other_numbers_get_the_normal_interval_of_the_mean() -> None:
    # 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squared deviations 32, so the error is sqrt(32/7/8) = 0.755929.
    metric = metric_of([2, 4, 4, 4, 5, 5, 7, 9])
    assert metric.interval == "normal"
    assert metric.mean == pytest.approx(5.0)
    assert metric.stderr == pytest.approx(0.7559289, abs=1e-7)
    assert metric.ci95 == pytest.approx((3.5184065, 6.4815935), abs=1e-6)


def test_one_value_that_is_no_yes_or_no_has_no_interval() -> None:
    metric = metric_of([2.5])
    assert metric.mean == 2.5
    assert all(math.isnan(bound) for bound in metric.ci95)


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
    if metric.interval == "normal":
        spread = statistics.stdev(values)
        assert metric.stderr == pytest.approx(spread / math.sqrt(len(values)), abs=1e-6, rel=1e-6)


def test_tally_keeps_its_precision_on_a_large_offset() -> None:
    metric = metric_of([1e9 + value for value in (4, 7, 13, 16)])
    assert metric.stderr == pytest.approx(math.sqrt(30 / 4), rel=1e-9)
