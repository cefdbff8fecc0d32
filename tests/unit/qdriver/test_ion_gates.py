"""Every translation for the ion trap, multiplied out: the gate on its operands, nothing on the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations

import numpy as np
import pytest

from qdriver.driver import Operation
from qdriver.ion import IonConfig, IonHardware
from qdriver.ion_gates import one_ion_gate, two_ion_gate
from qruntime.errors import DriverError
from qruntime.qdevice import OpCode
from qworld.gates import controlled_rotation, rotation, unitary
from tests.unit.qworld.dense import SX, SY, SZ, Array, Dense, exponential

ONE = ("x", "y", "z", "h", "s", "k", "t")
ROTATIONS = ("rot_x", "rot_y", "rot_z")
TWO = ("cnot", "cphase", "swp")
CONTROLLED = ("crot_x", "crot_y")
EXACT = 1e-12
PAULIS = {"x": SX, "y": SY, "z": SZ}


def radians(n: int, d: int) -> float:
    return n * np.pi / 2.0**d


@cache
def all_ions(gate: str, n: int, d: int, count: int) -> Array:
    """A native operation of `count` ions, from its definition."""
    dense = Dense()
    dense.keys = list(range(count))
    axis = SX if gate == "bichromatic" else PAULIS[gate[4]]
    spin = sum((dense.embed(axis, [ion]) for ion in range(count)), np.zeros((2**count, 2**count), complex))
    generator = spin @ spin / 4 if gate == "bichromatic" else spin / 2
    return exponential(radians(n, d) * generator)


def multiplied_out(natives: Sequence[Operation], ions: Sequence[int]) -> Array:
    """The unitary of native operations on the ions that are present, in that order."""
    dense = Dense()
    dense.keys = list(ions)
    total = np.eye(2 ** len(ions), dtype=complex)
    for native in natives:
        if native.op == OpCode.ALL_QUBITS:
            step = all_ions(native.gate, native.n, native.d, len(ions))
        else:
            assert native.gate == "rot_z"
            step = dense.embed(rotation("z", radians(native.n, native.d)), [native.qubit])
        total = step @ total
    return total


def embedded(matrix: Array, operands: Sequence[int], ions: Sequence[int]) -> Array:
    dense = Dense()
    dense.keys = list(ions)
    return dense.embed(matrix, operands)


def assert_same(left: Array, right: Array) -> None:
    """Equal up to a global phase."""
    overlap = np.trace(left.conj().T @ right) / left.shape[1]
    assert abs(overlap) > 0.5
    assert np.abs(left * overlap / abs(overlap) - right).max() < EXACT


def present(count: int, operands: Sequence[int]) -> Iterator[list[int]]:
    """Every set of ions with the operands in it."""
    others = [ion for ion in range(count) if ion not in operands]
    for mask in range(1 << len(others)):
        kept = [ion for place, ion in enumerate(others) if mask >> place & 1]
        yield sorted([*operands, *kept])


def ideal1(gate: str, n: int, d: int) -> Array:
    return rotation(gate[-1], radians(n, d)) if gate in ROTATIONS else unitary(gate)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("gate", [*ONE, *ROTATIONS])
def test_one_qubit_gate_leaves_the_others_alone(gate: str, count: int) -> None:
    """Seed 1: five random angles for each ion and each set of other ions present."""
    rng = np.random.default_rng(1)
    for ion in range(count):
        for ions in present(count, [ion]):
            for n, d in rng.integers(0, (256, 9), size=(5 if gate in ROTATIONS else 1, 2)).tolist():
                natives = one_ion_gate(gate, ion, n, d, alone=len(ions) == 1)
                assert_same(multiplied_out(natives, ions), embedded(ideal1(gate, n, d), [ion], ions))


@pytest.mark.parametrize("count", [2, 3, 4, 5])
@pytest.mark.parametrize("gate", [*TWO, *CONTROLLED])
def test_two_qubit_gate_leaves_the_others_alone(gate: str, count: int) -> None:
    """Seed 2: three random angles for each ordered pair and each set of spectators."""
    rng = np.random.default_rng(2)
    for pair in permutations(range(count), 2):
        for ions in present(count, pair):
            for n, d in rng.integers(0, (256, 9), size=(3 if gate in CONTROLLED else 1, 2)).tolist():
                spectators = [ion for ion in ions if ion not in pair]
                natives = two_ion_gate(gate, *pair, n, d, spectators)
                if gate in CONTROLLED:
                    ideal = controlled_rotation(gate[-1], radians(n, d))
                else:
                    ideal = unitary("swap" if gate == "swp" else gate)
                assert_same(multiplied_out(natives, ions), embedded(ideal, pair, ions))


@pytest.mark.parametrize("spectators", [4, 5, pytest.param(6, marks=pytest.mark.slow)])
@pytest.mark.parametrize("gate", TWO)
def test_more_spectators_than_a_small_trap_has(gate: str, spectators: int) -> None:
    ions = list(range(spectators + 2))
    natives = two_ion_gate(gate, 3, 1, 0, 0, [ion for ion in ions if ion not in (3, 1)])
    ideal = unitary("swap" if gate == "swp" else gate)
    assert_same(multiplied_out(natives, ions), embedded(ideal, (3, 1), ions))


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_move_carries_the_source_to_a_reset_target(count: int) -> None:
    """Column by column: |a>|0>|rest> becomes |0>|a>|rest>, whatever the rest is entangled with."""
    lower = np.zeros((4, 2), dtype=complex)  # a -> |a 0>
    lower[0, 0] = lower[2, 1] = 1
    upper = np.zeros((4, 2), dtype=complex)  # a -> |0 a>
    upper[0, 0] = upper[1, 1] = 1
    for source, target in permutations(range(count), 2):
        for ions in present(count, [source, target]):
            spectators = [ion for ion in ions if ion not in (source, target)]
            natives = two_ion_gate("mov", source, target, 0, 0, spectators)
            order = [source, target, *spectators]
            rest = np.eye(2 ** len(spectators))
            total = multiplied_out(natives, order)
            assert_same(total @ np.kron(lower, rest), np.kron(upper, rest))


def counted(natives: Sequence[Operation]) -> tuple[int, int, int]:
    """How many interactions, rotations of all ions, rotations of one."""
    interactions = sum(native.gate == "bichromatic" for native in natives)
    alone = sum(native.op == OpCode.ONE_QUBIT for native in natives)
    return interactions, len(natives) - interactions - alone, alone


@pytest.mark.parametrize(
    ("gate", "counts"),
    [
        ("cnot", [(1, 3, 2), (2, 4, 6), (4, 4, 8), (4, 4, 12)]),
        ("cphase", [(1, 2, 2), (2, 2, 4), (4, 2, 6), (4, 2, 10)]),
        ("swp", [(3, 2, 4), (6, 2, 8), (8, 2, 14), (12, 2, 22)]),
        ("mov", [(2, 0, 2), (4, 0, 4), (4, 0, 8), (8, 0, 12)]),
        ("x", [(0, 1, 0), (0, 2, 1), (0, 2, 1), (0, 2, 1)]),
        ("h", [(0, 1, 1), (0, 2, 1), (0, 2, 1), (0, 2, 1)]),
        ("z", [(0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, 1)]),
    ],
)
def test_number_of_native_operations(gate: str, counts: list[tuple[int, int, int]]) -> None:
    """With 0 to 3 spectators: what the documentation says it costs."""
    for spectators, expected in enumerate(counts):
        if gate in ("x", "h", "z"):
            natives = one_ion_gate(gate, 0, 0, 0, alone=not spectators)
        else:
            natives = two_ion_gate(gate, 0, 1, 0, 0, range(2, 2 + spectators))
        assert counted(natives) == expected


@pytest.mark.parametrize("gate", ["rot_x", "rot_y", "rot_z"])
@pytest.mark.parametrize("alone", [False, True])
def test_smallest_angle_is_handed_on_as_it_is(gate: str, alone: bool) -> None:
    natives = one_ion_gate(gate, 0, 255, 255, alone)
    assert [(native.n, native.d) for native in natives if native.d == 255] == [(255, 255)]
    assert all(native.n < 256 for native in natives)


def test_angle_that_cannot_be_cut_is_refused() -> None:
    assert two_ion_gate("crot_x", 0, 1, 1, 255, [])
    with pytest.raises(DriverError, match="too small"):
        two_ion_gate("crot_x", 0, 1, 1, 255, [2])


def test_all_translations_are_native_operations() -> None:
    gates = IonHardware.spec(IonConfig(), {}).gates
    natives = [op for gate in (*ONE, *ROTATIONS) for op in one_ion_gate(gate, 0, 1, 2, alone=False)]
    natives += [op for gate in (*TWO, *CONTROLLED, "mov") for op in two_ion_gate(gate, 0, 1, 1, 2, [2])]
    assert {native.gate for native in natives} <= set(gates)
