"""Packet generation attempts: exact where enumeration or a closed form says what is right."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnos.packets import (
    link_probability,
    scan_probability,
    slot_probability,
    slots_with_memory,
    slots_without_memory,
    stored_slot_probability,
)

probability = st.floats(0.001, 0.9)


def enumerated(k: int, q: float, window: int, n: int) -> float:
    """The scan statistic's tail by going through all outcomes of n trials."""
    total = 0.0
    for trials in itertools.product((0, 1), repeat=n):
        if any(sum(trials[i : i + window]) >= k for i in range(max(n - window, 0) + 1)):
            total += q ** sum(trials) * (1 - q) ** (n - sum(trials))
    return total


@pytest.mark.parametrize("n", [3, 4, 8, 12])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("q", [0.05, 0.3])
def test_scan_is_exact_up_to_one_window_and_at_two_and_three(k: int, q: float, n: int) -> None:
    assert scan_probability(k, q, 4, n) == pytest.approx(enumerated(k, q, 4, n), abs=1e-12)


def test_scan_between_windows_is_near_what_enumeration_gives() -> None:
    for n in (10, 14):
        assert scan_probability(3, 0.15, 5, n) == pytest.approx(enumerated(3, 0.15, 5, n), abs=5e-4)


@given(probability, st.floats(0.01, 0.99))
def test_first_pair_has_the_closed_form_of_the_geometric_distribution(p: float, p_packet: float) -> None:
    n = slots_without_memory(1, p, p_packet)
    assert 1 - (1 - p) ** n >= p_packet - 1e-12
    assert 1 - (1 - p) ** (n - 1) < p_packet + 1e-12
    assert abs(n - math.ceil(math.log(1 - p_packet) / math.log(1 - p))) <= 1  # equal but for rounding
    assert slots_with_memory(1, p, 7, p_packet) in (n - 1, n, n + 1)


@given(st.floats(0.05, 0.9), st.floats(0.05, 0.95), st.integers(2, 6))
def test_more_pairs_within_a_time_need_more_slots(p: float, p_packet: float, k: int) -> None:
    at_any_time = slots_without_memory(k, p, p_packet)
    assert slots_without_memory(k - 1, p, p_packet) <= at_any_time
    assert slots_with_memory(k, p, 10**6, p_packet) == at_any_time  # nothing expires
    assert slots_with_memory(k, p, 10, p_packet) >= at_any_time


def test_chain_without_swap_is_its_link() -> None:
    assert link_probability(0.001, 50) == pytest.approx(1 - 0.999**50)
    assert stored_slot_probability(0.001, 50, 0, 0.7, 9) == pytest.approx(link_probability(0.001, 50))
    assert slot_probability(0.001, 50, 0, 0.7) == pytest.approx(link_probability(0.001, 50))


def test_memory_helps_a_chain_and_a_longer_one_helps_more() -> None:
    rates = [stored_slot_probability(0.001, 50, 2, 0.95, lifetime) for lifetime in (1, 10, 100, 10**6)]
    assert rates == sorted(rates)
    assert slot_probability(0.001, 50, 2, 0.95) < rates[1]
    rate = -math.log(1 - link_probability(0.001, 50))  # of the exponential distribution with that tail
    slots = 1 / rate + 1 / (2 * rate) + 1 / (3 * rate) + 0.5  # till the last of three, half a slot to round
    assert rates[3] == pytest.approx(0.95**2 / slots, rel=1e-3)


def test_links_that_never_succeed_give_no_pair() -> None:
    assert stored_slot_probability(0, 50, 1, 0.95, 10) == 0
    assert stored_slot_probability(1, 50, 1, 0.95, 10) == pytest.approx(0.95)


def test_certain_success_takes_as_many_slots_as_pairs() -> None:
    assert slots_without_memory(5, 1, 0.9) == 5
    assert slots_with_memory(5, 1, 10, 0.9) == 5
    assert scan_probability(1, 1, 5, 0) == 0
    assert scan_probability(3, 1, 5, 20) == 1


@pytest.mark.parametrize(
    ("call", "arguments", "says"),
    [
        (slot_probability, (1.5, 50, 0, 0.9), "p_gen is 1.5; allowed: 0 to 1"),
        (slot_probability, (0.1, 0, 0, 0.9), "attempts is 0; allowed: an integer of at least 1"),
        (slot_probability, (0.1, 5, -1, 0.9), "swaps is -1"),
        (slot_probability, (0.1, 5, 1, -0.9), "p_swap is -0.9"),
        (stored_slot_probability, (0.1, 5, 1, 0.9, 0), "lifetime is 0"),
        (slots_without_memory, (0, 0.1, 0.5), "k is 0"),
        (slots_without_memory, (1, 0, 0.5), "per slot is 0; allowed: above 0, to 1"),
        (slots_without_memory, (1, 0.1, 1), "p_packet is 1; allowed: between 0 and 1"),
        (slots_with_memory, (5, 0.1, 4, 0.5), "k is 5; allowed: at most lifetime, 4"),
        (scan_probability, (2, 0.1, 0, 5), "window is 0"),
        (scan_probability, (2, 0.1, 4, -5), "n is -5"),
        (slots_without_memory, (3, 1e-300, 0.5), "more than 1099511627776 slots"),
    ],
)
def test_what_cannot_be_is_refused(call: Any, arguments: tuple[float, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call(*arguments)
