"""Random numbers: the same seed gives the same results again, and what one program draws does not depend on
what the other does; choices and outcomes are fair."""

import random

import netsquid as ns
import numpy as np
from _short import mean, pair, two
from squidasm.run.stack.run import run


def alice(context):
    drawn = []
    for _ in range(10):
        (q,) = context.epr_sockets["Bob"].create_keep()
        basis = random.randint(0, 1)
        if basis:
            q.H()
        m = q.measure()
        yield from context.connection.flush()
        drawn.append((basis, int(m), float(np.random.rand())))
    return drawn


def quiet(context):
    for _ in range(10):
        (q,) = context.epr_sockets["Alice"].recv_keep()
        q.measure()
        yield from context.connection.flush()


def noisy(context):
    for _ in range(10):
        random.random(), np.random.rand(5)
        (q,) = context.epr_sockets["Alice"].recv_keep()
        q.measure()
        yield from context.connection.flush()
        random.seed(5)


def expect() -> None:
    ns.set_random_state(seed=42)
    first, second = run(two(), pair(alice, quiet)), run(two(), pair(alice, quiet))
    assert first != second
    ns.set_random_state(seed=42)
    assert run(two(), pair(alice, quiet)) == first
    assert run(two(), pair(alice, quiet)) == second
    ns.set_random_state(seed=42)
    assert run(two(), pair(alice, noisy))[0] == first[0]
    ns.set_random_state(seed=43)
    drawn = [row for iteration in run(two(), pair(alice, noisy), num_times=10)[0] for row in iteration]
    assert abs(mean([basis for basis, _, _ in drawn]) - 0.5) < 0.25  # 100 coins, 5 sigma
    assert abs(mean([m for _, m, _ in drawn]) - 0.5) < 0.25
    ns.set_qstate_formalism(ns.QFormalism.DM)


if __name__ == "__main__":
    expect()
