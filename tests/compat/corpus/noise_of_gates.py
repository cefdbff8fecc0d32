"""Depolarising after gates: the Bloch vector shrinks by 1-p for each, and after a two-qubit gate on both
qubits by themselves."""

import numpy as np
from _short import Short, one
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.run import run
from squidasm.util import get_qubit_state

P1, P2 = 0.06, 0.1
X = np.array([[0, 1], [1, 0]])
Z = np.diag([1, -1])


def alice(context):
    q = Qubit(context.connection)
    q.H()
    q.X()
    yield from context.connection.flush()
    single = get_qubit_state(q, "Alice")
    other = Qubit(context.connection)
    q.cnot(other)
    yield from context.connection.flush()
    return single, get_qubit_state([q, other], "Alice"), get_qubit_state(q, "Alice", full_state=True)


def expect() -> None:
    ((result,),) = run(
        one(single_qubit_gate_depolar_prob=P1, two_qubit_gate_depolar_prob=P2), {"Alice": Short(alice, [])}
    )
    single, both, full = result
    assert np.allclose(single, (np.eye(2) + (1 - P1) ** 2 * X) / 2)
    kept = (1 - P2) ** 2
    expected = (
        np.eye(4)
        + kept * np.kron(Z, Z)
        + (1 - P1) ** 2 * kept * (np.kron(X, X) - np.kron([[0, -1j], [1j, 0]], [[0, -1j], [1j, 0]]))
    ) / 4
    assert np.allclose(both, expected) and np.allclose(full, expected)


if __name__ == "__main__":
    expect()
