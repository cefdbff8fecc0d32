"""Angles in radians as rotations by n*pi/2^d."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnpu import WORST_ERROR, rotations_of
from qruntime.errors import ProgramError


def total(pairs: tuple[tuple[int, int], ...]) -> float:
    return sum(n * math.pi / 2**d for n, d in pairs)


@given(st.floats(-1e6, 1e6))
def test_any_angle_is_met_within_the_stated_error_by_at_most_two_rotations(angle: float) -> None:
    pairs = rotations_of(angle)
    assert len(pairs) <= 2
    assert all(0 < n <= 255 and 0 <= d <= 15 for n, d in pairs)
    # 1e-9: what a float of 1e6 rad keeps of an angle
    assert abs(math.remainder(total(pairs) - angle, 2 * math.pi)) <= WORST_ERROR + 1e-9


@given(st.integers(0, 255), st.integers(0, 7))
def test_exact_multiple_of_one_byte_is_one_rotation_with_the_smallest_exponent(n: int, d: int) -> None:
    pairs = rotations_of(n * math.pi / 2**d)
    if n % 2 ** (d + 1) == 0:
        assert pairs == ()
        return
    ((found_n, found_d),) = pairs
    assert found_n * 2**d == n % 2 ** (d + 1) * 2**found_d
    assert found_n % 2 or not found_d


def test_stated_error_is_reached_and_is_half_a_step() -> None:
    assert math.pi / 2**16 == WORST_ERROR < 4.8e-5
    step = math.pi / 2**15
    assert total(rotations_of(100.49 * step)) == pytest.approx(100 * step)
    assert total(rotations_of(100.51 * step)) == pytest.approx(101 * step)


@pytest.mark.parametrize("angle", [math.inf, -math.inf, math.nan])
def test_angle_that_is_no_number_is_refused(angle: float) -> None:
    with pytest.raises(ProgramError, match="a finite number of radians"):
        rotations_of(angle)
