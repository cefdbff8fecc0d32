"""What the engine promises beyond the right numbers: time, membership of groups, outcomes, refusals."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from qworld.bell import bell_tensor, fidelity_to_bell, werner_tensor
from qworld.channels import IdleNoise, depolarising
from qworld.engine import DiscardedQubit, Engine, EngineError, GroupTooLarge, Qubit, TimeError
from qworld.gates import IDENTITY, ptm, rotation_ptm

EXACT = 1e-13
NEARLY_ONE = 1.0 - 2.0**-53


def bell_pair(engine: Engine, k: int = 0) -> tuple[Qubit, Qubit]:
    return engine.create_pair(bell_tensor(k), 0, None, None)


def bloch(engine: Engine, q: Qubit) -> list[float]:
    return [float(component) for component in engine.pauli_tensor([q])[1:]]


# ---------------------------------------------------------------------------------------------------- making


def test_new_qubit_is_zero_at_its_time() -> None:
    engine = Engine()
    idle = IdleNoise(10.0, 10.0)
    q = engine.create(42, idle)
    assert (q.t_ns, q.idle) == (42, idle)
    np.testing.assert_array_equal(engine.density_matrix([q]), [[1, 0], [0, 0]])
    assert engine.probability_one(q) == 0.0


def test_pair_keeps_the_order_of_its_tensor_and_each_side_its_idle_noise() -> None:
    engine = Engine()
    # |0><0| x |+><+|
    tensor = np.outer([1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 0.0])
    left, right = IdleNoise(10.0, 10.0), IdleNoise(20.0, 20.0)
    a, b = engine.create_pair(tensor, 7, left, right)
    assert (a.t_ns, a.idle, b.t_ns, b.idle) == (7, left, 7, right)
    assert bloch(engine, a) == [0.0, 0.0, 1.0]
    assert bloch(engine, b) == [1.0, 0.0, 0.0]
    np.testing.assert_array_equal(engine.pauli_tensor([a, b]), tensor)
    np.testing.assert_array_equal(engine.pauli_tensor([b, a]), tensor.T)


def test_pair_is_independent_of_the_callers_array() -> None:
    engine = Engine()
    tensor = np.array(werner_tensor(0.9))
    pair = engine.create_pair(tensor, 0, None, None)
    tensor[:] = 0.0
    assert fidelity_to_bell(engine.pauli_tensor(pair)) == pytest.approx(0.9, abs=EXACT)


def test_pair_given_transposed_in_memory_is_read_by_index() -> None:
    engine = Engine()
    tensor = np.outer([1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 0.0])
    pair = engine.create_pair(np.asfortranarray(tensor), 0, None, None)
    np.testing.assert_array_equal(engine.pauli_tensor(pair), tensor)


@pytest.mark.parametrize("tensor", [np.ones(16), np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(4) * 0.99])
def test_pair_that_is_no_state_is_refused(tensor: np.ndarray) -> None:
    engine = Engine()
    with pytest.raises(ValueError, match="pair state has"):
        engine.create_pair(tensor, 0, None, None)
    assert len(engine) == 0


@pytest.mark.parametrize("max_group", [1, 13])
def test_group_limit_outside_its_range_is_refused(max_group: int) -> None:
    with pytest.raises(ValueError, match="allowed: 2 to 12"):
        Engine(max_group)


# ------------------------------------------------------------------------------------------------------ time


def test_waiting_adds_idle_noise_once_and_moves_the_clock() -> None:
    engine = Engine()
    q = engine.create(100, IdleNoise(1000.0, 1000.0))
    engine.apply1(q, ptm("x"))
    engine.idle_until(q, 600)
    assert q.t_ns == 600
    assert engine.probability_one(q) == pytest.approx(np.exp(-0.5), abs=EXACT)
    engine.idle_until(q, 600)
    assert engine.probability_one(q) == pytest.approx(np.exp(-0.5), abs=EXACT)


def test_touch_moves_the_clock_without_noise() -> None:
    engine = Engine()
    q = engine.create(0, IdleNoise(1000.0, 1000.0))
    engine.apply1(q, ptm("x"))
    engine.touch(q, 5000)
    assert q.t_ns == 5000
    assert engine.probability_one(q) == 1.0
    engine.idle_until(q, 6000)
    assert engine.probability_one(q) == pytest.approx(np.exp(-1.0), abs=EXACT)


def test_qubit_without_idle_noise_waits_unharmed() -> None:
    engine = Engine()
    a, _ = bell_pair(engine)
    engine.idle_until(a, 10**15)
    assert a.t_ns == 10**15
    assert a.pending is None


@pytest.mark.parametrize("move", [Engine.idle_until, Engine.touch])
def test_time_cannot_run_backwards(move: Callable[[Engine, Qubit, int], None]) -> None:
    engine = Engine()
    q = engine.create(1000, IdleNoise(10.0, 10.0))
    with pytest.raises(TimeError, match=r"1000 ns .* 999 ns") as caught:
        move(engine, q, 999)
    assert (caught.value.qubit_t_ns, caught.value.t_ns) == (1000, 999)
    assert q.t_ns == 1000
    assert isinstance(caught.value, EngineError)


# ---------------------------------------------------------------------------------------------------- groups


def test_group_above_the_limit_is_refused_unchanged_and_names_alternatives() -> None:
    engine = Engine(max_group=3)
    pairs = [bell_pair(engine), bell_pair(engine)]
    with pytest.raises(GroupTooLarge, match=r"4 qubits .* allowed: 3.*trajectories.*stabilizer") as caught:
        engine.apply2(pairs[0][1], pairs[1][0], ptm("cnot"))
    assert (caught.value.size, caught.value.max_group) == (4, 3)
    for pair in pairs:
        assert fidelity_to_bell(engine.pauli_tensor(pair)) == 1.0


def test_group_of_the_default_limit_works() -> None:
    engine = Engine()
    qubits = [engine.create(0) for _ in range(10)]
    engine.apply1(qubits[0], ptm("h"))
    for left, right in pairwise(qubits):
        engine.apply2(left, right, ptm("cnot"))
    ends = engine.pauli_tensor([qubits[0], qubits[9]])
    assert ends[3, 3] == pytest.approx(1.0, abs=EXACT)
    assert ends[1, 1] == pytest.approx(0.0, abs=EXACT)
    first = engine.measure(qubits[4], NEARLY_ONE)
    assert [engine.measure(q, 0.5) for q in qubits] == [first] * 10 == [1] * 10
    with pytest.raises(GroupTooLarge):
        extended = [engine.create(0) for _ in range(11)]
        for left, right in pairwise(extended):
            engine.apply2(left, right, ptm("cnot"))


def leave_by_measuring(engine: Engine, q: Qubit) -> None:
    engine.measure(q, 0.3)


def leave_by_faulty_classical_readout(engine: Engine, q: Qubit) -> None:
    engine.measure(q, 0.3, 0.1, 0.1, kraus=False)


def leave_by_kraus_of_rank_one(engine: Engine, q: Qubit) -> None:
    assert engine.measure(q, NEARLY_ONE, 0.0, 0.1) == 1


@pytest.mark.parametrize(
    "leave",
    [
        leave_by_measuring,
        leave_by_faulty_classical_readout,
        leave_by_kraus_of_rank_one,
        Engine.reset,
        Engine.discard,
    ],
)
def test_measured_reset_or_discarded_qubit_leaves_its_group_at_once(
    leave: Callable[[Engine, Qubit], None],
) -> None:
    engine = Engine(max_group=2)
    a, b = bell_pair(engine)
    leave(engine, a)
    # Two is the limit, so this works only if `a` is out.
    other = engine.create(0)
    engine.apply2(b, other, ptm("cnot"))
    assert abs(engine.pauli_tensor([b, other])[3, 3]) == pytest.approx(1.0, abs=EXACT)


@pytest.mark.parametrize("u", [0.0, NEARLY_ONE])
def test_weakly_measured_qubit_keeps_its_entanglement_and_its_group(u: float) -> None:
    engine = Engine(max_group=2)
    a, b = bell_pair(engine)
    engine.measure(a, u, 0.2, 0.1)
    kept = engine.pauli_tensor([a, b])
    assert abs(kept[1, 1]) > 0.5
    assert kept[3, 3] == pytest.approx(1.0, abs=EXACT)
    with pytest.raises(GroupTooLarge):
        engine.apply2(b, engine.create(0), ptm("cnot"))


def test_measured_qubit_stays_usable_in_its_outcome() -> None:
    engine = Engine()
    a, b = bell_pair(engine, 1)
    assert engine.measure(a, 0.75) == 1
    assert engine.probability_one(a) == 1.0
    assert engine.probability_one(b) == 0.0
    engine.apply2(a, b, ptm("cnot"))
    assert engine.measure(b, 0.5) == 1


def test_reset_of_half_a_pair_leaves_the_other_mixed() -> None:
    engine = Engine()
    a, b = bell_pair(engine)
    engine.apply1(a, ptm("h"))
    engine.touch(a, 50)
    engine.reset(a)
    assert a.t_ns == 50
    assert bloch(engine, a) == [0.0, 0.0, 1.0]
    assert bloch(engine, b) == [0.0, 0.0, 0.0]


def test_gate_on_one_qubit_twice_is_refused() -> None:
    engine = Engine()
    q = engine.create(0)
    with pytest.raises(ValueError, match="same qubit twice"):
        engine.apply2(q, q, ptm("cnot"))


def test_matrices_of_the_caller_are_never_changed() -> None:
    engine = Engine()
    gate = np.array(rotation_ptm("x", 3, 4))
    before = gate.copy()
    a, b = bell_pair(engine)
    engine.apply1(a, gate)
    engine.apply1(a, gate)
    engine.apply2(a, b, ptm("cnot"))
    engine.apply1(a, gate)
    engine.measure(a, 0.2)
    np.testing.assert_array_equal(gate, before)


# --------------------------------------------------------------------------------------------------- gone


USES: list[Callable[[Engine, Qubit], object]] = [
    lambda engine, q: engine.apply1(q, IDENTITY),
    lambda engine, q: engine.apply2(q, engine.create(0), ptm("cnot")),
    lambda engine, q: engine.apply2(engine.create(0), q, ptm("cnot")),
    lambda engine, q: engine.measure(q, 0.5),
    lambda engine, q: engine.measure(q, 0.5, 0.1, 0.1),
    lambda engine, q: engine.reset(q),
    lambda engine, q: engine.discard(q),
    lambda engine, q: engine.probability_one(q),
    lambda engine, q: engine.density_matrix([q]),
    lambda engine, q: engine.idle_until(q, 0),
    lambda engine, q: engine.idle_until(q, 10),
    lambda engine, q: engine.touch(q, 10),
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("idle", [None, IdleNoise(10.0, 10.0)])
@pytest.mark.parametrize("entangled", [False, True])
@pytest.mark.parametrize("cleared", [False, True])
def test_qubit_that_is_gone_cannot_be_used(
    use: Callable[[Engine, Qubit], object], idle: IdleNoise | None, entangled: bool, cleared: bool
) -> None:
    engine = Engine()
    if entangled:
        q, _ = engine.create_pair(bell_tensor(0), 0, idle, None)
        engine.apply1(q, ptm("h"))
    else:
        q = engine.create(0, idle)
    if cleared:
        engine.clear()
    else:
        engine.discard(q)
    with pytest.raises(DiscardedQubit, match="create a new one"):
        use(engine, q)


def test_number_of_qubits_follows_creation_discard_and_clear() -> None:
    engine = Engine()
    q = engine.create(0)
    a, _ = bell_pair(engine)
    assert len(engine) == 3
    engine.discard(a)
    engine.measure(q, 0.0)
    assert len(engine) == 2
    engine.clear()
    assert len(engine) == 0
    assert engine.measure(engine.create(0), 0.5) == 0


# ------------------------------------------------------------------------------------------------- outcomes


@pytest.mark.parametrize("entangled", [False, True])
@pytest.mark.parametrize(("e0", "e1"), [(0.0, 0.0), (0.05, 0.005), (0.3, 0.2)])
def test_outcome_is_zero_exactly_below_its_probability(entangled: bool, e0: float, e1: float) -> None:
    def outcome(u: float) -> int:
        engine = Engine()
        q = engine.create(0)
        engine.apply1(q, rotation_ptm("x", 3, 3))
        if entangled:
            engine.apply2(q, engine.create(0), ptm("cnot"))
        return engine.measure(q, u, e0, e1)

    p1 = np.sin(3 * np.pi / 16) ** 2
    p0_read = (1 - e0) * (1 - p1) + e1 * p1
    assert outcome(p0_read - 1e-12) == 0
    assert outcome(p0_read + 1e-12) == 1
    assert (outcome(0.0), outcome(NEARLY_ONE)) == (0, 1)


def test_certain_outcomes_hold_for_every_u() -> None:
    for u in (0.0, 0.5, NEARLY_ONE):
        engine = Engine()
        q = engine.create(0)
        assert engine.measure(q, u) == 0
        engine.apply1(q, ptm("x"))
        assert engine.measure(q, u) == 1


def test_classical_readout_flips_at_its_rates_and_leaves_the_state_alone() -> None:
    # u on a grid of N = 10000 midpoints instead of at random: frequencies are exact to 2/N.
    count, e0, e1 = 10_000, 0.07, 0.2
    p1 = np.sin(3 * np.pi / 16) ** 2
    ones = 0
    true_ones = 0
    for step in range(count):
        u = (step + 0.5) / count
        engine = Engine()
        q = engine.create(0)
        engine.apply1(q, rotation_ptm("x", 3, 3))
        ones += engine.measure(q, u, e0, e1, kraus=False)
        state = engine.probability_one(q)
        assert state in (0.0, 1.0)
        assert state == (0.0 if u < 1 - p1 else 1.0)
        true_ones += int(state)
    assert true_ones / count == pytest.approx(p1, abs=2 / count)
    assert ones / count == pytest.approx(e0 * (1 - p1) + (1 - e1) * p1, abs=2 / count)


def test_sampled_bell_pairs_agree_and_are_unbiased() -> None:
    # N = 4000, seed 11, tolerance 4 sigma of a fair coin: 4 * sqrt(0.25 / N) = 0.0316.
    count = 4000
    random = np.random.default_rng(11)
    engine = Engine()
    ones = 0
    for _ in range(count):
        a, b = bell_pair(engine)
        bit = engine.measure(a, random.random())
        assert engine.measure(b, random.random()) == bit
        ones += bit
        engine.clear()
    assert ones / count == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / count))


@pytest.mark.parametrize("u", [-0.1, 1.0, float("nan")])
def test_u_outside_its_range_is_refused(u: float) -> None:
    engine = Engine()
    with pytest.raises(ValueError, match="allowed: 0 or more and less than 1"):
        engine.measure(engine.create(0), u)


@pytest.mark.parametrize("kraus", [True, False])
@pytest.mark.parametrize(("e0", "e1"), [(-0.1, 0.0), (0.0, 1.1), (float("nan"), 0.0)])
def test_readout_error_outside_its_range_is_refused(e0: float, e1: float, kraus: bool) -> None:
    engine = Engine()
    with pytest.raises(ValueError, match="readout errors are"):
        engine.measure(engine.create(0), 0.5, e0, e1, kraus)


# -------------------------------------------------------------------------------------------------- hygiene


def test_trace_stays_one_over_thousands_of_operations() -> None:
    engine = Engine()
    random = np.random.default_rng(5)
    qubits = [engine.create(0) for _ in range(4)]
    for step in range(3000):
        i, j = (int(k) for k in random.choice(4, 2, replace=False))
        engine.apply1(qubits[i], rotation_ptm("y", step % 31, 4))
        engine.apply2(qubits[i], qubits[j], ptm("cnot"))
        if step % 7 == 0:
            engine.measure(qubits[j], random.random(), *((0.2, 0.1) if step % 2 else (0.0, 0.0)))
    state = engine.density_matrix(qubits)
    assert np.trace(state).real == pytest.approx(1.0, abs=1e-12)
    assert np.linalg.eigvalsh(state)[0] > -1e-12


@pytest.mark.parametrize("small", [1e-4, 1e-5, 1e-6, 1e-7])
@pytest.mark.parametrize("errors", [(0.0, 0.0), (0.0, 1e-15), (1e-15, 0.0)])
def test_state_after_a_very_unlikely_outcome_is_still_a_state(
    small: float, errors: tuple[float, float]
) -> None:
    engine = Engine()
    q = engine.create(0)
    partner = engine.create(0)
    # |1> with probability sin^2(small/2), between 1e-9 and 1e-15, then spread over the partner.
    c, s = np.cos(small), np.sin(small)
    engine.apply1(q, np.array([[1, 0, 0, 0], [0, c, 0, s], [0, 0, 1, 0], [0, -s, 0, c]]))
    engine.apply1(partner, rotation_ptm("y", 5, 4))
    engine.apply2(q, partner, ptm("cnot"))
    engine.apply1(partner, rotation_ptm("x", 3, 4))
    assert engine.measure(q, NEARLY_ONE, *errors) == 1
    state = engine.density_matrix([q, partner])
    assert np.trace(state).real == pytest.approx(1.0, abs=1e-12)
    assert np.linalg.eigvalsh(state)[0] > -1e-9
    for turn in range(16):
        engine.apply1(partner, rotation_ptm("yx"[turn % 2], 3, 4))
        assert 0.0 <= engine.probability_one(partner) <= 1.0


def test_a_matrix_that_makes_no_state_is_caught_at_the_next_measurement() -> None:
    engine = Engine()
    q = engine.create(0)
    engine.apply1(q, np.diag([1.0, 1.0, 1.0, 1.1]))
    with pytest.raises(AssertionError, match="not a quantum state"):
        engine.measure(q, 0.5)


# -------------------------------------------------------------------------------------------------- looking


def test_looking_disturbs_nothing() -> None:
    engine = Engine()
    a, b = bell_pair(engine)
    engine.apply1(a, rotation_ptm("x", 3, 4))
    engine.apply1(b, depolarising(0.1))
    first = engine.density_matrix([b, a])
    engine.pauli_tensor([a])[:] = 7.0
    engine.pauli_tensor([a, b])[:] = 7.0
    engine.probability_one(a)
    np.testing.assert_array_equal(engine.density_matrix([b, a]), first)


def test_looking_at_separate_groups_gives_their_product_in_the_order_named() -> None:
    engine = Engine()
    a, b = bell_pair(engine)
    lone = engine.create(0)
    engine.apply1(lone, ptm("h"))
    tensor = engine.pauli_tensor([b, lone, a])
    assert tensor.shape == (4, 4, 4)
    np.testing.assert_allclose(tensor[:, 0, :], bell_tensor(0), atol=EXACT)
    np.testing.assert_allclose(tensor[:, 1, :], bell_tensor(0), atol=EXACT)
    np.testing.assert_allclose(tensor[:, 3, :], 0.0, atol=EXACT)


def test_looking_at_nothing_twice_or_too_much_is_refused() -> None:
    engine = Engine(max_group=2)
    qubits = [engine.create(0) for _ in range(3)]
    with pytest.raises(ValueError, match="allowed: one or more, each once"):
        engine.density_matrix([])
    with pytest.raises(ValueError, match="allowed: one or more, each once"):
        engine.density_matrix([qubits[0], qubits[0]])
    with pytest.raises(GroupTooLarge):
        engine.density_matrix(qubits)
