"""Classical sockets: every kind of message arrives as it was sent, in order, and what is unread waits for
the next iteration; times are those of the classical link."""

import netsquid as ns
import numpy as np
from _short import pair, two, werner
from netqasm.sdk.classical_communication.message import StructuredMessage
from netqasm.sdk.classical_communication.socket import Socket
from squidasm.run.stack.run import run
from squidasm.sim.stack.csocket import ClassicalSocket
from squidasm.util.routines import recv_float, recv_int, send_float, send_int

SENT = {"a": [1, 2.5, None, True], "b": b"\x00"}


def sender(context):
    socket = context.csockets["Bob"]
    assert isinstance(socket, ClassicalSocket) and isinstance(socket, Socket)
    socket.send("text")
    socket.send_int(-7)
    socket.send_float(0.1)
    send_int(socket, 3)
    send_float(socket, 1e-9)
    socket.send_structured(StructuredMessage("header", (1, "two", [3])))
    socket.send_silent("quiet")
    socket.send(SENT)
    socket.send((1, (2,)))
    socket.send(np.arange(3))
    socket.send(complex(1, 2))
    SENT["a"].append("later")
    yield from ()


def receiver(context):
    socket = context.csockets["Alice"]
    assert (yield from socket.recv()) == "text"
    assert ns.sim_time() == 70
    assert (yield from socket.recv_int()) == -7
    assert (yield from socket.recv_float()) == 0.1
    assert (yield from recv_int(socket)) == 3
    assert (yield from recv_float(socket)) == 1e-9
    message = yield from socket.recv_structured()
    assert isinstance(message, StructuredMessage)
    assert (message.header, message.payload) == ("header", (1, "two", [3]))
    assert (yield from socket.recv_silent()) == "quiet"
    assert (yield from socket.recv(block=True, timeout=None, maxsize=10)) == {
        "a": [1, 2.5, None, True],
        "b": b"\x00",
    }
    assert (yield from socket.recv()) == (1, (2,))
    assert (yield from socket.recv()).tolist() == [0, 1, 2]
    assert (yield from socket.recv()) == 1 + 2j
    return {"end": ns.sim_time()}


def talker(context):
    context.csockets["Bob"].send(f"first {context.app_id}")
    context.csockets["Bob"].send(f"second {context.app_id}")
    return {}
    yield


def listener(context):
    return (yield from context.csockets["Alice"].recv())


def impatient(context):
    socket = context.csockets["Bob"]
    try:
        yield from socket.recv(timeout=1e-6)
    except TimeoutError:
        assert ns.sim_time() == 1000
    else:
        raise AssertionError("nothing was sent")
    try:
        yield from socket.recv(block=False)
    except RuntimeError:
        return "nothing there"


def silent(context):
    return None
    yield


def expect() -> None:
    _, ((result),) = run(werner(1, delay=70), pair(sender, receiver))
    assert result == {"end": 70}
    _, heard = run(two(), pair(talker, listener), num_times=4)
    assert heard == ["first 0", "second 0", "first 1", "second 1"]
    assert run(two(), pair(impatient, silent)) == [["nothing there"], [None]]


if __name__ == "__main__":
    expect()
