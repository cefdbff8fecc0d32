"""Physics: known closed forms, each computed by running the protocol on the engine.

Averages over measurement outcomes are exact: a protocol is run once for every pattern of outcomes, and each
run is weighted with the probability of its pattern. Nothing here is sampled.
"""

from collections.abc import Callable, Sequence
from itertools import product
from math import exp, log, log2, pi, sin, sqrt

import numpy as np
import pytest

from qworld.bell import (
    CORRECTION_TO_PHI_PLUS,
    bell_diagonal_tensor,
    bell_tensor,
    fidelity_to_bell,
    werner_tensor,
)
from qworld.channels import IdleNoise, dephasing, depolarising
from qworld.engine import Engine, Qubit
from qworld.gates import Ptm, ptm, rotation, rotation_ptm, unitary_to_ptm

SECOND = 1_000_000_000
EXACT = 1e-12
CHECK = 6e-9  # check values are given to eight digits


class Impossible(Exception):
    """A prescribed outcome has no probability; the run counts for nothing."""


class Run:
    """One run of a protocol in which the outcomes are prescribed and their probability is recorded."""

    def __init__(self, outcomes: Sequence[int]) -> None:
        self.engine = Engine()
        self.weight = 1.0
        self._outcomes = iter(outcomes)

    def measure(self, q: Qubit, e0: float = 0.0, e1: float = 0.0) -> int:
        outcome = next(self._outcomes)
        p1 = self.engine.probability_one(q)
        p1_read = e0 * (1 - p1) + (1 - e1) * p1
        probability = p1_read if outcome else 1 - p1_read
        if probability < 1e-13:
            raise Impossible
        self.weight *= probability
        assert self.engine.measure(q, 1.0 - 2.0**-53 if outcome else 0.0, e0, e1) == outcome
        return outcome

    def pair(self, tensor: Ptm) -> tuple[Qubit, Qubit]:
        return self.engine.create_pair(tensor, 0, None, None)

    def gate(self, q: Qubit, name: str) -> None:
        self.engine.apply1(q, ptm(name))

    def turn(self, q: Qubit, axis: str, theta: float) -> None:
        self.engine.apply1(q, unitary_to_ptm(rotation(axis, theta)))

    def gates(self, a: Qubit, b: Qubit, name: str) -> None:
        self.engine.apply2(a, b, ptm(name))


def average(protocol: Callable[[Run], float | Sequence[float]], measurements: int) -> np.ndarray:
    """The mean of what ``protocol`` returns over all patterns of outcomes."""
    total = np.zeros(())
    weight = 0.0
    for outcomes in product((0, 1), repeat=measurements):
        run = Run(outcomes)
        try:
            value = np.asarray(protocol(run), dtype=float)
        except Impossible:
            continue
        total = total + run.weight * value
        weight += run.weight
    assert weight == pytest.approx(1.0, abs=EXACT)
    return total


def werner_w(fidelity: float) -> float:
    return (4 * fidelity - 1) / 3


def entropy(e: float) -> float:
    return -e * log2(e) - (1 - e) * log2(1 - e)


# -------------------------------------------------------------------------------------------------- memory


