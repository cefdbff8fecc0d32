"""The plain way: density matrices, unitaries and Kraus operators, to compare the state engine with.

Written without the Pauli basis and without the code under test, so that an error in one is not in both.
Qubits are named by keys; ``Dense`` keeps one density matrix of all of them, first key most significant.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.complex128]]

ID = np.eye(2, dtype=complex)
SX = np.array([[0, 1], [1, 0]], dtype=complex)
SY = np.array([[0, -1j], [1j, 0]], dtype=complex)
SZ = np.array([[1, 0], [0, -1]], dtype=complex)

BELL_VECTORS = (
    np.array([1, 0, 0, 1], dtype=complex) / np.sqrt(2),
    np.array([0, 1, 1, 0], dtype=complex) / np.sqrt(2),
    np.array([0, 1, -1, 0], dtype=complex) / np.sqrt(2),
    np.array([1, 0, 0, -1], dtype=complex) / np.sqrt(2),
)


def exponential(generator: Array) -> Array:
    """exp(-i G) of a Hermitian G, through its eigenvectors."""
    values, vectors = np.linalg.eigh(generator)
    return np.asarray((vectors * np.exp(-1j * values)) @ vectors.conj().T)


def bell(k: int) -> Array:
    return np.outer(BELL_VECTORS[k], BELL_VECTORS[k].conj())


def werner(fidelity: float, k: int = 0) -> Array:
    w = (4 * fidelity - 1) / 3
    return w * bell(k) + (1 - w) * np.eye(4) / 4


def depolarising_kraus(p: float) -> list[Array]:
    return [np.sqrt(1 - 3 * p / 4) * ID, *(np.sqrt(p / 4) * pauli for pauli in (SX, SY, SZ))]


def dephasing_kraus(p: float) -> list[Array]:
    return [np.sqrt(1 - p) * ID, np.sqrt(p) * SZ]


def damping_kraus(gamma: float) -> list[Array]:
    return [
        np.array([[1, 0], [0, np.sqrt(1 - gamma)]], dtype=complex),
        np.array([[0, np.sqrt(gamma)], [0, 0]], dtype=complex),
    ]


def idle_kraus(t1: float, t2: float, t: float) -> list[Array]:
    """Amplitude damping, then dephasing, as one list of Kraus operators; T1 and T2 finite."""
    damping = damping_kraus(1 - np.exp(-t / t1))
    dephasing = dephasing_kraus((1 - np.exp(-t / t2 + t / (2 * t1))) / 2)
    return [late @ early for late in dephasing for early in damping]


def joint_depolarising_kraus(p: float) -> list[Array]:
    weights = [1 - 15 * p / 16] + [p / 16] * 15
    paulis = [np.kron(a, b) for a in (ID, SX, SY, SZ) for b in (ID, SX, SY, SZ)]
    return [np.sqrt(weight) * pauli for weight, pauli in zip(weights, paulis, strict=True)]


class Dense:
    """A density matrix of named qubits."""

    def __init__(self) -> None:
        self.keys: list[Hashable] = []
        self.rho: Array = np.ones((1, 1), dtype=complex)

    def add(self, keys: Sequence[Hashable], rho: Array) -> None:
        self.keys += keys
        self.rho = np.asarray(np.kron(self.rho, rho), dtype=complex)

    def embed(self, operator: Array, keys: Sequence[Hashable]) -> Array:
        """``operator`` on the named qubits, identity on the others, entry by entry from its definition."""
        count = len(self.keys)
        places = [self.keys.index(key) for key in keys]
        tensor = operator.reshape((2,) * (2 * len(keys)))
        full = np.eye(2**count, dtype=complex).reshape((2,) * count + (2**count,))
        acted = np.tensordot(tensor, full, axes=(range(len(keys), 2 * len(keys)), places))
        return np.moveaxis(acted, range(len(keys)), places).reshape(2**count, 2**count)

    def kraus(self, operators: Sequence[Array], keys: Sequence[Hashable]) -> None:
        total = np.zeros_like(self.rho)
        for operator in operators:
            embedded = self.embed(operator, keys)
            total += embedded @ self.rho @ embedded.conj().T
        self.rho = total

    def branch_probability(self, operator: Array, key: Hashable) -> float:
        embedded = self.embed(operator, [key])
        return float(np.trace(embedded @ self.rho @ embedded.conj().T).real)

    def take_branch(self, operator: Array, key: Hashable) -> None:
        self.kraus([operator], [key])
        self.rho = self.rho / np.trace(self.rho)

    def reset(self, key: Hashable) -> None:
        lower = np.array([[0, 1], [0, 0]], dtype=complex)
        keep = np.array([[1, 0], [0, 0]], dtype=complex)
        self.kraus([keep, lower], [key])

    def remove(self, key: Hashable) -> None:
        self.rho = self.reduced([other for other in self.keys if other != key])
        self.keys.remove(key)

    def reduced(self, keys: Sequence[Hashable]) -> Array:
        """The state of the named qubits, in the order named."""
        count = len(self.keys)
        kept = [self.keys.index(key) for key in keys]
        lost = [place for place in range(count) if place not in kept]
        order = [*kept, *lost, *(count + place for place in kept), *(count + place for place in lost)]
        tensor = self.rho.reshape((2,) * (2 * count)).transpose(order)
        shape = (2 ** len(kept), 2 ** len(lost))
        return np.asarray(np.trace(tensor.reshape(shape + shape), axis1=1, axis2=3))
