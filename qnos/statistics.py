"""Means with 95 % confidence intervals.

`Tally` takes the values of one metric, shot by shot, in constant memory; `metric(expected, limits)` is what
they amount to. The interval depends on what the metric is, never on which values happened to come:

wilson    every value is a `bool`: the Wilson score interval of a probability
bounded   the application declares a range of one shot's values: the Wilson interval on the mean scaled to it
student   any other numbers: mean -+ t stderr, with the quantile of Student's distribution
none      nothing is known of the spread: fewer than two values, or all the same
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, Literal

import msgspec

Z95: Final = 1.959963984540054  # the normal distribution's two-sided 95 % point
NORMAL_FROM: Final = 200  # values, from which on Student's quantile is taken for the normal one
_SERIES_BELOW: Final = 30  # degrees of freedom, below which the expansion of the quantile is not used

Limits = tuple[float, float]


class Metric(msgspec.Struct, frozen=True):
    """A mean over shots.

    `ci95` is the interval that holds the true mean with 95 % confidence (NaN, NaN if `interval` is "none"),
    `n` the number of shots that had a value, `stderr` the standard error of the mean, `expected` the value a
    theory gives, where one does, `limits` the range that the application declares for the value of one shot.
    Without values the mean is NaN, with fewer than two the error of all but yes-or-no metrics is.
    """

    mean: float
    ci95: tuple[float, float]
    n: int
    stderr: float
    interval: Literal["wilson", "bounded", "student", "none"] = "none"
    expected: float | None = None
    limits: Limits | None = None


_UNKNOWN: Final = (math.nan, math.nan)


class Tally:
    """Count, mean and spread of a stream of numbers, by Welford's recurrence (Technometrics 4, 419,
    1962)."""

    __slots__ = ("_mean", "_n", "_squares", "_yes_or_no")

    def __init__(self) -> None:
        self._n = 0
        self._mean = 0.0
        self._squares = 0.0  # sum of squared deviations from the mean
        self._yes_or_no = True

    def add(self, value: float) -> None:
        """Take one value: a bool or any real number."""
        if value is not True and value is not False:
            self._yes_or_no = False
        self._n = n = self._n + 1
        delta = value - self._mean
        self._mean += delta / n
        self._squares += delta * (value - self._mean)

    def metric(self, expected: float | None = None, limits: Limits | None = None) -> Metric:
        """What the values amount to so far; `limits` is the declared range of one value."""
        n, mean = self._n, self._mean
        if n == 0:
            return Metric(math.nan, _UNKNOWN, 0, math.nan, "none", expected, limits)
        if self._yes_or_no:
            successes = round(mean * n)
            share = successes / n
            error = math.sqrt(share * (1 - share) / n)
            return Metric(share, wilson(successes, n), n, error, "wilson", expected, limits)
        error = math.sqrt(self._squares / (n - 1) / n) if n > 1 else math.nan
        if limits is not None:
            return Metric(mean, bounded(mean, n, limits), n, error, "bounded", expected, limits)
        if n < 2 or error == 0:
            return Metric(mean, _UNKNOWN, n, error, "none", expected)
        return Metric(mean, student(mean, error, n), n, error, "student", expected)


def wilson(successes: float, n: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a probability after `successes` in `n` trials.

    With p = successes/n: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n); E. B. Wilson, J. Am.
    Stat. Assoc. 22, 209 (1927). `ValueError` unless 0 <= successes <= n and n >= 1.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials; allowed: 0 to n successes, n of at least 1")
    share = successes / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == n else (centre + spread) / scale
    return low, high


def bounded(mean: float, n: int, limits: Limits, z: float = Z95) -> tuple[float, float]:
    """An interval for the mean of `n` values of which each lies within `limits`.

    Scaled to 0..1, values with the mean p have a variance of at most p(1-p), which is that of yes and no
    (v^2 <= v for v in 0..1, so <v^2> - p^2 <= p - p^2). The Wilson interval assumes just that variance: it
    is conservative for all others, stays within the limits, and has a width even if all values are the same.
    """
    low, high = limits
    share = min(max((mean - low) / (high - low), 0.0), 1.0)  # rounding of the mean of values at an end
    first, last = wilson(share * n, n, z)
    return low + first * (high - low), low + last * (high - low)


def student(mean: float, stderr: float, n: int) -> tuple[float, float]:
    """The interval mean -+ t stderr of `n` >= 2 values ("Student", Biometrika 6, 1, 1908): exact for values
    that are normally distributed, and by the central limit theorem good for others from some tens on."""
    half = (Z95 if n >= NORMAL_FROM else student_quantile(n - 1)) * stderr
    return mean - half, mean + half


@lru_cache(NORMAL_FROM)
def student_quantile(freedom: int) -> float:
    """The two-sided 95 % point of Student's t distribution with `freedom` >= 1 degrees of freedom.

    For few degrees the finite series of the distribution, inverted by bisection (Abramowitz and Stegun 26.7.3
    and 26.7.4); from 30 on the expansion in 1/freedom about the normal quantile (26.7.5), there good to 1e-6.
    """
    if freedom >= _SERIES_BELOW:
        return _expanded(freedom)
    low, high = 0.0, 16.0  # the point of one degree of freedom is 12.7
    for _ in range(60):  # halvings bring the ends together to the last digit
        middle = (low + high) / 2
        if _within(middle, freedom) < 0.95:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """Probability that Student's variable lies within -t..t (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2
    term = total = cosine if odd else 1.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    if not odd:
        return sine * total
    return 2 / math.pi * (angle + (sine * total if freedom > 1 else 0.0))


def _expanded(freedom: int) -> float:
    """The expansion 26.7.5 of Abramowitz and Stegun, about the normal quantile."""
    x = Z95
    terms = (
        x,
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))
