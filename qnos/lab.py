"""What theory expects: exact states over a timeline that an application states itself.

A `Lab` multiplies out channels (gates with their noise, idle times, readout, the state of a link) for a few
qubits. It shares parameters with a simulated run and nothing else: no OS, no events, no random numbers, and
numerics of its own (dense Pauli tensors through einsum). Times are given by the caller, so it also checks
what the OS should have cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PAULIS = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
_S2 = math.sqrt(0.5)
_UNITARIES = {
    "x": _PAULIS[1],
    "y": _PAULIS[2],
    "z": _PAULIS[3],
    "h": (_PAULIS[1] + _PAULIS[3]) * _S2,
    "k": (_PAULIS[2] + _PAULIS[3]) * _S2,
    "s": np.diag([1, 1j]),
    "t": np.diag([1, np.exp(1j * math.pi / 4)]),
    "cnot": np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]),
    "cphase": np.diag([1, 1, 1, -1]),
}


class Lab:
    """Qubits with exact states.

    A qubit is named by its index, in order of creation; the first is axis 0. The state is unnormalised
    while a branch of outcomes is followed (`project`): its trace is the branch's probability.
    """

    def __init__(self) -> None:
        self._state: Array = np.ones(())

    def copy(self) -> Lab:
        """An independent lab in the same state, to follow another branch."""
        other = Lab()
        other._state = self._state.copy()
        return other

    def probability(self) -> float:
        """Probability of the branch followed so far."""
        return float(self._state[(0,) * self._state.ndim])

    def qubit(self) -> int:
        """A new qubit in |0>."""
        return self._add(np.array([1.0, 0.0, 0.0, 1.0]))

    def werner_pair(self, fidelity: float) -> tuple[int, int]:
        """Two new qubits in the Werner state about |Phi+> of that fidelity."""
        w = (4 * fidelity - 1) / 3
        first = self._add(np.diag([1.0, w, -w, w]))
        return first, first + 1

    def gate(self, name: str, *qubits: int, noise: Any = None) -> None:
        """A named gate (x y z h s k t cnot cphase); `noise` are the parameters of its device, None for
        none."""
        self.unitary(_UNITARIES[name], qubits, noise)

    def rotation(self, axis: str, theta: float, qubit: int, noise: Any = None) -> None:
        """The rotation exp(-i theta P/2) about axis x, y or z."""
        pauli = _UNITARIES[axis]
        matrix = math.cos(theta / 2) * np.eye(2) - 1j * math.sin(theta / 2) * pauli
        self.unitary(matrix, (qubit,), noise)

    def unitary(self, matrix: Any, qubits: Sequence[int], noise: Any = None) -> None:
        """Any one- or two-qubit unitary, then the device's depolarising on its qubits."""
        n = len(qubits)
        basis = _PAULIS if n == 1 else np.array([np.kron(p, q) for p in _PAULIS for q in _PAULIS])
        image = np.einsum("ij,ajk,lk->ail", matrix, basis, np.conj(matrix))
        transfer = np.real(np.einsum("bij,aji->ba", basis, image)) / 2**n
        self._apply(transfer, qubits)
        if noise is not None:
            p = noise.single_qubit_gate_depolarise if n == 1 else noise.two_qubit_gate_depolarise
            if n == 2 and noise.two_qubit_noise == "joint":
                self._apply(np.diag([1.0, *[1 - p] * 15]), qubits)
            else:
                for qubit in qubits:
                    self.depolarise(p, qubit)

    def depolarise(self, p: float, qubit: int) -> None:
        """The channel rho -> (1-p) rho + p I/2 on that qubit."""
        self._apply(np.diag([1.0, 1 - p, 1 - p, 1 - p]), (qubit,))

    def idle(self, qubit: int, ns: float, noise: Any) -> None:
        """T1, T2 and idle depolarising of the device for a stated time; without T2 coherence is lost with T1
        alone."""
        along, across, ground = _rates(noise)
        self.decay(qubit, math.exp(-ns * along), math.exp(-ns * across), ground)

    def idle_attempts(self, qubit: int, cycle_ns: float, success_probability: float, noise: Any) -> None:
        """Idle while attempts go on until one succeeds: the average over their geometric number."""
        along, across, ground = _rates(noise)
        self.decay(
            qubit,
            _geometric_mean_of_power(math.exp(-cycle_ns * along), success_probability),
            _geometric_mean_of_power(math.exp(-cycle_ns * across), success_probability),
            ground,
        )

    def decay(self, qubit: int, survival: float, coherence: float, ground: float = 1.0) -> None:
        """<Z> goes towards `ground` (1 is |0>, 0 the mixed state) with `survival` of the distance left;
        coherence is multiplied by `coherence`."""
        transfer = np.diag([1.0, coherence, coherence, survival])
        transfer[3, 0] = ground * (1 - survival)
        self._apply(transfer, (qubit,))

    def project(self, qubit: int, read: int, noise: Any = None) -> None:
        """Follow the branch in which measuring `qubit` in Z reads `read`, readout errors included.

        The qubit is left in the state |0><0| with the branch's weight: it is not to be used again.
        """
        e0, e1 = (0.0, 0.0) if noise is None else (noise.readout_error_0, noise.readout_error_1)
        p_if_0, p_if_1 = (1 - e0, e1) if read == 0 else (e0, 1 - e1)
        transfer = np.zeros((4, 4))
        transfer[0, 0] = transfer[3, 0] = (p_if_0 + p_if_1) / 2
        transfer[0, 3] = transfer[3, 3] = (p_if_0 - p_if_1) / 2
        self._apply(transfer, (qubit,))

    def fidelity(self, qubit: int, theta: float, phi: float) -> float:
        """Overlap of one qubit with Rz(phi) Ry(theta)|0>, times the branch's probability."""
        bloch = (math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta))
        return (
            self.probability()
            + sum(c * self.expectation(p, (qubit,)) for c, p in zip(bloch, "xyz", strict=True))
        ) / 2

    def expectation(self, paulis: str, qubits: Sequence[int]) -> float:
        """tr(rho P) of a product of Paulis, say "xz" on two qubits, times the branch's probability."""
        index = [0] * self._state.ndim
        for pauli, qubit in zip(paulis, qubits, strict=True):
            index[qubit] = "ixyz".index(pauli)
        return float(self._state[tuple(index)])

    def _add(self, tensor: Array) -> int:
        first = self._state.ndim
        self._state = np.multiply.outer(self._state, tensor)
        return first

    def _apply(self, transfer: Array, qubits: Iterable[int]) -> None:
        axes = list(qubits)
        n = len(axes)
        shaped = transfer.reshape((4,) * (2 * n))
        moved = np.tensordot(shaped, self._state, axes=(list(range(n, 2 * n)), axes))
        self._state = np.moveaxis(moved, range(n), axes)


def _rates(noise: Any) -> tuple[float, float, float]:
    """Rates in 1/ns at which <Z> and coherence decay, and where <Z> ends.

    A time of 0 switches its process off; T1 alone takes coherence with 2 T1.
    """
    damping = 1 / (noise.t1_ns or math.inf)
    mixing = 1 / (noise.depolarise_ns or math.inf)
    dephasing = max(1 / (noise.t2_ns or math.inf), damping / 2)
    along = damping + mixing
    return along, dephasing + mixing, damping / along if along else 0.0


def _geometric_mean_of_power(factor: float, p: float) -> float:
    """E[factor**N] for N geometric from 1 with success probability p."""
    return p * factor / (1 - (1 - p) * factor)
