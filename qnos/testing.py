"""A pytest plugin for people who write applications: the fixture `qnos_run`, and `assert_within`.

    from qnos.testing import assert_within

    def test_teleport_reaches_the_fidelity_of_theory(qnos_run):
        result = qnos_run("teleport", network="two_generic_werner", shots=2000)
        assert_within(result.metrics["fidelity"], 0.9333, sigmas=4)

pytest loads this module in every session, so it imports nothing but pytest until a test asks for a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from qnos.results import RunResult
    from qnos.statistics import Metric


@pytest.fixture
def qnos_run() -> Callable[..., RunResult]:
    """`qnos.run`, which here fails the test if a program fails, with that program's own traceback."""

    def run(*arguments: Any, **options: Any) -> RunResult:
        from qnos.api import failures, first_cause
        from qnos.api import run as run_now

        result: RunResult = run_now(*arguments, **options)
        if result.errors:
            pytest.fail(f"{failures(result)}\n{first_cause(result).traceback}", pytrace=False)
        return result

    return run


def assert_within(metric: Metric, expected: float | None = None, sigmas: float = 4.0) -> None:
    """Fail unless the mean is within `sigmas` standard errors of `expected` (default: what theory says).

    For a metric of yes and no the error is that of the *expected* probability p, sqrt(p(1-p)/n): where p is
    0 or 1 every shot must agree. For others it is the standard error that was measured; where all values
    were the same, but the metric has a declared range, the largest that its expected mean allows.
    """
    __tracebackhide__ = True
    target = metric.expected if expected is None else expected
    if target is None:
        raise ValueError("this metric has no expected value; pass one")
    if metric.n == 0:
        pytest.fail("the metric has no values")
    sigma = metric.stderr
    if metric.interval == "wilson":
        if not -1e-9 <= target <= 1 + 1e-9:  # rounding of a formula is no error
            raise ValueError(f"expected is {target}; a metric of yes and no has a mean from 0 to 1")
        target = min(max(target, 0.0), 1.0)
        sigma = math.sqrt(target * (1 - target) / metric.n)
    elif metric.limits is not None and not sigma > 0:
        low, high = metric.limits
        sigma = math.sqrt(max(high - target, 0.0) * max(target - low, 0.0) / metric.n)
    distance = abs(metric.mean - target)
    rounding = 1e-12 * max(1.0, abs(target))
    if not distance <= sigmas * sigma + rounding:
        pytest.fail(
            f"mean {metric.mean:.6g} of {metric.n} values is {distance:.3g} from {target:.6g}; "
            f"{sigmas:g} sigma are {sigmas * sigma:.3g}"
        )
