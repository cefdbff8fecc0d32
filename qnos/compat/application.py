"""An application as a host has it: a process of the QNPU, and its memory.

    application = Application(guest, app_id)
    application.open("alice", max_qubits, first_socket, sockets)     # register, with its EPR sockets
    application.run(code)                                            # returns when the subroutine is done
    application.memory.get_array(0)
    application.close()

All of these block: they are for programs that run as a `Guest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnpu.submitted import Submitted
from qnos.compat.guest import Guest, current
from qnos.compat.memory import AppMemory
from qruntime.errors import ProgramError
from qruntime.inspection import Picture
from qruntime.messages import (
    Done,
    Memory,
)

SocketRow = tuple[int, int, int, int]  # own id, remote node, remote id, minimum fidelity in percent


class Application:
    """One application of a guest; a guest has one at a time."""

    __slots__ = ("_guest", "app_id", "is_open", "memory", "subroutines")

    def __init__(self, guest: Guest, app_id: int) -> None:
        self._guest = guest
        self.app_id = app_id
        self.is_open = False
        self.subroutines = 0  # finished
        self.memory = AppMemory(self)

    @property
    def guest(self) -> Guest:
        """The program whose application it is."""
        return self._guest

    def open(self, app: str, max_qubits: int, first_socket: int, sockets: Sequence[SocketRow]) -> None:
        """Begin as a new process, with nothing of the one before.

        What subroutines call EPR socket k is socket `first_socket` + k of `sockets`.
        """
        self._guest.program.renew(app, max_qubits, first_socket, tuple(sockets))
        self.is_open = True

    def close(self) -> None:
        """No more is run: from now on memory is what was read of it, and what was returned last.

        The process itself ends when the next one begins, or with the program.
        """
        if self.is_open:
            self.memory.refresh()
            self.is_open = False

    def leave(self) -> None:
        """End the process of an application that is closed: its qubits are free from now on."""
        self._guest.program.renew("", 0, 0, ())

    def run(self, code: bytes) -> None:
        """Run a subroutine and wait until it is done.

        Raises its error if it is refused or aborted.
        """
        self.finish(self.start(code))

    def start(self, code: bytes) -> Submitted:
        """Send a subroutine, and go on."""
        if not self.is_open:
            raise ProgramError(f"application {self.app_id} is over; nothing can be run in it")
        return self._guest.program.submit_code(code)

    def finish(self, submitted: Submitted) -> None:
        """Wait until a subroutine is done; raises its error if it is refused or aborted."""
        self.memory.took(self._guest.wait(_result_of(submitted)))
        self.subroutines += 1

    @property
    def can_ask(self) -> bool:
        """Whether the QNPU can be asked now: the application is open and its own program runs."""
        return self.is_open and current() is self._guest

    def read(self, registers: tuple[int, ...], arrays: tuple[int, ...]) -> Memory:
        """Registers and arrays as they are at the QNPU."""
        memory: Memory = self._guest.wait(self._guest.program.read_memory(registers, arrays))
        return memory

    def inspect(self, scope: int, qubits: tuple[int, ...] = ()) -> tuple[Picture, ...]:
        """States of virtual qubits; see `qruntime.messages.Scope`."""
        if not self.can_ask:
            raise ProgramError("states can be looked at only by a program that runs")
        pictures: Any = self._guest.wait(self._guest.program.inspect(scope, qubits))
        return tuple(pictures)


async def _result_of(submitted: Submitted) -> Done:
    await submitted
    assert submitted.result is not None
    return submitted.result
