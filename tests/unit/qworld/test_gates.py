"""Transfer matrices against the unitaries they come from, and identities between gates."""

import numpy as np
import pytest

from qworld import gates
from qworld.gates import (
    GATES,
    angle,
    controlled_rotation,
    controlled_rotation_ptm,
    density_of,
    in_sequence,
    kraus_to_ptm,
    molmer_sorensen,
    molmer_sorensen_ptm,
    ptm,
    rotation,
    rotation_ptm,
    side_by_side,
    tensor_of,
    unitary,
    unitary_to_ptm,
)
from tests.unit.qworld import dense

PAULI = {"x": dense.SX, "y": dense.SY, "z": dense.SZ}
EXACT = 1e-13


def random_density(qubits: int, seed: int) -> dense.Array:
    random = np.random.default_rng(seed)
    size = 2**qubits
    root = random.normal(size=(size, size)) + 1j * random.normal(size=(size, size))
    rho = root @ root.conj().T
    return np.asarray(rho / np.trace(rho))


def expectations(rho: dense.Array) -> np.ndarray:
    """tr(rho P1 x .. x Pn) one by one, flat in index order."""
    strings = [np.ones((1, 1))]
    while len(strings[0]) < len(rho):
        strings = [np.kron(left, right) for left in strings for right in (dense.ID, *PAULI.values())]
    return np.array([np.trace(rho @ string).real for string in strings])


def assert_acts_like(found: gates.Ptm, matrix: dense.Array) -> None:
    qubits = len(matrix).bit_length() - 1
    assert found.shape == (4**qubits, 4**qubits)
    for seed in range(3):
        rho = random_density(qubits, seed)
        np.testing.assert_allclose(
            found @ expectations(rho), expectations(matrix @ rho @ matrix.conj().T), atol=EXACT, rtol=0
        )


def assert_same_up_to_phase(left: dense.Array, right: dense.Array) -> None:
    assert abs(np.trace(left.conj().T @ right)) == pytest.approx(len(left), abs=1e-12)


# ------------------------------------------------------------------------------------------- gates by name


@pytest.mark.parametrize("name", GATES)
def test_named_gate_acts_like_its_unitary(name: str) -> None:
    assert_acts_like(ptm(name), unitary(name))


@pytest.mark.parametrize("name", GATES)
def test_named_gate_is_cached_read_only_float64_and_contiguous(name: str) -> None:
    found = ptm(name)
    assert found is ptm(name)
    assert found.dtype == np.float64
    assert found.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 2.0


@pytest.mark.parametrize("name", ["x", "y", "z", "h", "k", "s", "cnot", "cphase", "swap"])
def test_clifford_gate_permutes_paulis_exactly(name: str) -> None:
    found = ptm(name)
    assert set(np.unique(found)) <= {-1.0, 0.0, 1.0}
    assert (np.abs(found).sum(axis=0) == 1).all()
    assert (np.abs(found).sum(axis=1) == 1).all()


def test_s_and_t_are_not_their_adjoints() -> None:
    plus = np.array([1.0, 1.0, 0.0, 0.0])
    half = np.sqrt(0.5)
    np.testing.assert_allclose(ptm("s") @ plus, [1, 0, 1, 0], atol=EXACT)
    np.testing.assert_allclose(ptm("t") @ plus, [1, half, half, 0], atol=EXACT)


def test_k_exchanges_zero_and_plus_i() -> None:
    np.testing.assert_allclose(ptm("k") @ [1, 0, 0, 1], [1, 0, 1, 0], atol=EXACT)
    np.testing.assert_allclose(ptm("k") @ [1, 0, 1, 0], [1, 0, 0, 1], atol=EXACT)
    np.testing.assert_allclose(unitary("k"), (dense.SY + dense.SZ) / np.sqrt(2), atol=EXACT)


def test_cnot_takes_its_first_operand_as_control() -> None:
    one_zero = np.kron([1, 0, 0, -1], [1, 0, 0, 1])
    one_one = np.kron([1, 0, 0, -1], [1, 0, 0, -1])
    np.testing.assert_array_equal(ptm("cnot") @ one_zero, one_one)


def test_unknown_gate_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'toffoli'.*cnot, cphase, swap"):
        ptm("toffoli")


# ------------------------------------------------------------------------------------------- parametrised


