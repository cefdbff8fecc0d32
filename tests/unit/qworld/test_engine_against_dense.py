"""The engine and plain density matrices go through the same random histories and must agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qworld.bell import werner_tensor
from qworld.channels import (
    IdleNoise,
    amplitude_damping,
    dephasing,
    depolarising,
    joint_depolarising,
)
from qworld.engine import Engine, Qubit
from qworld.gates import GATES, ptm, unitary, unitary_to_ptm
from tests.unit.qworld import dense

MOST = 6
TOLERANCE = 1e-10
ONE_QUBIT = [name for name in GATES if unitary(name).shape == (2, 2)]
TWO_QUBIT = [name for name in GATES if unitary(name).shape == (4, 4)]
IDLES = [(900.0, 700.0), (400.0, 800.0), (5000.0, 60.0)]
READOUTS = [(0.0, 0.0), (0.05, 0.005), (0.0, 0.2), (0.3, 0.0), (1.0, 0.3), (0.4, 1.0)]


class Twins:
    """An engine and a dense matrix that are told the same things."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.dense = dense.Dense()
        self.qubits: dict[int, Qubit] = {}
        self.idles: dict[int, tuple[float, float]] = {}
        self.next_key = 0
        self.now_ns = 0

    def pick(self, which: int) -> int:
        keys = list(self.qubits)
        return keys[which % len(keys)]

    def register(self, qubit: Qubit, idle: tuple[float, float]) -> int:
        key = self.next_key
        self.next_key += 1
        self.qubits[key] = qubit
        self.idles[key] = idle
        return key

    def create(self, which: int) -> None:
        idle = IDLES[which % len(IDLES)]
        key = self.register(self.engine.create(self.now_ns, IdleNoise(*idle)), idle)
        self.dense.add([key], np.diag([1, 0]).astype(complex))

    def create_pair(self, which: int, x: float) -> None:
        idle_a, idle_b = IDLES[which % len(IDLES)], IDLES[(which + 1) % len(IDLES)]
        pair = self.engine.create_pair(
            werner_tensor(x, which % 4), self.now_ns, IdleNoise(*idle_a), IdleNoise(*idle_b)
        )
        keys = [self.register(pair[0], idle_a), self.register(pair[1], idle_b)]
        self.dense.add(keys, dense.werner(x, which % 4))

    def gate1(self, i: int, which: int) -> None:
        key, name = self.pick(i), ONE_QUBIT[which % len(ONE_QUBIT)]
        self.engine.apply1(self.qubits[key], ptm(name))
        self.dense.kraus([unitary(name)], [key])

    def rotation(self, i: int, which: int, x: float) -> None:
        key = self.pick(i)
        generator = (dense.SX, dense.SY, dense.SZ)[which % 3]
        matrix = dense.exponential(np.asarray(generator * (7.0 * x), dtype=complex))
        self.engine.apply1(self.qubits[key], unitary_to_ptm(matrix))
        self.dense.kraus([matrix], [key])

    def gate2(self, i: int, j: int, which: int) -> None:
        first, second = self.pick(i), self.pick(j)
        if first == second:
            return
        name = TWO_QUBIT[which % len(TWO_QUBIT)]
        self.engine.apply2(self.qubits[first], self.qubits[second], ptm(name))
        self.dense.kraus([unitary(name)], [first, second])

    def twist(self, i: int, j: int, x: float) -> None:
        """A two-qubit unitary without symmetry, so that exchanged operands show."""
        first, second = self.pick(i), self.pick(j)
        if first == second:
            return
        a = np.arange(16).reshape(4, 4) * (0.3 + x)
        matrix = dense.exponential(np.cos(a + a.T).astype(complex) + 1j * (np.sin(a) - np.sin(a).T))
        self.engine.apply2(self.qubits[first], self.qubits[second], unitary_to_ptm(matrix))
        self.dense.kraus([matrix], [first, second])

    def noise1(self, i: int, which: int, x: float) -> None:
        key = self.pick(i)
        channel, kraus = [
            (depolarising, dense.depolarising_kraus),
            (dephasing, dense.dephasing_kraus),
            (amplitude_damping, dense.damping_kraus),
        ][which % 3]
        self.engine.apply1(self.qubits[key], channel(x))
        self.dense.kraus(kraus(x), [key])

    def noise2(self, i: int, j: int, x: float) -> None:
        first, second = self.pick(i), self.pick(j)
        if first == second:
            return
        self.engine.apply2(self.qubits[first], self.qubits[second], joint_depolarising(x))
        self.dense.kraus(dense.joint_depolarising_kraus(x), [first, second])

    def idle(self, i: int, x: float) -> None:
        key = self.pick(i)
        qubit = self.qubits[key]
        self.now_ns += int(100 * x)
        waited = self.now_ns - qubit.t_ns
        self.engine.idle_until(qubit, self.now_ns)
        assert qubit.t_ns == self.now_ns
        self.dense.kraus(dense.idle_kraus(*self.idles[key], waited), [key])

    def touch(self, i: int, x: float) -> None:
        key = self.pick(i)
        self.now_ns += int(100 * x)
        self.engine.touch(self.qubits[key], self.now_ns)

    def reset(self, i: int) -> None:
        key = self.pick(i)
        self.engine.reset(self.qubits[key])
        self.dense.reset(key)

    def discard(self, i: int) -> None:
        key = self.pick(i)
        self.engine.discard(self.qubits.pop(key))
        self.dense.remove(key)

    def measure(self, i: int, which: int, x: float, kraus: bool) -> None:
        key = self.pick(i)
        e0, e1 = READOUTS[which % len(READOUTS)]
        errors = (e0, e1) if kraus else (0.0, 0.0)
        m0 = np.diag(np.sqrt([1 - errors[0], errors[1]])).astype(complex)
        m1 = np.diag(np.sqrt([errors[0], 1 - errors[1]])).astype(complex)
        p0 = self.dense.branch_probability(m0, key)
        outcome = 0 if x < p0 else 1
        # An outcome of next to no probability magnifies rounding on both sides: take the other one.
        if (1 - p0 if outcome else p0) < 1e-4 or abs(x - p0) < 1e-9:
            outcome = 0 if p0 > 0.5 else 1
            x = p0 / 2 if outcome == 0 else (1 + p0) / 2
        expected = outcome
        if not kraus:
            error = e1 if outcome else e0
            left_over = (x - p0) / (1 - p0) if outcome else x / p0
            if abs(left_over - error) < 1e-9:
                return
            expected = 1 - outcome if left_over < error else outcome
        assert self.engine.measure(self.qubits[key], x, e0, e1, kraus) == expected
        self.dense.take_branch(m1 if outcome else m0, key)

    def step(self, operation: str, i: int, j: int, which: int, x: float) -> None:
        if operation == "create":
            if len(self.qubits) < MOST:
                self.create(which)
            return
        if operation == "create_pair":
            if len(self.qubits) + 2 <= MOST:
                self.create_pair(which, x)
            return
        if not self.qubits:
            return
        match operation:
            case "gate1":
                self.gate1(i, which)
            case "rotation":
                self.rotation(i, which, x)
            case "gate2":
                self.gate2(i, j, which)
            case "twist":
                self.twist(i, j, x)
            case "noise1":
                self.noise1(i, which, x)
            case "noise2":
                self.noise2(i, j, x)
            case "idle":
                self.idle(i, x)
            case "touch":
                self.touch(i, x)
            case "reset":
                self.reset(i)
            case "discard":
                self.discard(i)
            case "measure_kraus":
                self.measure(i, which, x, True)
            case "measure_classical":
                self.measure(i, which, x, False)

    def check(self, turn: int = 0) -> None:
        """All qubits in an order that has nothing to do with the engine's, and each alone."""
        assert len(self.engine) == len(self.qubits)
        if not self.qubits:
            return
        keys = list(self.qubits)
        turn %= len(keys)
        keys = keys[turn:] + keys[:turn]
        found = self.engine.density_matrix([self.qubits[key] for key in keys])
        np.testing.assert_allclose(found, self.dense.reduced(keys), atol=TOLERANCE, rtol=0)
        for key in keys:
            one = self.dense.reduced([key])
            np.testing.assert_allclose(
                self.engine.density_matrix([self.qubits[key]]), one, atol=TOLERANCE, rtol=0
            )
            assert self.engine.probability_one(self.qubits[key]) == pytest.approx(
                one[1, 1].real, abs=TOLERANCE
            )


