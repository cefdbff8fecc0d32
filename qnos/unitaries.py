"""Gates by name as unitaries of a few qubits, to multiply translations out.

`vanilla_unitary` knows the gates of the vanilla flavour, `native_unitary` those that devices commonly have as
native ones. `apply` puts a gate on some of a list of qubits, the first most significant; `fidelity` compares
two unitaries up to a global phase.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdriver.driver import Operation
from qruntime.qdevice import OpCode
from qworld.gates import GATES, angle, controlled_rotation, molmer_sorensen, rotation, unitary

Matrix = NDArray[np.complex128]

_ALL = ("rot_x_all", "rot_y_all", "rot_z_all")


def vanilla_unitary(gate: str, n: int, d: int) -> Matrix:
    """A gate of the vanilla flavour, 2 x 2 or 4 x 4 with the first operand most significant."""
    if gate in ("rot_x", "rot_y", "rot_z"):
        return rotation(gate[-1], angle(n, d))
    return unitary("swap" if gate == "swp" else gate)


def native_unitary(gate: str, n: int, d: int) -> Matrix | None:
    """A native gate whose name says what it does; for those of all qubits what it does to one of them, or to
    each two; None for another name."""
    if gate in ("crot_x", "crot_y"):
        return controlled_rotation(gate[-1], angle(n, d))
    if gate in _ALL:
        return rotation(gate[4], angle(n, d))
    if gate == "bichromatic":
        return molmer_sorensen(angle(n, d))
    if gate in ("rot_x", "rot_y", "rot_z", "swp") or gate in GATES:
        return vanilla_unitary(gate, n, d)
    return None


def apply(operation: Operation, matrix: Matrix, qubits: Sequence[int], onto: Matrix | None = None) -> Matrix:
    """The gate `matrix` of an operation as a matrix of all `qubits`, times `onto` if that is given.

    A negative number stands for a qubit outside the device. An operation of all qubits acts on each of the
    others, or on each two of them if it joins two.
    """
    whole: Matrix = np.eye(2 ** len(qubits), dtype=np.complex128) if onto is None else onto
    if operation.op == OpCode.ALL_QUBITS:
        size = 1 if matrix.shape == (2, 2) else 2
        inside = [place for place, qubit in enumerate(qubits) if qubit >= 0]
        for places in combinations(inside, size):
            whole = _on(places, matrix, len(qubits), whole)
        return whole
    operands = [q for q in (operation.qubit, operation.qubit2) if q >= 0]
    return _on([list(qubits).index(q) for q in operands], matrix, len(qubits), whole)


def _on(places: Sequence[int], matrix: Matrix, count: int, onto: Matrix) -> Matrix:
    size = len(places)
    gate = matrix.reshape((2,) * (2 * size))
    state: Any = onto.reshape((2,) * count + (-1,))
    state = np.tensordot(gate, state, axes=(list(range(size, 2 * size)), list(places)))
    return np.ascontiguousarray(np.moveaxis(state, range(size), places)).reshape(2**count, -1)


def reset(rho: Matrix, place: int) -> Matrix:
    """A density matrix after the qubit at `place` was reset to |0>."""
    count = len(rho).bit_length() - 1
    zero, lower = np.array([[1, 0], [0, 0]]), np.array([[0, 1], [0, 0]])
    total = np.zeros_like(rho)
    for kraus in (zero, lower):
        whole = _on([place], kraus.astype(np.complex128), count, np.eye(2**count, dtype=np.complex128))
        total += whole @ rho @ whole.conj().T
    return total


def fidelity(found: Matrix, wanted: Matrix) -> float:
    """|tr(wanted^dagger found)/dimension|^2: 1 for equal unitaries, whatever their global phases."""
    return float(abs(np.trace(wanted.conj().T @ found) / len(found)) ** 2)