@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize(("n", "d"), [(0, 0), (1, 0), (1, 1), (3, 2), (8, 4), (31, 4), (255, 0), (7, 255)])
def test_rotation_is_the_exponential_of_its_pauli(axis: str, n: int, d: int) -> None:
    expected = dense.exponential(PAULI[axis] * n * np.pi / 2**d / 2)
    assert_same_up_to_phase(rotation(axis, angle(n, d)), expected)
    assert_acts_like(rotation_ptm(axis, n, d), expected)
    assert rotation_ptm(axis, n, d) is rotation_ptm(axis, n, d)


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize(("n", "d"), [(0, 0), (1, 1), (3, 2), (8, 4), (24, 4), (5, 3)])
def test_controlled_rotation_turns_either_way(axis: str, n: int, d: int) -> None:
    theta = n * np.pi / 2**d
    forth = dense.exponential(PAULI[axis] * theta / 2)
    expected = np.kron(np.diag([1, 0]), forth) + np.kron(np.diag([0, 1]), forth.conj().T)
    np.testing.assert_allclose(controlled_rotation(axis, theta), expected, atol=EXACT)
    assert_acts_like(controlled_rotation_ptm(axis, n, d), expected)


@pytest.mark.parametrize("theta", [0.0, np.pi / 2, 1.1, -0.4])
@pytest.mark.parametrize("phi", [0.0, np.pi / 2, 0.7])
def test_molmer_sorensen_is_the_exponential_of_the_squared_spin(theta: float, phi: float) -> None:
    single = np.cos(phi) * dense.SX + np.sin(phi) * dense.SY
    spin = np.kron(single, dense.ID) + np.kron(dense.ID, single)
    expected = dense.exponential(theta / 4 * spin @ spin)
    np.testing.assert_allclose(molmer_sorensen(theta, phi), expected, atol=EXACT)
    assert_acts_like(molmer_sorensen_ptm(theta, phi), expected)


def test_molmer_sorensen_entangles_two_ions() -> None:
    state = molmer_sorensen(np.pi / 2)[:, 0]
    expected = np.array([1, 0, 0, -1j]) / np.sqrt(2)
    assert abs(np.vdot(expected, state)) == pytest.approx(1.0, abs=EXACT)


def test_molmer_sorensen_on_three_ions_is_the_product_over_pairs() -> None:
    theta, phi = 0.9, 0.3
    single = np.cos(phi) * dense.SX + np.sin(phi) * dense.SY
    world = dense.Dense()
    world.add([0, 1, 2], random_density(3, 5))
    spin = np.sum([world.embed(single, [ion]) for ion in range(3)], axis=0)
    whole = dense.exponential(theta / 4 * spin @ spin)
    pairs: dense.Array = np.eye(8, dtype=complex)
    for pair in ([0, 1], [0, 2], [1, 2]):
        pairs = world.embed(molmer_sorensen(theta, phi), pair) @ pairs
    assert_same_up_to_phase(whole, pairs)


def test_whole_turns_are_exactly_no_rotation() -> None:
    for n, d in ((2, 0), (4, 1), (32, 4), (64, 4), (254, 0)):
        np.testing.assert_array_equal(rotation_ptm("x", n, d), np.eye(4))


@pytest.mark.parametrize(("n", "d"), [(-1, 0), (1, -1), (1, 256)])
def test_angle_outside_its_range_is_refused(n: int, d: int) -> None:
    with pytest.raises(ValueError, match=r"d in 0\.\.255"):
        angle(n, d)


def test_rotation_about_an_unknown_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="'w'; allowed: x, y, z"):
        rotation("w", 1.0)
    with pytest.raises(ValueError, match="'z'; allowed: x, y"):
        controlled_rotation("z", 1.0)


# ------------------------------------------------------------- the sequences an NV compiler may rely on


def rotations(*sequence: tuple[str, int]) -> gates.Ptm:
    """Rotations by n pi/16, in the order of time."""
    return in_sequence(*(rotation_ptm(axis, n, 4) for axis, n in sequence))


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        ("x", [("x", 16)]),
        ("y", [("y", 16)]),
        ("z", [("x", 24), ("y", 16), ("x", 8)]),
        ("z", [("z", 16)]),
        ("z", [("y", 8), ("x", 16), ("y", 24)]),
        ("h", [("y", 8), ("x", 16)]),
        ("k", [("x", 24), ("y", 16)]),
        ("s", [("x", 24), ("y", 8), ("x", 8)]),
        ("s", [("z", 8)]),
        ("t", [("x", 24), ("y", 4), ("x", 8)]),
        ("t", [("z", 4)]),
    ],
)
def test_gate_equals_its_sequence_of_rotations(name: str, sequence: list[tuple[str, int]]) -> None:
    np.testing.assert_allclose(rotations(*sequence), ptm(name), atol=EXACT)


