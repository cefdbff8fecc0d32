"""Unfolded readout against the inverse of the response, against published behaviour, and what it promises."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnos.unfolding import (
    covariance,
    deviation,
    expectation,
    one_qubit_fidelity,
    one_qubit_state,
    response,
    unfold,
)

ONE = response([(0.95, 0.995)])
TWO = response([(0.95, 0.995), (0.93, 0.99)])
CALIBRATION = [((9500, 500), (50, 9950))]

fidelity = st.floats(0.8, 1)


def test_response_of_one_qubit_has_what_is_read_in_its_columns() -> None:
    np.testing.assert_allclose(ONE, [[0.95, 0.005], [0.05, 0.995]], atol=1e-15)


def test_first_qubit_is_the_most_significant_bit() -> None:
    # |01> read as |11>: the first qubit wrong, the second right.
    assert TWO[0b11, 0b01] == pytest.approx(0.05 * 0.99)
    np.testing.assert_allclose(TWO.sum(axis=0), 1)


@given(
    counts=st.lists(st.integers(0, 5000), min_size=4, max_size=4).filter(any), f=st.tuples(*[fidelity] * 4)
)
def test_what_is_unfolded_is_a_distribution(counts: list[int], f: tuple[float, ...]) -> None:
    p = unfold(counts, response([f[:2], f[2:]])).probabilities
    assert (p >= 0).all()
    assert p.sum() == pytest.approx(1, abs=1e-12)


@given(
    weights=st.lists(st.floats(0.1, 1), min_size=4, max_size=4),
    f=st.tuples(*[fidelity] * 4),
    shots=st.integers(1, 100_000),
)
def test_the_inverse_is_found_where_it_is_a_distribution(
    weights: list[float], f: tuple[float, ...], shots: int
) -> None:
    true = np.array(weights) / sum(weights)
    matrix = response([f[:2], f[2:]])
    found = unfold(matrix @ true * shots, matrix, tolerance=0)
    np.testing.assert_allclose(found.probabilities, true, atol=1e-9)


@given(
    counts=st.lists(st.integers(0, 5000), min_size=4, max_size=4).filter(any), f=st.tuples(*[fidelity] * 4)
)
def test_order_of_the_qubits_does_not_matter(counts: list[int], f: tuple[float, ...]) -> None:
    exchanged = [0, 2, 1, 3]
    there = unfold(counts, response([f[:2], f[2:]]))
    back = unfold(np.array(counts)[exchanged], response([f[2:], f[:2]]))
    np.testing.assert_allclose(back.probabilities[exchanged], there.probabilities, atol=1e-9)


def test_perfect_readout_is_left_as_it_is() -> None:
    found = unfold([30, 0, 10, 60], np.eye(4))
    np.testing.assert_allclose(found.probabilities, [0.3, 0, 0.1, 0.6], atol=1e-15)
    assert found.steps == 2  # the second finds that nothing changes


def test_steps_end_at_their_limit() -> None:
    assert unfold([600, 400], ONE, most_steps=3).steps == 3
    assert unfold([600, 400], ONE, tolerance=1e9).steps == 1


@pytest.mark.parametrize(
    ("counts", "matrix", "tolerance", "steps", "says"),
    [
        ([1, 2, 3], ONE, 0.001, 9, r"shape \(3,\); allowed: one for each outcome"),
        ([[1, 2], [3, 4]], ONE, 0.001, 9, r"shape \(2, 2\)"),
        ([5], [[1]], 0.001, 9, r"shape \(1,\)"),
        ([1, -1], ONE, 0.001, 9, "allowed: numbers of at least 0"),
        ([0, 0], ONE, 0.001, 9, "not all 0"),
        ([1, math.nan], ONE, 0.001, 9, "at least 0"),
        ([1, 2], TWO, 0.001, 9, r"response has the shape \(4, 4\); allowed: \(2, 2\)"),
        ([1, 2], [[0.9, 0], [0, 1]], 0.001, 9, "no distribution"),
        ([1, 2], [[1.1, 0], [-0.1, 1]], 0.001, 9, "no distribution"),
        ([1, 2], ONE, -1, 9, "tolerance is -1"),
        ([1, 2], ONE, math.nan, 9, "tolerance is nan"),
        ([1, 2], ONE, 0.001, 0, "most_steps is 0"),
        ([0, 2], [[1, 1], [0, 0]], 0.001, 9, "some that the response can give"),
    ],
)
def test_what_cannot_be_is_refused(
    counts: Sequence[float], matrix: Sequence[Sequence[float]], tolerance: float, steps: int, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        unfold(counts, matrix, tolerance, steps)


def test_readout_fidelities_are_checked() -> None:
    with pytest.raises(ValueError, match=r"fidelities\[1\] is \(0.9, 1.5\); allowed"):
        response([(0.9, 0.9), (0.9, 1.5)])
    for qubits in (0, 11):
        with pytest.raises(ValueError, match=f"has {qubits} qubits; allowed: 1 to 10"):
            response([(1, 1)] * qubits)


# --- uncertainty -----------------------------------------------------------------------------------------


def test_uncertainty_of_a_perfect_readout_is_that_of_counting() -> None:
    """N = 50000 draws, seed 3: the error of a variance is 0.6 % of it, 4 sigma is 2.5 %."""
    much = 10**9
    found = covariance([300, 700], [((much, 0), (0, much))], [0.3, 0.7], np.random.default_rng(3), 50_000)
    assert found[0, 0] == pytest.approx(0.3 * 0.7 / 1000, rel=0.025)
    np.testing.assert_allclose(found, found[0, 0] * np.array([[1, -1], [-1, 1]]), atol=1e-9)


def test_uncertainty_of_two_qubits_with_one_calibrated_badly() -> None:
    """N = 20000 draws, seed 4: a qubit whose readout is hardly known makes the other no worse."""
    counts = [480, 110, 130, 480]
    p = unfold(counts, TWO).probabilities
    good, bad = ((9300, 700), (100, 9900)), ((9, 1), (0, 10))
    known = covariance(counts, [*CALIBRATION, good], p, np.random.default_rng(4), 20_000)
    guessed = covariance(counts, [*CALIBRATION, bad], p, np.random.default_rng(4), 20_000)
    first, second = np.array([1, 1, -1, -1]), np.array([1, -1, 1, -1])
    assert second @ guessed @ second > 2 * second @ known @ second
    assert first @ guessed @ first == pytest.approx(first @ known @ first, rel=0.1)


def test_uncertainty_is_below_what_repetition_scatters_by() -> None:
    """N = 3000 repetitions of 1000 shots, seed 7: a spread is known to 1.3 %, 4 sigma is 5 %.

    A property of the published method, which the documents tell users of.
    """
    rng = np.random.default_rng(7)
    p = unfold([600, 400], ONE).probabilities
    again = rng.multinomial(1000, ONE @ p, size=3000)
    scatter = np.std([unfold(counts, ONE).probabilities[0] for counts in again])
    assert scatter == pytest.approx(0.0164, rel=0.05)
    stated = covariance([600, 400], CALIBRATION, p, rng, 50_000)
    assert math.sqrt(stated[0, 0]) == pytest.approx(0.0143, rel=0.02)


def test_draws_in_parts_give_what_one_part_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """N = 20000 draws each, seeds 5 and 6: both are estimates of one number, 4 sigma is 5 %."""
    p = unfold([600, 400], ONE).probabilities
    whole = covariance([600, 400], CALIBRATION, p, np.random.default_rng(5), 20_000)
    monkeypatch.setattr("qnos.unfolding._DRAWN_ENTRIES", 4 * 333)
    parts = covariance([600, 400], CALIBRATION, p, np.random.default_rng(6), 20_000)
    np.testing.assert_allclose(parts, whole, rtol=0.057)


def test_same_generator_gives_the_same_uncertainty() -> None:
    first, second = (
        covariance([6, 4], CALIBRATION, [0.6, 0.4], np.random.default_rng(1), 100) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("calibration", "p", "draws", "says"),
    [
        ([], [0.6, 0.4], 10, "calibration has 0 qubits; allowed: 1"),
        (CALIBRATION * 2, [0.6, 0.4], 10, "calibration has 2 qubits; allowed: 1"),
        ([((1, 2), (-3, 4))], [0.6, 0.4], 10, r"calibration\[0\] is"),
        ([(1, 2)], [0.6, 0.4], 10, r"calibration\[0\] is"),
        (CALIBRATION, [0.6, 0.2, 0.2], 10, "allowed: 2 of at least 0"),
        (CALIBRATION, [0.6, -0.4], 10, "of at least 0"),
        (CALIBRATION, [0.6, 0.4], 1, "draws is 1; allowed: 2 or more"),
    ],
)
def test_wrong_calibration_is_refused(
    calibration: Sequence[tuple[Sequence[int], Sequence[int]]], p: list[float], draws: int, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        covariance([6, 4], calibration, p, np.random.default_rng(1), draws)


# --- what is made of probabilities ----------------------------------------------------------------------


def test_expectation_is_the_mean_of_the_product_of_outcomes() -> None:
    assert expectation([0.8, 0.2]) == pytest.approx(0.6)
    assert expectation([0.4, 0.1, 0.2, 0.3]) == pytest.approx(0.4)
    assert deviation([[0.01, -0.01], [-0.01, 0.01]]) == pytest.approx(0.2)


@given(st.floats(0, math.pi), st.floats(-math.pi, math.pi))
def test_state_is_that_with_the_expectation_values(theta: float, phi: float) -> None:
    x, y, z = math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)
    rho = one_qubit_state(x, y, z)
    assert np.trace(rho).real == pytest.approx(1)
    np.testing.assert_allclose(rho @ rho, rho, atol=1e-12)
    assert one_qubit_fidelity(x, y, z, theta, phi) == pytest.approx(1)
    assert one_qubit_fidelity(-x, -y, -z, theta, phi) == pytest.approx(0, abs=1e-12)
    assert one_qubit_fidelity(0, 0, 0, theta, phi) == pytest.approx(0.5)


def test_expectation_value_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"y is 1.2; allowed: -1 to 1"):
        one_qubit_state(0, 1.2, 0)
