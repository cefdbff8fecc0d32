"""`get_qubit_state` of programs of application directories."""

from __future__ import annotations

from collections.abc import Sequence

from netqasm.sdk.qubit import Qubit

from qnos.compat import states
from qnos.compat.breakpoints import Matrix


def get_qubit_state(qubit: Qubit | Sequence[Qubit], reduced_dm: bool = True) -> Matrix:
    """The density matrix of a qubit, or of several of one program together, as they are now.

    What was not flushed has not happened. Without `reduced_dm` the qubits they are entangled with come after
    them, in the order of nodes and positions.
    """
    return states.get_qubit_state(qubit, full_state=not reduced_dm)
