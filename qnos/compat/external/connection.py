"""`NetQASMConnection`: the SDK's connection as programs have it that block in `flush`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from netqasm.lang.subroutine import Subroutine
from netqasm.sdk.epr_socket import EPRSocket
from netqasm.sdk.transpile import NVSubroutineTranspiler

from cnpu.submitted import Submitted
from qnos.compat.application import Application
from qnos.compat.breakpoints import note_breakpoint, note_idle_breakpoint
from qnos.compat.connection import HostConnection
from qnos.compat.external.party import here
from qnos.compat.memory import AppMemory
from qnos.compat.prepared import Prepared, key_of, known, prepared
from qruntime.errors import ProgramError

Callback = Callable[[], None]


class NetQASMConnection(HostConnection):
    """A connection of a program to its node; a process of the QNPU from its making to its closing.

    The node is that of the program's role. A program has one connection open at a time, and as many one
    after another as it likes; qubits and open requests end with the connection, futures keep their values.
    """

    def __init__(
        self,
        app_name: str,
        app_id: int | None = None,
        max_qubits: int = 5,
        log_config: Any = None,
        epr_sockets: Sequence[EPRSocket] | None = None,
        compiler: Any = None,
        return_arrays: bool = True,
        **ignored: Any,
    ) -> None:
        self._party = party = here("NetQASMConnection")
        party.check_own(app_name, "connection")
        if party.application is not None and party.application.is_open:
            raise ProgramError(
                f"{party.role} opens a connection while it has one open; close that, or leave its `with`"
            )
        compiled = party.role in party.cast.compiled
        if compiler is NVSubroutineTranspiler and not compiled:
            raise ProgramError(
                f"the connection of {party.role} asks for the SDK's compiler for NV centres; let the whole "
                "application have it (--sdk-compiler, on NV nodes), or leave translating to the driver"
            )
        sockets = list(epr_sockets or ())
        party.application = application = Application(party.guest, app_id or 0)
        party.applications += 1
        application.open(app_name, max_qubits, party.first_socket, party.rows(sockets))
        self._under_way: list[tuple[Submitted, Prepared, Callback | None]] = []
        super().__init__(
            application,
            party.cast.info,
            app_name,
            party.node,
            max_qubits,
            sockets,
            sdk_compiler=compiled,
            log_config=log_config,
            return_arrays=return_arrays,
        )
        if party.log is not None:
            self._builder._line_tracker = party.log

    @property
    def shared_memory(self) -> AppMemory:
        """The application's memory, readable also when the connection is closed."""
        return self.application.memory

    # --- subroutines --------------------------------------------------------------------------------------

    def commit_subroutine(
        self, subroutine: Subroutine, block: bool = True, callback: Callback | None = None
    ) -> None:
        """Run a compiled subroutine.

        Without `block` the program goes on; the callback is called when the program waits for the subroutine,
        in `block()`, in the next `flush()` or in closing.
        """
        self._send(prepared(subroutine, self._flavour), subroutine, block, callback)

    def _send(
        self, ready: Prepared, subroutine: Subroutine | None, block: bool, callback: Callback | None
    ) -> None:
        submitted = self.application.start(ready.code)
        if self._party.log is not None and subroutine is not None:
            self._party.log.subroutine(self._party, submitted.number, subroutine)
        self._under_way.append((submitted, ready, callback))
        if block:
            self.block()

    def block(self) -> None:
        """Wait until all that was sent is done."""
        while self._under_way:
            submitted, ready, callback = self._under_way.pop(0)
            self.application.finish(submitted)
            for _ in range(ready.idle_breakpoints):
                note_idle_breakpoint()
            if ready.shows:
                note_breakpoint(self.application)
            if callback is not None:
                callback()

    def flush(self, block: bool = True, callback: Callback | None = None) -> None:
        """Run what is pending; with nothing pending wait for what is under way."""
        protosubroutine = self._builder.subrt_pop_pending_subroutine()
        if protosubroutine is not None:
            self.commit_protosubroutine(protosubroutine, block, callback)
        elif block:
            self.block()

    def commit_protosubroutine(
        self, protosubroutine: Any, block: bool = True, callback: Callback | None = None
    ) -> None:
        """Run a subroutine that is not compiled yet, from the SDK or from text."""
        subroutine = None
        try:
            # a log wants to know each subroutine itself, with its lines
            key = None if self._party.log is not None else key_of(protosubroutine, self._flavour)
            ready = known(key)
            if ready is None:
                subroutine = self._compiled(protosubroutine)
                ready = prepared(subroutine, self._flavour, key)
        finally:
            self._builder._reset()
        self._send(ready, subroutine, block, callback)

    # --- the end ------------------------------------------------------------------------------------------

    def close(self, clear_app: bool = True, stop_backend: bool = False, exception: bool = False) -> None:
        """Run what is pending, unless there was an exception, and end the process at the QNPU."""
        if not self.application.is_open:
            return
        if exception:
            self.application.is_open = False  # the program may be on its way out; nothing is waited for
        else:
            self.flush()
            self.block()
            self.application.close()
            self.application.leave()
        super().close(clear_app=clear_app, stop_backend=stop_backend, exception=True)

    def _signal_stop(self, clear_app: bool = True, stop_backend: bool = True) -> None:
        """Has been done."""

    def _pop_app_id(self) -> None:
        """The SDK's table of ids is not used."""

    def _save_log_subroutines(self) -> None:
        """The log of the round has those of all connections."""
