"""What a SquidASM program is: `Program`, and the `ProgramContext` that its `run` gets."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from netqasm.sdk.epr_socket import EPRSocket
from netqasm.sdk.futures import Array, BaseFuture

from qnos.compat.connection import GeneratorConnection
from qnos.compat.csocket import ClassicalSocket
from qruntime.errors import ProgramError


@dataclass
class ProgramMeta:
    """What a program needs: names of the nodes it has classical and EPR sockets to, and how many qubits the
    SDK may hand out at a time."""

    name: str
    csockets: list[str]
    epr_sockets: list[str]
    max_qubits: int


class ProgramContext:
    """What a program works with; the keys of both kinds of sockets are names of nodes."""

    def __init__(
        self,
        netqasm_connection: GeneratorConnection,
        csockets: Mapping[str, ClassicalSocket],
        epr_sockets: Mapping[str, EPRSocket],
        app_id: int,
    ) -> None:
        self._connection = netqasm_connection
        self._csockets = dict(csockets)
        self._epr_sockets = dict(epr_sockets)
        self._app_id = app_id

    @property
    def connection(self) -> GeneratorConnection:
        """The connection to the QNPU."""
        return self._connection

    @property
    def csockets(self) -> dict[str, ClassicalSocket]:
        """Classical sockets."""
        return self._csockets

    @property
    def epr_sockets(self) -> dict[str, EPRSocket]:
        """EPR sockets."""
        return self._epr_sockets

    @property
    def app_id(self) -> int:
        """The application's number: how many this node ran before it, in this run."""
        return self._app_id


class Program:
    """Base of programs."""

    @property
    def meta(self) -> ProgramMeta:
        """What the program needs, asked for anew in every iteration."""
        raise NotImplementedError

    def run(self, context: ProgramContext) -> Generator[Any, None, dict[str, Any]]:
        """The program: a generator, whose return value is the result."""
        raise NotImplementedError


def finished(outcome: Any) -> Any:
    """Run what `Program.run` gave to its end; what it returned.

    A generator of ours never yields, so one that does waits for something that we do not have.
    """
    if not isinstance(outcome, Generator):
        return outcome
    try:
        yielded = next(outcome)
    except StopIteration as stop:
        return stop.value
    outcome.close()
    raise ProgramError(
        f"the program yields {yielded!r}; it can wait only for what connections, sockets and routines give, "
        "with `yield from`"
    )


def plain(value: Any) -> Any:
    """A result without futures, whose values would be gone with the application."""
    if isinstance(value, BaseFuture):
        found = value.value
        return None if found is None else int(found)
    if isinstance(value, Array):
        return [plain(entry) for entry in value.get_future_slice(slice(0, len(value)))]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    return value
