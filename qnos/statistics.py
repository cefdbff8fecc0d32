"""Means with 95 % confidence intervals.

`Tally` takes the values of one metric, shot by shot, in constant memory; `metric()` is what they amount to.
Metrics that are yes or no (every value 0 or 1) get the Wilson score interval, which stays inside 0..1 and
is honest for few shots and for means near 0 or 1; others get the normal interval of the mean.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import msgspec

Z95: Final = 1.959963984540054  # the normal distribution's two-sided 95 % point


class Metric(msgspec.Struct, frozen=True):
    """A mean over shots.

    `ci95` is the interval that holds the true mean with 95 % confidence, `n` the number of shots that had a
    value, `stderr` the standard error of the mean, `expected` the value a theory gives, where one does.
    With `n` 0 the mean is NaN; with `n` below 2 the normal interval and error are NaN, for nothing is known
    of the spread.
    """

    mean: float
    ci95: tuple[float, float]
    n: int
    stderr: float
    interval: Literal["wilson", "normal"] = "normal"
    expected: float | None = None


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
        if value != 0 and value != 1:
            self._yes_or_no = False
        self._n = n = self._n + 1
        delta = value - self._mean
        self._mean += delta / n
        self._squares += delta * (value - self._mean)

    def metric(self, expected: float | None = None) -> Metric:
        """What the values amount to so far."""
        n, mean = self._n, self._mean
        if n == 0:
            return Metric(math.nan, (math.nan, math.nan), 0, math.nan, "normal", expected)
        if self._yes_or_no:
            successes = round(mean * n)
            share = successes / n
            error = math.sqrt(share * (1 - share) / n)
            return Metric(share, wilson(successes, n), n, error, "wilson", expected)
        error = math.sqrt(self._squares / (n - 1) / n) if n > 1 else math.nan
        return Metric(mean, normal(mean, error), n, error, "normal", expected)


def wilson(successes: int, n: int, z: float = Z95) -> tuple[float, float]:
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


def normal(mean: float, stderr: float, z: float = Z95) -> tuple[float, float]:
    """The interval mean -+ z stderr, by the central limit theorem; meant for some tens of values or
    more."""
    return mean - z * stderr, mean + z * stderr
