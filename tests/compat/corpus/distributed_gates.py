"""CNOT and CZ between nodes: |+>|0> becomes Phi+, |+>|+> the graph state, whatever the outcomes."""

import numpy as np
from _short import pair, two
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.run import run
from squidasm.util.routines import (
    distributed_CNOT_control,
    distributed_CNOT_target,
    distributed_CPhase_control,
    distributed_CPhase_target,
)
from squidasm.util.util import get_qubit_state


def programs(control, target, plus: bool) -> dict:
    def alice(context):
        q = Qubit(context.connection)
        q.H()
        yield from control(context, "Bob", q)
        yield from context.csockets["Bob"].recv()
        state = get_qubit_state(q, "Alice", full_state=True)
        context.csockets["Bob"].send("seen")
        return state

    def bob(context):
        q = Qubit(context.connection)
        if plus:
            q.H()
        yield from target(context, "Alice", q)
        context.csockets["Alice"].send("done")
        yield from context.csockets["Alice"].recv()  # an application that ends frees its qubits
        return get_qubit_state([q], "Bob")

    return pair(alice, bob)


def expect() -> None:
    phi = np.array([1, 0, 0, 1]) / np.sqrt(2)
    graph = np.array([1, 1, 1, -1]) / 2
    for control, target, plus, ket in (
        (distributed_CNOT_control, distributed_CNOT_target, False, phi),
        (distributed_CPhase_control, distributed_CPhase_target, True, graph),
    ):
        of_alice, of_bob = run(two(single_qubit_gate_time=10), programs(control, target, plus), num_times=4)
        for state in of_alice:
            assert np.allclose(state, np.outer(ket, ket))
        for state in of_bob:
            assert np.allclose(state, np.eye(2) / 2)


if __name__ == "__main__":
    expect()
