"""CHSH on Werner pairs: S = 2 sqrt(2) w, estimated from 4 * 100 pairs; tolerance 5 sigma of sqrt(16/400)."""

import math

from _short import pair, werner
from squidasm.run.stack.run import run
from squidasm.util.routines import measXY

FIDELITY, N = 0.925, 400


def program(peer: str, call: str, angles: tuple, choice):
    def body(context):
        outcomes = []
        for k in range(context.app_id, context.app_id + 20):
            (q,) = getattr(context.epr_sockets[peer], call)()
            outcomes.append((choice(k), measXY(q, angles[choice(k)])))
            yield from context.connection.flush()
        return [(setting, int(m)) for setting, m in outcomes]

    return body


def expect() -> None:
    alice = program("Bob", "create_keep", (0, math.pi / 2), lambda k: k % 2)
    bob = program("Alice", "recv_keep", (-math.pi / 4, math.pi / 4), lambda k: k // 2 % 2)
    of_alice, of_bob = run(werner(FIDELITY), pair(alice, bob), num_times=N // 20)
    sums: dict = {}
    for ours, theirs in zip(of_alice, of_bob):
        for (a, m), (b, n) in zip(ours, theirs):
            sums.setdefault((a, b), []).append(1 if m == n else -1)
    e = {key: sum(values) / len(values) for key, values in sums.items()}
    # in the X-Y plane of Phi+ correlations are cos(a + b)
    s = (
        abs(e[0, 0] + e[0, 1] - e[1, 0] * -1 - e[1, 1])
        if e[1, 0] > 0
        else abs(e[0, 0] + e[0, 1] + e[1, 1] - e[1, 0])
    )
    w = (4 * FIDELITY - 1) / 3
    assert abs(s - 2 * math.sqrt(2) * w) < 5 * math.sqrt(16 / N), s


if __name__ == "__main__":
    expect()
