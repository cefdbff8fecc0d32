"""Looking at states, which only a simulation can: `get_qubit_state`, `GlobalSimData`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from netqasm.sdk.qubit import Qubit

from qnos.compat.breakpoints import KEPT, Dump, Matrix, matrix_of
from qruntime.errors import ProgramError
from qruntime.inspection import Scope


def get_qubit_state(q: Qubit | Sequence[Qubit], node_name: str = "", full_state: bool = False) -> Matrix:
    """The density matrix of a qubit, or of several of one program together, as they are now.

    What was not flushed has not happened. With `full_state` the qubits they are entangled with come after
    them, in the order of nodes and positions. `node_name` says where they are, which is known anyway.
    """
    qubits = list(q) if isinstance(q, Sequence) else [q]
    if not qubits:
        raise ProgramError("get_qubit_state needs at least one qubit")
    connections = [qubit.connection for qubit in qubits]
    application = connections[0].application
    if any(connection.application is not application for connection in connections):
        raise ProgramError("the qubits belong to different connections; look at those of one")
    scope = Scope.ENTANGLED if full_state else Scope.TOGETHER
    numbers = tuple(int(qubit.qubit_id) for qubit in qubits)
    return matrix_of(application.inspect(scope, numbers)[0])


def get_reference_state(phi: float, theta: float) -> Matrix:
    """Rz(phi) Ry(theta) |0> as a density matrix."""
    up = math.cos(theta / 2) * np.exp(-0.5j * phi)
    down = math.sin(theta / 2) * np.exp(0.5j * phi)
    ket = np.array([up, down])
    state: Matrix = np.outer(ket, ket.conj())
    return state


class GlobalSimData:
    """What is known of the run, from outside of it."""

    _network: Any = None

    @classmethod
    def get_network(cls) -> Any:
        """What was set with `set_network`; the network itself cannot be reached into."""
        return cls._network

    @classmethod
    def set_network(cls, network: Any) -> None:
        """Keep something for `get_network`."""
        cls._network = network

    @classmethod
    def get_last_breakpoint_state(cls) -> Dump:
        """What the last breakpoint that dumped showed: {node: {position: density matrix}}.

        IndexError if there was none in this run.
        """
        return KEPT[-1]

    @classmethod
    def get_quantum_state(cls, save: bool = False) -> Dump:
        """The same; with `save` it is kept once more."""
        if save:
            KEPT.append(KEPT[-1])
        return KEPT[-1]
