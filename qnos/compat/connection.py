"""The NetQASM SDK's connection, on an `Application` of ours.

`HostConnection` is what connections of both styles share: what the SDK commits is run by the application's
QNPU, and futures read the application's memory. `GeneratorConnection` is the one of programs that say
``yield from connection.flush()``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from netqasm.backend.messages import SubroutineMessage
from netqasm.lang.ir import ProtoSubroutine
from netqasm.lang.subroutine import Subroutine
from netqasm.sdk.build_types import GenericHardwareConfig, NVHardwareConfig
from netqasm.sdk.connection import BaseNetQASMConnection
from netqasm.sdk.epr_socket import EPRSocket
from netqasm.sdk.network import NetworkInfo
from netqasm.sdk.transpile import NVSubroutineTranspiler

from qnos.compat.application import Application
from qnos.compat.breakpoints import note_breakpoint, note_idle_breakpoint
from qnos.compat.memory import AppMemory
from qnos.compat.prepared import Prepared, key_of, known, prepared
from qruntime.errors import ProgramError

Wait = Generator[Any, None, Any]


def network_info(nodes: Mapping[str, str], numbers: Mapping[str, int]) -> type[NetworkInfo]:
    """What a connection knows of the network: `nodes` has the node of every application (or stack) name,
    `numbers` the number of every node."""
    names = {number: node for node, number in numbers.items()}

    class Info(NetworkInfo):  # type: ignore[misc]
        """Names and numbers of nodes."""

        @classmethod
        def _get_node_id(cls, node_name: str) -> int:
            return int(_found(numbers, node_name, "node"))

        @classmethod
        def _get_node_name(cls, node_id: int) -> str:
            return str(_found(names, int(node_id), "node with the number"))

        @classmethod
        def get_node_id_for_app(cls, app_name: str) -> int:
            return cls._get_node_id(cls.get_node_name_for_app(app_name))

        @classmethod
        def get_node_name_for_app(cls, app_name: str) -> str:
            return str(_found(nodes, app_name, "application or node"))

    return Info


def _found(table: Mapping[Any, Any], key: Any, what: str) -> Any:
    if key not in table:
        raise ProgramError(f"no {what} {key!r}; there are {', '.join(map(str, table))}")
    return table[key]


class HostConnection(BaseNetQASMConnection):  # type: ignore[misc]
    """A connection whose subroutines are run by an application of ours, which is open already.

    `sdk_compiler` has the SDK's own compiler for NV centres make the subroutines; else they are translated
    by the node's driver.
    """

    def __init__(
        self,
        application: Application,
        info: type[NetworkInfo],
        app_name: str,
        node_name: str,
        max_qubits: int,
        epr_sockets: Sequence[EPRSocket],
        *,
        sdk_compiler: bool = False,
        **options: Any,
    ) -> None:
        self.application = application
        self._info = info
        self._flavour = "nv" if sdk_compiler else "vanilla"
        super().__init__(
            app_name,
            node_name=node_name,
            app_id=application.app_id,
            max_qubits=max_qubits,
            hardware_config=(NVHardwareConfig if sdk_compiler else GenericHardwareConfig)(max_qubits),
            compiler=NVSubroutineTranspiler if sdk_compiler else None,
            _init_app=False,
            _setup_epr_sockets=False,
            **options,
        )
        for socket in epr_sockets:
            socket.conn = self

    def _get_new_app_id(self, app_id: int | None) -> int:
        return self.application.app_id  # ours are unique without the SDK's table, which grows for ever

    def _get_network_info(self) -> type[NetworkInfo]:
        return self._info

    @property
    def shared_memory(self) -> AppMemory | None:
        """The application's memory."""
        return self.application.memory

    def _commit_message(
        self, msg: Any, block: bool = True, callback: Callable[[], None] | None = None
    ) -> None:
        """Registering and closing is not done by messages here: only subroutines come."""
        if isinstance(msg, SubroutineMessage):
            self.run_subroutine(msg.subroutine)

    def _commit_serialized_message(
        self, raw_msg: bytes, block: bool = True, callback: Callable[[], None] | None = None
    ) -> None:
        raise ProgramError("messages of the SDK's own protocol are not taken; commit subroutines")

    def run_subroutine(self, subroutine: Subroutine) -> None:
        """Run a compiled subroutine and wait until it is done."""
        self._run(prepared(subroutine, self._flavour))

    def run_protosubroutine(self, protosubroutine: ProtoSubroutine) -> None:
        """Compile what the SDK or a text gives, begin the builder anew, run it and wait until it is done."""
        try:
            key = None if self._track_lines else key_of(protosubroutine, self._flavour)
            ready = known(key)
            if ready is None:
                ready = prepared(self._compiled(protosubroutine), self._flavour, key)
        finally:
            self._builder._reset()
        self._run(ready)

    def _run(self, ready: Prepared) -> None:
        """Run it; states that its breakpoints showed are noted."""
        for _ in range(ready.idle_breakpoints):
            note_idle_breakpoint()
        self.application.run(ready.code)
        if ready.shows:
            note_breakpoint(self.application)

    def _compiled(self, protosubroutine: ProtoSubroutine) -> Subroutine:
        subroutine = self._builder.subrt_compile_subroutine(protosubroutine)
        if subroutine.arguments:
            names = ", ".join(dict.fromkeys(subroutine.arguments))
            raise ProgramError(
                f"templates without values: {names}; compile(), instantiate() and commit_subroutine()"
            )
        return subroutine


class GeneratorConnection(HostConnection):
    """A connection whose sending methods are generators.

    They never yield: the program as a whole waits. Called without ``yield from`` they do nothing, as where
    these programs come from.
    """

    @property
    def shared_memory(self) -> AppMemory | None:
        """The application's memory, None before the first subroutine is done."""
        return self.application.memory if self.application.subroutines else None

    def flush(self, block: bool = True, callback: Callable[[], None] | None = None) -> Wait:
        """Run what is pending; `block` and `callback` mean nothing."""
        protosubroutine = self._builder.subrt_pop_pending_subroutine()
        if protosubroutine is not None:
            yield from self.commit_protosubroutine(protosubroutine)

    def commit_protosubroutine(
        self,
        protosubroutine: ProtoSubroutine,
        block: bool = True,
        callback: Callable[[], None] | None = None,
    ) -> Wait:
        """Run a subroutine that is not compiled yet, from the SDK or from text."""
        self.run_protosubroutine(protosubroutine)
        return
        yield

    def commit_subroutine(
        self, subroutine: Subroutine, block: bool = True, callback: Callable[[], None] | None = None
    ) -> Wait:
        """Run a compiled subroutine."""
        self.run_subroutine(subroutine)
        return
        yield

    def tomography(self, *args: Any, **options: Any) -> Any:
        """The SDK's, which flushes by itself: here that is done at once."""
        return self._flushing(super().tomography, args, options)

    def test_preparation(self, *args: Any, **options: Any) -> Any:
        """The SDK's, which flushes by itself."""
        return self._flushing(super().test_preparation, args, options)

    def _flushing(self, call: Callable[..., Any], args: Any, options: Any) -> Any:
        """Call what was written for connections that block in `flush`."""

        def flush() -> None:
            for _ in GeneratorConnection.flush(self):
                pass

        self.__dict__["flush"] = flush
        try:
            return call(*args, **options)
        finally:
            self.__dict__.pop("flush", None)  # `test_preparation` calls `tomography`

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        """What is pending stays pending."""