OPERATIONS = [
    "create",
    "create_pair",
    "gate1",
    "rotation",
    "gate2",
    "twist",
    "twist",
    "noise1",
    "noise2",
    "idle",
    "idle",
    "touch",
    "reset",
    "discard",
    "measure_kraus",
    "measure_classical",
]

STEPS = st.tuples(
    st.sampled_from(OPERATIONS),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 11),
    st.floats(0.0, 0.999),
)


@settings(max_examples=150, deadline=None)
@given(start=st.integers(1, MOST), steps=st.lists(STEPS, max_size=25), turn=st.integers(0, 5))
def test_any_history_of_up_to_six_qubits_equals_dense_matrices(
    start: int, steps: list[tuple[str, int, int, int, float]], turn: int
) -> None:
    twins = Twins()
    for which in range(start):
        twins.create(which)
    for step in steps:
        twins.step(*step)
    twins.check(turn)


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 12))])
def test_long_random_histories_equal_dense_matrices_after_every_step(seed: int) -> None:
    random = np.random.default_rng(seed)
    twins = Twins()
    for _ in range(120):
        operation = OPERATIONS[random.integers(len(OPERATIONS))]
        i, j, which = (int(number) for number in random.integers(0, 12, 3))
        twins.step(operation, i, j, which, float(random.random()))
        twins.check(which)