def test_inverted_middle_angle_gives_the_adjoint_of_s_and_t() -> None:
    np.testing.assert_allclose(rotations(("x", 24), ("y", 24), ("x", 8)), ptm("s").T, atol=EXACT)
    np.testing.assert_allclose(rotations(("x", 24), ("y", 28), ("x", 8)), ptm("t").T, atol=EXACT)


def on_first(matrix: gates.Ptm) -> gates.Ptm:
    return side_by_side(matrix, np.eye(4))


def on_second(matrix: gates.Ptm) -> gates.Ptm:
    return side_by_side(np.eye(4), matrix)


def test_cnot_from_electron_equals_its_controlled_rotation_sequence() -> None:
    found = in_sequence(
        controlled_rotation_ptm("x", 8, 4), on_first(rotations(("z", 24))), on_second(rotations(("x", 24)))
    )
    np.testing.assert_allclose(found, ptm("cnot"), atol=EXACT)


def test_cphase_equals_its_controlled_rotation_sequence() -> None:
    found = in_sequence(
        on_second(rotations(("y", 8))),
        controlled_rotation_ptm("x", 8, 4),
        on_first(rotations(("z", 24))),
        on_second(rotations(("x", 24), ("y", 24))),
    )
    np.testing.assert_allclose(found, ptm("cphase"), atol=EXACT)


def test_swap_is_three_cnots() -> None:
    reverse = in_sequence(side_by_side(ptm("h"), ptm("h")), ptm("cnot"), side_by_side(ptm("h"), ptm("h")))
    np.testing.assert_allclose(in_sequence(ptm("cnot"), reverse, ptm("cnot")), ptm("swap"), atol=EXACT)


# --------------------------------------------------------------------------------------------- conversions


def test_ptm_of_a_product_of_unitaries_is_side_by_side() -> None:
    whole = unitary_to_ptm(np.kron(unitary("t"), unitary("k")))
    np.testing.assert_allclose(side_by_side(ptm("t"), ptm("k")), whole, atol=EXACT)


def test_sequence_acts_in_the_order_given() -> None:
    expected = unitary_to_ptm(unitary("s") @ unitary("h"))
    np.testing.assert_allclose(in_sequence(ptm("h"), ptm("s")), expected, atol=EXACT)


def test_kraus_channel_equals_the_sum_of_its_branches() -> None:
    operators = dense.damping_kraus(0.3)
    rho = random_density(1, 2)
    expected = sum(operator @ rho @ operator.conj().T for operator in operators)
    np.testing.assert_allclose(
        kraus_to_ptm(operators) @ expectations(rho), expectations(np.asarray(expected)), atol=EXACT
    )


@pytest.mark.parametrize("qubits", [1, 2, 3])
def test_tensor_and_density_matrix_are_inverse(qubits: int) -> None:
    rho = random_density(qubits, qubits)
    tensor = tensor_of(rho)
    assert tensor.shape == (4,) * qubits
    np.testing.assert_allclose(tensor.reshape(-1), expectations(rho), atol=EXACT)
    np.testing.assert_allclose(density_of(tensor), rho, atol=EXACT)


def test_matrices_that_are_not_what_they_claim_are_refused() -> None:
    with pytest.raises(ValueError, match="not unitary"):
        unitary_to_ptm(np.array([[1, 0], [0, 2]]))
    with pytest.raises(ValueError, match=r"shape \(3, 3\)"):
        unitary_to_ptm(np.eye(3))
    with pytest.raises(ValueError, match="no Kraus operators"):
        kraus_to_ptm([])
    with pytest.raises(ValueError, match="eigenvalue 2"):
        kraus_to_ptm([np.eye(2), np.eye(2)])
    with pytest.raises(ValueError, match=r"operator 1 has shape \(4, 4\)"):
        kraus_to_ptm([np.eye(2), np.eye(4)])
    with pytest.raises(ValueError, match="not Hermitian"):
        tensor_of(np.array([[1, 1], [0, 0]]))
    with pytest.raises(ValueError, match=r"shape \(4, 3\)"):
        density_of(np.ones((4, 3)))
    with pytest.raises(ValueError, match="cannot follow"):
        in_sequence(ptm("x"), ptm("cnot"))
    with pytest.raises(ValueError, match="at least one"):
        in_sequence()
    with pytest.raises(ValueError, match=r"\(4, 4\) both"):
        side_by_side(ptm("cnot"), ptm("x"))
