"""The NV driver's translations, multiplied out: every gate, every pair, exact up to a global phase."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
import pytest

from qdriver.driver import Operation
from qdriver.nv import NvConfig, NvDriver, NvHardware
from qruntime.errors import DriverError
from qruntime.qdevice import OpCode, Operate

I2, X, Y, Z = np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])
PAULI = {"x": X, "y": Y, "z": Z}
ONE = {
    "x": X,
    "y": Y,
    "z": Z,
    "h": (X + Z) / math.sqrt(2),
    "k": (Y + Z) / math.sqrt(2),
    "s": np.diag([1, 1j]),
    "t": np.diag([1, np.exp(0.25j * math.pi)]),
}
TWO = {
    "cnot": np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]),
    "cphase": np.diag([1, 1, 1, -1]),
    "swp": np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]),
}
SPINS = 4


def driver(**parameters: Any) -> NvDriver:
    config = NvConfig(num_qubits=SPINS, **parameters)
    return NvDriver(NvHardware.spec(config, {}))


def rotation(axis: str, n: int, d: int) -> Any:
    angle = n * math.pi / 2**d
    return math.cos(angle / 2) * I2 - 1j * math.sin(angle / 2) * PAULI[axis]


def on(qubits: tuple[int, ...], gate: Any) -> Any:
    """`gate` on those of the spins, identity on the others, as a matrix of all (spin 0 most significant)."""
    size = len(qubits)
    whole = np.zeros((2**SPINS, 2**SPINS), dtype=complex)
    for column in itertools.product((0, 1), repeat=SPINS):
        inner = int("".join(str(column[q]) for q in qubits), 2)
        for row in range(2**size):
            out = list(column)
            for place, q in enumerate(qubits):
                out[q] = row >> (size - 1 - place) & 1
            index = int("".join(map(str, out)), 2)
            whole[index, int("".join(map(str, column)), 2)] += gate[row, inner]
    return whole


def matrix_of(operation: Operation) -> Any:
    """A native gate as a matrix of all spins."""
    if operation.op == OpCode.ONE_QUBIT:
        return on((operation.qubit,), rotation(operation.gate[-1], operation.n, operation.d))
    assert operation.gate in ("crot_x", "crot_y")
    assert operation.qubit == 0
    axis, angle = PAULI[operation.gate[-1]], operation.n * math.pi / 2**operation.d
    turn = math.cos(angle / 2) * I2 - 1j * math.sin(angle / 2) * axis
    back = math.cos(angle / 2) * I2 + 1j * math.sin(angle / 2) * axis
    gate = np.kron(np.diag([1, 0]), turn) + np.kron(np.diag([0, 1]), back)
    return on((0, operation.qubit2), gate)


def multiplied(operations: Any) -> Any:
    whole = np.eye(2**SPINS, dtype=complex)
    for operation in operations:
        whole = matrix_of(operation) @ whole
    return whole


def assert_same_up_to_phase(found: Any, wanted: Any) -> None:
    overlap = np.trace(wanted.conj().T @ found) / len(found)
    assert abs(abs(overlap) - 1) < 1e-12


@pytest.mark.parametrize("qubit", range(SPINS))
@pytest.mark.parametrize("gate", ONE)
def test_one_qubit_gate_is_exact_on_every_spin(gate: str, qubit: int) -> None:
    natives = driver().translate(Operation(OpCode.ONE_QUBIT, gate, qubit))
    assert_same_up_to_phase(multiplied(natives), on((qubit,), ONE[gate]))


def test_rotations_by_random_angles_are_exact_on_every_spin() -> None:
    draw = random.Random(7)
    for _ in range(60):
        axis, qubit = draw.choice("xyz"), draw.randrange(SPINS)
        n, d = draw.randrange(256), draw.randrange(9)
        natives = driver().translate(Operation(OpCode.ONE_QUBIT, f"rot_{axis}", qubit, -1, n, d))
        assert_same_up_to_phase(multiplied(natives), on((qubit,), rotation(axis, n, d)))


@pytest.mark.parametrize("carbon", range(1, SPINS))
@pytest.mark.parametrize("from_electron", [True, False])
@pytest.mark.parametrize("gate", TWO)
def test_two_qubit_gate_is_exact_in_both_directions(gate: str, from_electron: bool, carbon: int) -> None:
    pair = (0, carbon) if from_electron else (carbon, 0)
    natives = driver().translate(Operation(OpCode.TWO_QUBIT, gate, *pair))
    assert_same_up_to_phase(multiplied(natives), on(pair, TWO[gate]))


@pytest.mark.parametrize("mov", ["directed", "cnots"])
@pytest.mark.parametrize("from_electron", [True, False])
@pytest.mark.parametrize("carbon", range(1, SPINS))
def test_move_carries_any_state_with_all_its_entanglement(mov: str, from_electron: bool, carbon: int) -> None:
    source, target = (0, carbon) if from_electron else (carbon, 0)
    reset, *gates = driver(mov=mov).translate(Operation(OpCode.TWO_QUBIT, "mov", source, target))
    assert (reset.op, reset.gate, reset.qubit) == (OpCode.INIT, "init", target)
    random_state = np.random.default_rng(3)
    others = [q for q in range(SPINS) if q not in (source, target)]
    # Any joint state of source and spectators, the target reset: afterwards the target has the source's part.
    state = random_state.normal(size=(2,) * SPINS) + 1j * random_state.normal(size=(2,) * SPINS)
    before = np.moveaxis(state, (source, target), (0, 1))
    before[:, 1] = 0
    before /= np.linalg.norm(before)
    whole = np.moveaxis(before, (0, 1), (source, target)).reshape(-1)
    after = np.moveaxis((multiplied(gates) @ whole).reshape((2,) * SPINS), (source, target), (0, 1))
    wanted = before[:, 0].reshape(2, -1)
    moved = after.reshape(2, 2, -1)
    kept = np.einsum(
        "sti,uti->su", moved, moved.conj()
    )  # what the source is left in must not depend on the state
    left = np.linalg.eigh(kept)
    assert left.eigenvalues[-1] == pytest.approx(1, abs=1e-12)
    ket = left.eigenvectors[:, -1]
    overlap = np.vdot(wanted, np.einsum("s,sti->ti", ket.conj(), moved))
    assert abs(overlap) == pytest.approx(1, abs=1e-12)
    expected = np.array([1, 1]) / math.sqrt(2) if from_electron and mov == "directed" else np.array([1, 0])
    assert abs(np.vdot(expected, ket)) == pytest.approx(1, abs=1e-12)
    assert others


def test_number_of_electron_carbon_gates_is_two_per_move_and_three_per_swap() -> None:
    def count(gate: str, **parameters: Any) -> int:
        natives = driver(**parameters).translate(Operation(OpCode.TWO_QUBIT, gate, 0, 2))
        return sum(native.op == OpCode.TWO_QUBIT for native in natives)

    assert (count("mov"), count("mov", mov="cnots"), count("swp"), count("cnot"), count("cphase")) == (
        2,
        3,
        3,
        1,
        1,
    )


def test_native_flavour_passes_through() -> None:
    for gate in ("crot_x", "crot_y"):
        operation = Operation(OpCode.TWO_QUBIT, gate, 0, 3, 5, 6)
        assert tuple(driver().translate(operation)) == (operation,)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (Operation(OpCode.MEASURE, "measure", 2, ref=1), "carbon 2 of an NV centre cannot be measured"),
        (Operation(OpCode.TWO_QUBIT, "cnot", 1, 2), "cnot between carbons 1 and 2 of an NV centre"),
        (Operation(OpCode.TWO_QUBIT, "crot_x", 2, 0, 1, 1), "is controlled by its electron"),
        (Operation(OpCode.TWO_QUBIT, "toffoli", 0, 1), "has no gate toffoli"),
    ],
)
def test_what_the_hardware_cannot_do_is_refused(operation: Operation, message: str) -> None:
    with pytest.raises(DriverError, match=message):
        driver().submit(operation, 0)


def test_durations_are_the_sums_of_the_native_ones() -> None:
    times = {
        "electron_init_ns": 2_000, "electron_gate_ns": 5, "measure_ns": 3_700, "carbon_init_ns": 310_000,
        "carbon_rot_xy_ns": 500_000, "carbon_rot_z_ns": 7, "electron_carbon_ns": 400_000,
    }  # fmt: skip
    subject = driver(**times)
    cases = {
        ("mov", 0, 1): 310_000 + 2 * 5 + 2 * 400_000,
        ("mov", 1, 0): 2_000 + 4 * 5 + 2 * 400_000,
        ("cnot", 0, 1): 400_000 + 5 + 500_000,
        ("cnot", 1, 0): 400_000 + 5 * 5 + 3 * 500_000,
        ("cphase", 0, 1): 400_000 + 5 + 3 * 500_000,
    }
    start = 0
    for (gate, a, b), wanted in cases.items():
        end = subject.submit(Operation(OpCode.TWO_QUBIT, gate, a, b), start)
        assert end - start == wanted, gate
        start = end
    assert subject.submit(Operation(OpCode.ONE_QUBIT, "t", 1), start) - start == 7
    assert subject.submit(Operation(OpCode.ONE_QUBIT, "h", 0), start + 7) - start == 7 + 10
    starts = [op.start_ns for message in subject.take() if isinstance(message, Operate) for op in message.ops]
    assert starts == sorted(starts)
