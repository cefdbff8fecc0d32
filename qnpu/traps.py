"""Traps: why a subroutine must be aborted, raised where it is found and turned into an abort by the
QNPU."""

from __future__ import annotations

from qruntime.errors import QnosError, SubroutineError


class Trap(Exception):
    """The running subroutine must be aborted, for the reason in `error`."""

    def __init__(self, error: QnosError) -> None:
        super().__init__(error.message)
        self.error = error


def no_qubit(qubits: int) -> SubroutineError:
    """The program itself holds all `qubits` of the device, so waiting for one cannot succeed."""
    return SubroutineError(f"NO_QUBIT: the program holds all {qubits} qubits of the device", cause="NO_QUBIT")


def trap(reason: str) -> Trap:
    """A trap for a plain fault of the subroutine itself."""
    return Trap(SubroutineError(reason))