@pytest.mark.parametrize("size", range(2, MOST + 1))
@pytest.mark.parametrize("pending", ["none", "first", "second", "both"])
def test_gate_on_every_pair_of_axes_of_a_group_equals_dense(size: int, pending: str) -> None:
    for i in range(size):
        for j in range(size):
            if i == j:
                continue
            twins = Twins()
            for which in range(size):
                twins.create(which)
                twins.rotation(which, which, 0.1 + 0.13 * which)
            for k in range(1, size):
                twins.twist(k - 1, k, 0.2 * k)
            if pending in ("first", "both"):
                twins.rotation(i, 0, 0.37)
            if pending in ("second", "both"):
                twins.rotation(j, 1, 0.61)
            twins.twist(i, j, 0.5)
            twins.check(i)


@pytest.mark.parametrize(("left", "right"), [(1, 1), (1, 3), (3, 1), (2, 2), (3, 3), (2, 4), (4, 2)])
def test_merging_groups_of_any_sizes_through_any_axes_equals_dense(left: int, right: int) -> None:
    for i in range(left):
        for j in range(right):
            for waiting in (False, True):
                twins = Twins()
                for which in range(left + right):
                    twins.create(which)
                    twins.rotation(which, which, 0.1 + 0.13 * which)
                for k in [*range(1, left), *range(left + 1, left + right)]:
                    twins.twist(k - 1, k, 0.2 * k)
                if waiting:
                    twins.rotation(i, 2, 0.77)
                    twins.rotation(left + j, 0, 0.21)
                twins.twist(i, left + j, 0.5)
                twins.check(j)


@pytest.mark.parametrize("size", range(1, MOST + 1))
@pytest.mark.parametrize("action", ["measure0", "measure1", "weak0", "weak1", "reset", "discard"])
def test_every_axis_of_a_group_can_be_measured_reset_and_discarded(size: int, action: str) -> None:
    for i in range(size):
        for waiting in (False, True):
            twins = Twins()
            for which in range(size):
                twins.create(which)
                twins.rotation(which, which, 0.1 + 0.13 * which)
            for k in range(1, size):
                twins.twist(k - 1, k, 0.2 * k)
            if waiting:
                for k in range(size):
                    twins.rotation(k, k, 0.45)
            match action:
                case "measure0" | "measure1":
                    twins.measure(i, 0, 0.0 if action == "measure0" else 0.999, True)
                case "weak0" | "weak1":
                    twins.measure(i, 1, 0.0 if action == "weak0" else 0.999, True)
                case "reset":
                    twins.reset(i)
                case "discard":
                    twins.discard(i)
            twins.check(i)
