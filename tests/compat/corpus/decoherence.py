"""Idle qubits decohere: |1> decays with T1, the coherence of |+> with T2; others of the device wait
meanwhile."""

import math

import numpy as np
from _short import pair, two
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.config import CLinkConfig
from squidasm.run.stack.run import run
from squidasm.util import get_qubit_state

T1, T2, WAIT = 1e6, 4e5, 250_000


def alice(context):
    one, plus = Qubit(context.connection), Qubit(context.connection)
    one.X()
    plus.H()
    yield from context.connection.flush()
    yield from context.csockets["Bob"].recv()
    return get_qubit_state(one, "Alice"), get_qubit_state(plus, "Alice")


def bob(context):
    context.csockets["Alice"].send("now")
    return None
    yield


def expect() -> None:
    network = two(T1=T1, T2=T2)
    network.clinks = [CLinkConfig(stack1="Alice", stack2="Bob", typ="default", cfg={"delay": WAIT})]
    ((states,), _) = run(network, pair(alice, bob))
    survived = math.exp(-WAIT / T1)
    assert np.allclose(states[0], np.diag([1 - survived, survived]))
    coherence = math.exp(-WAIT / T2) / 2
    assert np.allclose(states[1], [[1 - survived / 2, coherence], [coherence, survived / 2]])


if __name__ == "__main__":
    expect()
