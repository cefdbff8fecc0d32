"""Blind quantum computation.

At pi/2 and +-pi/2 the server's last outcome is certain, whatever the secrets.
"""

import math

from _short import mean, pair, two
from squidasm.run.stack.run import run


def programs(alpha: float, beta: float, theta1: float, theta2: float) -> dict:
    def client(context):
        epr, socket = context.epr_sockets["Bob"], context.csockets["Bob"]
        outcomes = []
        for theta in (theta2, theta1):
            (q,) = epr.create_keep()
            q.rot_Z(angle=theta)
            q.H()
            outcomes.append(q.measure(store_array=True))
        yield from context.connection.flush()
        p2, p1 = map(int, outcomes)
        socket.send_float(alpha - theta1 + p1 * math.pi)
        m1 = yield from socket.recv_int()
        socket.send_float((-1) ** m1 * beta - theta2 + p2 * math.pi)
        return {}

    def server(context):
        epr, socket = context.epr_sockets["Alice"], context.csockets["Alice"]
        (first,) = epr.recv_keep()
        (second,) = epr.recv_keep()
        second.cphase(first)
        yield from context.connection.flush()
        found = []
        for q in (second, first):
            angle = yield from socket.recv_float()
            q.rot_Z(angle=angle)
            q.H()
            found.append(q.measure(store_array=False))
            yield from context.connection.flush()
            if len(found) == 1:
                socket.send_int(int(found[0]))
        return {"m1": int(found[0]), "m2": int(found[1])}

    return pair(client, server, max_qubits=2)


def expect() -> None:
    # Measuring a two-qubit cluster at alpha, then at beta with the sign fed forward, reads 0 with
    # probability (1 + sin(alpha) sin(beta))/2 over the first outcome both ways.
    for alpha, beta, theta1, theta2 in (
        (math.pi / 2, math.pi / 2, 0.3, 1.7),
        (math.pi / 2, -math.pi / 2, 2.0, 0.1),
    ):
        _, server = run(two(), programs(alpha, beta, theta1, theta2), num_times=12)
        assert mean([r["m2"] for r in server]) == (1 - math.sin(alpha) * math.sin(beta)) / 2
        assert {r["m1"] for r in server} == {0, 1}


if __name__ == "__main__":
    expect()
