"""Traps: why a subroutine must be aborted, raised where it is found and turned into an abort by the
QNPU."""

from __future__ import annotations

from qruntime.errors import QnosError, SubroutineError


class Trap(Exception):
    """The running subroutine must be aborted, for the reason in `error`."""

    def __init__(self, error: QnosError) -> None:
        super().__init__(error.message)
        self.error = error


def no_qubit(qubits: int, communication: bool | None = None) -> SubroutineError:
    """The program itself holds all `qubits` of the device, or all of one role, so waiting cannot succeed."""
    held = f"all {qubits} qubits of the device"
    if communication is not None:
        held = f"every {'communication' if communication else 'memory'} qubit of the device"
    return SubroutineError(f"NO_QUBIT: the program holds {held}", cause="NO_QUBIT")


def failure_tag(pid: int) -> int:
    """The `ref` of an operation that asks for no outcome: it comes back if the device fails, and is its own
    inverse."""
    return -2 - pid


def trap(reason: str) -> Trap:
    """A trap for a plain fault of the subroutine itself."""
    return Trap(SubroutineError(reason))