def test_excited_state_decays_with_t1() -> None:
    engine = Engine()
    q = engine.create(0, IdleNoise(SECOND, 0))
    engine.apply1(q, ptm("x"))
    engine.idle_until(q, SECOND // 10)
    assert engine.probability_one(q) == pytest.approx(0.90483742, abs=CHECK)


@pytest.mark.parametrize("t1_ns", [0, SECOND])
def test_superposition_decays_with_t2_whatever_t1(t1_ns: int) -> None:
    engine = Engine()
    q = engine.create(0, IdleNoise(t1_ns, 0.3 * SECOND))
    engine.apply1(q, ptm("h"))
    engine.idle_until(q, SECOND // 10)
    plus = np.array([1, 1]) / sqrt(2)
    assert (plus @ engine.density_matrix([q]) @ plus).real == pytest.approx(0.85826566, abs=CHECK)


def stored(tensor: Ptm, a: tuple[float, float, float], b: tuple[float, float, float]) -> Ptm:
    """Both halves kept for their own time: (T1, T2, t) in seconds for each side; 0 switches off."""
    engine = Engine()
    qubits = engine.create_pair(
        tensor, 0, IdleNoise(a[0] * SECOND, a[1] * SECOND), IdleNoise(b[0] * SECOND, b[1] * SECOND)
    )
    for q, (_, _, t) in zip(qubits, (a, b), strict=True):
        engine.idle_until(q, round(t * SECOND))
    return engine.pauli_tensor(qubits)


SIDE = (1.0, 0.3, 0.1)


def test_stored_pairs_have_their_check_values() -> None:
    assert fidelity_to_bell(stored(bell_tensor(0), SIDE, SIDE), 0) == pytest.approx(0.71365523, abs=CHECK)
    assert fidelity_to_bell(stored(bell_tensor(1), SIDE, SIDE), 1) == pytest.approx(0.70912727, abs=CHECK)
    assert fidelity_to_bell(stored(werner_tensor(0.9), SIDE, SIDE)) == pytest.approx(0.65213639, abs=CHECK)


@pytest.mark.parametrize("fidelity", [1.0, 0.9, 0.4])
@pytest.mark.parametrize(
    ("a", "b"), [(SIDE, SIDE), ((0.7, 0.2, 0.05), (3.0, 1.4, 0.6)), ((0.5, 1.0, 0.3), (2.0, 0.1, 0.0))]
)
def test_stored_werner_pair_follows_its_closed_form(
    fidelity: float, a: tuple[float, float, float], b: tuple[float, float, float]
) -> None:
    w = werner_w(fidelity)
    alive_a, alive_b = exp(-a[2] / a[0]), exp(-b[2] / b[0])
    lost_a, lost_b = 1 - alive_a, 1 - alive_b
    coherence = exp(-a[2] / a[1] - b[2] / b[1])
    correlated = w / 4 * (alive_a * alive_b + 2 * coherence)
    phi = (1 + lost_a * lost_b) / 4 + correlated
    psi = (1 - lost_a * lost_b) / 4 + correlated
    for k, expected in enumerate((phi, psi, psi, phi)):
        found = fidelity_to_bell(stored(werner_tensor(fidelity, k), a, b), k)
        assert found == pytest.approx(expected, abs=EXACT)


def test_stored_pure_pairs_follow_their_closed_forms() -> None:
    a, b = (0.7, 0.2, 0.05), (3.0, 1.4, 0.6)
    alive_a, alive_b = exp(-a[2] / a[0]), exp(-b[2] / b[0])
    coherence = exp(-a[2] / a[1] - b[2] / b[1])
    phi = (1 + (1 - alive_a) * (1 - alive_b) + alive_a * alive_b + 2 * coherence) / 4
    psi = (alive_a + alive_b + 2 * coherence) / 4
    assert fidelity_to_bell(stored(bell_tensor(0), a, b), 0) == pytest.approx(phi, abs=EXACT)
    assert fidelity_to_bell(stored(bell_tensor(2), a, b), 2) == pytest.approx(psi, abs=EXACT)


def test_werner_pair_without_relaxation_keeps_its_correlated_part() -> None:
    w = werner_w(0.8)
    coherence = exp(-0.05 / 0.2 - 0.6 / 1.4)
    for k in range(4):
        found = fidelity_to_bell(stored(werner_tensor(0.8, k), (0, 0.2, 0.05), (0, 1.4, 0.6)), k)
        assert found == pytest.approx(0.25 + w * (0.25 + coherence / 2), abs=EXACT)


def test_depolarising_memory_shrinks_the_werner_parameter() -> None:
    engine = Engine()
    a, b = engine.create_pair(werner_tensor(0.9), 0, None, None)
    engine.apply1(a, depolarising(1 - exp(-0.3)))
    engine.apply1(b, depolarising(1 - exp(-0.2)))
    w = werner_w(0.9) * exp(-0.5)
    np.testing.assert_allclose(engine.pauli_tensor([a, b]), werner_tensor((3 * w + 1) / 4), atol=EXACT)


@pytest.mark.parametrize("k", range(4))
def test_depolarising_bell_pairs_follows_the_fidelity_conventions(k: int) -> None:
    p, q = 0.1, 0.03
    one_side = Run(())
    pair = one_side.pair(bell_tensor(k))
    one_side.engine.apply1(pair[0], depolarising(p))
    found = fidelity_to_bell(one_side.engine.pauli_tensor(pair), k)
    assert found == pytest.approx(1 - 3 * p / 4, abs=EXACT)
    one_side.engine.apply1(pair[1], depolarising(q))
    found = fidelity_to_bell(one_side.engine.pauli_tensor(pair), k)
    assert found == pytest.approx(0.25 + 0.75 * (1 - p) * (1 - q), abs=EXACT)


# ------------------------------------------------------------------------------------------- teleportation

CARDINAL = [(0.0, 0.0), (pi, 0.0), (pi / 2, 0.0), (pi / 2, pi), (pi / 2, pi / 2), (pi / 2, 3 * pi / 2)]
RANDOM = [(float(a), float(b)) for a, b in np.random.default_rng(2).uniform(0, pi, (10, 2))]


def teleported_fidelity(pair: Ptm, polar: float, azimuth: float, e_z: float = 0.0, e_x: float = 0.0) -> float:
    """Mean fidelity of teleporting a pure state given by its angles; the two bits flip with e_z and e_x."""
    wanted = np.array([np.cos(polar / 2), np.exp(1j * azimuth) * np.sin(polar / 2)])

    def protocol(run: Run) -> float:
        source = run.engine.create(0)
        run.turn(source, "y", polar)
        run.turn(source, "z", azimuth)
        sender, receiver = run.pair(pair)
        run.gates(source, sender, "cnot")
        run.gate(source, "h")
        # Equal errors for both outcomes are a flip of the bit; a measured qubit is not looked at again.
        if run.measure(sender, e_x, e_x):
            run.gate(receiver, "x")
        if run.measure(source, e_z, e_z):
            run.gate(receiver, "z")
        return float((wanted.conj() @ run.engine.density_matrix([receiver]) @ wanted).real)

    return float(average(protocol, 2))


@pytest.mark.parametrize(("polar", "azimuth"), CARDINAL + RANDOM)
def test_teleporting_any_state_through_a_werner_pair_has_the_same_fidelity(
    polar: float, azimuth: float
) -> None:
    pair = werner_tensor(0.8)
    assert teleported_fidelity(pair, polar, azimuth) == pytest.approx(0.86666667, abs=CHECK)


def test_teleporting_through_a_bell_diagonal_pair_averages_to_two_thirds_f_plus_one_third() -> None:
    pair = bell_diagonal_tensor((0.7, 0.2, 0.06, 0.04))
    # The six cardinal states are a 2-design: their mean is the mean over all pure states.
    found = np.mean([teleported_fidelity(pair, polar, azimuth) for polar, azimuth in CARDINAL])
    assert found == pytest.approx((2 * 0.7 + 1) / 3, abs=EXACT)


def test_teleporting_with_flipped_corrections_averages_to_its_closed_form() -> None:
    e_z, e_x, fidelity = 0.05, 0.02, 0.8
    correct = (1 - e_z) * (1 - e_x)
    effective = correct * fidelity + (1 - correct) * (1 - fidelity) / 3
    found = np.mean([teleported_fidelity(werner_tensor(fidelity), *state, e_z, e_x) for state in CARDINAL])
    assert found == pytest.approx((2 * effective + 1) / 3, abs=EXACT)
    assert found == pytest.approx(0.83293333, abs=CHECK)


# ---------------------------------------------------------------------------------------------- swapping


def swapped(fidelities: Sequence[float], p: float = 0.0, e_z: float = 0.0, e_x: float = 0.0) -> float:
    """Fidelity from end to end of a chain of Werner pairs; ``p`` depolarises all qubits measured."""

    def protocol(run: Run) -> float:
        left, end = run.pair(werner_tensor(fidelities[0]))
        for fidelity in fidelities[1:]:
            near, far = run.pair(werner_tensor(fidelity))
            for q in (end, near):
                run.engine.apply1(q, depolarising(p))
            run.gates(end, near, "cnot")
            run.gate(end, "h")
            if run.measure(near, e_x, e_x):
                run.gate(far, "x")
            if run.measure(end, e_z, e_z):
                run.gate(far, "z")
            end = far
        return fidelity_to_bell(run.engine.pauli_tensor([left, end]))

    return float(average(protocol, 2 * (len(fidelities) - 1)))


def test_swapping_werner_pairs_multiplies_their_parameters() -> None:
    assert swapped([0.9, 0.8]) == pytest.approx(0.72666667, abs=CHECK)
    assert swapped([0.9, 0.8]) == pytest.approx(0.9 * 0.8 + 0.1 * 0.2 / 3, abs=EXACT)
    assert swapped([0.95, 0.95, 0.95]) == pytest.approx(0.85977778, abs=CHECK)


def test_swapping_with_depolarised_qubits_costs_one_factor_for_each() -> None:
    assert swapped([0.9, 0.8], p=0.05) == pytest.approx(0.68019167, abs=CHECK)


def test_swapping_with_flipped_outcomes_mixes_in_the_other_bell_states() -> None:
    clean = swapped([0.9, 0.8])
    correct = (1 - 0.05) * (1 - 0.02)
    expected = correct * clean + (1 - correct) * (1 - clean) / 3
    assert swapped([0.9, 0.8], e_z=0.05, e_x=0.02) == pytest.approx(expected, abs=EXACT)


# ------------------------------------------------------------------------------------------- distillation

# Weights in the order of the Bell state numbers: Phi+, Psi+, Psi-, Phi-.
BellWeights = tuple[float, float, float, float]


def distilled(first: Ptm, second: Ptm, rotate: bool) -> tuple[float, np.ndarray]:
    """Probability of success and the fidelities to the four Bell states after one round."""

    def protocol(run: Run) -> list[float]:
        (a1, b1), (a2, b2) = run.pair(first), run.pair(second)
        if rotate:
            for a, b in ((a1, b1), (a2, b2)):
                run.engine.apply1(a, rotation_ptm("x", 1, 1))
                run.engine.apply1(b, rotation_ptm("x", 3, 1))
        run.gates(a1, a2, "cnot")
        run.gates(b1, b2, "cnot")
        if run.measure(a2) != run.measure(b2):
            return [0.0] * 5
        tensor = run.engine.pauli_tensor([a1, b1])
        return [1.0, *(fidelity_to_bell(tensor, k) for k in range(4))]

    probability, *kept = average(protocol, 2)
    return float(probability), np.array(kept) / probability


@pytest.mark.parametrize("rotate", [False, True])
@pytest.mark.parametrize(
    ("f1", "f2", "probability", "fidelity"),
    [
        (0.9, 0.8, 0.81777778, 0.88315217),
        (0.8, 0.8, 0.76888889, 0.83815029),
        (0.9, 0.9, 0.87555556, 0.92639594),
    ],
)
def test_distilling_werner_pairs_has_its_check_values(
    rotate: bool, f1: float, f2: float, probability: float, fidelity: float
) -> None:
    found, weights = distilled(werner_tensor(f1), werner_tensor(f2), rotate)
    assert found == pytest.approx(probability, abs=CHECK)
    assert weights[0] == pytest.approx(fidelity, abs=CHECK)
    b1, b2 = (1 - f1) / 3, (1 - f2) / 3
    assert found == pytest.approx(f1 * f2 + f1 * b2 + f2 * b1 + 5 * b1 * b2, abs=EXACT)
    assert weights[0] == pytest.approx((f1 * f2 + b1 * b2) / found, abs=EXACT)


def bell_diagonal(a: float, b: float, c: float, d: float) -> Ptm:
    """Weights as the literature names them: A Phi+, B Psi-, C Psi+, D Phi-."""
    return bell_diagonal_tensor((a, c, b, d))


def test_dejmps_on_bell_diagonal_pairs_has_its_check_values() -> None:
    probability, (a, c, b, d) = distilled(
        bell_diagonal(0.7, 0.05, 0.1, 0.15), bell_diagonal(0.6, 0.2, 0.15, 0.05), rotate=True
    )
    assert probability == pytest.approx(0.65, abs=EXACT)
    assert (a, b, c, d) == pytest.approx((0.66153846, 0.04230769, 0.03461538, 0.26153846), abs=CHECK)


def test_dejmps_on_bell_diagonal_pairs_follows_its_recurrence() -> None:
    random = np.random.default_rng(8)
    for _ in range(5):
        (a1, b1, c1, d1), (a2, b2, c2, d2) = random.dirichlet(np.ones(4), 2)
        probability, (a, c, b, d) = distilled(
            bell_diagonal(a1, b1, c1, d1), bell_diagonal(a2, b2, c2, d2), rotate=True
        )
        assert probability == pytest.approx((a1 + b1) * (a2 + b2) + (c1 + d1) * (c2 + d2), abs=EXACT)
        expected = (a1 * a2 + b1 * b2, c1 * d2 + d1 * c2, c1 * c2 + d1 * d2, a1 * b2 + b1 * a2)
        assert np.array((a, b, c, d)) * probability == pytest.approx(expected, abs=EXACT)


def test_two_rounds_of_dejmps_beat_two_of_bbpssw() -> None:
    _, weights = distilled(werner_tensor(0.8), werner_tensor(0.8), rotate=True)
    assert weights[0] == pytest.approx(0.83815029, abs=CHECK)
    once = bell_diagonal_tensor(tuple(float(weight) for weight in weights))
    probability, dejmps = distilled(once, once, rotate=True)
    assert probability == pytest.approx(0.74459554, abs=CHECK)
    assert dejmps[0] == pytest.approx(0.94363922, abs=CHECK)
    # BBPSSW twirls: the pair of the second round is the Werner state of the fidelity reached.
    twirled = werner_tensor(float(weights[0]))
    _, bbpssw = distilled(twirled, twirled, rotate=False)
    assert bbpssw[0] == pytest.approx(0.87358452, abs=CHECK)


# ------------------------------------------------------------------------------------- nonlocality and keys


def correlation(
    tensor: Ptm,
    turn_a: tuple[str, float],
    turn_b: tuple[str, float],
    errors: tuple[float, float] = (0.0, 0.0),
) -> float:
    """Mean product of the two signs read in Z after a rotation of each side."""

    def protocol(run: Run) -> float:
        a, b = run.pair(tensor)
        run.turn(a, *turn_a)
        run.turn(b, *turn_b)
        return (-1.0) ** (run.measure(a, *errors) ^ run.measure(b, *errors))

    return float(average(protocol, 2))


# A rotation that turns the observable named into Z.
MEASURE_X = ("y", -pi / 2)
MEASURE_Y = ("x", pi / 2)
MEASURE_Z = ("y", 0.0)
MEASURE_Z_PLUS_X = ("y", -pi / 4)
MEASURE_Z_MINUS_X = ("y", pi / 4)


def chsh(fidelity: float) -> float:
    tensor = werner_tensor(fidelity)
    return (
        correlation(tensor, MEASURE_Z, MEASURE_Z_PLUS_X)
        + correlation(tensor, MEASURE_Z, MEASURE_Z_MINUS_X)
        + correlation(tensor, MEASURE_X, MEASURE_Z_PLUS_X)
        - correlation(tensor, MEASURE_X, MEASURE_Z_MINUS_X)
    )


def test_chsh_value_and_game_of_a_werner_pair() -> None:
    s = chsh(0.8)
    assert s == pytest.approx(2.07417989, abs=CHECK)
    assert s == pytest.approx(2 * sqrt(2) * werner_w(0.8), abs=EXACT)
    assert 0.5 + s / 8 == pytest.approx(0.75927249, abs=CHECK)


def test_chsh_is_violated_above_its_threshold_only() -> None:
    assert chsh(0.78033009 + 1e-8) > 2
    assert chsh(0.78033009 - 1e-8) < 2


def error_rates(tensor: Ptm, errors: tuple[float, float] = (0.0, 0.0)) -> list[float]:
    """QBER in X, Y and Z against what Phi+ gives: equal, opposite, equal."""
    found = []
    for turn, sign in ((MEASURE_X, 1), (MEASURE_Y, -1), (MEASURE_Z, 1)):
        found.append((1 - sign * correlation(tensor, turn, turn, errors)) / 2)
    return found


def test_qber_of_a_werner_pair_is_the_same_in_every_basis() -> None:
    assert error_rates(werner_tensor(0.8)) == pytest.approx([0.13333333] * 3, abs=CHECK)


def test_fidelity_follows_from_the_three_error_rates() -> None:
    rates = error_rates(bell_diagonal_tensor((0.7, 0.15, 0.1, 0.05)))
    assert 1 - sum(rates) / 2 == pytest.approx(0.7, abs=EXACT)


def test_qber_with_readout_errors_has_its_check_value() -> None:
    x, _, z = error_rates(werner_tensor(0.8), (0.05, 0.005))
    assert x == pytest.approx(0.171545, abs=EXACT)
    assert z == pytest.approx(0.171545, abs=EXACT)


def test_bb84_key_fraction_of_a_werner_pair() -> None:
    for fidelity, expected in ((0.9, 0.29328133), (0.95, 0.57831540)):
        x, _, z = error_rates(werner_tensor(fidelity))
        assert 1 - entropy(x) - entropy(z) == pytest.approx(expected, abs=CHECK)


def test_bb84_key_appears_above_its_threshold_only() -> None:
    for fidelity, positive in ((0.83495820 + 1e-8, True), (0.83495820 - 1e-8, False)):
        x, _, z = error_rates(werner_tensor(fidelity))
        assert x == pytest.approx(0.11002786, abs=2e-8)
        assert (1 - entropy(x) - entropy(z) > 0) is positive


# ----------------------------------------------------------------------- remote preparation, blind computing


def prepare_remotely(run: Run, pair: Ptm, theta: float) -> tuple[Qubit, int]:
    """Leave |0> + e^(i (theta + p pi)) |1> at the far end of the pair; the qubit there and p."""
    near, far = run.pair(pair)
    run.turn(near, "z", theta)
    run.gate(near, "h")
    return far, run.measure(near)


@pytest.mark.parametrize("theta", [0.0, pi / 2, 1.234, -2.0])
@pytest.mark.parametrize(
    ("coherence", "gates", "expected"), [(1.0, 0, 13 / 15), (0.6, 0, 0.72), (0.6, 3, 0.70706224)]
)
def test_remote_preparation_loses_to_pair_storage_and_gates(
    theta: float, coherence: float, gates: int, expected: float
) -> None:
    def protocol(run: Run) -> float:
        q, p = prepare_remotely(run, werner_tensor(0.8), theta)
        if coherence < 1.0:
            q.idle = IdleNoise(0, 1000 / -log(coherence))
            run.engine.idle_until(q, 1000)
        for _ in range(gates):
            run.engine.apply1(q, depolarising(0.02))
        wanted = np.array([1, np.exp(1j * (theta + p * pi))]) / sqrt(2)
        return float((wanted.conj() @ run.engine.density_matrix([q]) @ wanted).real)

    found = float(average(protocol, 1))
    assert found == pytest.approx(expected, abs=CHECK)
    assert found == pytest.approx((1 + werner_w(0.8) * coherence * 0.98**gates) / 2, abs=EXACT)


@pytest.mark.parametrize(("alpha", "beta"), [(0.7, 1.1), (pi / 2, pi / 2), (-0.4, 2.5)])
@pytest.mark.parametrize(("theta1", "theta2"), [(0.0, 0.0), (0.9, 4.4)])
@pytest.mark.parametrize(("r1", "r2"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_blind_computation_depends_on_the_hidden_angles_only(
    alpha: float, beta: float, theta1: float, theta2: float, r1: int, r2: int
) -> None:
    def protocol(run: Run) -> float:
        first, p1 = prepare_remotely(run, bell_tensor(0), theta1)
        second, p2 = prepare_remotely(run, bell_tensor(0), theta2)
        run.gates(first, second, "cphase")
        run.turn(first, "z", alpha - theta1 + (p1 + r1) * pi)
        run.gate(first, "h")
        m1 = run.measure(first)
        run.turn(second, "z", (-1) ** (m1 + r1) * beta - theta2 + (p2 + r2) * pi)
        run.gate(second, "h")
        return float(run.measure(second) ^ r2 == 0)

    found = float(average(protocol, 4))
    assert found == pytest.approx((1 + sin(alpha) * sin(beta)) / 2, abs=EXACT)
    if (alpha, beta) == (0.7, 1.1):
        assert found == pytest.approx(0.78706577, abs=CHECK)


# ------------------------------------------------------------------------------------------------- readout


def test_faulty_readout_of_a_superposition_has_its_check_values() -> None:
    run = Run((0,))
    q = run.engine.create(0)
    run.gate(q, "h")
    run.measure(q, 0.05, 0.005)
    assert run.weight == pytest.approx(0.4775, abs=EXACT)
    rho = run.engine.density_matrix([q])
    assert rho[1, 1].real == pytest.approx(0.0052356, abs=1e-7)
    assert rho[0, 1] == pytest.approx(0.0721678, abs=1e-7)


def test_faulty_readout_of_half_a_pair_leaves_the_partner_as_the_kraus_operator_says() -> None:
    run = Run((1,))
    a, b = run.pair(bell_tensor(0))
    run.measure(a, 0.05, 0.005)
    # Outcome 1 of a half of Phi+ leaves diag(e0, 1-e1) on the partner, up to the norm.
    assert run.weight == pytest.approx((0.05 + 0.995) / 2, abs=EXACT)
    assert run.engine.probability_one(b) == pytest.approx(0.995 / 1.045, abs=EXACT)


@pytest.mark.parametrize("k", range(4))
def test_dephased_and_corrected_bell_state_ends_as_phi_plus_with_the_dephasing_left(k: int) -> None:
    run = Run(())
    a, b = run.pair(bell_tensor(k))
    run.engine.apply1(a, dephasing(0.1))
    for name in CORRECTION_TO_PHI_PLUS[k]:
        run.gate(b, name)
    tensor = run.engine.pauli_tensor([a, b])
    assert fidelity_to_bell(tensor, 0) == pytest.approx(0.9, abs=EXACT)
    assert fidelity_to_bell(tensor, 3) == pytest.approx(0.1, abs=EXACT)
