"""What a SquidASM program costs here: delegated computation on two noiseless nodes, and the SDK's own share.

python -m benchmarks.compat

CPU time per iteration, the least of several rounds. The share of the SDK is measured by building the same
subroutines with it and nothing else; compiling them is done once per distinct content here.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from benchmarks.table import Row, keeps, show

ROUNDS = 7
ITERATIONS = 100
LIMIT_MS = 4.0
IMPORT_LIMIT_S = 0.7
_IMPORT = """
import time
began = time.process_time()
import qnos.compat
qnos.compat.install()
from squidasm.run.stack.config import StackNetworkConfig
from squidasm.run.stack.run import run
from squidasm.sim.stack.program import Program
from squidasm.util.routines import teleport_send
print(time.process_time() - began)
"""


def client_asks(epr: Any, flush: Callable[[], Any]) -> Any:
    """The client's two pairs, measured at once in turned bases."""
    outcomes = []
    for angle in (0.3, 1.7):
        (q,) = epr.create_keep()
        q.rot_Z(angle=angle)
        q.H()
        outcomes.append(q.measure())
    yield from flush()
    return [int(m) for m in outcomes]


def server_entangles(epr: Any, flush: Callable[[], Any]) -> Any:
    """The server's halves, joined by a CZ."""
    (first,) = epr.recv_keep()
    (second,) = epr.recv_keep()
    second.cphase(first)
    yield from flush()
    return first, second


def server_measures(q: Any, angle: float, flush: Callable[[], Any]) -> Any:
    """One of them, measured in a turned basis."""
    q.rot_Z(angle=angle)
    q.H()
    m = q.measure(store_array=False)
    yield from flush()
    return m


def _programs() -> dict[str, Any]:
    from qnos.compat.program import Program, ProgramMeta

    class Side(Program):
        def __init__(self, peer: str) -> None:
            self.peer = peer

        @property
        def meta(self) -> ProgramMeta:
            return ProgramMeta(self.peer, [self.peer], [self.peer], 2)

    class Client(Side):
        def run(self, context: Any) -> Any:
            socket = context.csockets[self.peer]
            p2, p1 = yield from client_asks(context.epr_sockets[self.peer], context.connection.flush)
            socket.send_float(math.pi / 2 - 1.7 + p1 * math.pi)
            m1 = yield from socket.recv_int()
            socket.send_float((-1) ** m1 * math.pi / 2 - 0.3 + p2 * math.pi)
            return {}

    class Server(Side):
        def run(self, context: Any) -> Any:
            socket, flush = context.csockets[self.peer], context.connection.flush
            first, second = yield from server_entangles(context.epr_sockets[self.peer], flush)
            m1 = yield from server_measures(second, (yield from socket.recv_float()), flush)
            socket.send_int(int(m1))
            m2 = yield from server_measures(first, (yield from socket.recv_float()), flush)
            return {"m2": int(m2)}

    return {"client": Client("server"), "server": Server("client")}


def _whole_ms() -> float:
    from qnos.compat.networks import create_two_node_network
    from qnos.compat.stack import run

    network, programs = create_two_node_network(["client", "server"]), _programs()
    return _least_ms(lambda: run(network, programs, num_times=ITERATIONS))


def _sdk_ms(compiles: bool) -> float:
    """The same calls of the SDK: connections and building, with or without compiling; nothing is run."""
    from netqasm.sdk.connection import DebugConnection
    from netqasm.sdk.epr_socket import EPRSocket

    DebugConnection.node_ids = {"client": 0, "server": 1}

    class Silent(DebugConnection):
        """Runs nothing."""

        def commit_protosubroutine(self, protosubroutine: Any, *_: Any, **__: Any) -> None:
            if compiles:
                bytes(self.builder.subrt_compile_subroutine(protosubroutine))
            self.builder._reset()

    def side(name: str, peer: str) -> tuple[Any, Any]:
        epr = EPRSocket(peer)
        return Silent(name, max_qubits=2, epr_sockets=[epr]), epr

    def once() -> None:
        client, epr = side("client", "server")
        asked = client_asks(epr, lambda: _flushed(client))
        with suppress(Exception):  # outcomes never come
            next(asked)
        client.clear()
        server, epr = side("server", "client")
        first, second = _result(server_entangles(epr, lambda: _flushed(server)))
        _result(server_measures(second, 1.4, lambda: _flushed(server)))
        _result(server_measures(first, 2.1, lambda: _flushed(server)))
        server.clear()

    def rounds() -> None:
        for _ in range(ITERATIONS):
            once()

    return _least_ms(rounds)


def _flushed(connection: Any) -> Any:
    connection.flush()
    return ()


def _result(generator: Any) -> Any:
    try:
        next(generator)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def _least_ms(action: Callable[[], object]) -> float:
    action()
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return min(times) / ITERATIONS * 1e3


def _import_s() -> float:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path) or "."}
    command = [sys.executable, "-c", _IMPORT]
    found = [
        float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    return min(found)


def run() -> list[Row]:
    """One iteration, the share of the SDK in it, and the import."""
    whole = _whole_ms()
    return [
        {"what": "delegated computation, one iteration", "value": whole, "unit": "ms", "limit": LIMIT_MS},
        {"what": "  of which the SDK builds", "value": _sdk_ms(compiles=False), "unit": "ms"},
        {"what": "the SDK alone, compiling every time", "value": _sdk_ms(compiles=True), "unit": "ms"},
        {"what": "import of the compat layer", "value": _import_s(), "unit": "s", "limit": IMPORT_LIMIT_S},
    ]


def main() -> int:
    """Print the table; status 1 if a limit is missed."""
    os.environ.setdefault("NETQASM_SIMULATOR", "debug")
    rows = run()
    show("Compat", rows)
    return int(not all(keeps(row) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
