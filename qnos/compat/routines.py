"""Routines that SquidASM programs call; those that wait are generators, used with ``yield from``."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from netqasm.sdk.classical_communication.socket import Socket
from netqasm.sdk.connection import BaseNetQASMConnection
from netqasm.sdk.epr_socket import EPRSocket
from netqasm.sdk.futures import Future
from netqasm.sdk.qubit import Qubit

from qnos.compat.program import ProgramContext

Wait = Generator[Any, None, Any]


def measXY(q: Qubit, angle: float) -> Future:
    """Measure in the basis of the X-Y plane that `angle` (rad) turns into X."""
    q.rot_Z(angle=angle)
    q.H()
    return q.measure()


def remote_state_preparation(epr_socket: EPRSocket, theta: float) -> Future:
    """Make the peer's half of a new pair Rz(theta + m pi)|+>; m is returned, known after a flush."""
    (q,) = epr_socket.create_keep()
    return measXY(q, theta)


def recv_remote_state_preparation(epr_socket: EPRSocket) -> Qubit:
    """The qubit that the peer prepares."""
    return epr_socket.recv_keep()[0]


def send_float(socket: Socket, x: float) -> None:
    """Send a number as text."""
    socket.send(str(x))


def send_int(socket: Socket, x: int) -> None:
    """Send a number as text."""
    socket.send(str(x))


def recv_float(socket: Any) -> Wait:
    """The next message, a number as text."""
    return float((yield from _text(socket)))


def recv_int(socket: Any) -> Wait:
    """The next message, a number as text."""
    return int((yield from _text(socket)))


def _text(socket: Any) -> Wait:
    message = yield from socket.recv()
    assert isinstance(message, str), f"a number as text is expected; {message!r} came"
    return message


def teleport_send(q: Qubit, context: ProgramContext, peer_name: str) -> Wait:
    """Teleport a qubit to a peer that calls `teleport_recv`."""
    (half,) = context.epr_sockets[peer_name].create_keep()
    q.cnot(half)
    q.H()
    of_qubit, of_half = q.measure(), half.measure()
    yield from context.connection.flush()
    context.csockets[peer_name].send(f"{int(of_qubit)},{int(of_half)}")


def teleport_recv(context: ProgramContext, peer_name: str) -> Wait:
    """The qubit that a peer teleports with `teleport_send`."""
    (q,) = context.epr_sockets[peer_name].recv_keep()
    yield from context.connection.flush()
    message = yield from context.csockets[peer_name].recv()
    of_qubit, of_half = map(int, message.split(","))
    if of_half:
        q.X()
    if of_qubit:
        q.Z()
    yield from context.connection.flush()
    return q


def distributed_CNOT_control(context: ProgramContext, peer_name: str, q: Qubit) -> Wait:
    """Be the control of a CNOT whose target is at a peer that calls `distributed_CNOT_target`."""
    yield from _control(context, peer_name, q)


def distributed_CNOT_target(context: ProgramContext, peer_name: str, q: Qubit) -> Wait:
    """Be its target."""
    yield from _target(context, peer_name, q, "cnot")


def distributed_CPhase_control(context: ProgramContext, peer_name: str, q: Qubit) -> Wait:
    """Be the control of a CZ whose other qubit is at a peer that calls `distributed_CPhase_target`."""
    yield from _control(context, peer_name, q)


def distributed_CPhase_target(context: ProgramContext, peer_name: str, q: Qubit) -> Wait:
    """Be the other one."""
    yield from _target(context, peer_name, q, "cphase")


def _control(context: ProgramContext, peer: str, q: Qubit) -> Wait:
    (half,) = context.epr_sockets[peer].create_keep()
    q.cnot(half)
    outcome = half.measure()
    yield from context.connection.flush()
    context.csockets[peer].send(str(int(outcome)))
    answer = yield from context.csockets[peer].recv()
    if answer == "1":
        q.Z()
    yield from context.connection.flush()


def _target(context: ProgramContext, peer: str, q: Qubit, gate: str) -> Wait:
    (half,) = context.epr_sockets[peer].recv_keep()
    yield from context.connection.flush()
    message = yield from context.csockets[peer].recv()
    if message == "1":
        half.X()
    getattr(half, gate)(q)
    half.H()
    outcome = half.measure()
    yield from context.connection.flush()
    context.csockets[peer].send(str(int(outcome)))


def create_ghz(
    connection: BaseNetQASMConnection,
    down_epr_socket: EPRSocket | None = None,
    up_epr_socket: EPRSocket | None = None,
    down_socket: Any = None,
    up_socket: Any = None,
    do_corrections: bool = False,
) -> Wait:
    """Be one node of a line that makes a GHZ state; the qubit, and whether it is still to be flipped.

    The first node has only an up side, the last only a down side. With `do_corrections` the flip is done,
    and 0 returned. Classical sockets are needed either way: a node tells the one below that it is ready.
    """
    if down_epr_socket is None and up_epr_socket is None:
        raise TypeError("create_ghz needs a down_epr_socket, an up_epr_socket or both")
    below, above = None, None
    if down_epr_socket is not None:
        down_socket.send("")
        (below,) = down_epr_socket.recv_keep()
        yield from connection.flush()
    if up_epr_socket is not None:
        yield from up_socket.recv()
        (above,) = up_epr_socket.create_keep()
    outcome: Any = 0
    if below is not None and above is not None:
        below.cnot(above)
        outcome = above.measure()
    yield from connection.flush()
    kept = above if below is None else below
    flip = int(outcome)
    if not do_corrections:
        return kept, flip
    if below is not None:
        parity = int((yield from down_socket.recv()))
        if parity:
            below.X()
            yield from connection.flush()
        flip ^= parity
    if up_socket is not None:
        up_socket.send(str(flip))
    return kept, 0
