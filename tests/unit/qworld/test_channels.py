"""Noise channels against their Kraus operators, and the numbers they are defined by."""

import numpy as np
import pytest

from qworld import channels
from qworld.channels import (
    IdleNoise,
    amplitude_damping,
    dephasing,
    depolarising,
    joint_depolarising,
    readout_branch,
    readout_kraus,
    reported_bit,
)
from qworld.gates import IDENTITY, in_sequence, kraus_to_ptm, ptm, side_by_side
from tests.unit.qworld import dense

EXACT = 1e-14
PROBABILITIES = [0.0, 0.01, 0.3, 1.0]


@pytest.mark.parametrize("p", PROBABILITIES)
def test_channel_equals_its_kraus_operators(p: float) -> None:
    np.testing.assert_allclose(depolarising(p), kraus_to_ptm(dense.depolarising_kraus(p)), atol=EXACT)
    np.testing.assert_allclose(dephasing(p), kraus_to_ptm(dense.dephasing_kraus(p)), atol=EXACT)
    np.testing.assert_allclose(amplitude_damping(p), kraus_to_ptm(dense.damping_kraus(p)), atol=EXACT)
    np.testing.assert_allclose(
        joint_depolarising(p), kraus_to_ptm(dense.joint_depolarising_kraus(p)), atol=EXACT
    )


@pytest.mark.parametrize("channel", [depolarising, dephasing, amplitude_damping, joint_depolarising])
@pytest.mark.parametrize("p", [-0.01, 1.01, float("nan")])
def test_probability_outside_zero_to_one_is_refused(channel: object, p: float) -> None:
    assert callable(channel)
    with pytest.raises(ValueError, match="allowed: 0 to 1"):
        channel(p)


def test_depolarised_two_qubit_gate_has_the_process_fidelity_of_its_convention() -> None:
    p = 0.08
    both = side_by_side(depolarising(p), depolarising(p))
    # Process fidelity of a Pauli-diagonal channel: the mean of its diagonal.
    assert np.trace(both) / 16 == pytest.approx((1 - 3 * p / 4) ** 2, abs=EXACT)
    assert np.trace(joint_depolarising(p)) / 16 == pytest.approx(1 - 15 * p / 16, abs=EXACT)


# ------------------------------------------------------------------------------------------------- waiting


@pytest.mark.parametrize(("t1", "t2"), [(1000.0, 300.0), (500.0, 1000.0), (7.0, 2.0)])
@pytest.mark.parametrize("dt", [0, 1, 40, 5000])
def test_idle_noise_is_damping_then_dephasing(t1: float, t2: float, dt: int) -> None:
    expected = kraus_to_ptm(dense.idle_kraus(t1, t2, dt))
    np.testing.assert_allclose(IdleNoise(t1, t2).ptm(dt), expected, atol=EXACT)


def test_waiting_twice_is_waiting_the_sum() -> None:
    idle = IdleNoise(1000.0, 300.0)
    np.testing.assert_allclose(in_sequence(idle.ptm(70), idle.ptm(430)), idle.ptm(500), atol=EXACT)
    np.testing.assert_allclose(in_sequence(idle.ptm(430), idle.ptm(70)), idle.ptm(500), atol=EXACT)


@pytest.mark.parametrize("off", [0, 0.0, float("inf")])
def test_time_of_zero_or_infinity_switches_that_process_off(off: float) -> None:
    np.testing.assert_array_equal(IdleNoise(off, off).ptm(10**12), IDENTITY)
    np.testing.assert_allclose(
        IdleNoise(off, 300.0).ptm(100), dephasing((1 - np.exp(-1 / 3)) / 2), atol=EXACT
    )
    np.testing.assert_allclose(
        IdleNoise(1000.0, off).ptm(100), amplitude_damping(1 - np.exp(-0.1)), atol=EXACT
    )


def test_survival_and_coherence_are_the_entries_of_the_matrix() -> None:
    idle = IdleNoise(1000.0, 300.0)
    matrix = idle.ptm(150)
    assert matrix[3, 3] == pytest.approx(idle.survival(150), abs=EXACT)
    assert matrix[1, 1] == matrix[2, 2] == idle.coherence(150) == pytest.approx(np.exp(-0.5), abs=EXACT)


def test_relaxation_of_a_nanosecond_in_hours_is_not_lost_to_rounding() -> None:
    lost = IdleNoise(3.6e12, 0).ptm(1)[3, 0]
    assert lost == pytest.approx(1 / 3.6e12, rel=1e-9, abs=0)


@pytest.mark.parametrize(("t1", "t2"), [(100.0, 201.0), (1.0, 1e9)])
def test_t2_above_twice_t1_is_refused(t1: float, t2: float) -> None:
    with pytest.raises(ValueError, match="allowed: T2 at most 2 T1"):
        IdleNoise(t1, t2)


def test_t2_of_twice_t1_is_allowed_and_is_pure_relaxation() -> None:
    np.testing.assert_allclose(
        IdleNoise(100.0, 200.0).ptm(30), amplitude_damping(1 - np.exp(-0.3)), atol=EXACT
    )
    IdleNoise(0.1 + 0.2, 0.6)  # 0.6 and 2 * 0.30000000000000004 differ in the last digit, either way round
    IdleNoise(0.3, 2 * (0.1 + 0.2))


@pytest.mark.parametrize(("t1", "t2"), [(-1.0, 1.0), (1.0, -1.0), (float("nan"), 1.0), (1.0, float("nan"))])
def test_negative_time_constant_is_refused(t1: float, t2: float) -> None:
    with pytest.raises(ValueError, match="allowed: 0 or more"):
        IdleNoise(t1, t2)
    with pytest.raises(ValueError, match="depolarising time is -1"):
        IdleNoise(1.0, 1.0, -1.0)


def test_depolarising_memory_alone_is_the_depolarising_channel() -> None:
    idle = IdleNoise(0, 0, 400.0)
    np.testing.assert_allclose(idle.ptm(100), depolarising(1 - np.exp(-0.25)), atol=EXACT)
    np.testing.assert_array_equal(IdleNoise(0, 0, float("inf")).ptm(10**12), IDENTITY)


@pytest.mark.parametrize(("t1", "t2"), [(1e9, 3e8), (5e8, 1e9), (0, 3e8), (1e9, 0)])
def test_depolarising_acts_together_with_damping_and_dephasing(t1: float, t2: float) -> None:
    """Against the three in turn for 1e-5 of the time each, where their order matters no more."""
    slice_ns, slices = 1000, 100_000
    turn = in_sequence(IdleNoise(t1, t2).ptm(slice_ns), IdleNoise(0, 0, 4e8).ptm(slice_ns))
    together = IdleNoise(t1, t2, 4e8).ptm(slice_ns * slices)
    np.testing.assert_allclose(together, np.linalg.matrix_power(turn, slices), atol=1e-6)


def test_waiting_twice_is_waiting_the_sum_with_depolarising_too() -> None:
    idle = IdleNoise(1000.0, 300.0, 700.0)
    np.testing.assert_allclose(in_sequence(idle.ptm(70), idle.ptm(430)), idle.ptm(500), atol=EXACT)
    matrix = idle.ptm(150)
    assert matrix[3, 3] == pytest.approx(idle.survival(150), abs=EXACT)
    assert matrix[1, 1] == matrix[2, 2] == idle.coherence(150)


def test_idle_noise_shows_its_time_constants() -> None:
    assert repr(IdleNoise(100.0, 50.0, 7.0)) == "IdleNoise(t1_ns=100.0, t2_ns=50.0, depolarise_ns=7.0)"


def test_negative_waiting_time_is_refused() -> None:
    with pytest.raises(ValueError, match="-5 ns"):
        IdleNoise(100.0, 100.0).ptm(-5)


def test_idle_noise_remembers_matrices_but_not_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "IDLE_CACHE_SIZE", 4)
    idle = IdleNoise(1000.0, 300.0)
    first = idle.ptm(1)
    assert idle.ptm(1) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 2.0
    for dt in range(20):
        np.testing.assert_allclose(idle.ptm(dt), IdleNoise(1000.0, 300.0).ptm(dt), atol=0)
        assert len(idle._by_dt_ns) <= 4


# ------------------------------------------------------------------------------------------------- readout


@pytest.mark.parametrize(("e0", "e1"), [(0.0, 0.0), (0.05, 0.005), (0.3, 0.0), (0.0, 1.0)])
def test_readout_kraus_matrices_are_complete_and_give_the_errors(e0: float, e1: float) -> None:
    zero, one = readout_kraus(e0, e1)
    total = zero.conj().T @ zero + one.conj().T @ one
    np.testing.assert_allclose(total, np.eye(2), atol=EXACT)
    assert abs(one[0, 0]) ** 2 == pytest.approx(e0, abs=EXACT)
    assert abs(zero[1, 1]) ** 2 == pytest.approx(e1, abs=EXACT)
    np.testing.assert_allclose(readout_branch(0, e0, e1), kraus_to_ptm([zero]), atol=EXACT)
    np.testing.assert_allclose(readout_branch(1, e0, e1), kraus_to_ptm([one]), atol=EXACT)


def test_readout_branches_sum_to_dephasing() -> None:
    total = readout_branch(0, 0.0, 0.0) + readout_branch(1, 0.0, 0.0)
    np.testing.assert_allclose(total, dephasing(0.5), atol=EXACT)


def test_reported_bit_flips_below_the_error_of_its_outcome() -> None:
    assert [reported_bit(0, u, 0.25, 0.5) for u in (0.0, 0.2499, 0.25, 0.9)] == [1, 1, 0, 0]
    assert [reported_bit(1, u, 0.25, 0.5) for u in (0.0, 0.4999, 0.5, 0.9)] == [0, 0, 1, 1]
    assert [reported_bit(bit, 0.0, 0.0, 0.0) for bit in (0, 1)] == [0, 1]


def test_readout_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"e0 is 1\.5"):
        readout_kraus(1.5, 0.0)
    with pytest.raises(ValueError, match=r"e1 is -0\.1"):
        readout_branch(0, 0.0, -0.1)
    with pytest.raises(ValueError, match="outcome is 2"):
        readout_branch(2, 0.0, 0.0)


def test_channel_matrices_are_cached_and_read_only() -> None:
    assert depolarising(0.125) is depolarising(0.125)
    assert not ptm("x").flags.writeable
    for matrix in (depolarising(0.1), dephasing(0.1), amplitude_damping(0.1), joint_depolarising(0.1)):
        assert not matrix.flags.writeable
        assert matrix.dtype == np.float64
        assert matrix.flags.c_contiguous
